"""The walk on effects that are made up: a linear world in which a path set's effect is the sum over
its single paths, each of a weight given by hand. The sum is over paths enumerated here."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence

import numpy as np
import pytest

from pathpatch_runner.config import Correction
from pathpatch_runner.expression.ast import PathSet, Position
from pathpatch_runner.expression.canonical import canonical
from pathpatch_runner.graph import Graph, ModelShape
from pathpatch_runner.search.level import LevelTests
from pathpatch_runner.search.tail import Space
from pathpatch_runner.search.walk import Examined, Settings, Status, walk

GRAPH = Graph(ModelShape(3, 2, 8, 4, 11, 8, d_mlp=8))
N_PAIRS = 12
PLANTED = {
    "input->a0.h1<v>->a1.h0<k>->logits": 4.0,
    "input->m0->a2.h1<q>->logits": 2.0,
    "input->logits": 1.0,
}


def matches(path: str, tail: str) -> bool:
    """Whether a single path ends in a tail; a tail's first step may leave its slot open."""
    steps, wanted = path.split("->"), tail.split("->")
    if len(steps) < len(wanted):
        return False
    ends = steps[len(steps) - len(wanted) :]
    first = ends[0] == wanted[0] or ends[0].partition("<")[0] == wanted[0]
    return first and ends[1:] == wanted[1:] and (wanted[0] != "input" or len(steps) == len(wanted))


class World:
    """The callback. `asked`: expressions, call by call; `noise`: of every effect, of each pair."""

    def __init__(self, weights: Mapping[str, float], noise: float = 0.0) -> None:
        self.weights = weights
        self.asked: list[list[str]] = []
        self._noise = noise

    def __call__(self, what: str, path_sets: Sequence[PathSet]) -> np.ndarray:
        assert what
        texts = [canonical(paths, GRAPH) for paths in path_sets]
        self.asked.append(texts)
        rows = [
            sum(weight for path, weight in self.weights.items() if matches(path, text))
            for text in texts
        ]
        rng = np.random.default_rng(len(self.asked))
        spread = self._noise * rng.standard_normal((len(rows), N_PAIRS))
        return np.array(rows, float)[:, None] * np.linspace(0.8, 1.2, N_PAIRS) + spread


def search(
    world: World, correction: Correction = Correction.fdr, **settings: float
) -> list[Examined]:
    total = sum(world.weights.values())
    totals = total * np.linspace(0.8, 1.2, N_PAIRS)
    ids = tuple(map(str, range(N_PAIRS)))
    tests = LevelTests(ids, np.ones(N_PAIRS), totals, correction, 0)
    return walk(space(), Settings(**settings), tests, world)  # type: ignore[arg-type]


def space(*, apart: bool = True) -> Space:
    return Space(GRAPH, tuple(range(1, GRAPH.logits)), apart)


def found(examined: Sequence[Examined]) -> dict[str, float]:
    return {
        space().text(each.tail): round(each.effect, 9)
        for each in examined
        if each.status is Status.complete
    }


@pytest.mark.parametrize("correction", list(Correction))
def test_planted_paths_are_found_with_their_effects(correction: Correction) -> None:
    assert found(search(World(PLANTED), correction)) == PLANTED


def test_planted_paths_are_found_under_noise_and_nothing_else() -> None:
    assert found(search(World(PLANTED, noise=0.1), min_share=0.05)).keys() == PLANTED.keys()


def test_small_paths_are_pruned_and_it_is_said_why() -> None:
    examined = search(World(PLANTED), min_share=0.2)
    assert found(examined) == {path: weight for path, weight in PLANTED.items() if weight > 1}
    (direct,) = [each for each in examined if space().text(each.tail) == "input->logits"]
    assert direct.why == "too small: 14.29% of the total on the pairs that choose"


def test_every_writer_into_the_logits_and_only_what_passed_is_opened() -> None:
    world = World(PLANTED)
    search(world)
    nodes = [node.name for node in GRAPH.nodes[: GRAPH.logits]]
    assert world.asked[0] == [f"{node}->logits" for node in nodes]
    assert world.asked[1] == [
        f"{head}<{slot}>->logits" for head in ("a1.h0", "a2.h1") for slot in "qkv"
    ]


def test_the_largest_stubs_are_opened_first() -> None:
    world = World({"input->a0.h0<v>->logits": 1.0, "input->a0.h1<v>->logits": 5.0})
    search(world)
    assert [text.partition("<")[0] for text in world.asked[1]] == ["a0.h1"] * 3 + ["a0.h0"] * 3


def test_a_budget_ends_the_search_with_open_stubs() -> None:
    whole = search(World(PLANTED))
    for budget in (1, 12, 20, 30):
        examined = search(World(PLANTED), evaluations=budget)
        assert len(examined) <= budget
        assert len(examined) < len(whole)
        kept = [each for each in examined if each.status is Status.open]
        assert budget < 12 or all("budget" in each.why for each in kept)
        assert found(examined).items() <= found(whole).items()


def test_depth_ends_the_search() -> None:
    examined = search(World(PLANTED), at_most=1)
    assert found(examined) == {"input->logits": 1.0}
    left = {space().text(each.tail) for each in examined if each.status is Status.open}
    assert left == {"a1.h0<k>->logits", "a2.h1<q>->logits"}


def test_cancelling_paths_are_missed() -> None:
    """Two writers through one slot whose effects cancel: the slot looks like nothing."""
    cancelling = {
        "input->a0.h0<v>->a1.h0<k>->logits": 3.0,
        "input->a0.h1<v>->a1.h0<k>->logits": -3.0,
    }
    assert found(search(World({"input->logits": 1.0, **cancelling}))) == {"input->logits": 1.0}


def test_paths_that_cancel_across_slots_of_a_head_are_missed() -> None:
    cancelling = {"input->a1.h0<q>->logits": 3.0, "input->a1.h0<k>->logits": -3.0}
    assert found(search(World({"input->logits": 1.0, **cancelling}))) == {"input->logits": 1.0}


def test_slots_together_open_one_stub_a_head() -> None:
    one = Space(GRAPH, tuple(range(1, GRAPH.logits)), apart=False)
    (writer,) = [tail for tail in one.writers(one.roots()[0]) if one.text(tail) == "a1.h0->logits"]
    assert one.stubs(writer) == [writer]
    assert not one.is_split(writer)


def test_named_positions_are_told_apart() -> None:
    here = Space(GRAPH, (1, 2), positions=(Position("S1"), Position("end")))
    assert [here.text(root) for root in here.roots()] == ["logits@S1", "logits@end"]
    writer = here.writers(here.roots()[1])[1]
    assert [here.text(stub) for stub in here.stubs(writer)] == [
        "a0.h0<q>->logits@end",
        "a0.h0<k@S1>->logits@end",
        "a0.h0<k@end>->logits@end",
        "a0.h0<v@S1>->logits@end",
        "a0.h0<v@end>->logits@end",
    ]


def test_the_same_effects_give_the_same_walk() -> None:
    first, again = (search(World(PLANTED, noise=0.5)) for _ in range(2))
    assert first == again


def test_a_world_without_effects_is_searched_without_a_finding() -> None:
    """No path has an effect: every seed's first level is tested, and at most alpha of them, within
    three standard errors, open anything."""
    opened = 0
    seeds = 1000
    for seed in range(seeds):
        rng = np.random.default_rng(seed)

        def noise(
            _: str, path_sets: Sequence[PathSet], rng: np.random.Generator = rng
        ) -> np.ndarray:
            return rng.standard_normal((len(path_sets), N_PAIRS))

        ids = tuple(map(str, range(N_PAIRS)))
        tests = LevelTests(ids, np.ones(N_PAIRS), np.ones(N_PAIRS), Correction.fdr, 0)
        examined = walk(space(), Settings(min_share=0.0), tests, noise)
        opened += any(each.status is not Status.pruned for each in examined)
    assert opened / seeds <= 0.05 + 3 * (0.05 * 0.95 / seeds) ** 0.5


def test_every_single_path_of_a_small_space_can_be_reached() -> None:
    """With weights on all paths of up to two nodes, all are found."""
    graph_nodes = {"a0.h0": "qkv", "a0.h1": "qkv", "m0": "", "a1.h0": "qkv"}
    order = {"a0.h0": 0, "a0.h1": 0, "m0": 1, "a1.h0": 2}
    steps = [
        (name, f"{name}<{slot}>" if slot else name)
        for name, slots in graph_nodes.items()
        for slot in (slots or [""])
    ]
    chains = [[one] for one in steps] + [
        [a, b] for a, b in itertools.product(steps, steps) if order[a[0]] < order[b[0]]
    ]
    weights = {
        "->".join(["input", *[text for _, text in chain], "logits"]): 1.0 for chain in chains
    }
    through = tuple(GRAPH.index[name] for name in graph_nodes)
    world = World(weights)
    totals = np.full(N_PAIRS, sum(weights.values()))
    ids = tuple(map(str, range(N_PAIRS)))
    tests = LevelTests(ids, np.ones(N_PAIRS), totals, Correction.fdr, 0)
    examined = walk(Space(GRAPH, through), Settings(min_share=0.0, at_most=2), tests, world)
    assert found(examined).keys() == weights.keys()
