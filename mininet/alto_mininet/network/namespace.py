"""Network namespaces of running processes, entered by threads of this process, and isolation of the whole emulation.

A thread may be in another network namespace than its process. So sockets are opened, settings written and programs
started in a node without a helper program for each, which keeps the start of a network of a hundred nodes short.
"""

from __future__ import annotations

import ctypes
import errno
import os
import select
import signal
import subprocess
import sys
import threading
from typing import Callable, TypeVar

CLONE_NEWNS = 0x00020000
CLONE_NEWPID = 0x20000000
CLONE_NEWNET = 0x40000000
PR_SET_PDEATHSIG = 1
SI_USER = 0
# Environment variable of an isolated process; its value is the ID of the process that created the namespaces.
ISOLATED = "ALTO_ISOLATED"

_libc = ctypes.CDLL(None, use_errno=True)
T = TypeVar("T")


class NamespaceError(RuntimeError):
    """A namespace cannot be created or entered."""


class CommandError(RuntimeError):
    """A program that configures the network failed."""


def _call(name: str, *arguments: int) -> None:
    if getattr(_libc, name)(*arguments) != 0:
        code = ctypes.get_errno()
        hint = ": needs root" if code == errno.EPERM else ""
        raise NamespaceError(f"{name}: {os.strerror(code)}{hint}")


class Namespace:
    """The network namespace of a process."""

    def __init__(self, pid: int):
        self._file = os.open(f"/proc/{pid}/ns/net", os.O_RDONLY | os.O_CLOEXEC)

    def close(self) -> None:
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def run(self, work: Callable[[], T]) -> T:
        """Calls `work` in a new thread inside the namespace, and returns its result or raises its exception."""
        result: list[T] = []
        failure: list[BaseException] = []

        def inside() -> None:
            try:
                _call("setns", self._file, CLONE_NEWNET)
                result.append(work())
            except BaseException as error:  # raised again in the calling thread
                failure.append(error)

        thread = threading.Thread(target=inside)
        thread.start()
        thread.join()
        if failure:
            raise failure[0]
        return result[0]

    def batch(self, program: str, lines: list[str]) -> None:
        """Runs many commands of `ip` or `tc` in one batch. An error names the first command that failed."""
        if not lines:
            return
        text = "\n".join(lines) + "\n"

        def work() -> None:
            try:
                done = subprocess.run([program, "-batch", "-"], input=text, capture_output=True, text=True, timeout=60)
            except (OSError, subprocess.TimeoutExpired) as error:
                raise CommandError(f"{program}: {error}") from None
            if done.returncode != 0:
                place = next((int(w.split(":")[1]) for w in done.stderr.split() if w.startswith("-:")), 0)
                line = lines[place - 1] if 0 < place <= len(lines) else "(unknown line)"
                raise CommandError(f"{program} {line}: {done.stderr.strip()}")

        self.run(work)

    def set(self, settings: dict[str, str]) -> None:
        """Writes kernel settings, named by their paths below /proc/sys; skips those this kernel does not have."""

        def work() -> None:
            for path, value in settings.items():
                try:
                    with open(f"/proc/sys/{path}", "w", encoding="ascii") as file:
                        file.write(value)
                except OSError as error:
                    # The write may fail on close, whose error does not name the file.
                    error.filename = f"/proc/sys/{path}"
                    if error.errno != errno.ENOENT:
                        raise

        self.run(work)


def is_isolated() -> bool:
    """Whether this process or an ancestor called `isolate`."""
    return ISOLATED in os.environ


def isolate() -> None:
    """Moves the rest of the program into network, PID and mount namespaces of its own.

    When the process inside is killed, even by SIGKILL, the kernel ends everything that was started inside and removes
    the interfaces. Several isolated programs do not see each other. The calling process stays outside,
    forwards the signals it receives, and ends with the status of the inner one. Call it before threads are started.
    A second call has no effect.
    """
    if is_isolated():
        return
    if threading.active_count() > 1:
        raise NamespaceError("isolate() was called after threads were started: call it earlier")
    sys.stdout.flush()
    sys.stderr.flush()
    outside = os.getpid()
    # Closes with the outer process. The inner one checks it once, since PR_SET_PDEATHSIG misses an earlier death.
    reading, writing = os.pipe()
    watched = {signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGCHLD}
    before = signal.pthread_sigmask(signal.SIG_BLOCK, watched)
    _call("unshare", CLONE_NEWNET | CLONE_NEWNS | CLONE_NEWPID)
    child = os.fork()
    if child:
        _stand_by(child, watched)
    try:
        os.close(writing)
        _call("prctl", PR_SET_PDEATHSIG, signal.SIGKILL)
        waiting = select.poll()
        waiting.register(reading, select.POLLIN)
        if waiting.poll(0):
            os._exit(1)
        os.close(reading)
        _prepare()
    except BaseException:
        _report_and_exit()
    os.environ[ISOLATED] = str(outside)
    signal.signal(signal.SIGTERM, _exit_on_signal)
    signal.signal(signal.SIGHUP, _exit_on_signal)
    signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _report_and_exit() -> None:
    import traceback

    traceback.print_exc()
    sys.stderr.flush()
    os._exit(1)


def _prepare() -> None:
    """Mounts /proc and /sys of the new namespaces, invisible outside."""
    for command in (
        ["mount", "--make-rprivate", "/"],
        ["mount", "-t", "proc", "proc", "/proc"],
        ["mount", "-t", "sysfs", "sysfs", "/sys"],
        ["ip", "link", "set", "lo", "up"],
    ):
        done = subprocess.run(command, capture_output=True, text=True, timeout=30)
        if done.returncode != 0:
            raise NamespaceError(f"{' '.join(command)}: {done.stderr.strip()}")


def _exit_on_signal(number: int, _frame: object) -> None:
    raise SystemExit(128 + number)


def _stand_by(child: int, watched: set[signal.Signals]) -> None:
    """Forwards signals to the child until it ends, then exits with its status."""
    while True:
        received = signal.sigwaitinfo(watched)
        if received.si_signo == signal.SIGCHLD:
            ended, status = os.waitpid(child, os.WNOHANG)
            if ended:
                code = os.waitstatus_to_exitcode(status)
                # A fatal signal becomes 128 plus its number, as in a shell.
                os._exit(code if code >= 0 else 128 - code)
        elif received.si_signo != signal.SIGINT or received.si_code == SI_USER:
            # The terminal sent its interrupt to the child as well; a second one would interrupt the cleanup.
            os.kill(child, received.si_signo)
