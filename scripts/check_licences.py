#!/usr/bin/env python3
"""Checks the licences and sources of all dependencies against deny.toml, from `cargo metadata` on standard input.

Stands in for cargo-deny where that cannot be installed; it knows no advisories.
"""
import json
import re
import sys
import tomllib


def allowed(expression, allow):
    """Whether the allowed licences satisfy an SPDX expression: one side of each OR, both sides of each AND."""
    expression = expression.replace("/", " OR ")
    tokens = re.findall(r"\(|\)|[\w.+-]+", expression)
    position = 0

    def term():
        nonlocal position
        token = tokens[position]
        position += 1
        if token == "(":
            good = either()
            position += 1
            return good
        good = token in allow
        if position < len(tokens) and tokens[position] == "WITH":
            position += 2
        return good

    def both():
        nonlocal position
        good = term()
        while position < len(tokens) and tokens[position] == "AND":
            position += 1
            good = term() and good
        return good

    def either():
        nonlocal position
        good = both()
        while position < len(tokens) and tokens[position] == "OR":
            position += 1
            good = both() or good
        return good

    return either()


def main():
    with open("deny.toml", "rb") as file:
        allow = set(tomllib.load(file)["licenses"]["allow"])
    problems = []
    packages = json.load(sys.stdin)["packages"]
    for package in packages:
        name = f"{package['name']} {package['version']}"
        licence = package.get("license") or ""
        if not licence or not allowed(licence, allow):
            problems.append(f"{name}: licence {licence!r} is not in deny.toml")
        source = package.get("source")
        if source is not None and not source.startswith("registry+https://github.com/rust-lang/crates.io-index"):
            problems.append(f"{name}: comes from {source}")
    print("\n".join(problems) or f"{len(packages)} packages, all licences allowed, all from crates.io")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
