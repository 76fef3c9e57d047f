"""`curves.parquet`: one row for each family over sizes, and one for each two of them.

A *family* is an entry that has a circuit for each of several sizes (`over.size`), measured in
denoising. Its row has CPR and CMD with their intervals, and, where the entry names a reference
circuit, the AUROC and the confusion by size. A row with `other` compares two families of one
hypothesis or of two, at the same sizes: the difference of their CPRs, and the area between their
curves. Both see the same pairs in every resample, so these intervals are paired.

Values by size are lists, in ascending order of the sizes. Where the total effect is withheld
(`trust`), so is everything made of shares.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from pathpatch_runner.config import Direction, StatisticsConfig
from pathpatch_runner.effects.arrays import Floats
from pathpatch_runner.effects.by_reading import reading_schema
from pathpatch_runner.effects.curves import Confusion, Mask, area_between, auroc, cmd, cpr
from pathpatch_runner.effects.pair_sums import PairSums
from pathpatch_runner.effects.resampling import Draws
from pathpatch_runner.effects.results import Results
from pathpatch_runner.effects.schema import (
    SET_PREFIX,
    TEXT,
    Column,
    interval_columns,
)
from pathpatch_runner.effects.statistics import percentile_interval, quotient
from pathpatch_runner.effects.trust import reasons

SIZE = "size"
"""The variable of a family over sizes."""

NUMBERS, COUNTS = pa.list_(pa.float64()), pa.list_(pa.int64())

NAME_COLUMNS = (
    Column("hypothesis", TEXT, "", "name of the hypothesis"),
    Column("entry", TEXT, "", "name of the entry"),
    Column("other", TEXT, "", "hypothesis/entry that it is compared with; null: none"),
)
VALUE_COLUMNS = (
    Column("sizes", NUMBERS, "fraction", "nominal sizes: shares of the model's edges, ascending"),
    Column("n_edges", COUNTS, "edges", "by size: edges of the circuit"),
    Column("carried", NUMBERS, "fraction", "by size: normalised effect"),
    Column("cpr", pa.float64(), "fraction", "area under carried over the sizes"),
    *interval_columns("cpr", "fraction"),
    Column("cmd", pa.float64(), "fraction", "area of |1 - carried| over the sizes"),
    *interval_columns("cmd", "fraction"),
    Column("explained", NUMBERS, "fraction", "by size: proportion explained, 1 - aue / ate"),
    Column("cpr_difference", pa.float64(), "fraction", "cpr minus that of other"),
    *interval_columns("cpr_difference", "fraction"),
    Column("area_between", pa.float64(), "fraction", "area between both curves"),
    *interval_columns("area_between", "fraction"),
    Column("auroc", pa.float64(), "probability", "of the circuits against the reference"),
    Column("true_positives", COUNTS, "edges", "by size: in the circuit and the reference"),
    Column("false_positives", COUNTS, "edges", "by size: in the circuit only"),
    Column("false_negatives", COUNTS, "edges", "by size: in the reference only"),
    Column("true_negatives", COUNTS, "edges", "by size: in neither"),
)


@dataclass(frozen=True)
class SizedFamily:
    """`units` [size]: numbers of the units, and their nominal `sizes`, ascending."""

    hypothesis: str
    entry: str
    sizes: Floats
    units: tuple[int, ...]

    @property
    def name(self) -> str:
        """As `other` spells it."""
        return f"{self.hypothesis}/{self.entry}"


def sized_families(results: Results) -> tuple[SizedFamily, ...]:
    """Entries with two sizes at least, where denoising was measured; none elsewhere."""
    if Direction.denoising not in results.patched:
        return ()
    members: dict[tuple[str, str], list[tuple[float, int]]] = {}
    for number, unit in enumerate(results.units):
        if tuple(name for name, _ in unit.binding) == (SIZE,):
            size = float(unit.binding[0][1])
            members.setdefault((unit.hypothesis, unit.entry), []).append((size, number))
    return tuple(
        SizedFamily(
            *name,
            np.array([size for size, _ in sorted(found)]),
            tuple(number for _, number in sorted(found)),
        )
        for name, found in members.items()
        if len(found) > 1
    )


def curves_table(
    results: Results, families: Sequence[SizedFamily], statistics: StatisticsConfig, seed: int
) -> pa.Table:
    """Rows of every family and metric, then of every two families of the same sizes."""
    curves = _Curves(results, PairSums.of(results), statistics, seed)
    rows = [
        row
        for number, metric in enumerate(results.metrics)
        for row in curves.rows(families, number, metric.name)
    ]
    texts = {**vars(results.names)}
    texts |= {f"{SET_PREFIX}{key}": text for key, text in results.overrides.items()}
    schema = reading_schema(results, NAME_COLUMNS, VALUE_COLUMNS)
    return pa.Table.from_pylist([{**texts, **row} for row in rows], schema=schema)


class _Curves:
    """The curves of a run's families, and what resamples make of them."""

    def __init__(
        self, results: Results, sums: PairSums, statistics: StatisticsConfig, seed: int
    ) -> None:
        self._results = results
        self._draws = Draws.of(sums.pair_ids, statistics, seed)
        direction = results.directions.index(Direction.denoising)
        n_metrics = len(results.metrics)
        readings = slice(direction * n_metrics, (direction + 1) * n_metrics)
        self._sums = sums
        self._rows = np.arange(len(sums.effects)).reshape(results.shape)[direction]
        self._effects = sums.effects.reshape(*results.shape, -1)[direction]
        self._totals = sums.totals[readings]
        self._withheld = reasons(sums, self._draws)[readings]

    def rows(
        self, families: Sequence[SizedFamily], metric: int, name: str
    ) -> Iterator[dict[str, Any]]:
        """The rows of one metric."""
        reading = {"metric": name, "direction": Direction.denoising.value}
        measured = [(family, *self._carried(family, metric)) for family in families]
        for family, carried, drawn in measured:
            key = {"hypothesis": family.hypothesis, "entry": family.entry, **reading}
            own = self._own(family, carried, drawn)
            own["explained"] = self._explained(family, metric)
            yield {**key, **own, **_edges(self._results, family)}
        for (one, *ours), (two, *theirs) in itertools.combinations(measured, 2):
            if len(one.sizes) == len(two.sizes) and (one.sizes == two.sizes).all():
                key = {"hypothesis": one.hypothesis, "entry": one.entry, "other": two.name}
                yield {**key, **reading, **self._both(one.sizes, ours, theirs)}

    def _carried(self, family: SizedFamily, metric: int) -> tuple[Floats, Floats]:
        """f [size], and [resample, size] of every resample; NaN where shares are withheld."""
        effects, total = self._effects[list(family.units), metric], self._totals[metric]
        carried = quotient(effects.sum(-1), total.sum()[None])
        below = self._draws.bootstrap.sums(total[None])
        drawn = quotient(self._draws.bootstrap.sums(effects), below).T
        if self._withheld[metric]:
            carried, drawn = np.full_like(carried, np.nan), np.full_like(drawn, np.nan)
        return carried, drawn

    def _own(self, family: SizedFamily, carried: Floats, drawn: Floats) -> dict[str, Any]:
        sizes = family.sizes
        values = self._with_interval("cpr", cpr(carried, sizes), cpr(drawn, sizes))
        values |= self._with_interval("cmd", cmd(carried, sizes), cmd(drawn, sizes))
        return {
            "sizes": sizes.tolist(),
            "carried": [_known(value) for value in carried],
            **values,
        }

    def _explained(self, family: SizedFamily, metric: int) -> list[float | None]:
        """[size]: what overshoot on some pairs does not make up for on others."""
        rows = self._rows[list(family.units), metric]
        unexplained = self._sums.unexplained[rows].sum(-1)
        shares = 1 - quotient(
            unexplained, self._sums.explainable[self._sums.yardstick[rows]].sum(-1)
        )
        return [None if self._withheld[metric] else _known(share) for share in shares]

    def _both(
        self, sizes: Floats, ours: Sequence[Floats], theirs: Sequence[Floats]
    ) -> dict[str, Any]:
        differences = [cpr(a, sizes) - cpr(b, sizes) for a, b in zip(ours, theirs, strict=True)]
        between = [area_between(a, b, sizes) for a, b in zip(ours, theirs, strict=True)]
        values = {"sizes": sizes.tolist()}
        values |= self._with_interval("cpr_difference", *differences)
        return values | self._with_interval("area_between", *between)

    def _with_interval(self, name: str, value: Floats, drawn: Floats) -> dict[str, Any]:
        low, high = percentile_interval(drawn, self._draws.confidence)
        found = {name: value, f"{name}_ci_low": low, f"{name}_ci_high": high}
        return {key: _known(number) for key, number in found.items()}


def _known(number: Any) -> float | None:
    return float(number) if np.isfinite(number) else None


def _edges(results: Results, family: SizedFamily) -> Mapping[str, Any]:
    """What the circuits' edges say, whatever was measured."""
    units = [results.units[number] for number in family.units]
    counts = {"n_edges": [unit.n_edges or 0 for unit in units]}
    reference = units[0].reference
    if reference is None:
        return counts
    nothing: Mask = np.zeros_like(reference.mask)
    chosen = np.stack([nothing if unit.circuit is None else unit.circuit.mask for unit in units])
    confusion = {
        name: values.tolist() for name, values in vars(Confusion.of(chosen, reference.mask)).items()
    }
    return {**counts, **confusion, "auroc": _known(auroc(chosen, reference.mask))}
