"""Entries that say `every`: read and checked.

    every: {at_most: 2, through: [a*.h*, m*], from: input, slots: apart, limit: 100000}

at_most    how many nodes may stand between the ends of a path
through    which nodes may (a pattern, a group, or a list of these; default: any)
from       where the paths begin: input (the default), or senders, which carry all they computed
slots      apart: a path says which slot of a head it enters through, so there are three for a
           head; together: one path through the head, whatever the slot
limit      how many rows there may be, if more than MOST_ROWS
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pathpatch_runner.errors import ConfigError, HypothesisError, PathPatchError, unknown_key
from pathpatch_runner.expression.domain import Domain, Kind
from pathpatch_runner.expression.scope import Scope
from pathpatch_runner.hypothesis.nodes import read_nodes
from pathpatch_runner.hypothesis.spectrum import Spectrum

MOST_ROWS = 250_000
KEYS = ("at_most", "through", "from", "slots", "limit")
SLOTS = ("apart", "together")


def read_spectrum(
    value: object, key: str, scope: Scope, problems: list[PathPatchError]
) -> Spectrum | None:
    """`key`: `hypotheses.<name>.paths.<name>.every`; `scope`: with the groups. Adds to
    `problems`; None if there are any."""
    before = len(problems)
    if not isinstance(value, Mapping):
        example = "every: {at_most: 2, through: [a*.h*, m*]}"
        problems.append(
            ConfigError(f"{key}: {value!r} is not a section. Write, for example, {example}")
        )
        return None
    for name in value:
        if name not in KEYS:
            problems.append(ConfigError(unknown_key(key, str(name), KEYS)))
    at_most = _number(value, "at_most", 0, key, problems)
    limit = _number({"limit": MOST_ROWS, **value}, "limit", 1, key, problems)
    slots = value.get("slots", "apart")
    if slots not in SLOTS:
        problems.append(ConfigError(f"{key}.slots: {slots!r}. Allowed: {', '.join(SLOTS)}"))
    through = _nodes(value.get("through", "any"), f"{key}.through", scope, problems)
    senders = _senders(value.get("from", "input"), f"{key}.from", scope, problems)
    if len(problems) > before:
        return None
    spectrum = Spectrum(scope.graph, at_most, through, senders, slots == "apart")
    problems += _too_many(spectrum.count(), limit, key)
    return spectrum if len(problems) == before else None


def _too_many(count: int, limit: int, key: str) -> list[PathPatchError]:
    if count <= limit:
        return []
    what = (
        f"{key}: that is {count:,} paths, more than the {limit:,} rows allowed. Lower at_most, "
        f"name fewer nodes in through, take slots: together, or allow them: limit: {count}"
    )
    return [HypothesisError(what)]


def _number(
    value: Mapping[Any, Any], name: str, least: int, key: str, problems: list[PathPatchError]
) -> int:
    number = value.get(name)
    if isinstance(number, int) and not isinstance(number, bool) and number >= least:
        return number
    shown = "missing" if number is None else repr(number)
    problems.append(ConfigError(f"{key}.{name}: {shown}. Expected a whole number from {least} on"))
    return least


def _nodes(
    value: object, where: str, scope: Scope, problems: list[PathPatchError]
) -> tuple[int, ...]:
    domain = read_nodes(value, where, scope, problems)
    nodes = _of_nodes(domain, where, problems)
    ends = [scope.graph.nodes[node].name for node in nodes if node in (0, scope.graph.logits)]
    if ends:
        what = f'{where}: "{ends[0]}" is an end of the paths, and stands between them nowhere'
        problems.append(HypothesisError(f"{what}. Remove it"))
    return nodes


def _senders(
    value: object, where: str, scope: Scope, problems: list[PathPatchError]
) -> tuple[int, ...]:
    """None of them for `input` alone."""
    nodes = _of_nodes(read_nodes(value, where, scope, problems), where, problems)
    if scope.graph.logits in nodes:
        problems.append(HypothesisError(f'{where}: no path begins at "logits". Remove it'))
    return () if nodes == (0,) else nodes


def _of_nodes(domain: Domain | None, where: str, problems: list[PathPatchError]) -> tuple[int, ...]:
    if domain is None:
        return ()
    if domain.kind is not Kind.node:
        problems.append(HypothesisError(f"{where}: a stream is no node. Name nodes: [a*.h*, m*]"))
    return tuple(value for value in domain.values if isinstance(value, int))
