#!/usr/bin/env python3
"""Runs six FRR routers in network namespaces, and checks that an ALTO server follows them through alto-feed.

Requires that the server's routing costs equal the metrics in the routers' own routing tables for every pair, that a cut
link changes both alike, that a change which would drop too much is held back until it is confirmed, and that a
prefix which is withdrawn leaves the map. Needs root, and the Debian packages frr and gobgpd. The exit status is 1 if a
requirement failed, and 77 if the laboratory cannot run here.
"""
import argparse
import contextlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
DAEMONS = "/usr/lib/frr"
PREFIX = "altolab-"
TOKEN = "laboratory-token-0123456789"
# Ends, metric in each direction.
LINKS = [(1, 2, 10, 10), (1, 3, 20, 20), (2, 3, 5, 5), (2, 4, 10, 30), (3, 5, 10, 10), (5, 6, 50, 50)]
# Metric of each router at the LAN.
LAN = {4: 10, 5: 10, 6: 15}
ROUTERS = range(1, 7)
EXTERNAL = [f"203.0.{4 * number}.0/22" for number in range(20)]
PATIENCE = 60


def run(*command, **options):
    return subprocess.run(command, check=True, capture_output=True, text=True, **options).stdout


def inside(namespace, *command):
    return ["ip", "netns", "exec", PREFIX + namespace, *command]


def wait(what, condition, patience=PATIENCE):
    """Waits until a condition holds, and returns how long that took."""
    began = time.monotonic()
    while True:
        found = condition()
        if found:
            return time.monotonic() - began
        if time.monotonic() - began > patience:
            raise RuntimeError(f"{what}: not within {patience} s")
        time.sleep(0.2)


class Lab:
    def __init__(self, folder):
        self.folder = folder
        self.processes = []
        self.stack = contextlib.ExitStack()

    def close(self):
        for process in self.processes:
            process.terminate()
        for process in self.processes:
            try:
                process.wait(3)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        for namespace in [f"r{number}" for number in ROUTERS] + ["x", "lan"]:
            subprocess.run(["ip", "netns", "del", PREFIX + namespace], capture_output=True)
        for number in ROUTERS:
            for place in ("/etc/frr", "/var/run/frr"):
                shutil.rmtree(f"{place}/{PREFIX}r{number}", ignore_errors=True)

    def start(self, *command, **options):
        log = open(os.path.join(self.folder, f"{len(self.processes)}.log"), "w+b")
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, **options)
        self.processes.append(process)
        return process

    def cable(self, a, b, name_a, name_b, address_a=None, address_b=None):
        run("ip", "link", "add", name_a, "netns", PREFIX + a, "type", "veth",
            "peer", "name", name_b, "netns", PREFIX + b)
        for namespace, name, address in ((a, name_a, address_a), (b, name_b, address_b)):
            if address:
                run("ip", "-n", PREFIX + namespace, "addr", "add", address, "dev", name)
            run("ip", "-n", PREFIX + namespace, "link", "set", name, "up")

    def build(self):
        for namespace in [f"r{number}" for number in ROUTERS] + ["x", "lan"]:
            run("ip", "netns", "add", PREFIX + namespace)
            run("ip", "-n", PREFIX + namespace, "link", "set", "lo", "up")
        run("ip", "-n", PREFIX + "lan", "link", "add", "br0", "type", "bridge")
        run("ip", "-n", PREFIX + "lan", "link", "set", "br0", "up")
        for number in ROUTERS:
            run(*inside(f"r{number}", "sysctl", "-qw", "net.ipv4.ip_forward=1"))
            for address in (f"10.255.0.{number}/32", f"10.{number}.0.1/32"):
                run("ip", "-n", f"{PREFIX}r{number}", "addr", "add", address, "dev", "lo")
        for a, b, _, _ in LINKS:
            self.cable(f"r{a}", f"r{b}", f"r{a}-r{b}", f"r{b}-r{a}", f"10.0.{a}{b}.1/30", f"10.0.{a}{b}.2/30")
        for number in LAN:
            self.cable(f"r{number}", "lan", f"r{number}-lan", f"p{number}", f"10.0.100.{number}/24")
            run("ip", "-n", PREFIX + "lan", "link", "set", f"p{number}", "master", "br0")
        self.cable("r6", "x", "r6-x", "x-r6", "192.0.2.1/30", "192.0.2.2/30")
        # The way to this program: BMP of r1, whose other end is in the namespace it runs in.
        run("ip", "link", "add", PREFIX + "mgmt", "type", "veth",
            "peer", "name", "mgmt", "netns", PREFIX + "r1")
        self.stack.callback(subprocess.run, ["ip", "link", "del", PREFIX + "mgmt"], capture_output=True)
        run("ip", "addr", "add", "10.0.200.2/30", "dev", PREFIX + "mgmt")
        run("ip", "link", "set", PREFIX + "mgmt", "up")
        run("ip", "-n", PREFIX + "r1", "addr", "add", "10.0.200.1/30", "dev", "mgmt")
        run("ip", "-n", PREFIX + "r1", "link", "set", "mgmt", "up")

    def configuration(self, number, port):
        """Returns the configuration of a router's daemons, by name."""
        interfaces = []
        for a, b, there, back in LINKS:
            for here, other, metric in ((a, b, there), (b, a, back)):
                if here == number:
                    interfaces.append((f"r{here}-r{other}", metric, "point-to-point"))
        if number in LAN:
            interfaces.append((f"r{number}-lan", LAN[number], "broadcast"))
        ospf = "".join(f"interface {name}\n ip ospf area 0\n ip ospf cost {metric}\n ip ospf network {kind}\n"
                       " ip ospf hello-interval 1\n ip ospf dead-interval 4\n!\n" for name, metric, kind in interfaces)
        ospf += f"interface lo\n ip ospf area 0\n!\nrouter ospf\n ospf router-id 10.255.0.{number}\n!\n"
        others = [other for other in ROUTERS if other != number] if number == 1 else [1]
        bgp = f"router bgp 65001\n bgp router-id 10.255.0.{number}\n no bgp ebgp-requires-policy\n"
        bgp += " no bgp default ipv4-unicast\n"
        for other in others:
            bgp += f" neighbor 10.255.0.{other} remote-as 65001\n neighbor 10.255.0.{other} timers connect 1\n"
            bgp += f" neighbor 10.255.0.{other} update-source 10.255.0.{number}\n"
        if number == 6:
            bgp += " neighbor 192.0.2.2 remote-as 65100\n neighbor 192.0.2.2 timers connect 1\n"
        if number == 1:
            bgp += f" bmp targets feed\n  bmp connect 10.0.200.2 port {port} min-retry 200 max-retry 1000\n"
            bgp += "  bmp monitor ipv4 unicast post-policy\n exit\n"
        bgp += f" address-family ipv4 unicast\n  network 10.{number}.0.0/16 route-map OWN\n"
        for other in others:
            bgp += f"  neighbor 10.255.0.{other} activate\n  neighbor 10.255.0.{other} next-hop-self\n"
            if number == 1:
                bgp += f"  neighbor 10.255.0.{other} route-reflector-client\n"
        if number == 6:
            bgp += "  neighbor 192.0.2.2 activate\n  neighbor 192.0.2.2 route-map IN in\n"
        bgp += f" exit-address-family\n!\nroute-map OWN permit 10\n set community 65001:{number}\n!\n"
        bgp += "route-map IN permit 10\n set community 65001:206 additive\n!\n"
        return {"zebra": "", "staticd": f"ip route 10.{number}.0.0/16 blackhole\n", "ospfd": ospf, "bgpd": bgp}

    def start_routers(self, port):
        for number in ROUTERS:
            name = f"{PREFIX}r{number}"
            for place in ("/etc/frr", "/var/run/frr"):
                os.makedirs(f"{place}/{name}", exist_ok=True)
            files = self.configuration(number, port)
            for daemon, text in files.items():
                with open(f"/etc/frr/{name}/{daemon}.conf", "w", encoding="utf-8") as file:
                    file.write(f"hostname r{number}\n{text}")
            for place in ("/etc/frr", "/var/run/frr"):
                run("chown", "-R", "frr:frr", f"{place}/{name}")
            for daemon in files:
                more = ["-M", "bmp"] if daemon == "bgpd" else []
                command = [f"{DAEMONS}/{daemon}", "-N", name, "-f", f"/etc/frr/{name}/{daemon}.conf", "-A", "127.0.0.1"]
                self.start(*inside(f"r{number}", *command, *more))
                if daemon == "zebra":
                    wait("zebra", lambda name=name: os.path.exists(f"/var/run/frr/{name}/zserv.api"), 20)

    def start_external(self):
        path = os.path.join(self.folder, "gobgpd.toml")
        with open(path, "w", encoding="utf-8") as file:
            file.write('[global.config]\n as = 65100\n router-id = "192.0.2.2"\n'
                       '[[neighbors]]\n [neighbors.config]\n  peer-as = 65001\n  neighbor-address = "192.0.2.1"\n')
        self.start(*inside("x", "gobgpd", "-f", path, "--api-hosts", "127.0.0.1:50051"))
        wait("gobgpd", lambda: subprocess.run(inside("x", "gobgp", "global"), capture_output=True).returncode == 0)
        for prefix in EXTERNAL:
            self.gobgp("add", prefix)

    def gobgp(self, verb, prefix):
        more = ["aspath", "64500", "origin", "igp"] if verb == "add" else []
        run(*inside("x", "gobgp", "global", "rib", verb, prefix, *more))

    def vtysh(self, number, command):
        return run("vtysh", "-N", f"{PREFIX}r{number}", "-c", command)

    def metrics(self):
        """Returns the metrics between all routers, from each one's own routes to the others' loopback addresses."""
        costs = {}
        for number in ROUTERS:
            routes = json.loads(self.vtysh(number, "show ip route ospf json"))
            for other in ROUTERS:
                if other == number:
                    costs[number, other] = 0
                    continue
                found = routes.get(f"10.255.0.{other}/32")
                costs[number, other] = found[0]["metric"] if found else None
        return costs


def fetch(url, body=None):
    request = urllib.request.Request(url, headers={"Authorization": f"Bearer {TOKEN}"})
    with urllib.request.urlopen(request, body, timeout=10) as answer:
        return json.load(answer)


def served(origin):
    """Returns the server's routing costs between routers."""
    table = fetch(f"{origin}/costmap/numerical/routingcost")["cost-map"]
    return {(a, b): table.get(f"r{a}", {}).get(f"r{b}") for a in ROUTERS for b in ROUTERS}


def prefixes(origin):
    """Returns the PID of each prefix of the server's network map."""
    network = fetch(f"{origin}/networkmap")["network-map"]
    return {prefix: pid for pid, groups in network.items() for prefix in groups.get("ipv4", [])}


def start_server(lab, program):
    topology = os.path.join(lab.folder, "empty.json")
    with open(topology, "w", encoding="utf-8") as file:
        file.write('{"name": "waiting"}')
    token = os.path.join(lab.folder, "token")
    with open(token, "w", encoding="utf-8") as file:
        file.write(TOKEN)
    process = lab.start(program, "--topology", topology, "--listen", "127.0.0.1:0", "--admin-token-file", token)
    log = os.path.join(lab.folder, f"{len(lab.processes) - 1}.log")

    def listening():
        if process.poll() is not None:
            with open(log, encoding="utf-8") as file:
                raise RuntimeError(f"alto-server ended: {file.read()}")
        with open(log, encoding="utf-8") as file:
            return re.search(r"http://[0-9.:]+", file.read())
    wait("alto-server", listening, 20)
    return listening()[0]


def start_feed(lab, program, origin, port):
    show = ["vtysh", "-N", f"{PREFIX}r1", "-c"]
    rules = os.path.join(lab.folder, "pids.json")
    with open(rules, "w", encoding="utf-8") as file:
        json.dump({"rules": [{"community": "65001:206", "pid": "external", "switches": ["r6"]},
                             {"next-hop": "*", "pid": "*"}]}, file)
    config = os.path.join(lab.folder, "feeds.json")
    with open(config, "w", encoding="utf-8") as file:
        json.dump({
            "server": origin, "token-file": "token", "state": "state", "name": "laboratory", "interval": 1,
            "igp": {"ospf": {"database": [{"command": [*show, "show ip ospf database router json"]},
                                          {"command": [*show, "show ip ospf database network json"]}]}},
            "names": {f"10.255.0.{number}": f"r{number}" for number in ROUTERS},
            "bgp": {"rules": "pids.json",
                    "bmp": {"listen": f"10.0.200.2:{port}", "sources": ["10.0.200.1/32"], "settle": 2}},
        }, file)
    lab.start(program, "run", "--config", config)
    return config


def check(lab, programs, port):
    origin = start_server(lab, programs["alto-server"])
    config = start_feed(lab, programs["alto-feed"], origin, port)
    lab.start_routers(port)
    lab.start_external()

    def routes_and_costs_agree():
        metrics = lab.metrics()
        return None not in metrics.values() and served(origin) == metrics
    took = wait("costs equal to the routers' metrics", routes_and_costs_agree, 120)
    print(f"{len(lab.metrics())} of 36 routing costs equal the routers' own metrics, {took:.1f} s after the start")

    took = wait("prefixes of the external network", lambda: list(prefixes(origin).values()).count("external") > 0)
    # The twenty prefixes are adjacent, and merge.
    external = [prefix for prefix, pid in prefixes(origin).items() if pid == "external"]
    if not set(external) <= {"203.0.0.0/18", "203.0.64.0/20"}:
        raise RuntimeError(f"external prefixes: {external}")
    wait("all external prefixes", lambda: len([pid for pid in prefixes(origin).values() if pid == "external"]) == 2)
    for number in (2, 3, 4, 5, 6):
        if prefixes(origin).get(f"10.{number}.0.0/16") != f"r{number}":
            raise RuntimeError(f"10.{number}.0.0/16 is not in r{number}: {prefixes(origin)}")
    print(f"prefixes of BGP are in the PIDs of their routers and of the external network, {took:.1f} s later")

    run("ip", "-n", PREFIX + "r3", "link", "set", "r3-r5", "down")
    before = served(origin)
    took = wait("costs after a cut", lambda: served(origin) != before and routes_and_costs_agree())
    print(f"after the link r3-r5 was cut, all costs equal the routers' metrics again within {took:.1f} s")
    run("ip", "-n", PREFIX + "r3", "link", "set", "r3-r5", "up")
    took = wait("costs after the repair", lambda: served(origin) == before and routes_and_costs_agree())
    print(f"after it was repaired, the costs are those of before within {took:.1f} s")

    lab.gobgp("del", EXTERNAL[-1])
    took = wait("the withdrawn prefix to leave", lambda: prefixes(origin).get("203.0.64.0/20") is None)
    print(f"a withdrawn prefix left the map within {took:.1f} s")

    held_back(lab, programs["alto-feed"], config, origin)


def held_back(lab, feed, config, origin):
    """Cuts the LAN, a third of all links, and requires that the server changes only when the operator confirms."""
    report = os.path.join(lab.folder, "state", "status.json")

    def held():
        with open(report, encoding="utf-8") as file:
            return json.load(file)["held"]
    run("ip", "-n", PREFIX + "lan", "link", "set", "br0", "down")
    wait("a change to be held back", held)
    wait("the routers' own routes to change", lambda: None not in lab.metrics().values() and served(origin) != lab.metrics())
    before = served(origin)
    time.sleep(2)
    reason = held()
    if not reason or served(origin) != before:
        raise RuntimeError("the server changed although a change was held back")
    # What is held back can still change while the routers converge, and then needs another confirmation.
    def confirmed():
        if held():
            run(feed, "confirm", "--config", config)
        return served(origin) == lab.metrics()
    took = wait("the confirmed change", confirmed)
    print(f"a change was held back ({reason.split(',')[0]}), and followed {took:.1f} s after it was confirmed")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--programs", default=os.path.join(ROOT, "target", "release"), help="folder with the programs")
    parser.add_argument("--port", type=int, default=11019, help="port for BMP")
    options = parser.parse_args()
    programs = {name: os.path.join(options.programs, name) for name in ("alto-feed", "alto-server")}
    with tempfile.TemporaryDirectory(prefix="alto-lab-") as folder:
        os.chmod(folder, 0o755)
        lab = Lab(folder)
        with lab.stack:
            lab.close()
            try:
                lab.build()
                check(lab, programs, options.port)
            except (RuntimeError, subprocess.CalledProcessError, urllib.error.URLError) as error:
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
