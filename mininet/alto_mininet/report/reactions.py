"""How soon peers switch sources after a link has failed, from the events in which they report their choices."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Iterable

# Relative difference of a cost from which on alto-peer chooses anew.
NOTEWORTHY = 0.1


@dataclass(frozen=True)
class Choice:
    """A choice of sources: the cost of each candidate, and the chosen ones."""

    time: float
    costs: dict[str, float]
    chosen: frozenset[str]


@dataclass(frozen=True)
class Chooser:
    """A peer while it downloads, with its choices in order of time."""

    name: str
    pid: str
    finished: float | None
    choices: list[Choice]


@dataclass(frozen=True)
class Reaction:
    """The time from a failure to the first other sources that a peer chose by other costs; absent if it chose none."""

    peer: str
    failure: float
    seconds: float | None


def choices(events: Iterable[dict[str, Any]]) -> list[Choice]:
    """The choices among the events of a peer."""
    found = []
    for event in events:
        if event["event"] == "candidates":
            holders = event["holders"]
            costs = {holder["source"]: float(holder["cost"]) for holder in holders if holder.get("cost") is not None}
            chosen = frozenset(holder["source"] for holder in holders if holder["chosen"])
            found.append(Choice(float(event["time"]), costs, chosen))
    return found


def differ(before: dict[str, float], after: dict[str, float]) -> bool:
    """Whether the cost of any candidate differs so much that peers choose anew."""
    pairs = [(before[source], after[source]) for source in before.keys() & after.keys()]
    return any(abs(a - b) > NOTEWORTHY * max(abs(a), abs(b)) for a, b in pairs)


def reactions(failures: list[float], started: float, choosers: list[Chooser]) -> list[Reaction]:
    """The reactions to failures at these seconds after the start.

    They are those of all peers that were downloading, in the PIDs where the costs of any peer changed: a peer that never
    learned of the failure counts as one that did not react.
    """
    found = []
    for failure, following in zip(failures, [*failures[1:], float("inf")]):
        moment, end = started + failure, started + following
        active = [
            (chooser, before)
            for chooser in choosers
            if chooser.finished is None or chooser.finished > moment
            if (before := [choice for choice in chooser.choices if choice.time < moment])
        ]
        # Costs that come after a choice are in no event: other peers of the PID may have told them.
        known: dict[str, dict[str, float]] = {}
        for chooser, before in active:
            for choice in before:
                known.setdefault(chooser.pid, {}).update(choice.costs)
        seen: list[tuple[Chooser, bool, float | None]] = []
        for chooser, before in active:
            costs, chosen = {**known[chooser.pid], **before[-1].costs}, before[-1].chosen
            later = [choice for choice in chooser.choices if moment <= choice.time < end]
            affected = [choice for choice in later if differ(costs, choice.costs)]
            switch = next((choice.time - moment for choice in affected if choice.chosen != chosen), None)
            seen.append((chooser, bool(affected), switch))
        pids = {chooser.pid for chooser, is_affected, _ in seen if is_affected}
        found += [Reaction(chooser.name, failure, switch) for chooser, _, switch in seen if chooser.pid in pids]
    return found
