"""A server process on loopback for the attacks on work, state and names, and requests to it."""

import argparse
import http.client
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

TOPOLOGY = Path(__file__).resolve().parents[2] / "topo" / "data" / "two-isps.json"
START_SECONDS = 20
COST_PARAMS = "application/alto-endpointcostparams+json"


def programs():
    """Returns the programs that the command line names."""
    parser = argparse.ArgumentParser(description=sys.modules["__main__"].__doc__)
    for name in ("server", "peer", "suite"):
        parser.add_argument(f"--{name}", metavar="PATH", help=f"program of the {name}")
    return parser.parse_args()


def verdict(seen, limit, holds):
    """Prints what was seen beside the limit, and ends with the exit code of the attack."""
    print(f"seen: {seen}")
    print(f"limit: {limit}")
    sys.exit(0 if holds else 1)


class Answer:
    """Status, fields and body of an answer."""

    def __init__(self, response):
        self.status, self.headers, self.body = response.status, response.headers, response.read()

    def json(self):
        return json.loads(self.body)


class Server:
    """Runs a server on a free port of 127.0.0.1 within a `with` block."""

    def __init__(self, program, *arguments, topology=TOPOLOGY, environment=None, prepare=None):
        self.command = [program, "--listen", "127.0.0.1:0", "--topology", str(topology), *arguments]
        self.environment = {**os.environ, **(environment or {})}
        self.prepare, self.log, self.port = prepare, [], None

    def __enter__(self):
        # Signals stay as Python set them: a write beyond the largest file is then an error, not the end of the process.
        self.process = subprocess.Popen(
            self.command,
            stderr=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            env=self.environment,
            text=True,
            restore_signals=False,
            preexec_fn=self.prepare,
        )
        listening = threading.Event()

        def read():
            for line in self.process.stderr:
                self.log.append(line)
                found = re.search(r"listening on https?://127\.0\.0\.1:(\d+)/", line)
                if found:
                    self.port = int(found.group(1))
                    listening.set()
            listening.set()

        threading.Thread(target=read, daemon=True).start()
        if not listening.wait(START_SECONDS) or self.port is None:
            self.process.kill()
            raise SystemExit("seen: the server did not start:\n" + "".join(self.log))
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()

    def connect(self, timeout=50, source=None):
        address = (source, 0) if source else None
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout, source_address=address)

    def ask(self, method, path, body=None, headers=None, timeout=50, source=None):
        connection = self.connect(timeout, source)
        try:
            connection.request(method, path, body, headers or {})
            return Answer(connection.getresponse())
        finally:
            connection.close()

    def post_json(self, path, message, source=None):
        return self.ask("POST", path, json.dumps(message), {"Content-Type": "application/json"}, source=source)

    def cpu_seconds(self):
        """Returns the processor time that the process has used."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def peak_mebibytes(self):
        """Returns the largest resident memory that the process has had."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(r"VmHWM:\s+(\d+)", status).group(1)) // 1024

    def terminate(self, seconds):
        """Sends SIGTERM; returns the seconds until the process has ended, or None if it has not ended in time."""
        start = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            return None
        return time.monotonic() - start


def lookup(srcs, dsts, **members):
    """Returns the body of an endpoint cost request with so many sources and destinations."""
    address = lambda net, number: f"ipv4:{net}.{number >> 8}.{number & 255}"
    cost_type = {"cost-mode": "numerical", "cost-metric": "routingcost"}
    endpoints = {
        "srcs": [address("127.1", number) for number in range(srcs)],
        "dsts": [address("127.2", number) for number in range(dsts)],
    }
    return json.dumps({"cost-type": cost_type, "endpoints": endpoints, **members})


def scratch():
    """Returns a folder that is removed at the end."""
    return tempfile.TemporaryDirectory(prefix="attack-")
