"""Whether links are what the file says: their delays and rates, measured between the two ends of each.

Sockets are opened in the namespaces of nodes by this process, and use addresses that only the link has.
"""

from __future__ import annotations

import socket
import statistics
import struct
import threading
import time
from typing import TYPE_CHECKING, Any

from alto_paths import TCP_CONGESTION, readable
from alto_plan import Cable, Port

if TYPE_CHECKING:
    from alto_emulation import Emulation

SO_TIMESTAMPNS = 35
ECHO_REQUEST, ECHO_REPLY = 128, 129
# Beyond this the machine rather than the link would be measured.
MAX_MEASURED = 1000.0
# How much is sent at once in all while rates are measured, in Mbit/s, so that the machine keeps up.
BUDGET = 300.0

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
    return sum(
        (link or cable.links[1 - end]).delay for end, link in enumerate(cable.links) if link or cable.links[1 - end]
    )


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
    for ready in readable(list(pingers.values()), timeout):
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


def _fill(
    emulation: Emulation, batch: list[tuple[Cable, int]], seconds: float, tolerance: float
) -> list[dict[str, Any]]:
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
