"""The page of an experiment's runs: what was swept against what came out.

A table of shares, units down and choices across, coloured as the grids of a run are; lines against
each swept key that is a number; which jobs failed, were interrupted, or are missing.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from pathpatch_runner.report.figures import Axes, Figure, Series, curve
from pathpatch_runner.report.jobs import (
    COLLECTED,
    DONE,
    Job,
    in_order,
    missing,
    number_of,
    swept_keys,
)
from pathpatch_runner.report.multiverse import Multiverse, multiverse
from pathpatch_runner.report.page.document import document
from pathpatch_runner.report.page.markup import code, figure, name, section, table, text
from pathpatch_runner.report.rows import Row, is_significant
from pathpatch_runner.report.text import counted, interval, number, percent, probability

MOST_LINES = 8
MARKS = {"0%": 0.0, "100%": 1.0}
MOST_CHOICES = 60
MOST_NAMED = 12
UNORDERED = ("seed",)
"""Keys that are numbers in name only."""


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
    family, names = found.names
    named = dict(zip(found.units, names, strict=True))
    changing = [unit for unit in found.units if found.changes_sign(unit)]
    shown = list(range(min(len(found.choices), MOST_CHOICES)))
    shares = [row["normalised_effect"] or 0.0 for row in found.cells.values()]
    largest = min(max(map(abs, shares), default=1.0) or 1.0, 1.0)
    rows = [
        f'<tr><th scope="row">{name(named[unit])}{SIGN if unit in changing else ""}</th>'
        + "".join(
            f'<td class="n">{_cell(found.cells.get((unit, place)), largest)}</td>'
            for place in shown
        )
        + "</tr>"
        for unit in found.units
    ]
    hidden = {"unit": found.left_out, "choice": len(found.choices) - len(shown)}
    note = " and ".join(counted(count, what) for what, count in hidden.items() if count)
    more = f'<p class="soft">{note} more in the tables of the runs.</p>' if note else ""
    said = _signs([named[unit] for unit in changing])
    key = (
        '<p class="key">Effects as shares of the total effect, which can be compared between '
        'metrics and directions. <span class="swatch helps"></span>helps the clean behaviour '
        '<span class="swatch hurts"></span>works against it; bold: q &lt; 0.05.</p>'
    )
    body = (
        '<div class="scroll multiverse" tabindex="0" role="group" aria-label="shares"><table>'
        f"<thead>{_heads(found, keys, shown, family)}</thead><tbody>{''.join(rows)}</tbody></table>"
        "</div>"
    )
    return section("results", "Results", said, key, body, more)


def _signs(changing: Sequence[str]) -> str:
    """Units of which it depends on the choice what is said of them."""
    if not changing:
        return "<p>No unit significantly helps under one choice and hurts under another.</p>"
    left = len(changing) - MOST_NAMED
    names = ", ".join(map(name, changing[:MOST_NAMED])) + (f" and {left} more" if left > 0 else "")
    helps, hurts = ("helps", "hurts") if len(changing) == 1 else ("help", "hurt")
    return (
        f"<p>{SIGN} Of these units {len(changing)} {helps} under one choice and {hurts} under "
        f"another, both significantly: {names}.</p>"
    )


SIGN = ' <b class="fail" title="its sign depends on the choice">±</b>'


def _differing(found: Multiverse) -> list[str]:
    """Of metric and direction those that not all choices share."""
    names = ("metric", "direction")
    return [name for name in names if len({getattr(each, name) for each in found.choices}) > 1]


def _told(found: Multiverse, keys: Sequence[str]) -> list[str]:
    """Swept keys that say more than metric and direction do: `patch.directions` need not."""
    given = _differing(found)

    def said_already(key: str) -> bool:
        pairs = [{(c.settings[key], getattr(c, each)) for c in found.choices} for each in given]
        return any(len(each) == len({b for _, b in each}) for each in pairs)

    return [key for key in keys if not said_already(key)]


def _heads(found: Multiverse, keys: Sequence[str], shown: Sequence[int], family: str) -> str:
    """A line for each thing that sets choices apart, neighbours that share it in one cell; then
    links to the runs."""
    told = _told(found, keys)
    choices = [found.choices[place] for place in shown]
    by_line = [[choice.settings[key] for choice in choices] for key in told]
    by_line += [[getattr(choice, each) for choice in choices] for each in _differing(found)]
    lines = []
    for depth, (title, values) in enumerate(zip([*told, *_differing(found)], by_line, strict=True)):
        above = list(zip(*by_line[: depth + 1], strict=True))
        cells = "".join(
            f'<th scope="colgroup" colspan="{span}">{name(values[start])}</th>'
            for start, span in _spans(above)
        )
        lines.append(f'<tr><th scope="row">{text(title)}</th>{cells}</tr>')
    links = "".join(
        f'<th scope="col"><a href="{text(each.job.directory.name)}/report.html">run</a></th>'
        for each in choices
    )
    return f'{"".join(lines)}<tr><th scope="col">{name(family or "unit")}</th>{links}</tr>'


def _spans(values: Sequence[object]) -> list[tuple[int, int]]:
    """(start, length) of each stretch of equal values."""
    starts = [i for i, each in enumerate(values) if i == 0 or values[i - 1] != each]
    return [(a, b - a) for a, b in zip(starts, [*starts[1:], len(values)], strict=True)]


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
    """For each swept key whose values are numbers a figure of each metric and direction; other
    keys make lines of their own."""
    figures = [
        figure(drawn)
        for key in keys
        if key.rpartition(".")[2] not in UNORDERED
        if all(number_of(choice.settings[key]) is not None for choice in found.choices)
        for drawn in _against(found, key, [other for other in keys if other != key])
    ]
    beside = f'<div class="grids beside">{"".join(figures)}</div>' if figures else ""
    return section("lines", "Against numbers", beside) if figures else ""


def _against(found: Multiverse, key: str, others: Sequence[str]) -> list[Figure]:
    """As many units as there is room for, whichever lines the other keys make of each."""
    figures = []
    for metric, direction in dict.fromkeys((c.metric, c.direction) for c in found.choices):
        lines: dict[str, list[tuple[float, float, float | None, float | None]]] = {}
        for unit, shown in zip(found.units, found.names[1], strict=True):
            for place, choice in enumerate(found.choices):
                row, x = found.cells.get((unit, place)), number_of(choice.settings[key])
                if (choice.metric, choice.direction) != (metric, direction) or x is None:
                    continue
                if row is None or row["normalised_effect"] is None:
                    continue
                title = ", ".join([shown, *(choice.settings[other] for other in others)])
                low, high = row.get("normalised_ci_low"), row.get("normalised_ci_high")
                lines.setdefault(title, []).append((x, row["normalised_effect"], low, high))
        kept = list(lines.items())[:MOST_LINES]
        series = [Series(title, sorted(points)) for title, points in kept]
        share = f"share of the total effect on {metric}, {direction}"
        figures += [curve(series, Axes(key, share, MARKS, form=".0%"))] if series else []
    return figures


def _jobs(jobs: Sequence[Job], keys: Sequence[str]) -> str:
    rows = [
        [
            _link(job),
            *(text(job.value(key)) for key in keys),
            f'<span class="{"pass" if job.state == DONE else "fail"}">{job.state}</span>',
            text(job.message[:300]),
        ]
        for job in sorted(jobs, key=lambda job: in_order([job.value(key) for key in keys]))
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


def _link(job: Job) -> str:
    key = text(job.directory.name)
    page = job.directory / "report.html"
    return f'<a href="{key}/report.html">{key}</a>' if page.is_file() else f"<code>{key}</code>"


def write_sweep(experiment: Path, jobs: Sequence[Job]) -> Path:
    """`report.html` in the experiment's directory."""
    file = experiment / "report.html"
    file.write_text(render_sweep(experiment.name, jobs), encoding="utf-8")
    return file
