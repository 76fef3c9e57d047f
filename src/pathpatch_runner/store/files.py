"""What a run writes to, and what is read from it: a directory, or memory.

A run leaves tables, texts (its plan, its page) and, last of all, a manifest. `RunFiles` is that
much of a run directory; `HeldRun` is the same without a disk, for runs that are to write nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Protocol

import pyarrow as pa
import pyarrow.parquet as pq

from pathpatch_runner.errors import StoreError
from pathpatch_runner.store.manifest import Manifest

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

    def __init__(self, path: Path) -> None:
        self._path = path
        self._read: dict[str, pa.Table] = {}

    def __getitem__(self, name: str) -> pa.Table:
        if name not in self._read:
            self._read[name] = self._open(name)
        return self._read[name]

    def _open(self, name: str) -> pa.Table:
        if name not in set(self):
            raise KeyError(name)
        path = self._path / f"{name}{SUFFIX}"
        try:
            return pq.read_table(path)
        except (OSError, pa.ArrowException) as error:
            raise StoreError(
                f'"{path}" cannot be read: {error}. Run the experiment again with '
                "runtime.force=true"
            ) from error

    def __iter__(self) -> Iterator[str]:
        return iter(sorted(path.stem for path in self._path.glob(f"*{SUFFIX}")))

    def __len__(self) -> int:
        return len(list(iter(self)))
