#!/usr/bin/env python3
"""Has a peer resume a small download with a manifest of 1.6 TB, and tells it to end."""
from peers import File, Holder, Registry, fetching, main, manifest, sha256, verdict

PIECE, PIECES = 1 << 24, 100_000
GRACE = 5


def attack(options, folder):
    file = File(b"x" * 50_000)
    false = manifest(file.id, PIECE * PIECES, PIECE, [file.id] * PIECES)
    holder = Holder(file, false_manifest=false)
    registry = Registry(file, size=PIECE * PIECES)
    registry.holders = [registry.holder(*holder.address, sha256(false))]
    # An earlier download has left one piece.
    part = folder / f".movie.bin.part-{file.id[:8]}"
    part.write_bytes(file.pieces[0])
    part.with_name(part.name + ".have").write_bytes(file.manifest + b"\n0\n")
    with fetching(options, registry, folder, "--patience", 60) as peer:
        joined = peer.wait_for("joined", GRACE + 5)
        began = peer.started
        peer.terminate()
        before = peer.ends_within(0.01)
        ended = before or peer.ends_within(GRACE)
    seen = "began to fetch" if joined else f"did not begin to fetch in {GRACE + 5} s"
    end = f"ended {ended - (peer.started - began):.1f} s after its start" if ended else f"ignored SIGTERM for {GRACE} s"
    return verdict(f"the download {seen}, and {end}", "only pieces written before are hashed; a signal ends it at any time",
                   joined is not None and ended is not None)


if __name__ == "__main__":
    main(attack, __doc__)
