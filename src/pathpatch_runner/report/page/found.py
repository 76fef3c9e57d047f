"""What was found: one paragraph for each metric and direction, then the picture that fits.

Whole hypotheses and single paths: what they explain, with marks at 0 and 100%. Families: a grid
whose axes depend on their variables; all grids of a metric and direction share a colour scale, and
a button gives each its own. Sizes: the curve. Coalitions: Shapley values. A search: its tree.
"""

from __future__ import annotations

from collections.abc import Sequence

from pathpatch_runner.report.figures import effects_forest, forest, heatmap
from pathpatch_runner.report.figures.scale import Scale
from pathpatch_runner.report.figures.sizes import is_sized, size_curve
from pathpatch_runner.report.page.areas import areas
from pathpatch_runner.report.page.markup import figure, name, section, sentence, text
from pathpatch_runner.report.page.scores import scores
from pathpatch_runner.report.page.searched import searched
from pathpatch_runner.report.page.special import special_results
from pathpatch_runner.report.rows import Row, Section, variables_of
from pathpatch_runner.report.run_view import RunView
from pathpatch_runner.report.searched import name_of
from pathpatch_runner.report.sentences import lead, of_families, yardsticks_of
from pathpatch_runner.report.text import number

NOTHING = "Nothing was evaluated: the summary has no rows."
MOST_GRIDS = 24
"""Families that get a picture; the table has all."""


def found(view: RunView) -> str:
    """The section."""
    if not view.sections:
        return section("found", "Found", f"<p>{NOTHING}</p>")
    several = len(view.sections) > 1
    parts = []
    if several:
        links = "".join(
            f'<a href="#found-{place}">{text(each.name)}</a>'
            for place, each in enumerate(view.sections, 1)
        )
        parts.append(f'<nav aria-label="Metrics and directions">{links}</nav>')
    parts += searched(view)
    for place, each in enumerate(view.sections, 1):
        said = " ".join(map(sentence, lead(view, each)))
        parts.append(f'<h3 id="found-{place}">{text(each.name)}</h3><p class="lead">{said}</p>')
        lines = "".join(f"<li>{sentence(line)}</li>" for line in of_families(each)[:MOST_GRIDS])
        parts.append(f"<ul>{lines}</ul>" if lines else "")
        parts += _pictures(view, each)
    if ranked := scores(view):
        parts.append(f"<h3>Scores</h3>{ranked}")
    return section("found", "Found", *parts)


def _pictures(view: RunView, part: Section) -> list[str]:
    sized = {key: rows for key, rows in part.families.items() if is_sized(rows)}
    grids = {
        key: rows
        for key, rows in part.families.items()
        if key not in sized and any(row["effect_mean"] is not None for row in rows)
    }
    pictures = _side_by_side([*_forest(view, part), *special_results(view, part)])
    if sized:
        caption = f"Circuits of growing size. Bars: {text(view.settings.interval)} over pairs."
        pictures.append(figure(size_curve(part, sized), caption))
        pictures.append(areas(view, part))
    if grids:
        pictures.append(_grids(part, grids))
    return pictures


def _forest(view: RunView, part: Section) -> list[str]:
    """Whole hypotheses and single paths; nothing where there are families only."""
    if not any(row["effect_mean"] is not None for row in part.others):
        return []
    yardsticks = sorted(yardsticks_of(view, part))
    caption = f"Bars: {text(view.settings.interval)} over pairs."
    if part.withheld:
        caption += " Orange: q &lt; 0.05."
    elif any(row["unit"] == "hypothesis" for row in part.others):
        caption += " Orange: whole hypotheses."
    if yardsticks and not part.withheld:
        names = " and ".join(map(name, yardsticks))
        caption += f" Blue: {names}, of the total effect; others may be measured against it."
    return [figure(forest(part, yardsticks=yardsticks, named=name_of), caption)]


def _side_by_side(pictures: list[str]) -> list[str]:
    """In one line where the screen is wide enough."""
    return (
        [f'<div class="grids beside">{"".join(pictures)}</div>'] if len(pictures) > 1 else pictures
    )


def _grids(part: Section, families: dict[tuple[str, str], list[Row]]) -> str:
    known = [
        abs(r["effect_mean"]) for f in families.values() for r in f if r["effect_mean"] is not None
    ]
    shared = Scale.of(max(known, default=0.0))
    shown = list(families.items())[:MOST_GRIDS]
    figures = "".join(_grid(part, key, rows, shared) for key, rows in shown)
    left = len(families) - len(shown)
    more = f'<p class="soft">and {left} more families in the table below</p>' if left else ""
    unit = f" {part.unit}" if part.unit else ""
    helps, hurts = (
        ("the way of the total effect, if there is one", "the other way")
        if part.withheld
        else ("helps the clean behaviour", "works against it")
    )
    legend = (
        f'<p class="key"><span class="swatch helps"></span>{helps} '
        f'<span class="swatch hurts"></span>{hurts} '
        '<span class="swatch bold">1.2</span>q &lt; 0.05; full colour: '
        f"{text(number(shared.largest) + unit)}, the largest effect of all grids here. "
        "Dot: rounds to nothing, significant or not.</p>"
    )
    return f'{legend}<div class="grids">{figures}</div>{more}'


def _grid(part: Section, key: tuple[str, str], rows: list[Row], shared: Scale) -> str:
    """A grid with the factor by which its own scale is stronger."""
    largest = max(
        (abs(r["effect_mean"]) for r in rows if r["effect_mean"] is not None), default=0.0
    )
    factor = shared.largest / largest if largest else 1.0
    button = (
        f'<button type="button" class="own" data-factor="{factor:.4g}" aria-pressed="false" hidden>'
        "own colour scale</button>"
        if factor > 1.05
        else ""
    )
    if len(rows) == 1:
        return figure(effects_forest(part, rows), name(" / ".join(key)), kind="map")
    title = f"<b>{name(' / '.join(key))}</b>{text(_hidden(rows))} {button}"
    return figure(heatmap(part, rows, shared, key=False), title, kind="map")


def _hidden(rows: Sequence[Row]) -> str:
    """Variables beyond the two of the grid: a cell shows the largest effect over them."""
    names = [name for name in variables_of(rows[0]) if len({r[f"over.{name}"] for r in rows}) > 1]
    return f", the largest over {' and '.join(names[2:])}" if len(names) > 2 else ""
