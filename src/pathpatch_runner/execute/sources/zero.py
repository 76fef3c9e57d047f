"""Zero ablation: what a sender writes is replaced by nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pathpatch_runner.config import Direction
from pathpatch_runner.dataset import PairSet
from pathpatch_runner.execute.sources.mean import ConstantWrites, Totals
from pathpatch_runner.execute.sources.source import Corruption, Source

if TYPE_CHECKING:
    from pathpatch_runner.model.load import LoadedModel


class Zero(Source):
    """Zeros for writes: the means over no prompts."""

    directions = (Direction.noising,)
    from_senders = True

    def on(self, model: LoadedModel, pairs: PairSet) -> Corruption:
        """Needs no run of the model."""
        return ConstantWrites(Totals(model, pairs).means())
