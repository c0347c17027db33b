"""The program that measures the network of a scenario before its first run: paths, delays, and all rates.

`experiment.py` starts it once per experiment, in namespaces of its own. The report lists what deviates.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path
from typing import Any

from ..network.api import ERRORS, Emulation, isolate, load_topology
from .delays import verify_delays
from .paths import verify_paths
from .rates import verify_shaping

PATHS = 200


def verify(topology: Path, program: str, delay_mode: str) -> dict[str, Any]:
    """Builds the network of a topology and measures it."""
    began = time.monotonic()
    network = load_topology(topology)
    with Emulation(network, delay=delay_mode, alto_server=program) as emulation:
        print("measuring paths and delays", flush=True)
        paths = verify_paths(emulation, PATHS)
        delays = verify_delays(emulation)
        print(f"filling {len(network.links)} links", flush=True)
        rates = verify_shaping(emulation)
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
        isolate()
        found = verify(options.topology.resolve(), options.alto_server, options.delay_mode)
    except (*ERRORS, OSError) as error:
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
