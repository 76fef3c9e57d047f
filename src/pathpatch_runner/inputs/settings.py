"""Values that the types of a config allow and the program does not."""

from __future__ import annotations

import math
from collections.abc import Iterator
from enum import Enum
from typing import Any

from pathpatch_runner.config import (
    Direction,
    ExperimentConfig,
    PatchConfig,
    RuntimeConfig,
    to_plain,
)
from pathpatch_runner.errors import ConfigError, HypothesisError, PathPatchError, raise_together
from pathpatch_runner.execute.sources import source_named
from pathpatch_runner.inputs.parts import part_problems
from pathpatch_runner.inputs.scores import score_problems
from pathpatch_runner.registry import SOURCES


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
        ("patch.controls", patch.controls, 0),
        ("statistics.n_resamples", statistics.n_resamples, 1),
        ("statistics.n_permutations", statistics.n_permutations, 1),
    ]
    problems += [
        ConfigError(f"{key}: {value} is too small, {least} is the least")
        for key, value, least in bounds
        if value < least
    ]
    problems += score_problems(config.scores, patch.source)
    problems += _search_problems(config)
    problems += part_problems(config)
    problems += _runtime_problems(config.runtime)
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


def _runtime_problems(runtime: RuntimeConfig) -> list[PathPatchError]:
    memory, threads = runtime.memory_gb, runtime.threads
    problems: list[PathPatchError] = []
    if memory not in (None, "auto") and not _is_positive(memory):
        what = f"runtime.memory_gb: {memory!r} is neither auto nor a number of GiB above 0"
        problems.append(ConfigError(what))
    if threads is not None and threads < 1:
        problems.append(ConfigError(f"runtime.threads: {threads} is too small, 1 is the least"))
    return problems


def _search_problems(config: ExperimentConfig) -> list[PathPatchError]:
    """What is wrong with a search whatever the data and the model."""
    if config.search is None:
        return []
    problems: list[PathPatchError] = []
    source = config.patch.source
    if source in SOURCES.names() and source_named(source).from_senders:
        problems.append(
            ConfigError(
                f"search: it compares with the corrupt run, and patch.source {source} replaces "
                "what senders write. Use patch.source=corrupt or noise"
            )
        )
    problems += [
        HypothesisError(f"hypotheses.{name}: the search gives its own this name. Rename it")
        for name in ("found", "found_rest", "found_kept", "found_kept_rest")
        if name in config.hypotheses
    ]
    return problems


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
