"""Which single paths of a compiled program can matter: by exhaustion, in numpy.

A path is true if there is a pair of sequences, of all pairs there are, for which handing the other
sequence to this one path changes an output. That is not what the program's drawing says: an edge
that carries a constant is drawn, and changes nothing.

The evaluation is written out here on its own, from the definition: every node off the path keeps
what it reads in the clean run, and a node on the path reads, in one slot, the clean stream plus
what its predecessor on the path changed.

Shapes: `[sequence, pos, d_model]`; pairs are taken all at once as `[clean, corrupt, pos, d_model]`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

Array = np.ndarray
Step = tuple[str, str]
"""(node, slot), slot "" for an MLP."""
LEAST_CHANGE = 1e-3
"""Of an output, against 1 for a value that is present: attention in a compiled program is soft by
some 1e-9, and MLPs are exact to about 1e-2 of a step, which is not a change of an output."""


@dataclass(frozen=True)
class Model:
    """Weights by TransformerLens name, and sizes."""

    weights: dict[str, Array]
    n_layers: int
    n_heads: int
    d_head: int

    def attention(self, layer: int, head: int, q: Array, k: Array, v: Array) -> Array:
        """What a head writes, of the streams its slots read."""
        w = {s: self.weights[f"blocks.{layer}.attn.W_{s}"][head] for s in "QKVO"}
        scores = (q @ w["Q"]) @ np.swapaxes(k @ w["K"], -1, -2) / self.d_head**0.5
        pattern = np.exp(scores - scores.max(-1, keepdims=True))
        pattern /= pattern.sum(-1, keepdims=True)
        written: Array = pattern @ (v @ w["V"]) @ w["O"]
        return written

    def mlp(self, layer: int, stream: Array) -> Array:
        """What an MLP writes."""
        name = f"blocks.{layer}.mlp"
        hidden = np.maximum(stream @ self.weights[f"{name}.W_in"], 0)
        written: Array = hidden @ self.weights[f"{name}.W_out"]
        return written

    def written(self, node: str, reads: dict[str, Array]) -> Array:
        """What a node writes, of the stream each slot reads."""
        if node[0] == "m":
            return self.mlp(int(node[1:]), reads[""])
        layer, head = (int(part) for part in node[1:].split(".h"))
        return self.attention(layer, head, reads["q"], reads["k"], reads["v"])

    def nodes(self) -> list[tuple[str, ...]]:
        """Nodes that read the same stream, in order."""
        found: list[tuple[str, ...]] = []
        for layer in range(self.n_layers):
            found.append(tuple(f"a{layer}.h{head}" for head in range(self.n_heads)))
            found.append((f"m{layer}",))
        return found

    def embed(self, ids: Array) -> Array:
        """[..., pos, d_model]."""
        embedded: Array = self.weights["embed.W_E"][ids] + self.weights["pos_embed.W_pos"]
        return embedded

    def logits(self, stream: Array) -> Array:
        """[..., pos, output]."""
        found: Array = stream @ self.weights["unembed.W_U"]
        return found

    def run(self, ids: Array) -> tuple[dict[str, Array], Array]:
        """(the stream that every node reads, the last one)."""
        stream = self.embed(ids)
        read: dict[str, Array] = {}
        for stage in self.nodes():
            read |= dict.fromkeys(stage, stream)
            stream = stream + sum(
                self.written(node, dict.fromkeys(_slots(node), stream)) for node in stage
            )
        return read, stream


def _slots(node: str) -> tuple[str, ...]:
    return ("",) if node[0] == "m" else ("q", "k", "v")


def true_paths(model: Model, sequences: Array) -> list[str]:
    """Paths that can matter, as `input->a0.h0<v>->m1->logits`. `sequences`: [sequence, pos]."""
    read, last = model.run(sequences)
    clean, corrupt = model.embed(sequences)[:, None], model.embed(sequences)[None]
    found: list[str] = []
    for path, change in _changes(model, read, corrupt - clean, 0, ()):
        moved = model.logits(last[:, None] + change) - model.logits(last)[:, None]
        if np.abs(moved).max() > LEAST_CHANGE:
            steps = [f"{node}<{slot}>" if slot else node for node, slot in path]
            found.append("->".join(["input", *steps, "logits"]))
    return sorted(found)


def _changes(
    model: Model, read: dict[str, Array], change: Array, stage: int, path: tuple[Step, ...]
) -> Iterator[tuple[tuple[Step, ...], Array]]:
    """Every path that begins with `path`, and what its last node changes in the stream."""
    yield path, change
    if not np.abs(change).max() > 0:
        return
    stages = model.nodes()
    for later in range(stage, len(stages)):
        for node in stages[later]:
            stream = read[node][:, None]
            before = model.written(node, dict.fromkeys(_slots(node), stream))
            for slot in _slots(node):
                reads = dict.fromkeys(_slots(node), stream) | {slot: stream + change}
                after = model.written(node, reads)
                yield from _changes(model, read, after - before, later + 1, (*path, (node, slot)))
