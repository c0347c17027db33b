"""What the attacks on alto-peer share: a registry and a holder that lie, and peers to attack."""
import hashlib
import http.client
import http.server
import json
import os
import pathlib
import resource
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

from harness import options, verdict

PIECE = 16384
# Longest wait for something that has to happen.
PATIENCE = 20


def main(attack, description):
    """Runs an attack with its options and a folder of its own, and exits with its status."""
    given = options(description)
    with tempfile.TemporaryDirectory(prefix="alto-attack-") as folder:
        sys.exit(attack(given, pathlib.Path(folder)))


def in_network_of_its_own(*addresses):
    """Runs the attack again in a network namespace with these addresses on its loopback device, where that can be had."""
    if os.environ.get("ALTO_ATTACK_NETWORK"):
        return
    setup = "ip link set lo up" + "".join(f" && {command}" for command in addresses)
    inner = f'{setup} && exec "$@"'
    namespace = ["unshare", "--user", "--map-root-user", "--net", "sh", "-c"]
    try:
        possible = subprocess.run([*namespace, setup], capture_output=True, check=False).returncode == 0
    except OSError:
        possible = False
    if not possible:
        sys.exit(verdict("not run: no network namespace can be made here", "none tested", True))
    environment = dict(os.environ, ALTO_ATTACK_NETWORK="yes")
    sys.exit(subprocess.run([*namespace, inner, "sh", sys.executable, *sys.argv], env=environment, check=False).returncode)


def allow_open_files(count):
    """Raises the limit on open files of this process, and so of the programs it starts, as far as that is allowed."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (count if most == resource.RLIM_INFINITY else min(count, most), most))


def sha256(content):
    return hashlib.sha256(content).hexdigest()


class File:
    """A file to share: its content, ID and manifest."""

    def __init__(self, content, piece=PIECE):
        self.content, self.id, self.size = content, sha256(content), len(content)
        pieces = [content[at:at + piece] for at in range(0, len(content), piece)]
        self.manifest = manifest(self.id, self.size, piece, [sha256(one) for one in pieces])
        self.pieces = pieces


def manifest(file, size, piece, hashes):
    """A manifest in the only form that peers accept."""
    return json.dumps({"id": file, "size": size, "piece-size": piece, "pieces": hashes}, separators=(",", ":")).encode()


class Service:
    """An HTTP server whose answers a function makes: from method, path and fields to status, fields and body, or None."""

    def __init__(self, answer, address=("127.0.0.1", 0)):
        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                self.rfile.read(int(self.headers.get("Content-Length") or 0))
                status, fields, body = answer(self.command, self.path, self.headers) or (404, {}, b"{}")
                self.send_response(status)
                for name, value in {"Content-Length": len(body), **fields}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            do_POST = do_GET

            def log_message(self, *_):
                pass

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 1024
            # Clients that leave in the middle are what these attacks are about.
            handle_error = lambda *_: None

        self.server = Server(address, Handler)
        self.address = self.server.server_address[:2]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


def as_json(document):
    return 200, {"Content-Type": "application/json"}, json.dumps(document).encode()


class Registry(Service):
    """A registry that lists what the attacker wants. `redirect` sends everybody elsewhere, if it is set."""

    def __init__(self, file, name="movie.bin", holders=(), size=None, address=("127.0.0.1", 0)):
        self.summary = {"id": file.id, "name": name, "size": file.size if size is None else size, "complete": 1,
                        "partial": 0}
        self.digest = sha256(file.manifest)
        self.holders = [self.holder(*holder) for holder in holders]
        self.redirect = None
        super().__init__(self.reply, address)

    def holder(self, host, port, digest=None):
        return {"peer": f"peer-{host}-{port}", "name": "p", "address": host, "port": port,
                "manifest": digest or self.digest, "complete": True}

    def uri(self):
        return f"http://{self.address[0]}:{self.address[1]}/directory"

    def reply(self, method, path, _):
        if self.redirect:
            return 307, {"Location": self.redirect}, b""
        if "/holders" in path:
            return as_json({"file": self.summary, "holders": self.holders})
        if path.startswith("/swarm/files"):
            return as_json({"files": [self.summary]})
        if method == "POST":
            return as_json({"peer": "p1", "secret": "s", "lease": 600, "address": "127.0.0.1"})
        return None


class Holder(Service):
    """A holder of a file, which may have another manifest."""

    def __init__(self, file, address=("127.0.0.1", 0), false_manifest=None):
        self.asked = []

        def reply(_, path, fields):
            self.asked.append(path)
            if path.endswith("/manifest"):
                return 200, {}, false_manifest or file.manifest
            if "/pieces/" in path:
                return 200, {}, file.pieces[int(path.rsplit("/", 1)[1])]
            if path == f"/files/{file.id}" and "Range" in fields:
                first, last = map(int, fields["Range"].removeprefix("bytes=").split("-"))
                return 206, {"Content-Range": f"bytes {first}-{last}/{file.size}"}, file.content[first:last + 1]
            if path.endswith("/have"):
                count = len(file.pieces)
                bits = "".join(f"{byte:02x}" for byte in (int("1" * count + "0" * (-count % 8), 2)).to_bytes((count + 7) // 8))
                return as_json({"pieces": count, "version": count, "have": bits, "complete": True})
            return None

        super().__init__(reply, address)


class Listener:
    """A port that counts the addresses at which it was contacted, and answers nothing."""

    def __init__(self, host, port=0, backlog=4096):
        self.socket = socket.create_server((host, port), backlog=backlog)
        self.port = self.socket.getsockname()[1]
        self.contacted = []
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                connection, _ = self.socket.accept()
            except OSError:
                return
            self.contacted.append(connection.getsockname()[0])
            connection.close()


class Peer:
    """A running alto-peer with its events, killed at the end of the block."""

    def __init__(self, program, *arguments):
        environment = {name: value for name, value in os.environ.items() if not name.startswith("ALTO_")}
        self.process = subprocess.Popen([program, *map(str, arguments), "--json"], stdout=subprocess.PIPE,
                                        stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True, env=environment)
        self.started = time.monotonic()
        self.events, self.complaints = [], []
        threading.Thread(target=self.listen, daemon=True).start()
        threading.Thread(target=lambda: self.complaints.extend(self.process.stderr), daemon=True).start()

    def listen(self):
        for line in self.process.stdout:
            self.events.append(json.loads(line))

    def wait_for(self, name, seconds=PATIENCE):
        """The first event of this name, or None once the time is over or the process has ended."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            event = next((event for event in self.events if event["event"] == name), None)
            if event or (self.process.poll() is not None and not self.still_reading()):
                return event
            time.sleep(0.02)
        return None

    def still_reading(self):
        time.sleep(0.2)
        return False

    def address(self):
        """Address and port that it serves at."""
        event = self.wait_for("listening")
        if event is None:
            sys.exit(f"the peer does not start: {''.join(self.complaints)}")
        return event["address"], event["port"]

    def ends_within(self, seconds):
        """Seconds until the process has ended, or None."""
        try:
            self.process.wait(seconds)
            return time.monotonic() - self.started
        except subprocess.TimeoutExpired:
            return None

    def terminate(self):
        self.process.send_signal(signal.SIGTERM)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()


def fetching(options, registry, folder, *more):
    """A peer that fetches the only file of a registry into a folder, and shares nothing."""
    return Peer(options.peer, "get", registry.summary["id"], "--server", registry.uri(), "--no-share", "--policy", "random",
                "--refresh", 1, "--output", f"{folder}/", *more)


def sharing(options, registry, path, address="127.0.0.1"):
    """A peer that shares a file."""
    peer = Peer(options.peer, "share", path, "--server", registry.uri(), "--address", address, "--port", 0,
                "--piece-size", "16KiB")
    if not peer.wait_for("shared"):
        sys.exit(f"the peer shares nothing: {''.join(peer.complaints)}")
    return peer


def get(address, path, source="127.0.0.9", timeout=15, head=False):
    """An honest request from another address: status, body and seconds; or the error that ended it."""
    start = time.monotonic()
    connection = http.client.HTTPConnection(*address, timeout=timeout, source_address=(source, 0))
    try:
        connection.request("HEAD" if head else "GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read(), time.monotonic() - start
    except (OSError, http.client.HTTPException) as error:
        return type(error).__name__, b"", time.monotonic() - start
    finally:
        connection.close()


def ask_and_read_nothing(address, path, source):
    """Sends a request and leaves the answer where it is."""
    connection = socket.create_connection(address, timeout=5, source_address=(source, 0))
    connection.sendall(f"GET {path} HTTP/1.1\r\nHost: attack\r\n\r\n".encode())
    return connection
