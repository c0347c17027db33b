"""The replay as a part of the report: lanes of who fetched from whom, and maps that a script plays."""

from __future__ import annotations

import base64
import hashlib
import html
import json
import math
from pathlib import Path

from ..scenario.model import Scenario
from .measures import MEGA
from .replay import Replay

SCRIPT = (Path(__file__).parent / "replay.js").read_text(encoding="utf-8")
WIDTH, HEIGHT, MARGIN = 620, 420, 48
LANES_WIDTH, LANES_LEFT = 1000, 130
# Peers whose lanes can be told apart.
MAX_LANES = 300


def script_hash() -> str:
    """The hash by which the page's Content-Security-Policy knows the script."""
    return "sha256-" + base64.b64encode(hashlib.sha256(SCRIPT.encode()).digest()).decode()


def replay_part(scenario: Scenario, replays: list[Replay], where: dict[str, tuple[float, float]]) -> str:
    """Lanes and maps of all policies, side by side, with one control. `where` has the positions of switches."""
    if not replays:
        return ""
    hosts = {peer.name: peer.host for peer in scenario.peers}
    pids = {peer.name: scenario.pid_of(peer.address) or "?" for peer in scenario.peers}
    places = positions(where)
    switch_of = switches_of(scenario)
    nodes = {name: switch_of.get(host, "") for name, host in hosts.items()}
    frames, step = replays[0].frames, replays[0].step
    data = {
        "step": step,
        "frames": frames,
        "places": {name: [round(x, 1), round(y, 1)] for name, (x, y) in places.items()},
        "nodes": nodes,
        "hosts": hosts,
        "pids": pids,
        "runs": [
            {
                "transfers": run.transfers,
                "load": [[*link, shares] for link, shares in run.load.items()],
                "routes": [[seconds, paths] for seconds, paths in run.routes],
            }
            for run in replays
        ],
    }
    embedded = json.dumps(data, separators=(",", ":")).replace("<", "\\u003c")
    columns = "".join(
        f"<figure><figcaption><b>{html.escape(run.policy)}</b>, seed {run.seed}</figcaption>"
        f"{map_svg(scenario, run, places, number)}<p class=note id=replay-told-{number}>{told(run, pids)}</p></figure>"
        for number, run in enumerate(replays)
    )
    routes = (
        "Every transfer is drawn along its route."
        if all(run.routes for run in replays)
        else "These runs recorded no routes: transfers are drawn as arcs, and links by what they carried."
    )
    return "".join(
        [
            "<h2>One run, replayed</h2>",
            f"<p class=note>The same seed under every policy. {routes} Blue stays in its PID, orange comes from "
            "another one; the wider, the more. Links are coloured by the share of their bandwidth that they carried.</p>",
            '<p class=replay><button id=replay-play type=button>Play</button> <label>Second '
            f'<input id=replay-at type=range min=0 max={frames - 1} value=0 step=1></label> <output id=replay-second>0 s</output></p>',
            f"<div class=columns>{columns}</div>",
            "<h3>Who fetched from whom</h3>",
            "<p class=note>One line per peer, from when it joined until it was done, by PID; a mark for what arrived in a "
            f"step of {step:g} s.</p>",
            *(lanes(run, pids) for run in replays),
            f'<script type="application/json" id=replay-data>{embedded}</script>',
            f"<script>{SCRIPT}</script>",
        ]
    )


def told(run: Replay, pids: dict[str, str]) -> str:
    """What a whole run moved, in words; the script replaces it by the present step."""
    total = sum(count for *_, count in run.transfers)
    outside = sum(count for _, source, peer, count in run.transfers if pids.get(source) != pids.get(peer))
    share = 100 * outside / total if total else 0
    return f"{total / MEGA:.0f} MB in all, {share:.0f} % from other PIDs."


def positions(where: dict[str, tuple[float, float]]) -> dict[str, tuple[float, float]]:
    """Positions scaled to the map, north up."""
    xs, ys = [x for x, _ in where.values()], [y for _, y in where.values()]
    left, top = min(xs, default=0.0), max(ys, default=0.0)
    wide, high = (max(xs, default=0.0) - left) or 1.0, (top - min(ys, default=0.0)) or 1.0
    fit = ((WIDTH - 2 * MARGIN) / wide, (HEIGHT - 2 * MARGIN) / high)
    return {name: (MARGIN + (x - left) * fit[0], MARGIN + (top - y) * fit[1]) for name, (x, y) in where.items()}


def switches_of(scenario: Scenario) -> dict[str, str]:
    """The switch of each host."""
    switches = set(scenario.switches)
    result = {}
    for link in scenario.links:
        for host, other in ((link.source, link.destination), (link.destination, link.source)):
            if host in scenario.hosts and other in switches:
                result.setdefault(host, other)
    return result


def map_svg(scenario: Scenario, run: Replay, places: dict[str, tuple[float, float]], number: int) -> str:
    """The map of a run, its links coloured by what they carried at most."""
    parts = [
        f'<svg class=replay-map viewBox="0 0 {WIDTH} {max(y for _, y in places.values()) + MARGIN:.0f}" role=img aria-label="Map of the run under '
        f'{html.escape(run.policy)}" data-run={number}>'
    ]
    for index, ((source, destination), shares) in enumerate(run.load.items()):
        (x0, y0), (x1, y1) = places[source], places[destination]
        size = math.hypot(x1 - x0, y1 - y0) or 1.0
        # Each direction is drawn on the right-hand side of its way.
        dx, dy = -(y1 - y0) / size * 3, (x1 - x0) / size * 3
        peak = max(shares, default=0)
        parts.append(
            f'<line class="load l{level(peak)}" data-link={index} x1={x0 + dx:.1f} y1={y0 + dy:.1f} x2={x1 + dx:.1f} '
            f"y2={y1 + dy:.1f}><title>{html.escape(source)} to {html.escape(destination)}: at most {peak} %</title></line>"
        )
    parts.append('<g class="flows"></g>')
    for name in scenario.switches:
        x, y = places[name]
        parts.append(f"<circle cx={x:.1f} cy={y:.1f} r=4></circle>")
        if len(scenario.switches) <= 60:
            parts.append(f"<text x={x:.1f} y={y - 9:.1f}>{html.escape(name)}</text>")
    return "".join(parts) + "</svg>"


def level(share: int) -> int:
    """Colour of a share in percent, as on the page of the server."""
    return sum(share >= limit for limit in (10, 30, 60, 85))


def lanes(run: Replay, pids: dict[str, str]) -> str:
    """One line per fetching peer, with a mark for what arrived in each step."""
    peers = sorted(run.spans, key=lambda name: (pids.get(name, ""), name))[:MAX_LANES]
    if not peers:
        return ""
    lane = max(4.0, min(14.0, 700 / len(peers)))
    height = lane * len(peers) + 24
    end = run.frames * run.step
    at = lambda seconds: LANES_LEFT + (LANES_WIDTH - LANES_LEFT - 10) * seconds / end  # noqa: E731
    row = {name: lane * (number + 0.5) for number, name in enumerate(peers)}
    most = max((count for *_, count in run.transfers), default=1)
    parts = [
        f"<figure><figcaption><b>{html.escape(run.policy)}</b>, seed {run.seed}: {told(run, pids)}</figcaption>"
        f'<svg class=lanes viewBox="0 0 {LANES_WIDTH} {height:.0f}" role=img '
        f'aria-label="Transfers of the run under {html.escape(run.policy)}">'
    ]
    shown_pid = None
    for name in peers:
        y, (joined, finished) = row[name], run.spans[name]
        if pids.get(name) != shown_pid:
            shown_pid = pids.get(name)
            parts.append(
                f"<text x=0 y={y + 3:.1f}>{html.escape(str(shown_pid))}</text>"
                f"<line class=rule x1=0 x2={LANES_WIDTH} y1={y - lane / 2:.1f} y2={y - lane / 2:.1f}></line>"
            )
        parts.append(
            f"<line class=span x1={at(joined):.1f} x2={at(finished if finished is not None else end):.1f} y1={y:.1f} y2={y:.1f}>"
            f"<title>{html.escape(name)}</title></line>"
        )
    for frame, source, name, count in run.transfers:
        if name not in row:
            continue
        kind = "inside" if pids.get(source) == pids.get(name) else "outside"
        tall = lane * (0.3 + 0.6 * math.sqrt(count / most))
        parts.append(
            f'<rect class={kind} x={at(frame * run.step):.1f} y={row[name] - tall / 2:.1f} '
            f"width={max(1.0, at(run.step) - LANES_LEFT):.1f} height={tall:.1f}></rect>"
        )
    for seconds in ticks(end):
        parts.append(f'<text class=tick x={at(seconds):.1f} y={height - 4:.0f}>{seconds:g} s</text>')
    return "".join(parts) + "</svg></figure>"


def ticks(end: float) -> list[float]:
    """About six round numbers from 0 to `end`."""
    step = next((step for step in (1, 2, 5, 10, 20, 30, 60, 120, 300, 600) if end / step <= 6), 3600)
    return [float(step * number) for number in range(int(end // step) + 1)]
