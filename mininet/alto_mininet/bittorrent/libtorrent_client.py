"""A BitTorrent client on libtorrent (Debian's python3-libtorrent): the engine of qBittorrent and Deluge.

Shares or fetches one torrent until it is ended, and makes the file `done` in its folder when it has all of it.
"""

from __future__ import annotations

import argparse
import signal
import sys
import time
from pathlib import Path

POLL_SECONDS = 0.2


def main(argv: list[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("torrent", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--upload", type=int, default=0, help="bytes per second; 0 for no limit")
    parser.add_argument("--neighbours", type=int, default=50)
    parser.add_argument("--exchange", action="store_true", help="exchanges peers with peers (PEX)")
    options = parser.parse_args(argv)
    import libtorrent as lt  # only where this client runs

    session = lt.session(
        {
            "listen_interfaces": f"0.0.0.0:{options.port}",
            "enable_dht": False,
            "enable_lsd": False,
            "enable_upnp": False,
            "enable_natpmp": False,
            # Ignores the interval of the tracker below this, which is five minutes by default.
            "min_announce_interval": 5,
            "connections_limit": options.neighbours,
            "upload_rate_limit": options.upload,
        }
    )
    # By default, limits do not hold between addresses of private networks, which all hosts here have.
    everybody = lt.ip_filter()
    everybody.add_rule("0.0.0.0", "255.255.255.255", 1 << lt.session.global_peer_class_id)
    session.set_peer_class_filter(everybody)
    torrent = lt.add_torrent_params()
    torrent.ti = lt.torrent_info(str(options.torrent))
    torrent.save_path = str(options.folder / "data")
    if not options.exchange:
        torrent.flags |= lt.torrent_flags.disable_pex
    handle = session.add_torrent(torrent)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    while not handle.status().is_seeding:
        time.sleep(POLL_SECONDS)
    (options.folder / "done").touch()
    while True:
        time.sleep(3600)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
