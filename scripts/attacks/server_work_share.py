#!/usr/bin/env python3
"""Keeps the queue for heavy work full from one address, while another client has heavy work as well.

Each lookup has 360,000 costs and an empty answer, because its constraint lets no pair pass; what is refused is sent again.
"""
import threading
import time

from harness import (ENDPOINT_COST, ENDPOINT_COST_PARAMS, HONEST, Server, connect, endpoint_costs, main, read_answer,
                     request, verdict)

CONNECTIONS = 200
PAIRS, HONEST_PAIRS, LOOKUPS = 600, 150, 10
# Until the queue is full.
BEGINNING = 3
FIELDS = [("Content-Type", ENDPOINT_COST_PARAMS)]


def occupy(address, message, end):
    """Sends a lookup again and again."""
    while time.monotonic() < end.time:
        try:
            with connect(address, timeout=60) as connection, connection.makefile("rb") as reader:
                while time.monotonic() < end.time:
                    connection.sendall(message)
                    if read_answer(reader)[0] == 503:
                        time.sleep(0.1)
        except (OSError, ValueError, IndexError):
            time.sleep(0.1)


def ask(address, message):
    """Sends one lookup of another client: status or error, and seconds."""
    start = time.monotonic()
    try:
        with connect(address, HONEST, 60) as connection, connection.makefile("rb") as reader:
            connection.sendall(message)
            return read_answer(reader)[0], time.monotonic() - start
    except (OSError, ValueError, IndexError) as error:
        return type(error).__name__, time.monotonic() - start


class End:
    """Time at which the attackers end."""

    time = float("inf")


def attack(options):
    # A constraint that no cost passes.
    heavy, honest = (request("POST", ENDPOINT_COST, FIELDS, endpoint_costs(pairs, pairs, constraints=["lt 0"]))
                     for pairs in (PAIRS, HONEST_PAIRS))
    with Server(options.server) as server:
        threads = [threading.Thread(target=occupy, args=(server.address, heavy, End), daemon=True)
                   for _ in range(CONNECTIONS)]
        for thread in threads:
            thread.start()
        time.sleep(BEGINNING)
        answers = [ask(server.address, honest) for _ in range(LOOKUPS)]
        End.time = 0
    refused = [status for status, _ in answers if status != 200]
    seen = (f"{len(refused)} of {LOOKUPS} heavy lookups of another client refused, the slowest answered after "
            f"{max(seconds for _, seconds in answers):.1f} s")
    return verdict(seen, "none refused: clients take turns, and the one with most waiting work gives way", not refused)


if __name__ == "__main__":
    main(attack, __doc__)
