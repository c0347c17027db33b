#!/usr/bin/env python3
"""Lets Rucio's own replica sorter read a distance table of alto-feed, and compares its order with the server's costs.

Needs memcached, without which Rucio's table has no effect, and a Python with the packages rucio and pymemcache; `make rucio`
installs both. The exit status is 1 if an order differs.
"""
import argparse
import contextlib
import functools
import http.server
import ipaddress
import json
import os
import random
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
# Endpoints of two providers, by name: the sites of clients, and the storage elements.
SITES = {"SITE-A": "127.1.1.1", "SITE-B": "127.2.2.2", "SITE-C": "127.1.3.9"}
ELEMENTS = {"RSE-1": "127.1.1.2", "RSE-2": "127.1.2.3", "RSE-3": "127.2.1.5", "RSE-4": "127.2.2.7"}
PATIENCE = 60
# Runs in the Python that has Rucio: sorts the replicas for each site, given in an order of no meaning.
SORT = """
import json, sys
from rucio.core import replica_sorter
sites, replicas = json.load(sys.stdin)
def location(site):
    return {"ip": None, "fqdn": None, "site": site, "latitude": None, "longitude": None}
def order(site):
    dictionary = {f"https://{rse}/file": ("wan", number, rse, "DISK") for number, rse in enumerate(replicas)}
    return list(replica_sorter.sort_replicas(dictionary, location(site), selection="custom_table"))
print("ORDER " + json.dumps({site: order(site) for site in sites}))
"""


def wait(what, condition):
    deadline = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > deadline:
            raise RuntimeError(f"{what}: not within {PATIENCE} s")
        time.sleep(0.1)


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as free:
        return free.getsockname()[1]


def listens(port):
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)):
        return True
    return False


@contextlib.contextmanager
def started(*command):
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def fetch(uri):
    with urllib.request.urlopen(uri, timeout=10) as answer:
        return json.load(answer)


def costs(origin, site):
    """Returns the server's costs from the PID of a site to those of the storage elements."""
    network = fetch(f"{origin}/networkmap")["network-map"]
    prefixes = [(ipaddress.ip_network(prefix), pid) for pid, groups in network.items() for prefix in groups["ipv4"]]

    def pid(address):
        holding = [(net.prefixlen, pid) for net, pid in prefixes if ipaddress.ip_address(address) in net]
        return max(holding)[1]
    row = fetch(f"{origin}/costmap/numerical/routingcost")["cost-map"][pid(SITES[site])]
    return {name: row[pid(address)] for name, address in ELEMENTS.items()}


def table(programs, origin, folder):
    """Exports the distances, and returns them."""
    options = [word for name, address in ELEMENTS.items() for word in ("--candidate", f"{name}={address}")]
    options += [word for name, address in SITES.items() for word in ("--site", f"{name}={address}")]
    path = os.path.join(folder, "distances.csv")
    subprocess.run([programs["alto-feed"], "export", "rucio", "--server", f"{origin}/directory", *options, "--out", path],
                   check=True)
    with open(path, encoding="utf-8") as file:
        lines = [line.strip().split(",") for line in file]
    return {(site, element): float(distance) for site, element, distance in lines}


def sorted_by_rucio(python, folder, memcached):
    """Returns the order of the storage elements for each site, as Rucio's sorter has it."""
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=folder)
    handler.log_message = lambda *_: None
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as files:
        threading.Thread(target=files.serve_forever, daemon=True).start()
        config = os.path.join(folder, "rucio.cfg")
        with open(config, "w", encoding="utf-8") as file:
            file.write(f"[core]\ncustom_distance_download_url = http://127.0.0.1:{files.server_port}/distances.csv\n"
                       f"[cache]\nurl = 127.0.0.1:{memcached}\n[database]\ndefault = sqlite:///{folder}/rucio.db\n"
                       "[client]\nrucio_host = http://127.0.0.1\nauth_host = http://127.0.0.1\nauth_type = userpass\n")
        elements = list(ELEMENTS)
        random.Random(7).shuffle(elements)
        # Rucio keeps the table in the folder for temporary files.
        result = subprocess.run([python, "-c", SORT], input=json.dumps([list(SITES), elements]), text=True,
                                capture_output=True, env={**os.environ, "RUCIO_CONFIG": config, "TMPDIR": folder})
        files.shutdown()
    found = re.search(r"^ORDER (.*)$", result.stdout, re.MULTILINE)
    if result.returncode or not found:
        raise RuntimeError(f"Rucio's sorter failed: {result.stderr[-2000:]}")
    return {site: [name.split("/")[2] for name in names] for site, names in json.loads(found[1]).items()}


def check(programs, python, folder):
    server, memcached = free_port(), free_port()
    origin = f"http://127.0.0.1:{server}"
    topology = os.path.join(ROOT, "topo", "data", "two-isps.json")
    cache = shutil.which("memcached") or "/usr/bin/memcached"
    with started(programs["alto-server"], "--topology", topology, "--listen", f"127.0.0.1:{server}"), \
            started(cache, "-u", "nobody", "-l", "127.0.0.1", "-p", str(memcached)):
        wait("alto-server", lambda: listens(server))
        wait("memcached", lambda: listens(memcached))
        distances = table(programs, origin, folder)
        if max(distances.values()) != 1.0 or min(distances.values()) < 0.0:
            raise RuntimeError(f"distances are not shares of the largest: {distances}")
        orders = sorted_by_rucio(python, folder, memcached)
        for site, order in orders.items():
            known = costs(origin, site)
            print(f"{site}: " + ", ".join(f"{name} ({known[name]:g}, {distances[site, name]:.3f})" for name in order))
            if len(set(known.values())) < len(known) or order != sorted(known, key=known.get):
                raise RuntimeError(f"{site}: Rucio's order is {order}, the server's costs are {known}")
    print(f"Rucio sorts {len(ELEMENTS)} replicas for {len(SITES)} sites as the server's costs say (cost, distance)")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--programs", default=os.path.join(ROOT, "target", "release"), help="folder with the programs")
    parser.add_argument("--python", default=os.path.join(ROOT, "target", "rucio-venv", "bin", "python"),
                        help="a Python with rucio and pymemcache")
    options = parser.parse_args()
    programs = {name: os.path.join(options.programs, name) for name in ("alto-feed", "alto-server")}
    with tempfile.TemporaryDirectory(prefix="alto-rucio-") as folder:
        try:
            check(programs, options.python, folder)
        except (RuntimeError, OSError, subprocess.CalledProcessError) as error:
            print(f"FAILED {error}")
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
