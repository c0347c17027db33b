"""What a swarm could reach at best, if content were a fluid, and how far a run was from it.

The bounds hold for every policy and protocol; they follow from the rates of the access links and of the limits in
peers.json alone, without headers. Times are in seconds, sizes in bytes, rates in bytes per second.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Iterable, Sequence

from ..scenario.model import Peer, Scenario

UNITS = {"": 1, "k": 1e3, "M": 1e6, "G": 1e9, "Ki": 1024, "Mi": 1024**2, "Gi": 1024**3}


@dataclass(frozen=True)
class Receiver:
    """A peer that fetches the content: when it joins, and its rates."""

    joined: float
    up: float
    down: float


@dataclass(frozen=True)
class Bounds:
    """Lower bounds of times: F/u_seed, F/d_min, N F / (u_seed + sum of u_i), the mean completion, and the last finish.

    The last two count joins: the mean from each peer's own start, the last finish from the first join.
    """

    seed: float
    download: float
    swarm: float
    mean: float
    last: float


@dataclass(frozen=True)
class Spread:
    """How the sharers of the content gave it away: when the last piece that nobody had left them, and copies sent."""

    last_distinct: float
    copies_until_then: float
    copies: float


def bounds(size: float, seed_rate: float, receivers: Sequence[Receiver]) -> Bounds | None:
    """The bounds of a swarm whose sharers send at `seed_rate` from the first join on."""
    if not receivers or size <= 0 or seed_rate <= 0 or min(peer.down for peer in receivers) <= 0:
        return None
    first = min(peer.joined for peer in receivers)
    distinct = first + size / seed_rate
    together = len(receivers) * size / (seed_rate + sum(peer.up for peer in receivers))
    own = [max(size / peer.down, distinct - peer.joined) for peer in receivers]
    latest = max(peer.joined + size / peer.down for peer in receivers)
    return Bounds(
        seed=size / seed_rate,
        download=size / min(peer.down for peer in receivers),
        swarm=together,
        mean=sum(own) / len(own),
        last=max(distinct, latest, capacity(size, seed_rate, receivers)) - first,
    )


def capacity(size: float, seed_rate: float, receivers: Sequence[Receiver]) -> float:
    """The time at which all peers that have joined could have sent as many bytes as all fetch."""
    joins = sorted((peer.joined, peer.up) for peer in receivers)
    left, rate, now = len(joins) * size, seed_rate, joins[0][0]
    for joined, up in joins:
        if rate * (joined - now) >= left:
            break
        left -= rate * (joined - now)
        rate, now = rate + up, joined
    return now + left / rate


def spread(pieces: Iterable[tuple[float, str, object, int]], sharers: set[str], size: float, start: float) -> Spread | None:
    """The spread of the content, from the time, source, identity and size of every piece that arrived anywhere."""
    sent = sorted((time, str(piece), count) for time, source, piece, count in pieces if source in sharers)
    firsts: dict[str, float] = {}
    for time, piece, _ in sent:
        firsts.setdefault(piece, time)
    if not firsts or size <= 0:
        return None
    last = max(firsts.values())
    until = sum(count for time, _, count in sent if time <= last)
    return Spread(last - start, until / size, sum(count for *_, count in sent) / size)


def cut_off(peers: Iterable[Peer], crossing: set[tuple[str, str]]) -> set[str]:
    """Hosts that the content reaches over a protected link only, however it is passed on."""
    peers = list(peers)
    reached = {peer.host for peer in peers if peer.share}
    waiting = {peer.host for peer in peers} - reached
    while new := {host for host in waiting if any((other, host) not in crossing for other in reached)}:
        reached |= new
        waiting -= new
    return waiting


def access_rates(scenario: Scenario, peer: Peer) -> tuple[float, float]:
    """Rates of a peer up and down, in bytes per second: those of its links, and its own limits."""
    up = down = 0.0
    for link in scenario.links:
        rate = link.bandwidth * 1e6 / 8
        if peer.host == link.source or (peer.host == link.destination and not link.directed):
            up += rate
        if peer.host == link.destination or (peer.host == link.source and not link.directed):
            down += rate
    limit_up, limit_down = (rate_of(peer.entry.get(key)) for key in ("upload-rate", "download-rate"))
    return min(up, limit_up or up), min(down, limit_down or down)


def rate_of(value: object) -> float | None:
    """A rate of peers.json in bytes per second; None if there is none."""
    if isinstance(value, (int, float)):
        return float(value)
    found = re.fullmatch(r"([0-9.]+) ?(k|M|G|Ki|Mi|Gi)?(bit|B)?", str(value))
    if not found:
        return None
    return float(found[1]) * UNITS[found[2] or ""] / (8 if found[3] == "bit" else 1)
