"""The directory of a whole that is made of parts: its tables, its page, its manifest.

Statistics are computed anew, of the effects of all pairs and units, by the functions that a run
made at once uses. What does not follow from measured values (the texts of prompts, the edges of
circuits) is taken from the parts.
"""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import yaml

from pathpatch_runner.collection.kept import Kept, read_kept
from pathpatch_runner.collection.part import PartRun
from pathpatch_runner.collection.record import manifest_of
from pathpatch_runner.collection.sort import Gathered
from pathpatch_runner.collection.unite import United, unite_bindings, unite_shards
from pathpatch_runner.config import StatisticsConfig
from pathpatch_runner.effects import (
    PlainRuns,
    PointIndex,
    Results,
    RunNames,
    accuracy_of,
    accuracy_of_all,
    describe_run,
    saying_accuracy,
    tables_of,
)
from pathpatch_runner.effects.schema import SET_PREFIX
from pathpatch_runner.errors import StoreError
from pathpatch_runner.inputs.parts import KEYS, Part
from pathpatch_runner.reading import parse_yaml
from pathpatch_runner.report.page import render_report
from pathpatch_runner.report.run_view import RunView
from pathpatch_runner.store import RunDirectory, reproducible

OF_EDGES = ("auroc", "true_positives", "false_positives", "false_negatives", "true_negatives")
"""Columns of the curves that say what edges circuits have, whatever was measured."""


def write_whole(gathered: Gathered, folder: Path, command: Sequence[str]) -> tuple[Path, bool]:
    """The directory of the whole in the folder of its experiment, and whether it was there
    already. `command`: for the manifest. Raises StoreError for parts that cannot be added up."""
    directory = RunDirectory(folder / gathered.whole_key)
    if directory.is_complete:
        return directory.path, True
    began = time.perf_counter()
    united = _united(gathered)
    tables = _tables(gathered, united)
    with directory.writing():
        for name, text in _hydra_files(gathered.first).items():
            directory.write_text(f".hydra/{name}", text)
        for name, table in tables.items():
            directory.write_table(f"{name}.parquet", table)
        plan = _plan(gathered)
        directory.write_text("plan.txt", plan)
        seconds = time.perf_counter() - began
        manifest = manifest_of(gathered, united, command, seconds)
        page = render_report(RunView(manifest.to_dict(), tables, plan))
        directory.write_text("report.html", page)
        directory.write_manifest(manifest)
    return directory.path, False


def _united(gathered: Gathered) -> United:
    bindings = dict.fromkeys(cell[1] for cell in gathered.cells)
    kept: dict[Part, Kept] = {}
    for part in bindings:
        of_part = [gathered.parts[cell] for cell in gathered.cells if cell[1] == part]
        kept[part] = unite_shards([read_kept(each) for each in of_part])
    return unite_bindings(kept, gathered.first.config)


def _tables(gathered: Gathered, united: United) -> dict[str, pa.Table]:
    """As `runner.tables` makes them of a run made at once."""
    first = gathered.first
    config, provenance = first.config, first.manifest.provenance
    statistics = StatisticsConfig(**config["statistics"])
    results = results_of(gathered, united.kept)
    tables = tables_of(results, config["contrasts"], statistics, config["seed"])
    tables["summary"] = _with_accuracy(tables["summary"], gathered)
    if "curves" in tables:
        known = first.directory.read_table("curves.parquet")
        tables["curves"] = _with_edges(tables["curves"], known)
    tables["pairs"] = _pairs(gathered)
    description = reproducible(
        gathered.whole_key,
        first.manifest.experiment,
        config,
        provenance.digests,
        provenance.versions,
    )
    return {name: describe_run(table, description) for name, table in tables.items()}


def results_of(gathered: Gathered, kept: Kept) -> Results:
    """The united values with the names of the whole."""
    config = gathered.first.config
    summary = gathered.first.directory.read_table("summary.parquet")
    _, owners = np.unique(kept.pair, return_inverse=True)
    counted = [unit.counted for unit in kept.units]
    against = {name: said.get("against") for name, said in config["hypotheses"].items()}
    return Results(
        names=RunNames(
            gathered.whole_key,
            gathered.first.manifest.experiment,
            *(summary[name][0].as_py() for name in ("model", "dataset")),
        ),
        units=kept.units,
        metrics=kept.metrics,
        points=PointIndex(kept.pair_id, kept.position, owners),
        plain=PlainRuns(kept.clean, kept.corrupt),
        patched=kept.patched,
        against={name: other for name, other in against.items() if other is not None},
        overrides=_overrides(gathered),
        n_paths=tuple(n for n in counted if n is not None),
    )


def _overrides(gathered: Gathered) -> dict[str, str]:
    """What the command lines of all parts set alike."""
    first, *others = [_set_by(part) for part in gathered.parts.values()]
    return {
        key: text
        for key, text in first.items()
        if key not in KEYS and all(other.get(key) == text for other in others)
    }


def _set_by(part: PartRun) -> dict[str, str]:
    summary = part.directory.read_table("summary.parquet")
    return {
        name.removeprefix(SET_PREFIX): summary[name][0].as_py()
        for name in summary.schema.names
        if name.startswith(SET_PREFIX)
    }


def _with_accuracy(summary: pa.Table, gathered: Gathered) -> pa.Table:
    """With how often the model is right, on all points; once, whatever the parts of bindings."""
    one = [part for (_, binding), part in gathered.parts.items() if binding.number == 1]
    said = [
        (accuracy_of(part.directory.read_table("summary.parquet")), part.manifest.counts.points)
        for part in one
    ]
    known = [(accuracy, n) for accuracy, n in said if accuracy is not None]
    if len(known) < len(said):
        return summary
    schema = saying_accuracy(summary.schema, accuracy_of_all(known))
    return summary.replace_schema_metadata(schema.metadata)


def _with_edges(curves: pa.Table, known: pa.Table) -> pa.Table:
    """What circuits' edges say, from the curves of a part, whose rows are the same."""
    for name in ("hypothesis", "entry", "other", "metric"):
        assert curves[name].to_pylist() == known[name].to_pylist(), "curves of the same families"
    for name in OF_EDGES:
        number = curves.schema.get_field_index(name)
        curves = curves.set_column(number, curves.schema.field(number), known[name])
    return curves


def _pairs(gathered: Gathered) -> pa.Table:
    """The prompts of all shards, in the order of the dataset."""
    tables = [
        part.directory.read_table("pairs.parquet").replace_schema_metadata(None)
        for (_, binding), part in gathered.parts.items()
        if binding.number == 1
    ]
    return pa.concat_tables(tables).sort_by("number").combine_chunks()


def _plan(gathered: Gathered) -> str:
    """The plans of the first shard: those of the others differ in the memory they take."""
    parts = {
        binding: part for (shard, binding), part in gathered.parts.items() if shard.number == 1
    }
    texts = [parts[binding].directory.read_text("plan.txt") for binding in sorted(parts)]
    return "\n".join(texts)


def _hydra_files(part: PartRun) -> dict[str, str]:
    """The composed config and the overrides of a part, without what makes it one."""
    folder = part.directory.path / ".hydra"
    found: dict[str, Any] = {}
    for name in ("config.yaml", "overrides.yaml"):
        if (folder / name).is_file():
            found[name] = part.directory.read_text(f".hydra/{name}")
    if "config.yaml" in found:
        keys = "|".join(KEYS)
        found["config.yaml"] = re.sub(rf"(?m)^({keys}): .*$", r"\1: null", found["config.yaml"])
    if "overrides.yaml" in found:
        said = _words(found["overrides.yaml"])
        left = [word for word in said if word.lstrip("+~").partition("=")[0] not in KEYS]
        found["overrides.yaml"] = yaml.safe_dump(left)
    return found


def _words(text: str) -> list[str]:
    """Overrides as Hydra noted them; none where that is no list."""
    try:
        said = parse_yaml(text, "overrides.yaml", StoreError)
    except StoreError:
        return []
    return [str(word) for word in said] if isinstance(said, list) else []
