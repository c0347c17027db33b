"""Six FRR routers and an external network in network namespaces, and a relay between a router and this program."""
import contextlib
import json
import math
import os
import shutil
import socket
import struct
import subprocess
import threading
import time

DAEMONS = "/usr/lib/frr"
PREFIX = "altolab-"
# Ends, metric in each direction.
LINKS = [(1, 2, 10, 10), (1, 3, 20, 20), (2, 3, 5, 5), (2, 4, 10, 30), (3, 5, 10, 10), (5, 6, 50, 50)]
# Metric of each router at the LAN.
LAN = {4: 10, 5: 10, 6: 15}
ROUTERS = range(1, 7)
EXTERNAL = [f"203.0.{4 * number}.0/22" for number in range(20)]
PATIENCE = 60


def shortest():
    """Returns the least metrics between all routers, as they are once all links and the LAN are up."""
    costs = {(a, b): 0 if a == b else math.inf for a in ROUTERS for b in ROUTERS}
    for a, b, there, back in LINKS:
        costs[a, b], costs[b, a] = there, back
    for a in LAN:
        for b in LAN:
            costs[a, b] = min(costs[a, b], LAN[a])
    # Floyd-Warshall.
    for middle in ROUTERS:
        for a in ROUTERS:
            for b in ROUTERS:
                costs[a, b] = min(costs[a, b], costs[a, middle] + costs[middle, b])
    return costs


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
        self.daemons = {}
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
            for daemon, text in self.configuration(number, port).items():
                with open(f"/etc/frr/{name}/{daemon}.conf", "w", encoding="utf-8") as file:
                    file.write(f"hostname r{number}\n{text}")
            for place in ("/etc/frr", "/var/run/frr"):
                run("chown", "-R", "frr:frr", f"{place}/{name}")
            self.start_router(number)

    def start_router(self, number):
        name = f"{PREFIX}r{number}"
        self.daemons[number] = []
        for daemon in ("zebra", "staticd", "ospfd", "bgpd"):
            more = ["-M", "bmp"] if daemon == "bgpd" else []
            command = [f"{DAEMONS}/{daemon}", "-N", name, "-f", f"/etc/frr/{name}/{daemon}.conf", "-A", "127.0.0.1"]
            self.daemons[number].append(self.start(*inside(f"r{number}", *command, *more)))
            if daemon == "zebra":
                wait("zebra", lambda: os.path.exists(f"/var/run/frr/{name}/zserv.api"), 60)

    def kill_router(self, number):
        """Ends all daemons of a router at once, as a loss of power does."""
        for process in self.daemons[number]:
            process.kill()
            process.wait()
        for name in os.listdir(f"/var/run/frr/{PREFIX}r{number}"):
            os.remove(f"/var/run/frr/{PREFIX}r{number}/{name}")

    def start_external(self):
        path = os.path.join(self.folder, "gobgpd.toml")
        with open(path, "w", encoding="utf-8") as file:
            file.write('[global.config]\n as = 65100\n router-id = "192.0.2.2"\n'
                       '[[neighbors]]\n [neighbors.config]\n  peer-as = 65001\n  neighbor-address = "192.0.2.1"\n')
        self.start(*inside("x", "gobgpd", "-f", path, "--api-hosts", "127.0.0.1:50051"))
        show = inside("x", "gobgp", "global")
        # It answers before it has read its configuration.
        wait("gobgpd", lambda: "65100" in subprocess.run(show, capture_output=True, text=True).stdout)
        for prefix in EXTERNAL:
            self.gobgp("add", prefix)

    def gobgp(self, verb, prefix):
        more = ["aspath", "64500", "origin", "igp"] if verb == "add" else []
        run(*inside("x", "gobgp", "global", "rib", verb, prefix, *more))

    def vtysh(self, number, command):
        return run("vtysh", "-N", f"{PREFIX}r{number}", "-c", command)

    def metrics(self):
        """Returns the metrics between all routers, from each one's own routes to the others' loopback addresses, None where
        there is no route."""
        costs = {}
        for number in ROUTERS:
            try:
                routes = json.loads(self.vtysh(number, "show ip route ospf json"))
            except (subprocess.CalledProcessError, ValueError):
                # Its daemons are starting.
                routes = {}
            for other in ROUTERS:
                if other == number:
                    costs[number, other] = 0
                    continue
                found = routes.get(f"10.255.0.{other}/32")
                costs[number, other] = found[0]["metric"] if found else None
        return costs


class Relay:
    """Passes what a router sends on to a port of this machine, and resets the connection when told."""

    def __init__(self, address, upstream):
        self.listener = socket.create_server((address, 0))
        self.port = self.listener.getsockname()[1]
        self.upstream = upstream
        self.open = True
        # Number of bytes after which the next connection is reset.
        self.cut_after = None
        # Bytes of each connection.
        self.passed = []
        self.present = None
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            client, _ = self.listener.accept()
            if self.open:
                threading.Thread(target=self.serve, args=(client,), daemon=True).start()
            else:
                reset(client)

    def serve(self, client):
        limit, self.cut_after = self.cut_after, None
        place = len(self.passed)
        self.passed.append(0)
        self.present = client
        with socket.create_connection(("127.0.0.1", self.upstream)) as upstream, contextlib.suppress(OSError):
            while chunk := client.recv(4096):
                if limit is not None and self.passed[place] + len(chunk) > limit:
                    upstream.sendall(chunk[:limit - self.passed[place]])
                    self.passed[place] = limit
                    reset(client)
                    break
                upstream.sendall(chunk)
                self.passed[place] += len(chunk)

    def reset(self):
        """Resets the present connection."""
        if self.present:
            reset(self.present)


def reset(connection):
    """Closes a connection with RST."""
    with contextlib.suppress(OSError):
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.shutdown(socket.SHUT_RD)
    connection.close()
