#!/usr/bin/env python3
"""Grades a server whose cost maps are large, and watches the time and the memory of the conformance suite.

The server is honest; the attack is its size: a hundred megabytes of cost maps, each of which takes many times its size while
it is examined. The suite has to keep its `--deadline`, its own work included, and must not need more than a small multiple
of one map. Prints `seen:` and `limit:` lines; exit 0 if the limits hold, 1 if not, 2 if the attack cannot be run.
"""

import argparse
import json
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from pathlib import Path

# Switches with a host each, and so PIDs; costs between all pairs of them.
PIDS = 760
# Time limit given to the suite, in seconds, and how much longer a piece of work may take that has begun before.
DEADLINE = 20
GRACE = 20
# Memory limit: a base, and a multiple of the largest answer.
BASE_BYTES = 96 << 20
MULTIPLE = 24


def topology() -> dict:
    """Returns a star of switches whose delays all differ, so that costs have many digits."""
    names = [f"s{number}" for number in range(PIDS)]
    links = [{"source": name, "destination": "core", "bandwidth": 100, "delay": 1 + number / 977}
             for number, name in enumerate(names)]
    links += [{"source": f"h{number}", "destination": name, "bandwidth": 100, "delay": 0.1}
              for number, name in enumerate(names)]
    hosts = [{"name": f"h{number}", "ip": f"10.{number // 250}.{number % 250}.1"} for number in range(PIDS)]
    return {"name": "large", "hosts": hosts, "switches": [{"name": name, "dpid": f"{number:016x}"} for number, name in enumerate(["core", *names], 1)],
            "links": links}


def start_server(program: str, folder: Path) -> tuple[subprocess.Popen, str]:
    """Starts the server on a free port and returns it with the URI of its directory."""
    path = folder / "topology.json"
    path.write_text(json.dumps(topology()))
    server = subprocess.Popen([program, "--topology", str(path), "--listen", "127.0.0.1:0"], text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    for line in server.stdout:
        found = re.search(r"127\.0\.0\.1:(\d+)", line)
        if found:
            # The log is read to its end, so that the server never waits for it.
            threading.Thread(target=server.stdout.read, daemon=True).start()
            return server, f"http://127.0.0.1:{found[1]}/directory"
    raise SystemExit(2)


def peak_of(process: subprocess.Popen) -> int:
    """Returns the largest resident size of a process so far, in bytes; 0 if it has ended."""
    try:
        found = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{process.pid}/status").read_text())
    except OSError:
        return 0
    return int(found[1]) * 1024 if found else 0


def size_of_map(directory: str) -> int:
    """Returns the size of the map of `routingcost`, and waits until the server has made it."""
    for _ in range(600):
        try:
            with urllib.request.urlopen(directory.replace("/directory", "/costmap/numerical/routingcost")) as answer:
                return len(answer.read())
        except OSError:
            time.sleep(0.1)
    raise SystemExit(2)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("server", "peer", "suite"):
        parser.add_argument(f"--{name}", required=name != "peer", help=f"path of the {name} program")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        server, directory = start_server(arguments.server, Path(folder))
        try:
            size = size_of_map(directory)
            command = [arguments.suite, "--deadline", str(DEADLINE), "--format", f"json={folder}/report.json", directory]
            started = time.monotonic()
            suite = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            peak = 0
            # Enough for the suite to show how far it goes beyond its limit.
            while suite.poll() is None and time.monotonic() - started < 10 * DEADLINE:
                peak = max(peak, peak_of(suite))
                time.sleep(0.02)
            took = time.monotonic() - started
            if suite.poll() is None:
                suite.kill()
            suite.wait()
        finally:
            server.send_signal(signal.SIGTERM)
            server.wait()
    print(f"seen: {took:.0f} s and {peak >> 20} MiB for cost maps of {size / 1e6:.1f} MB, exit {suite.returncode}")
    limit = BASE_BYTES + MULTIPLE * size
    print(f"limit: {DEADLINE + GRACE} s and {limit >> 20} MiB ({BASE_BYTES >> 20} MiB + {MULTIPLE} x the map), exit 0, 1 or 4")
    holds = took <= DEADLINE + GRACE and peak <= limit and suite.returncode in (0, 1, 4)
    return 0 if holds else 1


if __name__ == "__main__":
    sys.exit(main())
