"""Tables of an experiment: a tidy CSV file per measure over all runs, and means with intervals."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any, Iterable

from ..scenario.model import Scenario
from .intervals import Estimate, estimate, ratio
from .measures import MEGA, Measured

# Title, unit and meaning of each measure, in the order of reports.
MEASURES: dict[str, tuple[str, str, str]] = {
    "completion_mean_s": ("completion, mean", "s", "time from joining to the last verified byte, mean over peers"),
    "completion_median_s": ("completion, median", "s", "the same, as the median"),
    "completion_p95_s": ("completion, 95th percentile", "s", "the same, not exceeded by 95 % of peers"),
    "completion_max_s": ("completion, last peer", "s", "the same, for the slowest"),
    "speed_mean_kBps": ("download speed, mean", "kB/s", "size over completion time, mean over peers"),
    "protected_mb": ("protected links", "MB", "bytes on the protected links, both ways, headers included"),
    "protected_payload_mb": ("payload over protected links", "MB", "payload between peers whose route crosses one"),
    "backbone_mb": ("all core links", "MB", "bytes on all links between switches, headers included"),
    "unit_bdp": ("unit BDP", "links", "links between switches that a received byte crossed, mean (P4P's unit BDP)"),
    "external_share": ("external share", "", "share of the payload that came from another PID"),
    "copies_mean": ("copies entering a PID", "copies", "copies of the content that entered a PID, mean over PIDs"),
    "max_load": ("highest load", "", "of any core link in any 5 s, as a share of its bandwidth"),
    "control_share": (
        "control traffic",
        "",
        "bytes to and from the host of the ALTO server and registry, over the payload",
    ),
    "overhead_share": ("overhead", "", "bytes received by peers beyond the payload, over the payload"),
    "switch_median_s": ("switch after a failure, median", "s", "from the failure of a link to other sources, over affected peers"),
    "switch_p95_s": ("switch after a failure, 95th percentile", "s", "the same, not exceeded by 95 % of peers"),
    "switch_within_2s": ("switch within 2 s", "", "share of affected peers that chose other sources within 2 s of a failure"),
    "bound_mean_s": ("bound of the mean completion", "s", "in the fluid limit: no peer finishes before the seed has sent every byte once"),
    "distance_mean": ("completion over its bound", "", "mean completion over its bound in the fluid limit"),
    "bound_last_s": ("bound of the last finish", "s", "in the fluid limit, from the first join, with all uplinks full"),
    "bound_seed_s": ("F / u_seed", "s", "size over the upload rate of those that share it at the start"),
    "bound_download_s": ("F / d_min", "s", "size over the least download rate"),
    "bound_swarm_s": ("N F / (u_seed + sum of u_i)", "s", "bytes that all fetch over the upload rates of all"),
    "bound_protected_mb": ("bound of protected links", "MB", "payload that has to cross them, as its receivers are reached in no other way"),
    "last_distinct_s": ("last distinct piece", "s", "from the first join until every piece has left those that share the file at the start"),
    "seed_copies_until": ("copies until then", "copies", "payload that those had sent by then, over the size"),
    "seed_copies": ("copies sent by the seed", "copies", "the same for the whole run"),
    "wasted_share": ("wasted share", "", "payload fetched twice, or corrupt, over the payload"),
    "wasted_mb": ("wasted", "MB", "payload fetched twice, or corrupt"),
    "unfinished": ("unfinished", "peers", "peers that were not complete when the run ended"),
}

Group = dict[str, list[Measured]]


def by_policy(runs: Iterable[Measured], order: list[str]) -> Group:
    """Groups runs by policy, in the given order, sorted by seed."""
    groups: Group = {policy: [] for policy in order}
    for run in sorted(runs, key=lambda run: run.seed):
        groups.setdefault(run.policy, []).append(run)
    return {policy: group for policy, group in groups.items() if group}


def values(group: list[Measured], measure: str) -> dict[int, float]:
    """Values of a measure by seed, where defined."""
    return {run.seed: run.summary[measure] for run in group if measure in run.summary}


def summaries(groups: Group) -> dict[str, dict[str, Estimate]]:
    """Means over seeds, by measure and policy."""
    found: dict[str, dict[str, Estimate]] = {}
    for measure in MEASURES:
        for policy, group in groups.items():
            if mean := estimate(list(values(group, measure).values())):
                found.setdefault(measure, {})[policy] = mean
    return found


def compare_published(scenario: Scenario, groups: Group) -> list[dict[str, Any]]:
    """Measured ratios with the published values and a verdict."""
    rows = []
    for entry in scenario.published:
        of, over = (values(groups.get(entry[side], []), entry["measure"]) for side in ("of", "over"))
        ours = ratio(of, over)
        low, high, value = entry["at-least"], entry["at-most"], entry["value"]
        limits = [
            f"at least {low:g}" if low is not None else "",
            f"at most {high:g}" if high is not None else "",
            f"published {value:g}" if value is not None else "",
        ]
        verdict = ""
        if ours and (low is not None or high is not None):
            met = (low is None or ours.mean >= low) and (high is None or ours.mean <= high)
            verdict = "met" if met else "not met"
        rows.append({**entry, "ours": ours, "wanted": ", ".join(filter(None, limits)), "verdict": verdict})
    return rows


@dataclass(frozen=True)
class Difference:
    """Difference of two policies in a measure."""

    measure: str
    of: str
    minus: str
    estimate: Estimate

    @property
    def is_significant(self) -> bool:
        """Whether the confidence interval excludes 0."""
        low, high = self.estimate.low, self.estimate.high
        return low is not None and high is not None and not low <= 0 <= high


def differences(groups: Group) -> list[Difference]:
    """Differences of each policy from each before it, paired by seed, so that what the seeds have in common cancels out."""
    found = []
    for measure in MEASURES:
        for minus, of in combinations(groups, 2):
            a, b = values(groups[minus], measure), values(groups[of], measure)
            if mean := estimate([b[seed] - a[seed] for seed in sorted(a.keys() & b.keys())]):
                found.append(Difference(measure, of, minus, mean))
    return found


def write_csv(path: Path, header: list[str], rows: Iterable[Iterable[Any]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(header)
        writer.writerows(rows)


def write_tables(folder: Path, scenario: Scenario, groups: Group) -> list[Path]:
    """Writes all tables. Every row names scenario, policy and seed, so that tables can be combined."""
    folder.mkdir(parents=True, exist_ok=True)
    head = ["scenario", "policy", "seed"]
    runs = [(run, [scenario.name, run.policy, run.seed]) for group in groups.values() for run in group]

    def rows_of(each: Any) -> list[list[Any]]:
        return [key + list(row) for run, key in runs for row in each(run)]

    bandwidth = {(link.source, link.destination): link.bandwidth for link in scenario.core()}
    tables = {
        "completion.csv": (
            ["peer", "pid", "joined_s", "seconds", "failure"],
            rows_of(
                lambda run: (
                    (
                        d.name,
                        d.pid,
                        round(d.joined - min(o.joined for o in run.downloads), 3),
                        "" if d.seconds is None else round(d.seconds, 3),
                        d.failure,
                    )
                    for d in run.downloads
                )
            ),
        ),
        "links.csv": (
            ["source", "destination", "bandwidth_mbits", "bytes", "peak_load"],
            rows_of(
                lambda run: (
                    (a, b, bandwidth.get((a, b)) or bandwidth.get((b, a)), count, round(run.peak.get((a, b), 0), 4))
                    for (a, b), count in run.core.items()
                )
            ),
        ),
        "matrix.csv": (
            ["from_pid", "to_pid", "payload_bytes"],
            rows_of(lambda run: ((a, b, count) for (a, b), count in sorted(run.matrix.items()))),
        ),
        "copies.csv": (
            ["pid", "peers", "copies", "random_copies"],
            rows_of(
                lambda run: ((pid, n, round(came, 4), round(line, 4)) for pid, (n, came, line) in run.copies.items())
            ),
        ),
        "reactions.csv": (
            ["peer", "failure_s", "switched_after_s"],
            rows_of(
                lambda run: (
                    (r.peer, round(r.failure, 3), "" if r.seconds is None else round(r.seconds, 3)) for r in run.reactions
                )
            ),
        ),
        "summary.csv": (
            ["measure", "value"],
            rows_of(lambda run: ((name, round(value, 6)) for name, value in run.summary.items())),
        ),
    }
    written = []
    for name, (columns, rows) in tables.items():
        write_csv(folder / name, head + columns, rows)
        written.append(folder / name)
    means = [
        [
            scenario.name,
            policy,
            measure,
            e.n,
            round(e.mean, 6),
            "" if e.low is None else round(e.low, 6),
            "" if e.high is None else round(e.high, 6),
        ]
        for measure, line in summaries(groups).items()
        for policy, e in line.items()
    ]
    write_csv(folder / "means.csv", ["scenario", "policy", "measure", "runs", "mean", "ci95_low", "ci95_high"], means)
    differing = [
        [
            scenario.name,
            row.measure,
            row.of,
            row.minus,
            row.estimate.n,
            round(row.estimate.mean, 6),
            "" if row.estimate.low is None else round(row.estimate.low, 6),
            "" if row.estimate.high is None else round(row.estimate.high, 6),
            "yes" if row.is_significant else "no",
        ]
        for row in differences(groups)
    ]
    write_csv(
        folder / "differences.csv",
        ["scenario", "measure", "of", "minus", "seeds", "mean", "ci95_low", "ci95_high", "interval_excludes_0"],
        differing,
    )
    published = [
        [
            scenario.name,
            row["text"],
            row["source"],
            row["measure"],
            row["of"],
            row["over"],
            row["wanted"],
            "" if row["ours"] is None else round(row["ours"].mean, 4),
            "" if row["ours"] is None or row["ours"].low is None else round(row["ours"].low, 4),
            "" if row["ours"] is None or row["ours"].high is None else round(row["ours"].high, 4),
            row["verdict"],
        ]
        for row in compare_published(scenario, groups)
    ]
    write_csv(
        folder / "published.csv",
        [
            "scenario",
            "published",
            "source",
            "measure",
            "of",
            "over",
            "wanted",
            "ours",
            "ci95_low",
            "ci95_high",
            "verdict",
        ],
        published,
    )
    return [*written, *(folder / f"{name}.csv" for name in ("means", "differences", "published"))]


def megabytes(count: float) -> float:
    return count / MEGA
