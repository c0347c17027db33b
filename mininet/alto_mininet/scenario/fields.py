"""A reader of JSON objects that reports unknown, missing and unsuitable members with file and path."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from .. import plain_json
from .model import ScenarioError


class Fields:
    """A JSON object whose keys are taken one by one; `end` refuses keys that were not taken."""

    def __init__(self, file: Path, where: str, value: Any) -> None:
        self.file, self.where = file, where
        if not isinstance(value, dict):
            raise self.error("", value, "an object")
        self.rest = dict(value)

    def error(self, key: str, value: Any, right: str) -> ScenarioError:
        place = ".".join(part for part in (self.where, key) if part) or "the whole file"
        return ScenarioError(f"{self.file}: {place}: {json.dumps(value)} is not valid: give {right}")

    def take(self, key: str, kind: type | tuple[type, ...], right: str, default: Any = ...) -> Any:
        """Takes the value of a key, which is required unless there is a default."""
        if key not in self.rest:
            if default is ...:
                raise ScenarioError(f"{self.file}: {self.where or 'the whole file'}: has no \"{key}\": give {right}")
            return default
        value = self.rest.pop(key)
        if value is None and default is None:
            return None
        # In Python a boolean is an integer; in JSON it is not.
        if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
            raise self.error(key, value, right)
        return value

    def number(self, key: str, low: float, high: float, default: Any = ...) -> Any:
        right = f"a number from {low:g} to {high:g}"
        value = self.take(key, (int, float), right, default)
        if value is not None and not low <= value <= high:
            raise self.error(key, value, right)
        return value

    def name(self, key: str, known: Any, what: str) -> str:
        right = f"the name of a {what}"
        value = self.take(key, str, right)
        if value not in known:
            raise self.error(key, value, f"{right} of topo.json")
        return value

    def end(self) -> None:
        if self.rest:
            key = next(iter(self.rest))
            raise ScenarioError(
                f"{self.file}: {self.where or 'the whole file'}: \"{key}\" is not a known key: remove it"
            )


def read_json(path: Path) -> Any:
    """The content of a JSON file, or a ScenarioError."""
    try:
        return plain_json.parse(path.read_bytes())
    except OSError as error:
        raise ScenarioError(f"{path}: cannot be read: {error.strerror}") from None
    except plain_json.JsonFault as fault:
        raise ScenarioError(f"{path}: {fault}") from None
