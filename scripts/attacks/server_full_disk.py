"""Lets the disk of a running server fill up, then gives it room again: changes must be accepted without a restart."""

import json
import os
import resource

from harness import TOPOLOGY, Server, main, scratch, verdict

TOKEN = "attack-attack-attack-attack"
FIELDS = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"}


def attack(options):
    topology = json.loads(TOPOLOGY.read_text())
    link = topology["links"][0]
    change = {"source": link["source"], "destination": link["destination"], "cost": 77}
    large = json.dumps(topology) + " " * 8_000_000
    with scratch() as state:
        command = (options.server, "--state", state)
        with Server(*command, environment={"ALTO_ADMIN_TOKEN": TOKEN}) as server:
            # A limit on the size of files has the same effect as a full disk, and needs no privileges.
            size = os.path.getsize(f"{state}/network.redb")
            resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))
            full = server.ask("PUT", "/admin/topology", large, FIELDS).status
            unlimited = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
            resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, unlimited)
            again = [server.ask("POST", "/admin/links", json.dumps(change), FIELDS).status for _ in range(2)]
        with Server(*command, environment={"ALTO_ADMIN_TOKEN": TOKEN}) as server:
            status = server.ask("GET", "/admin/status", headers=FIELDS).json()
            links = server.ask("GET", "/admin/links", headers=FIELDS).json()["links"]
            kept = [found.get("cost") for found in links if found["source"] == link["source"]]
    return verdict(
        f"with a full disk {full}; with room again {again}; after a restart: costs {kept[:1]}, refused topology "
        f"{'in force' if status['replaced'] else 'not in force'}",
        "500 while the disk is full, then 200; accepted changes survive, refused ones do not come back",
        full == 500 and again == [200, 200] and kept[:1] == [77] and not status["replaced"],
    )


if __name__ == "__main__":
    main(attack, __doc__)
