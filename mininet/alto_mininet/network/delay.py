"""The choice of how delays are emulated: by netem in the kernel, by a relay in user space, or not at all.

Without netem Mininet prints an error and continues without delays. So netem is tried beforehand, in a temporary
namespace, and the choice is recorded in every result.
"""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass, field

from .plan import Cable
from .relay import compiler

MODES = ("auto", "netem", "relay", "none")
# Number of links that the relay's single thread handles with full accuracy; `auto` does not choose it for more.
MAX_AUTO_RELAYED = 60
# In ms. The relay adds up to 0.2 ms, so that a shorter delay is more accurate left out.
MIN_RELAYED = 0.25


class DelayError(RuntimeError):
    """The requested way of emulating delays is unknown or unavailable."""


@dataclass
class Delays:
    """The way delays are emulated in a network, and the reason."""

    mode: str
    reason: str
    # Indexes of the cables whose delay the relay adds.
    relayed: set[int] = field(default_factory=set)
    # Printed once and recorded in every result.
    warnings: list[str] = field(default_factory=list)


def netem_problem() -> str | None:
    """Reason why netem cannot be used, found by trying it in a temporary namespace; None if it can."""
    script = "ip link set lo up && tc qdisc add dev lo root netem delay 5ms"
    try:
        done = subprocess.run(["unshare", "--net", "sh", "-c", script], capture_output=True, text=True, timeout=30)
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"it could not be tried: {error}"
    if done.returncode == 0:
        return None
    return (done.stderr.strip() or done.stdout.strip() or f"status {done.returncode}").splitlines()[-1]


def relay_problem() -> str | None:
    """Reason why the relay cannot be used; None if it can."""
    if not os.path.exists("/dev/net/tun"):
        return "there is no /dev/net/tun"
    if compiler() is None:
        return "there is no C compiler (apt-get install gcc)"
    return None


def choose(mode: str, cables: list[Cable]) -> Delays:
    """Chooses how delays are emulated. A mode requested by name that is unavailable is an error."""
    if mode not in MODES:
        raise DelayError(f"delay: {mode!r} is not a way to emulate delays: use {', '.join(MODES)}")
    delayed = {cable.index for cable in cables if cable.delayed}
    lossy = [cable for cable in cables if any(link is not None and link.loss > 0 for link in cable.links)]
    wanted = delayed | {cable.index for cable in lossy}
    if mode == "none":
        return _without(Delays("none", "as requested"), delayed, lossy)
    if not wanted:
        return Delays("none", "no link has a delay")
    without_netem = netem_problem() if mode in ("auto", "netem") else None
    if mode == "netem" and without_netem:
        message = f"netem was requested, but this kernel does not have it ({without_netem})"
        raise DelayError(f"{message}; use auto, relay or none")
    if mode in ("auto", "netem") and not without_netem:
        return Delays("netem", "the kernel has it")
    relayed = {cable.index for cable in cables if _is_relayed(cable)}
    without_relay = relay_problem()
    if mode == "relay":
        if without_relay:
            raise DelayError(f"the relay was requested, but cannot be used: {without_relay}")
        return _relaying(Delays("relay", "as requested", relayed), delayed)
    if not without_relay and len(relayed) > MAX_AUTO_RELAYED:
        without_relay = f"{len(relayed)} links exceed the {MAX_AUTO_RELAYED} that it relays accurately"
    if without_relay:
        return _without(Delays("none", f"no netem ({without_netem}); no relay ({without_relay})"), delayed, lossy)
    return _relaying(Delays("relay", f"no netem ({without_netem})", relayed), delayed)


def _is_relayed(cable: Cable) -> bool:
    return any(link is not None and (link.delay >= MIN_RELAYED or link.loss > 0) for link in cable.links)


def _relaying(delays: Delays, delayed: set[int]) -> Delays:
    left_out = len(delayed - delays.relayed)
    if left_out:
        delays.warnings.append(f"delays below {MIN_RELAYED} ms are left out: {left_out} link(s)")
    if len(delays.relayed) > MAX_AUTO_RELAYED:
        message = (
            f"{len(delays.relayed)} links are relayed; beyond {MAX_AUTO_RELAYED} delays may be too long under load"
        )
        delays.warnings.append(message)
    return delays


def _without(delays: Delays, delayed: set[int], lossy: list[Cable]) -> Delays:
    if delayed:
        delays.warnings.append(
            f"DELAYS ARE NOT EMULATED ({delays.reason}): {len(delayed)} link(s) have one in the file"
        )
    if lossy:
        delays.warnings.append(f"losses are not emulated ({delays.reason}): {len(lossy)} link(s) have some in the file")
    return delays
