"""What is logged of a finished run: its config as flat parameters, numbers of its summary, files.

A family of thousands of rows is no list of metrics: hypotheses as a whole are logged first, then
rows in their order, until there are `MOST_METRICS`. The files hold all of them.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from pathpatch_runner.config import UnitKind
from pathpatch_runner.config.plain import leaves
from pathpatch_runner.store import Manifest, RunDirectory

MOST_METRICS = 1000
MOST_TEXT = 500
"""Characters of a parameter: what trackers take at least."""
NUMBERS = ("effect_mean", "normalised_effect", "proportion_explained", "p_value", "q_value")
"""Columns of the summary."""
FILES = ("summary.parquet", "report.html", "plan.txt", "manifest.json")

_NOT_IN_NAMES = re.compile(r"[^\w\-. /]+")


@dataclass(frozen=True)
class Logged:
    """`params`: dotted key -> text; `metrics`: `hypothesis/path/metric/direction/number` -> value;
    `tags`: what the run is."""

    name: str
    tags: Mapping[str, str]
    params: Mapping[str, str]
    metrics: Mapping[str, float]
    files: tuple[Path, ...]


def logged_of(directory: RunDirectory) -> Logged:
    """Of a finished run. Raises StoreError where it cannot be read."""
    manifest = directory.load_manifest()
    summary = directory.read_table("summary.parquet")
    files = (directory.path / name for name in FILES)
    return Logged(
        name=f"{manifest.experiment} {manifest.run_key}",
        tags=_tags(manifest),
        params=_params(manifest.provenance.config),
        metrics=dict(_metrics(summary)),
        files=tuple(file for file in files if file.is_file()),
    )


def _tags(manifest: Manifest) -> dict[str, str]:
    provenance = manifest.provenance
    digests = {f"digest.{name}": text for name, text in provenance.digests.items()}
    commit = {} if provenance.git is None else {"git.commit": provenance.git.commit}
    run = {"run_key": manifest.run_key, "experiment": manifest.experiment}
    return {**run, "backend": manifest.backend.name, **digests, **commit}


def _params(config: Mapping[str, Any]) -> dict[str, str]:
    """What the config says, by dotted key."""
    said = ((key, value) for key, value in leaves(config) if value not in (None, {}))
    return {_name(key): str(value)[:MOST_TEXT] for key, value in said}


def _metrics(summary: pa.Table) -> Iterator[tuple[str, float]]:
    wanted = ["hypothesis", "unit", "path_id", "metric", "direction", *NUMBERS]
    whole = [kind != UnitKind.path.value for kind in summary["unit"].to_pylist()]
    order = sorted(range(summary.num_rows), key=lambda row: not whole[row])
    rows = summary.select(wanted).take(pa.array(order[: MOST_METRICS // len(NUMBERS)], pa.int64()))
    for row in rows.to_pylist():
        parts = [row["hypothesis"], row["path_id"], row["metric"], row["direction"]]
        if row["unit"] != UnitKind.path.value:
            parts[1] = row["unit"] if row["unit"] == UnitKind.hypothesis.value else parts[1]
        for name in NUMBERS:
            if row[name] is not None and math.isfinite(row[name]):
                yield _name("/".join([*parts, name])), row[name]


def _name(text: str) -> str:
    """With the characters that every tracker takes."""
    return _NOT_IN_NAMES.sub("_", text)
