"""The builder of a planned network: configures the namespaces of running nodes, also while traffic runs."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass, field

from .counters import Counters, Sent
from .delay import Delays, choose
from .namespace import Namespace
from .plan import (
    Cable,
    Plan,
    Port,
    RouteTable,
    address_lines,
    interface_lines,
    make_plan,
    route_changes,
    route_table,
)
from .relay import Relay
from .routes import Route, forwarding
from .shaping import (
    PRIORITIES,
    SMALL_4,
    Shaping,
    gso_segments,
    leaf_lines,
    netem_kind,
    rate_lines,
    rate_of,
    shaping_lines,
)
from .topology import Topology

# Kernel settings of every node, made before there is any interface, so that each interface starts with them.
EVERY_NODE = {
    "net/ipv4/conf/all/rp_filter": "0",
    "net/ipv4/conf/default/rp_filter": "0",
    "net/ipv4/conf/all/accept_redirects": "0",
    "net/ipv4/conf/default/accept_redirects": "0",
    "net/ipv6/conf/all/disable_ipv6": "0",
    "net/ipv6/conf/default/disable_ipv6": "0",
    "net/ipv6/conf/default/accept_ra": "0",
    "net/ipv6/conf/default/router_solicitations": "0",
    "net/ipv6/conf/default/accept_dad": "0",
    # No automatic link-local addresses, hence no packets other than those of the experiment.
    "net/ipv6/conf/default/addr_gen_mode": "1",
    # Otherwise a short round-trip time would raise the number of packets sent as one bundle to 40.
    "net/ipv4/tcp_tso_rtt_log": "0",
}
ROUTER = {
    "net/ipv4/ip_forward": "1",
    "net/ipv4/conf/all/send_redirects": "0",
    "net/ipv4/conf/default/send_redirects": "0",
    # Without a limit on ICMP every probe of a path is answered.
    "net/ipv4/icmp_ratelimit": "0",
    "net/ipv4/icmp_msgs_per_sec": "100000",
    "net/ipv4/icmp_msgs_burst": "10000",
    "net/ipv6/conf/all/forwarding": "1",
    "net/ipv6/icmp/ratelimit": "0",
}


class EmulationError(RuntimeError):
    """An error in building or changing the network."""


@dataclass
class Builder:
    """A planned network under construction or running."""

    plan: Plan
    routes: list[Route]
    shaping: Shaping
    delays: Delays
    congestion: str | None
    namespaces: dict[str, Namespace] = field(default_factory=dict)
    pids: dict[str, int] = field(default_factory=dict)
    installed: dict[str, RouteTable] = field(default_factory=dict)
    counters: dict[str, Counters] = field(default_factory=dict)
    relay: Relay | None = None
    congestion_by_route: bool = False

    def __post_init__(self) -> None:
        self.tables = forwarding(self.routes)
        self._wanted: set[int] = set()
        # Bandwidth of the slowest link on any route of a node; it limits how many packets are sent as one bundle.
        self._slowest: dict[str, float] = {}
        links = self.plan.topology.links
        for route in self.routes:
            rate = min((links[place].bandwidth for place in route.links), default=1000.0)
            self._slowest[route.source] = min(rate, self._slowest.get(route.source, rate))

    def node_started(self, node: str, namespace: Namespace, pid: int) -> None:
        """Applies the kernel settings of a node that must precede its first interface."""
        self.namespaces[node], self.pids[node] = namespace, pid
        host = node in self.plan.topology.hosts
        namespace.set(EVERY_NODE if host else {**EVERY_NODE, **ROUTER})
        if host and self.congestion is not None and not self.congestion_by_route:
            try:
                namespace.set({"net/ipv4/tcp_congestion_control": self.congestion})
            except PermissionError:
                # Inside a namespace the kernel accepts only algorithms that the machine allows to all. A route may name
                # any algorithm, and hosts send by routes only.
                self.congestion_by_route = True

    def make_cable(self, index: int) -> None:
        """Creates the interfaces of a cable; all of them with the last cable, in one fast batch."""
        self._wanted.add(index)
        if len(self._wanted) < len(self.plan.cables):
            return
        lines: dict[str, list[str]] = {}
        for cable in self.plan.cables:
            if cable.index in self.delays.relayed:
                for port in cable.ports:
                    tap = [f"tuntap add dev {port.name} mode tap", f"link set dev {port.name} address {port.mac}"]
                    lines.setdefault(port.node, []).extend(tap)
                continue
            # Created from the side of the switch, which has many, so that there are few batches.
            first, second = sorted(cable.ports, key=lambda port: port.node not in self.plan.topology.switches)
            pair = f"link add name {first.name} address {first.mac} type veth"
            peer = f"peer name {second.name} address {second.mac} netns {self.pids[second.node]}"
            lines.setdefault(first.node, []).append(f"{pair} {peer}")
        for node, some in lines.items():
            self.namespaces[node].batch("ip", some)
        # An interface without its relay has no carrier, so the relay starts before anything is configured.
        if self.delays.relayed:
            self.relay = Relay([self.plan.cables[place] for place in sorted(self.delays.relayed)], self.pids)

    def configure_node(self, node: str) -> None:
        """Configures the rates, addresses, neighbours and routes of a node."""
        ports = self.plan.ports[node]
        namespace = self.namespaces[node]
        lines = address_lines(self.plan, node)
        segments = gso_segments(self._slowest.get(node, 1000.0))
        for port in ports:
            if node in self.plan.topology.hosts:
                lines.append(f"link set dev {port.name} gso_max_segs {segments}")
            lines += interface_lines(self.plan, port)
        table = self._routes(node)
        namespace.batch("tc", [line for port in ports for line in self._shaping(port)])
        namespace.batch("ip", lines + route_changes({}, table))
        self.installed[node] = table
        counters = Counters(namespace)
        counters.learn_interfaces()
        self.counters[node] = counters

    def shown_address(self, port: Port) -> tuple[str, str] | None:
        """Address and prefix length that Mininet shows for an interface."""
        host = self.plan.topology.hosts.get(port.node)
        if host is None:
            return self.plan.router_ids[port.node][0], "32"
        if host.addresses and self.plan.ports[port.node][0] == port:
            address = host.addresses[0]
            return str(address.ip), str(address.network.prefixlen)
        return None

    def reroute(self, routes: list[Route]) -> int:
        """Installs other routes and returns the number of changed entries."""
        self.routes, self.tables = routes, forwarding(routes)
        changed = 0
        for node, namespace in self.namespaces.items():
            after = self._routes(node)
            lines = route_changes(self.installed.get(node, {}), after)
            namespace.batch("ip", lines)
            self.installed[node] = after
            changed += len(lines)
        return changed

    def set_rate(self, cable: Cable) -> None:
        """Applies the current rates of a cable to both of its ends."""
        for port in cable.ports:
            rate, priority = self._rate(port), self._priority(port)
            lines = rate_lines(port.name, rate, priority, "change")
            lines += leaf_lines(port.name, rate, self.shaping, priority, "change", self._netem(port))
            self.namespaces[port.node].batch("tc", lines)

    def set_delay(self, cable: Cable) -> None:
        """Applies the current delays of a cable."""
        if self.delays.mode == "netem":
            self.set_rate(cable)
        elif cable.index in self.delays.relayed and self.relay is not None:
            self.relay.change(cable)
        else:
            ends = " -- ".join(port.node for port in cable.ports)
            how = "not emulated" if self.delays.mode == "none" else "emulated by a relay, which this link does not have"
            raise EmulationError(f"the delay of {ends} cannot be changed: delays are {how}")

    def set_up(self, cable: Cable) -> None:
        """Takes a cable down, or brings it up and restores what the kernel dropped with it."""
        for port in cable.ports:
            self.namespaces[port.node].batch("ip", interface_lines(self.plan, port))
            if not cable.up:
                table = self.installed.get(port.node, {})
                gone = [prefix for prefix, way in table.items() if f"dev {port.name} " in f"{way} "]
                for prefix in gone:
                    del table[prefix]
        if cable.up:
            for port in cable.ports:
                host = self.plan.topology.hosts.get(port.node)
                if host is not None:
                    self.namespaces[port.node].batch("ip", address_lines(self.plan, port.node))

    def interface_number(self, port: Port) -> int:
        """Interface index of a port within its namespace."""
        return self.counters[port.node].number_of(port.name)

    def read_counters(self) -> dict[tuple[str, str], Sent]:
        """Counters of every interface, by node and interface name."""
        return {(node, name): sent for node, one in self.counters.items() for name, sent in one.read().items()}

    def spaces(self) -> dict[str, int]:
        """The nodes' network namespaces, named as in /proc, each with the process ID of its node's shell."""
        spaces = {}
        for pid in self.pids.values():
            try:
                spaces[os.readlink(f"/proc/{pid}/ns/net")] = pid
            except OSError:
                continue
        return spaces

    def doubts(self) -> list[str]:
        """Warnings about links that this machine may not emulate faithfully."""
        fast = sum(link.bandwidth > 1000 for link in self.plan.topology.links)
        return [f"{fast} link(s) faster than 1 Gbit/s: this machine may not be able to fill them"] if fast else []

    def stop(self) -> None:
        """Stops the relay and closes the counters."""
        if self.relay is not None:
            self.relay.stop()
            self.relay = None
        for one in self.counters.values():
            one.close()
        self.counters.clear()

    def _routes(self, node: str) -> RouteTable:
        """The routes of a node, except those over cables that are down, which the kernel would refuse."""
        congestion = self.congestion if self.congestion_by_route and node in self.plan.topology.hosts else None
        table = route_table(self.plan, self.tables, node, congestion)
        down = {port.name for port in self.plan.ports[node] if not self.plan.cables[port.cable].up}
        return {prefix: way for prefix, way in table.items() if way.split("dev ", 1)[1].split(" ", 1)[0] not in down}

    def _rate(self, port: Port) -> float:
        cable = self.plan.cables[port.cable]
        return rate_of(cable.links[port.end], cable.links[port.peer_end])

    def _priority(self, port: Port) -> bool:
        ends = self.plan.cables[port.cable].ports
        return self.shaping.prioritised(any(end.node in self.plan.topology.hosts for end in ends))

    def _netem(self, port: Port) -> str:
        cable = self.plan.cables[port.cable]
        link = cable.links[port.end] or cable.links[port.peer_end]
        if self.delays.mode != "netem" or link is None or not (link.delay > 0 or link.loss > 0):
            return ""
        return netem_kind(link, self._rate(port), self.shaping)

    def _shaping(self, port: Port) -> list[str]:
        return shaping_lines(port.name, self._rate(port), self.shaping, self._priority(port), self._netem(port))


def prepare(
    topology: Topology,
    routes: list[Route],
    *,
    delay: str,
    congestion: str | None,
    queue_ms: float,
    ack_priority: str,
) -> Builder:
    """Checks everything that can be checked without building, and returns a builder."""
    if os.geteuid() != 0:
        raise EmulationError("building a network needs root: use sudo")
    if ack_priority not in PRIORITIES:
        raise EmulationError(f"ack_priority: {ack_priority!r} is unknown: use {', '.join(PRIORITIES)}")
    if not 1 <= queue_ms <= 10_000:
        raise EmulationError(f"queue_ms: {queue_ms} is out of range: use 1 to 10000")
    with open("/proc/sys/net/ipv4/tcp_available_congestion_control", encoding="ascii") as file:
        available = file.read().split()
    if congestion is not None and congestion not in available:
        known = ", ".join(available)
        raise EmulationError(f"congestion: {congestion!r} is not available in this kernel, which has {known}")
    ipv6 = os.path.isdir("/proc/sys/net/ipv6")
    if not ipv6 and any(address.version == 6 for address in topology.addresses()):
        message = "hosts have IPv6 addresses, but this kernel has no IPv6: remove them"
        raise EmulationError(f"{topology.source}: {message}")
    plan = make_plan(topology, ipv6)
    shaping = Shaping(queue_ms, ack_priority if ack_priority == "none" or _can_classify() else "none")
    return Builder(plan, routes, shaping, choose(delay, plan.cables), congestion)


def _can_classify() -> bool:
    """Tests, in a temporary namespace, whether the kernel can classify packets by size."""
    tries = f"tc qdisc add dev lo root handle 5: htb && tc filter add dev lo parent 5: {SMALL_4} flowid 5:1"
    try:
        done = subprocess.run(["unshare", "--net", "sh", "-c", tries], capture_output=True, timeout=30)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0
