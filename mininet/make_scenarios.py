#!/usr/bin/env python3
"""Writes the scenarios that ship, or one of the same family with other parameters.

    python3 mininet/make_scenarios.py                              # rewrites all scenarios that ship
    python3 mininet/make_scenarios.py p4p --core 20 --out /tmp/p   # the P4P network with core links of 20 Mbit/s
    python3 mininet/make_scenarios.py zoo --graphml Geant2009.graphml --out geant   # a real network

A scenario is plain data (topo.json, server.json, peers.json, scenario.json) and may be edited by hand.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from alto_mininet.places import SHIPPED_TOPOLOGIES
from alto_mininet.scenario.families import (
    ABOUT_6,
    CITIES,
    FIGURE_6,
    MIB,
    NORTH_EAST,
    failing_core,
    p4p,
    rfc5632,
    shipped,
    small,
)
from alto_mininet.scenario.model import ScenarioError
from alto_mininet.scenario.zoo import import_graphml, zoo


def main(argv: list[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument(
        "family",
        nargs="?",
        choices=["p4p", "rfc5632", "failing-core", "small", "zoo"],
        help="write one scenario of this family with the given parameters [default: all that ship]",
    )
    parser.add_argument("--out", type=Path, help="folder to write to [default: topo/data]")
    parser.add_argument("--core", type=float, default=100, help="p4p: bandwidth of core links in Mbit/s [default: 100]")
    parser.add_argument(
        "--placement", default="", help="p4p: number of hosts at each PoP, as NYCM=9,WASH=9 [default: north-east heavy]"
    )
    parser.add_argument("--uplink", type=float, default=2, help="rfc5632: uplink of an ISP in Mbit/s [default: 2]")
    parser.add_argument(
        "--per-pop", type=int, help="failing-core, small, zoo: peers in each PoP or ISP [default: 4; zoo: 1]"
    )
    parser.add_argument(
        "--mib", type=int, help="rfc5632, failing-core, small, zoo: size of the file in MiB [default: 12; zoo: 4]"
    )
    parser.add_argument("--graphml", type=Path, help="zoo: file of the Internet Topology Zoo")
    parser.add_argument(
        "--alto-feed",
        type=Path,
        default=Path("target/release/alto-feed"),
        help="zoo: program that reads the file [default: target/release/alto-feed]",
    )
    parser.add_argument(
        "--scale", type=float, default=0.01, help="zoo: factor of all bandwidths in the core [default: 0.01]"
    )
    options = parser.parse_args(argv)
    if options.family is None:
        shipped(options.out or SHIPPED_TOPOLOGIES)
        return 0
    if options.out is None:
        parser.error("--out is missing: give the folder to write to, or no family to write all that ship")
    per_pop, mib = options.per_pop or 4, options.mib or 12
    if options.family == "zoo":
        if options.graphml is None:
            parser.error("--graphml is missing: give a file of the Internet Topology Zoo")
        try:
            topology = import_graphml(options.alto_feed, options.graphml)
            zoo(options.out, topology, options.per_pop or 1, (options.mib or 4) * MIB, options.scale)
        except ScenarioError as error:
            parser.error(str(error))
    elif options.family == "p4p":
        placement = NORTH_EAST
        if options.placement:
            pairs = (item.partition("=") for item in options.placement.split(","))
            placement = {city: int(count) for city, _, count in pairs}
            if unknown := set(placement) - set(CITIES):
                parser.error(f"--placement: {sorted(unknown)} are not PoPs of Abilene: use {sorted(CITIES)}")
        about = f"placed {placement}" if options.placement else "north-east heavy"
        p4p(options.out, placement, options.core, FIGURE_6, ABOUT_6.format(about, options.core))
    elif options.family == "rfc5632":
        rfc5632(options.out, 6, mib * MIB, options.uplink)
    elif options.family == "failing-core":
        failing_core(options.out, per_pop, mib * MIB)
    else:
        small(options.out, per_pop, mib * MIB)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
