"""A scenario under construction, and its output as files."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass
class Network:
    """A scenario under construction: the network, its PIDs, and its peers."""

    name: str
    cost: dict[str, float]
    hosts: list[dict[str, Any]] = field(default_factory=list)
    switches: list[dict[str, Any]] = field(default_factory=list)
    links: list[dict[str, Any]] = field(default_factory=list)
    pids: dict[str, dict[str, Any]] = field(default_factory=dict)
    peers: list[dict[str, Any]] = field(default_factory=list)
    positions: dict[str, tuple[float, float]] = field(default_factory=dict)

    def switch(self, name: str, position: tuple[float, float]) -> None:
        self.switches.append({"name": name, "dpid": f"{len(self.switches) + 1:016x}"})
        self.positions[name] = position

    def host(self, name: str, address: str, switch: str, up: float, down: float) -> None:
        """Adds a host with its access link, as two directed links where the rates differ."""
        self.hosts.append({"name": name, "ip": address})
        if up == down:
            self.link(name, switch, up)
            return
        self.link(name, switch, up, directed=True)
        self.link(switch, name, down, directed=True)

    def link(self, source: str, destination: str, bandwidth: float, delay: float = 0, **more: Any) -> None:
        self.links.append(
            {"source": source, "destination": destination, "bandwidth": bandwidth, "delay": delay, **more}
        )

    def topology(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "hosts": self.hosts,
            "switches": self.switches,
            "links": self.links,
            "pids": self.pids,
            "cost": self.cost,
        }

    def address(self, host: str) -> str:
        return next(entry["ip"] for entry in self.hosts if entry["name"] == host)

    def write(
        self,
        folder: Path,
        server: str,
        defaults: dict[str, Any],
        scenario: dict[str, Any],
        more_topologies: dict[str, dict[str, Any]] | None = None,
    ) -> None:
        """Writes the scenario. `server` is the host of the ALTO server, which is also the registry of peers."""
        folder.mkdir(parents=True, exist_ok=True)
        write(folder / "topo.json", self.topology())
        for name, topology in (more_topologies or {}).items():
            write(folder / name, topology)
        write(folder / "server.json", {"topology": "topo.json", "host": server, "listen": ["0.0.0.0:8080"]})
        write(
            folder / "peers.json",
            {"server": f"http://{self.address(server)}:8080/directory", "defaults": defaults, "peers": self.peers},
        )
        write(folder / "scenario.json", {**scenario, "positions": self.positions})


def write(path: Path, value: dict[str, Any]) -> None:
    """Writes JSON with one list or object item per line, for readable diffs."""
    parts = []
    for key, content in value.items():
        head = f"  {json.dumps(key)}: "
        if content and isinstance(content, list) and isinstance(content[0], dict):
            parts.append(head + "[\n" + ",\n".join(f"    {json.dumps(item)}" for item in content) + "\n  ]")
        elif content and isinstance(content, dict) and len(json.dumps(content)) > 100:
            lines = (f"    {json.dumps(name)}: {json.dumps(item)}" for name, item in content.items())
            parts.append(head + "{\n" + ",\n".join(lines) + "\n  }")
        else:
            parts.append(head + json.dumps(content))
    path.write_text("{\n" + ",\n".join(parts) + "\n}\n")
