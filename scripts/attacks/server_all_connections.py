#!/usr/bin/env python3
"""Takes all connections of a server from one address: half are idle HTTP/2 that answer pings, half send a request at times."""
import time

from harness import Server, connect, honest_get, main, request, verdict
from http2 import Client

LIMIT = 60
SECONDS = 12


def ask(connection):
    """Sends a request and reads what is there; a connection that was closed is opened no more."""
    try:
        connection.sendall(request("GET", "/healthz"))
        return bool(connection.recv(4096))
    except OSError:
        return False


def attack(options):
    with Server(options.server, "--max-connections", LIMIT, "--header-timeout", 30) as server:
        idle = [Client(server.address) for _ in range(LIMIT // 2)]
        asking = [connect(server.address) for _ in range(LIMIT // 2)]
        asking = [connection for connection in asking if ask(connection)]
        answers, end = [], time.monotonic() + SECONDS
        while time.monotonic() < end:
            for client in idle:
                client.pump(0.01)
            asking = [connection for connection in asking if ask(connection)]
            answers.append(honest_get(server.address, "/directory", timeout=50))
        served = sum(status == 200 for status, _ in answers)
        worst = max(seconds for _, seconds in answers)
    seen = f"{served} of {len(answers)} requests of another address served, the slowest after {worst:.1f} s"
    limit = f"{LIMIT} connections; all of another address served, each in place of the longest idle one"
    return verdict(seen, limit, served == len(answers))


if __name__ == "__main__":
    main(attack, __doc__)
