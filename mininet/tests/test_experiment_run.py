"""Tests of a real experiment in emulated networks: killed, interrupted and resumed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time

import pytest

from alto_mininet.experiment.cli import find_programs
from alto_mininet.places import ENTRY_POINTS
from alto_mininet.report.measures import measure
from alto_mininet.scenario.families import small
from alto_mininet.scenario.load import load
from alto_mininet.scenario.model import ScenarioError

EXPERIMENT = ENTRY_POINTS / "experiment.py"
SIZE = 1 << 20
PATIENCE = 120


def missing() -> str:
    """Reason why no network can be emulated here, or an empty text."""
    if os.geteuid() != 0:
        return "building a network needs root"
    tried = subprocess.run(["unshare", "--net", "--mount", "--pid", "--fork", "true"], capture_output=True, check=False)
    if tried.returncode != 0:
        return "network namespaces cannot be made here"
    try:
        from mininet.net import Mininet  # noqa: F401
    except ImportError:
        return "Mininet is not installed for this Python (apt-get install mininet)"
    try:
        programs = find_programs(os.environ.get("ALTO_PROGRAMS"))
    except ScenarioError as error:
        return str(error)
    known = subprocess.run([programs / "alto-peer", "run", "--help"], capture_output=True, check=False)
    return "" if known.returncode == 0 else "alto-peer cannot run a scenario's peers"


pytestmark = pytest.mark.skipif(bool(missing()), reason=f"skipped: {missing()}")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("scenario") / "tiny"
    small(folder, 3, SIZE, access=20, peering=5, policies=("random", "alto"))
    return folder


def command(folder, out, *more):
    programs = find_programs(os.environ.get("ALTO_PROGRAMS"))
    return [
        sys.executable,
        str(EXPERIMENT),
        "run",
        str(folder),
        "--seeds",
        "1",
        "--out",
        str(out),
        "--programs",
        str(programs),
        *more,
    ]


def ours(out) -> list[str]:
    """Command lines of all processes that belong to an experiment."""
    found = []
    for name in os.listdir("/proc"):
        if name.isdigit() and int(name) != os.getpid():
            try:
                with open(f"/proc/{name}/cmdline", "rb") as file:
                    line = file.read().replace(b"\0", b" ").decode(errors="replace")
            except OSError:
                continue
            if str(out) in line:
                found.append(line)
    return found


def wait_until(condition, what):
    """Waits for a condition. Polls, because files and processes of others raise no event here."""
    limit = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < limit, what
        time.sleep(0.05)


def reported(events) -> bool:
    """Whether a peer has reported an event. Its file is not there before the peer, nor after the run."""
    try:
        return events.stat().st_size > 0
    except FileNotFoundError:
        return False


def test_a_killed_experiment_leaves_nothing_and_resumes(folder, tmp_path):
    out = tmp_path / "out"
    with (tmp_path / "first.log").open("w") as log:
        runner = subprocess.Popen(command(folder, out, "--no-verify"), stdout=log, stderr=log)
        events = out / "runs" / "random-1" / "events" / "e1.jsonl"
        wait_until(lambda: reported(events), "no peer reported an event")
        runner.send_signal(signal.SIGKILL)
        runner.wait()
    wait_until(lambda: not ours(out), f"still there after the runner was killed: {ours(out)}")
    assert not (out / "runs" / "random-1" / "result.json").exists()

    done = subprocess.run(
        command(folder, out, "--jobs", "2"), capture_output=True, text=True, timeout=PATIENCE * 2, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert not ours(out)
    scenario = load(folder)
    for policy in ("random", "alto"):
        result = json.loads((out / "runs" / f"{policy}-1" / "result.json").read_text())
        assert result["failures"] == []
        found = measure(scenario, out / "runs" / f"{policy}-1")
        assert found.summary["unfinished"] == 0
        # Every piece is reported once, with its source; duplicates are not among them.
        assert sum(found.matrix.values()) == 5 * SIZE
        # Three peers are behind the narrow link, so at least one copy crosses it.
        assert found.copies["isp-east"][1] >= 0.99
        assert found.summary["protected_mb"] * 1e6 > found.matrix["isp-west", "isp-east"]
        assert found.summary["max_load"] < 1.05
    assert "within 10 %" in (out / "report.html").read_text()

    before = (out / "runs" / "alto-1" / "result.json").stat().st_mtime_ns
    again = subprocess.run(command(folder, out), capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert "0 runs to make, 2 kept" in again.stdout
    assert (out / "runs" / "alto-1" / "result.json").stat().st_mtime_ns == before


def test_an_interrupted_experiment_ends_its_runs(folder, tmp_path):
    out = tmp_path / "out"
    with (tmp_path / "log").open("w") as log:
        runner = subprocess.Popen(command(folder, out, "--no-verify"), stdout=log, stderr=log)
        events = out / "runs" / "random-1" / "events" / "w1.jsonl"
        wait_until(lambda: reported(events), "no peer reported an event")
        runner.terminate()
        assert runner.wait(timeout=PATIENCE) == 130
    wait_until(lambda: not ours(out), f"still there after the runner was interrupted: {ours(out)}")
    assert "interrupted" in (tmp_path / "log").read_text()


def test_running_without_root_is_an_error(folder, tmp_path):
    argv = command(folder, tmp_path / "out")
    done = subprocess.run(
        argv,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        user=65534,
        group=65534,
        extra_groups=[],
        env={"PATH": os.environ["PATH"], "PYTHONDONTWRITEBYTECODE": "1"},
    )
    if "Permission denied" in done.stderr:
        pytest.skip("skipped: another user cannot read the checkout")
    assert done.returncode == 78
    assert "needs root" in done.stderr
