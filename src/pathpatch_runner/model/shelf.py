"""The model that was loaded last, for the next job of the same process that asks for the same.

Jobs of a sweep often differ only in hypothesis, metric or dataset, and loading the model is most of
what a small one costs. One model is kept, never two: before another one is loaded the first is let
go, and its memory given back.
"""

from __future__ import annotations

import gc
import logging
import threading
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from pathpatch_runner.config import to_plain
from pathpatch_runner.model.collector import much_that_stays
from pathpatch_runner.model.source import ModelSource

if TYPE_CHECKING:
    from pathpatch_runner.model.load import LoadedModel
    from pathpatch_runner.model.wiring import Probed

log = logging.getLogger("pathpatch_runner")


class ModelShelf:
    """Keeps one loaded model. Not for two jobs at once: each thread has a model of its own."""

    def __init__(self) -> None:
        self._key: Any = None
        self._model: LoadedModel | None = None

    def take(
        self, source: ModelSource, device: str, probed: Probed | None, *, anew: bool = False
    ) -> LoadedModel:
        """The source's model, loaded where it is not the one that is kept. Its forward passes count
        from 0 again. `probed`, as in `load_model`; `anew`: load and probe it in any case.

        A borrowed model is its owner's and is not kept.
        """
        from pathpatch_runner.model.load import load_model

        if source.borrowed:
            return load_model(source, device, probed)
        if self._model is None or self._key != _key_of(source, device) or anew:
            self.clear()
            # The first one imports TransformerLens.
            with much_that_stays():
                self._model = load_model(source, device, probed)
            # Now, and not before: loading may have downloaded what the digest is of.
            self._key = _key_of(source, device)
            return self._model
        log.info("the model is there from the job before")
        return replace(self._model, _count=type(self._model._count)())

    def clear(self) -> None:
        """Let the kept model go, and give its memory back to the machine."""
        if self._model is None:
            return
        on_card = self._model.device.type == "cuda"
        self._key = self._model = None
        # Modules refer to each other in circles: without this they stay until Python looks.
        gc.collect()
        if on_card:
            import torch

            torch.cuda.empty_cache()


def _key_of(source: ModelSource, device: str) -> Any:
    """Equal where the loaded models would be."""
    from pathpatch_runner.model.load import device_of

    seed = source.seed if source.drawn else None
    config = to_plain(source.config)
    return threading.get_ident(), type(source), config, source.digest, seed, str(device_of(device))
