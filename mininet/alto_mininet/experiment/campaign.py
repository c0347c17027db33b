"""All runs of an experiment: finished ones are kept, the others run several at a time.

A run is a folder. It is finished if and only if it holds result.json, which is moved there last. Unfinished runs are
removed and repeated, so that the same command resumes an experiment that was stopped or killed.
"""

from __future__ import annotations

import ctypes
import fcntl
import hashlib
import json
import os
import selectors
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from statistics import fmean
from typing import Any, Callable

from ..places import ENTRY_POINTS
from ..scenario.model import Scenario, ScenarioError
from ..verify.summary import describe_verification
from .processes import end_processes, tail

PR_SET_PDEATHSIG = 1
REPORT_SECONDS = 10


@dataclass(frozen=True)
class Run:
    """One run of a policy with a seed."""

    policy: str
    seed: int

    @property
    def name(self) -> str:
        return f"{self.policy}-{self.seed}"


@dataclass
class Options:
    """Options of all runs."""

    programs: Path
    delay_mode: str
    keep_content: bool = False
    more: dict[str, Any] = field(default_factory=dict)


@dataclass
class Active:
    """A run in progress."""

    run: Run
    process: subprocess.Popen
    started: float
    state: str = "starting"


def fingerprint(folder: Path) -> str:
    """Hash of all files of a scenario."""
    digest = hashlib.sha256()
    for path in sorted(folder.glob("*.json")):
        digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()


class Campaign:
    """An experiment with its folder."""

    def __init__(self, out: Path, scenario: Scenario) -> None:
        self.out, self.scenario = out, scenario
        self._lock: int | None = None

    def open(self) -> None:
        """Locks the folder and copies the scenario into it, from which the report is made."""
        (self.out / "runs").mkdir(parents=True, exist_ok=True)
        self._lock = os.open(self.out / ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise ScenarioError(f"{self.out}: another experiment is running here: give another --out") from None
        kept = self.out / "scenario" / self.scenario.name
        if kept.exists():
            if fingerprint(kept) != fingerprint(self.scenario.folder):
                raise ScenarioError(
                    f"{self.out}: holds runs of a different version of scenario {self.scenario.name}: "
                    "give another --out, or remove the folder"
                )
            return
        if any((self.out / "scenario").glob("*")):
            raise ScenarioError(f"{self.out}: holds runs of another scenario: give another --out")
        # Renamed when complete, so that a kill leaves no partial copy.
        partial = self.out / "scenario.partial"
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir()
        for path in self.scenario.folder.glob("*.json"):
            shutil.copy(path, partial / path.name)
        (self.out / "scenario").mkdir(exist_ok=True)
        partial.rename(kept)

    def folder(self, run: Run) -> Path:
        return self.out / "runs" / run.name

    def is_finished(self, run: Run) -> bool:
        return (self.folder(run) / "result.json").is_file()

    def to_do(self, policies: list[str], seeds: list[int]) -> list[Run]:
        """Unfinished runs, seed by seed, so that at any time all policies have about equally many runs."""
        return [run for seed in seeds for policy in policies if not self.is_finished(run := Run(policy, seed))]

    def clear(self, run: Run) -> Path:
        """Empties the folder of a run and returns it."""
        folder = self.folder(run)
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        return folder

    def past_durations(self) -> list[float]:
        """Durations of finished runs in seconds, with building the network."""
        found = []
        for path in (self.out / "runs").glob("*/result.json"):
            try:
                found.append(float(json.loads(path.read_text())["wall_seconds"]))
            except (ValueError, KeyError):
                continue
        return found


def die_with_parent() -> None:
    """Makes the kernel kill this process, and with it everything in its namespaces, when the runner dies."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def time_left(durations: list[float], active: list[float], waiting: int, jobs: int, guess: float) -> float:
    """Estimate of the seconds until all runs are finished; `active` holds the age of each active run."""
    each = fmean(durations) if durations else guess
    rest = sum(max(each - elapsed, each * 0.05) for elapsed in active) + waiting * each
    return rest / max(1, min(jobs, len(active) + waiting))


def span(seconds: float) -> str:
    """A duration in seconds or minutes."""
    return f"{seconds:.0f} s" if seconds < 100 else f"{seconds / 60:.0f} min"


def run_all(campaign: Campaign, runs: list[Run], options: Options, jobs: int, say: Callable[[str], None]) -> list[Run]:
    """Executes all runs and returns those that failed. An interrupt ends the active runs and is raised again."""
    waiting, active, failed = list(runs), [], []
    selector = selectors.DefaultSelector()
    total, durations, said = len(runs), campaign.past_durations(), 0.0
    try:
        while waiting or active:
            while waiting and len(active) < jobs:
                one = begin(campaign, waiting.pop(0), options)
                active.append(one)
                selector.register(one.process.stdout, selectors.EVENT_READ, one)
            for key, _ in selector.select(timeout=1):
                one = key.data
                line = one.process.stdout.readline()
                if line:
                    one.state = line.strip()[:200]
                    continue
                selector.unregister(one.process.stdout)
                active.remove(one)
                one.process.wait()
                if campaign.is_finished(one.run):
                    durations.append(time.monotonic() - one.started)
                else:
                    failed.append(one.run)
                say(finish_line(campaign, one, total - len(waiting) - len(active), total))
                said = 0.0
            if active and time.monotonic() - said > REPORT_SECONDS:
                elapsed = [time.monotonic() - one.started for one in active]
                left = time_left(durations, elapsed, len(waiting), jobs, campaign.scenario.time_limit / 3)
                states = "; ".join(f"{one.run.name}: {one.state}" for one in active)
                say(f"{states}; about {span(left)} left{'' if durations else ' (a guess: no run has finished yet)'}")
                said = time.monotonic()
    finally:
        end_processes([one.process for one in active])
    return failed


def verify(campaign: Campaign, options: Options, say: Callable[[str], None]) -> None:
    """Measures the network once, before the first run, and keeps the result for the report."""
    result = campaign.out / "verification.json"
    if result.is_file():
        return
    say("measuring the network before the first run")
    argv = [
        sys.executable,
        "-m",
        "alto_mininet.verify.measure",
        str(campaign.out / "scenario" / campaign.scenario.name / "topo.json"),
        str(result),
        "--alto-server",
        str(options.programs / "alto-server"),
        "--delay-mode",
        options.delay_mode,
    ]
    log = campaign.out / "verification.log"
    with log.open("wb") as errors:
        process = subprocess.Popen(
            argv,
            cwd=ENTRY_POINTS,
            stdin=subprocess.DEVNULL,
            stdout=errors,
            stderr=errors,
            preexec_fn=die_with_parent,
        )
        try:
            process.wait()
        finally:
            end_processes([process])
    if not result.is_file():
        raise ScenarioError("the network could not be built or measured; the log ends:\n  " + "\n  ".join(tail(log)))
    say(describe_verification(json.loads(result.read_text())))


def begin(campaign: Campaign, run: Run, options: Options) -> Active:
    """Starts a run as a process of its own, which isolates itself."""
    folder = campaign.clear(run)
    argv = [
        sys.executable,
        "-m",
        "alto_mininet.experiment.single_run",
        str(campaign.out / "scenario" / campaign.scenario.name),
        str(folder),
        "--policy",
        run.policy,
        "--seed",
        str(run.seed),
        "--programs",
        str(options.programs),
        "--delay-mode",
        options.delay_mode,
    ]
    if options.keep_content:
        argv.append("--keep-content")
    with (folder / "run.log").open("wb") as log:
        process = subprocess.Popen(
            argv,
            cwd=ENTRY_POINTS,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            bufsize=1,
            preexec_fn=die_with_parent,
        )
    return Active(run, process, time.monotonic())


def finish_line(campaign: Campaign, one: Active, number: int, total: int) -> str:
    """A message about an ended run: its duration, or the reason of its failure."""
    took = f"after {span(time.monotonic() - one.started)}"
    folder = campaign.folder(one.run)
    head = f"[{number}/{total}] {one.run.policy}, seed {one.run.seed}: "
    if not campaign.is_finished(one.run):
        return head + f"FAILED {took}; {folder / 'run.log'} ends with:\n  " + "\n  ".join(tail(folder / "run.log"))
    failures = json.loads((folder / "result.json").read_text())["failures"]
    if not failures:
        return head + f"done {took}"
    lines = [f"  {failure['peer']}: {failure['reason']}" for failure in failures[:10]]
    return head + f"done {took}, but {len(failures)} peers did not finish:\n" + "\n".join(lines)
