"""Tests of real networks: built in Mininet, measured, changed, and killed."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time

import pytest
from conftest import MININET, ROOT, run_case

pytestmark = pytest.mark.usefixtures("networks")


def wait_until(condition, seconds: float = 20.0):
    """Returns the result of a condition once it is true. Polls, because other processes' ends raise no event here."""
    deadline = time.monotonic() + seconds
    while not (result := condition()):
        assert time.monotonic() < deadline, f"not true within {seconds:g} s"
        time.sleep(0.02)
    return result


def processes() -> dict[int, int]:
    """All processes, with their parents."""
    found = {}
    for entry in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{entry}/stat", encoding="utf-8", errors="replace") as file:
                fields = file.read().rpartition(")")[2].split()
        except OSError:
            continue
        if fields[0] != "Z":
            found[int(entry)] = int(fields[1])
    return found


def descendants(root: int) -> set[int]:
    """A process and all its descendants."""
    parents, found = processes(), {root}
    while more := {pid for pid, parent in parents.items() if parent in found} - found:
        found |= more
    return found


def namespaces(pids: set[int]) -> set[str]:
    found = set()
    for pid in pids:
        try:
            found.add(os.readlink(f"/proc/{pid}/ns/net"))
        except OSError:
            pass
    return found


def interfaces() -> set[str]:
    return set(os.listdir("/sys/class/net"))


@pytest.fixture
def start():
    """A function that starts a case whose network keeps running; ends it after the test."""
    families: list[tuple[subprocess.Popen, set[int]]] = []

    def one(case: str) -> subprocess.Popen:
        program = [sys.executable, os.path.join(MININET, "tests", "emulation_cases.py"), case]
        running = subprocess.Popen(program, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True)
        families.append((running, {running.pid}))
        line = running.stdout.readline()
        assert line.startswith("ready"), line
        running.said = line.split()
        families[-1] = (running, descendants(running.pid))
        return running

    yield one
    for running, family in families:
        running.kill()
        running.wait(20)
        # Process IDs are reused, but not within the time of a test.
        for pid in family & set(processes()):
            os.kill(pid, signal.SIGKILL)


@pytest.fixture(scope="module")
def whole(networks: None) -> dict:
    return run_case("whole")


def test_every_pair_of_hosts_is_reached_by_its_route(whole):
    paths = whole["paths"]
    assert len(paths) == 6 * 5 * 2, "every pair, over IPv4 and IPv6"
    assert [entry for entry in paths if not entry["ok"]] == []
    # The cheap link between the providers, not the near one.
    assert {tuple(e["path"]) for e in paths if (e["source"], e["destination"]) == ("ah2", "bh1")} == {
        ("ah2", "a2", "a1", "b1", "bh1")
    }


def test_links_reach_their_rate_within_ten_percent(whole):
    assert {(e["source"], e["set-mbit"]) for e in whole["shaping"]} == {("a1", 4), ("b1", 4), ("ah3", 1), ("a3", 20)}
    assert [entry for entry in whole["shaping"] if not entry["ok"]] == []


def test_links_delay_as_in_the_file_unless_the_facts_say_otherwise(whole):
    facts = whole["facts"]
    assert [entry for entry in whole["delays"] if not entry["ok"]] == []
    if facts["delay-emulation"] == "none":
        assert any("DELAYS ARE NOT EMULATED" in warning for warning in facts["warnings"])
        assert {entry["expected-ms"] for entry in whole["delays"]} == {0.0}
    else:
        assert {e["expected-ms"] for e in whole["delays"] if e["between"] == ["a1", "b1"]} == {10.0}


def test_bytes_are_counted_on_the_links_of_their_route_only(whole):
    carried, way, back = whole["carried"], whole["way"], whole["back"]
    for key in way:
        assert 800_000 <= carried.pop(key) <= 1_000_000, key
    for key in back:
        assert 0 < carried.pop(key) < 100_000, key
    assert max(carried.values()) < 2_000, carried


def test_facts_describe_the_network(whole):
    facts = whole["facts"]
    assert facts["congestion-control"] == "cubic", "as an actual connection reports"
    assert facts["isolated"] and facts["mininet"] and "iproute2" in facts["iproute2"]
    assert "bh2" in whole["names"], "hosts are known by name without a name server"


def test_traffic_follows_when_links_fail_and_come_back():
    seen = run_case("failing")
    direct, around = ["ah1", "a1", "b1", "bh1"], ["ah1", "a1", "a2", "b2", "b1", "bh1"]
    assert seen["before"] == {"path": direct, "ok": True, "versions": 2}
    assert seen["unreachable"], "nothing passes between failure and rerouting"
    assert seen["failed"] == {"path": around, "ok": True, "versions": 2}
    assert seen["parted"] == {"routes": 2 * 3 * 2}
    assert seen["back"] == {"path": direct, "ok": True, "versions": 2}
    assert [entry["set-mbit"] for entry in seen["rate"] if entry["ok"]] == [2.0, 2.0]
    if "delay" in seen:
        assert seen["delay"][0]["ok"] and seen["delay"][0]["expected-ms"] == 24.0
    assert (seen["file"]["bandwidth"], seen["file"]["up"]) == (2.0, True)


def test_traffic_uses_the_cheapest_of_parallel_links():
    assert run_case("parallel") == {"first": 3, "second": 4}


def test_forwarding_follows_the_costs_of_a_running_server():
    seen = run_case("following")
    assert seen["status"] == "200", "the server answers another host"
    assert seen["links"] == [[0, 2, 1], [0, 3, 1]] and seen["changed"] == 2 and seen["ok"]


def test_losses_are_emulated():
    seen = run_case("losing")
    if seen["mode"] == "none":
        pytest.skip("neither netem nor the relay is here")
    # Lost on the way there or back: 36 %; the bound is five standard deviations of 500 tries.
    assert abs(seen["received"] - 320) < 54


def test_small_packets_do_not_wait_behind_large_ones():
    first, behind = run_case("loaded", "all"), run_case("loaded", "none")
    if first["used"] == "none":
        pytest.skip("this kernel cannot tell small packets from others")
    assert first["median"] < behind["median"] / 3, (first, behind)


@pytest.mark.parametrize(("number", "status"), [(signal.SIGKILL, -9), (signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_nothing_remains_after_any_signal(start, number, status):
    before = interfaces()
    running = start("waiting")
    family = descendants(running.pid)
    spaces = namespaces(family) - namespaces({os.getpid()})
    assert len(family) >= 14 and len(spaces) >= 13, "hosts and routers have namespaces of their own"
    running.send_signal(number)
    assert running.wait(20) == status
    wait_until(lambda: not family & set(processes()))
    assert not namespaces(set(processes())) & spaces
    assert interfaces() == before
    if number == signal.SIGKILL:
        # The next network is not disturbed by the killed one.
        assert run_case("parallel") == {"first": 3, "second": 4}


def test_killing_the_inner_process_ends_everything(start):
    running = start("waiting")
    family = descendants(running.pid)
    inside = next(pid for pid, parent in processes().items() if parent == running.pid)
    os.kill(inside, signal.SIGKILL)
    assert running.wait(20) == 137
    wait_until(lambda: not family & set(processes()))


def test_networks_with_the_same_names_run_at_the_same_time():
    program = [sys.executable, os.path.join(MININET, "tests", "emulation_cases.py"), "parallel"]
    several = [subprocess.Popen(program, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    for one in several:
        out, _ = one.communicate(timeout=100)
        assert json.loads(out.splitlines()[-1]) == {"first": 3, "second": 4}


def test_without_isolation_the_next_run_kills_leftovers_of_a_killed_one(start):
    bystander, apart = start("open_ended"), start("waiting")
    family = descendants(apart.pid)
    killed = start("open_ended")
    orphan, other = int(killed.said[1]), int(bystander.said[1])
    killed.kill()
    killed.wait()
    assert orphan in processes(), "nothing has ended it yet"
    seen = run_case("cleaning")
    assert seen["ok"] and any("ended 1 program" in line for line in seen["said"])
    wait_until(lambda: orphan not in processes())
    assert other in processes(), "programs of a running emulation survive"
    # An isolated emulation, whose process IDs mean other processes, is not touched either.
    assert family <= set(processes())
    apart.terminate()
    apart.wait(20)
    bystander.kill()
    bystander.wait(20)


def test_programs_end_with_the_network_they_run_in():
    # Per network: no program left in the namespaces; the program passed to `end` ended by SIGTERM.
    assert run_case("tidy") == {"1": [0, -15, True, False], "2": [0, -15, True, False]}


def altonet(*arguments: str, **options) -> subprocess.CompletedProcess:
    program = [sys.executable, os.path.join(MININET, "altonet.py"), *arguments]
    return subprocess.run(program, capture_output=True, text=True, timeout=100, stdin=subprocess.DEVNULL, **options)


def test_the_command_tests_a_topology_that_ships():
    topology = os.path.join(ROOT, "topo", "data", "abilene.json")
    done = altonet("--topology", topology, "--test", "pingall", "--facts")
    assert done.returncode == 0, done.stderr
    assert "0% dropped (110/110 received)" in done.stdout + done.stderr
    assert json.loads(done.stdout)["names"]["h-nycm"] == "h_nycm"


def test_the_prompt_runs_commands_in_hosts(tmp_path):
    script = tmp_path / "commands"
    script.write_text("p1 ping -c1 -W5 p8\nnodes\niperf p1 p2\n")
    topology = os.path.join(ROOT, "topo", "data", "two-isps.json")
    done = altonet("--topology", topology, "--map-loopback", "--script", str(script))
    assert done.returncode == 0 and "1 received" in done.stdout + done.stderr, done.stderr
    if shutil.which("iperf"):
        assert re.search(r"\*\*\* Results: \['[0-9.]+ .bits/sec', '[0-9.]+ .bits/sec'\]", done.stdout + done.stderr), done.stderr


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--topology", "nowhere.json"], "nowhere.json: cannot be read"),
        (["--topology", os.path.join(ROOT, "topo", "data", "abilene.json"), "--script", "nowhere"], "nowhere: cannot be read"),
        (["--topology", os.path.join(ROOT, "topo", "data", "two-isps.json")], "--map-loopback"),
        (
            ["--topology", os.path.join(ROOT, "topo", "data", "abilene.json"), "--congestion", "warp"],
            "'warp' is not available",
        ),
        (["--topology", os.path.join(ROOT, "topo", "data", "abilene.json"), "--queue-ms", "0"], "queue_ms"),
    ],
)
def test_a_network_that_cannot_be_built_is_a_one_line_error(arguments, says):
    done = altonet(*arguments)
    assert done.returncode == 1 and says in done.stderr and "Traceback" not in done.stderr


def test_mininets_own_command_builds_it(tmp_path):
    custom = os.path.join(MININET, "custom.py")
    topology = tmp_path / "two.json"
    from emulation_cases import two_isps

    topology.write_text(json.dumps(two_isps()))
    command = ["mn", "--custom", custom, "--topo", f"alto,file={topology},queue_ms=30", "--controller", "none"]
    done = subprocess.run([*command, "--test", "pingall"], capture_output=True, text=True, timeout=100)
    assert done.returncode == 0 and "0% dropped (30/30 received)" in done.stdout + done.stderr, done.stderr


def test_the_installed_mininet_is_found_from_the_root_of_the_repository():
    code = "import mininet.net; print(mininet.net.__file__)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=30)
    assert done.returncode == 0 and not done.stdout.startswith(ROOT), done.stderr
