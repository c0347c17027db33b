"""The relay: a small C program that delays frames between pairs of TAP devices, for kernels without netem.

It is compiled when needed, into a private temporary folder.
"""

from __future__ import annotations

import os
import select
import shutil
import subprocess
import tempfile
import time

from .plan import Cable
from .topology import Link

SOURCE = os.path.join(os.path.dirname(os.path.realpath(__file__)), "relay.c")
COMPILERS = ("cc", "gcc", "clang")
# Seconds to wait for an answer of the relay, which runs at real-time priority.
PATIENCE = 20.0


class RelayError(RuntimeError):
    """The relay cannot be compiled or has ended."""


class Relay:
    """A running relay process for a set of cables."""

    def __init__(self, cables: list[Cable], pids: dict[str, int]):
        """Starts the relay and attaches it to the TAP devices of the cables in the namespaces of `pids`."""
        self._places = {cable.index: place for place, cable in enumerate(cables)}
        self._pending = b""
        with tempfile.TemporaryDirectory(prefix="alto-relay-") as folder:
            program = _compile(folder)
            try:
                self._process = subprocess.Popen(
                    [program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True
                )
            except OSError as error:
                raise RelayError(
                    f"{program} cannot be run ({error.strerror}): set TMPDIR to a folder that allows it"
                ) from None
        try:
            for cable in cables:
                ends = " ".join(f"{pids[port.node]} {port.name}" for port in cable.ports)
                self._order(f"link {ends} {_values(cable)}")
            self._order("go")
            answer = self._answer("ready")
        except BaseException:
            self.stop()
            raise
        self.realtime = "realtime=1" in answer

    def change(self, cable: Cable) -> None:
        """Applies the current delays, queue limits and losses of a cable."""
        self._order(f"set {self._places[cable.index]} {_values(cable)}")

    def reset(self) -> None:
        """Resets the counters, which include frames dropped while the network was being set up."""
        self._order("reset")

    def facts(self) -> dict[str, int | bool]:
        """Counters of the relay; `late` frames were delivered more than 1 ms after they were due."""
        self._order("stats")
        numbers = [int(text) for text in self._answer("stats").split()[1:]]
        names = ("frames", "dropped", "lost", "late", "worst-us")
        return {"links": len(self._places), "realtime": self.realtime, **dict(zip(names, numbers))}

    def stop(self) -> None:
        """Ends the relay, which also ends by itself with this process."""
        for pipe in (self._process.stdin, self._process.stdout):
            try:
                pipe.close()
            except BrokenPipeError:
                pass
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _order(self, line: str) -> None:
        try:
            self._process.stdin.write(f"{line}\n".encode())
            self._process.stdin.flush()
        except (BrokenPipeError, ValueError):
            raise RelayError(f"the relay has ended: {self._last_words()}") from None

    def _answer(self, word: str) -> str:
        deadline = time.monotonic() + PATIENCE
        while True:
            line, found, rest = self._pending.partition(b"\n")
            if found:
                self._pending = rest
                text = line.decode("utf-8", "replace")
                if text.startswith(word):
                    return text
                raise RelayError(f"relay: {text.removeprefix('error ')}")
            waiting = select.poll()
            waiting.register(self._process.stdout, select.POLLIN)
            if not waiting.poll(max(deadline - time.monotonic(), 0) * 1000):
                raise RelayError(f"the relay did not answer within {PATIENCE:g} s")
            data = os.read(self._process.stdout.fileno(), 4096)
            if not data:
                raise RelayError("the relay ended without an answer")
            self._pending += data

    def _last_words(self) -> str:
        try:
            return self._answer("(nothing)")
        except RelayError as error:
            return str(error)


def compiler() -> str | None:
    """Path of a C compiler, or None."""
    return next((found for found in map(shutil.which, COMPILERS) if found), None)


def _compile(folder: str) -> str:
    found = compiler()
    if found is None:
        raise RelayError("no C compiler was found: apt-get install gcc")
    program = os.path.join(folder, "relay")
    command = [found, "-O2", "-o", program, SOURCE]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    if done.returncode != 0:
        raise RelayError(f"{' '.join(command)}: {done.stderr.strip()}")
    return program


def _values(cable: Cable) -> str:
    """Delay in microseconds, queue limit in bytes and loss in millionths, each for both directions."""
    ways = [_direction(cable.links[end], cable.links[1 - end]) for end in (0, 1)]
    return " ".join(f"{ways[0][i]} {ways[1][i]}" for i in range(3))


def _direction(link: Link | None, other: Link | None) -> tuple[int, int, int]:
    chosen = link or other
    if chosen is None:
        return 0, 1 << 20, 0
    # Twice the bandwidth-delay product plus room for bursts, so that the queue of the link always fills up first.
    room = int(chosen.bandwidth * 125 * chosen.delay * 2) + (1 << 20)
    return round(chosen.delay * 1000), min(room, 1 << 28), round(chosen.loss * 10_000)
