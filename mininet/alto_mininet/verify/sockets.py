"""A wait for any of several sockets."""

from __future__ import annotations

import select
import socket


def readable(sockets: list[socket.socket], timeout: float, events: int = select.POLLIN) -> list[socket.socket]:
    """The sockets that are ready within `timeout` seconds."""
    poller = select.poll()
    by_number = {one.fileno(): one for one in sockets}
    for number in by_number:
        poller.register(number, events)
    return [by_number[number] for number, _ in poller.poll(timeout * 1000)]
