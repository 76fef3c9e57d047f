"""What pairs say of positions: which class every token is of, and where prompts differ."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pathpatch_runner.dataset.pair import Pair, locate
from pathpatch_runner.expression.alphabet import PositionClass
from pathpatch_runner.expression.ast import Position
from pathpatch_runner.plan.extent import BatchPositions


def position_classes(
    pairs: Sequence[Pair], positions: Sequence[Position]
) -> tuple[tuple[PositionClass, ...], list[list[int]]]:
    """The position classes that occur in the pairs, and the class of every token of every pair."""
    numbers: dict[PositionClass, int] = {}
    classes: list[list[int]] = []
    for pair in pairs:
        found: list[set[Position]] = [set() for _ in pair.clean]
        for position in positions:
            index = locate(position, pair)
            if index is not None:
                found[index].add(position)
        classes.append([numbers.setdefault(frozenset(here), len(numbers)) for here in found])
    return tuple(numbers), classes


def lying_outside(
    pairs: Sequence[Pair], positions: Sequence[Position]
) -> dict[Position, list[Pair]]:
    """The pairs whose prompts a position lies outside of, for the positions that have such."""
    found = {
        position: [pair for pair in pairs if locate(position, pair) is None]
        for position in positions
    }
    return {position: without for position, without in found.items() if without}


def batch_positions(
    pairs: Sequence[Pair],
    classes: Sequence[Sequence[int]],
    n_classes: int,
    *,
    everywhere: bool,
) -> BatchPositions:
    """What some pairs of one length say of positions. `classes[pair][pos]`: position classes;
    `everywhere`: inputs differ at every position, whatever the tokens."""
    differs = np.any([np.not_equal(pair.clean, pair.corrupt) for pair in pairs], axis=0)
    found = np.array(classes)
    occurs = np.stack([(found == number).any(0) for number in range(n_classes)])
    points = np.zeros_like(occurs)
    for row, pair in enumerate(pairs):
        for point in pair.points:
            points[found[row, point.position], point.position] = True
    return BatchPositions(differs | everywhere, occurs, points)
