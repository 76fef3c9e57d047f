"""Claims about models that tests do not load: what they ask for exists on the model's shape."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from omegaconf import OmegaConf

from pathpatch_runner.cli.schema import register_schemas
from pathpatch_runner.config import Direction, ExperimentConfig
from pathpatch_runner.graph import Graph, ModelShape
from pathpatch_runner.hypothesis import resolve_hypotheses
from pathpatch_runner.hypothesis.circuits import says_edges
from pathpatch_runner.regress.claim import Claim, Order, Top
from pathpatch_runner.regress.published import read_all

REPOSITORY = Path(__file__).parents[2]
SHAPES = {
    "gpt2": ModelShape(12, 12, 768, 64, 50257, 1024, d_mlp=3072),
    "smollm2-135m": ModelShape(30, 9, 576, 64, 49152, 2048, d_mlp=1536, n_key_value_heads=3),
}
KEPT = ("found_kept", "found_kept_rest")
CLAIMS = [
    claim for published in read_all(REPOSITORY / "experiments", ()) for claim in published.claims
]


@cache
def config_of(words: tuple[str, ...]) -> tuple[ExperimentConfig, str]:
    """The composed experiment, and the name of its model's config."""
    register_schemas()
    GlobalHydra.instance().clear()
    with initialize_config_dir(str(REPOSITORY / "conf"), version_base="1.3"):
        composed = compose("config", overrides=list(words), return_hydra_config=True)
        model = composed.hydra.runtime.choices.model
        config = OmegaConf.to_object(compose("config", overrides=list(words)))
    assert isinstance(config, ExperimentConfig)
    return config, str(model)


@pytest.mark.parametrize("claim", CLAIMS, ids=lambda claim: claim.id)
def test_what_a_claim_asks_for_is_in_its_experiment(claim: Claim) -> None:
    config, model = config_of(claim.run.words)
    where = dict(claim.where)
    hypotheses = [where["hypothesis"]] if "hypothesis" in where else []
    check = claim.check
    if claim.table == "scores":
        assert config.scores is not None
        assert where["method"] in {method.value for method in config.scores.methods}
        return
    if isinstance(check, Order | Top) and check.by == "hypothesis":
        hypotheses += [name for name in check.names if isinstance(name, str)]
    if config.search is not None:
        # What it finds is evaluated in both directions, under names of its own.
        assert set(hypotheses) <= {*config.hypotheses, "found", "found_rest", *KEPT}
        assert where.get("direction") in {d.value for d in Direction}
        assert where.get("metric", config.metrics[0]) in config.metrics
        return
    assert set(hypotheses) <= set(config.hypotheses)
    entries = config.hypotheses[where["hypothesis"]].paths if "hypothesis" in where else {}
    if any(says_edges(entry) for entry in entries.values()):
        # Circuits: their sizes and curves go by entry, in directions that the table may imply.
        asked = {where["entry"]} if "entry" in where else set()
        if isinstance(check, Order | Top) and check.by == "entry":
            asked |= {name for name in check.names if isinstance(name, str)}
        assert asked <= set(entries)
        assert where.get("direction", "denoising") in {d.value for d in config.patch.directions}
        return
    assert where.get("direction") in {d.value for d in config.patch.directions}
    if model not in SHAPES:
        return
    units = resolve_hypotheses(
        config.hypotheses, config.patch.units, Graph(SHAPES[model]), None
    ).units
    heads = {
        dict(unit.binding).get("s")
        for unit in units
        if unit.hypothesis == where["hypothesis"]
        and where.get("unit", unit.kind.value) == unit.kind.value
    }
    asked = {where["over.s"]} if "over.s" in where else set()
    if isinstance(check, Order | Top):
        assert check.by == "over.s"
        asked |= {name for name in check.names if isinstance(name, str)}
    assert asked
    assert asked <= heads
