#!/usr/bin/env python3
"""Writes the man pages of programs and the completions of shells, from what their parsers print.

A page has what `PROGRAM --help` says, and each subcommand a page of its own. Nothing here is written by hand, so that
pages and programs cannot differ.
"""
import argparse
import os
import subprocess
import sys

from interface import TIMEOUT, Interface, read_interface

# Where each shell looks for the completions of a program, below PREFIX/share.
COMPLETIONS = {
    "bash": "bash-completion/completions/{}",
    "zsh": "zsh/site-functions/_{}",
    "fish": "fish/vendor_completions.d/{}.fish",
}


def escape(text: str) -> str:
    """Text for troff: backslashes, hyphens, and characters that begin a request."""
    escaped = text.replace("\\", "\\e").replace("-", "\\-")
    return "\\&" + escaped if escaped[:1] in (".", "'") else escaped


def page(interface: Interface, version: str, others: list[str]) -> str:
    """The man page of a program or subcommand; `others` are the pages it refers to."""
    name = interface.page
    summary = interface.about.split("\n\n")[0].replace("\n", " ").rstrip(".")
    lines = [f'.TH {name.upper()} 1 "" "alto {version}" "User Commands"', ".SH NAME", f"{escape(name)} \\- {escape(summary)}"]
    lines += [".SH SYNOPSIS", ".nf", *(escape(line) for line in interface.usage), ".fi"]
    lines += [".SH DESCRIPTION", *(escape(line) if line else ".PP" for line in interface.about.split("\n"))]
    for title, entries in interface.lists:
        lines.append(f".SH {title}")
        for term, text in entries:
            lines += [".TP", f"\\fB{escape(term)}\\fR", escape(text) if text else "\\&"]
    for title, text in interface.texts:
        lines += [f".SH {title}", ".nf", *(escape(line) for line in text), ".fi"]
    if interface.notes:
        lines += [".SH NOTES", *(escape(line) if line else ".PP" for line in interface.notes)]
    if others:
        references = [f".BR {escape(other)} (1)" + ("," if other != others[-1] else "") for other in others]
        lines += [".SH SEE ALSO", *references]
    return "\n".join(lines) + "\n"


def pages(interface: Interface) -> list[Interface]:
    """A program or subcommand and everything below it."""
    return [interface, *(page for child in interface.subcommands for page in pages(child))]


def completions(program: str, shell: str) -> str:
    """What a shell reads to complete the commands of a program."""
    done = subprocess.run([program, "completions", shell], capture_output=True, text=True, check=True, timeout=TIMEOUT)
    return done.stdout


def write(path: str, text: str) -> None:
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("programs", nargs="+", metavar="PROGRAM", help="path of a program")
    parser.add_argument("--out", required=True, metavar="DIR", help="folder for the files, laid out as PREFIX/share")
    options = parser.parse_args()
    programs = [read_interface([os.path.abspath(program)]) for program in options.programs]
    names = [program.page for program in programs]
    for program in programs:
        below = pages(program)
        for one in below:
            related = [child.page for child in one.subcommands] or [program.page]
            others = sorted({*related, *(names if one is program else [])} - {one.page})
            write(os.path.join(options.out, "man", "man1", f"{one.page}.1"), page(one, program.version, others))
        for shell, path in COMPLETIONS.items():
            path = os.path.join(options.out, path.format(program.page))
            write(path, completions(program.argv[0], shell))
    return 0


if __name__ == "__main__":
    sys.exit(main())
