"""A new scenario from a topology file: the first host runs the server and has a file that all others fetch."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any

from .load import read_topology
from .model import ScenarioError, bracketed

UNITS = {"B": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30, "kB": 1000, "MB": 1_000_000, "GB": 1_000_000_000}


def parse_size(text: str) -> int:
    """Parses a number of bytes with an optional unit."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?) *([kKMG]i?B|B)?", text)
    if match is None or (unit := match.group(2) or "B") not in UNITS:
        units = ", ".join(UNITS)
        raise ScenarioError(f"--size: {text!r} is not a size: give a number of bytes, or one with a unit of {units}")
    return int(float(match.group(1)) * UNITS[unit])


def write_new(folder: Path, topology: Path, size: str) -> list[Path]:
    """Writes the four files of the scenario and returns their paths."""
    hosts, switches, links, _ = read_topology(topology)
    count = parse_size(size)
    if len(hosts) < 2:
        raise ScenarioError(f"{topology}: has {len(hosts)} hosts: a swarm needs two or more")
    if folder.exists() and any(folder.iterdir()):
        raise ScenarioError(f"{folder}: exists and is not empty: give another folder")
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copy(topology, folder / "topo.json")
    first = next(iter(hosts))
    # Which link becomes the busiest is unknown, so the narrowest core link is the one reported by itself.
    core = [link for link in links if link.source in switches and link.destination in switches]
    narrow = min(core, key=lambda link: link.bandwidth, default=None)
    peers: list[dict[str, Any]] = [{"name": first, "host": first, "share": ["movie.bin"], "join": 0}]
    peers += [
        {"name": re.sub(r"[^A-Za-z0-9_.-]", "_", name), "host": name, "get": ["movie.bin"]} for name in list(hosts)[1:]
    ]
    scenario = {
        "title": f"One file on {folder.name}",
        "about": f"{first} has the file and runs the ALTO server; the other {len(hosts) - 1} hosts fetch it.",
        "time-limit": 600,
        "join-spread": 2,
        "files": [{"name": "movie.bin", "bytes": count}],
        "protected": [[narrow.source, narrow.destination]] if narrow else [],
        "policies": {name: {"peers": {"policy": name}} for name in ("random", "alto")},
    }
    server = {
        "topology": "topo.json",
        "host": first,
        "listen": ["[::]:8080" if ":" in hosts[first] else "0.0.0.0:8080"],
    }
    piece = "64KiB" if count < 16 << 20 else "256KiB"
    files = {
        "server.json": server,
        "peers.json": {
            "server": f"http://{bracketed(hosts[first])}:8080/directory",
            "defaults": {"port": 6881, "piece-size": piece},
            "peers": peers,
        },
        "scenario.json": scenario,
    }
    for name, content in files.items():
        (folder / name).write_text(json.dumps(content, indent=2) + "\n")
    return [folder / name for name in ("topo.json", *files)]
