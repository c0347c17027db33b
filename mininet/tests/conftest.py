"""Paths, a fixture for tests that build networks, and a way to run a case in a process of its own."""

from __future__ import annotations

import functools
import importlib.util
import json
import os
import signal
import subprocess
import sys

import pytest

MININET = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
ROOT = os.path.dirname(MININET)
sys.path.insert(0, MININET)

# A shell that starts the tests in the background ignores Ctrl-C, and so would every program under test.
signal.signal(signal.SIGINT, signal.default_int_handler)

# Environment variable that turns tests that cannot run here into failures, for continuous integration.
REQUIRED = "REQUIRE_EMULATION"


@functools.lru_cache(maxsize=None)
def emulation_problem() -> str | None:
    """Reason why networks cannot be built here, or None."""
    if os.geteuid() != 0:
        return "needs root"
    if importlib.util.find_spec("mininet.net") is None:
        return f"Mininet is missing for {sys.executable} (apt-get install mininet; use /usr/bin/python3)"
    trial = subprocess.run(["unshare", "--net", "--pid", "--mount", "--fork", "true"], capture_output=True, text=True)
    if trial.returncode != 0:
        return f"no namespaces: {trial.stderr.strip()}"
    from alto_mininet.network.routes import RoutesError, find_alto_server

    try:
        find_alto_server()
    except RoutesError as error:
        return str(error)
    return None


@pytest.fixture(scope="session")
def networks() -> None:
    """Skips, or fails, tests that build networks where that is impossible."""
    problem = emulation_problem()
    if problem and os.environ.get(REQUIRED):
        pytest.fail(problem)
    if problem:
        pytest.skip(problem)


def run_case(case: str, *arguments: str, timeout: float = 300.0) -> dict:
    """Runs a case of `emulation_cases.py` in a process of its own, and returns its result."""
    program = os.path.join(MININET, "tests", "emulation_cases.py")
    command = [sys.executable, program, case, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=timeout, stdin=subprocess.DEVNULL)
    assert done.returncode == 0, f"{case}: status {done.returncode}\n{done.stdout}\n{done.stderr}"
    return json.loads(done.stdout.splitlines()[-1])
