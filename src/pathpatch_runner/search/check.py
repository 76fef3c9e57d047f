"""A search as the config says it, checked before anything runs."""

from __future__ import annotations

from collections.abc import Sequence

from pathpatch_runner.config import Correction, SearchConfig, Slots
from pathpatch_runner.dataset import PairSet
from pathpatch_runner.errors import ConfigError, PathPatchError, did_you_mean
from pathpatch_runner.expression.ast import Position
from pathpatch_runner.expression.domain import Kind
from pathpatch_runner.expression.scope import Scope
from pathpatch_runner.graph import Graph
from pathpatch_runner.hypothesis.nodes import read_nodes
from pathpatch_runner.search.level import MOST_BLOCKS, least_p
from pathpatch_runner.search.split import Split, split_pairs
from pathpatch_runner.search.tail import Space

NO_POSITIONS = "none"


def space_of(
    config: SearchConfig, graph: Graph, names: frozenset[str], problems: list[PathPatchError]
) -> Space:
    """What the search may go through. `names`: of positions. Adds to `problems`; means nothing if
    there are any."""
    domain = read_nodes(config.through, "search.through", Scope(graph), problems)
    nodes: list[int] = []
    if domain is not None and domain.kind is not Kind.node:
        problems.append(ConfigError("search.through: a stream is no node. Name nodes: [a*.h*, m*]"))
    elif domain is not None:
        nodes = sorted(value for value in domain.values if isinstance(value, int))
    ends = [graph.nodes[node].name for node in nodes if node in (0, graph.logits)]
    if ends:
        what = f'search.through: "{ends[0]}" is an end of the paths. Remove it'
        problems.append(ConfigError(what))
    positions = _positions(config, names, problems)
    return Space(graph, tuple(nodes), config.slots is Slots.apart, positions)


def _positions(
    config: SearchConfig, names: frozenset[str], problems: list[PathPatchError]
) -> tuple[Position, ...]:
    value = config.positions
    if value is None or value == NO_POSITIONS:
        return ()
    if isinstance(value, str) or not isinstance(value, Sequence) or not value:
        what = f"search.positions: {value!r}. Expected none, or a list of positions of the data: "
        problems.append(ConfigError(what + ", ".join(sorted(names))))
        return ()
    for name in value:
        if name not in names:
            near = did_you_mean(str(name), sorted(names))
            what = f'search.positions: the data name no position "{name}".{near} They name: '
            problems.append(ConfigError(what + ", ".join(sorted(names))))
    if config.slots is Slots.together:
        what = "search.slots: together, and search.positions: only keys and values are read at a "
        problems.append(ConfigError(what + "position of their own. Use search.slots=apart"))
    return tuple(Position(str(name)) for name in dict.fromkeys(value))


def search_problems(
    config: SearchConfig, metrics: Sequence[str], pairs: PairSet, graph: Graph, seed: int
) -> list[PathPatchError]:
    """Everything wrong with a search."""
    problems = _out_of_range(config)
    if config.metric is not None and config.metric not in metrics:
        what = f'search.metric: "{config.metric}" is no metric of this run.'
        near = did_you_mean(config.metric, metrics)
        problems.append(
            ConfigError(f"{what}{near} It has: {', '.join(metrics)}. Add it to metrics")
        )
    space = space_of(config, graph, pairs.position_names, problems)
    if not problems:
        ids = [pair.pair_id for pair in pairs.pairs]
        tests = len(space.writers(space.roots()[0]))
        problems += _too_few(config, split_pairs(ids, config.confirm, seed), tests)
    return problems


def _out_of_range(config: SearchConfig) -> list[PathPatchError]:
    shares = [
        ("alpha", config.alpha, 0 < config.alpha < 1, "a number between 0 and 1"),
        ("confirm", config.confirm, 0 < config.confirm < 1, "a share between 0 and 1"),
        ("min_share", config.min_share, 0 <= config.min_share < 1, "a share from 0 up, below 1"),
        ("at_most", config.at_most, config.at_most >= 0, "a whole number from 0 on"),
        ("evaluations", config.evaluations, config.evaluations > 0, "a whole number from 1 on"),
        ("sample", config.sample, config.sample >= 0, "a whole number from 0 on"),
    ]
    return [
        ConfigError(f"search.{name}: {value}. Expected {expected}")
        for name, value, sound, expected in shares
        if not sound
    ]


def _too_few(config: SearchConfig, split: Split, tests: int) -> list[PathPatchError]:
    """Pairs of which no effect, however large, could be significant."""
    needed = config.alpha / (tests if config.correction is Correction.bonferroni else 1)
    sides = {"choose": (split.selection, needed), "confirm": (split.confirmation, config.alpha)}
    total = len(split.selection) + len(split.confirmation)
    for what, (side, most) in sides.items():
        if len(side) < 2 or least_p(len(side)) > most:
            enough = next((n for n in range(2, MOST_BLOCKS + 1) if least_p(n) <= most), None)
            share = config.confirm if what == "confirm" else 1 - config.confirm
            mend = (
                f"At least {-int(-enough // share)} pairs are needed (dataset.n_pairs)"
                if enough is not None
                else "Use search.correction=fdr, or a larger search.alpha"
            )
            least = f"{least_p(max(1, len(side))):.2g}"
            return [
                ConfigError(
                    f"search: of {total} pairs {len(side)} {what} (search.confirm: "
                    f"{config.confirm}), and {len(side)} give no p value below {least}, while "
                    f"{most:.2g} is needed: nothing could be found. {mend}"
                )
            ]
    return []
