"""What a path set is, as 16 bytes: equal where two are written alike, whatever they are called.

Values that were computed for a path set are found again by these bytes, in another run and under
another name. Sets that are equal but written otherwise (`a -> b` and `{a} -> b` are the same here,
`a => b` and its hundred single paths are not) have different bytes: then something is computed
twice, and nothing is ever taken for something else. Names of nodes do not count, their places in
the graph do: bytes of different graphs must not be compared.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from pathpatch_runner.expression.ast import PathSet, Route, StepPattern, Steps, Successors

LENGTH = 16
"""Bytes: no collision to fear below 10^18 path sets."""


def path_set_ids(path_sets: Sequence[PathSet]) -> list[bytes]:
    """[set]: the bytes of each. Path sets of a family share most of their steps, read once."""
    reader = _Reader()
    return [reader.path_set(paths) for paths in path_sets]


class _Reader:
    """`_steps`: the steps read so far with their text, by id, which is theirs while they are
    held."""

    def __init__(self) -> None:
        self._steps: dict[int, tuple[Steps, str]] = {}

    def path_set(self, paths: PathSet) -> bytes:
        """A union: in any order, each member once."""
        if len(paths) == 1:
            return _digest(self._member(paths[0]))
        return _digest("\n".join(sorted({self._member(member) for member in paths})))

    def _member(self, member: Route | Successors) -> str:
        if isinstance(member, Route):
            sets = [self._text(steps) for steps in member.sets]
            links = ["" if link is None else self._text(link) for link in member.links]
            return "|".join(["route", *sets, *links])
        moves = [member.moves(item) for item in range(member.n_items)]
        return f"successors|{_digest(repr(moves)).hex()}"

    def _text(self, steps: Steps) -> str:
        known = self._steps.get(id(steps))
        if known is None:
            patterns = sorted(_pattern_text(pattern) for pattern in steps.patterns)
            kind = ("!" if steps.negated else "") + ("r" if steps.crossing else "")
            known = self._steps[id(steps)] = (steps, f"{kind}{{{';'.join(patterns)}}}")
        return known[1]


def _pattern_text(pattern: StepPattern) -> str:
    nodes = ",".join(map(str, sorted(pattern.nodes)))
    slots = "*" if pattern.slots is None else ",".join(sorted(pattern.slots))
    return repr((nodes, slots, pattern.write, pattern.read, pattern.back))


def _digest(text: str) -> bytes:
    return hashlib.blake2b(text.encode(), digest_size=LENGTH).digest()
