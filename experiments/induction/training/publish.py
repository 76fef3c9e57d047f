"""A trained model as one folder: weights, config, tokenizer, metrics, and the card made of them.

The weights are safetensors in TransformerLens names; what is published is booted as a
`TransformerBridge` and compared with the model that was trained.
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

from training.model import AttentionOnly
from training.optimise import Schedule

CARD = Template("""# A two-layer attention-only transformer with induction heads

Trained for `experiment=induction`: its heads formed by training, not by hand.

| | |
|---|---|
| architecture | 2 layers, attention only, 8 heads, d_model 256, d_head 32, LayerNorm, learned positions |
| vocabulary | its own byte-level BPE of $d_vocab entries |
| context | $n_ctx tokens |
| data | six novels of Jane Austen (public domain; Debian package `r-cran-janeaustenr`), and periodic random tokens |
| held out | `$heldout`, whole: neither the tokenizer nor the model saw it |
| steps | $formation_steps on periodic rows only, then $mixed_steps with $periodic of $batch rows periodic and the rest English; AdamW, peak rate $rate, dropout $dropout |
| seed | $seed |
| time | about 15 minutes on two CPU cores |

`model.safetensors` holds the weights in TransformerLens names, `config.json` the fields of
TransformerLens' `TransformerBridgeConfig`, `metrics.json` the numbers below.

## Measured on data it never saw

| | nats per token |
|---|---|
| English, held-out novel | $english_loss |
| English, best smoothed bigram of the training text | $bigram_loss |
| repeated random tokens, first time | $repeated_first_half_loss |
| repeated random tokens, second time | $repeated_second_half_loss |

Mean attention on the token before (layer 0), and on the token after the previous occurrence of the
present one (layer 1; random tokens repeated with period 40):

| head | previous token | head | induction |
|---|---|---|---|
$heads

## Made by

    apt-get download r-cran-janeaustenr && dpkg -x r-cran-janeaustenr_*.deb /tmp/janeausten
    python experiments/induction/train.py --text /tmp/janeausten

The weights are in the public domain (CC0), as the text they were trained on.
""")


def publish(
    folder: Path,
    model: AttentionOnly,
    tokenizer: Tokenizer,
    schedule: Schedule,
    seed: int,
    heldout: str,
    metrics: Mapping[str, Any],
) -> None:
    """Write everything; raises `AssertionError` if the bridge disagrees with the model."""
    folder.mkdir(parents=True, exist_ok=True)
    state = {name: tensor.contiguous() for name, tensor in model.state_dict().items()}
    weights = folder / "model.safetensors"
    save_file(state, weights)
    weights.chmod(0o644)
    config = model.shape.bridge_config(seed)
    (folder / "config.json").write_text(json.dumps(config, indent=2) + "\n")
    tokenizer.save(str(folder / "tokenizer.json"))
    difference = bridge_difference(model, config, state)
    assert difference < 1e-4, f"the bridge's logits differ by {difference}"
    record = {**metrics, "bridge_difference": difference, "schedule": asdict(schedule), "seed": seed}
    (folder / "metrics.json").write_text(json.dumps(record, indent=2) + "\n")
    (folder / "README.md").write_text(_card(model, schedule, seed, heldout, metrics))


def bridge_difference(
    model: AttentionOnly, config: Mapping[str, object], state: Mapping[str, torch.Tensor]
) -> float:
    """Largest difference of logits between the model and a bridge that loads its files."""
    from transformer_lens.config import TransformerBridgeConfig
    from transformer_lens.model_bridge import TransformerBridge
    from transformer_lens.utilities.tl_checkpoint_conversion import convert_tl_checkpoint

    bridge = TransformerBridge.boot_native(TransformerBridgeConfig(**config))
    zero_bias = {"unembed.b_U": torch.zeros(model.shape.d_vocab)}
    bridge.load_state_dict(convert_tl_checkpoint({**state, **zero_bias}, bridge.cfg), strict=True)
    tokens = torch.arange(model.shape.n_ctx)[None] % model.shape.d_vocab
    with torch.no_grad():
        return float((bridge(tokens) - model(tokens)).abs().max())


def _card(
    model: AttentionOnly,
    schedule: Schedule,
    seed: int,
    heldout: str,
    metrics: Mapping[str, Any],
) -> str:
    heads = []
    for head in range(model.shape.n_heads):
        first, second = f"a0.h{head}", f"a1.h{head}"
        previous = metrics["previous_token_attention"][first]
        induction = metrics["induction_attention"][second]
        heads.append(f"| {first} | {previous:.3f} | {second} | {induction:.3f} |")
    losses = {name: f"{metrics[name]:.3f}" for name in metrics if name.endswith("_loss")}
    return CARD.substitute(
        losses,
        **asdict(schedule),
        mixed_steps=schedule.steps - schedule.formation_steps,
        d_vocab=f"{model.shape.d_vocab:,}",
        n_ctx=model.shape.n_ctx,
        heldout=heldout,
        seed=seed,
        heads="\n".join(heads),
    )
