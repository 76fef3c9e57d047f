"""Kinds by name: those built in, and those that installed packages add by entry points.

A *kind* is one way to be a model, a dataset, a metric or a source of corrupt values. It is found
by the name that a config says (`dataset.kind: jsonl`), never by a module path: a config cannot name
code. Built-in kinds are written here as `module:attribute` and imported when they are asked for,
so that reading the names imports nothing.

To add a kind of one's own without changing this package, a distribution declares an entry point:

    [project.entry-points."pathpatch_runner.datasets"]
    my_pairs = "my_package.pairs:MyPairs"

What the object must be says the package of the group: `model.source`, `dataset.kind`,
`metric.metric`, `execute.sources`.
"""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from importlib import metadata
from pathlib import Path
from typing import Any

from pathpatch_runner.errors import ConfigError, did_you_mean


@dataclass(frozen=True)
class Registry:
    """The kinds of one group. `what`: how messages call one of them. `entry_points`: the group
    of entry points that adds to it. `built_in`: name -> `module:attribute`."""

    what: str
    entry_points: str
    built_in: Mapping[str, str]

    @cached_property
    def _added(self) -> dict[str, metadata.EntryPoint]:
        """Entry points by name. Two of one name, or one of a built-in name, are an error."""
        found: dict[str, metadata.EntryPoint] = {}
        for point in metadata.entry_points(group=self.entry_points):
            other = found.get(point.name)
            if point.name in self.built_in or (other and other.value != point.value):
                known = _told(other) if other else "this package"
                raise ConfigError(
                    f'{self.what} "{point.name}" is defined twice: by {known} and by '
                    f"{_told(point)}. Uninstall one of the two"
                )
            found[point.name] = point
        return found

    def names(self) -> tuple[str, ...]:
        """All names: the built-in ones first, in their order."""
        return (*self.built_in, *sorted(self._added))

    def get(self, name: str, where: str) -> Any:
        """The kind of that name. `where`: the config key that says it.

        Raises ConfigError for an unknown name, and for a plug-in that cannot be imported.
        """
        if name in self.built_in:
            module, _, attribute = self.built_in[name].partition(":")
            return getattr(importlib.import_module(module), attribute)
        if name in self._added:
            return self._import(self._added[name], where)
        raise ConfigError(
            f'{where}: unknown {self.what} "{name}".{did_you_mean(name, self.names())} '
            f"Allowed: {', '.join(self.names())}"
        )

    def _import(self, point: metadata.EntryPoint, where: str) -> Any:
        try:
            return point.load()
        except Exception as error:
            raise ConfigError(
                f'{where}: {self.what} "{point.name}" of {_told(point)} cannot be imported: '
                f"{type(error).__name__}: {error}. Mend or uninstall that package"
            ) from error

    def origin(self, name: str) -> str | None:
        """`distribution version` of the package that adds the kind; None for a built-in one."""
        point = self._added.get(name)
        return None if point is None else _told(point)

    def sources(self, name: str) -> Path | None:
        """The folder of the top-level package that adds the kind, or its file if it is a single
        module; None for a built-in one. The package is found, never imported."""
        point = self._added.get(name)
        if point is None:
            return None
        spec = importlib.util.find_spec(point.module.partition(".")[0])
        if spec is None:
            return None
        if spec.submodule_search_locations:
            return Path(next(iter(spec.submodule_search_locations)))
        return None if spec.origin is None else Path(spec.origin)


def _told(point: metadata.EntryPoint) -> str:
    dist = point.dist
    return f'"{point.value}"' if dist is None else f"{dist.name} {dist.version}"


_HERE = "pathpatch_runner"

MODELS = Registry(
    "model kind",
    f"{_HERE}.models",
    {
        "native": f"{_HERE}.model.native:NativeModel",
        "local": f"{_HERE}.model.local:LocalModel",
        "hub": f"{_HERE}.model.hub:HubModel",
        "gguf": f"{_HERE}.model.gguf:GgufModel",
        "random": f"{_HERE}.model.random:RandomModel",
        "in_memory": f"{_HERE}.model.in_memory:InMemoryModel",
    },
)
DATASETS = Registry(
    "dataset kind",
    f"{_HERE}.datasets",
    {
        "jsonl": f"{_HERE}.dataset.jsonl:Jsonl",
        "template": f"{_HERE}.dataset.template:Template",
        "repeated_random": f"{_HERE}.dataset.repeated_random:RepeatedRandom",
        "text": f"{_HERE}.dataset.text:Text",
        "autocircuit": f"{_HERE}.dataset.autocircuit:Autocircuit",
        "eap_csv": f"{_HERE}.dataset.eap_csv:EapCsv",
        "in_memory": f"{_HERE}.dataset.in_memory:InMemory",
    },
)
METRICS = Registry(
    "metric",
    f"{_HERE}.metrics",
    {
        "loss": f"{_HERE}.metric.built_in:loss",
        "logprob": f"{_HERE}.metric.built_in:logprob",
        "prob": f"{_HERE}.metric.built_in:prob",
        "logit_diff": f"{_HERE}.metric.built_in:logit_diff",
        "prob_diff": f"{_HERE}.metric.built_in:prob_diff",
        "kl": f"{_HERE}.metric.built_in:kl",
        "accuracy": f"{_HERE}.metric.built_in:accuracy",
    },
)
SOURCES = Registry(
    "source",
    f"{_HERE}.sources",
    {
        "corrupt": f"{_HERE}.execute.sources.corrupt:Corrupt",
        "noise": f"{_HERE}.execute.sources.noise:Noise",
        "mean": f"{_HERE}.execute.sources.mean:Mean",
        "zero": f"{_HERE}.execute.sources.zero:Zero",
    },
)
