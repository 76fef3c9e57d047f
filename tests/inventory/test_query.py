"""Queries over the tables of finished runs, and what is said where one cannot be answered."""

from __future__ import annotations

import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from inventory.runs_there import collected, finished, told
from pathpatch_runner.query import main

NAME = "it's [a] *"
"""A name that is a pattern and ends a quotation."""


@pytest.fixture
def outputs(tmp_path: Path) -> Path:
    """Two finished runs, whose summaries differ in their columns, and an interrupted one."""
    folder = tmp_path / NAME
    finished(folder / "toy" / "0a", "seed=1")
    finished(folder / "toy" / "0b", "seed=2")
    table = pa.table({"path": ["b", None], "effect_mean": [-3.0, 0.25], "set.seed": ["2", "2"]})
    pq.write_table(table, folder / "toy" / "0b" / "summary.parquet")
    half = told(folder / "toy" / "0c")
    pq.write_table(table, half / "summary.parquet")
    (half / "effects.parquet").write_bytes(b"half")
    return folder


def asked(outputs: Path, query: str, capsys: pytest.CaptureFixture[str]) -> list[str]:
    assert main([query, "--in", str(outputs), "--csv"]) == 0
    return capsys.readouterr().out.splitlines()


@pytest.mark.parametrize(
    ("query", "rows"),
    [
        ("select sum(effect_mean) as s from summary", ["s", "-1.25"]),
        (
            'select path, "set.seed" as s from summary where effect_mean <> 0.25 order by path',
            ["path,s", "a,", "b,2"],
        ),
        (
            "select run_key, state, seconds, overrides from runs order by run_key",
            [
                "run_key,state,seconds,overrides",
                "0a,done,65.0,seed=1",
                "0b,done,65.0,seed=2",
                "0c,interrupted,,",
            ],
        ),
        ("select 1 as effects", ["effects", "1"]),
    ],
)
def test_answers(
    outputs: Path, query: str, rows: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert asked(outputs, query, capsys) == rows


def test_numbers_of_collected_parts_count_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    one, two = finished(tmp_path / "toy" / "one"), finished(tmp_path / "toy" / "two")
    collected(tmp_path / "toy" / "whole", one, two)
    assert asked(tmp_path, "select count(*) as n from summary", capsys) == ["n", "1"]
    query = "select run_key, state from runs order by run_key"
    assert asked(tmp_path, query, capsys)[1:] == ["one,collected", "two,collected", "whole,done"]


def test_a_table_in_the_terminal(outputs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    query = "select path, effect_mean as mean, chr(27) as c from summary order by mean"
    assert main([query, "--in", str(outputs)]) == 0
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert lines == [
        ["path", "mean", "c"],
        ["b", "-3", "␛"],
        ["-", "0.25", "␛"],
        ["a", "1.5", "␛"],
        ["3", "rows"],
    ]


def test_many_rows_are_cut_and_counted(outputs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["select unnest(range(1234)) as n", "--in", str(outputs)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[-2].split() == ["99"]
    assert lines[-1] == "1,234 rows, 1,134 of them not shown (--csv writes all)"


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("select", "SELECT clause without selection list"),
        ("select nothing from summary", '"nothing" not found'),
        ("select * from effects", "effects does not exist"),
        ("select * from sys", "sys does not exist"),
    ],
)
def test_a_query_that_cannot_be_answered(
    outputs: Path, query: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([query, "--in", str(outputs)]) == 1
    message = capsys.readouterr().err
    assert message.startswith("error: the query cannot be answered: ")
    assert said in message
    assert message.endswith("\nViews: runs, summary\n")


def test_without_duckdb_it_says_how_to_have_it(
    outputs: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "duckdb", None)
    assert main(["select 1", "--in", str(outputs)]) == 1
    assert capsys.readouterr().err == (
        "error: query needs DuckDB, which is not installed: "
        'pip install "pathpatch-runner[query]", or pip install duckdb\n'
    )
