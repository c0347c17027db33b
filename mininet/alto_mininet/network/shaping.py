"""Rates and queues of links, as commands for `tc`."""

from __future__ import annotations

import math
from dataclasses import dataclass

from .topology import Link

FULL_PACKET = 1514
# A shorter queue would drop most bursts of a single connection.
MIN_QUEUE_PACKETS = 10
# The quantum of HTB: two packets, which avoids its warnings about very high and very low rates.
QUANTUM = 2 * FULL_PACKET
# Share of a link that is guaranteed to small packets.
SMALL_SHARE = 0.5
# Links at which small packets have priority: those of hosts, as in home gateways, all, or none.
PRIORITIES = ("access", "all", "none")
# Packets shorter than 128 bytes: acknowledgements (selective ones too), and those that open or close a connection.
SMALL_4 = "protocol ip prio 1 u32 match u16 0x0000 0xff80 at 2"
# The length field of IPv6 excludes the header of 40 bytes.
SMALL_6 = "protocol ipv6 prio 2 u32 match u16 0x0000 0xffc0 at 4"


@dataclass(frozen=True)
class Shaping:
    """Queue length and packet priority of all links."""

    # Length of a queue, as the time it takes to send its content.
    queue_ms: float = 50.0
    ack_priority: str = "access"

    def prioritised(self, access: bool) -> bool:
        return self.ack_priority == "all" or (self.ack_priority == "access" and access)


def rate_of(link: Link | None, fallback: Link | None) -> float:
    """Rate in Mbit/s of an end of a cable; `fallback` applies where no link leads away from this end."""
    chosen = link or fallback
    return chosen.bandwidth if chosen else 1000.0


def queue_bytes(mbits: float, shaping: Shaping) -> int:
    """Length of a link's queue in bytes."""
    return max(int(mbits * 125 * shaping.queue_ms), MIN_QUEUE_PACKETS * FULL_PACKET)


def burst_bytes(mbits: float) -> int:
    """Burst size of HTB: 2 ms at the rate of the link, which makes up for late timers."""
    return min(max(int(mbits * 125 * 2), 2 * FULL_PACKET), 1_000_000)


def gso_segments(mbits: float) -> int:
    """Number of packets the kernel may send as one bundle: 4 ms at the rate of the slowest link on the route.

    On a link of 1 Mbit/s, a bundle of 40 packets would be a burst of half a second.
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
    """`tc` commands that set the rate of an interface; the verb `change` sets a new one."""
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
    """`tc` commands for the queues of an interface: plain ones, or netem if it also delays."""
    limit = queue_bytes(mbits, shaping)
    leaves = [("5:10", "10:"), ("5:20", "20:")] if priority else [("5:1", "20:")]
    lines = []
    for parent, handle in leaves:
        kind = netem if netem else f"bfifo limit {limit}"
        lines.append(f"qdisc {verb} dev {dev} parent {parent} handle {handle} {kind}")
    return lines


def shaping_lines(dev: str, mbits: float, shaping: Shaping, priority: bool, netem: str = "") -> list[str]:
    """`tc` commands that shape a new interface."""
    default = "20" if priority else "1"
    lines = [f"qdisc replace dev {dev} root handle 5: htb default {default}"]
    lines += rate_lines(dev, mbits, priority)
    lines += leaf_lines(dev, mbits, shaping, priority, netem=netem)
    if priority:
        lines += [f"filter add dev {dev} parent 5: {small} flowid 5:10" for small in (SMALL_4, SMALL_6)]
    return lines


def netem_kind(link: Link, mbits: float, shaping: Shaping) -> str:
    """The netem queue of a link: delay, loss, and a limit with room for packets in flight and in the queue."""
    # The limit counts packets: many of those in flight may be small, while queued ones are mostly full.
    limit = math.ceil(mbits * 125 * link.delay / 256) + math.ceil(queue_bytes(mbits, shaping) / FULL_PACKET)
    loss = f" loss {link.loss:g}%" if link.loss else ""
    return f"netem limit {limit} delay {round(link.delay * 1000)}us{loss}"
