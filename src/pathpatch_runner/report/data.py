"""The pairs of a dataset in the terminal: clean over corrupt, token by token.

    pair 0: 7 tokens, 2 differ
    position 0    1     2    3     4      5     6
    name          IO         S1    S2           end
    clean    When ·Mary ·and ·John ·John  ·gave ·to
    corrupt  When ·Tom  ·and ·Ann  ·John  ·gave ·to
                  ^^^^^      ^^^^^
    at 6 (end):  answer ·Mary distractor ·John

Every column is as wide as its widest cell, counted in terminal cells (a wide character takes two).
What does not fit the terminal goes on below, with its own positions. Marks say what colour says.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from pathpatch_runner.dataset.pair import Pair, PairSet
from pathpatch_runner.dataset.prompts import visible
from pathpatch_runner.dataset.show import SPACE, Column, columns_of
from pathpatch_runner.model.tokenizer import Tokenizer
from pathpatch_runner.report.console import terminal

MOST_PAIRS = 3
MOST_LEFT_OUT = 10
MOST_ANSWERS = 12
TITLES = ("position", "name", "clean", "corrupt")
GUTTER = max(map(len, TITLES))
LEAST_WIDTH = 40
LEGEND = f"{SPACE} is a space; ^ marks tokens that differ; end is the last position of every pair"


@dataclass(frozen=True)
class _Cells:
    """What stands in one column, and how wide it is."""

    texts: tuple[str, ...]
    width: int
    differs: bool


def print_pairs(
    pairs: PairSet,
    tokenizer: Tokenizer | None,
    console: Console | None = None,
    most: int = MOST_PAIRS,
) -> None:
    """The first `most` pairs, how many more there are, and what was left out and why."""
    console = console or terminal()
    lengths = sorted({len(pair.clean) for pair in pairs.pairs})
    count = len(pairs.pairs)
    tokens = f"{lengths[0]} to {lengths[-1]}" if len(lengths) > 1 else f"{lengths[0]}"
    of = f"{count:,} pair{'s' * (count != 1)} of {tokens} token{'s' * (lengths[-1] != 1)}"
    _say(console, Text(f"{visible(pairs.name)}: {of}", "bold"))
    for pair in pairs.pairs[:most]:
        for line in pair_lines(pair, tokenizer, max(console.width, LEAST_WIDTH)):
            _say(console, line)
    if count > most:
        _say(console, Text(f"\nand {count - most:,} more pairs", style="dim"))
    for line in left_out_lines(pairs.left_out):
        _say(console, line)
    _say(console, Text(f"\n{LEGEND}", style="dim"))


def _say(console: Console, line: Text) -> None:
    console.print(line, soft_wrap=True, highlight=False, emoji=False)


def pair_lines(pair: Pair, tokenizer: Tokenizer | None, width: int) -> Iterator[Text]:
    """One pair, within `width` cells where its widest token lets it."""
    columns = columns_of(pair, tokenizer)
    differ = sum(column.differs for column in columns)
    tokens = f"{len(columns)} token{'s' * (len(columns) != 1)}"
    yield Text(f"\npair {visible(pair.pair_id)}: {tokens}, {differ} differ", "bold")
    for block in _blocks([_cells(column) for column in columns], width - GUTTER):
        yield from _block_lines(block)
    for column in columns:
        if column.answers is not None:
            yield _point_line(column)


def _cells(column: Column) -> _Cells:
    texts = (
        str(column.position),
        ",".join(visible(name) for name in column.names),
        column.clean,
        column.corrupt,
    )
    return _Cells(texts, max(map(cell_len, texts)), column.differs)


def _blocks(columns: Sequence[_Cells], room: int) -> Iterator[list[_Cells]]:
    """As many columns as fit side by side, again and again."""
    block: list[_Cells] = []
    taken = 0
    for cells in columns:
        if block and taken + cells.width + 1 > room:
            yield block
            block, taken = [], 0
        block.append(cells)
        taken += cells.width + 1
    if block:
        yield block


def _block_lines(block: Sequence[_Cells]) -> Iterator[Text]:
    for number, title in enumerate(TITLES):
        if title == "name" and not any(cells.texts[number] for cells in block):
            continue
        line = Text(title.ljust(GUTTER), style="dim")
        for cells in block:
            style = _style(title, cells.differs)
            line.append(" ").append(_padded(cells.texts[number], cells.width), style=style)
        line.rstrip()
        yield line
    if any(cells.differs for cells in block):
        marks = Text(" " * GUTTER)
        for cells in block:
            widest = max(cell_len(text) for text in cells.texts[2:])
            marks.append(" ").append(("^" * widest if cells.differs else "").ljust(cells.width))
        marks.rstrip()
        yield marks


def _style(title: str, differs: bool) -> str:
    if title in ("clean", "corrupt"):
        return "bold not dim" if differs else "not dim"
    return "cyan not dim" if title == "name" else "dim"


def _padded(text: str, width: int) -> str:
    return text + " " * (width - cell_len(text))


def _point_line(column: Column) -> Text:
    names = f" ({', '.join(visible(name) for name in column.names)})" if column.names else ""
    line = Text(f"at {column.position}{names}: ")
    for title, tokens in (("answer", column.answers), ("distractor", column.distractors)):
        if tokens:
            shown = " | ".join(tokens[:MOST_ANSWERS])
            more = f" and {len(tokens) - MOST_ANSWERS} more" if len(tokens) > MOST_ANSWERS else ""
            line.append(f" {title} ", style="dim").append(f"{shown}{more}")
    if not column.answers and not column.distractors:
        line.append(" the whole distribution, no answer", style="dim")
    return line


def left_out_lines(left_out: Sequence[tuple[str, str]]) -> Iterator[Text]:
    """What was left out of the dataset, and why."""
    if not left_out:
        return
    yield Text(f"\n{len(left_out):,} left out", style="bold")
    for where, why in left_out[:MOST_LEFT_OUT]:
        yield Text("\n".join(visible(line) for line in f"{where}: {why}".split("\n")))
    if len(left_out) > MOST_LEFT_OUT:
        yield Text(f"and {len(left_out) - MOST_LEFT_OUT:,} more: see the manifest", style="dim")
