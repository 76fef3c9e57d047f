"""Generated datasets: repeated random tokens, windows of a text, templates."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from dataset.words import WordTokenizer
from pathpatch_runner.dataset import load_dataset
from pathpatch_runner.dataset.repeated_random import RepeatedRandomDatasetConfig
from pathpatch_runner.dataset.template import TemplateDatasetConfig
from pathpatch_runner.dataset.text import TextDatasetConfig, completed_bigrams
from pathpatch_runner.errors import DatasetError, PathPatchError
from pathpatch_runner.graph import ModelShape

SHAPE = ModelShape(n_layers=1, n_heads=1, d_model=4, d_head=4, d_vocab=50, n_ctx=32)


def test_repeated_random_repeats() -> None:
    config = RepeatedRandomDatasetConfig(n_pairs=5, segment_length=6, prefix=[0], exclude_ids=[0])
    pairs = load_dataset(config, None, SHAPE, 3)
    for pair in pairs.pairs:
        assert pair.clean[0] == 0
        assert pair.clean[1:7] == pair.clean[7:13]
        assert 0 not in pair.clean[1:]
        assert pair.clean[1:] != pair.corrupt[1:]
        for point in pair.points:
            # The token that follows is the one that followed in the first half.
            assert point.answers == (pair.clean[point.position - 6 + 1],)
            assert point.distractors == (pair.corrupt[point.position - 6 + 1],)
        assert [point.position for point in pair.points] == [7, 8, 9, 10, 11]
    again = load_dataset(config, None, SHAPE, 3)
    other = load_dataset(config, None, SHAPE, 4)
    assert pairs.digest == again.digest != other.digest


def test_more_pairs_begin_with_the_same_ones() -> None:
    few = load_dataset(
        RepeatedRandomDatasetConfig(n_pairs=2), None, SHAPE.__class__(1, 1, 4, 4, 50, 64), 0
    )
    many = load_dataset(
        RepeatedRandomDatasetConfig(n_pairs=4), None, SHAPE.__class__(1, 1, 4, 4, 50, 64), 0
    )
    assert many.pairs[:2] == few.pairs


def test_completed_bigrams_by_hand() -> None:
    # a b c a b d a b c: (a, b) recurs at 3 and 6, (b, c) at 7.
    assert completed_bigrams([1, 2, 3, 1, 2, 4, 1, 2, 3]) == [3, 6, 7]


def test_text_windows(tmp_path: Path) -> None:
    words = ["the cat sat on the mat and the cat ran to the mat again then the dog sat"] * 5
    (tmp_path / "t.txt").write_text(" ".join(words))
    config = TextDatasetConfig(path=str(tmp_path / "t.txt"), n_pairs=3, window=12, max_points=2)
    pairs = load_dataset(config, WordTokenizer(), None, 0)
    for pair in pairs.pairs:
        assert len(pair.clean) == len(pair.corrupt) == 12
        assert 1 <= len(pair.points) <= 2
        for point in pair.points[:-1]:
            assert point.answers == (pair.clean[point.position + 1],)


TEMPLATES = """
templates: ["Then,{A} and{B} went.{S} gave to", "Then,{B} and{A} went.{S} gave to"]
words: {name: [" Mary", " John", " Tom", " Ann", " Sue"]}
slots: {A: name, B: name, S: "=B"}
answer: "{A}"
distractor: "{B}"
positions: [A, B, S]
corruptions:
  abc: {A: new, B: new, S: new}
  swap: {S: "=A"}
"""


def template(
    tmp_path: Path, corruption: str | None, text: str = TEMPLATES
) -> TemplateDatasetConfig:
    (tmp_path / "names.yaml").write_text(text)
    path = str(tmp_path / "names.yaml")
    return TemplateDatasetConfig(path=path, n_pairs=6, corruption=corruption)


def test_template_positions_and_swap(tmp_path: Path) -> None:
    tokenizer = WordTokenizer()
    pairs = load_dataset(template(tmp_path, "swap"), tokenizer, None, 0).pairs
    for number, pair in enumerate(pairs):
        texts = [tokenizer.token_text(token) for token in pair.clean]
        a, b, s = (pair.positions[name] for name in "ABS")
        assert (a < b) == (number % 2 == 0)
        assert texts[b] == texts[s] != texts[a]
        assert pair.points[0].answers == (pair.clean[a],)
        assert pair.points[0].distractors == (pair.clean[b],)
        # Only the second mention changes, to the other name.
        assert [i for i in range(len(texts)) if pair.clean[i] != pair.corrupt[i]] == [s]
        assert pair.corrupt[s] == pair.clean[a]


def test_template_new_words_are_all_different(tmp_path: Path) -> None:
    for pair in load_dataset(template(tmp_path, "abc"), WordTokenizer(), None, 1).pairs:
        names = {pair.clean[pair.positions[n]] for n in "AB"}
        names |= {pair.corrupt[pair.positions[n]] for n in "AB"}
        assert len(names) == 4
        # S is new in the corrupt prompt as B is.
        assert pair.corrupt[pair.positions["S"]] == pair.corrupt[pair.positions["B"]]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("slots: {A: name", "slots: {A: nmae"), 'slots.A: "nmae" is neither a list of words nor'),
        (("{S} gave", "{Q} gave"), 'templates: unknown slot "Q".'),
        (("positions:", "postions:"), 'unknown key "postions". Did you mean "positions"?'),
        (('swap: {S: "=A"}', "swap: {S: other}"), 'corruptions.swap: "S: other" must be a slot'),
    ],
)
def test_template_mistakes(tmp_path: Path, change: tuple[str, str], message: str) -> None:
    config = template(tmp_path, "swap", TEMPLATES.replace(*change))
    with pytest.raises(DatasetError) as caught:
        load_dataset(config, WordTokenizer(), None, 0)
    assert str(caught.value).startswith("names.yaml: ")
    assert message in str(caught.value)


def test_which_corruption_must_be_said(tmp_path: Path) -> None:
    with pytest.raises(DatasetError) as caught:
        load_dataset(template(tmp_path, "swp"), WordTokenizer(), None, 0)
    assert str(caught.value) == (
        'dataset.corruption: unknown corruption "swp". Did you mean "swap"? names has: abc, swap'
    )


def test_words_of_unequal_length_are_refused(tmp_path: Path) -> None:
    # Only slots that name a position are held to one token; `place` names none.
    text = """
    templates: ["We went to the{place}"]
    words: {place: [" park", " station"]}
    slots: {place: place}
    corruptions: {other: {place: new}}
    """
    with pytest.raises(PathPatchError, match="the same number of tokens"):
        load_dataset(template(tmp_path, None, text), WordTokenizer(long=[" station"]), None, 0)


def test_a_word_that_names_a_position_is_one_token(tmp_path: Path) -> None:
    names = [" Mary", " John", " Tom", " Ann", " Sue"]
    text = TEMPLATES.replace('answer: "{A}"', "").replace('distractor: "{B}"', "")
    config = template(tmp_path, "swap", text.replace("[A, B, S]", "[A]"))
    config.n_pairs = 1
    with pytest.raises(DatasetError) as caught:
        load_dataset(config, WordTokenizer(long=names), None, 0)
    assert str(caught.value) == (
        'dataset names, pair 0: " Sue" at position "A" is 2 tokens ( S|ue), and must be one, as '
        "it names a position"
    )


def test_the_space_before_a_slot_belongs_to_its_token(tmp_path: Path) -> None:
    text = """
    templates: ["Then {A} gave to {B}"]
    words: {name: [Mary, John, Tom, Ann]}
    slots: {A: name, B: name}
    positions: [A, B]
    corruptions: {other: {A: new}}
    """
    for pair in load_dataset(template(tmp_path, None, text), WordTokenizer(), None, 0).pairs:
        assert pair.positions == {"A": 1, "B": 4, "end": 4}


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"segment_length": 20}, "dataset.segment_length: prompts of 40 tokens, and the model"),
        ({"segment_length": 1}, "dataset.segment_length: 1 is too short, 2 is the least"),
        ({"segment_length": 3, "prefix": [50]}, "dataset.prefix: 50 is not in the vocabulary"),
        ({"segment_length": 3, "exclude_ids": [-1]}, "dataset.exclude_ids: -1 is not in the"),
        ({"segment_length": 3, "n_pairs": 0}, "dataset.n_pairs: 0 is not a number of pairs"),
    ],
)
def test_repeated_random_mistakes(config: dict[str, Any], message: str) -> None:
    with pytest.raises(DatasetError) as caught:
        load_dataset(RepeatedRandomDatasetConfig(**config), None, SHAPE, 0)
    assert str(caught.value).startswith(message)


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"window": 1}, "dataset.window: 1 is too small, 2 is the least"),
        ({"window": 33}, "dataset.window: prompts of 33 tokens, and the model takes at most 32"),
        ({"window": 8, "max_points": 0}, "dataset.max_points: 0 is too small, 1 is the least"),
        ({"window": 30}, 'dataset.window: two windows of 30 tokens do not fit in "t.txt"'),
        ({"window": 8}, "dataset.window: no window of 8 tokens with a repeated bigram found in"),
    ],
)
def test_text_mistakes(tmp_path: Path, config: dict[str, Any], message: str) -> None:
    (tmp_path / "t.txt").write_text(" ".join(f"w{i}" for i in range(40)))
    with pytest.raises(DatasetError) as caught:
        load_dataset(
            TextDatasetConfig(path=str(tmp_path / "t.txt"), n_pairs=1, **config),
            WordTokenizer(),
            SHAPE,
            0,
        )
    assert str(caught.value).startswith(message)
