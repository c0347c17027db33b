"""Tests of the replay of a run, against results worked out by hand from the same events."""

from __future__ import annotations

import gzip
import json
import re

import pytest
from experiment_fixtures import write_run, write_scenario

from alto_mininet.report import measures, replay
from alto_mininet.report.layout import layout
from alto_mininet.report.replay_page import SCRIPT, replay_part, script_hash, ticks
from alto_mininet.scenario.load import load


@pytest.fixture
def experiment(tmp_path):
    """A scenario with one finished run of each of two policies."""
    scenario = load(write_scenario(tmp_path / "scenario" / "tiny"))
    runs = []
    for policy in list(scenario.policies)[:2]:
        runs.append(measures.measure(scenario, write_run(tmp_path / "runs" / f"{policy}-1", policy, 1)))
    return tmp_path, scenario, runs


def test_transfers_are_summed_by_step_and_pair(experiment):
    out, scenario, runs = experiment
    first = replay.replays(out, scenario, runs)[0]
    assert (first.step, first.frames) == (1.0, 7)
    assert first.transfers == [
        (2, "w1", "e1", 600_000),
        (3, "w1", "e1", 400_000),
        (5, "e1", "w2", 250_000),
        (6, "w1", "w2", 750_000),
    ]
    assert first.spans == {"e1": (1.0, pytest.approx(4)), "w2": (2.0, pytest.approx(7))}


def test_load_is_the_share_of_the_bandwidth_in_each_step(experiment):
    out, scenario, runs = experiment
    first = replay.replays(out, scenario, runs)[0]
    # 2 Mbit/s on a link of 4, from the second sample on; nothing the other way.
    assert first.load["west", "east"][1:] == [50] * 6
    assert set(first.load["east", "west"]) == {0}


def test_many_transfers_are_bounded_by_size(monkeypatch, experiment):
    out, scenario, runs = experiment
    monkeypatch.setattr(replay, "MAX_TRANSFERS", 2)
    assert [count for *_, count in replay.replays(out, scenario, runs)[0].transfers] == [600_000, 750_000]


def test_only_a_seed_of_all_policies_is_replayed(experiment):
    out, scenario, runs = experiment
    policy = runs[0].policy
    other = measures.measure(scenario, write_run(out / "runs" / f"{policy}-0", policy, 0))
    assert {run.seed for run in replay.replays(out, scenario, [*runs, other])} == {1}


def test_recorded_routes_are_read(experiment):
    out, scenario, runs = experiment
    folder = out / "runs" / f"{runs[0].policy}-1"
    with gzip.open(folder / "routes.json.gz", "wt") as file:
        json.dump([{"seconds": 0.0, "paths": {"w1 e1": ["west", "east"]}}], file)
    first, second = replay.replays(out, scenario, runs)
    assert first.routes == [(0.0, {"w1 e1": ["west", "east"]})]
    assert second.routes == []


def test_the_page_has_lanes_maps_and_data_of_every_policy_and_escapes_names(experiment):
    out, scenario, runs = experiment
    found = replay.replays(out, scenario, runs)
    found[0].policy = "<img src=x>"
    part = replay_part(scenario, found, layout(scenario))
    assert part.count('class=replay-map') == 2 and part.count("class=lanes") == 2
    assert "<img" not in part and "&lt;img src=x&gt;" in part
    # 1.25 of 2 MB came from another PID.
    assert part.count("2 MB in all, 62 % from other PIDs.") == 4
    data = json.loads(re.search(r"id=replay-data>(.*?)</script>", part)[1])
    assert data["nodes"]["e1"] == "east" and data["runs"][1]["transfers"][0] == [2, "w1", "e1", 600_000]
    assert replay_part(scenario, [], {}) == ""


def test_the_policy_of_the_page_allows_this_script_only(experiment):
    assert script_hash().startswith("sha256-") and "</script" not in SCRIPT


def test_the_time_axis_has_about_six_round_numbers():
    assert ticks(7) == [0, 2, 4, 6]
    assert ticks(59) == [0, 10, 20, 30, 40, 50]
