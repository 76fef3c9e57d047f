"""Hypotheses: named path sets, read from a config and checked against a graph. No torch.

A hypothesis is a set of *entries*, each one or several expressions (their union). An entry
with variables is a *family*: one path set per *binding* of its variables. A *unit* is a path
set that gets rows in the tables: one entry or binding, or a union of entries.
"""

from pathpatch_runner.hypothesis.unit import Hypotheses, Unit, resolve_hypotheses

__all__ = ["Hypotheses", "Unit", "resolve_hypotheses"]
