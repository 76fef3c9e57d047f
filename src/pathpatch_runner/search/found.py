"""`found.parquet`: every tail that a search evaluated, with what became of it.

Columns without a prefix are of the pairs that chose nothing (null for what did not pass, which is
not evaluated again); those that begin with `selection_` say why it passed or not. Rows: what
passed, by level and size; then what did not.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from pathpatch_runner.config import Direction
from pathpatch_runner.effects import RunNames
from pathpatch_runner.effects.arrays import Floats
from pathpatch_runner.effects.multiplicity import false_discovery_rate
from pathpatch_runner.effects.resampling import Draws
from pathpatch_runner.effects.schema import (
    READING_COLUMNS,
    RUN_COLUMNS,
    TEXT,
    Column,
    MetricColumn,
    interval_columns,
    table_schema,
)
from pathpatch_runner.effects.unit_columns import encoded
from pathpatch_runner.search.level import sign_flip_p
from pathpatch_runner.search.tail import Space
from pathpatch_runner.search.walk import Examined, Status

TAIL_COLUMNS = (
    Column("path", TEXT, "", "canonical expression; where it does not begin at input, everything"),
    Column("parent", TEXT, "", "what was opened to it; null: the logits"),
    Column("status", TEXT, "", "complete (from the input), expanded, open or pruned"),
    Column("why", TEXT, "", "why it was expanded or not"),
    Column("level", pa.int32(), "", "the number of the tests it was among"),
    Column("depth", pa.int32(), "nodes", "nodes between the ends, so far"),
)
VALUE_COLUMNS = (
    Column("n", pa.int64(), "evaluation points", "of the pairs that chose nothing"),
    Column("effect_mean", pa.float64(), "metric", "mean effect"),
    *interval_columns("effect", "metric"),
    Column("normalised_effect", pa.float64(), "fraction", "effect_mean / total effect"),
    *interval_columns("normalised", "fraction"),
    Column("p_value", pa.float64(), "probability", "two-sided sign flip of pairs: mean effect 0"),
    Column("q_value", pa.float64(), "fraction", "Benjamini-Hochberg over all that passed"),
    Column("selection_effect", pa.float64(), "metric", "mean effect on the pairs that chose"),
    Column("selection_share", pa.float64(), "fraction", "of the total effect there"),
    Column("selection_p", pa.float64(), "probability", "sign flip, on the pairs that chose"),
    Column("selection_q", pa.float64(), "fraction", "corrected over the tests of its level"),
    Column("evaluations", pa.int64(), "path sets", "made up to and with its level"),
)
CARRIED_COLUMNS = (
    Column("raises", pa.list_(pa.string()), "", "tokens that its last write raises most"),
    Column("raises_by", pa.list_(pa.float64()), "logits", "by how much, less the mean token"),
    Column("lowers", pa.list_(pa.string()), "", "tokens that its last write lowers most"),
    Column("lowers_by", pa.list_(pa.float64()), "logits", "by how much, less the mean token"),
)


@dataclass(frozen=True)
class Confirmation:
    """What passed, on the pairs that chose nothing. `sums` [row, pair]: effects, of the rows that
    passed, in their order; `totals`, `sizes` [pair]; `draws`: of these pairs."""

    pair_ids: tuple[str, ...]
    sums: Floats
    totals: Floats
    sizes: Floats
    draws: Draws
    seed: int

    def columns(self) -> dict[str, Floats]:
        """[row] each."""
        rows = np.zeros(len(self.sums), np.int64)
        effect = self._intervals(self.sizes, rows)
        normalised = self._intervals(self.totals, rows)
        total = self.totals.sum()
        p_values = sign_flip_p(self.sums, self.pair_ids, self.seed)
        return {
            "effect_mean": self.sums.sum(-1) / self.sizes.sum(),
            "effect_ci_low": effect[:, 0],
            "effect_ci_high": effect[:, 1],
            "normalised_effect": self.sums.sum(-1) / total if total else np.full(len(rows), np.nan),
            "normalised_ci_low": normalised[:, 0],
            "normalised_ci_high": normalised[:, 1],
            "p_value": p_values,
            "q_value": false_discovery_rate(p_values),
        }

    def _intervals(self, below: Floats, rows: np.ndarray) -> Floats:
        return self.draws.bootstrap.ratio_intervals(
            self.sums, below[None], rows, self.draws.confidence
        )


@dataclass(frozen=True)
class Carried:
    """What a row's last write does to the logits, on the pairs that chose nothing, read through the
    final norm as it is in the base run (`execute.delta.carried`): the tokens that rise and those
    that fall most, and by how much, the most first. A token without a text is its number."""

    raises: tuple[str, ...]
    raises_by: tuple[float, ...]
    lowers: tuple[str, ...]
    lowers_by: tuple[float, ...]


def found_table(
    names: RunNames,
    space: Space,
    examined: Sequence[Examined],
    confirmation: Confirmation,
    metric: MetricColumn,
    direction: Direction,
    carried: Sequence[Carried] = (),
) -> pa.Table:
    """`examined`: everything; those that passed, in the order of `confirmation`, and so `carried`,
    which is empty where it is not known."""
    values = confirmation.columns()
    numbers = np.full(len(examined), -1)
    passed = [i for i, each in enumerate(examined) if each.status is not Status.pruned]
    numbers[passed] = np.arange(len(passed))
    order = sorted(
        range(len(examined)),
        key=lambda i: (numbers[i] < 0, examined[i].level, -abs(examined[i].effect)),
    )
    rows = [examined[i] for i in order]
    columns = {name: encoded([value] * len(rows)) for name, value in vars(names).items()}
    columns |= _said(space, rows)
    columns["metric"] = encoded([metric.name] * len(rows))
    columns["direction"] = encoded([direction.value] * len(rows))
    columns["n"] = pa.array(np.full(len(rows), int(confirmation.sizes.sum())))
    for name, column in values.items():
        spread = np.append(column, np.nan)[numbers[order]]
        columns[name] = pa.array(spread, mask=~np.isfinite(spread))
    columns |= _carried_columns(carried, numbers[order])
    ordered = (*RUN_COLUMNS, *TAIL_COLUMNS, *READING_COLUMNS, *VALUE_COLUMNS, *CARRIED_COLUMNS)
    schema = table_schema(ordered, [metric])
    return pa.table([columns[name] for name in schema.names], schema=schema)


def _carried_columns(carried: Sequence[Carried], numbers: np.ndarray) -> dict[str, pa.Array]:
    """`numbers` [row]: of a row among those that passed, -1 for the others."""
    known = [carried[number] if carried and number >= 0 else None for number in numbers]
    return {
        column.name: pa.array([getattr(each, column.name, None) for each in known], column.type)
        for column in CARRIED_COLUMNS
    }


def _said(space: Space, rows: Sequence[Examined]) -> dict[str, pa.Array]:
    """What the walk itself says of its tails."""
    numbers = {
        "selection_effect": [row.effect for row in rows],
        "selection_share": [row.share for row in rows],
        "selection_p": [row.p_value for row in rows],
        "selection_q": [row.q_value for row in rows],
    }
    return {
        "path": encoded([space.text(row.tail) for row in rows]),
        "parent": encoded([_parent_text(space, row) for row in rows]),
        "status": encoded([row.status.value for row in rows]),
        "why": encoded([row.why for row in rows]),
        "level": pa.array([row.level for row in rows], pa.int32()),
        "depth": pa.array([row.depth for row in rows], pa.int32()),
        "evaluations": pa.array([row.evaluations for row in rows], pa.int64()),
        **{name: pa.array(column, pa.float64()) for name, column in numbers.items()},
    }


def _parent_text(space: Space, row: Examined) -> str | None:
    """None for what was opened from the logits, all positions together."""
    if row.parent is None or (row.parent in space.roots() and not space.positions):
        return None
    return space.text(row.parent)
