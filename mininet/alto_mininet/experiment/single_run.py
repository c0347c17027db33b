"""The program of one run: builds the network in namespaces of its own, starts server and peers, records everything.

`experiment.py` starts one process per run. Its standard output reports progress, standard error is its log, and its
folder holds result.json if and only if the run finished.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import json
import os
import random
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..network.api import ERRORS, Emulation, is_isolated, isolate, load_topology
from ..places import REPOSITORY
from ..scenario.load import load
from ..scenario.model import LinkEvent, Peer, Policy, Scenario, ScenarioError
from . import traffic
from .link_feedback import LoadMeter, Reporter
from .participants import Peers, RunError, Server
from .processes import end_processes

READY_SECONDS = 60
SAMPLE_SECONDS = 1.0
CROSS_PORT = 9
NICENESS = -10
# Routes that are recorded for the replay; each takes about 40 bytes before compression.
MAX_ROUTES = 40_000


@dataclass
class Action:
    """An action at a time after the start of the run."""

    at: float
    what: str
    subject: Any = field(compare=False)


class SingleRun:
    """One run of a scenario, with a policy and a seed."""

    def __init__(
        self, scenario: Scenario, policy: Policy, seed: int, folder: Path, options: argparse.Namespace
    ) -> None:
        self.scenario, self.policy, self.seed, self.folder, self.options = scenario, policy, seed, folder, options
        self.work = folder / "work"
        self.random = random.Random(f"{scenario.name} {seed}")
        self.joined: dict[str, float] = {}
        self.senders: dict[int, subprocess.Popen] = {}
        self.sinks: list[subprocess.Popen] = []
        self.reporter: Reporter | None = None
        self.log: list[dict[str, Any]] = []
        # The pairs of hosts whose routes cross protected links, each time these change.
        self.crossing: list[dict[str, Any]] = []
        # The switches on the way between hosts of peers, each time routes may have changed.
        self.routes: list[dict[str, Any]] = []

    def make(self) -> None:
        """Executes the run and writes result.json."""
        wall = time.monotonic()
        self.prepare()
        topology = load_topology(self.scenario.folder / "topo.json")
        emulation = Emulation(topology, delay=self.options.delay_mode, alto_server=self.program("alto-server"))
        with emulation:
            (self.folder / "events").mkdir()
            self.peers = Peers(self.folder / "events")
            self.emulation = emulation
            try:
                self.server = self.start_server()
                outcome = self.play()
            finally:
                self.peers.close()
                end_processes([*self.senders.values(), *self.sinks])
            facts = emulation.facts()
            self.server.stop()
        self.compress()
        result = {
            "scenario": self.scenario.name,
            "policy": self.policy.name,
            "seed": self.seed,
            **outcome,
            "joined": self.joined,
            "log": self.log,
            "crossing": self.crossing,
            "facts": {**facts, **self.versions()},
            "wall_seconds": round(time.monotonic() - wall, 1),
        }
        with gzip.open(self.folder / "routes.json.gz", "wt", encoding="utf-8") as file:
            json.dump(self.routes, file, separators=(",", ":"))
        partial = self.folder / "result.json.partial"
        partial.write_text(json.dumps(result, indent=1) + "\n")
        partial.rename(self.folder / "result.json")

    def prepare(self) -> None:
        """Creates the working folder, in memory and visible to this run only, with the shared files."""
        self.work.mkdir()
        if is_isolated() and not self.options.keep_content:
            subprocess.run(["mount", "-t", "tmpfs", "-o", "size=75%", "tmpfs", str(self.work)], check=True)
        for name, size in self.scenario.files.items():
            write_content(self.work / name, size, f"{self.scenario.name} {name}")
        # Names the socket of /admin by a relative path, because a full path may exceed the limit of socket names.
        os.chdir(self.work)

    def program(self, name: str) -> str:
        return str(self.options.programs / name)

    def start_server(self) -> Server:
        settings = self.scenario.folder / "server.json"
        argv = [
            self.program("alto-server"),
            "--config",
            str(settings),
            "--topology",
            str(self.scenario.folder / self.policy.topology),
            "--admin-socket",
            "admin.sock",
        ]
        server = Server(
            lambda argv, **more: self.emulation.popen(self.scenario.server_host, argv, **more),
            argv,
            self.folder / "server.log",
            "admin.sock",
        )
        server.wait_ready(READY_SECONDS)
        return server

    def peers_file(self) -> dict[str, Any]:
        """The peers.json of this run, with the policy under test, a seed and a folder for each peer."""
        entries = []
        for number, peer in enumerate(self.scenario.peers):
            entry = {
                **peer.entry,
                "address": peer.address,
                "folder": f"got/{peer.name}",
                "join": self.join_of(peer),
                "seed": self.seed * 1000 + number,
                **self.policy.peers,
            }
            entries.append({key: value for key, value in entry.items() if value is not None})
            (self.work / "got" / peer.name).mkdir(parents=True)
        return {"server": self.scenario.directory, "peers": entries}

    def join_of(self, peer: Peer) -> float:
        """Time at which a peer joins: from the scenario, or drawn from the seed, independent of the policy."""
        if peer.join is not None:
            return peer.join
        return round(
            random.Random(f"{self.scenario.name} {self.seed} {peer.name}").uniform(0, self.scenario.join_spread), 3
        )

    def play(self) -> dict[str, Any]:
        """Starts peers and events at their times, until all peers are finished or the time limit is reached."""
        (self.work / "peers.json").write_text(json.dumps(self.peers_file(), indent=1))
        shutil.copy(self.work / "peers.json", self.folder / "peers.json")
        wanted = {peer.name: len(peer.get) for peer in self.scenario.peers if peer.get}
        actions = [Action(self.join_of(peer), "join", peer) for peer in self.scenario.peers]
        first = [
            action.subject for action in actions if action.subject.share and not action.subject.get and action.at == 0
        ]
        for peer in first:
            self.join(peer)
        for event in ("listening", "registered"):
            self.peers.wait_ready([peer.name for peer in first], event, READY_SECONDS)
        self.start_sinks()
        actions = [action for action in actions if action.subject not in first]
        actions += [Action(peer.leave, "leave", peer) for peer in self.scenario.peers if peer.leave is not None]
        actions += [Action(event.at, "link", event) for event in self.scenario.link_events]
        for number, cross in enumerate(self.scenario.cross_traffic):
            actions.append(Action(cross.start, "cross", number))
            if cross.stop is not None:
                actions.append(Action(cross.stop, "cross-stop", number))
        actions.sort(key=lambda action: action.at)
        before = {(count.source, count.destination): count.bytes for count in self.emulation.link_counters()}
        self.note_routes(0.0)
        feedback = self.policy.feedback
        reporter = self.reporter = Reporter(self.server, self.scenario, feedback) if feedback else None
        # The time of day is recorded too, because the events of the peers carry it.
        start, started = time.monotonic(), time.time()
        meter = LoadMeter(self.emulation, self.scenario, lambda: time.monotonic() - start)
        next_sample, next_report = 0.0, feedback.interval if feedback else 0.0
        said = -1.0
        with gzip.open(self.folder / "counters.csv.gz", "wt", encoding="utf-8", compresslevel=3) as samples:
            samples.write("seconds,source,destination,bytes\n")
            while True:
                now = time.monotonic() - start
                while actions and actions[0].at <= now:
                    self.act(actions.pop(0), now)
                self.server.check()
                if now >= next_sample:
                    meter.sample(samples)
                    next_sample += SAMPLE_SECONDS
                if reporter and now >= next_report:
                    self.note(now, "feedback", reporter.report(meter.load(reporter.interval), self.emulation))
                    if reporter.feedback.kind == "utilisation":
                        self.note_routes(now)
                    next_report += reporter.interval
                to_come = sum(1 for action in actions if action.what == "join" and action.subject.get)
                left = self.peers.unfinished(wanted)
                if now - said >= 1:
                    print(f"{len(wanted) - len(left) - to_come} of {len(wanted)} peers done, {now:.0f} s", flush=True)
                    said = now
                if not left and not to_come or now > self.scenario.time_limit:
                    meter.sample(samples)
                    break
                due = min([next_sample] + [action.at for action in actions[:1]] + ([next_report] if reporter else []))
                self.peers.wait(lambda: not to_come and not self.peers.unfinished(wanted), max(0.0, due - now))
        links = [
            {
                "source": count.source,
                "destination": count.destination,
                "packets": count.packets,
                "dropped": count.dropped,
                "bytes": count.bytes - before[count.source, count.destination],
            }
            for count in self.emulation.link_counters()
        ]
        return {
            "started": started,
            "seconds": round(time.monotonic() - start, 3),
            "links": links,
            "timed_out": time.monotonic() - start > self.scenario.time_limit,
            "failures": self.peers.failures(wanted) + self.dead_sharers(wanted),
        }

    def dead_sharers(self, wanted: dict[str, int]) -> list[dict[str, Any]]:
        """Peers that only share and ended without being told to."""
        told = {entry["subject"] for entry in self.log if entry["what"] == "leave"}
        return [
            {"peer": name, "reason": "ended early", "events": state.last[-5:], "log": []}
            for name, state in self.peers.states.items()
            if state.ended and name not in wanted and name not in told
        ]

    def act(self, action: Action, now: float) -> None:
        subject = action.subject
        if action.what == "join":
            self.join(subject)
        elif action.what == "leave":
            if subject.name in self.peers.states:
                self.note(now, "leave", subject.name)
                self.peers.stop([subject.name])
        elif action.what == "link":
            self.note(now, "link", f"{subject.source}-{subject.destination} {subject.change}")
            self.change_link(subject, now)
            self.note_routes(now)
        elif action.what == "cross":
            cross = self.scenario.cross_traffic[subject]
            self.note(now, "cross", f"{cross.source} to {cross.destination}, {cross.rate:g} Mbit/s")
            self.senders[subject] = self.traffic(
                cross.source, "send", self.scenario.hosts[cross.destination], str(CROSS_PORT + subject), str(cross.rate)
            )
        elif action.what == "cross-stop":
            self.note(now, "cross-stop", str(subject))
            end_processes([self.senders[subject]])

    def change_link(self, event: LinkEvent, now: float) -> None:
        """Changes a link; the server is told of failures at once, while packets are rerouted."""
        up = event.change.get("up")
        if up is False:
            self.note(now, "failure", [event.source, event.destination])
        self.emulation.change_link(event.source, event.destination, **event.change, reroute=False)
        if self.reporter and up is not None:
            self.reporter.tell(event.source, event.destination, up)
        if self.reporter and self.reporter.feedback.kind == "utilisation":
            self.reporter.reroute(self.emulation)
        else:
            self.emulation.reroute()

    def join(self, peer: Peer) -> None:
        argv = [self.program("alto-peer"), "run", "--config", "peers.json", "--name", peer.name, "--headless", "--json"]
        self.joined[peer.name] = time.time()
        self.peers.start(peer.name, lambda argv, **more: self.emulation.popen(peer.host, argv, **more), argv, self.work)

    def note_routes(self, now: float) -> None:
        """Records the routes between hosts of peers from now on, and which of them cross protected links."""
        protected = {frozenset(pair) for pair in self.scenario.protected}
        hosts = {peer.host for peer in self.scenario.peers}
        routes = [
            route for route in self.emulation.builder.routes if route.source in hosts and route.destination in hosts
        ]
        pairs = [
            [route.source, route.destination]
            for route in routes
            if any(frozenset(step) in protected for step in zip(route.path, route.path[1:]))
        ]
        self.crossing.append({"seconds": round(now, 3), "pairs": pairs})
        if len(routes) <= MAX_ROUTES:
            paths = {f"{route.source} {route.destination}": list(route.path[1:-1]) for route in routes}
            self.routes.append({"seconds": round(now, 3), "paths": paths})

    def start_sinks(self) -> None:
        for number, cross in enumerate(self.scenario.cross_traffic):
            address = self.scenario.hosts[cross.destination]
            sink = self.traffic(
                cross.destination, "sink", address, str(CROSS_PORT + number), stdout=subprocess.PIPE, text=True
            )
            self.sinks.append(sink)
            if sink.stdout is None or sink.stdout.readline().strip() != "ready":
                raise RunError(f"the receiver of cross traffic on {cross.destination} did not start")

    def traffic(self, host: str, *argv: str, **more: Any) -> subprocess.Popen:
        return self.emulation.popen(host, [sys.executable, traffic.__file__, *argv], **more)

    def note(self, now: float, what: str, subject: Any) -> None:
        """Adds an entry to the log of the result."""
        self.log.append({"seconds": round(now, 3), "what": what, "subject": subject})

    def compress(self) -> None:
        """Compresses raw events and logs, and removes the content."""
        os.chdir(self.folder)
        for path in [
            *self.folder.glob("events/*.jsonl"),
            *self.folder.glob("events/*.log"),
            self.folder / "server.log",
        ]:
            with path.open("rb") as plain, gzip.open(f"{path}.gz", "wb", compresslevel=6) as packed:
                shutil.copyfileobj(plain, packed)
            path.unlink()
        if is_isolated() and not self.options.keep_content:
            subprocess.run(["umount", "--lazy", str(self.work)], check=True)
            self.work.rmdir()

    def versions(self) -> dict[str, Any]:
        """Versions and hashes of the programs, and facts about the machine."""
        facts = {}
        for name in ("alto-server", "alto-peer"):
            path = Path(self.program(name))
            version = subprocess.run([str(path), "--version"], capture_output=True, text=True, timeout=10, check=False)
            facts[name] = f"{version.stdout.strip()} (SHA-256 {hashlib.sha256(path.read_bytes()).hexdigest()[:12]})"
        facts["commit"] = commit()
        facts["cpus"] = os.cpu_count() or 1
        facts["load-average"] = [round(value, 2) for value in os.getloadavg()]
        facts["niceness"] = os.getpriority(os.PRIO_PROCESS, 0)
        return facts


def commit() -> str:
    """The commit of the repository, and whether files differ from it; empty outside a repository."""
    # The owner of the checkout is often another user than root.
    git = ["git", "-C", str(REPOSITORY), "-c", f"safe.directory={REPOSITORY}", "describe", "--always", "--abbrev=12", "--dirty"]
    try:
        return subprocess.run(git, capture_output=True, text=True, timeout=30, check=True).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return ""


def raise_priority() -> None:
    """Raises the priority of this process, so that a busy machine does not look like a slow network."""
    try:
        os.setpriority(os.PRIO_PROCESS, 0, NICENESS)
    except OSError:
        pass


def write_content(path: Path, size: int, name: str) -> None:
    """Writes random content, the same in every run with the same name."""
    generator = random.Random(name)
    with path.open("wb") as file:
        while size > 0:
            block = min(size, 1 << 20)
            file.write(generator.randbytes(block))
            size -= block


def main(argv: list[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("scenario", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--policy", required=True)
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--programs", type=Path, required=True)
    parser.add_argument("--delay-mode", default="auto")
    parser.add_argument("--keep-content", action="store_true")
    options = parser.parse_args(argv)
    for name in ("scenario", "folder", "programs"):
        setattr(options, name, getattr(options, name).resolve())
    try:
        scenario = load(options.scenario)
        isolate()
        raise_priority()
        SingleRun(scenario, scenario.policies[options.policy], options.seed, options.folder, options).make()
    except (*ERRORS, ScenarioError, RunError, OSError, subprocess.SubprocessError) as error:
        print(f"single_run: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
