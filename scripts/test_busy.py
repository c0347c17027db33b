#!/usr/bin/env python3
"""Runs every test many times while all cores are kept busy, and prints which tests failed how often.

A test that measures time or waits for a fixed while passes on a quiet machine and fails on a busy one. This finds it:
one process per core computes without pause, at the same priority as the tests, while all test binaries and the Python
tests run BUSY_ROUNDS times. Everything is built once, before. The output of every run that failed is kept in
target/busy/. Documentation examples are not run: they are compiled anew each time, and none of them measures time.

    make test-busy
    make test-busy BUSY_ROUNDS=3 BUSY_ONLY=alto-peer,mininet
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import re
import shutil
import subprocess
import sys
import time
import xml.etree.ElementTree as ElementTree
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Iterator

ROOT = Path(__file__).resolve().parent.parent
LOGS = ROOT / "target" / "busy"
# The name by which --only selects the Python tests.
PYTHON = "mininet"
# Ends with the process that started it, should that be killed before it can end its children.
SPINNER = "import os\nparent = os.getppid()\nwhile os.getppid() == parent:\n    sum(range(100_000))"
LIBTEST_LINE = re.compile(r"^test (.+?)(?: - should panic)? \.\.\. (ok|FAILED|ignored)", re.MULTILINE)


@dataclass
class Suite:
    """A test binary, or all Python tests."""

    package: str
    name: str
    argv: list[str]
    folder: Path
    environment: dict[str, str]


@dataclass
class Outcome:
    """One run of a suite: the tests that ran, and those that failed."""

    ran: list[str]
    failed: list[str]


def build(cargo: str, only: list[str]) -> list[Suite]:
    """Builds all tests and returns the suites to run."""
    suites = []
    if not only or set(only) != {PYTHON}:
        # All crates, whatever is selected: a part of them has other features, and would be compiled anew.
        command = [cargo, "test", "--no-run", "--workspace", "--features", "alto-server/redis", "--message-format=json-render-diagnostics"]
        built = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=False)
        if built.returncode != 0:
            sys.exit(f"test-busy: {' '.join(command)} failed with status {built.returncode}")
        for line in built.stdout.splitlines():
            message = json.loads(line)
            if message.get("reason") == "compiler-artifact" and message["profile"]["test"] and message["executable"]:
                suite = rust_suite(message)
                if not only or suite.package in only:
                    suites.append(suite)
    if PYTHON in only or not only:
        argv = [str(ROOT / "scripts" / "test_emulation"), f"--junitxml={LOGS / 'junit.xml'}"]
        suites.append(Suite(PYTHON, "python", argv, ROOT, {}))
    return suites


def rust_suite(artifact: dict) -> Suite:
    """The suite of a test binary that cargo has built, with the folder and variables cargo would run it with."""
    folder = Path(artifact["manifest_path"]).parent
    target = artifact["target"]
    environment = {"CARGO_MANIFEST_DIR": str(folder), "CARGO_PKG_NAME": folder.name}
    return Suite(folder.name, f"{target['kind'][0]} {target['name']}", [artifact["executable"]], folder, environment)


@contextlib.contextmanager
def busy_cores() -> Iterator[None]:
    """Keeps every core busy, at the priority of this process, until the block is left."""
    spinners = [subprocess.Popen([sys.executable, "-c", SPINNER]) for _ in range(os.cpu_count() or 1)]
    try:
        yield
    finally:
        for spinner in spinners:
            spinner.kill()
            spinner.wait()


def run(suite: Suite, log: Path, limit: float) -> Outcome:
    """Runs a suite once. Its output is kept only if something failed."""
    with log.open("w", encoding="utf-8") as output:
        try:
            status = subprocess.run(
                suite.argv, cwd=suite.folder, env={**os.environ, **suite.environment}, stdin=subprocess.DEVNULL,
                stdout=output, stderr=subprocess.STDOUT, timeout=limit, check=False,
            ).returncode
        except subprocess.TimeoutExpired:
            status = f"still running after {limit:g} s"
    text = log.read_text(errors="replace")
    outcome = read_junit() if suite.package == PYTHON else read_libtest(text)
    if status != 0 and not outcome.failed:
        outcome.failed.append(f"(the whole suite: status {status})")
    if not outcome.failed:
        log.unlink()
    return outcome


def read_libtest(output: str) -> Outcome:
    """The outcome of a Rust test binary, from what it printed."""
    verdicts = LIBTEST_LINE.findall(output)
    ran = [name for name, verdict in verdicts if verdict != "ignored"]
    return Outcome(ran, [name for name, verdict in verdicts if verdict == "FAILED"])


def read_junit() -> Outcome:
    """The outcome of the Python tests, from the file pytest wrote; empty where they were skipped as a whole."""
    path = LOGS / "junit.xml"
    if not path.exists():
        return Outcome([], [])
    cases = ElementTree.parse(path).findall(".//testcase")
    path.unlink()
    ran = {f"{case.get('classname')}::{case.get('name')}": case for case in cases if case.find("skipped") is None}
    failed = [name for name, case in ran.items() if {child.tag for child in case} & {"failure", "error"}]
    return Outcome(list(ran), failed)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=20, metavar="N", help="how often each test runs [default: 20]")
    parser.add_argument(
        "--only", default="", metavar="CRATE,...", help=f"only these crates; {PYTHON} is the Python tests [default: all]"
    )
    parser.add_argument(
        "--limit", type=float, default=1800, metavar="SECONDS", help="time a suite may take per round [default: 1800]"
    )
    options = parser.parse_args()
    only = [name.strip() for name in options.only.split(",") if name.strip()]
    shutil.rmtree(LOGS, ignore_errors=True)
    LOGS.mkdir(parents=True)
    suites = build(os.environ.get("CARGO", "cargo"), only)
    if unknown := set(only) - {suite.package for suite in suites}:
        sys.exit(f"test-busy: --only: {', '.join(sorted(unknown))}: neither a crate with tests nor {PYTHON}")
    ran: Counter[tuple[str, str, str]] = Counter()
    failures: Counter[tuple[str, str, str]] = Counter()
    first_log: dict[tuple[str, str, str], Path] = {}
    started = time.monotonic()
    with busy_cores():
        for number in range(1, options.rounds + 1):
            for suite in suites:
                log = LOGS / f"{number:02}-{suite.package}-{suite.name.replace(' ', '-')}.log"
                outcome = run(suite, log, options.limit)
                ran.update((suite.package, suite.name, test) for test in outcome.ran)
                for test in outcome.failed:
                    key = (suite.package, suite.name, test)
                    failures[key] += 1
                    first_log.setdefault(key, log.relative_to(ROOT))
            minutes, so_far = (time.monotonic() - started) / 60, sum(failures.values())
            print(f"round {number} of {options.rounds}: {so_far} failures so far, {minutes:.1f} min", flush=True)
    print(f"\n{len(ran)} tests, {sum(ran.values())} runs, {len(failures)} tests failed")
    if failures:
        print(f"\n{'failed':>8}  {'test':<70}  first log")
    for key, count in failures.most_common():
        print(f"{f'{count}/{options.rounds}':>8}  {' '.join(key):<70}  {first_log[key]}")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
