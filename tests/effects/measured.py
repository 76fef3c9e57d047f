"""Hand-made measurements: two pairs (two points and one), two metrics, small whole numbers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pathpatch_runner.config import Direction, UnitKind
from pathpatch_runner.effects import Baseline, PointIndex, RunNames, UnitResult
from pathpatch_runner.hypothesis import Unit


@dataclass(frozen=True)
class NamedMetric:
    name: str
    unit: str


METRICS = (NamedMetric("loss", "nats"), NamedMetric("logit_diff", "logits"))
NAMES = RunNames("0123456789abcdef", "toy", "model", "data")
POINTS = PointIndex(("p0", "p0", "p1"), np.array([3, 5, 4]), np.array([0, 0, 1]))
BASELINE = Baseline(
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


def result(
    of: Unit,
    loss: tuple[float, float, float],
    logit_diff: tuple[float, float, float] = (0.0, 0.0, 0.0),
    direction: Direction = Direction.noising,
) -> UnitResult:
    return UnitResult(of, direction, np.array([loss, logit_diff]))
