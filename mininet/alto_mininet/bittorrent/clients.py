"""Transmission, aria2 and libtorrent as programs in emulated hosts, configured alike.

Each client gets a folder, shares or fetches one torrent, and makes the file `done` in its folder when it has all of it.
Discovery beside the tracker (DHT, local peer discovery) is off. Peer exchange is on only where a run is to show what it
does; in a private torrent clients ignore the setting.
"""

from __future__ import annotations

import importlib.util
import json
import shutil
import stat
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Iterable

from . import libtorrent_client

PORT = 6881
# Programs of the clients; each is in the Debian package of the same name, but for aria2c in aria2.
PROGRAMS = {"transmission": "transmission-daemon", "aria2": "aria2c"}


@dataclass(frozen=True)
class Task:
    """What one client does in a run."""

    torrent: Path
    # The content, for a client that shares from the start.
    content: Path | None
    # Limit on sending in bytes per second, or None.
    upload: int | None
    neighbours: int
    exchange: bool


def missing(wanted: Iterable[str]) -> list[str]:
    """Debian packages of those of the wanted clients that are not installed."""
    found = []
    for client in sorted(set(wanted)):
        if client == "libtorrent" and importlib.util.find_spec("libtorrent") is None:
            found.append("python3-libtorrent")
        if client in PROGRAMS and shutil.which(PROGRAMS[client]) is None:
            found.append("aria2" if client == "aria2" else PROGRAMS[client])
    return found


def command(client: str, folder: Path, task: Task) -> list[str]:
    """Prepares the folder of a client, and returns the command line that starts it."""
    (folder / "data").mkdir(parents=True)
    if task.content is not None:
        shutil.copy(task.content, folder / "data")
    return {"transmission": _transmission, "aria2": _aria2, "libtorrent": _libtorrent}[client](folder, task)


def is_done(folder: Path) -> bool:
    """Whether the client with this folder has all of the content."""
    return (folder / "done").exists()


def _hook(folder: Path) -> Path:
    """A program that a client starts when it has finished."""
    script = folder / "finished"
    script.write_text(f"#!/bin/sh\ntouch '{folder / 'done'}'\n")
    script.chmod(script.stat().st_mode | stat.S_IXUSR)
    return script


def _transmission(folder: Path, task: Task) -> list[str]:
    (folder / "watch").mkdir()
    shutil.copy(task.torrent, folder / "watch")
    settings = {
        "dht-enabled": False,
        "lpd-enabled": False,
        "pex-enabled": task.exchange,
        "utp-enabled": False,
        "port-forwarding-enabled": False,
        "encryption": 0,
        "peer-port": PORT,
        "peer-limit-per-torrent": task.neighbours,
        "preallocation": 0,
        "rename-partial-files": False,
        "rpc-enabled": False,
        "download-dir": str(folder / "data"),
        "watch-dir": str(folder / "watch"),
        "watch-dir-enabled": True,
        "script-torrent-done-enabled": True,
        "script-torrent-done-filename": str(_hook(folder)),
        "speed-limit-up": max(1, (task.upload or 0) // 1000),
        "speed-limit-up-enabled": task.upload is not None,
    }
    (folder / "settings.json").write_text(json.dumps(settings))
    return ["transmission-daemon", "--foreground", "--config-dir", str(folder)]


def _aria2(folder: Path, task: Task) -> list[str]:
    more = ["--check-integrity=true"] if task.content is not None else []
    if task.upload is not None:
        more.append(f"--max-upload-limit={task.upload}")
    return [
        "aria2c", "--no-conf", f"--dir={folder / 'data'}", "--enable-dht=false", "--enable-dht6=false",
        "--bt-enable-lpd=false", f"--enable-peer-exchange={str(task.exchange).lower()}", f"--listen-port={PORT}",
        f"--bt-max-peers={task.neighbours}", "--seed-ratio=0.0", "--file-allocation=none", "--summary-interval=0",
        "--show-console-readout=false", f"--on-bt-download-complete={_hook(folder)}", *more, str(task.torrent),
    ]  # fmt: skip


def _libtorrent(folder: Path, task: Task) -> list[str]:
    return [
        sys.executable, libtorrent_client.__file__, str(task.torrent), str(folder), "--port", str(PORT),
        "--upload", str(task.upload or 0), "--neighbours", str(task.neighbours),
        *(["--exchange"] if task.exchange else []),
    ]  # fmt: skip
