"""What one part measured, read back from its tables.

Rows of the effects stand in the order of directions, units, metrics and points, the last index
fastest (`effects.results`), so that a column is an array of four axes.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa

from pathpatch_runner.collection.part import PartRun
from pathpatch_runner.config import Direction, UnitKind
from pathpatch_runner.effects.arrays import Floats, Integers
from pathpatch_runner.effects.schema import OVER_PREFIX
from pathpatch_runner.errors import StoreError
from pathpatch_runner.hypothesis import Unit
from pathpatch_runner.inputs.parts import is_dealt

PARTS_OF_A_NODE = (".layer", ".head")


@dataclass(frozen=True)
class KeptUnit(Unit):
    """A unit as its row names it. Its paths are not known any more, their numbers are."""

    edges: int | None = None
    counted: int | None = None

    @property
    def n_edges(self) -> int | None:
        """As the table says."""
        return self.edges

    @property
    def is_dealt(self) -> bool:
        """Whether `bindings` deals it out."""
        return is_dealt(self.kind, [variable for variable, _ in self.binding])


@dataclass(frozen=True)
class KeptMetric:
    """What tables need to know of a metric."""

    name: str
    measured_in: str


@dataclass(frozen=True)
class Kept:
    """Values of a part: `patched` [unit, metric, point] by direction, `clean` and `corrupt`
    [metric, point]. `pair` [point]: the number of its pair in the dataset."""

    units: tuple[KeptUnit, ...]
    metrics: tuple[KeptMetric, ...]
    pair_id: tuple[str, ...]
    position: Integers
    pair: Integers
    clean: Floats
    corrupt: Floats
    patched: Mapping[Direction, Floats] = field(default_factory=dict)


def read_kept(part: PartRun) -> Kept:
    """Raises StoreError where the tables of a part do not fit each other."""
    effects, summary, pairs = (
        part.directory.read_table(f"{name}.parquet") for name in ("effects", "summary", "pairs")
    )
    try:
        return _kept(effects, summary, pairs)
    except (KeyError, ValueError, IndexError, pa.ArrowException) as error:
        raise StoreError(
            f'"{part.directory.path}": its tables do not fit each other ({error}). Make the part '
            "again with runtime.force=true"
        ) from error


def _kept(effects: pa.Table, summary: pa.Table, pairs: pa.Table) -> Kept:
    directions, metrics = (_distinct(summary[name]) for name in ("direction", "metric"))
    grid = (len(directions), summary.num_rows // (len(directions) * len(metrics)), len(metrics))
    shape = (*grid, effects.num_rows // summary.num_rows)
    _check_rows(effects, summary, shape)
    n_points = shape[-1]
    pair_id = tuple(effects["pair_id"][:n_points].to_pylist())
    numbers = dict(zip(pairs["pair_id"].to_pylist(), pairs["number"].to_pylist(), strict=True))
    patched, clean, corrupt = (
        effects[name].to_numpy().reshape(shape) for name in ("patched", "clean", "corrupt")
    )
    measured_in = _measured_in(effects)
    return Kept(
        units=_units(summary, grid),
        metrics=tuple(KeptMetric(name, measured_in.get(name, "")) for name in metrics),
        pair_id=pair_id,
        position=effects["position"][:n_points].to_numpy().astype(np.int64),
        pair=np.array([numbers[name] for name in pair_id]),
        clean=clean[0, 0],
        corrupt=corrupt[0, 0],
        patched={Direction(name): values for name, values in zip(directions, patched, strict=True)},
    )


def _distinct(column: pa.ChunkedArray) -> list[str]:
    """Values in order of first appearance."""
    return list(dict.fromkeys(column.to_pylist()))


def _check_rows(effects: pa.Table, summary: pa.Table, shape: Sequence[int]) -> None:
    """That the rows are a grid of this shape, in its order."""
    if effects.num_rows != np.prod(shape) or summary.num_rows != np.prod(shape[:-1]):
        raise ValueError(f"{effects.num_rows} effects of {summary.num_rows} rows")
    if summary["n"][0].as_py() != shape[-1]:
        raise ValueError(f"{shape[-1]} evaluation points in place of {summary['n'][0]}")
    for name in ("direction", "hypothesis", "unit", "path_id", "metric"):
        rows, cells = _codes(summary[name], effects[name])
        if (np.repeat(rows, shape[-1]) != cells).any():
            raise ValueError(f"{name} of effects and summary differ")
    _, cells = _codes(effects["pair_id"][: shape[-1]], effects["pair_id"])
    if (cells.reshape(-1, shape[-1]) != cells[: shape[-1]]).any():
        raise ValueError("pair_id is not that of the points")


def _codes(*columns: pa.ChunkedArray) -> list[Integers]:
    """Numbers that are equal where texts are."""
    whole = pa.chunked_array(
        [chunk for column in columns for chunk in column.cast(pa.string()).chunks]
    )
    indices = whole.combine_chunks().dictionary_encode().indices.to_numpy(zero_copy_only=False)
    ends = np.cumsum([len(column) for column in columns])
    return list(np.split(indices, ends[:-1]))


def _measured_in(table: pa.Table) -> Mapping[str, str]:
    found: Mapping[str, str] = json.loads((table.schema.metadata or {})[b"metric_units"])
    return found


def _units(summary: pa.Table, grid: Sequence[int]) -> tuple[KeptUnit, ...]:
    _, n_units, n_metrics = grid
    rows = summary.take(pa.array(np.arange(n_units) * n_metrics)).to_pylist()
    variables = [
        name.removeprefix(OVER_PREFIX)
        for name in summary.schema.names
        if name.startswith(OVER_PREFIX) and not _is_of_a_node(name, summary.schema.names)
    ]
    return tuple(_unit(row, variables) for row in rows)


def _is_of_a_node(name: str, names: Sequence[str]) -> bool:
    """`over.s.layer` beside `over.s`; a variable of its own may be called `n1.slot`."""
    return any(
        name.endswith(ending) and name.removesuffix(ending) in names for ending in PARTS_OF_A_NODE
    )


def _unit(row: Mapping[str, Any], variables: Sequence[str]) -> KeptUnit:
    kind, path_id = UnitKind(row["unit"]), str(row["path_id"])
    bound = [(name, row[f"{OVER_PREFIX}{name}"]) for name in variables]
    single = kind is UnitKind.path
    return KeptUnit(
        hypothesis=row["hypothesis"],
        kind=kind,
        path_id=path_id,
        path=row["path"],
        binding=tuple((name, value) for name, value in bound if value is not None),
        paths=(),
        # Names of entries hold neither "[" nor "+" (`hypothesis.entry`).
        entry=path_id.partition("[")[0] if single else "",
        members=() if single else tuple(path_id.split("+")),
        edges=row["n_edges"],
        counted=None if row["n_paths"] is None else int(row["n_paths"]),
    )
