#!/usr/bin/env python3
"""Attacks a running server in several ways at once, from addresses of its own, until the time is over.

The soak test runs this beside honest clients. Every kind of attack has a bounded number of connections, and what the
server closes is opened again.
"""
import argparse
import os
import socket
import threading
import time

from harness import ENDPOINT_COST, ENDPOINT_COST_PARAMS, connect, endpoint_costs, request
from http2 import Client

FIELDS = [("content-type", ENDPOINT_COST_PARAMS)]


def unread_answers(address, end, source):
    """Large answers on streams whose window stays closed."""
    body = endpoint_costs(200, 200)
    while time.monotonic() < end:
        client = Client(address, source, window=0)
        for _ in range(10):
            client.request("POST", ENDPOINT_COST, FIELDS, body)
        client.pump(end - time.monotonic())
        client.close()
        time.sleep(1)


def slow_reader(address, end, source):
    """One large answer, read at 16 kB/s."""
    body = endpoint_costs(200, 200)
    while time.monotonic() < end:
        with connect(address, source) as connection:
            connection.sendall(request("POST", ENDPOINT_COST, FIELDS, body))
            while time.monotonic() < end and connection.recv(4000):
                time.sleep(0.25)


def trickling_bodies(address, end, source):
    """A hundred bodies on one connection, a byte at a time."""
    while time.monotonic() < end:
        client = Client(address, source)
        streams = [client.request("POST", ENDPOINT_COST, FIELDS, end=False) for _ in range(100)]
        while time.monotonic() < end and not client.closed:
            for stream in streams:
                if not client.streams[stream].ended and client.streams[stream].reset is None:
                    client.data(stream, b" ")
            client.pump(1)
            if all(client.streams[stream].ended for stream in streams):
                break
        client.close()


def idle_connections(address, end, source):
    """As many idle connections as fit, opened again when they are closed."""
    clients = []
    while time.monotonic() < end:
        clients = [client for client in clients if not client.closed]
        while len(clients) < 600:
            clients.append(Client(address, source))
        for client in clients:
            client.pump(0.001)
        time.sleep(0.5)


def unread_bodies(address, end, source):
    """Bodies of requests that are refused by their head."""
    while time.monotonic() < end:
        with connect(address, source) as connection:
            connection.sendall(request("POST", "/nowhere", FIELDS, b" " * 200_000))
            connection.recv(1000)
        time.sleep(0.05)


KINDS = [(unread_answers, 3), (slow_reader, 20), (trickling_bodies, 5), (idle_connections, 1), (unread_bodies, 2)]


def persist(kind, address, end, source):
    """Goes on with an attack after each error, which the server causes by closing connections."""
    while time.monotonic() < end:
        try:
            kind(address, end, source)
        except OSError:
            time.sleep(0.2)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("address", help="HOST:PORT of the server")
    parser.add_argument("seconds", type=float)
    options = parser.parse_args()
    # Attackers have machines of their own; here they must not take the processor from the server.
    os.nice(10)
    host, port = options.address.rsplit(":", 1)
    end = time.monotonic() + options.seconds
    threads = [threading.Thread(target=persist, args=(kind, (socket.gethostbyname(host), int(port)), end, f"127.66.{place}.1"))
               for place, (kind, count) in enumerate(KINDS, 1) for _ in range(count)]
    for thread in threads:
        thread.daemon = True
        thread.start()
    time.sleep(options.seconds)


if __name__ == "__main__":
    main()
