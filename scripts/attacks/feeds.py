"""What the attacks on alto-feed share: a running feed, and messages of the routers that it listens to."""
import json
import os
import pathlib
import re
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time

from harness import TOPOLOGY, Process, options

# Longest wait for something that has to happen.
PATIENCE = 20
MARKER = b"\xff" * 16
BGP_UPDATE, BGP_KEEPALIVE = 2, 4


def main(attack, description):
    """Runs an attack with its options and a folder of its own, and exits with its status."""
    given = options(description)
    with tempfile.TemporaryDirectory(prefix="alto-attack-") as folder:
        sys.exit(attack(given, pathlib.Path(folder)))


class Feed(Process):
    """A running alto-feed whose rounds follow each other quickly, killed at the end of the block."""

    def __init__(self, program, folder, server="http://127.0.0.1:9", igp=None, token=None, **settings):
        self.folder = folder
        folder.mkdir(exist_ok=True)
        config = {"server": server, "state": "state", "interval": 0.5, "igp": igp or {"topology": {"file": str(TOPOLOGY)}},
                  **settings}
        if token:
            (folder / "token").write_text(token)
            config["token-file"] = "token"
        (folder / "feeds.json").write_text(json.dumps(config))
        self.process = subprocess.Popen([program, "run", "--config", folder / "feeds.json"], stderr=subprocess.PIPE,
                                        stdout=subprocess.DEVNULL, stdin=subprocess.DEVNULL, text=True)
        self.log = []
        threading.Thread(target=lambda: self.log.extend(self.process.stderr), daemon=True).start()
        self.wait_for("keeping")

    def wait_for(self, words):
        """The first log line that matches."""
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            found = next((match for line in list(self.log) if (match := re.search(words, line))), None)
            if found:
                return found
            time.sleep(0.02)
        sys.exit("seen: the feed did not start:\n" + "".join(self.log))

    def listener(self, protocol):
        """Address at which routers connect."""
        found = self.wait_for(rf"listening for {protocol} on ([0-9.]+):(\d+)")
        return found.group(1), int(found.group(2))

    def status(self):
        """The report of the last round, empty before the first one."""
        path = self.folder / "state" / "status.json"
        return json.loads(path.read_text()) if path.exists() else {}


def bmp(sources=("127.0.0.0/8",), **more):
    """Settings of a feed that listens for BMP; rules must be in the folder."""
    return {"rules": "rules.json", "bmp": {"listen": "127.0.0.1:0", "sources": list(sources), **more}}


def bgp_ls(sources=("127.0.0.0/8",)):
    """Settings of a feed that listens for BGP-LS."""
    return {"bgp-ls": {"listen": "127.0.0.1:0", "sources": list(sources), "asn": 65001, "identifier": "127.0.0.1"}}


def listening(options, folder):
    """A feed that listens for both protocols."""
    folder.mkdir(exist_ok=True)
    (folder / "rules.json").write_text('{"rules": []}')
    return Feed(options.feed, folder, igp=bgp_ls(), bgp=bmp())


def bgp_message(kind, body=b""):
    return MARKER + struct.pack(">HB", 19 + len(body), kind) + body


def update(attributes, prefixes=b""):
    """An UPDATE of attributes, each a pair of type and value."""
    text = b"".join(struct.pack(">BBH", 0x50, kind, len(value)) + value for kind, value in attributes)
    return bgp_message(BGP_UPDATE, struct.pack(">HH", 0, len(text)) + text + prefixes)


def monitored(message, peer=0):
    """A BMP message of routes of a peer, after policy."""
    header = struct.pack(">BB8x12xIII8x", 0, 0x40, 0x0A000000 + peer, 65001, peer)
    return struct.pack(">BIB", 3, 6 + len(header) + len(message), 0) + header + message


def peer_down(peer=0):
    header = struct.pack(">BB8x12xIII8x", 0, 0x40, 0x0A000000 + peer, 65001, peer)
    return struct.pack(">BIB", 3, 6 + len(header) + 1, 2) + header + b"\x04"


ORIGIN, PATH, NEXT_HOP = (1, b"\0"), (2, b""), (3, bytes([127, 0, 0, 1]))


def routes(prefixes, communities=0):
    """An UPDATE that announces prefixes, given as bytes, with so many communities."""
    more = [(8, struct.pack(">HH", 65001, 1) * communities)] if communities else []
    return update([ORIGIN, PATH, NEXT_HOP, *more], prefixes)


def connect(address, source):
    connection = socket.create_connection(address, timeout=PATIENCE, source_address=(source, 0))
    return connection


def session(address, source):
    """A session of BGP-LS that the feed has accepted: its own OPEN serves as the router's."""
    connection = connect(address, source)
    opened = read_bgp(connection)
    connection.sendall(opened)
    read_bgp(connection)
    connection.sendall(bgp_message(BGP_KEEPALIVE))
    return connection


def read_bgp(connection):
    header = connection.recv(19, socket.MSG_WAITALL)
    if len(header) < 19:
        raise ConnectionError("closed")
    return header + connection.recv(struct.unpack(">H", header[16:18])[0] - 19, socket.MSG_WAITALL)


def is_closed(connection, seconds):
    """Whether the other end closes a connection in time; what it still sends is discarded."""
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        connection.settimeout(left)
        try:
            if not connection.recv(65536):
                return True
        except TimeoutError:
            return False
        except OSError:
            return True
    return False


def tlv(kind, value):
    return struct.pack(">HH", kind, len(value)) + value


def linked(kind, number, descriptors=b""):
    """An object of BGP-LS that belongs to a node with an identifier of OSPF."""
    return tlv(kind, struct.pack(">BQ", 3, 0) + tlv(256, tlv(515, struct.pack(">I", number))) + descriptors)


def node(number):
    return linked(1, number)


def link_object(number, neighbour, address):
    """A link from one node to another, from an interface with an IPv4 address."""
    return linked(2, number, tlv(257, tlv(515, struct.pack(">I", neighbour))) + tlv(259, struct.pack(">I", address)))


def prefix_object(number, prefix):
    """A /24 behind a node, within 11.0.0.0/8."""
    return linked(3, number, tlv(265, bytes([24, 11]) + struct.pack(">H", prefix)))


def link_state(objects, attribute):
    """An UPDATE that announces objects of BGP-LS, all with the same attribute."""
    reach = b"\x40\x04\x47" + bytes([4, 127, 0, 0, 1, 0]) + objects
    return update([ORIGIN, PATH, (14, reach), (29, attribute)])
