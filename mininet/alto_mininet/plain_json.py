"""JSON that people wrote, read with errors in the words of the programs: what stands there, and what to do."""

from __future__ import annotations

import json
from typing import Any

# Number of characters of a text that a message quotes.
QUOTED = 40


class JsonFault(ValueError):
    """A text that cannot be read as JSON. Its words complete "FILE: ..."."""


def parse(content: bytes | str) -> Any:
    """The value of a text, without a byte order mark. Keys that appear twice and numbers such as NaN are refused."""
    try:
        text = content.decode("utf-8-sig") if isinstance(content, bytes) else content.removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        byte = f"0x{content[error.start]:02x}"
        raise JsonFault(f"line {line} has the byte {byte}, which is not UTF-8: save it as UTF-8") from None
    try:
        return json.loads(text, object_pairs_hook=_unambiguous, parse_constant=_no_constant)
    except json.JSONDecodeError as error:
        raise JsonFault(_describe(text, error)) from None
    except RecursionError:
        raise JsonFault("its values are nested too deep") from None


def _unambiguous(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members: dict[str, Any] = {}
    for key, value in pairs:
        if key in members:
            raise JsonFault(f'the key "{key}" appears twice in one object: remove one of them')
        members[key] = value
    return members


def _no_constant(text: str) -> Any:
    raise JsonFault(f'"{text}" is not a number of JSON: write one in digits')


def _describe(text: str, error: json.JSONDecodeError) -> str:
    content = text.strip()
    if not content:
        return "is empty: there has to be at least {}"
    if content.startswith("<"):
        return f'is not JSON but XML or HTML: it begins with "{_excerpt(content)}"'
    rest = text[error.pos :].lstrip()
    if not rest or error.msg.startswith("Unterminated string"):
        return "is not complete: it ends in the middle of a value; is the end missing, or a bracket?"
    at = f"line {error.lineno}, column {error.colno}"
    if rest.startswith(("/", "#")):
        return f'{at}: "{_excerpt(rest)}" is a comment, and JSON has none: remove it'
    if rest.startswith("'"):
        return f"{at}: texts are in double quotes, not as in {_excerpt(rest)}"
    if text[: error.pos].rstrip().endswith(",") and rest[0] in "]}":
        return f'{at}: there is a comma before "{rest[0]}": remove it'
    reasons = {
        "Extra data": "the text goes on after its end: remove what follows",
        "Expecting ',' delimiter": "a comma or a closing bracket is missing before it",
        "Expecting ':' delimiter": "a colon is missing before it",
        "Expecting property name enclosed in double quotes": "keys are texts in double quotes",
        "Invalid control character at": "a text goes on over the end of its line: close the quotes",
        "Invalid \\escape": "a backslash in a text has to be doubled",
    }
    reason = reasons.get(error.msg, "a value of JSON belongs there")
    return f'{at}: is not JSON at "{_excerpt(rest)}": {reason}'


def _excerpt(text: str) -> str:
    line = text.split("\n", 1)[0]
    return line if len(line) <= QUOTED else line[:QUOTED] + "..."
