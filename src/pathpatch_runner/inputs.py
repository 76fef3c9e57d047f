"""Everything an experiment says, read and checked, before any weights are loaded where that can
be: prompt pairs, path hypotheses, metrics, the run key. All problems are reported together.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any, TypeVar

from pathpatch_runner.config import Direction, ExperimentConfig, Source
from pathpatch_runner.dataset import PairSet, load_dataset
from pathpatch_runner.effects import check_against
from pathpatch_runner.errors import (
    ConfigError,
    HypothesisError,
    PathPatchError,
    Problems,
    raise_together,
)
from pathpatch_runner.expression.ast import PathSet
from pathpatch_runner.graph import Graph, ModelShape
from pathpatch_runner.hypothesis import Hypotheses, resolve_hypotheses
from pathpatch_runner.metric import Metric, resolve_metrics
from pathpatch_runner.model.digest import model_digest, model_name
from pathpatch_runner.model.shape import model_shape
from pathpatch_runner.model.tokenizer import Tokenizer, load_tokenizer
from pathpatch_runner.store import run_key

if TYPE_CHECKING:
    from pathpatch_runner.model.load import LoadedModel

PATH_FIELDS = {
    "model": ("weights", "tokenizer", "path"),
    "dataset": ("path",),
}
"""Fields that say where a file lies: the run key has the file's digest instead."""

Result = TypeVar("Result")


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


def read_inputs(config: ExperimentConfig, model: LoadedModel | None) -> Inputs | None:
    """Read and check everything; None where the model's shape is not known before loading.

    `model`: the loaded model, None before. Raises `Problems` with everything found wrong.
    """
    problems: list[PathPatchError] = []
    _attempt(problems, lambda: _check_settings(config))
    known = model.shape if model else _attempt(problems, lambda: model_shape(config.model))
    if known is None:
        _attempt(problems, lambda: resolve_metrics(config.metrics, None))
        raise_together(problems)
        return None
    digest = model.digest if model else _attempt(problems, lambda: model_digest(config.model))
    tokenizer = (
        model.tokenizer if model else _attempt(problems, lambda: load_tokenizer(config.model))
    )
    pairs = _attempt(problems, lambda: _pairs(config, tokenizer, known, problems))
    hypotheses = _attempt(problems, lambda: _hypotheses(config, known, pairs))
    metrics = _attempt(problems, lambda: resolve_metrics(config.metrics, pairs))
    raise_together(problems)
    assert pairs is not None
    assert hypotheses is not None
    assert metrics is not None
    digests = {"model": digest or "", "dataset": pairs.digest}
    identity = identity_of(config)
    return Inputs(
        shape=known,
        model_name=model_name(config.model),
        pairs=pairs,
        hypotheses=hypotheses,
        metrics=metrics,
        digests=digests,
        identity=identity,
        run_key=run_key(identity, digests),
    )


def _attempt(problems: list[PathPatchError], step: Callable[[], Result]) -> Result | None:
    """The step's result, or None and its problems noted."""
    try:
        return step()
    except Problems as several:
        problems.extend(several.problems)
    except PathPatchError as problem:
        problems.append(problem)
    return None


def _pairs(
    config: ExperimentConfig,
    tokenizer: Tokenizer | None,
    shape: ModelShape,
    problems: list[PathPatchError],
) -> PairSet | None:
    # Without its tokenizer every text of the data would be a problem of its own.
    if tokenizer is None and problems:
        return None
    return load_dataset(config.dataset, tokenizer, shape, config.seed)


def _hypotheses(config: ExperimentConfig, shape: ModelShape, pairs: PairSet | None) -> Hypotheses:
    names = None if pairs is None else pairs.position_names
    found = resolve_hypotheses(config.hypotheses, config.patch.units, Graph(shape), names)
    check_against(found.units, found.against)
    if config.patch.source in (Source.mean, Source.zero):
        _check_senders(found)
    return found


def _check_settings(config: ExperimentConfig) -> None:
    """Values that the types allow and the program does not."""
    patch, statistics = config.patch, config.statistics
    problems: list[PathPatchError] = []
    if not config.experiment or any(c in config.experiment for c in "/\\"):
        problems.append(ConfigError(f'experiment: "{config.experiment}" cannot name a directory'))
    if not patch.directions:
        problems.append(_empty("patch.directions", Direction))
    if patch.source in (Source.mean, Source.zero) and patch.directions != [Direction.noising]:
        problems.append(
            ConfigError(
                f"patch.source: {patch.source.value} replaces what senders write in the clean run, "
                "so patch.directions must be [noising]"
            )
        )
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
    raise_together(problems)


def _is_positive(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and value > 0


def _empty(key: str, allowed: type[Enum]) -> ConfigError:
    return ConfigError(
        f"{key}: none named. Allowed: {', '.join(member.value for member in allowed)}"
    )


def _check_senders(hypotheses: Hypotheses) -> None:
    """Mean and zero ablation replace whole writes of nodes."""
    for unit in hypotheses.units:
        if not _starts_at_senders(unit.paths):
            raise HypothesisError(
                f'hypotheses.{unit.hypothesis}.paths: "{unit.path}" starts at input. With '
                "patch.source mean or zero a path must start at a sender (a head or an MLP, "
                "without slots or positions), whose write is replaced"
            )


def _starts_at_senders(paths: PathSet) -> bool:
    return all(
        not route.sets[0].negated
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
    """The config as plain data, without `runtime` and without where files lie."""
    plain = {
        field.name: _plain(getattr(config, field.name))
        for field in dataclasses.fields(config)
        if field.name != "runtime"
    }
    for section, names in PATH_FIELDS.items():
        for name in names:
            if name in plain[section]:
                plain[section][name] = None
    if isinstance(plain["model"].get("config"), str):
        plain["model"]["config"] = None
    return plain


def _plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {
            field.name: _plain(getattr(value, field.name)) for field in dataclasses.fields(value)
        }
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, Mapping):
        return {str(name): _plain(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    return value
