"""Config values that stand for nodes: groups of a hypothesis, values of a variable (which may
be streams, `r*`, instead).

A value is a node pattern, the name of a group, or a list of these. Groups may name other
groups, in any order, but not in a circle.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from pathpatch_runner.errors import ConfigError, HypothesisError, PathPatchError
from pathpatch_runner.expression.ast import NodePattern
from pathpatch_runner.expression.caret import Flaw
from pathpatch_runner.expression.domain import Domain, Kind, Stream, nodes_domain
from pathpatch_runner.expression.parse import name_problem, parse_node
from pathpatch_runner.expression.scope import Scope

_EXPECTED = "Expected a node pattern, the name of a group, or a list of these"


@dataclass(frozen=True)
class _Member:
    """One pattern of a value; `where`: its config key."""

    text: str
    where: str
    pattern: NodePattern


def read_groups(
    values: Mapping[str, Any], key: str, scope: Scope, problems: list[PathPatchError]
) -> Scope:
    """`scope` with the groups of a hypothesis; `key`: `hypotheses.<name>.groups`. Adds to
    `problems`."""
    reader = _GroupReader(key, scope, problems)
    for name, value in values.items():
        reader.read(name, value)
    for name in values:
        reader.settle(name, ())
    return replace(scope, groups=reader.nodes, broken=frozenset(reader.broken))


class _GroupReader:
    """Finds the nodes of every group after those of the groups that it names."""

    def __init__(self, key: str, scope: Scope, problems: list[PathPatchError]) -> None:
        self.key = key
        self.scope = scope
        self.problems = problems
        self.members: dict[str, list[_Member]] = {}
        self.nodes: dict[str, frozenset[int]] = {}
        self.broken: set[str] = set()
        self.settled: set[str] = set()

    def read(self, name: str, value: object) -> None:
        """Take the value of a group; nothing is looked up yet."""
        where = f"{self.key}.{name}"
        found: list[PathPatchError] = []
        wrong = name_problem(str(name))
        if wrong is not None:
            found.append(HypothesisError(f"{where}: {wrong}. Rename the group"))
        self.members[name] = _members(value, where, found)
        if not self.members[name] and not found:
            found.append(HypothesisError(f"{where}: the group is empty. {_EXPECTED}"))
        if found:
            self.broken.add(name)
            self.problems += found

    def settle(self, name: str, path: tuple[str, ...]) -> None:
        """Find the nodes of a group; `path`: the groups that led to it by naming each other."""
        if name in path:
            circle = path[path.index(name) :]
            if not self.broken.issuperset(circle):
                what = f"groups name each other in a circle: {' -> '.join((*circle, name))}"
                self.problems.append(HypothesisError(f"{self.key}.{name}: {what}"))
            self.broken |= set(circle)
            return
        if name in self.settled:
            return
        for member in self.members[name]:
            named = member.pattern.name
            if named is not None and named in self.members:
                self.settle(named, (*path, name))
        self.settled.add(name)
        unsound = frozenset(self.members) - frozenset(self.nodes)
        scope = replace(self.scope, groups=self.nodes, broken=unsound)
        nodes = _union(self.members[name], scope, self.problems)
        if nodes and name not in self.broken:
            self.nodes[name] = nodes
        else:
            self.broken.add(name)


def read_nodes(
    value: object, where: str, scope: Scope, problems: list[PathPatchError]
) -> Domain | None:
    """The nodes, or streams, of a variable; None if there are problems. Adds to `problems`."""
    before = len(problems)
    members = _members(value, where, problems)
    if not members and len(problems) == before:
        what = f"{where}: the variable has no values. {_EXPECTED}"
        problems.append(HypothesisError(what))
    streams = [member for member in members if member.pattern.kind == "r"]
    if streams and len(streams) < len(members):
        what = f"{where}: nodes and streams in one variable. Use two entries, one for each"
        problems.append(HypothesisError(what))
        return None
    if streams:
        return _streams(streams, scope, problems)
    nodes = _union(members, scope, problems)
    return nodes_domain(nodes) if nodes else None


def _streams(
    members: Sequence[_Member], scope: Scope, problems: list[PathPatchError]
) -> Domain | None:
    found: dict[Stream, None] = {}
    sound = True
    for member in members:
        streams = scope.streams(member.pattern, member.text)
        if isinstance(streams, Flaw):
            problems.append(streams.error(member.text, member.where))
            sound = False
        else:
            found |= dict.fromkeys(streams)
    ordered = sorted(found, key=lambda stream: stream.layer)
    return Domain(Kind.stream, tuple(ordered)) if sound else None


def _union(
    members: Sequence[_Member], scope: Scope, problems: list[PathPatchError]
) -> frozenset[int]:
    """The nodes of all members; none if any of them has a problem or a broken name."""
    found: set[int] = set()
    sound = True
    for member in members:
        nodes = scope.nodes(member.pattern, member.text)
        if isinstance(nodes, Flaw):
            problems.append(nodes.error(member.text, member.where))
            sound = False
        elif not nodes:
            sound = False
        else:
            found |= nodes
    return frozenset(found) if sound else frozenset()


def _members(value: object, where: str, problems: list[PathPatchError]) -> list[_Member]:
    if value is None:
        return []
    if isinstance(value, str):
        return _member(value, where, problems)
    if not isinstance(value, Sequence):
        problems.append(_wrong_type(value, where))
        return []
    members = []
    for number, item in enumerate(value):
        if isinstance(item, str):
            members += _member(item, f"{where}[{number}]", problems)
        else:
            problems.append(_wrong_type(item, f"{where}[{number}]"))
    return members


def _member(text: str, where: str, problems: list[PathPatchError]) -> list[_Member]:
    try:
        return [_Member(text, where, parse_node(text, where))]
    except PathPatchError as problem:
        problems.append(problem)
        return []


def _wrong_type(value: object, where: str) -> ConfigError:
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        what = f"{where}: YAML reads {value!r} as a number"
        return ConfigError(f"{what}. Write a head as a9.h6, or in quotes")
    return ConfigError(f"{where}: {value!r} is not a node pattern. {_EXPECTED}")
