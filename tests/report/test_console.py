"""The summary in a terminal: true, within 80 columns, whatever things are called."""

from __future__ import annotations

import io
import math
from pathlib import Path

import pyarrow as pa
import pytest
from rich.cells import cell_len
from rich.console import Console

from pathpatch_runner.report.console import (
    MOST_ROWS,
    largest,
    print_jobs,
    print_plan,
    print_summary,
    summary_text,
)
from report.summaries import described, row, summary, without_values

DIRECTORY = Path("outputs/toy/0f")
LONG = "a_hypothesis_whose_name_goes_on_and_on_and_on_until_the_line_ends_and_beyond"


def printed(table: pa.Table, width: int = 80) -> list[str]:
    """The lines of the summary, as in a pipe."""
    out = io.StringIO()
    print_summary(table, DIRECTORY, Console(file=out, width=width))
    return [line.rstrip() for line in out.getvalue().splitlines()]


def test_the_whole_summary() -> None:
    table = summary(
        row("direct", 2.0),
        row("f[s=a0.h1]", -0.00025, effect_ci_low=-0.001, effect_ci_high=0.0005, p_value=0.0002),
        row("direct+f", 3.9999, unit="hypothesis", proportion_explained=-0.5),
    )
    assert printed(described(table)) == [
        "",
        "loss, noising: clean 1.000, corrupt 5.000, 1,234 evaluation points",
        "hypothesis  path          effect             of total  explained       p",
        "h           direct         2.000  ± 0.500       50.0%      75.0%   0.042",
        "h           f[s=a0.h1]  -0.00025  ± 0.00075      0.0%      75.0%  <0.001",
        "h           hypothesis     4.000  ± 0.500      100.0%     -50.0%   0.042",
        "±: half the 90% interval; of total: effect / total; explained: 1 - aue / ate",
        "report  outputs/toy/0f/report.html",
    ]


HUGE = row("f", 1.23456e9, normalised_effect=3e15, proportion_explained=-3e15, n=10**9)
CROWDS = {
    "long hypothesis": [row(hypothesis=LONG)],
    "long path": [row(f"{LONG}[s=a0.h3,r=a11.h10]")],
    "both": [row(f"{LONG}[s=a{layer}.h3]", hypothesis=LONG) for layer in range(3)],
    "long union": [row("+".join([LONG] * 9), unit="leave_one_out")],
    "huge numbers": [row(**(HUGE | {"hypothesis": LONG, "path_id": LONG}))],
    "long metric": [row(metric=LONG)],
    "wide letters": [row("路径" * 40, hypothesis="假设" * 40)],
    "thousands": [row(f"{LONG}[s=a{i}.h3]", i / 7) for i in range(2000)],
}


@pytest.mark.parametrize("rows", CROWDS.values(), ids=CROWDS)
def test_every_line_fits_80_columns(rows: list[dict[str, object]]) -> None:
    lines = printed(described(summary(*rows), against={"h": "rest"}))
    assert max(Console().measure(line).maximum for line in lines) <= 80


def test_numbers_and_bindings_are_whole_where_names_are_too_long() -> None:
    names = [f"{LONG}[s=a{layer}.h3]" for layer in (1, 2)]
    lines = printed(summary(*(row(name, hypothesis=LONG) for name in names)))
    for layer, line in zip((1, 2), lines[3:5], strict=True):
        hypothesis, path, *numbers = line.split()
        assert hypothesis == "a_hyp…eyond"
        assert path.startswith("a_hypothes")
        assert path.endswith(f"[s=a{layer}.h3]")
        assert numbers == ["1.000", "±", "0.500", "25.0%", "75.0%", "0.042"]


def test_numbers_are_whole_where_every_column_is_full() -> None:
    low = {"effect_ci_low": -12.1, "effect_ci_high": -10.1, "p_value": 0.0001, "q_value": 0.0002}
    rows = [
        row(f"values+queries+{name}", -11.072, unit="coalitions", hypothesis="inputs", **low)
        for name in ("keys", "rest")
    ]
    numbers = ["-11.072", "±", "1.000", "-276.8%", "75.0%", "<0.001", "<0.001"]
    lines = printed(summary(*rows))
    assert [line.split()[-7:] for line in lines[3:5]] == [numbers, numbers]
    assert max(map(len, lines)) <= 80


def test_a_wide_terminal_shows_long_names_in_full() -> None:
    assert any(LONG in line for line in printed(summary(row(hypothesis=LONG)), width=200))


def test_a_narrow_terminal_breaks_nothing() -> None:
    lines = printed(summary(row(LONG, hypothesis=LONG)), width=30)
    assert lines[-1] == "report  outputs/toy/0f/report.html"


def test_of_many_rows_the_largest_are_shown_and_the_others_counted() -> None:
    rows = [row(f"p{i}", i / 8 * (-1) ** i) for i in range(2999)]
    rows.append(row("all", 0.001, unit="hypothesis"))
    lines = printed(summary(*rows))
    shown = [line.split()[1] for line in lines[3 : 3 + MOST_ROWS]]
    assert shown == ["hypothesis", *(f"p{i}" for i in range(2998, 2998 - MOST_ROWS + 1, -1))]
    assert lines[3 + MOST_ROWS] == "and 2,980 more in summary.parquet"


def test_exactly_as_many_rows_as_are_shown_leave_none_out() -> None:
    rows = [row(f"p{i}") for i in range(MOST_ROWS)]
    assert not any("more in summary" in line for line in printed(summary(*rows)))


@pytest.mark.parametrize("value", [None, math.nan])
def test_missing_values_are_dashes(value: float | None) -> None:
    lines = printed(summary(without_values(value, path_id="bad"), row("good")))
    assert lines[3].split() == ["h", "bad", "-", "-", "-", "-"]
    assert lines[4].split()[:3] == ["h", "good", "1.000"]


def test_columns_without_any_value_are_left_out() -> None:
    nothing = dict.fromkeys(("normalised_effect", "effect_ci_low", "p_value"))
    lines = printed(summary(row() | nothing))
    assert lines[2].split() == ["hypothesis", "path", "effect", "explained"]
    assert lines[3].split() == ["h", "e", "1.000", "75.0%"]


def test_no_rows_are_said_to_be_none() -> None:
    assert printed(summary()) == [
        "nothing was evaluated: the summary has no rows",
        "report  outputs/toy/0f/report.html",
    ]


def test_a_table_for_every_metric_and_direction() -> None:
    keys = [("loss", "noising"), ("logit_diff", "noising"), ("loss", "denoising")]
    lines = printed(summary(*(row(metric=metric, direction=way) for metric, way in keys)))
    headings = [line.split(":")[0] for line in lines if "evaluation points" in line]
    assert headings == ["loss, noising", "logit_diff, noising", "loss, denoising"]


@pytest.mark.parametrize("name", ["[k]", "[/bold]", "<k>", "a&b", ":key:", "back\\", "[red]x"])
def test_names_are_shown_as_they_are(name: str) -> None:
    lines = printed(summary(row(name, hypothesis=name, metric=name)))
    assert lines[1].startswith(f"{name}, noising: clean")
    assert lines[3].split()[:2] == [name, name]


def test_unions_of_one_hypothesis_can_be_told_apart() -> None:
    rows = [row(ids, unit="cumulative") for ids in ("a", "a+b")]
    lines = printed(summary(*rows))
    assert [line.split()[1:3] for line in lines[3:5]] == [
        ["cumulative", ids] for ids in ("a", "a+b")
    ]


def test_what_a_hypothesis_is_measured_against_is_said() -> None:
    (line,) = printed(described(summary(row()), against={"h": "rest"}), width=120)[-2:-1]
    assert line.endswith("explained: 1 - aue / ate, or the aue of `against`")


def test_programs_find_the_report_whatever_the_colours_and_the_width() -> None:
    out = io.StringIO()
    deep = Path("/a folder/[with]/" + "long/" * 30)
    print_summary(summary(row()), deep, Console(file=out, width=80, force_terminal=True))
    assert "\x1b[" in out.getvalue()
    assert f"report  {deep}/report.html\n" in out.getvalue()


@pytest.mark.parametrize(("columns", "width"), [("", 80), ("wide", 80), ("92", 92)])
def test_a_pipe_is_80_columns_wide_or_as_columns_says(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, columns: str, width: int
) -> None:
    for name in ("FORCE_COLOR", "TTY_COMPATIBLE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("COLUMNS", columns)
    print_summary(summary(row(LONG)), DIRECTORY)
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) == width


def test_what_a_job_was_told_is_whole(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    told = "dataset=number_kind patch.source=corrupt"
    print_jobs(
        [(told, "done", "to_logits / component[s=a23.h3] -3.995, 43.5% of total")], "outputs"
    )
    lines = capsys.readouterr().out.splitlines()
    assert {"dataset=number_kind", "patch.source=corrupt"} <= set(" ".join(lines).split())
    assert max(map(len, lines[:4])) <= 80


def test_a_plan_is_printed_as_it_is() -> None:
    plan = "rest: input-[!{a1.h0-3}]->logits\n  s2  [bold] :key: " + "a1.h0 " * 30 + "end\n"
    out = io.StringIO()
    print_plan(plan, Console(file=out, width=80))
    assert out.getvalue() == plan + "\n"


def test_letters_of_double_width_leave_numbers_whole() -> None:
    lines = printed(summary(row("路径" * 10, hypothesis="假设" * 10)))
    assert all(cell_len(line) <= 80 for line in lines)
    assert lines[3].split()[-5:] == ["±", "0.500", "25.0%", "75.0%", "0.042"]
    assert " 1.000 " in lines[3]


def test_a_name_that_would_colour_the_terminal_is_shown() -> None:
    lines = printed(summary(row("\x1b[31mred", hypothesis="a\u202eb")))
    assert "\x1b" not in "".join(lines)
    assert lines[3].split()[:2] == ["a\\u202eb", "␛[31mred"]


def test_withheld_shares_are_said_and_not_shown() -> None:
    lines = printed(summary(row(clean_mean=5.0, corrupt_mean=5.0)), width=200)
    assert lines[2].startswith("warning: the total effect (0) is within rounding")
    assert "75.0%" not in "".join(lines)
    assert "warning: the total effect" in summary_text(
        summary(row(clean_mean=5.0, corrupt_mean=5.0))
    )


def test_a_sweep_closes_with_one_table(capsys: pytest.CaptureFixture[str]) -> None:
    table = summary(row("f", 3.0), row("all", 2.0, unit="hypothesis"))
    assert largest(table) == "h 2.000, 50.0% of total"
    print_jobs([("seed=1", "done", largest(table)), ("seed=2", "failed", "")], "outputs/toy")
    lines = [line.split() for line in capsys.readouterr().out.splitlines() if line.strip()]
    assert lines == [
        ["job", "state", "largest"],
        ["seed=1", "done", *["h", "2.000,", "50.0%", "of", "total"]],
        ["seed=2", "failed"],
        ["report", "of", "all:", "python", "-m", "pathpatch_runner.report", "outputs/toy"],
    ]
