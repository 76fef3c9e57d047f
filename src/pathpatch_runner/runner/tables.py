"""From what was measured to the tables of a run, each with what the run was in its metadata."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from pathpatch_runner.config import ExperimentConfig
from pathpatch_runner.dataset import PairSet
from pathpatch_runner.effects import (
    PlainRuns,
    PointIndex,
    Results,
    RunNames,
    describe_run,
    effects_table,
    summary_table,
)
from pathpatch_runner.execute.task import Measured
from pathpatch_runner.inputs import Inputs
from pathpatch_runner.model.tokenizer import Tokenizer
from pathpatch_runner.runner.prompts import pairs_table
from pathpatch_runner.store import package_versions, reproducible


def run_tables(
    config: ExperimentConfig, inputs: Inputs, measured: Measured, tokenizer: Tokenizer | None
) -> dict[str, pa.Table]:
    """Every table of the run, by the name of its file without `.parquet`."""
    results = results_of(config, inputs, measured)
    description = reproducible(
        inputs.run_key, config.experiment, inputs.identity, inputs.digests, package_versions()
    )
    tables = {
        "effects": effects_table(results),
        "summary": summary_table(results, config.statistics, config.seed),
        "pairs": pairs_table(inputs.pairs.pairs, tokenizer.token_text if tokenizer else None),
    }
    return {name: describe_run(table, description) for name, table in tables.items()}


def results_of(config: ExperimentConfig, inputs: Inputs, measured: Measured) -> Results:
    """The measured values together with the names of what was measured."""
    return Results(
        names=RunNames(inputs.run_key, config.experiment, inputs.model_name, inputs.pairs.name),
        units=inputs.hypotheses.units,
        metrics=inputs.metrics,
        points=_points(inputs.pairs),
        plain=PlainRuns(measured.clean, measured.corrupt),
        patched=measured.patched,
        against=inputs.hypotheses.against,
    )


def _points(dataset: PairSet) -> PointIndex:
    """Every pair's evaluation points, in the order in which executors measure them."""
    pairs = dataset.pairs
    owners = np.repeat(np.arange(len(pairs)), [len(pair.points) for pair in pairs])
    return PointIndex(
        pair_id=tuple(pairs[i].pair_id for i in owners),
        position=np.array([point.position for pair in pairs for point in pair.points]),
        pair_index=owners,
    )
