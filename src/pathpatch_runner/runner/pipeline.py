"""One experiment from config to tables: the whole method on one page.

inputs     prompt pairs, path hypotheses, metrics, the run key (`start` finds a finished run)
plan       path sets -> streams
model      weights, live hooks
guards     identities that must hold before anything is believed
scores     of every edge, where asked for; circuits chosen by them
search     paths that are found, where asked for; the rest is then on pairs that chose nothing
execute    every unit on every pair, and its controls where asked for
tables     effects and statistics
report     what a reader sees
"""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Sequence
from functools import partial

import pyarrow as pa
import torch

from pathpatch_runner.config import Direction
from pathpatch_runner.effects.controls import Controls
from pathpatch_runner.execute.drive import evaluate
from pathpatch_runner.execute.proofs import Kept
from pathpatch_runner.execute.scoring import check_gradients, scoring_evaluations
from pathpatch_runner.execute.sources import source_named
from pathpatch_runner.execute.task import Measured, Task, evaluations
from pathpatch_runner.graph import Graph
from pathpatch_runner.inputs import Files, Inputs, read_files, read_inputs, with_scores
from pathpatch_runner.model.load import LoadedModel
from pathpatch_runner.model.source import ModelSource
from pathpatch_runner.model.wiring import Probed
from pathpatch_runner.plan.compile import compile_plan
from pathpatch_runner.report.console import summary_text
from pathpatch_runner.report.figures.vega import start_drawing
from pathpatch_runner.report.page import render_report
from pathpatch_runner.report.run_view import RunView, search_of
from pathpatch_runner.report.text import counted
from pathpatch_runner.runner.checked import Checked, check, probe_of, proofs_of
from pathpatch_runner.runner.controls import draw_controls, evaluate_controls
from pathpatch_runner.runner.found import RunFound, with_found, with_rest
from pathpatch_runner.runner.known import Known, known_of
from pathpatch_runner.runner.planned import Planned, make_plan, say_outside
from pathpatch_runner.runner.record import Done, logged_to, manifest_of
from pathpatch_runner.runner.request import Request
from pathpatch_runner.runner.scores import RunScored, score_run, scoring_of
from pathpatch_runner.runner.search import search_run
from pathpatch_runner.runner.stages import Stages
from pathpatch_runner.runner.start import RunOutcome, found_again
from pathpatch_runner.runner.tables import Made, results_of, run_tables
from pathpatch_runner.store import RunDirectory, utc_now
from pathpatch_runner.store.files import RunFiles

log = logging.getLogger("pathpatch_runner")


def make_run(request: Request, files: Files, inputs: Inputs | None) -> RunOutcome:
    """Compute a run; found instead, where only the loaded model could tell that it is there.

    `files`, `inputs`: what was read and checked before any weights; `inputs` None where only the
    loaded model can tell its shape, so that all else waits.
    """
    config, stages = request.config, Stages(request.watch)
    if config.runtime.threads is not None:
        torch.set_num_threads(config.runtime.threads)
    model: LoadedModel | None = None
    if inputs is None:
        model = _load_to_know(request, files.source, stages)
        inputs = read_inputs(config, read_files(config, files.source, model), request.metrics)
        assert inputs is not None
    if config.runtime.dry_run:
        say_outside(inputs)
        return RunOutcome(None, plan=make_plan(config, inputs).text)
    making = _Making(request, stages, inputs, files.source, model)
    if request.held is not None:
        return RunOutcome(None, making.run(request.held))
    directory = RunDirectory.at(config.runtime.output_root, config.experiment, inputs.run_key)
    if directory.is_complete and not config.runtime.force:
        return found_again(directory, request.overrides)
    with directory.writing(), logged_to(directory.path / "run.log"):
        for name, text in request.hydra_files.items():
            directory.write_text(f".hydra/{name}", text)
        return RunOutcome(directory.path, making.run(directory))


def _load(
    request: Request, source: ModelSource, stages: Stages, probed: Probed | None = None
) -> LoadedModel:
    """`probed`: what is kept of a probe; None probes, where the model was not loaded before."""
    runtime = request.config.runtime
    with stages("loading weights", "load"):
        return request.models.take(source, runtime.device, probed, anew=runtime.prove_again)


def _load_to_know(request: Request, source: ModelSource, stages: Stages) -> LoadedModel:
    """A model of which nothing is known before it is loaded, and of its prompts neither."""
    config, nowhere = request.config, request.held is not None
    kept = probe_of(config, source, nowhere=nowhere).read()
    model = _load(request, source, stages, None if kept is None else kept.probed)
    if kept is None:
        # By what the source says now: loading may have downloaded it.
        probe_of(config, source, nowhere=nowhere).keep(Kept(utc_now(), model.probed, None))
    return model


@dataclasses.dataclass
class _Making:
    """One run while it is made. `model` None: not loaded yet."""

    request: Request
    stages: Stages
    inputs: Inputs
    source: ModelSource
    model: LoadedModel | None

    def run(self, files: RunFiles) -> pa.Table:
        """Everything from the plan to the manifest; returns the summary table."""
        config, stages = self.request.config, self.stages
        log.info("experiment %s, run %s", config.experiment, self.inputs.run_key)
        if self.inputs.pairs.left_out:
            left_out = counted(len(self.inputs.pairs.left_out), "pair")
            log.warning("%s left out: see manifest.json", left_out)
        say_outside(self.inputs)
        # It is ready when the page is made: loading the model leaves other cores idle.
        start_drawing()
        with stages("planning", "plan"):
            planned = make_plan(config, self.inputs)
        files.write_text("plan.txt", planned.text)
        checked = self._check(planned)
        task, backend = checked.task, checked.decision.backend.value
        known = known_of(self.request, self.inputs, backend)
        scored = self._score(checked, known)
        if scored is not None and self.inputs.hypotheses.awaits_scores:
            with stages("planning", "plan"):
                self.inputs = with_scores(config, self.inputs, scored.edges)
                planned = make_plan(config, self.inputs)
                task = dataclasses.replace(task, classes=planned.classes)
            files.write_text("plan.txt", planned.text)
        found = self._search(task, backend, known)
        if found is not None:
            with stages("planning", "plan"):
                self.inputs = with_found(config, self.inputs, found)
                planned = make_plan(config, self.inputs)
                task = dataclasses.replace(
                    found.task, metrics=task.metrics, classes=planned.classes
                )
            files.write_text("plan.txt", planned.text)
        measured = self._measure(task, planned, backend, known)
        controls = self._control(task, planned, list(measured.patched), backend, known)
        known.join()
        if known.record is not None and known.record.taken:
            log.info("known already, and not evaluated again: %s", dict(known.record.taken))
        done = Done(self.inputs, planned, checked, measured, known.record)
        return self._leave(files, done, Made(scored, found, controls))

    def _check(self, planned: Planned) -> Checked:
        """The model, loaded if it is not yet, and everything that must hold before it is
        believed."""
        config, kept_nowhere = self.request.config, self.request.held is not None
        proofs = proofs_of(config, self.inputs, self.source, nowhere=kept_nowhere)
        kept = proofs.read()
        model = self.model or _load(
            self.request, self.source, self.stages, None if kept is None else kept.probed
        )
        with self.stages("checking the model", "guards"):
            checked = check(config, self.inputs, planned, model, proofs)
        log.info("backend %s: %s", checked.decision.backend.value, checked.decision.reason)
        return checked

    def _score(self, checked: Checked, known: Known) -> RunScored | None:
        config, task = self.request.config, checked.task
        methods = [method.value for method in config.scores.methods]
        if not methods:
            return None
        backend = checked.decision.backend.value
        scoring = scoring_of(config, Graph(task.model.shape), backend, known)
        with (
            self.stages("scoring edges", "scores"),
            self.stages.watch.evaluations(scoring_evaluations(task, scoring, methods)) as advance,
        ):
            check_gradients(task, methods, checked.decision.proof)
            return score_run(config, task, scoring, advance)

    def _search(self, task: Task, backend: str, known: Known) -> RunFound | None:
        """Paths that are found, where the config asks for a search."""
        config = self.request.config
        if config.search is None:
            return None
        return search_run(config, task, backend, known, self.stages)

    def _measure(self, task: Task, planned: Planned, backend: str, known: Known) -> Measured:
        config, hypotheses = self.request.config, self.inputs.hypotheses
        # What was found is reported as needed and as sufficient.
        both = [] if config.search is None else list(Direction)
        directions = list(dict.fromkeys([*config.patch.directions, *both]))
        total = evaluations(len(hypotheses.units), task, directions)
        paths = [unit.paths for unit in hypotheses.units]
        units = known.units(task.pairs, paths, hypotheses.name)
        with (
            self.stages("evaluating", "execute"),
            self.stages.watch.evaluations(total) as advance,
        ):
            measured = evaluate(backend, task, planned.plan, directions, advance, units)
        self.stages.add("baseline", measured.baseline_seconds)
        self.stages.add("execute", -measured.baseline_seconds)
        return measured

    def _control(
        self,
        task: Task,
        planned: Planned,
        directions: Sequence[Direction],
        backend: str,
        known: Known,
    ) -> Controls | None:
        """Matched random path sets, where the config asks for them."""
        config, graph = self.request.config, Graph(task.model.shape)
        if not config.patch.controls:
            return None
        units = self.inputs.hypotheses.units
        drawn = draw_controls(units, graph, config.patch.controls, config.seed)
        total = evaluations(len(drawn.path_sets), task, directions)
        senders = source_named(config.patch.source).from_senders
        with (
            self.stages("evaluating controls", "controls"),
            self.stages.watch.evaluations(total) as advance,
        ):
            compiled = partial(
                compile_plan, alphabet=planned.plan.alphabet, replace_senders=senders
            )
            return evaluate_controls(backend, task, compiled, drawn, directions, advance, known)

    def _leave(self, files: RunFiles, done: Done, made: Made) -> pa.Table:
        """Tables, page, and the manifest last."""
        config = self.request.config
        with self.stages("writing tables", "tables"):
            results = results_of(
                config, done.inputs, done.planned.plan, done.measured, self.request.overrides
            )
            if made.found is not None:
                results = with_rest(results, made.found.space.graph)
            tokenizer = done.checked.task.model.tokenizer
            tables = run_tables(config, done.inputs, results, tokenizer, made)
            for name, table in tables.items():
                files.write_table(f"{name}.parquet", table)
            log.info("summary\n%s", summary_text(tables["summary"]))
            texts = made.files(results.names)
            for name, text in texts.items():
                files.write_text(name, text)
        manifest = manifest_of(self.request, done, self.stages.seconds)
        with self.stages("writing the page", "report"):
            view = RunView(manifest.to_dict(), tables, done.planned.text, search=search_of(texts))
            _write_page(files, view)
        files.write_manifest(dataclasses.replace(manifest, timings=dict(self.stages.seconds)))
        return tables["summary"]


def _write_page(files: RunFiles, view: RunView) -> None:
    """A page that cannot be made must not cost a run its numbers."""
    try:
        page = render_report(view)
    except Exception:
        log.warning(
            "report.html could not be made; the tables are whole. Report this, with run.log",
            exc_info=True,
        )
        return
    files.write_text("report.html", page)
