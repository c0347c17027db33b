"""Mininet's classes for hosts, routers, links and the topology, configured by a builder.

Mininet starts the nodes and runs their shells. The same classes serve the library, the prompt and `mn --custom`.
"""

from __future__ import annotations

import os
from typing import Any

from .build import Builder
from .namespace import Namespace
from .plan import Port

try:
    from mininet.link import Intf, Link
    from mininet.node import Host, Node, Switch
    from mininet.topo import Topo
except ImportError as error:  # without Debian's package, a folder called mininet may be found instead
    raise ImportError(
        f"Mininet is missing for {os.path.realpath('/proc/self/exe')} ({error}): "
        "install Debian's package (apt-get install mininet) and use /usr/bin/python3"
    ) from None


class Planned:
    """A node with a namespace of its own that a builder configures."""

    def __init__(self, name: str, **params: Any):
        self.builder: Builder = params["builder"]
        self.origin: str = params["origin"]
        super().__init__(name, **{**params, "inNamespace": True})
        self.namespace = Namespace(self.pid)
        self.builder.node_started(self.origin, self.namespace, self.pid)

    def terminate(self) -> None:
        self.namespace.close()
        super().terminate()


class AltoHost(Planned, Host):
    """A host of the topology."""

    def config(self, **_params: Any) -> dict[str, Any]:
        self.builder.configure_node(self.origin)
        return {}


class AltoRouter(Planned, Switch):
    """A switch of the topology, as a router with the routes that alto-server computes; it needs no controller."""

    # Mininet connects switches in the root namespace to a controller through this port.
    controlIntf = None

    def start(self, _controllers: list[Any]) -> None:
        self.builder.configure_node(self.origin)

    def stop(self, deleteIntfs: bool = False) -> None:
        """Leaves the interfaces to end with the namespace; deleting each would take a second in all."""
        super().stop(deleteIntfs=False)


class AltoPort(Intf):
    """An interface, which the builder configures together with the others of its node."""

    def __init__(self, name: str, **params: Any):
        self.port: Port = params.pop("alto_port")
        self.builder: Builder = params.pop("alto_builder")
        super().__init__(name, **params)

    def config(self, **_params: Any) -> dict[str, Any]:
        address = self.builder.shown_address(self.port)
        if address is not None:
            self.ip, self.prefixLen = address
        return {}

    def updateIP(self) -> str | None:
        return self.ip

    def updateMAC(self) -> str | None:
        return self.mac

    def updateAddr(self) -> tuple[str | None, str | None]:
        return self.ip, self.mac


class AltoLink(Link):
    """A cable between two nodes."""

    def __init__(self, node1: Node, node2: Node, **params: Any):
        self.builder: Builder = params.pop("builder")
        self.cable: int = params.pop("cable")
        ports = self.builder.plan.cables[self.cable].ports
        own = [{"alto_port": port, "alto_builder": self.builder} for port in ports]
        params.update(addr1=ports[0].mac, addr2=ports[1].mac, intf=AltoPort, cls1=AltoPort, cls2=AltoPort)
        super().__init__(node1, node2, params1=own[0], params2=own[1], fast=True, **params)

    def makeIntfPair(self, *_arguments: Any, **_params: Any) -> None:
        """Creates both ends in the namespaces of their nodes, so that neither is ever visible outside."""
        self.builder.make_cable(self.cable)

    def stop(self) -> None:
        """Stops the builder; the interfaces end with the namespaces of their nodes."""
        self.builder.stop()


class AltoTopo(Topo):
    """The topology as Mininet describes networks."""

    def build(self, builder: Builder) -> None:
        plan = builder.plan
        for name, host in plan.topology.hosts.items():
            self.addHost(plan.names[name], cls=AltoHost, builder=builder, origin=name, ip=None)
        for name, switch in plan.topology.switches.items():
            params = {"cls": AltoRouter, "builder": builder, "origin": name, "dpid": switch.dpid_text}
            self.addSwitch(plan.names[name], inNamespace=True, **params)
        for cable in plan.cables:
            ends = [plan.names[port.node] for port in cable.ports]
            numbers = [int(port.name.rpartition("-eth")[2]) for port in cable.ports]
            params = {"cls": AltoLink, "builder": builder, "cable": cable.index}
            self.addLink(ends[0], ends[1], port1=numbers[0], port2=numbers[1], key=cable.index, **params)
