"""A finished part of an experiment: which part it is, and of which whole."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from pathpatch_runner.errors import ConfigError, StoreError
from pathpatch_runner.inputs.parts import BINDINGS, KEYS, SHARD, Part, part_of
from pathpatch_runner.store import Manifest, RunDirectory, run_key
from pathpatch_runner.store.identity import NOT_IN_KEY

BESIDE = (*NOT_IN_KEY, "shape")
"""What a manifest keeps of a config beside its identity."""

Cell = tuple[Part, Part]
"""Which shard, and which part of the bindings."""


@dataclass(frozen=True)
class PartRun:
    """A finished run that is one part: `cell` says which."""

    directory: RunDirectory
    manifest: Manifest
    cell: Cell

    @cached_property
    def config(self) -> Mapping[str, Any]:
        """The identity of the whole: what the run key is made of, with no part in it."""
        said = self.manifest.provenance.config
        own = {name: value for name, value in said.items() if name not in BESIDE}
        return {**own, **dict.fromkeys(KEYS)}

    @cached_property
    def whole_key(self) -> str:
        """The run key of the whole."""
        return run_key(self.config, self.manifest.provenance.digests)

    @property
    def cut(self) -> tuple[int, int]:
        """Into how many shards and parts of bindings the whole is cut."""
        return self.cell[0].count, self.cell[1].count


def read_part(path: Path) -> PartRun | None:
    """The part in a run directory; None for a run that is whole. Raises StoreError for one that
    cannot be read, or whose manifest is of another format version."""
    directory = RunDirectory(path)
    manifest = directory.load_manifest()
    said = manifest.provenance.config
    if all(said.get(key) is None for key in KEYS):
        return None
    try:
        cell = (part_of(said.get(SHARD), SHARD), part_of(said.get(BINDINGS), BINDINGS))
    except (ConfigError, TypeError) as error:
        raise StoreError(f'"{path}": manifest.json: {error}') from error
    return PartRun(directory, manifest, cell)


def named(cell: Cell) -> str:
    """As the command line says it: `shard=1/2 bindings=2/3`."""
    parts = zip(KEYS, cell, strict=True)
    return " ".join(f"{key}={part}" for key, part in parts if part.count > 1) or f"{SHARD}=1/1"
