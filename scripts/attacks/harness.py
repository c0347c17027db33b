"""What the attacks share: the options, a server of their own with small limits, honest requests, and the verdict.

An attack runs against a program that it starts itself on loopback, prints what it saw beside the limit in force, and
exits with 0 if the limit held and with 1 if it did not. Limits that a program does not know yet are left out, so that
an attack also runs against an older build.
"""
import argparse
import http.client
import json
import os
import pathlib
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
TOPOLOGY = ROOT / "topo" / "data" / "two-isps.json"
COST_TYPE = {"cost-mode": "numerical", "cost-metric": "routingcost"}
ENDPOINT_COST = "/endpointcost/lookup"
ENDPOINT_COST_PARAMS = "application/alto-endpointcostparams+json"
# Programs that are attacked, by the option that tells where they are.
PROGRAMS = {"--server": "alto-server", "--peer": "alto-peer", "--suite": "rfc-conformance", "--feed": "alto-feed"}
# Addresses of the attacker and of an honest client; the limits tell clients apart by address.
ATTACKER = "127.0.0.1"
HONEST = "127.9.9.9"


def options(description):
    """Parses the options that every attack has."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    for program, name in PROGRAMS.items():
        parser.add_argument(program, metavar="PATH", default=str(ROOT / "target" / "release" / name),
                            help=f"the {name} binary [default: target/release/{name}]")
    return parser.parse_args()


def verdict(seen, limit, holds):
    """Prints what was seen and the limit in force; returns the exit status."""
    print(f"seen: {seen}")
    print(f"limit: {limit}")
    return 0 if holds else 1


class Answer:
    """Status, fields and body of an answer."""

    def __init__(self, response):
        self.status, self.headers, self.body = response.status, response.headers, response.read()

    def json(self):
        return json.loads(self.body)


class Process:
    """A running program, `process`, which is killed at the end of the block."""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()

    def memory(self, key="VmRSS"):
        """Resident memory in MiB: the present one, or the highest so far (VmHWM)."""
        return self.told(key) / 1024

    def threads(self):
        return self.told("Threads")

    def told(self, key):
        """A number of the process from the operating system."""
        with open(f"/proc/{self.process.pid}/status", encoding="ascii") as file:
            return next(int(line.split()[1]) for line in file if line.startswith(key))

    def open_files(self):
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))

    def cpu_seconds(self):
        """Processor time that the process has used."""
        with open(f"/proc/{self.process.pid}/stat", encoding="ascii") as file:
            fields = file.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def alive(self):
        return self.process.poll() is None

    def terminate(self, seconds):
        """Sends SIGTERM; returns the seconds until the process has ended, or None if it has not ended in time."""
        start = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            return None
        return time.monotonic() - start


class Server(Process):
    """An alto-server on a free port of loopback, which ends with the block."""

    def __init__(self, program, *flags, topology=TOPOLOGY, environment=None, prepare=None):
        known = subprocess.run([program, "--help"], capture_output=True, text=True, check=True).stdout
        arguments = [program, "--topology", str(topology), "--listen", "127.0.0.1:0"]
        self.flags = {}
        for name, *value in settings(flags):
            if name in known:
                arguments += [name, *map(str, value)]
                self.flags[name] = value
        # Signals stay as Python set them: a write beyond the largest file is then an error, not the end of the process.
        self.process = subprocess.Popen(arguments, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True,
                                        restore_signals=False, preexec_fn=prepare,
                                        env={**os.environ, **(environment or {})})
        self.log = []
        self.address = self._listening()
        threading.Thread(target=lambda: self.log.extend(self.process.stderr), daemon=True).start()

    def _listening(self):
        for line in self.process.stderr:
            self.log.append(line)
            if "listening on http" in line:
                host, port = line.split("://")[1].split("/")[0].rsplit(":", 1)
                return host, int(port)
        self.process.wait()
        raise SystemExit("seen: the server did not start:\n" + "".join(self.log))

    def knows(self, flag):
        """Whether the program knows the setting that was given."""
        return flag in self.flags

    def connect(self, timeout=50, source=None):
        """A client connection for several requests."""
        address = (source, 0) if source else None
        return http.client.HTTPConnection(*self.address, timeout=timeout, source_address=address)

    def ask(self, method, path, body=None, headers=None, timeout=50, source=None):
        """Sends one request on a connection of its own."""
        connection = self.connect(timeout, source)
        try:
            connection.request(method, path, body, headers or {})
            return Answer(connection.getresponse())
        finally:
            connection.close()

    def post_json(self, path, message, source=None):
        return self.ask("POST", path, json.dumps(message), {"Content-Type": "application/json"}, source=source)


def settings(flags):
    """Groups flags with their values: those that follow and do not begin with dashes."""
    groups = []
    for flag in map(str, flags):
        if flag.startswith("--"):
            groups.append([flag])
        else:
            groups[-1].append(flag)
    return groups


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


def endpoint_costs(sources, destinations, **members):
    """Body of a lookup of the costs between so many endpoints; the answer has about 23 bytes for each pair."""
    def addresses(second, count):
        return [f"ipv4:127.{second}.{100 + (i >> 8)}.{i & 255}" for i in range(count)]
    endpoints = {"srcs": addresses(1, sources), "dsts": addresses(2, destinations)}
    return json.dumps({"cost-type": COST_TYPE, "endpoints": endpoints, **members}).encode()


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
