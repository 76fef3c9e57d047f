"""Values and files that no one writes on purpose: each is one message, with its line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from dataset.words import WordTokenizer
from pathpatch_runner.dataset import load_dataset
from pathpatch_runner.dataset.autocircuit import AutocircuitDatasetConfig
from pathpatch_runner.dataset.jsonl import JsonlDatasetConfig
from pathpatch_runner.dataset.template import TemplateDatasetConfig
from pathpatch_runner.errors import DatasetError, PathPatchError
from pathpatch_runner.graph import ModelShape

SHAPE = ModelShape(n_layers=1, n_heads=1, d_model=4, d_head=4, d_vocab=10, n_ctx=6)
GOOD: dict[str, Any] = {"clean": [1, 2], "corrupt": [1, 3]}


def refused(config: Any, shape: ModelShape | None = None) -> str:
    with pytest.raises(PathPatchError) as caught:
        load_dataset(config, WordTokenizer(), shape, 0)
    return str(caught.value)


def of_lines(folder: Path, *lines: str, shape: ModelShape | None = None) -> str:
    (folder / "f").write_text("\n".join(lines), encoding="utf-8")
    return refused(JsonlDatasetConfig(path=str(folder / "f")), shape)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"clean": True}, '"clean" must be text or a list of token ids, not true'),
        ({"clean": [True, 2]}, '"clean" must be text or a list of token ids, not [true, 2]'),
        ({"clean": [1, [2]]}, '"clean" must be text or a list of token ids, not [1, [2]]'),
        ({"clean": [1.0, 2]}, '"clean" must be text or a list of token ids, not [1.0, 2]'),
        ({"clean": None}, '"clean" must be text or a list of token ids, not null'),
        ({"clean": {"a": 1}}, '"clean" must be text or a list of token ids, not {"a": 1}'),
        ({"clean": [1, 10**30]}, f"token id {10**30} is not in the model's vocabulary (0 to 9)"),
        ({"clean": [-1, 2]}, "token id -1 is not in the model's vocabulary (0 to 9)"),
        ({"answer": True}, '"answer" must be text or a token id, or a list of these, not true'),
        ({"answer": None}, '"answer" is null. Leave it out where there is none'),
        ({"answer": [[1]]}, '"answer" must be text or a token id, or a list of these, not [1]'),
        ({"answer": 1.5}, '"answer" must be text or a token id, or a list of these, not 1.5'),
        ({"answer": 10**30}, f'"answer": token id {10**30} is not among the model\'s logits'),
        ({"answer": 5, "distractor": [6, 5]}, "5 ( Mary) is an answer and a distractor"),
        ({"id": None}, '"id" must be text or a whole number, not null'),
        ({"id": [1]}, '"id" must be text or a whole number, not [1]'),
        ({"positions": [1]}, '"positions" must be an object of names and positions, not [1]'),
        ({"positions": {"": 1}}, '"positions": "" cannot name a position. A name is text'),
        ({"positions": {"S": True}}, 'positions "S": true is not a position (a whole number)'),
        ({"positions": {"S": 1.0}}, 'positions "S": 1.0 is not a position (a whole number)'),
        ({"positions": {"S": 2}}, 'positions "S": 2 is not a position of a prompt of 2 tokens'),
        ({"positions": {"S": -3}}, 'positions "S": -3 is not a position of a prompt of 2 tokens'),
        ({"positions": {"S": 10**30}}, 'positions "S": 1000000'),
        ({"targets": {}}, '"targets" must be a list of [position, answer] with one or more'),
        ({"targets": [[2, 5]]}, "targets: 2 is not a position of a prompt of 2 tokens"),
        ({"targets": [["end", 5]]}, 'targets: "end" is not a position (a whole number)'),
        ({"targets": [[0, 5], [-2, 6]]}, '"targets" names a position twice'),
        ({"targets": [[0, None]]}, '"targets" is null. Leave it out where there is none'),
        (
            {"targets": [[1, 5, 5]]},
            "5 ( Mary) is an answer and a distractor",
        ),
        ({"targets": [[1, 5]], "answer": 5}, 'give "targets", or "answer" and "distractor", not'),
    ],
)
def test_values(tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    tokenizer = WordTokenizer()
    tokenizer.encode("a b c d e Mary")
    (tmp_path / "f").write_text(json.dumps({**GOOD, **changes}))
    with pytest.raises(DatasetError) as caught:
        load_dataset(JsonlDatasetConfig(path=str(tmp_path / "f")), tokenizer, SHAPE, 0)
    assert str(caught.value).startswith(f"f:1: {message}")


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (
            '{"clean": [1], "corrupt": [2], "answer": 7, "answer": 9}',
            'the key "answer" stands twice',
        ),
        ('{"clean": [1], "corrupt": [2], "positions": {"S": 0, "S": 0}}', 'the key "S" stands'),
        ('{"clean": [1], "corrupt": [2], "answer": NaN}', "NaN is not a number in JSON"),
        ('{"clean": [1], "corrupt": [2], "answer": -Infinity}', "-Infinity is not a number in"),
        ('{"clean": [1], "corrupt": [2], "answer": ' + "9" * 5000 + "}", "the number 99999"),
        ('{"clean": "\\ud800", "corrupt": "a"}', '"\\ud800" holds half a character'),
        ('{"clean": ' + "[" * 10**5, "lists or objects are nested more than 100 deep"),
        ('{"clean": "a" "corrupt": "b"}', "not JSON: Expecting ',' delimiter (column 15)"),
        ("null", "not a JSON object"),
        ('"clean"', "not a JSON object"),
    ],
)
def test_lines(tmp_path: Path, line: str, message: str) -> None:
    assert of_lines(tmp_path, json.dumps(GOOD), "", line).startswith(f"f:3: {message}")


def test_long_lines_are_shown_short(tmp_path: Path) -> None:
    long = json.dumps({"clean": " a" * 50_000, "corrupt": " a" * 50_001})
    said = of_lines(tmp_path, long)
    assert "\n  clean    50000 tokens:  a| a| a|" in said
    assert said.endswith("… (49801 more)")
    assert len(said) < 2000
    wrong = json.dumps({**GOOD, "answer": ["x" * 100_000, [1] * 100_000]})
    assert len(of_lines(tmp_path, wrong)) < 1000


def test_a_line_separator_inside_a_text_is_text(tmp_path: Path) -> None:
    line = '{"clean": "a\u2028b\x85\x0b", "corrupt": "a\u2028c\x85\x0b"}'
    (tmp_path / "f").write_text(
        line.replace("\x0b", "\u2029") + "\r\n", encoding="utf-8", newline=""
    )
    (pair,) = load_dataset(
        JsonlDatasetConfig(path=str(tmp_path / "f")), WordTokenizer(), None, 0
    ).pairs
    assert len(pair.clean) == 5


def test_equal_keys_of_a_prompt_file_have_their_line(tmp_path: Path) -> None:
    text = '{"prompts": [\n{"clean": [1], "corrupt": [2],\n "answers": [3], "clean": [4]}]}'
    (tmp_path / "f").write_text(text)
    assert refused(AutocircuitDatasetConfig(path=str(tmp_path / "f"))) == (
        'f:3: the key "clean" stands twice in one object (also in line 2). Leave one of them'
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("templates: [a]\nwords: {w: [x]}\nwords: {w: [y]}", 'f:3: the key "words" stands twice'),
        ("a: &a [*a]", "f:1: an alias stands inside what it repeats"),
        (
            "a: &a [x, x, x, x]\n"
            + "\n".join(
                f"{new}: &{new} [{', '.join([f'*{old}'] * 9)}]"
                for old, new in zip("abcdefghi", "bcdefghij", strict=True)
            ),
            "f:6: aliases repeat more than 262,144 values",
        ),
        ("[" * 10**4, "f: lists or objects are nested more than 100 deep"),
        (
            "templates: [a]\nwords: {1: [x]}\nslots: {A: 1}\ncorruptions: {c: {A: new}}",
            "f: slots: ",
        ),
        ("", "f: not a mapping with templates, words, slots"),
        ("templates: !!python/object/apply:os.system [ls]", "f:1: not YAML: could not determine"),
    ],
)
def test_template_files(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "f").write_text(text)
    said = refused(TemplateDatasetConfig(path=str(tmp_path / "f")))
    assert said.removeprefix("2 problems:\n1. ").startswith(message)
