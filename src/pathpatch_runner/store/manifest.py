"""`manifest.json`: what a run was, was checked against, and cost.

Typed here, plain JSON on disk. It is written last, so that its presence means that the run is
complete. `reproducible` is the part that travels inside the tables: nothing in it depends on
when or where the run was made, so the same run gives the same bytes.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from pathpatch_runner.config import FORMAT_VERSION, to_plain
from pathpatch_runner.errors import StoreError
from pathpatch_runner.store.identity import NOT_IN_KEY
from pathpatch_runner.store.provenance import GitState, Provenance


@dataclass(frozen=True)
class GuardRecord:
    """An identity that was checked: `value` is how far from it the run was. `note`: why it was
    not made, where it was not (then `value` is NaN and `passed` true)."""

    name: str
    value: float
    tolerance: float
    passed: bool
    note: str = ""


@dataclass(frozen=True)
class BackendRecord:
    """The executor that was used, and why that one."""

    name: str
    reason: str


@dataclass(frozen=True)
class ProofRecord:
    """Where what was found out about the model is kept, below the output root, and since when."""

    file: str
    date: str


@dataclass(frozen=True)
class KnownRecord:
    """Values that were known already and not computed again. `folders`: below the output root;
    `evaluations` (unit, pair, direction, draw): asked for in all; `taken`: how many of them, by the
    key of the run that computed them (this run's own: an attempt that was cut off)."""

    folders: tuple[str, ...]
    evaluations: int
    taken: Mapping[str, int]
    note: str = (
        "taken as they were computed, bit for bit; computing them again can differ in the last "
        "bits of the number format, with what else is computed at once"
    )


@dataclass(frozen=True)
class Counts:
    """How much was evaluated. `mixed_evaluations`: (node, state) pairs evaluated anew;
    `pairs_left_out`: of the dataset, since they cannot be used (`dataset.skip_unusable`)."""

    units: int
    bindings_left_out: int
    mixed_evaluations: int
    forward_passes: Mapping[str, int]
    pairs: int
    points: int
    pairs_left_out: int = 0


@dataclass(frozen=True)
class CollectedRecord:
    """What a collected run was made of. `parts`: (shard, bindings, run key) of each, such as
    ("1/2", "1/1", "0123456789abcdef"). `equality`: how near it is to the run made whole.
    `disagreement`: what several parts measured alike (plain runs, hypotheses named in `against`)
    differs by at most, relative to its largest value; 0 where it is the same bit for bit."""

    parts: tuple[tuple[str, str, str], ...]
    equality: str
    disagreement: float


@dataclass(frozen=True)
class Manifest:
    """The whole record. `timings`: seconds by stage; `left_out`: (where, why) of the first pairs of
    the dataset that were left out; `collected`: where it is a union of parts."""

    run_key: str
    experiment: str
    provenance: Provenance
    guards: tuple[GuardRecord, ...]
    backend: BackendRecord
    counts: Counts
    timings: Mapping[str, float]
    left_out: tuple[tuple[str, str], ...] = ()
    proof: ProofRecord | None = None
    collected: CollectedRecord | None = None
    known: KnownRecord | None = None
    format_version: int = FORMAT_VERSION

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON data, `format_version` first."""
        return {"format_version": self.format_version, **_finite(to_plain(self))}

    def to_json(self) -> str:
        """As written to disk: indented, UTF-8, one newline at the end."""
        return json.dumps(self.to_dict(), indent=2, ensure_ascii=False, allow_nan=False) + "\n"

    @classmethod
    def from_json(cls, text: str) -> Manifest:
        """Raises StoreError for what is not a manifest of this format version."""
        return cls.from_dict(_parsed(text))

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Manifest:
        """The inverse of `to_dict`. Raises StoreError for another version or shape."""
        if data.get("format_version") != FORMAT_VERSION:
            raise StoreError(
                f"manifest.json has format version {data.get('format_version')!r}, this program "
                f"reads {FORMAT_VERSION}. Run the experiment again"
            )
        if wrong := misfits(data):
            raise StoreError(f"manifest.json: {'; '.join(wrong)}. Run the experiment again")
        try:
            return cls(
                run_key=data["run_key"],
                experiment=data["experiment"],
                provenance=_provenance(data["provenance"]),
                guards=tuple(_guard(guard) for guard in data["guards"]),
                backend=BackendRecord(**data["backend"]),
                counts=Counts(**data["counts"]),
                timings=dict(data["timings"]),
                left_out=tuple((where, why) for where, why in data.get("left_out", ())),
                proof=ProofRecord(**data["proof"]) if data.get("proof") else None,
                collected=_collected(data.get("collected")),
                known=_known(data["known"]) if data.get("known") else None,
            )
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise StoreError(
                f"manifest.json lacks or has a wrong entry: {error}. Run the experiment again"
            ) from error


def misfits(data: Mapping[str, Any]) -> list[str]:
    """Entries of a manifest, of this or another format version, that are not of their kind, as
    messages. What is not there is not said."""
    provenance = data.get("provenance")
    inner = provenance if isinstance(provenance, dict) else {}
    named = [(key, data[key], kind) for key, kind in _KINDS.items() if key in data]
    named += [
        (f"provenance.{key}", inner[key], kind)
        for key, kind in _KINDS_OF_PROVENANCE.items()
        if key in inner
    ]
    return [f'"{key}" must be {kind}' for key, value, kind in named if not _IS_OF_KIND[kind](value)]


_TEXT, _OBJECT, _LIST = "text", "an object", "a list"
_TEXTS, _TEXT_BY_NAME, _NUMBERS = "a list of texts", "an object of texts", "an object of numbers"
_KINDS = {
    "run_key": _TEXT,
    "experiment": _TEXT,
    "provenance": _OBJECT,
    "guards": _LIST,
    "backend": _OBJECT,
    "counts": _OBJECT,
    "timings": _NUMBERS,
    "left_out": _LIST,
}
_KINDS_OF_PROVENANCE = {
    "command": _TEXTS,
    "config": _OBJECT,
    "digests": _TEXT_BY_NAME,
    "versions": _TEXT_BY_NAME,
    **dict.fromkeys(("platform", "device", "device_name", "dtype", "started", "finished"), _TEXT),
}
_IS_OF_KIND: Mapping[str, Callable[[Any], bool]] = {
    _TEXT: lambda value: isinstance(value, str),
    _OBJECT: lambda value: isinstance(value, dict),
    _LIST: lambda value: isinstance(value, list),
    _TEXTS: lambda value: isinstance(value, list) and _all(str, value),
    _TEXT_BY_NAME: lambda value: isinstance(value, dict) and _all(str, value.values()),
    _NUMBERS: lambda value: isinstance(value, dict) and _all(int | float, value.values()),
}


def _all(kind: Any, values: Iterable[Any]) -> bool:
    return all(isinstance(value, kind) and not isinstance(value, bool) for value in values)


def reproducible(
    run_key: str,
    experiment: str,
    config: Mapping[str, Any],
    digests: Mapping[str, str],
    versions: Mapping[str, str],
) -> dict[str, Any]:
    """What the tables say of their run, for `describe_run`; `config` loses what `NOT_IN_KEY` names.

    `config` is the one `run_key` was made of: where files lie does not belong in it.
    """
    results = {name: value for name, value in config.items() if name not in NOT_IN_KEY}
    return {
        "run_key": run_key,
        "experiment": experiment,
        "format_version": FORMAT_VERSION,
        "config": to_plain(results),
        "digests": dict(digests),
        "versions": dict(versions),
    }


def _parsed(text: str) -> Mapping[str, Any]:
    try:
        data = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise StoreError(f"manifest.json is not JSON: {error}. Run the experiment again") from error
    if not isinstance(data, dict):
        raise StoreError("manifest.json does not hold an object. Run the experiment again")
    return data


def _provenance(data: Mapping[str, Any]) -> Provenance:
    git = data["git"]
    known = {**data, "command": tuple(data["command"]), "git": GitState(**git) if git else None}
    return Provenance(**known)


def _collected(data: Mapping[str, Any] | None) -> CollectedRecord | None:
    if data is None:
        return None
    parts = tuple((shard, bindings, key) for shard, bindings, key in data["parts"])
    return CollectedRecord(parts, data["equality"], data["disagreement"])


def _known(data: Mapping[str, Any]) -> KnownRecord:
    taken = {str(run): int(count) for run, count in data["taken"].items()}
    return KnownRecord(**{**data, "folders": tuple(data["folders"]), "taken": taken})


def _guard(data: Mapping[str, Any]) -> GuardRecord:
    """JSON has no NaN: a value that was not a number is null there."""
    value = math.nan if data["value"] is None else data["value"]
    return GuardRecord(**{**data, "value": value})


def _finite(value: Any) -> Any:
    """Plain data with null for the numbers that JSON lacks."""
    if isinstance(value, dict):
        return {name: _finite(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_finite(inner) for inner in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
