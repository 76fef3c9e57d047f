"""A random segment of tokens, twice: the plainest induction task.

The corrupt prompt is an independent draw. Evaluation points are the positions of the second
half (but its last, whose next token is not in the prompt): there the next token repeats the
one that followed in the first half. The distractor is the token that the corrupt prompt has
there.
"""

from __future__ import annotations

import random

from pathpatch_runner.config import RepeatedRandomDatasetConfig
from pathpatch_runner.dataset.aligned import asked_pairs, checked, fits
from pathpatch_runner.dataset.pair import END, Pair, PairSet, Point
from pathpatch_runner.errors import DatasetError
from pathpatch_runner.graph import ModelShape
from pathpatch_runner.model.tokenizer import Tokenizer


def load_repeated_random(
    config: RepeatedRandomDatasetConfig,
    tokenizer: Tokenizer | None,
    shape: ModelShape | None,
    seed: int,
) -> PairSet:
    """`n_pairs` pairs of `prefix` + segment + segment; each seeded by its number."""
    d_vocab = shape.d_vocab if shape is not None else tokenizer.n_vocab if tokenizer else None
    if d_vocab is None:
        raise DatasetError(
            "dataset: repeated_random needs the size of the vocabulary, which is not known before "
            "the model is loaded"
        )
    if config.segment_length < 2:
        raise DatasetError(
            f"dataset.segment_length: {config.segment_length} is too short, 2 is the least"
        )
    fits("segment_length", len(config.prefix) + 2 * config.segment_length, shape)
    for key, tokens in (("prefix", config.prefix), ("exclude_ids", config.exclude_ids)):
        outside = [token for token in tokens if not 0 <= token < d_vocab]
        if outside:
            raise DatasetError(
                f"dataset.{key}: {outside[0]} is not in the vocabulary (0 to {d_vocab - 1})"
            )
    allowed = sorted(set(range(d_vocab)) - set(config.exclude_ids))
    if len(allowed) < 2:
        raise DatasetError("dataset.exclude_ids: fewer than two tokens are left to draw from")
    n_pairs = asked_pairs(config.n_pairs)
    pairs = [_pair(config, allowed, seed, number) for number in range(n_pairs)]
    return PairSet("repeated_random", checked("repeated_random", pairs, tokenizer, shape))


def _pair(config: RepeatedRandomDatasetConfig, allowed: list[int], seed: int, number: int) -> Pair:
    generator = random.Random(f"repeated_random/{seed}/{number}")
    length = config.segment_length
    segments = [_segment(generator, allowed, length) for _ in range(2)]
    while segments[0] == segments[1]:
        segments[1] = _segment(generator, allowed, length)
    clean, corrupt = ((*config.prefix, *segment, *segment) for segment in segments)
    start = len(config.prefix) + length
    points = tuple(
        Point(start + i, (segments[0][i + 1],), (segments[1][i + 1],)) for i in range(length - 1)
    )
    return Pair(str(number), clean, corrupt, points, {END: len(clean) - 1})


def _segment(generator: random.Random, allowed: list[int], length: int) -> list[int]:
    """Different tokens, so that what followed a token is never in doubt; where the vocabulary is
    smaller than the segment, tokens have to repeat."""
    if length <= len(allowed):
        return generator.sample(allowed, length)
    return [generator.choice(allowed) for _ in range(length)]
