"""Cleanup of programs that a killed emulation left behind, identified by a variable in their environment.

An isolated emulation leaves nothing behind, because the kernel ends everything in its namespaces. Without isolation
(`--no-isolate`) the programs in hosts survive. Their environment names the process they belong to; once that process
is gone, they are killed.
"""

from __future__ import annotations

import os
import signal
from typing import Callable, Mapping

MARK = "ALTO_EMULATION"


def _birth(pid: int) -> str | None:
    """Start time of a process, which tells it from a later process with the same ID."""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
            return file.read().rpartition(")")[2].split()[19]
    except (OSError, IndexError):
        return None


def mark(environment: Mapping[str, str] | None) -> dict[str, str]:
    """A copy of an environment with the mark of this process."""
    own = os.getpid()
    # Process IDs are meaningful only within their namespace, and this process may be seen from outside of it.
    return {**(os.environ if environment is None else environment), MARK: f"{_numbering()} {own} {_birth(own)}"}


def _numbering() -> str:
    """Identity of the PID namespace of this process."""
    return os.readlink("/proc/self/ns/pid")


def clean(say: Callable[[str], None]) -> int:
    """Kills programs of emulations that are gone, and returns their number."""
    ended = 0
    for entry in os.listdir("/proc"):
        if not entry.isdigit():
            continue
        owner = _owner(int(entry))
        if owner is None:
            continue
        numbering, _, rest = owner.partition(" ")
        pid, _, birth = rest.partition(" ")
        # An isolated emulation leaves nothing behind, and its process IDs belong to another namespace.
        if numbering == _numbering() and pid.isdigit() and _birth(int(pid)) != birth:
            try:
                os.kill(int(entry), signal.SIGKILL)
            except ProcessLookupError:
                continue
            ended += 1
    if ended:
        say(f"ended {ended} program(s) that an emulation left behind when it was killed")
    return ended


def end_inside(spaces: Mapping[str, int]) -> None:
    """Kills everything that runs in the given network namespaces, except the nodes' shells.

    A program may have left its process group, but not the namespace of its host.
    """
    for entry in filter(str.isdigit, os.listdir("/proc")):
        try:
            shell = spaces.get(os.readlink(f"/proc/{entry}/ns/net"))
            if shell is not None and int(entry) != shell:
                os.kill(int(entry), signal.SIGKILL)
        except OSError:
            continue


def _owner(pid: int) -> str | None:
    try:
        with open(f"/proc/{pid}/environ", "rb") as file:
            entries = file.read(1 << 20).split(b"\0")
    except OSError:
        return None
    prefix = f"{MARK}=".encode()
    return next(
        (entry[len(prefix) :].decode("ascii", "replace") for entry in entries if entry.startswith(prefix)), None
    )
