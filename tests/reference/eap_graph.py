"""How EAP-IG reads its graph JSON, from the description of the format and independent of our code.

A graph is a matrix [writer, slot]: writers are `input`, then of every layer its heads and its MLP;
slots are of every layer the queries of all heads, their keys, their values, then its MLP; at last
`logits`. A file may name no node or edge that such a graph does not have.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class TheirGraph:
    """`scores`, `in_graph`: [writer, slot]; NaN, and False, where the file names no edge."""

    scores: np.ndarray
    in_graph: np.ndarray
    nodes: Mapping[str, bool]

    def score(self, edge: str, cfg: Mapping[str, Any]) -> float:
        """Of one edge by its name."""
        writers, slots = _names(cfg)
        writer, slot = edge.split("->")
        return float(self.scores[writers.index(writer), slots.index(slot)])


def load_graph(data: Mapping[str, Any]) -> TheirGraph:
    """Raises ValueError or KeyError for what their loader would not take."""
    cfg = data["cfg"]
    writers, slots = _names(cfg)
    nodes = {}
    for name, node in data["nodes"].items():
        if name != "logits":
            nodes[writers[writers.index(name)]] = bool(node["in_graph"])
    scores = np.full((len(writers), len(slots)), np.nan)
    inside = np.zeros(scores.shape, bool)
    for name, edge in data["edges"].items():
        writer, slot = name.split("->")
        at = writers.index(writer), slots.index(slot)
        if not _earlier(writer, slot, parallel=cfg["parallel_attn_mlp"]):
            raise ValueError(name)
        scores[at], inside[at] = edge["score"], edge["in_graph"]
    return TheirGraph(scores, inside, nodes)


def _names(cfg: Mapping[str, Any]) -> tuple[list[str], list[str]]:
    writers, slots = ["input"], []
    for layer in range(cfg["n_layers"]):
        heads = [f"a{layer}.h{head}" for head in range(cfg["n_heads"])]
        writers += [*heads, f"m{layer}"]
        slots += [*(f"{head}<{slot}>" for slot in "qkv" for head in heads), f"m{layer}"]
    return writers, [*slots, "logits"]


def _earlier(writer: str, slot: str, *, parallel: bool) -> bool:
    if writer == "input" or slot == "logits":
        return True
    from_layer, to_layer = (int(name.split(".")[0][1:]) for name in (writer, slot.split("<")[0]))
    if from_layer != to_layer:
        return from_layer < to_layer
    return not parallel and writer[0] == "a" and slot[0] == "m"
