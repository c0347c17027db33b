"""Routes as alto-server computes them, so that forwarding and the costs it reports never disagree."""

from __future__ import annotations

import http.client
import json
import os
import shutil
import socket
import subprocess
from dataclasses import dataclass
from typing import Any, Iterable

from alto_topology import Topology

ROOT = os.path.dirname(os.path.dirname(os.path.realpath(__file__)))
# A route between any two of some hundred hosts is computed in well below a second.
TIMEOUT = 120
MAX_ANSWER = 256 * 1024 * 1024


class RoutesError(RuntimeError):
    """Routes cannot be had, or do not fit the topology."""


@dataclass(frozen=True)
class Route:
    """The way from one host to another: all nodes, and the link from each to the next by its place in the file."""

    source: str
    destination: str
    path: tuple[str, ...]
    links: tuple[int, ...]


# From a node, for a destination host: the link to take, and the node it leads to.
Forwarding = dict[str, dict[str, tuple[int, str]]]


def find_alto_server(program: str | None = None) -> str:
    """The program: as given, as ALTO_SERVER says, the newest one built here, or one on the PATH."""
    given = program or os.environ.get("ALTO_SERVER")
    if given:
        if not os.access(given, os.X_OK):
            raise RoutesError(f"{given} cannot be run: name an alto-server that was built (cargo build -p alto-server)")
        return os.path.abspath(given)
    target = os.environ.get("CARGO_TARGET_DIR") or os.path.join(ROOT, "target")
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
    """Asks `alto-server routes` for the routes of a topology file."""
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


class _UnixConnection(http.client.HTTPConnection):
    """HTTP over a Unix socket, which reaches a server in any network namespace."""

    def __init__(self, path: str):
        super().__init__("localhost", timeout=TIMEOUT)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


def present_routes(admin_socket: str, topology: Topology) -> list[Route]:
    """Asks a running alto-server (`--admin-socket`) for the routes of its present state, reported changes included."""
    connection = _UnixConnection(admin_socket)
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
        raise RoutesError("routes are not a list")
    routes = []
    for entry in entries:
        try:
            route = Route(entry["source"], entry["destination"], tuple(entry["path"]), tuple(entry["links"]))
        except (TypeError, KeyError) as error:
            raise RoutesError(f"a route has no {error}: {json.dumps(entry)[:200]}") from None
        _check(route, topology)
        routes.append(route)
    return routes


def _check(route: Route, topology: Topology) -> None:
    def wrong(message: str) -> RoutesError:
        return RoutesError(f"the route from {route.source} to {route.destination} {message}")

    if len(route.links) + 1 != len(route.path) or (route.path[0], route.path[-1]) != (route.source, route.destination):
        raise wrong("is not whole")
    if route.source not in topology.hosts or route.destination not in topology.hosts:
        raise wrong("is not between hosts of the topology")
    for here, there, place in zip(route.path, route.path[1:], route.links):
        if not isinstance(place, int) or not 0 <= place < len(topology.links):
            raise wrong(f"takes the link {place}, which the topology does not have")
        link = topology.links[place]
        ways = {(link.source, link.destination)} | (set() if link.directed else {(link.destination, link.source)})
        if (here, there) not in ways:
            raise wrong(f"goes from {here} to {there} by the link {link}")


def forwarding(routes: Iterable[Route]) -> Forwarding:
    """What each node does with traffic for each host. Routes to one host form a tree; anything else is refused."""
    tables: Forwarding = {}
    for route in routes:
        for here, there, place in zip(route.path, route.path[1:], route.links):
            known = tables.setdefault(here, {}).setdefault(route.destination, (place, there))
            if known != (place, there):
                message = f"routes to {route.destination} leave {here} both for {known[1]} and for {there}"
                raise RoutesError(f"{message}; a network that forwards by destination cannot do that")
    return tables
