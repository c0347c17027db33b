"""The scenarios that ship, each written from its parameters."""

from __future__ import annotations

import json
from pathlib import Path

from ..places import SHIPPED_TOPOLOGIES
from .builder import Network

KIB, MIB = 1024, 1024 * 1024

# Longitude and latitude of the cities, at which figures draw the switches.
CITIES = {
    "ATLA": (-84.4, 33.8),
    "CHIN": (-87.6, 41.9),
    "DNVR": (-105.0, 39.7),
    "HSTN": (-95.4, 29.8),
    "IPLS": (-86.2, 39.8),
    "KSCY": (-94.6, 39.1),
    "LOSA": (-118.2, 34.0),
    "NYCM": (-74.0, 40.7),
    "SNVA": (-122.0, 37.4),
    "STTL": (-122.3, 47.6),
    "WASH": (-77.0, 38.9),
}
NORTH_EAST = {
    "NYCM": 9,
    "WASH": 9,
    "CHIN": 6,
    "IPLS": 5,
    "ATLA": 5,
    "LOSA": 5,
    "KSCY": 4,
    "SNVA": 4,
    "DNVR": 3,
    "STTL": 3,
    "HSTN": 2,
}
HOPS_ONLY = {"hop_weight": 1, "delay_weight": 0, "bandwidth_weight": 0}


def p4p(folder: Path, placement: dict[str, int], core: float, title: str, about: str) -> None:
    """P4P (SIGCOMM 2008) Figure 6: one swarm on Abilene, the link between Washington and New York protected."""
    abilene = json.loads((SHIPPED_TOPOLOGIES / "abilene.json").read_text())
    network = Network(folder.name, HOPS_ONLY)
    cities = set(CITIES)
    for number, switch in enumerate(abilene["switches"], 1):
        city = switch["name"]
        network.switch(city, CITIES[city])
        network.pids[city] = {"switches": [city], "ipv4": [f"10.{number}.0.0/16"]}
        for i in range(1, placement.get(city, 0) + 1):
            name = f"{city.lower()}{i}"
            network.host(name, f"10.{number}.0.{i}", city, up=1, down=4)
            network.peers.append({"name": name, "host": name, "get": ["movie.bin"]})
        if city == "KSCY":
            network.host("seed", f"10.{number}.0.200", city, up=10, down=10)
            # The program limits its rate, as in the paper, not its link.
            network.peers.insert(
                0, {"name": "seed", "host": "seed", "share": ["movie.bin"], "upload-rate": "0.8Mbit", "join": 0}
            )
        if city == "IPLS":
            # A place from which no traffic crosses the protected link.
            network.host("alto", f"10.{number}.0.250", city, up=1000, down=1000)
    for link in abilene["links"]:
        ends = (link["source"], link["destination"])
        if cities.issuperset(ends):
            price = {"price": 100} if set(ends) == {"NYCM", "WASH"} else {}
            network.link(*ends, core, link["delay"], **price)
    network.write(
        folder,
        "alto",
        {"port": 6881, "neighbours": 20, "piece-size": "256KiB"},
        {
            "title": title,
            "about": about,
            "time-limit": 900,
            "join-spread": 60,
            "files": [{"name": "movie.bin", "bytes": 12 * MIB}],
            "protected": [["NYCM", "WASH"]],
            "policies": {name: {"peers": {"policy": name}} for name in ("random", "nearest", "alto")},
            "published": [
                {
                    "text": "traffic on the protected link: native more than 200 % higher than P4P",
                    "source": "P4P, SIGCOMM 2008, Fig. 6",
                    "measure": "protected_mb",
                    "of": "random",
                    "over": "alto",
                    "at-least": 3.0,
                },
                {
                    "text": "traffic on the protected link: delay-localised at least 69 % higher than P4P",
                    "source": "P4P, SIGCOMM 2008, Fig. 6",
                    "measure": "protected_mb",
                    "of": "nearest",
                    "over": "alto",
                    "at-least": 1.69,
                },
                {
                    "text": "completion: P4P 10-20 % better than native",
                    "source": "P4P, SIGCOMM 2008, Fig. 6",
                    "measure": "completion_mean_s",
                    "of": "alto",
                    "over": "random",
                    "at-least": 0.8,
                    "at-most": 0.9,
                },
                {
                    "text": "completion: delay-localised slightly better than P4P",
                    "source": "P4P, SIGCOMM 2008, Fig. 6",
                    "measure": "completion_mean_s",
                    "of": "nearest",
                    "over": "alto",
                    "at-most": 1.0,
                },
            ],
            "differences": [
                f"{sum(placement.values())} downloading hosts, not 160, and one swarm, not three",
                "no traffic of others on the links",
                "one access rate for all (1 Mbit/s up, 4 Mbit/s down)",
                "joins within 60 s, not 5 min",
                "the price of the protected link is fixed at 100 links' worth",
            ],
        },
    )


def rfc5632(folder: Path, isps: int, size: int, uplink: float) -> None:
    """RFC 5632 Table 2: ISPs with narrow uplinks, compared without a map, with a PID per ISP, and with two per ISP."""

    def build(fine: bool) -> Network:
        network = Network(folder.name, HOPS_ONLY)
        network.switch("T", (0, 0))
        network.host("alto", "10.250.0.1", "T", up=1000, down=1000)
        network.host("origin", "10.250.0.2", "T", up=100, down=100)
        network.pids["transit"] = {"switches": ["T"], "ipv4": ["10.250.0.0/16"]}
        network.peers.append(
            {"name": "origin", "host": "origin", "share": ["movie.bin"], "upload-rate": "6Mbit", "join": 0}
        )
        for isp in range(1, isps + 1):
            border = f"i{isp}"
            x, y = HEXAGON[(isp - 1) % 6]
            network.switch(border, (2 * x, 2 * y))
            # The uplink is what an ISP pays for.
            network.link("T", border, uplink, price=10)
            for part, letter in enumerate("ab"):
                edge = f"{border}{letter}"
                side = 0.6 if part else -0.6
                network.switch(edge, (3.2 * x - side * y, 3.2 * y + side * x))
                # In a map with one PID per ISP, both parts of an ISP are equally near.
                network.link(border, edge, 100, cost=1 if fine else 0)
                if fine:
                    network.pids[f"isp{isp}{letter}"] = {"switches": [edge], "ipv4": [f"10.{isp}.{part + 1}.0/24"]}
                for i in range(1, 6):
                    name = f"{edge}h{i}"
                    network.host(name, f"10.{isp}.{part + 1}.{i}", edge, up=1, down=6)
                    network.peers.append({"name": name, "host": name, "get": ["movie.bin"]})
            if not fine:
                network.pids[f"isp{isp}"] = {"switches": [f"{border}a", f"{border}b"], "ipv4": [f"10.{isp}.0.0/16"]}
        return network

    faster = "average download speed: {} % higher than random"
    build(fine=False).write(
        folder,
        "alto",
        {"port": 6881, "neighbours": 12, "piece-size": "256KiB"},
        {
            "title": "RFC 5632 Table 2: how much a map should know",
            "about": f"{isps} ISPs of 10 hosts each around a transit switch, every ISP's uplink {uplink:g} Mbit/s (20 % "
            f"of the sum of its hosts' uplinks, priced like 10 links), a file of {size // MIB} MiB offered by an origin "
            "outside.",
            "time-limit": 1800,
            "join-spread": 30,
            "files": [{"name": "movie.bin", "bytes": size}],
            "protected": [["T", f"i{isp}"] for isp in range(1, isps + 1)],
            "policies": {
                "random": {"peers": {"policy": "random"}},
                "coarse": {"peers": {"policy": "alto"}, "about": f"{isps} PIDs, one for each ISP"},
                "fine": {
                    "peers": {"policy": "alto"},
                    "topology": "topo-fine.json",
                    "about": f"{2 * isps} PIDs, two for each ISP",
                },
            },
            "published": [
                {
                    "text": faster.format("coarse 85"),
                    "source": "RFC 5632 Table 2",
                    "measure": "speed_mean_kBps",
                    "of": "coarse",
                    "over": "random",
                    "value": 1.85,
                },
                {
                    "text": faster.format("fine 57"),
                    "source": "RFC 5632 Table 2",
                    "measure": "speed_mean_kBps",
                    "of": "fine",
                    "over": "random",
                    "value": 1.57,
                },
                {
                    "text": "coarse is faster than fine",
                    "source": "RFC 5632 Table 2",
                    "measure": "speed_mean_kBps",
                    "of": "coarse",
                    "over": "fine",
                    "at-least": 1.0,
                    "value": 1.18,
                },
                {
                    "text": "traffic entering the ISP falls by 80 %",
                    "source": "RFC 5632 section 4.3",
                    "measure": "external_share",
                    "of": "coarse",
                    "over": "random",
                    "at-most": 0.2,
                    "value": 0.18,
                },
            ],
            "differences": [
                f"{10 * isps} hosts, not swarms of up to 11,703 peers",
                "the share of a download that must come from outside is at least 1/10 with 10 hosts in an ISP, so that "
                "a fall by 80 % cannot be reached where the random share is below 50 %",
                "the operator's speeds came from its own users among many others; here all hosts are alike",
            ],
        },
        {"topo-fine.json": build(fine=True).topology()},
    )


HEXAGON = [(0.0, 1.0), (0.87, 0.5), (0.87, -0.5), (0.0, -1.0), (-0.87, -0.5), (-0.87, 0.5)]


def failing_core(folder: Path, per_pop: int, size: int) -> None:
    """A ring of six PoPs in which one link fails and another fills, with static and with dynamic costs."""
    network = Network(folder.name, HOPS_ONLY)
    names = "ABCDEF"
    for number, name in enumerate(names, 1):
        x, y = HEXAGON[number - 1]
        network.switch(name, (x, y))
        network.pids[name] = {"switches": [name], "ipv4": [f"10.{number}.0.0/16"]}
        for i in range(1, per_pop + 1):
            host = f"{name.lower()}{i}"
            network.host(host, f"10.{number}.0.{i}", name, up=2, down=8)
            network.peers.append({"name": host, "host": host, "get": ["movie.bin"]})
        network.host(f"x{name.lower()}", f"10.{number}.0.100", name, up=100, down=100)
    network.host("seed", "10.1.0.200", "A", up=10, down=10)
    network.host("alto", "10.1.0.250", "A", up=1000, down=1000)
    network.peers.insert(0, {"name": "seed", "host": "seed", "share": ["movie.bin"], "upload-rate": "4Mbit", "join": 0})
    for a, b in zip(names, names[1:] + names[0]):
        network.link(a, b, 10, 5)
    network.link("A", "D", 10, 8)
    follow = {"interval": 5, "as": "price", "gain": 2}
    # Without load, costs change by nothing but failures.
    failures = {"interval": 3600, "as": "price"}
    network.write(
        folder,
        "alto",
        {"port": 6881, "neighbours": 12, "piece-size": "256KiB"},
        {
            "title": "A core link fails, another fills: costs that follow measurements, and costs that do not",
            "about": f"Six PoPs in a ring with one chord, {per_pop} peers each. After 30 s the link A-B fails, and 9 Mbit/s "
            "of other traffic fill the link from D to C and back. Packets are routed round the failure in both cases.",
            "time-limit": 900,
            "join-spread": 10,
            "files": [{"name": "movie.bin", "bytes": size}],
            "protected": [["C", "D"]],
            "link-events": [{"at": 30, "source": "A", "destination": "B", "up": False}],
            "cross-traffic": [
                {"from": "xd", "to": "xc", "rate": 9, "start": 30},
                {"from": "xc", "to": "xd", "rate": 9, "start": 30},
            ],
            "policies": {
                "static": {"peers": {"policy": "alto"}, "about": "the server keeps the costs it started with"},
                "dynamic": {
                    "peers": {"policy": "alto"},
                    "feedback": follow,
                    "about": "every 5 s the server is told the measured load, and of failures at once",
                },
                "polling": {
                    "peers": {"policy": "alto", "follow": "never"},
                    "feedback": failures,
                    "about": "the server is told of failures only; peers ask for costs every 10 s, as by default",
                },
                "following": {
                    "peers": {"policy": "alto", "follow": "auto"},
                    "feedback": failures,
                    "about": "the server is told of failures only; peers follow its update stream",
                },
            },
            "published": [],
        },
    )


def small(
    folder: Path,
    per_isp: int,
    size: int,
    access: float = 10,
    peering: float = 4,
    policies: tuple[str, ...] = ("random", "nearest", "alto"),
    later: float | None = None,
) -> None:
    """Two ISPs and a narrow link between them, for `make experiment` and, in miniature, the tests.

    With `later`, one peer of the other ISP fetches the file first, and all others join after so many seconds, when each has
    a holder near it.
    """
    network = Network(folder.name, HOPS_ONLY)
    for number, name in enumerate(("west", "east"), 1):
        network.switch(name, (2.0 * number, 0))
        network.pids[f"isp-{name}"] = {"switches": [name], "ipv4": [f"10.{number}.0.0/16"]}
        for i in range(1, per_isp + 1):
            host = f"{name[0]}{i}"
            network.host(host, f"10.{number}.0.{i}", name, up=access, down=access)
            network.peers.append({"name": host, "host": host, "get": ["movie.bin"]})
    network.peers[0] = {"name": "w1", "host": "w1", "share": ["movie.bin"], "join": 0}
    then = ""
    if later is not None:
        for peer in network.peers[1:]:
            peer["join"] = 0 if peer["name"] == "e1" else later
        then = f" A peer of the other ISP fetches it first; after {later:g} s, all others come."
    network.host("alto", "10.1.0.250", "west", up=1000, down=1000)
    # The price keeps traffic within the ISPs where possible.
    network.link("west", "east", peering, 10, price=20)
    network.write(
        folder,
        "alto",
        {"port": 6881, "neighbours": 4, "piece-size": "64KiB"},
        {
            "title": "Two ISPs and a narrow link between them",
            "about": f"{per_isp} hosts in each ISP on access links of {access:g} Mbit/s, {peering:g} Mbit/s between the ISPs, "
            f"a file of {size / MIB:g} MiB that one host has.{then}",
            "time-limit": 120,
            "join-spread": 2,
            "files": [{"name": "movie.bin", "bytes": size}],
            "protected": [["west", "east"]],
            "policies": {name: {"peers": {"policy": name}} for name in policies},
            "published": [],
        },
    )


FIGURE_6 = "P4P Figure 6: Abilene, the Washington-New York link protected"
ABOUT_6 = (
    "One swarm on the 11 PoPs and 14 links of Abilene, {}; core links of {:g} Mbit/s, access 1 Mbit/s up and 4 Mbit/s "
    "down, a 12 MiB file in 256 KiB pieces, a seed of 0.8 Mbit/s in Kansas City, joins over 60 s."
)


def shipped(data: Path) -> None:
    """Writes every scenario that ships."""
    heavy, even = "north-east heavy (55 hosts)", "five hosts at every PoP"
    uniform = dict.fromkeys(CITIES, 5)
    p4p(data / "p4p-abilene", NORTH_EAST, 100, FIGURE_6, ABOUT_6.format(heavy, 100))
    p4p(data / "p4p-abilene-uniform", uniform, 100, f"{FIGURE_6}, uniform placement", ABOUT_6.format(even, 100))
    p4p(data / "p4p-abilene-core-bound", NORTH_EAST, 3, f"{FIGURE_6}, narrow core", ABOUT_6.format(heavy, 3))
    rfc5632(data / "rfc5632", 6, 21 * MIB, 2)
    failing_core(data / "failing-core", 4, 24 * MIB)
    small(data / "small", 6, 4 * MIB, later=10)
