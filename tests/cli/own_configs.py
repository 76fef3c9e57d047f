"""A folder of a user's own configs, for tests that compose them."""

from __future__ import annotations

from pathlib import Path

from runs.small import write_pairs

MODEL = (
    "{config: {n_layers: 2, n_heads: 2, d_model: 16, d_head: 8, n_ctx: 16, d_vocab: 11,\n"
    "  attn_only: true, normalization_type: LN, positional_embedding_type: standard, act_fn: relu}}"
)
EXPERIMENT = f"""# @package _global_
defaults: [override /model: native, override /dataset: jsonl]
experiment: NAME
model: {MODEL}
dataset: {{path: ../pairs.jsonl}}
hypotheses: {{h: {{paths: {{p: {{expr: "a0.h0 -> a1.h1<v> -> logits"}}}}}}}}
metrics: [logit_diff]
"""


def add_experiment(folder: Path, name: str, more: str = "") -> Path:
    """`folder/experiment/name.yaml`, with its data in `folder/pairs.jsonl`."""
    file = folder / "experiment" / f"{name}.yaml"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(EXPERIMENT.replace("NAME", name) + more)
    if not (folder / "pairs.jsonl").exists():
        write_pairs(folder / "pairs.jsonl")
    return file
