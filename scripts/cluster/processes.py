"""The programs of a cluster on loopback: Redis servers, Sentinels, servers of ALTO, and a balancer. Each ends with this
process, and has a folder of its own."""
import http.client
import json
import os
import signal
import socket
import subprocess
import threading
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
TOPOLOGY = os.path.join(ROOT, "topo", "data", "two-isps.json")
TOKEN = "cluster-token-0123456789"
# Name under which Sentinels know the master.
SERVICE = "alto"
# Milliseconds that a Sentinel gives a failover, and half of those until it tries again after one that failed.
FAILOVER_TIMEOUT = 3000
PATIENCE = 180


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


class Machine:
    """Where programs run: on loopback, or in a network namespace with an address of its own."""

    def __init__(self, address="127.0.0.1", namespace=None):
        self.address, self.namespace = address, namespace

    def within(self, command):
        """Command that runs another one there."""
        return ["ip", "netns", "exec", self.namespace, *command] if self.namespace else command


LOOPBACK = Machine()


class Process:
    """A program that can be killed, stopped and started again."""

    def __init__(self, name, folder, command, env=None, machine=LOOPBACK):
        self.name, self.command, self.env, self.child = name, command, env, None
        self.folder, self.machine = folder, machine
        os.makedirs(folder, exist_ok=True)
        self.start()

    def start(self):
        log = open(os.path.join(self.folder, self.name + ".log"), "ab")
        env = {**os.environ, **self.env} if self.env else None
        self.child = subprocess.Popen(self.machine.within(self.command), stdout=log, stderr=log, stdin=subprocess.DEVNULL,
                                      env=env, start_new_session=True)
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

    def __init__(self, port, folder, master=None, min_replicas=1, machine=LOOPBACK):
        self.port, self.machine = port, machine
        command = ["redis-server", "--port", str(port), "--bind", machine.address, "--protected-mode", "no", "--dir", folder, "--save", "",
                   "--appendonly", "yes", "--appendfsync", "everysec", "--repl-timeout", "4",
                   "--repl-ping-replica-period", "1", "--repl-diskless-sync-delay", "0",
                   "--min-replicas-to-write", str(min_replicas), "--min-replicas-max-lag", "2"]
        self.base = command
        super().__init__(f"redis-{port}", folder, self._below(master), machine=machine)

    def _below(self, master):
        return self.base + (["--replicaof", master.machine.address, str(master.port)] if master else [])

    def call(self, *words):
        return call(self, *words).stdout.strip()

    def role(self):
        return (self.call("ROLE").splitlines() or [""])[0]

    def restart_below(self, master):
        """Starts again, as a replica of another server."""
        self.command = self._below(master if master is not self else None)
        self.start()


class Sentinel(Process):
    """A Sentinel, which rewrites its file."""

    def __init__(self, port, folder, master, quorum=2, down_after=1500, machine=LOOPBACK):
        self.port = port
        os.makedirs(folder, exist_ok=True)
        path = os.path.join(folder, f"sentinel-{port}.conf")
        with open(path, "w") as file:
            file.write(f"port {port}\nbind {machine.address}\nprotected-mode no\ndir {folder}\n"
                       f"sentinel monitor {SERVICE} {master.machine.address} {master.port} {quorum}\n"
                       f"sentinel down-after-milliseconds {SERVICE} {down_after}\n"
                       f"sentinel failover-timeout {SERVICE} {FAILOVER_TIMEOUT}\n")
        super().__init__(f"sentinel-{port}", folder, ["redis-server", path, "--sentinel"], machine=machine)

    def is_tilted(self):
        return "sentinel_tilt:1" in call(self, "INFO", "sentinel").stdout

    def master(self):
        """Address and port of the server that it takes for the master."""
        lines = call(self, "SENTINEL", "get-master-addr-by-name", SERVICE).stdout.split()
        return (lines[0], int(lines[1])) if len(lines) == 2 and lines[1].isdigit() else None

    def knows(self):
        """What it knows of the master."""
        words = call(self, "SENTINEL", "master", SERVICE).stdout.split("\n")
        return dict(zip(words[::2], words[1::2]))


class Server(Process):
    """A server of ALTO that shares a store, or has none."""

    def __init__(self, program, port, folder, store, topology=TOPOLOGY, more=(), env=None, machine=LOOPBACK):
        self.port, self.where = port, (machine.address, port)
        command = [program, "--topology", topology, "--listen", f"{machine.address}:{port}",
                   *(["--store", store] if store else []), "--map-interval", "1",
                   "--swarm-lease", "3600", "--swarm-max-peers-per-address", "1000000",
                   "--swarm-max-files-per-address", "1000000", *more]
        super().__init__(f"alto-{port}", folder, command, {"ALTO_ADMIN_TOKEN": TOKEN, **(env or {})}, machine)

    def request(self, method, path, body=None, timeout=30):
        return request(self.where, method, path, body, timeout)

    def is_ready(self):
        try:
            return self.request("GET", "/readyz", timeout=2)[0] == 200
        except OSError:
            return False


class Balancer(Process):
    """HAProxy in front of servers, which is started again a tenth of a second after its end, as systemd does."""

    PROGRAM = "/usr/sbin/haproxy"

    def __init__(self, port, folder, servers):
        self.where, self.is_closed = ("127.0.0.1", port), False
        with open(os.path.join(ROOT, "packaging", "haproxy-cluster.cfg")) as file:
            text = file.read()
        text = text.replace("bind :8080", f"bind 127.0.0.1:{port}")
        for name, server in zip("abc", servers):
            text = text.replace(f"alto-{name}.example:8080", f"127.0.0.1:{server.port}")
        os.makedirs(folder, exist_ok=True)
        path = os.path.join(folder, "haproxy.cfg")
        with open(path, "w") as file:
            file.write(text)
        super().__init__("haproxy", folder, [self.PROGRAM, "-W", "-f", path])
        threading.Thread(target=self._supervise, daemon=True).start()
        wait_for("the balancer answers", self.answers)

    def _supervise(self):
        while True:
            self.child.wait()
            time.sleep(0.1)
            if self.is_closed:
                return
            self.start()

    def answers(self):
        try:
            return request(self.where, "GET", "/directory", timeout=2)[0] == 200
        except OSError:
            return False

    def crash(self):
        """Ends all of its processes at once."""
        os.killpg(self.child.pid, signal.SIGKILL)

    def kill(self):
        self.is_closed = True
        if self.alive():
            self.crash()


def call(process, *words):
    """Result of a command of a Redis server or a Sentinel."""
    command = ["redis-cli", "-h", process.machine.address, "-p", str(process.port), *words]
    return subprocess.run(process.machine.within(command), capture_output=True, text=True, timeout=20)


def request(where, method, path, body=None, timeout=30):
    """Status, fields and body of the answer from an address and port; OSError where there is none."""
    connection = http.client.HTTPConnection(*where, timeout=timeout)
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
    """A Redis master with two replicas, three Sentinels, and servers of ALTO, on loopback or on three machines."""

    def __init__(self, program, folder, servers=3, copies=1, min_replicas=1, more=(), env=None, machines=None):
        ports = [6379] * 3 + [26379] * 3 + [8080] * servers if machines else free_ports(6 + servers)
        redis, sentinels, alto = ports[:3], ports[3:6], ports[6:]
        machines = machines or [LOOPBACK] * max(3, servers)
        self.processes, self.copies = [], copies
        place = lambda kind, number: os.path.join(folder, f"{kind}-{number}")
        master = self._keep(Redis(redis[0], place("redis", 0), None, min_replicas, machines[0]))
        self.redis = [master]
        wait_for("Redis answers", lambda: master.call("PING") == "PONG")
        for number in (1, 2):
            self.redis.append(self._keep(Redis(redis[number], place("redis", number), master, min_replicas, machines[number])))
        wait_for("the replicas follow", lambda: master.call("INFO", "replication").count("state=online") == 2)
        self.sentinels = [self._keep(Sentinel(port, place("sentinel", number), master, machine=machines[number]))
                          for number, port in enumerate(sentinels)]
        wait_for("the Sentinels know each other", self._agree)
        hosts = ",".join(f"{sentinel.machine.address}:{sentinel.port}" for sentinel in self.sentinels)
        self.store = f"redis://{hosts}/0?sentinel={SERVICE}&copies={copies}"
        self.servers = [self._keep(Server(program, port, place("alto", number), self.store, more=more, env=env,
                                          machine=machines[number]))
                        for number, port in enumerate(alto)]
        wait_for("the servers are ready", lambda: all(server.is_ready() for server in self.servers))

    def balance(self, folder, port=None):
        """Starts a balancer in front of the servers, which have to take its word for the addresses of clients."""
        return self._keep(Balancer(port or free_ports(1)[0], folder, self.servers))

    def _keep(self, process):
        self.processes.append(process)
        return process

    def _agree(self):
        known = [sentinel.knows() for sentinel in self.sentinels]
        return all(each.get("num-other-sentinels") == "2" and each.get("num-slaves") == "2" for each in known)

    def master(self):
        """The Redis server that is the master now; none while nobody is."""
        for sentinel in self.sentinels:
            place = sentinel.alive() and sentinel.master()
            for server in self.redis:
                if (server.machine.address, server.port) == place and server.alive() and server.role() == "master":
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
