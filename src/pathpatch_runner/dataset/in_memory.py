"""Pairs that are in memory already: dicts as the lines of a JSONL file, or `Pair`s.

    pp.patch(bridge, [{"clean": "Mary gave it to", "corrupt": "John gave it to"}], ...)

They go through the same checks as those of a file. Arrays and tensors of token ids are taken as
lists. The run key knows what they hold.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from pathpatch_runner.config import DatasetConfig
from pathpatch_runner.dataset.form import record_of
from pathpatch_runner.dataset.kind import Context, DatasetKind
from pathpatch_runner.dataset.pair import Pair
from pathpatch_runner.dataset.record import Record, Target
from pathpatch_runner.errors import DatasetError, PathPatchError


@dataclass
class InMemoryDatasetConfig(DatasetConfig):
    """`pairs`: dicts with the keys of a JSONL line, or `Pair`s. `name`: what tables call them."""

    kind: str = "in_memory"
    pairs: list[Any] = field(default_factory=list)
    name: str = "in_memory"

    def __post_init__(self) -> None:
        """Arrays become lists here, so that a config holds plain data whatever it was made of."""
        if isinstance(self.pairs, list):
            self.pairs = [
                _plain(pair) if isinstance(pair, Mapping) else pair for pair in self.pairs
            ]


class InMemory(DatasetKind):
    """`where` of a record is its number in the list."""

    Config = InMemoryDatasetConfig
    key = "pairs"

    @property
    def name(self) -> str:
        """The name that the config says."""
        return str(self.config.name)

    def records(self, context: Context) -> Iterator[Record | PathPatchError]:  # noqa: ARG002 - asks nothing of the model
        """One record for each member of the list."""
        for number, pair in enumerate(self.config.pairs):
            where = f"pairs[{number}]"
            if isinstance(pair, Pair):
                yield _of_pair(where, pair)
            elif isinstance(pair, Mapping):
                yield record_of(where, pair)
            else:
                yield DatasetError(
                    f"{where}: must be a Pair or a dict with clean and corrupt, not a "
                    f"{type(pair).__name__}"
                )


def _of_pair(where: str, pair: Pair) -> Record:
    return Record(
        where,
        clean=tuple(pair.clean),
        corrupt=tuple(pair.corrupt),
        targets=tuple(Target(p.position, p.answers, p.distractors) for p in pair.points),
        positions=pair.positions,
        pair_id=pair.pair_id,
    )


def _plain(value: Any) -> Any:
    """Numbers of numpy and torch as Python's."""
    if isinstance(value, Mapping):
        return {key: _plain(inner) for key, inner in value.items()}
    if hasattr(value, "tolist"):
        return value.tolist()
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    return value
