#!/usr/bin/python3
"""Builds a topology file in Mininet and opens Mininet's prompt.

    sudo python3 mininet/altonet.py --topology topo/data/abilene.json
    sudo python3 mininet/altonet.py --topology topo.json --test pingall
"""

from __future__ import annotations

import argparse
import json
import os
import sys

try:
    from alto_mininet.network.api import ERRORS, MODES, PRIORITIES, Emulation, isolate, load_topology
except ImportError as error:
    sys.exit(f"altonet: {error}")


def options() -> argparse.ArgumentParser:
    """The parser of the command line."""
    parser = argparse.ArgumentParser(description="Builds a topology file in Mininet.")
    parser.add_argument("--topology", required=True, metavar="FILE", help="the topology file (topo.json)")
    parser.add_argument("--delay", choices=MODES, default="auto", help="how link delays are emulated (default: auto)")
    parser.add_argument(
        "--congestion", default="cubic", metavar="NAME", help="TCP congestion control (default: %(default)s)"
    )
    parser.add_argument(
        "--queue-ms", type=float, default=50.0, metavar="MS", help="length of a link's queue, as time (default: 50)"
    )
    parser.add_argument(
        "--ack-priority",
        choices=PRIORITIES,
        default="access",
        help="links at which small packets have priority (default: %(default)s, the links of hosts)",
    )
    parser.add_argument("--map-loopback", action="store_true", help="replace addresses 127.A.B.C by 10.A.B.C")
    parser.add_argument("--alto-server", metavar="PROGRAM", help="path of alto-server, which computes the routes")
    parser.add_argument("--test", choices=("pingall",), help="run a test, not the prompt; exit status 1 if it fails")
    parser.add_argument("--script", metavar="FILE", help="run commands of the prompt from a file")
    parser.add_argument("--facts", action="store_true", help="print facts about the network as JSON")
    parser.add_argument("--no-isolate", action="store_true", help="use the namespaces of the machine (for debugging)")
    return parser


def main() -> int:
    """Builds the network, then opens the prompt or runs the test."""
    chosen = options().parse_args()
    # Mininet opens it only once the network is up.
    if chosen.script is not None and not os.access(chosen.script, os.R_OK):
        print(f"altonet: --script {chosen.script}: cannot be read", file=sys.stderr)
        return 1
    try:
        topology = load_topology(chosen.topology, chosen.map_loopback)
        if not chosen.no_isolate:
            isolate()
        emulation = Emulation(
            topology,
            delay=chosen.delay,
            congestion=chosen.congestion,
            queue_ms=chosen.queue_ms,
            ack_priority=chosen.ack_priority,
            alto_server=chosen.alto_server,
        )
        with emulation:
            return _use(emulation, chosen)
    except ERRORS as error:
        print(f"altonet: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


def _use(emulation: Emulation, chosen: argparse.Namespace) -> int:
    from mininet.cli import CLI
    from mininet.log import setLogLevel

    from alto_mininet.network import iperf

    iperf.install()
    if chosen.facts:
        print(json.dumps(emulation.facts(), indent=2))
    for name, short in emulation.builder.plan.renamed().items():
        print(f"{name} is called {short} in Mininet", file=sys.stderr)
    # The prompt prints through Mininet's log.
    setLogLevel("output")
    if chosen.test == "pingall":
        return 1 if emulation.net.pingAll() > 0 else 0
    CLI(emulation.net, script=chosen.script)
    return 0


if __name__ == "__main__":
    sys.exit(main())
