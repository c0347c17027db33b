#!/usr/bin/env python3
"""Demonstrates an ALTO server on the two-ISP network: requests, answers and the effect of a change; then peers share a
file, and a BitTorrent client downloads through the tracker.

Builds what it needs first, the server before the peers, so that answers come as early as possible. Everything runs on
loopback addresses and free ports, and ends with the demonstration, unless --keep is given.
"""
import argparse
import json
import os
import secrets
import subprocess
import sys
import threading
import time
import urllib.request

import demo_peers
import demo_tracker

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
TOPOLOGY = os.path.join(ROOT, "topo", "data", "two-isps.json")
# The client of the demonstration, and its candidates for a download.
CLIENT, CANDIDATES = "p1", ["p3", "p4", "p5", "p7", "p8"]
# The profile of Cargo.toml that compiles quickly, and whose programs are fast enough for a demonstration.
PROFILE = "demo"
# Both, whichever is built: with another set of packages, crates would have other features and be compiled again.
PACKAGES = ["-p", "alto-server", "-p", "alto-peer"]


class Server:
    """A running alto-server, with the requests a client would send."""

    def __init__(self, program):
        self.token = secrets.token_hex(16)
        environment = dict(os.environ, ALTO_ADMIN_TOKEN=self.token)
        command = [program, "--topology", TOPOLOGY, "--listen", "127.0.0.1:0", "--log-level", "info",
                   "--tracker", "--tracker-outsiders", "0"]
        self.process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment)
        self.directory = None
        for line in self.process.stderr:
            if "listening on" in line:
                self.directory = line.split("listening on ")[1].split()[0]
                break
            print(line, end="", file=sys.stderr)
        if self.directory is None:
            sys.exit("demo: alto-server did not start; its log is above")
        threading.Thread(target=lambda: [None for _ in self.process.stderr], daemon=True).start()
        self.base = self.directory.rsplit("/", 1)[0]

    def ask(self, path, body=None, media_type=None, token=False, quiet=False, method=None):
        """Sends a request, prints it as a curl command, and returns the answer."""
        headers = {"Content-Type": media_type} if media_type else {}
        shown = f"curl {self.base}{path}"
        if body is not None:
            text = json.dumps(body, separators=(",", ":"))
            shown = f"curl -d '{text}' -H 'Content-Type: {media_type}' {self.base}{path}"
        if token:
            headers["Authorization"] = f"Bearer {self.token}"
            shown += " -H 'Authorization: Bearer ...'"
        if not quiet:
            print(f"\n$ {shown}")
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.base + path, data, headers, method=method)
        with urllib.request.urlopen(request, timeout=10) as answer:
            return json.load(answer)

    def stop(self):
        self.process.terminate()
        return self.process.wait(timeout=20)


def heading(text):
    print(f"\n== {text}", flush=True)


def build(program):
    """Builds one program, with cargo's own progress on the terminal, and returns its path."""
    cargo, began = os.environ.get("CARGO", "cargo"), time.monotonic()
    print(f"building {program}; the first time takes minutes, later times seconds", flush=True)
    done = subprocess.run([cargo, "build", "--profile", PROFILE, *PACKAGES, "--bin", program], cwd=ROOT, check=False)
    if done.returncode != 0:
        sys.exit(f"demo: {program} could not be built; the reason is above")
    print(f"built {program} in {time.monotonic() - began:.0f} s", flush=True)
    target = os.environ.get("CARGO_TARGET_DIR") or os.path.join(ROOT, "target")
    return os.path.join(ROOT, target, PROFILE, program)


def ranking(server, addresses):
    """Requests the costs from the client to every candidate and prints them, cheapest first."""
    body = {
        "cost-type": {"cost-mode": "numerical", "cost-metric": "routingcost"},
        "endpoints": {"srcs": [addresses[CLIENT]], "dsts": [addresses[name] for name in CANDIDATES]},
    }
    answer = server.ask("/endpointcost/lookup", body, "application/alto-endpointcostparams+json")
    costs = answer["endpoint-cost-map"][addresses[CLIENT]]
    names = {address: name for name, address in addresses.items()}
    order = sorted(costs, key=lambda address: (costs[address], address))
    for place, address in enumerate(order, 1):
        print(f"   {place}. {names[address]:<4}{address:<18}routingcost {costs[address]:g}")
    return [names[address] for address in order]


def walk(server, addresses):
    heading(f"An ALTO client starts at the directory: {server.directory}")
    directory = server.ask("/directory")
    for name, entry in sorted(directory["resources"].items()):
        print(f"   {name:<32}{'POST' if 'accepts' in entry else 'GET ':<5}{entry['uri']}")

    heading("The network map groups addresses into PIDs")
    network_map = server.ask("/networkmap")
    for name, group in network_map["network-map"].items():
        print(f"   {name:<9}{', '.join(group.get('ipv4', []) + group.get('ipv6', []))}")

    heading("The cost map lists the cost from each PID to each other")
    costs = server.ask("/costmap/numerical/routingcost")["cost-map"]
    columns = sorted(costs)
    print("   " + " " * 9 + "".join(f"{name:>9}" for name in columns))
    for source in columns:
        cells = (f"{costs[source][name]:>9.2f}" if name in costs[source] else f"{'-':>9}" for name in columns)
        print(f"   {source:<9}" + "".join(cells))

    heading(f"{CLIENT} asks from which of {', '.join(CANDIDATES)} it should download")
    before = ranking(server, addresses)
    print(f"   -> {before[0]} is the cheapest")

    heading("The link a1 - a2 fills up: its utilisation is reported as 99 percent")
    report = {"source": "a1", "destination": "a2", "utilisation": 0.99}
    server.ask("/admin/links", report, "application/json", token=True)
    after = ranking(server, addresses)
    if before == after:
        sys.exit("demo: the ranking should have changed, but did not")
    print(f"   -> {after[0]} is the cheapest now; it was {before[0]}")
    if server.ask("/networkmap", quiet=True)["meta"]["vtag"] != network_map["meta"]["vtag"]:
        sys.exit("demo: the tag of the network map changed, although only a cost did")
    print("   The network map kept its tag: clients need not fetch it again.")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--keep", action="store_true", help="keep the server running until Ctrl-C")
    parser.add_argument("--programs", help="folder with alto-server and alto-peer [default: they are built]")
    options = parser.parse_args()
    program = (lambda name: os.path.join(options.programs, name)) if options.programs else build
    with open(TOPOLOGY, encoding="utf-8") as file:
        addresses = {host["name"]: "ipv4:" + host["ip"] for host in json.load(file)["hosts"]}
    server = Server(program("alto-server"))
    try:
        walk(server, addresses)
        server.ask("/admin/links", method="DELETE", token=True, quiet=True)
        heading("Now peers that share a file")
        demo_peers.walk(server, addresses, program("alto-peer"), heading)
        demo_tracker.walk(server, addresses, program("alto-peer"), heading)
        if options.keep:
            print(f"\nStill serving at {server.directory}\nTo change links: -H 'Authorization: Bearer {server.token}'\n"
                  "Ctrl-C ends it.")
            try:
                server.process.wait()
            except KeyboardInterrupt:
                print()
    finally:
        code = server.stop()
    print("\nThe server finished its requests and ended." if code == 0 else f"\nThe server ended with code {code}.")
    return code


if __name__ == "__main__":
    sys.exit(main())
