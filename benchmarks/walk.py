"""Walks of one path at a time, to compare with: what a search does that knows no plans.

The two plain runs are cached. What the input changes is carried along the path: at each node it is
added to the clean stream that the node reads, in the slot of the path; the node is evaluated anew,
at all positions, and what it writes otherwise is carried on. At the end it is added to the clean
run's last stream. That is the exact effect of the single path, and how the search over paths in
IPE-LatentCircuitIdentification gets it.

- `LayerWalk` does as that search does: a head is evaluated as a whole, queries, keys and values
  anew from their streams, and what it writes is made with the output matrix of the layer. (Where
  the metric is taken of the logits of all tokens, these take longer than all the rest.)
- `PlainWalk` multiplies by the output matrix of the one head.
- `Walk` also takes what does not change in a head from the plain run: one slot is projected anew.

Shapes: B pairs, T positions, D d_head; a message is [B, T, d_model].
"""

from __future__ import annotations

import torch

from pathpatch_runner.execute.batch import Batch
from pathpatch_runner.execute.delta.runs import (
    Runs,
    attention_mask,
    evaluate_mlp,
    project,
    scores_of,
)
from pathpatch_runner.graph import Graph, NodeKind
from pathpatch_runner.model.nodes import NodeFunctions

SinglePath = tuple[tuple[int, int], ...]
"""(node, slot) from the input to the logits."""


class Walk:
    """The effect of one path on the difference of two logits, at the last position."""

    def __init__(self, graph: Graph, functions: NodeFunctions, runs: Runs, batch: Batch) -> None:
        self._graph = graph
        self._functions = functions
        self._runs = runs
        length = batch.clean.shape[1]
        self._positions = torch.arange(length)
        self._rows = torch.arange(batch.n_pairs)
        self._answer, self._distractor = batch.answers[:, 0], batch.distractors[:, 0]
        self._clean = self._logit_diff(runs.stream[-1][0])

    def effect(self, path: SinglePath) -> torch.Tensor:
        """[B]: of noising the path."""
        embedded = self._runs.stream[1]
        message = embedded[1] - embedded[0]
        for node, slot in path[1:-1]:
            message = self._through(node, slot, message)
        return self._logit_diff(self._runs.stream[-1][0] + message) - self._clean

    def _through(self, node: int, slot: int, message: torch.Tensor) -> torch.Tensor:
        which = self._graph.nodes[node]
        clean = self._runs.stream[self._graph.stage_of[node]][0]
        if which.kind is NodeKind.mlp:
            mlp = self._functions.mlp[which.layer]
            written = evaluate_mlp(mlp, (clean + message).flatten(0, 1)).view(clean.shape)
            return written - self._runs.mlp[which.layer][0]
        part, run = self._functions.attention[which.layer], self._runs.attention[which.layer]
        q, k, v = self._read(which.layer, which.head, slot, clean, clean + message)
        mask = attention_mask(part, self._positions, self._positions)
        z = scores_of(part, q, k).masked_fill(mask, -torch.inf).softmax(-1) @ v
        return self._written(which.layer, which.head, z - run.z[0][which.head])

    def _written(self, layer: int, head: int, change: torch.Tensor) -> torch.Tensor:
        """[B, T, d_model]: what a change of a head's z [B, T, D] writes."""
        return change @ self._functions.attention[layer].w_o[head]

    def _read(
        self, layer: int, head: int, slot: int, _: torch.Tensor, changed: torch.Tensor
    ) -> list[torch.Tensor]:
        """Queries, keys and values of a head that reads a changed stream in one slot."""
        run = self._runs.attention[layer]
        group = head // (len(run.q[0]) // len(run.k[0]))
        read = [run.q[0][head], run.k[0][group], run.v[0][group]]
        read[slot] = self._projected(layer, head, slot, changed)
        return read

    def _projected(self, layer: int, head: int, slot: int, stream: torch.Tensor) -> torch.Tensor:
        part, run = self._functions.attention[layer], self._runs.attention[layer]
        projection = (part.q, part.k, part.v)[slot]
        number = head if slot == 0 else head // (len(run.q[0]) // len(run.k[0]))
        return project(projection, number, part.norm(stream), self._positions)

    def _logit_diff(self, stream: torch.Tensor) -> torch.Tensor:
        part = self._functions.logits
        normed = part.norm(stream[:, -1])
        answers = (normed * part.w_u[self._answer]).sum(-1)
        return answers - (normed * part.w_u[self._distractor]).sum(-1)


class PlainWalk(Walk):
    """The same, taking nothing of a head from the plain run."""

    def _read(
        self, layer: int, head: int, slot: int, clean: torch.Tensor, changed: torch.Tensor
    ) -> list[torch.Tensor]:
        return [
            self._projected(layer, head, at, changed if at == slot else clean) for at in range(3)
        ]


class LayerWalk(PlainWalk):
    """The same, with the output matrix of all heads of a layer for what one of them writes."""

    def _written(self, layer: int, head: int, change: torch.Tensor) -> torch.Tensor:
        w_o = self._functions.attention[layer].w_o
        every = change.new_zeros(*change.shape[:2], *w_o.shape[:2])
        every[:, :, head] = change
        return every.flatten(2) @ w_o.flatten(0, 1)
