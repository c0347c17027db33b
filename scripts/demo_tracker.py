"""The last part of the demonstration: aria2 downloads through the tracker, from the peer that is near."""
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request

SIZE = 4_000_000
FILE = "film.bin"
# Two seeds have the file: one in the provider of the downloader, one in the other.
NEAR, FAR, DOWNLOADER = "p3", "p5", "p1"
PATIENCE = 60
POLL = 0.2


class Aria2:
    """A running aria2, an unmodified BitTorrent client, at the address of a host."""

    def __init__(self, name, address, port, folder, torrent):
        self.name, self.rpc, self.identity = name, f"http://127.0.0.1:{port + 1}/jsonrpc", 0
        command = ["aria2c", "--no-conf", f"--interface={address}", f"--listen-port={port}", f"--dir={folder}",
                   "--enable-dht=false", "--enable-dht6=false", "--bt-enable-lpd=false", "--enable-peer-exchange=false",
                   "--seed-ratio=0.0", "--check-integrity=true", "--file-allocation=none", "--enable-rpc",
                   f"--rpc-listen-port={port + 1}", "--quiet", torrent]
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)

    def status(self):
        """Bytes that it has and bytes that it has sent, or None while it starts."""
        body = {"jsonrpc": "2.0", "id": "demo", "method": "aria2.tellActive"}
        request = urllib.request.Request(self.rpc, json.dumps(body).encode(), {"Content-Type": "application/json"})
        try:
            with urllib.request.urlopen(request, timeout=5) as answer:
                active = json.load(answer)["result"]
        except OSError:
            return None
        return (int(active[0]["completedLength"]), int(active[0]["uploadLength"])) if active else None

    def wait_complete(self):
        """Waits until it has the whole file."""
        limit = time.monotonic() + PATIENCE
        while time.monotonic() < limit and self.process.poll() is None:
            status = self.status()
            if status and status[0] == SIZE:
                return
            time.sleep(POLL)
        sys.exit(f"demo: aria2 of {self.name} did not get the file; it ended with {self.process.poll()}")

    def sent(self):
        """Bytes that it has sent."""
        limit = time.monotonic() + PATIENCE
        while time.monotonic() < limit and self.process.poll() is None:
            status = self.status()
            if status:
                return status[1]
            time.sleep(POLL)
        sys.exit(f"demo: aria2 of {self.name} does not say what it sent; it ended with {self.process.poll()}")


def tracked(server):
    """Number of peers that the tracker knows."""
    request = urllib.request.Request(f"{server.base}/metrics", headers={"Authorization": f"Bearer {server.token}"})
    with urllib.request.urlopen(request, timeout=60) as answer:
        lines = answer.read().decode().splitlines()
    return next((float(line.split()[1]) for line in lines if line.startswith("alto_tracker_peers ")), 0)


def wait_tracked(server, count):
    """Waits until the tracker knows so many peers."""
    limit = time.monotonic() + PATIENCE
    while tracked(server) < count:
        if time.monotonic() > limit:
            sys.exit("demo: the tracker does not know all seeds")
        time.sleep(POLL)


def walk(server, addresses, program, heading):
    heading("An unmodified BitTorrent client downloads through the tracker")
    if shutil.which("aria2c") is None:
        print("   aria2 is not installed, so this part is left out: apt-get install aria2")
        return
    clients = []
    with tempfile.TemporaryDirectory(prefix="alto-demo-") as folder:
        original = os.path.join(folder, FILE)
        with open(original, "wb") as file:
            file.write(os.urandom(SIZE))
        url = f"{server.base}/tracker/announce"
        command = [program, "torrent", "create", original, "--announce", url]
        print(f"\n$ alto-peer torrent create {FILE} --announce {url}")
        print("   " + subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip())
        try:
            for number, name in enumerate((NEAR, FAR, DOWNLOADER)):
                home = os.path.join(folder, name)
                os.mkdir(home)
                if name != DOWNLOADER:
                    shutil.copy(original, home)
                address = addresses[name].removeprefix("ipv4:")
                clients.append(Aria2(name, address, 26881 + 10 * number, home, original + ".torrent"))
                clients[-1].wait_complete()
                if name != DOWNLOADER:
                    # A seed must be known to the tracker before anybody asks for it.
                    wait_tracked(server, number + 1)
                print(f"   aria2 of {name} at {address} {'has' if name != DOWNLOADER else 'has got'} the file")
            with open(os.path.join(folder, DOWNLOADER, FILE), "rb") as got, open(original, "rb") as sent:
                if hashlib.sha256(got.read()).digest() != hashlib.sha256(sent.read()).digest():
                    sys.exit("demo: the downloaded file differs from the original")
            near, far = (client.sent() for client in clients[:2])
            print(f"   -> {NEAR} in the same provider sent {near:,} bytes, {FAR} in the other {far:,}")
            if far or not near:
                sys.exit("demo: the download should have stayed within the provider, but did not")
        finally:
            for client in clients:
                client.process.terminate()
            for client in clients:
                client.process.wait(timeout=20)
