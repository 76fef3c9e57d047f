"""One experiment from config to tables: the whole method on one page.

inputs     prompt pairs, path hypotheses, metrics, the run key (`start` finds a finished run)
plan       path sets -> streams
model      weights, live hooks
guards     identities that must hold before anything is believed
execute    every unit on every pair
tables     effects and statistics
report     what a reader sees
"""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Mapping

import pyarrow as pa
import torch

from pathpatch_runner.config import ExperimentConfig
from pathpatch_runner.execute.backend import BackendDecision, decide_backend
from pathpatch_runner.execute.drive import evaluate
from pathpatch_runner.execute.guards import check_guards
from pathpatch_runner.execute.memory import budget_of
from pathpatch_runner.execute.sources import source_named
from pathpatch_runner.execute.task import Measured, Task, evaluations
from pathpatch_runner.inputs import Files, Inputs, read_files, read_inputs
from pathpatch_runner.model.load import LoadedModel, load_model
from pathpatch_runner.model.source import ModelSource
from pathpatch_runner.report.page import render_report
from pathpatch_runner.report.run_view import RunView
from pathpatch_runner.runner.planned import Planned, make_plan
from pathpatch_runner.runner.record import Timings, logged_to, manifest_of
from pathpatch_runner.runner.start import RunOutcome
from pathpatch_runner.runner.tables import run_tables
from pathpatch_runner.runner.watch import Unwatched, Watch
from pathpatch_runner.store import RunDirectory, command_line, utc_now

log = logging.getLogger("pathpatch_runner")


def make_run(
    config: ExperimentConfig,
    files: Files,
    *,
    command: tuple[str, ...] | None = None,
    hydra_files: Mapping[str, str] | None = None,
    watch: Watch | None = None,
) -> RunOutcome:
    """Compute a run; found instead, where only the loaded model could tell that it is there.

    `files`: what was read before any weights. For the rest see `start.run`.
    """
    watch = watch or Unwatched()
    started, timings = utc_now(), Timings()
    model: LoadedModel | None = None
    with timings.stage("inputs"):
        inputs = read_inputs(config, files)
    if config.runtime.threads is not None:
        torch.set_num_threads(config.runtime.threads)
    if inputs is None:
        watch.stage("loading weights")
        with timings.stage("load"):
            model = load_model(files.source, config.runtime.device)
        inputs = read_inputs(config, read_files(config, files.source, model))
        assert inputs is not None
    if config.runtime.dry_run:
        return RunOutcome(None, plan=make_plan(config, inputs).text)
    directory = RunDirectory.at(config.runtime.output_root, config.experiment, inputs.run_key)
    if directory.is_complete and not config.runtime.force:
        return RunOutcome(directory.path, directory.read_table("summary.parquet"), reused=True)
    with directory.writing(), logged_to(directory.path / "run.log"):
        for name, text in (hydra_files or {}).items():
            directory.write_text(f".hydra/{name}", text)
        log.info("experiment %s, run %s", config.experiment, inputs.run_key)
        if inputs.pairs.left_out:
            log.warning("%d pairs left out: see manifest.json", len(inputs.pairs.left_out))
        summary = _compute(
            config, inputs, files.source, model, directory, timings, command, started, watch
        )
    return RunOutcome(directory.path, summary)


def _compute(
    config: ExperimentConfig,
    inputs: Inputs,
    source: ModelSource,
    model: LoadedModel | None,
    directory: RunDirectory,
    timings: Timings,
    command: tuple[str, ...] | None,
    started: str,
    watch: Watch,
) -> pa.Table:
    """Everything from the plan to the manifest; returns the summary table."""
    watch.stage("planning")
    with timings.stage("plan"):
        planned = make_plan(config, inputs)
    directory.write_text("plan.txt", planned.text)
    if model is None:
        watch.stage("loading weights")
        with timings.stage("load"):
            model = load_model(source, config.runtime.device)
    watch.stage("checking the model")
    with timings.stage("guards"):
        task = _task(config, inputs, planned, model)
        guards = check_guards(task)
        decision = decide_backend(config.runtime.backend, task, planned.plan)
    log.info("backend %s: %s", decision.backend.value, decision.reason)
    watch.stage("evaluating")
    with timings.stage("execute"):
        measured = _execute(config, inputs, planned, task, decision, watch)
    timings.seconds["baseline"] = measured.baseline_seconds
    timings.seconds["execute"] -= measured.baseline_seconds
    watch.stage("writing tables and report")
    with timings.stage("tables"):
        tables = run_tables(config, inputs, measured, model.tokenizer)
        for name, table in tables.items():
            directory.write_table(f"{name}.parquet", table)
        summary = tables["summary"]
    manifest = manifest_of(
        config,
        inputs,
        planned,
        task,
        decision,
        (*guards, *decision.guards),
        measured,
        timings,
        command or command_line(),
        started,
    )
    with timings.stage("report"):
        view = RunView(manifest.to_dict(), tables, planned.text)
        directory.write_text("report.html", render_report(view))
    directory.write_manifest(dataclasses.replace(manifest, timings=dict(timings.seconds)))
    return summary


def _task(config: ExperimentConfig, inputs: Inputs, planned: Planned, model: LoadedModel) -> Task:
    return Task(
        model=model,
        pairs=inputs.pairs,
        classes=planned.classes,
        metrics=inputs.metrics,
        source=source_named(config.patch.source)(config.patch, config.seed).on(model, inputs.pairs),
        budget=budget_of(config.runtime.memory_gb, model.device),
    )


def _execute(
    config: ExperimentConfig,
    inputs: Inputs,
    planned: Planned,
    task: Task,
    decision: BackendDecision,
    watch: Watch,
) -> Measured:
    directions = list(dict.fromkeys(config.patch.directions))
    units = inputs.hypotheses.units
    total = evaluations(len(units), task, directions)
    with watch.evaluations(total) as advance:
        return evaluate(decision.backend.value, task, planned.plan, directions, advance)
