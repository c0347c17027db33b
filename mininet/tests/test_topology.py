"""Tests of topology files: valid ones, and the problems reported for faulty ones."""

from __future__ import annotations

import glob
import json
import os

import pytest
from conftest import ROOT

from alto_mininet.network.topology import TopologyError, load_topology, parse_topology


def small() -> dict:
    return {
        "name": "small",
        "hosts": [{"name": "h1", "ip": "10.0.0.1"}, {"name": "h2", "ips": ["10.0.0.2/8", "2001:db8::2"]}],
        "switches": [{"name": "s1", "dpid": "a"}],
        "links": [
            {"source": "h1", "destination": "s1", "bandwidth": 10, "delay": 1},
            {"source": "s1", "destination": "h2", "bandwidth": 0.5, "delay": "2.5ms", "loss": 1, "up": False},
        ],
    }


def test_a_valid_file_is_read_and_written():
    topology = parse_topology(json.dumps(small()))
    assert [str(a) for a in topology.hosts["h2"].addresses] == ["10.0.0.2/8", "2001:db8::2/128"]
    assert topology.hosts["h2"].address(4) == "10.0.0.2" and topology.hosts["h1"].address(6) is None
    assert topology.switches["s1"].dpid_text == "000000000000000a"
    link = topology.links[1]
    assert (link.bandwidth, link.delay, link.loss, link.up, link.directed) == (0.5, 2.5, 1.0, False, False)
    assert topology.find_links("h2", "s1") == [link], "an undirected link is found in both directions"
    # What is written describes the current state.
    link.up, link.bandwidth = True, 3.0
    again = parse_topology(json.dumps(topology.to_json()))
    assert again.links[1].up and again.links[1].bandwidth == 3.0 and again.hosts == topology.hosts


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda t: t["hosts"][0].update(ip="banana"), "hosts[0].ip: 'banana' is not an address"),
        (lambda t: t["hosts"][0].update(ip="10.0.0.2"), "hosts[1].ips[0]: 10.0.0.2 is the address at hosts[0].ip"),
        (lambda t: t["hosts"][0].update(ip="127.0.0.1"), "--map-loopback"),
        (lambda t: t["hosts"][0].update(ip="::1"), "cannot be emulated"),
        (lambda t: t["hosts"][0].update(ip="224.0.0.1"), "multicast"),
        (lambda t: t["hosts"][0].update(ip="fe80::1"), "link-local"),
        (lambda t: t["hosts"][0].update(ip="0.0.0.0"), "unspecified"),
        (lambda t: t["hosts"][0].update(ip=7), "hosts[0].ip: 7 is not an address"),
        (lambda t: t["hosts"][0].update(ips=["10.0.0.9"]), "either"),
        (lambda t: t["hosts"][0].pop("ip"), "either"),
        (lambda t: t["hosts"][0].update(name="h2"), "hosts[1].name: h2 is the name of hosts[0] already"),
        (lambda t: t["hosts"][0].update(name="a b; reboot"), "is not a name"),
        (lambda t: t["hosts"][0].update(mac="x"), "hosts[0].mac: is not a key"),
        (lambda t: t["switches"][0].update(dpid="0xff"), "switches[0].dpid: '0xff' is not a dpid"),
        (lambda t: t["switches"][0].update(dpid=1), "switches[0].dpid: 1 is not a text"),
        (lambda t: t["switches"].append({"name": "s2", "dpid": "0A"}), "dpids are unique"),
        (lambda t: t["links"][0].update(bandwidth=0), "links[0].bandwidth: 0 is out of range"),
        (lambda t: t["links"][0].update(bandwidth=-1), "out of range"),
        (lambda t: t["links"][0].update(bandwidth="10"), "links[0].bandwidth: '10' is not a bandwidth"),
        (lambda t: t["links"][0].update(bandwidth="12MB/s"), "links[0].bandwidth: '12MB/s' is not a bandwidth"),
        (lambda t: t["links"][0].update(bandwidth="99T"), "links[0].bandwidth: 99000000.0 is out of range"),
        (lambda t: t["links"][0].update(delay="1..2ms"), "links[0].delay: '1..2ms' is not a delay"),
        (lambda t: t["switches"][0].update(hop="no"), "switches[0].hop: 'no' is neither true nor false"),
        (lambda t: t["hosts"][1].update(ips=["::ffff:10.0.0.1"]), "hosts[1].ips[0]: 10.0.0.1 is the address at"),
        (lambda t: t["links"][0].update(bandwidth=True), "is not a number"),
        (lambda t: t["links"][0].update(delay="5 minutes"), "links[0].delay: '5 minutes' is not a delay"),
        (lambda t: t["links"][0].update(delay=-1), "links[0].delay: -1 is out of range"),
        (lambda t: t["links"][0].update(loss=101), "links[0].loss"),
        (lambda t: t["links"][0].update(up="no"), "links[0].up: 'no' is neither true nor false"),
        (lambda t: t["links"][0].update(destination="s9"), "links[0].destination: 's9' is neither"),
        (lambda t: t["links"][0].update(destination="h1"), "leads from h1 to itself"),
        (lambda t: t["links"][0].pop("delay"), "links[0].delay: is missing"),
        (lambda t: t.update(links={}), "links: {} is not a list"),
        (lambda t: t.update(hosts=[1]), "hosts[0]: 1 is not an object"),
        (lambda t: t.pop("name"), "name: is missing"),
    ],
)
def test_problems_are_reported_with_place_and_value(change, says):
    topology = small()
    change(topology)
    with pytest.raises(TopologyError) as caught:
        parse_topology(json.dumps(topology), "net.json")
    assert says in str(caught.value)
    assert all(line.startswith("net.json: ") for line in str(caught.value).splitlines())


def test_units_are_those_of_the_server():
    topology = small()
    for (bandwidth, delay), mbits, ms in [
        (("100G", "350us"), 100_000.0, 0.35),
        (("2.5Mbit", "2 ms"), 2.5, 2.0),
        (("64kbit/s", "0.1s"), 0.064, 100.0),
        (("10 Gbps", "500ns"), 10_000.0, 0.0005),
    ]:
        topology["links"][0].update(bandwidth=bandwidth, delay=delay)
        read = parse_topology(json.dumps(topology))
        assert (read.links[0].bandwidth, read.links[0].delay) == (mbits, ms)
        assert read.to_json()["links"][0]["bandwidth"] == mbits


def test_switches_without_dpid_get_one_that_is_unused():
    topology = small()
    topology["switches"] = [{"name": "s3", "hop": False}, {"name": "s1", "dpid": "1"}, {"name": "s2"}]
    read = parse_topology(json.dumps(topology))
    assert {name: switch.dpid for name, switch in read.switches.items()} == {"s3": 2, "s1": 1, "s2": 3}
    assert read.to_json()["switches"] == topology["switches"], "the file is preserved"


def test_a_mapped_address_is_the_ipv4_address():
    topology = small()
    topology["hosts"][0]["ip"] = "::ffff:10.0.0.9/120"
    read = parse_topology(json.dumps(topology))
    assert str(read.hosts["h1"].addresses[0]) == "10.0.0.9/24" and read.to_json()["hosts"][0]["ip"] == "10.0.0.9/24"


def test_what_follows_from_a_refused_name_is_no_further_problem():
    topology = small()
    topology["hosts"][0]["name"] = topology["links"][0]["source"] = "new york"
    with pytest.raises(TopologyError) as caught:
        parse_topology(json.dumps(topology))
    assert len(caught.value.problems) == 1


def test_all_problems_are_reported_at_once():
    topology = small()
    topology["hosts"][0]["ip"], topology["links"][0]["bandwidth"], topology["switches"][0]["dpid"] = "x", -1, "y"
    with pytest.raises(TopologyError) as caught:
        parse_topology(json.dumps(topology))
    assert len(caught.value.problems) == 3


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"name":"a","name":"b"}', '{"name":NaN}', "[" * 100_000])
def test_text_that_is_not_a_topology_is_refused(text):
    with pytest.raises(TopologyError):
        parse_topology(text)


def test_a_missing_file_is_reported(tmp_path):
    with pytest.raises(TopologyError, match="nowhere.json: cannot be read"):
        load_topology(tmp_path / "nowhere.json")


def test_loopback_addresses_are_mapped_on_request():
    topology = load_topology(os.path.join(ROOT, "topo", "data", "two-isps.json"), map_loopback=True)
    assert topology.hosts["p1"].address(4) == "10.1.1.1"
    written = topology.to_json()
    assert written["hosts"][1]["ip"] == "10.1.1.1"
    assert written["pids"]["isp-b-1"]["ipv4"] == ["10.2.0.0/16"]
    assert written["properties"]["prefixes"]["10.1.3.0/24"] == {"priv:alto-access": None}
    assert "127." not in json.dumps(written) and len(topology.notes) == 1


def test_a_file_may_name_its_schema_for_editors():
    raw = {"$schema": "topo.schema.json", "name": "t"}
    assert parse_topology(json.dumps(raw)).to_json() == raw
    with pytest.raises(TopologyError, match="schema: 5 is not the path or URI of a JSON Schema"):
        parse_topology(json.dumps({**raw, "$schema": 5}))


def test_prefixes_of_further_network_maps_are_mapped():
    with open(os.path.join(ROOT, "topo", "data", "two-isps.json"), encoding="utf-8") as file:
        raw = json.load(file)
    raw["maps"] = {"isps": {"a": {"ipv4": ["127.1.0.0/16"]}, "b": {"ipv4": ["127.2.0.0/16"]}}}
    written = parse_topology(json.dumps(raw), map_loopback=True).to_json()
    assert written["maps"]["isps"] == {"a": {"ipv4": ["10.1.0.0/16"]}, "b": {"ipv4": ["10.2.0.0/16"]}}
    for wrong, message in [([], "maps: is not an object"), ({"isps": 1}, "maps.isps: is not an object")]:
        with pytest.raises(TopologyError, match=message):
            parse_topology(json.dumps({**raw, "maps": wrong}))


def test_properties_survive_the_mapping_of_addresses():
    given = {"127.1.0.0/16": {"priv:x": "a"}, "10.1.0.0/16": {"priv:x": "b"}}
    text = json.dumps(small() | {"properties": {"prefixes": given}})
    assert parse_topology(text).to_json()["properties"]["prefixes"] == given
    with pytest.raises(TopologyError, match="properties.prefixes: has prefixes in 127"):
        parse_topology(text, map_loopback=True)


def test_every_topology_that_ships_is_valid():
    files = [f for f in glob.glob(os.path.join(ROOT, "topo", "data", "*.json")) if "schema" not in f]
    assert len(files) >= 4
    for file in files:
        topology = load_topology(file, map_loopback=True)
        with open(file, encoding="utf-8") as source:
            raw = json.load(source)
        assert (len(topology.hosts), len(topology.links)) == (len(raw["hosts"]), len(raw["links"])), file
