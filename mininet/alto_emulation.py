"""A topology as a running network: start, run programs in hosts, count bytes, change links, stop."""

from __future__ import annotations

import os
import platform
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from typing import Any, Callable, Sequence

import alto_leftovers
import alto_links
import alto_paths
from alto_build import EmulationError, prepare
from alto_counters import Sent
from alto_namespace import Namespace, is_isolated
from alto_nodes import AltoTopo
from alto_routes import Route, compute_routes
from alto_topology import MAX_BANDWIDTH, MAX_DELAY, MIN_BANDWIDTH, Link, Topology
from mininet.log import setLogLevel
from mininet.net import VERSION as MININET_VERSION
from mininet.net import Mininet

# How long a program may take to end when it is asked to.
GRACE = 5.0


@dataclass(frozen=True)
class LinkCount:
    """What one direction of a link carried since the start. `link` is its place in the topology file."""

    link: int
    source: str
    destination: str
    bytes: int
    packets: int
    dropped: int
    waiting: int


class Emulation:
    """A network that runs from `start` to `stop`, or within a `with` statement.

    Nodes are named as in the topology file everywhere; what Mininet calls them is in `facts()["names"]`.
    """

    def __init__(
        self,
        topology: Topology,
        routes: list[Route] | None = None,
        *,
        delay: str = "auto",
        congestion: str | None = "cubic",
        queue_ms: float = 50.0,
        ack_priority: str = "access",
        alto_server: str | None = None,
        grace: float = GRACE,
        say: Callable[[str], None] = lambda text: print(text, file=sys.stderr),
    ):
        """Checks everything that can be checked before anything is built."""
        self.topology = topology
        self.say = say
        self._grace = grace
        self._alto_server = alto_server
        self._folder = tempfile.mkdtemp(prefix="alto-emulation-")
        # The topology as it is emulated, for whoever has to agree with it, such as alto-server in one of the hosts.
        self.topology_file = os.path.join(self._folder, "topo.json")
        self.net: Mininet | None = None
        self._programs: list[subprocess.Popen[Any]] = []
        self._started = 0.0
        self._start_seconds = 0.0
        try:
            topology.write(self.topology_file)
            self.builder = prepare(
                topology,
                self.compute_routes() if routes is None else routes,
                delay=delay,
                congestion=congestion,
                queue_ms=queue_ms,
                ack_priority=ack_priority,
            )
        except BaseException:
            shutil.rmtree(self._folder, ignore_errors=True)
            raise
        self.warnings = [*topology.notes, *self.builder.delays.warnings, *self.builder.doubts()]

    def __enter__(self) -> "Emulation":
        self.start()
        return self

    def __exit__(self, *_exception: object) -> None:
        self.stop()

    # Running

    def start(self) -> None:
        """Builds the network; when this returns, every host reaches every other that it has a route to."""
        if self.net is not None:
            raise EmulationError("the network runs already")
        alto_leftovers.clean(self.say)
        for warning in self.warnings:
            self.say(f"warning: {warning}")
        begin = time.monotonic()
        _raise_file_limit()
        self._private_names()
        setLogLevel("warning")
        # What it would set needs the settings of the whole machine, which are not ours to change.
        Mininet.inited = True
        try:
            topo = AltoTopo(builder=self.builder)
            self.net = Mininet(topo=topo, controller=None, build=False, autoSetMacs=False)
            self.net.start()
            if self.builder.relay is not None:
                self.builder.relay.reset()
        except BaseException:
            self.stop()
            raise
        self._started = time.monotonic()
        self._start_seconds = self._started - begin

    def stop(self) -> None:
        """Ends all programs that were started in hosts, then the network. Nothing is left."""
        self._end(self._programs, self._grace)
        self._programs = []
        alto_leftovers.end_inside(self.builder.spaces())
        net, self.net = self.net, None
        self.builder.stop()
        if net is not None:
            net.stop()
        shutil.rmtree(self._folder, ignore_errors=True)

    def popen(self, host: str, argv: Sequence[str], **options: Any) -> subprocess.Popen[Any]:
        """Starts a program in a host. It is ended at `stop` at the latest, with all it started. Options are Popen's.

        It is in a session of its own, so an interrupt from the keyboard does not reach it.
        """
        if "start_new_session" in options or "process_group" in options:
            raise EmulationError("a program in a host has a session of its own already")
        options.setdefault("stdin", subprocess.DEVNULL)
        options.setdefault("stdout", subprocess.DEVNULL)
        options.setdefault("stderr", options["stdout"] if options["stdout"] == subprocess.DEVNULL else None)
        options["env"] = alto_leftovers.mark(options.get("env"))
        program = self.node(host).popen(list(argv), **options)
        self._programs = [one for one in self._programs if one.poll() is None] + [program]
        return program

    def run(self, host: str, argv: Sequence[str], timeout: float = 60.0) -> subprocess.CompletedProcess[str]:
        """Runs a program in a host to its end."""
        program = self.popen(host, argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        try:
            out, err = program.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            program.kill()
            program.communicate()
            raise EmulationError(f"{host}: {' '.join(argv)} did not end within {timeout} s") from None
        return subprocess.CompletedProcess(list(argv), program.returncode, out, err)

    def end(self, program: subprocess.Popen[Any], grace: float = GRACE) -> int:
        """Asks a program to end, and makes it when it does not; returns its status."""
        self._end([program], grace)
        return program.wait()

    def node(self, name: str) -> Any:
        """Mininet's object for a host or switch of the topology."""
        if self.net is None:
            raise EmulationError("the network does not run")
        if name not in self.builder.plan.names:
            raise EmulationError(f"{name!r} is neither a host nor a switch of {self.topology.source}")
        return self.net[self.builder.plan.names[name]]

    def namespace(self, name: str) -> Namespace:
        """The network namespace of a host or switch."""
        self.node(name)
        return self.builder.namespaces[name]

    def address(self, host: str, version: int | None = None) -> str:
        """The address of a host: its first, or its first of an IP version."""
        if host not in self.topology.hosts:
            raise EmulationError(f"{host!r} is no host of {self.topology.source}")
        entry = self.topology.hosts[host]
        found = str(entry.addresses[0].ip) if version is None else entry.address(version)
        if found is None:
            raise EmulationError(f"{host} has no address of IP version {version}")
        return found

    # Counting and changing

    def link_counters(self) -> list[LinkCount]:
        """What every link carried in each direction since the start, as its queues count it: with all headers."""
        if self.net is None:
            raise EmulationError("the network does not run")
        sent = self.builder.read_counters()
        counts = []
        for cable in self.builder.plan.cables:
            for port, link in zip(cable.ports, cable.links):
                if link is not None:
                    one = sent.get((port.node, port.name), Sent())
                    peer = cable.peer(port).node
                    numbers = (one.bytes, one.packets, one.dropped, one.waiting)
                    counts.append(LinkCount(link.index, port.node, peer, *numbers))
        return counts

    def link(self, source: str, destination: str, index: int = 0) -> Link:
        """A link by its ends; `index` counts those between the two, in the order of the file."""
        found = self.topology.find_links(source, destination)
        if not 0 <= index < len(found):
            raise EmulationError(
                f"there is no link {index} from {source!r} to {destination!r} (there are {len(found)})"
            )
        return found[index]

    def change_link(
        self,
        source: str,
        destination: str,
        index: int = 0,
        *,
        bandwidth: float | None = None,
        delay: float | None = None,
        up: bool | None = None,
        reroute: bool = True,
    ) -> None:
        """Changes a link while traffic runs: its rate in Mbit/s, its delay in ms, or whether it is there.

        A link that goes or comes back changes routes: they are computed anew from the topology as it then is, unless
        `reroute` is false, since whoever runs the network does it later or otherwise.
        """
        link = self.link(source, destination, index)
        if bandwidth is not None and not MIN_BANDWIDTH <= bandwidth <= MAX_BANDWIDTH:
            raise EmulationError(
                f"bandwidth: {bandwidth} is out of range: use {MIN_BANDWIDTH} to {MAX_BANDWIDTH:g} Mbit/s"
            )
        if delay is not None and not 0 <= delay <= MAX_DELAY:
            raise EmulationError(f"delay: {delay} is out of range: use 0 to {MAX_DELAY:g} ms")
        cable = next(cable for cable in self.builder.plan.cables if any(one is link for one in cable.links))
        was_up = cable.up
        if bandwidth is not None:
            link.bandwidth = bandwidth
            self.builder.set_rate(cable)
        if delay is not None and delay != link.delay:
            before, link.delay = link.delay, delay
            try:
                self.builder.set_delay(cable)
            except EmulationError:
                link.delay = before
                raise
        if up is not None and up != link.up:
            link.up = up
            if cable.up != was_up:
                self.builder.set_up(cable)
        self.topology.write(self.topology_file)
        if reroute:
            self.reroute()

    def compute_routes(self) -> list[Route]:
        """The routes of the topology as it is now, as alto-server computes them from the file."""
        return compute_routes(self.topology_file, self.topology, self._alto_server)

    def reroute(self, routes: list[Route] | None = None) -> int:
        """Makes traffic take other routes, by default those of the present topology; returns how many changed."""
        return self.builder.reroute(self.compute_routes() if routes is None else routes)

    # Measuring

    def verify_paths(self, sample: int | None = None, seed: int = 0) -> list[dict[str, Any]]:
        """Whether traffic takes its routes: see `alto_paths.verify_paths`."""
        return alto_paths.verify_paths(self, sample, seed)

    def verify_delays(self, probes: int = 10) -> list[dict[str, Any]]:
        """Whether links delay: see `alto_links.verify_delays`."""
        return alto_links.verify_delays(self, probes)

    def verify_shaping(self, links: list[int] | None = None, seconds: float = 2.0) -> list[dict[str, Any]]:
        """Whether links carry what they should: see `alto_links.verify_shaping`."""
        return alto_links.verify_shaping(self, links, seconds)

    # What it is

    def facts(self) -> dict[str, Any]:
        """What a result must say of the network it was measured in."""
        builder = self.builder
        return {
            "topology": self.topology.name,
            "kernel": platform.release(),
            "machine": platform.machine(),
            "cores": os.cpu_count(),
            "python": platform.python_version(),
            "mininet": MININET_VERSION,
            "iproute2": _version_of(["tc", "-V"]),
            "isolated": is_isolated(),
            "congestion-control": self.congestion_control(),
            "delay-emulation": builder.delays.mode,
            "delay-reason": builder.delays.reason,
            "delayed-links": len([c for c in builder.plan.cables if c.delayed]) if builder.delays.mode != "none" else 0,
            "relay": builder.relay.facts() if builder.relay else None,
            "queue-ms": builder.shaping.queue_ms,
            "ack-priority": builder.shaping.ack_priority,
            "start-seconds": round(self._start_seconds, 3),
            "names": builder.plan.renamed(),
            "warnings": list(self.warnings),
        }

    # Inside

    def congestion_control(self) -> str:
        """What a connection between two hosts really uses."""
        for route in self.builder.routes:
            if self.net is not None:
                return alto_paths.connection_congestion(self, route.source, route.destination)
        return self.builder.congestion or "unknown"

    def _private_names(self) -> None:
        """In a mount namespace of our own: names of hosts resolve, and no name server is waited for."""
        if not is_isolated():
            return
        lines = ["127.0.0.1 localhost", "::1 localhost"]
        for name, host in self.topology.hosts.items():
            short = self.builder.plan.names[name]
            aliases = name if short == name else f"{name} {short}"
            lines += [f"{address.ip} {aliases}" for address in host.addresses]
        for target, content in (("/etc/hosts", "\n".join(lines) + "\n"), ("/etc/resolv.conf", "")):
            path = os.path.join(self._folder, os.path.basename(target))
            with open(path, "w", encoding="utf-8") as file:
                file.write(content)
            if os.path.exists(target):
                subprocess.run(["mount", "--bind", path, os.path.realpath(target)], check=False, capture_output=True)

    @staticmethod
    def _end(programs: list[subprocess.Popen[Any]], grace: float) -> None:
        """All are asked at once, so that all together take as long as the slowest."""
        for program in programs:
            if program.poll() is None:
                program.send_signal(signal.SIGTERM)
        deadline = time.monotonic() + grace
        for program in programs:
            try:
                program.wait(max(deadline - time.monotonic(), 0.01))
            except subprocess.TimeoutExpired:
                program.kill()
                program.wait()
            # What it started and left behind is still in its group.
            try:
                os.killpg(program.pid, signal.SIGKILL)
            except (ProcessLookupError, PermissionError):
                pass


def _version_of(command: list[str]) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=10)
    except (OSError, subprocess.TimeoutExpired):
        return "unknown"
    return next((part.strip() for part in done.stdout.split(",") if "iproute2" in part), "unknown")


def _raise_file_limit() -> None:
    """Each node takes five open files; the usual limit of 1024 would end at 200 nodes."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
