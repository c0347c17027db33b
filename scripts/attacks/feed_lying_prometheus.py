#!/usr/bin/env python3
"""Answers the questions of a feed in the place of Prometheus: with errors of 4 MB for a terminal, and with redirects elsewhere.

Errors of others are quoted briefly and without control characters, and nobody but the operator decides whom a feed asks.
"""
import json
import time

from feeds import Feed, main
from harness import Server, verdict
from peers import Listener, Service

TOKEN = "attack-admin-token-0123456789"
LIMIT = 20_000


def attack(options, folder):
    elsewhere = Listener("127.0.0.1")
    error = json.dumps({"status": "error", "error": "\x1b[2J\x1b]0;gone\x07" * 300_000}).encode()
    answers = {"load": (200, {"Content-Type": "application/json"}, error),
               "delay": (307, {"Location": f"http://127.0.0.1:{elsewhere.port}/secret"}, b"")}
    asked, told = [], {}

    def answer(_, path, __):
        asked.append(path)
        return answers["load" if "load" in path else "delay"]

    with Server(options.server, environment={"ALTO_ADMIN_TOKEN": TOKEN}) as server:
        origin = "http://{}:{}".format(*server.address)
        for query in answers:
            place = folder / query
            place.mkdir()
            (place / "interfaces.csv").write_text("instance,source,destination\nr1,a1,a2\n")
            address = Service(answer).address
            measures = {"url": "http://{}:{}".format(*address), "interfaces": "interfaces.csv",
                        "queries": [{"query": query, "measures": "utilisation"}]}
            with Feed(options.feed, place, server=origin, token=TOKEN, prometheus=measures) as feed:
                before, end = len(asked), time.monotonic() + 20
                while time.monotonic() < end and len(asked) < before + 3:
                    time.sleep(0.1)
                time.sleep(1)
                log = "".join(feed.log)
                told[query] = (len(log) + len(json.dumps(feed.status())), "\x1b" in log)
    size, raw = told["load"]
    seen = (f"{size:,} bytes of log and report after an error of {len(error):,}, {'with' if raw else 'without'} control "
            f"characters; {len(elsewhere.contacted)} connections elsewhere; {len(asked)} questions")
    return verdict(seen, f"{LIMIT:,} bytes, without control characters; no connection elsewhere",
                   len(asked) >= 4 and size <= LIMIT and not raw and not elsewhere.contacted)


if __name__ == "__main__":
    main(attack, __doc__)
