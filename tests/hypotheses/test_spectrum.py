"""All short paths: which, in what order, how many, and every refusal in full."""

from __future__ import annotations

from typing import Any

import pytest

from hypotheses.small import GRAPH, SMALL
from pathpatch_runner.config import HypothesisConfig, PathConfig, UnitKind
from pathpatch_runner.errors import ConfigError, HypothesisError, PathPatchError, Problems
from pathpatch_runner.expression.canonical import canonical
from pathpatch_runner.expression.count import count_paths
from pathpatch_runner.expression.resolve import read_route
from pathpatch_runner.expression.scope import Scope
from pathpatch_runner.graph import Graph, ModelShape
from pathpatch_runner.hypothesis import resolve_hypotheses
from pathpatch_runner.hypothesis.every import read_spectrum
from pathpatch_runner.hypothesis.spectrum import Spectrum, spectrum_text, spectrum_units
from pathpatch_runner.hypothesis.unit import Unit
from reference.enumerated import members, model_paths

GPT2 = Graph(ModelShape(12, 12, 768, 64, 50257, 1024))
SMOLLM2 = Graph(ModelShape(30, 9, 576, 64, 49152, 2048))


def spectrum(value: Any, graph: Graph = SMALL) -> Spectrum:
    problems: list[PathPatchError] = []
    scope = Scope(graph, {"late": frozenset({graph.index["a1.h0"]})})
    found = read_spectrum(value, "every", scope, problems)
    assert not problems
    assert found is not None
    return found


def units(value: Any, graph: Graph = SMALL) -> list[Unit]:
    return list(spectrum_units("h", "e", spectrum(value, graph)))


@pytest.mark.parametrize("at_most", [0, 1, 2, 3])
def test_every_path_once_against_enumeration(at_most: int) -> None:
    found = units({"at_most": at_most})
    paths = [members(unit.paths, SMALL) for unit in found]
    assert [len(one) for one in paths] == [1] * len(found)
    expected = {path for path in model_paths(SMALL) if len(path) - 2 <= at_most}
    assert len(found) == len(expected) == spectrum({"at_most": at_most}).count()
    assert frozenset().union(*paths) == expected
    assert members(spectrum({"at_most": at_most}).union(), SMALL) == expected


def test_texts_and_bindings() -> None:
    found = units({"at_most": 2, "through": ["late", "m*"]})
    assert [(unit.path, unit.binding) for unit in found] == [
        ("input->logits", ()),
        ("input->m0->logits", (("n1", "m0"),)),
        ("input->a1.h0<q>->logits", (("n1", "a1.h0"), ("n1.slot", "q"))),
        ("input->a1.h0<k>->logits", (("n1", "a1.h0"), ("n1.slot", "k"))),
        ("input->a1.h0<v>->logits", (("n1", "a1.h0"), ("n1.slot", "v"))),
        ("input->m1->logits", (("n1", "m1"),)),
        ("input->m0->a1.h0<q>->logits", (("n1", "m0"), ("n2", "a1.h0"), ("n2.slot", "q"))),
        ("input->m0->a1.h0<k>->logits", (("n1", "m0"), ("n2", "a1.h0"), ("n2.slot", "k"))),
        ("input->m0->a1.h0<v>->logits", (("n1", "m0"), ("n2", "a1.h0"), ("n2.slot", "v"))),
        ("input->m0->m1->logits", (("n1", "m0"), ("n2", "m1"))),
        ("input->a1.h0<q>->m1->logits", (("n1", "a1.h0"), ("n1.slot", "q"), ("n2", "m1"))),
        ("input->a1.h0<k>->m1->logits", (("n1", "a1.h0"), ("n1.slot", "k"), ("n2", "m1"))),
        ("input->a1.h0<v>->m1->logits", (("n1", "a1.h0"), ("n1.slot", "v"), ("n2", "m1"))),
    ]
    assert found[-1].path_id == "e[input->a1.h0<v>->m1->logits]"
    for unit in found:
        assert canonical(unit.paths, SMALL) == unit.path
        assert unit.paths == (read_route(unit.path, Scope(SMALL)),)
    whole = spectrum({"at_most": 1, "through": ["late", "m*"]})
    assert spectrum_text(whole) == "input->logits | input->{a1.h0,m*}->logits"


def test_slots_together_and_senders() -> None:
    found = units({"at_most": 1, "through": "m*", "from": ["a0", "late"], "slots": "together"})
    assert [(unit.path, unit.binding) for unit in found] == [
        ("a0.h0->logits", (("s", "a0.h0"),)),
        ("a0.h1->logits", (("s", "a0.h1"),)),
        ("a1.h0->logits", (("s", "a1.h0"),)),
        ("a0.h0->m0->logits", (("s", "a0.h0"), ("n1", "m0"))),
        ("a0.h0->m1->logits", (("s", "a0.h0"), ("n1", "m1"))),
        ("a0.h1->m0->logits", (("s", "a0.h1"), ("n1", "m0"))),
        ("a0.h1->m1->logits", (("s", "a0.h1"), ("n1", "m1"))),
        ("a1.h0->m1->logits", (("s", "a1.h0"), ("n1", "m1"))),
    ]
    assert spectrum({"at_most": 1, "from": "a0"}).count() == len(
        units({"at_most": 1, "from": "a0"})
    )


def test_how_many_on_real_models() -> None:
    """Paths through 1, 2 and 3 nodes: 444, 90,786 and 11.3 million on GPT-2 small; 840, 341,850 and
    89.8 million on SmolLM2, slots apart."""
    assert spectrum({"at_most": 2}, GPT2).count() == 1 + 444 + 90_786
    assert len(units({"at_most": 2}, GPT2)) == 91_231
    assert spectrum({"at_most": 1}, SMOLLM2).count() == 841
    many = spectrum({"at_most": 3, "limit": 10**8}, SMOLLM2)
    assert many.count() == count_paths(many.union(), SMOLLM2)
    assert round((many.count() - 841 - 341_850) / 1e6, 1) == 89.8


@pytest.mark.parametrize(
    ("value", "kind", "message"),
    [
        (
            2,
            ConfigError,
            ": 2 is not a section. Write, for example, every: {at_most: 2, through: [a*.h*, m*]}",
        ),
        ({}, ConfigError, ".at_most: missing. Expected a whole number from 0 on"),
        ({"at_most": -1}, ConfigError, ".at_most: -1. Expected a whole number from 0 on"),
        ({"at_most": True}, ConfigError, ".at_most: True. Expected a whole number from 0 on"),
        ({"at_most": 1, "limit": 0}, ConfigError, ".limit: 0. Expected a whole number from 1 on"),
        (
            {"at_most": 1, "trough": "m*"},
            ConfigError,
            ': unknown key "trough". Did you mean "through"? Allowed: at_most, through, from, '
            "slots, limit",
        ),
        (
            {"at_most": 1, "slots": "apar"},
            ConfigError,
            ".slots: 'apar'. Allowed: apart, together",
        ),
        (
            {"at_most": 1, "through": ["m*", "logits"]},
            HypothesisError,
            '.through: "logits" is an end of the paths, and stands between them nowhere. Remove it',
        ),
        (
            {"at_most": 1, "from": "logits"},
            HypothesisError,
            '.from: no path begins at "logits". Remove it',
        ),
        (
            {"at_most": 1, "through": "r*"},
            HypothesisError,
            ".through: a stream is no node. Name nodes: [a*.h*, m*]",
        ),
        (
            {"at_most": 2},
            HypothesisError,
            ": that is 342,691 paths, more than the 250,000 rows allowed. Lower at_most, name "
            "fewer nodes in through, take slots: together, or allow them: limit: 342691",
        ),
    ],
)
def test_refused(value: Any, kind: type[Exception], message: str) -> None:
    problems: list[PathPatchError] = []
    assert read_spectrum(value, "every", Scope(SMOLLM2), problems) is None
    assert [type(problem) for problem in problems] == [kind]
    assert str(problems[0]) == f"every{message}"


def test_several_problems_together() -> None:
    problems: list[PathPatchError] = []
    value = {"at_most": "2", "slots": None, "from": "a9"}
    assert read_spectrum(value, "every", Scope(GRAPH), problems) is None
    assert str(Problems(problems)).count("every.") == 3


def test_as_an_entry() -> None:
    config = HypothesisConfig(
        paths={
            "short": PathConfig(every={"at_most": 1, "through": "m*"}),
            "head": PathConfig("a1.h0 -> logits"),
        }
    )
    kinds = [UnitKind.path, UnitKind.hypothesis]
    found = resolve_hypotheses({"h": config}, kinds, SMALL, None).units
    assert [(unit.path_id, unit.path) for unit in found] == [
        ("short[input->logits]", "input->logits"),
        ("short[input->m0->logits]", "input->m0->logits"),
        ("short[input->m1->logits]", "input->m1->logits"),
        ("head", "a1.h0->logits"),
        ("short+head", "input->logits | input->m*->logits | a1.h0->logits"),
    ]


@pytest.mark.parametrize(
    ("path", "message"),
    [
        (
            PathConfig("m0 -> logits", every={"at_most": 1}),
            "hypotheses.h.paths.e: says expr and every. Say one of expr, circuit, edges, every",
        ),
        (
            PathConfig(over={"s": "m*"}, every={"at_most": 1}),
            "hypotheses.h.paths.e.over: goes with expr, not with every",
        ),
        (
            PathConfig(every={"at_most": 1}, sizes=[0.1]),
            "hypotheses.h.paths.e.sizes: goes with circuit or edges, not with every",
        ),
        (
            PathConfig(every={"at_most": 1, "through": "late"}),
            'hypotheses.h.paths.e.every.through: unknown name "late"\n  late\n  ^^^^\n'
            '  Nodes: "input", "logits", "any", "a0.h0", "m0".',
        ),
    ],
)
def test_entries_refused(path: PathConfig, message: str) -> None:
    config = HypothesisConfig(paths={"e": path})
    with pytest.raises(PathPatchError) as caught:
        resolve_hypotheses({"h": config}, [UnitKind.path], SMALL, None)
    assert str(caught.value) == message
