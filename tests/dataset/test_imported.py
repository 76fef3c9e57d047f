"""AutoCircuit's prompt files and EAP-IG's CSV: what is read, and what is wrong in them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from dataset.words import WordTokenizer
from pathpatch_runner.dataset import Point, load_dataset
from pathpatch_runner.dataset.autocircuit import AutocircuitDatasetConfig
from pathpatch_runner.dataset.eap_csv import EapCsvDatasetConfig, Labels
from pathpatch_runner.errors import DatasetError

PROMPT = {
    "clean": "When Mary and John",
    "corrupt": "When Mary and Tom",
    "answers": [" Mary", " Anna"],
    "wrong_answers": [" John"],
}


def autocircuit(folder: Path, data: Any, **fields: Any) -> AutocircuitDatasetConfig:
    path = folder / "prompts.json"
    path.write_text(data if isinstance(data, str) else json.dumps(data))
    return AutocircuitDatasetConfig(path=str(path), **fields)


def test_all_answers_and_the_positions_are_taken(tmp_path: Path) -> None:
    data = {"prompts": [PROMPT], "word_idxs": {"IO": 1}, "seq_labels": ["a"]}
    tokenizer = WordTokenizer()
    pairs = load_dataset(autocircuit(tmp_path, data), tokenizer, None, 0)
    (pair,) = pairs.pairs
    assert pairs.name == "prompts"
    assert tokenizer.decode(pair.clean) == "When Mary and John"
    assert tokenizer.decode(pair.corrupt) == "When Mary and Tom"
    (point,) = pair.points
    assert [tokenizer.token_text(token) for token in point.answers] == [" Mary", " Anna"]
    assert [tokenizer.token_text(token) for token in point.distractors] == [" John"]
    assert pair.positions == {"IO": 1, "end": 3}


def test_prompts_of_ids_need_no_tokenizer(tmp_path: Path) -> None:
    prompts = [
        {"clean": [1, 2], "corrupt": [1, number], "answers": [5], "wrong_answers": [6, 7]}
        for number in (3, 4)
    ]
    config = autocircuit(tmp_path, {"prompts": prompts}, n_pairs=1)
    (pair,) = load_dataset(config, None, None, 0).pairs
    assert (pair.clean, pair.corrupt, pair.points) == ((1, 2), (1, 3), (Point(1, (5,), (6, 7)),))


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"prompt": []}, "is not an AutoCircuit prompt file: it has no list"),
        ("{", "prompts.json:1: not JSON: "),
        ({"prompts": [3]}, "prompts.json, prompt 0: not a JSON object"),
        (
            {"prompts": [{**PROMPT, "answer": 1}]},
            'prompts.json, prompt 0: unknown key "answer". Did you mean "answers"? Allowed: clean, '
            "corrupt, answers, wrong_answers",
        ),
        (
            {"prompts": [{**PROMPT, "answers": []}]},
            'prompts.json, prompt 0: "answers" must be a list with one or more, as texts or token '
            "ids",
        ),
        ({"prompts": [{"clean": "a b"}]}, 'prompts.json, prompt 0: lacks "corrupt"'),
        (
            {"prompts": [{**PROMPT, "corrupt": "When"}]},
            "prompts.json, prompt 0: clean and corrupt must have the same number of tokens",
        ),
    ],
)
def test_mistakes_in_a_prompt_file(tmp_path: Path, data: Any, message: str) -> None:
    with pytest.raises(DatasetError) as caught:
        load_dataset(autocircuit(tmp_path, data), WordTokenizer(), None, 0)
    assert message in str(caught.value)


def eap(folder: Path, text: str, **fields: Any) -> EapCsvDatasetConfig:
    path = folder / "ioi.csv"
    path.write_text(text)
    return EapCsvDatasetConfig(path=str(path), **fields)


IOI = 'clean,corrupted,correct_idx,incorrect_idx\n"Then, Mary",Then. Mary,5,6\nA Mary,B Mary,7,8\n'


def test_labels_that_are_numbers_are_token_ids(tmp_path: Path) -> None:
    tokenizer = WordTokenizer()
    pairs = load_dataset(eap(tmp_path, IOI), tokenizer, None, 0).pairs
    assert [pair.points for pair in pairs] == [(Point(2, (5,), (6,)),), (Point(1, (7,), (8,)),)]
    assert tokenizer.decode(pairs[0].clean) == "Then, Mary"


def test_columns_can_be_named_and_labels_be_text(tmp_path: Path) -> None:
    config = eap(
        tmp_path,
        "a,b,c\nx y,x z, y\n",
        clean_column="a",
        corrupted_column="b",
        answer_column="c",
        labels=Labels.texts,
    )
    tokenizer = WordTokenizer()
    (pair,) = load_dataset(config, tokenizer, None, 0).pairs
    (point,) = pair.points
    assert point == Point(1, tuple(tokenizer.encode(" y")))


def point_of_year(folder: Path, label: str, tokenizer: WordTokenizer) -> Point:
    text = f"clean,corrupted,correct_idx\nx y,x z,{label}\n"
    pairs = load_dataset(eap(folder, text, labels=Labels.years), tokenizer, None, 0)
    return pairs.pairs[0].points[0]


def test_labels_that_are_years(tmp_path: Path) -> None:
    """EAP-IG's greater-than: all greater years against all others."""
    tokenizer = WordTokenizer()
    point = point_of_year(tmp_path, "32", tokenizer)
    years = [f"{year:02d}" for year in range(100)]
    assert [tokenizer.token_text(token) for token in point.answers] == years[33:]
    assert [tokenizer.token_text(token) for token in point.distractors] == years[:33]


@pytest.mark.parametrize("label", ["1732", "99", "y"])
def test_labels_that_are_no_years(tmp_path: Path, label: str) -> None:
    with pytest.raises(DatasetError) as caught:
        point_of_year(tmp_path, label, WordTokenizer())
    assert str(caught.value) == (
        f'ioi.csv:2: label "{label}" is not the two digits of a year below 99. For labels that are '
        "token ids or texts say dataset.labels=ids or texts"
    )


def test_without_a_label(tmp_path: Path) -> None:
    config = eap(tmp_path, "clean,corrupted,correct_idx\nx y,x z,32\n", answer_column=None)
    (pair,) = load_dataset(config, WordTokenizer(), None, 0).pairs
    assert pair.points == (Point(1),)


def test_a_missing_column(tmp_path: Path) -> None:
    config = eap(tmp_path, "clean,corrupted,label\nx y,x z,32\n")
    with pytest.raises(DatasetError) as caught:
        load_dataset(config, WordTokenizer(), None, 0)
    assert str(caught.value) == (
        'dataset.answer_column: "ioi.csv" has no column "correct_idx". Did you mean "corrupted"? '
        "It has: clean, corrupted, label. For no label say null"
    )


def test_all_bad_rows_are_named(tmp_path: Path) -> None:
    with pytest.raises(DatasetError) as caught:
        load_dataset(eap(tmp_path, IOI, n_pairs=3), WordTokenizer(), None, 0)
    assert "dataset.n_pairs: 3 asked for" in str(caught.value)
    text = "clean,corrupted,correct_idx\nx y,x y,1\nx y,x,1\n"
    with pytest.raises(Exception, match="2 problems") as both:
        load_dataset(eap(tmp_path, text), WordTokenizer(), None, 0)
    assert "ioi.csv:2: clean and corrupt are identical" in str(both.value)
    assert "ioi.csv:3: clean and corrupt must have" in str(both.value)
