"""The plan of a network: names, interfaces, addresses and routes, as commands for `ip`.

Every switch becomes a router in a namespace of its own, with host routes and no subnets on its links. So cyclic graphs
need no spanning tree, traffic takes exactly the given routes, and nothing is flooded. Neighbour entries are static, so
that links carry only the packets of the experiment. A plan is made and tested without privileges.
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass, field

from .routes import Forwarding
from .topology import Link, Topology, TopologyError

# The kernel allows 15 characters in an interface name; Mininet's names are NODE-ethN.
MAX_INTERFACE = 15
MAX_NAME = 10
# Mininet's prompt recognizes a node by letters, digits and _; a dash would end the name.
PLAIN_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
# Commands of Mininet's prompt, which would shadow a node of the same name.
PROMPT_WORDS = frozenset(
    "EOF dpctl dump exit gterm h help intfs iperf iperfudp link links net nodes noecho pingall pingallfull pingpair "
    "pingpairfull ports px py quit sh source switch time wait x xterm".split()
)
# Candidate blocks for the routers' addresses, which traceroute shows; the first without a host is used.
ROUTER_BLOCKS = ("172.31.0.0/16", "198.18.0.0/15", "100.64.0.0/10")
ROUTER_BLOCKS_6 = ("fd00:a170::/64", "fdff:a170::/64")


@dataclass(frozen=True)
class Port:
    """One end of a cable."""

    cable: int
    end: int
    node: str
    name: str
    mac: str
    link_local: str

    @property
    def peer_end(self) -> int:
        return 1 - self.end


@dataclass
class Cable:
    """A connection of two nodes: one undirected link, or two directed links in opposite directions."""

    index: int
    ports: tuple[Port, Port]
    # The link that carries traffic away from each end, if any.
    links: tuple[Link | None, Link | None]

    @property
    def up(self) -> bool:
        return any(link is not None and link.up for link in self.links)

    @property
    def delayed(self) -> bool:
        return any(link is not None and link.delay > 0 for link in self.links)

    def peer(self, port: Port) -> Port:
        return self.ports[port.peer_end]


@dataclass
class Plan:
    """A network to be built."""

    topology: Topology
    # Mininet's name of each node, which also begins the names of its interfaces.
    names: dict[str, str]
    cables: list[Cable]
    # IPv4 and IPv6 address of each node as a router and next hop.
    router_ids: dict[str, tuple[str, str]]
    ipv6: bool = True
    ports: dict[str, list[Port]] = field(default_factory=dict)
    # The port through which a node sends over a link, by link index and node.
    senders: dict[tuple[int, str], Port] = field(default_factory=dict)

    def renamed(self) -> dict[str, str]:
        """The nodes that have another name in Mininet, with that name."""
        return {name: short for name, short in self.names.items() if name != short}


def make_plan(topology: Topology, ipv6: bool = True) -> Plan:
    """Makes the plan of a topology."""
    cables = _pair(topology.links)
    degree: dict[str, int] = {}
    for ends, _ in cables:
        for node in ends:
            degree[node] = degree.get(node, 0) + 1
    names = _names(topology, degree)
    plan = Plan(topology, names, [], _router_ids(topology), ipv6, {name: [] for name in topology.nodes()})
    for index, (ends, links) in enumerate(cables):
        ports = tuple(_port(plan, index, end, node) for end, node in enumerate(ends))
        plan.cables.append(Cable(index, ports, links))
        for port, link in zip(ports, links):
            plan.ports[port.node].append(port)
            if link is not None:
                plan.senders[link.index, port.node] = port
    return plan


def _pair(links: list[Link]) -> list[tuple[tuple[str, str], tuple[Link | None, Link | None]]]:
    """Pairs directed links of opposite directions, in the order of the file, into cables."""
    cables: list[tuple[tuple[str, str], list[Link | None]]] = []
    waiting: dict[tuple[str, str], list[int]] = {}
    for link in links:
        ends = (link.source, link.destination)
        if not link.directed:
            cables.append((ends, [link, link]))
            continue
        opposite = waiting.get((link.destination, link.source))
        if opposite:
            cables[opposite.pop(0)][1][1] = link
            continue
        waiting.setdefault(ends, []).append(len(cables))
        cables.append((ends, [link, None]))
    return [(ends, (pair[0], pair[1])) for ends, pair in cables]


def _port(plan: Plan, cable: int, end: int, node: str) -> Port:
    # Mininet numbers the ports of hosts from 0 and those of switches from 1.
    number = len(plan.ports[node]) + (node in plan.topology.switches)
    mac = f"02:a1:{cable >> 16 & 255:02x}:{cable >> 8 & 255:02x}:{cable & 255:02x}:{end + 1:02x}"
    return Port(cable, end, node, f"{plan.names[node]}-eth{number}", mac, f"fe80::{cable + 1:x}:{end + 1:x}")


def _names(topology: Topology, degree: dict[str, int]) -> dict[str, str]:
    """Names that Mininet accepts: the node's own if possible, else with _ for other characters, else h1, s1, ..."""

    def fits(name: str, node: str) -> bool:
        room = MAX_INTERFACE - len(f"-eth{degree.get(node, 0)}")
        return bool(PLAIN_NAME.fullmatch(name)) and len(name) <= min(room, MAX_NAME) and name not in PROMPT_WORDS

    names = {node: node for node in topology.nodes() if fits(node, node)}
    taken = set(names.values())
    for node in topology.nodes():
        if node in names:
            continue
        plain = re.sub(r"[^A-Za-z0-9_]", "_", node)
        letter = "h" if node in topology.hosts else "s"
        candidates = (plain, *(f"{letter}{number}" for number in range(1, 2 * len(topology.nodes()) + 2)))
        names[node] = next(name for name in candidates if fits(name, node) and name not in taken)
        taken.add(names[node])
    return names


def _router_ids(topology: Topology) -> dict[str, tuple[str, str]]:
    addresses = topology.addresses()

    def free(blocks: tuple[str, ...]) -> ipaddress.IPv4Network | ipaddress.IPv6Network:
        for text in blocks:
            block = ipaddress.ip_network(text)
            if not any(address.version == block.version and address.ip in block for address in addresses):
                return block
        message = f"hosts have addresses in each of {', '.join(blocks)}; leave one of these blocks to the routers"
        raise TopologyError(topology.source, [f"hosts: {message}"])

    four, six = free(ROUTER_BLOCKS), free(ROUTER_BLOCKS_6)
    return {node: (str(four[i + 1]), str(six[i + 1])) for i, node in enumerate(topology.nodes())}


def interface_lines(plan: Plan, port: Port) -> list[str]:
    """`ip` commands that configure a port and its static neighbour, or take it down if its cable is down."""
    cable = plan.cables[port.cable]
    peer, dev = cable.peer(port), port.name
    if not cable.up:
        return [f"link set dev {dev} down"]
    rid, _ = plan.router_ids[peer.node]
    lines = [f"link set dev {dev} up", f"neigh replace {rid} lladdr {peer.mac} dev {dev} nud permanent"]
    if plan.ipv6:
        lines += [
            f"address replace {port.link_local}/64 dev {dev} nodad noprefixroute",
            f"neigh replace {peer.link_local} lladdr {peer.mac} dev {dev} nud permanent",
            # For traffic to the other end of this link only, such as measurements of the link.
            f"route replace {peer.link_local}/128 dev {dev}",
        ]
    host = plan.topology.hosts.get(peer.node)
    for address in host.addresses if host else ():
        lines.append(f"neigh replace {address.ip} lladdr {peer.mac} dev {dev} nud permanent")
    return lines


def address_lines(plan: Plan, node: str) -> list[str]:
    """`ip` commands that set the addresses of a node."""
    lines = ["link set dev lo up"]
    host = plan.topology.hosts.get(node)
    if host is None:
        four, six = plan.router_ids[node]
        lines.append(f"address replace {four}/32 dev lo")
        return [*lines, f"address replace {six}/128 dev lo nodad"] if plan.ipv6 else lines
    ports = plan.ports[node]
    # All on the first interface. The prefix length has no effect, because all traffic goes through the router.
    for address in host.addresses if ports else ():
        nodad = " nodad" if address.version == 6 else ""
        lines.append(f"address replace {address} dev {ports[0].name}{nodad} noprefixroute")
    return lines


# Routes of a node: destination prefix to the arguments that follow it in `ip route`.
RouteTable = dict[str, str]


def route_table(plan: Plan, tables: Forwarding, node: str, congestion: str | None = None) -> RouteTable:
    """The routes of a node, optionally with the congestion control of connections that take them.

    The default route of a host uses the link that most of its routes use.
    """
    own = plan.topology.hosts.get(node)
    ways: dict[str, tuple[int, str]] = tables.get(node, {})
    usual = None
    if own is not None and ways:
        counts: dict[tuple[int, str], int] = {}
        for way in ways.values():
            if plan.topology.hosts.get(way[1]) is None:
                counts[way] = counts.get(way, 0) + 1
        usual = max(counts, key=lambda way: (counts[way], -way[0])) if counts else None
    table: RouteTable = {}
    for destination, way in ways.items():
        if way != usual:
            for address in plan.topology.hosts[destination].addresses:
                prefix = f"{address.ip}/{address.max_prefixlen}"
                table[prefix] = _route(plan, node, way, address.version, destination == way[1])
    if usual is not None and own is not None:
        for version, prefix in ((4, "0.0.0.0/0"), (6, "::/0")):
            if own.address(version):
                table[prefix] = _route(plan, node, usual, version, False)
    suffix = f" congctl {congestion}" if congestion else ""
    return {prefix: f"{way}{suffix}" for prefix, way in table.items()}


def _route(plan: Plan, node: str, way: tuple[int, str], version: int, last: bool) -> str:
    link, there = way
    port = plan.senders[link, node]
    peer = plan.cables[port.cable].peer(port)
    host = plan.topology.hosts.get(node)
    source = host.address(version) if host else None
    # The host's own address as source, rather than one of the link.
    src = f" src {source}" if source else ""
    if version == 6:
        return f"via {peer.link_local} dev {port.name}{src}"
    if last:
        return f"dev {port.name} scope link{src}"
    return f"via {plan.router_ids[there][0]} dev {port.name} onlink{src}"


def route_changes(before: RouteTable, after: RouteTable) -> list[str]:
    """`ip` commands that turn one table into another; new routes come first, so that no packet is lost in between."""
    lines = [f"route replace {prefix} {way}" for prefix, way in after.items() if before.get(prefix) != way]
    return lines + [f"route del {prefix} {way}" for prefix, way in before.items() if prefix not in after]
