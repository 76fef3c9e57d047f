"""What changes the run key and what does not."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest

from pathpatch_runner.config import Dtype
from pathpatch_runner.store import run_key

CONFIG: dict[str, Any] = {
    "experiment": "toy",
    "seed": 0,
    "model": {"kind": "native", "dtype": "float32"},
    "hypotheses": {"h": {"paths": {"k": {"expr": "a"}, "q": {"expr": ["b", "c"]}}}},
    "runtime": {"device": "cpu"},
}
DIGESTS = {"model": "ab", "dataset": "cd"}


def test_key_is_the_hash_of_canonical_json() -> None:
    text = (
        '{"config":{"hypotheses":[["h",[]]],"seed":0},"digests":{"model":"ab"},"format_version":2}'
    )
    expected = hashlib.sha256(text.encode()).hexdigest()[:16]
    assert run_key({"seed": 0, "hypotheses": {"h": {}}}, {"model": "ab"}) == expected


@pytest.mark.parametrize(
    "same",
    [
        CONFIG | {"runtime": {"device": "cuda"}},
        CONFIG | {"description": "what it asks"},
        {name: value for name, value in CONFIG.items() if name != "runtime"},
        dict(reversed(CONFIG.items())),
        CONFIG | {"model": {"dtype": Dtype.float32, "kind": "native"}},
    ],
    ids=["runtime", "description", "no runtime", "order of sections", "order of fields, enum"],
)
def test_what_cannot_change_results_keeps_the_key(same: dict[str, Any]) -> None:
    assert run_key(same, DIGESTS) == run_key(CONFIG, DIGESTS)
    assert run_key(CONFIG, dict(reversed(DIGESTS.items()))) == run_key(CONFIG, DIGESTS)


@pytest.mark.parametrize(
    "other",
    [
        CONFIG | {"seed": 1},
        CONFIG | {"experiment": "other"},
        CONFIG | {"hypotheses": {"h": {"paths": {"q": {"expr": ["b", "c"]}, "k": {"expr": "a"}}}}},
        CONFIG | {"hypotheses": {"h": {"paths": {"k": {"expr": "a"}, "q": {"expr": ["c", "b"]}}}}},
    ],
    ids=["seed", "experiment", "order of entries", "order of expressions"],
)
def test_what_can_change_results_changes_the_key(other: dict[str, Any]) -> None:
    assert run_key(other, DIGESTS) != run_key(CONFIG, DIGESTS)


def test_digests_and_format_version_change_the_key(monkeypatch: pytest.MonkeyPatch) -> None:
    keys = {run_key(CONFIG, DIGESTS), run_key(CONFIG, DIGESTS | {"model": "ee"})}
    monkeypatch.setattr("pathpatch_runner.store.identity.FORMAT_VERSION", 3)
    assert len(keys | {run_key(CONFIG, DIGESTS)}) == 3


def test_data_that_is_not_plain_is_refused() -> None:
    with pytest.raises(TypeError, match="not JSON serializable"):
        run_key({"seed": object()}, {})
