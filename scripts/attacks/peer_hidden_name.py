#!/usr/bin/env python3
"""Gives a file the name .bashrc, so that a peer that fetches it into a home folder runs it at the next login."""
from peers import File, Holder, Registry, fetching, main, verdict


def attack(options, folder):
    file = File(b"echo attacked\n" * 2000)
    holder = Holder(file)
    registry = Registry(file, name=".bashrc", holders=[holder.address])
    with fetching(options, registry, folder, "--patience", 10) as peer:
        peer.ends_within(15)
    written = sorted(entry.name for entry in folder.iterdir())
    return verdict(f"written: {', '.join(written) or 'nothing'}", "leading dots of names from others become underscores",
                   ".bashrc" not in written)


if __name__ == "__main__":
    main(attack, __doc__)
