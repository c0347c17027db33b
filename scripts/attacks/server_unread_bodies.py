#!/usr/bin/env python3
"""Sends requests that are refused before their body is read, and the next request on the same connection.

The next request has to be answered, unless the refusal said that the connection ends (RFC 9112 §9.3); and the refusal
itself has to arrive, also where the body is long (§9.6).
"""
import os
import threading
import time

from harness import Server, connect, main, read_answer, request, scratch, verdict

ROUNDS = 40
SHORT, LONG = 100_000, 3_000_000
FILTER = "application/alto-costmapfilter+json"
# What is wrong, and the status that says so.
REFUSED = [
    (401, "POST", "/costmap/filtered", [("Content-Type", FILTER)]),
    (404, "POST", "/nowhere", [("Content-Type", FILTER)]),
    (405, "PUT", "/costmap/filtered", [("Content-Type", FILTER)]),
    (406, "POST", "/costmap/filtered", [("Content-Type", FILTER), ("Accept", "text/html")]),
    (415, "POST", "/costmap/filtered", [("Content-Type", "text/html")]),
]


def exchange(address, expected, head, length):
    """Whether the next request was lost, and whether the refusal was."""
    with connect(address) as connection, connection.makefile("rb") as reader:
        # Sending and reading at the same time: a server may answer before all has been sent.
        sender = threading.Thread(target=send, args=(connection, head, length))
        sender.start()
        try:
            status, fields, _ = read_answer(reader)
        except (OSError, ValueError):
            return False, True
        finally:
            sender.join()
        if fields.get("connection") == "close":
            return False, status != expected
        try:
            return read_answer(reader)[0] != 200, status != expected
        except (OSError, ValueError):
            return True, status != expected


def settled(address, expected, head, length):
    """The same, of an exchange that lost nothing or took less than a second: a server reads on for two."""
    for _ in range(5):
        begun = time.monotonic()
        lost = exchange(address, expected, head, length)
        if not any(lost) or time.monotonic() - begun < 1:
            break
    return lost


def send(connection, head, length):
    try:
        connection.sendall(head)
        for _ in range(length // 50_000):
            connection.sendall(b" " * 50_000)
        connection.sendall(request("GET", "/healthz"))
    except OSError:
        pass


def attack(options):
    lost_next = lost_refusals = total = 0
    with scratch() as folder:
        users = os.path.join(folder, "users")
        with open(users, "w", encoding="ascii") as file:
            file.write("ada:secret\n")
        with Server(options.server) as open_to_all, Server(options.server, "--digest-users", users) as closed:
            for expected, method, path, fields in REFUSED:
                address = closed.address if expected == 401 else open_to_all.address
                for number in range(ROUNDS):
                    length = LONG if number % 4 == 0 else SHORT
                    head = request(method, path, [*fields, ("Content-Length", length)])
                    next_lost, refusal_lost = settled(address, expected, head, length)
                    total += 1
                    lost_next += next_lost
                    lost_refusals += refusal_lost
    seen = f"{lost_next} of {total} next requests lost without notice, {lost_refusals} refusals lost"
    return verdict(seen, "none; 256 KiB of a body are read, else Connection: close", lost_next == lost_refusals == 0)


if __name__ == "__main__":
    main(attack, __doc__)
