"""The TCP congestion control of a connection."""

from __future__ import annotations

import socket

from .namespace import Namespace

TCP_CONGESTION = 13


def connection_congestion(source: Namespace, destination: Namespace, address: str) -> str:
    """Opens a connection to `address` in `destination` and returns the congestion control the kernel gave it."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET

    def listen() -> socket.socket:
        listener = socket.socket(family, socket.SOCK_STREAM)
        listener.bind((address, 0))
        listener.listen(1)
        return listener

    def connect() -> str:
        with socket.create_connection((address, port), timeout=10) as connection:
            return connection.getsockopt(socket.IPPROTO_TCP, TCP_CONGESTION, 16).split(b"\0")[0].decode()

    with destination.run(listen) as listener:
        port = listener.getsockname()[1]
        try:
            return source.run(connect)
        except OSError as error:
            return f"unknown ({error.strerror or error})"
