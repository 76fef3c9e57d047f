"""One entry of a hypothesis: its expressions on a graph, with the values of its variables."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any

from pathpatch_runner.config import PathConfig
from pathpatch_runner.errors import ConfigError, HypothesisError, PathPatchError, did_you_mean
from pathpatch_runner.expression.ast import Atom, PathExpression, Position
from pathpatch_runner.expression.domain import Domain, Kind, Value
from pathpatch_runner.expression.parse import name_problem, parse
from pathpatch_runner.expression.resolve import resolve
from pathpatch_runner.expression.scope import Scope
from pathpatch_runner.expression.template import RouteTemplate
from pathpatch_runner.hypothesis.values import check_names, kinds_of, read_domain

_EXPECTED = "Expected a path expression or a list of them"
_RESERVED = frozenset("+[]=,|")


@dataclass(frozen=True)
class Expression:
    """One expression of an entry; `where`: its config key."""

    text: str
    where: str
    template: RouteTemplate


@dataclass(frozen=True)
class Entry:
    """`values`: of every variable, in the order of rows; variables as in `over`. `positions`:
    all that it mentions."""

    name: str
    expressions: tuple[Expression, ...]
    values: Mapping[str, tuple[Value, ...]]
    positions: frozenset[Position]


def read_entry(
    name: str, config: PathConfig, key: str, scope: Scope, problems: list[PathPatchError]
) -> Entry | None:
    """`key`: `hypotheses.<hypothesis>.paths.<name>`; `scope`: with the groups. Adds to
    `problems`; None if the entry has any, or uses a group that has."""
    found = name_problems(name, key)
    over = config.over or {}
    expression_problems: list[PathPatchError] = []
    parsed = dict(_parsed(config.expr, f"{key}.expr", expression_problems))
    scope = _with_variables(over, list(parsed.values()), f"{key}.over", scope, found)
    found += expression_problems
    if not found:
        _check_used(over, list(parsed.values()), key, found)
    expressions = []
    for where, expression in parsed.items():
        template, flaws = resolve(expression, scope)
        found += [flaw.error(expression.text, where) for flaw in flaws]
        expressions.append(Expression(expression.text, where, template))
    sound = not found and not scope.broken & _names(parsed.values())
    if sound:
        _check_distinct(expressions, found)
    problems += found
    if found or not sound:
        return None
    values = {variable: domain.values for variable, domain in scope.variables.items()}
    return Entry(name, tuple(expressions), values, _positions(parsed.values(), scope))


def name_problems(name: str, key: str) -> list[PathPatchError]:
    """A name that could not be told apart in `path_id`. `key`: of the entry."""
    if name and not any(letter in _RESERVED or letter.isspace() for letter in name):
        return []
    what = f'{key}: "{name}" cannot name a path: leave out white space and + [ ] = , |'
    return [HypothesisError(what)]


def _with_variables(
    over: Mapping[str, Any],
    expressions: Sequence[PathExpression],
    key: str,
    scope: Scope,
    problems: list[PathPatchError],
) -> Scope:
    kinds = kinds_of(chain.from_iterable(map(_atoms, expressions)), over)
    check_names(over, kinds, key, scope, problems)
    variables: dict[str, Domain] = {}
    broken = set(scope.broken)
    for variable, value in over.items():
        where = f"{key}.{variable}"
        wrong = name_problem(str(variable))
        if variable in scope.groups or variable in scope.broken:
            wrong = f'"{variable}" is a group too'
        if wrong is not None:
            problems.append(HypothesisError(f"{where}: {wrong}. Rename the variable"))
        domain = read_domain(value, kinds[variable], where, scope, problems)
        if domain is not None:
            variables[variable] = domain
        else:
            broken.add(variable)
    return replace(scope, variables=variables, broken=frozenset(broken))


def _parsed(
    expr: object, where: str, problems: list[PathPatchError]
) -> Iterator[tuple[str, PathExpression]]:
    """(config key, expression) for all that parse."""
    texts: list[tuple[str, object]] = [(where, expr)]
    if isinstance(expr, Sequence) and not isinstance(expr, str):
        texts = [(f"{where}[{number}]", text) for number, text in enumerate(expr)]
        if not texts:
            problems.append(ConfigError(f"{where}: the list is empty. {_EXPECTED}"))
    for key, text in texts:
        if text is None or text == "???":
            problems.append(ConfigError(f"{key}: missing. {_EXPECTED}"))
        elif not isinstance(text, str):
            problems.append(ConfigError(f"{key}: {text!r} is not text. {_EXPECTED}"))
        else:
            try:
                yield key, parse(text, key)
            except PathPatchError as problem:
                problems.append(problem)


def _check_used(
    over: Mapping[str, Any],
    expressions: Sequence[PathExpression],
    key: str,
    problems: list[PathPatchError],
) -> None:
    names = _names(expressions)
    for variable in over:
        if variable not in names:
            unbound = sorted(names - set(over))
            what = f'{key}.over.{variable}: variable "{variable}" is not used in the expression.'
            what += did_you_mean(variable, unbound) or " Use it or remove it"
            problems.append(HypothesisError(what))


def _check_distinct(expressions: Sequence[Expression], problems: list[PathPatchError]) -> None:
    first: dict[RouteTemplate, str] = {}
    for expression in expressions:
        earlier = first.setdefault(expression.template, expression.where)
        if earlier != expression.where:
            what = f'{expression.where}: "{expression.text}" is the same path as {earlier}. '
            problems.append(HypothesisError(what + "Remove one of the two"))


def _names(expressions: Iterable[PathExpression]) -> frozenset[str]:
    """Everything that could be a group or a variable."""
    found: set[str | None] = set()
    for expression in expressions:
        for atom in _atoms(expression):
            found |= {atom.node.name, *(position.name for position in _positions_of(atom))}
            found.add(None if atom.slot is None else atom.slot.variable)
    return frozenset(name for name in found if name is not None)


def _positions_of(atom: Atom) -> Iterator[Position]:
    for position in (atom.write, None if atom.slot is None else atom.slot.read):
        if position is not None:
            yield position


def _positions(expressions: Iterable[PathExpression], scope: Scope) -> frozenset[Position]:
    found: set[Position] = set()
    for expression in expressions:
        for atom in _atoms(expression):
            for position in _positions_of(atom):
                found |= _meant(position, scope)
    return frozenset(found)


def _meant(position: Position, scope: Scope) -> set[Position]:
    """The position, or those that a variable stands for."""
    if position.name is None or not scope.ranges_over(position.name, Kind.position):
        return {position}
    values = scope.variables[position.name].values
    return {value.moved(position.offset) for value in values if isinstance(value, Position)}


def _atoms(expression: PathExpression) -> Iterator[Atom]:
    for steps in (*expression.sets, *expression.links):
        if steps is not None:
            yield from steps.atoms
