"""Figures of an experiment, drawn by matplotlib: PNG for pages, SVG for papers."""

from __future__ import annotations

import math
import textwrap
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any, Callable

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402
from matplotlib.colors import Normalize  # noqa: E402

from ..scenario.model import Scenario  # noqa: E402
from .intervals import estimate  # noqa: E402
from .labels import place  # noqa: E402
from .layout import layout  # noqa: E402
from .measures import MEGA, Measured  # noqa: E402
from .tables import Group, values  # noqa: E402

# Distinguishable with colour blindness; in black and white the line styles differ.
COLOURS = ["#4477AA", "#EE6677", "#228833", "#CCBB44", "#66CCEE", "#AA3377"]
STYLES = ["-", "--", "-.", ":", (0, (5, 1)), (0, (1, 1))]
LOAD_MAP = "YlOrRd"
DPI = 130
CHARACTERS_PER_INCH = 23


@dataclass
class Figure:
    """A written figure: the path of its files without extension, its title and its caption."""

    path: Path
    title: str
    caption: str


def draw_all(folder: Path, scenario: Scenario, groups: Group, conditions: str) -> list[Figure]:
    """Draws every figure that has data, with `conditions` below each."""
    folder.mkdir(parents=True, exist_ok=True)
    plt.rcParams.update(
        {
            "font.size": 9,
            "axes.spines.top": False,
            "axes.spines.right": False,
            "axes.titlesize": 10,
            "legend.frameon": False,
            "svg.fonttype": "none",
            "axes.axisbelow": True,
        }
    )
    wanted: list[tuple[str, Callable[..., Figure | None]]] = [
        ("completion", completion),
        ("overview", overview),
        ("links", links),
        ("matrix", matrix),
        ("copies", copies),
        ("timeline", timeline),
    ]
    figures = []
    for name, draw in wanted:
        figure = draw(folder / name, scenario, groups, conditions)
        if figure:
            figures.append(figure)
    return figures


def finish(figure: Any, path: Path, conditions: str) -> None:
    """Adds the conditions of the measurement and writes the figure."""
    # Lines fill the width of the figure, whose height grows with their number.
    lines = textwrap.fill(conditions, max(60, int(figure.get_figwidth() * CHARACTERS_PER_INCH)))
    figure.text(0.0, -0.01, lines, fontsize=5.5, color="#666666", ha="left", va="top")
    for ending in ("png", "svg"):
        figure.savefig(
            path.with_suffix(f".{ending}"),
            dpi=DPI,
            bbox_inches="tight",
            pad_inches=0.08,
            metadata=({"Date": None} if ending == "svg" else {"Software": None}),
        )
    plt.close(figure)


def completion(path: Path, scenario: Scenario, groups: Group, conditions: str) -> Figure | None:
    """Cumulative distribution of the completion times of all peers in all runs."""
    figure, axes = plt.subplots(figsize=(5.2, 3.4))
    drawn = False
    for (policy, group), colour, style in zip(groups.items(), COLOURS, STYLES):
        everyone = [download for run in group for download in run.downloads]
        times = sorted(d.seconds for d in everyone if d.seconds is not None)
        if not times:
            continue
        drawn = True
        # Unfinished peers count, so that the curve stays below 1.
        steps = [(i + 1) / len(everyone) for i in range(len(times))]
        axes.step(
            [0, *times],
            [0, *steps],
            where="post",
            color=colour,
            linestyle=style,
            linewidth=1.7,
            label=f"{policy} (mean {fmean(times):.0f} s)",
        )
    if not drawn:
        plt.close(figure)
        return None
    axes.set(xlabel="time from joining to completion (s)", ylabel="share of all peers", ylim=(0, 1.02))
    axes.set_xlim(left=0)
    axes.grid(alpha=0.3)
    axes.legend(loc="upper left")
    axes.set_title(scenario.title, loc="left")
    figure.tight_layout()
    finish(figure, path, conditions)
    return Figure(path, "Completion time", "Cumulative distribution over all peers of all runs.")


def overview(path: Path, scenario: Scenario, groups: Group, conditions: str) -> Figure | None:
    """Bars of the main measures with 95 % confidence intervals."""
    shown = [
        ("protected_mb", "protected links (MB)"),
        ("unit_bdp", "unit BDP (links per byte)"),
        ("external_share", "external share"),
        ("completion_mean_s", "mean completion (s)"),
    ]
    shown = [(measure, label) for measure, label in shown if any(values(group, measure) for group in groups.values())]
    if not shown:
        return None
    figure, many = plt.subplots(1, len(shown), figsize=(2.1 * len(shown) + 0.4, 2.9), squeeze=False)
    for axes, (measure, label) in zip(many[0], shown):
        for place, ((policy, group), colour) in enumerate(zip(groups.items(), COLOURS)):
            found = list(values(group, measure).values())
            mean = estimate(found)
            if mean is None:
                continue
            axes.bar(place, mean.mean, color=colour, width=0.7)
            axes.plot([place] * len(found), found, "k.", markersize=2.5, alpha=0.5)
            if mean.half_width is not None:
                axes.errorbar(place, mean.mean, yerr=mean.half_width, color="black", capsize=4, linewidth=1)
        axes.set_xticks(range(len(groups)), list(groups), rotation=30 if len(groups) > 3 else 0, fontsize=8)
        axes.set_title(label)
        axes.set_ylim(bottom=0)
        axes.grid(axis="y", alpha=0.3)
    figure.tight_layout()
    finish(figure, path, conditions)
    return Figure(
        path, "Main measures", "Means over seeds with 95 % confidence intervals (Student's t); dots are single runs."
    )


def link_bytes(group: list[Measured]) -> dict[tuple[str, str], float]:
    """Mean MB on each direction of each link."""
    return {link: fmean(run.core[link] for run in group) / MEGA for link in group[0].core}


def links(path: Path, scenario: Scenario, groups: Group, conditions: str) -> Figure | None:
    """The topology, with each direction of each core link coloured and widened by its traffic."""
    core = list(scenario.core())
    if not core:
        return None
    where = layout(scenario)
    loads = {policy: link_bytes(group) for policy, group in groups.items()}
    most = max((value for load in loads.values() for value in load.values()), default=0) or 1.0
    norm, colours = Normalize(0, most), plt.get_cmap(LOAD_MAP)
    xs, ys = zip(*where.values())
    spread = max(max(xs) - min(xs), max(ys) - min(ys)) or 1.0
    # At these latitudes a degree of latitude is longer than one of longitude.
    stretch = 1.25 if spread > 20 else 1.0
    shape = min(1.1, max(0.45, stretch * (max(ys) - min(ys)) / ((max(xs) - min(xs)) or 1.0)))
    columns = len(groups)
    size = (3.9 * columns + 0.6, 3.9 * shape + 0.5)
    figure, many = plt.subplots(1, columns, figsize=size, squeeze=False, layout="constrained")
    protected = {frozenset(pair) for pair in scenario.protected}
    for axes, (policy, load) in zip(many.flat, loads.items()):
        for (a, b), value in load.items():
            (x0, y0), (x1, y1) = where[a], where[b]
            length = math.hypot(x1 - x0, y1 - y0) or 1.0
            # Each direction is drawn on the right-hand side of its way.
            dx, dy = (y1 - y0) / length * 0.011 * spread, -(x1 - x0) / length * 0.011 * spread
            axes.plot(
                [x0 + dx, x1 + dx],
                [y0 + dy, y1 + dy],
                color=colours(0.12 + 0.88 * norm(value)),
                linewidth=1.2 + 4.5 * norm(value),
                solid_capstyle="butt",
                zorder=1,
            )
        for pair in protected:
            a, b = tuple(pair)
            if len(protected) <= 3:
                both = load.get((a, b), 0) + load.get((b, a), 0)
                axes.annotate(
                    f"{both:.0f} MB",
                    ((where[a][0] + where[b][0]) / 2, (where[a][1] + where[b][1]) / 2),
                    textcoords="offset points",
                    xytext=(9, -9),
                    fontsize=8,
                    color="#004488",
                    weight="bold",
                    zorder=4,
                )
        for x, y in where.values():
            axes.plot(x, y, "o", markersize=5, color="#333333", zorder=3)
        axes.set_title(f"{policy}: {sum(load.values()):.0f} MB on all core links", loc="left")
        axes.margins(0.12)
        axes.set_aspect(stretch)
        axes.axis("off")
    scale = plt.cm.ScalarMappable(norm, colours)
    figure.colorbar(scale, ax=many, shrink=0.75, label="MB each way, mean over runs", pad=0.01)
    # The places of labels depend on the final scale of the drawing.
    figure.canvas.draw()
    for axes in many.flat:
        name_switches(axes, where)
    finish(figure, path, conditions)
    return Figure(
        path,
        "Bytes on links",
        "Links between switches; the two lines of a link are its two directions, each on the "
        "right-hand side of its way. All policies share one scale. Numbers in blue: protected links, both ways.",
    )


def name_switches(axes: Any, where: dict[str, tuple[float, float]]) -> None:
    """Writes the names of switches beside them, where they cover neither each other nor a switch."""
    size, names = (6.5 if len(where) <= 30 else 5.0), list(where)
    points_per_pixel = 72 / axes.figure.dpi
    points = [tuple(axes.transData.transform(where[name]) * points_per_pixel) for name in names]
    boxes = place(points, [(0.6 * size * len(name), 1.1 * size) for name in names], gap=4)
    for name, point, (left, bottom, _, _) in zip(names, points, boxes):
        offset = (left - point[0], bottom - point[1])
        axes.annotate(name, where[name], textcoords="offset points", xytext=offset, fontsize=size, zorder=4)


def matrix(path: Path, scenario: Scenario, groups: Group, conditions: str) -> Figure | None:
    """Heat map of the payload from PID to PID."""
    pids = sorted({pid for group in groups.values() for run in group for pair in run.matrix for pid in pair})
    if not 2 <= len(pids) <= 60:
        return None
    means = {}
    for policy, group in groups.items():
        means[policy] = [[fmean(run.matrix.get((a, b), 0) for run in group) / MEGA for b in pids] for a in pids]
    most = max(value for rows in means.values() for row in rows for value in row) or 1.0
    figure, many = plt.subplots(
        1, len(groups), figsize=(3.1 * len(groups) + 0.9, 3.4), squeeze=False, layout="constrained"
    )
    for axes, (policy, rows) in zip(many.flat, means.items()):
        image = axes.imshow(rows, cmap="viridis", vmin=0, vmax=most)
        inside = sum(rows[i][i] for i in range(len(pids)))
        total = sum(map(sum, rows)) or 1.0
        axes.set_title(f"{policy}: {100 * inside / total:.0f} % within PIDs", loc="left")
        small = {"fontsize": 6 if len(pids) > 8 else 8}
        axes.set_xticks(range(len(pids)), pids, rotation=90, **small)
        axes.set_yticks(range(len(pids)), pids, **small)
        axes.set(xlabel="to")
    many[0][0].set(ylabel="from")
    figure.colorbar(image, ax=many, shrink=0.85, label="payload (MB), mean over runs", pad=0.01)
    finish(figure, path, conditions)
    return Figure(
        path, "From PID to PID", "Payload by the PIDs of the sending and the receiving peer, from the peers' events."
    )


def copies(path: Path, scenario: Scenario, groups: Group, conditions: str) -> Figure | None:
    """Bars of the copies of the content that entered each PID, with the expectation under random selection."""
    pids = sorted({pid for group in groups.values() for run in group for pid in run.copies})
    if not pids:
        return None
    figure, axes = plt.subplots(figsize=(max(4.5, 0.55 * len(pids) + 1.5), 3.2))
    width = 0.8 / len(groups)
    for number, ((policy, group), colour) in enumerate(zip(groups.items(), COLOURS)):
        for place, pid in enumerate(pids):
            mean = estimate([run.copies[pid][1] for run in group if pid in run.copies])
            if mean is None:
                continue
            at = place + (number - (len(groups) - 1) / 2) * width
            axes.bar(at, mean.mean, width=width * 0.92, color=colour, label=policy if place == 0 else None)
            if mean.half_width is not None:
                axes.errorbar(at, mean.mean, yerr=mean.half_width, color="black", capsize=1.5, linewidth=0.7)
    first = next(iter(groups.values()))[0]
    for place, pid in enumerate(pids):
        if pid in first.copies:
            line = first.copies[pid][2]
            axes.plot(
                [place - 0.46, place + 0.46],
                [line, line],
                color="black",
                linewidth=1.3,
                linestyle=(0, (3, 1.5)),
                label="random: n(N−n)/(N−1)" if place == 0 else None,
            )
    names = [f"{pid}\n{first.copies[pid][0]}" if pid in first.copies else pid for pid in pids]
    axes.set_xticks(range(len(pids)), names, fontsize=7)
    axes.set(xlabel="PID, and the number of its fetching peers", ylabel="copies that entered")
    axes.set_ylim(bottom=0)
    axes.set_title("Copies of the content entering each PID", loc="left")
    axes.grid(axis="y", alpha=0.3)
    axes.legend(fontsize=7.5, ncols=len(groups) + 1, loc="upper center", bbox_to_anchor=(0.5, -0.25))
    figure.tight_layout()
    finish(figure, path, conditions)
    return Figure(
        path,
        "Copies per PID",
        "Payload that peers of a PID received from outside it, over the size of the content. "
        "The dashed line is the expectation under random selection, which has no free parameter.",
    )


def timeline(path: Path, scenario: Scenario, groups: Group, conditions: str) -> Figure | None:
    """Payload over protected links over time, for scenarios with events."""
    if not (scenario.link_events or scenario.cross_traffic):
        return None
    figure, axes = plt.subplots(figsize=(6.2, 3.2))
    drawn = False
    for (policy, group), colour, style in zip(groups.items(), COLOURS, STYLES):
        curve = mean_curve([run.over_time for run in group])
        if curve:
            drawn = True
            axes.plot(
                [x for x, _ in curve], [y for _, y in curve], color=colour, linestyle=style, linewidth=1.6, label=policy
            )
    if not drawn:
        plt.close(figure)
        return None
    for event in scenario.link_events:
        what = (
            " ".join(f"{key} {value}" for key, value in event.change.items())
            .replace("up False", "fails")
            .replace("up True", "is back")
        )
        axes.axvline(event.at, color="#555555", linewidth=0.8, linestyle=":")
        axes.annotate(
            f"{event.source}–{event.destination} {what}",
            (event.at, 1),
            xycoords=("data", "axes fraction"),
            fontsize=7,
            rotation=90,
            va="top",
            ha="right",
        )
    for start in {cross.start for cross in scenario.cross_traffic}:
        axes.annotate(
            "background traffic starts", (start, 0.98), xycoords=("data", "axes fraction"), fontsize=7, va="top"
        )
    axes.set(xlabel="time since the start (s)", ylabel="payload over protected links (Mbit/s)")
    axes.set_xlim(left=0)
    axes.set_ylim(bottom=0)
    axes.grid(alpha=0.3)
    axes.legend()
    axes.set_title("Payload that crossed the protected links", loc="left")
    figure.tight_layout()
    finish(figure, path, conditions)
    return Figure(
        path,
        "Over time",
        "Payload of the swarm between peers whose route crosses a protected link, in steps of 5 s, " "mean over runs.",
    )


def mean_curve(curves: list[list[tuple[float, float]]]) -> list[tuple[float, float]]:
    """Mean of several curves over the same steps, as long as the longest; ended curves count as zero."""
    count = max((len(curve) for curve in curves), default=0)
    result = []
    for step in range(count):
        here = [curve[step] for curve in curves if step < len(curve)]
        result.append((here[0][0], sum(value for _, value in here) / len(curves)))
    return result
