"""The command `iperf` of Mininet's prompt, for the iperf of today.

Mininet 2.3 counts a report for the connection with which it waits for the server. iperf 2.1 makes none for a connection
without data, so that Mininet's own command waits for ever.
"""

from __future__ import annotations

import signal
import subprocess
import time
from typing import Any

from mininet.log import output
from mininet.net import Mininet

# Seconds until a server listens, and beyond the length of a measurement until both ends have reported.
PATIENCE = 30


def install() -> None:
    """Replaces the command of every Mininet network of this process."""
    Mininet.iperf = iperf


def iperf(
    net: Mininet,
    hosts: Any = None,
    l4Type: str = "TCP",  # noqa: N803 - the names that Mininet's prompt uses
    udpBw: str = "10M",  # noqa: N803
    fmt: str | None = None,
    seconds: int = 5,
    port: int = 5001,
) -> list[str]:
    """Measures the rate between two hosts. Returns what server and client report, for UDP after the rate aimed at."""
    client, server = hosts or (net.hosts[0], net.hosts[-1])
    output("*** Iperf: testing", l4Type, "bandwidth between", client, "and", server, "\n")
    udp = l4Type == "UDP"
    common = ["iperf", "-p", str(port), *(["-u"] if udp else []), *(["-f", fmt] if fmt else [])]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    listening = server.popen([*common, "-s"], **pipes)
    try:
        wait_until_it_listens(server, port, udp, listening)
        rate = ["-b", udpBw] if udp else []
        sending = client.popen([*common, "-t", str(seconds), "-c", server.IP(), *rate], **pipes)
        sent, _ = sending.communicate(timeout=seconds + PATIENCE)
    finally:
        listening.send_signal(signal.SIGINT)
        try:
            received, _ = listening.communicate(timeout=PATIENCE)
        except subprocess.TimeoutExpired:
            listening.kill()
            received, _ = listening.communicate()
    result = [net._parseIperf(received), net._parseIperf(sent)]
    if udp:
        result.insert(0, udpBw)
    output(f"*** Results: {result}\n")
    return result


def wait_until_it_listens(server: Any, port: int, udp: bool, listening: subprocess.Popen) -> None:
    """Waits for a socket with this port in the namespace of the server."""
    until = time.monotonic() + PATIENCE
    question = ["ss", "-Hln", "-u" if udp else "-t", f"sport = :{port}"]
    while time.monotonic() < until:
        if listening.poll() is not None:
            raise RuntimeError(f"iperf -s ended: {listening.stdout.read()}")
        if server.popen(question, stdout=subprocess.PIPE, text=True).communicate(timeout=PATIENCE)[0].strip():
            return
        time.sleep(0.1)
    raise RuntimeError(f"iperf -s does not listen on port {port}")
