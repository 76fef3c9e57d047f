"""`effects.parquet`: rows, columns and metadata of a hand-made run, as Arrow and as files."""

from __future__ import annotations

import json
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from effects.measured import BASELINE, METRICS, NAMES, POINTS, result, unit
from pathpatch_runner.config import Direction, UnitKind
from pathpatch_runner.effects import PointIndex, UnitResult, describe_run, effects_table
from pathpatch_runner.store import RunDirectory

DESIGN_COLUMNS = (
    "run_key experiment model dataset hypothesis unit path_id path over.s over.r pair_id "
    "position metric direction clean corrupt patched effect"
)


def table(*results: UnitResult) -> pa.Table:
    return effects_table(NAMES, results, BASELINE, POINTS, METRICS)


def family() -> list[UnitResult]:
    bound = unit("f[s=a0.h1]", binding=(("s", "a0.h1"),))
    both = unit("g[s=a0.h2,r=m1]", binding=(("s", "a0.h2"), ("r", "m1")))
    whole = unit("f+g", UnitKind.hypothesis)
    return [result(each, (0.0, 0.0, 0.0)) for each in (bound, both, whole)]


def test_columns_stand_in_the_order_of_the_design() -> None:
    assert " ".join(table(*family()).column_names) == DESIGN_COLUMNS


def test_without_families_there_are_no_variable_columns() -> None:
    names = table(result(unit(), (0.0, 0.0, 0.0))).column_names
    assert " ".join(names) == DESIGN_COLUMNS.replace("over.s over.r ", "")


def test_rows_run_over_units_metrics_points() -> None:
    noised = result(unit("a"), (1.0, 3.0, 6.0), (8.0, 5.0, 0.0))
    denoised = result(unit("b"), (4.0, 4.0, 8.0), (1.0, 2.0, 4.0), Direction.denoising)
    rows = table(noised, denoised).to_pylist()
    assert [(row["path_id"], row["metric"], row["pair_id"], row["position"]) for row in rows] == [
        (path_id, metric, pair_id, position)
        for path_id in "ab"
        for metric in ("loss", "logit_diff")
        for pair_id, position in (("p0", 3), ("p0", 5), ("p1", 4))
    ]
    assert [row["clean"] for row in rows] == [1, 2, 3, 8, 6, 4] * 2
    assert [row["corrupt"] for row in rows] == [5, 4, 7, 0, 2, 4] * 2
    assert [row["patched"] for row in rows] == [1, 3, 6, 8, 5, 0, 4, 4, 8, 1, 2, 4]
    # noising: patched - clean; denoising: patched - corrupt
    assert [row["effect"] for row in rows] == [0, 1, 3, 0, -1, -4, -1, 0, 1, 1, 0, 0]


def test_key_columns_say_what_was_patched() -> None:
    first = table(result(unit(), (0.0, 0.0, 0.0), direction=Direction.denoising)).to_pylist()[0]
    assert first["run_key"] == "0123456789abcdef"
    assert (first["experiment"], first["model"], first["dataset"]) == ("toy", "model", "data")
    assert (first["hypothesis"], first["unit"], first["path_id"]) == ("h", "path", "e")
    assert (first["path"], first["direction"]) == ("input->e->logits", "denoising")


def test_a_unit_without_a_variable_has_null_there() -> None:
    rows = table(*family()).to_pylist()[::6]
    assert [(row["over.s"], row["over.r"]) for row in rows] == [
        ("a0.h1", None),
        ("a0.h2", "m1"),
        (None, None),
    ]


def test_fields_carry_unit_and_meaning() -> None:
    schema = table(*family()).schema
    assert schema.field("position").metadata == {
        b"unit": b"token",
        b"description": b"index of the evaluation point in the prompt",
    }
    assert schema.field("effect").metadata[b"unit"] == b"metric"
    assert schema.field("over.s").metadata[b"description"] == (
        b"node bound to s; null: no such variable"
    )
    assert json.loads(schema.metadata[b"metric_units"]) == {"loss": "nats", "logit_diff": "logits"}
    assert schema.metadata[b"format_version"] == b"1"


def test_values_of_the_wrong_shape_are_our_own_mistake() -> None:
    wrong = UnitResult(unit(), Direction.noising, np.zeros((2, 4)))
    with pytest.raises(AssertionError, match=r"values \(2, 4\), metrics and points \(2, 3\)"):
        table(wrong)


def test_points_of_the_wrong_shape_are_our_own_mistake() -> None:
    points = PointIndex(("p0", "p0", "p1"), np.array([3, 5]), np.array([0, 0, 1]))
    with pytest.raises(AssertionError, match="one entry per point"):
        effects_table(NAMES, family(), BASELINE, points, METRICS)


def test_the_same_run_gives_the_same_bytes(tmp_path: Path) -> None:
    written = []
    for name in ("first", "second"):
        directory = RunDirectory(tmp_path / name)
        described = describe_run(table(*family()), {"run_key": "k", "config": {"seed": 0}})
        with directory.writing():
            directory.write_table("effects.parquet", described)
        written.append((directory.path / "effects.parquet").read_bytes())
    assert written[0] == written[1]
    metadata = pq.read_schema(tmp_path / "first" / "effects.parquet").metadata
    assert json.loads(metadata[b"pathpatch_runner"]) == {"config": {"seed": 0}, "run_key": "k"}
    assert metadata[b"format_version"] == b"1"


def test_duckdb_reads_runs_with_different_variables_together(tmp_path: Path) -> None:
    plain = [result(unit("e"), (1.0, 2.0, 6.0))]
    for name, results in (("plain", plain), ("family", family())):
        directory = RunDirectory.at(tmp_path, name, "k")
        with directory.writing():
            directory.write_table("effects.parquet", table(*results))
    source = f"read_parquet('{tmp_path}/**/effects.parquet', union_by_name=true)"
    with duckdb.connect() as connection:
        rows = connection.execute(
            f'SELECT path_id, "over.r", sum(effect) FROM {source} '
            "WHERE metric = 'loss' GROUP BY ALL ORDER BY path_id"
        ).fetchall()
        types = dict(
            connection.execute(
                f"SELECT column_name, column_type FROM (DESCRIBE FROM {source})"
            ).fetchall()
        )
    assert rows == [
        ("e", None, 3.0),
        ("f+g", None, -6.0),
        ("f[s=a0.h1]", None, -6.0),
        ("g[s=a0.h2,r=m1]", "m1", -6.0),
    ]
    assert types["hypothesis"] == types["over.s"] == "VARCHAR"
    assert types["effect"] == "DOUBLE"
