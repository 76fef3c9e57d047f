"""What every statistic is made of: sums over the points of each pair.

Pairs were drawn independently of each other, points of one pair were not. So a pair's points are
added up once, and everything after that sees one number per pair and row.

What many rows share is kept once, with the number of the one a row uses beside it:
- a *reading* is a metric in a direction; rows of one reading have the same total effects;
- a *yardstick* is what unexplained effects are a share of: the sizes of the total effects, or the
  unexplained effects of a hypothesis named in `against`.

Shapes: direction, unit, metric, pair; row = direction * unit * metric.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pathpatch_runner.config import UnitKind
from pathpatch_runner.effects.arrays import Floats, Integers
from pathpatch_runner.effects.results import PointIndex, Results
from pathpatch_runner.effects.statistics import Clusters


@dataclass(frozen=True)
class PairSums:
    """Float64 sums over each pair's points.

    `patched`, `effects`, `unexplained`: [row, pair]; `clean`, `corrupt`, `totals` (of the signed
    total effects) and `absolute_totals` (of their sizes): [reading, pair]; `explainable`:
    [yardstick, pair]. `reading`, `yardstick` [row]: which of these is the row's. `sizes` [pair]:
    how many points a pair has; `pair_ids` [pair].
    """

    pair_ids: tuple[str, ...]
    sizes: Floats
    patched: Floats
    effects: Floats
    unexplained: Floats
    clean: Floats
    corrupt: Floats
    totals: Floats
    absolute_totals: Floats
    explainable: Floats
    reading: Integers
    yardstick: Integers

    @classmethod
    def of(cls, results: Results) -> PairSums:
        """Every value of the run, summed by pair."""
        clusters = Clusters(results.points.pair_index)
        n_directions, _, n_metrics = results.shape
        n_pairs = len(clusters.sizes)
        patched, base, all_patched = results.stacked()
        clean, corrupt = results.plain.clean, results.plain.corrupt

        def by_reading(values: Floats) -> Floats:
            shape = (n_directions, n_metrics, n_pairs)
            return np.broadcast_to(clusters.sums(values), shape).reshape(-1, n_pairs)

        unexplained = clusters.sums(np.abs(clean - patched))
        absolute_totals = by_reading(np.abs(clean - corrupt))
        explainable, of_unit = _yardsticks(results, unexplained, absolute_totals)
        readings = np.arange(n_directions * n_metrics).reshape(n_directions, 1, n_metrics)
        row = np.broadcast_to(readings, results.shape)
        return cls(
            pair_ids=_pair_ids(results.points, clusters),
            sizes=clusters.sizes,
            patched=clusters.sums(patched).reshape(-1, n_pairs),
            effects=clusters.sums(patched - base).reshape(-1, n_pairs),
            unexplained=unexplained.reshape(-1, n_pairs),
            clean=by_reading(clean),
            corrupt=by_reading(corrupt),
            totals=by_reading((all_patched - base)[:, 0]),
            absolute_totals=absolute_totals,
            explainable=explainable.reshape(-1, n_pairs),
            reading=row.ravel(),
            yardstick=(of_unit[None, :, None] * readings.size + row).ravel(),
        )


def _yardsticks(
    results: Results, unexplained: Floats, absolute_totals: Floats
) -> tuple[Floats, Integers]:
    """([yardstick of a unit, reading, pair], [unit]: the number of its yardstick).

    Yardstick 0 is the total effect, the others are hypotheses named in `against`.
    """
    whole = {
        unit.hypothesis: number
        for number, unit in enumerate(results.units)
        if unit.kind is UnitKind.hypothesis
    }
    used = dict.fromkeys(
        results.against[unit.hypothesis]
        for unit in results.units
        if unit.hypothesis in results.against
    )
    numbers = {name: 1 + i for i, name in enumerate(used)}
    tables = [absolute_totals]
    tables += [unexplained[:, whole[name]].reshape(absolute_totals.shape) for name in used]
    of_unit = [numbers.get(results.against.get(unit.hypothesis, ""), 0) for unit in results.units]
    return np.stack(tables), np.array(of_unit)


def _pair_ids(points: PointIndex, clusters: Clusters) -> tuple[str, ...]:
    """[pair], in the order of the sums."""
    return tuple(points.pair_id[first] for first in clusters.firsts)
