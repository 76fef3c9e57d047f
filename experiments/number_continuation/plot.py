"""Draw `comparison.svg`: four ways to ask what a component does, on the same components.

python experiments/number_continuation/plot.py outputs/number_continuation
"""

import sys
from collections.abc import Mapping
from pathlib import Path

from pathpatch_runner.report.figures import Mark, comparison
from pathpatch_runner.report.jobs import read_jobs
from pathpatch_runner.report.rows import Row, Section

HERE = Path(__file__).parent
SOURCES = {"corrupt": "resampled", "mean": "mean", "zero": "zero", "noise": "noise"}
QUESTIONS = {"kind": "does a number come next?", "which": "which number?"}
MOST = 14
Parts = dict[tuple[str, str], Section]
"""The one section of each run, by (question, source)."""


def read(folder: Path) -> Parts:
    """All complete runs of the experiment."""
    found = {}
    for job in read_jobs(folder):
        if job.view is not None:
            (part,) = job.view.sections
            found[str(part.rows[0]["dataset"]), job.view.settings.source] = part
    return found


def components(parts: Parts) -> list[str]:
    """Those with the largest effect of a resampled corrupt prompt, by either question."""
    largest: dict[str, float] = {}
    for (_, source), part in parts.items():
        for row in part.rows if source == "corrupt" else ():
            name = str(row["over.s"])
            largest[name] = max(largest.get(name, 0.0), abs(row["effect_mean"]))
    return sorted(largest, key=lambda name: -largest[name])[:MOST]


def marks(parts: Parts, question: str, names: list[str]) -> list[Mark]:
    """A dot for each component and source."""
    rows: dict[tuple[str, str], Row] = {
        (str(row["over.s"]), source): row
        for (asked, source), part in parts.items()
        if asked == question
        for row in part.rows
    }
    return [
        Mark(name, said, row["effect_mean"], row["effect_ci_low"], row["effect_ci_high"])
        for name in names
        for source, said in SOURCES.items()
        if (row := rows.get((name, source))) is not None
    ]


def table(panels: Mapping[str, list[Mark]], names: list[str]) -> list[str]:
    """The README's table: a line for each component, of each way both questions."""
    found = {
        (mark.thing, mark.way, question): mark
        for question, said in QUESTIONS.items()
        for mark in panels[said]
    }
    columns = [(way, question) for way in SOURCES.values() for question in QUESTIONS]
    titles = ["component", *(f"{question}, {way}" for way, question in columns)]
    lines = [titles, ["---", *["---:" for _ in columns]]]
    for name in names:
        marks = [found.get((name, *column)) for column in columns]
        lines.append([name, *("" if mark is None else number(mark) for mark in marks)])
    return [f"| {' | '.join(line)} |" for line in lines]


def number(mark: Mark) -> str:
    """Value and interval."""
    return f"{mark.value:+.2f} [{mark.low:+.2f}, {mark.high:+.2f}]"


def main() -> None:
    """Draw it, and print the README's table."""
    parts = read(Path(sys.argv[1]))
    names = components(parts)
    panels = {said: marks(parts, question, names) for question, said in QUESTIONS.items()}
    title = "effect on logit_diff (logits), 95% interval"
    comparison(panels, title).save(HERE / "comparison.svg")
    print("\n".join(table(panels, names)))


if __name__ == "__main__":
    main()
