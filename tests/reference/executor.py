"""The brute-force evaluator as an executor: the loop asks it as it asks the two real ones.

It enumerates every path, so it is for very small models and short prompts. One walk over the paths
gives all units in both directions, and nothing patched. It hands out two units at a time, so that
the loop's chunks are not of the size that the others' happen to be.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch

from pathpatch_runner.config import Direction
from pathpatch_runner.dataset import Pair, locate
from pathpatch_runner.execute.batch import Batch
from pathpatch_runner.execute.pace import Done
from pathpatch_runner.execute.readout import Readout
from pathpatch_runner.execute.task import Task
from pathpatch_runner.expression.ast import PathSet, Position
from pathpatch_runner.plan.chunk import Chunk
from pathpatch_runner.plan.plan import Plan
from reference.brute_force import Treeified
from reference.reference_model import ReferenceModel


class BruteForce:
    """The executor; `path_sets` are the plan's units, which the plan itself cannot tell."""

    def __init__(
        self, model: ReferenceModel, path_sets: Sequence[PathSet], task: Task, plan: Plan
    ) -> None:
        assert plan.n_units == len(path_sets)
        self.model = model
        self.path_sets = path_sets
        self.task = task
        self.graph = plan.alphabet.graph

    def pairs_at_once(self, length: int) -> int:
        """Two."""
        del length
        return 2

    def work(self) -> np.ndarray:
        """[unit]: one is like the other."""
        return np.ones(len(self.path_sets))

    def prepare(self, batch: Batch, draw: int, readout: Readout) -> BruteForceOnBatch:
        """One batch."""
        return BruteForceOnBatch(self, batch, draw, readout)


class BruteForceOnBatch:
    """The executor on one batch, for one draw."""

    room = 2
    held = 1

    def __init__(self, of: BruteForce, batch: Batch, draw: int, readout: Readout) -> None:
        self._of = of
        self._batch = batch
        self._noise = of.task.source.noise(batch, draw)
        self._readout = readout
        by_name = {pair.pair_id: pair for pair in of.task.pairs.pairs}
        self._pairs = [by_name[name] for name in batch.names]
        nothing: PathSet = ()
        self._logits = self._enumerated([*of.path_sets, nothing])

    def size(self, chunk: Chunk) -> int:
        """Units."""
        return len(chunk.units)

    def plain(self) -> torch.Tensor:
        """Nothing patched, in either direction."""
        return self._readout.plain(*self._logits[-1])

    def patched(self, chunk: Chunk, direction: Direction, done: Done) -> torch.Tensor:
        """Of these units."""
        del done
        logits = self._logits[list(chunk.units), int(direction is Direction.denoising)]
        return self._readout.measure(logits, self._readout.all_points)

    def _enumerated(self, sets: Sequence[PathSet]) -> torch.Tensor:
        """Logits [set, direction, point, n_logits], point by point, path by path."""
        found = []
        for row, position in zip(
            self._batch.rows.tolist(), self._batch.positions.tolist(), strict=True
        ):
            runs = self._embedded(row)
            locator = _locator(self._pairs[row])
            tree = Treeified(self._of.model, self._of.graph, *runs, sets, locator)
            found.append(tree.logits(position))
        return torch.stack(found, dim=2)

    def _embedded(self, row: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Clean and corrupt input writes [pos, d_model] of a pair."""
        pair, embed = self._pairs[row], self._of.model.embed
        clean = embed(torch.tensor(pair.clean))
        if self._noise is not None:
            return clean, clean + self._noise[row]
        return clean, embed(torch.tensor(pair.corrupt))


def _locator(pair: Pair) -> Callable[[Position], int | None]:
    return lambda position: locate(position, pair)
