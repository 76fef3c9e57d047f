"""Where lines from every node of one step to every node of the next would be too many: the area
that they take, their convex hull.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pathpatch_runner.report.figures.layers import Layout

FEW = 6
"""Nodes of a step up to which each has an area of its own."""

Point = tuple[float, float]


def bands(
    layout: Layout, pairs: Sequence[tuple[int, int]], shade: str, shift: float, dashes: str
) -> Iterator[str]:
    """`pairs`: of nodes that follow each other, none of them `input` or `logits`. `dashes`: of the
    border, as an attribute."""
    for group in _groups(pairs):
        points = {layout.place(node) for pair in group for node in pair}
        corners = " ".join(f"{x + shift:.1f},{y:.1f}" for x, y in convex_hull(sorted(points)))
        yield (
            f'<polygon points="{corners}" fill="{shade}" fill-opacity="0.1" stroke="{shade}" '
            f'stroke-opacity="0.55" stroke-linejoin="round"{dashes}/>'
        )


def _groups(pairs: Sequence[tuple[int, int]]) -> list[list[tuple[int, int]]]:
    """By the end of which there are few, so that areas come to a point; else all together."""
    for end in (1, 0):
        nodes = sorted({pair[end] for pair in pairs})
        if len(nodes) <= FEW:
            return [[pair for pair in pairs if pair[end] == node] for node in nodes]
    return [list(pairs)]


def convex_hull(points: Sequence[Point]) -> list[Point]:
    """Corners in order (Andrew's monotone chain). `points`: sorted, all different."""
    if len(points) < 3:
        return list(points)
    return [*_half(points), *_half(points[::-1])]


def _half(points: Sequence[Point]) -> list[Point]:
    """The lower or the upper side, without its last corner."""
    side: list[Point] = []
    for point in points:
        while len(side) > 1 and _turn(side[-2], side[-1], point) <= 0:
            side.pop()
        side.append(point)
    return side[:-1]


def _turn(a: Point, b: Point, c: Point) -> float:
    """Above 0 for a turn to the left."""
    return (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])
