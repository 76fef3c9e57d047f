"""One experiment from config to tables: the whole method on one page.

inputs     prompt pairs, path hypotheses, metrics, the run key
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
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow as pa
import torch

from pathpatch_runner.config import Backend, Dtype, ExperimentConfig, Source
from pathpatch_runner.effects import (
    Baseline,
    PointIndex,
    RunNames,
    UnitResult,
    describe_run,
    effects_table,
    summary_table,
)
from pathpatch_runner.execute.backend import Choice, choose_backend
from pathpatch_runner.execute.batch import position_classes
from pathpatch_runner.execute.delta.estimate import memory_estimate
from pathpatch_runner.execute.delta.executor import evaluate_delta
from pathpatch_runner.execute.forward import evaluate
from pathpatch_runner.execute.guards import Guard, check_guards
from pathpatch_runner.execute.memory import budget_of
from pathpatch_runner.execute.sources import prepare_source
from pathpatch_runner.execute.task import Measured, Task, evaluations
from pathpatch_runner.expression.alphabet import Alphabet, distance_classes
from pathpatch_runner.graph import Graph
from pathpatch_runner.inputs import Inputs, read_inputs
from pathpatch_runner.model.load import LoadedModel, load_model
from pathpatch_runner.plan.compile import compile_plan
from pathpatch_runner.plan.describe import describe
from pathpatch_runner.plan.table import PlanTable, plan_table
from pathpatch_runner.report.console import print_plan, print_summary
from pathpatch_runner.report.html import render_report
from pathpatch_runner.report.progress import evaluations_bar
from pathpatch_runner.store import (
    BackendRecord,
    Counts,
    GuardRecord,
    Manifest,
    Provenance,
    RunDirectory,
    command_line,
    git_state,
    package_versions,
    platform_name,
    reproducible,
    utc_now,
)

log = logging.getLogger("pathpatch_runner")
BYTES = {Dtype.float64: 8, Dtype.float32: 4, Dtype.bfloat16: 2, Dtype.float16: 2}


@dataclass(frozen=True)
class RunOutcome:
    """Where the run lies; `reused`: it was there already. `directory` None: a dry run."""

    directory: Path | None
    reused: bool = False


@dataclass
class Timings:
    """Seconds by stage."""

    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Time a stage; a stage entered twice adds up."""
        began = time.perf_counter()
        yield
        self.seconds[name] = self.seconds.get(name, 0.0) + time.perf_counter() - began


@dataclass(frozen=True)
class Planned:
    """The plan of all units. `classes[pair][pos]`: position classes of the alphabet."""

    table: PlanTable
    classes: list[list[int]]
    text: str


def run(
    config: ExperimentConfig,
    *,
    command: tuple[str, ...] | None = None,
    hydra_files: Mapping[str, str] | None = None,
) -> RunOutcome:
    """Run an experiment, or find that it has been run: the same config gives the same directory.

    `hydra_files`: name -> text of what goes to `.hydra/`. Raises `PathPatchError` for everything
    that a user can mend.
    """
    started, timings = utc_now(), Timings()
    if config.runtime.threads is not None:
        torch.set_num_threads(config.runtime.threads)
    model: LoadedModel | None = None
    with timings.stage("inputs"):
        inputs = read_inputs(config, None)
    if inputs is None:
        with timings.stage("load"):
            model = load_model(config.model, config.seed, config.runtime.device)
        inputs = read_inputs(config, model)
        assert inputs is not None
    if config.runtime.dry_run:
        print_plan(make_plan(config, inputs).text)
        return RunOutcome(None)
    directory = RunDirectory.at(config.runtime.output_root, config.experiment, inputs.run_key)
    if directory.is_complete and not config.runtime.force:
        print_summary(_read_summary(directory), directory.path)
        return RunOutcome(directory.path, reused=True)
    with directory.writing(), _logged_to(directory.path / "run.log"):
        for name, text in (hydra_files or {}).items():
            directory.write_text(f".hydra/{name}", text)
        log.info("experiment %s, run %s", config.experiment, inputs.run_key)
        summary = _compute(config, inputs, model, directory, timings, command, started)
    print_summary(summary, directory.path)
    return RunOutcome(directory.path)


def make_plan(config: ExperimentConfig, inputs: Inputs) -> Planned:
    """Compile all units' path sets into one plan."""
    path_sets = [unit.paths for unit in inputs.hypotheses.units]
    pairs = inputs.pairs.pairs
    occurring, classes = position_classes(pairs, sorted(inputs.hypotheses.positions, key=str))
    shape = inputs.shape
    alphabet = Alphabet(Graph(shape), occurring, distance_classes(path_sets, causal=shape.causal))
    replaces = config.patch.source.value in ("mean", "zero")
    table = plan_table(path_sets, alphabet, replace_senders=replaces)

    def label(number: int) -> str:
        unit = inputs.hypotheses.units[number]
        return f"{unit.hypothesis}/{unit.path_id} ({unit.kind.value}): {unit.path}"

    longest = max(len(pair.clean) for pair in pairs)
    memory = memory_estimate(
        table,
        inputs.pairs,
        classes,
        BYTES[config.model.dtype],
        everywhere=config.patch.source is not Source.corrupt,
    )
    return Planned(table, classes, describe(table, label, longest, memory))


def _compute(
    config: ExperimentConfig,
    inputs: Inputs,
    model: LoadedModel | None,
    directory: RunDirectory,
    timings: Timings,
    command: tuple[str, ...] | None,
    started: str,
) -> pa.Table:
    """Everything from the plan to the manifest; returns the summary table."""
    with timings.stage("plan"):
        planned = make_plan(config, inputs)
    directory.write_text("plan.txt", planned.text)
    if model is None:
        with timings.stage("load"):
            model = load_model(config.model, config.seed, config.runtime.device)
    with timings.stage("guards"):
        task = _task(config, inputs, planned, model)
        guards = check_guards(task)
        choice = choose_backend(config.runtime.backend, task)
    log.info("backend %s: %s", choice.backend.value, choice.reason)
    with timings.stage("execute"):
        measured = _execute(config, inputs, planned, task, choice)
    timings.seconds["baseline"] = measured.baseline_seconds
    timings.seconds["execute"] -= measured.baseline_seconds
    with timings.stage("tables"):
        effects, summary = _tables(config, inputs, measured)
        directory.write_table("effects.parquet", effects)
        directory.write_table("summary.parquet", summary)
    manifest = _manifest(
        config,
        inputs,
        planned,
        task,
        choice,
        (*guards, *choice.guards),
        measured,
        timings,
        command or command_line(),
        started,
    )
    with timings.stage("report"):
        report = render_report(manifest.to_dict(), summary, planned.text)
        directory.write_text("report.html", report)
    directory.write_manifest(dataclasses.replace(manifest, timings=dict(timings.seconds)))
    return summary


def _task(config: ExperimentConfig, inputs: Inputs, planned: Planned, model: LoadedModel) -> Task:
    return Task(
        model=model,
        pairs=inputs.pairs,
        classes=planned.classes,
        metrics=inputs.metrics,
        source=prepare_source(model, inputs.pairs, config.patch, config.seed),
        budget=budget_of(config.runtime.memory_gb, model.device),
    )


def _execute(
    config: ExperimentConfig, inputs: Inputs, planned: Planned, task: Task, choice: Choice
) -> Measured:
    directions = list(dict.fromkeys(config.patch.directions))
    units = inputs.hypotheses.units
    total = evaluations(len(units), task, directions)
    with evaluations_bar(total, config.runtime.progress) as advance:
        if choice.backend is Backend.delta:
            return evaluate_delta(task, planned.table, directions, advance)
        plan = compile_plan(
            [unit.paths for unit in units],
            planned.table.alphabet,
            replace_senders=task.source.replaces_senders,
        )
        return evaluate(task, plan, directions, advance)


def _tables(
    config: ExperimentConfig, inputs: Inputs, measured: Measured
) -> tuple[pa.Table, pa.Table]:
    """(effects, summary), each with what the run was in its metadata."""
    pairs = inputs.pairs.pairs
    owners = np.repeat(np.arange(len(pairs)), [len(pair.points) for pair in pairs])
    points = PointIndex(
        pair_id=tuple(pairs[i].pair_id for i in owners),
        position=np.array([point.position for pair in pairs for point in pair.points]),
        pair_index=owners,
    )
    names = RunNames(inputs.run_key, config.experiment, inputs.model_name, inputs.pairs.name)
    baseline = Baseline(measured.clean, measured.corrupt)
    results = [
        UnitResult(unit, direction, values[number])
        for direction, values in measured.patched.items()
        for number, unit in enumerate(inputs.hypotheses.units)
    ]
    description = reproducible(
        inputs.run_key, config.experiment, inputs.identity, inputs.digests, package_versions()
    )
    effects = effects_table(names, results, baseline, points, inputs.metrics)
    summary = summary_table(
        names,
        results,
        baseline,
        points,
        inputs.metrics,
        inputs.hypotheses.against,
        config.statistics,
        config.seed,
    )
    return describe_run(effects, description), describe_run(summary, description)


def _manifest(
    config: ExperimentConfig,
    inputs: Inputs,
    planned: Planned,
    task: Task,
    choice: Choice,
    guards: tuple[Guard, ...],
    measured: Measured,
    timings: Timings,
    command: tuple[str, ...],
    started: str,
) -> Manifest:
    device = task.model.device
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else platform_name()
    provenance = Provenance(
        command=command,
        config={
            **inputs.identity,
            "runtime": vars(config.runtime),
            "shape": vars(inputs.shape),
        },
        digests=inputs.digests,
        git=git_state(),
        versions=package_versions(),
        platform=platform_name(),
        device=str(device),
        device_name=name,
        dtype=str(task.model.dtype).removeprefix("torch."),
        threads=torch.get_num_threads(),
        started=started,
        finished=utc_now(),
    )
    return Manifest(
        run_key=inputs.run_key,
        experiment=config.experiment,
        provenance=provenance,
        guards=tuple(GuardRecord(**vars(guard)) for guard in guards),
        backend=BackendRecord(choice.backend.value, choice.reason),
        counts=Counts(
            units=len(inputs.hypotheses.units),
            bindings_left_out=inputs.hypotheses.bindings_left_out,
            mixed_evaluations=planned.table.mixed_evaluations,
            forward_passes=measured.forward_passes,
            pairs=len(inputs.pairs.pairs),
            points=measured.clean.shape[1],
        ),
        timings=dict(timings.seconds),
    )


def _read_summary(directory: RunDirectory) -> pa.Table:
    import pyarrow.parquet as pq

    return pq.read_table(directory.path / "summary.parquet")


@contextmanager
def _logged_to(path: Path) -> Iterator[None]:
    """Everything this package logs goes to the run's own log, warnings to the terminal too."""
    handler = logging.FileHandler(path, mode="w", encoding="utf-8")
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    terminal = logging.StreamHandler()
    terminal.setLevel(logging.WARNING)
    level, propagate = log.level, log.propagate
    log.setLevel(logging.INFO)
    log.propagate = False
    for each in (handler, terminal):
        log.addHandler(each)
    try:
        yield
    except Exception as error:
        log.info("the run failed: %s", error, exc_info=True)
        raise
    finally:
        for each in (handler, terminal):
            log.removeHandler(each)
        handler.close()
        log.setLevel(level)
        log.propagate = propagate
