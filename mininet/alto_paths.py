"""Whether traffic goes the way it should: every route is tried, and routers say that they are on it.

Sockets are opened in the namespaces of hosts by this process; no program is started.
"""

from __future__ import annotations

import random
import select
import socket
import struct
import time
from typing import TYPE_CHECKING, Any

from alto_routes import Route

if TYPE_CHECKING:
    from alto_emulation import Emulation

TCP_CONGESTION = 13
IP_RECVERR, IP_RECVTTL = 11, 12
IPV6_RECVERR, IPV6_UNICAST_HOPS, IPV6_RECVHOPLIMIT, IPV6_HOPLIMIT = 25, 16, 51, 52
START_HOPS = 64
# Where probes of a path are sent to, by how far they may go; nobody listens there.
PROBE_PORT = 33434


def verify_paths(emulation: Emulation, sample: int | None = None, seed: int = 0) -> list[dict[str, Any]]:
    """Sends along every route, or some, and says where it went: hops of what arrives, and the routers on the way.

    Each entry has `source`, `destination`, `version`, `expected` (nodes), `hops` (routers passed, by what arrived),
    `path` (nodes, as routers answered) and `ok`.
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
    """How long to wait for what was sent: several times the longest way."""
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
    """How many routers each datagram passed, as its remaining hops say where it arrives."""
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
        emulation.say(f"warning: a path could not be tried: {error}")
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


def readable(sockets: list[socket.socket], timeout: float, events: int = select.POLLIN) -> list[socket.socket]:
    poller = select.poll()
    by_number = {one.fileno(): one for one in sockets}
    for number in by_number:
        poller.register(number, events)
    return [by_number[number] for number, _ in poller.poll(timeout * 1000)]


def _answering(emulation: Emulation, routes: list[Route], version: int) -> dict[tuple[str, str], list[str]]:
    """The routers on each way, as they answer what may go no further."""
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
                    # An error that waits is told to the next who sends.
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


def connection_congestion(emulation: Emulation, source: str, destination: str) -> str:
    """The congestion control of a connection between two hosts, asked of the connection itself."""
    version = 4 if emulation.topology.hosts[destination].address(4) else 6
    family = socket.AF_INET if version == 4 else socket.AF_INET6
    address = emulation.address(destination, version)

    def listen() -> socket.socket:
        listener = socket.socket(family, socket.SOCK_STREAM)
        listener.bind((address, 0))
        listener.listen(1)
        return listener

    def connect() -> str:
        with socket.create_connection((address, port), timeout=10) as connection:
            return connection.getsockopt(socket.IPPROTO_TCP, TCP_CONGESTION, 16).split(b"\0")[0].decode()

    with emulation.namespace(destination).run(listen) as listener:
        port = listener.getsockname()[1]
        try:
            return emulation.namespace(source).run(connect)
        except OSError as error:
            return f"unknown ({error.strerror or error})"
