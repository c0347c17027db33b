"""A summary of the measurements of a network."""

from __future__ import annotations

from typing import Any


def describe_verification(found: dict[str, Any]) -> str:
    """One line with the number of rates, delays and paths that are as set."""
    rates = [entry for entry in found["rates"] if "skipped" not in entry]
    good = {
        key: sum(bool(entry["ok"]) for entry in entries)
        for key, entries in (("paths", found["paths"]), ("delays", found["delays"]), ("rates", rates))
    }
    return (
        f"{good['rates']} of {len(rates)} rates within 10 %, {good['delays']} of {len(found['delays'])} delays, "
        f"{good['paths']} of {len(found['paths'])} paths as computed"
    )
