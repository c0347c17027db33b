"""Sends lookups with 19,000 constraints: redundant ones, which may cost nothing, and distinct ones, which are refused."""

import time

from harness import ENDPOINT_COST, ENDPOINT_COST_PARAMS, Server, endpoint_costs, main, verdict

PAIRS = 300
WAIT = 12


def cpu_of(server, body):
    """Sends a lookup; returns its status, or None without an answer in time, and the processor time it took."""
    before = server.cpu_seconds()
    try:
        status = server.ask("POST", ENDPOINT_COST, body, {"Content-Type": ENDPOINT_COST_PARAMS}, timeout=WAIT).status
    except OSError:
        status = None
    return status, server.cpu_seconds() - before


def attack(options):
    metrics = [{"cost-mode": "numerical", "cost-metric": metric} for metric in ("routingcost", "hopcount")]
    redundant = endpoint_costs(PAIRS, PAIRS, constraints=[f"ge {-number}" for number in range(19_000)])
    groups = [[f"[0] eq {number}", f"[1] eq {number}"] for number in range(9_500)]
    distinct = endpoint_costs(PAIRS, PAIRS, **{"testable-cost-types": metrics, "or-constraints": groups})
    with Server(options.server, "--request-timeout", "10") as server:
        plain = cpu_of(server, endpoint_costs(PAIRS, PAIRS, constraints=["ge 0"]))
        folded = cpu_of(server, redundant)
        refused = cpu_of(server, distinct)
        time.sleep(0.5)
        before = server.cpu_seconds()
        time.sleep(3)
        after = server.cpu_seconds() - before
    # Reading the 350 kB of the request takes time as well, which a debug build shows.
    allowed = 2 * plain[1] + 3
    return verdict(
        f"1 constraint: {plain[1]:.1f} s of CPU; 19,000 redundant: status {folded[0]}, {folded[1]:.1f} s; "
        f"19,000 distinct: status {refused[0]}, {refused[1]:.1f} s; {after:.1f} s in the 3 s afterwards",
        f"redundant: 200 within {allowed:.1f} s of CPU; distinct: 400; nothing goes on",
        folded[0] == 200 and folded[1] < allowed and refused[0] == 400 and refused[1] < allowed and after < 0.5,
    )


if __name__ == "__main__":
    main(attack, __doc__)
