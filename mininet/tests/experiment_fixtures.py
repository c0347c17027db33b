"""A handwritten finished run: three peers in two PIDs with their events, small enough to verify by hand."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

from alto_mininet.scenario.families import small

START = 1_700_000_000.0
ADDRESS = {"w1": "10.1.0.1", "w2": "10.1.0.2", "e1": "10.2.0.1"}


def event(kind: str, after: float, **members: Any) -> dict[str, Any]:
    return {"event": kind, "time": START + after, "file": "f" * 64, **members}


def piece(after: float, source: str, count: int) -> dict[str, Any]:
    return event("piece", after, piece=0, bytes=count, seconds=0.1, source=f"{ADDRESS[source]}:6881", have=1)


# w1 has the file of 1,000,000 bytes; e1 fetches it, then w2 takes part of it from far away.
EVENTS: dict[str, list[dict[str, Any]]] = {
    "w1": [event("listening", 0, address=ADDRESS["w1"], port=6881)],
    "e1": [piece(2, "w1", 600_000), piece(3, "w1", 400_000), event("done", 4, seconds=3, bytes=1_000_000, wasted=0)],
    "w2": [piece(5, "e1", 250_000), piece(6, "w1", 750_000), event("done", 7, seconds=5, bytes=1_000_000, wasted=100)],
}


def write_scenario(folder: Path) -> Path:
    """Writes a scenario for these peers."""
    small(folder, 2, 1_000_000)
    for name in ("topo.json", "peers.json"):
        value = json.loads((folder / name).read_text())
        for key in ("hosts", "peers", "links"):
            value[key] = [entry for entry in value.get(key, []) if "e2" not in entry.values()]
        value.pop("peers" if name == "topo.json" else "hosts")
        if name == "peers.json":
            value.pop("links")
        (folder / name).write_text(json.dumps(value))
    return folder


def write_run(folder: Path, policy: str, seed: int, crossing_bytes: int = 1_300_000) -> Path:
    """Writes the folder of a finished run."""
    (folder / "events").mkdir(parents=True)
    for name, events in EVENTS.items():
        with gzip.open(folder / "events" / f"{name}.jsonl.gz", "wt") as file:
            file.writelines(json.dumps(line) + "\n" for line in events)
            file.write('{"event": "pie')  # cut off by a kill
    links = [
        {"source": "west", "destination": "east", "bytes": crossing_bytes},
        {"source": "east", "destination": "west", "bytes": 300_000},
        {"source": "west", "destination": "w2", "bytes": 1_100_000},
        {"source": "east", "destination": "e1", "bytes": 1_100_000},
        {"source": "alto", "destination": "west", "bytes": 10_000},
        {"source": "west", "destination": "alto", "bytes": 10_000},
    ]
    with gzip.open(folder / "counters.csv.gz", "wt") as file:
        file.write("seconds,source,destination,bytes\n")
        for second in range(11):
            # 2 Mbit/s all the time: half of the link.
            file.write(f"{second}.0,west,east,{second * 250_000}\n{second}.0,east,west,0\n")
    facts = {
        "delay-emulation": "relay",
        "kernel": "6.0",
        "mininet": "2.3.0",
        "congestion-control": "cubic",
        "warnings": [],
        "alto-peer": "alto-peer 0",
        "alto-server": "alto-server 0",
        "load-average": [0.5, 0.5, 0.5],
    }
    result = {
        "scenario": folder.parent.name,
        "policy": policy,
        "seed": seed,
        "started": START,
        "seconds": 8.0,
        "links": links,
        "timed_out": False,
        "failures": [],
        "joined": {"w1": START, "e1": START + 1, "w2": START + 2},
        "log": [],
        "crossing": [{"seconds": 0, "pairs": [["w1", "e1"], ["e1", "w1"], ["e1", "w2"], ["w2", "e1"]]}],
        "facts": facts,
        "wall_seconds": 12.0,
    }
    (folder / "result.json").write_text(json.dumps(result))
    return folder
