"""A norm as numbers: what LayerNorm and RMSNorm of every model have in common.

    norm(x) = weight * centred(x) / sqrt(mean(centred(x)^2) + eps) + bias

`centred` takes the mean off for LayerNorm, and nothing off for RMSNorm; a model without norms has
`norm(x) = x`. The numbers are not read from the module, which names them differently in every
architecture, but from what it does to a few vectors, and are believed only if the formula then
gives what the module gives on random ones. With them a product of a norm and a matrix can be taken
apart (`narrow`).

For a vector of alternating signs, t (1, -1, 1, ...), the mean is 0 and the mean square t^2, which
gives the weight (large t) and eps (small t).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch

LARGE, SMALL = 2.0**20, 2.0**-10
"""Beside LARGE^2 no eps counts; SMALL^2 is about as large as an eps."""
ROWS = 16
AGREE = {torch.float32: 2e-6, torch.float64: 1e-12}
"""Largest difference, of numbers of size 1, between the formula and the module."""


@dataclass(frozen=True)
class NormForm:
    """`weight`, `bias` [d_model]; `eps` None: nothing is divided (a model without norms)."""

    weight: torch.Tensor
    bias: torch.Tensor
    eps: float | None
    centres: bool

    def centred(self, values: torch.Tensor) -> torch.Tensor:
        """`values` [..., d_model] less their mean, where the norm takes it off."""
        return values - values.mean(-1, keepdim=True) if self.centres else values

    def scale(self, squares: torch.Tensor) -> torch.Tensor:
        """What centred rows are multiplied with, of their sums of squares [...]."""
        if self.eps is None:
            return torch.ones_like(squares)
        return (squares / len(self.weight) + self.eps).rsqrt()

    def __call__(self, values: torch.Tensor) -> torch.Tensor:
        """The norm by the formula."""
        centred = self.centred(values)
        scale = self.scale((centred**2).sum(-1, keepdim=True))
        return self.weight * centred * scale + self.bias


def norm_form(
    norm: Callable[[torch.Tensor], torch.Tensor], width: int, like: torch.Tensor
) -> NormForm | None:
    """The form of a norm of vectors of `width`, in the number format and on the device of `like`;
    None where it has none, or not in this format."""
    if like.dtype not in AGREE or width % 2:
        return None
    signs = 1 - 2.0 * (torch.arange(width, device=like.device) % 2).to(like.dtype)
    ones = torch.ones_like(signs)
    with torch.no_grad():
        found = _read(norm, signs, ones)
        generator = torch.Generator().manual_seed(0)
        rows = torch.randn(ROWS, width, generator=generator, dtype=torch.float64)
        # A mean that is large beside the spread would tell the rounding of the module.
        rows = ((rows + 0.3) * 2.0 ** torch.arange(-6, ROWS - 6)[:, None]).to(like)
        expected = norm(rows)
        off = (found(rows) - expected).abs() / (expected.abs() + 1)
    return found if bool((off <= AGREE[like.dtype]).all()) else None


def _read(
    norm: Callable[[torch.Tensor], torch.Tensor], signs: torch.Tensor, ones: torch.Tensor
) -> NormForm:
    bias = norm(torch.zeros_like(signs)[None])[0]
    weight = (norm(LARGE * signs[None])[0] - bias) * signs
    if bool((weight.abs() > LARGE / 2).any()):
        return NormForm(weight / LARGE, bias, None, centres=False)
    small = (norm(SMALL * signs[None])[0] - bias) * signs
    # weight * SMALL / sqrt(SMALL^2 + eps) = small
    ratio = float((weight * small).double().sum() / (small * small).double().sum())
    eps = SMALL**2 * (ratio**2 - 1)
    shifted = norm(LARGE * (signs + ones)[None])[0] - bias
    centres = bool(((shifted - weight * signs).abs() <= 1e-3 * (weight.abs() + 1e-6)).all())
    return NormForm(weight, bias, eps, centres)
