"""Random path sets from the whole grammar, and pairs to evaluate them on."""

from __future__ import annotations

import random
from collections.abc import Iterable
from typing import Any

from pathpatch_runner.dataset import Pair, PairSet, Point
from pathpatch_runner.dataset.positions import position_classes
from pathpatch_runner.execute.memory import Budget
from pathpatch_runner.execute.sources import Corruption
from pathpatch_runner.execute.task import Task
from pathpatch_runner.expression.alphabet import Alphabet, distance_classes, patterns_of
from pathpatch_runner.expression.ast import PathSet, Position, Route, StepPattern, Steps
from pathpatch_runner.expression.domain import stream
from pathpatch_runner.graph import Graph
from pathpatch_runner.metric import metric_named
from pathpatch_runner.model.load import LoadedModel

S1, S2, END = Position("S1"), Position("S2"), Position("end")
ROOMY = Budget(2**31, None)


def random_path_set(rng: random.Random, graph: Graph, *, positions: bool, back: bool) -> PathSet:
    """One or two routes of up to four sets."""
    return tuple(
        _route(rng, graph, positions=positions, back=back) for _ in range(rng.randint(1, 2))
    )


def _route(rng: random.Random, graph: Graph, *, positions: bool, back: bool) -> Route:
    count = rng.randint(1, 3)
    sets = [_steps(rng, graph, i == 0, positions, back) for i in range(count)]
    if rng.random() < 0.5:
        sets[0] = Steps((StepPattern(frozenset([0])),))
    if rng.random() < 0.3:
        sets.insert(rng.randint(0, count), _crossing(rng, graph, positions))
        count += 1
    at_end = END if positions and rng.random() < 0.5 else None
    sets.append(Steps((StepPattern(frozenset([graph.logits]), write=at_end),)))
    links = [_link(rng, graph, positions, back) for _ in range(count)]
    return Route(tuple(sets), tuple(links))


def _crossing(rng: random.Random, graph: Graph, positions: bool) -> Steps:
    """What a layer reads, at one or two positions."""
    below = stream(rng.randint(0, graph.shape.n_layers), graph).below
    places = rng.sample([S1, S2, END], rng.randint(1, 2)) if positions else [None]
    return Steps(tuple(StepPattern(below, write=place) for place in places), crossing=True)


def _link(rng: random.Random, graph: Graph, positions: bool, back: bool) -> Steps | None:
    kind = rng.random()
    if kind < 0.5:
        return None
    if kind < 0.75:
        return Steps((StepPattern(frozenset(range(len(graph.nodes)))),))
    return _steps(rng, graph, False, positions, back)


def _steps(
    rng: random.Random, graph: Graph, allow_input: bool, positions: bool, back: bool
) -> Steps:
    patterns = [
        _pattern(rng, graph, allow_input, positions, back) for _ in range(rng.randint(1, 2))
    ]
    return Steps(tuple(patterns), rng.random() < 0.3)


def _pattern(
    rng: random.Random, graph: Graph, allow_input: bool, positions: bool, back: bool
) -> StepPattern:
    candidates = [i for i in range(len(graph.nodes) - 1) if allow_input or i > 0]
    nodes = frozenset(rng.sample(candidates, rng.randint(1, len(candidates))))
    chosen: dict[str, Any] = {}
    if rng.random() < 0.4:
        chosen["slots"] = frozenset(rng.sample("qkv", rng.randint(1, 2)))
    if positions and rng.random() < 0.3:
        chosen["write"] = rng.choice([S1, S2, END])
    if positions and rng.random() < 0.3:
        chosen["read"] = rng.choice([S1, S2])
    if back and rng.random() < 0.4:
        chosen["back"] = rng.choice([(0, 0), (1, 1), (0, 1), (1, 2)])
    if ("read" in chosen or "back" in chosen) and "slots" not in chosen:
        # The grammar has them inside <...> only.
        chosen["slots"] = frozenset(rng.sample("qkv", rng.randint(1, 3)))
    return StepPattern(nodes, **chosen)


def random_pairs(
    rng: random.Random,
    d_vocab: int,
    lengths: tuple[int, ...] = (3, 3, 2),
    *,
    everywhere: bool,
    read_at: int = -1,
    n_logits: int | None = None,
) -> PairSet:
    """Pairs that differ from a random position on; points at every position, or at one."""
    pairs = []
    for number, length in enumerate(lengths):
        clean = tuple(rng.randrange(d_vocab) for _ in range(length))
        first = rng.randrange(length)
        rest = ((token + 1 + rng.randrange(d_vocab - 1)) % d_vocab for token in clean[first:])
        corrupt = (*clean[:first], *rest)
        at = range(length) if everywhere else [read_at % length]
        points = tuple(_point(rng, i, n_logits or d_vocab) for i in at)
        named = {"S1": 1, "S2": rng.randrange(length), "end": length - 1}
        pairs.append(Pair(str(number), clean, corrupt, points, named))
    return PairSet("random", tuple(pairs))


def _point(rng: random.Random, position: int, d_vocab: int) -> Point:
    """One to three answers, and as many distractors or fewer."""
    answers, distractors = rng.choice([(1, 1), (1, 1), (3, 1), (2, 2)])
    tokens = rng.sample(range(d_vocab), answers + distractors)
    return Point(position, tuple(tokens[:answers]), tuple(tokens[answers:]))


def mentioned_positions(path_sets: Iterable[PathSet]) -> tuple[Position, ...]:
    """Positions the path sets mention, sorted."""
    found = {
        position
        for pattern in patterns_of(path_sets)
        for position in (pattern.write, pattern.read)
        if position is not None
    }
    return tuple(sorted(found, key=lambda position: (position.name or "", position.offset)))


def task_of(
    model: LoadedModel,
    pairs: PairSet,
    path_sets: list[PathSet],
    metrics: tuple[str, ...] = ("logprob", "logit_diff", "kl"),
    budget: Budget = ROOMY,
) -> tuple[Task, Alphabet]:
    """What an executor needs to evaluate the path sets on the pairs."""
    found, classes = position_classes(pairs.pairs, mentioned_positions(path_sets))
    shape = model.shape
    alphabet = Alphabet(Graph(shape), found, distance_classes(path_sets, causal=shape.causal))
    source = Corruption()
    chosen = tuple(metric_named(name) for name in metrics)
    return Task(model, pairs, classes, chosen, source, budget), alphabet
