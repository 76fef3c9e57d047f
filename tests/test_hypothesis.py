"""Units of hypotheses, bindings of families, and the text of every refusal."""

from __future__ import annotations

import time
from collections.abc import Iterator
from itertools import product
from typing import Any

import pytest

from pathpatch_runner.config import HypothesisConfig, PathConfig, UnitKind
from pathpatch_runner.errors import ConfigError, ExpressionError, HypothesisError, Problems
from pathpatch_runner.expression.ast import PathSet, Position, Route, Steps
from pathpatch_runner.expression.parse import parse
from pathpatch_runner.expression.resolve import read_route, resolve
from pathpatch_runner.expression.scope import Scope
from pathpatch_runner.graph import Graph, ModelShape
from pathpatch_runner.hypothesis import Hypotheses, Unit, resolve_hypotheses

# Nodes: 0 input, 1-3 a0.h0-2, 4 m0, 5-7 a1.h0-2, 8 m1, 9 logits.
GRAPH = Graph(ModelShape(2, 3, 6, 2, 11, 16))
SMALL = Graph(ModelShape(2, 2, 4, 2, 7, 16))
PARALLEL = Graph(ModelShape(2, 2, 4, 2, 7, 16, parallel=True))
GROUPS = {"prev": "a0.h1", "induction": ["a1.h1", "a1.h2"]}


def resolved(
    configs: dict[str, HypothesisConfig],
    *kinds: UnitKind,
    graph: Graph = GRAPH,
    positions: frozenset[str] | None = None,
) -> Hypotheses:
    return resolve_hypotheses(configs, kinds or (UnitKind.path,), graph, positions)


def family(expr: object, over: dict[str, Any], graph: Graph = GRAPH) -> Hypotheses:
    config = HypothesisConfig(paths={"e": PathConfig(expr, over)})
    return resolved({"h": config}, UnitKind.path, UnitKind.hypothesis, graph=graph)


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


def test_family() -> None:
    over = {"s": ["m1", "a0.h0-1"], "r": ["a1.h2", "a1.h0", "a1.h0"]}
    found = family("s -> r<q> => logits", over)
    assert found.bindings_left_out == 2
    assert [(unit.path_id, unit.path, unit.binding) for unit in found.units[:-1]] == [
        (
            f"e[s={s},r={r}]",
            f"{s}->{r}<q>=>logits",
            (("s", s), ("r", r)),
        )
        for s in ("a0.h0", "a0.h1")
        for r in ("a1.h0", "a1.h2")
    ]
    whole = found.units[-1]
    assert (whole.path_id, whole.binding, len(whole.paths)) == ("e", (), 1)
    assert whole.path == "{a0.h0,a0.h1,m1}->{a1.h0<q>,a1.h2<q>}=>logits"


def test_bindings_are_a_product_in_the_order_listed() -> None:
    found = family("s -> r -> logits", {"r": "m*", "s": "a*.h0"})
    assert [unit.path_id for unit in found.units[:-1]] == [
        "e[r=m0,s=a0.h0]",
        "e[r=m1,s=a0.h0]",
        "e[r=m1,s=a1.h0]",
    ]
    assert found.bindings_left_out == 1


def test_values_may_be_groups_and_groups_may_name_groups() -> None:
    config = HypothesisConfig(
        groups={"both": ["late", "prev"], "late": ["a1.h0"], "prev": "a0.h1"},
        paths={"e": PathConfig("s -> logits", {"s": ["both", "m0"]})},
    )
    found = resolved({"h": config})
    assert [unit.path for unit in found.units] == ["a0.h1->logits", "m0->logits", "a1.h0->logits"]


def test_parallel_blocks_do_not_feed_their_own_mlp() -> None:
    over = {"s": "a0", "r": "m*"}
    serial = family("s -> r -> logits", over, SMALL)
    parallel = family("s -> r -> logits", over, PARALLEL)
    assert (len(serial.units) - 1, serial.bindings_left_out) == (4, 0)
    assert (len(parallel.units) - 1, parallel.bindings_left_out) == (2, 2)


# A specification of families by enumeration: a path is a tuple of (node, slot).
Path = tuple[tuple[int, str], ...]


def model_paths(graph: Graph) -> list[Path]:
    def onward(node: int) -> Iterator[Path]:
        if node == graph.logits:
            yield ()
        for reader in range(node + 1, graph.logits + 1):
            if graph.stage_of[reader] > graph.stage_of[node]:
                for slot in graph.nodes[reader].slots:
                    for rest in onward(reader):
                        yield ((reader, slot), *rest)

    return [((0, ""), *rest) for rest in onward(0)]


def fits(step: tuple[int, str], steps: Steps) -> bool:
    found = any(
        step[0] in pattern.nodes and (pattern.slots is None or step[1] in pattern.slots)
        for pattern in steps.patterns
    )
    return found != steps.negated


def follows(path: Path, route: Route) -> bool:
    """Whether the path, begun at its first step, can be read as the route."""
    if not path or not fits(path[0], route.sets[0]):
        return False
    if len(route.sets) == 1:
        return len(path) == 1
    link, rest = route.links[0], Route(route.sets[1:], route.links[1:])
    for start in range(1, len(path)):
        if follows(path[start:], rest):
            return True
        if link is None or not fits(path[start], link):
            return False
    return False


def members(paths: PathSet, graph: Graph) -> frozenset[Path]:
    return frozenset(
        path
        for path in model_paths(graph)
        if any(follows(path[start:], route) for route in paths for start in range(len(path)))
    )


ENUMERATED: dict[str, tuple[object, dict[str, Any]]] = {
    "product": ("s -> r<q> => logits", {"s": "any", "r": ["a*", "m1"]}),
    "any slot of any node": ("s<k> -> r -> logits", {"s": "any", "r": ["input", "any"]}),
    "complement": ("!{s, m0} -> r -> logits", {"s": "a0", "r": "any"}),
    "complement of one head": ("input -> !s -> m1 -> logits", {"s": ["a0.h0", "m1"]}),
    "twice": ("s<q> => {s<k>, r} -> logits", {"s": "any", "r": "m*"}),
    "link": ("s -[{s, r}]-> logits", {"s": ["input", "m*"], "r": "a0"}),
    "link without it": ("s -[!r]-> logits", {"s": "m*", "r": "a1"}),
    "two expressions": (["s -> r -> logits", "r<v> -> logits"], {"s": "a*", "r": "a*"}),
}


@pytest.mark.parametrize("case", ENUMERATED)
@pytest.mark.parametrize("graph", [SMALL, PARALLEL], ids=["serial", "parallel"])
def test_families_against_enumeration(case: str, graph: Graph) -> None:
    expr, over = ENUMERATED[case]
    texts = [expr] if isinstance(expr, str) else expr
    assert isinstance(texts, list)
    found = family(expr, over, graph)
    values = {
        variable: sorted(
            node
            for value in ([patterns] if isinstance(patterns, str) else patterns)
            for node in read_route(f"{value} => logits", Scope(graph)).sets[0].patterns[0].nodes
        )
        for variable, patterns in over.items()
    }
    scope = Scope(graph, variables={name: frozenset(nodes) for name, nodes in values.items()})
    templates = [resolve(parse(text), scope)[0] for text in texts]
    expected = []
    for nodes in product(*values.values()):
        bound = {name: frozenset({node}) for name, node in zip(values, nodes, strict=True)}
        paths = members(tuple(template.bind(bound) for template in templates), graph)
        if paths:
            names = [graph.nodes[node].name for node in nodes]
            expected.append((tuple(zip(values, names, strict=True)), paths))
    *bindings, whole = found.units
    assert [(unit.binding, members(unit.paths, graph)) for unit in bindings] == expected
    assert members(whole.paths, graph) == frozenset().union(*(paths for _, paths in expected))
    total = len(list(product(*values.values())))
    assert found.bindings_left_out == total - len(expected)


def test_text_of_a_union_that_sets_cannot_express() -> None:
    found = family("{s<v>@S1, m0@S1} -[!{s,a1.h0}]-> m1 -> logits", {"s": "a0"})
    whole = found.units[-1]
    assert whole.path == "{m0@S1,s<v>@S1}-[!{a1.h0,s}]->m1->logits[s=a0.h*]"
    assert len(whole.paths) == 3


def test_large_families_are_quick() -> None:
    graph = Graph(ModelShape(12, 12, 768, 64, 50257, 1024))
    over = {"s": "a*.h*", "r": "a*.h*"}
    start = time.perf_counter()
    found = family("s -> r<q> -> logits@end", over, graph)
    assert time.perf_counter() - start < 1.0
    assert (len(found.units) - 1, found.bindings_left_out) == (9504, 144 * 144 - 9504)
    assert found.units[0].path == "a0.h0->a1.h0<q>->logits@end"
    assert found.units[9503].path_id == "e[s=a10.h11,r=a11.h11]"


def refusal(config: HypothesisConfig, positions: frozenset[str] | None = None) -> Exception:
    with pytest.raises(ValueError, match=r"hypotheses\.h\.") as caught:
        resolved({"h": config}, positions=positions)
    return caught.value


FINE = {"k": PathConfig("m0 -> logits")}
MEMBER = "Expected a node pattern, the name of a group, or a list of these"


@pytest.mark.parametrize(
    ("groups", "kind", "message"),
    [
        ({"m1": "a0"}, HypothesisError, '.m1: "m1" already means a node. Rename the group'),
        (
            {"x-y": "a0"},
            HypothesisError,
            '.x-y: "x-y" is not a name: use letters, digits and "_", and begin with a letter. '
            "Rename the group",
        ),
        ({"g": []}, HypothesisError, f".g: the group is empty. {MEMBER}"),
        ({"g": None}, HypothesisError, f".g: the group is empty. {MEMBER}"),
        (
            {"g": ["m0", 9.6]},
            ConfigError,
            ".g[1]: YAML reads 9.6 as a number. Write a head as a9.h6, or in quotes",
        ),
        ({"g": {"a": 1}}, ConfigError, f".g: {{'a': 1}} is not a node pattern. {MEMBER}"),
        (
            {"g": "a0.h7"},
            ExpressionError,
            '.g: unknown node "a0.h7"\n  a0.h7\n  ^^^^^\n'
            '  layer 0 has heads 0-2. Did you mean "a0.h2"?',
        ),
        (
            {"g": ["m0", "perv"], "prev": "m1"},
            ExpressionError,
            '.g[1]: unknown name "perv"\n  perv\n  ^^^^\n'
            '  groups and variables here: g, prev. Nodes: "input", "logits", "any", "a0.h0", "m0". '
            'Did you mean "prev"?',
        ),
        (
            {"a": ["b", "m0"], "b": "c", "c": "a", "uses": "a"},
            HypothesisError,
            ".a: groups name each other in a circle: a -> b -> c -> a",
        ),
        ({"a": "a"}, HypothesisError, ".a: groups name each other in a circle: a -> a"),
    ],
)
def test_bad_group(groups: dict[str, Any], kind: type[Exception], message: str) -> None:
    error = refusal(HypothesisConfig(groups, FINE))
    assert type(error) is kind
    assert str(error) == f"hypotheses.h.groups{message}"


def test_a_bad_group_is_reported_once_and_with_all_that_is_wrong() -> None:
    groups = {"g": ["a0.h7", "m0<k>", "x"], "uses": "g"}
    error = refusal(HypothesisConfig(groups, {"k": PathConfig("uses -> g -> logits")}))
    assert isinstance(error, Problems)
    assert [str(problem).splitlines()[0] for problem in error.problems] == [
        'hypotheses.h.groups.g[1]: unexpected "<"',
        'hypotheses.h.groups.g[0]: unknown node "a0.h7"',
        'hypotheses.h.groups.g[2]: unknown name "x"',
    ]


ENTRY = "Expected a path expression or a list of them"


@pytest.mark.parametrize(
    ("path", "kind", "message"),
    [
        (PathConfig(), ConfigError, f".expr: missing. {ENTRY}"),
        (PathConfig(None), ConfigError, f".expr: missing. {ENTRY}"),
        (PathConfig(3), ConfigError, f".expr: 3 is not text. {ENTRY}"),
        (PathConfig({"a": 1}), ConfigError, f".expr: {{'a': 1}} is not text. {ENTRY}"),
        (PathConfig([]), ConfigError, f".expr: the list is empty. {ENTRY}"),
        (PathConfig(["m0 -> logits", 3]), ConfigError, f".expr[1]: 3 is not text. {ENTRY}"),
        (
            PathConfig(["m0 -> logits", "m0->logits"]),
            HypothesisError,
            '.expr[1]: "m0->logits" is the same path as hypotheses.h.paths.k.expr[0]. '
            "Remove one of the two",
        ),
        (
            PathConfig("input -> a1.h9<k> -> logits"),
            ExpressionError,
            '.expr: unknown node "a1.h9"\n  input -> a1.h9<k> -> logits\n           ^^^^^\n'
            '  layer 1 has heads 0-2. Did you mean "a1.h2"?',
        ),
        (
            PathConfig("m0 -> logits@S1"),
            ExpressionError,
            '.expr: unknown position "S1"\n  m0 -> logits@S1\n               ^^\n'
            "  positions that the dataset names: end.",
        ),
        (
            PathConfig("s -> logits", {"s": []}),
            HypothesisError,
            f".over.s: the variable has no values. {MEMBER}",
        ),
        (
            PathConfig("s -> logits", {"s": None}),
            HypothesisError,
            f".over.s: the variable has no values. {MEMBER}",
        ),
        (
            PathConfig("s -> logits", {"s": "m7"}),
            ExpressionError,
            '.over.s: unknown node "m7"\n  m7\n  ^^\n'
            '  this model has layers 0-1. Did you mean "m1"?',
        ),
        (
            PathConfig("prev -> logits", {"prev": "m*"}),
            HypothesisError,
            '.over.prev: "prev" is a group too. Rename the variable',
        ),
        (
            PathConfig("any -> logits", {"any": "m*"}),
            HypothesisError,
            '.over.any: "any" already means a node. Rename the variable',
        ),
        (
            PathConfig("m0 -> logits", {"s": "m*"}),
            HypothesisError,
            '.over.s: variable "s" is not used in the expression. Use it or remove it',
        ),
        (
            PathConfig("a1.h1 -> a0.h2<k> => logits"),
            HypothesisError,
            ".expr: the path matches nothing in this model\n  a1.h1 -> a0.h2<k> => logits\n"
            "  a1.h1 does not come before a0.h2<k>: a node reads what lower layers wrote, "
            "and an MLP the attention of its own layer",
        ),
        (
            PathConfig(["m0 -> m1 -> logits", "m1 -> m0\n  -> logits"]),
            HypothesisError,
            ".expr[1]: the path matches nothing in this model\n  m1 -> m0 -> logits\n"
            "  m1 does not come before m0: a node reads what lower layers wrote, "
            "and an MLP the attention of its own layer",
        ),
        (
            PathConfig("input -> !{a0, m1} -> a0.h1 -> logits"),
            HypothesisError,
            ".expr: the path matches nothing in this model\n"
            "  input -> !{a0, m1} -> a0.h1 -> logits\n"
            "  !{a0.h*,m1} does not come before a0.h1: a node reads what lower layers wrote, "
            "and an MLP the attention of its own layer",
        ),
        (
            PathConfig("!{input, any, logits} -> logits"),
            HypothesisError,
            ".expr: the path matches nothing in this model\n  !{input, any, logits} -> logits\n"
            "  no step of this model is !{input,any,logits}",
        ),
        (
            PathConfig("s -> r -> logits", {"s": "a1", "r": ["a0", "m0"]}),
            HypothesisError,
            ".expr: no values of s, r make the path match anything in this model\n"
            "  s -> r -> logits\n"
            "  a1.h* does not come before {a0.h*,m0}: a node reads what lower layers wrote, "
            "and an MLP the attention of its own layer",
        ),
        (
            PathConfig("s -> s -> logits", {"s": "any"}),
            HypothesisError,
            ".expr: no values of s make the path match anything in this model\n"
            "  s -> s -> logits\n"
            "  each step can be reached, but not with the same values: a node reads what lower "
            "layers wrote, and an MLP the attention of its own layer",
        ),
    ],
)
def test_bad_entry(path: PathConfig, kind: type[Exception], message: str) -> None:
    error = refusal(HypothesisConfig(GROUPS, {"k": path}), frozenset({"end"}))
    assert type(error) is kind
    assert str(error) == f"hypotheses.h.paths.k{message}"


def test_names_that_would_make_ids_ambiguous() -> None:
    error = refusal(HypothesisConfig(paths={"a+b": PathConfig("m0 -> logits")}))
    assert str(error) == (
        'hypotheses.h.paths.a+b: "a+b" cannot name a path: leave out white space and + [ ] = , |'
    )


def test_a_misspelt_variable_is_reported_from_both_ends() -> None:
    error = refusal(HypothesisConfig(paths={"k": PathConfig("ss -> logits", {"s": "m*"})}))
    assert isinstance(error, Problems)
    unused, unknown = map(str, error.problems)
    key = "hypotheses.h.paths.k"
    assert unused == (
        f'{key}.over.s: variable "s" is not used in the expression. Did you mean "ss"?'
    )
    assert unknown == (
        f'{key}.expr: unknown name "ss"\n  ss -> logits\n  ^^\n'
        '  groups and variables here: s. Nodes: "input", "logits", "any", "a0.h0", "m0". '
        'Did you mean "s"?'
    )


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
        "patch.units: none named. Allowed: path, hypothesis, cumulative, leave_one_out",
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


def test_unit_is_a_record() -> None:
    unit = Unit("h", UnitKind.path, "k", "logits", (), ())
    assert unit.entry == ""
