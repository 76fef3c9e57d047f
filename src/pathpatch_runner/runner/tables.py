"""From what was measured to the tables of a run, each with what the run was in its metadata."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from pathpatch_runner.config import ExperimentConfig
from pathpatch_runner.dataset import PairSet
from pathpatch_runner.effects import (
    PlainRuns,
    PointIndex,
    Results,
    RunNames,
    accuracy_of,
    describe_run,
    tables_of,
    warnings_of,
)
from pathpatch_runner.effects.controls import Controls, controls_table
from pathpatch_runner.execute.task import Measured
from pathpatch_runner.expression.count import count_paths
from pathpatch_runner.graph import Graph
from pathpatch_runner.inputs import Inputs
from pathpatch_runner.model.tokenizer import Tokenizer
from pathpatch_runner.plan.plan import Plan
from pathpatch_runner.runner.found import RunFound
from pathpatch_runner.runner.prompts import pairs_table
from pathpatch_runner.runner.scores import RunScored
from pathpatch_runner.store import package_versions, reproducible

log = logging.getLogger("pathpatch_runner")


@dataclass(frozen=True)
class Made:
    """What a run makes besides the effects of its units, None where it was not asked for."""

    scored: RunScored | None = None
    found: RunFound | None = None
    controls: Controls | None = None

    def files(self, names: RunNames) -> dict[str, str]:
        """File name -> text."""
        parts = [each.files(names) for each in (self.scored, self.found) if each is not None]
        return {name: text for part in parts for name, text in part.items()}


def run_tables(
    config: ExperimentConfig,
    inputs: Inputs,
    results: Results,
    tokenizer: Tokenizer | None,
    made: Made,
) -> dict[str, pa.Table]:
    """Every table of the run, by the name of its file without `.parquet`."""
    description = reproducible(
        inputs.run_key, config.experiment, inputs.identity, inputs.digests, package_versions()
    )
    # Units of a part need not have what contrasts name: those are made of all parts.
    contrasts = config.contrasts if config.bindings is None else {}
    tables = tables_of(results, contrasts, config.statistics, config.seed)
    token_text = tokenizer.token_text if tokenizer else None
    tables["pairs"] = pairs_table(inputs.pairs.pairs, inputs.all_pairs.pairs, token_text)
    accuracy = accuracy_of(tables["summary"])
    if accuracy is not None:
        log.info("%s", accuracy.sentence)
    for warning in warnings_of(tables["summary"]):
        log.warning("%s", warning)
    if made.scored is not None:
        tables["scores"] = made.scored.table(results.names)
    if made.found is not None:
        tables["found"] = made.found.table(results.names)
    if made.controls is not None:
        tables["controls"] = controls_table(results, made.controls)
    return {name: describe_run(table, description) for name, table in tables.items()}


def results_of(
    config: ExperimentConfig,
    inputs: Inputs,
    plan: Plan,
    measured: Measured,
    overrides: Mapping[str, str],
) -> Results:
    """The measured values together with the names of what was measured.

    `overrides`: what the command line or the sweep set, key -> text of the value.
    """
    return Results(
        names=RunNames(inputs.run_key, config.experiment, inputs.model_name, inputs.pairs.name),
        units=inputs.hypotheses.units,
        metrics=inputs.metrics,
        points=_points(inputs.pairs),
        plain=PlainRuns(measured.clean, measured.corrupt),
        patched=measured.patched,
        against=inputs.hypotheses.against,
        overrides=overrides,
        n_paths=counts_of_paths(inputs, plan),
        right=measured.right,
    )


def counts_of_paths(inputs: Inputs, plan: Plan) -> tuple[int, ...]:
    """[unit]: how many paths its set has. Path sets of one orbit differ in the names of heads
    only, so one of them is counted for all."""
    units, graph = inputs.hypotheses.units, Graph(inputs.shape)
    _, firsts, orbit_of = np.unique(plan.orbit_of, return_index=True, return_inverse=True)
    counts = [count_paths(units[first].paths, graph) for first in firsts]
    return tuple([counts[orbit] for orbit in orbit_of])


def _points(dataset: PairSet) -> PointIndex:
    """Every pair's evaluation points, in the order in which executors measure them."""
    pairs = dataset.pairs
    owners = np.repeat(np.arange(len(pairs)), [len(pair.points) for pair in pairs])
    return PointIndex(
        pair_id=tuple(pairs[i].pair_id for i in owners),
        position=np.array([point.position for pair in pairs for point in pair.points]),
        pair_index=owners,
    )
