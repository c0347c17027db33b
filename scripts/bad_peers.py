#!/usr/bin/env python3
"""Measures what bad peers cost the honest ones of a swarm, on loopback.

Peers fetch a file from a seed and from each other: first a swarm of honest ones only, then one of the same size in which
most of them lie (have everything and send noise), trickle (have everything and send a byte at a time), leave (are killed
halfway) or ride for free (fetch and send next to nothing). All others are alto-peer with the same limit of uploads. The
exit status is 1 if the honest ones take longer than in the first swarm by more than --allowed, as the median over rounds
of their mean time. How long the few honest ones take by themselves is shown, too.
"""
import argparse
import hashlib
import http.client
import http.server
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import threading
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
TOPOLOGY = os.path.join(ROOT, "topo", "data", "two-isps.json")
PORT = 6881
# Limits of uploads, in bytes per second.
SEED_RATE, RATE, RIDER_RATE = "2MB", "1MB", "1KiB"
PATIENCE = 300


class Swarm:
    """A server, a seed, and the peers that come to them."""

    def __init__(self, programs, folder, content):
        self.programs, self.folder, self.processes, self.servers = programs, folder, [], []
        server = subprocess.Popen([f"{programs}/alto-server", "--topology", TOPOLOGY, "--listen", "127.1.0.10:0"],
                                  stderr=subprocess.PIPE, text=True)
        self.processes.append(server)
        self.directory = next(match[1] for line in server.stderr if (match := re.search(r"listening on (http\S+)", line)))
        threading.Thread(target=lambda: [None for _ in server.stderr], daemon=True).start()
        self.registry = re.match(r"http://([^/]+)", self.directory)[1]
        seed = subprocess.Popen(
            [f"{programs}/alto-peer", "share", content, "--server", self.directory, "--address", "127.1.1.1", "--json",
             "--upload-rate", SEED_RATE, "--piece-size", "256KiB"], stdout=subprocess.PIPE, text=True)
        self.processes.append(seed)
        next(line for line in seed.stdout if json.loads(line)["event"] == "registered")
        threading.Thread(target=lambda: [None for _ in seed.stdout], daemon=True).start()
        with open(content, "rb") as file:
            self.file = hashlib.file_digest(file, "sha256").hexdigest()
        while not self.ask("GET", f"/swarm/files/{self.file}/holders")[1].get("holders"):
            time.sleep(0.1)
        self.entry = self.ask("GET", f"/swarm/files/{self.file}")[1]
        self.entry["manifest"] = self.ask("GET", f"/swarm/files/{self.file}/holders")[1]["holders"][0]["manifest"]

    def ask(self, method, path, body=None, source="127.1.0.10"):
        connection = http.client.HTTPConnection(self.registry, timeout=10, source_address=(source, 0))
        connection.request(method, path, body and json.dumps(body), {"content-type": "application/json"})
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read() or b"{}")

    def fetch(self, address, rate):
        """Starts a peer that fetches the file, and goes on sharing it."""
        target = os.path.join(self.folder, address)
        os.makedirs(target)
        process = subprocess.Popen(
            [f"{self.programs}/alto-peer", "get", self.file, "--server", self.directory, "--address", address, "--port",
             str(PORT), "--json", "--upload-rate", rate, "--stay", str(PATIENCE), "--output", target + "/"],
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        self.processes.append(process)
        return Fetch(process)

    def pretend(self, address, send):
        """Registers a peer that has everything and answers requests for pieces by `send`."""

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                spans = re.match(r"bytes=(\d+)-(\d+)", self.headers.get("Range", ""))
                length = int(spans[2]) - int(spans[1]) + 1 if spans else 262144
                self.send_response(206 if spans else 200)
                if spans:
                    self.send_header("Content-Range", f"bytes {spans[1]}-{spans[2]}/*")
                choice = re.search(r"/pieces/any\?want=([0-9a-f]+)", self.path)
                if choice:
                    wanted = int(choice[1], 16)
                    first = 4 * len(choice[1]) - wanted.bit_length()
                    self.send_header("Content-Location", re.sub(r"any\?.*", str(first), self.path))
                self.send_header("Content-Length", str(length))
                self.end_headers()
                send(self.wfile, length)

            def log_message(self, *_):
                pass

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, *_):
                """Whoever is found out is disconnected."""

        server = Server((address, PORT), Handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        self.servers.append(server)
        entry = {key: self.entry[key] for key in ("id", "name", "size", "manifest")} | {"complete": True}
        status, answer = self.ask("POST", "/swarm/register", {"name": address, "port": PORT, "files": [entry]}, address)
        if status != 201:
            sys.exit(f"bad_peers: the registry refused {address}: {answer}")

    def close(self):
        for server in self.servers:
            server.shutdown()
            server.server_close()
        for process in self.processes:
            process.kill()
            process.wait()


class Fetch:
    """A peer that fetches, with the time it took and the pieces it has."""

    def __init__(self, process):
        self.process, self.pieces, self.seconds = process, 0, None
        self.done = threading.Event()
        threading.Thread(target=self.listen, daemon=True).start()

    def listen(self):
        begin = time.monotonic()
        for line in self.process.stdout:
            event = json.loads(line)
            self.pieces += event["event"] == "piece"
            if event["event"] == "done":
                self.seconds = time.monotonic() - begin
                self.done.set()
        self.done.set()


def noise(stream, length):
    stream.write(os.urandom(length))


def trickle(stream, length):
    for _ in range(length):
        stream.write(b"x")
        stream.flush()
        time.sleep(0.5)


def leave(fetch, pieces):
    """Kills a peer once it has half of the pieces."""
    while fetch.pieces < pieces // 2 and not fetch.done.is_set():
        time.sleep(0.02)
    fetch.process.kill()


def measure(options, content, honest, bad):
    """Mean time of the honest peers, with so many bad ones of each kind."""
    with tempfile.TemporaryDirectory() as folder:
        swarm = Swarm(options.programs, folder, content)
        try:
            for n in range(bad):
                swarm.pretend(f"127.1.2.{10 + n}", noise)
                swarm.pretend(f"127.2.1.{10 + n}", trickle)
            fetches = [swarm.fetch(f"127.1.3.{10 + n}", RATE) for n in range(honest)]
            for n in range(bad):
                leaver = swarm.fetch(f"127.2.2.{10 + n}", RATE)
                threading.Thread(target=leave, args=(leaver, options.size // 262144), daemon=True).start()
                swarm.fetch(f"127.2.3.{10 + n}", RIDER_RATE)
            for fetch in fetches:
                if not fetch.done.wait(PATIENCE) or fetch.seconds is None:
                    sys.exit("bad_peers: an honest peer did not get the file")
            return statistics.mean(fetch.seconds for fetch in fetches)
        finally:
            swarm.close()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("programs", nargs="?", default=os.path.join(ROOT, "target", "release"),
                        help="folder with alto-server and alto-peer [target/release]")
    parser.add_argument("--size", type=int, default=32 << 20, help="size of the file in bytes [32 MiB]")
    parser.add_argument("--honest", type=int, default=4, help="number of honest peers [4]")
    parser.add_argument("--bad", type=int, default=4, help="number of bad peers of each of the four kinds [4]")
    parser.add_argument("--rounds", type=int, default=3, help="number of measurements [3]")
    parser.add_argument("--allowed", type=float, default=0.15, help="share of their time that bad peers may cost [0.15]")
    options = parser.parse_args()
    for program in ("alto-server", "alto-peer"):
        if not os.path.exists(os.path.join(options.programs, program)):
            parser.error(f"{options.programs} has no {program}: cargo build --release -p alto-server -p alto-peer")
    with tempfile.TemporaryDirectory() as folder:
        content = os.path.join(folder, "movie.bin")
        with open(content, "wb") as file:
            file.write(os.urandom(options.size))
        costs = []
        everyone = options.honest + 4 * options.bad
        for _ in range(options.rounds):
            alone = measure(options, content, options.honest, 0)
            all_honest = measure(options, content, everyone, 0)
            together = measure(options, content, options.honest, options.bad)
            costs.append(together / all_honest - 1)
            print(f"{everyone} honest {all_honest:.2f} s, {options.honest} honest with {4 * options.bad} bad "
                  f"{together:.2f} s: {costs[-1]:+.1%} ({options.honest} honest alone {alone:.2f} s)", flush=True)
        cost = statistics.median(costs)
        print(f"bad peers cost honest ones {cost:+.1%} of their time (allowed {options.allowed:.0%})")
        return int(cost > options.allowed)


if __name__ == "__main__":
    sys.exit(main())
