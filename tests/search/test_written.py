"""Found paths as hypotheses: exactly those paths, in few entries, in a file that reads back."""

from __future__ import annotations

import itertools

import yaml

from pathpatch_runner.config import HypothesisConfig, PathConfig, UnitKind
from pathpatch_runner.expression.count import draw_paths
from pathpatch_runner.graph import Graph, ModelShape
from pathpatch_runner.hypothesis import resolve_hypotheses
from pathpatch_runner.search.tail import Step, Tail
from pathpatch_runner.search.written import Written, entries_of, found_yaml, hypothesis_of

GRAPH = Graph(ModelShape(2, 4, 8, 2, 11, 8, attn_only=True))


def path(*steps: tuple[str, str]) -> Tail:
    middle = [Step(GRAPH.index[node], slot) for node, slot in steps]
    return (Step(0), *middle, Step(GRAPH.logits))


PREVIOUS = [
    path((f"a0.h{first}", "v"), (f"a1.h{last}", "k"))
    for first, last in itertools.product((0, 1), (2, 3))
]
TAILS = [*PREVIOUS, path(("a0.h0", "v"), ("a1.h0", "k")), path(("a1.h2", "q")), path()]


def test_paths_that_differ_in_one_node_are_one_entry() -> None:
    config = hypothesis_of(entries_of(TAILS, GRAPH), GRAPH)
    assert [entry.expr for entry in config.paths.values()] == [
        "input -> layer0_heads<v> -> layer1_heads<k> -> logits",
        "input -> a0.h0<v> -> a1.h0<k> -> logits",
        "input -> a1.h2<q> -> logits",
        "input -> logits",
    ]
    assert config.groups == {"layer0_heads": ["a0.h0", "a0.h1"], "layer1_heads": ["a1.h2", "a1.h3"]}


def test_the_hypothesis_has_exactly_the_paths_found() -> None:
    for size in range(1, len(TAILS) + 1):
        for chosen in itertools.combinations(TAILS, size):
            config = hypothesis_of(entries_of(chosen, GRAPH), GRAPH)
            (unit,) = resolve_hypotheses({"h": config}, [UnitKind.hypothesis], GRAPH, None).units
            drawn = draw_paths(unit.paths, GRAPH, 100, 0, distinct=True)
            wanted = {tuple(step.node for step in tail) for tail in chosen}
            assert {tuple(node for node, _ in one) for one in drawn} == wanted
            assert len(drawn) == size


def test_the_file_is_read_back_as_it_was_written() -> None:
    entries = entries_of(TAILS, GRAPH)
    config = hypothesis_of(entries, GRAPH)
    notes = tuple("50.0% of the total effect" for _ in entries)
    text = found_yaml([Written("found", config, tuple(entries), notes)], "toy")
    read = yaml.safe_load(text)["found"]
    paths = {name: PathConfig(**entry) for name, entry in read["paths"].items()}
    assert HypothesisConfig(groups=read["groups"], paths=paths) == config
    assert "# 4 paths, the largest 50.0% of the total effect" in text
