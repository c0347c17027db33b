"""Tests of the fluid model, against bounds worked out by hand and against a simulation."""

from __future__ import annotations

import random

import pytest
from experiment_fixtures import write_run, write_scenario

from alto_mininet.report import fluid, measures
from alto_mininet.scenario.load import load


def test_bounds_without_joins():
    peers = [fluid.Receiver(10.0, 50.0, 200.0), fluid.Receiver(10.0, 50.0, 100.0)]
    found = fluid.bounds(1000.0, 100.0, peers)
    assert found == fluid.Bounds(seed=10.0, download=10.0, swarm=10.0, mean=10.0, last=10.0)
    slow = fluid.bounds(1000.0, 10.0, peers)
    assert (slow.seed, slow.mean, slow.last) == (100.0, 100.0, 100.0)
    assert fluid.bounds(1000.0, 0.0, peers) is None and fluid.bounds(1000.0, 1.0, []) is None


def test_a_peer_that_joins_late_waits_less_for_the_seed():
    peers = [fluid.Receiver(0.0, 100.0, 1000.0), fluid.Receiver(60.0, 100.0, 1000.0), fluid.Receiver(200.0, 0.0, 100.0)]
    found = fluid.bounds(1000.0, 10.0, peers)
    # 100 s, 40 s, and what its own downlink takes.
    assert found.mean == pytest.approx((100 + 40 + 10) / 3)
    assert found.last == pytest.approx(210)


@pytest.mark.parametrize("seed", range(5))
def test_capacity_is_when_enough_could_have_been_sent(seed):
    chance = random.Random(seed)
    peers = [fluid.Receiver(chance.uniform(0, 60), chance.uniform(1, 9), 100.0) for _ in range(20)]
    end = fluid.capacity(1000.0, 5.0, peers)
    first = min(peer.joined for peer in peers)
    sent = 5.0 * (end - first) + sum(peer.up * max(0.0, end - peer.joined) for peer in peers)
    assert sent == pytest.approx(20 * 1000.0)


def test_spread_counts_what_the_sharers_sent_until_the_last_distinct_piece():
    pieces = [(1.0, "seed", 0, 50), (2.0, "seed", 0, 50), (3.0, "peer", 1, 50), (4.0, "seed", 1, 50), (5.0, "seed", 1, 50)]
    assert fluid.spread(pieces, {"seed"}, 100, 1.0) == fluid.Spread(3.0, 1.5, 2.0)
    assert fluid.spread(pieces, {"nobody"}, 100, 0.0) is None


@pytest.mark.parametrize(
    ("text", "rate"),
    [("0.8Mbit", 1e5), ("800kbit", 1e5), ("64KiB", 65536), ("2MB", 2e6), (1000, 1000), (None, None), ("fast", None)],
)
def test_rates_are_read_as_peers_do(text, rate):
    assert fluid.rate_of(text) == rate


def test_a_run_is_compared_with_its_bounds(tmp_path):
    scenario = load(write_scenario(tmp_path / "tiny"))
    summary = measures.measure(scenario, write_run(tmp_path / "run", "alto", 1)).summary
    up, _ = fluid.access_rates(scenario, next(peer for peer in scenario.peers if peer.share))
    assert summary["bound_seed_s"] == pytest.approx(1_000_000 / up)
    assert summary["distance_mean"] == pytest.approx(4 / summary["bound_mean_s"])
    # The only piece leaves w1 a second after the first join, with 600,000 of 1,000,000 bytes; 1,750,000 in all.
    assert summary["last_distinct_s"] == pytest.approx(1)
    assert (summary["seed_copies_until"], summary["seed_copies"]) == (pytest.approx(0.6), pytest.approx(1.75))
    assert summary["wasted_share"] == pytest.approx(100 / 2_000_000)


def test_what_is_behind_a_protected_link_needs_a_copy_over_it(tmp_path):
    scenario = load(write_scenario(tmp_path / "tiny"))
    across = {("w1", "e1"), ("e1", "w1"), ("e1", "w2"), ("w2", "e1")}
    assert fluid.cut_off(scenario.peers, across) == {"e1"}
    assert fluid.cut_off(scenario.peers, across - {("w2", "e1")}) == set()
