#!/usr/bin/env python3
"""Measures what sharing a store costs: the processor time of following 100 changes a second, on networks of several sizes; the
processor time of requests without a store and with one; and the memory and the start of a server with a million prefixes, and
with a million peers. Prints rows of the tables in docs/scaling.md.

PROGRAMS is a folder with an alto-server that was built with the feature redis."""
import argparse
import concurrent.futures
import http.client
import json
import os
import random
import socket
import struct
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from processes import TOKEN, TOPOLOGY, Redis, Server, free_ports, wait_for

# Number of clients that change links at once.
CLIENTS = 4
TICKS = os.sysconf("SC_CLK_TCK")
# Makes registrations as the scripts of the registry make them, many at a time.
REGISTER = """
local base, first, count = 'alto:registry-1:', tonumber(ARGV[1]), tonumber(ARGV[2])
local time = redis.call('TIME')
local ends = time[1] * 1000 + 3600000
for number = first, first + count - 1 do
  local id = string.format('68300000%08x', number)
  local place = string.rep('\\0', 10) .. '\\255\\255' .. struct.pack('>I4I2', 167772160 + number, 6881)
  local file = 'f' .. string.rep(string.format('%08x', number % 10000), 4)
  local secret = string.rep(string.format('%08x', number), 4)
  local row = string.rep('m', 32) .. struct.pack('>I8B', 1000, 1) .. 'movie.bin'
  redis.call('HSET', base .. 'peer:' .. id, 's', secret, 'p', place .. 'peer', file, row)
  redis.call('HSET', base .. 'at:' .. string.sub(redis.sha1hex(place), 1, 4), place, id)
  redis.call('ZADD', base .. 'leases', ends, id)
end
"""


def processor(pid):
    """Seconds of processor time that a process has used."""
    with open(f"/proc/{pid}/stat") as file:
        fields = file.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def memory(pid):
    """Resident memory of a process, in MB."""
    with open(f"/proc/{pid}/status") as file:
        line = next(line for line in file if line.startswith("VmRSS"))
    return int(line.split()[1]) / 1000


def network(switches, path):
    """Writes a network: a ring with chords, and a host at every fifth switch."""
    rng = random.Random(switches)
    names = [f"s{number}" for number in range(switches)]
    pairs = {tuple(sorted((n, (n + 1) % switches))) for n in range(switches)}
    while len(pairs) < switches * 3 // 2:
        pairs.add(tuple(sorted(rng.sample(range(switches), 2))))
    links = [{"source": names[a], "destination": names[b], "bandwidth": 1000, "delay": rng.randint(1, 20)} for a, b in sorted(pairs)]
    hosts = [{"name": f"h{n}", "ip": f"10.{n // 250}.{n % 250}.1"} for n in range(0, switches, 5)]
    links += [{"source": f"h{n}", "destination": names[n], "bandwidth": 100, "delay": 1} for n in range(0, switches, 5)]
    with open(path, "w") as file:
        json.dump({"name": f"ring-{switches}", "hosts": hosts, "switches": [{"name": name} for name in names], "links": links}, file)
    return path


def change(server, links, rate, end, seed):
    """Changes links until a time, on one connection. Returns the number of changes."""
    rng, begun, made = random.Random(seed), time.monotonic(), 0
    connection = http.client.HTTPConnection(*server.where)
    while time.monotonic() < end:
        link = rng.choice(links)
        body = {"source": link["source"], "destination": link["destination"], "utilisation": rng.randint(0, 90) / 100}
        connection.request("POST", "/admin/links", json.dumps(body),
                           {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"})
        answer = connection.getresponse()
        text = answer.read()
        assert answer.status == 200, text
        made += 1
        time.sleep(max(0.0, begun + made / rate - time.monotonic()))
    return made


def following(program, folder, topology, name, rate, seconds):
    """Processor time per second of the server that takes changes, and of one that follows."""
    redis = Redis(free_ports(1)[0], os.path.join(folder, f"redis-{name}"), min_replicas=0)
    servers = []
    try:
        wait_for("Redis answers", lambda: redis.call("PING") == "PONG")
        for port in free_ports(2):
            servers.append(Server(program, port, os.path.join(folder, f"{name}-{port}"), f"redis://127.0.0.1:{redis.port}",
                                  topology))
        wait_for("the servers are ready", lambda: all(server.is_ready() for server in servers))
        links = [link for link in json.loads(servers[0].request("GET", "/admin/links")[2])["links"]
                 if link["source"].startswith("s") or topology == TOPOLOGY]
        before = [processor(server.child.pid) for server in servers]
        begun = time.monotonic()
        # One client would wait for each answer before its next change.
        with concurrent.futures.ThreadPoolExecutor(CLIENTS) as pool:
            made = sum(pool.map(lambda seed: change(servers[0], links, rate / CLIENTS, begun + seconds, seed), range(CLIENTS)))
        took = time.monotonic() - begun
        position = json.loads(servers[0].request("GET", "/admin/status")[2])["cluster"]["position"]
        wait_for("the other has followed",
                 lambda: json.loads(servers[1].request("GET", "/admin/status")[2])["cluster"]["position"] == position)
        used = [100 * (processor(server.child.pid) - earlier) / took for server, earlier in zip(servers, before)]
        print(f"| {name} | {made / took:.0f}/s | {used[0]:.1f} % | {used[1]:.1f} % | {10 * used[1] * took / made:.2f} ms |", flush=True)
    finally:
        for process in servers + [redis]:
            process.kill()


def idle(server, seconds=10):
    """Portion of a core that a server uses without requests."""
    before = processor(server.child.pid)
    time.sleep(seconds)
    return (processor(server.child.pid) - before) / seconds


def spent(server, method, path, body, count, unasked):
    """Processor time of a server for one request, in microseconds, on one connection, without what it uses unasked."""
    connection = http.client.HTTPConnection(*server.where)
    def ask():
        connection.request(method, path, body, {"Content-Type": "application/json"} if body else {})
        answer = connection.getresponse()
        answer.read()
        assert answer.status == 200, answer.status
    for _ in range(200):
        ask()
    before, begun = processor(server.child.pid), time.monotonic()
    for _ in range(count):
        ask()
    used = processor(server.child.pid) - before - unasked * (time.monotonic() - begun)
    return 1e6 * used / count


def requests(program, folder, count):
    """Processor time for each kind of request, without a store and with one."""
    redis = Redis(free_ports(1)[0], os.path.join(folder, "redis-requests"), min_replicas=0)
    servers = []
    try:
        wait_for("Redis answers", lambda: redis.call("PING") == "PONG")
        for store in (None, f"redis://127.0.0.1:{redis.port}"):
            servers.append(Server(program, free_ports(1)[0], os.path.join(folder, f"alto-requests-{len(servers)}"), store))
        wait_for("the servers are ready", lambda: all(server.is_ready() for server in servers))
        file = {"id": "ab" * 32, "name": "f", "size": 1, "manifest": "cd" * 32, "complete": True}
        peers = [json.loads(server.request("POST", "/swarm/register", {"name": "p", "port": 4000, "files": [file]})[2])
                 for server in servers]
        beats = [json.dumps({"peer": peer["peer"], "secret": peer["secret"]}) for peer in peers]
        unasked = [idle(server) for server in servers]
        print(f"| without requests | {100 * unasked[0]:.2f} % of a core | {100 * unasked[1]:.2f} % |", flush=True)
        for name, method, path, bodies in [
                ("whole cost map", "GET", "/costmap/numerical/routingcost", [None, None]),
                ("holders of a file", "GET", f"/swarm/files/{'ab' * 32}/holders", [None, None]),
                ("heartbeat", "POST", "/swarm/heartbeat", beats)]:
            # In turn, so that both have the same neighbours.
            rounds = [[spent(server, method, path, body, count // 4, own) for server, body, own in zip(servers, bodies, unasked)]
                      for _ in range(4)]
            without, shared = (sum(times) / len(times) for times in zip(*rounds))
            print(f"| {name} | {without:.0f} us | {shared:.0f} us |", flush=True)
    finally:
        for process in servers + [redis]:
            process.kill()


def prefixes(program, folder, count):
    """Time until servers have many prefixes of a source, and what they take."""
    redis = Redis(free_ports(1)[0], os.path.join(folder, "redis-prefixes"), min_replicas=0)
    servers = []
    more = ["--max-prefixes", str(2 * count)]

    def start():
        servers.append(Server(program, free_ports(1)[0], os.path.join(folder, f"alto-prefixes-{len(servers)}"),
                              f"redis://127.0.0.1:{redis.port}", more=more))
        wait_for("the server is ready", servers[-1].is_ready, 300)

    def has_all(server):
        return json.loads(server.request("GET", "/admin/status", timeout=60)[2])["prefixes"] > count
    try:
        wait_for("Redis answers", lambda: redis.call("PING") == "PONG")
        for _ in range(2):
            start()
        pids = [pid for pid in json.loads(servers[0].request("GET", "/networkmap")[2])["network-map"] if pid != "default"]
        lines = [f"{socket.inet_ntoa(struct.pack('>I', (11 << 24) + number))}/32 {pids[number % len(pids)]}\n" for number in range(count)]
        begun = time.monotonic()
        connection = http.client.HTTPConnection(*servers[0].where, timeout=300)
        connection.request("PUT", "/admin/prefixes/many?sequence=1", "".join(lines),
                           {"Authorization": f"Bearer {TOKEN}", "Content-Type": "text/plain"})
        answer = connection.getresponse()
        assert answer.status == 200, (answer.status, answer.read()[:500])
        taken = time.monotonic() - begun
        wait_for("both have them", lambda: all(has_all(server) for server in servers), 300)
        everywhere = time.monotonic() - begun
        begun = time.monotonic()
        start()
        started = time.monotonic() - begun
        assert has_all(servers[-1])
        used = int(next(line for line in redis.call("INFO", "memory").splitlines() if line.startswith("used_memory:")).split(":")[1])
        print(f"| {count} prefixes of one source | Redis {used / 1e6:.0f} MB | server {memory(servers[-1].child.pid):.0f} MB "
              f"| taken after {taken:.1f} s, in the maps of both after {everywhere:.1f} s | ready after {started:.1f} s |", flush=True)
    finally:
        for process in servers + [redis]:
            process.kill()


def peers(program, folder, count):
    """Memory of Redis and of a server with many peers, and the time from its start until it is ready."""
    redis = Redis(free_ports(1)[0], os.path.join(folder, "redis-peers"), min_replicas=0)
    server = None
    try:
        wait_for("Redis answers", lambda: redis.call("PING") == "PONG")
        redis.call("CONFIG", "SET", "appendonly", "no")
        for first in range(0, count, 10000):
            error = redis.call("EVAL", REGISTER, "0", str(first), "10000")
            assert not error, error
        used = int(next(line for line in redis.call("INFO", "memory").splitlines() if line.startswith("used_memory:")).split(":")[1])
        begun, before = time.monotonic(), processor(redis.child.pid)
        server = Server(program, free_ports(1)[0], os.path.join(folder, "alto-peers"), f"redis://127.0.0.1:{redis.port}",
                        more=["--swarm-max-peers", "2000000"])
        wait_for("the server is ready", server.is_ready, 300)
        took = time.monotonic() - begun
        found = json.loads(server.request("GET", "/swarm/files?limit=1")[2])["files"][0]
        assert found["complete"] == count // 10000, found
        print(f"| {count} peers with one file each | Redis {used / 1e6:.0f} MB | server {memory(server.child.pid):.0f} MB "
              f"| ready after {took:.1f} s, of which it used the processor {processor(server.child.pid):.1f} s, and Redis "
              f"{processor(redis.child.pid) - before:.1f} s |", flush=True)
    finally:
        for process in [server, redis]:
            if process:
                process.kill()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("programs")
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--rate", type=float, default=100)
    parser.add_argument("--peers", type=int, default=1_000_000)
    parser.add_argument("--prefixes", type=int, default=1_000_000)
    parser.add_argument("--requests", type=int, default=20_000)
    parser.add_argument("--switches", default="two-isps,50,200,1000")
    options = parser.parse_args()
    program = os.path.join(options.programs, "alto-server")
    if not os.path.exists(program):
        parser.error(f"{options.programs} has no alto-server: cargo build --release -p alto-server --features redis")
    print(f"load {os.getloadavg()[0]:.1f}, {subprocess.run(['redis-server', '--version'], capture_output=True, text=True).stdout.split()[2]}")
    with tempfile.TemporaryDirectory(prefix="alto-measure-") as folder:
        networks = [("two-isps", TOPOLOGY) if count == "two-isps" else
                    (f"{count} switches", network(int(count), os.path.join(folder, f"ring-{count}.json")))
                    for count in options.switches.split(",") if count]
        for name, topology in networks:
            following(program, folder, topology, name.replace(" ", "-"), options.rate, options.seconds)
        if options.requests:
            requests(program, folder, options.requests)
        if options.prefixes:
            prefixes(program, folder, options.prefixes)
        if options.peers:
            peers(program, folder, options.peers)


if __name__ == "__main__":
    main()
