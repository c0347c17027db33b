#!/usr/bin/env python3
"""Sends requests at the edge of HTTP's rules, on which server and proxy have to agree."""
import os
import ssl
import subprocess

from harness import HONEST, Server, connect, main, read_answer, request, scratch, verdict
from http2 import Client


def h1(address, raw):
    """Status of a request that is sent as given; none without an answer."""
    with connect(address) as connection, connection.makefile("rb") as reader:
        connection.sendall(raw)
        try:
            return read_answer(reader)[0]
        except (OSError, ValueError):
            return None


def h2(address, authority="attack", fields=()):
    """Status of a request over HTTP/2, 400 if its stream was reset as malformed."""
    client = Client(address)
    stream = client.streams[client.request("GET", "/healthz", fields, authority=authority)]
    client.pump(30, lambda: stream.status is not None or stream.reset is not None)
    client.close()
    return 400 if stream.reset == 1 else stream.status


def mismatched_tls(address, folder):
    """Whether HTTP/2 is spoken where HTTP/1.1 was negotiated, and HTTP/1.1 where HTTP/2 was."""
    context = ssl.create_default_context(cafile=os.path.join(folder, "cert.pem"))
    context.check_hostname = False
    answered = []
    context.set_alpn_protocols(["http/1.1"])
    client = Client(address, stream_of_bytes=context.wrap_socket(connect(address)))
    stream = client.streams[client.request("GET", "/healthz")]
    client.pump(30, lambda: stream.status is not None)
    answered.append(stream.status)
    context.set_alpn_protocols(["h2"])
    with context.wrap_socket(connect(address, HONEST)) as connection, connection.makefile("rb") as reader:
        connection.sendall(request("GET", "/healthz"))
        try:
            answered.append(read_answer(reader)[0])
        except (OSError, ValueError, IndexError):
            answered.append(None)
    return [status == 200 for status in answered]


def certificate(folder):
    made = subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", os.path.join(folder, "key.pem"), "-out",
         os.path.join(folder, "cert.pem"), "-days", "1", "-subj", "/CN=localhost"], capture_output=True, check=False)
    if made.returncode != 0:
        raise SystemExit("openssl is needed to make a certificate: apt-get install openssl")


def attack(options):
    with scratch() as folder:
        certificate(folder)
        key, cert = os.path.join(folder, "key.pem"), os.path.join(folder, "cert.pem")
        with Server(options.server) as server, \
                Server(options.server, "--tls-certificate", cert, "--tls-key", key) as secure:
            address = server.address
            chunked = [("Content-Type", "application/alto-costmapfilter+json")] + [("Transfer-Encoding", "chunked")] * 2
            twice = request("POST", "/costmap/filtered", chunked) + b"0\r\n\r\n"
            seen = [
                ("HTTP/2 after ALPN http/1.1, and HTTP/1.1 after ALPN h2", mismatched_tls(secure.address, folder),
                 [False, False]),
                ("HTTP/2 without :authority or Host (RFC 9113 §8.3.1)", h2(address, None), 400),
                ("HTTP/2 with Host alone", h2(address, None, [("host", "attack")]), 200),
                (":authority differs from Host", h2(address, "attack", [("host", "other")]), 400),
                ("user information in :authority", h2(address, "u@attack"), 400),
                ("user information in Host", h1(address, b"GET /healthz HTTP/1.1\r\nHost: u@attack\r\n\r\n"), 400),
                ("If-Match that fails (RFC 9110 §13.1.1)", h1(address, request("GET", "/networkmap", [("If-Match", '"x"')])), 412),
                ("If-Match: *", h1(address, request("GET", "/networkmap", [("If-Match", "*")])), 200),
                ("a target of 10 kB (RFC 9112 §3)", h1(address, request("GET", "/" + "a" * 10_000)), 414),
                ("a target of 60 kB", h1(address, request("GET", "/" + "a" * 60_000)), 414),
                ("/%68ealthz (RFC 9110 §4.2.3)", h1(address, request("GET", "/%68ealthz")), 200),
                ("/healthz%2F, which is another path", h1(address, request("GET", "/healthz%2F")), 404),
                ("two Transfer-Encoding fields (RFC 9112 §6.1)", h1(address, twice), 400),
            ]
    wrong = [f"{what}: {got}" for what, got, expected in seen if got != expected]
    return verdict(f"{len(wrong)} of {len(seen)} wrong" + "".join(f"; {text}" for text in wrong), "none", not wrong)


if __name__ == "__main__":
    main(attack, __doc__)
