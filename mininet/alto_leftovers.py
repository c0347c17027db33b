"""Programs that an earlier emulation left behind when it was killed, found by a mark of ours and by nothing else.

In namespaces of its own an emulation leaves nothing: the kernel ends all. Without them (`--no-isolate`) the programs
it started in hosts go on. They carry the process they belong to in their environment; when that is gone, they are
ended.
"""

from __future__ import annotations

import os
import signal
from typing import Callable, Mapping

MARK = "ALTO_EMULATION"


def _birth(pid: int) -> str | None:
    """When a process started, so that another of the same number is not taken for it."""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
            return file.read().rpartition(")")[2].split()[19]
    except (OSError, IndexError):
        return None


def mark(environment: Mapping[str, str] | None) -> dict[str, str]:
    """An environment that says whose program this is."""
    own = os.getpid()
    # Process numbers mean something only within their namespace, and ours may be seen from outside.
    return {**(os.environ if environment is None else environment), MARK: f"{_numbering()} {own} {_birth(own)}"}


def _numbering() -> str:
    """Which namespace this process counts processes in."""
    return os.readlink("/proc/self/ns/pid")


def clean(say: Callable[[str], None]) -> int:
    """Ends what belongs to emulations that are gone; returns how many programs that were."""
    ended = 0
    for entry in os.listdir("/proc"):
        if not entry.isdigit():
            continue
        owner = _owner(int(entry))
        if owner is None:
            continue
        numbering, _, rest = owner.partition(" ")
        pid, _, birth = rest.partition(" ")
        # Of an emulation in namespaces of its own nothing can be left, and its numbers are not ours.
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
    """Ends what still runs in some network namespaces, apart from the shells they belong to.

    A program may have left its group; the namespace of its host it did not leave.
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
