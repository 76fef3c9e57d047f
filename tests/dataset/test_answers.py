"""Answers are tokens after their prompt, for tokenizers of both families."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from dataset import small_tokenizers
from pathpatch_runner.dataset import Pair, load_dataset
from pathpatch_runner.dataset.in_memory import InMemoryDatasetConfig
from pathpatch_runner.errors import DatasetError
from pathpatch_runner.model.tokenizer import FileTokenizer

PROMPTS = {"clean": "Mary and John", "corrupt": "Mary and Tom"}


@pytest.fixture(params=["byte_level", "marked"])
def tokenizer(request: pytest.FixtureRequest, tmp_path: Path) -> FileTokenizer:
    built: FileTokenizer = getattr(small_tokenizers, request.param)(tmp_path)
    return built


@pytest.fixture
def marked(tmp_path: Path) -> FileTokenizer:
    return small_tokenizers.marked(tmp_path)


def pair_of(record: dict[str, Any], tokenizer: FileTokenizer) -> Pair:
    config = InMemoryDatasetConfig(pairs=[record])
    (pair,) = load_dataset(config, tokenizer, None, 0).pairs
    return pair


def refused(record: dict[str, Any], tokenizer: FileTokenizer) -> str:
    with pytest.raises(DatasetError) as caught:
        pair_of(record, tokenizer)
    return str(caught.value)


@pytest.mark.parametrize("answer", [" gave", "to", ",", " and"])
def test_the_answer_is_what_the_whole_text_has_there(answer: str, tokenizer: FileTokenizer) -> None:
    pair = pair_of({**PROMPTS, "answer": answer}, tokenizer)
    whole = tokenizer.encode(PROMPTS["clean"] + answer)
    assert list(pair.clean) == whole[:-1]
    assert pair.points[0].answers == (whole[-1],)
    assert tokenizer.token_text(whole[-1]) == answer


def test_a_comma_is_the_one_that_follows_text(marked: FileTokenizer) -> None:
    # Alone it has the mark of a word's beginning before it: two other tokens.
    assert len(marked.encode_bare(",")) == 2
    pair = pair_of({**PROMPTS, "answer": ","}, marked)
    assert pair.points[0].answers == (marked.encode("a,")[-1],)


def test_answers_of_targets_follow_the_prompt_up_to_there(tokenizer: FileTokenizer) -> None:
    ids = tokenizer.encode(PROMPTS["clean"])
    first = len(ids) - 3
    record = {**PROMPTS, "targets": [[first, " John", " Tom"], [-2, " Mary"]]}
    pair = pair_of(record, tokenizer)
    assert [point.position for point in pair.points] == [first, len(ids) - 2]
    assert pair.points[0].answers == (ids[-1],)
    assert pair.points[0].distractors == (tokenizer.encode(PROMPTS["corrupt"])[-1],)
    assert pair.points[1].answers == (tokenizer.encode("and Mary")[-1],)


def test_an_answer_at_the_token_that_the_tokenizer_adds(marked: FileTokenizer) -> None:
    pair = pair_of({**PROMPTS, "targets": [[0, "Mary"]]}, marked)
    assert pair.points[0].answers == (pair.clean[1],)


def test_an_answer_in_text_to_a_prompt_of_ids(tokenizer: FileTokenizer) -> None:
    record = {key: tokenizer.encode(text) for key, text in PROMPTS.items()}
    pair = pair_of({**record, "answer": " gave"}, tokenizer)
    assert pair.points[0].answers == (tokenizer.encode("Mary gave")[-1],)


@pytest.mark.parametrize(
    ("prompts", "answer", "message"),
    [
        (
            PROMPTS,
            " Maryanne",
            '" Maryanne" is 3 tokens after the prompt ( Mary|an|ne), and must be one. Give '
            "another answer, or the id of a token",
        ),
        (PROMPTS, "", '"" adds no token to the prompt, and must be one'),
        (
            {"clean": "Mary and ", "corrupt": "John and "},
            "Tom",
            'with "Tom" behind it the end of the prompt has other tokens: Mary| and|  becomes Mary|'
            " and| Tom. An answer must be one token more. End the prompt without the space, and it "
            'is one: " Tom"',
        ),
        (
            {"clean": "Mary gave a", "corrupt": "John gave a"},
            "nd",
            'with "nd" behind it the end of the prompt has other tokens: Mary| gave| a becomes '
            "Mary| gave| and. An answer must be one token more. With",
        ),
    ],
)
def test_answers_that_are_not_one_token_more(
    tmp_path: Path, prompts: dict[str, str], answer: str, message: str
) -> None:
    words = [*small_tokenizers.WORDS, "nd"]
    tokenizer = small_tokenizers.byte_level(tmp_path, words)
    assert refused({**prompts, "answer": answer}, tokenizer).startswith(
        f'pairs[0]: "answer": {message}'
    )


def test_the_form_that_works_is_said(marked: FileTokenizer) -> None:
    assert refused({**PROMPTS, "answer": " ,"}, marked) == (
        'pairs[0]: "answer": " ," is 2 tokens after the prompt ( |,), and must be one. Without the '
        'leading space it is one: ","'
    )


def test_a_beginning_that_the_tokenizer_adds_is_not_doubled(marked: FileTokenizer) -> None:
    prompts = {key: f"<s>{text}" for key, text in PROMPTS.items()}
    assert refused(prompts, marked) == (
        'pairs[0]: "clean" begins with "<s>", which the tokenizer puts before every text, so that '
        "it would stand there twice. Leave it out"
    )
    # In its place it is as good as any other token.
    inside = {key: f"{text}<s>" for key, text in PROMPTS.items()}
    assert pair_of(inside, marked).clean[-1] == 1


@pytest.mark.parametrize("distractor", [" gave", [" to", " gave"]])
def test_an_answer_is_no_distractor(distractor: Any, tokenizer: FileTokenizer) -> None:
    record = {**PROMPTS, "answer": [" and", " gave"], "distractor": distractor}
    assert refused(record, tokenizer) == (
        'pairs[0]: " gave" is an answer and a distractor. Leave one of them out'
    )


def test_an_answer_and_a_distractor_of_one_token_in_two_forms(tokenizer: FileTokenizer) -> None:
    token = tokenizer.encode("a gave")[-1]
    assert refused({**PROMPTS, "answer": token, "distractor": " gave"}, tokenizer) == (
        f"pairs[0]: {token} ( gave) is an answer and a distractor. Leave one of them out"
    )
