"""Measurements of the rate of each link: TCP connections fill one direction while its queue counts bytes.

This process opens sockets in the namespaces of the nodes and uses link-local addresses, which only the link has.
"""

from __future__ import annotations

import socket
import struct
import threading
import time
from typing import Any

from ..network.congestion import TCP_CONGESTION
from ..network.emulation import Emulation
from ..network.plan import Cable, Port

# Faster links are skipped: the measurement would find the limit of the machine. In Mbit/s.
MAX_MEASURED = 1000.0
# Sum of the rates filled at the same time, so that the machine keeps up. In Mbit/s.
BUDGET = 300.0


def verify_shaping(
    emulation: Emulation, links: list[int] | None = None, seconds: float = 2.0, tolerance: float = 0.1
) -> list[dict[str, Any]]:
    """Fills each direction of each link, or of the given links, and measures its rate. Disturbs all other traffic.

    Each entry has `link`, `source`, `destination`, `set-mbit`, `measured-mbit` (including all headers, from the queue
    of the link), `goodput-mbit` (received by an application) and `ok`; or `skipped` with a reason.
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
                reason = "the link is down" if not link.up else f"faster than {MAX_MEASURED:g} Mbit/s"
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
    """Connections that fill one direction of a cable."""

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
                pass  # any other algorithm fills the link as well
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
                # Discards what is queued instead of waiting until it is sent.
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
        ports = [cable.ports[end] for cable, end in batch]
        began = time.monotonic()
        sent = emulation.builder.read_counters()
        # The middle of the reading, which takes a while on a busy machine.
        now = (began + time.monotonic()) / 2
        return now, [sent[p.node, p.name].bytes for p in ports], [s.received for s in streams]

    for stream in streams:
        stream.start()
    try:
        # A measurement takes time: first the connections need some round trips to fill the link.
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
