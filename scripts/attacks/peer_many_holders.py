#!/usr/bin/env python3
"""Names 20,000 holders to a peer that fetches a file with three seconds of patience, and counts whom it contacts."""
import hashlib

from peers import File, Listener, Registry, fetching, main, verdict

HOLDERS = 20_000
PATIENCE = 3
# Time to end after the patience, and contacts at the rate allowed: a burst of 64, and 25 a second.
GRACE, CONTACTS = 4, 300


def attack(options, folder):
    listener = Listener("0.0.0.0")
    file = File(b"x" * 50_000)
    registry = Registry(file)
    # Each announces a manifest of its own, so that none replaces another.
    registry.holders = [registry.holder(f"127.{2 + n // 60000}.{n // 250 % 240}.{1 + n % 250}", listener.port,
                                        hashlib.sha256(str(n).encode()).hexdigest()) for n in range(HOLDERS)]
    with fetching(options, registry, folder, "--patience", PATIENCE) as peer:
        ended = peer.ends_within(25)
    contacted = len(set(listener.contacted))
    after = f"ended after {ended:.1f} s" if ended else "was still running after 25 s"
    return verdict(f"{contacted} addresses contacted; the download {after}",
                   f"200 holders, 25 connections a second, a patience of {PATIENCE} s",
                   ended is not None and ended < PATIENCE + GRACE and contacted < CONTACTS)


if __name__ == "__main__":
    main(attack, __doc__)
