"""Pairs as the program understood them: as data, and as lines of a terminal."""

from __future__ import annotations

import io
from pathlib import Path

from rich.cells import cell_len
from rich.console import Console

from dataset import small_tokenizers
from dataset.words import WordTokenizer
from pathpatch_runner.dataset import Pair, PairSet, Point, load_dataset
from pathpatch_runner.dataset.in_memory import InMemoryDatasetConfig
from pathpatch_runner.dataset.show import columns_of, pairs_table, token_shown
from pathpatch_runner.model.tokenizer import Tokenizer
from pathpatch_runner.report.data import print_pairs

RECORD: dict[str, object] = {
    "clean": "When Mary and John gave",
    "corrupt": "When Tom and John gave",
    "answer": " Mary",
    "distractor": [" John", " it"],
    "positions": {"IO": 1, "S": 3},
}


def pairs_of(*records: dict[str, object], skip: bool = False) -> tuple[PairSet, Tokenizer]:
    tokenizer = WordTokenizer()
    config = InMemoryDatasetConfig(pairs=list(records), skip_unusable=skip)
    return load_dataset(config, tokenizer, None, 0), tokenizer


def printed(pairs: PairSet, tokenizer: Tokenizer | None, width: int = 80, most: int = 3) -> str:
    console = Console(file=io.StringIO(), width=width, color_system=None)
    print_pairs(pairs, tokenizer, console, most)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_a_pair_in_the_terminal() -> None:
    assert printed(*pairs_of(RECORD)).splitlines() == [
        "in_memory: 1 pair of 5 tokens",
        "",
        "pair 0: 5 tokens, 1 differ",
        "position 0    1     2    3     4",
        "name          IO         S     end",
        "clean    When ·Mary ·and ·John ·gave",
        "corrupt  When ·Tom  ·and ·John ·gave",
        "              ^^^^^",
        "at 4 (end):  answer ·Mary distractor ·John | ·it",
        "",
        "· is a space; ^ marks tokens that differ; end is the last position of every pair",
    ]


def test_long_prompts_go_on_below_and_fit() -> None:
    words = [f"word{number}" for number in range(60)]
    record: dict[str, object] = {
        "clean": " ".join(words),
        "corrupt": " ".join([*words[:-1], "other"]),
    }
    lines = printed(*pairs_of(record), width=60).splitlines()
    assert max(map(cell_len, lines[:-1])) <= 60
    positions = [part for line in lines if line.startswith("position") for part in line.split()[1:]]
    assert positions == [str(number) for number in range(60)]


def test_wide_characters_are_aligned() -> None:
    pair = Pair("0", (0, 1), (2, 1), (Point(1),), {"end": 1})
    tokenizer = WordTokenizer()
    tokenizer.encode("漢字 b é")
    lines = printed(PairSet("d", (pair,)), tokenizer).splitlines()
    clean, corrupt = (next(x for x in lines if x.startswith(t)) for t in ("clean", "corrupt"))
    before = [line[: line.index("·b")] for line in (clean, corrupt)]
    assert cell_len(before[0]) == cell_len(before[1]) == len("position ") + 5


def test_characters_that_do_not_show_are_made_to() -> None:
    tokenizer = WordTokenizer()
    texts = {"\n": "\\n", "\t": "\\t", "\u2028": "\\u2028", "\x1b": "\\x1b", " a": "·a"}
    for text, shown in texts.items():
        (token,) = tokenizer.encode(text)
        assert token_shown(token, tokenizer) == shown
    # What looks like markup of the terminal is text.
    record: dict[str, object] = {"clean": "[red]a", "corrupt": "[red]b"}
    assert "clean    [ red ] a" in printed(*pairs_of(record))


def test_ids_without_a_tokenizer() -> None:
    pair = Pair("x", (7, 8), (7, 9), (Point(0, (5,)), Point(1)), {"end": 1})
    lines = printed(PairSet("d", (pair,)), None).splitlines()
    assert "clean    7 8" in lines
    assert "at 0:  answer 5" in lines
    assert "at 1 (end):  the whole distribution, no answer" in lines


def test_how_many_more_and_what_was_left_out() -> None:
    records = [{**RECORD, "id": f"{number}"} for number in range(5)]
    unusable = {**RECORD, "corrupt": "When Tom\n"}
    text = printed(*pairs_of(*records, unusable, skip=True), most=2)
    assert text.count("\npair ") == 2
    assert "and 3 more pairs" in text
    assert "1 left out\npairs[5]: clean and corrupt must have the same number of tokens\n" in text
    assert "  corrupt  3 tokens: When| Tom|\\n" in text


def test_the_table_has_a_row_for_every_position() -> None:
    pairs, tokenizer = pairs_of(RECORD, {**RECORD, "clean": "When John and Mary gave"})
    table = pairs_table(pairs, tokenizer)
    assert list(table["position"]) == [0, 1, 2, 3, 4] * 2
    assert list(table["pair_id"]) == ["0"] * 5 + ["1"] * 5
    assert list(table["clean"][:5]) == ["When", "·Mary", "·and", "·John", "·gave"]
    assert list(table.index[table["differs"]]) == [1, 6, 8]
    assert list(table["names"])[:5] == [[], ["IO"], [], ["S"], ["end"]]
    assert list(table["answers"])[3:5] == [None, ["·Mary"]]
    assert list(table["distractors"])[4] == ["·John", "·it"]
    assert list(table["clean_id"][:5]) == list(pairs.pairs[0].clean)


def test_added_tokens_are_shown(tmp_path: Path) -> None:
    tokenizer = small_tokenizers.marked(tmp_path)
    config = InMemoryDatasetConfig(pairs=[{"clean": "Mary gave", "corrupt": "Tom gave"}])
    (pair,) = load_dataset(config, tokenizer, None, 0).pairs
    assert [column.clean for column in columns_of(pair, tokenizer)] == ["<s>", "·Mary", "·gave"]
