"""Configs of hypotheses -> units: the driver of this package, one call for a whole config."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence

from pathpatch_runner.config import HypothesisConfig, UnitKind
from pathpatch_runner.errors import (
    ConfigError,
    HypothesisError,
    PathPatchError,
    did_you_mean,
    raise_together,
)
from pathpatch_runner.expression.scope import Scope
from pathpatch_runner.graph import Graph
from pathpatch_runner.hypothesis.element import Element, EntryName, read_element
from pathpatch_runner.hypothesis.nodes import read_groups
from pathpatch_runner.hypothesis.selection import NO_SCORES, RunScores
from pathpatch_runner.hypothesis.unit import Hypotheses, Unit

MOST_IN_COALITIONS = 12
"""Entries of a hypothesis whose coalitions are evaluated: 4,095 unions."""


def resolve_hypotheses(
    configs: Mapping[str, HypothesisConfig],
    kinds: Sequence[UnitKind],
    graph: Graph,
    position_names: frozenset[str] | None,
    lengths: frozenset[int] | None = None,
    run: RunScores = NO_SCORES,
) -> Hypotheses:
    """The units of every hypothesis. `position_names` None: not known yet, accept any;
    `lengths`: of the prompts in tokens, None likewise. `run`: the scores of this run, by which
    circuits may be chosen.

    An entry with all its bindings is one element of a union. `leave_one_out` leaves out the
    unit of a hypothesis with a single entry: nothing is left there, and the empty set needs
    no evaluation. Raises ConfigError, ExpressionError or HypothesisError, or `Problems` with
    all of them.
    """
    problems = _missing(configs, kinds)
    scope = Scope(graph, position_names=position_names, lengths=lengths)
    units: list[Unit] = []
    elements: list[Element] = []
    against: dict[str, str] = {}
    for name, config in configs.items():
        before = len(problems)
        found = _elements(name, config, scope, run, problems)
        if UnitKind.coalitions in kinds and len(found) > MOST_IN_COALITIONS:
            problems.append(_too_many(name, found))
            continue
        own = [unit for kind in dict.fromkeys(kinds) for unit in _units(name, kind, found)]
        if kinds and not own and len(problems) == before:
            problems.append(_nothing_left(name, found))
        elements += found
        units += own
        if config.against is not None:
            against[name] = config.against
            problems += _against_problems(name, config.against, configs)
    raise_together(problems)
    return _hypotheses(units, elements, against)


def _hypotheses(
    units: Sequence[Unit], elements: Sequence[Element], against: Mapping[str, str]
) -> Hypotheses:
    return Hypotheses(
        tuple(units),
        sum(element.left_out for element in elements),
        against,
        frozenset().union(*(element.positions for element in elements)),
        any(element.awaits_scores for element in elements),
    )


def _missing(
    configs: Mapping[str, HypothesisConfig], kinds: Sequence[UnitKind]
) -> list[PathPatchError]:
    problems: list[PathPatchError] = []
    if not configs:
        problems.append(HypothesisError("hypotheses: name at least one hypothesis"))
    if not kinds:
        allowed = ", ".join(kind.value for kind in UnitKind)
        problems.append(ConfigError(f"patch.units: none named. Allowed: {allowed}"))
    return problems


def _elements(
    name: str,
    config: HypothesisConfig,
    bare: Scope,
    run: RunScores,
    problems: list[PathPatchError],
) -> list[Element]:
    key = f"hypotheses.{name}"
    scope = read_groups(config.groups or {}, f"{key}.groups", bare, problems)
    if not config.paths:
        what = f"{key}.paths: the hypothesis has no paths. Write at least one: paths: {{all: "
        problems.append(HypothesisError(what + '{expr: "input => logits"}}'))
    elements = []
    for entry_name, path in (config.paths or {}).items():
        named = EntryName(name, entry_name)
        element = read_element(named, path, scope, run, problems)
        if element is not None:
            elements.append(element)
    return elements


def _units(hypothesis: str, kind: UnitKind, elements: Sequence[Element]) -> Iterator[Unit]:
    if kind is UnitKind.path:
        for element in elements:
            yield from element.units
        return
    count = len(elements)
    every = list(range(count))
    chosen = {
        UnitKind.hypothesis: [every],
        UnitKind.cumulative: [every[: number + 1] for number in every],
        UnitKind.leave_one_out: [[i for i in every if i != out] for out in every],
        UnitKind.coalitions: _subsets(count) if kind is UnitKind.coalitions else [],
    }[kind]
    for numbers in chosen:
        if numbers:
            yield _union(hypothesis, kind, [elements[number] for number in numbers])


def _subsets(count: int) -> list[list[int]]:
    """All but the empty one, smaller ones first."""
    return [
        list(chosen)
        for size in range(1, count + 1)
        for chosen in itertools.combinations(range(count), size)
    ]


def _union(hypothesis: str, kind: UnitKind, elements: Sequence[Element]) -> Unit:
    routes = dict.fromkeys(route for element in elements for route in element.paths)
    path_id = "+".join(element.name for element in elements)
    path = " | ".join(element.path for element in elements)
    members = tuple(element.name for element in elements)
    return Unit(hypothesis, kind, path_id, path, (), tuple(routes), members=members)


def _too_many(name: str, elements: Sequence[Element]) -> HypothesisError:
    return HypothesisError(
        f"hypotheses.{name}.paths: {len(elements)} entries have {2 ** len(elements) - 1:,} "
        f"coalitions, and {MOST_IN_COALITIONS} entries are the most that patch.units [coalitions] "
        "takes. Join entries (an entry may hold a list of expressions), or use leave_one_out"
    )


def _nothing_left(name: str, elements: Sequence[Element]) -> HypothesisError:
    only = elements[0].name
    what = f'patch.units [leave_one_out] leaves nothing of its only path "{only}"'
    return HypothesisError(f"hypotheses.{name}: {what}. Add a path to it, or another unit")


def _against_problems(
    name: str, against: str, configs: Mapping[str, HypothesisConfig]
) -> list[PathPatchError]:
    key = f"hypotheses.{name}.against"
    others = [other for other in configs if other != name]
    if against == name:
        what = f'{key}: "{against}" is the hypothesis itself'
    elif against not in configs:
        what = f'{key}: unknown hypothesis "{against}"'
    else:
        return []
    if not others:
        what += ". There is no other hypothesis: add one, or remove the key"
        return [HypothesisError(what)]
    near = did_you_mean(against, others) if against != name else ""
    return [HypothesisError(f"{what}. Other hypotheses: {', '.join(others)}.{near}")]
