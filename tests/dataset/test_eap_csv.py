"""EAP-IG's CSV: its form, and labels that are said and never guessed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from dataset.words import WordTokenizer
from pathpatch_runner.dataset import PairSet, Point, load_dataset
from pathpatch_runner.dataset.eap_csv import EapCsvDatasetConfig, Labels
from pathpatch_runner.errors import PathPatchError

HEADER = "clean,corrupted,correct_idx,incorrect_idx\n"


class Numbers(WordTokenizer):
    """Tokens of numbers with and without the space before them."""

    pattern = r" ?\d+| ?[^\W\d]+| ?[^\w\s]|\s"


def load(folder: Path, text: str, labels: Labels = Labels.auto, **fields: Any) -> PairSet:
    (folder / "f.csv").write_text(text, encoding="utf-8", newline="")
    config = EapCsvDatasetConfig(path=str(folder / "f.csv"), labels=labels, **fields)
    return load_dataset(config, Numbers(), None, 0)


def refused(folder: Path, text: str, labels: Labels = Labels.auto, **fields: Any) -> str:
    with pytest.raises(PathPatchError) as caught:
        load(folder, text, labels, **fields)
    return str(caught.value)


def points(pairs: PairSet) -> list[tuple[tuple[int, ...], tuple[int, ...]]]:
    return [(point.answers, point.distractors) for pair in pairs.pairs for point in pair.points]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            f"{HEADER}a, then b,c, then d,1,2\n",
            "f.csv:2: 6 fields, and the header names 4. A field with a comma in it is put in "
            "double quotes",
        ),
        (f"{HEADER}a,b,1,2\n\na,b,1\n", "f.csv:4: 3 fields, and the header names 4."),
        (
            "clean,clean,corrupted,correct_idx\na,b,c,1\n",
            'f.csv:1: the column "clean" stands twice',
        ),
        (f'{HEADER}"a\nb",b,1,2\nc,d,1\n', "f.csv:4: 3 fields, and the header names 4."),
        (f'{HEADER}"a,b,1,2\n', "f.csv:2: not CSV: "),
        (f"{HEADER}{'a' * 200_000},b,1,2\n", "f.csv:2: not CSV: field larger than field limit"),
        ("clean,corupted,correct_idx\na,b,1\n", 'no column "corrupted". Did you mean "corupted"?'),
    ],
    ids=["surplus", "too few", "twice", "after a line break", "open quote", "long", "unknown"],
)
def test_the_form_of_a_file(tmp_path: Path, text: str, message: str) -> None:
    assert message in refused(tmp_path, text)


NUMBERS = (
    f"{HEADER}Five and two make,Six and two make,57,58\nFive and two make,Six is what, 57, 58\n"
)


def test_numbers_are_what_they_are_said_to_be(tmp_path: Path) -> None:
    ids = points(load(tmp_path, NUMBERS.replace("Six is what", "Six and two make"), Labels.ids))
    assert ids == [((57,), (58,)), ((57,), (58,))]
    pairs = load(tmp_path, NUMBERS.replace("Six is what", "Six and two make"), Labels.texts)
    tokenizer = Numbers()
    for text in ("Five and two make", "Six and two make", "57", "58", " 57", " 58"):
        tokenizer.encode(text)
    (bare,), (other,) = ([p.answers for p in pair.points] for pair in pairs.pairs)
    # The space makes it another token.
    assert bare != other


def test_labels_in_columns_called_idx_are_ids_and_others_must_be_said(tmp_path: Path) -> None:
    assert points(load(tmp_path, f"{HEADER}a b,a c,5,6\n")) == [((5,), (6,))]
    assert refused(tmp_path, "clean,corrupted,label\na b,a c,5\n", answer_column="label") == (
        'dataset.labels: say what the column "label" holds: ids, texts or years. Only columns '
        "called ..._idx hold token ids without saying"
    )


@pytest.mark.parametrize("cell", [" purr", "5.0", "-1", "1_0", "٣", "", "[1, x]", "[]", "9" * 30])
def test_what_is_no_id(tmp_path: Path, cell: str) -> None:
    said = refused(tmp_path, f'{HEADER}a b,a c,"{cell}",6\n', Labels.ids)
    assert said.startswith('f.csv:2: label "')
    assert said.endswith(
        "is neither a token id nor a list [id, id] of them. For labels that are texts say "
        "dataset.labels=texts"
    )


def test_lists_are_several_answers(tmp_path: Path) -> None:
    ids = load(tmp_path, f'{HEADER}a b,a c,"[16, 23]",[6]\n', Labels.ids)
    assert points(ids) == [((16, 23), (6,))]
    texts = load(tmp_path, f'{HEADER}a b,a c,"["" x"", "" y""]",[\n', Labels.texts)
    tokenizer = Numbers()
    for text in ("a b", "a c", " x", " y", "["):
        tokenizer.encode(text)
    expected = Point(1, (tokenizer.encode(" x")[0], tokenizer.encode(" y")[0]))
    assert texts.pairs[0].points[0].answers == expected.answers
    assert len(texts.pairs[0].points[0].distractors) == 1


@pytest.mark.parametrize("cell", ["[' x', ' y']", "[1, 2]", '["" x"", 2]'])
def test_lists_that_are_no_texts(tmp_path: Path, cell: str) -> None:
    said = refused(tmp_path, f'{HEADER}a b,a c,"{cell}",6\n', Labels.texts)
    assert 'is not a list of texts. Several are written as JSON: [" a", " b"]' in said


def test_an_empty_label(tmp_path: Path) -> None:
    assert refused(tmp_path, f"{HEADER}a b,a c,,6\n", Labels.texts) == (
        "f.csv:2: a label is empty. For no labels say dataset.answer_column=null (or "
        "dataset.distractor_column=null)"
    )


def test_spaces_of_prompts_are_kept(tmp_path: Path) -> None:
    (pair,) = load(tmp_path, f"{HEADER} a b , a c ,5,6\n").pairs
    # " a", " b" and the space behind it.
    assert len(pair.clean) == 3
