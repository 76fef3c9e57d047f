"""Everything an experiment says, read and checked, before any weights are loaded where that can
be: prompt pairs, path hypotheses, metrics, the run key. All problems are reported together.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from pathpatch_runner.circuit import EdgeScores
from pathpatch_runner.circuit.scores import random_scores
from pathpatch_runner.config import (
    Direction,
    ExperimentConfig,
    PatchConfig,
    Scored,
    ScoreMethod,
    ScoresConfig,
    named_files,
    to_plain,
)
from pathpatch_runner.dataset import PairSet, load_dataset
from pathpatch_runner.effects import check_against, read_contrasts
from pathpatch_runner.errors import (
    ConfigError,
    HypothesisError,
    MetricError,
    PathPatchError,
    Problems,
    did_you_mean,
    raise_together,
)
from pathpatch_runner.execute.sources import source_named
from pathpatch_runner.expression.ast import PathSet, Route
from pathpatch_runner.graph import Graph, ModelShape
from pathpatch_runner.hypothesis import Hypotheses, resolve_hypotheses
from pathpatch_runner.hypothesis.selection import RunScores
from pathpatch_runner.model.digest import file_digest
from pathpatch_runner.model.source import ModelSource
from pathpatch_runner.model.tokenizer import Tokenizer
from pathpatch_runner.registry import DATASETS, METRICS, MODELS, SOURCES
from pathpatch_runner.store import code_digest, module_digest, run_key
from pathpatch_runner.store.identity import NOT_IN_KEY

if TYPE_CHECKING:
    from pathpatch_runner.metric import Metric
    from pathpatch_runner.model.load import LoadedModel

Result = TypeVar("Result")


@dataclass(frozen=True)
class Files:
    """What an experiment's files hold. None: not readable (`problems` says why), or not there.

    `shape` None without a problem: only loading the model can tell, and nothing else is read yet.
    `source`: the model that the config names, whose files are read once.
    """

    source: ModelSource
    shape: ModelShape | None = None
    tokenizer: Tokenizer | None = None
    pairs: PairSet | None = None
    digests: Mapping[str, str] = field(default_factory=dict)
    problems: tuple[PathPatchError, ...] = ()


@dataclass(frozen=True)
class Inputs:
    """What a run needs besides the weights. `identity`: the config as the run key sees it."""

    shape: ModelShape
    model_name: str
    pairs: PairSet
    hypotheses: Hypotheses
    metrics: tuple[Metric, ...]
    digests: Mapping[str, str]
    identity: Mapping[str, Any]
    run_key: str


def read_files(
    config: ExperimentConfig, source: ModelSource, model: LoadedModel | None = None
) -> Files:
    """Read the files; `model`: the source's, once it is loaded. Never imports torch where the data
    are ids or the tokenizer is a file."""
    problems: list[PathPatchError] = []
    shape = model.shape if model else _attempt(problems, lambda: source.shape)
    if shape is None:
        return Files(source, problems=tuple(problems))
    digest = _attempt(problems, lambda: source.digest)
    tokenizer = _attempt(problems, lambda: source.tokenizer)
    pairs = None
    # Without its tokenizer every text of the data would be a problem of its own.
    if tokenizer is not None or not problems:
        pairs = _attempt(
            problems, lambda: load_dataset(config.dataset, tokenizer, shape, config.seed)
        )
    digests = {"model": digest or "", "dataset": pairs.digest if pairs else ""}
    for key, file in _other_files(config):
        digests[key] = _attempt(problems, partial(_digest_of, key, file)) or ""
    digests |= code_digests(config)
    return Files(source, shape, tokenizer, pairs, digests, tuple(problems))


def _other_files(config: ExperimentConfig) -> list[tuple[str, str]]:
    """Files that the config names outside model and dataset, whose kinds give digests."""
    return [
        (key, file)
        for key, file in named_files(config)
        if key.split(".")[0] not in ("model", "dataset", "runtime")
    ]


def _digest_of(key: str, file: str) -> str:
    if not Path(file).is_file():
        raise ConfigError(f'{key}: no file "{file}"')
    return file_digest(Path(file))[:16]


def code_digests(config: ExperimentConfig) -> dict[str, str]:
    """Digests of the code that computes: ours, and every plug-in's that the config names a kind
    of, by its distribution and version."""
    named = [
        (MODELS, config.model.kind),
        (DATASETS, config.dataset.kind),
        (SOURCES, config.patch.source),
        *((METRICS, name) for name in config.metrics),
    ]
    digests = {"code": code_digest()}
    for registry, name in named:
        origin, sources = registry.origin(name), registry.sources(name)
        if origin is not None and sources is not None:
            digests[f"plug-in {origin}"] = module_digest(sources)
    return digests


def run_key_of(config: ExperimentConfig, files: Files) -> str | None:
    """The run's key; None where something could not be read."""
    if files.shape is None or files.problems:
        return None
    return run_key(identity_of(config), files.digests)


def read_inputs(
    config: ExperimentConfig, files: Files, own: Sequence[Metric] = ()
) -> Inputs | None:
    """Read and check everything; None where the model's shape is not known before loading.

    `own`: metrics of the caller's own. Raises `Problems` with everything found wrong.
    """
    from pathpatch_runner.metric import resolve_metrics

    problems: list[PathPatchError] = []
    _attempt(problems, lambda: check_settings(config))
    problems += files.problems
    shape, pairs = files.shape, files.pairs
    if shape is None:
        _attempt(problems, lambda: resolve_metrics(config.metrics, None, own))
        raise_together(problems)
        return None
    hypotheses = _attempt(problems, lambda: _hypotheses(config, shape, pairs))
    metrics = _attempt(problems, lambda: resolve_metrics(config.metrics, pairs, own))
    if metrics is not None:
        problems += _scored_metric_problems(config, metrics)
    raise_together(problems)
    assert pairs is not None
    assert hypotheses is not None
    assert metrics is not None
    identity = identity_of(config)
    return Inputs(
        shape=shape,
        model_name=files.source.name,
        pairs=pairs,
        hypotheses=hypotheses,
        metrics=metrics,
        digests=files.digests,
        identity=identity,
        run_key=run_key(identity, files.digests),
    )


def with_scores(config: ExperimentConfig, inputs: Inputs, scores: EdgeScores) -> Inputs:
    """The inputs again, with circuits that are chosen by the scores of this very run."""
    run = run_scores(config, scores)
    names, lengths = inputs.pairs.position_names, inputs.pairs.lengths
    found = resolve_hypotheses(
        config.hypotheses, config.patch.units, scores.graph, names, lengths, run
    )
    return replace(inputs, hypotheses=found)


def _attempt(problems: list[PathPatchError], step: Callable[[], Result]) -> Result | None:
    """The step's result, or None and its problems noted."""
    try:
        return step()
    except Problems as several:
        problems.extend(several.problems)
    except PathPatchError as problem:
        problems.append(problem)
    return None


def _hypotheses(config: ExperimentConfig, shape: ModelShape, pairs: PairSet | None) -> Hypotheses:
    names = None if pairs is None else pairs.position_names
    lengths = None if pairs is None else pairs.lengths
    graph = Graph(shape)
    run = run_scores(config, EdgeScores(graph, {}))
    found = resolve_hypotheses(config.hypotheses, config.patch.units, graph, names, lengths, run)
    check_against(found.units, found.against)
    read_contrasts(config.contrasts, found.units)
    if config.patch.source in SOURCES.names() and source_named(config.patch.source).from_senders:
        _check_senders(found, config.patch.source)
    return found


def run_scores(config: ExperimentConfig, scores: EdgeScores) -> RunScores:
    """The scores that a run's circuits may be chosen by: those computed, and random ones."""
    methods = tuple(method.value for method in config.scores.methods)
    known = dict(scores.methods)
    if ScoreMethod.random in config.scores.methods:
        known[ScoreMethod.random.value] = random_scores(scores.graph, config.seed)
    return RunScores(methods, EdgeScores(scores.graph, known))


def check_settings(config: ExperimentConfig) -> None:
    """Values that the types allow and the program does not."""
    patch, statistics = config.patch, config.statistics
    problems: list[PathPatchError] = []
    if config.experiment in ("", ".", "..") or any(c in config.experiment for c in "/\\\0"):
        problems.append(ConfigError(f'experiment: "{config.experiment}" cannot name a directory'))
    if not patch.directions:
        problems.append(_empty("patch.directions", Direction))
    problems += _check_source(patch)
    bounds = [
        ("patch.noise_scale", patch.noise_scale, 0.0),
        ("patch.noise_draws", patch.noise_draws, 1),
        ("statistics.n_resamples", statistics.n_resamples, 1),
        ("statistics.n_permutations", statistics.n_permutations, 1),
    ]
    problems += [
        ConfigError(f"{key}: {value} is too small, {least} is the least")
        for key, value, least in bounds
        if value < least
    ]
    problems += _score_problems(config.scores, patch.source)
    memory, threads = config.runtime.memory_gb, config.runtime.threads
    if memory not in (None, "auto") and not _is_positive(memory):
        problems.append(
            ConfigError(
                f"runtime.memory_gb: {memory!r} is neither auto nor a number of GiB above 0"
            )
        )
    if threads is not None and threads < 1:
        problems.append(ConfigError(f"runtime.threads: {threads} is too small, 1 is the least"))
    if not 0 < statistics.confidence < 1:
        problems.append(
            ConfigError(f"statistics.confidence: {statistics.confidence} is not in (0, 1)")
        )
    problems += [
        ConfigError(f"{key}: {value} is not a finite number")
        for key, value in _fractions(to_plain(config), "")
        if not math.isfinite(value)
    ]
    raise_together(problems)


def _fractions(value: Any, key: str) -> Iterator[tuple[str, float]]:
    """(dotted key, value) of every number that is not a whole one."""
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from _fractions(inner, f"{key}.{name}" if key else name)
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            yield from _fractions(inner, f"{key}[{number}]")
    elif isinstance(value, float):
        yield key, value


def _score_problems(scores: ScoresConfig, source_name: str) -> list[PathPatchError]:
    problems: list[PathPatchError] = []
    if scores.steps < 1:
        problems.append(ConfigError(f"scores.steps: {scores.steps} is too small, 1 is the least"))
    if scores.methods and source_name in SOURCES.names() and source_named(source_name).from_senders:
        problems.append(
            ConfigError(
                f"scores.methods: scores are effects of the corrupt run, and patch.source "
                f"{source_name} replaces what senders write. Use patch.source=corrupt or noise"
            )
        )
    twice = [method.value for method in scores.methods if scores.methods.count(method) > 1]
    if twice:
        problems.append(ConfigError(f"scores.methods: {twice[0]} stands there twice"))
    if scores.of is Scored.nodes and ScoreMethod.random in scores.methods:
        problems.append(
            ConfigError("scores.methods: random is for edges, to choose circuits by. Leave it out")
        )
    return problems


def _scored_metric_problems(
    config: ExperimentConfig, metrics: Sequence[Metric]
) -> list[PathPatchError]:
    """Scores need a metric of the run, with a gradient where they are made by gradient."""
    scores = config.scores
    if not scores.methods:
        return []
    if scores.metric is not None and scores.metric not in config.metrics:
        return [
            ConfigError(
                f'scores.metric: "{scores.metric}" is no metric of this run.'
                f"{did_you_mean(scores.metric, config.metrics)} It has: "
                f"{', '.join(config.metrics)}. Add it to metrics"
            )
        ]
    metric = next(m for m in metrics if m.name == (scores.metric or config.metrics[0]))
    by_gradient = [
        method.value
        for method in scores.methods
        if method not in (ScoreMethod.exact, ScoreMethod.random)
    ]
    if by_gradient and not metric.differentiable:
        others = [m.name for m in metrics if m.differentiable] or ["logit_diff", "loss"]
        return [
            MetricError(
                f"scores.metric: {metric.name} has no gradient, and {', '.join(by_gradient)} "
                f"{'needs' if len(by_gradient) == 1 else 'need'} one. Use another metric "
                f"({', '.join(others)}), or scores.methods: [exact]"
            )
        ]
    return []


def _is_positive(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and value > 0


def _empty(key: str, allowed: type[Enum]) -> ConfigError:
    return ConfigError(
        f"{key}: none named. Allowed: {', '.join(member.value for member in allowed)}"
    )


def _check_source(patch: PatchConfig) -> list[PathPatchError]:
    """That the source exists, and means something in the directions asked for."""
    try:
        allowed = source_named(patch.source).directions
    except ConfigError as error:
        return [error]
    if set(patch.directions) <= set(allowed):
        return []
    named = ", ".join(direction.value for direction in allowed)
    return [
        ConfigError(
            f"patch.source: {patch.source} replaces what senders write in the clean run, so "
            f"patch.directions must be [{named}]"
        )
    ]


def _check_senders(hypotheses: Hypotheses, source: str) -> None:
    """Mean and zero ablation replace whole writes of nodes."""
    for unit in hypotheses.units:
        if not _starts_at_senders(unit.paths):
            raise HypothesisError(
                f'hypotheses.{unit.hypothesis}.paths: "{unit.path}" starts at input. With '
                f"patch.source {source} a path must start at a sender (a head or an MLP, without "
                "slots or positions), whose write is replaced"
            )


def _starts_at_senders(paths: PathSet) -> bool:
    return all(
        isinstance(route, Route)
        and not route.sets[0].negated
        and all(
            0 not in pattern.nodes
            and pattern.slots is None
            and pattern.write is None
            and pattern.read is None
            and pattern.back is None
            for pattern in route.sets[0].patterns
        )
        for route in paths
    )


def identity_of(config: ExperimentConfig) -> dict[str, Any]:
    """The config as plain data, without what cannot change results and without where files lie."""
    plain: dict[str, Any] = to_plain(config, files=False)
    return {name: value for name, value in plain.items() if name not in NOT_IN_KEY}
