"""A trained model as one folder: weights, config, tokenizer, metrics, and the card made of them.

Every number in the card comes from ``metrics``, so that the two cannot disagree.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from string import Template
from typing import Any

import torch
from safetensors.torch import save_file
from tokenizers import Tokenizer

from training.bridge import logit_differences
from training.model import AttentionOnly, ModelShape
from training.optimise import Schedule

CARD = Path(__file__).parent / "card.md"


def publish(
    folder: Path,
    model: AttentionOnly,
    tokenizer: Tokenizer,
    schedule: Schedule,
    metrics: Mapping[str, Any],
    check: torch.Tensor,
) -> None:
    """Write the folder; ``check [batch, pos]`` are tokens on which the bridge must agree.

    Raises:
        ValueError: the files as a bridge are not the trained model.
    """
    folder.mkdir(parents=True, exist_ok=True)
    shape = model.shape
    weights = {name: tensor.contiguous() for name, tensor in model.state_dict().items()}
    # The trained model has no unembedding bias; a native bridge has one and loads strictly.
    weights["unembed.b_U"] = torch.zeros(shape.d_vocab)
    save_file(weights, folder / "model.safetensors")
    (folder / "model.safetensors").chmod(0o644)
    _write_json(folder / "config.json", shape.bridge_config(int(metrics["seed"])))
    tokenizer.save(str(folder / "tokenizer.json"))
    differences = logit_differences(folder, model, check)
    record = {**metrics, "bridge_logit_difference": differences, "schedule": asdict(schedule)}
    _write_json(folder / "metrics.json", record)
    (folder / "README.md").write_text(card(shape, schedule, record), encoding="utf-8")


def _write_json(path: Path, value: Mapping[str, Any]) -> None:
    path.write_text(json.dumps(value, indent=2) + "\n", encoding="utf-8")


def card(shape: ModelShape, schedule: Schedule, metrics: Mapping[str, Any]) -> str:
    """The model card, in Markdown."""
    previous, induction = metrics["previous_token_attention"], metrics["induction_attention"]
    heads = [f"| {head} | {previous[head]:.3f} | {induction[head]:.3f} |" for head in previous]
    losses = {name: f"{metrics[name]:.3f}" for name in metrics if name.endswith("_loss")}
    differences = metrics["bridge_logit_difference"]
    return Template(CARD.read_text(encoding="utf-8")).substitute(
        {**asdict(shape), **asdict(schedule), **losses},
        d_vocab=f"{shape.d_vocab:,}",
        mixed_steps=f"{schedule.steps - schedule.formation_steps:,}",
        formation_steps=f"{schedule.formation_steps:,}",
        documents=", ".join(f"`{name}`" for name in metrics["training_documents"]),
        characters=f"{metrics['training_characters']:,}",
        heldout=metrics["heldout_document"],
        heldout_characters=f"{metrics['heldout_characters']:,}",
        bigram=metrics["bigram_smoothing"],
        minutes=round(metrics["training_seconds"] / 60),
        float32=f"{differences['float32']:.0e}",
        float64=f"{differences['float64']:.0e}",
        heads="\n".join(heads),
        note=metrics["note"],
        period=metrics["period"],
        seed=metrics["seed"],
        command=metrics["command"],
    )
