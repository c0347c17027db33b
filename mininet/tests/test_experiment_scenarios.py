"""Tests of scenarios that ship, of faulty ones, of campaigns that resume, and of feedback."""

from __future__ import annotations

import fcntl
import io
import json
from types import SimpleNamespace

import pytest
from experiment_fixtures import write_run, write_scenario

from alto_mininet.experiment import campaign as campaigns
from alto_mininet.experiment.cli import parse_seeds, parser
from alto_mininet.experiment.link_feedback import LoadMeter, Reporter
from alto_mininet.places import SHIPPED_TOPOLOGIES
from alto_mininet.scenario.families import shipped
from alto_mininet.scenario.from_topology import write_new
from alto_mininet.scenario.load import load
from alto_mininet.scenario.model import Feedback, ScenarioError, longest_match
from alto_mininet.scenario.zoo import import_graphml, zoo

SHIPPED = sorted(path.parent for path in SHIPPED_TOPOLOGIES.glob("*/peers.json"))


@pytest.mark.parametrize("folder", SHIPPED, ids=lambda folder: folder.name)
def test_every_scenario_that_ships_is_valid(folder):
    scenario = load(folder)
    assert {entry[side] for entry in scenario.published for side in ("of", "over")} <= set(scenario.policies)
    assert all(scenario.pid_of(peer.address) for peer in scenario.peers)


def test_the_generator_writes_exactly_what_ships(tmp_path):
    shipped(tmp_path)
    written = {path.relative_to(tmp_path): path.read_text() for path in tmp_path.glob("*/*.json")}
    assert written == {path: (SHIPPED_TOPOLOGIES / path).read_text() for path in written}
    assert {path.parts[0] for path in written} == {folder.name for folder in SHIPPED}


def test_the_p4p_scenario_matches_the_paper():
    scenario = load(SHIPPED_TOPOLOGIES / "p4p-abilene")
    assert len(list(scenario.core())) == 14
    assert len(scenario.switches) == 11
    fetching = [peer for peer in scenario.peers if peer.get]
    assert len(fetching) == 55
    assert {
        pid: sum(scenario.pid_of(peer.address) == pid for peer in fetching) for pid in ("NYCM", "WASH", "HSTN")
    } == {"NYCM": 9, "WASH": 9, "HSTN": 2}
    access = {(link.source, link.destination): link.bandwidth for link in scenario.links}
    assert (access["nycm1", "NYCM"], access["NYCM", "nycm1"]) == (1, 4)
    assert scenario.files == {"movie.bin": 48 * 256 * 1024}
    assert scenario.join_spread == 60


@pytest.mark.parametrize(
    ("file", "path", "value", "words"),
    [
        ("scenario.json", ["time-limit"], 0, ["scenario.json", "time-limit", "0", "from 1"]),
        ("scenario.json", ["time-limit"], True, ["time-limit", "true"]),
        ("scenario.json", ["tme-limit"], 5, ["tme-limit", "not a known key"]),
        ("scenario.json", ["files"], [], ["files", "movie.bin", "peers.json"]),
        ("scenario.json", ["files", 0, "name"], "../x", ["files[0].name", "../x"]),
        ("scenario.json", ["protected"], [["west", "nowhere"]], ["protected[0]", "nowhere"]),
        ("scenario.json", ["policies", "alto", "topology"], "gone.json", ["policies.alto.topology", "gone.json"]),
        ("scenario.json", ["policies", "alto", "feedback"], {"as": "rumour"}, ["feedback.as", "rumour", "price"]),
        (
            "scenario.json",
            ["link-events"],
            [{"at": 1, "source": "west", "destination": "east"}],
            ["link-events[0]", "up"],
        ),
        (
            "scenario.json",
            ["cross-traffic"],
            [{"from": "west", "to": "w1", "rate": 1}],
            ["cross-traffic[0].from", "west"],
        ),
        ("scenario.json", ["positions", "west"], "here", ["positions.west", "here"]),
        ("peers.json", ["peers", 1, "host"], "w9", ["peers[1].host", "w9"]),
        ("peers.json", ["peers", 1, "name"], "w1", ["peers[1].name", "w1"]),
        ("peers.json", ["peers", 1, "host"], "w1", ["peers[1].port", "6881", "w1"]),
        ("peers.json", ["server"], "http://10.9.9.9/directory", ["peers.json", "server", "10.9.9.9", "10.1.0.250"]),
        ("server.json", ["host"], "w9", ["server.json", "host", "w9"]),
        ("server.json", ["listen"], ["0.0.0.0:0"], ["listen", "other than 0"]),
        ("topo.json", ["links", 0, "bandwidth"], "fast", ["topo.json", "fast"]),
    ],
)
def test_problems_are_reported_with_file_and_place(tmp_path, file, path, value, words):
    folder = write_scenario(tmp_path / "tiny")
    content = json.loads((folder / file).read_text())
    place = content
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    (folder / file).write_text(json.dumps(content))
    with pytest.raises(ScenarioError) as caught:
        load(folder)
    for word in words:
        assert word in str(caught.value)


def test_invalid_json_is_reported(tmp_path):
    folder = write_scenario(tmp_path / "tiny")
    for text, words in [
        ("{", "is not complete"),
        ("", "is empty"),
        ("// peers\n{}", '"// peers" is a comment, and JSON has none'),
        ("<peers/>", "is not JSON but XML or HTML"),
        ("{'peers': []}", "texts are in double quotes"),
        ('{"peers": [],}', "comma"),
        ('{"peers": [NaN]}', '"NaN" is not a number of JSON'),
        ('{"peers": [], "peers": []}', "appears twice"),
        ('{"peers" []}', "a colon is missing"),
        ("{} x", "goes on after its end"),
    ]:
        (folder / "peers.json").write_text(text)
        with pytest.raises(ScenarioError) as caught:
            load(folder)
        assert words in str(caught.value), text
        assert "Expecting" not in str(caught.value) and "char " not in str(caught.value), text
    (folder / "peers.json").write_bytes(b'{"server": "Z\xfcrich"}')
    with pytest.raises(ScenarioError, match="0xfc, which is not UTF-8"):
        load(folder)


def test_a_byte_order_mark_is_skipped(tmp_path):
    folder = write_scenario(tmp_path / "tiny")
    content = (folder / "peers.json").read_bytes()
    (folder / "peers.json").write_bytes(b"\xef\xbb\xbf" + content)
    load(folder)


def test_a_real_network_becomes_a_valid_scenario(tmp_path):
    def link(source, destination, bandwidth):
        return {"source": source, "destination": destination, "bandwidth": bandwidth, "delay": 2}

    names = ["Oslo", "Bergen", "Bodo", "junction"]
    topology = {
        "name": "north",
        "switches": [{"name": name} for name in names],
        "links": [link("Oslo", name, 10000) for name in names[1:]] + [link("Bodo", "Bergen", 155)],
        "pids": {
            name: {"switches": [name], "ipv4": [f"10.0.{number}.0/24"]} for number, name in enumerate(names[:3])
        },
        "properties": {"pids": {"Bergen": {"priv:alto-position": "60.39,5.32"}}},
    }
    zoo(tmp_path / "north", topology, per_pop=2, size=1 << 20, scale=0.01)
    scenario = load(tmp_path / "north")
    assert len(scenario.peers) == 7
    assert {scenario.pid_of(peer.address) for peer in scenario.peers} == set(names[:3])
    assert sorted(link.bandwidth for link in scenario.core()) == [1.55, 100, 100, 100]
    written = json.loads((tmp_path / "north" / "scenario.json").read_text())
    assert written["protected"] == [["Bodo", "Bergen"]], "links far narrower than the median are reported separately"
    assert written["positions"]["Bergen"] == [5.32, 60.39]
    assert " in Oslo" in written["about"], "the seed is where most links meet"


def test_a_network_that_cannot_be_read_is_explained(tmp_path):
    with pytest.raises(ScenarioError, match="--alto-feed names the program"):
        import_graphml(tmp_path / "no-such-program", tmp_path / "file.graphml")


def test_an_address_belongs_to_the_pid_with_its_longest_prefix():
    pids = {"all": ["0.0.0.0/0"], "isp": ["10.0.0.0/8"], "city": ["10.1.0.0/16"], "v6": ["2001:db8::/32"]}
    found = {
        address: longest_match(pids, address)
        for address in ("10.1.2.3", "10.2.0.1", "9.9.9.9", "2001:db8::1", "::1")
    }
    assert found == {"10.1.2.3": "city", "10.2.0.1": "isp", "9.9.9.9": "all", "2001:db8::1": "v6", "::1": None}


def test_a_scenario_is_made_from_a_topology(tmp_path):
    topology = SHIPPED_TOPOLOGIES / "abilene.json"
    write_new(tmp_path / "mine", topology, "1.5MB")
    scenario = load(tmp_path / "mine")
    assert scenario.files == {"movie.bin": 1_500_000}
    assert len([peer for peer in scenario.peers if peer.get]) == 10
    with pytest.raises(ScenarioError, match="not empty"):
        write_new(tmp_path / "mine", topology, "1MB")
    with pytest.raises(ScenarioError, match="--size"):
        write_new(tmp_path / "other", topology, "many")


@pytest.mark.parametrize(
    ("text", "seeds"), [("3", [1, 2, 3]), ("7,9", [7, 9]), ("3-5", [3, 4, 5]), ("1,4-5", [1, 4, 5])]
)
def test_seeds_are_parsed(text, seeds):
    assert parse_seeds(text) == seeds


@pytest.mark.parametrize("text", ["0", "x", "", "5-3", "-1"])
def test_invalid_seeds_are_refused(text):
    with pytest.raises(ScenarioError, match="--seeds"):
        parse_seeds(text)


def test_finished_runs_are_kept_and_unfinished_ones_repeated(tmp_path):
    scenario = load(write_scenario(tmp_path / "tiny"))
    campaign = campaigns.Campaign(tmp_path / "out", scenario)
    campaign.open()
    write_run(tmp_path / "out" / "runs" / "random-1", "random", 1)
    broken = write_run(tmp_path / "out" / "runs" / "alto-1", "alto", 1)
    (broken / "result.json").rename(broken / "result.json.partial")
    names = [run.name for run in campaign.to_do(["random", "alto"], [1, 2])]
    assert names == ["alto-1", "random-2", "alto-2"]
    campaign.clear(campaigns.Run("alto", 1))
    assert list(broken.iterdir()) == []
    assert campaign.past_durations() == [12.0]


def test_a_folder_belongs_to_one_scenario_and_one_runner(tmp_path):
    folder = write_scenario(tmp_path / "tiny")
    first = campaigns.Campaign(tmp_path / "out", load(folder))
    first.open()
    with pytest.raises(ScenarioError, match="another experiment is running"):
        campaigns.Campaign(tmp_path / "out", load(folder)).open()
    content = json.loads((folder / "scenario.json").read_text())
    (folder / "scenario.json").write_text(json.dumps({**content, "time-limit": 7}))
    changed = campaigns.Campaign(tmp_path / "out2", load(folder))
    changed.open()
    (tmp_path / "out2" / "scenario" / "tiny" / "scenario.json").write_text(json.dumps(content))
    with pytest.raises(ScenarioError, match="different"):
        second = campaigns.Campaign(tmp_path / "out2", load(folder))
        fcntl.flock(changed._lock, fcntl.LOCK_UN)
        second.open()


def test_time_left_shrinks_as_runs_finish():
    assert campaigns.time_left([100.0], [50.0, 90.0], 2, 2, 1) == pytest.approx((50 + 10 + 200) / 2)
    assert campaigns.time_left([], [], 4, 2, 30) == pytest.approx(60)
    # A run that takes longer than all before still counts.
    assert campaigns.time_left([100.0], [500.0], 0, 2, 1) > 0


class FakeCounters:
    """Link counters and a clock that a test sets; reading the counters takes `reading_takes` seconds."""

    def __init__(self, bytes_by_way, reading_takes=0.0):
        self.bytes_by_way, self.reading_takes = bytes_by_way, reading_takes
        self.up, self.now = True, 0.0

    def clock(self):
        return self.now

    def link_counters(self):
        self.now += self.reading_takes
        return [SimpleNamespace(source=a, destination=b, bytes=count) for (a, b), count in self.bytes_by_way.items()]

    def link(self, *_):
        return SimpleNamespace(up=self.up)


def test_load_becomes_a_price(tmp_path):
    scenario = load(write_scenario(tmp_path / "tiny"))
    counters = FakeCounters({("west", "east"): 0, ("east", "west"): 0, ("w1", "west"): 5})
    meter, rows = LoadMeter(counters, scenario, counters.clock), io.StringIO()
    for second in range(11):
        # 3 of 4 Mbit/s in one direction, 1 in the other.
        counters.bytes_by_way = {
            ("west", "east"): second * 375_000,
            ("east", "west"): second * 125_000,
            ("w1", "west"): 7,
        }
        counters.now = float(second)
        meter.sample(rows)
    measured = meter.load(5)
    assert measured == {("west", "east"): pytest.approx(0.75), ("east", "west"): pytest.approx(0.25)}
    assert rows.getvalue().count("\n") == 22
    price = Reporter(None, scenario, Feedback(5, "price", 2)).changes(measured, counters)
    assert price == [{"source": "west", "destination": "east", "up": True, "price": 6.0}]
    counters.up = False
    plain = Reporter(None, scenario, Feedback(5, "utilisation", 1)).changes(measured, counters)
    assert plain == [{"source": "west", "destination": "east", "up": False, "utilisation": 0.75}]


def test_a_slow_reading_counts_at_its_middle(tmp_path):
    scenario = load(write_scenario(tmp_path / "tiny"))
    counters = FakeCounters({("west", "east"): 0, ("east", "west"): 0}, reading_takes=0.5)
    meter, rows = LoadMeter(counters, scenario, counters.clock), io.StringIO()
    for start, total in ((0.0, 0), (3.0, 1_000_000)):
        counters.now, counters.bytes_by_way = start, {("west", "east"): total, ("east", "west"): 0}
        meter.sample(rows)
    assert [line.split(",")[0] for line in rows.getvalue().splitlines()] == ["0.250"] * 2 + ["3.250"] * 2
    assert meter.load(3) == {("west", "east"): pytest.approx(8 / 3 / 4), ("east", "west"): 0}


def test_a_dry_run_finds_what_the_build_of_the_network_would_refuse(tmp_path):
    topology = {
        "name": "t",
        "hosts": [{"name": "h1", "ip": "127.0.0.3"}, {"name": "h2", "ip": "10.0.1.1"}],
        "switches": [{"name": "s1"}],
        "links": [
            {"source": "h1", "destination": "s1", "bandwidth": 10, "delay": 1},
            {"source": "h2", "destination": "s1", "bandwidth": 10, "delay": 1},
        ],
    }
    file, folder, programs = tmp_path / "topo.json", tmp_path / "scenario", tmp_path / "bin"
    programs.mkdir()
    for name in ("alto-server", "alto-peer"):
        # alto-server finds nothing wrong: it serves loopback addresses.
        (programs / name).write_text("#!/bin/sh\nexit 0\n")
        (programs / name).chmod(0o755)
    # Nothing is written, so that no folder for results is needed.
    run = ["run", str(folder), "--dry-run", "--programs", str(programs)]
    file.write_text(json.dumps(topology))
    call = lambda argv: (lambda options: options.call(options))(parser().parse_args(argv))  # noqa: E731
    assert call(["new", str(folder), "--topology", str(file)]) == 0
    with pytest.raises(ScenarioError, match="127.0.0.0/8"):
        call(run)
    topology["hosts"][0]["ip"] = "10.0.0.3"
    file.write_text(json.dumps(topology))
    other = str(tmp_path / "other")
    assert call(["new", other, "--topology", str(file)]) == 0
    assert call([run[0], other, *run[2:]]) == 0
    with pytest.raises(ScenarioError, match="--out is missing"):
        call(["run", other, "--programs", str(programs)])
