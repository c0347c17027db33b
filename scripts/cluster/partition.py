#!/usr/bin/env python3
"""Cuts the machine with the master of Redis off from the two others, while clients on each side change and read, and checks
what they were told against what is there at the end. Each machine is a network namespace with a Redis server, a Sentinel and a
server of ALTO; its clients ask that server only. Needs root.

  partition.py PROGRAMS               the machine is cut off, and comes back when the others have a new master

PROGRAMS is a folder with an alto-server that was built with the feature redis. Prints a summary as JSON; the exit status is
1 if anything acknowledged was lost, anything was invented, or two servers differed at one position."""
import argparse
import contextlib
import ctypes
import json
import os
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from chaos import Clients, Faults, settle
from processes import Cluster, Machine, wait_for

CLONE_NEWNET = 0x40000000
# Namespace in which this program was started.
HOME = os.open("/proc/self/ns/net", os.O_RDONLY)


def ip(*words, namespace=None):
    subprocess.run(["ip", *(["-n", namespace] if namespace else []), *words], check=True)


class Switch:
    """A network of machines, each a namespace with a cable to a switch, which is in a namespace of its own."""

    def __init__(self, count):
        self.hub = f"alto-{os.getpid()}"
        self.machines = [Machine(f"10.99.0.{number}", f"{self.hub}-{number}") for number in range(1, count + 1)]

    def __enter__(self):
        ip("netns", "add", self.hub)
        ip("link", "add", "switch", "type", "bridge", namespace=self.hub)
        ip("addr", "add", "10.99.0.254/24", "dev", "switch", namespace=self.hub)
        ip("link", "set", "switch", "up", namespace=self.hub)
        for number, machine in enumerate(self.machines):
            ip("netns", "add", machine.namespace)
            ip("link", "add", f"m{number}", "type", "veth", "peer", "name", "cable", "netns", machine.namespace, namespace=self.hub)
            ip("link", "set", f"m{number}", "master", "switch", "up", namespace=self.hub)
            ip("addr", "add", f"{machine.address}/24", "dev", "cable", namespace=machine.namespace)
            for device in ("cable", "lo"):
                ip("link", "set", device, "up", namespace=machine.namespace)
        enter(self.hub)
        return self

    def __exit__(self, *_):
        enter(None)
        for namespace in [machine.namespace for machine in self.machines] + [self.hub]:
            ip("netns", "delete", namespace)

    def plug(self, machine, state):
        """Plugs the cable of a machine in, or out."""
        ip("link", "set", f"m{self.machines.index(machine)}", state, namespace=self.hub)


def enter(namespace):
    """Moves this thread to a namespace; without a name, to that of the system."""
    with open(f"/run/netns/{namespace}") if namespace else open(HOME, closefd=False) as file:
        if ctypes.CDLL(None, use_errno=True).setns(file.fileno(), CLONE_NEWNET) != 0:
            raise OSError(ctypes.get_errno(), f"cannot enter the namespace {namespace}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("programs")
    parser.add_argument("--cuts", type=int, default=5)
    parser.add_argument("--copies", type=int, default=1)
    options = parser.parse_args()
    if not os.path.exists(os.path.join(options.programs, "alto-server")):
        parser.error(f"{options.programs} has no alto-server: cargo build --release -p alto-server --features redis")
    program = os.path.join(options.programs, "alto-server")
    with tempfile.TemporaryDirectory(prefix="alto-partition-") as folder, Switch(3) as switch:
        with Cluster(program, folder, copies=options.copies, machines=switch.machines) as cluster:
            homes = [(lambda machine=server.machine: enter(machine.namespace), [server.where]) for server in cluster.servers]
            clients = Clients(cluster, 1, homes)
            refused_alone = 0
            begun = time.monotonic()
            for number in range(options.cuts):
                time.sleep(1)
                master = wait_for("there is a master", cluster.master)
                clients.history.begin("cut")
                switch.plug(master.machine, "down")
                others = [redis for redis in cluster.redis if redis is not master]
                wait_for("the others have a new master", lambda: any(redis.role() == "master" for redis in others))
                time.sleep(2)
                before = len(clients.history.refusals)
                time.sleep(2)
                # One refusal takes seconds; that there is none at all is reported at the end.
                with contextlib.suppress(TimeoutError):
                    wait_for("a change is refused", lambda: len(clients.history.refusals) > before)
                refused_alone += len(clients.history.refusals) - before
                switch.plug(master.machine, "up")
                Faults(cluster, None, None).whole()
                print(f"{number + 1}: {master.machine.address} was cut off", file=sys.stderr, flush=True)
            clients.stop()
            held, costs = settle(cluster)
            wrong = clients.history.check(held, costs)
            if not refused_alone:
                wrong["wrong"].append("the machine that was cut off took changes")
            summary = {"cuts": options.cuts, "seconds": round(time.monotonic() - begun, 1), **clients.history.summary(),
                       **{kind: len(found) for kind, found in wrong.items()}}
            print(json.dumps(summary, indent=1))
            for kind, found in wrong.items():
                for each in found[:5]:
                    print(f"{kind}: {each}", file=sys.stderr)
    sys.exit(1 if any(wrong.values()) else 0)


if __name__ == "__main__":
    main()
