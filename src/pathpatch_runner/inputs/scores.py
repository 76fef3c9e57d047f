"""What a config says of scores, checked; and the scores that a run's circuits are chosen by."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pathpatch_runner.circuit import EdgeScores
from pathpatch_runner.circuit.scores import random_scores
from pathpatch_runner.config import ExperimentConfig, Scored, ScoreMethod, ScoresConfig
from pathpatch_runner.errors import ConfigError, MetricError, PathPatchError, did_you_mean
from pathpatch_runner.execute.sources import source_named
from pathpatch_runner.hypothesis.selection import RunScores
from pathpatch_runner.registry import SOURCES

if TYPE_CHECKING:
    from pathpatch_runner.metric import Metric


def run_scores(config: ExperimentConfig, scores: EdgeScores) -> RunScores:
    """The scores that a run's circuits may be chosen by: those computed, and random ones."""
    methods = tuple(method.value for method in config.scores.methods)
    known = dict(scores.methods)
    if ScoreMethod.random in config.scores.methods:
        known[ScoreMethod.random.value] = random_scores(scores.graph, config.seed)
    sampled = () if config.scores.sample is None else (ScoreMethod.exact.value,)
    return RunScores(methods, EdgeScores(scores.graph, known), sampled)


def score_problems(scores: ScoresConfig, source_name: str) -> list[PathPatchError]:
    """What is wrong with the section whatever the model and the data are."""
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
    problems += _sample_problems(scores)
    if scores.of is Scored.nodes and ScoreMethod.random in scores.methods:
        problems.append(
            ConfigError("scores.methods: random is for edges, to choose circuits by. Leave it out")
        )
    return problems


def _sample_problems(scores: ScoresConfig) -> list[PathPatchError]:
    if scores.sample is None:
        return []
    if scores.sample < 1:
        return [ConfigError(f"scores.sample: {scores.sample} is too small, 1 is the least")]
    if scores.of is Scored.nodes:
        return [
            ConfigError("scores.sample: goes with scores.of: edges. Nodes are few: leave it out")
        ]
    if ScoreMethod.exact not in scores.methods:
        return [
            ConfigError(
                "scores.sample: says how many edges are patched for exact, which scores.methods "
                "does not have. Add exact, or leave it out"
            )
        ]
    return []


def scored_metric_problems(
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
