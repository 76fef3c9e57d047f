"""Chains compiled at once: the same plan as by automata, up to the order of equal parts."""

from __future__ import annotations

import numpy as np
import pytest

from pathpatch_runner.expression.alphabet import Alphabet
from pathpatch_runner.expression.ast import PathSet
from pathpatch_runner.expression.count import draw_paths
from pathpatch_runner.expression.single import single_route
from pathpatch_runner.graph import Graph, ModelShape
from pathpatch_runner.hypothesis.spectrum import Spectrum
from pathpatch_runner.plan import compile as compiling
from pathpatch_runner.plan.chains import chain_plan
from pathpatch_runner.plan.compile import compile_plan
from pathpatch_runner.plan.compile_set import compile_set
from pathpatch_runner.plan.plan import Plan
from pathpatch_runner.plan.set_plan import PATCHED, SetPlan
from plan.small import TWO_LAYERS, WITH_MLPS, path_set

SHAPES = {
    "attention only": TWO_LAYERS,
    "mlps": ModelShape(3, 2, 8, 4, 11, 16, d_mlp=16),
    "parallel": ModelShape(3, 2, 8, 4, 11, 16, d_mlp=16, parallel=True),
    "one node a layer": ModelShape(2, 2, 8, 4, 11, 16, d_mlp=16, separable_heads=False),
}
WRITTEN = (
    "input -> logits",
    "input -> m0 -> logits",
    "m1 -> logits",
    "a0.h1 -> a1.h0<k> -> logits",
    "a0.h1<v> -> m1 -> logits",
    "input -> a0.h0<q,k> -> a1.h1 -> logits",
    "a0.h1<q,k,v> -> logits",
)


def by_automata(sets: list[PathSet], alphabet: Alphabet, monkeypatch: pytest.MonkeyPatch) -> Plan:
    with monkeypatch.context() as patch:
        patch.setattr(compiling, "chain_plan", lambda *_: None)
        return compile_plan(sets, alphabet)


class Spelt:
    """What the streams of a plan are, without numbers."""

    def __init__(self, plan: Plan) -> None:
        self._version = {number: str(number) for number in range(2)}
        self._stream = dict(self._version)
        for number, stage in enumerate(plan.stages):
            for version, node, reads in zip(
                stage.version_ids.tolist(), stage.nodes, stage.reads, strict=True
            ):
                read = [self._stream[stream] for stream in reads.ravel().tolist()]
                self._version[version] = f"{node}({', '.join(read)})"
            for stream, parent, writes in zip(
                stage.stream_ids.tolist(), stage.parent.tolist(), stage.writes, strict=True
            ):
                wrote = [self._version[version] for version in writes.ravel().tolist()]
                self._stream[stream] = f"[{self._stream[parent]} {number}: {', '.join(wrote)}]"
        self.outputs = [self._stream[stream] for stream in plan.outputs[:, 0].tolist()]


def spelt_set(plan: SetPlan) -> set[str]:
    return {repr(each) for each in (*plan.versions, *plan.streams, plan.output)}


def same(found: Plan | None, expected: Plan) -> None:
    assert found is not None
    assert Spelt(found).outputs == Spelt(expected).outputs
    assert (found.n_versions, found.n_streams) == (expected.n_versions, expected.n_streams)
    np.testing.assert_array_equal(found.orbit_of, expected.orbit_of)
    assert [len(one.versions) for one in found.orbits] == [
        len(one.versions) for one in expected.orbits
    ]


@pytest.mark.parametrize("name", SHAPES)
@pytest.mark.parametrize("apart", [True, False])
def test_every_short_path(name: str, apart: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    graph = Graph(SHAPES[name])
    every = Spectrum(graph, 3, tuple(range(1, graph.logits)), (), apart).union()
    paths = draw_paths(every, graph, 60, 0, distinct=True)
    sets: list[PathSet] = [(single_route(path, graph),) for path in paths]
    alphabet = Alphabet(graph)
    same(chain_plan(sets, alphabet), by_automata(sets, alphabet, monkeypatch))


def test_chains_as_they_are_written(monkeypatch: pytest.MonkeyPatch) -> None:
    sets = [path_set(WITH_MLPS, text) for text in WRITTEN]
    alphabet = Alphabet(Graph(WITH_MLPS))
    found = chain_plan(sets, alphabet)
    same(found, by_automata(sets, alphabet, monkeypatch))
    assert found is not None
    for paths, orbit in zip(sets, found.orbit_of, strict=True):
        assert spelt_set(found.orbits[orbit]) == spelt_set(compile_set(paths, alphabet))
    # `a0.h1<q,k,v>` reads the patched run through every slot, as `a0.h1` does.
    assert found.stages[1].writes[found.outputs[-1, 0] - found.stages[1].first_stream, 1] == PATCHED


@pytest.mark.parametrize(
    "text",
    [
        "a0.h1 => logits",
        "{a0.h0, a0.h1} -> logits",
        "!a0.h0 -> logits",
        "a0.h1<k~1> -> logits",
        "a1.h1 -> a0.h0 -> logits",
    ],
)
def test_other_path_sets_are_no_chains(text: str) -> None:
    chain = path_set(WITH_MLPS, "a0.h1 -> logits")
    assert chain_plan([chain, path_set(WITH_MLPS, text)], Alphabet(Graph(WITH_MLPS))) is None
    both = path_set(WITH_MLPS, "a0.h1 -> logits", "m0 -> logits")
    assert chain_plan([both], Alphabet(Graph(WITH_MLPS))) is None
    assert chain_plan([()], Alphabet(Graph(WITH_MLPS))) is None
