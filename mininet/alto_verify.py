"""Whether the running network is what the file says: paths, rates, delays, measured."""
from __future__ import annotations

import socket
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from alto_emulation import Emulation

TCP_CONGESTION = 13


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
        return emulation.namespace(source).run(connect)
