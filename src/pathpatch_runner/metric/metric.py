"""What a metric is: a function of logits at evaluation points, and what it needs for that.

A metric is computed from operations that autograd passes through, unless it says that it is not
`differentiable`. It is given logits [point, column] in the model's number format, and returns
float64 [point]. Points come in blocks of any size: the value of one depends on no other.

What it does not say it needs, it may not be given. A metric that does not need all columns is
given two in place of the whole vocabulary: 0, the logit of the answer, and 1, that of the
distractor, both averaged where several tokens count. So it must be a function of these means only,
as a logit difference is; a probability is not, since it depends on every column.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class Targets:
    """`answers`, `distractors`: long [point, set], columns of the logits, filled up with -1: any
    column of a set counts. `clean` [point, column]: the clean run's logits at the same points, for
    a metric that needs them."""

    answers: torch.Tensor
    distractors: torch.Tensor
    clean: torch.Tensor | None = None

    @property
    def clean_logits(self) -> torch.Tensor:
        """The clean run's logits [point, column]."""
        if self.clean is None:
            raise AssertionError(
                "a metric reads clean_logits that does not say it needs them: "
                "Metric(..., clean_logits=True)"
            )
        return self.clean

    def some(self, rows: slice) -> Targets:
        """Those of some of the points."""
        clean = None if self.clean is None else self.clean[rows]
        return Targets(self.answers[rows], self.distractors[rows], clean)


Compute = Callable[["torch.Tensor", Targets], "torch.Tensor"]


@dataclass(frozen=True)
class Metric:
    """`measured_in`: what its values are measured in. `better`: "higher" or "lower". Then what it
    needs: the data's answers, its distractors, the clean run's logits, all columns of the logits.
    `differentiable`: whether its gradient means anything (that of accuracy is 0)."""

    name: str
    compute: Compute
    measured_in: str
    better: str
    answers: bool = True
    distractors: bool = False
    clean_logits: bool = False
    all_columns: bool = True
    differentiable: bool = True

    def __post_init__(self) -> None:
        if not (self.all_columns or self.answers or self.distractors):
            raise ValueError(
                f'metric "{self.name}" reads no logits: without all_columns it must need answers '
                "or distractors"
            )


def mean_of_set(values: torch.Tensor, tokens: torch.Tensor) -> torch.Tensor:
    """The mean of `values` [point, set, ...] over the tokens that are there: [point, ...]."""
    there = (tokens >= 0).view(*tokens.shape, *[1] * (values.dim() - 2))
    result: torch.Tensor = values.masked_fill(~there, 0).sum(1) / there.sum(1).clamp(min=1)
    return result
