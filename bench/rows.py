"""The rows of the table: one function per row, or per few rows that share their servers. Each row is the ratio of two
figures from the same run."""
import dataclasses
import http.client
import itertools
import json
import math
import os
import resource
import socket
import statistics
import subprocess
import threading
import time
import urllib.request

import load
import networks
from servers import AltoServer, Bare, Nginx

HERE = os.path.dirname(os.path.abspath(__file__))
COST_TYPE = {"cost-mode": "numerical", "cost-metric": "routingcost"}
COST_MAP = "/costmap/numerical/routingcost"
ENDPOINT_COST = ("/endpointcost/lookup", "application/alto-endpointcostparams+json")
ENDPOINT_PROPERTY = ("/endpointprop/lookup", "application/alto-endpointpropparams+json")


@dataclasses.dataclass
class Row:
    """A row of the table; `reach` is the target of the ratio."""
    what: str
    ours: str
    against: str
    theirs: str
    ratio: float
    reach: str
    reached: bool
    note: str = ""


@dataclasses.dataclass
class Bench:
    """Paths of the programs, and the size and duration of measurements."""
    server: str
    route_speed: str
    prefix_speed: str
    bare_http: str
    nginx: str
    python: str
    folder: str
    quick: bool

    @property
    def seconds(self):
        return 1 if self.quick else 5

    @property
    def rounds(self):
        return 1 if self.quick else 3

    def topology(self, name, topology):
        return networks.write(topology, os.path.join(self.folder, name + ".json"))

    def nginx_with(self, name, files):
        folder = os.path.join(self.folder, "nginx-" + name)
        os.makedirs(folder, exist_ok=True)
        return Nginx(self.nginx, folder, files)


def rate(value):
    return f"{value:,.0f}/s"


def compare(what, against, ours, theirs, reach, bench, bare=None):
    """A row of two request rates, whose ratio is to be at least `reach`, or else within a tenth of the rate of each program
    of `bare`, which does the same work on the same libraries and nothing else."""
    bare = bare or {}
    our_rate, their_rate, *bare_rates = load.in_turn([ours, theirs, *bare.values()], bench.rounds)
    ratio = our_rate / their_rate
    reached = ratio >= reach or bool(bare) and max(bare_rates) <= 1.1 * our_rate
    notes = [f"{name} {rate(found)}, {found / our_rate:.2f} of ours" for name, found in zip(bare, bare_rates)]
    return Row(what, rate(our_rate), against, rate(their_rate), ratio, f">= {reach}", reached, "; ".join(notes))


def documents(bench):
    """GET of a cost map: identity, gzip, and not modified."""
    topology = bench.topology("pids-200", networks.switches(200))
    with AltoServer(bench.server, topology) as server:
        body = server.get(COST_MAP)
        document = os.path.join(bench.folder, "costmap.json")
        with open(document, "wb") as out:
            out.write(body)
        with bench.nginx_with("documents", {"costmap": body}) as nginx, \
                Bare(bench.bare_http, "document", document) as bare:
            def fetch(base, path, headers):
                return lambda: load.run(base + path, bench.seconds, headers)
            size = f"{len(body) / 1024:,.0f} KiB"
            yield compare(f"GET cost map, 200 PIDs, identity ({size})", "nginx, the same bytes",
                          fetch(server.base, COST_MAP, {}), fetch(nginx.base, "/costmap", {}), 0.85, bench,
                          {"bare hyper": fetch(bare.base, "/costmap", {})})
            accepts = {"Accept-Encoding": "gzip"}
            yield compare(f"GET cost map, 200 PIDs, gzip ({size})", "nginx, the same bytes",
                          fetch(server.base, COST_MAP, accepts), fetch(nginx.base, "/costmap", accepts), 0.9, bench)
            with urllib.request.urlopen(server.base + COST_MAP, timeout=10) as answer:
                ours = {"If-None-Match": answer.headers["ETag"]}
            theirs = {"If-None-Match": nginx.entity_tag("costmap")}
            with Bare(bench.bare_http, "not-modified", "hyper") as hyper, \
                    Bare(bench.bare_http, "not-modified", "warp") as warp:
                yield compare("the same, not modified (304)", "nginx 304",
                              fetch(server.base, COST_MAP, ours), fetch(nginx.base, "/costmap", theirs), 0.9, bench,
                              {"bare hyper": fetch(hyper.base, "/costmap", ours),
                               "bare warp": fetch(warp.base, "/costmap", ours)})


def endpoint_costs(bench):
    """POST endpoint cost between addresses in 200 PIDs."""
    topology = bench.topology("pids-200", networks.switches(200))
    path, media_type = ENDPOINT_COST
    address = lambda i: f"ipv4:10.0.{i % 200}.{1 + i // 200}"
    with AltoServer(bench.server, topology) as server:
        costs = os.path.join(bench.folder, "costs.json")
        with open(costs, "wb") as out:
            out.write(server.get(COST_MAP))
        for sources, destinations, reach in ((1, 20, 0.6), (50, 50, 0.35)):
            endpoints = {"srcs": [address(i * 3) for i in range(sources)],
                         "dsts": [address(i * 7 + 1) for i in range(destinations)]}
            body = json.dumps({"cost-type": COST_TYPE, "endpoints": endpoints})
            answer = server.post(path, body.encode(), media_type)
            with bench.nginx_with(f"costs-{sources}", {"answer": answer}) as nginx, \
                    Bare(bench.bare_http, "endpoint-cost", costs) as bare:
                same = json.loads(bare.post("/", body.encode(), media_type))
                if same["endpoint-cost-map"] != json.loads(answer)["endpoint-cost-map"]:
                    raise SystemExit("bench: bare_http answers other costs")
                ask = lambda url: lambda: load.run(url, bench.seconds, {}, body, media_type)
                yield compare(f"POST endpoint cost, {sources} x {destinations}", "nginx, an answer of that size",
                              ask(server.base + path), ask(nginx.base + "/answer"), reach, bench,
                              {"bare hyper": ask(bare.base + "/")})


def several_costs(bench):
    """POST endpoint cost for three metrics at once (RFC 8189), compared with one."""
    topology = bench.topology("pids-200", networks.switches(200))
    path, media_type = ENDPOINT_COST
    endpoints = {"srcs": ["ipv4:10.0.1.1"], "dsts": [f"ipv4:10.0.{i}.1" for i in range(20)]}
    types = [{"cost-mode": "numerical", "cost-metric": metric} for metric in ("routingcost", "hopcount", "delay-ow")]
    one = json.dumps({"cost-type": types[0], "endpoints": endpoints})
    three = json.dumps({"multi-cost-types": types, "endpoints": endpoints})
    with AltoServer(bench.server, topology) as server:
        yield compare("POST endpoint cost of 3 metrics, 1 x 20", "here, 1 metric",
                      lambda: load.run(server.base + path, bench.seconds, {}, three, media_type),
                      lambda: load.run(server.base + path, bench.seconds, {}, one, media_type), 0.8, bench)


READER = """
import json, sys, time
import pytricia
begin = time.monotonic()
with open(sys.argv[1]) as file:
    topology = json.load(file)
table4, table6 = pytricia.PyTricia(32), pytricia.PyTricia(128)
for name, pid in topology["pids"].items():
    for prefix in pid["ipv4"]:
        table4[prefix] = name
    for prefix in pid["ipv6"]:
        table6[prefix] = name
print(time.monotonic() - begin)
"""


def prefixes(bench):
    """Endpoint properties, and the time to start, with a prefix table as large as the Internet's."""
    ipv4, ipv6 = (20_000, 4_000) if bench.quick else (1_000_000, 200_000)
    path = bench.topology("prefixes", networks.prefixes(ipv4, ipv6))
    times = []
    reader = lambda: float(subprocess.run([bench.python, "-c", READER, path], check=True, capture_output=True,
                                          text=True).stdout)
    for _ in range(bench.rounds):
        with AltoServer(bench.server, path) as server:
            times.append((server.seconds_to_ready, reader()))
            peak = server.status("VmHWM") / 1024
    ours, theirs = (statistics.median(column) for column in zip(*times))
    yield Row(f"start to ready, {ipv4 + ipv6:,} prefixes", f"{ours:.2f} s", "Python json + pytricia", f"{theirs:.2f} s",
              theirs / ours, ">= 5", theirs / ours >= 5, f"peak memory {peak:,.0f} MiB, to be at most 1,024")
    pids, count = (300, 6_000) if bench.quick else (3771, 577_705)
    many = bench.topology("pids-many", networks.prefixes(count, 0, pids))
    times = []
    for _ in range(bench.rounds):
        with AltoServer(bench.server, many) as server:
            seconds, peak = server.seconds_to_ready, server.status("VmHWM") / 1024
        times.append((seconds, bare_routes(bench, many)["seconds"]))
    seconds, bare = (statistics.median(column) for column in zip(*times))
    yield Row(f"start to ready, {pids:,} PIDs and switches, {count:,} prefixes", f"{seconds:.2f} s", "a second", "1 s",
              seconds, "<= 1", peak <= 400 and (seconds <= 1 or seconds <= 1.1 * bare),
              f"bare serde_json and pathfinding {bare:.2f} s, {seconds / bare:.2f} of our rate; "
              f"peak memory {peak:,.0f} MiB, to be at most 400")
    url, media_type = ENDPOINT_PROPERTY
    body = json.dumps({"properties": ["network-map.pid"], "endpoints": networks.addresses(100)})
    with AltoServer(bench.server, path) as server:
        answer = server.post(url, body.encode(), media_type)
        with bench.nginx_with("properties", {"answer": answer}) as nginx, \
                Bare(bench.bare_http, "endpoint-property", path) as bare:
            same = json.loads(bare.post("/", body.encode(), media_type))
            if same["endpoint-properties"] != json.loads(answer)["endpoint-properties"]:
                raise SystemExit("bench: bare_http answers other properties")
            ask = lambda url: lambda: load.run(url, bench.seconds, {}, body, media_type)
            yield compare(f"POST endpoint property, 100 addresses, {ipv4 + ipv6:,} prefixes",
                          "nginx, an answer of that size", ask(server.base + url), ask(nginx.base + "/answer"), 0.3, bench,
                          {"bare hyper": ask(bare.base + "/")})


def prefix_changes(bench):
    """A difference of prefixes from a feed, beside building the network map anew."""
    command = [bench.prefix_speed, *(["--quick"] if bench.quick else [])]
    results = [json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
               for _ in range(bench.rounds)]
    if not all(result["same"] for result in results):
        raise SystemExit("bench: a map after differences is not the map that is built anew")
    result = sorted(results, key=lambda result: result["share"])[len(results) // 2]
    peak = max(result["peak-mib"] for result in results)
    yield Row(f"{result['changed']:,} of {result['prefixes']:,} prefixes change, 65 PIDs: median of {result['rounds']}",
              f"{result['difference-ms']:.1f} ms", "all anew", f"{result['set-ms'] + result['all-ms']:,.0f} ms",
              result["share"], "<= 0.1", result["share"] <= 0.1, f"peak memory {peak:,.0f} MiB, to be at most 1,024")


NETWORKX = """
import json, sys, time
import networkx
with open(sys.argv[1]) as file:
    topology = json.load(file)
graph = networkx.Graph()
for link in topology["links"]:
    a, b, cost = link["source"], link["destination"], link["cost"]
    if not graph.has_edge(a, b) or cost < graph[a][b]["weight"]:
        graph.add_edge(a, b, weight=cost)
begin = time.monotonic()
for _ in networkx.all_pairs_dijkstra(graph):
    pass
print(time.monotonic() - begin)
"""


def exponent(points):
    """The exponent of a power law fitted to figures by size."""
    logs = [(math.log(size), math.log(figure)) for size, figure in points.items()]
    return statistics.linear_regression(*zip(*logs)).slope


def route_speed(bench, path):
    """Runs route_speed: times in ms for all routes and for one changed link, and peak memory in MiB."""
    output = subprocess.run([bench.route_speed, "--topology", path], check=True, capture_output=True, text=True).stdout
    return json.loads(output)


def bare_routes(bench, path):
    """Runs what the libraries alone do of the same: times in ms, and `seconds` from the start of the program to its end."""
    begin = time.monotonic()
    output = subprocess.run([bench.route_speed, "--topology", path, "--bare"], check=True, capture_output=True,
                            text=True).stdout
    return {**json.loads(output), "seconds": time.monotonic() - begin}


def routes(bench):
    """Time of computing all routes, its growth with the network, and the time of one change."""
    sizes = [100, 200] if bench.quick else [250, 500, 1000, 2000, 5000]
    size = 100 if bench.quick else 500
    path = bench.topology(f"switches-{size}", networks.switches(size))
    times = [(route_speed(bench, path)["all-ms"], bare_routes(bench, path)["all-ms"]) for _ in range(bench.rounds)]
    ours, bare = (statistics.median(column) for column in zip(*times))
    theirs = float(subprocess.run([bench.python, "-c", NETWORKX, path], check=True, capture_output=True,
                                  text=True).stdout) * 1e3
    ratio = theirs / ours
    yield Row(f"all routes, {size} switches, {size * 4:,} links", f"{ours:.1f} ms", "networkx all_pairs_dijkstra",
              f"{theirs:,.0f} ms", ratio, ">= 100", ratio >= 100 or ours <= 1.1 * bare,
              f"bare pathfinding {bare:,.1f} ms, {ours / bare:.2f} of our rate")
    results = {count: route_speed(bench, bench.topology(f"switches-{count}", networks.switches(count)))
               for count in sizes}
    first, last = sizes[0], sizes[-1]
    memory = results[last]["peak-mib"]
    slope = exponent({count: result["all-ms"] for count, result in results.items()})
    # n^2 log n between the smallest and the largest, as an exponent of n.
    ideal = 2 + math.log(math.log(last) / math.log(first)) / math.log(last / first)
    figures = ", ".join(f"{n:,}: {result['all-ms']:,.0f} ms" for n, result in results.items())
    yield Row(f"growth with switches ({figures})", f"n^{slope:.2f}", "n^2 log n", f"n^{ideal:.2f}", slope / ideal,
              "close to 1", slope / ideal <= 1.15 and memory <= 1024,
              f"{last:,} switches: {memory:,.0f} MiB, to be at most 1,024")
    change = results[200 if bench.quick else 2000]
    growth = ", ".join(f"{n:,}: {result['median-ms']:.2f} ms" for n, result in results.items())
    slope = exponent({count: result["median-ms"] for count, result in results.items()})
    anew, median, worst = change["all-ms"], change["median-ms"], change["worst-ms"]
    name = f"one link changes, {200 if bench.quick else 2000:,} switches"
    yield Row(f"{name}: median of {change['changes']}", f"{median:.2f} ms", "all anew", f"{anew:,.1f} ms",
              anew / median, ">= 20", anew / median >= 20, f"n^{slope:.2f} ({growth})")
    yield Row(f"{name}: worst", f"{worst:.2f} ms", "all anew", f"{anew:,.1f} ms", anew / worst, ">= 1", worst <= anew)


def latency_under_change(bench):
    """99th percentile of the latency while links change ten times per second."""
    topology = bench.topology("pids-200", networks.switches(200))
    path, media_type = ENDPOINT_COST
    endpoints = {"srcs": ["ipv4:10.0.1.1"], "dsts": [f"ipv4:10.0.{i}.1" for i in range(20)]}
    body = json.dumps({"cost-type": COST_TYPE, "endpoints": endpoints})
    with AltoServer(bench.server, topology) as server:
        links = json.loads(server.get("/admin/links", {"Authorization": f"Bearer {server.token}"}))
        links = links["links"] if isinstance(links, dict) else links
        # A light load, of some thousand requests per second: with both cores busy, latency would only measure the wait for a
        # core, and any other program would add to it as much as a change does.
        measure = lambda: load.run(server.base + path, bench.seconds, {}, body, media_type, connections=16, pause=4).p99 * 1e3
        headers = {"Content-Type": "application/json", "Authorization": f"Bearer {server.token}"}

        def report(stop, index, expected):
            """Reports a link ten times per second; those of an index that no link has change nothing."""
            # Only what the server does is measured: this client gives way to it, and opens no connection for each change.
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), min(19, os.nice(0) + 10))
            client = http.client.HTTPConnection(server.base.split("//")[1], timeout=60)
            while not stop.wait(0.1):
                number = next(reports)
                link = links[number % len(links)]
                change = {"source": link["source"], "destination": link["destination"], "index": index,
                          "cost": 1 + number % 100}
                client.request("POST", "/admin/links", json.dumps(change), headers)
                answer = client.getresponse()
                answer.read()
                if answer.status != expected:
                    raise SystemExit(f"bench: a report of a link was answered {answer.status}")
            client.close()

        def while_reported(*of):
            stop = threading.Event()
            worker = threading.Thread(target=report, args=(stop, *of))
            worker.start()
            measured = measure()
            stop.set()
            worker.join()
            return measured

        reports = itertools.count()
        # The tail of a light load varies more from run to run than other figures.
        rounds = 2 * bench.rounds - 1
        runs = [(measure(), while_reported(9, 404), while_reported(0, 200)) for _ in range(rounds)]
        alone, still, moving = (statistics.median(column) for column in zip(*runs))
        yield Row("99 % of endpoint costs within, 10 link changes per second", f"{moving:.2f} ms",
                  "as many reports of links that do not exist", f"{still:.2f} ms", moving / still, "<= 1.5",
                  moving / still <= 1.5, f"{alone:.2f} ms without reports")


def swarm(bench):
    """The registry: registrations, heartbeats and queries for holders, saved to disk as in operation."""
    population, shared = (200, 20) if bench.quick else (2000, 100)
    topology = bench.topology("pids-200", networks.switches(200))
    state = os.path.join(bench.folder, "swarm-state")
    with open(os.path.join(HERE, "swarm.lua"), encoding="utf-8") as file:
        program = file.read()
    # The server trusts this machine as a proxy, so that every peer can have an address of its own.
    with AltoServer(bench.server, topology, "--state", state, "--trusted-proxy", "127.0.0.1") as server:
        entry = lambda i: {"id": f"{i:064x}", "name": f"file-{i}", "size": 1 << 20, "manifest": f"{i + 1:064x}"}
        heartbeats = []
        for i in range(population):
            body = json.dumps({"name": f"peer-{i}", "port": 6881, "files": [entry(i % shared)]})
            answer = server.post("/swarm/register", body.encode(), "application/json",
                                 headers={"X-Forwarded-For": f"192.168.{i // 250}.{1 + i % 250}"})
            known = json.loads(answer)
            heartbeats.append(json.dumps({"peer": known["peer"], "secret": known["secret"]}))
        holders = server.get(f"/swarm/files/{0:064x}/holders?limit=10")
        quoted = lambda values: ", ".join(json.dumps(value) for value in values)
        addresses = itertools.count(1, 1 << 20)

        def mix():
            script = (f'media = "application/json"\npeers = {{{quoted(heartbeats)}}}\n'
                      f'files = {{{quoted(entry(i)["id"] for i in range(shared))}}}\n'
                      f"entry = {json.dumps(json.dumps(entry(shared)))}\nfrom = {next(addresses)}\n{program}")
            return load.run(server.base, bench.seconds, script=script)

        with bench.nginx_with("swarm", {"holders": holders}) as nginx:
            row = compare("registry: 1 registration, 9 heartbeats, 10 times holders, saved to disk",
                          f"nginx, a file of {len(holders):,} bytes", mix,
                          lambda: load.run(nginx.base + "/holders", bench.seconds), 0.4, bench)
            peak = server.status("VmHWM") / 1024
            yield dataclasses.replace(row, note=f"{peak:,.0f} MiB at most")


def idle_connections(bench):
    """Memory per idle keep-alive connection."""
    count = 500 if bench.quick else 10_000
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, max(soft, count + 1000)), hard))
    topology = bench.topology("pids-200", networks.switches(200))
    with AltoServer(bench.server, topology, "--header-timeout", "300") as server:
        host, port = server.base.split("//")[1].split(":")
        before = server.status("VmRSS")
        sockets = []
        try:
            for i in range(count):
                client = socket.create_connection((host, int(port)), timeout=10,
                                                  source_address=(f"127.0.{1 + i // 20_000}.1", 0))
                client.sendall(b"GET /healthz HTTP/1.1\r\nHost: bench\r\n\r\n")
                sockets.append(client)
            for client in sockets:
                if not client.recv(4096).startswith(b"HTTP/1.1 200"):
                    raise SystemExit("bench: an idle connection was refused")
            # Idle is what nothing has happened on for a moment.
            time.sleep(2)
            each = (server.status("VmRSS") - before) / count
        finally:
            for client in sockets:
                client.close()
    yield Row(f"{count:,} idle keep-alive connections", f"{each:.1f} KiB each", "16 KiB each", "", each / 16, "<= 1",
              each <= 16)


ALL = [documents, endpoint_costs, several_costs, prefixes, prefix_changes, routes, latency_under_change, swarm, idle_connections]
