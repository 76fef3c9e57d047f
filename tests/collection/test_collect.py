"""Parts made one by one and collected equal the run made at once."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import pathpatch_runner as pp
from pathpatch_runner.collect import main
from pathpatch_runner.config import (
    Direction,
    Dtype,
    ExperimentConfig,
    HypothesisConfig,
    PatchConfig,
    PathConfig,
    StatisticsConfig,
    UnitKind,
)
from pathpatch_runner.model.native import NativeModelConfig
from pathpatch_runner.runner import Request, run
from pathpatch_runner.store import RunDirectory
from runs.small import SHAPE, experiment, write_pairs
from store.records import MANIFEST

SET = {"hypotheses.h": "own"}
"""What the command line of every part set beside `shard` and `bindings`."""


def config_of(folder: Path, **changes: Any) -> ExperimentConfig:
    """Two hypotheses of every kind of unit, on pairs of two lengths; few draws."""
    pairs = folder / "pairs.jsonl"
    if not pairs.exists():
        short = write_pairs(folder / "short.jsonl", n_pairs=7).read_text().splitlines()
        long = [re.sub(r'(clean|corrupt)": \[', r"\g<0>7, ", line) for line in short[4:]]
        pairs.write_text("\n".join([short[0], *long[:2], *short[1:4], *long[2:]]) + "\n")
    config = experiment(folder, **changes)
    config.model = NativeModelConfig(config=dict(SHAPE), dtype=Dtype.float64)
    config.hypotheses["rest"] = HypothesisConfig(
        paths={"all": PathConfig(expr="input => logits"), "one": PathConfig(expr="a0.h1 => logits")}
    )
    config.hypotheses["h"].against = "rest"
    config.patch = PatchConfig(
        directions=[Direction.noising, Direction.denoising],
        units=[UnitKind.path, UnitKind.hypothesis, UnitKind.cumulative, UnitKind.coalitions],
    )
    config.contrasts = {"gain": "rest - h", "inner": "h/direct - rest/one"}
    config.statistics = StatisticsConfig(n_resamples=50, n_permutations=50)
    return config


def single(folder: Path) -> ExperimentConfig:
    """One path."""
    config = experiment(folder, metrics=["loss"])
    config.hypotheses = {"h": HypothesisConfig(paths={"p": PathConfig(expr="a0.h1 => logits")})}
    config.patch = PatchConfig(directions=[Direction.noising], units=[UnitKind.path])
    config.statistics = StatisticsConfig(n_resamples=50, n_permutations=50)
    return config


def make(config: ExperimentConfig, **parts: str) -> Path:
    part = replace(config, shard=parts.get("shard"), bindings=parts.get("bindings"))
    outcome = run(Request(part, overrides=SET | parts))
    assert outcome.directory is not None
    return outcome.directory


@pytest.fixture(scope="module", autouse=True)
def _no_pages() -> Iterator[None]:
    """Pages take longer than everything else here together."""
    with pytest.MonkeyPatch.context() as patched:
        for module in ("runner.pipeline", "collection.write"):
            patched.setattr(f"pathpatch_runner.{module}.render_report", lambda _: "a page")
        yield


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("whole")
    return make(config_of(folder))


def tables_of(path: Path) -> Mapping[str, pa.Table]:
    return {file.stem: pq.read_table(file) for file in sorted(path.glob("*.parquet"))}


def collected_in(config: ExperimentConfig) -> RunDirectory:
    root = Path(config.runtime.output_root) / config.experiment
    assert main([str(root)]) == 0
    (found,) = [path for path in root.iterdir() if _is_collected(path)]
    return RunDirectory(found)


def _is_collected(path: Path) -> bool:
    return RunDirectory(path).load_manifest().collected is not None


@pytest.mark.parametrize(("shards", "bindings"), [(2, None), (3, None), (None, 3), (2, 2)])
def test_collected_parts_equal_the_whole(
    tmp_path: Path, whole: Path, shards: int | None, bindings: int | None
) -> None:
    config = config_of(tmp_path)
    cells = itertools.product(
        [None] if shards is None else [f"{n}/{shards}" for n in range(1, shards + 1)],
        [None] if bindings is None else [f"{n}/{bindings}" for n in range(1, bindings + 1)],
    )
    keys = ("shard", "bindings")
    for cell in reversed(list(cells)):
        make(config, **{key: text for key, text in zip(keys, cell, strict=True) if text})
    made = collected_in(config)
    assert made.path.name == whole.name
    expected, found = tables_of(whole), tables_of(made.path)
    assert found.keys() == expected.keys()
    for name, table in expected.items():
        assert_equal(found[name].replace_schema_metadata(None), table.replace_schema_metadata(None))
        assert found[name].schema.metadata == table.schema.metadata, name
    # The same command without parts returns what was collected.
    assert run(Request(config)).reused


@pytest.mark.parametrize("source", ["mean", "noise"])
def test_what_replaces_corrupt_values_is_that_of_all_pairs(tmp_path: Path, source: str) -> None:
    config = single(tmp_path)
    config.model = NativeModelConfig(config=dict(SHAPE), dtype=Dtype.float64)
    config.patch.source, config.patch.noise_draws = source, 2
    expected = tables_of(make(config))
    config.runtime.output_root = str(tmp_path / "parts")
    for number in (1, 2):
        make(config, shard=f"{number}/2")
    found = tables_of(collected_in(config).path)
    for name in ("effects", "summary"):
        assert_equal(found[name], expected[name])


def assert_equal(found: pa.Table, expected: pa.Table) -> None:
    assert found.schema == expected.schema
    for name in expected.schema.names:
        one, two = found[name].to_pylist(), expected[name].to_pylist()
        if pa.types.is_floating(expected.schema.field(name).type):
            # Batches of other sizes round in the last digits.
            numbers, others = (np.array(each, dtype=np.float64) for each in (one, two))
            np.testing.assert_allclose(numbers, others, rtol=1e-9, atol=1e-12, err_msg=name)
        else:
            assert one == two, name


def test_statistics_are_bit_for_bit_where_the_effects_are(tmp_path: Path) -> None:
    """The micro model computes in whole numbers: nothing rounds, whatever the batch."""
    config = pp.compose(
        "micro", f"runtime.output_root={tmp_path}/whole", "+dataset.n_pairs=2", "patch.units=[path]"
    )
    expected = tables_of(make(config))
    for part in ("1/2", "2/2"):
        config.runtime.output_root = str(tmp_path / "parts")
        make(config, shard=part)
    made = collected_in(config)
    found = tables_of(made.path)
    for name in ("effects", "summary"):
        assert (
            found[name]
            .drop_columns(found[name].column_names[:4])
            .equals(expected[name].drop_columns(expected[name].column_names[:4]))
        )


def test_what_the_manifest_says(tmp_path: Path) -> None:
    config = config_of(tmp_path)
    keys = [make(config, shard=f"{n}/2").name for n in (1, 2)]
    manifest = collected_in(config).load_manifest()
    assert manifest.collected is not None
    assert manifest.collected.parts == tuple(
        (f"{n}/2", "1/1", key) for n, key in zip((1, 2), keys, strict=True)
    )
    assert manifest.collected.disagreement == 0
    assert "bit for bit" in manifest.collected.equality
    assert (manifest.counts.pairs, manifest.counts.units) == (7, 19)
    assert manifest.provenance.config["shard"] is None
    opened = pp.open(Path(config.runtime.output_root) / "small" / manifest.run_key)
    assert len(opened.summary) == 19 * 2 * 2
    assert opened.forest(metric="loss") is not None
    assert "coalitions" in opened.report(tmp_path / "page.html").read_text()


def test_nothing_is_collected_while_a_part_is_missing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = single(tmp_path)
    first = make(config, shard="1/3")
    other = make(replace(config, seed=1), shard="3/3")
    failed = RunDirectory(first.parent / "failed")
    failed.write_text("failure.json", '{"message": "no memory"}')
    failed.write_text(".hydra/overrides.yaml", "[shard=2/3]")
    capsys.readouterr()
    assert main([str(first.parent)]) == 1
    error = capsys.readouterr().err
    assert error.startswith(
        "error: 2 of 3 parts are missing:\n  shard=2/3 (failed: no memory)\n  shard=3/3\n"
    )
    assert f'"{other}" is not added up: ' in error
    assert "its seed is 1, not 0" in error
    assert {path.name for path in first.parent.iterdir()} == {first.name, other.name, "failed"}


def test_folders_without_parts(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    whole = tmp_path / "toy" / "0a"
    RunDirectory(whole).path.mkdir(parents=True)
    RunDirectory(whole).write_manifest(replace(MANIFEST, guards=()))
    assert main([str(whole.parent)]) == 1
    assert "no finished run there is a part of another" in capsys.readouterr().err
    assert main([str(tmp_path / "nowhere")]) == 1
    assert "is no directory" in capsys.readouterr().err


def test_tables_that_do_not_fit_each_other(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = single(tmp_path)
    one, _ = make(config, shard="1/2"), make(config, shard="2/2")
    effects = pq.read_table(one / "effects.parquet")
    pq.write_table(effects.slice(1), one / "effects.parquet")
    assert main([str(one.parent)]) == 1
    assert "its tables do not fit each other" in capsys.readouterr().err
