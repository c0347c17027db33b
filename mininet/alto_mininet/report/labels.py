"""Places of labels beside points, so that they cover neither each other nor the points."""

from __future__ import annotations

from typing import Sequence

# Directions from a point, the preferred first: the corner or side of the label that touches it.
DIRECTIONS = ((1, 1), (-1, 1), (1, -1), (-1, -1), (0, 1), (0, -1), (1, 0), (-1, 0))
Box = tuple[float, float, float, float]


def overlap(a: Box, b: Box) -> float:
    """Area that two boxes (left, bottom, right, top) have in common."""
    width = min(a[2], b[2]) - max(a[0], b[0])
    height = min(a[3], b[3]) - max(a[1], b[1])
    return max(0.0, width) * max(0.0, height)


def box_at(point: tuple[float, float], size: tuple[float, float], direction: tuple[int, int], gap: float) -> Box:
    """Box of a label beside a point."""
    left = point[0] + (gap if direction[0] > 0 else -gap - size[0] if direction[0] < 0 else -size[0] / 2)
    bottom = point[1] + (gap if direction[1] > 0 else -gap - size[1] if direction[1] < 0 else -size[1] / 2)
    return (left, bottom, left + size[0], bottom + size[1])


def place(points: Sequence[tuple[float, float]], sizes: Sequence[tuple[float, float]], gap: float) -> list[Box]:
    """Boxes of labels of these sizes beside their points, all in one unit.

    Labels in the densest places choose first. Each takes the direction, near or at twice or three times the distance, in
    which it covers least of the labels placed before and of all points.
    """
    dots = [(x - gap / 2, y - gap / 2, x + gap / 2, y + gap / 2) for x, y in points]

    def crowd(index: int) -> int:
        x, y = points[index]
        reach = 2 * max(sizes[index])
        return sum(abs(x - a) < reach and abs(y - b) < reach for a, b in points)

    placed: dict[int, Box] = {}
    for index in sorted(range(len(points)), key=crowd, reverse=True):
        choices = [box_at(points[index], sizes[index], way, gap * far) for far in (1, 2, 3) for way in DIRECTIONS]
        others = [*placed.values(), *(dot for number, dot in enumerate(dots) if number != index)]
        placed[index] = min(choices, key=lambda box: sum(overlap(box, other) for other in others))
    return [placed[index] for index in range(len(points))]
