"""Measurements of the delay of each link, as the round trip between its two ends.

This process opens sockets in the namespaces of the nodes and uses link-local addresses, which only the link has.
"""

from __future__ import annotations

import socket
import statistics
import struct
import time
from typing import Any

from ..network.emulation import Emulation
from ..network.plan import Cable
from .sockets import readable

SO_TIMESTAMPNS = 35
ECHO_REQUEST, ECHO_REPLY = 128, 129


def verify_delays(emulation: Emulation, probes: int = 10) -> list[dict[str, Any]]:
    """Measures the round-trip time over each cable that is up.

    Each entry has `between`, `links`, `file-ms` (from the topology file), `expected-ms` (as emulated), `min-ms`,
    `median-ms` and `ok`: the median is not below the expected time, and at most 1 ms or 10 % above it.
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
                # The time of day, because the kernel stamps the answer with it.
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
    # Timers of the kernel may fire slightly early.
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
