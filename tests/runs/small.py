"""A whole experiment that runs in a moment: two layers, eleven tokens, random weights."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

from pathpatch_runner.config import (
    ExperimentConfig,
    HypothesisConfig,
    PatchConfig,
    PathConfig,
    RuntimeConfig,
    UnitKind,
)
from pathpatch_runner.dataset.jsonl import JsonlDatasetConfig
from pathpatch_runner.model.native import NativeModelConfig

SHAPE: dict[str, Any] = {
    "n_layers": 2,
    "n_heads": 2,
    "d_model": 16,
    "d_head": 8,
    "n_ctx": 16,
    "d_vocab": 11,
    "attn_only": True,
    "normalization_type": "LN",
    "positional_embedding_type": "standard",
    "act_fn": "relu",
}


def write_pairs(path: Path, n_pairs: int = 4, **changes: Any) -> Path:
    """Pairs of six tokens that differ from position 2 on; `changes` go into every line."""
    generator = random.Random(0)
    lines = []
    for _ in range(n_pairs):
        clean = [generator.randrange(11) for _ in range(6)]
        corrupt = clean[:2] + [(token + 1 + generator.randrange(9)) % 11 for token in clean[2:]]
        line = {"clean": clean, "corrupt": corrupt, "answer": 3, "distractor": 4, **changes}
        lines.append(json.dumps(line))
    path.write_text("\n".join(lines) + "\n")
    return path


def experiment(folder: Path, **changes: Any) -> ExperimentConfig:
    """The config, with its data in `folder` and its outputs in `folder/outputs`."""
    pairs = folder / "pairs.jsonl"
    if not pairs.exists():
        write_pairs(pairs)
    config = ExperimentConfig(
        experiment="small",
        model=NativeModelConfig(config=dict(SHAPE)),
        dataset=JsonlDatasetConfig(path=str(pairs)),
        hypotheses={
            "h": HypothesisConfig(
                paths={
                    "direct": PathConfig(expr="input -> a1.h0<v> -> logits"),
                    "family": PathConfig(
                        expr="s -> r<q> => logits", over={"s": "a0.h*", "r": "a1.h*"}
                    ),
                }
            )
        },
        patch=PatchConfig(units=[UnitKind.path, UnitKind.hypothesis]),
        metrics=["loss", "logit_diff"],
        runtime=RuntimeConfig(output_root=str(folder / "outputs"), progress=False),
    )
    for name, value in changes.items():
        setattr(config, name, value)
    return config
