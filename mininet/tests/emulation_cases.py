"""Cases that build a network, each in a process of its own: `emulation_cases.py CASE` prints its result as JSON."""

from __future__ import annotations

import json
import os
import signal
import socket
import statistics
import subprocess
import sys
import threading
import time
from typing import Callable

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from alto_mininet.network.api import (  # noqa: E402
    Emulation,
    find_alto_server,
    isolate,
    parse_topology,
    present_routes,
)
from alto_mininet.verify.delays import verify_delays  # noqa: E402
from alto_mininet.verify.paths import verify_paths  # noqa: E402
from alto_mininet.verify.rates import verify_shaping  # noqa: E402


def two_isps(bottleneck: float = 4.0, delay: float = 5.0) -> dict:
    """Two providers of three hosts and three switches each; every provider is a ring, and two links join them."""
    hosts, switches, links = [], [], []
    for number, isp in enumerate("ab", 1):
        for i in (1, 2, 3):
            host, switch = f"{isp}h{i}", f"{isp}{i}"
            hosts.append({"name": host, "ips": [f"10.{number}.0.{i}", f"2001:db8:{number}::{i}"]})
            switches.append({"name": switch, "dpid": f"{number}{i}"})
            up = {"source": host, "destination": switch, "bandwidth": 1, "delay": 0, "directed": True}
            down = {"source": switch, "destination": host, "bandwidth": 20, "delay": 0, "directed": True}
            links += [up, down] if i == 3 else [{**up, "bandwidth": 50, "directed": False}]
        for i, j in ((1, 2), (2, 3), (3, 1)):
            links.append({"source": f"{isp}{i}", "destination": f"{isp}{j}", "bandwidth": 100, "delay": 1})
    links.append({"source": "a1", "destination": "b1", "bandwidth": bottleneck, "delay": delay, "cost": 10})
    links.append({"source": "a2", "destination": "b2", "bandwidth": 10, "delay": 10, "cost": 50})
    return {"name": "two-providers", "hosts": hosts, "switches": switches, "links": links}


def pair(**link: object) -> dict:
    """Two hosts at two switches, and a link between these with the given members."""
    hosts = [{"name": f"h{i}", "ip": f"10.0.0.{i}"} for i in (1, 2)]
    switches = [{"name": f"s{i}", "dpid": f"{i}"} for i in (1, 2)]
    ends = [("h1", "s1"), ("h2", "s2")]
    links = [{"source": a, "destination": b, "bandwidth": 100, "delay": 0} for a, b in ends]
    links.append({"source": "s1", "destination": "s2", "bandwidth": 100, "delay": 0, **link})
    return {"name": "pair", "hosts": hosts, "switches": switches, "links": links}


def emulate(raw: dict, **options: object) -> Emulation:
    return Emulation(parse_topology(json.dumps(raw)), **options)


def transfer(emulation: Emulation, source: str, destination: str, size: int, version: int = 4) -> None:
    """Transfers bytes between two hosts over TCP."""
    family = socket.AF_INET if version == 4 else socket.AF_INET6
    address = emulation.address(destination, version)

    def listen() -> socket.socket:
        one = socket.socket(family, socket.SOCK_STREAM)
        one.bind((address, 0))
        one.listen(1)
        one.settimeout(20)
        return one

    def send() -> None:
        with socket.create_connection((address, port), 20) as connection:
            connection.sendall(bytes(size))

    with emulation.namespace(destination).run(listen) as listener:
        port = listener.getsockname()[1]
        sender = threading.Thread(target=lambda: emulation.namespace(source).run(send))
        sender.start()
        connection, _ = listener.accept()
        connection.settimeout(20)
        received = 0
        while data := connection.recv(1 << 16):
            received += len(data)
        connection.close()
        sender.join()
    assert received == size, f"{received} of {size} bytes arrived"


def measured(measure: Callable[[], list[dict]]) -> list[dict]:
    """Measures until every entry is as set, at most four times: a machine that stood still measures something else."""
    for _ in range(4):
        entries = measure()
        if all(entry["ok"] for entry in entries):
            break
    return entries


def by_link(emulation: Emulation) -> dict[str, int]:
    return {f"{count.link}:{count.source}": count.bytes for count in emulation.link_counters()}


def whole() -> dict:
    """Measures everything about the network of two providers."""
    with emulate(two_isps()) as emulation:
        paths = verify_paths(emulation)
        delays = measured(lambda: verify_delays(emulation))
        before = by_link(emulation)
        transfer(emulation, "ah2", "bh3", 400_000)
        transfer(emulation, "ah2", "bh3", 400_000, 6)
        carried = {key: count - before[key] for key, count in by_link(emulation).items()}
        way = next(r for r in emulation.builder.routes if (r.source, r.destination) == ("ah2", "bh3"))
        back = next(r for r in emulation.builder.routes if (r.source, r.destination) == ("bh3", "ah2"))
        bottleneck = emulation.link("a1", "b1").index
        slow = emulation.link("ah3", "a3").index
        names = emulation.run("ah1", ["getent", "hosts", "bh2"]).stdout
        shaping = measured(lambda: verify_shaping(emulation, [bottleneck, slow, slow + 1], seconds=2))
        return {
            "paths": paths,
            "delays": delays,
            "shaping": shaping,
            "carried": carried,
            "way": [f"{link}:{node}" for link, node in zip(way.links, way.path)],
            "back": [f"{link}:{node}" for link, node in zip(back.links, back.path)],
            "names": names.split(),
            "facts": emulation.facts(),
        }


def failing() -> dict:
    """Takes a link down and up, changes its rate and delay, and records routes and traffic each time."""

    def way(emulation: Emulation) -> dict:
        tried = [e for e in verify_paths(emulation) if (e["source"], e["destination"]) == ("ah1", "bh1")]
        return {"path": tried[0]["path"], "ok": all(entry["ok"] for entry in tried), "versions": len(tried)}

    with emulate(two_isps()) as emulation:
        seen = {"before": way(emulation)}
        emulation.change_link("a1", "b1", up=False, reroute=False)
        ping = emulation.run("ah1", ["ping", "-c1", "-W1", emulation.address("bh1")])
        seen["unreachable"] = ping.returncode != 0
        emulation.reroute()
        seen["failed"] = way(emulation)
        emulation.change_link("a2", "b2", up=False)
        seen["parted"] = {"routes": len(emulation.builder.routes)}
        emulation.change_link("b1", "a1", up=True)
        seen["back"] = way(emulation)
        emulation.change_link("a1", "b1", bandwidth=2.0)
        link = emulation.link("a1", "b1").index
        seen["rate"] = measured(lambda: verify_shaping(emulation, [link], seconds=2))
        if emulation.builder.delays.mode != "none":
            emulation.change_link("a1", "b1", delay=12.0)
            between = lambda: [e for e in verify_delays(emulation) if e["between"] == ["a1", "b1"]]  # noqa: E731
            seen["delay"] = measured(between)
        with open(emulation.topology_file, encoding="utf-8") as file:
            seen["file"] = json.load(file)["links"][link]
        return seen


def parallel() -> dict:
    """Finds which of several parallel links carries the traffic, before and after a failure."""
    raw = pair(cost=9)
    raw["links"].append({**raw["links"][2], "cost": 5})
    raw["links"].append({**raw["links"][2], "cost": 7})
    seen = {}
    with emulate(raw) as emulation:
        for name in ("first", "second"):
            before = by_link(emulation)
            transfer(emulation, "h1", "h2", 100_000)
            after = by_link(emulation)
            seen[name] = max((2, 3, 4), key=lambda link: after[f"{link}:s1"] - before[f"{link}:s1"])
            emulation.change_link("s1", "s2", 1, up=False)
        return seen


def following() -> dict:
    """Installs the routes of an alto-server that runs in one of the hosts, before and after a change of costs."""
    raw = pair(cost=1)
    raw["links"].append({**raw["links"][2], "cost": 2})
    with emulate(raw) as emulation:
        admin = f"{emulation.topology_file}.sock"
        server = [find_alto_server(), "--topology", emulation.topology_file, "--listen", "0.0.0.0:8080"]
        program = emulation.popen("h1", [*server, "--admin-socket", admin], stderr=subprocess.PIPE, text=True)
        # The server logs this once it also listens on the admin socket; without it the loop ends with the log.
        assert any("listening on" in line for line in program.stderr), "alto-server ended without listening"
        threading.Thread(target=lambda: [None for _ in program.stderr], daemon=True).start()
        before = present_routes(admin, emulation.topology)
        directory = f"http://{emulation.address('h1')}:8080/directory"
        curl = ["curl", "-s", "-m", "10", "-o", "/dev/null", "-w", "%{http_code}", directory]
        asked = emulation.run("h2", curl)
        change = '{"source": "s1", "destination": "s2", "index": 0, "utilisation": 0.9, "cost": 100}'
        post = ["curl", "-s", "-m", "10", "--unix-socket", admin, "-H", "Content-Type: application/json", "-d", change]
        emulation.run("h2", [*post, "http://localhost/admin/links"])
        after = present_routes(admin, emulation.topology)
        changed = emulation.reroute(after)
        paths = verify_paths(emulation)
        links = [[r.links for r in routes if r.source == "h1"][0] for routes in (before, after)]
        return {"status": asked.stdout, "links": links, "changed": changed, "ok": all(e["ok"] for e in paths)}


def losing() -> dict:
    """Counts the answers to pings over a link that loses a fifth of its packets."""
    with emulate(pair(loss=20, delay=1)) as emulation:
        ping = emulation.run("h1", ["ping", "-q", "-i", "0.002", "-c", "500", "-W1", emulation.address("h2")])
        received = int(ping.stdout.split(" received")[0].split()[-1])
        return {"received": received, "mode": emulation.builder.delays.mode}


def loaded(priority: str) -> dict:
    """Measures the time to connect through a congested link."""
    with emulate(pair(bandwidth=2), ack_priority=priority) as emulation:
        address = emulation.address("h2")

        def listen() -> socket.socket:
            one = socket.create_server((address, 0), backlog=64)
            one.settimeout(20)
            return one

        listener = emulation.namespace("h2").run(listen)
        port = listener.getsockname()[1]
        stop = threading.Event()

        def fill() -> None:
            with socket.create_connection((address, port), 20) as connection:
                while not stop.is_set():
                    connection.send(bytes(1 << 14))

        filler = threading.Thread(target=lambda: emulation.namespace("h1").run(fill))
        filler.start()
        incoming, _ = listener.accept()
        draining = threading.Thread(target=lambda: [None for _ in iter(lambda: incoming.recv(1 << 16), b"")])
        draining.start()
        link = emulation.link("s1", "s2").index
        # The queue holds 15,140 bytes; half of it is several times what the acknowledgements alone would leave there.
        while not any(one.waiting > 7_500 for one in emulation.link_counters() if one.link == link):
            time.sleep(0.02)

        def connect() -> list[float]:
            times = []
            for _ in range(8):
                begin = time.perf_counter()
                socket.create_connection((address, port), 20).close()
                times.append((time.perf_counter() - begin) * 1000)
                # Spreads the attempts over the ups and downs of the queue.
                time.sleep(0.05)
            return times

        times = emulation.namespace("h1").run(connect)
        stop.set()
        filler.join()
        draining.join()
        return {"min": min(times), "median": statistics.median(times), "used": emulation.builder.shaping.ack_priority}


def tidy() -> dict:
    """Starts programs that do not end by themselves, in two networks one after the other."""
    seen = {}
    for number in (1, 2):
        with emulate(pair(), grace=0.5) as emulation:
            emulation.popen("h1", ["sh", "-c", "setsid sleep 1000 & sleep 1000"])
            emulation.popen("h2", ["sh", "-c", "trap '' TERM; echo here; sleep 1000; sleep 1000"])
            folder = emulation.run("h1", ["pwd"], timeout=10).stdout.strip() == os.getcwd()
            end = emulation.popen("h2", ["sleep", "1000"])
            status = emulation.end(end)
            spaces = emulation.builder.spaces()
            while len(_inside(spaces)) < 7:
                # Another program's processes cannot be waited for; run_case bounds this.
                time.sleep(0.01)
        while _inside(spaces):
            # What was killed takes a moment to be gone; run_case bounds this, too.
            time.sleep(0.01)
        seen[number] = [len(_inside(spaces)), status, folder, os.path.exists(emulation.topology_file)]
    return seen


def _inside(spaces: dict[str, int]) -> list[str]:
    found = []
    for entry in filter(str.isdigit, os.listdir("/proc")):
        try:
            if os.readlink(f"/proc/{entry}/ns/net") in spaces:
                found.append(entry)
        except OSError:
            pass
    return found


def waiting() -> dict:
    """Runs until it is ended, with programs in hosts that would outlive it."""
    with emulate(two_isps(), grace=0.5) as emulation:
        emulation.popen("ah1", ["sleep", "1000"])
        emulation.popen("bh1", ["sh", "-c", "trap '' TERM HUP INT; sleep 1000 & wait; sleep 1000"])
        print("ready", flush=True)
        while True:
            signal.pause()


def open_ended() -> dict:
    """The same without isolation, where nothing ends the program when this process is killed."""
    with emulate(pair()) as emulation:
        program = emulation.popen("h1", ["sleep", "1000"])
        print(f"ready {program.pid}", flush=True)
        while True:
            signal.pause()


def cleaning() -> dict:
    """Starts another emulation without isolation and records its messages."""
    said: list[str] = []
    with emulate(pair(), say=said.append) as emulation:
        return {"said": said, "ok": all(entry["ok"] for entry in verify_paths(emulation))}


CASES = {
    case.__name__: case
    for case in (whole, failing, parallel, following, losing, loaded, tidy, waiting, open_ended, cleaning)
}  # fmt: skip

if __name__ == "__main__":
    if sys.argv[1] not in ("open_ended", "cleaning"):
        isolate()
    print(json.dumps(CASES[sys.argv[1]](*sys.argv[2:])))
