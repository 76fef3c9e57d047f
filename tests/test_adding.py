"""Every row of ARCHITECTURE "Adding things", done in a temporary place and seen to work.

A row says one file and at most one line. Here the file is what docs/adding.md shows, as a module
of its own, and the line is what would stand in the registry; a plug-in's line is its entry point
(`test_plugin`).
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pyarrow.parquet as pq
import pytest
from making.page import File, parts_of

from pathpatch_runner.cli import compose
from pathpatch_runner.cli.schema import register_schemas, schemas
from pathpatch_runner.errors import ConfigError
from pathpatch_runner.registry import DATASETS, METRICS, MODELS, SOURCES, Registry
from pathpatch_runner.regress.__main__ import main as regress
from pathpatch_runner.runner import run
from pathpatch_runner.runner.request import Request

REPOSITORY = Path(__file__).parents[1]
PAGE = REPOSITORY / "docs" / "adding.md"
FILES = {
    part.path: "\n".join(part.lines) + "\n"
    for part in parts_of(PAGE.read_text(encoding="utf-8"))
    if isinstance(part, File)
}
"""What the page shows, by file name."""
LINES: Mapping[str, tuple[Registry, str, str]] = {
    "metric": (METRICS, "answer_logit", "adding_metric:answer"),
    "dataset": (DATASETS, "one_pair", "adding_dataset:One"),
    "model": (MODELS, "tiny", "adding_model:Tiny"),
    "source": (SOURCES, "nothing", "adding_source:Nothing"),
}


@pytest.fixture
def added(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """One file and one line for each kind, and an experiment that uses them all."""
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    for registry, name, where in LINES.values():
        more = MappingProxyType({**registry.built_in, name: where})
        # The registries are frozen: this is the line in the file `registry`.
        monkeypatch.setitem(vars(registry), "built_in", more)
    schemas.cache_clear()
    register_schemas()
    yield tmp_path
    schemas.cache_clear()
    for name in FILES:
        sys.modules.pop(Path(name).stem, None)


def test_a_kind_of_everything_is_one_file_and_one_line(added: Path) -> None:
    config = compose("added", f"runtime.output_root={added}/outputs", config_dir=added)
    directory = run(Request(config)).directory
    assert directory is not None
    (row,) = pq.read_table(directory / "summary.parquet").to_pylist()
    assert (row["metric"], row["dataset"], row["n"]) == ("answer_logit", "one_pair", 1)
    assert row["effect_mean"] != 0
    for key, slip, meant in (
        ("dataset", "one_pai", "one_pair"),
        ("model", "tinny", "tiny"),
    ):
        with pytest.raises(ConfigError, match=f'Did you mean "{meant}"'):
            compose("added", f"{key}={slip}", config_dir=added)


def test_an_experiment_is_a_file_and_a_published_value_a_claim(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "mine" / "experiment").mkdir(parents=True)
    (tmp_path / "mine" / "experiment" / "own.yaml").write_text(
        "# @package _global_\ndefaults: [micro, _self_]\nexperiment: own\n"
    )
    claims = tmp_path / "experiments" / "own"
    claims.mkdir(parents=True)
    (claims / "published.yaml").write_text(
        "claims:\n  - {id: clean, experiment: own, where: {hypothesis: growing, unit: cumulative, "
        "path_id: skip, direction: denoising, pair_id: first}, column: clean, value: 25, "
        "tolerance: 0, source: by hand}\n"
    )
    options: list[Any] = ["--experiments", claims.parent, "--config-dir", tmp_path / "mine"]
    words = ["own", *options, "--output-root", tmp_path / "outputs"]
    assert regress([str(word) for word in words]) == 0
    assert "1 pass, 0 fail, 0 unavailable" in capsys.readouterr().out


def test_the_page_says_the_lines_that_are_added() -> None:
    text = PAGE.read_text(encoding="utf-8")
    for _, name, where in LINES.values():
        assert f'`"{name}": "{where}"`' in text


def test_every_row_of_the_table_is_followed_here() -> None:
    text = (REPOSITORY / "ARCHITECTURE.md").read_text().partition("## Adding things")[2]
    rows = [line.split("|")[1].strip() for line in text.splitlines() if line.startswith("| a")]
    assert set(rows) == {
        "a metric",
        "a dataset kind",
        "a model kind",
        "a source",
        "an executor",
        "an experiment",
        "a published value",
    }
