"""The second half of the demonstration: peers on the two-ISP network share a file and choose sources by cost."""
import hashlib
import http.client
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse

SIZE = 20_000_000
FILE = "movie.bin"
SEED = "p1"
# In the order of joining, so that each has more candidates than the one before.
FETCHERS = ["p3", "p5", "p6", "p7"]
LATECOMER = "p4"
# The link whose price changes before the latecomer joins.
DEARER = {"source": "a2", "destination": "a3", "cost": 50}
# Upload limit of each peer. Without it, a transfer on loopback ends before there is a choice.
UPLOAD_RATE = "50Mbit"
PATIENCE = 60


class Peer:
    """A running alto-peer, with its events."""

    def __init__(self, program, config, name):
        self.name = name
        command = [program, "run", "--config", config, "--name", name, "--headless", "--json"]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL,
                                        text=True)
        self.events, self.complaints = [], []
        self.news = threading.Condition()
        for stream, keep in ((self.process.stdout, self.hear), (self.process.stderr, self.complaints.append)):
            threading.Thread(target=self.listen, args=(stream, keep), daemon=True).start()

    def listen(self, stream, keep):
        for line in stream:
            keep(line)
        with self.news:
            self.news.notify_all()

    def hear(self, line):
        with self.news:
            self.events.append(json.loads(line))
            self.news.notify_all()

    def wait_for(self, name):
        """Waits for the first event of the given name and returns it."""
        found = lambda: next((event for event in self.events if event["event"] == name), None)
        failed = lambda: next((event for event in self.events if event["event"] == "failed"), None)
        over = lambda: found() or failed() or self.process.poll() is not None
        with self.news:
            self.news.wait_for(over, PATIENCE)
            event = found()
        if event is None:
            said = "".join(self.complaints[-5:]) or json.dumps(failed()) or "nothing"
            sys.exit(f"demo: {self.name} ended or failed before its event {name!r}; its last output: {said}")
        return event

    def stop(self):
        if self.process.poll() is None:
            self.process.terminate()
        self.process.wait(timeout=20)


def digest(path):
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def best(base, file_id, address):
    """The registry's ranking of the holders of a file by cost, for a client at `address`."""
    where = urllib.parse.urlsplit(base)
    connection = http.client.HTTPConnection(where.hostname, where.port, timeout=10, source_address=(address, 0))
    connection.request("GET", f"/swarm/files/{file_id}/best")
    answer = json.load(connection.getresponse())
    connection.close()
    return answer["ranking"]


def wait_for_holders(server, file_id, count):
    """Polls the registry until it knows the given number of complete copies."""
    deadline = time.monotonic() + PATIENCE
    while server.ask(f"/swarm/files/{file_id}", quiet=True)["complete"] < count:
        if time.monotonic() > deadline:
            sys.exit(f"demo: the registry does not know {count} complete copies after {PATIENCE} s")
        # The registry has no notifications.
        time.sleep(0.1)


def show_choice(peer, addresses):
    """Prints the candidates of a peer with their costs, and the bytes fetched from each."""
    done = peer.wait_for("done")
    names = {address.split(":", 1)[1]: name for name, address in addresses.items()}
    seen = {}
    for event in peer.events:
        if event["event"] == "candidates":
            for holder in event["holders"]:
                seen[holder["source"]] = holder
    print(f"   {peer.name}: {done['bytes'] / 1e6:.1f} MB in {done['seconds']:.1f} s")
    order = sorted(seen.values(), key=lambda holder: (holder.get("cost") is None, holder.get("cost"), holder["source"]))
    for holder in order:
        got = done["sources"].get(holder["source"], {}).get("bytes", 0)
        cost = "-" if holder.get("cost") is None else f"{holder['cost']:.2f}"
        name = names.get(holder["source"].rsplit(":", 1)[0], "?")
        print(f"      from {name:<4}cost {cost:>8}   {got / 1e6:5.1f} MB")
    return done


def walk(server, addresses, program, heading):
    """Runs six peers that share one file while a link changes."""
    plain = {name: address.split(":", 1)[1] for name, address in addresses.items()}
    with tempfile.TemporaryDirectory(prefix="alto-demo-") as folder:
        os.mkdir(os.path.join(folder, SEED))
        content = os.path.join(folder, SEED, FILE)
        with open(content, "wb") as out:
            out.write(os.urandom(SIZE))
        wanted = digest(content)
        # Port 0 is a free one.
        defaults = {"upload-rate": UPLOAD_RATE, "piece-size": "64KiB", "port": 0}
        peers = [{"name": SEED, "host": SEED, "address": plain[SEED], "share": [f"{SEED}/{FILE}"], "folder": SEED}]
        for name in [*FETCHERS, LATECOMER]:
            os.mkdir(os.path.join(folder, name))
            policy = "best" if name == LATECOMER else "alto"
            peers.append({"name": name, "host": name, "address": plain[name], "get": [FILE], "folder": name,
                          "policy": policy})
        config = os.path.join(folder, "peers.json")
        with open(config, "w", encoding="utf-8") as out:
            json.dump({"server": server.directory, "defaults": defaults, "peers": peers}, out, indent=1)

        running = []
        try:
            heading(f"{SEED} shares a file of {SIZE / 1e6:.0f} MB; its SHA-256 is its name")
            running.append(Peer(program, config, SEED))
            running[0].wait_for("registered")
            print(f"   {wanted}")

            heading("Others fetch it, and share what they have: mostly from where it is cheap (policy alto)")
            for name in FETCHERS:
                peer = Peer(program, config, name)
                running.append(peer)
                show_choice(peer, addresses)
                wait_for_holders(server, wanted, len(running))

            heading(f"What the registry would tell {LATECOMER} now, and after {DEARER['source']} - {DEARER['destination']} "
                    f"costs {DEARER['cost']}")
            before = best(server.base, wanted, plain[LATECOMER])
            server.ask("/admin/links", DEARER, "application/json", token=True, quiet=True)
            after = best(server.base, wanted, plain[LATECOMER])
            for label, ranking in (("before", before), ("after", after)):
                print(f"   {label:<7}" + "  ".join(f"{holder['name']} {holder.get('cost', 0):.2f}" for holder in ranking))
            if before[0]["name"] == after[0]["name"]:
                sys.exit("demo: the cheapest holder should have changed, but did not")

            heading(f"{LATECOMER} joins (policy best): always the one that is cheapest now")
            peer = Peer(program, config, LATECOMER)
            running.append(peer)
            done = show_choice(peer, addresses)
            most = max(done["sources"].values(), key=lambda source: source["bytes"])
            if most["name"] != after[0]["name"]:
                sys.exit(f"demo: {LATECOMER} fetched most from {most['name']}, not from {after[0]['name']}")
            print(f"   -> {after[0]['name']}; before the change it would have been {before[0]['name']}")

            for name in [*FETCHERS, LATECOMER]:
                if digest(os.path.join(folder, name, FILE)) != wanted:
                    sys.exit(f"demo: the file of {name} differs from that of {SEED}")
            print(f"\n   All {len(running)} peers have the same {SIZE / 1e6:.0f} MB, by SHA-256.")
        finally:
            for peer in reversed(running):
                peer.stop()
