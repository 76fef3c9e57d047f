"""A finished run, as a notebook reads it.

`Run` holds what a run left: its tables, its manifest, its plan. A run that was opened reads a
table when it is asked for; one that was made by `patch` without a directory keeps them in memory.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa

from pathpatch_runner import runner
from pathpatch_runner.config import ExperimentConfig
from pathpatch_runner.errors import ConfigError, StoreError
from pathpatch_runner.runner import Request
from pathpatch_runner.store import Manifest, RunDirectory
from pathpatch_runner.store.atomic import write_text
from pathpatch_runner.store.files import StoredTables

if TYPE_CHECKING:
    import pandas as pd

    from pathpatch_runner.report.figures import Figure
    from pathpatch_runner.report.run_view import RunView

MAIN_COLUMNS = (
    "hypothesis",
    "path_id",
    "metric",
    "direction",
    "effect_mean",
    "effect_ci_low",
    "effect_ci_high",
    "normalised_effect",
    "proportion_explained",
    "p_value",
    "q_value",
)
"""Columns of the summary that a notebook shows; `summary` has all of them."""


@dataclass(frozen=True, repr=False)
class Run:
    """What a run left.

    `manifest`: provenance, guards, counts, timings. `plan`: the text of `plan.txt`. `tables`:
    Arrow tables by name (`effects`, `summary`, ...). `path`: its directory, None if it was told to
    write nothing. `reused`: it had been run before.
    """

    manifest: Manifest
    plan: str
    tables: Mapping[str, pa.Table]
    path: Path | None = None
    reused: bool = False

    @property
    def experiment(self) -> str:
        """The experiment's name."""
        return self.manifest.experiment

    def table(self, name: str) -> pa.Table:
        """The Arrow table of that name. Raises StoreError where the run has none."""
        try:
            return self.tables[name]
        except KeyError:
            raise StoreError(
                f'{self!r} has no table "{name}". It has: {", ".join(self.tables)}. Others are '
                "written where the config asks for them (scores, search, contrasts, ...)"
            ) from None

    def frame(self, name: str) -> pd.DataFrame:
        """The table of that name as a pandas frame, names as plain strings."""
        table = self.table(name)
        for number, field in enumerate(table.schema):
            if pa.types.is_dictionary(field.type):
                plain = table.column(number).cast(field.type.value_type)
                table = table.set_column(number, field.name, plain)
        frame: pd.DataFrame = table.to_pandas()
        return frame

    @property
    def summary(self) -> pd.DataFrame:
        """One row per unit, metric and direction."""
        return self.frame("summary")

    @property
    def effects(self) -> pd.DataFrame:
        """One row per evaluation point, unit, metric and direction."""
        return self.frame("effects")

    @property
    def scores(self) -> pd.DataFrame:
        """One row per edge (or node) and method."""
        return self.frame("scores")

    @property
    def curves(self) -> pd.DataFrame:
        """CPR and CMD of families over sizes."""
        return self.frame("curves")

    @property
    def contrasts(self) -> pd.DataFrame:
        """Paired differences of hypotheses or units."""
        return self.frame("contrasts")

    @property
    def shapley(self) -> pd.DataFrame:
        """Shapley values and interactions of a hypothesis' entries."""
        return self.frame("shapley")

    @property
    def found(self) -> pd.DataFrame:
        """Paths and open stubs that a search found."""
        return self.frame("found")

    def heatmap(
        self, family: str | None = None, *, metric: str | None = None, direction: str | None = None
    ) -> Figure:
        """A family as a grid: of the hypothesis, or entry, of that name; the first if not said."""
        from pathpatch_runner.report import run_figures

        return run_figures.heatmap(self._view, family, metric, direction)

    def forest(self, *, metric: str | None = None, direction: str | None = None) -> Figure:
        """What hypotheses and single paths explain, with intervals."""
        from pathpatch_runner.report import run_figures

        return run_figures.forest(self._view, metric, direction)

    def curve(self, *, metric: str | None = None, direction: str | None = None) -> Figure:
        """Circuits of growing size."""
        from pathpatch_runner.report import run_figures

        return run_figures.curve(self._view, metric, direction)

    def paths(self, hypothesis: str | None = None) -> Figure:
        """The paths of a hypothesis on the grid of the model; the first if not said."""
        from pathpatch_runner.report import run_figures

        return run_figures.paths(self._view, hypothesis)

    def report(self, path: str | Path | None = None) -> Path:
        """The page of the run, written to `path`; without one, where the run left it.

        Raises StoreError for a run in memory without a path.
        """
        from pathpatch_runner.report.page import render_report

        if path is None and self.path is not None:
            return self.path / "report.html"
        if path is None:
            raise StoreError(f'{self!r} lies nowhere. Say where: run.report("report.html")')
        write_text(Path(path), render_report(self._view))
        return Path(path)

    @property
    def _view(self) -> RunView:
        from pathpatch_runner.report.run_view import RunView

        return RunView(self.manifest.to_dict(), dict(self.tables), self.plan, self.path)

    def __repr__(self) -> str:
        where = "in memory" if self.path is None else f'"{self.path}"'
        return f"Run({self.experiment}, {self.manifest.counts.units} units, {where})"

    def _repr_html_(self) -> str:
        """The summary, as a notebook shows it."""
        frame = self.summary
        shown = frame[[name for name in MAIN_COLUMNS if name in frame]]
        html: str = shown.dropna(axis="columns", how="all").to_html(index=False, max_rows=40)
        return html


def open_run(path: str | Path) -> Run:
    """The finished run in a directory. Raises StoreError where there is none."""
    directory = RunDirectory(Path(path))
    manifest = directory.load_manifest()
    plan = directory.read_text("plan.txt")
    return Run(manifest, plan, StoredTables(directory), directory.path)


def run(config: ExperimentConfig) -> Run:
    """Run an experiment, or find that it has been run. Prints nothing.

    Raises `PathPatchError` for everything that a user can mend.
    """
    return run_request(Request(config, ("pathpatch_runner.run",)))


def run_request(request: Request) -> Run:
    """A request as a `Run`."""
    if request.config.runtime.dry_run or request.config.runtime.show:
        raise ConfigError(
            "runtime.dry_run and runtime.show are for the command line. Leave them out: `explain` "
            "says what an expression means, and a run has its `plan`"
        )
    outcome = runner.run(request)
    held = request.held
    if held is not None:
        assert held.manifest is not None
        return Run(held.manifest, held.texts["plan.txt"], held.tables)
    assert outcome.directory is not None
    found = open_run(outcome.directory)
    return replace(found, reused=outcome.reused)
