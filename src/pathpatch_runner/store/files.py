"""What a run writes to, and what is read from it: a directory, or memory.

A run leaves tables, texts (its plan, its page) and, last of all, a manifest. `RunFiles` is that
much of a run directory; `HeldRun` is the same without a disk, for runs that are to write nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Protocol

import pyarrow as pa

from pathpatch_runner.store.manifest import Manifest
from pathpatch_runner.store.run_directory import RunDirectory

SUFFIX = ".parquet"


class RunFiles(Protocol):
    """Where a run writes what it leaves."""

    def write_table(self, name: str, table: pa.Table) -> None:
        """`name` such as `effects.parquet`."""

    def write_text(self, name: str, text: str) -> None:
        """`name` such as `plan.txt`."""

    def write_manifest(self, manifest: Manifest) -> None:
        """Last of all: from here on the run is complete."""


class HeldRun:
    """A run that is kept in memory. `tables`: by name without `.parquet`."""

    def __init__(self) -> None:
        self.tables: dict[str, pa.Table] = {}
        self.texts: dict[str, str] = {}
        self.manifest: Manifest | None = None

    def write_table(self, name: str, table: pa.Table) -> None:
        """Keep a table."""
        self.tables[name.removesuffix(SUFFIX)] = table

    def write_text(self, name: str, text: str) -> None:
        """Keep a text."""
        self.texts[name] = text

    def write_manifest(self, manifest: Manifest) -> None:
        """Keep the manifest."""
        self.manifest = manifest


class StoredTables(Mapping[str, pa.Table]):
    """The tables of a run directory by name without `.parquet`, read when they are asked for."""

    def __init__(self, directory: RunDirectory) -> None:
        self._directory = directory
        self._read: dict[str, pa.Table] = {}

    def __getitem__(self, name: str) -> pa.Table:
        if name not in self._read:
            if name not in set(self):
                raise KeyError(name)
            self._read[name] = self._directory.read_table(f"{name}{SUFFIX}")
        return self._read[name]

    def __iter__(self) -> Iterator[str]:
        return iter(sorted(path.stem for path in self._directory.path.glob(f"*{SUFFIX}")))

    def __len__(self) -> int:
        return len(list(iter(self)))
