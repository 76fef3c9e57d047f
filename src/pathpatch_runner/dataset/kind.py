"""What a kind of dataset is: a source of records, by name.

A kind is a class with its config dataclass. It reads or makes `Record`s and nothing else: tokens,
lengths, positions, answers, counts and messages about them are the same for all kinds and belong to
`align`. To add one, write such a class and one line in `registry.DATASETS` (or, in a package of
one's own, an entry point `pathpatch_runner.datasets`):

    @dataclass
    class WordsConfig(DatasetConfig):
        kind: str = "words"
        path: str = file_field()

    class Words(DatasetKind):
        Config = WordsConfig

        def records(self, context):
            for number, line in numbered_lines(read_text(self.path, "dataset.path", DatasetError)):
                clean, corrupt = line.split("|")
                yield Record(f"{self.path.name}:{number}", clean, corrupt)
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from pathpatch_runner.config import DatasetConfig
from pathpatch_runner.dataset.record import Record
from pathpatch_runner.errors import DatasetError, PathPatchError
from pathpatch_runner.graph import ModelShape
from pathpatch_runner.model.tokenizer import Tokenizer


@dataclass(frozen=True)
class Context:
    """What is known of the model. `shape` None: not known before loading, nothing is checked
    against it."""

    tokenizer: Tokenizer | None
    shape: ModelShape | None

    def fits(self, key: str, length: int) -> None:
        """Refuse prompts of a length that the model cannot take, once for all that a kind makes."""
        if self.shape is not None and length > self.shape.n_ctx:
            raise DatasetError(
                f"dataset.{key}: prompts of {length} tokens, and the model takes at most "
                f"{self.shape.n_ctx}"
            )


class DatasetKind(ABC):
    """A kind of dataset. `config` is an instance of `Config`; `seed` that of the experiment."""

    Config: ClassVar[type[DatasetConfig]]
    endless: ClassVar[bool] = False
    """Whether records are made, not found: as many as `dataset.n_pairs` asks for."""
    key: ClassVar[str] = "path"
    """The config key that says where the records are."""
    told_by_files: ClassVar[bool] = False
    """Whether the config, the seed, the contents of the files that the config names and the model
    determine the records, and nothing else does. Then a finished run is found by them alone,
    without reading a record; otherwise by what the pairs turn out to be."""

    def __init__(self, config: Any, seed: int) -> None:
        self.config = config
        self.seed = seed

    @property
    def name(self) -> str:
        """What tables call the dataset: the file's name, or the kind's."""
        return self.path.stem if hasattr(self.config, "path") else str(self.config.kind)

    @property
    def path(self) -> Path:
        """The file that `dataset.path` names, for kinds with one."""
        return Path(self.config.path)

    @property
    def origin(self) -> str:
        """Where the records come from, as messages say it after a config key."""
        return f'"{self.path}"' if hasattr(self.config, "path") else f'"{self.name}"'

    def check(self) -> None:  # noqa: B027 - most kinds have nothing to add
        """Raise DatasetError for what the config and its small files alone can tell to be wrong:
        asked of every job of a sweep before the first of them runs."""

    @abstractmethod
    def records(self, context: Context) -> Iterator[Record | PathPatchError]:
        """The records in order, the same for the same config and seed, whatever is asked for.

        A record that cannot be read is yielded as the error that says why, so that all of a file
        are reported together; what concerns the whole dataset is raised.
        """
