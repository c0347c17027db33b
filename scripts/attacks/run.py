#!/usr/bin/env python3
"""Runs every attack of this folder and prints what each saw, the limit in force, and whether it held.

Each attack starts the program it attacks itself, on loopback, and is bounded in time, memory and number. With --before,
every attack also runs against older programs, whose column shows what the limit is for. The exit status is 1 if a limit
did not hold.
"""
import argparse
import os
import pathlib
import platform
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
DOCUMENT = ROOT / "docs" / "reliability.md"
BEGIN, END = "<!-- attacks: begin -->\n", "<!-- attacks: end -->\n"
PROGRAMS = {"--server": "alto-server", "--peer": "alto-peer", "--suite": "rfc-conformance"}
# Longest time of one attack. What runs longer did not hold.
SECONDS = 90


class Outcome:
    """What one attack printed, and how it ended."""

    def __init__(self, status, output, seconds):
        self.holds = status == 0
        self.seconds = seconds
        lines = output.splitlines()
        told = {name: next((line[len(name) + 2:] for line in lines if line.startswith(name + ": ")), "")
                for name in ("seen", "limit")}
        self.seen = told["seen"] or (lines[-1] if lines else "nothing printed")
        self.limit = told["limit"]


def attack(script, programs):
    """Runs one attack against programs."""
    command = [sys.executable, str(script)]
    for option, path in programs.items():
        command += [option, str(path)]
    began = time.monotonic()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=HERE,
                               start_new_session=True)
    try:
        output, _ = process.communicate(timeout=SECONDS)
        status = process.returncode
    except subprocess.TimeoutExpired:
        # The attack and the program that it started.
        os.killpg(process.pid, 9)
        output, status = process.communicate()[0] + f"seen: still running after {SECONDS} s\n", 1
    return Outcome(status, output, time.monotonic() - began)


def programs_in(folder):
    return {option: pathlib.Path(folder).resolve() / name for option, name in PROGRAMS.items()}


def title(script):
    """The first line of an attack's docstring, which says what the attacker does."""
    text = script.read_text(encoding="utf-8").split('"""')[1]
    return " ".join(text.split("\n\n")[0].split()).rstrip(".")


def table(rows, with_before):
    """The rows as a table in Markdown."""
    heads = ["Attack", "Limit in force"] + ["Before"] * with_before + ["Seen", "Holds"]
    lines = ["| " + " | ".join(heads) + " |", "|" + "---|" * len(heads)]
    for script, now, before in rows:
        cells = [f"`{script.stem}`: {title(script)}", now.limit] + ([before.seen] if with_before else [])
        cells += [now.seen, "yes" if now.holds else "**no**"]
        lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return "\n".join(lines) + "\n"


def write(text):
    """Replaces the table in the document."""
    document = DOCUMENT.read_text(encoding="utf-8")
    head, _, rest = document.partition(BEGIN)
    _, _, tail = rest.partition(END)
    DOCUMENT.write_text(head + BEGIN + text + END + tail, encoding="utf-8")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--programs", metavar="FOLDER", default=ROOT / "target" / "release",
                        help="folder with the programs to attack [default: target/release]")
    parser.add_argument("--before", metavar="FOLDER", help="folder with older programs, attacked as well")
    parser.add_argument("--only", metavar="WORD", default="", help="only attacks with this word in their name")
    parser.add_argument("--write", action="store_true", help="rewrites the table of docs/reliability.md")
    options = parser.parse_args()
    scripts = [script for script in sorted(HERE.glob("*_*.py"))
               if script.stem.split("_")[0] in ("server", "peer", "suite") and options.only in script.stem]
    rows = []
    for script in scripts:
        now = attack(script, programs_in(options.programs))
        before = attack(script, programs_in(options.before)) if options.before else None
        rows.append((script, now, before))
        print(f"{script.stem}: {'holds' if now.holds else 'DOES NOT HOLD'} ({now.seconds:.0f} s)\n"
              f"  limit:  {now.limit}\n  seen:   {now.seen}", flush=True)
        if before:
            print(f"  before: {before.seen}{' (HOLDS AS WELL)' if before.holds else ''}", flush=True)
    held = sum(now.holds for _, now, _ in rows)
    print(f"{held} of {len(rows)} limits held")
    if options.write:
        before = " --before FOLDER" if options.before else ""
        before += f" --only {options.only}" if options.only else ""
        programs = os.path.relpath(options.programs, ROOT)
        command = f"scripts/attacks/run.py --programs {programs}{before} --write"
        write(f"Written by `{command}` on {platform.machine()} with {os.cpu_count()} cores:\n\n"
              + table(rows, options.before is not None))
    return 0 if held == len(rows) else 1


if __name__ == "__main__":
    sys.exit(main())
