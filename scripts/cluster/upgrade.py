#!/usr/bin/env python3
"""Upgrades three servers that share a store, one after the other, and takes one back, while all of them take changes. After
each step, all have every acknowledged change and registration, the same costs and the same audit trail.

  upgrade.py OLD NEW

OLD and NEW are folders, each with an alto-server of its release that was built with the feature redis. Prints what the servers
have after each step, and their positions; the exit status is 1 if any two differ or anything is missing."""
import argparse
import json
import os
import random
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from processes import Redis, Server, free_ports, wait_for

# Changes, and as many registrations, after each step.
STEPS = 60


class Fleet:
    """Servers of one release or two, and what they have acknowledged."""

    def __init__(self, folder):
        self.folder, self.rng, self.made, self.costs = folder, random.Random(1), 0, {}
        self.redis = Redis(free_ports(1)[0], os.path.join(folder, "redis"), min_replicas=0)
        wait_for("Redis answers", lambda: self.redis.call("PING") == "PONG")
        self.ports, self.servers = free_ports(3), []

    def start(self, number, programs):
        """Starts a server in its place, after the end of the one there."""
        if number < len(self.servers):
            self.servers.pop(number).kill()
        port = self.ports[number]
        server = Server(os.path.join(programs, "alto-server"), port, os.path.join(self.folder, f"alto-{port}"),
                        f"redis://127.0.0.1:{self.redis.port}")
        self.servers.insert(number, server)
        wait_for("the server is ready", server.is_ready)

    def work(self):
        """Makes changes and registrations, each through any of the servers."""
        links = json.loads(self.servers[0].request("GET", "/admin/links")[2])["links"]
        for _ in range(STEPS):
            self.made += 1
            link = self.rng.choice(links)
            change = {"source": link["source"], "destination": link["destination"], "cost": self.made}
            status, _, answer = self.rng.choice(self.servers).request("POST", "/admin/links", change)
            assert status == 200, (status, answer)
            self.costs[link["source"], link["destination"]] = self.made
            name = f"{self.made:064x}"
            file = {"id": name, "name": "f", "size": 1, "manifest": name, "complete": True}
            peer = {"name": f"p{self.made}", "port": self.made, "files": [file]}
            status, _, answer = self.rng.choice(self.servers).request("POST", "/swarm/register", peer)
            assert status == 201, (status, answer)

    def state(self, server):
        """What a server answers, apart from its position."""
        links = json.loads(server.request("GET", "/admin/links")[2])["links"]
        costs = {(link["source"], link["destination"]): link.get("overriding", {}).get("cost") for link in links}
        files = json.loads(server.request("GET", "/swarm/files?limit=1000")[2])["files"]
        assert len(files) == self.made, f"{len(files)} of {self.made} registrations are there"
        assert all(costs[link] == cost for link, cost in self.costs.items()), (costs, self.costs)
        return [sorted(costs.items()), server.request("GET", "/admin/audit")[2],
                server.request("GET", "/costmap/numerical/routingcost")[2]]

    def agree(self, what):
        """Waits until all servers have followed, and compares them."""
        def place(server):
            return json.loads(server.request("GET", "/admin/status")[2])["cluster"]["position"]
        head = wait_for("the log has an end", lambda: self.redis.call("GET", "alto:network-1:head").replace(" ", "-"))
        wait_for("all servers are at it", lambda: all(place(server).startswith(head) for server in self.servers))
        files = lambda server: len(json.loads(server.request("GET", "/swarm/files?limit=1000")[2])["files"])
        wait_for("all registrations are followed", lambda: all(files(server) == self.made for server in self.servers))
        states = [self.state(server) for server in self.servers]
        assert all(state == states[0] for state in states), states
        print(f"{what}: {self.made} changes, {self.made} registrations, positions {', '.join(map(place, self.servers))}", flush=True)

    def close(self):
        for process in self.servers + [self.redis]:
            process.kill()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("old")
    parser.add_argument("new")
    options = parser.parse_args()
    for folder in (options.old, options.new):
        if not os.path.exists(os.path.join(folder, "alto-server")):
            parser.error(f"{folder} has no alto-server: cargo build --release -p alto-server --features redis")
    with tempfile.TemporaryDirectory(prefix="alto-upgrade-") as folder:
        fleet = Fleet(folder)
        try:
            for number in range(3):
                fleet.start(number, options.old)
            for what, number, programs in [("all old", None, None), *((f"{n + 1} upgraded", n, options.new) for n in range(3)),
                                           ("one back", 0, options.old)]:
                if programs:
                    fleet.start(number, programs)
                fleet.work()
                fleet.agree(what)
        finally:
            fleet.close()


if __name__ == "__main__":
    main()
