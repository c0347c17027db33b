#!/usr/bin/env python3
"""Attacks an alto-server with slow clients and prints when each was disconnected.

Every phase of a connection has a time limit. The server runs with short limits, each attack uses a connection of its
own, and the time until the server closes it (or answers with an error) is compared with the applicable limit.
The exit status is 0 if every attack ended in time, 1 if not, and 2 if the attacks could not be run.
"""
import argparse
import os
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import time

HANDSHAKE, HEADER, BODY, REQUEST, WRITE = 2, 2, 2, 3, 5
# Seconds that a busy machine may add to a limit.
SLACK = 2.0
POST = (b"POST /networkmap/filtered HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n"
        b"Content-Type: application/alto-networkmapfilter+json\r\n\r\n{")
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
SETTINGS = b"\x00\x00\x00\x04\x00\x00\x00\x00\x00"
# HEADERS of stream 1 with one byte of header block and neither END_HEADERS nor END_STREAM.
HALF_HEADERS = b"\x00\x00\x01\x01\x00\x00\x00\x00\x01\x82"


def until_closed(connection, limit, feed=None, every=0.25):
    """Seconds until the peer closes, or None after `limit` seconds. `feed` yields bytes to send meanwhile."""
    start = time.monotonic()
    connection.settimeout(every)
    answer = b""
    while time.monotonic() - start < limit:
        try:
            if feed is not None:
                connection.sendall(next(feed, b""))
            data = connection.recv(65536)
            if not data:
                return time.monotonic() - start, answer
            answer += data
        except (socket.timeout, ssl.SSLWantReadError, TimeoutError):
            continue
        except OSError:
            return time.monotonic() - start, answer
    return None, answer


def drip(text):
    for i in range(len(text)):
        yield text[i:i + 1]


def endless(prefix, unit):
    yield prefix
    while True:
        yield unit


class Attacks:
    def __init__(self, plain, tls):
        self.plain, self.tls = plain, tls

    def connect(self, address=None):
        return socket.create_connection(address or self.plain, timeout=5)

    def nothing(self):
        return until_closed(self.connect(), 30)

    def header_drip(self):
        return until_closed(self.connect(), 30, endless(b"GET /directory HTTP/1.1\r\nHost: a\r\n", b"X-A: b\r\n"))

    def preface_then_silence(self):
        connection = self.connect()
        connection.sendall(b"PRI * HTTP/2.0\r\n")
        return until_closed(connection, 30)

    def idle_keep_alive(self):
        connection = self.connect()
        connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n")
        return until_closed(connection, 30)

    def stalled_body(self):
        connection = self.connect()
        connection.sendall(POST)
        return until_closed(connection, 30)

    def body_drip(self):
        connection = self.connect()
        connection.sendall(POST)
        return until_closed(connection, 30, endless(b" ", b" "), every=1.0)

    def http2_idle(self):
        connection = self.connect()
        connection.sendall(PREFACE + SETTINGS)
        return until_closed(connection, 30)

    def http2_half_headers(self):
        connection = self.connect()
        connection.sendall(PREFACE + SETTINGS + HALF_HEADERS)
        return until_closed(connection, 30)

    def tls_nothing(self):
        return until_closed(self.connect(self.tls), 30)

    def tls_then_silence(self, first=b""):
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        context.set_alpn_protocols(["h2"])
        connection = context.wrap_socket(self.connect(self.tls))
        if first:
            connection.sendall(first)
        return until_closed(connection, 30)

    def tls_half_preface(self):
        return self.tls_then_silence(PREFACE[:10])

    def never_reads(self):
        connection = socket.socket()
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.connect(self.plain)
        connection.setblocking(False)
        request = b"GET /networkmap HTTP/1.1\r\nHost: a\r\n\r\n"
        start = time.monotonic()
        while time.monotonic() - start < 40:
            try:
                connection.send(request)
            except BlockingIOError:
                pass
            except OSError:
                return time.monotonic() - start, b""
            error = connection.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            if error:
                return time.monotonic() - start, b""
            time.sleep(0.001 if time.monotonic() - start < 1 else 0.25)
        return None, b""


def big_topology(path):
    """A topology with many prefixes, whose map exceeds all buffers when a client does not read."""
    import json
    prefixes = [f"10.{i >> 8}.{i & 255}.0/24" for i in range(20000)]
    topology = {
        "name": "slow-clients", "hosts": [], "switches": [{"name": "s1", "dpid": "1"}], "links": [],
        "pids": {"all": {"switches": ["s1"], "ipv4": prefixes, "ipv6": []}},
    }
    with open(path, "w", encoding="utf-8") as file:
        json.dump(topology, file)


def start(program, topology, more):
    command = [program, "--topology", topology, "--listen", "127.0.0.1:0", "--log-level", "info",
               "--handshake-timeout", str(HANDSHAKE), "--header-timeout", str(HEADER), "--body-timeout", str(BODY),
               "--request-timeout", str(REQUEST), "--write-timeout", str(WRITE)] + more
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    for line in process.stderr:
        if "listening on http" in line:
            host, port = line.split("://")[1].split("/")[0].rsplit(":", 1)
            threading.Thread(target=lambda: [None for _ in process.stderr], daemon=True).start()
            return process, (host, int(port))
        print(line, end="", file=sys.stderr)
    raise SystemExit(2)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program", help="the alto-server binary to attack")
    program = parser.parse_args().program
    with tempfile.TemporaryDirectory() as folder:
        topology, cert, key = (os.path.join(folder, name) for name in ("topo.json", "cert.pem", "key.pem"))
        big_topology(topology)
        made = subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", cert,
                               "-days", "1", "-subj", "/CN=localhost"], capture_output=True, check=False)
        if made.returncode != 0:
            print("openssl is needed to make a certificate: apt-get install openssl", file=sys.stderr)
            return 2
        plain, address = start(program, topology, [])
        secure, secure_address = start(program, topology, ["--tls-certificate", cert, "--tls-key", key])
        try:
            return attack(Attacks(address, secure_address))
        finally:
            for process in (plain, secure):
                process.terminate()
                process.wait()


def attack(attacks):
    # HTTP/2: a ping after the idle time, and the same time again for its answer.
    ping = 2 * HEADER
    table = [
        ("connect, send nothing", attacks.nothing, HANDSHAKE),
        ("drip header lines", attacks.header_drip, HEADER),
        ("half an HTTP/2 preface, then silence", attacks.preface_then_silence, HANDSHAKE),
        ("idle keep-alive", attacks.idle_keep_alive, HEADER),
        ("stalled body", attacks.stalled_body, BODY),
        ("one byte of body a second", attacks.body_drip, REQUEST),
        ("HTTP/2 idle, pings unanswered", attacks.http2_idle, ping),
        ("HTTP/2 headers without an end", attacks.http2_half_headers, ping),
        ("TLS: no handshake", attacks.tls_nothing, HANDSHAKE),
        ("TLS with h2, then silence", attacks.tls_then_silence, HANDSHAKE),
        ("TLS with h2, half a preface", attacks.tls_half_preface, HANDSHAKE),
        ("never reads the answer", attacks.never_reads, 2 * WRITE),
    ]
    results = {}

    def run(name, function):
        results[name] = function()

    threads = [threading.Thread(target=run, args=(name, function)) for name, function, _ in table]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    good = True
    print(f"{'attack':<40}{'limit':>7}{'ended':>9}")
    for name, _, limit in table:
        seconds, answer = results[name]
        status = answer.split(b" ")[1].decode() if answer.startswith(b"HTTP/1.1") else ""
        in_time = seconds is not None and seconds <= limit + SLACK
        good &= in_time
        shown = f"{seconds:.1f} s" if seconds is not None else "open"
        print(f"{name:<40}{limit:>5} s{shown:>9}  {status:<4}{'' if in_time else 'TOO LATE'}")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
