"""Folders of the repository."""

from __future__ import annotations

from pathlib import Path

# The folder with the entry points, from which `python3 -m alto_mininet...` finds this package.
ENTRY_POINTS = Path(__file__).resolve().parents[1]
REPOSITORY = ENTRY_POINTS.parent
SHIPPED_TOPOLOGIES = REPOSITORY / "topo" / "data"
# The style of the server's page, which reports share.
SHARED_STYLE = REPOSITORY / "alto-server" / "src" / "ui" / "assets" / "base.css"
