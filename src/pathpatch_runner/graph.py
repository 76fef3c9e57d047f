"""The graph of a model shape: nodes, slots, stages. No torch, no weights.

A transformer is read as nodes that write to and read from the residual stream: `input`,
attention heads `a{layer}.h{head}` (or one node `a{layer}` where a norm after the attention
makes heads inseparable), MLPs `m{layer}`, `logits`. A *stage* is a set of nodes that read the
same stream: a node reads every writer of a smaller stage. Parallel blocks put attention and
MLP of a layer in one stage.

Nodes are addressed by their index in `Graph.nodes`, which is sorted by stage; `input` is 0
and `logits` the last.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from functools import cached_property

ATTENTION_SLOTS = ("q", "k", "v")


class NodeKind(Enum):
    """What a node is; its value is how its name begins."""

    input = "input"
    head = "a.h"
    attention = "a"
    mlp = "m"
    logits = "logits"


@dataclass(frozen=True)
class ModelShape:
    """Sizes and wiring of a model: all the compiler needs to know of it. `d_vocab_out`: logits,
    where they are not those of the vocabulary (a classification head)."""

    n_layers: int
    n_heads: int
    d_model: int
    d_head: int
    d_vocab: int
    n_ctx: int
    d_mlp: int = 0
    n_key_value_heads: int | None = None
    attn_only: bool = False
    parallel: bool = False
    causal: bool = True
    separable_heads: bool = True
    gated_mlp: bool = False
    d_vocab_out: int | None = None

    @property
    def n_logits(self) -> int:
        """Logits at a position."""
        return self.d_vocab_out or self.d_vocab

    @property
    def n_kv(self) -> int:
        """Key/value heads per layer: fewer than `n_heads` with grouped-query attention."""
        return self.n_key_value_heads or self.n_heads


@dataclass(frozen=True)
class Node:
    """One node; `layer` and `head` are -1 where it has none."""

    kind: NodeKind
    layer: int = -1
    head: int = -1

    @property
    def name(self) -> str:
        """The canonical name: `a0.h3`, `a2`, `m1`, `input`, `logits`."""
        if self.kind is NodeKind.head:
            return f"a{self.layer}.h{self.head}"
        if self.kind in (NodeKind.attention, NodeKind.mlp):
            return f"{self.kind.value}{self.layer}"
        return str(self.kind.value)

    @property
    def slots(self) -> tuple[str, ...]:
        """Names of the slots it reads through; `("",)` for a node with the one unnamed slot."""
        if self.kind in (NodeKind.head, NodeKind.attention):
            return ATTENTION_SLOTS
        return () if self.kind is NodeKind.input else ("",)


@dataclass(frozen=True)
class Graph:
    """The nodes of a shape in stage order."""

    shape: ModelShape

    @cached_property
    def stages(self) -> tuple[tuple[int, ...], ...]:
        """Node indices by stage; stage 0 is `input`, the last is `logits`."""
        grouped: list[list[int]] = [[0]]
        count = 1
        for size in self._stage_sizes():
            grouped.append(list(range(count, count + size)))
            count += size
        return tuple(tuple(stage) for stage in [*grouped, [count]])

    def _stage_sizes(self) -> list[int]:
        shape = self.shape
        attention = shape.n_heads if shape.separable_heads else 1
        sizes: list[int] = []
        for _ in range(shape.n_layers):
            if shape.attn_only:
                sizes.append(attention)
            elif shape.parallel:
                sizes.append(attention + 1)
            else:
                sizes.extend((attention, 1))
        return sizes

    @cached_property
    def nodes(self) -> tuple[Node, ...]:
        """All nodes, sorted by stage."""
        shape = self.shape
        nodes = [Node(NodeKind.input)]
        for layer in range(shape.n_layers):
            if shape.separable_heads:
                nodes += [Node(NodeKind.head, layer, head) for head in range(shape.n_heads)]
            else:
                nodes.append(Node(NodeKind.attention, layer))
            if not shape.attn_only:
                nodes.append(Node(NodeKind.mlp, layer))
        return (*nodes, Node(NodeKind.logits))

    @cached_property
    def index(self) -> dict[str, int]:
        """Node index by canonical name."""
        return {node.name: i for i, node in enumerate(self.nodes)}

    @cached_property
    def stage_of(self) -> tuple[int, ...]:
        """Stage by node index."""
        return tuple(stage for stage, members in enumerate(self.stages) for _ in members)

    @cached_property
    def layer_of(self) -> tuple[int, ...]:
        """Layer by node index; -1 where it has none."""
        return tuple(node.layer for node in self.nodes)

    @cached_property
    def head_numbers(self) -> tuple[int, ...]:
        """By node index, the number of a head among all heads of the model, layer by layer; -1 of
        other nodes."""
        n_heads = self.shape.n_heads
        return tuple(
            node.layer * n_heads + node.head if node.kind is NodeKind.head else -1
            for node in self.nodes
        )

    @property
    def logits(self) -> int:
        """Index of the `logits` node."""
        return len(self.nodes) - 1
