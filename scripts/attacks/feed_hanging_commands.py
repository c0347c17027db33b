#!/usr/bin/env python3
"""Has the commands of two feeds hang: one closes its output and goes on, the other leaves a child behind that goes on.

The time of a command is bounded, and nothing of it may be left: the feed runs it again in every round.
"""
import time

from feeds import Feed, main
from harness import verdict

# The time of a command, and some more.
LIMIT, PATIENCE = 30, 45


def alive(file):
    """How many of the processes whose numbers are in a file run; zombies do not."""
    count = 0
    for number in file.read_text().split() if file.exists() else ():
        try:
            with open(f"/proc/{number}/stat", encoding="ascii") as stat:
                count += stat.read().rsplit(") ", 1)[1][0] != "Z"
        except OSError:
            pass
    return count


def command(script):
    return {"topology": {"command": ["sh", "-c", script]}}


def attack(options, folder):
    children = folder / "children"
    silent = command("exec >&- 2>&-; sleep 3600")
    leaving = command(f"sleep 3600 & echo $! >>{children}; wait")
    with Feed(options.feed, folder / "silent", igp=silent, interval=3600) as one, \
            Feed(options.feed, folder / "leaving", igp=leaving, interval=3600) as other:
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end and not (one.status() and other.status()):
            time.sleep(0.2)
        ended = [bool(feed.status()) for feed in (one, other)]
        left = alive(children)
    seen = f"rounds that ended within {PATIENCE} s: {sum(ended)} of 2; {left} processes left of a command that had ended"
    return verdict(seen, f"a command has {LIMIT} s, nothing is left", all(ended) and not left)


if __name__ == "__main__":
    main(attack, __doc__)
