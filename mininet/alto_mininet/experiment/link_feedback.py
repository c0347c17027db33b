"""Feedback of the measured load of core links to the ALTO server.

Load is reported as a price, which makes routes over a loaded link expensive without moving them (like the dynamic
p-distances of P4P), or as utilisation, from which the server computes the cost of the link and so the routes.
Forwarding then follows these routes, so that it never disagrees with the costs.
"""

from __future__ import annotations

from collections import deque
from typing import IO, Any, Callable, Protocol

from ..network.routes import parse_routes
from ..scenario.model import Feedback, Scenario
from .participants import Server

MAX_LOAD = 0.99
# A reading of all counters that took more seconds than this is made again, up to so many times in all.
SLOW_READING, READINGS = 0.2, 3
Direction = tuple[str, str]


class Countable(Protocol):
    """The part of an emulation that feedback needs."""

    topology: Any

    def link_counters(self) -> list[Any]: ...

    def link(self, source: str, destination: str) -> Any: ...

    def reroute(self, routes: list[Any]) -> int: ...


class LoadMeter:
    """Samples the byte counters of core links and computes their recent load.

    `clock` returns the seconds since the start of the run.
    """

    def __init__(self, emulation: Countable, scenario: Scenario, clock: Callable[[], float], keep: int = 120) -> None:
        self.emulation, self.clock = emulation, clock
        self.bandwidth = scenario.directed_core()
        self.samples: deque[tuple[float, dict[Direction, int]]] = deque(maxlen=keep)

    def sample(self, rows: IO[str]) -> None:
        """Reads all counters and appends them to `rows`."""
        took, now, found = self._read()
        for _ in range(READINGS - 1):
            if took <= SLOW_READING:
                break
            # The machine stood still, or is busy; of the quickest reading it is best known when it was.
            took, now, found = min((took, now, found), self._read(), key=lambda reading: reading[0])
        counts: dict[Direction, int] = {}
        for count in found:
            way = (count.source, count.destination)
            if way in self.bandwidth:
                counts[way] = counts.get(way, 0) + count.bytes
        self.samples.append((now, counts))
        for (source, destination), total in counts.items():
            rows.write(f"{now:.3f},{source},{destination},{total}\n")

    def _read(self) -> tuple[float, float, list[Any]]:
        """Reads all counters: the seconds that it took, its time, and the counters."""
        began = self.clock()
        found = self.emulation.link_counters()
        ended = self.clock()
        # The middle is the best estimate of when the counters were read.
        return ended - began, (began + ended) / 2, found

    def load(self, seconds: float) -> dict[Direction, float]:
        """Load of each direction, from 0 to 0.99, as the mean over at least the last `seconds`."""
        if len(self.samples) < 2:
            return {}
        now, newest = self.samples[-1]
        old, oldest = next((sample for sample in reversed(self.samples) if now - sample[0] >= seconds), self.samples[0])
        return {
            way: min(MAX_LOAD, max(0.0, (newest[way] - oldest[way]) * 8e-6 / (now - old) / limit))
            for way, limit in self.bandwidth.items()
        }


class Reporter:
    """A reporter of measured load to the server."""

    def __init__(self, server: Server, scenario: Scenario, feedback: Feedback) -> None:
        self.server, self.feedback = server, feedback
        self.interval = feedback.interval
        self.links = list(scenario.core())

    def changes(self, load: dict[Direction, float], emulation: Countable) -> list[dict[str, Any]]:
        """The change to report for every core link. The busier direction counts, since both have the same cost."""
        changes = []
        for link in self.links:
            ways = [(link.source, link.destination)] + ([] if link.directed else [(link.destination, link.source)])
            busiest = max(load.get(way, 0.0) for way in ways)
            change: dict[str, Any] = {
                "source": link.source,
                "destination": link.destination,
                "up": bool(emulation.link(link.source, link.destination).up),
            }
            if self.feedback.kind == "price":
                change["price"] = round(self.feedback.gain * (1 / (1 - busiest) - 1), 3)
            else:
                change["utilisation"] = round(busiest, 3)
            changes.append(change)
        return changes

    def tell(self, source: str, destination: str, up: bool) -> None:
        """Reports at once that a link has failed or come back, as an adapter of a routing protocol would."""
        self.server.change_links([{"source": source, "destination": destination, "up": up}])

    def reroute(self, emulation: Countable) -> None:
        """Has packets take the routes of the server."""
        emulation.reroute(parse_routes(self.server.routes(), emulation.topology))

    def report(self, load: dict[Direction, float], emulation: Countable) -> dict[str, float]:
        """Reports the load and returns the price or utilisation of each link, or -1 if it is down."""
        changes = self.changes(load, emulation)
        self.server.change_links(changes)
        kind = self.feedback.kind
        if kind == "utilisation":
            self.reroute(emulation)
        return {
            f"{change['source']}-{change['destination']}": change[kind] if change["up"] else -1.0 for change in changes
        }
