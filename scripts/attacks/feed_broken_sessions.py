#!/usr/bin/env python3
"""Breaks sessions of BMP and BGP-LS with messages that cannot be read, again and again, and keeps its own ends open.

The feed has to close them: a router that is not told goes on to believe that somebody listens.
"""
from feeds import bgp_message, connect, is_closed, listening, main, session
from harness import verdict

ROUNDS, SECONDS = 60, 5


def attack(options, folder):
    with listening(options, folder / "feed") as feed:
        monitor, speaker = feed.listener("BMP"), feed.listener("BGP-LS")
        files, threads, kept, left_open = feed.open_files(), feed.threads(), [], 0
        for number in range(ROUNDS):
            broken = connect(monitor, f"127.3.0.{number + 1}")
            broken.sendall(b"GET / HTTP/1.1\r\n\r\n")
            cut = session(speaker, f"127.4.0.{number + 1}")
            # The attributes are longer than the message.
            cut.sendall(bgp_message(2, b"\0\0\xff\xff"))
            kept += [broken, cut]
        left_open = sum(not is_closed(connection, SECONDS if place < 4 else 0.5) for place, connection in enumerate(kept))
        files, threads = feed.open_files() - files, feed.threads() - threads
    seen = (f"{left_open} of {len(kept)} broken connections still open after {SECONDS} s; {files} more open files, "
            f"{threads} more threads")
    # A thread that keeps a session alive ends within a third of its hold time.
    return verdict(seen, f"none; {ROUNDS + 10} more files and threads, for half a minute",
                   not left_open and files <= ROUNDS + 10 and threads <= ROUNDS + 10)


if __name__ == "__main__":
    main(attack, __doc__)
