"""The training loop: two phases, checkpoints, resume.

First nothing but periodic rows, until the induction heads have formed; then half periodic, half
English, while the learning rate decays. Mixed from the start, or with one repeat among filler,
the heads do not form in this many steps.
"""

import math
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from training.batches import BatchShape, generator_for, mixed_rows
from training.model import AttentionOnly, ModelShape, next_token_losses


@dataclass(frozen=True)
class Schedule:
    """`formation_steps` periodic only, then `steps - formation_steps` mixed with `periodic`
    rows of `batch`. The rate rises over `warmup`, falls to `final_rate` of its peak over the
    mixed phase as a cosine."""

    steps: int
    formation_steps: int
    warmup: int = 100
    batch: int = 48
    periodic: int = 12
    rate: float = 2e-3
    final_rate: float = 0.02
    weight_decay: float = 0.01
    dropout: float = 0.0

    def rate_at(self, step: int) -> float:
        """Learning rate of a step."""
        if step < self.formation_steps:
            return self.rate * min(1.0, (step + 1) / self.warmup)
        done = (step - self.formation_steps) / max(self.steps - self.formation_steps, 1)
        cosine = (1 + math.cos(math.pi * done)) / 2
        return self.rate * (self.final_rate + (1 - self.final_rate) * cosine)

    def periodic_at(self, step: int) -> int:
        """Periodic rows of a step's batch."""
        return self.batch if step < self.formation_steps else self.periodic


def train(
    shape: ModelShape,
    schedule: Schedule,
    text: torch.Tensor,
    seed: int,
    checkpoint: Path,
    report: Callable[[str], None] = print,
) -> tuple[AttentionOnly, float]:
    """The model and the seconds its training took; `text [pos]` are the training ids.

    Goes on from the checkpoint where there is one, as if it had never stopped.

    Raises:
        ValueError: the checkpoint is of other settings or another text.
    """
    torch.manual_seed(seed)
    model = AttentionOnly(shape, schedule.dropout)
    decayed = [p for p in model.parameters() if p.ndim >= 2]
    plain = [p for p in model.parameters() if p.ndim < 2]
    groups = [
        {"params": decayed, "weight_decay": schedule.weight_decay},
        {"params": plain, "weight_decay": 0.0},
    ]
    optimizer = torch.optim.AdamW(groups, lr=schedule.rate, betas=(0.9, 0.98))
    run = {**asdict(shape), **asdict(schedule), "seed": seed, "text": _fingerprint(text)}
    first, spent = _restore(checkpoint, model, optimizer, run)
    batches = BatchShape(schedule.batch, shape.n_ctx, shape.d_vocab)
    model.train()
    began = time.monotonic() - spent
    for step in range(first, schedule.steps):
        for group in optimizer.param_groups:
            group["lr"] = schedule.rate_at(step)
        rows = mixed_rows(batches, text, schedule.periodic_at(step), generator_for(seed, step))
        with torch.autocast("cpu", torch.bfloat16):
            losses = next_token_losses(model(rows).float(), rows)
        optimizer.zero_grad(set_to_none=True)
        losses.mean().backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        if (step + 1) % 50 == 0:
            elapsed = time.monotonic() - began
            report(_line(step + 1, losses.detach(), schedule.periodic_at(step), elapsed))
        if (step + 1) % 100 == 0 or step + 1 == schedule.steps:
            spent = time.monotonic() - began
            _save(checkpoint, model, optimizer, {"step": step + 1, "seconds": spent, "run": run})
    return model.eval(), spent


def _fingerprint(text: torch.Tensor) -> int:
    return int((text * torch.arange(1, len(text) + 1)).sum())


def _line(step: int, losses: torch.Tensor, periodic: int, seconds: float) -> str:
    english = f", English {losses[periodic:].mean():.3f}" if periodic < len(losses) else ""
    repeated = losses[:periodic, -32:].mean()
    return f"step {step}: last 32 of periodic rows {repeated:.3f}{english} ({seconds:.0f} s)"


def _save(
    path: Path, model: AttentionOnly, optimizer: torch.optim.Optimizer, progress: dict[str, Any]
) -> None:
    state = {
        **progress,
        "model": model.state_dict(),
        "optimizer": optimizer.state_dict(),
        "random": torch.get_rng_state(),  # dropout draws from it
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    torch.save(state, path.with_suffix(".partial"))
    path.with_suffix(".partial").replace(path)


def _restore(
    path: Path, model: AttentionOnly, optimizer: torch.optim.Optimizer, run: dict[str, Any]
) -> tuple[int, float]:
    """Next step, and seconds spent so far."""
    if not path.exists():
        return 0, 0.0
    state = torch.load(path, weights_only=True)
    other = [name for name in run if state["run"].get(name) != run[name]]
    if other:
        raise ValueError(
            f"--checkpoint {path}: it is of a run with other {', '.join(other)}; delete it to "
            "start anew, or name another --checkpoint"
        )
    model.load_state_dict(state["model"])
    optimizer.load_state_dict(state["optimizer"])
    torch.set_rng_state(state["random"])
    return int(state["step"]), float(state["seconds"])
