"""A manifest with a value in every field."""

from __future__ import annotations

import math

from pathpatch_runner.store import (
    BackendRecord,
    Counts,
    GitState,
    GuardRecord,
    KnownRecord,
    Manifest,
    Provenance,
)

PROVENANCE = Provenance(
    command=("run.py", "experiment=toy"),
    config={"experiment": "toy", "metrics": ["loss"], "seed": 0},
    digests={"model": "ab12", "dataset": "cd34"},
    git=GitState("0123456789abcdef0123456789abcdef01234567", dirty=False),
    versions={"python": "3.11.7", "torch": "2.13.0"},
    platform="Linux-x86_64",
    device="cpu",
    device_name="cpu",
    dtype="float32",
    threads=2,
    started="2026-11-24T01:02:03+00:00",
    finished="2026-11-24T01:02:09+00:00",
)
MANIFEST = Manifest(
    run_key="0123456789abcdef",
    experiment="toy",
    provenance=PROVENANCE,
    guards=(
        GuardRecord("nothing patched is clean", 0.0, 1e-5, passed=True),
        GuardRecord("everything patched is corrupt", math.inf, 1e-5, passed=False),
    ),
    backend=BackendRecord("hooks", "asked for"),
    counts=Counts(
        units=3,
        bindings_left_out=1,
        mixed_evaluations=7,
        forward_passes={"execute": 4},
        pairs=2,
        points=5,
    ),
    timings={"load": 0.5, "execute": 2.0},
    known=KnownRecord((".known/k",), 40, {"ab12": 30}),
)
