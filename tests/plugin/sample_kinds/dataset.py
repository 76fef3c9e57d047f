"""Prompts that count upwards, `1 2 3 4`, and corrupt ones in which one number is another."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count, islice

from pathpatch_runner.config import DatasetConfig
from pathpatch_runner.dataset.kind import Context, DatasetKind
from pathpatch_runner.dataset.record import Record, Target


@dataclass
class SampleStepsConfig(DatasetConfig):
    """`steps`: numbers in a prompt."""

    kind: str = "sample_steps"
    n_pairs: int | None = 3
    steps: int = 4


class SampleSteps(DatasetKind):
    """Counts upwards."""

    Config = SampleStepsConfig
    config: SampleStepsConfig
    endless = True
    key = "steps"

    def records(self, context: Context) -> Iterator[Record]:
        """As many as are asked for."""
        context.fits("steps", self.config.steps)
        for first in islice(count(), 100):
            ids = tuple((first + step) % 9 for step in range(self.config.steps))
            corrupt = (*ids[:1], (ids[1] + 4) % 9, *ids[2:])
            target = Target(-1, ((ids[-1] + 1) % 9,), ((ids[-1] + 5) % 9,))
            yield Record(f"pair {first}", ids, corrupt, (target,))
