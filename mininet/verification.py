#!/usr/bin/python3
"""Measures the emulated network of a scenario before anything is run on it: paths, delays, and the rate of every link.

Started by experiment.py once for each experiment, in namespaces of its own. What does not come out right is in the
report.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path
from typing import Any

import altonet

PATHS = 200


def verify(topology: Path, program: str, delay_mode: str) -> dict[str, Any]:
    """Builds the network and measures it."""
    began = time.monotonic()
    network = altonet.load_topology(topology)
    with altonet.Emulation(network, delay=delay_mode, alto_server=program) as emulation:
        print("measuring paths and delays", flush=True)
        paths = emulation.verify_paths(PATHS)
        delays = emulation.verify_delays()
        print(f"filling {len(network.links)} links", flush=True)
        rates = emulation.verify_shaping()
        facts = emulation.facts()
    return {
        "paths": paths,
        "delays": delays,
        "rates": rates,
        "facts": facts,
        "seconds": round(time.monotonic() - began, 1),
    }


def main(argv: list[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("topology", type=Path)
    parser.add_argument("result", type=Path)
    parser.add_argument("--alto-server", required=True)
    parser.add_argument("--delay-mode", default="auto")
    options = parser.parse_args(argv)
    try:
        altonet.isolate()
        found = verify(options.topology.resolve(), options.alto_server, options.delay_mode)
    except (*altonet.ERRORS, OSError) as error:
        print(f"verification: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    partial = options.result.with_suffix(".partial")
    partial.write_text(json.dumps(found) + "\n")
    partial.rename(options.result)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
