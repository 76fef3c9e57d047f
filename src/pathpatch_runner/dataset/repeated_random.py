"""A random segment of tokens, twice: the plainest induction task.

The corrupt prompt is an independent draw. Evaluation points are the positions of the second
half (but its last, whose next token is not in the prompt): there the next token repeats the
one that followed in the first half. The distractor is the token that the corrupt prompt has
there.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count

from pathpatch_runner.config import DatasetConfig
from pathpatch_runner.dataset.kind import Context, DatasetKind
from pathpatch_runner.dataset.record import Record, Target
from pathpatch_runner.errors import DatasetError


@dataclass
class RepeatedRandomDatasetConfig(DatasetConfig):
    """A random segment of token ids twice; the corrupt prompt is an independent draw.
    Evaluation points: the second half, where the next token repeats the first half."""

    kind: str = "repeated_random"
    n_pairs: int | None = 64
    segment_length: int = 20
    prefix: list[int] = field(default_factory=list)
    exclude_ids: list[int] = field(default_factory=list)


class RepeatedRandom(DatasetKind):
    """Pairs of `prefix` + segment + segment; each seeded by its number."""

    Config = RepeatedRandomDatasetConfig
    told_by_files = True
    endless = True

    def records(self, context: Context) -> Iterator[Record]:
        """Token ids; as many as are asked for."""
        allowed = self._allowed(context)
        for number in count():
            yield _record(self.config, allowed, self.seed, number)

    def _allowed(self, context: Context) -> list[int]:
        """The token ids to draw from."""
        config, shape, tokenizer = self.config, context.shape, context.tokenizer
        d_vocab = shape.d_vocab if shape is not None else tokenizer.n_vocab if tokenizer else None
        if d_vocab is None:
            raise DatasetError(
                "dataset: repeated_random needs the size of the vocabulary, which is not known "
                "before the model is loaded"
            )
        if config.segment_length < 2:
            raise DatasetError(
                f"dataset.segment_length: {config.segment_length} is too short, 2 is the least"
            )
        context.fits("segment_length", len(config.prefix) + 2 * config.segment_length)
        for key, tokens in (("prefix", config.prefix), ("exclude_ids", config.exclude_ids)):
            outside = [token for token in tokens if not 0 <= token < d_vocab]
            if outside:
                raise DatasetError(
                    f"dataset.{key}: {outside[0]} is not in the vocabulary (0 to {d_vocab - 1})"
                )
        allowed = sorted(set(range(d_vocab)) - set(config.exclude_ids))
        if len(allowed) < 2:
            raise DatasetError("dataset.exclude_ids: fewer than two tokens are left to draw from")
        return allowed


def _record(
    config: RepeatedRandomDatasetConfig, allowed: list[int], seed: int, number: int
) -> Record:
    generator = random.Random(f"repeated_random/{seed}/{number}")
    length = config.segment_length
    segments = [_segment(generator, allowed, length) for _ in range(2)]
    while segments[0] == segments[1]:
        segments[1] = _segment(generator, allowed, length)
    clean, corrupt = ((*config.prefix, *segment, *segment) for segment in segments)
    start = len(config.prefix) + length
    targets = [
        Target(start + i, (segments[0][i + 1],), (segments[1][i + 1],), drawn=True)
        for i in range(length - 1)
    ]
    return Record(f"dataset repeated_random, pair {number}", clean, corrupt, tuple(targets))


def _segment(generator: random.Random, allowed: list[int], length: int) -> list[int]:
    """Different tokens, so that what followed a token is never in doubt; where the vocabulary is
    smaller than the segment, tokens have to repeat."""
    if length <= len(allowed):
        return generator.sample(allowed, length)
    return [generator.choice(allowed) for _ in range(length)]
