"""The page of an experiment's runs: what was swept against what came out.

A table of shares, units down and choices across, coloured as the grids of a run are; lines against
each swept key that is a number; which jobs failed, were interrupted, or are missing.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from pathpatch_runner.report.figures import Axes, Figure, Series, curve
from pathpatch_runner.report.jobs import COLLECTED, DONE, Job, missing, swept_keys
from pathpatch_runner.report.multiverse import Multiverse, multiverse
from pathpatch_runner.report.page.document import document
from pathpatch_runner.report.page.markup import code, figure, name, section, table, text
from pathpatch_runner.report.rows import Row, is_significant
from pathpatch_runner.report.text import counted, interval, number, percent, probability

MOST_LINES = 8
MARKS = {"0%": 0.0, "100%": 1.0}
MOST_CHOICES = 60


def render_sweep(experiment: str, jobs: Sequence[Job]) -> str:
    """The page. `jobs`: at least one, of one experiment."""
    n_parts = sum(job.state == COLLECTED for job in jobs)
    jobs = [job for job in jobs if job.state != COLLECTED]
    keys = swept_keys(jobs)
    done = [job for job in jobs if job.state == DONE]
    found = multiverse(done, keys)
    sections = [
        _results(found, keys),
        _lines(found, keys),
        _jobs(jobs, keys),
    ]
    swept = ", ".join(code(key) for key in keys)
    parts = f" {counted(n_parts, 'part')} collected in them." if n_parts else ""
    lead = (
        f'<p class="description">{counted(len(jobs), "run")}, {len(done)} done.'
        f"{f' Swept: {swept}.' if keys else ''}"
        f"{parts}</p>"
    )
    description = next((j.view.config.get("description") for j in done if j.view), "")
    if description:
        lead = f'<p class="description">{text(description)}</p>{lead}'
    contents = {"results": "Results", "lines": "Against numbers", "jobs": "Runs"}
    present = {
        key: said for key, said in contents.items() if any(f'id="{key}"' in s for s in sections)
    }
    return document(
        title=experiment, heading=name(experiment), lead=lead, sections=sections, contents=present
    )


def _results(found: Multiverse, keys: Sequence[str]) -> str:
    if not found.choices:
        return ""
    changing = [unit for unit in found.units if found.changes_sign(unit)]
    shown = list(range(min(len(found.choices), MOST_CHOICES)))
    shares = [row["normalised_effect"] or 0.0 for row in found.cells.values()]
    largest = min(max(map(abs, shares), default=1.0) or 1.0, 1.0)
    titles = [_head(found, keys), *(_choice(found, place, keys) for place in shown)]
    rows = [
        [
            f"{name(unit)}{SIGN if unit in changing else ''}",
            *(_cell(found.cells.get((unit, place)), largest) for place in shown),
        ]
        for unit in found.units
    ]
    hidden = {"unit": found.left_out, "choice": len(found.choices) - len(shown)}
    note = " and ".join(counted(count, what) for what, count in hidden.items() if count)
    more = f'<p class="soft">{note} more in the tables of the runs.</p>' if note else ""
    said = (
        f"<p>{SIGN} {counted(len(changing), 'unit')} of these help under one choice and hurt under "
        "another, both significantly: "
        f"{', '.join(name(unit) for unit in changing[:12])}.</p>"
        if changing
        else "<p>No unit significantly helps under one choice and hurts under another.</p>"
    )
    key = (
        '<p class="key">Effects as shares of the total effect, which can be compared between '
        'metrics and directions. <span class="swatch helps"></span>helps the clean behaviour '
        '<span class="swatch hurts"></span>works against it; bold: q &lt; 0.05.</p>'
    )
    body = table(titles, rows, numeric=range(1, len(titles)))
    return section("results", "Results", said, key, f'<div class="multiverse">{body}</div>', more)


SIGN = ' <b class="fail" title="its sign depends on the choice">±</b>'


def _head(found: Multiverse, keys: Sequence[str]) -> str:
    """The head of the units' column: what the lines of the other heads are."""
    names = [*keys, *_differing(found)]
    said = "".join(f'<span class="soft">{text(each)}</span><br>' for each in names)
    return f"{said}unit"


def _differing(found: Multiverse) -> list[str]:
    """Of metric and direction those that not all choices share."""
    names = ("metric", "direction")
    return [name for name in names if len({getattr(each, name) for each in found.choices}) > 1]


def _choice(found: Multiverse, place: int, keys: Sequence[str]) -> str:
    """The head of a column: what sets it apart, and a link to its run's page."""
    choice = found.choices[place]
    parts = [text(choice.settings[key]) for key in keys]
    parts += [text(getattr(choice, attribute)) for attribute in _differing(found)]
    said = "<br>".join(parts) or text(choice.metric)
    return f'<a href="{text(choice.job.directory.name)}/report.html">{said}</a>'


def _cell(row: Row | None, largest: float) -> str:
    if row is None:
        return ""
    share = row["normalised_effect"]
    if share is None:
        return "–"
    kind = "helps" if share >= 0 else "hurts"
    depth = round(100 * min(abs(share) / largest, 1.0))
    bounds = interval(row["effect_ci_low"], row["effect_ci_high"])
    tip = f"effect {number(row['effect_mean'])} {bounds}, p {probability(row['p_value'])}"
    said = text(percent(share))
    shown = f"<b>{said}</b>" if is_significant(row) else said
    style = f"background:color-mix(in srgb,var(--{kind}-cell) {depth}%,transparent)"
    return f'<span class="share" style="{style}" title="{text(tip)}">{shown}</span>'


def _lines(found: Multiverse, keys: Sequence[str]) -> str:
    """A figure for each swept key whose values are numbers; other keys make lines of their own."""
    figures = [
        figure(drawn)
        for key in keys
        if all(_number(choice.settings[key]) is not None for choice in found.choices)
        for drawn in [_against(found, key, [other for other in keys if other != key])]
    ]
    return section("lines", "Against numbers", *figures) if figures else ""


def _against(found: Multiverse, key: str, others: Sequence[str]) -> Figure:
    lines: dict[str, list[tuple[float, float, float | None, float | None]]] = {}
    for unit in found.units[:MOST_LINES]:
        for place, choice in enumerate(found.choices):
            row = found.cells.get((unit, place))
            x = _number(choice.settings[key])
            if row is None or row["normalised_effect"] is None or x is None:
                continue
            rest = [unit, *(choice.settings[other] for other in others)]
            rest += [getattr(choice, attribute) for attribute in _differing(found)]
            low, high = row.get("normalised_ci_low"), row.get("normalised_ci_high")
            lines.setdefault(", ".join(rest), []).append((x, row["normalised_effect"], low, high))
    kept = list(lines.items())[:MOST_LINES]
    series = [Series(title, sorted(points)) for title, points in kept]
    return curve(series, Axes(key, "share of the total effect", MARKS, form=".0%"))


def _number(value: str) -> float | None:
    try:
        return float(value)
    except ValueError:
        return None


def _jobs(jobs: Sequence[Job], keys: Sequence[str]) -> str:
    rows = [
        [
            _link(job),
            *(text(job.value(key)) for key in keys),
            f'<span class="{"pass" if job.state == DONE else "fail"}">{job.state}</span>',
            text(job.message[:300]),
        ]
        for job in sorted(jobs, key=lambda job: _in_order([job.value(key) for key in keys]))
    ]
    rows += [
        ["", *(text(lost[key]) for key in keys), '<span class="fail">missing</span>', ""]
        for lost in missing(jobs, keys)
    ]
    titles = ["run", *(text(key) for key in keys), "state", ""]
    wrong = sum(job.state != DONE for job in jobs) + len(rows) - len(jobs)
    said = (
        f"<p>{counted(wrong, 'job')} failed, interrupted or missing. The same command again runs "
        "these and no other.</p>"
        if wrong
        else "<p>All done.</p>"
    )
    return section("jobs", "Runs", said, table(titles, rows))


def _in_order(values: Sequence[str]) -> list[tuple[bool, float, str]]:
    """Numbers by size, then texts."""
    return [(_number(each) is None, _number(each) or 0.0, each) for each in values]


def _link(job: Job) -> str:
    key = text(job.directory.name)
    page = job.directory / "report.html"
    return f'<a href="{key}/report.html">{key}</a>' if page.is_file() else f"<code>{key}</code>"


def write_sweep(experiment: Path, jobs: Sequence[Job]) -> Path:
    """`report.html` in the experiment's directory."""
    file = experiment / "report.html"
    file.write_text(render_sweep(experiment.name, jobs), encoding="utf-8")
    return file
