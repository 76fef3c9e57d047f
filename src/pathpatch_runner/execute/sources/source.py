"""What a source of corrupt values is.

A `Source` class states what a config may combine it with. For a model and its pairs it makes a
`Corruption`: what the corrupt run is on any batch. Every path set is evaluated on two runs, and
the corrupt one differs from the clean one in up to three ways:

    ids         its prompt: the pair's corrupt one, or with noise the clean one again
    noise       [pair, pos, d_model], added to its embeddings
    constants   what nodes write in its place, where paths begin at a sender's write
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from pathpatch_runner.config import Direction, PatchConfig
from pathpatch_runner.dataset import PairSet
from pathpatch_runner.errors import ConfigError
from pathpatch_runner.registry import SOURCES

if TYPE_CHECKING:
    import torch

    from pathpatch_runner.execute.batch import Batch
    from pathpatch_runner.model.load import LoadedModel


@dataclass(frozen=True)
class Constants:
    """What nodes write in place of the patched run: `z` [n_layers, pos, n_heads, d_head],
    `mlp` [n_layers, pos, d_model] (None without MLPs)."""

    z: torch.Tensor
    mlp: torch.Tensor | None

    def cut(self, length: int) -> Constants:
        """The first `length` positions."""
        return Constants(self.z[:, :length], None if self.mlp is None else self.mlp[:, :length])


class Corruption:
    """The corrupt run of one task: here, the corrupt prompts as they are.

    `draws`: how many times each evaluation is repeated; `differs_everywhere`: whether its input
    differs from the clean one's at every position, whatever the tokens.
    """

    draws: int = 1
    differs_everywhere: bool = False

    def noise(self, batch: Batch, draw: int) -> torch.Tensor | None:
        """Noise [pair, pos, d_model] on the embeddings of the *clean* prompt, which the corrupt
        run then has; None: it has the corrupt prompt."""
        del batch, draw
        return None

    def constants(self, batch: Batch) -> Constants | None:
        """What senders write instead, cut to the batch's length; None: what they write in the
        corrupt run."""
        del batch
        return None


class Source(ABC):
    """A kind of source. `directions`: those that mean something with it. `from_senders`: whether
    every path must start at a sender, whose write is replaced."""

    directions: ClassVar[tuple[Direction, ...]] = tuple(Direction)
    from_senders: ClassVar[bool] = False
    differs_everywhere: ClassVar[bool] = True

    def __init__(self, settings: PatchConfig, seed: int) -> None:
        self.settings = settings
        self.seed = seed

    @abstractmethod
    def on(self, model: LoadedModel, pairs: PairSet) -> Corruption:
        """The corrupt run on a model and its pairs. May run the model over them once."""


def source_named(name: str) -> type[Source]:
    """The source of that name. Raises ConfigError for an unknown one."""
    found = SOURCES.get(name, "patch.source")
    if not (isinstance(found, type) and issubclass(found, Source)):
        raise ConfigError(
            f'patch.source: "{name}" of {SOURCES.origin(name)} is no Source but '
            f"{found!r}. Mend or uninstall that package"
        )
    return found
