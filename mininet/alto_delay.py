"""How delays are emulated: by the kernel where it can, by a relay in user space else, and if need be not at all.

A kernel without netem makes Mininet print an error and go on without delay. So it is tried before, in a namespace of
its own, and what was found is written into every result.
"""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass, field

from alto_plan import Cable
from alto_relay import compiler

MODES = ("auto", "netem", "relay", "none")
# One thread relays about this many links with full accuracy; choosing it by itself, more would be bad advice.
MAX_AUTO_RELAYED = 60
# A relay adds up to 0.2 ms, so a shorter delay is better left out than doubled.
MIN_RELAYED = 0.25


class DelayError(RuntimeError):
    """Delays cannot be emulated the way that was asked for."""


@dataclass
class Delays:
    """How delays are emulated in one network."""

    mode: str
    reason: str
    # Cables whose delay the relay adds.
    relayed: set[int] = field(default_factory=set)
    # Said once, and in every result.
    warnings: list[str] = field(default_factory=list)


def netem_problem() -> str | None:
    """Why netem cannot be used, or nothing where it can. Tried in a namespace that ends with the trial."""
    script = "ip link set lo up && tc qdisc add dev lo root netem delay 5ms"
    try:
        done = subprocess.run(["unshare", "--net", "sh", "-c", script], capture_output=True, text=True, timeout=30)
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"it could not be tried: {error}"
    if done.returncode == 0:
        return None
    return (done.stderr.strip() or done.stdout.strip() or f"status {done.returncode}").splitlines()[-1]


def relay_problem() -> str | None:
    """Why the relay cannot be used, or nothing where it can."""
    if not os.path.exists("/dev/net/tun"):
        return "there is no /dev/net/tun"
    if compiler() is None:
        return "there is no C compiler (apt-get install gcc)"
    return None


def choose(mode: str, cables: list[Cable]) -> Delays:
    """Settles how delays are emulated. Asked for by name, a way that does not work is an error."""
    if mode not in MODES:
        raise DelayError(f"delay: {mode!r} is no way to emulate delays: use {', '.join(MODES)}")
    delayed = {cable.index for cable in cables if cable.delayed}
    lossy = [cable for cable in cables if any(link is not None and link.loss > 0 for link in cable.links)]
    wanted = delayed | {cable.index for cable in lossy}
    if mode == "none":
        return _without(Delays("none", "as asked for"), delayed, lossy)
    if not wanted:
        return Delays("none", "no link has a delay")
    without_netem = netem_problem() if mode in ("auto", "netem") else None
    if mode == "netem" and without_netem:
        raise DelayError(f"netem was asked for, and this kernel does not have it: {without_netem}")
    if mode in ("auto", "netem") and not without_netem:
        return Delays("netem", "the kernel has it")
    relayed = {cable.index for cable in cables if _is_relayed(cable)}
    without_relay = relay_problem()
    if mode == "relay":
        if without_relay:
            raise DelayError(f"the relay was asked for, and cannot be used: {without_relay}")
        return _relaying(Delays("relay", "as asked for", relayed), delayed)
    if not without_relay and len(relayed) > MAX_AUTO_RELAYED:
        without_relay = f"{len(relayed)} links are more than the {MAX_AUTO_RELAYED} that it does accurately"
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
