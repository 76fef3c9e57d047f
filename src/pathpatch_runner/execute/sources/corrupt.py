"""Resampling: corrupt values are those of the corrupt prompt."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pathpatch_runner.dataset import PairSet
from pathpatch_runner.execute.sources.source import Corruption, Source

if TYPE_CHECKING:
    from pathpatch_runner.model.load import LoadedModel


class Corrupt(Source):
    """The corrupt prompt."""

    differs_everywhere = False

    def on(self, model: LoadedModel, pairs: PairSet) -> Corruption:
        """The same for every model."""
        del model, pairs
        return Corruption()
