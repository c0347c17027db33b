#!/usr/bin/env python3
"""Grades a server whose cost maps are large, and watches the time and the memory of the conformance suite.

The server is honest; the attack is its size: a hundred megabytes of cost maps, each of which takes many times its size while
it is examined. The suite has to keep its `--deadline`, its own work included, and must not need more than a small multiple
of one map.
"""

import json
import re
import subprocess
import time
from pathlib import Path

from harness import Server, main, scratch, verdict

# Switches with a host each, and so PIDs; costs between all pairs of them.
PIDS = 760
# Time limit given to the suite, in seconds, and how much longer a piece of work may take that has begun before.
DEADLINE = 20
GRACE = 20
# Memory limit: a base, and a multiple of the largest answer.
BASE_BYTES = 96 << 20
MULTIPLE = 44


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


def peak_of(process: subprocess.Popen) -> int:
    """Returns the largest resident size of a process so far, in bytes; 0 if it has ended."""
    try:
        found = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{process.pid}/status").read_text())
    except OSError:
        return 0
    return int(found[1]) * 1024 if found else 0


def attack(options) -> int:
    """Grades the server, and returns the exit status of the attack."""
    with scratch() as folder:
        path = Path(folder) / "topology.json"
        path.write_text(json.dumps(topology()))
        with Server(options.server, topology=path) as server:
            size = len(server.ask("GET", "/costmap/numerical/routingcost").body)
            host, port = server.address
            command = [options.suite, "--deadline", str(DEADLINE), "--format", f"json={folder}/report.json",
                       f"http://{host}:{port}/directory"]
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
    limit = BASE_BYTES + MULTIPLE * size
    return verdict(
        f"{took:.0f} s and {peak >> 20} MiB for cost maps of {size / 1e6:.1f} MB, exit {suite.returncode}",
        f"{DEADLINE + GRACE} s and {limit >> 20} MiB ({BASE_BYTES >> 20} MiB + {MULTIPLE} x the map), exit 0, 1 or 4",
        took <= DEADLINE + GRACE and peak <= limit and suite.returncode in (0, 1, 4),
    )


if __name__ == "__main__":
    main(attack, __doc__)
