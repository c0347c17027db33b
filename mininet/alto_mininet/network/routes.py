"""Routes computed by alto-server, so that forwarding never disagrees with the costs it reports."""

from __future__ import annotations

import http.client
import json
import os
import shutil
import subprocess
from dataclasses import dataclass
from typing import Any, Iterable

from ..places import REPOSITORY
from .admin import UnixConnection
from .topology import Topology

# Seconds. All routes of some hundred hosts take well below a second.
TIMEOUT = 120
MAX_ANSWER = 256 * 1024 * 1024


class RoutesError(RuntimeError):
    """Routes cannot be obtained or do not fit the topology."""


@dataclass(frozen=True)
class Route:
    """The nodes from one host to another, and the index of the link from each node to the next."""

    source: str
    destination: str
    path: tuple[str, ...]
    links: tuple[int, ...]


# Node, then destination host, to the link to take and the node it leads to.
Forwarding = dict[str, dict[str, tuple[int, str]]]


def find_alto_server(program: str | None = None) -> str:
    """Path of alto-server: as given, from ALTO_SERVER, the newest in target/, or from PATH."""
    given = program or os.environ.get("ALTO_SERVER")
    if given:
        if not os.access(given, os.X_OK):
            raise RoutesError(f"{given} is not executable: build it (cargo build -p alto-server), or give another path")
        return os.path.abspath(given)
    target = os.environ.get("CARGO_TARGET_DIR") or os.path.join(REPOSITORY, "target")
    built = [os.path.join(target, kind, "alto-server") for kind in ("release", "debug")]
    built = [path for path in built if os.access(path, os.X_OK)]
    if built:
        return max(built, key=os.path.getmtime)
    found = shutil.which("alto-server")
    if not found:
        raise RoutesError(
            "alto-server was not found: build it (cargo build --release -p alto-server), or set ALTO_SERVER"
        )
    return found


def compute_routes(topology_file: str, topology: Topology, program: str | None = None) -> list[Route]:
    """The routes of a topology file, computed by `alto-server routes`."""
    command = [find_alto_server(program), "--topology", topology_file, "routes", "--json"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT, stdin=subprocess.DEVNULL)
    except subprocess.TimeoutExpired:
        raise RoutesError(f"{' '.join(command)} did not end within {TIMEOUT} s") from None
    if done.returncode != 0:
        raise RoutesError(done.stderr.strip() or f"{' '.join(command)} ended with status {done.returncode}")
    try:
        entries = json.loads(done.stdout)
    except ValueError as error:
        raise RoutesError(f"{' '.join(command)} did not print JSON: {error}") from None
    return parse_routes(entries, topology)


def present_routes(admin_socket: str, topology: Topology) -> list[Route]:
    """The current routes of a running alto-server, including reported changes, read from its `--admin-socket`."""
    connection = UnixConnection(admin_socket, TIMEOUT)
    try:
        connection.request("GET", "/admin/routes")
        answer = connection.getresponse()
        body = answer.read(MAX_ANSWER + 1)
    except (OSError, http.client.HTTPException) as error:
        raise RoutesError(f"{admin_socket}: {error}") from None
    finally:
        connection.close()
    if answer.status != 200 or len(body) > MAX_ANSWER:
        raise RoutesError(
            f"{admin_socket}: /admin/routes answered {answer.status}: {body[:300].decode(errors='replace')}"
        )
    try:
        entries = json.loads(body)
    except ValueError as error:
        raise RoutesError(f"{admin_socket}: /admin/routes did not answer JSON: {error}") from None
    return parse_routes(entries, topology)


def parse_routes(entries: Any, topology: Topology) -> list[Route]:
    """Checks exported routes against a topology."""
    if not isinstance(entries, list):
        raise RoutesError("alto-server's routes are not a list: its version may not fit this program")
    routes = []
    for entry in entries:
        try:
            route = Route(entry["source"], entry["destination"], tuple(entry["path"]), tuple(entry["links"]))
        except (TypeError, KeyError) as error:
            raise RoutesError(f"a route lacks {error}: {json.dumps(entry)[:200]}") from None
        _check(route, topology)
        routes.append(route)
    return routes


def _check(route: Route, topology: Topology) -> None:
    def wrong(message: str) -> RoutesError:
        return RoutesError(f"the route from {route.source} to {route.destination} {message}")

    if len(route.links) + 1 != len(route.path) or (route.path[0], route.path[-1]) != (route.source, route.destination):
        raise wrong("is incomplete: its path and its links do not match")
    if route.source not in topology.hosts or route.destination not in topology.hosts:
        raise wrong("does not connect two hosts of the topology")
    for here, there, place in zip(route.path, route.path[1:], route.links):
        if not isinstance(place, int) or not 0 <= place < len(topology.links):
            raise wrong(f"takes the link {place}, which is not in the topology")
        link = topology.links[place]
        ways = {(link.source, link.destination)} | (set() if link.directed else {(link.destination, link.source)})
        if (here, there) not in ways:
            raise wrong(f"goes from {here} to {there} over the link {link}")


def forwarding(routes: Iterable[Route]) -> Forwarding:
    """Forwarding tables of all nodes. Routes to one host must form a tree; others are an error."""
    tables: Forwarding = {}
    for route in routes:
        for here, there, place in zip(route.path, route.path[1:], route.links):
            known = tables.setdefault(here, {}).setdefault(route.destination, (place, there))
            if known != (place, there):
                message = f"routes to {route.destination} leave {here} both for {known[1]} and for {there}"
                raise RoutesError(f"{message}; forwarding by destination allows only one of them")
    return tables
