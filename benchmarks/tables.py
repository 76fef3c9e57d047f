"""How long the tables of many rows take: this tree and an earlier one in turns.

    python benchmarks/tables.py --before ../before        writes records/tables-<date>.json

`--before`: a checkout of the commit to compare with (made for 76c00f2). As many rows as there are
paths of at most two nodes on GPT-2 small (91,231), 16 pairs of one point, made-up effects. Both
tables, effects and summary, are made in a process of its own for each turn; seconds are medians
over the turns. A table that the earlier tree makes in the same way must be the same: means are
compared.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

HERE = Path(__file__).resolve().parent
TURNS = 3
N_ROWS, N_PAIRS = 91_231, 16


@dataclass(frozen=True)
class Named:
    """A metric, as far as tables need one."""

    name: str
    measured_in: str

    @property
    def unit(self) -> str:
        """What the earlier tree calls it."""
        return self.measured_in


def units() -> list[Any]:
    """[row] of a family over three heads; either tree's `Unit` takes these arguments."""
    kinds = importlib.import_module("pathpatch_runner.config").UnitKind
    unit: Any = importlib.import_module("pathpatch_runner.hypothesis").Unit
    heads = [f"a{layer}.h{head}" for layer in range(12) for head in range(12)]
    bound = [(s, r, t) for s in heads for r in heads for t in heads[:5]][:N_ROWS]
    return [
        unit(
            *("h", kinds.path, f"p[s={s},r={r},t={t}]"),
            *(f"input->{s}->{r}<q>->{t}->logits", (("s", s), ("r", r), ("t", t)), ()),
        )
        for s, r, t in bound
    ]


def made() -> tuple[Any, Any]:
    """What the tables are made of: (the arguments of effects_table, those of summary_table)."""
    effects: Any = importlib.import_module("pathpatch_runner.effects")
    config: Any = importlib.import_module("pathpatch_runner.config")
    noising, settings = config.Direction.noising, config.StatisticsConfig()
    rng = np.random.default_rng(0)
    clean, corrupt = rng.normal(3, 1, (1, N_PAIRS)), rng.normal(0, 1, (1, N_PAIRS))
    patched = clean + rng.normal(-0.1, 0.3, (N_ROWS, 1, N_PAIRS))
    names = effects.RunNames("key", "experiment", "model", "data")
    pair_ids = tuple(f"p{pair}" for pair in range(N_PAIRS))
    points = effects.PointIndex(pair_ids, np.full(N_PAIRS, 14), np.arange(N_PAIRS))
    metrics = (Named("logit_diff", "logits"),)
    if hasattr(effects, "UnitResult"):
        results = [
            effects.UnitResult(unit, noising, values)
            for unit, values in zip(units(), patched, strict=True)
        ]
        several = (names, results, effects.Baseline(clean, corrupt), points, metrics)
        return several, (*several, {}, settings, 0)
    plain = effects.PlainRuns(clean, corrupt)
    one = effects.Results(names, tuple(units()), metrics, points, plain, {noising: patched})
    return (one,), (one, settings, 0)


def measure() -> dict[str, float]:
    """Seconds of the tables, in this process."""
    effects: Any = importlib.import_module("pathpatch_runner.effects")
    of_effects, of_summary = made()
    began, worked = time.perf_counter(), time.process_time()
    table = effects.effects_table(*of_effects)
    summary = effects.summary_table(*of_summary)
    ended, rested = time.perf_counter(), time.process_time()
    assert (table.num_rows, summary.num_rows) == (N_ROWS * N_PAIRS, N_ROWS)
    mean = float(np.mean(summary["effect_mean"].to_numpy()))
    return {"seconds": ended - began, "cpu_seconds": rested - worked, "mean": mean}


def in_tree(tree: Path) -> dict[str, float]:
    """`measure` with the sources of a tree."""
    environment = {**os.environ, "PYTHONPATH": str(tree / "src"), "OMP_NUM_THREADS": "2"}
    line = [sys.executable, str(Path(__file__)), "--here"]
    done = subprocess.run(line, env=environment, check=True, capture_output=True, text=True)
    found: dict[str, float] = json.loads(done.stdout)
    return found


def main() -> None:
    """Measure both trees in turns, print and record."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--before", type=Path, help="a checkout to compare with")
    parser.add_argument("--here", action="store_true", help="once, in this process; prints JSON")
    given = parser.parse_args()
    if given.here:
        print(json.dumps(measure()))
        return
    trees = {"before": given.before.resolve()} if given.before else {}
    trees["now"] = HERE.parent
    turns = [{name: in_tree(tree) for name, tree in trees.items()} for _ in range(TURNS)]
    record: dict[str, Any] = {"rows": N_ROWS, "pairs": N_PAIRS, "turns": turns}
    for name in trees:
        assert np.isclose(turns[0][name]["mean"], turns[0]["now"]["mean"], rtol=1e-12)
        record[name] = {
            key: statistics.median(turn[name][key] for turn in turns)
            for key in ("seconds", "cpu_seconds")
        }
        print(f"{name:8}", ", ".join(f"{k} {v:.1f}" for k, v in record[name].items()))
    file = HERE / "records" / f"tables-{datetime.now(UTC):%Y-%m-%d}.json"
    file.write_text(json.dumps(record, indent=1) + "\n")


if __name__ == "__main__":
    main()
