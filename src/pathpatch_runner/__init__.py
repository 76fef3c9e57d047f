"""Treeified path patching of transformer language models.

    import pathpatch_runner as pp

    config = pp.compose("ioi", "dataset.n_pairs=16")    # the config that the command line makes
    run = pp.run(config)                                # the same run, the same tables
    run = pp.patch(bridge, pairs, {"heads": "s -> logits"}, over={"s": "a*.h*"})
    run.summary

`open` opens a finished run, `explain` says what an expression means on a model. Everything is
imported when it is first used: importing the package brings neither torch nor Hydra.
"""

from __future__ import annotations

import importlib
from typing import Any

_HOMES: dict[str, tuple[str, ...]] = {
    "cli.compose": ("compose",),
    "config": (
        "Backend",
        "Choosing",
        "Correction",
        "DatasetConfig",
        "Direction",
        "Dtype",
        "ExperimentConfig",
        "HypothesisConfig",
        "ModelConfig",
        "PatchConfig",
        "PathConfig",
        "RuntimeConfig",
        "ScoreMethod",
        "Scored",
        "ScoresConfig",
        "SearchConfig",
        "SelectConfig",
        "Slots",
        "StatisticsConfig",
        "Tracker",
        "TrackingConfig",
        "UnitKind",
        "WeightProcessing",
    ),
    "dataset.autocircuit": ("AutocircuitDatasetConfig",),
    "dataset.eap_csv": ("EapCsvDatasetConfig",),
    "dataset.jsonl": ("JsonlDatasetConfig",),
    "dataset.repeated_random": ("RepeatedRandomDatasetConfig",),
    "dataset.template": ("TemplateDatasetConfig",),
    "dataset.text": ("TextDatasetConfig",),
    "errors": (
        "CircuitError",
        "ConfigError",
        "DatasetError",
        "ExecutionError",
        "ExpressionError",
        "GuardError",
        "HookError",
        "HypothesisError",
        "MetricError",
        "ModelError",
        "NotAtHandError",
        "PathPatchError",
        "Problems",
        "PublishedError",
        "StoreError",
    ),
    "explanation.explanation": ("Explanation", "explain"),
    "library.pair": ("Pair",),
    "library.patch": ("patch",),
    "library.run": ("Run", "open_run", "run"),
    "metric.metric": ("Metric", "Targets"),
    "model.gguf": ("GgufModelConfig",),
    "model.hub": ("HubModelConfig",),
    "model.local": ("LocalModelConfig",),
    "model.native": ("NativeModelConfig",),
    "model.random": ("RandomModelConfig",),
}
"""Module -> what is public and lives there."""
_RENAMED = {"open_run": "open"}
_HOME_OF = {
    _RENAMED.get(name, name): (module, name) for module, names in _HOMES.items() for name in names
}

__all__ = sorted([*_HOME_OF, "__version__"])  # computed, and held by a test


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib import metadata

        return metadata.version("pathpatch-runner")
    if name not in _HOME_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module, own = _HOME_OF[name]
    found = getattr(importlib.import_module(f"{__name__}.{module}"), own)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return __all__
