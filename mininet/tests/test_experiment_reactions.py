"""Tests of the time that peers take to switch sources after a failure, against times worked out by hand."""

from __future__ import annotations

import pytest

from alto_mininet.report.measures import summarise_reactions
from alto_mininet.report.reactions import Chooser, Reaction, choices, differ, reactions

START = 1000.0


def choice(after: float, costs: dict[str, float], *chosen: str) -> dict:
    holders = [{"source": source, "cost": cost, "chosen": source in chosen} for source, cost in costs.items()]
    return {"event": "candidates", "time": START + after, "holders": holders}


def chooser(name: str, pid: str, *events: dict, finished: float | None = None) -> Chooser:
    return Chooser(name, pid, finished, choices(events))


BEFORE = {"x": 1.0, "y": 2.0}
AFTER = {"x": 3.0, "y": 2.0}


def test_a_switch_is_the_first_choice_of_others_by_other_costs():
    peers = [
        chooser("a1", "A", choice(5, BEFORE, "x"), choice(30.5, BEFORE, "y"), choice(31.25, AFTER, "y")),
        # It learned of the failure, and chose the same sources at first.
        chooser("a2", "A", choice(5, BEFORE, "x"), choice(31, AFTER, "x"), choice(38, AFTER, "y")),
    ]
    assert reactions([30.0], START, peers) == [Reaction("a1", 30.0, 1.25), Reaction("a2", 30.0, 8.0)]


def test_who_was_not_told_counts_and_who_had_nothing_to_choose_does_not():
    peers = [
        chooser("a1", "A", choice(5, BEFORE, "x"), choice(31, AFTER, "y")),
        chooser("a2", "A", choice(5, BEFORE, "x")),
        chooser("a3", "A", choice(5, BEFORE, "x"), finished=START + 20),
        chooser("a4", "A", choice(31, AFTER, "y")),
        chooser("b1", "B", choice(5, BEFORE, "x"), choice(31, {"x": 1.05, "y": 2.0}, "y")),
    ]
    assert reactions([30.0], START, peers) == [Reaction("a1", 30.0, 1.0), Reaction("a2", 30.0, None)]


def test_a_cost_that_no_choice_of_a_peer_told_is_that_of_others_in_its_pid():
    peers = [
        chooser("a1", "A", choice(5, {"y": 2.0}, "y"), choice(30.5, AFTER, "x")),
        chooser("a2", "A", choice(5, BEFORE, "x"), choice(32, AFTER, "y")),
    ]
    assert reactions([30.0], START, peers) == [Reaction("a1", 30.0, 0.5), Reaction("a2", 30.0, 2.0)]


def test_each_failure_has_the_choices_before_the_next_one():
    peers = [chooser("a1", "A", choice(5, BEFORE, "x"), choice(11, AFTER, "y"), choice(23, BEFORE, "x"))]
    assert reactions([10.0, 20.0], START, peers) == [Reaction("a1", 10.0, 1.0), Reaction("a1", 20.0, 3.0)]


def test_measures_count_who_did_not_react_as_slowest():
    times = [1.0] * 18 + [3.0, None]
    measures = summarise_reactions([Reaction(str(i), 30.0, time) for i, time in enumerate(times)])
    assert measures == {"switch_median_s": 1.0, "switch_p95_s": 3.0, "switch_within_2s": pytest.approx(0.9)}
    assert summarise_reactions([Reaction("a", 30.0, None)]) == {"switch_within_2s": 0.0}
    assert summarise_reactions([]) == {}


def test_costs_differ_from_a_tenth_on():
    assert not differ({"x": 10.0}, {"x": 10.9, "y": 1.0})
    assert differ({"x": 10.0}, {"x": 11.2})
