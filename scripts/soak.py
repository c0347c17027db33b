#!/usr/bin/env python3
"""Runs a thousand keep-alive clients with mixed requests for a minute, while links change ten times per second, and then
for another minute while attackers attack (attacks/besiege.py).

Requires that there is no status 5xx except a deliberate 503 with Retry-After, no torn answer (the tag of one view with
the costs of another), and no growth of memory; under attack at most one 503 in a thousand answers, and a 99th percentile
of the latency of at most three times the quiet one. Every client has an address of its own, as the attackers have.
Prints the observations; the exit status is 1 if a requirement failed.
"""
import argparse
import asyncio
import collections
import hashlib
import json
import os
import random
import subprocess
import sys
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
TOPOLOGY = os.path.join(ROOT, "topo", "data", "two-isps.json")
BESIEGE = os.path.join(ROOT, "scripts", "attacks", "besiege.py")
# Little more than the honest clients need, so that the attackers find the server full.
MAX_CONNECTIONS = 1500
# Largest part of honest answers that may be 503 under attack, and largest ratio of the latencies.
REFUSED, SLOWER = 0.001, 3
TOKEN = "soak-test-token-0123456789"
COST_TYPE = {"cost-mode": "numerical", "cost-metric": "routingcost"}


def post(path, media_type, body):
    text = json.dumps(body)
    return (f"POST {path} HTTP/1.1\r\nHost: soak\r\nContent-Type: application/alto-{media_type}+json\r\n"
            f"Content-Length: {len(text)}\r\n\r\n{text}").encode()


def get(path):
    return f"GET {path} HTTP/1.1\r\nHost: soak\r\n\r\n".encode()


PEERS = [f"ipv4:127.{isp}.{i}.{i}" for isp in (1, 2) for i in (1, 2, 3)] + ["ipv4:127.1.1.1", "ipv4:127.2.2.7"]
# (name, request, whether the answer contains the tag of its view)
MIX = [
    ("directory", get("/directory"), False),
    ("network map", get("/networkmap"), False),
    ("cost map", get("/costmap/numerical/routingcost"), True),
    ("ordinal cost map", get("/costmap/ordinal/routingcost"), True),
    ("filtered cost map", post("/costmap/filtered", "costmapfilter", {"cost-type": COST_TYPE}), True),
    ("endpoint cost", post("/endpointcost/lookup", "endpointcostparams",
                           {"cost-type": COST_TYPE, "endpoints": {"srcs": PEERS, "dsts": PEERS}}), True),
    ("endpoint property", post("/endpointprop/lookup", "endpointpropparams",
                               {"properties": ["network-map.pid"], "endpoints": PEERS}), False),
    ("bad request", post("/costmap/filtered", "costmapfilter", {"cost-type": 7}), False),
]


class Seen:
    def __init__(self):
        self.statuses = collections.Counter()
        self.latencies = []
        self.problems = []
        # (resource, tag) to the hash of the costs: the same tag requires the same content.
        self.contents = {}
        self.changes = 0
        self.memory = []


async def read_answer(reader):
    head = await reader.readuntil(b"\r\n\r\n")
    lines = head.decode("latin-1").split("\r\n")
    fields = {name.lower(): value.strip() for name, value in (line.split(":", 1) for line in lines[1:] if ":" in line)}
    body = await reader.readexactly(int(fields.get("content-length", 0)))
    return int(lines[0].split(" ")[1]), fields, body


def judge(seen, name, tagged, status, fields, body):
    seen.statuses[status] += 1
    expected = 400 if name == "bad request" else 200
    if status == 503 and "retry-after" in fields:
        return
    if status != expected:
        seen.problems.append(f"{name}: status {status}")
    elif tagged:
        answer = json.loads(body)
        tag = answer["meta"]["vtag"]["tag"]
        costs = answer.get("cost-map") or answer.get("endpoint-cost-map")
        content = hashlib.sha256(json.dumps(costs, sort_keys=True).encode()).digest()
        if seen.contents.setdefault((name, tag), content) != content:
            seen.problems.append(f"{name}: torn: two contents under the tag {tag}")


async def client(host, port, end, seen, seed):
    pick = random.Random(seed)
    writer = None
    while time.monotonic() < end:
        try:
            if writer is None:
                own = (f"127.50.{seed >> 8}.{seed & 255}", 0)
                reader, writer = await asyncio.open_connection(host, port, local_addr=own)
            name, request, tagged = pick.choice(MIX)
            start = time.monotonic()
            writer.write(request)
            status, fields, body = await asyncio.wait_for(read_answer(reader), 30)
            seen.latencies.append(time.monotonic() - start)
            judge(seen, name, tagged, status, fields, body)
            await asyncio.sleep(pick.uniform(0, 1.0))
        except (OSError, asyncio.IncompleteReadError, asyncio.TimeoutError) as error:
            seen.problems.append(f"connection: {error!r}")
            writer = None
            await asyncio.sleep(0.5)
    if writer is not None:
        writer.close()


async def operator(host, port, end, seen):
    """Changes links ten times per second, from a small set of changes, so that views recur."""
    pick = random.Random(1)
    reader, writer = await asyncio.open_connection(host, port)
    links = [("a1", "a2"), ("a2", "b2"), ("a3", "b3"), ("b1", "b3")]
    while time.monotonic() < end:
        source, destination = pick.choice(links)
        change = {"source": source, "destination": destination, "utilisation": pick.choice([0, 0.3, 0.6, 0.9, 0.99])}
        if pick.random() < 0.1:
            change["up"] = pick.random() < 0.7
        text = json.dumps(change)
        writer.write((f"POST /admin/links HTTP/1.1\r\nHost: soak\r\nAuthorization: Bearer {TOKEN}\r\n"
                      f"Content-Type: application/json\r\nContent-Length: {len(text)}\r\n\r\n{text}").encode())
        status, _, body = await read_answer(reader)
        if status != 200:
            seen.problems.append(f"change: status {status}: {body!r}")
        seen.changes += 1
        await asyncio.sleep(0.1)
    writer.close()


def resident(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("VmRSS"))


async def watch(pid, end, seen):
    while time.monotonic() < end:
        seen.memory.append(resident(pid))
        await asyncio.sleep(1)


async def run(host, port, pid, clients, seconds, besieged=False):
    seen = Seen()
    end = time.monotonic() + seconds
    tasks = [client(host, port, end, seen, seed) for seed in range(clients)]
    command = [sys.executable, BESIEGE, f"{host}:{port}", str(seconds)]
    attackers = subprocess.Popen(command) if besieged else None
    try:
        await asyncio.gather(operator(host, port, end, seen), watch(pid, end, seen), *tasks)
    finally:
        if attackers:
            attackers.kill()
            attackers.wait()
    return seen


def quantile_of(seen, q):
    latencies = sorted(seen.latencies)
    return latencies[min(len(latencies) - 1, int(q * len(latencies)))] * 1000


def report(seen, clients, seconds, quiet=None):
    total = sum(seen.statuses.values())
    quantile = lambda q: quantile_of(seen, q)
    print("under attack:" if quiet else "quiet:")
    print(f"{clients} clients, {seconds} s: {total} requests ({total / seconds:.0f}/s), {seen.changes} link changes")
    print("statuses: " + ", ".join(f"{status}: {count}" for status, count in sorted(seen.statuses.items())))
    print(f"latency: median {quantile(0.5):.1f} ms, 99 % {quantile(0.99):.1f} ms (the clients share the machine)")
    print(f"views seen in cost answers: {len({tag for _, tag in seen.contents})}, torn answers: "
          f"{sum('torn' in problem for problem in seen.problems)}")
    # The first third of the time fills caches and connection buffers.
    third = len(seen.memory) // 3
    early, late = max(seen.memory[third:2 * third]), max(seen.memory[2 * third:])
    print(f"resident memory: {seen.memory[0]} KiB at the start, {early} KiB at most in the second third, {late} KiB in the last")
    if late > early * 1.1 + 4096:
        seen.problems.append(f"memory grew from {early} to {late} KiB")
    if quiet:
        ratio, refused = quantile(0.99) / quantile_of(quiet, 0.99), seen.statuses[503] / total
        print(f"99 % of the latencies: {ratio:.1f} times the quiet ones; answered 503: {refused * 100:.2f} %")
        if ratio > SLOWER:
            seen.problems.append(f"99 % of the latencies: more than {SLOWER} times the quiet ones")
        if refused > REFUSED:
            seen.problems.append(f"503: more than {REFUSED * 100} %")
    for problem, count in collections.Counter(seen.problems).most_common(10):
        print(f"PROBLEM ({count} times): {problem}")
    return 1 if seen.problems else 0


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program", help="the alto-server binary")
    parser.add_argument("--clients", type=int, default=1000)
    parser.add_argument("--seconds", type=int, default=60)
    options = parser.parse_args()
    command = [options.program, "--topology", TOPOLOGY, "--listen", "127.0.0.1:0", "--log-level", "info",
               "--max-connections", str(MAX_CONNECTIONS)]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=dict(os.environ, ALTO_ADMIN_TOKEN=TOKEN))
    try:
        for line in process.stderr:
            if "listening on http://" in line:
                host, port = line.split("http://")[1].split("/")[0].rsplit(":", 1)
                break
        else:
            return 2
        quiet, besieged = (
            asyncio.run(run(host, int(port), process.pid, options.clients, options.seconds, besieged))
            for besieged in (False, True)
        )
    finally:
        process.terminate()
        process.wait()
    quiet_failed = report(quiet, options.clients, options.seconds)
    return report(besieged, options.clients, options.seconds, quiet) or quiet_failed


if __name__ == "__main__":
    sys.exit(main())
