#!/usr/bin/python3
"""Builds a topology file in Mininet and gives Mininet's prompt; the library behind it is what this module exports.

    sudo python3 mininet/altonet.py --topology topo/data/abilene.json
    sudo python3 mininet/altonet.py --topology topo.json --test pingall

As a library, with this folder on the path:

    from altonet import Emulation, isolate, load_topology
    isolate()
    with Emulation(load_topology("topo.json")) as emulation:
        emulation.popen("h1", ["ping", "h2"])
"""

from __future__ import annotations

import argparse
import json
import sys

try:
    from alto_emulation import Emulation, LinkCount
except ImportError as error:
    if __name__ == "__main__":
        sys.exit(f"altonet: {error}")
    raise
from alto_build import EmulationError
from alto_delay import MODES, DelayError
from alto_namespace import CommandError, NamespaceError, is_isolated, isolate
from alto_relay import RelayError
from alto_routes import Route, RoutesError, compute_routes, find_alto_server, parse_routes, present_routes
from alto_shaping import PRIORITIES
from alto_topology import Host, Link, Switch, Topology, TopologyError, load_topology, parse_topology

__all__ = [
    "CommandError", "DelayError", "Emulation", "EmulationError", "Host", "Link", "LinkCount", "NamespaceError",
    "RelayError", "Route", "RoutesError", "Switch", "Topology", "TopologyError", "compute_routes", "find_alto_server",
    "is_isolated", "isolate", "load_topology", "parse_routes", "parse_topology", "present_routes",
]  # fmt: skip

ERRORS = (CommandError, DelayError, EmulationError, NamespaceError, RelayError, RoutesError, TopologyError)


def options() -> argparse.ArgumentParser:
    """The command line."""
    parser = argparse.ArgumentParser(description="Builds a topology file in Mininet.")
    parser.add_argument("--topology", required=True, metavar="FILE", help="the network (topo.json)")
    parser.add_argument("--delay", choices=MODES, default="auto", help="how delays are emulated (default: %(default)s)")
    parser.add_argument(
        "--congestion", default="cubic", metavar="NAME", help="TCP congestion control (default: %(default)s)"
    )
    parser.add_argument(
        "--queue-ms", type=float, default=50.0, metavar="MS", help="queue of a link, as time (default: 50)"
    )
    parser.add_argument(
        "--ack-priority",
        choices=PRIORITIES,
        default="access",
        help="where small packets go first (default: %(default)s, the links of hosts)",
    )
    parser.add_argument("--map-loopback", action="store_true", help="take 10.A.B.C for addresses 127.A.B.C")
    parser.add_argument("--alto-server", metavar="PROGRAM", help="alto-server, which computes the routes")
    parser.add_argument("--test", choices=("pingall",), help="test instead of the prompt; status 1 if it fails")
    parser.add_argument("--script", metavar="FILE", help="commands for the prompt, from a file")
    parser.add_argument("--facts", action="store_true", help="print what the network is, as JSON")
    parser.add_argument("--no-isolate", action="store_true", help="use the namespaces of this machine (for debugging)")
    return parser


def main() -> int:
    """Builds, then asks or tests."""
    chosen = options().parse_args()
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

    if chosen.facts:
        print(json.dumps(emulation.facts(), indent=2))
    for name, short in emulation.builder.plan.renamed().items():
        print(f"{name} is called {short} here", file=sys.stderr)
    # The prompt answers by way of the log.
    setLogLevel("output")
    if chosen.test == "pingall":
        return 1 if emulation.net.pingAll() > 0 else 0
    CLI(emulation.net, script=chosen.script)
    return 0


if __name__ == "__main__":
    sys.exit(main())
