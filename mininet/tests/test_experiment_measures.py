"""Tests of measures, against results worked out by hand from the same events."""

from __future__ import annotations

import csv
import hashlib
import math
import random
import tarfile

import pytest
from experiment_fixtures import write_run, write_scenario

from alto_mininet.experiment.artefact import pack
from alto_mininet.report import intervals, labels, measures, tables
from alto_mininet.report.page import weaknesses, write_report
from alto_mininet.scenario.load import load
from alto_mininet.scenario.model import ScenarioError


@pytest.fixture
def measured(tmp_path):
    scenario = load(write_scenario(tmp_path / "tiny"))
    return measures.measure(scenario, write_run(tmp_path / "run", "alto", 1))


def test_completion_counts_from_joining(measured):
    assert {d.name: d.seconds for d in measured.downloads} == {"e1": pytest.approx(3), "w2": pytest.approx(5)}
    assert measured.summary["completion_mean_s"] == pytest.approx(4)
    assert measured.summary["completion_max_s"] == pytest.approx(5)
    assert measured.summary["speed_mean_kBps"] == pytest.approx((1000 / 3 + 1000 / 5) / 2)
    assert measured.summary["unfinished"] == 0


def test_payload_goes_from_pid_to_pid(measured):
    assert measured.matrix == {
        ("isp-west", "isp-east"): 1_000_000,
        ("isp-east", "isp-west"): 250_000,
        ("isp-west", "isp-west"): 750_000,
    }
    assert measured.summary["external_share"] == pytest.approx(1.25 / 2)


def test_parts_of_a_piece_count_for_those_who_sent_them():
    event = {"event": "piece", "time": 7.0, "file": "f", "piece": 3, "bytes": 1000, "source": "10.0.0.1:6881"}
    event["others"] = {"10.0.0.2:6881": 300, "10.0.0.9:6881": 200}
    names = {"10.0.0.1:6881": "a", "10.0.0.2:6881": "b"}
    download = measures.follow(measures.Download("c", "pid", 0.0, 1), [event], names)
    assert download.sources == {"a": 500, "b": 300, "10.0.0.9:6881": 200}
    assert sorted(count for _, _, piece, count in download.pieces if piece == ("f", 3)) == [200, 300, 500]


def test_copies_are_compared_with_random_selection(measured):
    assert measured.copies["isp-east"] == (1, pytest.approx(1.0), pytest.approx(1.0))
    # One of the two members fetches, and one of the two other peers is outside.
    assert measured.copies["isp-west"] == (1, pytest.approx(0.25), pytest.approx(0.5))


def test_bytes_on_links_come_from_the_counters(measured):
    assert measured.summary["protected_mb"] == pytest.approx(1.6)
    assert measured.summary["backbone_mb"] == pytest.approx(1.6)
    assert measured.summary["unit_bdp"] == pytest.approx(1.6 / 2.2)
    assert measured.summary["control_share"] == pytest.approx(0.02 / 2)
    assert measured.summary["overhead_share"] == pytest.approx(0.1)
    assert measured.summary["max_load"] == pytest.approx(0.5)
    assert measured.summary["protected_payload_mb"] == pytest.approx(1.25)


def test_payload_over_time_adds_up(measured):
    assert sum(rate * measures.STEP_SECONDS / 8 for _, rate in measured.over_time) == pytest.approx(1.25)


@pytest.mark.parametrize(("n", "everyone"), [(50, 700), (10, 61), (1, 2)])
def test_the_random_line_matches_a_simulation(n, everyone):
    line = measures.random_copies(n, n, everyone)
    assert line == pytest.approx(n * (everyone - n) / (everyone - 1))
    chance = random.Random(1)
    draws = 200
    outside = sum(
        chance.choice([i for i in range(everyone) if i != peer]) >= n for peer in range(n) for _ in range(draws)
    )
    assert outside / draws == pytest.approx(line, rel=0.05)


def test_a_peak_needs_a_whole_window():
    link = ("a", "b")
    # One second at full rate within ten idle ones: a fifth of any five seconds.
    counts = [0, 0, 0, 0, 0, 1_250_000, 1_250_000, 1_250_000, 1_250_000, 1_250_000, 1_250_000]
    samples = [(float(i), {link: count}) for i, count in enumerate(counts)]
    assert measures.peak_load(samples, {link: 10.0})[link] == pytest.approx(0.2)
    assert measures.peak_load(samples[:4], {link: 10.0})[link] == 0


def test_a_peer_that_stops_early_is_unfinished(tmp_path):
    download = measures.Download("p", "x", 0.0, wanted=2)
    measures.follow(download, [{"event": "done", "time": 5.0}, {"event": "failed", "reason": "no source"}], {})
    assert download.seconds is None
    assert download.failure == "no source"


def test_percentiles():
    values = [float(i) for i in range(1, 101)]
    assert measures.percentile(values, 0.95) == 95
    assert measures.percentile([3.0], 0.95) == 3
    assert measures.percentile(values, 0.0) == 1


@pytest.mark.parametrize(("degrees", "expected"), [(1, 12.706), (4, 2.776), (30, 2.042), (60, 2.0003), (1000, 1.9623)])
def test_students_t(degrees, expected):
    assert intervals.t95(degrees) == pytest.approx(expected, abs=2e-3)


def test_intervals_contain_the_true_mean_95_times_in_100():
    chance = random.Random(7)
    hits = 0
    for _ in range(2000):
        found = intervals.estimate([chance.gauss(10, 3) for _ in range(5)])
        hits += found.low <= 10 <= found.high
    assert 0.93 < hits / 2000 < 0.97


def test_one_run_has_no_interval():
    assert intervals.estimate([4.0]).half_width is None
    assert intervals.estimate([]) is None
    assert intervals.estimate([4.0]).text() == "4.00"


def test_ratios_are_taken_seed_by_seed():
    found = intervals.ratio({1: 30.0, 2: 60.0, 9: 1.0}, {1: 10.0, 2: 20.0})
    assert (found.n, found.mean, found.half_width) == (2, 3.0, 0.0)


def test_a_report_contains_all_finished_runs(tmp_path):
    out = tmp_path / "out"
    write_scenario(out / "scenario" / "tiny")
    for seed in (1, 2, 3):
        write_run(out / "runs" / f"random-{seed}", "random", seed, 1_300_000 + 1000 * seed)
        write_run(out / "runs" / f"alto-{seed}", "alto", seed, 400_000 + 1000 * seed)
    # A killed run has no result.json and does not count.
    (out / "runs" / "alto-4" / "events").mkdir(parents=True)
    said: list[str] = []
    page = write_report(out, said.append).read_text()
    assert "Two ISPs" in page
    assert "delays: relay" in page
    rows = list(csv.DictReader((out / "tables" / "means.csv").open()))
    protected = {row["policy"]: row for row in rows if row["measure"] == "protected_mb"}
    assert float(protected["random"]["mean"]) == pytest.approx(1.602)
    assert float(protected["random"]["ci95_high"]) - 1.602 == pytest.approx(4.303 * 0.001 / math.sqrt(3), rel=1e-3)
    completion = list(csv.DictReader((out / "tables" / "completion.csv").open()))
    assert len(completion) == 12
    if not said:
        assert page.count("data:image/png;base64,") == len(list((out / "figures").glob("*.svg"))) >= 4


def test_differences_are_taken_seed_by_seed_and_tested(tmp_path):
    scenario, groups = fake_groups(tmp_path, {"random": (1.0, 2.0, 3.0), "alto": (0.5, 1.5, 2.6)})
    [row] = [row for row in tables.differences(groups) if row.measure == "protected_mb"]
    assert (row.of, row.minus, row.estimate.n) == ("alto", "random", 3)
    assert row.estimate.mean == pytest.approx(-0.4667, abs=1e-3)
    assert row.is_significant
    # The means overlap widely, which the pairs do not.
    assert intervals.estimate([1.0, 2.0, 3.0]).low < 1.5
    _, groups = fake_groups(tmp_path / "other", {"random": (1.0, 2.0, 3.0), "alto": (2.0, 1.0, 3.1)})
    assert not any(row.is_significant for row in tables.differences(groups) if row.measure == "protected_mb")


def fake_groups(folder, crossing):
    """Finished runs whose bytes on the protected link are given by policy, in MB by seed."""
    folder.mkdir(exist_ok=True)
    scenario = load(write_scenario(folder / "tiny"))
    groups = {}
    for policy, values in crossing.items():
        runs = []
        for seed, megabytes in enumerate(values, 1):
            run = write_run(folder / f"{policy}-{seed}", policy, seed, int(megabytes * 1e6))
            runs.append(measures.measure(scenario, run))
        groups[policy] = runs
    return scenario, groups


def test_few_seeds_and_a_busy_machine_are_warned_of(tmp_path):
    _, groups = fake_groups(tmp_path, {"random": (1.0, 2.0), "alto": (1.0, 2.0)})
    assert any("2 seeds have been run" in text for text in weaknesses(groups))
    _, groups = fake_groups(tmp_path / "more", {"random": (1.0, 2.0, 3.0)})
    assert weaknesses(groups) == []
    groups["random"][1].facts.update({"load-average": [9.5, 3.0, 1.0], "cpus": 2})
    [text] = weaknesses(groups)
    assert "busy in 1 runs" in text and "random, seed 2: 9.5" in text


def test_labels_cover_neither_each_other_nor_points():
    # A dense grid, whose labels would collide if all were at the upper right.
    points = [(30.0 * (number % 5), 12.0 * (number // 5)) for number in range(25)]
    sizes = [(24.0, 7.0)] * len(points)
    boxes = labels.place(points, sizes, 4)
    covered = sum(labels.overlap(a, b) for number, a in enumerate(boxes) for b in boxes[:number])
    naive = [labels.box_at(point, size, (1, 1), 4) for point, size in zip(points, sizes)]
    before = sum(labels.overlap(a, b) for number, a in enumerate(naive) for b in naive[:number])
    assert covered <= before / 4
    sparse = labels.place([(0.0, 0.0), (100.0, 0.0), (6.0, 2.0)], [(20.0, 7.0)] * 3, 4)
    assert sum(labels.overlap(a, b) for number, a in enumerate(sparse) for b in sparse[:number]) == 0
    assert labels.place([], [], 4) == []


def test_an_artefact_is_complete_and_the_same_each_time(tmp_path):
    out = tmp_path / "out"
    write_scenario(out / "scenario" / "tiny")
    write_run(out / "runs" / "random-1", "random", 1)
    with pytest.raises(ScenarioError, match="has no report"):
        pack(out, tmp_path / "a.tar.gz")
    write_report(out, lambda _: None)
    (out / ".lock").touch()
    count = pack(out, tmp_path / "a.tar.gz")
    assert pack(out, tmp_path / "b.tar.gz") == count
    assert (tmp_path / "a.tar.gz").read_bytes() == (tmp_path / "b.tar.gz").read_bytes()
    with tarfile.open(tmp_path / "a.tar.gz") as tar:
        tar.extractall(tmp_path / "unpacked")
    unpacked = tmp_path / "unpacked" / "out"
    assert not (unpacked / ".lock").exists()
    for line in (unpacked / "SHA256SUMS").read_text().splitlines():
        digest, name = line.split("  ")
        assert hashlib.sha256((unpacked / name).read_bytes()).hexdigest() == digest
    # The report can be made again from what was packed.
    assert write_report(unpacked, lambda _: None).is_file()
