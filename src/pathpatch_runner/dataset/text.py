"""Windows of a text; the corrupt prompt is an independent window of the same text.

Evaluation points are the positions whose next token completes a bigram seen earlier in the
window: where an induction head can help. The answer is the next token; there is no distractor.
"""

from __future__ import annotations

import random
from pathlib import Path

from pathpatch_runner.config import TextDatasetConfig
from pathpatch_runner.dataset.aligned import asked_pairs, checked, fits, read_text
from pathpatch_runner.dataset.pair import END, Pair, PairSet, Point
from pathpatch_runner.errors import DatasetError
from pathpatch_runner.graph import ModelShape
from pathpatch_runner.model.tokenizer import Tokenizer

ATTEMPTS = 1000


def load_text(
    config: TextDatasetConfig, tokenizer: Tokenizer | None, shape: ModelShape | None, seed: int
) -> PairSet:
    """`n_pairs` pairs of windows of `window` tokens; each seeded by its number."""
    path = Path(config.path)
    text = read_text(path)
    if tokenizer is None:
        raise DatasetError("dataset: text needs a tokenizer, and the model has none")
    n_pairs = asked_pairs(config.n_pairs)
    # The shortest text that completes a bigram, a a a, is read from a window of 2.
    for key, value, least in (("window", config.window, 2), ("max_points", config.max_points, 1)):
        if value is not None and value < least:
            raise DatasetError(f"dataset.{key}: {value} is too small, {least} is the least")
    fits("window", config.window, shape)
    ids = tokenizer.encode(text)
    if len(ids) < 2 * config.window + 2:
        raise DatasetError(
            f'dataset.window: two windows of {config.window} tokens do not fit in "{path.name}", '
            f"which has {len(ids)}"
        )
    pairs = [_pair(config, ids, seed, number) for number in range(n_pairs)]
    return PairSet(path.stem, checked(path.stem, pairs, tokenizer, shape))


def completed_bigrams(ids: list[int]) -> list[int]:
    """Positions `i` of `ids` for which `(ids[i], ids[i + 1])` occurred earlier in `ids`."""
    seen: set[tuple[int, int]] = set()
    found = []
    for position in range(len(ids) - 1):
        bigram = (ids[position], ids[position + 1])
        if bigram in seen:
            found.append(position)
        seen.add(bigram)
    return found


def _pair(config: TextDatasetConfig, ids: list[int], seed: int, number: int) -> Pair:
    generator = random.Random(f"text/{seed}/{number}")
    width, last = config.window, len(ids) - config.window - 1
    for _ in range(ATTEMPTS):
        start, other = generator.randint(0, last), generator.randint(0, last)
        window = ids[start : start + width + 1]
        corrupt = ids[other : other + width]
        places = completed_bigrams(window)
        if places and abs(start - other) >= width and window[:-1] != corrupt:
            if config.max_points is not None and len(places) > config.max_points:
                places = sorted(generator.sample(places, config.max_points))
            points = tuple(Point(place, (window[place + 1],)) for place in places)
            return Pair(str(number), tuple(window[:-1]), tuple(corrupt), points, {END: width - 1})
    raise DatasetError(
        f"dataset.window: no window of {width} tokens with a repeated bigram found in "
        f"{ATTEMPTS} attempts. Use longer windows or another text"
    )
