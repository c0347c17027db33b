#!/usr/bin/env python3
"""Imports every network of the Internet Topology Zoo, serves it, and grades the server.

Requires that the totals of all imports are those of the archive, that rfc-conformance --strict passes on every network,
and that least costs equal those that networkx finds in the GraphML itself. The folder $ALTO_DATA has the archive below
topology-zoo/graphml. Small networks come first, each has --limit seconds, and none begins after --minutes; --resume FILE
keeps the verdicts and goes on where an earlier run ended. The exit status is 1 if a requirement failed, and 2 if time was
over before every network was graded.
"""
import argparse
import collections
import concurrent.futures
import contextlib
import glob
import json
import math
import os
import re
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
# Counted once in the archive as of February 2026.
TOTALS = {"nodes": 10952, "edges": 13976, "external": 975, "self-loops": 2, "raw-speeds": 3928, "speeds": 55}
FILES = 276
# Networks whose costs are compared: links have speeds or none at all, so that no label has to be read twice.
COMPARED = ["Geant2009", "Rediris", "Grnet", "Garr201201", "Latnet"]
# What the importer takes where a file tells nothing.
DEFAULT_SPEED, DEFAULT_DELAY, FLOOR, KM_PER_MS, EARTH = 1000.0, 1.0, 0.05, 199.86, 6371.0


def import_zoo(program, source, folder, hosts):
    """Imports one file, and returns the path of the topology and the report."""
    name = os.path.splitext(os.path.basename(source))[0]
    out, report = os.path.join(folder, f"{name}-{hosts}.json"), os.path.join(folder, f"{name}-{hosts}.report")
    command = [program, "import", "zoo", source, "--hosts", str(hosts), "--out", out, "--report", report]
    result = subprocess.run(command, capture_output=True, text=True, timeout=60)
    if result.returncode:
        raise RuntimeError(result.stderr.strip())
    if len(result.stderr.splitlines()) > 1:
        raise RuntimeError(f"{name}: more than one line of warnings")
    with open(report, encoding="utf-8") as file:
        return out, json.load(file)


@contextlib.contextmanager
def server(program, topology):
    """Serves a topology on a free port, and yields the server's origin."""
    command = [program, "--topology", topology, "--listen", "127.0.0.1:0"]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)
    try:
        for line in process.stderr:
            found = re.search(r"http://[0-9.:]+", line)
            if found:
                break
        else:
            raise RuntimeError(f"{topology}: the server did not start")
        with concurrent.futures.ThreadPoolExecutor(1) as drain:
            drain.submit(collections.deque, process.stderr, 0)
            yield found[0]
            process.kill()
    finally:
        process.kill()
        process.wait()


def grade(programs, topology, limit):
    """Returns what rfc-conformance says of a server of the topology, if it found anything or had not enough time."""
    with server(programs["alto-server"], topology) as origin:
        command = [programs["rfc-conformance"], "--strict", "--jobs", "2", "--timeout", "60", "--deadline", str(limit),
                   f"{origin}/directory"]
        try:
            # The suite keeps its deadline itself; this is for a suite that does not.
            result = subprocess.run(command, capture_output=True, text=True, timeout=limit + 60)
        except subprocess.TimeoutExpired:
            return f"rfc-conformance does not end {limit + 60} s after its start"
    return None if result.returncode == 0 else (result.stdout + result.stderr)[-3000:]


class Grading:
    """Grades networks within a time, small ones first, and tells how far it is."""

    def __init__(self, programs, options):
        self.programs = programs
        self.limit = options.limit
        self.end = time.monotonic() + options.minutes * 60
        self.resume = options.resume
        self.failures = []
        self.passed, self.kept, self.begun = set(), 0, 0
        self.lock = threading.Lock()

    def run(self, topologies, jobs):
        names = {os.path.basename(topology) for topology in topologies}
        if self.resume and os.path.exists(self.resume):
            with open(self.resume, encoding="utf-8") as file:
                self.passed = {name for name in map(str.strip, file) if name in names}
        self.kept = self.begun = len(self.passed)
        rest = [topology for topology in topologies if os.path.basename(topology) not in self.passed]
        rest.sort(key=os.path.getsize)
        with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
            for ended in [pool.submit(self.one, topology, len(topologies)) for topology in rest]:
                ended.result()
        kept = f", {self.kept} of them in an earlier run" if self.kept else ""
        print(f"{len(self.passed)} of {len(topologies)} networks pass rfc-conformance --strict{kept}; "
              f"{len(self.failures)} fail, {len(topologies) - len(self.passed) - len(self.failures)} were not graded")
        return len(topologies) == len(self.passed) + len(self.failures)

    def one(self, topology, count):
        began, name = time.monotonic(), os.path.basename(topology)
        if began > self.end:
            return
        try:
            verdict = grade(self.programs, topology, self.limit)
        except RuntimeError as error:
            verdict = str(error)
        with self.lock:
            self.begun += 1
            print(f"[{self.begun}/{count}] {name}: {'FAILED' if verdict else 'passed'} in {time.monotonic() - began:.1f} s",
                  flush=True)
            if verdict:
                self.failures.append(f"{name}:\n{verdict}")
                return
            self.passed.add(name)
            if self.resume:
                with open(self.resume, "a", encoding="utf-8") as file:
                    file.write(name + "\n")


def great_circle(a, b):
    """Haversine formula, in kilometres."""
    lat1, lon1, lat2, lon2 = map(math.radians, (*a, *b))
    h = math.sin((lat2 - lat1) / 2) ** 2 + math.cos(lat1) * math.cos(lat2) * math.sin((lon2 - lon1) / 2) ** 2
    return 2 * EARTH * math.asin(math.sqrt(h))


def compare(programs, source, folder):
    """Compares the server's costs with those that networkx finds, and returns how many were compared."""
    import networkx
    graph = networkx.read_graphml(source)
    names = {}
    for node, data in graph.nodes(data=True):
        if data.get("Internal", 1):
            text = re.sub(r"-?[^A-Za-z0-9:@_]+", "-", str(data.get("label", ""))).strip("-")
            names[node] = text
    repeated = collections.Counter(names.values())
    names = {node: name if name and repeated[name] == 1 else f"{name or 'node'}-{node}" for node, name in names.items()}
    costs = networkx.Graph()
    costs.add_nodes_from(names)
    for source_node, target, data in graph.edges(data=True):
        if source_node not in names or target not in names or source_node == target:
            continue
        speed = data.get("LinkSpeedRaw", DEFAULT_SPEED * 1e6) / 1e6
        ends = [graph.nodes[node] for node in (source_node, target)]
        if all("Latitude" in end for end in ends):
            delay = max(great_circle(*((end["Latitude"], end["Longitude"]) for end in ends)) / KM_PER_MS, FLOOR)
        else:
            delay = DEFAULT_DELAY / 2 if any(end.get("hyperedge") for end in ends) else DEFAULT_DELAY
        cost = 1 + round(delay, 3) + 1000 / speed
        known = costs.get_edge_data(source_node, target)
        costs.add_edge(source_node, target, weight=min(cost, known["weight"] if known else cost))
    topology, _ = import_zoo(programs["alto-feed"], source, folder, 0)
    with server(programs["alto-server"], topology) as origin:
        with urllib.request.urlopen(f"{origin}/costmap/numerical/routingcost", timeout=60) as answer:
            served = json.load(answer)["cost-map"]
    compared = 0
    for node, lengths in networkx.all_pairs_dijkstra_path_length(costs):
        for other, length in lengths.items():
            if names[node] in served and names[other] in served[names[node]]:
                found = served[names[node]][names[other]]
                if abs(found - length) > 1e-3:
                    raise RuntimeError(f"{names[node]} to {names[other]}: served {found}, networkx finds {length}")
                compared += 1
    pids = len(names) - sum(1 for node in names if graph.nodes[node].get("hyperedge"))
    if compared < pids * (pids - 1) // 2:
        raise RuntimeError(f"only {compared} costs of {pids} PIDs were compared")
    return compared


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--programs", default=os.path.join(ROOT, "target", "release"), help="folder with the programs")
    parser.add_argument("--data", default=os.environ.get("ALTO_DATA", ""), help="folder with the archive")
    parser.add_argument("--only", default="", help="grades only networks whose names contain this text")
    parser.add_argument("--totals", action="store_true", help="only imports, and compares the totals")
    parser.add_argument("--jobs", type=int, default=2, help="networks at a time")
    parser.add_argument("--limit", type=int, default=600, help="seconds for one network")
    parser.add_argument("--minutes", type=float, default=90, help="time after which no network begins")
    parser.add_argument("--resume", metavar="FILE", help="keeps the names of networks that passed, and leaves them out")
    parser.add_argument("files", nargs="*", help="GraphML files instead of the archive")
    options = parser.parse_args()
    archive = glob.glob(os.path.join(options.data, "topology-zoo", "graphml", "*.graphml"))
    files = options.files or sorted(archive)
    if not files:
        sys.exit("set ALTO_DATA to a folder with topology-zoo/graphml; docs/real-networks.md says where it comes from")
    names = ("alto-feed", "alto-server", "rfc-conformance")
    programs = {name: os.path.join(options.programs, name) for name in names}
    failures, totals, topologies = [], collections.Counter(), []
    with tempfile.TemporaryDirectory() as folder:
        for file in files:
            try:
                topology, report = import_zoo(programs["alto-feed"], file, folder, 1)
                totals.update(report)
                topologies.append(topology)
            except RuntimeError as error:
                failures.append(str(error))
        print(f"{len(topologies)} of {len(files)} files imported:",
              ", ".join(f"{totals[key]} {key}" for key in (*TOTALS, "label-speeds", "parts")))
        if len(files) == FILES and not options.files:
            failures += [f"{key}: {totals[key]}, expected {number}"
                         for key, number in TOTALS.items() if totals[key] != number]
        for name in () if options.totals or options.files else COMPARED:
            source = next((file for file in files if os.path.basename(file) == f"{name}.graphml"), None)
            if source:
                try:
                    print(f"{name}: {compare(programs, source, folder)} least costs equal those of networkx")
                except RuntimeError as error:
                    failures.append(f"{name}: {error}")
        complete = True
        if not options.totals:
            grading = Grading(programs, options)
            complete = grading.run([topology for topology in topologies if options.only in topology], options.jobs)
            failures += grading.failures
    for failure in failures:
        print(f"FAILED {failure}")
    return 1 if failures else 0 if complete else 2


if __name__ == "__main__":
    sys.exit(main())
