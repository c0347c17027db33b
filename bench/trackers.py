"""Rows about the BitTorrent tracker, beside Debian's opentracker under the same load generator (announce_load.rs).

Only answers with 50 peers count. The tracker runs on two-isps.json, so that every answer is a selection by cost.
"""
import json
import os
import socket
import statistics
import subprocess
import time
import urllib.request

import load
from rows import COST_MAP, Row, rate
from servers import AltoServer, Process, free_port

HERE = os.path.dirname(os.path.abspath(__file__))
TOPOLOGY = os.path.join(os.path.dirname(HERE), "topo", "data", "two-isps.json")
GENERATOR = os.path.join(os.path.dirname(HERE), "target", "release", "examples", "announce_load")
# The generator has six addresses only, for what thousands of clients would send.
FEW_ADDRESSES = ("--tracker-max-peers-per-address", "4000000", "--tracker-max-udp-rate", "4000000")
# Peers in each torrent: with fewer, a PID and its neighbours would not have 50 for an answer.
PEERS = 240


class Opentracker(Process):
    """Debian's opentracker, with the infohashes of the generator in its whitelist."""

    def __init__(self, folder, hashes):
        folder = os.path.join(folder, "opentracker")
        os.makedirs(folder, exist_ok=True)
        os.chmod(folder, 0o755)
        self.port = free_port()
        listed = subprocess.run([GENERATOR, "hashes", str(hashes)], check=True, capture_output=True, text=True)
        with open(f"{folder}/whitelist", "w", encoding="ascii") as file:
            file.write(listed.stdout)
        # It changes its root to the folder before it opens the list.
        with open(f"{folder}/conf", "w", encoding="ascii") as file:
            file.write(f"listen.tcp_udp 127.0.0.1:{self.port}\naccess.whitelist /whitelist\n"
                       f"tracker.user nobody\ntracker.rootdir {folder}\n")
        super().__init__(["opentracker", "-f", f"{folder}/conf"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(0.5)  # It has no log line to wait for; the generator repeats what it loses.
        self.udp, self.http = f"127.0.0.1:{self.port}", f"127.0.0.1:{self.port}/announce"


class Tracker(AltoServer):
    """alto-server with its tracker."""

    def __init__(self, program, *flags):
        port = free_port()
        super().__init__(program, TOPOLOGY, "--tracker", "--tracker-udp", f"127.0.0.1:{port}", *flags)
        self.udp, self.http = f"127.0.0.1:{port}", f"{self.base.split('//')[1]}/tracker/announce"

    def metric(self, name):
        """Value of a metric without labels."""
        with urllib.request.urlopen(f"{self.base}/metrics", timeout=30) as answer:
            lines = answer.read().decode().splitlines()
        return next((float(line.split()[1]) for line in lines if line.startswith(name + " ")), 0.0)


def generate(*arguments):
    """Runs the generator; its figures, or None for a mode without."""
    done = subprocess.run([GENERATOR, *map(str, arguments)], check=True, capture_output=True, text=True)
    return json.loads(done.stdout) if done.stdout.startswith("{") else None


def median(key, runs):
    return statistics.median(run[key] for run in runs)


def announces(bench):
    """Announcements over UDP and HTTP to swarms of 240 peers."""
    hashes = 50 if bench.quick else 1000
    with Tracker(bench.server, *FEW_ADDRESSES) as ours, Opentracker(bench.folder, hashes) as theirs:
        for tracker in (ours, theirs):
            generate("fill", tracker.udp, hashes, PEERS)
        sides = {ours: [], theirs: []}
        for _ in range(bench.rounds):
            for tracker, runs in sides.items():
                runs.append(generate("udp", tracker.udp, hashes, bench.seconds, tracker.child.pid, 8))
        mine, other = (median("per_cpu_second", runs) for runs in sides.values())
        yield Row("tracker: UDP announcements answered with 50 peers, per second of CPU", rate(mine), "opentracker",
                  rate(other), mine / other, ">= 0.7", mine >= 0.7 * other)
        half = median("per_second", sides[ours]) / 2
        calm = generate("udp", ours.udp, hashes, bench.seconds, ours.child.pid, 1, half)
        yield Row("tracker: p99 of UDP announcements at half that load", f"{calm['p99_us'] / 1000:.2f} ms", "5 ms", "",
                  calm["p99_us"] / 5000, "<= 1", calm["p99_us"] <= 5000)
        sides = {ours: [], theirs: []}
        for _ in range(bench.rounds):
            for tracker, runs in sides.items():
                runs.append(generate("http", tracker.http, hashes, bench.seconds, tracker.child.pid, 32))
        mine, other = (median("per_second", runs) for runs in sides.values())
        yield Row("tracker: HTTP announcements answered with 50 peers, kept connections", rate(mine),
                  "opentracker, which closes them", rate(other), mine / other, ">= 2", mine >= 2 * other)


def swarms_in_memory(bench):
    """Memory of the tracker with 1,000,000 peers in 100,000 torrents."""
    hashes, peers = (1000, 10) if bench.quick else (100_000, 10)
    with Tracker(bench.server, *FEW_ADDRESSES) as tracker:
        before = tracker.status("VmRSS")
        generate("fill", tracker.udp, hashes, peers)
        used = (tracker.status("VmRSS") if not bench.quick else before) / 1024
        note = f"{(tracker.status('VmRSS') - before) * 1024 / (hashes * peers):,.0f} bytes per peer"
    yield Row(f"tracker: memory with {hashes * peers:,} peers in {hashes:,} torrents", f"{used:,.0f} MiB", "400 MiB", "",
              used / 400, "<= 1", used <= 400, note)


def connects(bench):
    """Answers to ALTO clients while the UDP tracker is flooded with connects.

    The generator takes a core of the same machine, which an attacker elsewhere would not, so that the measure is the same
    flood to a port that nobody reads."""
    for clients, whom in ((1, "one address floods"), (500, "500 addresses flood")):
        calm, flooded, elsewhere = [], [], []
        with Tracker(bench.server) as tracker, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as nobody:
            nobody.bind(("127.0.0.1", 0))

            def measure(target=None):
                if target is None:
                    return load.run(tracker.base + COST_MAP, bench.seconds, connections=4).p99 * 1e3
                with Process([GENERATOR, "connects", target, "600", str(clients)], stdout=subprocess.DEVNULL):
                    time.sleep(0.5)
                    return measure()

            for _ in range(bench.rounds):
                calm.append(measure())
                flooded.append(measure(tracker.udp))
                elsewhere.append(measure(f"127.0.0.1:{nobody.getsockname()[1]}"))
            answered, limited = (tracker.metric(f"alto_tracker_udp_{name}_total") / (bench.rounds * (bench.seconds + 0.5))
                                 for name in ("connects", "limited"))
        before, during, generator = (statistics.median(runs) for runs in (calm, flooded, elsewhere))
        yield Row(f"cost map: p99 while {whom} the UDP tracker with connects", f"{during:.2f} ms",
                  "the same flood to a port that nobody reads", f"{generator:.2f} ms", during / generator, "<= 3",
                  during <= 3 * generator,
                  f"{rate(answered)} connects answered, {rate(limited)} over the limit; {before:.2f} ms without a flood, "
                  "whose generator takes one of the cores")


ALL = [announces, swarms_in_memory, connects]
