"""Swarms of unmodified BitTorrent clients that the tracker of alto-server guides."""
