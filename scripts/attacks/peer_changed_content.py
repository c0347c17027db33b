#!/usr/bin/env python3
"""Changes a shared file and sets its time of modification back, and asks the peer for what was changed."""
import os

from peers import PIECE, File, Registry, get, main, sharing, verdict


def attack(options, folder):
    path = folder / "movie.bin"
    file = File(os.urandom(8 * PIECE))
    path.write_bytes(file.content)
    with sharing(options, Registry(file), path) as peer:
        times = path.stat()
        with open(path, "r+b") as opened:
            opened.seek(3 * PIECE)
            opened.write(b"attacked")
        os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
        status, body, _ = get(peer.address(), f"/files/{file.id}/pieces/3")
        unchanged, right, _ = get(peer.address(), f"/files/{file.id}/pieces/0")
    wrong = status == 200 and body != file.pieces[3]
    return verdict(f"the changed piece was answered with {status}{' and served' if wrong else ''}",
                   "a file whose time of change differs is verified again before it is sent",
                   not wrong and (unchanged != 200 or right == file.pieces[0]))


if __name__ == "__main__":
    main(attack, __doc__)
