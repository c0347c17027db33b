"""Reading of scenarios: folders with topo.json, server.json, peers.json and scenario.json.

Everything is checked before a run starts, so that no run fails after ten minutes over a misspelt name.
"""

from __future__ import annotations

import ipaddress
import json
import re
from pathlib import Path
from typing import Any, Iterator

from .fields import Fields, read_json
from .model import Cross, Feedback, Link, LinkEvent, Peer, Policy, Scenario, ScenarioError, bracketed

# Policies of alto-peer. A scenario may define variants of them.
PEER_POLICIES = ("random", "nearest", "alto", "best")
MAX_FILE_BYTES = 4 << 30
MAX_SECONDS = 24 * 3600


def load(folder: Path) -> Scenario:
    """Reads and checks a scenario. The options of the peers are checked by alto-peer."""
    if not folder.is_dir():
        raise ScenarioError(f"{folder}: is not a folder; `experiment.py list` shows the scenarios that ship")
    topo_file = folder / "topo.json"
    hosts, switches, links, pids = read_topology(topo_file)
    server_host, server_port = read_server(folder / "server.json", hosts)
    directory, peers = read_peers(folder / "peers.json", hosts)
    server = f"http://{bracketed(hosts[server_host])}:{server_port}/directory"
    if directory != server:
        raise ScenarioError(
            f"{folder / 'peers.json'}: server: {json.dumps(directory)} is not valid: give {server}, "
            f"which host {server_host} of server.json serves"
        )
    file = folder / "scenario.json"
    top = Fields(file, "", read_json(file) if file.exists() else {})
    shared = {name for peer in peers for name in peer.share}
    files = read_files(top, shared)
    time_limit = top.number("time-limit", 1, MAX_SECONDS, 600)
    nodes = set(hosts) | set(switches)
    scenario = Scenario(
        folder=folder,
        name=folder.resolve().name,
        title=top.take("title", str, "a text", folder.resolve().name),
        about=top.take("about", str, "a text", ""),
        time_limit=time_limit,
        join_spread=top.number("join-spread", 0, MAX_SECONDS, 0),
        files=files,
        hosts=hosts,
        switches=switches,
        links=links,
        pids=pids,
        server_host=server_host,
        server_port=server_port,
        directory=directory,
        peers=peers,
        policies=read_policies(top, folder),
        protected=tuple(
            read_pair(top, "protected", i, pair, links)
            for i, pair in enumerate(top.take("protected", list, "a list of pairs of nodes", []))
        ),
        link_events=tuple(sorted(read_link_events(top, links, time_limit), key=lambda event: event.at)),
        cross_traffic=tuple(read_cross(top, hosts, time_limit)),
        positions=read_positions(top, nodes),
        published=tuple(read_published(top)),
        differences=tuple(top.take("differences", list, "a list of texts", [])),
    )
    top.end()
    if not any(peer.get for peer in peers):
        file = folder / "peers.json"
        raise ScenarioError(f'{file}: peers: none has "get", so nothing would be measured: give one a file to fetch')
    return scenario


def read_topology(path: Path) -> tuple[dict[str, str], tuple[str, ...], tuple[Link, ...], dict[str, list[str]]]:
    """Hosts with their first address, switches, links and PIDs; alto-server checks the rest of the file."""
    value = read_json(path)
    if not isinstance(value, dict):
        raise ScenarioError(f"{path}: is not a JSON object: give a topology")
    try:
        hosts = {
            host["name"]: str(ipaddress.ip_interface((host.get("ips") or [host.get("ip")])[0]).ip)
            for host in value.get("hosts", [])
        }
        switches = tuple(switch["name"] for switch in value.get("switches", []))
        links = tuple(
            Link(
                link["source"],
                link["destination"],
                float(link["bandwidth"]),
                milliseconds(link["delay"]),
                bool(link.get("directed", False)),
            )
            for link in value.get("links", [])
        )
        pids = {
            pid: list(entry.get("ipv4", [])) + list(entry.get("ipv6", []))
            for pid, entry in (value.get("pids") or {}).items()
        }
    except (KeyError, TypeError, ValueError, IndexError, AttributeError) as error:
        raise ScenarioError(
            f"{path}: {error!r}; `alto-server --topology {path} --check` lists all problems"
        ) from None
    if not value.get("pids"):
        for link in links:
            for host, switch in ((link.source, link.destination), (link.destination, link.source)):
                if host in hosts and switch in switches and hosts[host] not in pids.setdefault(switch, []):
                    pids[switch].append(hosts[host])
    return hosts, switches, links, pids


def milliseconds(delay: Any) -> float:
    """A delay of topo.json, which may have the unit ms."""
    return float(re.sub(r" *ms$", "", delay)) if isinstance(delay, str) else float(delay)


def read_server(path: Path, hosts: dict[str, str]) -> tuple[str, int]:
    """Host and port of the server, which checks all other settings itself."""
    top = Fields(path, "", read_json(path))
    host = top.name("host", hosts, "host")
    listen = top.take("listen", list, 'a list such as ["0.0.0.0:8080"]', ["0.0.0.0:8080"])
    try:
        port = int(str(listen[0]).rpartition(":")[2])
    except (ValueError, IndexError):
        port = 0
    if not 0 < port < 65536:
        raise top.error("listen", listen, "an address and a port other than 0, which peers.json has to name")
    return host, port


def read_peers(path: Path, hosts: dict[str, str]) -> tuple[str, tuple[Peer, ...]]:
    """The URI of the directory, and the peers."""
    top = Fields(path, "", read_json(path))
    directory = top.take("server", str, "the URI of the ALTO directory")
    defaults = top.take("defaults", dict, "an object", {})
    entries = top.take("peers", list, "a list of peers")
    top.end()
    peers: list[Peer] = []
    for i, entry in enumerate(entries):
        fields = Fields(path, f"peers[{i}]", {**defaults, **entry} if isinstance(entry, dict) else entry)
        whole = dict(fields.rest)
        name = fields.take("name", str, "a name")
        if any(peer.name == name for peer in peers):
            raise fields.error("name", name, "a name that no other peer has")
        if not re.fullmatch(r"[A-Za-z0-9_.-]{1,64}", name):
            raise fields.error("name", name, "letters, digits and any of _.-")
        host = fields.name("host", hosts, "host")
        peers.append(
            Peer(
                name=name,
                host=host,
                address=fields.take("address", str, "an address", hosts[host]),
                port=int(fields.number("port", 1, 65535, 6881)),
                share=tuple(fields.take("share", list, "a list of files", [])),
                get=tuple(fields.take("get", list, "a list of files", [])),
                join=fields.number("join", 0, MAX_SECONDS, None),
                leave=fields.number("leave", 0, MAX_SECONDS, None),
                entry=whole,
            )
        )
        twin = next((peer for peer in peers[:-1] if (peer.host, peer.port) == (host, peers[-1].port)), None)
        if twin:
            raise fields.error("port", peers[-1].port, f"a port that {twin.name} on the same host does not use")
    return directory, tuple(peers)


def read_files(top: Fields, shared: set[str]) -> dict[str, int]:
    """Names and sizes of the files that a run generates."""
    files: dict[str, int] = {}
    for i, entry in enumerate(top.take("files", list, "a list of objects with name and bytes", [])):
        fields = Fields(top.file, f"files[{i}]", entry)
        name = fields.take("name", str, "a name")
        if not re.fullmatch(r"[A-Za-z0-9_-][A-Za-z0-9_.-]{0,99}", name):
            raise fields.error("name", name, "a plain file name of letters, digits and any of _.-")
        files[name] = int(fields.number("bytes", 1, MAX_FILE_BYTES))
        fields.end()
    if missing := sorted(name for name in shared if name not in files):
        raise ScenarioError(
            f"{top.file}: files: has no {json.dumps(missing[0])}, which peers.json shares: give its name and "
            "size in bytes"
        )
    return files


def read_policies(top: Fields, folder: Path) -> dict[str, Policy]:
    """The policies that the scenario defines, by default all of alto-peer."""
    default = {name: {"peers": {"policy": name}} for name in PEER_POLICIES}
    policies: dict[str, Policy] = {}
    for name, value in top.take("policies", dict, "an object", default).items():
        fields = Fields(top.file, f"policies.{name}", value)
        if not re.fullmatch(r"[A-Za-z0-9_]{1,32}", name):
            raise fields.error("", name, "a name of letters, digits and _")
        peers = fields.take("peers", dict, "an object with keys of peers.json", {"policy": name})
        topology = fields.take("topology", str, "a file in the scenario's folder", "topo.json")
        if not (folder / topology).is_file():
            raise fields.error("topology", topology, "a file in the scenario's folder")
        feedback = fields.take("feedback", dict, "an object", None)
        about = fields.take("about", str, "a text", "")
        fields.end()
        policies[name] = Policy(name, peers, topology, feedback and read_feedback(top.file, name, feedback), about)
    return policies


def read_feedback(file: Path, policy: str, value: Any) -> Feedback:
    fields = Fields(file, f"policies.{policy}.feedback", value)
    kind = fields.take("as", str, "price or utilisation", "utilisation")
    if kind not in ("price", "utilisation"):
        raise fields.error("as", kind, "price or utilisation")
    feedback = Feedback(fields.number("interval", 0.5, 3600, 5), kind, fields.number("gain", 0, 1e6, 1))
    fields.end()
    return feedback


def read_pair(top: Fields, key: str, i: int, pair: Any, links: tuple[Link, ...]) -> tuple[str, str]:
    if isinstance(pair, list) and any({link.source, link.destination} == set(map(str, pair)) for link in links):
        return pair[0], pair[1]
    raise top.error(f"{key}[{i}]", pair, "two ends of a link of topo.json")


def read_link_events(top: Fields, links: tuple[Link, ...], limit: float) -> Iterator[LinkEvent]:
    for i, entry in enumerate(top.take("link-events", list, "a list of objects", [])):
        fields = Fields(top.file, f"link-events[{i}]", entry)
        at = fields.number("at", 0, limit)
        source, destination = fields.take("source", str, "a node"), fields.take("destination", str, "a node")
        read_pair(top, "link-events", i, [source, destination], links)
        change = {
            "up": fields.take("up", bool, "true or false", None),
            "bandwidth": fields.number("bandwidth", 1e-3, 1e5, None),
            "delay": fields.number("delay", 0, 1e4, None),
        }
        fields.end()
        change = {key: value for key, value in change.items() if value is not None}
        if not change:
            raise top.error(f"link-events[{i}]", entry, "what happens: up, bandwidth or delay")
        yield LinkEvent(at, source, destination, change)


def read_cross(top: Fields, hosts: dict[str, str], limit: float) -> Iterator[Cross]:
    for i, entry in enumerate(top.take("cross-traffic", list, "a list of objects", [])):
        fields = Fields(top.file, f"cross-traffic[{i}]", entry)
        cross = Cross(
            fields.name("from", hosts, "host"),
            fields.name("to", hosts, "host"),
            fields.number("rate", 1e-3, 1e3),
            fields.number("start", 0, limit, 0),
            fields.number("stop", 0, limit, None),
        )
        fields.end()
        yield cross


def read_positions(top: Fields, nodes: set[str]) -> dict[str, tuple[float, float]]:
    positions = {}
    for name, value in top.take("positions", dict, "an object", {}).items():
        good = isinstance(value, list) and len(value) == 2 and all(isinstance(part, (int, float)) for part in value)
        if name not in nodes or not good:
            raise top.error(f"positions.{name}", value, "[x, y] for a node of topo.json")
        positions[name] = (float(value[0]), float(value[1]))
    return positions


def read_published(top: Fields) -> Iterator[dict[str, Any]]:
    """Published values: the ratio of a measure between two policies, and its expected range."""
    for i, entry in enumerate(top.take("published", list, "a list of objects", [])):
        fields = Fields(top.file, f"published[{i}]", entry)
        yield {
            "text": fields.take("text", str, "a text"),
            "source": fields.take("source", str, "a text", ""),
            "measure": fields.take("measure", str, "a measure of summary.csv"),
            "of": fields.take("of", str, "a policy"),
            "over": fields.take("over", str, "a policy"),
            "at-least": fields.number("at-least", 0, 1e9, None),
            "at-most": fields.number("at-most", 0, 1e9, None),
            "value": fields.number("value", 0, 1e9, None),
        }
        fields.end()
