"""What it cost, and the data: the plan in words, time by stage, the tables and how to read them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pathpatch_runner.report.page.markup import details, section, table, text
from pathpatch_runner.report.page.trusted import text_block
from pathpatch_runner.report.run_view import RunView
from pathpatch_runner.report.text import counted, duration

STAGES = {
    "inputs": "reading the data and the hypotheses",
    "plan": "planning",
    "load": "loading the weights",
    "guards": "checking the model",
    "baseline": "clean and corrupt runs",
    "scores": "scoring the edges",
    "search": "searching for paths",
    "execute": "evaluating the paths",
    "tables": "tables and statistics",
    "report": "this page",
}
MEANINGS = {
    "effects": "one row for each evaluation point, unit and metric: clean, corrupt, patched",
    "summary": "one row for each unit, metric and direction: means, intervals, p, q, shares",
    "contrasts": "paired differences of two units",
    "curves": "CPR and CMD of circuits of growing size",
    "shapley": "each entry's share of a hypothesis' effect",
    "controls": "every unit beside matched random path sets",
    "found": "the paths that a search found",
    "scores": "a number for every edge of the model",
    "pairs": "the prompts as tokens",
}


def cost(view: RunView) -> str:
    """The section."""
    counts = view.manifest.get("counts") or {}
    said = [
        f"{counted(counts.get('units', 0), 'unit')} on {counted(counts.get('pairs', 0), 'pair')}, "
        f"{counted(counts.get('points', 0), 'evaluation point')}",
        f"{counted(counts.get('mixed_evaluations', 0), 'mixed evaluation')} (a node in one state, "
        "evaluated anew)",
        f"{_passes(counts.get('forward_passes'))}",
    ]
    said.append(_taken(view.manifest.get("known")))
    if counts.get("bindings_left_out"):
        said.append(
            f"{counted(counts['bindings_left_out'], 'binding')} left out: they match no path"
        )
    lines = "".join(f"<li>{text(line)}</li>" for line in said if line)
    plan = details("The plan in words", f"<pre tabindex=0>{text_block(view.plan_text)}</pre>")
    return section("cost", "Cost", f"<ul>{lines}</ul>", _times(view.manifest), plan)


def _taken(known: Any) -> str:
    """What was not computed in this run."""
    taken = known.get("taken") if isinstance(known, Mapping) else None
    if not isinstance(taken, Mapping) or not taken:
        return ""
    return (
        f"{sum(taken.values()):,} of {counted(known.get('evaluations', 0), 'evaluation')} taken "
        f"from earlier: {', '.join(taken)}. {known.get('note', '')}"
    )


def _passes(passes: Any) -> str:
    if isinstance(passes, Mapping):
        return "forward passes: " + ", ".join(f"{key} {value:,}" for key, value in passes.items())
    return "" if passes is None else counted(passes, "forward pass").replace("passs", "passes")


def _times(manifest: Mapping[str, Any]) -> str:
    timings = manifest.get("timings") or {}
    total = sum(timings.values())
    rows = [
        [
            text(STAGES.get(stage, stage)),
            text(duration(seconds)),
            f'<meter min="0" max="100" value="{100 * seconds / total if total else 0:.1f}" '
            f'aria-label="{text(STAGES.get(stage, stage))}: share of the time">'
            f"{100 * seconds / total if total else 0:.0f}%</meter>",
        ]
        for stage, seconds in timings.items()
    ]
    rows.append(["all", text(duration(total)), ""])
    return table(["stage", "time", ""], rows, numeric=(1,))


def data(view: RunView) -> str:
    """The section: files beside this page."""
    names = [name for name in MEANINGS if name in view.tables]
    rows = [
        [
            f'<a href="{name}.parquet" download>{name}.parquet</a>',
            f"{view.tables[name].num_rows:,}",
            text(MEANINGS[name]),
        ]
        for name in names
    ]
    rows.append(
        ['<a href="manifest.json" download>manifest.json</a>', "", "everything about the run"]
    )
    how = (
        "import pandas as pd\n"
        "summary = pd.read_parquet('summary.parquet')\n\n"
        "-- DuckDB, over all runs\n"
        "select * from read_parquet('outputs/**/summary.parquet', union_by_name=true)"
    )
    return section(
        "data",
        "Data",
        "<p>The tables lie beside this page. Each carries the meaning and unit of its columns, and "
        "what the run was, in its metadata.</p>",
        table(["file", "rows", ""], rows, numeric=(1,)),
        f"<pre tabindex=0>{text_block(how)}</pre>",
    )
