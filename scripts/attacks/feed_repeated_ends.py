#!/usr/bin/env python3
"""Tells 60,000 routes over BMP, and then 20,000 times that the table has ended or that another peer has gone.

Neither may go through all routes each time.
"""
import struct
import time

from feeds import bgp_message, connect, listening, main, monitored, peer_down, routes
from harness import verdict

ROUTES, ENDS, LIMIT = 60_000, 20_000, 8


def attack(options, folder):
    with listening(options, folder / "feed") as feed:
        router = connect(feed.listener("BMP"), "127.3.0.1")
        router.settimeout(80)
        for first in range(0, ROUTES, 10_000):
            prefixes = b"".join(b"\x18\x0a" + struct.pack(">H", place) for place in range(first, first + 10_000))
            router.sendall(monitored(routes(prefixes)))
        end_of_table = monitored(bgp_message(2, b"\0\0\0\0"))
        before = feed.cpu_seconds()
        try:
            for _ in range(ENDS // 100):
                router.sendall((end_of_table + peer_down(peer=7)) * 100)
            # The end of the connection is read after all of it.
            router.shutdown(1)
            while router.recv(100):
                pass
            done = True
        except OSError:
            done = False
        seconds = feed.cpu_seconds() - before
        time.sleep(0.1)
    seen = f"{seconds:.1f} s of CPU for {ROUTES:,} routes and {2 * ENDS:,} ends{'' if done else ', which were not all read in time'}"
    return verdict(seen, f"{LIMIT} s of CPU", done and seconds <= LIMIT)


if __name__ == "__main__":
    main(attack, __doc__)
