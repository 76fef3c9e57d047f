"""`effects.parquet`: rows, columns and metadata of a hand-made run, as Arrow and as files."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import duckdb
import numpy as np
import pyarrow.parquet as pq
import pytest

from effects.measured import POINTS, results, unit, values
from pathpatch_runner.config import Direction, UnitKind
from pathpatch_runner.effects import (
    PointIndex,
    Results,
    describe_run,
    effects_table,
    missing_overrides,
    with_overrides,
)
from pathpatch_runner.effects.unit_columns import layer_and_head
from pathpatch_runner.store import RunDirectory

DESIGN_COLUMNS = (
    "run_key experiment model dataset hypothesis unit path_id path over.s over.s.layer "
    "over.s.head over.r over.r.layer over.r.head pair_id position metric direction clean corrupt "
    "patched effect"
)


def family() -> Results:
    bound = unit("f[s=a0.h1]", binding=(("s", "a0.h1"),))
    both = unit("g[s=a0.h2,r=m1]", binding=(("s", "a0.h2"), ("r", "m1")))
    whole = unit("f+g", UnitKind.hypothesis)
    return results([bound, both, whole], [values((0.0, 0.0, 0.0))] * 3)


def single(direction: Direction = Direction.noising) -> Results:
    return results([unit()], {direction: [values((1.0, 2.0, 6.0))]})


def test_columns_stand_in_the_order_of_the_design() -> None:
    assert " ".join(effects_table(family()).column_names) == DESIGN_COLUMNS


def test_without_families_there_are_no_variable_columns() -> None:
    names = effects_table(single()).column_names
    assert names == [name for name in DESIGN_COLUMNS.split() if not name.startswith("over.")]


def test_rows_run_over_directions_units_metrics_points() -> None:
    noised = [values((1.0, 3.0, 6.0), (8.0, 5.0, 0.0)), values((0.0, 0.0, 0.0))]
    denoised = [values((9.0, 9.0, 9.0)), values((4.0, 4.0, 8.0), (1.0, 2.0, 4.0))]
    patched = {Direction.noising: noised, Direction.denoising: denoised}
    rows = effects_table(results([unit("a"), unit("b")], patched)).to_pylist()
    names = ("direction", "path_id", "metric", "pair_id", "position")
    assert [tuple(row[name] for name in names) for row in rows] == [
        (direction, path_id, metric, pair_id, position)
        for direction in ("noising", "denoising")
        for path_id in "ab"
        for metric in ("loss", "logit_diff")
        for pair_id, position in (("p0", 3), ("p0", 5), ("p1", 4))
    ]
    assert [row["clean"] for row in rows] == [1, 2, 3, 8, 6, 4] * 4
    assert [row["corrupt"] for row in rows] == [5, 4, 7, 0, 2, 4] * 4
    first, last = rows[:6], rows[18:]
    assert [row["patched"] for row in first + last] == [1, 3, 6, 8, 5, 0, 4, 4, 8, 1, 2, 4]
    # noising: patched - clean; denoising: patched - corrupt
    assert [row["effect"] for row in first + last] == [0, 1, 3, 0, -1, -4, -1, 0, 1, 1, 0, 0]


def test_key_columns_say_what_was_patched() -> None:
    first = effects_table(single(Direction.denoising)).to_pylist()[0]
    assert first["run_key"] == "0123456789abcdef"
    assert (first["experiment"], first["model"], first["dataset"]) == ("toy", "model", "data")
    assert (first["hypothesis"], first["unit"], first["path_id"]) == ("h", "path", "e")
    assert (first["path"], first["direction"]) == ("input->e->logits", "denoising")


def test_a_unit_without_a_variable_has_null_there() -> None:
    rows = effects_table(family()).to_pylist()[::6]
    assert [(row["over.s"], row["over.r"]) for row in rows] == [
        ("a0.h1", None),
        ("a0.h2", "m1"),
        (None, None),
    ]


def test_layer_and_head_stand_beside_a_node() -> None:
    rows = effects_table(family()).to_pylist()[::6]
    assert [
        tuple(row[f"over.{name}.{part}"] for name in "sr" for part in ("layer", "head"))
        for row in rows
    ] == [(0, 1, None, None), (0, 2, 1, None), (None, None, None, None)]


@pytest.mark.parametrize(
    ("bound", "expected"),
    [
        ("a3.h11", (3, 11)),
        ("a3", (3, None)),
        ("m10", (10, None)),
        ("input", (None, None)),
        ("S2", (None, None)),
        ("q", (None, None)),
        (None, (None, None)),
    ],
)
def test_layer_and_head_of_what_is_bound(
    bound: str | None, expected: tuple[int | None, int | None]
) -> None:
    assert layer_and_head(bound) == expected


def test_a_variable_that_is_not_of_nodes_has_no_layer() -> None:
    units = [unit(f"f[p={name}]", binding=(("p", name),)) for name in ("S1", "end")]
    names = effects_table(results(units, [values((1.0, 2.0, 6.0))] * 2)).column_names
    assert [name for name in names if name.startswith("over.")] == ["over.p"]


def test_what_was_set_has_a_column_for_each_key() -> None:
    made = dataclasses.replace(single(), overrides={"seed": "3", "patch.source": "noise"})
    table = effects_table(made)
    assert table.column_names[3:7] == ["dataset", "set.seed", "set.patch.source", "hypothesis"]
    assert {(row["set.seed"], row["set.patch.source"]) for row in table.to_pylist()} == {
        ("3", "noise")
    }


def test_fields_carry_unit_and_meaning() -> None:
    schema = effects_table(family()).schema
    assert schema.field("position").metadata == {
        b"unit": b"token",
        b"description": b"index of the evaluation point in the prompt",
    }
    assert schema.field("effect").metadata[b"unit"] == b"metric"
    assert schema.field("over.s").metadata[b"description"] == (
        b"bound to s; null: no such variable"
    )
    assert json.loads(schema.metadata[b"metric_units"]) == {"loss": "nats", "logit_diff": "logits"}
    assert schema.metadata[b"format_version"] == b"2"


def test_values_of_the_wrong_shape_are_our_own_mistake() -> None:
    with pytest.raises(
        AssertionError, match=r"values \(1, 2, 4\), units, metrics and points \(1, 2, 3\)"
    ):
        results([unit()], [np.zeros((2, 4))])


def test_points_of_the_wrong_shape_are_our_own_mistake() -> None:
    points = PointIndex(POINTS.pair_id, np.array([3, 5]), POINTS.pair_index)
    with pytest.raises(AssertionError, match="one entry per point"):
        results([unit()], [values((1.0, 2.0, 6.0))], points=points)


def test_the_same_run_gives_the_same_bytes(tmp_path: Path) -> None:
    written = []
    for name in ("first", "second"):
        directory = RunDirectory(tmp_path / name)
        described = describe_run(effects_table(family()), {"run_key": "k", "config": {"seed": 0}})
        with directory.writing():
            directory.write_table("effects.parquet", described)
        written.append((directory.path / "effects.parquet").read_bytes())
    assert written[0] == written[1]
    metadata = pq.read_schema(tmp_path / "first" / "effects.parquet").metadata
    assert json.loads(metadata[b"pathpatch_runner"]) == {"config": {"seed": 0}, "run_key": "k"}
    assert metadata[b"format_version"] == b"2"


def test_duckdb_reads_runs_with_different_variables_together(tmp_path: Path) -> None:
    for name, made in (("plain", single()), ("family", family())):
        directory = RunDirectory.at(tmp_path, name, "k")
        with directory.writing():
            directory.write_table("effects.parquet", effects_table(made))
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


def test_a_table_that_is_there_takes_what_was_set_this_time_too(tmp_path: Path) -> None:
    made = dataclasses.replace(single(), overrides={"seed": "3"})
    pq.write_table(describe_run(effects_table(made), {"run_key": "k"}), tmp_path / "t.parquet")
    table = pq.read_table(tmp_path / "t.parquet")
    asked = {"seed": "03", "model": "gpt2"}
    assert missing_overrides(table.schema, asked) == {"model": "gpt2"}
    both = with_overrides(table, asked)
    direct = effects_table(dataclasses.replace(single(), overrides={"seed": "3", "model": "gpt2"}))
    assert both.drop_columns(["set.model"]).equals(table)
    assert both.schema.equals(describe_run(direct, {"run_key": "k"}).schema, check_metadata=True)
    assert both.to_pylist() == direct.to_pylist()
    assert missing_overrides(both.schema, asked) == {}
