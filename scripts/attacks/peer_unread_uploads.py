#!/usr/bin/env python3
"""Asks a peer for uploads on 24 connections from 24 addresses and reads nothing, while another client wants a piece."""
import os
import time

from peers import PATIENCE, File, Registry, ask_and_read_nothing, get, main, sharing, verdict

CONNECTIONS = 24


def attack(options, folder):
    path = folder / "movie.bin"
    file = File(os.urandom(1 << 20) * 24)
    path.write_bytes(file.content)
    with sharing(options, Registry(file), path) as peer:
        address = peer.address()
        stuck = [ask_and_read_nothing(address, f"/files/{file.id}", f"127.0.1.{n + 1}") for n in range(CONNECTIONS)]
        time.sleep(1)
        status, body, seconds = get(address, f"/files/{file.id}/pieces/0", timeout=2 * PATIENCE)
        for connection in stuck:
            connection.close()
    holds = status == 200 and body == file.pieces[0] and seconds < PATIENCE
    return verdict(f"a client among {CONNECTIONS} that read nothing got {status} after {seconds:.1f} s",
                   "something within 5 s while others wait, shares per client, the last slot for newcomers", holds)


if __name__ == "__main__":
    main(attack, __doc__)
