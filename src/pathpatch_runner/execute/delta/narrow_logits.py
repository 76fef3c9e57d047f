"""All logits of narrow streams at evaluation points.

As `narrow` says, with the unembedding W_U as W: a change of a head's z goes through the D x d_vocab
matrix of its head,

    logits  =  scale (c(x) w W_U  +  z [W_O c(w W_U)])  +  b W_U  +  b_U

which takes D multiplications for a logit, where a stream that is made wide takes d_model.

Shapes: n streams, P points, D d_head, V d_vocab.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
import torch.nn.functional as F

from pathpatch_runner.execute.delta.grid import runs_of
from pathpatch_runner.execute.delta.host import rows_of
from pathpatch_runner.execute.delta.narrow import Narrow
from pathpatch_runner.model.nodes import Unembedding, softcapped


class NarrowLogits:
    """`stream`: base's [P, d_model] at all points. `workspace`: elements of what is kept of base,
    and of the heads' matrices."""

    def __init__(
        self, narrow: Narrow, part: Unembedding, stream: torch.Tensor, workspace: int
    ) -> None:
        self._writers, self._form, self._part = narrow.writers, narrow.final, part
        self._workspace = workspace
        self._stream = self._form.centred(stream)
        self._squares = (self._stream**2).sum(-1)
        self._own = F.linear(self._stream * self._form.weight, part.w_u)
        self._offset = F.linear(self._form.bias, part.w_u, part.b_u)
        self._matrices: dict[int, torch.Tensor] = {}

    @staticmethod
    def fits(narrow: Narrow, part: Unembedding, n_points: int, workspace: int) -> bool:
        """Whether base's logits at so many points, and the matrix of a head, are in the
        workspace."""
        d_head = len(narrow.writers.matrix(0))
        return max(n_points, d_head) * len(part.w_u) <= workspace

    def saves(self, rows: int, writers: np.ndarray) -> bool:
        """Whether `rows` of these `writers` [n] take fewer multiplications than in wide streams."""
        d_head, d_model = self._writers.matrix(0).shape
        return rows * (d_model - d_head) > len(np.unique(writers)) * d_head * d_model

    def blocks(
        self, z: torch.Tensor, writers: np.ndarray, points: torch.Tensor, elements: int
    ) -> Iterator[tuple[np.ndarray, torch.Tensor]]:
        """(numbers of streams [k], logits [k, point, V]) of all of `z` [n, point, D] of `writers`
        [n], at the points `points` [point]. `elements`: of the logits of one block, if it has more
        than one stream."""
        order = np.argsort(writers, kind="stable")
        own = self._own[points]
        size = max(1, elements // own.numel())
        for writer, run in runs_of(writers[order]):
            of_writer = rows_of(z, order[run])
            matrix, scale = self._matrix(writer), self._scale(of_writer, writer, points)
            for start in range(0, len(of_writer), size):
                rows = slice(start, start + size)
                some = of_writer[rows]
                each = matrix.expand(len(some), -1, -1)
                logits = torch.baddbmm(own.expand(len(some), -1, -1), some, each)
                logits.mul_(scale[rows, :, None]).add_(self._offset)
                yield order[run][rows], softcapped(logits, self._part.softcap)

    def _scale(self, z: torch.Tensor, writer: int, points: torch.Tensor) -> torch.Tensor:
        """[n, point] of `z` [n, point, D] of one writer."""
        across = 2 * self._stream[points] @ self._form.centred(self._writers.matrix(writer)).T
        (gram,) = self._writers.grams(np.array([writer]), self._form)
        squares = self._squares[points] + ((z @ gram + across) * z).sum(-1)
        # Rounding may take the square of a row that is nearly 0 below it.
        return self._form.scale(squares.clamp_min_(0))

    def _matrix(self, writer: int) -> torch.Tensor:
        """[D, V] of a writer. As many are kept as the workspace holds."""
        if writer not in self._matrices:
            left = self._form.centred(self._writers.matrix(writer)) * self._form.weight
            if (len(self._matrices) + 1) * len(left) * len(self._part.w_u) > self._workspace:
                self._matrices.clear()
            self._matrices[writer] = F.linear(left, self._part.w_u)
        return self._matrices[writer]
