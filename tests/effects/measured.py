"""Hand-made measurements: two pairs (two points and one), two metrics, small whole numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from pathpatch_runner.config import Direction, UnitKind
from pathpatch_runner.effects import PlainRuns, PointIndex, Results, RunNames
from pathpatch_runner.effects.arrays import Floats
from pathpatch_runner.hypothesis import Unit


@dataclass(frozen=True)
class NamedMetric:
    name: str
    measured_in: str


METRICS = (NamedMetric("loss", "nats"), NamedMetric("logit_diff", "logits"))
NAMES = RunNames("0123456789abcdef", "toy", "model", "data")
POINTS = PointIndex(("p0", "p0", "p1"), np.array([3, 5, 4]), np.array([0, 0, 1]))
PLAIN = PlainRuns(
    clean=np.array([[1.0, 2.0, 3.0], [8.0, 6.0, 4.0]]),
    corrupt=np.array([[5.0, 4.0, 7.0], [0.0, 2.0, 4.0]]),
)


def unit(
    path_id: str = "e",
    kind: UnitKind = UnitKind.path,
    hypothesis: str = "h",
    binding: tuple[tuple[str, str], ...] = (),
) -> Unit:
    return Unit(hypothesis, kind, path_id, f"input->{path_id}->logits", binding, ())


def values(
    loss: tuple[float, float, float], logit_diff: tuple[float, float, float] = (0.0, 0.0, 0.0)
) -> Floats:
    """[metric, point]: what one unit gave."""
    return np.array([loss, logit_diff])


def results(
    units: Sequence[Unit],
    patched: Sequence[Floats] | Mapping[Direction, Sequence[Floats]],
    against: Mapping[str, str] | None = None,
    plain: PlainRuns = PLAIN,
    points: PointIndex = POINTS,
) -> Results:
    """`patched`: of every unit [metric, point], noising or by direction."""
    by_direction = patched if isinstance(patched, Mapping) else {Direction.noising: patched}
    return Results(
        NAMES,
        tuple(units),
        METRICS,
        points,
        plain,
        {direction: np.stack(list(arrays)) for direction, arrays in by_direction.items()},
        against or {},
    )
