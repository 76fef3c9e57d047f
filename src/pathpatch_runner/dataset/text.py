"""Windows of a text; the corrupt prompt is an independent window of the same text.

Evaluation points are the positions whose next token completes a bigram seen earlier in the
window: where an induction head can help. The answer is the next token; there is no distractor.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count

from pathpatch_runner.config import DatasetConfig, file_field
from pathpatch_runner.dataset.kind import Context, DatasetKind
from pathpatch_runner.dataset.record import Record, Target
from pathpatch_runner.errors import DatasetError
from pathpatch_runner.reading import read_text

ATTEMPTS = 1000


@dataclass
class TextDatasetConfig(DatasetConfig):
    """Windows of a text; corrupt = an independent window. Evaluation points: positions whose
    next token completes a bigram seen earlier in the window."""

    kind: str = "text"
    path: str = file_field()
    n_pairs: int | None = 64
    window: int = 64
    max_points: int | None = None


class Text(DatasetKind):
    """Pairs of windows of `window` tokens; each seeded by its number."""

    Config = TextDatasetConfig
    told_by_files = True
    endless = True

    def records(self, context: Context) -> Iterator[Record]:
        """Token ids; as many as are asked for."""
        config = self.config
        text = read_text(self.path, "dataset.path", DatasetError)
        if context.tokenizer is None:
            raise DatasetError("dataset: text needs a tokenizer, and the model has none")
        # The shortest text that completes a bigram, a a a, is read from a window of 2.
        for key, value, least in (
            ("window", config.window, 2),
            ("max_points", config.max_points, 1),
        ):
            if value is not None and value < least:
                raise DatasetError(f"dataset.{key}: {value} is too small, {least} is the least")
        context.fits("window", config.window)
        ids = context.tokenizer.encode(text)
        if len(ids) < 2 * config.window + 2:
            raise DatasetError(
                f"dataset.window: two windows of {config.window} tokens do not fit in "
                f'"{self.path.name}", which has {len(ids)}'
            )
        for number in count():
            yield self._record(ids, number)

    def _record(self, ids: list[int], number: int) -> Record:
        config = self.config
        generator = random.Random(f"text/{self.seed}/{number}")
        width, last = config.window, len(ids) - config.window - 1
        for _ in range(ATTEMPTS):
            start, other = generator.randint(0, last), generator.randint(0, last)
            window = ids[start : start + width + 1]
            corrupt = ids[other : other + width]
            found = completed_bigrams(window)
            if found and abs(start - other) >= width and window[:-1] != corrupt:
                if config.max_points is not None and len(found) > config.max_points:
                    found = sorted(generator.sample(found, config.max_points))
                targets = tuple(Target(at, (window[at + 1],)) for at in found)
                where = f"dataset {self.name}, pair {number}"
                return Record(where, tuple(window[:-1]), tuple(corrupt), targets)
        raise DatasetError(
            f"dataset.window: no window of {width} tokens with a repeated bigram found in "
            f"{ATTEMPTS} attempts. Use longer windows or another text"
        )


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
