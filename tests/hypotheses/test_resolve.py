"""Units of hypotheses, in their order, and what is wrong with several at once."""

from __future__ import annotations

import pytest

from hypotheses.small import FINE, GRAPH, GROUPS, refusal, resolved
from pathpatch_runner.config import HypothesisConfig, PathConfig, UnitKind
from pathpatch_runner.errors import HypothesisError, Problems
from pathpatch_runner.expression.ast import Position
from pathpatch_runner.expression.resolve import read_route
from pathpatch_runner.expression.scope import Scope
from pathpatch_runner.hypothesis import resolve_hypotheses

INITIAL = HypothesisConfig(
    groups=GROUPS,
    paths={
        "k": PathConfig("input -> prev<v> -> induction<k> -> logits@end"),
        "q": PathConfig("input -> induction<q@S1-1> -> logits"),
        "rest": PathConfig(["input -[!induction]-> logits", "m0 -> logits"]),
    },
)
K = "input->a0.h1<v>->{a1.h1<k>,a1.h2<k>}->logits@end"
Q = "input->{a1.h1<q@S1-1>,a1.h2<q@S1-1>}->logits"
REST = "input-[!{a1.h1,a1.h2}]->logits | m0->logits"


def test_units_of_every_kind() -> None:
    found = resolved({"initial": INITIAL}, *UnitKind)
    assert [(unit.kind.value, unit.entry, unit.path_id, unit.path) for unit in found.units] == [
        ("path", "k", "k", K),
        ("path", "q", "q", Q),
        ("path", "rest", "rest", REST),
        ("hypothesis", "", "k+q+rest", f"{K} | {Q} | {REST}"),
        ("cumulative", "", "k", K),
        ("cumulative", "", "k+q", f"{K} | {Q}"),
        ("cumulative", "", "k+q+rest", f"{K} | {Q} | {REST}"),
        ("leave_one_out", "", "q+rest", f"{Q} | {REST}"),
        ("leave_one_out", "", "k+rest", f"{K} | {REST}"),
        ("leave_one_out", "", "k+q", f"{K} | {Q}"),
        ("coalitions", "", "k", K),
        ("coalitions", "", "q", Q),
        ("coalitions", "", "rest", REST),
        ("coalitions", "", "k+q", f"{K} | {Q}"),
        ("coalitions", "", "k+rest", f"{K} | {REST}"),
        ("coalitions", "", "q+rest", f"{Q} | {REST}"),
        ("coalitions", "", "k+q+rest", f"{K} | {Q} | {REST}"),
    ]
    assert {unit.hypothesis for unit in found.units} == {"initial"}
    assert all(unit.binding == () for unit in found.units)
    assert found.bindings_left_out == 0
    assert found.positions == {Position("end"), Position("S1", -1)}


def test_paths_are_those_of_the_expressions() -> None:
    units = resolved({"initial": INITIAL}, *UnitKind).units
    groups = {"prev": frozenset({2}), "induction": frozenset({6, 7})}
    routes = [
        read_route(text, Scope(GRAPH, groups))
        for text in (
            "input -> prev<v> -> induction<k> -> logits@end",
            "input -> induction<q@S1-1> -> logits",
            "input -[!induction]-> logits",
            "m0 -> logits",
        )
    ]
    assert [unit.paths for unit in units[:3]] == [
        (routes[0],),
        (routes[1],),
        (routes[2], routes[3]),
    ]
    assert units[3].paths == tuple(routes)
    assert units[7].paths == tuple(routes[1:])


def test_units_follow_hypotheses_then_the_kinds_asked_for() -> None:
    other = HypothesisConfig(paths={"all": PathConfig("logits")}, against="initial")
    kinds = (UnitKind.hypothesis, UnitKind.path, UnitKind.hypothesis, UnitKind.leave_one_out)
    found = resolved({"other": other, "initial": INITIAL}, *kinds)
    assert [(unit.hypothesis, unit.kind.value) for unit in found.units] == [
        ("other", "hypothesis"),
        ("other", "path"),
        ("initial", "hypothesis"),
        *[("initial", "path")] * 3,
        *[("initial", "leave_one_out")] * 3,
    ]
    assert found.against == {"other": "initial"}


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("h", '"h" is the hypothesis itself. Other hypotheses: strict.'),
        ("strikt", 'unknown hypothesis "strikt". Other hypotheses: strict. Did you mean "strict"?'),
    ],
)
def test_bad_against(name: str, message: str) -> None:
    strict = HypothesisConfig(paths=FINE)
    configs = {"h": HypothesisConfig(paths=FINE, against=name), "strict": strict}
    with pytest.raises(HypothesisError) as caught:
        resolved(configs)
    assert str(caught.value) == f"hypotheses.h.against: {message}"


def test_against_without_another_hypothesis() -> None:
    error = refusal(HypothesisConfig(paths=FINE, against="x"))
    assert str(error) == (
        'hypotheses.h.against: unknown hypothesis "x". There is no other hypothesis: add one, '
        "or remove the key"
    )


def test_nothing_to_evaluate() -> None:
    with pytest.raises(HypothesisError) as caught:
        resolved({"h": HypothesisConfig(paths=FINE)}, UnitKind.leave_one_out)
    assert str(caught.value) == (
        'hypotheses.h: patch.units [leave_one_out] leaves nothing of its only path "k". '
        "Add a path to it, or another unit"
    )
    with pytest.raises(HypothesisError) as caught:
        resolved({"h": HypothesisConfig()})
    assert str(caught.value) == (
        "hypotheses.h.paths: the hypothesis has no paths. Write at least one: "
        'paths: {all: {expr: "input => logits"}}'
    )
    with pytest.raises(Problems) as several:
        resolve_hypotheses({}, [], GRAPH, None)
    assert [str(problem) for problem in several.value.problems] == [
        "hypotheses: name at least one hypothesis",
        "patch.units: none named. Allowed: path, hypothesis, cumulative, leave_one_out, coalitions",
    ]


def test_problems_of_all_hypotheses_come_together() -> None:
    first = HypothesisConfig({"g": "m9"}, {"k": PathConfig("g ->")})
    second = HypothesisConfig(paths={"q": PathConfig("m0<k> -> logits@there")}, against="c")
    with pytest.raises(Problems) as caught:
        resolved({"a": first, "b": second}, positions=frozenset({"end"}))
    assert [str(problem).splitlines()[0] for problem in caught.value.problems] == [
        'hypotheses.a.groups.g: unknown node "m9"',
        "hypotheses.a.paths.k.expr: the path ends with a link",
        'hypotheses.b.paths.q.expr: "m0" has no slot "<k>"',
        'hypotheses.b.paths.q.expr: unknown position "there"',
        'hypotheses.b.against: unknown hypothesis "c". Other hypotheses: a.',
    ]


def test_coalitions_are_all_unions_smaller_ones_first() -> None:
    paths = {name: PathConfig(expr=f"input -> a0.h{i} -> logits") for i, name in enumerate("abc")}
    units = resolved({"h": HypothesisConfig(paths=paths)}, UnitKind.coalitions).units
    assert [unit.path_id for unit in units] == ["a", "b", "c", "a+b", "a+c", "b+c", "a+b+c"]
    assert units[4].members == ("a", "c")
    assert len(units[6].paths) == 3


def test_thirteen_entries_have_too_many_coalitions() -> None:
    paths = {f"e{i}": PathConfig(expr="input -> a0.h0 -> logits") for i in range(13)}
    with pytest.raises(HypothesisError) as error:
        resolved({"h": HypothesisConfig(paths=paths)}, UnitKind.coalitions)
    assert str(error.value) == (
        "hypotheses.h.paths: 13 entries have 8,191 coalitions, and 12 entries are the most that "
        "patch.units [coalitions] takes. Join entries (an entry may hold a list of expressions), "
        "or use leave_one_out"
    )
