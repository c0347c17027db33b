"""The topology for Mininet's own command:

    sudo mn --custom mininet/custom.py --topo alto,file=topo/data/abilene.json --controller none

Further arguments as altonet.py has them: delay=relay, congestion=bbr, queue_ms=100, ack_priority=none, map_loopback=1;
isolate=0 keeps it in the namespaces of the machine.
"""

import os
import sys
import tempfile

# Mininet runs this text without saying where it is from.
HERE = os.path.dirname(os.path.realpath(sys._getframe().f_code.co_filename))
if HERE not in sys.path:
    sys.path.append(HERE)

from alto_build import prepare  # noqa: E402
from alto_namespace import isolate as move_into_own_namespaces  # noqa: E402
from alto_nodes import AltoTopo  # noqa: E402
from alto_routes import compute_routes  # noqa: E402
from alto_topology import load_topology  # noqa: E402
from altonet import ERRORS  # noqa: E402
from mininet.net import Mininet  # noqa: E402


def build(
    file,
    delay="auto",
    congestion="cubic",
    queue_ms=50.0,
    ack_priority="access",
    map_loopback=0,
    alto_server=None,
    isolate=1,
):
    """Makes the topology. An error ends `mn` at once: what it does about others deletes files of the whole machine."""
    try:
        topology = load_topology(file, bool(map_loopback))
        with tempfile.NamedTemporaryFile("w", suffix=".json") as present:
            topology.write(present.name)
            routes = compute_routes(present.name, topology, alto_server)
        if isolate:
            move_into_own_namespaces()
        # What it would set belongs to the whole machine.
        Mininet.inited = True
        options = {"delay": delay, "congestion": congestion, "queue_ms": float(queue_ms), "ack_priority": ack_priority}
        builder = prepare(topology, routes, **options)
    except (*ERRORS, ValueError) as error:
        print(f"alto: {error}", file=sys.stderr)
        sys.exit(1)
    for warning in (*topology.notes, *builder.delays.warnings, *builder.doubts()):
        print(f"warning: {warning}", file=sys.stderr)
    for name, short in builder.plan.renamed().items():
        print(f"{name} is called {short} here", file=sys.stderr)
    return AltoTopo(builder=builder)


topos = {"alto": build}
