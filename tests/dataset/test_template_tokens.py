"""Slots of templates in the tokens of the whole text, for tokenizers of both families.

The expected tokens are worked out from the text: every word of `small_tokenizers` is one token.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from dataset import small_tokenizers
from pathpatch_runner.dataset import Pair, load_dataset
from pathpatch_runner.dataset.template import TemplateDatasetConfig
from pathpatch_runner.errors import PathPatchError
from pathpatch_runner.model.tokenizer import FileTokenizer

WORDS = '{spaced: [" Mary", " John", " Tom", " Amy"], bare: [Mary, John, Tom, Amy]}'


@pytest.fixture(params=["byte_level", "marked"])
def tokenizer(request: pytest.FixtureRequest, tmp_path: Path) -> FileTokenizer:
    built: FileTokenizer = getattr(small_tokenizers, request.param)(tmp_path)
    return built


def pairs_of(
    folder: Path, tokenizer: FileTokenizer, template: str, slot: str = "bare", n_pairs: int = 4
) -> tuple[Pair, ...]:
    (folder / "t.yaml").write_text(
        f"templates: [{template}]\nwords: {WORDS}\nslots: {{A: spaced, B: spaced, C: {slot}}}\n"
        'answer: "{A}"\ndistractor: "{B}"\npositions: [C]\ncorruptions: {x: {C: new}}\n',
        encoding="utf-8",
    )
    config = TemplateDatasetConfig(path=str(folder / "t.yaml"), n_pairs=n_pairs)
    return load_dataset(config, tokenizer, None, 0).pairs


@pytest.mark.parametrize(
    ("template", "before"),
    [
        ('"def f():\\n    {C} = 1\\n    return"', "def f():\n    "),
        ('"Facts:\\n{C} left and{A} stayed with"', "Facts:\n"),
        ('"name:\\t{C} and{A} met"', "name:\t"),
        ('"name  {C} and{A} met"', "name  "),
        ('"name:\\r\\n{C} and{A} met"', "name:\r\n"),
        ('"name ({C}) and{A} met"', "name ("),
        ('"name é {C} and{A} met"', "name é "),
        ('"{C} and{A} met"', ""),
    ],
    ids=["indent", "newline", "tab", "two spaces", "windows", "bracket", "accent", "first"],
)
def test_a_slot_is_read_as_the_text_says(
    tmp_path: Path, tokenizer: FileTokenizer, template: str, before: str
) -> None:
    for pair in pairs_of(tmp_path, tokenizer, template):
        position = pair.positions["C"]
        word = tokenizer.token_text(pair.clean[position]).strip()
        assert word in ("Mary", "John", "Tom", "Amy")
        # The tokens before it spell what stands before it.
        ahead = pair.clean[len(tokenizer.added.before) : position]
        assert tokenizer.decode(ahead).rstrip(" ") == before.rstrip(" ")
        assert [i for i, t in enumerate(pair.clean) if t != pair.corrupt[i]] == [position]


def test_braces_are_written_twice(tmp_path: Path, tokenizer: FileTokenizer) -> None:
    (pair, *_) = pairs_of(tmp_path, tokenizer, '"set {{a, b}} of{C} is"', "spaced")
    inner = pair.clean[len(tokenizer.added.before) :]
    text = tokenizer.decode(inner)
    name = tokenizer.token_text(pair.clean[pair.positions["C"]])
    assert text == f"set {{a, b}} of{name} is"


def test_a_slot_between_braces(tmp_path: Path, tokenizer: FileTokenizer) -> None:
    (pair, *_) = pairs_of(tmp_path, tokenizer, '"set {{{C}}} is"')
    inner = pair.clean[len(tokenizer.added.before) :]
    name = tokenizer.token_text(pair.clean[pair.positions["C"]])
    assert tokenizer.decode(inner) == f"set {{{name}}} is"


def refused(folder: Path, tokenizer: FileTokenizer, template: str) -> str:
    with pytest.raises(PathPatchError) as caught:
        pairs_of(folder, tokenizer, template, n_pairs=1)
    return str(caught.value)


def test_a_word_in_one_token_with_other_text_names_no_position(tmp_path: Path) -> None:
    words = [*small_tokenizers.WORDS, *(f"{n}s" for n in ("Mary", "John", "Tom", "Amy"))]
    said = refused(tmp_path, small_tokenizers.byte_level(tmp_path, words), '"it {C}s and{A}"')
    assert "runs together with the text around it in one token" in said
