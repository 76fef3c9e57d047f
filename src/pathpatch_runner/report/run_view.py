"""A run as a reader sees it: manifest, tables and plan, in memory or from its directory.

Everything a page or a figure shows is made from a `RunView`, so that a page can be made again from
a directory without the model. Tables that a run does not have are absent.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import pyarrow as pa

from pathpatch_runner.errors import StoreError
from pathpatch_runner.reading import read_record
from pathpatch_runner.report.rows import Section, Settings, sections_of, settings_of
from pathpatch_runner.store.manifest import misfits
from pathpatch_runner.store.parquet import read_parquet

TABLES = (
    "summary",
    "effects",
    "pairs",
    "contrasts",
    "curves",
    "shapley",
    "controls",
    "found",
    "scores",
)


@dataclass(frozen=True)
class RunView:
    """`manifest`: as in manifest.json. `tables`: by file name without `.parquet`, at least
    `summary`. `directory`: where it lies, None if nowhere. `search`: as in
    search.json, empty for a run without a search."""

    manifest: Mapping[str, Any]
    tables: Mapping[str, pa.Table]
    plan_text: str = ""
    directory: Path | None = field(default=None, compare=False)
    search: Mapping[str, Any] = field(default_factory=dict)

    @property
    def config(self) -> Mapping[str, Any]:
        """What the experiment says; empty where the manifest does not have it."""
        provenance = self.manifest.get("provenance") or {}
        return provenance.get("config") or {}

    @property
    def experiment(self) -> str:
        """Its name."""
        return str(self.manifest["experiment"])

    @cached_property
    def sections(self) -> list[Section]:
        """The summary by metric and direction."""
        return sections_of(self.tables["summary"])

    @cached_property
    def settings(self) -> Settings:
        """What the numbers rest on."""
        return settings_of(self.tables["summary"])

    def table(self, name: str) -> pa.Table | None:
        """None where the run does not have it, or it has no rows."""
        table = self.tables.get(name)
        return table if table is not None and table.num_rows else None


def search_of(texts: Mapping[str, str]) -> Mapping[str, Any]:
    """What search.json says, of the texts that a run leaves; empty without it."""
    said: Mapping[str, Any] = json.loads(texts.get("search.json", "{}"))
    return said


def read_run(directory: Path | str, tables: Sequence[str] = TABLES) -> RunView:
    """A finished run with these of its tables. Raises StoreError for a directory that has none, or
    files that cannot be read."""
    directory = Path(directory)
    try:
        manifest = json.loads(read_record(directory / "manifest.json"))
        found = {
            name: read_parquet(file)
            for name in tables
            if (file := directory / f"{name}.parquet").is_file()
        }
        plan = directory / "plan.txt"
        text = read_record(plan) if plan.is_file() else ""
        about = directory / "search.json"
        search = search_of({about.name: read_record(about)} if about.is_file() else {})
    except FileNotFoundError:
        raise StoreError(
            f'"{directory}" has no manifest.json: it is no finished run. Run it again'
        ) from None
    except (OSError, ValueError, RecursionError, pa.ArrowException) as error:
        raise StoreError(f'"{directory}" cannot be read: {error}. Run it again') from error
    if not isinstance(manifest, dict) or not (directory / "summary.parquet").is_file():
        raise StoreError(f'"{directory}" has no manifest or no summary.parquet. Run it again')
    if wrong := misfits(manifest):
        raise StoreError(f'"{directory}": manifest.json: {"; ".join(wrong)}. Run it again')
    return RunView(manifest, found, text, directory, search)
