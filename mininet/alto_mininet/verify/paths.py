"""Tests of the path of each route: datagrams sent along it, and the routers on it that answer.

This process opens sockets in the namespaces of the hosts and starts no program.
"""

from __future__ import annotations

import random
import select
import socket
import struct
import time
from typing import Any

from ..network.emulation import Emulation
from ..network.routes import Route
from .sockets import readable

IP_RECVERR, IP_RECVTTL = 11, 12
IPV6_RECVERR, IPV6_UNICAST_HOPS, IPV6_RECVHOPLIMIT, IPV6_HOPLIMIT = 25, 16, 51, 52
START_HOPS = 64
# Probes with a limited number of hops go to this port plus the number of hops; nothing listens there.
PROBE_PORT = 33434


def verify_paths(emulation: Emulation, sample: int | None = None, seed: int = 0) -> list[dict[str, Any]]:
    """Tests every route, or a random sample: how many routers its datagrams pass, and which routers answer.

    Each entry has `source`, `destination`, `version`, `expected` (nodes), `hops` (routers passed, from the hop limit on
    arrival), `path` (nodes, from ICMP errors) and `ok`.
    """
    routes = list(emulation.builder.routes)
    if sample is not None and sample < len(routes):
        routes = random.Random(seed).sample(routes, sample)
    entries = []
    for version in (4, 6):
        hosts = emulation.topology.hosts
        both = [r for r in routes if hosts[r.source].address(version) and hosts[r.destination].address(version)]
        if both:
            entries += _verify_version(emulation, both, version)
    return entries


def _verify_version(emulation: Emulation, routes: list[Route], version: int) -> list[dict[str, Any]]:
    hops = _arriving(emulation, routes, version)
    paths = _answering(emulation, routes, version)
    entries = []
    for route in routes:
        key = (route.source, route.destination)
        path = [route.source, *paths.get(key, []), route.destination]
        ok = hops.get(key) == len(route.path) - 2 and tuple(path) == route.path
        entry = {"source": route.source, "destination": route.destination, "version": version}
        entries.append({**entry, "expected": list(route.path), "hops": hops.get(key), "path": path, "ok": ok})
    return entries


def _patience(emulation: Emulation, routes: list[Route]) -> float:
    """Seconds to wait for datagrams: four times the longest path, and time for a busy machine."""
    links = emulation.topology.links
    longest = max((sum(links[place].delay for place in route.links) for route in routes), default=0.0)
    return 0.5 + 4 * longest / 1000


def _udp(emulation: Emulation, host: str, version: int) -> socket.socket:
    address = emulation.address(host, version)

    def make() -> socket.socket:
        one = socket.socket(socket.AF_INET if version == 4 else socket.AF_INET6, socket.SOCK_DGRAM)
        one.bind((address, 0))
        one.setblocking(False)
        return one

    return emulation.namespace(host).run(make)


def _arriving(emulation: Emulation, routes: list[Route], version: int) -> dict[tuple[str, str], int]:
    """Number of routers that each route's datagram passed, from its hop limit on arrival."""
    senders = {host: _udp(emulation, host, version) for host in {route.source for route in routes}}
    receivers = {host: _udp(emulation, host, version) for host in {route.destination for route in routes}}
    level, kind = (socket.IPPROTO_IP, socket.IP_TTL) if version == 4 else (socket.IPPROTO_IPV6, IPV6_HOPLIMIT)
    for receiver in receivers.values():
        receiver.setsockopt(level, IP_RECVTTL if version == 4 else IPV6_RECVHOPLIMIT, 1)
    hops: dict[tuple[str, str], int] = {}
    try:
        numbered = {struct.pack("=I", i): route for i, route in enumerate(routes)}
        for _ in range(3):
            missing = {p: r for p, r in numbered.items() if (r.source, r.destination) not in hops}
            for payload, route in missing.items():
                senders[route.source].sendto(payload, receivers[route.destination].getsockname()[:2])
                _collect(receivers, numbered, hops, kind, 0)
            deadline = time.monotonic() + _patience(emulation, routes)
            while len(hops) < len(routes) and time.monotonic() < deadline:
                _collect(receivers, numbered, hops, kind, 0.02)
    except OSError as error:
        emulation.say(f"warning: a path could not be tested: {error}")
    finally:
        for one in (*senders.values(), *receivers.values()):
            one.close()
    return hops


def _collect(
    receivers: dict[str, socket.socket],
    numbered: dict[bytes, Route],
    hops: dict[tuple[str, str], int],
    kind: int,
    timeout: float,
) -> None:
    for ready in readable(list(receivers.values()), timeout):
        payload, ancillary, _, _ = ready.recvmsg(64, 128)
        route = numbered.get(payload)
        for _, found, data in ancillary:
            if found == kind and route is not None:
                hops[route.source, route.destination] = START_HOPS - struct.unpack_from("=i", data)[0]


def _answering(emulation: Emulation, routes: list[Route], version: int) -> dict[tuple[str, str], list[str]]:
    """The routers on each path, from their ICMP errors about probes with a limited number of hops."""
    names = {ids[version == 6]: name for name, ids in emulation.builder.plan.router_ids.items()}
    sources = {host: _udp(emulation, host, version) for host in {route.source for route in routes}}
    addresses = {emulation.address(route.destination, version): route.destination for route in routes}
    level = socket.IPPROTO_IP if version == 4 else socket.IPPROTO_IPV6
    for one in sources.values():
        one.setsockopt(level, IP_RECVERR if version == 4 else IPV6_RECVERR, 1)
    found: dict[tuple[str, str, int], str] = {}
    wanted = {(r.source, r.destination, far) for r in routes for far in range(1, len(r.path) - 1)}
    owners = {one.fileno(): host for host, one in sources.items()}
    option = socket.IP_TTL if version == 4 else IPV6_UNICAST_HOPS
    try:
        for _ in range(4):
            for source, destination, far in sorted(wanted - set(found)):
                one = sources[source]
                one.setsockopt(level, option, far)
                try:
                    one.sendto(b"path", (emulation.address(destination, version), PROBE_PORT + far))
                except OSError:
                    # A pending ICMP error of the socket is reported by its next send; _errors reads it.
                    pass
                _errors(sources, owners, addresses, names, found, 0)
            deadline = time.monotonic() + _patience(emulation, routes)
            while len(found) < len(wanted) and time.monotonic() < deadline:
                _errors(sources, owners, addresses, names, found, 0.02)
            if len(found) >= len(wanted):
                break
    finally:
        for one in sources.values():
            one.close()
    paths: dict[tuple[str, str], list[str]] = {}
    for source, destination, far in sorted(wanted):
        paths.setdefault((source, destination), []).append(found.get((source, destination, far), "?"))
    return paths


def _errors(
    sources: dict[str, socket.socket],
    owners: dict[int, str],
    addresses: dict[str, str],
    names: dict[str, str],
    found: dict[tuple[str, str, int], str],
    timeout: float,
) -> None:
    for ready in readable(list(sources.values()), timeout, select.POLLERR):
        try:
            _, ancillary, _, target = ready.recvmsg(64, 512, socket.MSG_ERRQUEUE)
        except BlockingIOError:
            continue
        for level, kind, data in ancillary:
            if (level, kind) == (socket.IPPROTO_IP, IP_RECVERR) and len(data) >= 24:
                offender = socket.inet_ntop(socket.AF_INET, data[20:24])
            elif (level, kind) == (socket.IPPROTO_IPV6, IPV6_RECVERR) and len(data) >= 40:
                offender = socket.inet_ntop(socket.AF_INET6, data[24:40])
            else:
                continue
            destination = addresses.get(target[0])
            if destination is not None and offender in names:
                found[owners[ready.fileno()], destination, target[1] - PROBE_PORT] = names[offender]
