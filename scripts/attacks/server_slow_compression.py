#!/usr/bin/env python3
"""Asks for large answers in brotli, which takes the server seconds, while another client asks for small ones.

The waiting of the small requests is compared with the time that compression takes on the same machine, so that the
verdict does not depend on its speed.
"""
import threading
import time

from harness import (ENDPOINT_COST, ENDPOINT_COST_PARAMS, Server, connect, endpoint_costs, honest_get, main, read_answer,
                     request, verdict)

PAIRS, LOOKUPS = 600, 4  # 8 MB for each answer


def lookup(address, coding, done):
    with connect(address, timeout=55) as connection, connection.makefile("rb") as reader:
        fields = [("Content-Type", ENDPOINT_COST_PARAMS), ("Accept-Encoding", coding)]
        start = time.monotonic()
        connection.sendall(request("POST", ENDPOINT_COST, fields, endpoint_costs(PAIRS, PAIRS)))
        status, _, body = read_answer(reader)
        done.append((status, len(body), time.monotonic() - start))


def attack(options):
    with Server(options.server, "--request-timeout", 50) as server:
        plain, packed, waits = [], [], []
        lookup(server.address, "identity", plain)
        threads = [threading.Thread(target=lookup, args=(server.address, "br", packed)) for _ in range(LOOKUPS)]
        for thread in threads:
            thread.start()
        while any(thread.is_alive() for thread in threads):
            waits.append(honest_get(server.address, "/healthz", timeout=50)[1])
            time.sleep(0.02)
    compressing = max(seconds for _, _, seconds in packed) - plain[0][2]
    worst = max(waits)
    whole = all(status == 200 for status, _, _ in plain + packed)
    share = worst / compressing
    seen = f"small requests waited up to {worst:.2f} s while {LOOKUPS} x 8 MB were compressed in {compressing:.1f} s"
    return verdict(seen, "a tenth of that time", whole and share <= 0.1)


if __name__ == "__main__":
    main(attack, __doc__)
