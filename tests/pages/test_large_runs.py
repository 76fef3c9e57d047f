"""What docs/large-runs.md says of costs follows from the newest record of what a job costs."""

from __future__ import annotations

import json
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]
PAGE = (REPOSITORY / "docs" / "large-runs.md").read_text(encoding="utf-8")


def test_costs_follow_from_the_record() -> None:
    newest = sorted((REPOSITORY / "benchmarks" / "records").glob("jobs-*.json"))[-1]
    second = json.loads(newest.read_text())
    stages, whole = second["stages"], second["seconds"]
    work = stages["execute"] + stages["baseline"]
    load = stages["load"]
    start = whole - sum(stages.values())
    rest = whole - work - load - start
    for what, seconds in {
        "its work: plain runs and patching": work,
        "starting Python, torch and TransformerLens, reading the config": start,
        "loading the model": load,
        "guards, planning, tables, page": rest,
    }.items():
        assert f"| {what} | {seconds:.1f} |" in PAGE
    beside = whole - work
    assert (
        f"a job costs {beside:.1f} seconds in a process of its own (SLURM), and {rest:.1f}" in PAGE
    )
    assert f"16 at once | {1000 * beside / 16 / 3600:.1f} | 1,000 × {beside:.1f} s / 16" in PAGE
    assert f"one after another | {1000 * beside / 3600:.1f} | 1,000 × {beside:.1f} s" in PAGE
    shared = start + load
    assert (
        f"one model | {(shared + 1000 * rest) / 3600:.1f} | {shared:.1f} s + 1,000 × {rest:.1f} s"
    ) in PAGE
    assert f"64 × {beside:.0f} s = {64 * beside / 60:.0f} minutes" in PAGE
