#!/usr/bin/env python3
"""Runs six FRR routers in network namespaces, and checks that an ALTO server follows them through alto-feed.

Requires that the server's routing costs equal the metrics in the routers' own routing tables for every pair, that a cut
link changes both alike, that a change which would drop too much is held back until it is confirmed, and that a
prefix which is withdrawn leaves the map. BMP sessions are reset, routers and the server are killed and started again, and
nothing may be lost. Needs root, and the Debian packages frr and gobgpd. The exit status is 1 if a requirement failed, and
77 if the laboratory cannot run here.
"""
import argparse
import json
import os
import re
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request

from routers import EXTERNAL, PREFIX, ROUTERS, Lab, Relay, run, shortest, wait

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
TOKEN = "laboratory-token-0123456789"
# Seconds between two network maps.
MAP_INTERVAL = 2


def fetch(url):
    request = urllib.request.Request(url, headers={"Authorization": f"Bearer {TOKEN}"})
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.load(answer)


class Follower:
    """The server and the feed that follow the routers."""

    def __init__(self, lab, programs):
        self.lab = lab
        self.programs = programs
        self.report_file = os.path.join(lab.folder, "state", "status.json")
        self.config = os.path.join(lab.folder, "feeds.json")
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.address = "127.0.0.1:{}".format(free.getsockname()[1])
        self.origin = f"http://{self.address}"
        for name, text in (("empty.json", '{"name": "waiting"}'), ("token", TOKEN)):
            with open(os.path.join(lab.folder, name), "w", encoding="utf-8") as file:
                file.write(text)
        self.server = self.feed = None
        self.start_server()

    def path(self, name):
        return os.path.join(self.lab.folder, name)

    def wait_for_log(self, pattern):
        """Waits until the program started last has logged something, and returns the match."""
        process, log = self.lab.processes[-1], self.path(f"{len(self.lab.processes) - 1}.log")

        def logged():
            with open(log, encoding="utf-8") as file:
                text = file.read()
            if process.poll() is not None:
                raise RuntimeError(f"{process.args[0]} ended: {text}")
            return re.search(pattern, text)
        wait(pattern, logged, 60)
        return logged()

    def start_server(self):
        """Starts the server, with what it remembers."""
        self.server = self.lab.start(
            self.programs["alto-server"], "--topology", self.path("empty.json"), "--listen", self.address,
            "--admin-token-file", self.path("token"), "--state", self.path("server"),
            "--map-interval", str(MAP_INTERVAL))
        self.wait_for_log(f"listening on http://{self.address}")

    def kill_server(self):
        self.server.kill()
        self.server.wait()

    def start_feed(self, max_drop):
        """Starts the feed, with what it remembers, and returns the port where it listens for BMP."""
        show = ["vtysh", "-N", f"{PREFIX}r1", "-c"]
        with open(self.path("pids.json"), "w", encoding="utf-8") as file:
            json.dump({"rules": [{"community": "65001:206", "pid": "external", "switches": ["r6"]},
                                 {"next-hop": "*", "pid": "*"}]}, file)
        with open(self.config, "w", encoding="utf-8") as file:
            json.dump({
                "server": self.origin, "token-file": "token", "state": "state", "name": "laboratory", "interval": 1,
                "igp": {"ospf": {"database": [{"command": [*show, "show ip ospf database router json"]},
                                              {"command": [*show, "show ip ospf database network json"]}]}},
                "names": {f"10.255.0.{number}": f"r{number}" for number in ROUTERS},
                "bgp": {"rules": "pids.json",
                        "bmp": {"listen": "127.0.0.1:0", "sources": ["127.0.0.1/32"], "settle": 2}},
                "safety": {"max-drop": max_drop},
            }, file)
        self.feed = self.lab.start(self.programs["alto-feed"], "run", "--config", self.config)
        return int(self.wait_for_log(r"listening for BMP on 127\.0\.0\.1:(\d+)")[1])

    def kill_feed(self):
        self.feed.kill()
        self.feed.wait()

    def report(self):
        with open(self.report_file, encoding="utf-8") as file:
            return json.load(file)

    def held(self):
        return self.report()["held"]

    def confirm(self):
        run(self.programs["alto-feed"], "confirm", "--config", self.config)

    def costs(self):
        """Returns the server's routing costs between routers."""
        table = fetch(f"{self.origin}/costmap/numerical/routingcost")["cost-map"]
        return {(a, b): table.get(f"r{a}", {}).get(f"r{b}") for a in ROUTERS for b in ROUTERS}

    def agrees(self):
        """Tells whether the server's costs are the routers' own metrics."""
        metrics = self.lab.metrics()
        return None not in metrics.values() and self.costs() == metrics

    def prefixes(self):
        """Returns the PID of each prefix of the server's network map."""
        network = fetch(f"{self.origin}/networkmap")["network-map"]
        return {prefix: pid for pid, groups in network.items() for prefix in groups.get("ipv4", [])}

    def external(self):
        """Returns the prefixes of the external network; adjacent ones have merged."""
        return {prefix for prefix, pid in self.prefixes().items() if pid == "external"}


def comes_up(lab, follower):
    def is_up():
        # The routers of the LAN have other ways to each other until they have elected one of them.
        if lab.metrics() != shortest():
            return False
        # What the feed saw of a network that was still coming up may have been more than there is.
        if os.path.exists(follower.report_file) and follower.held():
            follower.confirm()
        return follower.agrees()
    took = wait("costs equal to the routers' metrics", is_up, 120)
    print(f"{len(lab.metrics())} of 36 routing costs equal the routers' own metrics, {took:.1f} s after the start")
    took = wait("all external prefixes", lambda: follower.external() == {"203.0.0.0/18", "203.0.64.0/20"})
    for number in (2, 3, 4, 5, 6):
        # Routers tell of their routes one after the other.
        at_home = lambda: follower.prefixes().get(f"10.{number}.0.0/16") == f"r{number}"
        took += wait(f"10.{number}.0.0/16 in r{number}", at_home)
    print(f"prefixes of BGP are in the PIDs of their routers and of the external network, {took:.1f} s later")


def follows(lab, follower):
    before = follower.costs()
    run("ip", "-n", PREFIX + "r3", "link", "set", "r3-r5", "down")
    took = wait("costs after a cut", lambda: follower.costs() != before and follower.agrees())
    print(f"after the link r3-r5 was cut, all costs equal the routers' metrics again within {took:.1f} s")
    run("ip", "-n", PREFIX + "r3", "link", "set", "r3-r5", "up")
    took = wait("costs after the repair", lambda: follower.costs() == before and follower.agrees())
    print(f"after it was repaired, the costs are those of before within {took:.1f} s")
    sets = follower.report()["prefix-sets"]
    lab.gobgp("del", EXTERNAL[-1])
    took = wait("the withdrawn prefix to leave", lambda: "203.0.64.0/20" not in follower.external())
    print(f"a withdrawn prefix left the map within {took:.1f} s")
    if follower.report()["prefix-sets"] != sets:
        raise RuntimeError("all prefixes were sent for a change of one")


def resets_of_bmp(lab, follower, relay):
    """Resets the session in the middle of the table, and requires that no prefix leaves the map meanwhile."""
    before, count = follower.prefixes(), len(relay.passed)
    relay.cut_after = 1500
    relay.reset()

    def told_again():
        if follower.prefixes() != before:
            raise RuntimeError("the map changed while the session was reset")
        return len(relay.passed) >= count + 2 and relay.passed[count] == 1500 and relay.passed[-1] > 1500
    wait("the table to be told again", told_again)
    relay.open = False
    relay.reset()
    lab.gobgp("del", EXTERNAL[0])
    wait("the missing router to be reported", lambda: "not connected" in (follower.report()["error"] or ""))
    if follower.prefixes() != before:
        raise RuntimeError("the map changed while the router was away")
    relay.open = True
    took = wait("the prefix withdrawn meanwhile to leave", lambda: "203.0.0.0/18" not in follower.external())
    lab.gobgp("add", EXTERNAL[0])
    wait("it to return", lambda: follower.prefixes() == before)
    print(f"a BMP session that was reset in the middle lost nothing; a prefix that was withdrawn while it was away left the "
          f"map {took:.1f} s after it came back")


def restarts_of_routers(lab, follower):
    """Kills a router in the middle, and the one that tells all of it, and requires the same state afterwards."""
    prefixes, costs = follower.prefixes(), follower.costs()
    for number, what in ((4, "a router"), (1, "the router that is asked")):
        lab.kill_router(number)
        # What is lost at once is held back; what is lost step by step is not.
        wait("the loss to be noticed", lambda: follower.held() or follower.report()["error"] or follower.costs() != costs)
        lab.start_router(number)
        took = wait(f"the state of before r{number} was killed", lambda: follower.held() is None
                    and follower.costs() == costs and follower.prefixes() == prefixes and follower.agrees(), 120)
        print(f"{what} was killed and started again: the server has what it had {took:.1f} s later")


def restarts_of_server(lab, follower):
    """Kills the server: what it remembers is not sent again, and all of it if it remembers nothing."""
    # The server may know what the report does not say yet.
    rounds = follower.report()["rounds"]
    wait("two more rounds", lambda: follower.report()["rounds"] >= rounds + 2)
    prefixes, costs, before = follower.prefixes(), follower.costs(), follower.report()
    for forgets in (False, True):
        follower.kill_server()
        wait("the failure to be noticed", lambda: "does not answer" in (follower.report()["error"] or ""))
        if forgets:
            subprocess.run(["rm", "-r", follower.path("server")], check=True)
        follower.start_server()
        took = wait("the state of before the server was killed", lambda: follower.report()["error"] is None
                    and follower.costs() == costs and follower.prefixes() == prefixes)
        after = follower.report()
        grown = [after[key] - before[key] for key in ("replacements", "prefix-sets")]
        if grown != ([1, 1] if forgets else [0, 0]):
            raise RuntimeError(f"topologies and sets of prefixes sent: {grown}")
        print(f"the server was killed and started again {'without' if forgets else 'with'} its state: it has what it had "
              f"{took:.1f} s later")


def held_back(lab, follower, relay):
    """Starts the feed again with a bound that one link exceeds, cuts a link, and requires that the server changes only when
    the operator confirms."""
    before = follower.costs(), follower.prefixes()
    follower.kill_feed()
    relay.upstream = follower.start_feed(max_drop=0.05)
    relay.reset()
    rounds = follower.report()["rounds"]
    wait("the feed to go on", lambda: follower.report()["error"] is None and follower.report()["rounds"] != rounds
         and (follower.costs(), follower.prefixes()) == before)
    # Both directions of a link go at once, because each needs the other.
    run("ip", "-n", PREFIX + "r3", "link", "set", "r3-r5", "down")
    wait("a change to be held back", follower.held)
    wait("the routers' own routes to change", lambda: None not in lab.metrics().values() and not follower.agrees())
    time.sleep(2)
    reason = follower.held()
    if not reason or (follower.costs(), follower.prefixes()) != before:
        raise RuntimeError("the server changed although a change was held back")
    follower.confirm()
    took = wait("the confirmed change", follower.agrees)
    print(f"a change was held back ({reason.split(',')[0]}), and followed {took:.1f} s after it was confirmed")


def check(lab, programs):
    follower = Follower(lab, programs)
    relay = Relay("10.0.200.2", follower.start_feed(max_drop=0.2))
    lab.start_routers(relay.port)
    lab.start_external()
    comes_up(lab, follower)
    follows(lab, follower)
    resets_of_bmp(lab, follower, relay)
    restarts_of_routers(lab, follower)
    restarts_of_server(lab, follower)
    held_back(lab, follower, relay)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--programs", default=os.path.join(ROOT, "target", "release"), help="folder with the programs")
    options = parser.parse_args()
    programs = {name: os.path.join(options.programs, name) for name in ("alto-feed", "alto-server")}
    with tempfile.TemporaryDirectory(prefix="alto-lab-") as folder:
        os.chmod(folder, 0o755)
        lab = Lab(folder)
        with lab.stack:
            lab.close()
            try:
                lab.build()
                check(lab, programs)
            except (RuntimeError, OSError, subprocess.CalledProcessError) as error:
                print(f"FAILED {error} {getattr(error, 'stderr', '') or ''}")
                for name in sorted(os.listdir(folder)):
                    if name.endswith(".log"):
                        with open(os.path.join(folder, name), errors="replace", encoding="utf-8") as file:
                            print(f"--- {name}\n{file.read()[-1500:]}")
                return 1
            finally:
                lab.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
