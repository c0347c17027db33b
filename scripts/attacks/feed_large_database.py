#!/usr/bin/env python3
"""Tells 30,000 nodes of one name, 30,000 links and 30,000 prefixes over BGP-LS, and waits for the feed to finish its round.

No part of a round may compare all of them with all others.
"""
import struct
import time

from feeds import Feed, bgp_ls, link_object, link_state, main, node, prefix_object, session
from harness import verdict

COUNT, AT_A_TIME, SECONDS = 30_000, 300, 40


def attack(options, folder):
    with Feed(options.feed, folder / "feed", igp=bgp_ls()) as feed:
        router = session(feed.listener("BGP-LS"), "127.4.0.1")
        router.settimeout(SECONDS)
        name = struct.pack(">HH", 1026, 4) + b"same"
        for first in range(0, COUNT, AT_A_TIME):
            numbers = range(first, first + AT_A_TIME)
            router.sendall(link_state(b"".join(node(0xff000000 + number) for number in numbers), name))
            links = (link_object(0xff000000 + number, 0xff000000 + number ^ 1, 0x0a000000 + number) for number in numbers)
            router.sendall(link_state(b"".join(links), b""))
            router.sendall(link_state(b"".join(prefix_object(0xff000000 + number, number) for number in numbers), b""))
        start, before = time.monotonic(), feed.cpu_seconds()
        while time.monotonic() < start + SECONDS and not feed.status().get("server-failures"):
            time.sleep(0.1)
        done, seconds = bool(feed.status().get("server-failures")), feed.cpu_seconds() - before
    took = f"a round took {seconds:.1f} s of CPU" if done else f"no round ended within {SECONDS} s"
    return verdict(f"{took} with {COUNT:,} nodes, links and prefixes", f"{SECONDS} s, with the time to settle", done)


if __name__ == "__main__":
    main(attack, __doc__)
