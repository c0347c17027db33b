"""Means of few runs with 95 % confidence intervals (Student's t)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import fmean, stdev
from typing import Sequence

# Two-sided 95 % quantiles for 1 to 30 degrees of freedom; beyond these, an expansion is accurate to four digits.
T95 = (
    12.706,
    4.303,
    3.182,
    2.776,
    2.571,
    2.447,
    2.365,
    2.306,
    2.262,
    2.228,
    2.201,
    2.179,
    2.160,
    2.145,
    2.131,
    2.120,
    2.110,
    2.101,
    2.093,
    2.086,
    2.080,
    2.074,
    2.069,
    2.064,
    2.060,
    2.056,
    2.052,
    2.048,
    2.045,
    2.042,
)
Z95 = 1.959964


@dataclass(frozen=True)
class Estimate:
    """Mean over `n` runs, with an interval unless there is a single run."""

    n: int
    mean: float
    half_width: float | None

    @property
    def low(self) -> float | None:
        return None if self.half_width is None else self.mean - self.half_width

    @property
    def high(self) -> float | None:
        return None if self.half_width is None else self.mean + self.half_width

    def text(self, digits: int = 3) -> str:
        """Text rounded to significant digits of the mean: `12.3 ± 0.4`."""
        places = max(0, digits - 1 - (math.floor(math.log10(abs(self.mean))) if self.mean else 0))
        places = min(places, 6)
        if self.half_width is None:
            return f"{self.mean:.{places}f}"
        return f"{self.mean:.{places}f} ± {self.half_width:.{places}f}"


def t95(degrees: int) -> float:
    """The two-sided 95 % quantile of Student's t."""
    if degrees < 1:
        raise ValueError("a confidence interval needs two runs or more")
    if degrees <= len(T95):
        return T95[degrees - 1]
    z, n = Z95, float(degrees)
    return z + (z**3 + z) / (4 * n) + (5 * z**5 + 16 * z**3 + 3 * z) / (96 * n * n)


def estimate(values: Sequence[float]) -> Estimate | None:
    """Mean and interval of values, or None without values."""
    if not values:
        return None
    if len(values) == 1:
        return Estimate(1, float(values[0]), None)
    return Estimate(len(values), fmean(values), t95(len(values) - 1) * stdev(values) / math.sqrt(len(values)))


def ratio(of: dict[int, float], over: dict[int, float]) -> Estimate | None:
    """Ratio of two policies, paired by seed, so that what the seeds have in common cancels out."""
    return estimate([of[seed] / over[seed] for seed in sorted(of) if over.get(seed)])
