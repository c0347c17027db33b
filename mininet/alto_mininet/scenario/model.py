"""A scenario as checked data: the network, the peers, the policies compared and what happens during a run."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Iterator


class ScenarioError(Exception):
    """A problem of a scenario's files, with file, place, value and remedy."""


@dataclass(frozen=True)
class Link:
    """A link of topo.json; an undirected one carries traffic both ways."""

    source: str
    destination: str
    bandwidth: float
    delay: float
    directed: bool


@dataclass(frozen=True)
class Peer:
    """A peer of peers.json, with the defaults applied."""

    name: str
    host: str
    address: str
    port: int
    share: tuple[str, ...]
    get: tuple[str, ...]
    join: float | None
    leave: float | None
    # The entry of the file, which alto-peer receives.
    entry: dict[str, Any] = field(hash=False)


@dataclass(frozen=True)
class LinkEvent:
    """A change of a link at a time after the start."""

    at: float
    source: str
    destination: str
    change: dict[str, Any] = field(hash=False)


@dataclass(frozen=True)
class Cross:
    """Background traffic: datagrams at a constant rate in Mbit/s."""

    source: str
    destination: str
    rate: float
    start: float
    stop: float | None


@dataclass(frozen=True)
class Feedback:
    """Feedback of measured load to the server every `interval` seconds, as a price or as utilisation.

    The price is `gain * (1 / (1 - load) - 1)`.
    """

    interval: float
    kind: str
    gain: float


@dataclass(frozen=True)
class Policy:
    """One of the compared policies: settings of the peers, the server's topology, and feedback."""

    name: str
    peers: dict[str, Any]
    topology: str
    feedback: Feedback | None
    about: str


@dataclass(frozen=True)
class Scenario:
    """A checked scenario."""

    folder: Path
    name: str
    title: str
    about: str
    time_limit: float
    join_spread: float
    files: dict[str, int]
    hosts: dict[str, str]
    switches: tuple[str, ...]
    links: tuple[Link, ...]
    pids: dict[str, list[str]]
    server_host: str
    server_port: int
    directory: str
    peers: tuple[Peer, ...]
    policies: dict[str, Policy]
    protected: tuple[tuple[str, str], ...]
    link_events: tuple[LinkEvent, ...]
    cross_traffic: tuple[Cross, ...]
    positions: dict[str, tuple[float, float]]
    published: tuple[dict[str, Any], ...]
    differences: tuple[str, ...]

    def pid_of(self, address: str) -> str | None:
        """The PID of an address by longest prefix; without PIDs in the file, the switch of its host."""
        return longest_match(self.pids, address)

    def core(self) -> Iterator[Link]:
        """The links between switches."""
        switches = set(self.switches)
        return (link for link in self.links if link.source in switches and link.destination in switches)

    def directed_core(self) -> dict[tuple[str, str], float]:
        """The bandwidth of each direction of the links between switches."""
        result = {}
        for link in self.core():
            result[link.source, link.destination] = link.bandwidth
            if not link.directed:
                result[link.destination, link.source] = link.bandwidth
        return result


def longest_match(pids: dict[str, list[str]], address: str) -> str | None:
    """The PID with the longest prefix that covers an address, or None."""
    wanted = ipaddress.ip_address(address)
    best: tuple[int, str] | None = None
    for pid, prefixes in pids.items():
        for text in prefixes:
            network = ipaddress.ip_network(text, strict=False)
            if network.version == wanted.version and wanted in network:
                best = max(best or (-1, ""), (network.prefixlen, pid))
    return best[1] if best else None


def bracketed(address: str) -> str:
    """An address as part of a URI: IPv6 addresses in brackets."""
    return f"[{address}]" if ":" in address else address
