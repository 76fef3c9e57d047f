"""What a kind of model is: where its weights come from, and what is known of it before they are
loaded.

A *source* is one model that a config names. Each of its facts is read once and kept: the digest of
its files, its shape, its tokenizer. Nothing here imports torch: a run that is there already is
found, and a mistake in an expression is told, before any weights are read.

    source = source_of(config.model, config.seed)
    source.shape            from its config alone; None where only loading can tell
    source.bridge(dtype)    the weights; `model.load.load_model` makes it ready to be patched

A kind is one file with one subclass here, its config dataclass as `Config`, and a line in
`registry.MODELS` (or, in another package, an entry point in the group `pathpatch_runner.models`).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from pathpatch_runner.config import ModelConfig
from pathpatch_runner.graph import ModelShape
from pathpatch_runner.registry import MODELS

if TYPE_CHECKING:
    import torch

    from pathpatch_runner.model.tokenizer import Tokenizer


class ModelSource(ABC):
    """One model that a config names. `seed`: of random weights.

    Raises ModelError, from any of its facts, for everything that a user can mend.
    """

    Config: ClassVar[type[ModelConfig]]
    """What a config says of a model of this kind."""
    borrowed: ClassVar[bool] = False
    """Whether the model belongs to somebody else, who must find it as it was."""

    def __init__(self, config: Any, seed: int) -> None:
        self.config = config
        self.seed = seed

    @property
    @abstractmethod
    def name(self) -> str:
        """A short name for the tables."""

    @property
    @abstractmethod
    def digest(self) -> str:
        """What identifies the weights, the config and the tokenizer, wherever they lie."""

    @property
    @abstractmethod
    def shape(self) -> ModelShape | None:
        """Sizes and wiring, from the config alone; None where only loading can tell."""

    @property
    def tokenizer(self) -> Tokenizer | None:
        """Text to token ids; None for a model that has none."""
        return None

    @property
    def has_tokenizer(self) -> bool:
        """Whether there is one; known without reading it."""
        return self.tokenizer is not None

    @property
    def tokenizer_in_digest(self) -> bool:
        """Whether `digest` knows the tokenizer, if there is one."""
        return True

    @property
    def drawn(self) -> bool:
        """Whether weights are drawn from the seed. Then what is proven of the model is proven for
        this seed alone; said of every kind that does not say otherwise."""
        return True

    @property
    def files(self) -> tuple[Path, ...]:
        """The files of the model, as far as they are on this machine."""
        return ()

    @abstractmethod
    def bridge(self, dtype: torch.dtype) -> Any:
        """A `TransformerBridge` with the weights, on the CPU, in `dtype`."""

    @contextmanager
    def in_use(self) -> Iterator[None]:
        """Around everything that is done with the loaded model. A borrowed one is given back as
        it was."""
        yield


def source_of(config: ModelConfig, seed: int) -> ModelSource:
    """The source of a model that a config names. Raises ConfigError for an unknown kind."""
    kind: type[ModelSource] = MODELS.get(config.kind, "model.kind")
    return kind(config, seed)
