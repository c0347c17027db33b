"""The servers under comparison, on free ports of 127.0.0.1."""
import getpass
import gzip
import os
import secrets
import socket
import subprocess
import time
import urllib.request


def free_port():
    """A port that is currently unused."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Process:
    """A program that ends with the `with` block it was started in."""

    def __init__(self, command, **options):
        self.child = subprocess.Popen(command, **options)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.child.terminate()
        try:
            self.child.wait(timeout=20)
        except subprocess.TimeoutExpired:
            self.child.kill()
            self.child.wait()

    def status(self, key):
        """A value of /proc/PID/status in KiB."""
        with open(f"/proc/{self.child.pid}/status", encoding="ascii") as lines:
            return next(int(line.split()[1]) for line in lines if line.startswith(key + ":"))


class Server(Process):
    """A program that answers over HTTP at `base`."""

    base = token = None

    def get(self, path, headers=()):
        """Sends a GET request and returns the body."""
        with urllib.request.urlopen(urllib.request.Request(self.base + path, headers=dict(headers)), timeout=60) as a:
            return a.read()

    def post(self, path, body, media_type, token=False, headers=()):
        """Sends a POST request and returns the body of the answer."""
        headers = {**dict(headers), "Content-Type": media_type}
        if token:
            headers["Authorization"] = f"Bearer {self.token}"
        request = urllib.request.Request(self.base + path, body, headers)
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.read()


class AltoServer(Server):
    """alto-server; `seconds_to_ready` is the time from its start to its first answer."""

    def __init__(self, program, topology, *flags, patience=120):
        self.token = secrets.token_hex(16)
        started = time.monotonic()
        command = [program, "--topology", topology, "--listen", "127.0.0.1:0", "--max-connections", "20000", *flags]
        super().__init__(command, stderr=subprocess.PIPE, text=True,
                         env=dict(os.environ, ALTO_ADMIN_TOKEN=self.token))
        for line in self.child.stderr:
            if "listening on" in line:
                self.base = line.split("listening on ")[1].split()[0].rsplit("/", 1)[0]
                break
        if self.base is None:
            raise SystemExit(f"bench: alto-server did not start with {topology}")
        deadline = started + patience
        while True:
            try:
                if self.get("/readyz"):
                    break
            except OSError:
                if time.monotonic() > deadline:
                    raise
        self.seconds_to_ready = time.monotonic() - started
        # The log is not read any further: at the default level it stays far below the size of the pipe.


class Bare(Server):
    """The example `bare_http`: the server's libraries alone, which do one kind of work."""

    def __init__(self, program, *work):
        super().__init__([program, *work], stderr=subprocess.PIPE, text=True)
        self.base = self.child.stderr.readline().split("listening on ")[1].strip().rstrip("/")


class Nginx(Process):
    """nginx with static files: an upper bound of what this machine can serve over HTTP."""

    CONFIGURATION = """
daemon off; worker_processes 2; pid {folder}/nginx.pid; error_log {folder}/error.log; user {user};
events {{ worker_connections 16384; }}
http {{
  access_log off; sendfile on; tcp_nopush on; etag on; gzip_static on; default_type application/octet-stream;
  keepalive_requests 100000000; keepalive_timeout 300; open_file_cache max=100 inactive=300s; open_file_cache_valid 300s;
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
  server {{ listen 127.0.0.1:{port} backlog=4096; root {folder}/files; error_page 405 =200 $uri; }}
}}
"""

    def __init__(self, program, folder, files):
        os.makedirs(f"{folder}/files", exist_ok=True)
        for name, content in files.items():
            with open(f"{folder}/files/{name}", "wb") as out:
                out.write(content)
            with gzip.open(f"{folder}/files/{name}.gz", "wb", compresslevel=6) as out:
                out.write(content)
        port = free_port()
        with open(f"{folder}/nginx.conf", "w", encoding="ascii") as out:
            out.write(self.CONFIGURATION.format(folder=folder, port=port, user=getpass.getuser()))
        super().__init__([program, "-c", f"{folder}/nginx.conf", "-p", folder])
        self.base = f"http://127.0.0.1:{port}"
        deadline = time.monotonic() + 20
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                return
            except OSError:
                if time.monotonic() > deadline:
                    raise

    def entity_tag(self, name):
        """The entity tag of a file."""
        with urllib.request.urlopen(f"{self.base}/{name}", timeout=10) as answer:
            return answer.headers["ETag"]
