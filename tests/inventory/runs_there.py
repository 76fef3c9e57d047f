"""An output folder with one run of each state; none of them computed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from store.records import MANIFEST

CODE = "the present code"


def finished(directory: Path, *overrides: str, **provenance: Any) -> Path:
    """A finished run of the present code, whose only effect is 1.5; `provenance` changes its own.
    Its files but the manifest and the overrides take 1000 bytes more than the table."""
    manifest = MANIFEST.to_dict()
    manifest["provenance"] |= {"digests": {"code": CODE, "dataset": "d"}, **provenance}
    manifest["timings"] = {"load": 60.0, "execute": 5.0}
    told(directory, *overrides)
    (directory / "manifest.json").write_text(json.dumps(manifest))
    pq.write_table(pa.table({"path": ["a"], "effect_mean": [1.5]}), directory / "summary.parquet")
    return directory


def collected(directory: Path, *parts: Path) -> Path:
    """A run that was made of these parts."""
    finished(directory)
    manifest = json.loads((directory / "manifest.json").read_text())
    cells = [[f"{n}/{len(parts)}", "1/1", part.name] for n, part in enumerate(parts, start=1)]
    manifest["collected"] = {"parts": cells, "equality": "", "disagreement": 0.0}
    (directory / "manifest.json").write_text(json.dumps(manifest))
    return directory


def told(directory: Path, *overrides: str) -> Path:
    """What a run leaves as soon as it begins."""
    (directory / ".hydra").mkdir(parents=True)
    (directory / ".hydra" / "overrides.yaml").write_text(json.dumps(list(overrides)))
    return directory


def failed(directory: Path, message: str) -> Path:
    """A run that says why it failed."""
    told(directory)
    (directory / "failure.json").write_text(json.dumps({"message": message}))
    return directory


def digests(code: str, **others: str) -> Mapping[str, str]:
    """Of a run of this code."""
    return {"code": code, "dataset": "d", **others}
