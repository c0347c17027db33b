"""The programs of a run: the ALTO server, the peers, and the events they print.

One thread reads the events of all peers, appends them to files, and keeps the state of each peer. Every wait is for an
event that a program prints, or for its end; none is for a fixed time.
"""

from __future__ import annotations

import json
import os
import selectors
import subprocess
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, Callable

from ..network.admin import UnixConnection
from .processes import STOP_SECONDS, end_processes, tail

# A function that starts a program on a host, with the arguments of Popen.
Start = Callable[..., subprocess.Popen]
# Seconds for an answer of /admin, which may have to compute routes.
ADMIN_SECONDS = 20


class RunError(Exception):
    """A reason why a run cannot continue."""


@dataclass
class State:
    """State of a peer, from its events."""

    name: str
    process: subprocess.Popen
    log: Path
    started: float
    seen: set[str] = field(default_factory=set)
    done: int = 0
    failure: str = ""
    ended: bool = False
    last: list[str] = field(default_factory=list)


class Peers:
    """All peers of a run."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.states: dict[str, State] = {}
        self._selector = selectors.DefaultSelector()
        self._changed = threading.Condition()
        self._files: dict[str, IO[bytes]] = {}
        self._partial: dict[str, bytes] = {}
        self._closing = False
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def start(self, name: str, start: Start, argv: list[str], cwd: Path) -> None:
        """Starts a peer, with one file for its events and one for its log."""
        log = self.folder / f"{name}.log"
        with log.open("wb") as errors:
            process = start(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=errors, cwd=cwd)
        assert process.stdout is not None
        os.set_blocking(process.stdout.fileno(), False)
        with self._changed:
            self.states[name] = State(name, process, log, time.time())
            # Without a buffer, so that an event is in the file as soon as it was read.
            self._files[name] = (self.folder / f"{name}.jsonl").open("wb", buffering=0)
            self._partial[name] = b""
            self._selector.register(process.stdout, selectors.EVENT_READ, name)

    def wait(self, condition: Callable[[], bool], seconds: float) -> bool:
        """Waits until a condition holds, testing it after every event of a peer. Returns False after `seconds`."""
        limit = time.monotonic() + seconds
        with self._changed:
            while not condition():
                rest = limit - time.monotonic()
                if rest <= 0:
                    return False
                self._changed.wait(rest)
            return True

    def wait_ready(self, names: list[str], event: str, seconds: float) -> None:
        """Waits until each peer has reported an event. A peer that does not is an error with the end of its log."""

        def settled() -> bool:
            return all(event in self.states[name].seen or self.states[name].ended for name in names)

        in_time = self.wait(settled, seconds)
        for name in names:
            state = self.states[name]
            if event not in state.seen:
                how = "ended" if state.ended else f"ran for {seconds:g} s" if not in_time else "continued"
                raise RunError(f'peer {name} {how} without reporting "{event}"' + self._said(state))

    def unfinished(self, wanted: dict[str, int]) -> list[str]:
        """Peers that still fetch: not complete, not failed, and not ended."""
        return [
            name
            for name, count in wanted.items()
            if name in self.states and not self._settled(self.states[name], count)
        ]

    @staticmethod
    def _settled(state: State, count: int) -> bool:
        return state.done >= count or bool(state.failure) or state.ended

    def failures(self, wanted: dict[str, int]) -> list[dict[str, Any]]:
        """Every peer that did not fetch all its files, with its last events and log lines."""
        found = []
        for name, count in wanted.items():
            state = self.states.get(name)
            if state is None or state.done >= count:
                continue
            reason = state.failure or ("ended early" if state.ended else "not finished when the run ended")
            found.append({"peer": name, "reason": reason, "events": state.last[-5:], "log": tail(state.log)})
        return found

    def stop(self, names: list[str] | None = None) -> None:
        """Ends peers, by default all."""
        states = [self.states[name] for name in (names or list(self.states))]
        end_processes([state.process for state in states])

    def close(self) -> None:
        """Ends all peers and closes their files."""
        self.stop()
        self.wait(lambda: all(state.ended for state in self.states.values()), STOP_SECONDS)
        self._closing = True
        self._thread.join(timeout=5)
        for file in self._files.values():
            file.close()

    def _said(self, state: State) -> str:
        lines = tail(state.log) + state.last[-3:]
        return "; its last output:\n  " + "\n  ".join(lines) if lines else "; it printed nothing"

    def _read(self) -> None:
        while not self._closing:
            # The time-out bounds how late `close` and newly registered peers are noticed.
            for key, _ in self._selector.select(timeout=0.1):
                pipe, name = key.fileobj, key.data
                data = os.read(pipe.fileno(), 1 << 16)  # type: ignore[union-attr]
                with self._changed:
                    if data:
                        self._files[name].write(data)
                        self._take(self.states[name], data)
                    else:
                        self._selector.unregister(pipe)
                        self.states[name].ended = True
                    self._changed.notify_all()

    def _take(self, state: State, data: bytes) -> None:
        *lines, self._partial[state.name] = (self._partial[state.name] + data).split(b"\n")
        for line in lines:
            try:
                event = json.loads(line)
                kind = event["event"]
            except (ValueError, KeyError, TypeError):
                continue
            state.seen.add(kind)
            if kind not in ("piece", "progress", "candidates"):
                state.last = [*state.last[-9:], line.decode(errors="replace")[:500]]
            if kind == "done":
                state.done += 1
            elif kind == "failed":
                state.failure = str(event.get("reason", "failed"))


class Server:
    """The ALTO server of a run."""

    def __init__(self, start: Start, argv: list[str], log: Path, socket_path: str) -> None:
        self.log, self.socket_path = log, socket_path
        self.process = start(
            argv, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
        )
        self._listening = threading.Event()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        assert self.process.stderr is not None
        with self.log.open("w", encoding="utf-8") as file:
            for line in self.process.stderr:
                file.write(line)
                file.flush()
                if "listening on" in line:
                    self._listening.set()
        self._ended.set()
        self._listening.set()

    def wait_ready(self, seconds: float) -> None:
        """Waits until the server logs that it listens."""
        if not self._listening.wait(seconds) or self._ended.is_set():
            raise RunError("the ALTO server did not start; its log ends with:\n  " + "\n  ".join(tail(self.log)))

    def check(self) -> None:
        """Raises an error if the server has ended, which makes a run worthless."""
        if self._ended.is_set():
            raise RunError("the ALTO server ended; its log ends with:\n  " + "\n  ".join(tail(self.log)))

    def change_links(self, changes: list[dict[str, Any]]) -> None:
        """Reports link changes to the server."""
        self._admin("POST", "/admin/links", {"changes": changes})

    def routes(self) -> Any:
        """The routes from which the server currently computes costs."""
        return self._admin("GET", "/admin/routes")

    def _admin(self, method: str, path: str, body: Any = None) -> Any:
        """Sends a request through the server's Unix socket, so that it causes no traffic on the emulated network."""
        connection = UnixConnection(self.socket_path, ADMIN_SECONDS)
        try:
            content = None if body is None else json.dumps(body)
            connection.request(method, path, content, {"Content-Type": "application/json"} if content else {})
            answer = connection.getresponse()
            text = answer.read().decode(errors="replace")
        finally:
            connection.close()
        if answer.status != 200:
            raise RunError(f"the ALTO server refused {method} {path}: {answer.status} {text[:500]}")
        return json.loads(text)

    def stop(self) -> None:
        end_processes([self.process])
        self._thread.join(timeout=STOP_SECONDS)
