#!/usr/bin/env python3
"""Measures speed, each figure beside something a user could run instead, both in the same run.

Prints one table. With --write it replaces the one in docs/performance.md, with a description of the machine.
`make bench` builds the measured programs and installs those they are compared with.
"""
import argparse
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(HERE)
sys.path.insert(0, HERE)
import rows  # noqa: E402
import streams  # noqa: E402
import trackers  # noqa: E402
BEGIN, END = "<!-- measured: begin -->", "<!-- measured: end -->"


def machine():
    """A description of the machine and the software that the figures depend on."""
    with open("/proc/cpuinfo", encoding="utf-8") as lines:
        model = next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), "unknown CPU")
    with open("/proc/meminfo", encoding="ascii") as lines:
        memory = int(next(line.split()[1] for line in lines if line.startswith("MemTotal"))) / 1024 / 1024
    version = lambda *command: subprocess.run(command, capture_output=True, text=True, check=False)
    nginx = version("nginx", "-v").stderr.strip().rsplit("/", 1)[-1]
    wrk = version("wrk", "-v").stdout.split("[")[0].strip()
    rustc = version("rustc", "--version").stdout.strip()
    load = os.getloadavg()[0]
    return (f"{os.cpu_count()} x {model}, {memory:.0f} GiB, Linux {platform.release()}; {rustc}, nginx {nginx}, {wrk}, "
            f"Python {platform.python_version()}; load before the run {load:.1f}; {time.strftime('%Y-%m-%d')}")


def table(found):
    """The rows as Markdown."""
    lines = ["| What | Here | Against | There | Ratio | To reach | |", "|---|---|---|---|---|---|---|"]
    for row in found:
        verdict = "reached" if row.reached else "**not reached**"
        note = f"; {row.note}" if row.note else ""
        lines.append(f"| {row.what} | {row.ours} | {row.against} | {row.theirs} | {row.ratio:.2f} | {row.reach} | "
                     f"{verdict}{note} |")
    return "\n".join(lines)


def write(text):
    """Replaces the table in the documentation."""
    path = os.path.join(ROOT, "docs", "performance.md")
    with open(path, encoding="utf-8") as file:
        page = file.read()
    before, rest = page.split(BEGIN)
    with open(path, "w", encoding="utf-8") as file:
        file.write(before + BEGIN + "\n" + text + "\n" + END + rest.split(END)[1])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="smallest sizes and shortest runs, to test the benchmark")
    parser.add_argument("--only", metavar="WORD", help="only functions of rows.py, trackers.py and streams.py whose name matches this regex")
    parser.add_argument("--write", action="store_true", help="replace the table in docs/performance.md")
    parser.add_argument("--python", default=sys.executable, help="a Python interpreter with networkx and pytricia")
    options = parser.parse_args()
    examples = {name: f"target/release/examples/{name}" for name in ("route_speed", "prefix_speed", "bare_http")}
    programs = {"server": "target/release/alto-server", **examples}
    for name, path in programs.items():
        programs[name] = os.path.join(ROOT, path)
        if not os.path.exists(programs[name]):
            sys.exit(f"bench: {path} is not built: cargo build --release -p alto-server -p topo --examples --bins")
    if not shutil.which("opentracker") or not os.path.exists(trackers.GENERATOR):
        sys.exit("bench: opentracker or announce_load is missing: apt-get install opentracker; "
                 "cargo build --release -p alto-types --example announce_load")
    nginx = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
    if not nginx or not shutil.which("wrk"):
        sys.exit("bench: nginx or wrk is missing: apt-get install nginx-light wrk")
    describe = machine()
    print(f"measuring on {describe}", file=sys.stderr)
    found = []
    with tempfile.TemporaryDirectory(prefix="alto-bench-") as folder:
        os.chmod(folder, 0o755)
        bench = rows.Bench(nginx=nginx, python=options.python, folder=folder, quick=options.quick, **programs)
        chosen = [each for each in rows.ALL + trackers.ALL + streams.ALL if not options.only or re.search(options.only, each.__name__)]
        for place, measure in enumerate(chosen, 1):
            print(f"[{place}/{len(chosen)}] {measure.__doc__.splitlines()[0]}", file=sys.stderr)
            for row in measure(bench):
                found.append(row)
                verdict = "reached" if row.reached else "NOT reached"
                print(f"    {row.what}: {row.ours} against {row.theirs or row.against}: {row.ratio:.2f}, {verdict}",
                      file=sys.stderr)
    text = f"{describe}\n\n{table(found)}"
    print(text)
    if options.write:
        write(text)


if __name__ == "__main__":
    main()
