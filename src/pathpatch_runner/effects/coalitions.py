"""How a hypothesis' effect is shared among its entries, from the effects of all their unions.

A *coalition* is a set of a hypothesis' entries, evaluated as one path set; its value v is its mean
effect, and v(nothing) = 0. Three questions about an entry have three answers:

- alone: v({i}), what it does by itself;
- adds_to_rest: v(all) - v(all but i), what is lost without it (minimality: near 0, not needed);
- value: the Shapley value, its mean contribution v(S + i) - v(S) when entries come in random order.
  Shapley values of all entries add up to v(all).

The *interaction* of two entries (Grabisch and Roubens 1999) is the mean over random orders of
v(S + i + j) - v(S + i) - v(S + j) + v(S): below 0 they stand in for each other, above 0 they need
each other. An OR gate of two: each alone is enough, v = 1, 1 and 1 together. Nothing is lost
without either, each has the Shapley value 1/2, and their interaction is 1 - 1 - 1 + 0 = -1. An AND
gate, v = 0, 0 and 1: 1/2 each as well, and the interaction is 1.

All of these are sums of v with fixed weights, so they are computed pair by pair, and have
intervals and p values as effects do.

Shapes: entry, coalition (its number: bit i stands for entry i; 0 is nothing), pair.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from pathpatch_runner.config import StatisticsConfig, UnitKind
from pathpatch_runner.effects.arrays import Floats, Integers
from pathpatch_runner.effects.by_reading import reading_schema, reading_table, tested
from pathpatch_runner.effects.key_columns import RowGrid
from pathpatch_runner.effects.pair_sums import PairSums
from pathpatch_runner.effects.resampling import Draws
from pathpatch_runner.effects.results import Results
from pathpatch_runner.effects.schema import TEXT, Column, interval_columns
from pathpatch_runner.effects.unit_columns import encoded

NAME_COLUMNS = (
    Column("hypothesis", TEXT, "", "name of the hypothesis"),
    Column("entry", TEXT, "", "name of the entry"),
    Column("other", TEXT, "", "the second entry of an interaction; null: a Shapley value"),
)
Q_VALUE = "Benjamini-Hochberg over the values (or the interactions) of one hypothesis and reading"
VALUE_COLUMNS = (
    Column("n", pa.int64(), "evaluation points", "evaluation points averaged over"),
    Column("value", pa.float64(), "metric", "Shapley value, or interaction where other is given"),
    *interval_columns("value", "metric"),
    Column("p_value", pa.float64(), "probability", "two-sided sign flip of pairs: value 0"),
    Column("q_value", pa.float64(), "fraction", Q_VALUE),
    Column("alone", pa.float64(), "metric", "mean effect of the entry alone"),
    *interval_columns("alone", "metric"),
    Column("adds_to_rest", pa.float64(), "metric", "mean effect of all minus that of all but it"),
    *interval_columns("adds_to_rest", "metric"),
    Column("adds_p_value", pa.float64(), "probability", "two-sided sign flip: adds_to_rest 0"),
    Column("adds_q_value", pa.float64(), "fraction", Q_VALUE),
)


def shapley_weights(n_entries: int) -> Floats:
    """[entry, coalition]: the Shapley values are these weights times the coalitions' values."""
    weights = np.zeros((n_entries, 1 << n_entries))
    sizes = _sizes(n_entries)
    coalitions = np.arange(1 << n_entries)
    for entry in range(n_entries):
        without = coalitions[coalitions >> entry & 1 == 0]
        weight = np.array([_order_weight(n_entries, size) for size in sizes[without]])
        weights[entry, without | 1 << entry] += weight
        weights[entry, without] -= weight
    return weights


def interaction_weights(n_entries: int, first: int, second: int) -> Floats:
    """[coalition]: the weights of the interaction of two entries."""
    weights = np.zeros(1 << n_entries)
    coalitions, sizes = np.arange(1 << n_entries), _sizes(n_entries)
    both = 1 << first | 1 << second
    without = coalitions[coalitions & both == 0]
    # Both stand side by side in the order, as one entry of n - 1.
    weight = np.array([_order_weight(n_entries - 1, size) for size in sizes[without]])
    for added, sign in ((both, 1), (1 << first, -1), (1 << second, -1), (0, 1)):
        weights[without | added] += sign * weight
    return weights


def addition_weights(n_entries: int) -> Floats:
    """[entry, coalition]: what each entry adds to all the others."""
    weights = np.zeros((n_entries, 1 << n_entries))
    every = (1 << n_entries) - 1
    for entry in range(n_entries):
        weights[entry, every] += 1
        weights[entry, every ^ 1 << entry] -= 1
    return weights


def _sizes(n_entries: int) -> Integers:
    """[coalition]: how many entries it has."""
    return np.array([number.bit_count() for number in range(1 << n_entries)])


def _order_weight(n_entries: int, size: int) -> float:
    """The chance that exactly the entries of one given set of this size come before an entry."""
    return 1 / (n_entries * math.comb(n_entries - 1, size))


@dataclass(frozen=True)
class Game:
    """One hypothesis' coalitions: `entries` by name, `units` [coalition] their numbers as units,
    -1 for nothing."""

    hypothesis: str
    entries: tuple[str, ...]
    units: Integers


def games_of(results: Results) -> tuple[Game, ...]:
    """The hypotheses whose coalitions were evaluated, in order."""
    members: dict[str, dict[tuple[str, ...], int]] = {}
    for number, unit in enumerate(results.units):
        if unit.kind is UnitKind.coalitions:
            members.setdefault(unit.hypothesis, {})[unit.members] = number
    return tuple(_game(name, numbers) for name, numbers in members.items())


def _game(hypothesis: str, numbers: Mapping[tuple[str, ...], int]) -> Game:
    entries = max(numbers, key=len)
    bit = {entry: 1 << place for place, entry in enumerate(entries)}
    units = np.full(1 << len(entries), -1)
    for coalition, number in numbers.items():
        units[sum(bit[entry] for entry in coalition)] = number
    assert (units[1:] >= 0).all(), "a coalition was not evaluated"
    return Game(hypothesis, entries, units)


def shapley_table(
    results: Results, games: Sequence[Game], statistics: StatisticsConfig, seed: int
) -> pa.Table:
    """`shapley.parquet`: for each hypothesis, direction and metric a row for each entry, then one
    for each two entries. `seed`: the run's."""
    sums = PairSums.of(results)
    draws = Draws.of(sums.pair_ids, statistics, seed)
    tables = [_game_table(results, sums, draws, game) for game in games]
    return pa.concat_tables(tables).unify_dictionaries()


def _game_table(results: Results, sums: PairSums, draws: Draws, game: Game) -> pa.Table:
    """The rows of one hypothesis: [reading, entry or two entries]."""
    n = len(game.entries)
    twos = list(itertools.combinations(range(n), 2))
    weights = {
        "value": np.vstack([shapley_weights(n), *(interaction_weights(n, *two) for two in twos)]),
        "alone": np.eye(1 << n)[[1 << entry for entry in range(n)]],
        "adds_to_rest": addition_weights(n),
    }
    values = _by_coalition(results, sums, game)
    is_two = np.tile(np.arange(n + len(twos)) >= n, len(values))
    families = 2 * np.repeat(np.arange(len(values)), n + len(twos)) + is_two
    columns: dict[str, Floats] = {}
    for name, of_row in weights.items():
        terms = np.full((len(values), n + len(twos), values.shape[-1]), np.nan)
        terms[:, : len(of_row)] = of_row @ values
        flat = terms.reshape(-1, values.shape[-1])
        columns |= _described(name, flat, sums, draws)
        if name != "alone":
            prefix = "" if name == "value" else "adds_"
            p_values, q_values = tested(flat, draws, families)
            columns |= {f"{prefix}p_value": p_values, f"{prefix}q_value": q_values}
    names: list[tuple[str, str | None]] = [(entry, None) for entry in game.entries]
    names += [(game.entries[first], game.entries[second]) for first, second in twos]
    return _assembled(results, game.hypothesis, names, columns)


def _by_coalition(results: Results, sums: PairSums, game: Game) -> Floats:
    """[reading, coalition, pair]: sums of effects; 0 for nothing."""
    n_directions, _, n_metrics = results.shape
    by_unit = sums.effects.reshape(*results.shape, -1)
    values = np.zeros((n_directions, n_metrics, len(game.units), by_unit.shape[-1]))
    values[:, :, 1:] = np.moveaxis(by_unit[:, game.units[1:]], 1, 2)
    return values.reshape(n_directions * n_metrics, *values.shape[2:])


def _described(name: str, terms: Floats, sums: PairSums, draws: Draws) -> dict[str, Floats]:
    """The mean of terms [row, pair] with its interval; NaN where the terms are."""
    one = np.zeros(len(terms), np.int64)
    interval = draws.bootstrap.ratio_intervals(terms, sums.sizes[None], one, draws.confidence)
    return {
        name: terms.sum(-1) / sums.sizes.sum(),
        f"{name}_ci_low": interval[:, 0],
        f"{name}_ci_high": interval[:, 1],
    }


def _assembled(
    results: Results,
    hypothesis: str,
    names: Sequence[tuple[str, str | None]],
    values: Mapping[str, Floats],
) -> pa.Table:
    n_directions, _, n_metrics = results.shape
    grid = RowGrid((n_directions, n_metrics, len(names)))
    named = {
        "hypothesis": grid.everywhere(hypothesis),
        "entry": grid.along(2, encoded([entry for entry, _ in names])),
        "other": grid.along(2, encoded([other for _, other in names])),
    }
    schema = reading_schema(results, NAME_COLUMNS, VALUE_COLUMNS)
    return reading_table(results, schema, grid, (0, 1), named, values)
