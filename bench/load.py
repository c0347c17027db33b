"""Runs of wrk, and their results."""
import json
import re
import subprocess
import tempfile

UNITS = {"us": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0}


class Seen:
    """Result of a run: requests per second, latency, and errors."""

    def __init__(self, text):
        self.rate = float(re.search(r"Requests/sec:\s*([\d.]+)", text).group(1))
        found = re.search(r"99%\s+([\d.]+)(us|ms|s|m)\b", text)
        self.p99 = float(found.group(1)) * UNITS[found.group(2)] if found else None
        bad = re.search(r"Non-2xx or 3xx responses: (\d+)", text)
        errors = re.search(r"Socket errors: (.*)", text)
        self.bad = int(bad.group(1)) if bad else 0
        self.errors = errors.group(1) if errors else ""
        if errors and re.fullmatch(r"connect 0, read 0, write 0, timeout 0", self.errors):
            self.errors = ""


def run(url, seconds, headers=None, body=None, media_type=None, script=None, connections=64, pause=0):
    """Runs wrk once, with a fixed request or a Lua script. Errors end the program.

    Each connection waits for `pause` milliseconds after an answer."""
    headers = dict(headers or {})
    if script is None:
        lines = [f"wrk.headers[{json.dumps(k)}] = {json.dumps(v)}" for k, v in headers.items()]
        if body is not None:
            lines = ['wrk.method = "POST"', f"wrk.body = {json.dumps(body)}",
                     f'wrk.headers["Content-Type"] = {json.dumps(media_type)}', *lines]
        if pause:
            lines.append(f"function delay() return {pause} end")
        script = "\n".join(lines)
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as lua:
        lua.write(script)
        lua.flush()
        # An answer that took long is slow, not an error.
        command = ["wrk", "-t", "2", "-c", str(connections), "-d", f"{seconds}s", "--timeout", "30s", "--latency",
                   "-s", lua.name, url]
        output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    seen = Seen(output)
    if seen.bad or seen.errors:
        raise SystemExit(f"bench: {url}: {seen.bad} answers with errors; socket errors: {seen.errors or 'none'}")
    return seen


def in_turn(loads, rounds=3):
    """Runs loads in turn, so that noise affects all alike, and returns the medians of their rates."""
    found = [[each().rate for each in loads] for _ in range(rounds)]
    return [sorted(column)[len(column) // 2] for column in zip(*found)]
