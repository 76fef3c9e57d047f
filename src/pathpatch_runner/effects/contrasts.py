"""`contrasts.parquet`: paired differences of two hypotheses or units, asked for by name.

    contrasts: {refinement: positional_v - direct_v, key: "refined/k - refined/q"}

A *side* of a contrast is a hypothesis (evaluated as a whole) or one unit of it, as
`hypothesis/path_id`. Both sides were measured on the same pairs, so their difference is taken
pair by pair: what makes a pair hard for both does not blur it. One row for each contrast,
metric and direction:

- difference: of the mean effects;
- pe_difference: of the proportions explained, 1 - aue / ate each; null where the summary withholds
  shares (`trust`).

Intervals come from the run's bootstrap, in which both sides see the same pairs. The p value is
that of sign flips of each pair's difference: if the sides were as good as each other, they might
as well be exchanged for any pair. A difference of proportions is the sum over pairs of
(unexplained of the right / its sum explainable) - (unexplained of the left / its sum explainable),
and those terms are flipped, the sums held fixed.

Shapes: row = contrast * direction * metric.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from pathpatch_runner.config import StatisticsConfig, UnitKind
from pathpatch_runner.effects.arrays import Floats, Integers
from pathpatch_runner.effects.by_reading import reading_schema, reading_table, tested
from pathpatch_runner.effects.key_columns import RowGrid
from pathpatch_runner.effects.pair_sums import PairSums
from pathpatch_runner.effects.resampling import Bootstrap, Draws
from pathpatch_runner.effects.results import Results
from pathpatch_runner.effects.schema import TEXT, Column, interval_columns
from pathpatch_runner.effects.statistics import percentile_interval, quotient
from pathpatch_runner.effects.trust import reasons
from pathpatch_runner.effects.unit_columns import encoded
from pathpatch_runner.errors import ConfigError, did_you_mean, raise_together

if TYPE_CHECKING:
    from pathpatch_runner.hypothesis import Unit

MOST_LISTED = 8

Q_VALUE = "Benjamini-Hochberg over the contrasts of one metric and direction"

NAME_COLUMNS = (
    Column("contrast", TEXT, "", "its name in the config"),
    Column("left", TEXT, "", "hypothesis, or hypothesis/path_id"),
    Column("right", TEXT, "", "what is subtracted from it"),
)
VALUE_COLUMNS = (
    Column("n", pa.int64(), "evaluation points", "evaluation points averaged over"),
    Column("left_effect", pa.float64(), "metric", "mean effect of the left side"),
    Column("right_effect", pa.float64(), "metric", "mean effect of the right side"),
    Column("difference", pa.float64(), "metric", "left_effect - right_effect"),
    *interval_columns("difference", "metric"),
    Column("p_value", pa.float64(), "probability", "two-sided sign flip of pairs: difference 0"),
    Column("q_value", pa.float64(), "fraction", Q_VALUE),
    Column("left_pe", pa.float64(), "fraction", "proportion explained by the left side"),
    Column("right_pe", pa.float64(), "fraction", "proportion explained by the right side"),
    Column("pe_difference", pa.float64(), "fraction", "left_pe - right_pe"),
    *interval_columns("pe_difference", "fraction"),
    Column("pe_p_value", pa.float64(), "probability", "two-sided sign flip: pe_difference 0"),
    Column("pe_q_value", pa.float64(), "fraction", Q_VALUE),
)


@dataclass(frozen=True)
class Contrast:
    """`left` and `right`: numbers of units; the texts are their names in the config."""

    name: str
    left_text: str
    right_text: str
    left: int
    right: int


def read_contrasts(contrasts: Mapping[str, str], units: Sequence[Unit]) -> tuple[Contrast, ...]:
    """The contrasts of a config. Needs no results: call it before anything is computed.

    Raises ConfigError, or `Problems`, for what is no difference of two units of this run.
    """
    problems: list[ConfigError] = []
    read = [_contrast(name, text, units, problems) for name, text in contrasts.items()]
    raise_together(problems)
    return tuple(contrast for contrast in read if contrast is not None)


def _contrast(
    name: str, text: str, units: Sequence[Unit], problems: list[ConfigError]
) -> Contrast | None:
    key = f"contrasts.{name}"
    sides = [side.strip() for side in text.split(" - ")]
    if len(sides) != 2 or not all(sides):
        what = (
            f'{key}: "{text}" is not the difference of two names. Write them with " - " between, '
        )
        problems.append(ConfigError(f'{what}such as "refined - direct" or "refined/k - refined/q"'))
        return None
    numbers = [_side(key, side, units, problems) for side in sides]
    if sides[0] == sides[1]:
        problems.append(ConfigError(f'{key}: "{text}" subtracts "{sides[0]}" from itself'))
    left, right = numbers
    if left is None or right is None:
        return None
    return Contrast(name, sides[0], sides[1], left, right)


def _side(key: str, side: str, units: Sequence[Unit], problems: list[ConfigError]) -> int | None:
    """The number of the unit that a side names; None and a problem where there is none."""
    hypothesis, slash, path_id = side.partition("/")
    own = [number for number, unit in enumerate(units) if unit.hypothesis == hypothesis]
    if slash:
        # Units of one hypothesis and path_id are one path set, whichever kind they are of.
        found = [number for number in own if units[number].path_id == path_id]
    else:
        found = [number for number in own if units[number].kind is UnitKind.hypothesis]
    if found:
        return found[0]
    if not own:
        there = list(dict.fromkeys(unit.hypothesis for unit in units))
        what = f'no hypothesis "{hypothesis}".{did_you_mean(hypothesis, there)} Hypotheses: '
        what += _listed(there)
    elif slash:
        there = list(dict.fromkeys(units[number].path_id for number in own))
        what = f'hypothesis "{hypothesis}" has no unit "{path_id}" in this run.'
        what += f"{did_you_mean(path_id, there)} It has: {_listed(there)}"
    else:
        what = f'"{hypothesis}" is not evaluated as a whole in this run. '
        what += 'Add "hypothesis" to patch.units, or name one of its units: '
        what += f"{hypothesis}/{units[own[0]].path_id}"
    problems.append(ConfigError(f"{key}: {what}"))
    return None


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - MOST_LISTED} more" if len(names) > MOST_LISTED else ""
    return ", ".join(names[:MOST_LISTED]) + more


def contrasts_table(
    results: Results, contrasts: Sequence[Contrast], statistics: StatisticsConfig, seed: int
) -> pa.Table:
    """[contrast * direction * metric] rows. `seed`: the run's."""
    sums = PairSums.of(results)
    draws = Draws.of(sums.pair_ids, statistics, seed)
    left = _Side.of(sums, results, [contrast.left for contrast in contrasts])
    right = _Side.of(sums, results, [contrast.right for contrast in contrasts])
    # Rows of one reading (direction and metric) are tested together.
    n_directions, _, n_metrics = results.shape
    families = np.tile(np.arange(n_directions * n_metrics), len(contrasts))
    effects = _compared(
        left.effect - right.effect,
        left.effect_draws(draws.bootstrap) - right.effect_draws(draws.bootstrap),
        left.effects - right.effects,
        draws,
        families,
    )
    explained = _compared(
        left.explained - right.explained,
        left.explained_draws(draws.bootstrap) - right.explained_draws(draws.bootstrap),
        right.shares - left.shares,
        draws,
        families,
    )
    values = {"left_effect": left.effect, "right_effect": right.effect, **effects}
    shares = {"left_pe": left.explained, "right_pe": right.explained}
    shares |= {f"pe_{name}": column for name, column in explained.items()}
    withheld = np.tile([bool(reason) for reason in reasons(sums, draws)], len(contrasts))
    values |= {name: np.where(withheld, np.nan, column) for name, column in shares.items()}
    return _assembled(results, contrasts, values)


def _compared(
    difference: Floats, resampled: Floats, terms: Floats, draws: Draws, families: Integers
) -> dict[str, Floats]:
    """The columns of a difference [row], of what resamples [row, resample] give, and of its terms
    [row, pair], whose signs are flipped."""
    interval = percentile_interval(resampled, draws.confidence)
    p_values, q_values = tested(terms, draws, families)
    return {
        "difference": difference,
        "difference_ci_low": interval[:, 0],
        "difference_ci_high": interval[:, 1],
        "p_value": p_values,
        "q_value": q_values,
    }


@dataclass(frozen=True)
class _Side:
    """One side of every contrast: sums [row, pair], `sizes` [pair]."""

    effects: Floats
    unexplained: Floats
    explainable: Floats
    sizes: Floats

    @classmethod
    def of(cls, sums: PairSums, results: Results, units: Sequence[int]) -> _Side:
        """The rows of these units, in order of units, then directions, then metrics."""
        numbers = np.arange(len(sums.effects)).reshape(results.shape)
        rows = np.moveaxis(numbers[:, list(units)], 1, 0).ravel()
        explainable = sums.explainable[sums.yardstick[rows]]
        return cls(sums.effects[rows], sums.unexplained[rows], explainable, sums.sizes)

    @property
    def effect(self) -> Floats:
        """[row]: mean effect."""
        mean: Floats = self.effects.sum(-1) / self.sizes.sum()
        return mean

    @property
    def explained(self) -> Floats:
        """[row]: proportion explained."""
        return 1 - quotient(self.unexplained.sum(-1), self.explainable.sum(-1))

    @property
    def shares(self) -> Floats:
        """[row, pair]: what each pair adds to the share that is not explained."""
        return quotient(self.unexplained, self.explainable.sum(-1, keepdims=True))

    def effect_draws(self, bootstrap: Bootstrap) -> Floats:
        """[row, resample]: mean effect."""
        return bootstrap.sums(self.effects) / bootstrap.sums(self.sizes[None])

    def explained_draws(self, bootstrap: Bootstrap) -> Floats:
        """[row, resample]: proportion explained."""
        return 1 - quotient(bootstrap.sums(self.unexplained), bootstrap.sums(self.explainable))


def _assembled(
    results: Results, contrasts: Sequence[Contrast], values: Mapping[str, Floats]
) -> pa.Table:
    n_directions, _, n_metrics = results.shape
    grid = RowGrid((len(contrasts), n_directions, n_metrics))
    named = {
        "contrast": grid.along(0, encoded([contrast.name for contrast in contrasts])),
        "left": grid.along(0, encoded([contrast.left_text for contrast in contrasts])),
        "right": grid.along(0, encoded([contrast.right_text for contrast in contrasts])),
    }
    schema = reading_schema(results, NAME_COLUMNS, VALUE_COLUMNS)
    return reading_table(results, schema, grid, (1, 2), named, values)
