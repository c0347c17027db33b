#!/usr/bin/env python3
"""Asks for large answers over HTTP/1.1 on many connections and reads each at a trickle."""
import threading
import time

from harness import (ENDPOINT_COST, ENDPOINT_COST_PARAMS, HONEST, MemoryWatch, Server, connect, endpoint_costs,
                     honest_get, main, read_answer, request, verdict)

CONNECTIONS = 24
PAIRS = 600  # on each side; 8 MB of answer
HONEST_PAIRS = 300
RATE = 16_000
# Until all have asked, and then for a while.
SECONDS = 40
LIMIT_MIB = 128


def read_slowly(address, body, end, statuses):
    try:
        with connect(address, timeout=SECONDS, receive_buffer=RATE) as connection:
            connection.sendall(request("POST", ENDPOINT_COST, [("Content-Type", ENDPOINT_COST_PARAMS)], body))
            statuses.append(connection.recv(12).split(b" ")[1].decode())
            while time.monotonic() < end and connection.recv(RATE // 4):
                time.sleep(0.25)
    except (OSError, IndexError):
        statuses.append("closed")


def honest_lookup(address):
    """A lookup of another client."""
    body = endpoint_costs(HONEST_PAIRS, HONEST_PAIRS)
    try:
        with connect(address, HONEST, 20) as connection, connection.makefile("rb") as reader:
            connection.sendall(request("POST", ENDPOINT_COST, [("Content-Type", ENDPOINT_COST_PARAMS)], body))
            return read_answer(reader)[0]
    except (OSError, ValueError) as error:
        return type(error).__name__


def attack(options):
    body = endpoint_costs(PAIRS, PAIRS)
    limits = ("--max-waiting-bytes", 24 << 20, "--max-waiting-bytes-per-connection", 8 << 20)
    with Server(options.server, *limits) as server, MemoryWatch(server) as memory:
        statuses, end = [], time.monotonic() + SECONDS
        readers = [threading.Thread(target=read_slowly, args=(server.address, body, end, statuses), daemon=True)
                   for _ in range(CONNECTIONS)]
        # One after the other, so that computing them takes little memory at a time.
        for count, reader in enumerate(readers, 1):
            reader.start()
            while len(statuses) < count and time.monotonic() < end:
                time.sleep(0.01)
        lookup, (health, _) = honest_lookup(server.address), honest_get(server.address, "/healthz")
    seen = (f"{memory.growth:.0f} MiB more memory, {statuses.count('503')} of {CONNECTIONS} answered 503; another "
            f"client's lookup: {lookup}, health: {health}")
    limit = f"{LIMIT_MIB} MiB ({CONNECTIONS} x 8 MB asked for); another client is served"
    return verdict(seen, limit, memory.growth <= LIMIT_MIB and lookup == health == 200)


if __name__ == "__main__":
    main(attack, __doc__)
