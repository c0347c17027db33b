"""Measures of a run, computed from the events of the peers and the counters of the links.

Everything here is a pure function of the recordings of a run, so that reports can be made again later.
"""

from __future__ import annotations

import gzip
import json
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from statistics import fmean, median
from typing import Any, Iterable

from ..scenario.model import Scenario
from . import fluid
from .reactions import Chooser, Reaction, choices, reactions

MEGA = 1_000_000
# Seconds over which load is averaged: less shows the noise of bursts, more hides peaks.
LOAD_WINDOW = 5.0
STEP_SECONDS = 5.0


@dataclass
class Download:
    """The downloads of one peer."""

    name: str
    pid: str
    joined: float
    wanted: int
    finished: float | None = None
    failure: str = ""
    # Bytes of payload by source peer.
    sources: dict[str, int] = field(default_factory=dict)
    # Time, source, identity and size of each piece, or of what the source sent of it.
    pieces: list[tuple[float, str, tuple[str, int], int]] = field(default_factory=list)
    wasted: int = 0
    size: int = 0

    @property
    def seconds(self) -> float | None:
        return None if self.finished is None else self.finished - self.joined


@dataclass
class Measured:
    """All measures of one run."""

    policy: str
    seed: int
    downloads: list[Download]
    # Directed links between switches: (source, destination) to bytes.
    core: dict[tuple[str, str], int]
    matrix: dict[tuple[str, str], int]
    # PID to (downloading peers, copies that entered, copies that would enter under random selection).
    copies: dict[str, tuple[int, float, float]]
    # Directed links between switches to their highest load, as a share of the bandwidth.
    peak: dict[tuple[str, str], float]
    summary: dict[str, float]
    facts: dict[str, Any]
    # Payload over protected links, in steps of (seconds since the start, Mbit/s).
    over_time: list[tuple[float, float]]
    # Of each peer to each failed link.
    reactions: list[Reaction] = field(default_factory=list)


def read_events(path: Path) -> Iterable[dict[str, Any]]:
    """The events of a peer, one JSON object per line; skips a line that a kill cut off."""
    opener = gzip.open if path.suffix == ".gz" else open
    with opener(path, "rt", encoding="utf-8", errors="replace") as lines:
        for line in lines:
            try:
                event = json.loads(line)
            except ValueError:
                continue
            if isinstance(event, dict) and isinstance(event.get("event"), str):
                yield event


def follow(download: Download, events: Iterable[dict[str, Any]], names: dict[str, str]) -> Download:
    """Adds the events of a peer to its download. `names` maps ADDRESS:PORT to peers."""
    done = 0
    for event in events:
        kind = event["event"]
        if kind == "piece":
            source = names.get(str(event.get("source")), str(event.get("source")))
            piece = (str(event.get("file")), int(event.get("piece", 0)))
            others = {names.get(at, at): int(count) for at, count in event.get("others", {}).items()}
            own = int(event.get("bytes", 0)) - sum(others.values())
            for sender, count in [*others.items(), (source, own)]:
                download.sources[sender] = download.sources.get(sender, 0) + count
                download.pieces.append((float(event["time"]), sender, piece, count))
        elif kind == "done":
            done += 1
            download.wasted += int(event.get("wasted") or 0)
            download.size += int(event.get("bytes") or 0)
            if done >= download.wanted:
                download.finished = float(event["time"])
        elif kind == "failed":
            download.failure = str(event.get("reason", "failed"))
    return download


def cross_pid(downloads: Iterable[Download], pid_of: dict[str, str]) -> dict[tuple[str, str], int]:
    """Payload from PID to PID, by the source of each piece."""
    matrix: dict[tuple[str, str], int] = defaultdict(int)
    for download in downloads:
        for source, count in download.sources.items():
            matrix[pid_of.get(source, "?"), download.pid] += count
    return dict(matrix)


def crossing_payload(
    downloads: list[Download],
    host_of: dict[str, str],
    crossing: list[dict[str, Any]],
    started: float,
    step: float = STEP_SECONDS,
) -> tuple[int, list[tuple[float, float]]]:
    """Payload between peers whose route crosses a protected link when a piece arrives, in total and over time."""
    epochs = [(float(epoch["seconds"]), {tuple(pair) for pair in epoch["pairs"]}) for epoch in crossing]
    total, steps, last = 0, defaultdict(int), 0
    for download in downloads:
        for time, source, _, count in download.pieces:
            since = time - started
            pairs = next(
                (pairs for begin, pairs in reversed(epochs) if begin <= since), epochs[0][1] if epochs else set()
            )
            last = max(last, int(since // step))
            if (host_of.get(source, source), host_of[download.name]) in pairs:
                total += count
                steps[int(since // step)] += count
    return total, [((i + 0.5) * step, steps.get(i, 0) * 8 / step / MEGA) for i in range(last + 1)]


def random_copies(downloaders: int, members: int, everyone: int) -> float:
    """Expected number of copies that enter a PID when the source of every piece is random among all other peers.

    Without a seed inside, `downloaders` and `members` are both n, and the result is n(N-n)/(N-1).
    """
    return downloaders * (everyone - members) / (everyone - 1) if everyone > 1 else 0.0


def copies_entering(
    downloads: list[Download], pid_of: dict[str, str], size: int
) -> dict[str, tuple[int, float, float]]:
    """For each PID: its downloading peers, the copies of the content that entered, and the expectation if random."""
    matrix = cross_pid(downloads, pid_of)
    result = {}
    for pid in sorted({download.pid for download in downloads}):
        inside = sum(1 for download in downloads if download.pid == pid)
        members = sum(1 for other in pid_of.values() if other == pid)
        came = sum(count for (source, destination), count in matrix.items() if destination == pid != source)
        result[pid] = (inside, came / size if size else 0.0, random_copies(inside, members, len(pid_of)))
    return result


def peak_load(
    samples: list[tuple[float, dict[tuple[str, str], int]]],
    bandwidth: dict[tuple[str, str], float],
    window: float = LOAD_WINDOW,
) -> dict[tuple[str, str], float]:
    """Highest load of each directed link in any window, as a share of its bandwidth."""
    peak = dict.fromkeys(bandwidth, 0.0)
    start = 0
    for end, (now, counts) in enumerate(samples):
        while start < end and now - samples[start + 1][0] >= window:
            start += 1
        elapsed = now - samples[start][0]
        if elapsed < window:
            continue
        for link, limit in bandwidth.items():
            rate = (counts.get(link, 0) - samples[start][1].get(link, 0)) * 8 / elapsed / MEGA
            peak[link] = max(peak[link], rate / limit)
    return peak


def percentile(values: list[float], part: float) -> float:
    """The value that a share `part` of all values does not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, max(0, -int(-part * len(ordered) // 1) - 1))]


def summarise(
    scenario: Scenario,
    downloads: list[Download],
    counters: dict[tuple[str, str], int],
    core: dict[tuple[str, str], int],
    matrix: dict[tuple[str, str], int],
    copies: dict[str, tuple[int, float, float]],
    peak: dict[tuple[str, str], float],
) -> dict[str, float]:
    """One number per measure; undefined measures are omitted."""
    times = [download.seconds for download in downloads if download.seconds is not None]
    summary: dict[str, float] = {"peers": len(downloads), "unfinished": len(downloads) - len(times)}
    if times:
        speeds = [download.size / download.seconds / 1000 for download in downloads if download.seconds]
        summary |= {
            "completion_mean_s": fmean(times),
            "completion_median_s": median(times),
            "completion_p95_s": percentile(times, 0.95),
            "completion_max_s": max(times),
            "speed_mean_kBps": fmean(speeds),
        }
    payload = sum(matrix.values())
    protected = {frozenset(pair) for pair in scenario.protected}
    if protected:
        summary["protected_mb"] = sum(count for link, count in core.items() if frozenset(link) in protected) / MEGA
    summary["backbone_mb"] = sum(core.values()) / MEGA
    if payload:
        summary["external_share"] = sum(count for (a, b), count in matrix.items() if a != b) / payload
        hosts = {peer.host for peer in scenario.peers}
        received = sum(count for (_, to), count in counters.items() if to in hosts)
        server = sum(count for link, count in counters.items() if scenario.server_host in link)
        # Background traffic hides what the swarm itself put on the links.
        if received and not scenario.cross_traffic:
            summary["unit_bdp"] = (sum(core.values())) / received
        # On a host that is also a peer, control traffic cannot be told from payload.
        if scenario.server_host not in hosts:
            summary["control_share"] = server / payload
        if received:
            summary["overhead_share"] = received / payload - 1
    if copies:
        summary["copies_mean"] = fmean(came for _, came, _ in copies.values())
    if peak:
        summary["max_load"] = max(peak.values())
    summary["wasted_mb"] = sum(download.wasted for download in downloads) / MEGA
    if payload:
        summary["wasted_share"] = summary["wasted_mb"] * MEGA / payload
    return summary


def compare_with_fluid(
    scenario: Scenario, downloads: list[Download], crossing: list[dict[str, Any]], size: int, mean: float | None
) -> dict[str, float]:
    """The bounds of a swarm in which all fetch the same content, and the distance of the run to them."""
    if not downloads or len({peer.get for peer in scenario.peers if peer.get}) != 1:
        return {}
    rates = {peer.name: fluid.access_rates(scenario, peer) for peer in scenario.peers}
    sharers = {peer.name for peer in scenario.peers if peer.share}
    receivers = [fluid.Receiver(download.joined, *rates[download.name]) for download in downloads]
    found: dict[str, float] = {}
    if limit := fluid.bounds(size, sum(rates[name][0] for name in sharers), receivers):
        found |= {
            "bound_seed_s": limit.seed,
            "bound_download_s": limit.download,
            "bound_swarm_s": limit.swarm,
            "bound_mean_s": limit.mean,
            "bound_last_s": limit.last,
        }
        if mean is not None:
            found["distance_mean"] = mean / limit.mean
    start = min(download.joined for download in downloads)
    pieces = (piece for download in downloads for piece in download.pieces)
    if given := fluid.spread(pieces, sharers, size, start):
        found |= {
            "last_distinct_s": given.last_distinct,
            "seed_copies_until": given.copies_until_then,
            "seed_copies": given.copies,
        }
    if scenario.protected and crossing:
        pairs = {(a, b) for a, b in crossing[0]["pairs"]}
        found["bound_protected_mb"] = size / MEGA if fluid.cut_off(scenario.peers, pairs) else 0.0
    return found


def measure(scenario: Scenario, folder: Path) -> Measured:
    """Computes the measures of a finished run from its folder."""
    result = json.loads((folder / "result.json").read_text())
    pid_of = {peer.name: scenario.pid_of(peer.address) or "?" for peer in scenario.peers}
    names = {}
    for peer in scenario.peers:
        host = f"[{peer.address}]" if ":" in peer.address else peer.address
        names[f"{host}:{peer.port}"] = peer.name
    downloads, choosers = [], []
    for peer in scenario.peers:
        started = result["joined"].get(peer.name)
        if not peer.get or started is None:
            continue
        download = Download(peer.name, pid_of[peer.name], started, len(peer.get))
        events = list(read_events(folder / "events" / f"{peer.name}.jsonl.gz"))
        downloads.append(follow(download, events, names))
        choosers.append(Chooser(peer.name, download.pid, download.finished, choices(events)))
    counters = {(link["source"], link["destination"]): int(link["bytes"]) for link in result["links"]}
    bandwidth = scenario.directed_core()
    core = {link: counters.get(link, 0) for link in bandwidth}
    samples = read_samples(folder / "counters.csv.gz")
    peak = peak_load(samples, bandwidth)
    matrix = cross_pid(downloads, pid_of)
    size = max((sum(scenario.files.get(name, 0) for name in peer.get) for peer in scenario.peers), default=0)
    copies = copies_entering(downloads, pid_of, size)
    summary = summarise(scenario, downloads, counters, core, matrix, copies, peak)
    summary |= compare_with_fluid(
        scenario, downloads, result.get("crossing", []), size, summary.get("completion_mean_s")
    )
    hosts = {peer.name: peer.host for peer in scenario.peers}
    crossed, over_time = crossing_payload(downloads, hosts, result.get("crossing", []), result["started"])
    if scenario.protected:
        summary["protected_payload_mb"] = crossed / MEGA
    reacted = reactions(failures(result), result["started"], choosers)
    summary |= summarise_reactions(reacted)
    return Measured(
        result["policy"],
        result["seed"],
        downloads,
        core,
        matrix,
        copies,
        peak,
        summary,
        result["facts"],
        over_time,
        reacted,
    )


def failures(result: dict[str, Any]) -> list[float]:
    """Seconds from the start of a run to each failure of a link."""
    return [entry["seconds"] for entry in result.get("log", []) if entry["what"] == "failure"]


def summarise_reactions(reacted: list[Reaction]) -> dict[str, float]:
    """The measures of reactions, if links failed. Peers that did not react count as slower than all others."""
    if not reacted:
        return {}
    times = [float("inf") if reaction.seconds is None else reaction.seconds for reaction in reacted]
    measures = {
        "switch_median_s": median(times),
        "switch_p95_s": percentile(times, 0.95),
        "switch_within_2s": sum(time <= 2 for time in times) / len(times),
    }
    return {name: value for name, value in measures.items() if value != float("inf")}


def read_samples(path: Path) -> list[tuple[float, dict[tuple[str, str], int]]]:
    """Counter samples, read from rows `seconds,source,destination,bytes` and grouped by time."""
    samples: list[tuple[float, dict[tuple[str, str], int]]] = []
    if not path.exists():
        return samples
    with gzip.open(path, "rt", encoding="utf-8") as rows:
        next(rows, None)
        for row in rows:
            seconds, source, destination, count = row.rstrip("\n").split(",")
            if not samples or samples[-1][0] != float(seconds):
                samples.append((float(seconds), {}))
            samples[-1][1][source, destination] = int(count)
    return samples
