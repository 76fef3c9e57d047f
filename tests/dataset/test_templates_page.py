"""Every example of docs/templates.md, and what the page says that it does."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from dataset.words import WordTokenizer
from pathpatch_runner.dataset import PairSet, load_dataset
from pathpatch_runner.dataset.template import TemplateDatasetConfig

PAGE = Path(__file__).parents[2] / "docs" / "templates.md"
EXAMPLES = re.findall(r"```yaml\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
SMALLEST, POSITIONS, AGREEMENT, CAPITALS, YEARS, OTHERS, CODE = range(7)


class Words(WordTokenizer):
    """Also splits numbers into digits, as many tokenizers do."""

    pattern = r"\d| ?[^\W\d]+| ?[^\w\s]|\s"


def pairs_of(
    folder: Path, example: int, corruption: object = None, n_pairs: int = 8
) -> tuple[PairSet, Words]:
    (folder / "page.yaml").write_text(EXAMPLES[example], encoding="utf-8")
    tokenizer = Words()
    config = TemplateDatasetConfig(
        path=str(folder / "page.yaml"), n_pairs=n_pairs, corruption=corruption
    )
    return load_dataset(config, tokenizer, None, 0), tokenizer


def said(tokenizer: Words, tokens: tuple[int, ...]) -> list[str]:
    return [tokenizer.token_text(token) for token in tokens]


def test_there_is_an_example_for_each_test() -> None:
    assert len(EXAMPLES) == CODE + 1


def test_the_smallest_file(tmp_path: Path) -> None:
    pairs, tokenizer = pairs_of(tmp_path, SMALLEST)
    for pair in pairs.pairs:
        changed = [i for i, token in enumerate(pair.clean) if token != pair.corrupt[i]]
        assert changed == [1, 6]
        assert pair.clean[1] == pair.clean[6]
        assert pair.corrupt[1] == pair.corrupt[6]
        assert pair.points[0].answers == (pair.clean[3],)
        assert pair.points[0].distractors == (pair.clean[1],)
        assert tokenizer.decode(pair.clean).endswith(" gave it to")


def test_several_corruptions(tmp_path: Path) -> None:
    both, _ = pairs_of(tmp_path, POSITIONS, ["abc", "s2_swap"], n_pairs=5)
    assert [pair.pair_id for pair in both.pairs] == [
        *("0:abc", "0:s2_swap", "1:abc", "1:s2_swap", "2:abc")
    ]
    # Each is the pair that the corruption alone gives.
    for name in ("abc", "s2_swap"):
        alone, _ = pairs_of(tmp_path, POSITIONS, name, n_pairs=2)
        mixed = [pair for pair in both.pairs if pair.pair_id.endswith(f":{name}")][:2]
        assert [len(pair.clean) for pair in mixed] == [len(pair.clean) for pair in alone.pairs]
        assert [pair.positions for pair in mixed] == [pair.positions for pair in alone.pairs]
    first, second = both.pairs[:2]
    assert first.clean == second.clean
    assert second.corrupt[second.positions["S2"]] == second.clean[second.positions["IO"]]


def test_agreement_of_subject_and_verb(tmp_path: Path) -> None:
    seen = set()
    pairs, tokenizer = pairs_of(tmp_path, AGREEMENT, "number", n_pairs=20)
    for pair in pairs.pairs:
        _, subject, _, _, place = said(tokenizer, pair.clean)
        (answer,), (distractor,) = (
            said(tokenizer, tokens)
            for tokens in (pair.points[0].answers, pair.points[0].distractors)
        )
        plural = subject.endswith("s")
        assert (answer, distractor) == ((" are", " is") if plural else (" is", " are"))
        # The other noun has the other number, and the corrupt subject too.
        assert place.endswith("s") != plural
        other = said(tokenizer, pair.corrupt)[1]
        assert other == (subject.removesuffix("s") if plural else f"{subject}s")
        assert pair.clean[2:] == pair.corrupt[2:]
        assert pair.positions == {"subject": 1, "place": 4, "end": 4}
        seen.add(plural)
    assert seen == {True, False}


def test_another_noun_in_the_same_form(tmp_path: Path) -> None:
    pairs, tokenizer = pairs_of(tmp_path, AGREEMENT, "noun", n_pairs=20)
    for pair in pairs.pairs:
        subject, other = (said(tokenizer, ids)[1] for ids in (pair.clean, pair.corrupt))
        assert subject.removesuffix("s") != other.removesuffix("s")
        assert subject.endswith("s") == other.endswith("s")


def test_capitals(tmp_path: Path) -> None:
    known = {" France": " Paris", " Spain": " Madrid", " Italy": " Rome"}
    pairs, tokenizer = pairs_of(tmp_path, CAPITALS)
    for pair in pairs.pairs:
        clean, corrupt = (said(tokenizer, ids)[3] for ids in (pair.clean, pair.corrupt))
        assert said(tokenizer, pair.points[0].answers) == [known[clean]]
        assert said(tokenizer, pair.points[0].distractors) == [known[corrupt]]


def test_all_greater_digits(tmp_path: Path) -> None:
    pairs, tokenizer = pairs_of(tmp_path, YEARS)
    for pair in pairs.pairs:
        digit = int(said(tokenizer, pair.clean)[6])
        answers, distractors = (
            [int(text) for text in said(tokenizer, tokens)]
            for tokens in (pair.points[0].answers, pair.points[0].distractors)
        )
        assert answers == list(range(digit + 1, 10))
        assert distractors == list(range(digit + 1))


def test_all_other_names(tmp_path: Path) -> None:
    pairs, tokenizer = pairs_of(tmp_path, OTHERS)
    for pair in pairs.pairs:
        names = said(tokenizer, pair.points[0].answers + pair.points[0].distractors)
        assert sorted(names) == [" Amy", " John", " Mary", " Tom"]


def test_braces_and_line_breaks(tmp_path: Path) -> None:
    pairs, tokenizer = pairs_of(tmp_path, CODE)
    for pair in pairs.pairs:
        text = tokenizer.decode(pair.clean)
        a, b = (tokenizer.token_text(pair.clean[pair.positions[name]]) for name in "AB")
        assert text == f"x = {{{a}: 1}}\nfor k in x:\n\tprint({b}) #"
        assert pair.points[0].answers == ()


@pytest.mark.parametrize("corruption", ["abc", "s2_swap"])
def test_named_positions(tmp_path: Path, corruption: str) -> None:
    pairs, _ = pairs_of(tmp_path, POSITIONS, corruption)
    for number, pair in enumerate(pairs.pairs):
        swapped = number % 2
        assert (pair.positions["IO"], pair.positions["S1"]) == ((4, 2) if swapped else (2, 4))
        assert pair.positions["S2"] == 7
