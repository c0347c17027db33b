"""What the attacks share: the options, a server of their own with small limits, honest requests, and the verdict.

An attack runs against a program that it starts itself on loopback, prints what it saw beside the limit in force, and
exits with 0 if the limit held and with 1 if it did not. Limits that a program does not know yet are left out, so that
an attack also runs against an older build.
"""
import argparse
import json
import os
import socket
import subprocess
import sys
import tempfile
import threading
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
TOPOLOGY = os.path.join(ROOT, "topo", "data", "two-isps.json")
COST_TYPE = {"cost-mode": "numerical", "cost-metric": "routingcost"}
ENDPOINT_COST = "/endpointcost/lookup"
ENDPOINT_COST_PARAMS = "application/alto-endpointcostparams+json"
# Addresses of the attacker and of an honest client; the limits tell clients apart by address.
ATTACKER = "127.0.0.1"
HONEST = "127.9.9.9"


def options(description):
    """Parses the options that every attack has."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    for program, name in (("--server", "alto-server"), ("--peer", "alto-peer"), ("--suite", "rfc-conformance")):
        parser.add_argument(program, metavar="PATH", default=os.path.join(ROOT, "target", "release", name),
                            help=f"the {name} binary [default: target/release/{name}]")
    return parser.parse_args()


def verdict(seen, limit, holds):
    """Prints what was seen and the limit in force; returns the exit status."""
    print(f"seen: {seen}")
    print(f"limit: {limit}")
    return 0 if holds else 1


class Server:
    """An alto-server on a free port of loopback, which ends with the block."""

    def __init__(self, program, *flags, topology=TOPOLOGY):
        known = subprocess.run([program, "--help"], capture_output=True, text=True, check=True).stdout
        arguments = [program, "--topology", topology, "--listen", "127.0.0.1:0"]
        self.flags = {}
        for name, value in zip(flags[::2], flags[1::2]):
            if name in known:
                arguments += [name, str(value)]
                self.flags[name] = value
        self.process = subprocess.Popen(arguments, stderr=subprocess.PIPE, text=True)
        self.address = self._listening()
        threading.Thread(target=lambda: [None for _ in self.process.stderr], daemon=True).start()

    def _listening(self):
        for line in self.process.stderr:
            if "listening on http" in line:
                host, port = line.split("://")[1].split("/")[0].rsplit(":", 1)
                return host, int(port)
        raise SystemExit("the server did not start")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()

    def knows(self, flag):
        """Whether the program knows the setting that was given."""
        return flag in self.flags

    def memory(self):
        """Resident memory in MiB."""
        with open(f"/proc/{self.process.pid}/status", encoding="ascii") as file:
            return next(int(line.split()[1]) for line in file if line.startswith("VmRSS")) / 1024

    def alive(self):
        return self.process.poll() is None


class MemoryWatch:
    """Highest resident memory of a server while the block runs, above that at its start, in MiB."""

    def __init__(self, server):
        self.server = server
        self.growth = 0.0
        self.ended = threading.Event()
        self.thread = threading.Thread(target=self._watch, daemon=True)

    def _watch(self):
        while not self.ended.wait(0.05):
            try:
                self.growth = max(self.growth, self.server.memory() - self.start)
            except (OSError, StopIteration):
                # The server ended, which is the worst growth of all.
                self.growth = float("inf")
                return

    def __enter__(self):
        self.start = self.server.memory()
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.ended.set()
        self.thread.join()


def connect(address, source=ATTACKER, timeout=10, receive_buffer=None):
    """Connects from an address of loopback."""
    connection = socket.socket()
    connection.settimeout(timeout)
    if receive_buffer:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    connection.bind((source, 0))
    try:
        connection.connect(address)
    except OSError:
        connection.close()
        raise
    return connection


def request(method, path, fields=(), body=None):
    """Formats a request of HTTP/1.1."""
    lines = [f"{method} {path} HTTP/1.1", "Host: attack", *(f"{name}: {value}" for name, value in fields)]
    if body is not None:
        lines.append(f"Content-Length: {len(body)}")
    return ("\r\n".join(lines) + "\r\n\r\n").encode() + (body or b"")


def read_answer(reader):
    """Reads one answer from a buffered reader: status, fields, body. Raises OSError where there is none."""
    line = reader.readline()
    if not line:
        raise ConnectionError("closed without an answer")
    status, fields = int(line.split(b" ")[1]), {}
    while (line := reader.readline()) not in (b"\r\n", b""):
        name, _, value = line.decode("latin-1").partition(":")
        fields[name.lower()] = value.strip()
    if fields.get("transfer-encoding") == "chunked":
        body = b""
        while size := int(reader.readline() or b"0", 16):
            body += reader.read(size)
            reader.readline()
        reader.readline()
    else:
        body = reader.read(int(fields.get("content-length", 0)))
    return status, fields, body


def honest_get(address, path, timeout=10, source=HONEST, fields=()):
    """Sends one request on a connection of its own: status and seconds, or the error that ended it."""
    start = time.monotonic()
    try:
        with connect(address, source, timeout) as connection, connection.makefile("rb") as reader:
            connection.sendall(request("GET", path, [("Connection", "close"), *fields]))
            status, answer, _ = read_answer(reader)
        if status == 503 and "retry-after" not in answer:
            return "503 without Retry-After", time.monotonic() - start
        return status, time.monotonic() - start
    except (OSError, ValueError, IndexError) as error:
        return type(error).__name__, time.monotonic() - start


def endpoint_costs(sources, destinations):
    """Body of a lookup of the costs between so many endpoints; the answer has about 23 bytes for each pair."""
    def addresses(second, count):
        return [f"ipv4:127.{second}.{100 + (i >> 8)}.{i & 255}" for i in range(count)]
    endpoints = {"srcs": addresses(1, sources), "dsts": addresses(2, destinations)}
    return json.dumps({"cost-type": COST_TYPE, "endpoints": endpoints}).encode()


def big_topology(folder, pids):
    """Writes a topology with many PIDs on one switch, whose cost map has their square of entries."""
    path = os.path.join(folder, "topo.json")
    groups = {f"pid-{i}": {"switches": ["s1"], "ipv4": [f"10.{i >> 8}.{i & 255}.0/24"], "ipv6": []}
              for i in range(pids)}
    topology = {"name": "attack", "hosts": [], "switches": [{"name": "s1", "dpid": "1"}], "links": [], "pids": groups}
    with open(path, "w", encoding="utf-8") as file:
        json.dump(topology, file)
    return path


def scratch():
    """A folder that ends with the block."""
    return tempfile.TemporaryDirectory(prefix="alto-attack-")


def main(attack, description):
    """Runs an attack with its options and exits with its status."""
    sys.exit(attack(options(description)))
