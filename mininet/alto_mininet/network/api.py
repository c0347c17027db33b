"""The library: everything needed to build a network, run programs in it and measure it.

    from alto_mininet.network.api import Emulation, isolate, load_topology
    isolate()
    with Emulation(load_topology("topo.json")) as emulation:
        emulation.popen("h1", ["ping", "h2"])

It needs the folder `mininet/` of the repository on the path, and Debian's package `mininet`.
"""

from __future__ import annotations

from .build import EmulationError
from .delay import MODES, DelayError
from .emulation import Emulation, LinkCount
from .namespace import CommandError, NamespaceError, is_isolated, isolate
from .relay import RelayError
from .routes import Route, RoutesError, compute_routes, find_alto_server, parse_routes, present_routes
from .shaping import PRIORITIES
from .topology import Host, Link, Switch, Topology, TopologyError, load_topology, parse_topology

# Every error that building or running a network raises on purpose.
ERRORS = (CommandError, DelayError, EmulationError, NamespaceError, RelayError, RoutesError, TopologyError)

__all__ = [
    "ERRORS", "MODES", "PRIORITIES", "CommandError", "DelayError", "Emulation", "EmulationError", "Host", "Link",
    "LinkCount", "NamespaceError", "RelayError", "Route", "RoutesError", "Switch", "Topology", "TopologyError",
    "compute_routes", "find_alto_server", "is_isolated", "isolate", "load_topology", "parse_routes", "parse_topology",
    "present_routes",
]  # fmt: skip
