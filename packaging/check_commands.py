#!/usr/bin/env python3
"""Holds every command that messages and documents name against the parsers of the programs.

A command is what stands in a code block or between backticks and begins with the name of a program. Its subcommands
and options must exist. Sources are searched too, because messages and help texts advise commands.
"""
import argparse
import os
import re
import shlex
import subprocess
import sys

from interface import Interface, read_interface

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
PROGRAMS = ("alto-server", "alto-peer", "rfc-conformance", "alto-feed")
# Between backticks, or alone on a line that is indented, quoted in a string, or in a code block.
QUOTED = re.compile(r"`([^`\n]+)`")
LINE = re.compile(r"^\s*(?:\$ |sudo |[A-Z_]+=\S+ )*((?:\S*/)?(?:" + "|".join(PROGRAMS) + r")(?: .*)?)$")
# What ends a command inside a line.
END = re.compile(r"\s(?:\||&&|;|>|<|2>|#|\()|\\n|\\$|\s{2,}|\", ")
# Documents about what was: commands there may have gone.
IGNORED = ("CHANGELOG.md",)


def files() -> list[str]:
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split("\n")
    wanted = (".md", ".rs", ".py", ".sh", ".service", ".json", "Makefile", "Dockerfile")
    return [name for name in listed if name.endswith(wanted) and name not in IGNORED and "/golden/" not in name]


def commands(name: str, text: str):
    """Commands in a file, each with its line."""
    is_document = name.endswith(".md")
    in_block = False
    for number, line in enumerate(text.split("\n"), 1):
        if line.lstrip().startswith("```"):
            in_block = not in_block
            continue
        found = QUOTED.findall(line)
        whole = LINE.match(line)
        # In a source, only lines of a help text: indented, and continued with a backslash or inside a long string.
        if whole and (in_block if is_document else line.startswith("    ") and name.endswith(".rs")):
            found.append(whole.group(1))
        for candidate in found:
            command = END.split(candidate)[0].strip().rstrip("\\").rstrip()
            # A drawing is no command.
            if "---" not in command and re.match(r"(?:\S*/)?(?:" + "|".join(PROGRAMS) + r")\s+\S", command):
                yield number, command


def check(command: str, interfaces: dict[str, Interface]) -> str | None:
    """What is wrong with a command."""
    try:
        words = shlex.split(command)
    except ValueError:
        return None
    program = os.path.basename(words[0])
    interface = interfaces.get(program)
    if interface is None:
        return None
    known = dict(interface.options())
    words = words[1:]
    while words:
        word = words.pop(0)
        if word in ("--", "...", "…"):
            break
        if re.match(r"--?[A-Za-z]", word):
            name, has_value, _ = word.partition("=")
            if name.rstrip(",.") not in known:
                return f"{' '.join(interface.argv[1:]) or program} has no option {name}"
            if known[name.rstrip(",.")] and not has_value and words:
                words.pop(0)
            continue
        child = next((one for one in interface.subcommands if one.argv[-1] == word), None)
        if child:
            interface = child
            known |= child.options()
        elif word in ("help", "completions"):
            return None
        elif interface.subcommands and not interface.takes_arguments() and re.fullmatch(r"[a-z-]+", word):
            return f"{program} has no command {word}"
    return None


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("programs", metavar="DIR", help="folder with the programs, such as target/debug")
    options = parser.parse_args()
    interfaces = {}
    for program in PROGRAMS:
        path = os.path.join(os.path.abspath(options.programs), program)
        if os.access(path, os.X_OK):
            interfaces[program] = read_interface([path])
    if not interfaces:
        sys.exit(f"check_commands: no program is in {options.programs}; build them first: cargo build --workspace")
    checked, wrong = 0, []
    for name in files():
        with open(os.path.join(ROOT, name), encoding="utf-8") as file:
            for line, command in commands(name, file.read()):
                checked += 1
                problem = check(command, interfaces)
                if problem:
                    wrong.append(f"{name}:{line}: {problem}: {command}")
    print(*wrong, sep="\n", end="\n" if wrong else "")
    # A search that finds nothing would always succeed.
    if checked < 20:
        wrong.append("too few")
        print(f"check_commands: only {checked} commands were found; the search is broken")
    print(f"{checked} commands in messages and documents, {len(wrong)} wrong")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
