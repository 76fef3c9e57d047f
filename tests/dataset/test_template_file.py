"""Files of templates: the one that ships, and every mistake with its key."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from dataset.words import WordTokenizer
from pathpatch_runner.dataset import load_dataset
from pathpatch_runner.dataset.template import TemplateDatasetConfig
from pathpatch_runner.dataset.template_file import read_template_file
from pathpatch_runner.errors import DatasetError, PathPatchError

IOI = Path(__file__).parents[2] / "conf" / "templates" / "ioi.yaml"


@pytest.mark.parametrize("corruption", ["abc", "s2_swap"])
def test_indirect_object_identification(corruption: str) -> None:
    tokenizer = WordTokenizer()
    config = TemplateDatasetConfig(path=str(IOI), n_pairs=24, corruption=corruption)
    orders: Counter[bool] = Counter()
    openings: Counter[str] = Counter()
    for pair in load_dataset(config, tokenizer, None, 0).pairs:
        io, s1, s2 = (pair.positions[name] for name in ("IO", "S1", "S2"))
        assert max(io, s1) < s2 < pair.positions["end"] == len(pair.clean) - 1
        (point,) = pair.points
        assert (point.answers, point.distractors) == ((pair.clean[io],), (pair.clean[s1],))
        assert pair.clean[s1] == pair.clean[s2] != pair.clean[io]
        changed = {i for i in range(len(pair.clean)) if pair.clean[i] != pair.corrupt[i]}
        if corruption == "abc":
            assert changed == {io, s1, s2}
            names = [pair.clean[io], pair.clean[s1], *(pair.corrupt[i] for i in changed)]
            assert len(set(names)) == 5
        else:
            assert changed == {s2}
            assert pair.corrupt[s2] == pair.clean[io]
        orders[io < s1] += 1
        openings[tokenizer.token_text(pair.clean[0])] += 1
    # Six templates in turn: half of each order, a third of each opening.
    assert orders == {True: 12, False: 12}
    assert openings == {"Then": 8, "When": 8, "After": 8}


YEARS = """
templates: ["The{noun} lasted from the year{year.full} to the year{year.century}"]
words:
  noun: [" war", " plague"]
  year: [{full: " 1732", century: " 17"}, {full: " 1801", century: " 18"}]
slots: {noun: noun, year: year}
answer: "{year.century}"
corruptions: {start: {year: new}}
"""


def test_words_with_parts(tmp_path: Path) -> None:
    (tmp_path / "y.yaml").write_text(YEARS)
    tokenizer = WordTokenizer()
    config = TemplateDatasetConfig(path=str(tmp_path / "y.yaml"), n_pairs=4)
    for pair in load_dataset(config, tokenizer, None, 0).pairs:
        text = tokenizer.decode(pair.clean)
        century = "17" if "1732" in text else "18"
        assert text.endswith(f" to the year {century}")
        (answer,) = pair.points[0].answers
        assert tokenizer.token_text(answer) == f" {century}"


NAMES = """
templates: ["Then,{A} and{B} went.{S} gave to"]
words: {name: [" Mary", " John", " Tom"]}
slots: {A: name, B: name, S: "=B"}
answer: "{A}"
positions: [A, B, S]
corruptions: {swap: {S: "=A"}}
"""
WORDS = '{name: [" Mary", " John", " Tom"]}'


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (NAMES, "a: [", "not YAML: while parsing"),
        (NAMES, "[1]", "not a mapping with templates, words, slots, answer, distractor"),
        (NAMES, "templates: [a]", "lacks"),
        ('["Then,{A} and{B} went.{S} gave to"]', '"Then"', "templates: must be a list of texts"),
        (WORDS, "[a, b]", "words: must be a mapping of names to lists of words"),
        (WORDS, '{name: " Mary"}', "words.name: must be a list of words"),
        (
            WORDS,
            "{name: [01, b, c]}",
            "words.name: 1 is not text. Put it in quotes, as it is written",
        ),
        (WORDS, '{name: [" a", " b", " a"]}', "words.name: ' a' is listed twice"),
        ('S: "=B"', "S: 3", 'slots: must say a list of words, or "=" and a slot, for every slot'),
        (
            'S: "=B"}',
            'S: "=T", T: "=S"}',
            "slots.S: S = T = S goes round in a circle. One of them must name a list of words",
        ),
        ('answer: "{A}"', "answer: [1]", "answer: must be a text, a list of texts, {words: list,"),
        (
            'answer: "{A}"',
            'answer: "{A.x}"',
            "answer: \"{A.x}\": ' Mary' of words.name has no parts",
        ),
        (
            "{S} gave",
            "{S gave",
            'templates: a brace of "Then,{A} and{B} went.{S gave to" is not part of a slot '
            '(character 22): "{S gave to". Slots are written {name}, {name.part} or {name[other]}, '
            "a brace itself {{ or }}",
        ),
        (
            "{S} gave",
            "{A} gave",
            'positions: "A" occurs more than once in "Then,{A} and{B} went.{A} gave to". Give '
            'each place a slot of its own (slots: {A_2: "=A"})',
        ),
        ('{S: "=A"}}', "}", "corruptions.swap: must say what happens to one slot or more"),
        ('{S: "=A"}}', "{S: A}}", 'corruptions.swap: "S: A" must be a slot, and new, own or'),
    ],
)
def test_mistakes(tmp_path: Path, old: str, new: str, message: str) -> None:
    (tmp_path / "n.yaml").write_text(NAMES.replace(old, new))
    with pytest.raises(PathPatchError) as caught:
        read_template_file(tmp_path / "n.yaml")
    assert f"n.yaml: {message}" in str(caught.value).replace("n.yaml:1:", "n.yaml:")


def test_words_are_asked_for_by_their_parts(tmp_path: Path) -> None:
    (tmp_path / "y.yaml").write_text(YEARS.replace("{year.full}", "{year}"))
    with pytest.raises(DatasetError) as caught:
        read_template_file(tmp_path / "y.yaml")
    assert str(caught.value) == (
        "y.yaml: templates: \"{year}\": {'full': ' 1732', 'century': ' 17'} of words.year has the "
        "parts full, century"
    )


def test_a_slot_cannot_be_called_end_where_it_names_a_position(tmp_path: Path) -> None:
    text = NAMES.replace("{A}", "{end}").replace("A: name", "end: name")
    text = text.replace("[A, B, S]", "[end]").replace('"=A"', '"=end"')
    (tmp_path / "n.yaml").write_text(text)
    with pytest.raises(DatasetError) as caught:
        read_template_file(tmp_path / "n.yaml")
    assert str(caught.value) == (
        'n.yaml: positions: "end" is the last position already. Give the slot another name'
    )
