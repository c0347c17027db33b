"""Rows about clients that follow changes (RFC 8895): many of them, and some that never read.

The clients are a process of their own, so that the memory and file descriptors of both are apart.
"""
import contextlib
import json
import multiprocessing
import re
import resource
import select
import socket
import statistics
import subprocess
import threading
import time

import load
import networks
from rows import COST_TYPE, ENDPOINT_COST, Row
from servers import AltoServer

PARAMS = "application/alto-updatestreamparams+json"
FOLLOWED = "cost-map-routingcost"
# Both addresses are this machine's, and each has its share of all streams.
FLAGS = ("--max-streams", "20000", "--max-client-share", "100", "--update-interval", "50")


def request(body):
    """A request for a stream, as bytes."""
    text = json.dumps(body).encode()
    head = f"POST /updates HTTP/1.1\r\nHost: bench\r\nContent-Type: {PARAMS}\r\nContent-Length: {len(text)}\r\n\r\n"
    return head.encode() + text


# Streams that are opened at a time: no more than requests that may be in progress.
AT_A_TIME = 200


def connect(address, count, body):
    """Opens streams, each of which has an answer to read."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, max(soft, count + 1000)), hard))
    opened = []
    while len(opened) < count:
        answered = select.poll()
        batch = range(len(opened), min(count, len(opened) + AT_A_TIME))
        for i in batch:
            client = socket.create_connection(address, timeout=30, source_address=(f"127.0.{1 + i // 20_000}.1", 0))
            client.sendall(request(body))
            answered.register(client, select.POLLIN)
            opened.append(client)
        left = len(batch)
        while left:
            for number, _ in answered.poll():
                answered.unregister(number)
                left -= 1
    return opened


def follow(address, count, body, orders, reports):
    """Follows in many streams: for each order, waits until every stream had another patch, and reports the time of the first
    and of the last of them."""
    streams = connect(address, count, body)
    poll = select.epoll()
    by_number = {client.fileno(): client for client in streams}
    for client in streams:
        client.setblocking(False)
        poll.register(client, select.EPOLLIN)
    waiting = set(by_number)
    # The first document ends with an empty line.
    mark = b"alto-costmap+json,"
    while True:
        first = last = None
        deadline = time.monotonic() + 60
        while waiting and time.monotonic() < deadline:
            for number, _ in poll.poll(1):
                data = by_number[number].recv(1 << 20)
                if not data:
                    raise SystemExit("bench: a stream ended")
                if mark in data and number in waiting:
                    waiting.discard(number)
                    last = time.monotonic()
                    first = first or last
        reports.put((first, last, len(waiting)))
        if orders.get() == "end":
            return
        mark, waiting = b"merge-patch+json,", set(by_number)


class Followers:
    """A process with streams."""

    def __init__(self, server, count, body):
        host, port = server.base.split("//")[1].split(":")
        self.orders, self.reports = multiprocessing.Queue(), multiprocessing.Queue()
        arguments = ((host, int(port)), count, body, self.orders, self.reports)
        self.process = multiprocessing.Process(target=follow, args=arguments, daemon=True)
        self.process.start()
        self.reports.get()

    def told(self, change):
        """Makes a change; the times from its answer to the first and to the last stream that had it, in ms."""
        self.orders.put("next")
        time.sleep(0.05)  # The process has to be waiting before the change comes.
        change()
        answered = time.monotonic()
        first, last, missing = self.reports.get()
        if missing:
            raise SystemExit(f"bench: {missing} streams were not told of a change")
        return (first - answered) * 1e3, (last - answered) * 1e3

    def end(self):
        self.orders.put("end")
        self.process.join()


def changer(server):
    """A function that gives a link of the server another cost: less than all others have, so that some costs change."""
    links = json.loads(server.get("/admin/links", {"Authorization": f"Bearer {server.token}"}))
    links = links["links"] if isinstance(links, dict) else links
    state = {"count": 0}

    def change():
        state["count"] += 1
        link = links[state["count"] % len(links)]
        report = {"source": link["source"], "destination": link["destination"], "index": 0,
                  "cost": 0.5 + state["count"] % 97 / 200}
        server.post("/admin/links", json.dumps(report).encode(), "application/json", token=True)
    return change


def socket_memory(server):
    """Memory of the kernel for the server's ends of its connections, in KiB: what is in their buffers or reserved for them,
    and the objects of their sockets. The ends of the clients are on the same machine, and do not count."""
    port = server.base.rsplit(":", 1)[1]
    command = ["ss", "--tcp", "--memory", "--numeric", "--no-header", "--oneline", "state", "established"]
    listing = subprocess.run([*command, f"( sport = :{port} )"], capture_output=True, text=True, check=True).stdout
    fields = re.compile(r"skmem:\(r(\d+),rb\d+,t(\d+),tb\d+,f(\d+),w(\d+),o(\d+),bl(\d+)")
    sockets = [sum(map(int, found.groups())) for found in map(fields.search, listing.splitlines()) if found]
    with open("/proc/slabinfo", encoding="ascii") as lines:
        objects = sum(int(line.split()[3]) for line in lines if line.startswith(("TCP ", "sock_inode_cache ")))
    return (sum(sockets) + len(sockets) * objects) / 1024


@contextlib.contextmanager
def changing(change, interval):
    """Makes a change at each interval meanwhile."""
    over = threading.Event()

    def work():
        while not over.wait(interval):
            change()

    worker = threading.Thread(target=work)
    worker.start()
    try:
        yield
    finally:
        over.set()
        worker.join()


def processor_time(server):
    """Processor time that the server has used, in seconds."""
    with open(f"/proc/{server.child.pid}/stat", encoding="ascii") as line:
        fields = line.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / 100


def p99(server, bench):
    """99th percentile of the latency of ordinary requests, in ms."""
    path, media_type = ENDPOINT_COST
    endpoints = {"srcs": ["ipv4:10.0.1.1"], "dsts": [f"ipv4:10.0.{i}.1" for i in range(20)]}
    body = json.dumps({"cost-type": COST_TYPE, "endpoints": endpoints})
    return load.run(server.base + path, bench.seconds, {}, body, media_type, connections=4).p99 * 1e3


def update_streams(bench):
    """Many update streams, with a change every second."""
    count = 500 if bench.quick else 10_000
    topology = bench.topology("pids-20", networks.switches(20))
    body = {"add": {"c": {"resource-id": FOLLOWED}}}
    with AltoServer(bench.server, topology, *FLAGS) as server:
        change = changer(server)
        # What one subscriber and a change take once is not what each of many takes.
        first = Followers(server, 1, body)
        first.told(change)
        before = server.status("VmRSS") + socket_memory(server)
        followers = Followers(server, count, body)
        used, started, lasts = processor_time(server), time.monotonic(), []
        for second in range(3 if bench.quick else 10):
            lasts.append(followers.told(change)[1])
            time.sleep(max(0, started + second + 1 - time.monotonic()))
        each = (server.status("VmRSS") + socket_memory(server) - before) / count
        share = (processor_time(server) - used) / (time.monotonic() - started)
        yield Row(f"{count:,} update streams, one change a second: processor", f"{share * 100:.1f} % of a core", "20 %", "",
                  share / 0.2, "<= 1", share <= 0.2, f"the last one told after {statistics.median(lasts):,.0f} ms")
        yield Row(f"{count:,} update streams: memory, sockets included", f"{each:.1f} KiB each", "40 KiB", "", each / 40,
                  "<= 1", each <= 40)
        alone = p99(server, bench)
        followers.orders.put("next")
        with changing(change, 1):
            busy = p99(server, bench)
        followers.reports.get()
        yield Row(f"{count:,} update streams, one change a second: 99 % of endpoint costs within", f"{busy:.2f} ms", "10 ms",
                  f"{alone:.2f} ms without changes", busy / 10, "<= 1", busy <= 10)
        followers.end()
        first.end()


def streams_that_nobody_reads(bench):
    """Streams whose clients never read, beside ordinary requests."""
    count = 50
    topology = bench.topology("pids-200", networks.switches(200))
    body = {"add": {"c": {"resource-id": FOLLOWED, "incremental-changes": False}}}
    with AltoServer(bench.server, topology, *FLAGS) as server:
        change = changer(server)
        # Changes cost what they cost, whoever follows them.
        with changing(change, 0.2):
            alone = p99(server, bench)
            before = server.status("VmRSS") + socket_memory(server)
            host, port = server.base.split("//")[1].split(":")
            clients = connect((host, int(port)), count, body)
            busy = p99(server, bench)
            memory = (server.status("VmRSS") + socket_memory(server) - before) / 1024
        for client in clients:
            client.close()
        yield Row(f"{count} streams that nobody reads, 5 changes a second: 99 % of endpoint costs within",
                  f"{busy:.2f} ms", "no streams", f"{alone:.2f} ms", busy / alone, "<= 2", busy <= 2 * alone, f"{memory:,.0f} MiB more memory")


def change_to_streams(bench):
    """Time from a change of a link to the streams that follow the costs."""
    pids = 100 if bench.quick else 1000
    topology = bench.topology(f"pids-{pids}", networks.switches(pids))
    with AltoServer(bench.server, topology, *FLAGS) as server:
        followers, make = Followers(server, 100, {"add": {"c": {"resource-id": FOLLOWED}}}), changer(server)
        lasts, took = [], []

        def change():
            began = time.monotonic()
            make()
            took.append((time.monotonic() - began) * 1e3)

        for _ in range(3 if bench.quick else 20):
            lasts.append(followers.told(change)[1])
            time.sleep(0.3)
        last, whole = statistics.median(lasts), statistics.median(took)
        followers.end()
        yield Row(f"change of a link, {pids:,} PIDs: from its answer to the last of 100 streams", f"{last:.1f} ms", "50 ms", "",
                  last / 50, "<= 1", last <= 50, f"{last / whole:.2f} of the {whole:.0f} ms that the change itself takes")


ALL = [update_streams, streams_that_nobody_reads, change_to_streams]
