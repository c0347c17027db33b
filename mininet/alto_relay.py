"""Delays in user space, for kernels without netem. Not there yet."""
from __future__ import annotations

from alto_plan import Cable


class Relay:
    """A running relay."""

    def __init__(self, cables: list[Cable], pids: dict[str, int]):
        raise NotImplementedError("the relay is not built yet")

    def change(self, cable: Cable) -> None:
        raise NotImplementedError

    def stop(self) -> None:
        raise NotImplementedError
