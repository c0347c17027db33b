"""Rates and queues of links: what `tc` is told, and what it can do on this kernel."""

from __future__ import annotations

import math
from dataclasses import dataclass

from alto_topology import Link

FULL_PACKET = 1514
# A queue of less would drop most bursts of a single connection.
MIN_QUEUE_PACKETS = 10
# What HTB calls a quantum: two packets, so that it does not complain about rates it finds too large or too small.
QUANTUM = 2 * FULL_PACKET
# The part of a link that small packets may always have before others.
SMALL_SHARE = 0.5
# Where small packets go first: at the links of hosts, as home gateways do it, everywhere, or nowhere.
PRIORITIES = ("access", "all", "none")
# Packets of less than 128 bytes: acknowledgements, also selective ones, and what opens and closes connections.
SMALL_4 = "protocol ip prio 1 u32 match u16 0x0000 0xff80 at 2"
# IPv6 counts what follows its header of 40 bytes.
SMALL_6 = "protocol ipv6 prio 2 u32 match u16 0x0000 0xffc0 at 4"


@dataclass(frozen=True)
class Shaping:
    """How links are shaped, apart from their rates."""

    # The queue of a link, as the time it takes to send what waits in it.
    queue_ms: float = 50.0
    ack_priority: str = "access"

    def prioritised(self, access: bool) -> bool:
        return self.ack_priority == "all" or (self.ack_priority == "access" and access)


def rate_of(link: Link | None, fallback: Link | None) -> float:
    """Mbit/s at which an end of a cable sends. The way back of a directed link carries nothing that was routed."""
    chosen = link or fallback
    return chosen.bandwidth if chosen else 1000.0


def queue_bytes(mbits: float, shaping: Shaping) -> int:
    """How much may wait at a link."""
    return max(int(mbits * 125 * shaping.queue_ms), MIN_QUEUE_PACKETS * FULL_PACKET)


def burst_bytes(mbits: float) -> int:
    """What HTB may send at once after a pause: 2 ms at the link's rate, by which it may wake up too late."""
    return min(max(int(mbits * 125 * 2), 2 * FULL_PACKET), 1_000_000)


def gso_segments(mbits: float) -> int:
    """How many packets the kernel may treat as one, where a route is this slow: 4 ms of it.

    At a link of 1 Mbit/s a bundle of 40 would go out as one burst of half a second.
    """
    return min(max(int(mbits * 125 * 4 / FULL_PACKET), 1), 40)


def _class(verb: str, dev: str, parent: str, classid: str, rate: float, ceil: float, prio: int) -> str:
    burst = burst_bytes(ceil)
    return (
        f"class {verb} dev {dev} parent {parent} classid {classid} htb rate {_bits(rate)} ceil {_bits(ceil)} "
        f"burst {burst} cburst {burst} quantum {QUANTUM} prio {prio}"
    )


def _bits(mbits: float) -> str:
    return f"{max(round(mbits * 1e6), 8)}bit"


def rate_lines(dev: str, mbits: float, priority: bool, verb: str = "add") -> list[str]:
    """`tc` commands for the rate of an interface; with the verb `change`, for a new rate."""
    if not priority:
        return [_class(verb, dev, "5:", "5:1", mbits, mbits, 0)]
    small, large = mbits * SMALL_SHARE, mbits * (1 - SMALL_SHARE)
    return [
        _class(verb, dev, "5:", "5:1", mbits, mbits, 0),
        _class(verb, dev, "5:1", "5:10", small, mbits, 0),
        _class(verb, dev, "5:1", "5:20", large, mbits, 1),
    ]


def leaf_lines(
    dev: str, mbits: float, shaping: Shaping, priority: bool, verb: str = "add", netem: str = ""
) -> list[str]:
    """`tc` commands for what waits: a plain queue, or netem where it also delays."""
    limit = queue_bytes(mbits, shaping)
    leaves = [("5:10", "10:"), ("5:20", "20:")] if priority else [("5:1", "20:")]
    lines = []
    for parent, handle in leaves:
        kind = netem if netem else f"bfifo limit {limit}"
        lines.append(f"qdisc {verb} dev {dev} parent {parent} handle {handle} {kind}")
    return lines


def shaping_lines(dev: str, mbits: float, shaping: Shaping, priority: bool, netem: str = "") -> list[str]:
    """`tc` commands that shape an interface that is not shaped yet."""
    default = "20" if priority else "1"
    lines = [f"qdisc replace dev {dev} root handle 5: htb default {default}"]
    lines += rate_lines(dev, mbits, priority)
    lines += leaf_lines(dev, mbits, shaping, priority, netem=netem)
    if priority:
        lines += [f"filter add dev {dev} parent 5: {small} flowid 5:10" for small in (SMALL_4, SMALL_6)]
    return lines


def netem_kind(link: Link, mbits: float, shaping: Shaping) -> str:
    """The netem queue of a link: its delay and loss, and room for what is on the way beside what waits."""
    # Counted in packets: of what is on the way many may be small; what waits is mostly full ones.
    limit = math.ceil(mbits * 125 * link.delay / 256) + math.ceil(queue_bytes(mbits, shaping) / FULL_PACKET)
    loss = f" loss {link.loss:g}%" if link.loss else ""
    return f"netem limit {limit} delay {round(link.delay * 1000)}us{loss}"
