"""One run of a swarm: network, tracker and clients, until all have the content; measured at the links."""

from __future__ import annotations

import json
import random
import subprocess
import threading
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from ..network.api import Emulation, load_topology
from . import clients

READY_SECONDS = 60
POLL_SECONDS = 0.2
MEGA = 1_000_000


class SwarmError(Exception):
    """A reason why a run cannot continue."""


@dataclass(frozen=True)
class Member:
    """A client of a run."""

    host: str
    # Name of the client: transmission, aria2 or libtorrent.
    client: str
    # Seconds after the start at which it joins.
    joins: float = 0.0


@dataclass(frozen=True)
class Plan:
    """Everything that determines a run."""

    topology: str
    # Host of alto-server and its tracker.
    tracker: str
    seed: Member
    leechers: list[Member]
    # Links whose traffic is measured, as pairs of nodes.
    watched: list[tuple[str, str]]
    size: int
    piece: str
    # Bytes per second that the seed may send.
    seed_upload: int
    neighbours: int = 50
    # Options of alto-server.
    options: list[str] = field(default_factory=list)
    private: bool = True
    time_limit: float = 300.0

    def to_json(self) -> str:
        return json.dumps(asdict(self))

    @staticmethod
    def from_json(text: str) -> "Plan":
        read = json.loads(text)
        read["seed"] = Member(**read["seed"])
        read["leechers"] = [Member(**member) for member in read["leechers"]]
        read["watched"] = [tuple(pair) for pair in read["watched"]]
        return Plan(**read)


@dataclass(frozen=True)
class Outcome:
    """Measures of a run."""

    # Bytes that the watched links carried, both directions, by the counters of their queues.
    watched: int
    # Bytes that all links between switches carried.
    core: int
    # Bytes that all clients received beyond the content, over the content: headers, requests, and what came twice.
    overhead: float | None
    # Seconds from its joining until each leecher had the content.
    seconds: dict[str, float]
    unfinished: list[str]
    # Peers that the tracker named, by their location.
    named: dict[str, int]

    def to_json(self) -> str:
        return json.dumps(asdict(self))


def run(plan: Plan, programs: Path, work: Path) -> Outcome:
    """Executes a run. The caller has isolated the process (`network.namespace.isolate`)."""
    topology = load_topology(Path(plan.topology))
    with Emulation(topology, alto_server=str(programs / "alto-server")) as emulation:
        base = start_tracker(emulation, plan, programs)
        content = work / "content.bin"
        content.write_bytes(random.Random(plan.size).randbytes(plan.size))
        torrent = work / "content.torrent"
        create = [str(programs / "alto-peer"), "torrent", "create", str(content), "--announce", f"{base}/announce"]
        create += ["--piece-size", plan.piece, "--out", str(torrent), *([] if plan.private else ["--public"])]
        subprocess.run(create, check=True, stdout=subprocess.DEVNULL, timeout=60)
        task = clients.Task(torrent, None, None, plan.neighbours, exchange=not plan.private)
        seed = clients.Task(torrent, content, plan.seed_upload, plan.neighbours, exchange=not plan.private)
        before = counters(emulation)
        started = time.monotonic()
        start(emulation, plan.seed, seed, work)
        seconds, unfinished = play(emulation, plan, task, work, started)
        after = counters(emulation)
        named = named_peers(emulation, plan, base)
    sent = {link: after[link] - before.get(link, 0) for link in after}
    watched = {frozenset(pair) for pair in plan.watched}
    switches = set(topology.switches)
    hosts = {plan.seed.host, *(member.host for member in plan.leechers)}
    received = sum(count for (_, to), count in sent.items() if to in hosts)
    return Outcome(
        watched=sum(count for link, count in sent.items() if frozenset(link) in watched),
        core=sum(count for link, count in sent.items() if switches.issuperset(link)),
        # What those that did not finish have of the content is not known.
        overhead=None if unfinished else received / (plan.size * len(plan.leechers)) - 1,
        seconds=seconds,
        unfinished=unfinished,
        named=named,
    )


def play(
    emulation: Emulation, plan: Plan, task: clients.Task, work: Path, started: float
) -> tuple[dict[str, float], list[str]]:
    """Lets the leechers join at their times, and waits until all have the content or the time is over."""
    waiting = sorted(plan.leechers, key=lambda member: member.joins)
    active: dict[str, float] = {}
    seconds: dict[str, float] = {}
    while waiting or active:
        now = time.monotonic() - started
        while waiting and waiting[0].joins <= now:
            member = waiting.pop(0)
            start(emulation, member, task, work)
            active[member.host] = time.monotonic()
        for host in [host for host in active if clients.is_done(work / host)]:
            seconds[host] = round(time.monotonic() - active.pop(host), 1)
        if now > plan.time_limit:
            break
        time.sleep(POLL_SECONDS)
    return seconds, sorted([*active, *(member.host for member in waiting)])


def start(emulation: Emulation, member: Member, task: clients.Task, work: Path) -> None:
    """Starts a client in its host."""
    folder = work / member.host
    argv = clients.command(member.client, folder, task)
    with (folder / "log").open("wb") as log:
        emulation.popen(member.host, argv, stdout=log, stderr=log, cwd=folder, env={"HOME": str(folder), "PATH": PATH})


PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def start_tracker(emulation: Emulation, plan: Plan, programs: Path) -> str:
    """Starts alto-server with its tracker, and returns the URL below which the tracker is."""
    argv = [str(programs / "alto-server"), "--topology", plan.topology, "--listen", "0.0.0.0:8080", "--tracker"]
    server = emulation.popen(plan.tracker, [*argv, *plan.options], stderr=subprocess.PIPE, text=True)
    assert server.stderr is not None
    lines, ready = [], threading.Event()

    def read() -> None:
        assert server.stderr is not None
        for line in server.stderr:
            lines.append(line)
            if "listening on" in line:
                ready.set()
        ready.set()

    threading.Thread(target=read, daemon=True).start()
    if not ready.wait(READY_SECONDS) or server.poll() is not None:
        raise SwarmError("alto-server did not start; it said:\n" + "".join(lines[-10:]))
    return f"http://{emulation.address(plan.tracker, 4)}:8080/tracker"


def counters(emulation: Emulation) -> dict[tuple[str, str], int]:
    """Bytes that each direction of each link has carried."""
    found: dict[tuple[str, str], int] = {}
    for count in emulation.link_counters():
        link = count.source, count.destination
        found[link] = found.get(link, 0) + count.bytes
    return found


def named_peers(emulation: Emulation, plan: Plan, base: str) -> dict[str, int]:
    """Peers that the tracker named, by location, from its metrics."""
    url = base.removesuffix("/tracker") + "/metrics"
    program = "import sys, urllib.request; print(urllib.request.urlopen(sys.argv[1], timeout=20).read().decode())"
    shown = emulation.run(plan.tracker, ["/usr/bin/python3", "-c", program, url])
    found: dict[str, int] = {}
    for line in shown.stdout.splitlines():
        if line.startswith("alto_tracker_named_peers_total{"):
            found[line.split('"')[1]] = int(line.rpartition(" ")[2])
    return found


def machine_load() -> list[float]:
    """Load of the machine, which completion times depend on."""
    with open("/proc/loadavg", encoding="ascii") as file:
        return [float(value) for value in file.read().split()[:3]]


def describe(outcome: dict[str, Any]) -> str:
    """One line about a run."""
    times = list(outcome["seconds"].values())
    mean = sum(times) / len(times) if times else float("nan")
    line = f"{outcome['watched'] / MEGA:8.2f} MB over watched links, {outcome['core'] / MEGA:8.2f} MB in the core, "
    line += f"{len(times)} finished after {mean:.1f} s on average"
    line += f", {outcome['overhead']:.3f} overhead" if outcome["overhead"] is not None else ""
    return line + (f", {len(outcome['unfinished'])} did not finish" if outcome["unfinished"] else "")
