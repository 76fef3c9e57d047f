"""Pairs from a file: what is read, and every mistake with its line."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest

from dataset.words import WordTokenizer
from pathpatch_runner.dataset import Point, load_dataset, locate
from pathpatch_runner.dataset.jsonl import JsonlDatasetConfig
from pathpatch_runner.dataset.repeated_random import RepeatedRandomDatasetConfig
from pathpatch_runner.errors import DatasetError, Problems
from pathpatch_runner.expression.ast import Position
from pathpatch_runner.graph import ModelShape

SHAPE = ModelShape(n_layers=1, n_heads=1, d_model=4, d_head=4, d_vocab=10, n_ctx=6)


def write(path: Path, *lines: dict[str, Any] | str) -> JsonlDatasetConfig:
    texts = [line if isinstance(line, str) else json.dumps(line) for line in lines]
    path.write_text("\n".join(texts))
    return JsonlDatasetConfig(path=str(path))


def test_ids_positions_and_points(tmp_path: Path) -> None:
    config = write(
        tmp_path / "p.jsonl",
        {"clean": [1, 2, 3], "corrupt": [1, 2, 4], "answer": 5, "positions": {"S": -2}},
        {
            "clean": [1, 2],
            "corrupt": [3, 4],
            "targets": [[0, 7], [1, 8, 9]],
            "positions": {"S": 0},
            "id": "two",
        },
    )
    first, second = load_dataset(config, None, SHAPE, 0).pairs
    assert first.points == (Point(2, (5,)),)
    assert first.positions == {"S": 1, "end": 2}
    assert second.pair_id == "two"
    assert second.points == (Point(0, (7,)), Point(1, (8,), (9,)))
    assert locate(Position("S", 1), first) == 2
    assert locate(Position("S", 2), first) is None
    assert locate(Position(None, -3), first) == 0


def test_text_is_tokenised_as_it_is(tmp_path: Path) -> None:
    config = write(
        tmp_path / "p.jsonl",
        {"clean": "When Mary", "corrupt": "When John", "answer": " Mary", "distractor": " John"},
    )
    (pair,) = load_dataset(config, WordTokenizer(), None, 0).pairs
    assert (pair.clean, pair.corrupt) == ((0, 1), (0, 2))
    assert pair.points == (Point(1, (1,), (2,)),)


GOOD = {"clean": [1, 2], "corrupt": [1, 3]}


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{", "p.jsonl:1: not JSON: "),
        ("[1]", "p.jsonl:1: not a JSON object"),
        (
            {**GOOD, "anwser": 1},
            'p.jsonl:1: unknown key "anwser". Did you mean "answer"? Allowed: id, clean, corrupt, '
            "answer, distractor, positions, targets",
        ),
        ({"clean": [1]}, 'p.jsonl:1: lacks "corrupt"'),
        (
            {"clean": [1, 2, 3], "corrupt": [1, 2]},
            "p.jsonl:1: clean and corrupt must have the same number of tokens\n"
            "  clean    3 tokens: 1 2 3\n  corrupt  2 tokens: 1 2",
        ),
        (
            {"clean": [1, 2], "corrupt": [1, 2]},
            "p.jsonl:1: clean and corrupt are identical, so nothing can be patched: 1 2",
        ),
        ({"clean": [], "corrupt": []}, "p.jsonl:1: a prompt is empty"),
        (
            {"clean": [1, 12], "corrupt": [1, 2]},
            "p.jsonl:1: token id 12 is not in the model's vocabulary (0 to 9)",
        ),
        (
            {"clean": [1] * 7, "corrupt": [2] * 7},
            "p.jsonl:1: 7 tokens, and the model takes at most 6. Shorten it",
        ),
        (
            {**GOOD, "positions": {"S": 2}},
            'p.jsonl:1: positions "S": 2 is not a position of a prompt of 2 tokens '
            "(0 to 1, or negative from the end)",
        ),
        (
            {**GOOD, "answer": " Mary"},
            'p.jsonl:1: "answer" is text, and the model has no tokenizer. Give its id',
        ),
        (
            {**GOOD, "targets": [[1, 2], [1, 3]]},
            'p.jsonl:1: "targets" names a position twice',
        ),
        (
            {**GOOD, "answer": 10},
            'p.jsonl:1: "answer": token id 10 is not among the model\'s logits (0 to 9)',
        ),
        (
            {**GOOD, "positions": {"end": 0}},
            'p.jsonl:1: positions "end": 0 is not the last position (1), which "end" always is. '
            "Use another name",
        ),
    ],
)
def test_mistakes(tmp_path: Path, line: dict[str, Any] | str, message: str) -> None:
    with pytest.raises(DatasetError) as caught:
        load_dataset(write(tmp_path / "p.jsonl", line), None, SHAPE, 0)
    assert str(caught.value).startswith(message)


def test_all_mistakes_of_a_file_are_reported_together(tmp_path: Path) -> None:
    config = write(tmp_path / "p.jsonl", *[{"clean": [1], "corrupt": [1]}] * 12, GOOD)
    with pytest.raises(Problems) as caught:
        load_dataset(config, None, SHAPE, 0)
    assert len(caught.value.problems) == 11
    assert "11. and 2 more of the same dataset" in str(caught.value)


def test_both_tokenisations_are_shown(tmp_path: Path) -> None:
    config = write(tmp_path / "p.jsonl", {"clean": "a Mary", "corrupt": "a Alexander"})
    with pytest.raises(DatasetError) as caught:
        load_dataset(config, WordTokenizer(long=[" Alexander"]), None, 0)
    assert "  clean    2 tokens: a| Mary\n  corrupt  3 tokens: a| A|lexander" in str(caught.value)


def test_an_answer_of_several_tokens_is_refused(tmp_path: Path) -> None:
    config = write(tmp_path / "p.jsonl", {"clean": "a b", "corrupt": "a c", "answer": " Alexander"})
    with pytest.raises(DatasetError) as caught:
        load_dataset(config, WordTokenizer(long=[" Alexander"]), None, 0)
    assert str(caught.value) == (
        'p.jsonl:1: "answer": " Alexander" is 2 tokens after the prompt ( A|lexander), and must '
        "be one. Give another answer, or the id of a token"
    )


def test_a_leading_space_is_suggested(tmp_path: Path) -> None:
    config = write(tmp_path / "p.jsonl", {"clean": "a b", "corrupt": "a c", "answer": "Mary"})
    with pytest.raises(DatasetError, match='With a leading space it is one: " Mary"'):
        load_dataset(config, WordTokenizer(long=["Mary"]), None, 0)


def test_too_few_pairs_and_missing_files(tmp_path: Path) -> None:
    config = write(tmp_path / "p.jsonl", GOOD)
    config.n_pairs = 3
    with pytest.raises(DatasetError, match=r"dataset\.n_pairs: 3 asked for"):
        load_dataset(config, None, SHAPE, 0)
    missing = JsonlDatasetConfig(path=str(tmp_path / "none.jsonl"))
    with pytest.raises(DatasetError, match=r"dataset\.path: no file"):
        load_dataset(missing, None, SHAPE, 0)


def test_a_classifier_has_classes_for_answers(tmp_path: Path) -> None:
    classifier = dataclasses.replace(SHAPE, d_vocab_out=3)
    line = {"clean": [1, 9], "corrupt": [1, 8], "targets": [[0, 2]]}
    pairs = load_dataset(write(tmp_path / "p.jsonl", line), None, classifier, 0)
    assert pairs.pairs[0].points == (Point(0, (2,)),)
    with pytest.raises(DatasetError, match=r"token id 3 is not among the model's logits"):
        load_dataset(
            write(tmp_path / "p.jsonl", {**line, "targets": [[0, 3]]}), None, classifier, 0
        )
    with pytest.raises(Problems, match=r"\(0 to 2\)\. They are classes: name those in the"):
        load_dataset(RepeatedRandomDatasetConfig(segment_length=2), None, classifier, 0)


def test_all_mistakes_of_a_line_are_reported_together(tmp_path: Path) -> None:
    line = {"clean": [1, 2], "corrupt": [1, 2, 3], "answer": 99, "positions": {"S": 7}}
    with pytest.raises(Problems) as caught:
        load_dataset(write(tmp_path / "p.jsonl", line), None, SHAPE, 0)
    said = [str(problem).splitlines()[0] for problem in caught.value.problems]
    assert said == [
        "p.jsonl:1: clean and corrupt must have the same number of tokens",
        'p.jsonl:1: positions "S": 7 is not a position of a prompt of 2 tokens (0 to 1, or '
        "negative from the end)",
        'p.jsonl:1: "answer": token id 99 is not among the model\'s logits (0 to 9)',
    ]


def test_ids_are_unique(tmp_path: Path) -> None:
    config = write(tmp_path / "p.jsonl", {**GOOD, "id": "a"}, GOOD, {**GOOD, "id": "a"})
    with pytest.raises(DatasetError) as caught:
        load_dataset(config, None, SHAPE, 0)
    assert str(caught.value) == (
        'p.jsonl:3: id "a" is that of p.jsonl:1 too. Without an id a pair has its number in the '
        "file, from 0"
    )


@pytest.mark.parametrize("n_pairs", [0, -1])
def test_a_number_of_pairs_is_above_0(tmp_path: Path, n_pairs: int) -> None:
    config = write(tmp_path / "p.jsonl", GOOD, GOOD)
    config.n_pairs = n_pairs
    with pytest.raises(DatasetError) as caught:
        load_dataset(config, None, SHAPE, 0)
    assert str(caught.value) == f"dataset.n_pairs: {n_pairs} is not a number of pairs above 0"


def test_a_line_separator_inside_a_text_does_not_end_the_line(tmp_path: Path) -> None:
    line = '{"clean": "a\u2028b", "corrupt": "a\u2028c"}'
    config = JsonlDatasetConfig(path=str(tmp_path / "p.jsonl"))
    (tmp_path / "p.jsonl").write_text(line, encoding="utf-8")
    (pair,) = load_dataset(config, WordTokenizer(), None, 0).pairs
    assert len(pair.clean) == 3


def test_a_file_that_is_not_text(tmp_path: Path) -> None:
    (tmp_path / "p.jsonl").write_bytes(b'{"clean\xff')
    config = JsonlDatasetConfig(path=str(tmp_path / "p.jsonl"))
    with pytest.raises(DatasetError, match=r"is not UTF-8 text: byte 7 \(line 1\) is 0xff"):
        load_dataset(config, None, SHAPE, 0)


def test_an_answer_may_be_several(tmp_path: Path) -> None:
    lines = [
        {"clean": [1, 2], "corrupt": [1, 3], "answer": [5, 6], "distractor": 7},
        {"clean": [1, 2], "corrupt": [1, 3], "targets": [[0, [5, 6], [7, 8]], [1, 9]]},
    ]
    first, second = load_dataset(write(tmp_path / "p.jsonl", *lines), None, None, 0).pairs
    assert first.points == (Point(1, (5, 6), (7,)),)
    assert second.points == (Point(0, (5, 6), (7, 8)), Point(1, (9,)))


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        ([], 'p.jsonl:1: "answer" is an empty list. Name one or more, or leave it out'),
        ([5, 6, 5], 'p.jsonl:1: "answer" names 5 twice'),
        ([5, None], 'p.jsonl:1: "answer" is null. Leave it out where there is none'),
        (
            [[5]],
            'p.jsonl:1: "answer" must be text or a token id, or a list of these, not [5]',
        ),
    ],
)
def test_mistakes_in_a_list_of_answers(tmp_path: Path, answer: list[Any], message: str) -> None:
    config = write(tmp_path / "p.jsonl", {"clean": [1, 2], "corrupt": [1, 3], "answer": answer})
    with pytest.raises(DatasetError) as caught:
        load_dataset(config, None, None, 0)
    assert str(caught.value) == message


@pytest.mark.parametrize("added", [(["<s>"], []), ([], ["</s>"]), (["<s>"], ["</s>"])])
def test_an_answer_is_read_without_what_the_tokenizer_adds(
    tmp_path: Path, added: tuple[list[str], list[str]]
) -> None:
    tokenizer = WordTokenizer(before=added[0], after=added[1])
    config = write(tmp_path / "p.jsonl", {"clean": "a b", "corrupt": "a c", "answer": " Mary"})
    (pair,) = load_dataset(config, tokenizer, None, 0).pairs
    # Prompts keep it: two words, and what is added.
    assert len(pair.clean) == 2 + len(added[0]) + len(added[1])
    (answer,) = pair.points[0].answers
    assert tokenizer.token_text(answer) == " Mary"
