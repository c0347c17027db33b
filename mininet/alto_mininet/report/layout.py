"""Positions of switches in drawings."""

from __future__ import annotations

import math

from ..scenario.model import Scenario


def layout(scenario: Scenario) -> dict[str, tuple[float, float]]:
    """Positions of the switches: from the scenario, or else on a circle."""
    missing = [name for name in scenario.switches if name not in scenario.positions]
    if not missing:
        return {name: scenario.positions[name] for name in scenario.switches}
    count = len(scenario.switches)
    return {
        name: (math.sin(2 * math.pi * i / count), math.cos(2 * math.pi * i / count))
        for i, name in enumerate(scenario.switches)
    }
