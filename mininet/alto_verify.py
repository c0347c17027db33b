"""Whether the running network is what the file says: paths, delays and rates, measured.

Nothing here is part of the network: sockets are opened in the namespaces of its nodes by this process. Measurements of
one link run between the two ends of that link, by addresses that only it has.
"""
from __future__ import annotations

import random
import select
import socket
import statistics
import struct
import threading
import time
from typing import TYPE_CHECKING, Any

from alto_plan import Cable, Port
from alto_routes import Route

if TYPE_CHECKING:
    from alto_emulation import Emulation

TCP_CONGESTION = 13
IP_RECVERR, IP_RECVTTL = 11, 12
IPV6_RECVERR, IPV6_UNICAST_HOPS, IPV6_RECVHOPLIMIT, IPV6_HOPLIMIT = 25, 16, 51, 52
SO_TIMESTAMPNS = 35
ECHO_REQUEST, ECHO_REPLY = 128, 129
START_HOPS = 64
# Where probes of a path are sent to, by how far they may go; nobody listens there.
PROBE_PORT = 33434
# Beyond this the machine rather than the link would be measured.
MAX_MEASURED = 1000.0
# How much is sent at once in all while rates are measured, in Mbit/s, so that the machine keeps up.
BUDGET = 300.0


# Paths


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
    for ready in _readable(list(receivers.values()), timeout):
        payload, ancillary, _, _ = ready.recvmsg(64, 128)
        route = numbered.get(payload)
        for _, found, data in ancillary:
            if found == kind and route is not None:
                hops[route.source, route.destination] = START_HOPS - struct.unpack_from("=i", data)[0]


def _readable(sockets: list[socket.socket], timeout: float, events: int = select.POLLIN) -> list[socket.socket]:
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
    for ready in _readable(list(sources.values()), timeout, select.POLLERR):
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


# Delays


def verify_delays(emulation: Emulation, probes: int = 10) -> list[dict[str, Any]]:
    """The round trip over each cable that is up, from one end to the other and back.

    Each entry has `between`, `links`, `file-ms` (what the file says), `expected-ms` (what is emulated), `min-ms`,
    `median-ms` and `ok`: the median is at most 1 ms or 10 % beyond what is expected, and not below it.
    """
    cables = [cable for cable in emulation.builder.plan.cables if cable.up]
    trips: dict[int, list[float]] = {cable.index: [] for cable in cables}
    pingers = {cable.ports[0].node: _pinger(emulation, cable.ports[0].node) for cable in cables}
    longest = max((_file_ms(cable) for cable in cables), default=0.0) / 1000
    try:
        for number in range(probes):
            sent: dict[int, int] = {}
            for cable in cables:
                first, second = cable.ports
                echo = struct.pack("!BBHHH", ECHO_REQUEST, 0, 0, cable.index, number)
                scope = emulation.builder.interface_number(first)
                sent[cable.index] = time.time_ns()
                pingers[first.node].sendto(echo, (second.link_local, 0, 0, scope))
                _replies(pingers, number, sent, trips, 0)
            deadline = time.monotonic() + 0.2 + 2 * longest
            while any(len(trips[i]) <= number for i in sent) and time.monotonic() < deadline:
                _replies(pingers, number, sent, trips, 0.02)
    finally:
        for one in pingers.values():
            one.close()
    return [_delay_entry(emulation, cable, trips[cable.index]) for cable in cables]


def _file_ms(cable: Cable) -> float:
    return sum((link or cable.links[1 - end]).delay for end, link in enumerate(cable.links) if link or cable.links[1 - end])


def _delay_entry(emulation: Emulation, cable: Cable, trips: list[float]) -> dict[str, Any]:
    delays = emulation.builder.delays
    emulated = delays.mode == "netem" or cable.index in delays.relayed
    expected = _file_ms(cable) if emulated else 0.0
    median = statistics.median(trips) if trips else None
    # A queue wakes up with the clock of the kernel, which may be a little early.
    ok = median is not None and expected - 0.1 <= median <= expected + max(1.0, expected * 0.1)
    return {
        "between": [port.node for port in cable.ports],
        "links": sorted({link.index for link in cable.links if link is not None}),
        "file-ms": _file_ms(cable),
        "expected-ms": expected,
        "min-ms": round(min(trips), 3) if trips else None,
        "median-ms": round(median, 3) if median is not None else None,
        "ok": ok,
    }


def _pinger(emulation: Emulation, node: str) -> socket.socket:
    one = emulation.namespace(node).run(lambda: socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_ICMPV6))
    one.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
    one.setblocking(False)
    return one


def _replies(
    pingers: dict[str, socket.socket], number: int, sent: dict[int, int], trips: dict[int, list[float]], timeout: float
) -> None:
    for ready in _readable(list(pingers.values()), timeout):
        data, ancillary, _, _ = ready.recvmsg(256, 128)
        if len(data) < 8:
            continue
        kind, _, _, cable, sequence = struct.unpack_from("!BBHHH", data)
        if kind != ECHO_REPLY or sequence != number or cable not in sent or len(trips[cable]) > number:
            continue
        for _, found, stamp in ancillary:
            if found == SO_TIMESTAMPNS:
                seconds, nanos = struct.unpack_from("=qq", stamp)
                trips[cable].append((seconds * 1_000_000_000 + nanos - sent[cable]) / 1e6)


# Rates


def verify_shaping(
    emulation: Emulation, links: list[int] | None = None, seconds: float = 2.0, tolerance: float = 0.1
) -> list[dict[str, Any]]:
    """Fills each direction of each link, or of some, and says how much passed. To be done before an experiment.

    Each entry has `link`, `source`, `destination`, `set-mbit`, `measured-mbit` (with all headers, as the link's queue
    counts), `goodput-mbit` (what an application received) and `ok`; or `skipped` with a reason.
    """
    entries: list[dict[str, Any]] = []
    for end in (0, 1):
        batch: list[tuple[Cable, int]] = []
        load = 0.0
        for cable in emulation.builder.plan.cables:
            link = cable.links[end]
            if link is None or (links is not None and link.index not in links):
                continue
            if not link.up or link.bandwidth > MAX_MEASURED:
                reason = "it is down" if not link.up else f"more than {MAX_MEASURED:g} Mbit/s"
                entries.append({**_ends(cable, end), "set-mbit": link.bandwidth, "skipped": reason})
                continue
            if batch and load + link.bandwidth > BUDGET:
                entries += _fill(emulation, batch, seconds, tolerance)
                batch, load = [], 0.0
            batch.append((cable, end))
            load += link.bandwidth
        if batch:
            entries += _fill(emulation, batch, seconds, tolerance)
    return sorted(entries, key=lambda entry: (entry["link"], entry["source"]))


def _ends(cable: Cable, end: int) -> dict[str, Any]:
    ports = cable.ports
    return {"link": cable.links[end].index, "source": ports[end].node, "destination": ports[1 - end].node}


class _Stream:
    """Connections over one cable in one direction, kept full."""

    CONNECTIONS = 2

    def __init__(self, emulation: Emulation, sender: Port, receiver: Port):
        self.received = 0
        self._stop = False
        scope = emulation.builder.interface_number(receiver)
        far = emulation.builder.interface_number(sender)

        def listen() -> socket.socket:
            one = socket.socket(socket.AF_INET6, socket.SOCK_STREAM)
            one.bind((receiver.link_local, 0, 0, scope))
            one.listen(self.CONNECTIONS)
            one.settimeout(10)
            return one

        def connect() -> socket.socket:
            one = socket.socket(socket.AF_INET6, socket.SOCK_STREAM)
            try:
                one.setsockopt(socket.IPPROTO_TCP, TCP_CONGESTION, b"cubic")
            except OSError:
                pass  # any other fills the link as well
            one.settimeout(10)
            one.connect((receiver.link_local, port, 0, far))
            return one

        self._sockets: list[socket.socket] = []
        self._threads: list[threading.Thread] = []
        with emulation.namespace(receiver.node).run(listen) as listener:
            port = listener.getsockname()[1]
            for _ in range(self.CONNECTIONS):
                outgoing = emulation.namespace(sender.node).run(connect)
                incoming, _ = listener.accept()
                incoming.settimeout(10)
                self._sockets += [outgoing, incoming]
                self._threads += [
                    threading.Thread(target=self._send, args=(outgoing,), daemon=True),
                    threading.Thread(target=self._receive, args=(incoming,), daemon=True),
                ]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def _send(self, one: socket.socket) -> None:
        data = bytes(1 << 16)
        try:
            while not self._stop:
                one.send(data)
        except OSError:
            pass

    def _receive(self, one: socket.socket) -> None:
        buffer = bytearray(1 << 18)
        try:
            while not self._stop:
                count = one.recv_into(buffer)
                if not count:
                    return
                self.received += count
        except OSError:
            pass

    def stop(self) -> None:
        self._stop = True
        for one in self._sockets:
            try:
                # At once, rather than when all that waits was sent.
                one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                one.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
        for thread in self._threads:
            thread.join(15)
        for one in self._sockets:
            one.close()


def _fill(emulation: Emulation, batch: list[tuple[Cable, int]], seconds: float, tolerance: float) -> list[dict[str, Any]]:
    streams = [_Stream(emulation, cable.ports[end], cable.ports[1 - end]) for cable, end in batch]

    def counts() -> tuple[float, list[int], list[int]]:
        sent = emulation.builder.read_counters()
        ports = [cable.ports[end] for cable, end in batch]
        return time.monotonic(), [sent[p.node, p.name].bytes for p in ports], [s.received for s in streams]

    for stream in streams:
        stream.start()
    try:
        # A connection needs some round trips before it fills a link.
        time.sleep(max(0.5, seconds / 4))
        before = counts()
        time.sleep(seconds)
        after = counts()
    finally:
        for stream in streams:
            stream.stop()
    span = after[0] - before[0]
    entries = []
    for place, (cable, end) in enumerate(batch):
        rate = cable.links[end].bandwidth
        measured = (after[1][place] - before[1][place]) * 8 / span / 1e6
        goodput = (after[2][place] - before[2][place]) * 8 / span / 1e6
        ok = abs(measured - rate) <= tolerance * rate
        numbers = {"set-mbit": rate, "measured-mbit": round(measured, 4), "goodput-mbit": round(goodput, 4), "ok": ok}
        entries.append({**_ends(cable, end), **numbers})
    return entries


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
