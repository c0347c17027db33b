"""A scenario on a real network of the Internet Topology Zoo, as `alto-feed import zoo` reads it."""

from __future__ import annotations

import ipaddress
import json
import statistics
import subprocess
from pathlib import Path
from typing import Any

from .builder import Network
from .model import ScenarioError

MIB = 1024 * 1024
# Links with at most this share of the median bandwidth are the ones whose traffic is reported separately.
NARROW = 0.1


def import_graphml(alto_feed: Path, graphml: Path) -> dict[str, Any]:
    """The topology that alto-feed makes of a file: without hosts, and connected."""
    command = [str(alto_feed), "import", "zoo", str(graphml), "--hosts", "0", "--largest"]
    try:
        result = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    except OSError as error:
        raise ScenarioError(f"{alto_feed}: cannot be run: {error.strerror}; --alto-feed names the program") from None
    if result.returncode:
        raise ScenarioError(result.stderr.strip())
    return json.loads(result.stdout)


def zoo(folder: Path, topology: dict[str, Any], per_pop: int, size: int, scale: float) -> None:
    """One swarm over all places of a real network, whose bandwidths are scaled down to what can be emulated."""
    # The default cost model, whose reference bandwidth is scaled as well, so that costs and routes are the network's own.
    network = Network(folder.name, {"reference_bandwidth": 1000 * scale})
    properties = topology.get("properties", {}).get("pids", {})
    pids, links = topology["pids"], topology["links"]
    degree = dict.fromkeys((switch["name"] for switch in topology["switches"]), 0)
    for link in links:
        degree[link["source"]] += 1
        degree[link["destination"]] += 1
    centre = max((pid["switches"][0] for pid in pids.values() if pid["switches"]), key=lambda name: (degree[name], name))
    for switch in degree:
        latitude, _, longitude = properties.get(switch, {}).get("priv:alto-position", "0,0").partition(",")
        network.switch(switch, (float(longitude), float(latitude)))
    for name, pid in pids.items():
        if not pid["switches"]:
            continue
        switch, prefix = pid["switches"][0], ipaddress.ip_network(pid["ipv4"][0])
        network.pids[name] = {"switches": [switch], "ipv4": [str(prefix)]}
        for number in range(1, per_pop + 1):
            host = f"{name}.h{number}"
            network.host(host, str(prefix[number]), switch, up=2, down=8)
            network.peers.append({"name": host, "host": host, "get": ["movie.bin"]})
        if switch == centre:
            network.host("seed", str(prefix[200]), switch, up=10, down=10)
            network.peers.insert(0, {"name": "seed", "host": "seed", "share": ["movie.bin"], "join": 0})
            network.host("alto", str(prefix[250]), switch, up=1000, down=1000)
    for link in links:
        network.link(link["source"], link["destination"], link["bandwidth"] * scale, link["delay"])
    limit = NARROW * statistics.median(link["bandwidth"] for link in links)
    narrow = [[link["source"], link["destination"]] for link in links if link["bandwidth"] <= limit]
    network.write(
        folder,
        "alto",
        {"port": 6881, "neighbours": 12, "piece-size": "64KiB"},
        {
            "title": f"One swarm on {topology['name']}, a network of the Internet Topology Zoo",
            "about": f"{len(degree)} places, {len(links)} links with {scale:g} of their bandwidths and their own delays; "
            f"{per_pop} peer{'s' if per_pop > 1 else ''} in each place on access links of 2 Mbit/s up and 8 Mbit/s down; a file of {size / MIB:g} MiB, "
            f"and a seed of 10 Mbit/s in {centre}. Separately reported: {len(narrow)} links of at most a tenth of the "
            "median bandwidth.",
            "time-limit": 600,
            "join-spread": 10,
            "files": [{"name": "movie.bin", "bytes": size}],
            "protected": narrow,
            "policies": {name: {"peers": {"policy": name}} for name in ("random", "nearest", "alto")},
            "differences": ["bandwidths are scaled down, so that times are those of a slower network"],
            "published": [],
        },
    )
