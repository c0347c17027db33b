"""One run of each policy second by second: who fetched from whom, by which route, and how full the links were.

Everything here is a pure function of the recordings of runs.
"""

from __future__ import annotations

import gzip
import json
from collections import defaultdict
from dataclasses import dataclass, field
from math import ceil
from pathlib import Path
from typing import Any

from ..scenario.model import Scenario
from .measures import MEGA, Download, Measured, read_samples

# Steps of a replay: more would be too short to see.
FRAMES = 240
# Links of a map that can still be read.
MAX_LINKS = 400
# Transfers of a replay; the page grows with their number.
MAX_TRANSFERS = 20_000


@dataclass
class Replay:
    """A run in steps of equal length."""

    policy: str
    seed: int
    # Length of a step in seconds, and their number.
    step: float
    frames: int
    # Step, source, destination and bytes of what a peer fetched from another one.
    transfers: list[tuple[int, str, str, int]]
    # Seconds at which each fetching peer joined, and was done if it was.
    spans: dict[str, tuple[float, float | None]]
    # Share of the bandwidth in percent, per step, of each direction of a link between switches.
    load: dict[tuple[str, str], list[int]]
    # Switches on the way between two hosts, by "SOURCE DESTINATION", from a second on.
    routes: list[tuple[float, dict[str, list[str]]]] = field(default_factory=list)


def replays(out: Path, scenario: Scenario, runs: list[Measured]) -> list[Replay]:
    """The runs to be shown side by side: one per policy, of the first seed that every policy has finished."""
    folders = {}
    for path in sorted(out.glob("runs/*/result.json")):
        result = json.loads(path.read_text())
        folders[result["policy"], result["seed"]] = (path.parent, result)
    measured = {(run.policy, run.seed): run for run in runs}
    policies = [policy for policy in scenario.policies if any(name == policy for name, _ in measured)]
    seeds = set.intersection(*({seed for name, seed in measured if name == policy} for policy in policies))
    if not seeds or len(scenario.directed_core()) > MAX_LINKS:
        return []
    seed = min(seeds)
    chosen = [(measured[policy, seed], *folders[policy, seed]) for policy in policies]
    seconds = max(length(run, result["started"]) for run, _, result in chosen)
    step = max(1.0, ceil(seconds / FRAMES))
    return [replay(scenario, run, folder, result, step, ceil(seconds / step) + 1) for run, folder, result in chosen]


def length(run: Measured, started: float) -> float:
    """Seconds until the last piece of a run arrived."""
    return max((time - started for download in run.downloads for time, *_ in download.pieces), default=1.0)


def replay(
    scenario: Scenario, run: Measured, folder: Path, result: dict[str, Any], step: float, frames: int
) -> Replay:
    """A run in `frames` steps of `step` seconds."""
    started = result["started"]
    transfers = transfers_of(run.downloads, started, step)
    spans = {
        download.name: (download.joined - started, None if download.finished is None else download.finished - started)
        for download in run.downloads
    }
    load = loads(read_samples(folder / "counters.csv.gz"), scenario.directed_core(), step, frames)
    return Replay(run.policy, run.seed, step, frames, transfers, spans, load, read_routes(folder / "routes.json.gz"))


def transfers_of(downloads: list[Download], started: float, step: float) -> list[tuple[int, str, str, int]]:
    """What each peer fetched from each other one in each step; of too many, the largest ones."""
    sums: dict[tuple[int, str, str], int] = defaultdict(int)
    for download in downloads:
        for time, source, _, count in download.pieces:
            sums[max(0, int((time - started) // step)), source, download.name] += count
    largest = sorted(sums.items(), key=lambda entry: -entry[1])[:MAX_TRANSFERS]
    return sorted((*key, count) for key, count in largest)


def loads(
    samples: list[tuple[float, dict[tuple[str, str], int]]],
    bandwidth: dict[tuple[str, str], float],
    step: float,
    frames: int,
) -> dict[tuple[str, str], list[int]]:
    """Share of its bandwidth in percent that each direction of a link carried in each step."""
    # The last sample of each step; a step without one has what the step before had.
    last: list[tuple[float, dict[tuple[str, str], int]] | None] = [None] * frames
    for seconds, counts in samples:
        frame = int(seconds // step)
        if 0 <= frame < frames:
            last[frame] = (seconds, counts)
    result: dict[tuple[str, str], list[int]] = {link: [] for link in bandwidth}
    before: tuple[float, dict[tuple[str, str], int]] = (0.0, {})
    for sample in last:
        elapsed = sample[0] - before[0] if sample else 0.0
        for link, limit in bandwidth.items():
            count = sample[1].get(link, 0) - before[1].get(link, 0) if sample else 0
            share = count * 8 / elapsed / MEGA / limit if elapsed > 0 else 0.0
            result[link].append(min(100, max(0, round(100 * share))))
        before = sample or before
    return result


def read_routes(path: Path) -> list[tuple[float, dict[str, list[str]]]]:
    """Routes as the run recorded them; none for runs of older versions."""
    if not path.exists():
        return []
    with gzip.open(path, "rt", encoding="utf-8") as file:
        return [(float(epoch["seconds"]), epoch["paths"]) for epoch in json.load(file)]
