#!/usr/bin/env python3
"""Floods the tracker with packets from one address: forged and proved connection IDs, garbage, and peers without end.

Nobody who has not proved an address may be sent more than came from there, one address may fill only its part of the
table, and another client is served in the meantime, by the tracker and by the ALTO server.
"""
import os
import re
import socket
import struct
import threading
import time

from harness import HONEST, MemoryWatch, Server, honest_get, main, verdict

PEERS, MOST = 600, 100
SECONDS, SOCKETS = 4, 4
LIMIT_MIB = 64
MAGIC = 0x41727101980


def tracker_of(server):
    """Port of the UDP tracker; none if the program has none."""
    end = time.monotonic() + 5
    while server.knows("--tracker") and time.monotonic() < end:
        found = re.search(r"tracker on udp://127\.0\.0\.1:(\d+)", "".join(server.log))
        if found:
            return "127.0.0.1", int(found.group(1))
        time.sleep(0.05)
    return None


def endpoint(address, source="127.0.0.1"):
    """A socket of an address that talks to the tracker."""
    talking = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    talking.bind((source, 0))
    talking.connect(address)
    talking.settimeout(2)
    return talking


def announce(connection, port, infohash):
    return (struct.pack(">QII", connection, 1, 7) + infohash + b"-AT0001-attackattack" + struct.pack(">QQQ", 0, 1, 0)
            + struct.pack(">IIIIH", 2, 0, 9, 50, port))


def ask(talking, packet):
    """Sends a packet and returns the answer, empty if there is none."""
    talking.send(packet)
    try:
        return talking.recv(4096)
    except OSError:
        return b""


def connection_id(talking):
    return struct.unpack(">Q", ask(talking, struct.pack(">QII", MAGIC, 0, 7))[8:16])[0]


def flood(address, end):
    talking = endpoint(address)
    proved = announce(connection_id(talking), 1024, b"\0" * 20)
    packets = [os.urandom(16), os.urandom(98), announce(1, 6881, os.urandom(20)), struct.pack(">QII", MAGIC, 0, 7), proved]
    while time.monotonic() < end:
        for packet in packets:
            try:
                talking.send(packet)
            except OSError:
                pass


def patient(talking, packet):
    """Sends a packet, and once more if no answer comes, as clients do (BEP 15)."""
    return ask(talking, packet) or ask(talking, packet)


def attack(options):
    limits = ("--tracker", "--tracker-udp", "127.0.0.1:0", "--tracker-max-peers-per-address", MOST)
    with Server(options.server, *limits) as server, MemoryWatch(server) as memory:
        address = tracker_of(server)
        if address is None:
            return verdict("not run: this program has no tracker over UDP", "none tested", True)
        talking = endpoint(address)
        talking.settimeout(0.3)
        unproved = [announce(1, 6881, b"t" * 20), struct.pack(">QII", 1, 2, 7) + b"t" * 20, os.urandom(500), b""]
        amplified = sum(len(ask(talking, packet)) > 0 for packet in unproved)
        amplified += len(ask(talking, struct.pack(">QII", MAGIC, 0, 7))) > 16
        talking.settimeout(2)
        own = connection_id(talking)
        answers = [ask(talking, announce(own, 1024 + place, struct.pack(">I", place) * 5)) for place in range(PEERS)]
        taken = sum(answer[:4] == b"\0\0\0\1" for answer in answers)
        end = time.monotonic() + SECONDS
        flooders = [threading.Thread(target=flood, args=(address, end), daemon=True) for _ in range(SOCKETS)]
        for flooder in flooders:
            flooder.start()
        refused, asked, announced, lost = 0, 0, 0, 0
        honest = endpoint(address, HONEST)
        query = "/tracker/announce?info_hash=" + "h" * 20 + "&peer_id=" + "p" * 20 + "&port=6881&left=0"
        while time.monotonic() < end:
            refused += sum(honest_get(server.address, path, source=HONEST)[0] != 200 for path in ("/directory", query))
            asked += 2
            opened = patient(honest, struct.pack(">QII", MAGIC, 0, 7))
            answer = opened and patient(honest, announce(struct.unpack(">Q", opened[8:16])[0], 6881, b"h" * 20))
            announced += 1
            lost += answer[:4] != b"\0\0\0\1"
            time.sleep(0.05)
    seen = (f"{amplified} of {len(unproved) + 1} packets of an unproved address answered by more than they had; {taken} of "
            f"{PEERS} peers of one address taken; during a flood {refused} of {asked} requests of another client over HTTP "
            f"refused, and {lost} of {announced} announcements over UDP lost; {memory.growth:.0f} MiB more memory")
    limit = f"none; {MOST} peers; none refused or lost; {LIMIT_MIB} MiB"
    return verdict(seen, limit, not amplified and taken == MOST and not refused and not lost and memory.growth <= LIMIT_MIB)


if __name__ == "__main__":
    main(attack, __doc__)
