"""How the blocks of a model are wired, as its name says and as a probe saw it. No torch.

*Parallel*: attention and MLP of a layer read the same stream; else the MLP reads what the attention
has added. *Separable*: the heads of a layer add to the stream one by one; not where a norm follows
their sum, and then the attention of the layer is one node `a{l}`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pathpatch_runner.errors import ModelError
from pathpatch_runner.graph import ModelShape


@dataclass(frozen=True)
class Wiring:
    """What a plan must know of the blocks."""

    parallel: bool = False
    separable_heads: bool = True


@dataclass(frozen=True)
class Probed:
    """What `probe` saw. Plain data: it may be kept as JSON, and given to `load_model` instead of
    probing again.

    `scores`: edits of the attention scores are live. `layers`: those that were tried; by layer,
    `separable` and `mlp_reads_attention` (None: there is no MLP, or it could not be seen).
    """

    scores: bool
    layers: tuple[int, ...]
    separable: tuple[bool, ...]
    mlp_reads_attention: tuple[bool | None, ...]

    @staticmethod
    def of_dict(kept: Mapping[str, Any]) -> Probed:
        """From `dataclasses.asdict`, which may have been JSON in between."""
        lists = {name: tuple(kept[name]) for name in ("layers", "separable", "mlp_reads_attention")}
        return Probed(scores=bool(kept["scores"]), **lists)

    def to_dict(self) -> dict[str, Any]:
        """As plain data."""
        return dataclasses.asdict(self)

    def wiring(self, name: str) -> Wiring:
        """The wiring of a model whose name says nothing of it. Raises ModelError where the layers
        differ, which no shape can say."""
        reads = {seen for seen in self.mlp_reads_attention if seen is not None}
        if len(reads) > 1:
            raise ModelError(
                f'model "{name}": the MLPs of some layers read their layer\'s attention and those '
                "of others do not, which path expressions cannot say"
            )
        return Wiring(parallel=reads == {False}, separable_heads=all(self.separable))

    def check(self, shape: ModelShape, name: str, *, by_hand: bool) -> None:
        """Refuse a shape that says otherwise. `by_hand`: weights may be such that an MLP ignores
        what it reads."""
        for layer, separable, reads in zip(
            self.layers, self.separable, self.mlp_reads_attention, strict=True
        ):
            if shape.separable_heads and not separable:
                raise _contradiction(
                    name,
                    f"heads of layer {layer} do not add up in the stream (a norm follows them), so "
                    "they cannot be told apart",
                )
            if shape.parallel and reads:
                raise _contradiction(
                    name, f"the MLP of layer {layer} reads its attention, unlike a parallel one"
                )
            if not shape.parallel and reads is False and not by_hand:
                raise _contradiction(
                    name,
                    f"the MLP of layer {layer} does not read its attention, unlike a sequential "
                    "one",
                )


def _contradiction(name: str, what: str) -> ModelError:
    return ModelError(
        f'model "{name}": {what}. Its config was read as saying otherwise, '
        "and the results would be wrong. Report the model and this message"
    )
