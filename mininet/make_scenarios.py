#!/usr/bin/env python3
"""Writes the scenarios that ship, or one of the same family with other parameters.

    python3 mininet/make_scenarios.py                              # rewrites all scenarios that ship
    python3 mininet/make_scenarios.py p4p --core 20 --out /tmp/p   # the P4P network with core links of 20 Mbit/s

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


def main(argv: list[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument(
        "family",
        nargs="?",
        choices=["p4p", "rfc5632", "failing-core", "small"],
        help="write one scenario of this family with the given parameters [default: all that ship]",
    )
    parser.add_argument("--out", type=Path, help="folder to write to [default: topo/data]")
    parser.add_argument("--core", type=float, default=100, help="p4p: bandwidth of core links in Mbit/s [default: 100]")
    parser.add_argument(
        "--placement", default="", help="p4p: number of hosts at each PoP, as NYCM=9,WASH=9 [default: north-east heavy]"
    )
    parser.add_argument("--uplink", type=float, default=2, help="rfc5632: uplink of an ISP in Mbit/s [default: 2]")
    parser.add_argument(
        "--per-pop", type=int, default=4, help="failing-core, small: peers in each PoP or ISP [default: 4]"
    )
    parser.add_argument(
        "--mib", type=int, default=12, help="rfc5632, failing-core, small: size of the file in MiB [default: 12]"
    )
    options = parser.parse_args(argv)
    if options.family is None:
        shipped(options.out or SHIPPED_TOPOLOGIES)
        return 0
    if options.out is None:
        parser.error("--out is missing: give the folder to write to, or no family to write all that ship")
    if options.family == "p4p":
        placement = NORTH_EAST
        if options.placement:
            pairs = (item.partition("=") for item in options.placement.split(","))
            placement = {city: int(count) for city, _, count in pairs}
            if unknown := set(placement) - set(CITIES):
                parser.error(f"--placement: {sorted(unknown)} are not PoPs of Abilene: use {sorted(CITIES)}")
        about = f"placed {placement}" if options.placement else "north-east heavy"
        p4p(options.out, placement, options.core, FIGURE_6, ABOUT_6.format(about, options.core))
    elif options.family == "rfc5632":
        rfc5632(options.out, 6, options.mib * MIB, options.uplink)
    elif options.family == "failing-core":
        failing_core(options.out, options.per_pop, options.mib * MIB)
    else:
        small(options.out, options.per_pop, options.mib * MIB)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
