"""The columns that name a unit, one value a unit: made once for all tables of a run."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import pyarrow as pa

from pathpatch_runner.effects.schema import over_columns

if TYPE_CHECKING:
    from pathpatch_runner.hypothesis import Unit

Columns = dict[str, pa.Array]

_NODE = re.compile(r"input|logits|[amr](?P<layer>\d+)(?:\.h(?P<head>\d+))?")


def unit_columns(units: Sequence[Unit], bindings: Mapping[str, Sequence[str | None]]) -> Columns:
    """[unit]: hypothesis, unit, path_id, path and the columns of the variables. `bindings`: of each
    variable, what each unit binds it to."""
    columns = {
        "hypothesis": encoded([unit.hypothesis for unit in units]),
        "unit": encoded([unit.kind.value for unit in units]),
        "path_id": encoded([unit.path_id for unit in units]),
        "path": encoded([unit.path for unit in units]),
    }
    for name, bound in bindings.items():
        column, *parts = over_columns([name], [name])
        texts = columns[column.name] = encoded(bound)
        numbers = zip(*map(layer_and_head, texts.dictionary.to_pylist()), strict=True)
        for part, of_texts in zip(parts, numbers, strict=True):
            columns[part.name] = pa.array(of_texts, part.type).take(texts.indices)
    return columns


def layer_and_head(bound: str | None) -> tuple[int | None, int | None]:
    """Of what a variable is bound to: `a3.h1` has layer 3 and head 1, `m2` has layer 2 only,
    `input` and what is no node have neither."""
    match = _NODE.fullmatch(bound or "")
    if match is None:
        return None, None
    layer, head = match["layer"], match["head"]
    return (int(layer) if layer else None), (int(head) if head else None)


def is_of_nodes(bound: Sequence[str | None]) -> bool:
    """Whether every value of a variable is a node: others (slots, positions) have no layer."""
    return all(_NODE.fullmatch(text) for text in set(bound) if text is not None)


def encoded(texts: Sequence[str | None]) -> pa.Array:
    """Dictionary encoded strings; None is null."""
    return pa.array(texts, pa.string()).dictionary_encode()
