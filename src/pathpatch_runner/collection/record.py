"""The manifest of a whole that is made of parts."""

from __future__ import annotations

import dataclasses
import math
from collections import Counter
from collections.abc import Sequence

from pathpatch_runner.collection.sort import Gathered
from pathpatch_runner.collection.unite import United
from pathpatch_runner.inputs.parts import KEYS
from pathpatch_runner.store import (
    BackendRecord,
    CollectedRecord,
    Counts,
    GuardRecord,
    Manifest,
    Provenance,
    utc_now,
)

EQUALITY = (
    "statistics: those of all effects, bit for bit as of a run made at once from the same effects. "
    "Effects: each pair's and unit's own, bit for bit where the arithmetic does not depend on what "
    "is evaluated beside them, else within rounding of it (1e-6 of the largest value in float32)"
)


def manifest_of(
    gathered: Gathered, united: United, command: Sequence[str], seconds: float
) -> Manifest:
    """`seconds`: what collecting took; the stages of the parts are added up."""
    manifests = [part.manifest for part in gathered.parts.values()]
    first = gathered.first.manifest
    timings: Counter[str] = Counter()
    for manifest in manifests:
        timings.update(manifest.timings)
    parts = tuple(
        (str(shard), str(bindings), part.manifest.run_key)
        for (shard, bindings), part in sorted(gathered.parts.items())
    )
    return Manifest(
        run_key=gathered.whole_key,
        experiment=first.experiment,
        provenance=_provenance(gathered, command),
        guards=_guards(manifests),
        backend=_backend(manifests),
        counts=_counts(gathered, united),
        timings={**timings, "collect": seconds},
        left_out=first.left_out,
        proof=first.proof,
        collected=CollectedRecord(parts, EQUALITY, united.disagreement),
    )


def _provenance(gathered: Gathered, command: Sequence[str]) -> Provenance:
    """Of the first part, and how it was collected."""
    first = gathered.first.manifest.provenance
    return dataclasses.replace(
        first,
        command=tuple(command),
        config={**first.config, **dict.fromkeys(KEYS)},
        started=min(part.manifest.provenance.started for part in gathered.parts.values()),
        finished=utc_now(),
    )


def _guards(manifests: Sequence[Manifest]) -> tuple[GuardRecord, ...]:
    """Of every guard the worst value that a part had; one that was not made has none (NaN)."""
    found: dict[str, list[GuardRecord]] = {}
    for guard in (guard for manifest in manifests for guard in manifest.guards):
        found.setdefault(guard.name, []).append(guard)
    return tuple(max(records, key=_badness) for records in found.values())


def _badness(guard: GuardRecord) -> tuple[bool, float]:
    return not guard.passed, -1.0 if math.isnan(guard.value) else guard.value


def _backend(manifests: Sequence[Manifest]) -> BackendRecord:
    records = list(dict.fromkeys(manifest.backend for manifest in manifests))
    if len(records) == 1:
        return records[0]
    names = dict.fromkeys(record.name for record in records)
    return BackendRecord(", ".join(names), "; ".join(record.reason for record in records))


def _counts(gathered: Gathered, united: United) -> Counts:
    """Work is added up; what is there is that of the whole. `mixed_evaluations`: of the plans of
    one shard, as the run made at once has them, but for what its units would have shared."""
    counts = [part.manifest.counts for part in gathered.parts.values()]
    passes: Counter[str] = Counter()
    for each in counts:
        passes.update(each.forward_passes)
    of_one_shard = [
        part.manifest.counts for (shard, _), part in gathered.parts.items() if shard.number == 1
    ]
    return Counts(
        units=len(united.kept.units),
        bindings_left_out=counts[0].bindings_left_out,
        mixed_evaluations=sum(each.mixed_evaluations for each in of_one_shard),
        forward_passes=dict(passes),
        pairs=len(set(united.kept.pair_id)),
        points=len(united.kept.pair_id),
        pairs_left_out=counts[0].pairs_left_out,
    )
