"""Everything that an experiment says, checked against the model's shape and the data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from pathpatch_runner.circuit import EdgeScores
from pathpatch_runner.config import ExperimentConfig, HypothesisConfig, PathConfig
from pathpatch_runner.dataset import PairSet
from pathpatch_runner.effects import check_against, read_contrasts
from pathpatch_runner.errors import HypothesisError, PathPatchError, raise_together
from pathpatch_runner.execute.sources import source_named
from pathpatch_runner.expression.ast import PathSet, Route
from pathpatch_runner.graph import Graph, ModelShape
from pathpatch_runner.hypothesis import Hypotheses, resolve_hypotheses
from pathpatch_runner.hypothesis.controls import controls_problems
from pathpatch_runner.inputs.attempt import attempt
from pathpatch_runner.inputs.files import Files
from pathpatch_runner.inputs.parts import BINDINGS, SHARD, bindings_of, part_of, shard_of
from pathpatch_runner.inputs.scores import run_scores, scored_metric_problems
from pathpatch_runner.inputs.settings import check_settings
from pathpatch_runner.registry import SOURCES
from pathpatch_runner.search.check import search_problems
from pathpatch_runner.store import identity_of, run_key

if TYPE_CHECKING:
    from pathpatch_runner.metric import Metric


EVERYTHING = {"everything": HypothesisConfig(paths={"all": PathConfig(expr="input => logits")})}
"""What a search that states no hypothesis has in place of one until it finds one."""


@dataclass(frozen=True)
class Inputs:
    """What a run needs besides the weights. `pairs`: those it evaluates; `all_pairs`: of which they
    are the shard (themselves, where the config asks for none). `identity`: the config as the run
    key sees it."""

    shape: ModelShape
    model_name: str
    pairs: PairSet
    all_pairs: PairSet
    hypotheses: Hypotheses
    metrics: tuple[Metric, ...]
    digests: Mapping[str, str]
    identity: Mapping[str, Any]
    run_key: str


def read_inputs(
    config: ExperimentConfig, files: Files, own: Sequence[Metric] = ()
) -> Inputs | None:
    """Read and check everything; None where the model's shape is not known before loading.

    `own`: metrics of the caller's own. Raises `Problems` with everything found wrong.
    """
    from pathpatch_runner.metric import resolve_metrics

    problems: list[PathPatchError] = []
    attempt(problems, lambda: check_settings(config))
    problems += files.problems
    shape, pairs = files.shape, files.pairs
    if shape is None:
        attempt(problems, lambda: resolve_metrics(config.metrics, None, own))
        raise_together(problems)
        return None
    hypotheses = attempt(problems, lambda: _hypotheses(config, shape, pairs))
    part = attempt(problems, lambda: pairs and shard_of(pairs, part_of(config.shard, SHARD)))
    metrics = attempt(problems, lambda: resolve_metrics(config.metrics, pairs, own))
    if metrics is not None:
        problems += scored_metric_problems(config, metrics)
    problems += _search_problems(config, shape, pairs)
    raise_together(problems)
    assert pairs is not None
    assert part is not None
    assert hypotheses is not None
    assert metrics is not None
    identity = identity_of(config)
    return Inputs(
        shape=shape,
        model_name=files.source.name,
        pairs=part,
        all_pairs=pairs,
        hypotheses=hypotheses,
        metrics=metrics,
        digests=files.digests,
        identity=identity,
        run_key=run_key(identity, files.digests),
    )


def _search_problems(
    config: ExperimentConfig, shape: ModelShape, pairs: PairSet | None
) -> list[PathPatchError]:
    """What the search of this config cannot do with these pairs."""
    if config.search is None or pairs is None:
        return []
    return search_problems(config.search, config.metrics, pairs, Graph(shape), config.seed)


def with_scores(config: ExperimentConfig, inputs: Inputs, scores: EdgeScores) -> Inputs:
    """The inputs again, with circuits that are chosen by the scores of this very run."""
    run = run_scores(config, scores)
    names, lengths = inputs.pairs.position_names, inputs.pairs.lengths
    found = resolve_hypotheses(
        config.hypotheses, config.patch.units, scores.graph, names, lengths, run
    )
    return replace(inputs, hypotheses=found)


def _hypotheses(config: ExperimentConfig, shape: ModelShape, pairs: PairSet | None) -> Hypotheses:
    names = None if pairs is None else pairs.position_names
    lengths = None if pairs is None else pairs.lengths
    graph = Graph(shape)
    run = run_scores(config, EdgeScores(graph, {}))
    hypotheses = config.hypotheses or ({} if config.search is None else EVERYTHING)
    found = resolve_hypotheses(hypotheses, config.patch.units, graph, names, lengths, run)
    if config.patch.controls > 0 and not found.awaits_scores and config.hypotheses:
        raise_together(controls_problems(found.units, graph, config.patch.controls))
    check_against(found.units, found.against)
    read_contrasts(config.contrasts, found.units)
    if config.patch.source in SOURCES.names() and source_named(config.patch.source).from_senders:
        _check_senders(found, config.patch.source)
    return bindings_of(found, part_of(config.bindings, BINDINGS))


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
