"""What was run of an experiment: states, swept keys, missing jobs; pages of sweeps and of all."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from pathpatch_runner.report.__main__ import main
from pathpatch_runner.report.jobs import missing, read_jobs, swept_keys
from pathpatch_runner.report.multiverse import multiverse
from report.pages import Page
from report.summaries import described, row, summary
from report.views import view

SOURCES = ("corrupt", "mean")
HOSTILE = "<script>alert(1)</script>"


def put(folder: Path, overrides: list[str], effects: Mapping[str, float]) -> None:
    """A finished run of single paths with these effects (total 4), all of them significant."""
    folder.mkdir(parents=True)
    rows = [row(name, effect, p_value=0.001) for name, effect in effects.items()]
    run = view(described(summary(*rows)))
    (folder / ".hydra").mkdir()
    (folder / ".hydra" / "overrides.yaml").write_text(json.dumps(overrides))
    (folder / "manifest.json").write_text(json.dumps(run.manifest))
    pq.write_table(run.tables["summary"], folder / "summary.parquet")


@pytest.fixture
def sweep(tmp_path: Path) -> Path:
    """Sources by sizes; of four jobs two are done, one failed, and one is not there."""
    experiment = tmp_path / "outputs" / "toy"
    put(experiment / "0a", ["experiment=toy", "patch.source=corrupt", "size=2"], {"a": 2, "b": 1})
    put(experiment / "0b", ["experiment=toy", "patch.source=mean", "size=10"], {"a": -2, "b": 3})
    failed = experiment / "0c"
    (failed / ".hydra").mkdir(parents=True)
    (failed / ".hydra" / "overrides.yaml").write_text(
        json.dumps(["experiment=toy", "patch.source=corrupt", "size=10", "runtime.force=true"])
    )
    (failed / "failure.json").write_text(json.dumps({"message": f"no {HOSTILE}"}))
    return experiment


def test_states_and_swept_keys(sweep: Path) -> None:
    jobs = read_jobs(sweep)
    assert [job.state for job in jobs] == ["done", "done", "failed"]
    assert swept_keys(jobs) == ["patch.source", "size"]
    assert list(missing(jobs, swept_keys(jobs))) == [{"patch.source": "mean", "size": "2"}]


def test_a_run_that_was_interrupted_is_no_finished_one(sweep: Path) -> None:
    (sweep / "0d").mkdir()
    (sweep / "0d" / "run.log").write_text("began")
    assert read_jobs(sweep)[-1].state == "interrupted"


@pytest.mark.parametrize("text", ["", "{", "[]", "\x00", '{"a": 1}'])
def test_a_manifest_that_is_none_is_a_failure_with_a_reason(sweep: Path, text: str) -> None:
    (sweep / "0a" / "manifest.json").write_text(text)
    (sweep / "0a" / "summary.parquet").unlink()
    (broken, *_) = read_jobs(sweep)
    assert broken.state == "failed"
    assert "Run it again" in broken.message


def test_units_whose_sign_depends_on_the_choice_are_marked(sweep: Path) -> None:
    jobs = read_jobs(sweep)
    found = multiverse(jobs, swept_keys(jobs))
    # Largest share first: b has 3 of 4, a has 2 of 4.
    assert list(found.units) == ["h / b", "h / a"]
    assert [found.changes_sign(unit) for unit in found.units] == [False, True]
    assert [choice.settings["size"] for choice in found.choices] == ["2", "10"]


def test_neighbours_share_a_head_and_bindings_of_one_family_are_named_by_what_differs(
    tmp_path: Path,
) -> None:
    experiment = tmp_path / "toy"
    effects = {"f[s=a0.h0]": 1.0, "f[s=a0.h1]": 2.0}
    for number, (source, seed) in enumerate([("a", 1), ("a", 2), ("b", 1), ("b", 2)]):
        put(experiment / f"{number}", [f"patch.source={source}", f"seed={seed}"], effects)
    assert main([str(experiment)]) == 0
    html = (experiment / "report.html").read_text()
    text = " ".join(Page.of(html).text.split())
    assert "patch.source a b seed 1 2 1 2 h / f run run run run s=a0.h1 50.0%" in text
    assert html.count('colspan="2"') == 2
    # A seed is a number in name only: nothing is drawn against it.
    assert "Against numbers" not in text


def test_directions_that_were_swept_need_no_line_beside_the_directions(tmp_path: Path) -> None:
    experiment = tmp_path / "toy"
    for number, direction in enumerate(["noising", "denoising"]):
        put(experiment / f"{number}", [f"patch.directions=[{direction}]"], {"a": 1.0})
        table = pq.read_table(experiment / f"{number}" / "summary.parquet")
        place = table.column_names.index("direction")
        said = table.set_column(place, "direction", [[direction] * table.num_rows])
        pq.write_table(said, experiment / f"{number}" / "summary.parquet")
    assert main([str(experiment)]) == 0
    heads = (experiment / "report.html").read_text().split("<thead>")[1].split("</thead>")[0]
    assert " ".join(Page.of(heads).text.split()) == "direction denoising noising unit run run"


def test_the_page_of_a_sweep(sweep: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(sweep)]) == 0
    assert capsys.readouterr().out == f"report  {sweep / 'report.html'}\n"
    html = (sweep / "report.html").read_text()
    shown = Page.of(html)
    text = " ".join(shown.text.split())
    assert "3 runs, 2 done. Swept: patch.source , size ." in text
    assert "Of these units 1 helps under one choice and hurts under another" in text
    assert "2 jobs failed, interrupted or missing" in text
    assert f"no {HOSTILE}" in text
    assert html.count("<script>") == 1
    assert {"0a/report.html", "0b/report.html"} <= set(shown.values("href", "a"))
    # A line of heads for each swept key, then links to the runs; runs stand by size, not by key.
    assert "patch.source corrupt mean size 2 10 unit run run" in text
    assert text.index("0a corrupt 2 done") < text.index("0c corrupt 10 failed")
    assert text.index("0c corrupt 10 failed") < text.index("0b mean 10 done")
    # One of the swept keys is a number: there is a line for each unit and source.
    assert "share of the total effect on loss, noising against size" in "".join(
        shown.values("aria-label", "svg")
    )


def test_the_index_of_everything(sweep: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = sweep.parent
    put(root / "other" / "0f", ["experiment=other"], {"a": 1.0})
    assert main([str(root)]) == 0
    assert capsys.readouterr().out == f"report  {root / 'index.html'}\n"
    text = " ".join(Page.of((root / "index.html").read_text()).text.split())
    assert "4 runs of 2 experiments" in text
    assert "patch.source=mean, size=10" in text
    assert "h / a takes away 25.0% [12.5, 37.5] of the total effect" in text
    assert (sweep / "report.html").is_file()
    assert not (root / "other" / "report.html").exists()


def test_the_page_of_a_run_again(sweep: Path) -> None:
    assert main([str(sweep / "0a")]) == 0
    assert "<h2" in (sweep / "0a" / "report.html").read_text()


@pytest.mark.parametrize("there", [True, False])
def test_a_folder_without_runs_is_one_message(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], there: bool
) -> None:
    folder = tmp_path if there else tmp_path / "nothing"
    assert main([str(folder)]) == 1
    said = capsys.readouterr().err
    assert said.startswith(f'error: "{folder}"')
    assert said.count("\n") == 1
