"""Configs of hypotheses -> units: the driver of this package, one call for a whole config."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from pathpatch_runner.config import HypothesisConfig, PathConfig, UnitKind
from pathpatch_runner.errors import (
    ConfigError,
    HypothesisError,
    PathPatchError,
    Problems,
    did_you_mean,
    raise_together,
)
from pathpatch_runner.expression.ast import PathSet
from pathpatch_runner.expression.domain import Value, value_text
from pathpatch_runner.expression.scope import Scope
from pathpatch_runner.graph import Graph
from pathpatch_runner.hypothesis.circuits import (
    SIZE,
    CircuitEntry,
    one_of,
    read_circuits,
    says_edges,
)
from pathpatch_runner.hypothesis.entry import Entry, name_problems, read_entry
from pathpatch_runner.hypothesis.family import Binder, matching_bindings
from pathpatch_runner.hypothesis.nodes import read_groups
from pathpatch_runner.hypothesis.selection import NO_SCORES, RunScores
from pathpatch_runner.hypothesis.union import entry_union
from pathpatch_runner.hypothesis.unit import Hypotheses, Unit
from pathpatch_runner.hypothesis.unmatched import nothing_matches


@dataclass(frozen=True)
class _Element:
    """An entry as a member of unions, with its own units."""

    entry: Entry
    units: tuple[Unit, ...]
    left_out: int
    paths: PathSet
    path: str
    awaits_scores: bool = False


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
    elements: list[_Element] = []
    against: dict[str, str] = {}
    for name, config in configs.items():
        before = len(problems)
        found = _elements(name, config, scope, run, problems)
        own = [unit for kind in dict.fromkeys(kinds) for unit in _units(name, kind, found)]
        if kinds and not own and len(problems) == before:
            problems.append(_nothing_left(name, found))
        elements += found
        units += own
        if config.against is not None:
            against[name] = config.against
            problems += _against_problems(name, config.against, configs)
    raise_together(problems)
    return Hypotheses(
        tuple(units),
        sum(element.left_out for element in elements),
        against,
        frozenset().union(*(element.entry.positions for element in elements)),
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
) -> list[_Element]:
    key = f"hypotheses.{name}"
    graph = bare.graph
    scope = read_groups(config.groups or {}, f"{key}.groups", bare, problems)
    if not config.paths:
        what = f"{key}.paths: the hypothesis has no paths. Write at least one: paths: {{all: "
        problems.append(HypothesisError(what + '{expr: "input => logits"}}'))
    elements = []
    for entry_name, path in (config.paths or {}).items():
        where = f"{key}.paths.{entry_name}"
        several = one_of(path, where)
        if several is not None:
            problems.append(several)
        elif says_edges(path):
            elements += _circuit_element(name, entry_name, path, where, graph, run, problems)
        else:
            entry = read_entry(entry_name, path, where, scope, problems)
            if entry is not None:
                elements += _element(name, entry, graph, problems)
    return elements


def _circuit_element(
    hypothesis: str,
    name: str,
    config: PathConfig,
    key: str,
    graph: Graph,
    run: RunScores,
    problems: list[PathPatchError],
) -> list[_Element]:
    """The element of an entry that says edges, or none and its problems."""
    wrong = name_problems(name, key)
    problems += wrong
    try:
        found = read_circuits(name, config, key, graph, run)
    except Problems as several:
        problems += several.problems
        return []
    except PathPatchError as problem:
        problems.append(problem)
        return []
    if wrong:
        return []
    units = tuple(_circuit_units(hypothesis, name, found))
    text = " | ".join(circuit.text for circuit in found.union)
    entry = Entry(name, (), {}, frozenset())
    return [_Element(entry, units, 0, found.union, text, found.awaits_scores)]


def _circuit_units(hypothesis: str, name: str, entry: CircuitEntry) -> Iterator[Unit]:
    for sized in entry.circuits:
        binding = ((SIZE, sized.size),) if sized.size else ()
        path_id = f"{name}[{SIZE}={sized.size}]" if sized.size else name
        yield Unit(
            hypothesis=hypothesis,
            kind=UnitKind.path,
            path_id=path_id,
            path=sized.circuit.text,
            binding=binding,
            paths=(sized.circuit,),
            entry=name,
            reference=entry.reference,
        )


def _element(
    hypothesis: str, entry: Entry, graph: Graph, problems: list[PathPatchError]
) -> list[_Element]:
    """The element of an entry, or none and a problem for what matches nothing."""
    templates = [expression.template for expression in entry.expressions]
    matches = matching_bindings(templates, entry.values, graph)
    if matches.idle:
        idle = [entry.expressions[number] for number in matches.idle]
        problems += [nothing_matches(expression, entry, graph) for expression in idle]
        return []
    units = tuple(_path_units(hypothesis, entry, matches.bindings, graph))
    paths, path = entry_union(entry, matches.bindings, graph)
    return [_Element(entry, units, matches.left_out, paths, path)]


def _path_units(
    hypothesis: str, entry: Entry, bindings: Sequence[tuple[Value, ...]], graph: Graph
) -> Iterator[Unit]:
    binders = [Binder(expression.template, graph) for expression in entry.expressions]
    texts = {
        value: value_text(value, graph) for domain in entry.values.values() for value in domain
    }
    for values in bindings:
        chosen = dict(zip(entry.values, values, strict=True))
        bound = [binder.bind(chosen) for binder in binders]
        binding = tuple([(variable, texts[value]) for variable, value in chosen.items()])
        path_id = entry.name
        if binding:
            path_id += "[" + ",".join([f"{variable}={node}" for variable, node in binding]) + "]"
        path = " | ".join([text for _, text in bound])
        paths = tuple([route for route, _ in bound])
        yield Unit(hypothesis, UnitKind.path, path_id, path, binding, paths, entry.name)


def _units(hypothesis: str, kind: UnitKind, elements: Sequence[_Element]) -> Iterator[Unit]:
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
    }[kind]
    for numbers in chosen:
        if numbers:
            yield _union(hypothesis, kind, [elements[number] for number in numbers])


def _union(hypothesis: str, kind: UnitKind, elements: Sequence[_Element]) -> Unit:
    routes = dict.fromkeys(route for element in elements for route in element.paths)
    path_id = "+".join(element.entry.name for element in elements)
    path = " | ".join(element.path for element in elements)
    return Unit(hypothesis, kind, path_id, path, (), tuple(routes))


def _nothing_left(name: str, elements: Sequence[_Element]) -> HypothesisError:
    only = elements[0].entry.name
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
