#!/usr/bin/env python3
"""Tells routes and nodes in messages of 32 KiB whose attributes are as long as their lists of prefixes or nodes.

If every prefix and node got a copy of the attributes, one message would take a gigabyte.
"""
import struct
import time

from feeds import connect, link_state, listening, main, monitored, node, routes, session
from harness import MemoryWatch, verdict

MESSAGES, LIMIT_MIB = 8, 100


def prefixes(number, count):
    """So many prefixes of 16 bits, others for each number."""
    return b"".join(b"\x10" + struct.pack(">H", (number * count + place) % 65536) for place in range(count))


def attack(options, folder):
    with listening(options, folder / "feed") as feed:
        monitor, speaker = feed.listener("BMP"), feed.listener("BGP-LS")
        with MemoryWatch(feed) as memory:
            # The feed reads while this writes, and the next message is taken once the one before was handled.
            router, link_router = connect(monitor, "127.3.0.1"), session(speaker, "127.4.0.1")
            router.settimeout(60)
            name = struct.pack(">HH", 1026, 16000) + b"n" * 16000
            for number in range(MESSAGES):
                nodes = b"".join(node(number * 500 + place) for place in range(500))
                for connection, message in ((router, monitored(routes(prefixes(number, 5000), communities=4000))),
                                            (link_router, link_state(nodes, name))):
                    try:
                        connection.sendall(message)
                    except ConnectionError:
                        pass  # Routes with so many communities count as several, and soon are more than a router may have.
            end = time.monotonic() + 20
            settled = feed.cpu_seconds()
            while time.monotonic() < end:
                time.sleep(2)
                if feed.cpu_seconds() - settled < 0.2:
                    break
                settled = feed.cpu_seconds()
        alive = feed.alive()
    seen = (f"{memory.growth:.0f} MiB more memory for {MESSAGES} messages of each protocol; the feed "
            f"{'goes on' if alive else 'ended'}")
    return verdict(seen, f"{LIMIT_MIB} MiB", alive and memory.growth <= LIMIT_MIB)


if __name__ == "__main__":
    main(attack, __doc__)
