#!/usr/bin/env python3
"""Background traffic: datagrams at a constant rate from one host to another, which discards them.

A program of its own that runs inside the hosts: `traffic.py sink ADDRESS PORT` and `traffic.py send ADDRESS PORT
MBITS`. The rate includes all headers.
"""

from __future__ import annotations

import socket
import sys
import time

PAYLOAD = 1400
# Sizes of the Ethernet, IP and UDP headers.
HEADERS_V4, HEADERS_V6 = 14 + 20 + 8, 14 + 40 + 8
# Longest delay that a sender makes up for by a burst.
BURST_SECONDS = 0.02


def family(address: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def sink(address: str, port: int) -> None:
    """Receives datagrams, which the kernel would otherwise answer with an ICMP error each."""
    with socket.socket(family(address), socket.SOCK_DGRAM) as here:
        here.bind((address, port))
        print("ready", flush=True)
        buffer = bytearray(65536)
        while True:
            here.recv_into(buffer)


def send(address: str, port: int, mbits: float) -> None:
    """Sends at a constant rate until the process is killed."""
    headers = HEADERS_V6 if family(address) == socket.AF_INET6 else HEADERS_V4
    gap = (PAYLOAD + headers) * 8 / (mbits * 1e6)
    data = bytes(PAYLOAD)
    with socket.socket(family(address), socket.SOCK_DGRAM) as here:
        due = time.monotonic()
        while True:
            now = time.monotonic()
            if due > now:
                time.sleep(due - now)
            due = max(due + gap, time.monotonic() - BURST_SECONDS)
            try:
                here.sendto(data, (address, port))
            except OSError:
                # Without a route at the moment, or with a full queue, background traffic continues.
                pass


def main(argv: list[str]) -> int:
    if len(argv) == 3 and argv[0] == "sink":
        sink(argv[1], int(argv[2]))
    elif len(argv) == 4 and argv[0] == "send":
        send(argv[1], int(argv[2]), float(argv[3]))
    print(__doc__, file=sys.stderr)
    return 64


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
