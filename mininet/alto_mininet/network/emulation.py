"""The running network of a topology: start and stop, programs in hosts, byte counters, link changes."""

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

from . import leftovers
from .build import EmulationError, prepare
from .congestion import connection_congestion
from .counters import Sent
from .namespace import Namespace, is_isolated
from .nodes import AltoTopo
from .routes import Route, compute_routes
from .topology import MAX_BANDWIDTH, MAX_DELAY, MIN_BANDWIDTH, Link, Topology
from mininet.log import setLogLevel
from mininet.net import VERSION as MININET_VERSION
from mininet.net import Mininet

# Seconds a program has to end after SIGTERM.
GRACE = 5.0


@dataclass(frozen=True)
class LinkCount:
    """Counters of one direction of a link since the start. `link` is its index in the topology file."""

    link: int
    source: str
    destination: str
    bytes: int
    packets: int
    dropped: int
    waiting: int


class Emulation:
    """A network that runs from `start` to `stop`, or inside a `with` statement.

    Nodes have their names from the topology file; where Mininet needs another name, `facts()["names"]` maps it.
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
        """Checks everything that can be checked without building."""
        self.topology = topology
        self.say = say
        self._grace = grace
        self._alto_server = alto_server
        self._folder = tempfile.mkdtemp(prefix="alto-emulation-")
        # The topology in its current state, for programs that must agree with it, such as alto-server in a host.
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

    def start(self) -> None:
        """Builds the network. Afterwards every host can reach all hosts that it has a route to."""
        if self.net is not None:
            raise EmulationError("the network is running already")
        leftovers.clean(self.say)
        for warning in self.warnings:
            self.say(f"warning: {warning}")
        begin = time.monotonic()
        _raise_file_limit()
        self._private_names()
        setLogLevel("warning")
        # Keeps Mininet from changing settings of the whole machine.
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
        """Ends all programs that run in hosts, then the network, and removes temporary files."""
        self._end(self._programs, self._grace)
        self._programs = []
        leftovers.end_inside(self.builder.spaces())
        net, self.net = self.net, None
        self.builder.stop()
        if net is not None:
            net.stop()
        shutil.rmtree(self._folder, ignore_errors=True)

    def popen(self, host: str, argv: Sequence[str], **options: Any) -> subprocess.Popen[Any]:
        """Starts a program in a host, with the options of `subprocess.Popen`. `stop` ends it and all its descendants.

        It gets a session of its own, so that an interrupt from the keyboard does not reach it.
        """
        if "start_new_session" in options or "process_group" in options:
            raise EmulationError("popen: drop start_new_session and process_group: each program gets a session anyway")
        options.setdefault("stdin", subprocess.DEVNULL)
        options.setdefault("stdout", subprocess.DEVNULL)
        options.setdefault("stderr", options["stdout"] if options["stdout"] == subprocess.DEVNULL else None)
        options["env"] = leftovers.mark(options.get("env"))
        program = self.node(host).popen(list(argv), **options)
        self._programs = [one for one in self._programs if one.poll() is None] + [program]
        return program

    def run(self, host: str, argv: Sequence[str], timeout: float = 60.0) -> subprocess.CompletedProcess[str]:
        """Runs a program in a host until it ends, and returns its output and status."""
        program = self.popen(host, argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        try:
            out, err = program.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            program.kill()
            program.communicate()
            raise EmulationError(f"{host}: {' '.join(argv)} did not end within {timeout} s") from None
        return subprocess.CompletedProcess(list(argv), program.returncode, out, err)

    def end(self, program: subprocess.Popen[Any], grace: float = GRACE) -> int:
        """Ends a program, by SIGKILL after `grace` seconds, and returns its status."""
        self._end([program], grace)
        return program.wait()

    def node(self, name: str) -> Any:
        """Mininet's node object of a host or switch."""
        if self.net is None:
            raise EmulationError("the network is not running")
        if name not in self.builder.plan.names:
            raise EmulationError(f"{name!r} is neither a host nor a switch of {self.topology.source}")
        return self.net[self.builder.plan.names[name]]

    def namespace(self, name: str) -> Namespace:
        """The network namespace of a host or switch."""
        self.node(name)
        return self.builder.namespaces[name]

    def address(self, host: str, version: int | None = None) -> str:
        """First address of a host, optionally of an IP version."""
        if host not in self.topology.hosts:
            raise EmulationError(f"{host!r} is not a host of {self.topology.source}")
        entry = self.topology.hosts[host]
        found = str(entry.addresses[0].ip) if version is None else entry.address(version)
        if found is None:
            raise EmulationError(f"{host} has no address of IP version {version}")
        return found

    def link_counters(self) -> list[LinkCount]:
        """Counters of each direction of every link since the start, as its queues count: including all headers."""
        if self.net is None:
            raise EmulationError("the network is not running")
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
        """The link between two nodes; `index` selects one of several, in the order of the file."""
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
        """Changes a link while traffic runs: its bandwidth in Mbit/s, its delay in ms, or whether it is up.

        Routes are computed again from the changed topology, unless `reroute` is false because the caller does it.
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
        """The routes that alto-server computes from the topology in its current state."""
        return compute_routes(self.topology_file, self.topology, self._alto_server)

    def reroute(self, routes: list[Route] | None = None) -> int:
        """Installs routes, by default those of the current topology, and returns the number of changed entries."""
        return self.builder.reroute(self.compute_routes() if routes is None else routes)

    def facts(self) -> dict[str, Any]:
        """Facts about the network and the machine that a result has to record."""
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

    def congestion_control(self) -> str:
        """Congestion control of an actual connection between two hosts."""
        for route in self.builder.routes:
            if self.net is not None:
                version = 4 if self.topology.hosts[route.destination].address(4) else 6
                ends = self.namespace(route.source), self.namespace(route.destination)
                return connection_congestion(*ends, self.address(route.destination, version))
        return self.builder.congestion or "unknown"

    def _private_names(self) -> None:
        """Makes host names resolve without a name server, in a private mount namespace only."""
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
        """Sends SIGTERM to all programs first, so that together they take as long as the slowest."""
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
            # Descendants that it left behind are still in its process group.
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
    """Raises the limit on open files: each node takes five, and 1,024 would allow 200 nodes."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
