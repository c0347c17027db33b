#!/usr/bin/env python3
"""Runs every attack of this folder and prints what each saw, the limit in force, and whether it held.

Each attack starts the program it attacks itself, on loopback, and is bounded in time, memory and number. With --before,
every attack also runs against older programs, whose column shows what the limit is for. With --write, what was seen
replaces the same cells in the table of docs/reliability.md; the others stay. The exit status is 1 if a limit did not hold.
"""
import argparse
import os
import pathlib
import re
import subprocess
import sys
import time

from harness import PROGRAMS

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
DOCUMENT = ROOT / "docs" / "reliability.md"
BEGIN, END = "<!-- attacks: begin -->\n", "<!-- attacks: end -->\n"
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


class Table:
    """The table in the document: for each attack what it does, the limit in force, and what was seen before and now."""

    COLUMNS = ["Attack", "Limit in force", "Before", "Seen", "Holds"]

    def __init__(self):
        lines = DOCUMENT.read_text(encoding="utf-8").partition(BEGIN)[2].partition(END)[0].splitlines()
        self.rows, columns = {}, []
        for line in lines:
            # A bar within a cell is escaped.
            cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
            if cells and cells[0] == "Attack":
                columns = cells
            elif cells and cells[0].startswith("`"):
                self.rows[cells[0].split("`")[1]] = dict(zip(columns, cells))

    def put(self, script, **cells):
        """Replaces cells of the row of an attack, which is created if there is none."""
        row = self.rows.setdefault(script.stem, dict.fromkeys(self.COLUMNS, ""))
        row["Attack"] = f"`{script.stem}`: {title(script)}"
        row.update({column: text.replace("|", "\\|") for column, text in cells.items()})

    def write(self):
        """Writes the table with the column of older programs only if it has entries."""
        with_before = any(row.get("Before") for row in self.rows.values())
        columns = [column for column in self.COLUMNS if column != "Before" or with_before]
        lines = ["| " + " | ".join(columns) + " |", "|" + "---|" * len(columns)]
        lines += ["| " + " | ".join(row.get(column, "") for column in columns) + " |"
                  for name, row in sorted(self.rows.items()) if (HERE / f"{name}.py").exists()]
        head, _, rest = DOCUMENT.read_text(encoding="utf-8").partition(BEGIN)
        DOCUMENT.write_text(head + BEGIN + "\n".join(lines) + "\n" + END + rest.partition(END)[2], encoding="utf-8")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--programs", metavar="FOLDER", default=ROOT / "target" / "release",
                        help="folder with the programs to attack [default: target/release]")
    parser.add_argument("--before", metavar="FOLDER", help="folder with older programs, attacked as well")
    parser.add_argument("--before-only", action="store_true", help="attacks the older programs only")
    parser.add_argument("--only", metavar="WORD", default="", help="only attacks with this word in their name")
    parser.add_argument("--write", action="store_true", help="rewrites the table of docs/reliability.md")
    options = parser.parse_args()
    if options.before_only and not options.before:
        parser.error("--before-only needs --before FOLDER")
    scripts = [script for script in sorted(HERE.glob("*_*.py"))
               if script.stem.split("_")[0] in ("server", "peer", "suite", "feed") and options.only in script.stem]
    held, table = 0, Table()
    for script in scripts:
        print(f"{script.stem}:", flush=True)
        if not options.before_only:
            now = attack(script, programs_in(options.programs))
            held += now.holds
            print(f"  {'holds' if now.holds else 'DOES NOT HOLD'} ({now.seconds:.0f} s)\n"
                  f"  limit:  {now.limit}\n  seen:   {now.seen}", flush=True)
            table.put(script, **{"Limit in force": now.limit, "Seen": now.seen, "Holds": "yes" if now.holds else "**no**"})
        if options.before:
            before = attack(script, programs_in(options.before))
            print(f"  before: {before.seen}{' (HOLDS AS WELL)' if before.holds else ''}", flush=True)
            table.put(script, Before=before.seen)
        if options.write:
            table.write()
    if options.before_only:
        return 0
    print(f"{held} of {len(scripts)} limits held")
    return 0 if held == len(scripts) else 1


if __name__ == "__main__":
    sys.exit(main())
