#!/usr/bin/env python3
"""Fuzzes every target of fuzz/ by coverage, with the stable compiler, and prints what each run covered.

Instrumentation is what rustc offers on stable (the pass sancov-module). libFuzzer comes compiled, in a Debian package.
`cargo fuzz`, which needs a nightly compiler, works on the same folder.
"""

import argparse
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Lock

ROOT = Path(__file__).resolve().parents[1]
FUZZ = ROOT / "fuzz"
TARGETS = sorted(path.stem for path in (FUZZ / "fuzz_targets").glob("*.rs"))
# Words that libFuzzer may insert, by target; the other formats are of bytes, or have short words.
JSON = {"costmap_filter", "endpointcost_params", "endpointprop_params", "link_changes", "manifest", "networkmap_filter",
        "prometheus", "propmap_params", "rfc8345", "swarm_bodies", "topohub", "topology"}
FIELDS = {"accept", "digest_header", "range"}
TEXTS = {"csv", "isis", "tracker_query", "zoo"}
LONGEST_INPUT = 8192
DOCUMENT = ROOT / "docs" / "reliability.md"
BEGIN, END = "<!-- fuzzing: begin -->\n", "<!-- fuzzing: end -->\n"
FLAGS = [
    "-Cpasses=sancov-module",
    "-Cllvm-args=-sanitizer-coverage-level=4",
    "-Cllvm-args=-sanitizer-coverage-inline-8bit-counters",
    "-Cllvm-args=-sanitizer-coverage-pc-table",
    "-Cllvm-args=-sanitizer-coverage-trace-compares",
    "--cfg=fuzzing",
]


def libfuzzer():
    """Returns the path of the compiled libFuzzer: CUSTOM_LIBFUZZER_PATH, or the newest one that Clang's packages installed."""
    given = os.environ.get("CUSTOM_LIBFUZZER_PATH")
    if given:
        return given
    pattern = f"llvm-*/lib/clang/*/lib/linux/libclang_rt.fuzzer-{platform.machine()}.a"
    found = sorted(Path("/usr/lib").glob(pattern), key=lambda path: int(re.search(r"llvm-(\d+)", str(path)).group(1)))
    if not found:
        sys.exit(f"libFuzzer is missing (/usr/lib/{pattern}): apt-get install libclang-rt-14-dev")
    return str(found[-1])


def build(planted):
    """Builds all targets; returns the folder with the programs."""
    host = re.search(r"host: (\S+)", subprocess.check_output(["rustc", "-vV"], text=True)).group(1)
    folder = ROOT / "target" / "fuzz"
    # With a target named, flags do not reach build scripts and macros, which cannot be linked with instrumentation.
    command = ["cargo", "build", "--locked", "--release", "--quiet", "--bins", "--target", host]
    command += ["--features", "planted"] if planted else []
    environment = {**os.environ, "RUSTFLAGS": " ".join(FLAGS), "CARGO_TARGET_DIR": str(folder),
                   "CUSTOM_LIBFUZZER_PATH": libfuzzer()}
    subprocess.run(command, cwd=FUZZ, env=environment, check=True)
    # Both kinds share what they depend on, and so the folder; the next build replaces the programs of this one.
    programs = folder / ("planted" if planted else "plain")
    programs.mkdir(exist_ok=True)
    for target in TARGETS:
        shutil.copy2(folder / host / "release" / target, programs)
    return programs


def fuzz(programs, target, seconds, corpus, artifacts):
    """Runs one target; returns whether it found nothing, its executions, edges covered and edges in all."""
    command = [
        programs / target, corpus, f"-max_total_time={seconds}", f"-max_len={LONGEST_INPUT}", "-timeout=20",
        "-rss_limit_mb=2048", f"-artifact_prefix={artifacts}/", "-print_final_stats=1",
    ]
    for targets, words in ((JSON, "json.dict"), (FIELDS, "http.dict"), (TEXTS, "text.dict")):
        command += [f"-dict={FUZZ / words}"] if target in targets else []
    done = subprocess.run(command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True, errors="replace",
                          check=False)
    number = lambda pattern: int((re.findall(pattern, done.stderr) or ["0"])[-1])
    executions = number(r"stat::number_of_executed_units: (\d+)") or number(r"#(\d+)\s")
    covered, edges = number(r"cov: (\d+)"), number(r"\((\d+) inline 8-bit counters\)")
    return done.returncode == 0, executions, covered, edges, done.stderr


def minimise(programs, target, corpus):
    """Reduces a corpus to the inputs that add coverage, the shortest first."""
    with tempfile.TemporaryDirectory(dir=corpus.parent) as folder:
        command = [programs / target, "-merge=1", f"-max_len={LONGEST_INPUT}", folder, corpus]
        subprocess.run(command, check=True, stderr=subprocess.DEVNULL)
        shutil.rmtree(corpus)
        shutil.copytree(folder, corpus)


def add_to_document(target, seconds, executions, covered, edges):
    """Adds a run without faults to the totals in the document: time and executions add up, the coverage is the last one."""
    head, _, rest = DOCUMENT.read_text(encoding="utf-8").partition(BEGIN)
    table, _, tail = rest.partition(END)
    rows = {}
    for line in table.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if cells[0].startswith("`"):
            rows[cells[0].strip("`")] = [int(cell.replace(",", "").removesuffix(" s")) for cell in cells[1:]]
    spent, before, *_ = rows.get(target, [0, 0])
    rows[target] = [spent + seconds, before + executions, covered, edges]
    text = "| Target | Time | Executions | Edges covered | of |\n|---|---:|---:|---:|---:|\n"
    for name, (spent, executions, covered, edges) in sorted(rows.items()):
        text += f"| `{name}` | {spent:,} s | {executions:,} | {covered:,} | {edges:,} |\n"
    DOCUMENT.write_text(head + BEGIN + text + END + tail, encoding="utf-8")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=int, default=10, help="time for each target (default: %(default)s)")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="targets at a time (default: all cores)")
    parser.add_argument("--planted", action="store_true", help="build with a fault in every target, which must be found")
    parser.add_argument("--keep", action="store_true", help="add what is found to fuzz/corpus, and minimise it")
    parser.add_argument("--write", action="store_true", help="add time and executions to the table of docs/reliability.md")
    parser.add_argument("targets", nargs="*", help="targets (default: all)")
    chosen = parser.parse_args()
    targets = chosen.targets or TARGETS
    unknown = set(targets) - set(TARGETS)
    if unknown:
        parser.error(f"no such target: {', '.join(sorted(unknown))}; there are {', '.join(TARGETS)}")
    programs, document = build(chosen.planted), Lock()
    with tempfile.TemporaryDirectory() as scratch:

        def run(target):
            kept = FUZZ / "corpus" / target
            corpus, artifacts = Path(scratch) / target, FUZZ / "artifacts" / target
            if chosen.planted:
                artifacts = Path(scratch) / f"{target}-artifacts"
            shutil.copytree(kept, corpus) if kept.is_dir() else corpus.mkdir()
            artifacts.mkdir(parents=True, exist_ok=True)
            result = fuzz(programs, target, chosen.seconds, corpus, artifacts)
            if chosen.keep and result[0]:
                minimise(programs, target, corpus)
                shutil.rmtree(kept, ignore_errors=True)
                shutil.copytree(corpus, kept)
            if chosen.write and result[0]:
                with document:
                    add_to_document(target, chosen.seconds, *result[1:4])
            print(f"{target}: {result[1]:,} executions", file=sys.stderr, flush=True)
            return result

        with ThreadPoolExecutor(chosen.jobs) as pool:
            results = list(pool.map(run, targets))
    print(f"{'target':<22} {'executions':>12} {'edges':>6} {'of':>6}  result")
    failed = False
    for target, (clean, executions, covered, edges, log) in zip(targets, results):
        planted = "the planted fault was reached" in log
        good = planted if chosen.planted else clean
        result = "planted fault found" if planted else "nothing found" if clean else "FAULT"
        print(f"{target:<22} {executions:>12,} {covered:>6,} {edges:>6,}  {result}")
        if not good:
            failed = True
            print(log[-4000:], file=sys.stderr)
    if failed:
        sys.exit(1)


if __name__ == "__main__":
    main()
