#!/usr/bin/python3
"""Swarms of unmodified BitTorrent clients in Mininet, guided by the tracker of alto-server.

    sudo python3 mininet/bittorrent.py clients
    sudo python3 mininet/bittorrent.py clients --client aria2 --arm "alto, k=0" --megabytes 4
    sudo python3 mininet/bittorrent.py abilene --seeds 2 --out abilene.jsonl
    sudo python3 mininet/bittorrent.py rfc5632 --seeds 1
"""

from __future__ import annotations

import sys

from alto_mininet.bittorrent.cli import main

if __name__ == "__main__":
    sys.exit(main())
