"""Figures of a run by name, and as files by the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from pathpatch_runner.errors import ConfigError
from pathpatch_runner.figures import main
from pathpatch_runner.report.run_figures import curve, every_figure, forest, heatmap, paths
from pathpatch_runner.report.run_view import RunView
from report.summaries import row, summary
from report.test_page import INDUCTION
from report.views import view


def heads(*names: str, hypothesis: str = "h") -> list[dict[str, object]]:
    return [row(f"f[s={name}]", 1.0, hypothesis=hypothesis) | {"over.s": name} for name in names]


def run() -> RunView:
    whole = row("all", 3.0, unit="hypothesis", hypothesis="g/h")
    families = [*heads("a0.h0", "a0.h1"), *heads("m0", "m1", hypothesis="mlps")]
    return view(summary(whole, *families), config=INDUCTION)


def test_every_figure_of_a_run_has_a_file_name() -> None:
    assert set(every_figure(run())) == {
        "forest-loss-noising",
        "heatmap-h-f-loss-noising",
        "heatmap-mlps-f-loss-noising",
        "paths-h",
    }


def test_families_are_found_by_hypothesis_entry_or_both() -> None:
    assert "sender s: MLP" in heatmap(run(), "mlps").svg
    assert "sender s: head" in heatmap(run(), "h / f").svg
    assert heatmap(run(), "f").svg == heatmap(run()).svg


def test_what_a_run_has_not_is_one_message() -> None:
    with pytest.raises(ConfigError, match=r'there is no "mlp".*Did you mean "mlps / f"|Allowed: h'):
        heatmap(run(), "mlp")
    with pytest.raises(ConfigError, match="no circuits of several sizes"):
        curve(run())
    with pytest.raises(ConfigError, match='paths: there is no "x"'):
        paths(run(), "x")
    with pytest.raises(ConfigError, match=r"Allowed: loss, noising"):
        forest(run(), metric="kl")


def test_sizes_make_a_curve() -> None:
    rows = [row(f"c[size={size}]", 4 * size) | {"over.s": None} for size in (0.1, 0.5, 1.0)]
    table = summary(*rows)
    sized = table.append_column("over.size", [["0.1", "0.5", "1.0"]])
    drawn = curve(view(sized))
    assert "h / c: 0.100 at 0.1 to 1.000 at 1.0" in drawn.about


@pytest.mark.parametrize("kind", ["svg", "pdf", "png"])
def test_the_command_writes_files(
    tmp_path: Path, kind: str, capsys: pytest.CaptureFixture[str]
) -> None:
    made = run()
    (tmp_path / "manifest.json").write_text(json.dumps(made.manifest))
    pq.write_table(made.tables["summary"], tmp_path / "summary.parquet")
    assert main([str(tmp_path), "--format", kind]) == 0
    files = sorted((tmp_path / "figures").iterdir())
    assert len(files) == 4
    assert [Path(line) for line in sorted(capsys.readouterr().out.splitlines())] == files


def test_no_run_is_one_message(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(tmp_path)]) == 1
    assert "is no finished run" in capsys.readouterr().err
