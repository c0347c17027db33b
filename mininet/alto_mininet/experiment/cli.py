"""Compares peer-selection policies: runs the real programs in emulated networks and writes a report.

    python3 mininet/experiment.py list
    sudo python3 mininet/experiment.py run small --policies random,alto --seeds 3 --out /tmp/small
    python3 mininet/experiment.py report /tmp/small
    python3 mininet/experiment.py pack /tmp/small
    python3 mininet/experiment.py new my-scenario --topology my-topo.json

Finished runs are kept, so the same command resumes an experiment that was stopped.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
from pathlib import Path

from ..network.plan import make_plan
from ..network.topology import TopologyError, load_topology
from ..places import REPOSITORY, SHIPPED_TOPOLOGIES
from ..report.page import write_report
from ..scenario.from_topology import write_new
from ..scenario.load import load
from ..scenario.model import Scenario, ScenarioError
from .artefact import pack
from .campaign import Campaign, Options, run_all, verify

EXIT_FAILED, EXIT_USAGE, EXIT_SCENARIO = 1, 64, 78


def shipped() -> list[Path]:
    """Folders of the scenarios that ship."""
    return sorted(path.parent for path in SHIPPED_TOPOLOGIES.glob("*/peers.json"))


def find_scenario(text: str) -> Path:
    """The folder of a scenario, given as a folder or as the name of one that ships."""
    path = Path(text)
    if path.is_dir() or "/" in text:
        return path
    if (SHIPPED_TOPOLOGIES / text).is_dir():
        return SHIPPED_TOPOLOGIES / text
    names = ", ".join(path.name for path in shipped())
    raise ScenarioError(f"{text}: is neither a folder nor a scenario that ships: give a folder, or one of {names}")


def parse_seeds(text: str) -> list[int]:
    """Parses seeds: `5` means 1 to 5, `7,9` these two, `3-6` a range."""
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
            f"--seeds: {text!r} is not valid: give a number of seeds such as 5, or a list such as 2,3 or 3-6"
        )
    return seeds


def parse_policies(text: str | None, scenario: Scenario) -> list[str]:
    """The named policies, by default all of the scenario."""
    names = text.split(",") if text else list(scenario.policies)
    for name in names:
        if name not in scenario.policies:
            raise ScenarioError(
                f"--policies: {name!r} is not a policy of scenario {scenario.name}: "
                f"give any of {', '.join(scenario.policies)}"
            )
    return list(dict.fromkeys(names))


def find_programs(text: str | None) -> Path:
    """The folder that contains alto-server and alto-peer."""
    places = [Path(text)] if text else [REPOSITORY / "target" / "release", REPOSITORY / "target" / "debug"]
    for place in places:
        if all(os.access(place / name, os.X_OK) for name in ("alto-server", "alto-peer")):
            return place.resolve()
    raise ScenarioError(
        f"alto-server and alto-peer are not in {' or '.join(map(str, places))}: build them with `cargo build "
        "--release -p alto-server -p alto-peer`, or give their folder with --programs"
    )


def check_programs(scenario: Scenario, programs: Path) -> None:
    """Lets alto-server check its settings and the topologies of all policies, and plans their networks."""
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
        # What the build of the network would refuse, such as loopback addresses.
        try:
            make_plan(load_topology(scenario.folder / topology))
        except TopologyError as error:
            raise ScenarioError(f"{topology} cannot be emulated: {error}") from None


def say(text: str) -> None:
    """Prints a message at once, also into a pipe."""
    print(text, flush=True)


def command_run(options: argparse.Namespace) -> int:
    """Executes the missing runs of an experiment, then writes its report."""
    scenario = load(find_scenario(options.scenario))
    policies, seeds = parse_policies(options.policies, scenario), parse_seeds(options.seeds)
    programs = find_programs(options.programs)
    check_programs(scenario, programs)
    if options.dry_run:
        say(f"{scenario.name}: {scenario.title}")
        say(
            f"{len(scenario.hosts)} hosts, {len(scenario.switches)} switches, {len(scenario.links)} links, "
            f"{len(scenario.peers)} peers; {len(policies)} policies x {len(seeds)} seeds; all files are valid"
        )
        return 0
    if options.out is None:
        raise ScenarioError("--out is missing: give a folder for the results, new or to continue")
    if os.geteuid() != 0:
        raise ScenarioError("building a network needs root: use sudo (--dry-run checks the scenario without it)")
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
    say(f"{scenario.name}: {len(runs)} runs to make{f', {kept} kept' if kept else ''}, in {campaign.out}")
    how = Options(programs, options.delay, options.keep_content)
    if not options.no_verify:
        verify(campaign, how, say)
    failed = run_all(campaign, runs, how, options.jobs, say)
    if failed:
        say(f"{len(failed)} runs failed ({', '.join(run.name for run in failed)}); run the same command to repeat them")
    code = make_report(campaign.out)
    return EXIT_FAILED if failed else code


def make_report(out: Path) -> int:
    """Writes the report of the finished runs in a folder."""
    page = write_report(out.resolve(), say)
    say(f"report: {page}")
    return 0


def command_pack(options: argparse.Namespace) -> int:
    """Packs an experiment for publication."""
    out = options.out.resolve()
    archive = (options.archive or out.with_name(f"{out.name}.tar.gz")).resolve()
    count = pack(out, archive)
    say(f"{archive}: {count} files, {archive.stat().st_size / 1e6:.1f} MB")
    return 0


def command_list(_: argparse.Namespace) -> int:
    """Lists the scenarios that ship, with their policies."""
    for folder in shipped():
        scenario = load(folder)
        say(f"{folder.name:<24}{scenario.title}\n{'':<24}policies {', '.join(scenario.policies)}")
    return 0


def command_new(options: argparse.Namespace) -> int:
    """Creates a scenario from a topology file."""
    for path in write_new(options.folder, options.topology, options.size):
        say(f"wrote {path}")
    say(f"next: python3 {sys.argv[0]} run {options.folder} --dry-run")
    say(f"then: sudo python3 {sys.argv[0]} run {options.folder} --seeds 3 --out results")
    return 0


def parser() -> argparse.ArgumentParser:
    """The parser of the command line."""
    top = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")
    run = commands.add_parser("run", help="run an experiment and write its report (needs root)")
    run.add_argument("scenario", help="a folder, or the name of a scenario that ships")
    run.add_argument("--policies", metavar="A,B", help="policies of the scenario to compare [default: all]")
    run.add_argument("--seeds", default="5", metavar="N", help="seeds 1 to N, or a list: 2,3 or 3-6 [default: 5]")
    run.add_argument(
        "--out", type=Path, metavar="DIR", help="folder for results, new or to continue; not needed for a dry run"
    )
    run.add_argument("--jobs", type=int, default=1, metavar="N", help="number of runs at the same time [default: 1]")
    run.add_argument(
        "--delay",
        default="auto",
        choices=["auto", "netem", "relay", "none"],
        help="emulation of link delays [default: auto, which is netem, or else the relay]",
    )
    run.add_argument(
        "--programs", metavar="DIR", help="folder with alto-server and alto-peer [default: target/release]"
    )
    run.add_argument("--no-verify", action="store_true", help="skip measuring the network before the first run")
    run.add_argument("--keep-content", action="store_true", help="keep the files that peers fetched (needs space)")
    run.add_argument("--dry-run", action="store_true", help="check the scenario and stop")
    run.set_defaults(call=command_run)
    report = commands.add_parser("report", help="write tables, figures and report.html from finished runs")
    report.add_argument("out", type=Path, metavar="DIR")
    report.set_defaults(call=lambda options: make_report(options.out))
    packing = commands.add_parser("pack", help="pack a finished experiment for publication, with hashes")
    packing.add_argument("out", type=Path, metavar="DIR")
    packing.add_argument("--archive", type=Path, metavar="FILE", help="the archive [default: DIR.tar.gz]")
    packing.set_defaults(call=command_pack)
    commands.add_parser("list", help="list the scenarios that ship").set_defaults(call=command_list)
    new = commands.add_parser("new", help="create a scenario from a topology file")
    new.add_argument("folder", type=Path)
    new.add_argument("--topology", type=Path, required=True, metavar="FILE")
    new.add_argument("--size", default="4MiB", help="size of the shared file [default: 4MiB]")
    new.set_defaults(call=command_new)
    return top


def main() -> int:
    """Runs the command and returns its exit status."""
    options = parser().parse_args()
    if getattr(options, "jobs", 1) < 1:
        print("experiment: --jobs: give a number of 1 or more", file=sys.stderr)
        return EXIT_USAGE
    # SIGTERM ends the active runs like an interrupt.
    signal.signal(signal.SIGTERM, lambda *_: (_ for _ in ()).throw(KeyboardInterrupt()))
    try:
        return options.call(options)
    except ScenarioError as error:
        print(f"experiment: {error}", file=sys.stderr)
        return EXIT_SCENARIO
    except KeyboardInterrupt:
        print("experiment: interrupted; run the same command to continue", file=sys.stderr)
        return 130

