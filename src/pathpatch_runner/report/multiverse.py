"""Every effect under every choice: one cell for a unit and a (job, metric, direction).

Cells are shares of the total effect, which can be compared between metrics and directions: above
0 the paths help the clean behaviour, whichever way they were patched. A unit whose sign depends on
the choice, significantly so on both sides, is marked: what is said of it depends on how it was
asked.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pathpatch_runner.report.jobs import Job, in_order
from pathpatch_runner.report.rows import Row, full_name, is_significant

MOST_UNITS = 40


@dataclass(frozen=True)
class Choice:
    """A column: a job with its swept settings, a metric and a direction."""

    job: Job
    settings: Mapping[str, str]
    metric: str
    direction: str


@dataclass(frozen=True)
class Multiverse:
    """`cells`: by unit and number of the choice. `units`: named, whole hypotheses first, then by
    their largest share; `left_out`: how many units are not among them."""

    choices: Sequence[Choice]
    units: Sequence[str]
    cells: Mapping[tuple[str, int], Row]
    left_out: int

    @property
    def names(self) -> tuple[str, list[str]]:
        """(what the names of all units begin with, the rest of each): of bindings of one family
        only the bindings differ."""
        parted = [unit.partition("[") for unit in self.units]
        starts = {start for start, *_ in parted}
        if len(starts) != 1 or not all(unit.endswith("]") for unit in self.units):
            return "", list(self.units)
        return starts.pop(), [binding.removesuffix("]") for *_, binding in parted]

    def changes_sign(self, unit: str) -> bool:
        """Whether it significantly helps under one choice and hurts under another."""
        rows = [self.cells.get((unit, place)) for place in range(len(self.choices))]
        shares = [
            row["normalised_effect"]
            for row in rows
            if row is not None and row["normalised_effect"] is not None and is_significant(row)
        ]
        return any(share > 0 for share in shares) and any(share < 0 for share in shares)


def multiverse(jobs: Sequence[Job], keys: Sequence[str]) -> Multiverse:
    """Of the finished jobs."""
    choices: list[Choice] = []
    cells: dict[tuple[str, int], Row] = {}
    ranks: dict[str, tuple[bool, float]] = {}
    for job in sorted(jobs, key=lambda job: in_order([job.value(key) for key in keys])):
        for section in job.view.sections if job.view else []:
            settings = {key: job.value(key) for key in keys}
            choices.append(Choice(job, settings, section.metric, section.direction))
            for row in section.rows:
                unit = full_name(row)
                cells[unit, len(choices) - 1] = row
                size = abs(row["normalised_effect"] or 0.0)
                best = ranks.get(unit, (True, 0.0))
                ranks[unit] = (row["unit"] != "hypothesis", min(best[1], -size))
    units = sorted(ranks, key=lambda unit: ranks[unit])
    return Multiverse(choices, units[:MOST_UNITS], cells, max(len(units) - MOST_UNITS, 0))
