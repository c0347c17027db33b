#!/usr/bin/env python3
"""Begins 1,100 requests on 11 HTTP/2 connections and sends their bodies byte by byte.

A request whose body has not arrived needs no slot. Another address has to be served, and health checks as well.
"""
import time

from harness import ENDPOINT_COST, ENDPOINT_COST_PARAMS, Server, honest_get, main, verdict
from http2 import Client

CONNECTIONS, STREAMS = 11, 100
SECONDS = 12


def attack(options):
    limits = ("--max-concurrent-requests", 1024, "--max-arriving-bodies", 1200, "--body-timeout", 5)
    with Server(options.server, *limits) as server:
        clients = [Client(server.address) for _ in range(CONNECTIONS)]
        fields = [("content-type", ENDPOINT_COST_PARAMS)]
        streams = [(client, client.request("POST", ENDPOINT_COST, fields, end=False))
                   for client in clients for _ in range(STREAMS)]
        answers, late, end = [], 0, time.monotonic() + SECONDS
        while time.monotonic() < end:
            for client, stream in streams:
                if not client.streams[stream].ended and client.streams[stream].reset is None:
                    client.data(stream, b" ")
            for client in clients:
                client.pump(0.02)
            late = sum(client.streams[stream].status == 408 for client, stream in streams)
            answers += [honest_get(server.address, path)[0] for path in ("/directory", "/healthz", "/readyz")]
    bad = [answer for answer in answers if answer != 200]
    seen = f"{len(bad)} of {len(answers)} requests of another address refused; {late} of {len(streams)} bodies ended with 408"
    limit = "none refused; bodies below 1 KiB/s end after 5 s"
    return verdict(seen, limit, not bad and late > 0)


if __name__ == "__main__":
    main(attack, __doc__)
