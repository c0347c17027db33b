#!/usr/bin/python3
"""Compares peer-selection policies on emulated networks, with the real programs, and reports.

    python3 mininet/experiment.py list
    sudo python3 mininet/experiment.py run small --policies random,alto --seeds 3 --out /tmp/small
    python3 mininet/experiment.py report /tmp/small
    python3 mininet/experiment.py new my-scenario --topology my-topo.json

A run that was finished is kept, so the same command goes on where it was stopped.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
from pathlib import Path

from campaign import Campaign, Options, run_all, verify
from scenario import Scenario, ScenarioError, load

ROOT = Path(__file__).resolve().parent.parent
DATA = ROOT / "topo" / "data"
EXIT_FAILED, EXIT_USAGE, EXIT_SCENARIO = 1, 64, 78


def shipped() -> list[Path]:
    """Folders of scenarios that ship."""
    return sorted(path.parent for path in DATA.glob("*/peers.json"))


def find_scenario(text: str) -> Path:
    """A folder, or the name of a scenario that ships."""
    path = Path(text)
    if path.is_dir() or "/" in text:
        return path
    if (DATA / text).is_dir():
        return DATA / text
    names = ", ".join(path.name for path in shipped())
    raise ScenarioError(f"{text}: is neither a folder nor one of the scenarios that ship ({names})")


def parse_seeds(text: str) -> list[int]:
    """`5` is 1 to 5; `7,9` is these two; `3-6` a range."""
    try:
        if "," not in text and "-" not in text:
            seeds = list(range(1, int(text) + 1))
        else:
            parts = (part.partition("-") for part in text.split(","))
            seeds = [seed for low, _, high in parts for seed in range(int(low), int(high or low) + 1)]
    except ValueError:
        seeds = []
    if not seeds or len(seeds) > 1000 or min(seeds) < 0:
        raise ScenarioError(
            f"--seeds: {text!r} will not do: give a number of seeds such as 5, or a list such as 2,3 or 3-6"
        )
    return seeds


def parse_policies(text: str | None, scenario: Scenario) -> list[str]:
    """All policies of the scenario, or those named."""
    names = text.split(",") if text else list(scenario.policies)
    for name in names:
        if name not in scenario.policies:
            raise ScenarioError(
                f"--policies: {name!r} is none of scenario {scenario.name}: it has " f"{', '.join(scenario.policies)}"
            )
    return list(dict.fromkeys(names))


def find_programs(text: str | None) -> Path:
    """The folder with alto-server and alto-peer."""
    places = [Path(text)] if text else [ROOT / "target" / "release", ROOT / "target" / "debug"]
    for place in places:
        if all(os.access(place / name, os.X_OK) for name in ("alto-server", "alto-peer")):
            return place.resolve()
    raise ScenarioError(
        f"alto-server and alto-peer are not in {' or '.join(map(str, places))}: build them with `cargo build "
        "--release -p alto-server -p alto-peer`, or say where they are with --programs"
    )


def check_programs(scenario: Scenario, programs: Path) -> None:
    """Has the server judge what is its own: the topologies and its settings."""
    for topology in sorted({policy.topology for policy in scenario.policies.values()}):
        argv = [
            str(programs / "alto-server"),
            "--config",
            str(scenario.folder / "server.json"),
            "--topology",
            str(scenario.folder / topology),
            "--check",
        ]
        done = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False)
        if done.returncode != 0:
            raise ScenarioError(f"alto-server refuses {topology} or server.json: {done.stderr.strip()}")


def say(text: str) -> None:
    print(text, flush=True)


def command_run(options: argparse.Namespace) -> int:
    """Makes what is not there yet of an experiment, then its report."""
    scenario = load(find_scenario(options.scenario))
    policies, seeds = parse_policies(options.policies, scenario), parse_seeds(options.seeds)
    programs = find_programs(options.programs)
    check_programs(scenario, programs)
    if options.dry_run:
        say(f"{scenario.name}: {scenario.title}")
        say(
            f"{len(scenario.hosts)} hosts, {len(scenario.switches)} switches, {len(scenario.links)} links, "
            f"{len(scenario.peers)} peers; {len(policies)} policies x {len(seeds)} seeds; all files are in order"
        )
        return 0
    if os.geteuid() != 0:
        raise ScenarioError("building a network needs root: use sudo (--dry-run only checks the scenario, without)")
    try:
        from mininet.net import Mininet  # noqa: F401
    except ImportError:
        raise ScenarioError(
            f"Mininet is not installed for {sys.executable}: apt-get install mininet, and use /usr/bin/python3"
        ) from None
    campaign = Campaign(options.out.resolve(), scenario)
    campaign.open()
    runs = campaign.to_do(policies, seeds)
    kept = len(policies) * len(seeds) - len(runs)
    say(f"{scenario.name}: {len(runs)} runs to make{f', {kept} kept from before' if kept else ''}, in {campaign.out}")
    how = Options(programs, options.delay, options.keep_content)
    if not options.no_verify:
        verify(campaign, how, say)
    failed = run_all(campaign, runs, how, options.jobs, say)
    if failed:
        say(f"{len(failed)} runs failed ({', '.join(run.name for run in failed)}); the same command tries them again")
    code = make_report(campaign.out)
    return EXIT_FAILED if failed else code


def make_report(out: Path) -> int:
    from report import write_report

    page = write_report(out.resolve(), say)
    say(f"report: {page}")
    return 0


def command_list(_: argparse.Namespace) -> int:
    for folder in shipped():
        scenario = load(folder)
        say(f"{folder.name:<24}{scenario.title}\n{'':<24}policies {', '.join(scenario.policies)}")
    return 0


def command_new(options: argparse.Namespace) -> int:
    from new_scenario import write_new

    for path in write_new(options.folder, options.topology, options.size):
        say(f"wrote {path}")
    say(f"now: sudo python3 {sys.argv[0]} run {options.folder} --seeds 3 --out results")
    return 0


def parser() -> argparse.ArgumentParser:
    top = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")
    run = commands.add_parser("run", help="make the runs of an experiment, and its report (needs root)")
    run.add_argument("scenario", help="a folder, or the name of a scenario that ships")
    run.add_argument("--policies", metavar="A,B", help="which of the scenario's policies [default: all]")
    run.add_argument("--seeds", default="5", metavar="N", help="how many (1 to N), or which: 2,3 or 3-6 [default: 5]")
    run.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder for results")
    run.add_argument("--jobs", type=int, default=1, metavar="N", help="runs at a time [default: 1]")
    run.add_argument(
        "--delay", default="auto", choices=["auto", "netem", "relay", "none"], help="how delays are emulated"
    )
    run.add_argument(
        "--programs", metavar="DIR", help="folder with alto-server and alto-peer [default: target/release]"
    )
    run.add_argument("--no-verify", action="store_true", help="do not measure the network before the first run")
    run.add_argument("--keep-content", action="store_true", help="keep what the peers fetched (needs space)")
    run.add_argument("--dry-run", action="store_true", help="only check the scenario")
    run.set_defaults(call=command_run)
    report = commands.add_parser("report", help="make tables, figures and report.html of what has been run")
    report.add_argument("out", type=Path, metavar="DIR")
    report.set_defaults(call=lambda options: make_report(options.out))
    commands.add_parser("list", help="show the scenarios that ship").set_defaults(call=command_list)
    new = commands.add_parser("new", help="make a scenario out of a topology file")
    new.add_argument("folder", type=Path)
    new.add_argument("--topology", type=Path, required=True, metavar="FILE")
    new.add_argument("--size", default="4MiB", help="of the file that is shared [default: 4MiB]")
    new.set_defaults(call=command_new)
    return top


def main() -> int:
    options = parser().parse_args()
    if getattr(options, "jobs", 1) < 1:
        print("experiment: --jobs: give 1 or more", file=sys.stderr)
        return EXIT_USAGE
    # SIGTERM is what a supervisor sends; it ends runs in order, as an interrupt does.
    signal.signal(signal.SIGTERM, lambda *_: (_ for _ in ()).throw(KeyboardInterrupt()))
    try:
        return options.call(options)
    except ScenarioError as error:
        print(f"experiment: {error}", file=sys.stderr)
        return EXIT_SCENARIO
    except KeyboardInterrupt:
        print("experiment: interrupted; the same command goes on from here", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())
