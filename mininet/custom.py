"""A topology for Mininet's own command:

    sudo mn --custom mininet/custom.py --topo alto,file=topo/data/abilene.json --controller none

Further arguments are those of altonet.py: delay=relay, congestion=bbr, queue_ms=100, ack_priority=none,
map_loopback=1; isolate=0 uses the namespaces of the machine.
"""

import os
import sys
import tempfile

# Mininet executes this file without setting __file__.
HERE = os.path.dirname(os.path.realpath(sys._getframe().f_code.co_filename))
if HERE not in sys.path:
    sys.path.append(HERE)

from alto_mininet.network.api import ERRORS, compute_routes, load_topology  # noqa: E402
from alto_mininet.network.api import isolate as move_into_own_namespaces  # noqa: E402
from alto_mininet.network import iperf  # noqa: E402
from alto_mininet.network.build import prepare  # noqa: E402
from alto_mininet.network.nodes import AltoTopo  # noqa: E402
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
    """Builds the topology. An error exits at once, because the cleanup of `mn` deletes files of the whole machine."""
    try:
        topology = load_topology(file, bool(map_loopback))
        with tempfile.NamedTemporaryFile("w", suffix=".json") as present:
            topology.write(present.name)
            routes = compute_routes(present.name, topology, alto_server)
        if isolate:
            move_into_own_namespaces()
        # Keeps Mininet from changing settings of the whole machine.
        Mininet.inited = True
        iperf.install()
        options = {"delay": delay, "congestion": congestion, "queue_ms": float(queue_ms), "ack_priority": ack_priority}
        builder = prepare(topology, routes, **options)
    except (*ERRORS, ValueError) as error:
        print(f"alto: {error}", file=sys.stderr)
        sys.exit(1)
    for warning in (*topology.notes, *builder.delays.warnings, *builder.doubts()):
        print(f"warning: {warning}", file=sys.stderr)
    for name, short in builder.plan.renamed().items():
        print(f"{name} is called {short} in Mininet", file=sys.stderr)
    return AltoTopo(builder=builder)


topos = {"alto": build}
