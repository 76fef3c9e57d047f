"""Config values of a variable, by what it ranges over: `over: {s: a*.h*, x: slots, p: [S1, end]}`.

What a variable ranges over is said by its place in the expression. `<x>`: slots; `@p`:
positions; anywhere else: nodes, or streams.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pathpatch_runner.errors import ConfigError, HypothesisError, PathPatchError, did_you_mean
from pathpatch_runner.expression.ast import Atom, Position, Span
from pathpatch_runner.expression.caret import Flaw
from pathpatch_runner.expression.domain import Domain, Kind
from pathpatch_runner.expression.parse import parse_position
from pathpatch_runner.expression.scope import Scope
from pathpatch_runner.graph import ATTENTION_SLOTS
from pathpatch_runner.hypothesis.nodes import read_nodes

_SLOTS = "Expected q, k, v, a list of these, or `slots` for all three"
_POSITIONS = (
    'Expected a position ("S1", "end-1", an index such as 3), a list of these, or `all` for '
    "every index of the prompt"
)


def kinds_of(atoms: Iterable[Atom], variables: Iterable[str]) -> dict[str, set[Kind]]:
    """The kinds that the variables' places say; none for one that is not used."""
    kinds: dict[str, set[Kind]] = {variable: set() for variable in variables}

    def use(name: str | None, kind: Kind) -> None:
        if name in kinds:
            kinds[name].add(kind)

    for atom in atoms:
        use(atom.node.name, Kind.node)
        use(None if atom.write is None else atom.write.name, Kind.position)
        if atom.slot is not None:
            use(atom.slot.variable, Kind.slot)
            use(None if atom.slot.read is None else atom.slot.read.name, Kind.position)
    return kinds


def read_domain(
    value: object, kinds: set[Kind], where: str, scope: Scope, problems: list[PathPatchError]
) -> Domain | None:
    """The values of a variable; None if there are problems, which it adds to `problems`, or if
    no place says what it ranges over."""
    if not kinds:
        return None
    if len(kinds) > 1:
        both = " and for ".join(kind.value for kind in Kind if kind in kinds)
        what = f"{where}: the variable stands for {both} in the expression"
        problems.append(HypothesisError(f"{what}. Give each its own variable"))
        return None
    if kinds == {Kind.slot}:
        return _slots(value, where, problems)
    if kinds == {Kind.position}:
        return _positions(value, where, scope, problems)
    return read_nodes(value, where, scope, problems)


def _slots(value: object, where: str, problems: list[PathPatchError]) -> Domain | None:
    named = list(ATTENTION_SLOTS) if value == "slots" else _listed(value)
    wrong = [item for item in named if item not in ATTENTION_SLOTS]
    if wrong or not named:
        what = f"{wrong[0]!r} is not a slot" if wrong else "the variable has no values"
        near = did_you_mean(wrong[0], ["slots"]) if wrong and isinstance(wrong[0], str) else ""
        problems.append(HypothesisError(f"{where}: {what}. {_SLOTS}.{near}"))
        return None
    return Domain(Kind.slot, tuple(slot for slot in ATTENTION_SLOTS if slot in named))


def _positions(
    value: object, where: str, scope: Scope, problems: list[PathPatchError]
) -> Domain | None:
    before = len(problems)
    if value == "all":
        found = _every_position(where, scope, problems)
    else:
        found = []
        items = _listed(value)
        for number, item in enumerate(items):
            key = where if len(items) == 1 else f"{where}[{number}]"
            found += _position(item, key, scope, problems)
    if not found and len(problems) == before:
        problems.append(HypothesisError(f"{where}: the variable has no values. {_POSITIONS}"))
    if len(problems) > before:
        return None
    return Domain(Kind.position, tuple(dict.fromkeys(found)))


def _every_position(where: str, scope: Scope, problems: list[PathPatchError]) -> list[Position]:
    """`all`: by index, so every prompt must have the same ones."""
    if scope.lengths is None:
        return [Position(None, 0)]
    if len(scope.lengths) == 1:
        return [Position(None, index) for index in range(next(iter(scope.lengths)))]
    if scope.lengths:
        shown = ", ".join(str(length) for length in sorted(scope.lengths))
        what = f"`all` needs prompts of one length; these have {shown} tokens"
    else:
        what = "`all` needs prompts, to know how many positions there are"
    todo = "Name positions that every prompt has, such as [S1, end], or indices: [0, 1, -1]"
    problems.append(HypothesisError(f"{where}: {what}. {todo}"))
    return []


def _position(
    item: object, where: str, scope: Scope, problems: list[PathPatchError]
) -> list[Position]:
    if isinstance(item, int) and not isinstance(item, bool):
        item = f"[{item}]"
    if not isinstance(item, str):
        problems.append(ConfigError(f"{where}: {item!r} is not a position. {_POSITIONS}"))
        return []
    try:
        position = parse_position(item, where)
    except PathPatchError as problem:
        problems.append(problem)
        return []
    flaw: Flaw | None = scope.position_flaw(position, Span(0, len(item)))
    if flaw is None:
        return [position]
    problems.append(flaw.error(item, where))
    return []


def _listed(value: object) -> list[Any]:
    if value is None:
        return []
    if isinstance(value, Sequence) and not isinstance(value, str):
        return list(value)
    return [value]


def check_names(
    over: Mapping[str, Any],
    kinds: Mapping[str, set[Kind]],
    key: str,
    scope: Scope,
    problems: list[PathPatchError],
) -> None:
    """A variable over positions must not hide a position of the dataset."""
    for variable in over:
        if kinds[variable] == {Kind.position} and variable in (scope.position_names or ()):
            what = f'{key}.{variable}: "{variable}" is a position that the dataset names too'
            problems.append(HypothesisError(f"{what}. Rename the variable"))
