"""Child processes: how they are ended, and the last lines of their logs."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path

STOP_SECONDS = 10
TAIL_LINES = 15


def tail(path: Path, lines: int = TAIL_LINES) -> list[str]:
    """The last lines of a log, or none if it cannot be read."""
    try:
        return path.read_text(errors="replace").splitlines()[-lines:]
    except OSError:
        return []


def end_processes(processes: list[subprocess.Popen]) -> None:
    """Ends programs by SIGTERM, and after STOP_SECONDS by SIGKILL."""
    for process in processes:
        if process.poll() is None:
            process.terminate()
    limit = time.monotonic() + STOP_SECONDS
    for process in processes:
        try:
            process.wait(timeout=max(0.1, limit - time.monotonic()))
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
