"""Where the emulation is, and whether this machine can run one."""

from __future__ import annotations

import functools
import importlib.util
import json
import os
import subprocess
import sys

import pytest

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
MININET = os.path.join(ROOT, "mininet")
sys.path.insert(0, MININET)

# Set where a test that cannot run is a failure, such as in continuous integration.
REQUIRED = "REQUIRE_EMULATION"


@functools.lru_cache(maxsize=None)
def emulation_problem() -> str | None:
    """Why networks cannot be built here, or nothing."""
    if os.geteuid() != 0:
        return "needs root"
    if importlib.util.find_spec("mininet.net") is None:
        return f"Mininet is missing for {sys.executable} (apt-get install mininet; use /usr/bin/python3)"
    trial = subprocess.run(["unshare", "--net", "--pid", "--mount", "--fork", "true"], capture_output=True, text=True)
    if trial.returncode != 0:
        return f"no namespaces: {trial.stderr.strip()}"
    from alto_routes import RoutesError, find_alto_server

    try:
        find_alto_server()
    except RoutesError as error:
        return str(error)
    return None


@pytest.fixture(scope="session")
def networks() -> None:
    """For tests that build networks."""
    problem = emulation_problem()
    if problem and os.environ.get(REQUIRED):
        pytest.fail(problem)
    if problem:
        pytest.skip(problem)


def run_case(case: str, *arguments: str, timeout: float = 100.0) -> dict:
    """Runs a case of `emulation_cases.py` in a process, and so in namespaces, of its own; returns what it measured."""
    program = os.path.join(ROOT, "tests", "emulation_cases.py")
    command = [sys.executable, program, case, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=timeout, stdin=subprocess.DEVNULL)
    assert done.returncode == 0, f"{case}: status {done.returncode}\n{done.stdout}\n{done.stderr}"
    return json.loads(done.stdout.splitlines()[-1])
