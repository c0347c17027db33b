"""The swarms that ship: two groups and a seed between them, Abilene after P4P's Figure 6, and ISPs after RFC 5632."""

from __future__ import annotations

import random
from dataclasses import dataclass

from ..places import SHIPPED_TOPOLOGIES
from ..scenario.load import load
from .swarm import Member, Plan

# Clients announce again soon, so that those who came first learn of those who came later.
EAGER = ["--tracker-interval", "8", "--tracker-min-interval", "5"]
CLIENTS = ("transmission", "aria2", "libtorrent")
# Options of the tracker for each arm of the small swarm.
ARMS = {
    "alto, k=0": ["--tracker-outsiders", "0"],
    "alto, k=1": ["--tracker-outsiders", "1"],
    "random": ["--tracker-outsiders", "50", "--tracker-policy", "random"],
}
KIB = 1024


@dataclass(frozen=True)
class Large:
    """A scenario of `alto-peer` with unmodified clients in its place."""

    scenario: str
    # Policy that the others are compared with.
    reference: str
    neighbours: int
    # Bytes per second that the seed may send.
    seed_upload: int


LARGE = {
    "abilene": Large("p4p-abilene", "alto", neighbours=20, seed_upload=100_000),
    "rfc5632": Large("rfc5632", "coarse", neighbours=12, seed_upload=750_000),
}


def two_groups(client: str, arm: str, megabytes: int = 16, far_seed: bool = False, private: bool = True) -> Plan:
    """A capped seed, and two peers in each of two groups whose only common link is watched.

    `client` may be `mixed`. With `far_seed`, the seed is in one of the groups, so that the other lacks pieces.
    """
    kinds = list(CLIENTS) if client == "mixed" else [client]
    hosts = ["a1", "b1", "a2", "b2"]
    leechers = [Member(host, kinds[number % len(kinds)]) for number, host in enumerate(hosts)]
    seed = Member("b3" if far_seed else "seed", kinds[0])
    return Plan(
        topology=str(SHIPPED_TOPOLOGIES / "two-groups.json"),
        tracker="tracker",
        seed=seed,
        leechers=leechers,
        watched=[("a", "b")],
        size=megabytes * KIB * KIB,
        piece="64KiB",
        seed_upload=800_000,
        options=[*EAGER, *ARMS[arm]],
        private=private,
    )


def greatest_exchange(megabytes: int) -> int:
    """Bytes that the two groups may exchange if every answer names one outsider.

    A link exists if either side was told of the other, so each of the four leechers has at most two links to the other
    group beside one to its own. At most two thirds of all that they receive come over these.
    """
    return 4 * megabytes * KIB * KIB * 2 // 3


def policies(name: str) -> tuple[str, ...]:
    """Names of the policies that a large scenario compares."""
    return tuple(load(SHIPPED_TOPOLOGIES / LARGE[name].scenario).policies)


def large(name: str, client: str, policy: str, seed: int, outsiders: int = 1, private: bool = True) -> Plan:
    """A scenario with unmodified clients: same hosts, links, file, seed and times of joining.

    The tracker has the policy and the topology that the peers have in the scenario.
    """
    parameters = LARGE[name]
    scenario = load(SHIPPED_TOPOLOGIES / parameters.scenario)
    arm = scenario.policies[policy]

    def joins(peer: str) -> float:
        return random.Random(f"{scenario.name} {seed} {peer}").uniform(0, scenario.join_spread)

    leechers = [Member(peer.host, client, round(joins(peer.name), 3)) for peer in scenario.peers if peer.get]
    sharer = next(peer for peer in scenario.peers if peer.share)
    neighbours = str(parameters.neighbours)
    return Plan(
        topology=str(scenario.folder / arm.topology),
        tracker=scenario.server_host,
        seed=Member(sharer.host, client),
        leechers=leechers,
        watched=list(scenario.protected),
        size=scenario.files["movie.bin"],
        piece="256KiB",
        seed_upload=parameters.seed_upload,
        neighbours=parameters.neighbours,
        options=["--tracker-interval", "30", "--tracker-min-interval", "20", "--tracker-answer-peers", neighbours,
                 "--tracker-policy", arm.peers["policy"], "--tracker-outsiders", str(outsiders)],
        private=private,
        time_limit=scenario.time_limit,
    )  # fmt: skip
