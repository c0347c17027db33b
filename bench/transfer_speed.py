#!/usr/bin/env python3
"""Measures the transfer of a file from peer to peer and, in turn, by curl from nginx.

All programs run on loopback and write to the same disk. A peer hashes everything twice, per piece and as a whole, and
calls fsync before it renames the file. curl does neither, so it is shown with and without a following `sync`. The exit
status is 1 if the peer is slower than half of curl without `sync`, or if a peer takes more than 64 MB of memory.
"""
import argparse
import hashlib
import json
import os
import re
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
TOPOLOGY = os.path.join(ROOT, "topo", "data", "two-isps.json")
SEED, GETTER = "127.1.1.1", "127.1.1.2"
NGINX = """daemon off; master_process off; pid {folder}/nginx.pid; error_log {folder}/error.log;
events {{ worker_connections 64; }}
http {{
  access_log off; sendfile on; tcp_nopush on;
  client_body_temp_path {folder}/t; proxy_temp_path {folder}/t; fastcgi_temp_path {folder}/t;
  uwsgi_temp_path {folder}/t; scgi_temp_path {folder}/t;
  server {{ listen 127.0.0.1:{port}; root {folder}/served; }}
}}
"""


def started(command, pattern, **more):
    """Starts a process, waits for a line that matches, and returns both."""
    process = subprocess.Popen(command, text=True, **more)
    stream = process.stdout or process.stderr
    for line in stream:
        match = re.search(pattern, line)
        if match:
            threading.Thread(target=lambda: [None for _ in stream], daemon=True).start()
            return process, match
    sys.exit(f"transfer_speed: {command[0]} ended before it was ready (status {process.wait()})")


def ended(process):
    """Ends a process by SIGTERM and returns its peak memory in MB."""
    process.send_signal(signal.SIGTERM)
    return reaped(process)


def reaped(process):
    """Waits for a process and returns its peak memory in MB."""
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    return usage.ru_maxrss / 1024


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def write_random(path, size):
    """Writes random bytes and returns their SHA-256."""
    digest = hashlib.sha256()
    with open(path, "wb") as file:
        while size > 0:
            block = os.urandom(min(size, 1 << 20))
            digest.update(block)
            file.write(block)
            size -= len(block)
        os.fsync(file.fileno())
    return digest.hexdigest()


def curl(port, folder):
    """Fetches the file with curl; seconds until curl ends, and until the file is on disk."""
    path = os.path.join(folder, "by-curl.bin")
    begin = time.monotonic()
    subprocess.run(["curl", "-sS", "-o", path, f"http://127.0.0.1:{port}/movie.bin"], check=True)
    there = time.monotonic() - begin
    subprocess.run(["sync", path], check=True)
    durable = time.monotonic() - begin
    os.remove(path)
    return there, durable


def get(program, directory, file, folder):
    """Fetches the file with alto-peer; seconds it reports, seconds of the process, and its peak memory in MB."""
    command = [program, "get", file, "--server", directory, "--address", GETTER, "--json", "--output", folder + "/"]
    begin = time.monotonic()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    events = [json.loads(line) for line in process.stdout]
    memory = reaped(process)
    took = time.monotonic() - begin
    done = [event for event in events if event["event"] == "done"]
    if process.returncode != 0 or not done:
        sys.exit(f"transfer_speed: alto-peer get failed: {events[-1:]}")
    os.remove(done[0]["path"])
    return done[0]["seconds"], took, memory


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("programs", nargs="?", default=os.path.join(ROOT, "target", "release"),
                        help="folder with alto-server and alto-peer [target/release]")
    parser.add_argument("--size", type=int, default=1 << 30, help="size of the file in bytes [1 GiB]")
    parser.add_argument("--rounds", type=int, default=5, help="number of measurements [5]")
    parser.add_argument("--folder", help="working folder, on the disk to measure [the folder for temporary files]")
    options = parser.parse_args()
    for needed in ("nginx", "curl"):
        if not shutil.which(needed, path=os.environ.get("PATH", "") + ":/usr/sbin"):
            sys.exit(f"transfer_speed: {needed} is missing: apt-get install {needed}")
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        measure(options, folder)


def measure(options, folder):
    os.mkdir(f"{folder}/served")
    os.mkdir(f"{folder}/fetched")
    file = write_random(f"{folder}/served/movie.bin", options.size)
    port = free_port()
    with open(f"{folder}/nginx.conf", "w", encoding="utf-8") as config:
        config.write(NGINX.format(folder=folder, port=port))
    processes = []
    try:
        nginx_program = shutil.which("nginx", path=os.environ.get("PATH", "") + ":/usr/sbin")
        nginx = subprocess.Popen([nginx_program, "-p", folder, "-c", f"{folder}/nginx.conf"])
        processes.append(nginx)
        server, match = started(
            [f"{options.programs}/alto-server", "--topology", TOPOLOGY, "--listen", "127.0.0.1:0"],
            r"listening on (http\S+)", stderr=subprocess.PIPE)
        processes.append(server)
        directory = match[1]
        seed, _ = started(
            [f"{options.programs}/alto-peer", "share", f"{folder}/served/movie.bin", "--server", directory,
             "--address", SEED, "--port", "0", "--json"],
            r'"event":"registered"', stdout=subprocess.PIPE)
        processes.append(seed)
        subprocess.run(["curl", "-sS", "--retry", "20", "--retry-connrefused", "--retry-delay", "1", "-o", "/dev/null",
                        f"http://127.0.0.1:{port}/movie.bin"], check=True)
        rows = []
        for number in range(options.rounds):
            there, durable = curl(port, folder)
            counted, took, memory = get(f"{options.programs}/alto-peer", directory, file, f"{folder}/fetched")
            rows.append((there, durable, counted, took, memory))
            rates = [options.size / 1e6 / seconds for seconds in rows[-1][:4]]
            print(f"round {number + 1}: curl {rates[0]:5.0f} MB/s, with sync {rates[1]:5.0f}; "
                  f"peer {rates[2]:5.0f} MB/s, whole process {rates[3]:5.0f}, {memory:.0f} MB of memory", flush=True)
        processes.remove(seed)
        seed_memory = ended(seed)
    finally:
        for process in reversed(processes):
            ended(process)
    there, durable, counted, took, _ = (statistics.median(column) for column in zip(*rows))
    memory = max(row[4] for row in rows)
    print(f"\nmedian of {len(rows)}, {options.size} bytes:")
    for name, seconds in [("curl from nginx", there), ("curl from nginx, and sync", durable),
                          ("alto-peer get, as it counts", counted), ("alto-peer get, whole process", took)]:
        print(f"  {name:30} {seconds:6.2f} s  {options.size / 1e6 / seconds:6.0f} MB/s  {there / seconds:5.2f} of curl")
    print(f"  peak memory: {memory:.0f} MB fetching, {seed_memory:.0f} MB sharing")
    if took > 2 * there or max(memory, seed_memory) > 64:
        sys.exit(1)


if __name__ == "__main__":
    main()
