#!/usr/bin/env python3
"""Keeps HTTP/2 connections open without a request, and answers every ping."""
import time

from harness import Server, main, verdict
from http2 import Client

CONNECTIONS = 20
IDLE = 3
# Seconds after which no connection may be open.
LIMIT = 12 * IDLE


def attack(options):
    with Server(options.server, "--header-timeout", IDLE) as server:
        clients = [Client(server.address) for _ in range(CONNECTIONS)]
        end = time.monotonic() + LIMIT
        while time.monotonic() < end and not all(client.closed for client in clients):
            for client in clients:
                client.pump(0.02)
        still_open = sum(not client.closed for client in clients)
    seen = f"{still_open} of {CONNECTIONS} idle connections open after {LIMIT} s"
    return verdict(seen, f"an idle time of {IDLE} s, pings or not", still_open == 0)


if __name__ == "__main__":
    main(attack, __doc__)
