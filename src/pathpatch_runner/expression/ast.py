"""What a path expression means, twice: as written (`PathExpression`) and on a model (`PathSet`).

As written, names are unresolved and every part keeps its place in the text for carets. On a
model (`Route`), every step set is a tuple of `StepPattern`s over node indices of a `Graph`.
A *step* is one visit of a path to a node: the node, the slot it is read through, the position
read and the position written. `input` has no slot and only a written position.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass


@dataclass(frozen=True, order=True)
class Position:
    """A position of a prompt: named by the dataset plus `offset`, or (name None) the absolute
    index `offset`, negative from the end."""

    name: str | None
    offset: int = 0

    def __str__(self) -> str:
        if self.name is None:
            return f"[{self.offset}]"
        return self.name if self.offset == 0 else f"{self.name}{self.offset:+d}"

    def moved(self, offset: int) -> Position:
        """The position `offset` further on."""
        return Position(self.name, self.offset + offset)


@dataclass(frozen=True)
class Span:
    """Half-open character range of the expression's text."""

    start: int
    end: int


@dataclass(frozen=True)
class SlotConstraint:
    """`<k,v@S1>` or `<v~0-2>`: slots, then where they read: at a position, or `back` =
    (least, most) positions before the position written. `variable`: of `<x>`, with no slots."""

    slots: frozenset[str]
    read: Position | None
    back: tuple[int, int] | None
    span: Span
    variable: str | None = None


@dataclass(frozen=True)
class NodePattern:
    """`input`, `logits`, `any`, `m` indices, `a` indices, `a.h` indices, `r` index or a NAME.

    kind: "input" | "logits" | "any" | "m" | "a" | "h" | "r" | "name". `layers`/`heads`: inclusive
    (first, last), None for `*` or not applicable. `name`: the NAME for kind "name". `r5` is no
    node but a stream: what stands for it on a model is a crossing (`Steps`).
    """

    kind: str
    layers: tuple[int, int] | None
    heads: tuple[int, int] | None
    name: str | None
    span: Span


@dataclass(frozen=True)
class Atom:
    """A node pattern with an optional slot constraint and written position."""

    node: NodePattern
    slot: SlotConstraint | None
    write: Position | None
    span: Span


@dataclass(frozen=True)
class StepSet:
    """`{a, b}` or a single atom; `negated`: every step that the atoms do not match."""

    atoms: tuple[Atom, ...]
    negated: bool
    span: Span


@dataclass(frozen=True)
class PathExpression:
    """`sets[0] links[0] sets[1] ...`; a link is None (directly) or the set it may pass through."""

    text: str
    sets: tuple[StepSet, ...]
    links: tuple[StepSet | None, ...]


@dataclass(frozen=True)
class StepPattern:
    """An atom on a model. `slots` None: any slot. `back`: inclusive (least, most)."""

    nodes: frozenset[int]
    slots: frozenset[str] | None = None
    write: Position | None = None
    read: Position | None = None
    back: tuple[int, int] | None = None

    @property
    def is_placed(self) -> bool:
        """Whether it says anything about positions."""
        return (self.write, self.read, self.back) != (None, None, None)


@dataclass(frozen=True)
class Steps:
    """A step set on a model: a union of patterns, or (`negated`) all other steps.

    `crossing`: not a step but an *edge* that every path must take there: from a writer that
    a pattern matches to a reader that is none of the patterns' nodes. `r5@S1` is such a
    crossing, of the nodes below layer 5, writing at S1. It stands between the steps before and
    after it and consumes none: in `a3.h1 => r5@S1 => logits` the edge may be a3.h1's own, or
    that of a node after it. All patterns of a crossing have the same nodes.
    """

    patterns: tuple[StepPattern, ...]
    negated: bool = False
    crossing: bool = False


@dataclass(frozen=True)
class Route:
    """A path expression on a model, as written: `sets[0] links[0] sets[1] ... logits`.

    `links[i]` None: directly. Where a first step is not `input`, everything upstream of it
    belongs to the path (the sender carries all it computed): likewise of a first crossing,
    `r5@S1 => logits` is all that the stream carries there.
    """

    sets: tuple[Steps, ...]
    links: tuple[Steps | None, ...]


class Successors(ABC):
    """A member of a path set that says which step may come next, whatever the positions: a
    circuit. It is read in items, as a route is (`items`): item 0 comes before `logits`."""

    @property
    @abstractmethod
    def text(self) -> str:
        """How tables name it."""

    @property
    @abstractmethod
    def n_items(self) -> int:
        """Items, the first among them."""

    @abstractmethod
    def moves(self, item: int) -> tuple[tuple[int, int], ...]:
        """(mask of steps, item they lead to) from an item; disjoint masks."""


PathSet = tuple[Route | Successors, ...]
"""A union of routes and circuits."""
