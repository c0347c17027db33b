"""The report of an experiment: tables, figures, and one self-contained page."""

from __future__ import annotations

import base64
import html
import json
from pathlib import Path
from statistics import fmean
from typing import Any, Callable, Iterable

from ..places import SHARED_STYLE
from ..scenario.load import load
from ..scenario.model import Scenario, ScenarioError
from ..verify.summary import describe_verification
from .intervals import Estimate
from .layout import layout
from .measures import Measured, measure
from .replay import replays
from .replay_page import replay_part, script_hash
from .tables import (
    MEASURES,
    Difference,
    Group,
    by_policy,
    compare_published,
    differences,
    summaries,
    write_tables,
)

# Fewer seeds than these, and a load per processor above this one, make differences doubtful.
FEW_SEEDS = 3
BUSY = 1.5
# The style that the page of the server has, too.
STYLES = [SHARED_STYLE, Path(__file__).parent / "style.css"]


def write_report(out: Path, say: Callable[[str], None]) -> Path:
    """Measures every finished run in a folder, and writes tables/, figures/ and report.html."""
    scenario, runs, results = read_runs(out)
    groups = by_policy(runs, list(scenario.policies))
    tables = write_tables(out / "tables", scenario, groups)
    conditions = describe(scenario, groups)
    figures: list[Any] = []
    without = ""
    try:
        from .figures import draw_all
    except ImportError as error:
        without = f"Figures are missing, because matplotlib is unusable ({error}): apt-get install python3-matplotlib."
        say(without)
    else:
        figures = draw_all(out / "figures", scenario, groups, conditions)
    checked = out / "verification.json"
    verification = json.loads(checked.read_text()) if checked.is_file() else None
    page = out / "report.html"
    replayed = replay_part(scenario, replays(out, scenario, runs), layout(scenario))
    page.write_text(
        render(scenario, groups, results, tables, figures, conditions, without, verification, replayed),
        encoding="utf-8",
    )
    return page


def read_runs(out: Path) -> tuple[Scenario, list[Measured], list[dict[str, Any]]]:
    """The scenario of an experiment, and the measures and results of its finished runs."""
    folders = sorted((out / "scenario").glob("*/topo.json"))
    if len(folders) != 1:
        raise ScenarioError(f"{out}: is not the folder of an experiment: it contains no scenario")
    scenario = load(folders[0].parent)
    runs, results = [], []
    for path in sorted(out.glob("runs/*/result.json")):
        result = json.loads(path.read_text())
        if result["policy"] in scenario.policies:
            results.append(result)
            runs.append(measure(scenario, path.parent))
    if not runs:
        raise ScenarioError(f"{out}: no run has finished yet: see runs/*/run.log")
    return scenario, runs, results


def describe(scenario: Scenario, groups: Group) -> str:
    """The conditions of the measurement, which stand below every figure."""
    runs = [run for group in groups.values() for run in group]
    facts = [run.facts for run in runs]

    def all_of(key: str) -> str:
        return " / ".join(sorted({str(fact.get(key, "?")) for fact in facts}))

    modes = {fact.get("delay-emulation", "?") for fact in facts}
    delays = (
        "DELAYS NOT EMULATED"
        if modes == {"none"} and any(link.delay for link in scenario.links)
        else (f"delays: {' / '.join(sorted(map(str, modes)))}")
    )
    seeds = sorted({run.seed for run in runs})
    shown = (
        f"{seeds[0]}-{seeds[-1]}"
        if seeds == list(range(seeds[0], seeds[-1] + 1)) and len(seeds) > 1
        else (", ".join(map(str, seeds)))
    )
    return (
        f"{scenario.name}; seeds {shown}; {delays}; TCP {all_of('congestion-control')}; Linux {all_of('kernel')}; "
        f"Mininet {all_of('mininet')}; {all_of('alto-peer')}; {all_of('alto-server')}; commit {all_of('commit')}"
    )


def escape(value: Any) -> str:
    """A value as HTML text."""
    return html.escape(str(value))


def table(header: Iterable[str], rows: Iterable[Iterable[str]], name: str = "figures") -> str:
    """A table from cells in HTML, of a class of the style sheet."""
    head = "".join(f"<th>{cell}</th>" for cell in header)
    body = "".join("<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in rows)
    return f"<table class={name}><tr>{head}</tr>{body}</table>"


def shown(value: Estimate | None) -> str:
    """An estimate as HTML, empty if there is none."""
    return "" if value is None else escape(value.text())


def render(
    scenario: Scenario,
    groups: Group,
    results: list[dict[str, Any]],
    tables: list[Path],
    figures: list[Any],
    conditions: str,
    without: str,
    verification: dict[str, Any] | None,
    replayed: str,
) -> str:
    """The whole page."""
    style = "".join(path.read_text(encoding="utf-8") for path in STYLES)
    # No script but the replay's runs, whatever names a scenario has.
    policy = f"default-src 'none'; style-src 'unsafe-inline'; img-src data:; script-src '{script_hash()}'"
    parts = [
        f"<!doctype html><html lang=en><meta charset=utf-8><title>{escape(scenario.title)}</title>",
        f'<meta name=viewport content="width=device-width"><meta http-equiv=Content-Security-Policy content="{policy}">',
        f"<style>{style}</style>",
        f"<h1>{escape(scenario.title)}</h1><p>{escape(scenario.about)}</p>",
        f"<p class=note>{escape(conditions)}</p>",
    ]
    parts += [
        f"<p class=warning>{escape(text)}</p>"
        for text in warnings(groups, results, verification) + ([without] if without else [])
    ]
    parts += [
        "<h2>Policies</h2>",
        table(
            ["policy", "runs", "description"],
            (
                [
                    escape(name),
                    str(len(group)),
                    escape(scenario.policies[name].about or json.dumps(scenario.policies[name].peers)),
                ]
                for name, group in groups.items()
            ),
            "texts",
        ),
    ]
    found = summaries(groups)
    parts += [
        "<h2>Measures</h2>",
        "<p class=note>Means over seeds, with 95 % confidence intervals (Student's t).</p>",
        table(
            ["measure", *map(escape, groups)],
            (
                [
                    f'<span title="{escape(MEASURES[name][2])}">{escape(MEASURES[name][0])}'
                    f'{" (" + escape(MEASURES[name][1]) + ")" if MEASURES[name][1] else ""}</span>',
                    *(shown(line.get(policy)) for policy in groups),
                ]
                for name, line in found.items()
            ),
        ),
    ]
    parts.append(differences_part(groups))
    parts.append(published_part(scenario, groups))
    parts.append(replayed)
    for figure in figures:
        picture = base64.b64encode(figure.path.with_suffix(".png").read_bytes()).decode()
        parts.append(
            f'<h2>{escape(figure.title)}</h2><figure><img alt="{escape(figure.title)}" '
            f'src="data:image/png;base64,{picture}"><figcaption>{escape(figure.caption)}</figcaption></figure>'
        )
    parts += ["<h2>The network, measured before the first run</h2>", verification_part(verification)]
    parts += ["<h2>Runs</h2>", runs_part(groups, results)]
    parts += [
        "<h2>Meaning of the measures</h2><ul>",
        *(
            f"<li><b>{escape(name)}</b> (<code>{key}</code>{', ' * bool(unit) + escape(unit)}): {escape(meaning)}</li>"
            for key, (name, unit, meaning) in MEASURES.items()
            if key in found
        ),
        "</ul>",
    ]
    parts += [
        "<h2>Files</h2><p>",
        ", ".join(f"<code>tables/{escape(path.name)}</code>" for path in tables),
        "; events, counters and logs of every run in <code>runs/</code>; the scenario in <code>scenario/</code>.</p>",
        "<h2>Facts</h2><pre>",
        escape(json.dumps(results[0]["facts"], indent=1)),
        "</pre></html>\n",
    ]
    return "\n".join(parts)


def warnings(groups: Group, results: list[dict[str, Any]], verification: dict[str, Any] | None) -> list[str]:
    """Warnings that limit the significance of the numbers."""
    said = weaknesses(groups)
    said += sorted({text for group in groups.values() for run in group for text in run.facts.get("warnings", [])})
    for key in ("alto-server", "alto-peer", "commit", "kernel", "delay-emulation"):
        if len({str(result["facts"].get(key)) for result in results}) > 1:
            said.append(f"The runs have different values of {key}: they may not be comparable.")
    if verification:
        bad = [entry for entry in verification["rates"] if "skipped" not in entry and not entry["ok"]]
        said += [
            f"Link {entry['source']} to {entry['destination']}, set to {entry['set-mbit']:g} Mbit/s, carried "
            f"{entry['measured-mbit']:.2f} Mbit/s when it was filled."
            for entry in bad
        ]
        late = [entry for entry in verification["delays"] if not entry["ok"]]
        said += [
            f"Link {' - '.join(entry['between'])}: a round trip took {entry['median-ms']} ms, expected "
            f"{entry['expected-ms']:g} ms."
            for entry in late
        ]
        lost = [entry for entry in verification["paths"] if not entry["ok"]]
        said += [
            f"The path from {entry['source']} to {entry['destination']} is not the computed one." for entry in lost
        ]
    for result in results:
        for failure in result["failures"]:
            said.append(f"{result['policy']}, seed {result['seed']}: peer {failure['peer']}: {failure['reason']}")
    return said[:40]


def weaknesses(groups: Group) -> list[str]:
    """Reasons why differences in the report may mean nothing: too few seeds, or a machine that had other work."""
    said = []
    fewest = min(len(group) for group in groups.values())
    if fewest < FEW_SEEDS:
        what = "1 seed has" if fewest == 1 else f"{fewest} seeds have"
        said.append(
            f"{what} been run: intervals are missing or very wide, and no difference between policies is shown by them. "
            "Run the same command with --seeds 5 for figures that can be quoted."
        )
    busy = [
        f"{run.policy}, seed {run.seed}: {load[0]:g}"
        for group in groups.values()
        for run in group
        if (load := run.facts.get("load-average")) and load[0] > BUSY * run.facts.get("cpus", 1)
    ]
    if busy:
        said.append(
            f"The machine was busy in {len(busy)} runs (load average {'; '.join(busy[:5])}): times are too long, and "
            "differences may come from other work. Run again on a quiet machine, or with fewer --jobs."
        )
    return said


def differences_part(groups: Group) -> str:
    """Differences of every policy from the first one, taken seed by seed."""
    rows = differences(groups)
    if not rows:
        return ""
    base = next(iter(groups))
    policies = [policy for policy in groups if policy != base]
    cells = []
    for measure in MEASURES:
        found = {row.of: row for row in rows if row.measure == measure and row.minus == base}
        if found:
            line = (found.get(policy) for policy in policies)
            cells.append([escape(MEASURES[measure][0]), *(difference_cell(row) for row in line)])
    return (
        f"<h2>Differences from {escape(base)}</h2>"
        + table(["measure", *(f"{escape(policy)} - {escape(base)}" for policy in policies)], cells)
        + "<p class=note>Means of the differences seed by seed, with 95 % confidence intervals (Student's t). Bold: the "
        "interval excludes 0. With many comparisons, one in twenty does so by chance. All pairs are in "
        "<code>tables/differences.csv</code>.</p>"
    )


def difference_cell(row: Difference | None) -> str:
    if row is None:
        return ""
    text = escape(row.estimate.text())
    return f"<b>{text}</b>" if row.is_significant else text


def published_part(scenario: Scenario, groups: Group) -> str:
    """The measured ratios beside the published values, and the differences of the setup."""
    rows = compare_published(scenario, groups)
    if not rows:
        return ""
    cells = (
        [
            escape(row["text"]) + f"<br><span class=note>{escape(row['source'])}</span>",
            f"{escape(MEASURES.get(row['measure'], (row['measure'],))[0])}: {escape(row['of'] + ' / ' + row['over'])}",
            escape(row["wanted"]),
            shown(row["ours"]) or "-",
            f"<span class={row['verdict'].replace(' ', '-')}>{row['verdict']}</span>" if row["verdict"] else "",
        ]
        for row in rows
    )
    differences = "".join(f"<li>{escape(text)}</li>" for text in scenario.differences)
    return (
        "<h2>Comparison with published values</h2>"
        + table(["published", "ratio", "as a ratio", "ours", ""], cells)
        + "<p class=note>Ratios are taken seed by seed.</p>"
        + (f"<p>Differences:</p><ul>{differences}</ul>" if differences else "")
    )


def verification_part(found: dict[str, Any] | None) -> str:
    """A table of the measured rates of the links."""
    if not found:
        return "<p>Not measured.</p>"
    kinds: dict[float, list[dict[str, Any]]] = {}
    for entry in found["rates"]:
        if "skipped" not in entry:
            kinds.setdefault(entry["set-mbit"], []).append(entry)
    rows = [
        [
            f"{rate:g}",
            str(len(entries)),
            f"{fmean(e['measured-mbit'] for e in entries):.3f}",
            f"{min(e['measured-mbit'] for e in entries):.3f} to {max(e['measured-mbit'] for e in entries):.3f}",
            f"{fmean(e['goodput-mbit'] for e in entries):.3f}",
            f"{sum(bool(e['ok']) for e in entries)} of {len(entries)}",
        ]
        for rate, entries in sorted(kinds.items())
    ]
    return f"<p>{escape(describe_verification(found))}.</p>" + table(
        [
            "set (Mbit/s)",
            "directions of links",
            "carried when filled, mean",
            "range",
            "goodput of TCP, mean",
            "within 10 %",
        ],
        rows,
    )


def runs_part(groups: Group, results: list[dict[str, Any]]) -> str:
    """A table with one row per run."""
    by_run = {(result["policy"], result["seed"]): result for result in results}
    rows = []
    for policy, group in groups.items():
        for run in group:
            result = by_run[policy, run.seed]
            unfinished = int(run.summary["unfinished"])
            rows.append(
                [
                    escape(policy),
                    str(run.seed),
                    f"{result['seconds']:.0f} s",
                    f"{run.summary.get('completion_mean_s', float('nan')):.1f}",
                    str(unfinished) if unfinished else "none",
                    escape(result["facts"].get("load-average", ["?"])[0]),
                ]
            )
    return table(["policy", "seed", "length", "mean completion (s)", "unfinished peers", "load of the machine"], rows)
