"""Swarms of BitTorrent clients: their plans, what counts as a broken promise, and one swarm for real."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from alto_mininet.bittorrent import clients, plans
from alto_mininet.bittorrent.cli import NOISE, problems
from alto_mininet.bittorrent.swarm import Plan
from alto_mininet.places import ENTRY_POINTS, REPOSITORY


@pytest.mark.parametrize("plan", [plans.two_groups("mixed", "alto, k=1"), plans.large("rfc5632", "aria2", "fine", 3)])
def test_a_plan_survives_its_way_to_another_process(plan):
    assert Plan.from_json(plan.to_json()) == plan


@pytest.mark.parametrize("name", plans.LARGE)
def test_peers_join_at_the_same_times_under_every_policy(name):
    def joins(policy: str, seed: int) -> list[float]:
        return [member.joins for member in plans.large(name, "aria2", policy, seed).leechers]

    first, *others = plans.policies(name)
    assert all(joins(other, 1) == joins(first, 1) for other in others) and joins(first, 1) != joins(first, 2)
    assert plans.LARGE[name].reference in others


def test_a_policy_brings_its_topology_and_the_policy_of_the_tracker():
    coarse, fine = (plans.large("rfc5632", "aria2", policy, 1) for policy in ("coarse", "fine"))
    assert [Path(plan.topology).name for plan in (coarse, fine)] == ["topo.json", "topo-fine.json"]
    assert all(plan.options[plan.options.index("--tracker-policy") + 1] == "alto" for plan in (coarse, fine))


@pytest.mark.parametrize("client", plans.CLIENTS)
def test_clients_find_peers_by_the_tracker_only(client, tmp_path):
    torrent = tmp_path / "a.torrent"
    torrent.write_bytes(b"")
    folder = tmp_path / client
    argv = clients.command(client, folder, clients.Task(torrent, None, 800_000, 50, exchange=False))
    if client == "transmission":
        settings = json.loads((folder / "settings.json").read_text())
        assert not any(settings[f"{what}-enabled"] for what in ("dht", "lpd", "pex", "utp", "port-forwarding"))
        assert (settings["speed-limit-up"], settings["speed-limit-up-enabled"]) == (800, True)
    if client == "aria2":
        assert {"--enable-dht=false", "--bt-enable-lpd=false", "--enable-peer-exchange=false"} <= set(argv)
    assert ("--exchange" in argv) is False


def test_a_broken_promise_is_reported():
    def result(watched, unfinished=()):
        return {"watched": watched, "unfinished": list(unfinished)}

    kept = {"alto, k=0": result(0), "alto, k=1": result(10), "random": result(20)}
    assert problems(kept, 10) == []
    assert [arm for arm, _ in problems({**kept, "alto, k=0": result(NOISE + 1)}, 10)] == ["alto, k=0"]
    assert [arm for arm, _ in problems({**kept, "alto, k=1": result(11)}, 10)] == ["alto, k=1"]
    assert [arm for arm, _ in problems({**kept, "random": result(20, ["a1"])}, 10)] == ["random"]
    assert [arm for arm, _ in problems({**kept, "random": None}, 10)] == ["random"]


@pytest.mark.skipif(bool(clients.missing(["aria2"])), reason="aria2 is not installed")
def test_two_groups_of_aria2_exchange_nothing_but_all_finish(networks, tmp_path: Path):
    out = tmp_path / "out"
    argv = [sys.executable, str(ENTRY_POINTS / "bittorrent.py"), "clients", "--client", "aria2", "--arm", "alto, k=0"]
    argv += ["--megabytes", "2", "--far-seed", "--programs", str(REPOSITORY / "target/debug"), "--out", str(out)]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=900, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    apart, far = [json.loads(line) for line in out.read_text().splitlines()]
    # Neighbour discovery crosses the link, too.
    assert apart["watched"] <= NOISE and apart["unfinished"] == []
    # The group without a seed fetches from the cheapest one outside.
    assert far["watched"] > 2_000_000
