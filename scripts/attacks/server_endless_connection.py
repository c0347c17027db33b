#!/usr/bin/env python3
"""Sends requests on one connection without end, over HTTP/1.1 and HTTP/2."""
from harness import Server, connect, main, read_answer, request, verdict
from http2 import Client

LIMIT = 300
SENT = 3 * LIMIT


def over_h1(address):
    """Number of answers until the server ends the connection."""
    with connect(address) as connection, connection.makefile("rb") as reader:
        for count in range(SENT):
            try:
                connection.sendall(request("GET", "/healthz"))
                _, fields, _ = read_answer(reader)
            except OSError:
                return count
            if fields.get("connection") == "close":
                return count + 1
    return SENT


def over_h2(address):
    client = Client(address)
    for count in range(SENT):
        stream = client.streams[client.request("GET", "/healthz")]
        if not client.pump(5, lambda stream=stream: stream.ended):
            return count
    return SENT


def attack(options):
    with Server(options.server, "--max-requests-per-connection", LIMIT) as server:
        h1, h2 = over_h1(server.address), over_h2(server.address)
    seen = f"{h1} requests on one connection over HTTP/1.1, {h2} over HTTP/2"
    # HTTP/2 announces the end while more requests are on their way.
    return verdict(seen, f"{LIMIT} requests", h1 <= LIMIT and h2 <= LIMIT + 100)


if __name__ == "__main__":
    main(attack, __doc__)
