#!/usr/bin/env python3
"""Asks for large answers on streams whose window stays 0, and answers every ping.

Nothing leaves, so each answer waits in the memory of the server, and the connection looks alive.
"""
from harness import ENDPOINT_COST, ENDPOINT_COST_PARAMS, MemoryWatch, Server, endpoint_costs, main, verdict
from http2 import Client

STREAMS = 40
PAIRS = 400  # on each side; 3.5 MB of answer
STALL = 6
LIMIT_MIB = 64


def attack(options):
    body = endpoint_costs(PAIRS, PAIRS)
    limits = ("--max-waiting-bytes", 16 << 20, "--max-waiting-bytes-per-connection", 8 << 20, "--write-timeout", STALL)
    with Server(options.server, *limits) as server, MemoryWatch(server) as memory:
        client = Client(server.address, window=0)
        for _ in range(STREAMS):
            stream = client.streams[client.request("POST", ENDPOINT_COST, [("content-type", ENDPOINT_COST_PARAMS)], body)]
            client.pump(8, lambda stream=stream: stream.status is not None)
            if client.closed:
                break
        client.pump(3 * STALL, lambda: client.closed)
        busy = sum(stream.status == 503 for stream in client.streams.values())
    seen = (f"{memory.growth:.0f} MiB more memory, {busy} of {len(client.streams)} streams answered 503, "
            f"the connection {'was closed' if client.closed else 'stays open'}")
    limit = f"{LIMIT_MIB} MiB ({STREAMS} x 3.5 MB asked for); closed {STALL} s after the last progress"
    return verdict(seen, limit, memory.growth <= LIMIT_MIB and client.closed)


if __name__ == "__main__":
    main(attack, __doc__)
