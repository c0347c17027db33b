#!/usr/bin/env python3
"""Leaves a pipe with the name of an unfinished download in the folder of a peer."""
import os

from peers import File, Holder, Registry, fetching, main, verdict

SECONDS = 10


def attack(options, folder):
    file = File(b"x" * 50_000)
    holder = Holder(file)
    registry = Registry(file, holders=[holder.address])
    os.mkfifo(folder / ".other.part-12345678.have")
    with fetching(options, registry, folder, "--patience", 20) as peer:
        ended = peer.ends_within(SECONDS)
        done = peer.wait_for("done", 1)
    seen = "was completed" if done else "failed" if ended else f"hung for {SECONDS} s"
    return verdict(f"a download {seen}", "only regular files are opened", done is not None)


if __name__ == "__main__":
    main(attack, __doc__)
