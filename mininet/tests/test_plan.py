"""Tests of plans: names, cables, routes and rates, as text. They need no privileges."""

from __future__ import annotations

import json

import pytest

from alto_mininet.network import delay
from alto_mininet.network.plan import interface_lines, make_plan, route_changes, route_table
from alto_mininet.network.routes import RoutesError, forwarding, parse_routes
from alto_mininet.network.shaping import Shaping, burst_bytes, gso_segments, netem_kind, queue_bytes, shaping_lines
from alto_mininet.network.topology import TopologyError, parse_topology


def network(hosts, switches, links, **more):
    """A topology from names of hosts and switches, and links as (source, destination, other members)."""
    named = [{"name": name, "ip": f"10.0.0.{i}"} if isinstance(name, str) else name for i, name in enumerate(hosts, 1)]
    text = {
        "name": "test",
        "hosts": named,
        "switches": [{"name": name, "dpid": f"{i:x}"} for i, name in enumerate(switches, 1)],
        "links": [{"source": a, "destination": b, "bandwidth": 10, "delay": 1, **rest} for a, b, rest in links],
        **more,
    }
    return parse_topology(json.dumps(text))


def route(topology, *path, links=None):
    """A route as alto-server exports it, by default over the first link between each two nodes."""
    if links is None:
        links = [topology.find_links(a, b)[0].index for a, b in zip(path, path[1:])]
    return {"source": path[0], "destination": path[-1], "path": list(path), "links": links}


def test_names_fit_mininet_and_stay_different():
    hosts = ["h1", "h-nycm", "h_nycm", "a-very-long-name", "net", "s1", "1st"]
    links = [(host, "CORE", {}) for host in hosts]
    plan = make_plan(network(hosts, ["CORE", "another-switch"], links))
    assert plan.names["h1"] == "h1" and plan.names["s1"] == "s1" and plan.names["h_nycm"] == "h_nycm"
    assert len(set(plan.names.values())) == 9
    assert set(plan.renamed()) == {"h-nycm", "a-very-long-name", "net", "1st", "another-switch"}
    for ports in plan.ports.values():
        for port in ports:
            assert len(port.name) <= 15
    assert [port.name for port in plan.ports["CORE"]][:2] == ["CORE-eth1", "CORE-eth2"]
    assert plan.ports["h1"][0].name == "h1-eth0"


def test_a_switch_of_many_ports_gets_a_shorter_name():
    hosts = [f"h{i}" for i in range(1, 13)]
    plan = make_plan(network(hosts, ["tencharact"], [(host, "tencharact", {}) for host in hosts]))
    assert plan.names["tencharact"] != "tencharact"
    assert max(len(port.name) for port in plan.ports["tencharact"]) <= 15


def test_opposite_directed_links_share_a_cable():
    links = [
        ("h1", "s1", {"directed": True, "bandwidth": 1}),
        ("h2", "s1", {}),
        ("s1", "h1", {"directed": True, "bandwidth": 4}),
        ("h1", "s1", {"directed": True, "bandwidth": 2}),
    ]
    plan = make_plan(network(["h1", "h2"], ["s1"], links))
    assert [[link and link.index for link in cable.links] for cable in plan.cables] == [[0, 2], [1, 1], [3, None]]
    assert plan.senders[2, "s1"].name == plan.cables[0].ports[1].name
    assert (3, "s1") not in plan.senders


def test_routers_get_addresses_in_a_block_without_hosts():
    hosts = [{"name": "h1", "ip": "172.31.5.5"}, {"name": "h2", "ip": "198.18.0.1"}]
    plan = make_plan(network(hosts, ["s1"], [("h1", "s1", {}), ("h2", "s1", {})]))
    assert plan.router_ids["s1"][0].startswith("100.64.")
    with pytest.raises(TopologyError, match="leave one of these blocks to the routers"):
        make_plan(network([*hosts, {"name": "h3", "ip": "100.64.0.9"}], ["s1"], []))


def test_forwarding_uses_the_links_that_routes_name():
    links = [("h1", "s1", {}), ("h2", "s2", {}), ("s1", "s2", {}), ("s1", "s2", {}), ("s1", "s3", {}), ("s3", "s2", {})]
    topology = network(["h1", "h2"], ["s1", "s2", "s3"], links)
    plan = make_plan(topology)
    routes = [route(topology, "h1", "s1", "s2", "h2", links=[0, 3, 1]), route(topology, "h2", "s2", "s3", "s1", "h1")]
    tables = forwarding(parse_routes(routes, topology))
    rid = {node: ids[0] for node, ids in plan.router_ids.items()}
    assert route_table(plan, tables, "s1") == {
        "10.0.0.2/32": f"via {rid['s2']} dev s1-eth3 onlink",
        "10.0.0.1/32": "dev s1-eth1 scope link",
    }
    assert route_table(plan, tables, "s2")["10.0.0.1/32"] == f"via {rid['s3']} dev s2-eth4 onlink"
    assert route_table(plan, tables, "h1") == {"0.0.0.0/0": f"via {rid['s1']} dev h1-eth0 onlink src 10.0.0.1"}
    assert route_table(plan, tables, "h1", "cubic")["0.0.0.0/0"].endswith(" congctl cubic")


def test_a_host_with_two_links_uses_the_one_of_each_route():
    hosts = ["h1", "h2", "h3", "h4"]
    links = [("h1", "s1", {}), ("h1", "s2", {}), ("h2", "s1", {}), ("h3", "s1", {}), ("h4", "s2", {}), ("h1", "h4", {})]
    topology = network(hosts, ["s1", "s2"], links)
    plan = make_plan(topology)
    routes = [route(topology, "h1", "s1", "h2"), route(topology, "h1", "s1", "h3"), route(topology, "h1", "h4")]
    table = route_table(plan, forwarding(parse_routes(routes, topology)), "h1")
    assert set(table) == {"0.0.0.0/0", "10.0.0.4/32"}
    assert "dev h1-eth0" in table["0.0.0.0/0"] and table["10.0.0.4/32"].startswith("dev h1-eth2 ")


def test_ipv6_takes_the_same_routes():
    hosts = [{"name": "h1", "ips": ["10.0.0.1", "2001:db8::1"]}, {"name": "h2", "ip": "2001:db8::2"}]
    topology = network(hosts, ["s1"], [("h1", "s1", {}), ("h2", "s1", {})])
    plan = make_plan(topology)
    routes = [route(topology, "h1", "s1", "h2"), route(topology, "h2", "s1", "h1")]
    tables = forwarding(parse_routes(routes, topology))
    assert set(route_table(plan, tables, "h2")) == {"::/0"}, "without an IPv4 address it has no IPv4 route"
    host = plan.ports["h2"][0]
    assert route_table(plan, tables, "s1")["2001:db8::2/128"] == f"via {host.link_local} dev s1-eth2"
    lines = interface_lines(plan, plan.ports["s1"][1])
    assert f"neigh replace 2001:db8::2 lladdr {host.mac} dev s1-eth2 nud permanent" in lines


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (lambda r: r.update(links=[0]), "is incomplete"),
        (lambda r: r.update(links=[0, 9]), "takes the link 9"),
        (lambda r: r.update(links=[0, 0]), "goes from s1 to h2 over the link h1 -- s1"),
        (lambda r: r.pop("links"), "lacks 'links'"),
        (lambda r: r.update(source="s1", path=["s1", "h2"], links=[1]), "does not connect two hosts"),
    ],
)
def test_routes_that_do_not_fit_are_refused(spoil, says):
    topology = network(["h1", "h2"], ["s1"], [("h1", "s1", {}), ("h2", "s1", {})])
    entry = route(topology, "h1", "s1", "h2")
    spoil(entry)
    with pytest.raises(RoutesError, match=says):
        parse_routes([entry], topology)


def test_routes_that_conflict_for_a_destination_are_refused():
    links = [("h1", "s1", {}), ("h2", "s1", {}), ("s1", "s2", {}), ("s1", "s3", {}), ("s2", "h3", {}), ("s3", "h3", {})]
    topology = network(["h1", "h2", "h3"], ["s1", "s2", "s3"], links)
    routes = [route(topology, "h1", "s1", "s2", "h3"), route(topology, "h2", "s1", "s3", "h3")]
    with pytest.raises(RoutesError, match="leave s1 both for s2 and for s3"):
        forwarding(parse_routes(routes, topology))


def test_only_changed_routes_are_replaced():
    before = {"a/32": "dev x", "b/32": "dev x", "c/32": "dev x"}
    after = {"a/32": "dev x", "b/32": "dev y", "d/32": "dev z"}
    assert route_changes(before, after) == [
        "route replace b/32 dev y",
        "route replace d/32 dev z",
        "route del c/32 dev x",
    ]


def test_queue_and_burst_sizes_follow_the_rate():
    assert queue_bytes(8, Shaping(queue_ms=50)) == 50_000
    assert queue_bytes(1, Shaping(queue_ms=50)) == 15_140, "a minimum of packets, even if that takes longer"
    assert burst_bytes(1) == 3028 and burst_bytes(100) == 25_000
    assert gso_segments(1) == 1 and gso_segments(1000) == 40
    plain = shaping_lines("x", 8, Shaping(), priority=False)
    assert "htb rate 8000000bit ceil 8000000bit" in plain[1] and "bfifo limit 50000" in plain[-1]
    first = shaping_lines("x", 8, Shaping(), priority=True)
    assert sum("filter add" in line for line in first) == 2 and sum("bfifo" in line for line in first) == 2


def test_netem_gets_delay_loss_and_limit():
    topology = network(["h1"], ["s1"], [("h1", "s1", {"delay": 2.5, "loss": 0.5, "bandwidth": 100})])
    kind = netem_kind(topology.links[0], 100, Shaping(queue_ms=50))
    assert kind == "netem limit 536 delay 2500us loss 0.5%"


def test_the_emulation_of_delays_is_chosen_beforehand(monkeypatch):
    def cables(count, ms=5):
        links = [("s1", "s2", {"delay": ms}) for _ in range(count)]
        return make_plan(network(["h1"], ["s1", "s2"], links)).cables

    monkeypatch.setattr(delay, "netem_problem", lambda: None)
    assert delay.choose("auto", cables(3)).mode == "netem"
    assert delay.choose("auto", cables(3, 0)).mode == "none", "there is nothing to delay"
    monkeypatch.setattr(delay, "netem_problem", lambda: "unknown qdisc")
    monkeypatch.setattr(delay, "relay_problem", lambda: None)
    relayed = delay.choose("auto", cables(3))
    assert (relayed.mode, relayed.relayed, relayed.warnings) == ("relay", {0, 1, 2}, [])
    assert delay.choose("auto", cables(3, 0.1)).relayed == set()
    many = delay.choose("auto", cables(61))
    assert many.mode == "none" and many.warnings[0].startswith("DELAYS ARE NOT EMULATED")
    assert delay.choose("relay", cables(61)).mode == "relay"
    with pytest.raises(delay.DelayError, match="unknown qdisc"):
        delay.choose("netem", cables(1))
    monkeypatch.setattr(delay, "relay_problem", lambda: "no compiler")
    with pytest.raises(delay.DelayError, match="no compiler"):
        delay.choose("relay", cables(1))
    none = delay.choose("auto", cables(1))
    assert none.mode == "none" and "no compiler" in none.warnings[0] and "unknown qdisc" in none.warnings[0]
    with pytest.raises(delay.DelayError, match="not a way to emulate"):
        delay.choose("magic", cables(1))
