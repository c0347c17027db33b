"""The command line of swarms: runs each arm in a process of its own, and prints what the links carried."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from ..network.api import ERRORS, isolate
from ..places import ENTRY_POINTS, REPOSITORY
from . import clients, plans
from .swarm import MEGA, Plan, SwarmError, describe, machine_load, run

# Seconds beyond the limit of a plan for building and ending the network.
OVERHEAD_SECONDS = 240
# Bytes between the groups that are not content: handshakes of refused connections, for example.
NOISE = 20_000


def main() -> int:
    """Runs the chosen swarms. Exit status 1 if a promise of the tracker was broken."""
    options = parser().parse_args()
    if options.what == "one":
        return one(options)
    missing = clients.missing(wanted(options))
    if missing:
        print(f"bittorrent: clients are missing: apt-get install {' '.join(missing)}", file=sys.stderr)
        return 2
    return small(options) if options.what == "clients" else large(options)


def wanted(options: argparse.Namespace) -> list[str]:
    """Clients that the chosen runs need."""
    if options.what in plans.LARGE:
        return [options.client]
    chosen = options.client or plans.CLIENTS
    return list(plans.CLIENTS) if "mixed" in chosen else list(chosen)


def parser() -> argparse.ArgumentParser:
    """The parser of the command line."""
    top = argparse.ArgumentParser(description="Runs swarms of unmodified BitTorrent clients in Mininet.")
    shared = argparse.ArgumentParser(add_help=False)
    shared.add_argument(
        "--programs",
        type=Path,
        default=REPOSITORY / "target/debug",
        help="folder with alto-server and alto-peer (default: target/debug)",
    )
    shared.add_argument("--out", type=Path, help="appends the result of each run to this file, as a line of JSON")
    commands = top.add_subparsers(dest="what", required=True)
    few = commands.add_parser("clients", parents=[shared], help="a seed and two peers in each of two groups")
    few.add_argument("--client", choices=(*plans.CLIENTS, "mixed"), action="append", help="default: all, then mixed")
    few.add_argument("--arm", choices=list(plans.ARMS), action="append", help="default: all")
    few.add_argument("--megabytes", type=int, default=16, help="size of the content (default: 16)")
    few.add_argument("--far-seed", action="store_true", help="adds runs in which one group has the only seed")
    few.add_argument("--public", action="store_true", help="adds runs with a public torrent and peer exchange")
    for name, swarm in plans.LARGE.items():
        about = f"the scenario {swarm.scenario} with unmodified clients"
        many = commands.add_parser(name, parents=[shared], help=about)
        many.add_argument("--client", choices=plans.CLIENTS, default="transmission", help="default: transmission")
        many.add_argument("--policy", choices=plans.policies(name), action="append", help="default: all")
        many.add_argument("--outsiders", type=int, default=1, help="outsiders in each answer (default: 1)")
        many.add_argument("--public", action="store_true", help="a public torrent, with peer exchange")
        many.add_argument("--seeds", type=int, default=5, help="number of runs of each policy (default: 5)")
        many.add_argument("--first-seed", type=int, default=1, help="seed of the first run (default: 1)")
    single = commands.add_parser("one", parents=[shared], help="one run of a plan in JSON, from standard input")
    single.set_defaults(what="one")
    return top


def one(options: argparse.Namespace) -> int:
    """Executes the plan on standard input in namespaces of its own, and prints the outcome as JSON."""
    plan = Plan.from_json(sys.stdin.read())
    try:
        isolate()
        with tempfile.TemporaryDirectory(prefix="alto-swarm-") as work:
            print(run(plan, options.programs.resolve(), Path(work)).to_json())
    except (*ERRORS, SwarmError, OSError, subprocess.SubprocessError) as error:
        print(f"bittorrent: {error}", file=sys.stderr)
        return 1
    return 0


def execute(plan: Plan, options: argparse.Namespace, **labels: Any) -> dict[str, Any] | None:
    """Runs a plan in a process of its own, and prints and appends its result."""
    argv = [sys.executable, str(ENTRY_POINTS / "bittorrent.py"), "one", "--programs", str(options.programs)]
    started = time.monotonic()
    done = subprocess.run(
        argv,
        input=plan.to_json(),
        stdout=subprocess.PIPE,
        text=True,
        timeout=plan.time_limit + OVERHEAD_SECONDS,
        check=False,
    )
    title = ", ".join(str(value) for value in labels.values())
    if done.returncode != 0:
        print(f"{title:40}  FAILED", flush=True)
        return None
    outcome = {**labels, **json.loads(done.stdout.splitlines()[-1])}
    outcome |= {"wall": round(time.monotonic() - started, 1), "load": machine_load()}
    print(f"{title:40}  {describe(outcome)}", flush=True)
    if options.out:
        with options.out.open("a", encoding="utf-8") as file:
            file.write(json.dumps(outcome) + "\n")
    return outcome


def small(options: argparse.Namespace) -> int:
    """Runs the swarm of two groups, and checks what the tracker promises."""
    broken = []
    for client in options.client or (*plans.CLIENTS, "mixed"):
        results = {}
        for arm in options.arm or plans.ARMS:
            plan = plans.two_groups(client, arm, options.megabytes)
            results[arm] = execute(plan, options, client=client, arm=arm)
        if options.far_seed:
            plan = plans.two_groups(client, "alto, k=0", options.megabytes, far_seed=True)
            results["far seed"] = execute(plan, options, client=client, arm="alto, k=0, the seed in one group")
        if options.public:
            plan = plans.two_groups(client, "alto, k=0", options.megabytes, private=False)
            results["public"] = execute(plan, options, client=client, arm="alto, k=0, public, peer exchange")
        bound = plans.greatest_exchange(options.megabytes)
        broken += [f"{client}, {arm}: {problem}" for arm, problem in problems(results, bound)]
    for problem in broken:
        print(f"broken promise: {problem}", file=sys.stderr)
    return 1 if broken else 0


def problems(results: dict[str, dict[str, Any] | None], bound: int) -> list[tuple[str, str]]:
    """Promises that the runs of one client broke, each with its arm. `bound` is for one outsider per answer."""
    found = []
    for arm, result in results.items():
        if result is None:
            found.append((arm, "the run failed"))
        elif result["unfinished"]:
            found.append((arm, f"did not finish: {', '.join(result['unfinished'])}"))
    guided, bounded = results.get("alto, k=0"), results.get("alto, k=1")
    if guided and guided["watched"] > NOISE:
        found.append(("alto, k=0", f"{guided['watched']} bytes between the groups"))
    if bounded and bounded["watched"] > bound:
        found.append(("alto, k=1", f"{bounded['watched']} bytes between the groups, more than {bound}"))
    return found


def large(options: argparse.Namespace) -> int:
    """Runs a large scenario, and prints the ratios that were published for it."""
    reference = plans.LARGE[options.what].reference
    sums: dict[str, list[dict[str, Any]]] = {}
    for seed in range(options.first_seed, options.first_seed + options.seeds):
        for policy in options.policy or plans.policies(options.what):
            plan = plans.large(options.what, options.client, policy, seed, options.outsiders, not options.public)
            labels = {"scenario": f"bittorrent-{options.what}", "client": options.client, "policy": policy, "seed": seed}
            labels |= {"torrent": "public"} if options.public else {}
            outcome = execute(plan, options, **labels, outsiders=options.outsiders)
            if outcome:
                sums.setdefault(policy, []).append(outcome)

    def mean(policy: str, value: Any) -> float:
        return sum(value(outcome) for outcome in sums[policy]) / len(sums[policy])

    def completion(outcome: dict[str, Any]) -> float:
        return sum(outcome["seconds"].values()) / max(1, len(outcome["seconds"]))

    for policy in sums:
        protected, took = mean(policy, lambda outcome: outcome["watched"]), mean(policy, completion)
        line = f"{policy:10} watched links {protected / MEGA:7.2f} MB, completion {took:6.1f} s"
        if reference in sums:
            other = mean(reference, lambda outcome: outcome["watched"]), mean(reference, completion)
            line += f", relative to {reference}: {protected / max(1.0, other[0]):.2f} and {took / max(0.1, other[1]):.2f}"
        print(f"{line} ({len(sums[policy])} runs)")
    return 0
