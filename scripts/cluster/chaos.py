#!/usr/bin/env python3
"""Breaks a cluster while clients change it, and checks what they were told against what is there at the end.

  chaos.py PROGRAMS                   50 faults: servers and Redis servers killed and stopped, memory full, clocks stepped
  chaos.py PROGRAMS --short           a few faults, in less than half a minute
  chaos.py PROGRAMS --isolated        the master takes writes that no copy has, and is killed; with --copies 0 the checker
                                      has to find losses, and otherwise none
  chaos.py PROGRAMS --stopped 30      all of Redis stands still for at least 30 seconds

PROGRAMS is a folder with an alto-server that was built with the feature redis. Prints a summary as JSON; the exit status is
1 if anything acknowledged was lost, anything was invented, or two servers differed at one position."""
import argparse
import contextlib
import json
import os
import random
import sys
import tempfile
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from history import History
from processes import Balancer, Cluster, request, wait_for

DOCUMENTS = ["/networkmap", "/costmap/numerical/routingcost", "/costmap/numerical/hopcount"]
FAKETIME = "/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1"


def file_id(number):
    return f"{number:064x}"


class Clients:
    """Clients that change and read until they are told to stop. Each has a home, where it asks the servers it has there in turn,
    and a way to get there. The balancer, where there is one, has a reader of its own."""

    def __init__(self, cluster, seed, homes=None, balancer=None):
        self.history, self.done = History(), threading.Event()
        everywhere = [server.where for server in cluster.servers]
        homes = homes or [(lambda: None, everywhere)] * 2
        links = json.loads(request(everywhere[0], "GET", "/admin/links")[2])["links"]
        links = [(link["source"], link["destination"]) for link in links]
        self.numbers = iter(range(1, 1 << 60))
        self.lock = threading.Lock()
        work = [(each, enter, servers, links[number::len(homes)]) for each in (self._register, self._change, self._read)
                for number, (enter, servers) in enumerate(homes)]
        if balancer:
            work.append((self._read_through, lambda: None, [balancer.where], []))
        self.threads = [threading.Thread(target=self._work, args=(random.Random(seed * 100 + place), *each), daemon=True)
                        for place, each in enumerate(work)]
        for thread in self.threads:
            thread.start()

    def _work(self, rng, each, enter, servers, links):
        enter()
        try:
            each(rng, servers, links)
        except Exception as error:
            self.history.wrong.append(f"a client failed: {error!r}")
            raise

    def _ask(self, rng, servers, method, path, body=None):
        """Asks a server chosen at random. True or False, or None where nobody knows."""
        begun = time.monotonic()
        try:
            status, fields, answer = request(rng.choice(servers), method, path, body)
        except OSError:
            time.sleep(0.02)
            return None, {}, b""
        if status >= 500:
            self.history.refuse(time.monotonic() - begun)
            assert status == 503 and "retry-after" in fields, (path, status, answer)
            time.sleep(0.02)
            return None, fields, answer
        return status < 300, fields, answer

    def _register(self, rng, servers, _):
        while not self.done.is_set():
            with self.lock:
                number = next(self.numbers)
            files = [{"id": file_id(number), "name": "f", "size": 1, "manifest": file_id(number), "complete": True}]
            body = {"name": f"p{number}", "port": 1 + number % 65535, "files": files}
            self.history.register(number, self._ask(rng, servers, "POST", "/swarm/register", body)[0])
            time.sleep(0.01)

    def _change(self, rng, servers, own):
        value = 0
        while not self.done.is_set():
            value += 1
            source, destination = link = own[value % len(own)]
            body = {"source": source, "destination": destination, "cost": value}
            self.history.set_link(link, value, self._ask(rng, servers, "POST", "/admin/links", body)[0])
            time.sleep(0.01)

    def _read(self, rng, servers, _):
        while not self.done.is_set():
            document = rng.choice(DOCUMENTS)
            answer, fields, body = self._ask(rng, servers, "GET", document)
            self.history.read(document, fields, body, answer)
            time.sleep(0.005)

    def _read_through(self, rng, balancer, _):
        while not self.done.is_set():
            if self._ask(rng, balancer, "GET", rng.choice(DOCUMENTS))[0]:
                self.history.read_through()
            time.sleep(0.005)

    def stop(self):
        self.done.set()
        for thread in self.threads:
            thread.join()


def state(server):
    """What a server has: the numbers of registrations, and the costs of links."""
    held, after = set(), ""
    while True:
        page = json.loads(server.request("GET", f"/swarm/files?limit=1000{after}")[2])
        held |= {int(file["id"], 16) for file in page["files"]}
        if not page.get("next"):
            break
        after = f"&after={page['next']}"
    links = json.loads(server.request("GET", "/admin/links")[2])["links"]
    costs = {}
    for link in links:
        change = link.get("overriding", {})
        if change.get("cost") is not None:
            costs[(link["source"], link["destination"])] = int(change["cost"])
    return held, costs


def settle(cluster):
    """Waits until all servers are up and have the same."""
    wait_for("all servers are ready", lambda: all(server.is_ready() for server in cluster.servers))
    wait_for("changes are taken", lambda: request(cluster.servers[0].where, "POST", "/admin/links", {
        **dict(zip(("source", "destination"), first_link(cluster))), "delay": 1})[0] == 200)

    def same():
        positions = [json.loads(server.request("GET", "/admin/status")[2])["cluster"]["position"]
                     for server in cluster.servers]
        return len(set(positions)) == 1
    wait_for("all servers are at one position", same)
    wait_for("all servers have the same", lambda: len({repr([sorted(held), sorted(costs.items())])
                                                       for held, costs in map(state, cluster.servers)}) == 1)
    return state(cluster.servers[0])


def first_link(cluster):
    link = json.loads(request(cluster.servers[0].where, "GET", "/admin/links")[2])["links"][0]
    return link["source"], link["destination"]


class Faults:
    """What can happen to a cluster. Each leaves it whole again."""

    def __init__(self, cluster, rng, balancer):
        self.cluster, self.rng, self.balancer = cluster, rng, balancer

    def server_killed(self):
        server = self.rng.choice(self.cluster.servers)
        server.kill()
        time.sleep(self.rng.uniform(0.1, 1))
        server.start()
        wait_for("the server is ready again", server.is_ready)

    def master_killed(self):
        master = wait_for("there is a master", self.cluster.master)
        master.kill()
        other = wait_for("another one is the master", self.cluster.master)
        master.restart_below(other)
        self.whole()

    def replica_killed(self):
        master = wait_for("there is a master", self.cluster.master)
        replica = self.rng.choice([redis for redis in self.cluster.redis if redis is not master])
        replica.kill()
        time.sleep(self.rng.uniform(0.2, 1))
        replica.restart_below(master)
        self.whole()

    def redis_stopped(self, seconds=None, until=None):
        """Everything of Redis stands still for some seconds, and until a function returns; then it goes on."""
        standing = self.cluster.redis + self.cluster.sentinels
        for process in standing:
            process.stop()
        end = time.monotonic() + (seconds or self.rng.uniform(0.5, 4))
        try:
            if until:
                until()
            time.sleep(max(0, end - time.monotonic()))
        finally:
            for process in standing:
                process.go_on()
        self.whole()
        if not seconds:
            # A Sentinel that stood still for two seconds decides nothing for half a minute.
            wait_for("the Sentinels decide again", lambda: not any(each.is_tilted() for each in self.cluster.sentinels))

    def servers_of_redis_stopped(self):
        """All Redis servers stand still, and the Sentinels choose another master just when they go on: a replica may then
        confirm to the old one what the new one never sees. Not promised with one copy; see docs/scaling.md."""
        for process in self.cluster.redis:
            process.stop()
        time.sleep(self.rng.uniform(1, 4))
        for process in self.cluster.redis:
            process.go_on()
        self.whole()

    def master_stopped(self):
        """The master stands still until another one is chosen, and then believes for a moment that it still is one."""
        master = wait_for("there is a master", self.cluster.master)
        master.stop()
        wait_for("another one is the master", lambda: next(
            (redis for redis in self.cluster.redis if redis is not master and redis.role() == "master"), None))
        # Only then is the old one alone. With a replica left to it, it would confirm what the new one never sees.
        wait_for("the other replica follows the new one", lambda: any(
            redis.role() == "master" and "state=online" in redis.call("INFO", "replication")
            for redis in self.cluster.redis if redis is not master))
        master.go_on()
        self.whole()

    def memory_full(self):
        master = wait_for("there is a master", self.cluster.master)
        master.call("CONFIG", "SET", "maxmemory", "1")
        time.sleep(self.rng.uniform(0.2, 1.5))
        master.call("CONFIG", "SET", "maxmemory", "0")

    def connections_cut(self):
        master = wait_for("there is a master", self.cluster.master)
        master.call("CLIENT", "KILL", "TYPE", "normal")

    def clock_stepped(self):
        """A server that starts with a clock one hour off."""
        server = self.rng.choice(self.cluster.servers)
        server.kill()
        before = dict(server.env)
        server.env.update({"LD_PRELOAD": FAKETIME, "FAKETIME": self.rng.choice(["+3600s", "-3600s"]),
                           "FAKETIME_DONT_FAKE_MONOTONIC": "1"})
        server.start()
        wait_for("the server is ready again", server.is_ready)
        time.sleep(self.rng.uniform(0.5, 2))
        server.kill()
        server.env = before
        server.start()
        wait_for("the server is ready again", server.is_ready)

    def balancer_killed(self):
        self.balancer.crash()
        wait_for("the balancer answers again", self.balancer.answers)

    def whole(self):
        """Waits until the master has both replicas."""
        def is_whole():
            master = self.cluster.master()
            return master and master.call("INFO", "replication").count("state=online") == 2
        wait_for("the master has both replicas", is_whole)

    def all(self):
        kinds = [self.server_killed, self.master_killed, self.replica_killed, self.redis_stopped, self.master_stopped,
                 self.memory_full, self.connections_cut]
        if self.cluster.copies > 1:
            kinds.append(self.servers_of_redis_stopped)
        if self.balancer:
            kinds.append(self.balancer_killed)
        return kinds + ([self.clock_stepped] if os.path.exists(FAKETIME) else [])


def isolated(cluster, clients):
    """The copies stand still while the master goes on; then it dies, and they do not know what it took."""
    master = wait_for("there is a master", cluster.master)
    rest = [redis for redis in cluster.redis if redis is not master]
    for process in rest + cluster.sentinels:
        process.stop()
    # What is on its way to a stopped process is not lost; what has no way is.
    master.call("CLIENT", "KILL", "TYPE", "replica")
    taken = len(clients.history.acknowledged_at)
    time.sleep(1.5)
    if not cluster.copies:
        wait_for("the master alone takes changes", lambda: len(clients.history.acknowledged_at) > taken + 20)
    master.kill()
    for process in rest + cluster.sentinels:
        process.go_on()
    other = wait_for("another one is the master", cluster.master)
    master.restart_below(other)


def stopped(cluster, faults, clients, seconds):
    """All of Redis stands still: readers have no error, changes are refused with a time to retry, and servers say since when
    they are stale."""
    def stale():
        lines = [server.request("GET", "/readyz") for server in cluster.servers]
        assert all(status == 200 for status, _, _ in lines), lines
        return sum(b"stale for" in line for _, _, line in lines)

    def watch():
        try:
            wait_for("all servers say that they are stale", lambda: stale() == len(cluster.servers))
        except Exception as error:
            clients.history.wrong.append(f"while Redis stood still: {error!r}")
    failed, refused = clients.history.read_failed, len(clients.history.refusals)
    faults.redis_stopped(seconds, watch)
    wait_for("no server is stale any more", lambda: not stale())
    refusals = clients.history.refusals[refused:]
    found = {"read-errors": clients.history.read_failed - failed, "refusals": len(refusals),
             "longest-refusal": round(max(refusals, default=0.0), 2)}
    print(f"while Redis stood still: {json.dumps(found)}", file=sys.stderr)
    if found["read-errors"] or not refusals:
        clients.history.wrong.append(f"while Redis stood still: {found}")


def run(options):
    program = os.path.join(options.programs, "alto-server")
    rng = random.Random(options.seed)
    place = contextlib.nullcontext(options.logs) if options.logs else tempfile.TemporaryDirectory(prefix="alto-chaos-")
    with place as folder:
        bound = 0 if options.isolated and options.copies == 0 else 1
        more = ["--trusted-proxy", "127.0.0.0/8"]
        with Cluster(program, folder, options.servers, options.copies, bound, more) as cluster:
            balancer = cluster.balance(os.path.join(folder, "balancer")) if os.path.exists(Balancer.PROGRAM) else None
            clients, faults = Clients(cluster, options.seed, balancer=balancer), Faults(cluster, rng, balancer)
            begun, happened = time.monotonic(), []
            time.sleep(1)

            def happen(fault, *arguments):
                begin = time.monotonic()
                clients.history.begin(fault.__name__)
                fault(*arguments)
                happened.append(fault.__name__)
                print(f"{len(happened)}: {fault.__name__} at {begin - begun:.1f} s for {time.monotonic() - begin:.1f} s",
                      file=sys.stderr, flush=True)
            if options.isolated:
                happen(isolated, cluster, clients)
            elif options.stopped:
                happen(stopped, cluster, faults, clients, options.stopped)
            elif options.short:
                for fault, *arguments in ([faults.server_killed], [faults.master_killed], [faults.redis_stopped, 2],
                                          *([[faults.balancer_killed]] if balancer else [])):
                    happen(fault, *arguments)
                    time.sleep(0.5)
            else:
                kinds = faults.all()
                if options.only:
                    kinds = [kind for kind in kinds if kind.__name__ in options.only.split(",")]
                for number in range(options.faults):
                    happen(kinds[number % len(kinds)])
                    time.sleep(rng.uniform(0.2, 1))
            time.sleep(0.5)
            clients.stop()
            held, costs = settle(cluster)
            wrong = clients.history.check(held, costs)
            counts = {kind: happened.count(kind) for kind in sorted(set(happened))}
            summary = {"faults": counts, "seconds": round(time.monotonic() - begun, 1), **clients.history.summary(),
                       **{kind: len(found) for kind, found in wrong.items()}}
            print(json.dumps(summary, indent=1))
            for kind, found in wrong.items():
                for each in found[:5]:
                    print(f"{kind}: {each}", file=sys.stderr)
            return wrong


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("programs")
    parser.add_argument("--short", action="store_true")
    parser.add_argument("--isolated", action="store_true")
    parser.add_argument("--stopped", type=float, default=0, metavar="SECONDS")
    parser.add_argument("--copies", type=int, default=1)
    parser.add_argument("--servers", type=int, default=3)
    parser.add_argument("--faults", type=int, default=50)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", default="", help="names of faults, with commas; all others stay away")
    parser.add_argument("--logs", help="folder for the logs of all programs, which are removed otherwise")
    options = parser.parse_args()
    if not os.path.exists(os.path.join(options.programs, "alto-server")):
        parser.error(f"{options.programs} has no alto-server: cargo build --release -p alto-server --features redis")
    wrong = run(options)
    if options.isolated and options.copies == 0:
        sys.exit(0 if wrong["lost"] else "the checker found no loss, where there must be one")
    sys.exit(1 if any(wrong.values()) else 0)


if __name__ == "__main__":
    main()
