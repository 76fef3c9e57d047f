"""What was set, as the tables say it."""

from __future__ import annotations

import pytest

from pathpatch_runner.cli.overrides import set_values


@pytest.mark.parametrize(
    ("override", "key", "text"),
    [
        ("experiment=ioi", "experiment", "ioi"),
        ("+foo.bar=1", "foo.bar", "1"),
        ("++patch.noise_scale=1.50", "patch.noise_scale", "1.50"),
        ("~hypotheses.h", "hypotheses.h", "(deleted)"),
        ('dataset.path="a b.jsonl"', "dataset.path", "a b.jsonl"),
        ("dataset.path='x,y=z.jsonl'", "dataset.path", "x,y=z.jsonl"),
        ("patch.units=[path,hypothesis]", "patch.units", "[path,hypothesis]"),
        ("dataset.n_pairs=null", "dataset.n_pairs", "null"),
        ("description=", "description", ""),
        ("hypothesis@hypotheses.strict=mine", "hypothesis@hypotheses.strict", "mine"),
    ],
)
def test_key_and_text(override: str, key: str, text: str) -> None:
    assert set_values([override]) == {key: text}


def test_what_cannot_change_a_result_is_left_out() -> None:
    given = ["runtime.device=cpu", "seed=3", "hydra.job.name=x", "hydra/launcher=joblib"]
    assert set_values(given) == {"seed": "3"}


def test_the_last_value_counts_and_order_is_kept() -> None:
    assert list(set_values(["seed=1", "model=gpt2", "seed=2"]).items()) == [
        ("seed", "2"),
        ("model", "gpt2"),
    ]
