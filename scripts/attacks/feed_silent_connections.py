#!/usr/bin/env python3
"""Opens 400 connections from one listed address to each listener of a feed and says nothing, while another router connects.

A router has one session, so a new connection of the same address takes the place of the one before.
"""
import time

from feeds import connect, listening, main, session
from harness import verdict

COUNT, MOST, SECONDS = 400, 20, 10


def attack(options, folder):
    with listening(options, folder / "feed") as feed:
        monitor, speaker = feed.listener("BMP"), feed.listener("BGP-LS")
        files, threads = feed.open_files(), feed.threads()
        kept = [connect(address, "127.3.0.1") for address in (monitor, speaker) for _ in range(COUNT)]
        try:
            kept.append(session(speaker, "127.4.0.1"))
            served = True
        except OSError:
            served = False
        # The threads of connections that were replaced need a moment to end.
        end = time.monotonic() + SECONDS
        while time.monotonic() < end and max(feed.open_files() - files, feed.threads() - threads) > MOST:
            time.sleep(0.1)
        files, threads = feed.open_files() - files, feed.threads() - threads
    seen = (f"{COUNT} silent connections to each listener: {files} more open files, {threads} more threads; another router "
            f"was {'served' if served else 'not served'}")
    return verdict(seen, f"{MOST} more files and threads after {SECONDS} s; the other router is served",
                   served and files <= MOST and threads <= MOST)


if __name__ == "__main__":
    main(attack, __doc__)
