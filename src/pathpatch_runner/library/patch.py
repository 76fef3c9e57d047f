"""Ask about a model that is in memory: the config is made of the arguments, and run.

Each argument is what the config key of the same name says; nothing can be said here that a config
cannot say, but for two things that have no name in a file: the model and pairs themselves, and
metrics of one's own.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pathpatch_runner.config import (
    DatasetConfig,
    Direction,
    ExperimentConfig,
    HypothesisConfig,
    ModelConfig,
    PatchConfig,
    PathConfig,
    UnitKind,
)
from pathpatch_runner.errors import (
    ConfigError,
    PathPatchError,
    did_you_mean,
    raise_together,
    unknown_key,
)
from pathpatch_runner.library.pair import Pair
from pathpatch_runner.library.run import Run, run_request
from pathpatch_runner.library.sections import SECTIONS, section_of
from pathpatch_runner.runner import Request
from pathpatch_runner.store.files import HeldRun

if TYPE_CHECKING:
    from pathpatch_runner.metric import Metric
    from pathpatch_runner.model.source import ModelSource

NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
Paths = Mapping[str, Any]


def patch(
    model: Any,
    pairs: Any,
    paths: Paths | None = None,
    *,
    over: Mapping[str, Any] | None = None,
    groups: Mapping[str, Any] | None = None,
    metrics: Sequence[str | Metric] = ("logit_diff",),
    directions: Sequence[str | Direction] = (Direction.denoising,),
    units: Sequence[str | UnitKind] = (UnitKind.path, UnitKind.hypothesis),
    source: str = "corrupt",
    output: str | Path | None = None,
    seed: int = 0,
    **more: Any,
) -> Run:
    """Effects of path sets in a model, on pairs of prompts.

    `model`: a `TransformerBridge`, whose hooks, gradients and mode are left as they were, or a
    model config. `pairs`: `Pair`s, dicts as the lines of a JSONL file, or a dataset config.
    `paths`: name -> an expression, a list of them, an entry (`PathConfig` or a dict of its keys),
    or a whole hypothesis (`HypothesisConfig` or a dict with `paths`). `over`, `groups`: of every
    hypothesis in which they are used. `metrics`: names, or `Metric`s of one's own. `output`: a
    folder for outputs; without one nothing is written. Other keywords are the fields of `patch`
    (`noise_scale`, ...) and of the top of a config: `contrasts`, `description`, and as dicts of
    their keys `search`, `scores`, `statistics` and `runtime`. With `search={}` paths are found, and
    none need be given: `patch(bridge, pairs, search={"min_share": 0.05})`.

    Raises `PathPatchError` for everything that a user can mend, all of it together.
    """
    borrowed = _borrowed(model)
    config = ExperimentConfig(
        experiment=more.pop("experiment", "patch"),
        model=model if borrowed is None else borrowed.config,
        dataset=_dataset_config(pairs),
        hypotheses=_hypotheses({} if paths is None else paths, over or {}, groups or {}),
        patch=PatchConfig(
            directions=[_member(Direction, value, "directions") for value in directions],
            units=[_member(UnitKind, value, "units") for value in units],
            source=source,
        ),
        metrics=[metric if isinstance(metric, str) else metric.name for metric in metrics],
        seed=seed,
    )
    _set_fields(config, more)
    if output is not None:
        config.runtime.output_root = str(output)
    own = tuple(metric for metric in metrics if not isinstance(metric, str))
    # What a metric of one's own computes has no digest: a run with one is never taken for another.
    config.runtime.force = config.runtime.force or bool(own)
    held = HeldRun() if output is None else None
    command = ("pathpatch_runner.patch",)
    return run_request(Request(config, command, metrics=own, model=borrowed, held=held))


def _borrowed(model: Any) -> ModelSource | None:
    """The source of a bridge in memory; None for a config, which names its own."""
    from pathpatch_runner.model.in_memory import InMemoryModel

    return None if isinstance(model, ModelConfig) else InMemoryModel.of(model)


def _dataset_config(pairs: Any) -> DatasetConfig:
    from pathpatch_runner.dataset.in_memory import InMemoryDatasetConfig

    if isinstance(pairs, DatasetConfig):
        return pairs
    if isinstance(pairs, str | Mapping | Pair) or not hasattr(pairs, "__iter__"):
        raise ConfigError(
            f"pairs: a {type(pairs).__name__} is no list of pairs. Give a list of Pair or of dicts "
            "with clean and corrupt, or a dataset config"
        )
    lines = [pair.as_line() if isinstance(pair, Pair) else pair for pair in pairs]
    return InMemoryDatasetConfig(pairs=lines)


def _member(kind: Any, value: Any, key: str) -> Any:
    if isinstance(value, kind):
        return value
    names = [member.name for member in kind]
    if value not in names:
        raise ConfigError(
            f'{key}: unknown "{value}".{did_you_mean(str(value), names)} '
            f"Allowed: {', '.join(names)}"
        )
    return kind[value]


def _hypotheses(
    paths: Paths, over: Mapping[str, Any], groups: Mapping[str, Any]
) -> dict[str, HypothesisConfig]:
    if not isinstance(paths, Mapping):
        raise ConfigError(
            f"paths: a {type(paths).__name__} names nothing. Give a dict: "
            '{"movers": "s -> r<q> => logits"}'
        )
    found = {name: _hypothesis(name, said, groups) for name, said in paths.items()}
    entries = [entry for hypothesis in found.values() for entry in hypothesis.paths.values()]
    unused = set(over)
    for entry in entries:
        names = {word for text in _texts(entry.expr) for word in NAME.findall(text)}
        entry.over = {name: v for name, v in over.items() if name in names} | dict(entry.over)
        unused -= names
    raise_together(
        [ConfigError(f'over.{name}: no expression has a "{name}"') for name in sorted(unused)]
    )
    return found


def _hypothesis(name: str, said: Any, groups: Mapping[str, Any]) -> HypothesisConfig:
    where = f'paths["{name}"]'
    if isinstance(said, Mapping) and "paths" in said:
        said = HypothesisConfig(
            paths={key: _entry(f"{where}.{key}", v) for key, v in said["paths"].items()},
            **_known(HypothesisConfig, {k: v for k, v in said.items() if k != "paths"}, where),
        )
    if isinstance(said, HypothesisConfig):
        found = replace(said, paths={key: replace(entry) for key, entry in said.paths.items()})
    else:
        found = HypothesisConfig(paths={name: _entry(where, said)})
    found.groups = {**groups, **found.groups}
    return found


def _entry(where: str, said: Any) -> PathConfig:
    if isinstance(said, PathConfig):
        return said
    if isinstance(said, Mapping):
        return section_of(PathConfig, said, where)
    return PathConfig(expr=said)


def _texts(expressions: Any) -> list[str]:
    return [expressions] if isinstance(expressions, str) else [str(e) for e in expressions or ()]


def _known(kind: Any, said: Mapping[str, Any], where: str) -> dict[str, Any]:
    """`said` as the keywords of a config dataclass, unknown ones refused."""
    names = list(kind.__dataclass_fields__)
    problems: list[PathPatchError] = [
        ConfigError(unknown_key(where, name, names)) for name in said if name not in names
    ]
    raise_together(problems)
    return dict(said)


def _set_fields(config: ExperimentConfig, more: Mapping[str, Any]) -> None:
    """Other keywords: a field of the config or of its `patch` section, or a whole section."""
    problems: list[PathPatchError] = []
    for name, value in more.items():
        if name in SECTIONS and isinstance(value, Mapping):
            try:
                value = section_of(SECTIONS[name], value, name)
            except PathPatchError as error:
                problems.append(error)
        for owner in (config, config.patch):
            if name in type(owner).__dataclass_fields__:
                setattr(owner, name, value)
                break
        else:
            allowed = [*type(config).__dataclass_fields__, *PatchConfig.__dataclass_fields__]
            problems.append(ConfigError(f'unknown keyword "{name}".{did_you_mean(name, allowed)}'))
    raise_together(problems)
