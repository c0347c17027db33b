"""Topology files (`topo.json`), checked as far as an emulation needs them.

Mininet accepts nearly anything (duplicate or invalid addresses, negative bandwidths) and silently builds something
else. So everything is checked here, and every problem names file, field, value and remedy. The contents of `pids`,
`cost` and `properties` are checked by alto-server, which uses them; here they are only preserved.
"""

from __future__ import annotations

import copy
import ipaddress
import itertools
import json
import math
import os
import re
from dataclasses import dataclass, field
from typing import Any

from .. import plain_json

MAX_FILE_BYTES = 16 * 1024 * 1024
# Each node is a shell in a namespace and takes about 1 MiB and 15 ms to start.
MAX_NODES = 2000
MAX_LINKS = 10_000
MAX_BANDWIDTH = 1e7
# In Mbit/s. Below this, a full packet takes more than 12 seconds.
MIN_BANDWIDTH = 0.001
MAX_DELAY = 1e5

# Factors from a unit to Mbit/s and to milliseconds, as pairs that multiply and divide, which keeps decimals exact.
BANDWIDTH_PREFIXES = {"": (1, 1e6), "k": (1, 1e3), "m": (1, 1), "g": (1e3, 1), "t": (1e6, 1)}
DELAY_UNITS = {"s": (1e3, 1), "ms": (1, 1), "us": (1, 1e3), "µs": (1, 1e3), "μs": (1, 1e3), "ns": (1, 1e6)}
BANDWIDTH = re.compile(r"\s*([0-9.]+)\s*(?:([kKmMgGtT]?)(?:bits?(?:/s)?|b/s|bps)|([kKmMgGtT]))\s*")
DELAY = re.compile(r"\s*([0-9.]+)\s*(s|ms|us|µs|μs|ns)\s*")

# Optional keys of a file. Editors read `$schema`.
TOPOLOGY_KEYS = {"$schema", "hosts", "switches", "links", "pids", "maps", "cost", "properties"}

NAME = re.compile(r"[A-Za-z0-9:@_.-]{1,64}")
DPID = re.compile(r"[0-9A-Fa-f]{1,16}")

Address = ipaddress.IPv4Interface | ipaddress.IPv6Interface


class TopologyError(ValueError):
    """The problems of a topology file, one line each."""

    def __init__(self, source: str, problems: list[str]):
        self.source, self.problems = source, problems
        super().__init__("\n".join(f"{source}: {problem}" for problem in problems))


@dataclass(frozen=True)
class Host:
    """A host with its addresses."""

    name: str
    addresses: tuple[Address, ...]

    def address(self, version: int) -> str | None:
        """First address of an IP version, or None."""
        return next((str(a.ip) for a in self.addresses if a.version == version), None)


@dataclass(frozen=True)
class Switch:
    """A switch with its datapath ID, which is chosen here if the file gives none."""

    name: str
    dpid: int

    @property
    def dpid_text(self) -> str:
        """The dpid as 16 hexadecimal digits, which is the only form Mininet reads correctly."""
        return f"{self.dpid:016x}"


@dataclass
class Link:
    """A link; `index` is its position in the file. Bandwidth, delay and state may change while the network runs."""

    index: int
    source: str
    destination: str
    bandwidth: float
    delay: float
    directed: bool
    loss: float
    up: bool

    def __str__(self) -> str:
        return f"{self.source} {'->' if self.directed else '--'} {self.destination}"


@dataclass
class Topology:
    """A checked topology. `raw` is its JSON, with mapped addresses and normalized delays."""

    name: str
    hosts: dict[str, Host]
    switches: dict[str, Switch]
    links: list[Link]
    raw: dict[str, Any]
    source: str
    notes: list[str] = field(default_factory=list)

    def nodes(self) -> list[str]:
        """Names of hosts, then switches, in the order of the file."""
        return [*self.hosts, *self.switches]

    def addresses(self) -> list[Address]:
        """All addresses of all hosts."""
        return [address for host in self.hosts.values() for address in host.addresses]

    def find_links(self, source: str, destination: str) -> list[Link]:
        """The links that carry traffic from one node to another, in the order by which alto-server indexes them."""
        between = (source, destination)
        return [
            link
            for link in self.links
            if (link.source, link.destination) == between
            or (not link.directed and (link.destination, link.source) == between)
        ]

    def to_json(self) -> dict[str, Any]:
        """The JSON of the topology in its current state, including changed links."""
        raw = copy.deepcopy(self.raw)
        for link, entry in zip(self.links, raw.get("links", [])):
            entry.update(bandwidth=link.bandwidth, delay=link.delay, up=link.up)
        return raw

    def write(self, path: str | os.PathLike[str]) -> None:
        """Writes the current state to a file, atomically."""
        temporary = f"{os.fspath(path)}.new"
        with open(temporary, "w", encoding="utf-8") as file:
            json.dump(self.to_json(), file, indent=2)
            file.write("\n")
        os.replace(temporary, path)


def load_topology(path: str | os.PathLike[str], map_loopback: bool = False) -> Topology:
    """Reads and checks a topology file.

    Addresses in 127/8 mean the host itself and cannot be emulated. With `map_loopback`, 127.A.B.C becomes 10.A.B.C in
    hosts, PIDs and properties, which the `notes` of the topology report.
    """
    source = os.fspath(path)
    try:
        with open(path, "rb") as file:
            content = file.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        raise TopologyError(source, [f"cannot be read: {error.strerror}"]) from None
    if len(content) > MAX_FILE_BYTES:
        raise TopologyError(source, [f"has more than {MAX_FILE_BYTES} bytes"])
    return parse_topology(content, source, map_loopback)


def parse_topology(content: bytes | str, source: str = "topology", map_loopback: bool = False) -> Topology:
    """Parses and checks the text of a topology file; errors call it `source`."""
    try:
        raw = plain_json.parse(content)
    except plain_json.JsonFault as fault:
        raise TopologyError(source, [str(fault)]) from None
    checker = _Checker(map_loopback)
    topology = checker.topology(raw, source)
    if checker.problems:
        raise TopologyError(source, checker.problems)
    return topology


class _Checker:
    """A checker that collects all problems of a file, so that they can be fixed in one go."""

    def __init__(self, map_loopback: bool):
        self.problems: list[str] = []
        self.map_loopback = map_loopback
        # Names that were refused: what refers to them is no further problem.
        self.refused: set[str] = set()
        self.mapped = 0
        self.loopback = 0

    def bad(self, path: str, message: str) -> None:
        self.problems.append(f"{path}: {message}" if path else message)

    def topology(self, raw: Any, source: str) -> Topology:
        raw = self.object(raw, "", {"name"}, TOPOLOGY_KEYS)
        if raw.get("$schema") is not None:
            self.typed(raw, "", "$schema", str, "the path or URI of a JSON Schema in quotes")
        name = self.typed(raw, "", "name", str, "a text") or "topology"
        counts = [len(self.list(raw, key)) for key in ("hosts", "switches", "links")]
        if counts[0] + counts[1] > MAX_NODES:
            self.bad(
                "hosts", f"{counts[0] + counts[1]} nodes cannot be emulated on one machine: use {MAX_NODES} or fewer"
            )
        if counts[2] > MAX_LINKS:
            self.bad("links", f"{counts[2]} links cannot be emulated on one machine: use {MAX_LINKS} or fewer")
        topology = Topology(name, {}, {}, [], raw, source)
        if self.problems:
            return topology
        self.nodes(raw, topology)
        self.links(raw, topology)
        self.pids(raw)
        self.properties(raw)
        if self.loopback:
            self.bad(
                "hosts",
                f"{self.loopback} address(es) in 127.0.0.0/8 or ::1, which every host has for itself, so they cannot "
                "be emulated: use others, or map 127.A.B.C to 10.A.B.C (altonet.py --map-loopback)",
            )
        if self.mapped:
            topology.notes.append(f"{self.mapped} addresses and prefixes 127.A.B.C of {name} were mapped to 10.A.B.C")
        return topology

    def nodes(self, raw: dict[str, Any], topology: Topology) -> None:
        names: dict[str, str] = {}
        addresses: dict[Any, str] = {}
        dpids: dict[int, str] = {}
        without_dpid: list[str] = []
        for i, entry in enumerate(self.list(raw, "hosts")):
            path = f"hosts[{i}]"
            entry = self.object(entry, path, {"name"}, {"ip", "ips"})
            name = self.name(entry, path, names)
            if name is not None:
                topology.hosts[name] = Host(name, self.host_addresses(entry, path, name, addresses))
        for i, entry in enumerate(self.list(raw, "switches")):
            path = f"switches[{i}]"
            entry = self.object(entry, path, {"name"}, {"dpid", "hop"})
            name = self.name(entry, path, names)
            if not isinstance(entry.get("hop", True), bool):
                self.bad(f"{path}.hop", f"{_short(entry['hop'])} is neither true nor false")
            if entry.get("dpid") is None:
                if name is not None:
                    topology.switches[name] = Switch(name, 0)
                    without_dpid.append(name)
                continue
            text = self.typed(entry, path, "dpid", str, 'a text such as "0000000000000001"')
            if name is not None:
                topology.switches[name] = Switch(name, self.dpid(text, path, dpids))
        unused = (dpid for dpid in itertools.count(1) if dpid not in dpids)
        for name, dpid in zip(without_dpid, unused):
            topology.switches[name] = Switch(name, dpid)

    def dpid(self, text: str | None, path: str, owners: dict[int, str]) -> int:
        if text is None:
            return 0
        if not DPID.fullmatch(text):
            self.bad(f"{path}.dpid", f"{text!r} is not a dpid: use 1 to 16 hexadecimal digits")
            return 0
        dpid = int(text, 16)
        if dpid in owners:
            self.bad(f"{path}.dpid", f"{text} is the dpid of {owners[dpid]} already; dpids are unique")
        owners[dpid] = path
        return dpid

    def name(self, entry: dict[str, Any], path: str, names: dict[str, str]) -> str | None:
        name = self.typed(entry, path, "name", str, "a text")
        if name is None:
            return None
        if not NAME.fullmatch(name):
            self.bad(f"{path}.name", f"{name[:80]!r} is not a name: use 1 to 64 letters, digits, or any of - : @ _ .")
            self.refused.add(name)
            return None
        if name in names:
            self.bad(f"{path}.name", f"{name} is the name of {names[name]} already; rename one")
            return None
        names[name] = path
        return name

    def host_addresses(
        self, entry: dict[str, Any], path: str, name: str, owners: dict[Any, str]
    ) -> tuple[Address, ...]:
        one, several = entry.get("ip"), entry.get("ips")
        if (one is None) == (several is None) or several == []:
            self.bad(path, f'{name} needs either "ip" or a list "ips" that is not empty')
            return ()
        if several is not None and not isinstance(several, list):
            self.bad(f"{path}.ips", f'{several!r} is not a list: use one such as ["10.1.0.1", "2001:db8::1"]')
            return ()
        found: list[Address] = []
        for j, text in enumerate(several if several is not None else [one]):
            where = f"{path}.ips[{j}]" if several is not None else f"{path}.ip"
            address = self.address(text, where)
            if address is None:
                continue
            if several is not None:
                several[j] = self.spelling(text, address)
            else:
                entry["ip"] = self.spelling(text, address)
            if address.ip in owners:
                self.bad(where, f"{address.ip} is the address at {owners[address.ip]} already; give each host its own")
                continue
            owners[address.ip] = where
            found.append(address)
        return tuple(found)

    @staticmethod
    def spelling(text: str, address: Address) -> str:
        return str(address) if "/" in text else str(address.ip)

    def address(self, text: Any, where: str) -> Address | None:
        try:
            if not isinstance(text, str) or "%" in text:
                raise ValueError
            address = ipaddress.ip_interface(text)
        except ValueError:
            self.bad(where, f"{text!r} is not an address: use one such as 10.1.0.1, 10.1.0.1/24 or 2001:db8::1")
            return None
        mapped = address.ip.ipv4_mapped if address.version == 6 else None
        if mapped is not None:
            # An IPv4-mapped address is the IPv4 address.
            address = ipaddress.ip_interface(f"{mapped}/{max(address.network.prefixlen - 96, 0)}")
        # The properties of an ip_interface describe its network rather than the address.
        ip = address.ip
        if ip.version == 4 and ip.is_loopback and self.map_loopback:
            self.mapped += 1
            return ipaddress.ip_interface(f"10{str(address).removeprefix('127')}")
        if ip.is_loopback:
            self.loopback += 1
            return None
        kinds = [("multicast", ip.is_multicast), ("unspecified", ip.is_unspecified), ("link-local", ip.is_link_local)]
        kinds.append(("reserved", ip.version == 4 and ip.is_reserved))
        for kind, found in kinds:
            if found:
                self.bad(where, f"{text} is a {kind} address, at which no host can be reached: use another")
                return None
        return address

    def links(self, raw: dict[str, Any], topology: Topology) -> None:
        nodes = set(topology.nodes())
        for i, entry in enumerate(self.list(raw, "links")):
            path = f"links[{i}]"
            required = {"source", "destination", "bandwidth", "delay"}
            entry = self.object(entry, path, required, {"directed", "cost", "price", "loss", "up"})
            ends = [self.typed(entry, path, key, str, "the name of a node") for key in ("source", "destination")]
            for key, end in zip(("source", "destination"), ends):
                if end is not None and end not in nodes and end not in self.refused:
                    self.bad(f"{path}.{key}", f"{end!r} is neither a host nor a switch of this file")
            if ends[0] is not None and ends[0] == ends[1]:
                self.bad(path, f"leads from {ends[0]} to itself: remove it")
            entry["bandwidth"] = bandwidth = self.bandwidth(entry, path)
            entry["delay"] = self.delay(entry.get("delay"), path)
            loss = self.number(entry, path, "loss", 0, 100, "percent") if entry.get("loss") is not None else 0.0
            flags = [entry.get(key, default) for key, default in (("directed", False), ("up", True))]
            for key, flag in zip(("directed", "up"), flags):
                if not isinstance(flag, bool):
                    self.bad(f"{path}.{key}", f"{flag!r} is neither true nor false")
            if self.problems:
                continue
            topology.links.append(Link(i, ends[0], ends[1], bandwidth, entry["delay"], flags[0], loss, flags[1]))

    def bandwidth(self, entry: dict[str, Any], path: str) -> float:
        value = entry.get("bandwidth")
        if isinstance(value, str):
            found = BANDWIDTH.fullmatch(value)
            prefix = ((found[2] or found[3] or "") if found else "").lower()
            number = _scaled(found[1], BANDWIDTH_PREFIXES[prefix]) if found else None
            if number is None:
                forms = 'a number of Mbit/s, or a text with a unit such as "100G" or "2.5Mbit"'
                self.bad(f"{path}.bandwidth", f"{_short(value)} is not a bandwidth: use {forms}")
                return MIN_BANDWIDTH
            entry = {"bandwidth": number}
        return self.number(entry, path, "bandwidth", MIN_BANDWIDTH, MAX_BANDWIDTH, "Mbit/s")

    def delay(self, value: Any, path: str) -> float:
        if isinstance(value, str) and (found := DELAY.fullmatch(value)):
            number = _scaled(found[1], DELAY_UNITS[found[2]])
            value = value if number is None else number
        if not _is_number(value):
            forms = 'a number of milliseconds, or a text with a unit such as "2ms" or "350us"'
            self.bad(f"{path}.delay", f"{_short(value)} is not a delay: use {forms}")
            return 0.0
        if not 0 <= value <= MAX_DELAY:
            self.bad(f"{path}.delay", f"{value} is out of range: use 0 to {MAX_DELAY:g} ms")
        return float(value)

    def pids(self, raw: dict[str, Any]) -> None:
        """Maps the prefixes of all network maps; alto-server checks everything else about them."""
        maps = raw.get("maps")
        if maps is not None and not isinstance(maps, dict):
            self.bad("maps", "is not an object")
            maps = {}
        of_maps = {f"maps.{name}": pids for name, pids in (maps or {}).items()}
        for path, pids in {"pids": raw.get("pids"), **of_maps}.items():
            if pids is not None and not isinstance(pids, dict):
                self.bad(path, "is not an object")
            elif pids:
                self.prefixes_of(pids)

    def prefixes_of(self, pids: dict[str, Any]) -> None:
        for entry in pids.values():
            prefixes = entry.get("ipv4") if isinstance(entry, dict) else None
            for j, prefix in enumerate(prefixes if isinstance(prefixes, list) else []):
                prefixes[j] = self.mapped_prefix(prefix)

    def properties(self, raw: dict[str, Any]) -> None:
        """Maps the prefixes that have properties; alto-server checks everything else about properties."""
        properties = raw.get("properties")
        prefixes = properties.get("prefixes") if isinstance(properties, dict) else None
        if isinstance(prefixes, dict):
            mapped = {self.mapped_prefix(prefix): given for prefix, given in prefixes.items()}
            if len(mapped) < len(prefixes):
                message = "has prefixes in 127.0.0.0/8 and the same ones, as mapped, in 10.0.0.0/8: remove one of each"
                self.bad("properties.prefixes", message)
            properties["prefixes"] = mapped

    def mapped_prefix(self, prefix: Any) -> Any:
        if not (self.map_loopback and isinstance(prefix, str) and prefix.startswith("127.")):
            return prefix
        self.mapped += 1
        return f"10{prefix.removeprefix('127')}"

    def object(self, value: Any, path: str, required: set[str], optional: set[str]) -> dict[str, Any]:
        if not isinstance(value, dict):
            self.bad(path, f"{_short(value)} is not an object")
            return {}
        for key in value:
            if key not in required | optional:
                known = ", ".join(sorted(required | optional))
                self.bad(f"{path}.{key}".lstrip("."), f"is not a key of this file; known keys: {known}")
        for key in sorted(required - set(value)):
            self.bad(f"{path}.{key}".lstrip("."), "is missing")
        return value

    def list(self, raw: dict[str, Any], key: str) -> list[Any]:
        value = raw.get(key, [])
        if not isinstance(value, list):
            self.bad(key, f"{_short(value)} is not a list")
            return []
        return value

    def typed(self, entry: dict[str, Any], path: str, key: str, kind: type, what: str) -> Any:
        value = entry.get(key)
        if key in entry and not isinstance(value, kind):
            self.bad(f"{path}.{key}".lstrip("."), f"{_short(value)} is not {what}")
            return None
        return value

    def number(self, entry: dict[str, Any], path: str, key: str, low: float, high: float, unit: str) -> float:
        value = entry.get(key)
        if key not in entry:
            return low
        if not _is_number(value):
            self.bad(f"{path}.{key}", f"{_short(value)} is not a number of {unit}")
        elif not low <= value <= high:
            self.bad(f"{path}.{key}", f"{value} is out of range: use {low:g} to {high:g} {unit}")
        else:
            return float(value)
        return low


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def _scaled(text: str, factor: tuple[float, float]) -> float | None:
    try:
        return float(text) * factor[0] / factor[1]
    except ValueError:
        return None


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."
