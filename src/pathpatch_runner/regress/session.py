"""All claims and golden runs of some experiments -> verdicts; and accepting new golden results.

Every run is launched once, however many claims are about it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

import pyarrow as pa
import pyarrow.compute as pc

from pathpatch_runner.errors import PublishedError
from pathpatch_runner.regress.claim import Claim, Published, Run
from pathpatch_runner.regress.golden import (
    GOLDEN,
    KEY,
    Difference,
    differences,
    golden_table,
    read_golden,
    write_golden,
)
from pathpatch_runner.regress.launch import Launch, Outcome
from pathpatch_runner.regress.query import Row, rows_of, table_name
from pathpatch_runner.regress.verdict import Mark, Verdict, judge, not_judged

SAME_RUN = ("experiment", "model", "dataset")


@dataclass
class Session:
    """Runs launched so far, and their tables."""

    launch: Launch
    _outcomes: dict[Run, Outcome] = field(default_factory=dict)
    _rows: dict[tuple[Run, str], list[Row]] = field(default_factory=dict)

    def outcome(self, run: Run) -> Outcome:
        """The run, launched if this session has not yet done so."""
        if run not in self._outcomes:
            self._outcomes[run] = self.launch(run)
        return self._outcomes[run]

    def rows(self, run: Run, table: str) -> list[Row]:
        """All rows of a table of a run that is there."""
        if (run, table) not in self._rows:
            self._rows[run, table] = rows_of(self.outcome(run).table(table))
        return self._rows[run, table]


def check(published: Published, session: Session, model: str | None) -> list[Verdict]:
    """Every claim and golden run of one file; `model`: only those that need this model."""
    claims = [claim for claim in published.claims if _wanted(claim.run, model)]
    verdicts = [_claim(published, claim, session) for claim in claims]
    if not published.golden.runs:
        return verdicts
    runs = [run for run in published.golden.runs if _wanted(run, model)]
    return verdicts + [_golden(published, run, session) for run in runs]


def _wanted(run: Run, model: str | None) -> bool:
    return model is None or run.model == model


def _claim(published: Published, claim: Claim, session: Session) -> Verdict:
    group = published.name
    if claim.file and not (published.folder / claim.file).is_file():
        reason = f'needs "{published.folder / claim.file}", which does not ship ({claim.source})'
        return not_judged(group, claim, Mark.unavailable, reason)
    outcome = session.outcome(claim.run)
    if outcome.directory is None:
        mark = Mark.failed if outcome.available else Mark.unavailable
        return not_judged(group, claim, mark, outcome.reason)
    try:
        rows = session.rows(claim.run, table_name(claim.column, claim.table))
    except PublishedError as error:
        return not_judged(group, claim, Mark.failed, str(error))
    return judge(group, claim, rows)


def _golden(published: Published, run: Run, session: Session) -> Verdict:
    def verdict(found: str, off_by: str, mark: Mark, reason: str = "") -> Verdict:
        name = f"golden {' '.join(run.words)}"
        return Verdict(published.name, name, "as accepted", found, off_by, mark, reason, GOLDEN)

    outcome = session.outcome(run)
    if outcome.directory is None:
        mark = Mark.failed if outcome.available else Mark.unavailable
        return verdict("-", "", mark, outcome.reason)
    try:
        golden = read_golden(published.folder)
        found = golden_table([outcome.table("summary.parquet")])
    except PublishedError as error:
        return verdict("-", "", Mark.failed, str(error))
    if golden is None:
        reason = f"nothing accepted yet: make accept NAME={published.name}"
        return verdict("-", "", Mark.unavailable, reason)
    found_off = differences(_of_run(golden, found), found, published.golden.tolerance)
    rows = f"{found.num_rows} rows"
    if not found_off:
        return verdict(rows, "0", Mark.passed)
    count = f"{len(found_off)} difference{'s' if len(found_off) > 1 else ''}"
    return verdict(rows, count, Mark.failed, str(found_off[0]))


def _of_run(golden: pa.Table, found: pa.Table) -> pa.Table:
    """The accepted rows of the run that `found` is of."""
    for name in SAME_RUN:
        values = pa.array(sorted(set(found[name].to_pylist())))
        golden = golden.filter(pc.is_in(golden[name].cast(pa.string()), value_set=values))
    return golden


def accept(
    published: Published, session: Session, show: Callable[[Sequence[Difference]], None]
) -> None:
    """Make the present results golden; `show` gets what changes beyond tolerance, before it does.

    Raises PublishedError, with nothing written, where a golden run cannot be had.
    """
    if not published.golden.runs:
        raise PublishedError(
            f"{published.name}/published.yaml: golden.runs names no run, so there is nothing to "
            "accept"
        )
    summaries = []
    for run in published.golden.runs:
        outcome = session.outcome(run)
        if outcome.directory is None:
            raise PublishedError(f"{published.name}: {' '.join(run.words)}: {outcome.reason}")
        summaries.append(outcome.table("summary.parquet"))
    table = golden_table(summaries)
    _distinct(published.name, table)
    golden = read_golden(published.folder)
    if golden is not None:
        show(differences(golden, table, published.golden.tolerance))
    write_golden(published.folder, table)


def _distinct(name: str, table: pa.Table) -> None:
    keys = [tuple(row[column] for column in KEY) for row in table.select(KEY).to_pylist()]
    if len(set(keys)) < len(keys):
        raise PublishedError(
            f"{name}/published.yaml: two of golden.runs give rows of the same experiment, model, "
            "dataset and names, so they could not be told apart. Keep one"
        )


def tally(verdicts: Iterable[Verdict]) -> dict[Mark, int]:
    """How many of each."""
    counts = dict.fromkeys(Mark, 0)
    for verdict in verdicts:
        counts[verdict.mark] += 1
    return counts
