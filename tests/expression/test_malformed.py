"""Malformed expressions, made by rule: each is an ExpressionError with a caret, nothing else."""

from __future__ import annotations

import signal
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pathpatch_runner.errors import ExpressionError, PathPatchError, Problems
from pathpatch_runner.expression.domain import Domain, Kind, nodes_domain
from pathpatch_runner.expression.resolve import read_route
from pathpatch_runner.expression.scope import Scope
from pathpatch_runner.graph import Graph, ModelShape

GRAPH = Graph(ModelShape(2, 3, 6, 2, 11, 16))
SCOPE = Scope(
    GRAPH,
    groups={"late": frozenset({5, 6})},
    variables={"s": nodes_domain({1, 2}), "x": Domain(Kind.slot, ("q", "k"))},
    position_names=frozenset({"S1", "end"}),
)
VALID = (
    "input -> a0.h1<v~1> -> late<k> -> logits@end",
    "s<x@S1-1>@end -[!{m0, a1.h0-1<q,k>}]-> logits",
    "input => r1@[3] => !late -> logits",
    "{0.1<v@S1>, L0H2, m*} => logits@[-1]",
)
WORDS = {text: text.replace("-[", " -[ ").replace("]->", " ]-> ").split() for text in VALID}
FOREIGN = ("#", "$", ";", "é", "\\", "\x00", "→", "%", "^", '"')


def malformed() -> list[str]:
    """Cut short, with a foreign sign, with a word too many, with numbers out of range, too deep."""
    found = [text[:end] for text in VALID for end in range(0, text.rindex("logits"), 3)]
    found += [
        text[:at] + sign + text[at:]
        for text in VALID
        for number, sign in enumerate(FOREIGN)
        for at in (number, len(text) - 1 - number, len(text) // 2)
    ]
    found += [text.replace("logits", word) for text in VALID for word in ("", "logit", "any", "r1")]
    found += [text.replace(sign, "", 1) for text in VALID for sign in "{}[]<>" if sign in text]
    found += [
        f"{text} {extra}" for text in VALID for extra in ("->", "}", "@", "logits", "-[", "!")
    ]
    found += [f"{node} -> logits" for node in ("a0.h3", "a9", "m7", "r9", "a1-0", "a0.h2-1", "9.9")]
    long = "9" * 5_000
    found += [
        f"a{long} -> logits",
        f"r{long} => logits",
        f"m0@[{long}] -> logits",
        f"m0@S1+{long} -> logits",
        f"a0.h1<v~{long}> -> logits",
        "{" * 10_000,
        "!" * 10_000 + "m0 -> logits",
        "m0 -> " * 3_000,
        "x" * 100_000 + " -> logits",
    ]
    return sorted(set(found))


def refusals(error: PathPatchError) -> list[PathPatchError]:
    return list(error.problems) if isinstance(error, Problems) else [error]


def problems_of(text: str) -> list[PathPatchError]:
    try:
        read_route(text, SCOPE)
    except PathPatchError as error:
        return refusals(error)
    return []


def test_there_are_enough_of_them() -> None:
    assert len(malformed()) >= 200


@pytest.fixture
def two_seconds() -> Iterator[None]:
    """Of the processor, which a busy machine does not shorten."""

    def over(*_: object) -> None:
        raise TimeoutError("took more than two seconds of the processor")

    before = signal.signal(signal.SIGPROF, over)
    signal.setitimer(signal.ITIMER_PROF, 2)
    yield
    signal.setitimer(signal.ITIMER_PROF, 0)
    signal.signal(signal.SIGPROF, before)


@pytest.mark.usefixtures("two_seconds")
@pytest.mark.parametrize("text", malformed(), ids=lambda text: repr(text[:40]))
def test_refused_with_a_caret(text: str) -> None:
    with pytest.raises(PathPatchError) as caught:
        read_route(text, SCOPE, "hypotheses.h.paths.k.expr")
    for problem in refusals(caught.value):
        assert isinstance(problem, ExpressionError)
        where, shown, caret, _ = str(problem).split("\n")
        assert where.startswith("hypotheses.h.paths.k.expr: ")
        assert set(caret) == {" ", "^"}
        assert len(shown) == len(text) + 2


@pytest.mark.timeout(60)
@settings(max_examples=400, deadline=None)
@given(st.data())
def test_anything_is_read_or_refused(data: st.DataObject) -> None:
    """Words of the language in any order, mixed with anything."""
    words = [word for text in VALID for word in WORDS[text]]
    parts = data.draw(st.lists(st.sampled_from(words) | st.text(max_size=3), max_size=12))
    text = data.draw(st.sampled_from(["", " "])).join(parts)
    assert {type(problem) for problem in problems_of(text)} <= {ExpressionError}
