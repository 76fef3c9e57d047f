"""`<root>/<experiment>/<run_key>/`: where a run writes, and how it is known to be complete.

`manifest.json` is written last; a directory that has one of this format version is a finished
run and is not computed again. Every file appears whole (`atomic`), one process at a time
writes (`lock`), and a run that fails leaves `failure.json` instead of a manifest.
"""

from __future__ import annotations

import contextlib
import json
import logging
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from pathpatch_runner.errors import StoreError
from pathpatch_runner.reading import read_record
from pathpatch_runner.store import atomic
from pathpatch_runner.store.lock import locked
from pathpatch_runner.store.manifest import Manifest
from pathpatch_runner.store.parquet import read_parquet
from pathpatch_runner.store.provenance import utc_now

log = logging.getLogger("pathpatch_runner")

MANIFEST = "manifest.json"
FAILURE = "failure.json"


@dataclass(frozen=True)
class RunDirectory:
    """One run's files. Nothing is created before `writing`."""

    path: Path

    @classmethod
    def at(cls, root: Path | str, experiment: str, run_key: str) -> RunDirectory:
        """Raises StoreError for an experiment name that is not one directory's name, and for a
        directory that a link leads out of `root`."""
        if experiment in ("", ".", "..") or any(character in experiment for character in "/\\\0"):
            raise StoreError(
                f'experiment: "{experiment}" cannot name a directory of {root}. '
                "Use letters, digits, - and _"
            )
        path = Path(root) / experiment / run_key
        if not path.resolve().is_relative_to(Path(root).resolve()):
            raise StoreError(
                f'"{path}" leads to "{path.resolve()}", outside of "{root}". Remove the link'
            )
        return cls(path)

    @property
    def is_complete(self) -> bool:
        """Whether a readable manifest of this format version is there."""
        try:
            self.load_manifest()
        except StoreError:
            return False
        return True

    def load_manifest(self) -> Manifest:
        """Raises StoreError where there is none or it cannot be read."""
        try:
            text = read_record(self.path / MANIFEST)
        except (FileNotFoundError, NotADirectoryError):
            raise StoreError(
                f'"{self.path}" has no {MANIFEST}: the run is not complete. Run it again'
            ) from None
        except OSError as error:
            raise StoreError(f'"{self.path / MANIFEST}": {error.strerror}') from error
        except UnicodeDecodeError as error:
            raise StoreError(f"{MANIFEST} is not UTF-8: {error}. Run it again") from error
        return Manifest.from_json(text)

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Create and lock the directory for the run's files.

        What an earlier attempt left half done is swept away, and its manifest and failure go
        first: while files change the directory is not complete. An exception leaves
        `failure.json` and goes on. Raises StoreError where another process is writing.
        """
        with atomic.explained(self.path):
            self.path.mkdir(parents=True, exist_ok=True)
        with locked(self.path):
            atomic.sweep(self.path)
            (self.path / MANIFEST).unlink(missing_ok=True)
            (self.path / FAILURE).unlink(missing_ok=True)
            try:
                yield
            except Exception as error:
                (self.path / MANIFEST).unlink(missing_ok=True)
                # On a full disk the failure cannot be written either, and it is what is raised.
                with contextlib.suppress(StoreError):
                    self.write_failure(error)
                raise

    def write_table(self, name: str, table: pa.Table) -> None:
        """`name` (such as `effects.parquet`); the same table gives the same bytes."""
        with atomic.replaced(self.path / name) as temporary:
            # Measured values hardly repeat: a dictionary of them takes time and room.
            repeating = [each.name for each in table.schema if not pa.types.is_floating(each.type)]
            pq.write_table(table, temporary, compression="zstd", use_dictionary=repeating)

    def read_text(self, name: str) -> str:
        """Raises StoreError where it cannot be read."""
        try:
            return read_record(self.path / name)
        except (OSError, UnicodeDecodeError) as error:
            raise StoreError(
                f'"{self.path / name}" cannot be read: {error}. Run the experiment again with '
                "runtime.force=true"
            ) from error

    def read_table(self, name: str) -> pa.Table:
        """`name` (such as `summary.parquet`). Raises StoreError where it cannot be read."""
        try:
            return read_parquet(self.path / name)
        except (OSError, pa.ArrowException) as error:
            raise StoreError(
                f'"{self.path / name}" cannot be read: {error}. Delete the run and run it again'
            ) from error

    def rewrite_tables(self, change: Callable[[pa.Table], pa.Table]) -> None:
        """Every table of a finished run, changed, each file at once. Left as it is, with a warning
        in the log, where it may not be written; waits for another process that does the same."""
        try:
            with locked(self.path, patience=5.0):
                for path in sorted(self.path.glob("*.parquet")):
                    self.write_table(path.name, change(read_parquet(path)))
        except (OSError, StoreError) as error:
            log.warning('"%s" is left as it is: %s', self.path, error)

    def write_text(self, name: str, text: str) -> None:
        """`name` (such as `plan.txt` or `.hydra/config.yaml`), in UTF-8."""
        path = self.path / name
        with atomic.explained(path):
            path.parent.mkdir(exist_ok=True)
        atomic.write_text(path, text)

    def write_manifest(self, manifest: Manifest) -> None:
        """Last of all: from here on the run is complete."""
        (self.path / FAILURE).unlink(missing_ok=True)
        self.write_text(MANIFEST, manifest.to_json())

    def write_failure(self, error: BaseException) -> None:
        """`failure.json`: the error's class, message, traceback, and the time in UTC."""
        failure = {
            "error": type(error).__name__,
            "message": str(error),
            "traceback": "".join(traceback.format_exception(error)),
            "time": utc_now(),
        }
        self.write_text(FAILURE, json.dumps(failure, indent=2, ensure_ascii=False) + "\n")
