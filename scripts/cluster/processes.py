"""The programs of a cluster on loopback: Redis servers, Sentinels, servers of ALTO, and a balancer. Each ends with this
process, and has a folder of its own."""
import http.client
import json
import os
import signal
import socket
import subprocess
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
TOPOLOGY = os.path.join(ROOT, "topo", "data", "two-isps.json")
TOKEN = "cluster-token-0123456789"
# Name under which Sentinels know the master.
SERVICE = "alto"
PATIENCE = 90


def free_ports(count):
    """Ports of loopback that nobody has at this moment."""
    sockets = [socket.socket() for _ in range(count)]
    for each in sockets:
        each.bind(("127.0.0.1", 0))
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


def wait_for(what, condition, patience=PATIENCE):
    """Waits until a condition has a value, and returns it."""
    end = time.monotonic() + patience
    while time.monotonic() < end:
        value = condition()
        if value:
            return value
        time.sleep(0.05)
    raise TimeoutError(f"never happened: {what}")


class Process:
    """A program that can be killed, stopped and started again."""

    def __init__(self, name, folder, command, env=None):
        self.name, self.command, self.env, self.child = name, command, env, None
        self.folder = folder
        os.makedirs(folder, exist_ok=True)
        self.start()

    def start(self):
        log = open(os.path.join(self.folder, self.name + ".log"), "ab")
        env = {**os.environ, **self.env} if self.env else None
        self.child = subprocess.Popen(self.command, stdout=log, stderr=log, stdin=subprocess.DEVNULL, env=env)
        log.close()

    def alive(self):
        return self.child is not None and self.child.poll() is None

    def kill(self):
        if self.alive():
            self.child.kill()
            self.child.wait()

    def stop(self):
        self.child.send_signal(signal.SIGSTOP)

    def go_on(self):
        if self.alive():
            self.child.send_signal(signal.SIGCONT)


class Redis(Process):
    """A Redis server, which syncs its file of changes every second."""

    def __init__(self, port, folder, master=None, min_replicas=1):
        self.port = port
        command = ["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--dir", folder, "--save", "",
                   "--appendonly", "yes", "--appendfsync", "everysec", "--repl-timeout", "4",
                   "--repl-ping-replica-period", "1", "--repl-diskless-sync-delay", "0",
                   "--min-replicas-to-write", str(min_replicas), "--min-replicas-max-lag", "2"]
        if master:
            command += ["--replicaof", "127.0.0.1", str(master)]
        self.base = command
        super().__init__(f"redis-{port}", folder, command)

    def call(self, *words):
        done = subprocess.run(["redis-cli", "-p", str(self.port), *words], capture_output=True, text=True,
                              timeout=20)
        return done.stdout.strip()

    def role(self):
        return (self.call("ROLE").splitlines() or [""])[0]

    def restart_below(self, master):
        """Starts again, as a replica of another server."""
        self.command = [word for word in self.base]
        if "--replicaof" in self.command:
            place = self.command.index("--replicaof")
            del self.command[place:place + 3]
        if master != self.port:
            self.command += ["--replicaof", "127.0.0.1", str(master)]
        self.start()


class Sentinel(Process):
    """A Sentinel, which rewrites its file."""

    def __init__(self, port, folder, master, quorum=2, down_after=1500):
        self.port = port
        os.makedirs(folder, exist_ok=True)
        path = os.path.join(folder, f"sentinel-{port}.conf")
        with open(path, "w") as file:
            file.write(f"port {port}\nbind 127.0.0.1\ndir {folder}\nsentinel monitor {SERVICE} 127.0.0.1 {master} {quorum}\n"
                       f"sentinel down-after-milliseconds {SERVICE} {down_after}\n"
                       f"sentinel failover-timeout {SERVICE} 6000\n")
        super().__init__(f"sentinel-{port}", folder, ["redis-server", path, "--sentinel"])

    def is_tilted(self):
        done = subprocess.run(["redis-cli", "-p", str(self.port), "INFO", "sentinel"], capture_output=True, text=True,
                              timeout=20)
        return "sentinel_tilt:1" in done.stdout

    def master(self):
        done = subprocess.run(["redis-cli", "-p", str(self.port), "SENTINEL", "get-master-addr-by-name", SERVICE],
                              capture_output=True, text=True, timeout=20)
        lines = done.stdout.split()
        return int(lines[1]) if len(lines) == 2 and lines[1].isdigit() else None


class Server(Process):
    """A server of ALTO that shares a store."""

    def __init__(self, program, port, folder, store, topology=TOPOLOGY, more=(), env=None):
        self.port = port
        command = [program, "--topology", topology, "--listen", f"127.0.0.1:{port}", "--store", store, "--map-interval", "1",
                   "--swarm-lease", "3600", "--swarm-max-peers-per-address", "1000000",
                   "--swarm-max-files-per-address", "1000000", *more]
        super().__init__(f"alto-{port}", folder, command, {"ALTO_ADMIN_TOKEN": TOKEN, **(env or {})})

    def request(self, method, path, body=None, timeout=8):
        return request(self.port, method, path, body, timeout)

    def is_ready(self):
        try:
            return self.request("GET", "/readyz", timeout=2)[0] == 200
        except OSError:
            return False


def request(port, method, path, body=None, timeout=8):
    """Status, fields and body of an answer; OSError where there is none."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout)
    try:
        headers = {"Authorization": f"Bearer {TOKEN}"} if path.startswith("/admin") else {}
        if body is not None:
            headers["Content-Type"] = "application/json"
            body = json.dumps(body)
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        return answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read()
    except http.client.HTTPException as error:
        raise OSError(str(error)) from error
    finally:
        connection.close()


class Cluster:
    """A Redis master with two replicas, three Sentinels, and servers of ALTO."""

    def __init__(self, program, folder, servers=3, copies=1, min_replicas=1, more=(), env=None):
        ports = free_ports(6 + servers)
        redis, sentinels, alto = ports[:3], ports[3:6], ports[6:]
        self.processes, self.copies = [], copies
        place = lambda name: os.path.join(folder, name)
        self.redis = [self._keep(Redis(redis[0], place("redis-0"), min_replicas=min_replicas))]
        wait_for("Redis answers", lambda: self.redis[0].call("PING") == "PONG")
        for number, port in enumerate(redis[1:], 1):
            self.redis.append(self._keep(Redis(port, place(f"redis-{number}"), redis[0], min_replicas)))
        wait_for("the replicas follow", lambda: self.redis[0].call("INFO", "replication").count("state=online") == 2)
        self.sentinels = [self._keep(Sentinel(port, place(f"sentinel-{port}"), redis[0])) for port in sentinels]
        wait_for("the Sentinels know each other",
                 lambda: all(sentinel.master() == redis[0] for sentinel in self.sentinels) and self._agree())
        hosts = ",".join(f"127.0.0.1:{port}" for port in sentinels)
        self.store = f"redis://{hosts}/0?sentinel={SERVICE}&copies={copies}"
        self.servers = [self._keep(Server(program, port, place(f"alto-{port}"), self.store, more=more, env=env))
                        for port in alto]
        wait_for("the servers are ready", lambda: all(server.is_ready() for server in self.servers))

    def _keep(self, process):
        self.processes.append(process)
        return process

    def _agree(self):
        def others(sentinel):
            done = subprocess.run(["redis-cli", "-p", str(sentinel.port), "SENTINEL", "master", SERVICE],
                                  capture_output=True, text=True)
            words = done.stdout.split("\n")
            known = dict(zip(words[::2], words[1::2]))
            return known.get("num-other-sentinels") == "2" and known.get("num-slaves") == "2"
        return all(others(sentinel) for sentinel in self.sentinels)

    def master(self):
        """The Redis server that is the master now; none while nobody is."""
        for sentinel in self.sentinels:
            port = sentinel.alive() and sentinel.master()
            for server in self.redis:
                if server.port == port and server.alive() and server.role() == "master":
                    return server
        return None

    def close(self):
        for process in reversed(self.processes):
            if process.alive():
                process.go_on()
                process.kill()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
