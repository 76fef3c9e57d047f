"""golden.parquet: the summaries of an experiment's runs as we last accepted them.

Rows are matched by what names them (`KEY`), every other column of the accepted table is compared:
numbers within tolerances, text exactly. A column that came later has no accepted values until
they are accepted. The run key is left out (it changes with every format version), and so is what
the command line set (it says how a run was asked for, not what it gave). The
tolerance t of a column allows |found - golden| <= t * max(1, |golden|): processors round
differently, and a null agrees with a null only.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from pathpatch_runner.effects.schema import SET_PREFIX, STATISTIC_COLUMNS
from pathpatch_runner.errors import PublishedError, StoreError
from pathpatch_runner.regress.query import Row
from pathpatch_runner.store.atomic import replaced
from pathpatch_runner.store.parquet import read_parquet

GOLDEN = "golden.parquet"
KEY = (
    *("experiment", "model", "dataset", "hypothesis"),
    *("unit", "path_id", "metric", "direction"),
)
LEFT_OUT = ("run_key",)
"""And every column that begins with `SET_PREFIX`."""
TOLERANCE: Mapping[str, float] = {
    column.name: {"n": 0.0, "p_value": 0.02, "p_max_t": 0.02, "q_value": 0.05}.get(
        column.name, 1e-3
    )
    for column in STATISTIC_COLUMNS
}
"""By column; text columns must be equal."""

Key = tuple[str, ...]


@dataclass(frozen=True)
class Difference:
    """`column` "": a row that is new (`golden` None) or gone. `excess`: in tolerances."""

    key: Key
    column: str
    golden: Any
    found: Any
    excess: float

    def __str__(self) -> str:
        name = " ".join((self.key[0], *self.key[3:]))
        if not self.column:
            return f"{name}: {'new row' if self.golden is None else 'row is gone'}"
        return f"{name}: {self.column} {_text(self.golden)} -> {_text(self.found)}"


def golden_table(summaries: Sequence[pa.Table]) -> pa.Table:
    """Several runs' summaries as one table, without what names the run or varies with it."""
    plain = [
        summary.drop_columns(
            [c for c in summary.column_names if c in LEFT_OUT or c.startswith(SET_PREFIX)]
        )
        .replace_schema_metadata(None)
        .unify_dictionaries()
        for summary in summaries
    ]
    return pa.concat_tables(plain, promote_options="default")


def write_golden(folder: Path, table: pa.Table) -> None:
    """Replace the folder's golden.parquet."""
    with replaced(folder / GOLDEN) as temporary:
        pq.write_table(table, temporary, compression="zstd")


def read_golden(folder: Path) -> pa.Table | None:
    """The folder's golden.parquet, None if there is none. Raises PublishedError if unreadable."""
    path = folder / GOLDEN
    if not path.is_file():
        return None
    try:
        return read_parquet(path)
    except (pa.ArrowException, OSError, StoreError) as error:
        raise PublishedError(
            f'"{path}" cannot be read: {error}. Accept the present results again'
        ) from error


def differences(
    golden: pa.Table, found: pa.Table, tolerance: Mapping[str, float]
) -> list[Difference]:
    """Everything beyond tolerance, worst first; `tolerance` is added to `TOLERANCE`."""
    allowed = {**TOLERANCE, **tolerance}
    old, new = _by_key(golden.to_pylist()), _by_key(found.to_pylist())
    gone = [Difference(key, "", "row", None, math.inf) for key in old if key not in new]
    fresh = [Difference(key, "", None, "row", math.inf) for key in new if key not in old]
    changed = [
        difference
        for key in old
        if key in new
        for difference in _cells(key, old[key], new[key], allowed)
    ]
    return [*gone, *fresh, *sorted(changed, key=lambda difference: -difference.excess)]


def _by_key(rows: Sequence[Row]) -> dict[Key, Row]:
    return {tuple(str(row.get(name)) for name in KEY): row for row in rows}


def _cells(key: Key, old: Row, new: Row, allowed: Mapping[str, float]) -> Iterator[Difference]:
    for column in old:
        if column in KEY or column in LEFT_OUT:
            continue
        golden, found = old.get(column), new.get(column)
        excess = _excess(golden, found, allowed.get(column, 0.0))
        if excess > 1:
            yield Difference(key, column, golden, found, excess)


def _excess(golden: Any, found: Any, tolerance: float) -> float:
    """Distance in tolerances: at most 1 is agreement."""
    numbers = isinstance(golden, int | float) and isinstance(found, int | float)
    if not numbers or math.isnan(golden) or math.isnan(found):
        return 0.0 if golden == found or golden is found else math.inf
    off = abs(found - golden)
    limit = tolerance * max(1.0, abs(golden))
    if off == 0:
        return 0.0
    return off / limit if limit else math.inf


def _text(value: Any) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)
