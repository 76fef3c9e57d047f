"""Hypotheses: named path sets, read from a config and checked against a graph. No torch.

A hypothesis is a set of *entries*. An entry says expressions (their union), edges, or all short
paths. With variables it is a *family*: one path set per *binding* of its variables. A *unit* is a
path set that gets rows in the tables: one entry or binding, or a union of entries.

In the order in which a config passes through them:

    nodes       groups, and lists of nodes that a variable ranges over
    values      what a variable ranges over: nodes, slots or positions
    entry       an entry of expressions: resolved, and the values of its variables
    family      the bindings of an entry that match paths, and the path set of each
    union       the path set of an entry as a whole
    unmatched   why a path matches nothing, for the error that says so
    circuits    an entry of edges: a circuit's file, a list, the best by score; `selection`: which
    every       an entry of all short paths; `spectrum`: their units
    element     an entry of any kind, with its units
    unit        what comes out: units
    resolve     all of it, in order: `resolve_hypotheses`

    controls    matched random path sets for a unit
"""

from pathpatch_runner.hypothesis.resolve import resolve_hypotheses
from pathpatch_runner.hypothesis.unit import Hypotheses, Unit

__all__ = ["Hypotheses", "Unit", "resolve_hypotheses"]
