"""The figures of a run, by what they show: for notebooks, papers and the command line.

    heatmap(view, "to_logits")                    the family of that hypothesis (or entry)
    forest(view), curve(view), paths(view, "direct_v")

`metric` and `direction` choose where a run has several; the first ones if not said. Each returns
a `Figure`, which a notebook shows and `save` writes as PDF, SVG or PNG.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from pathpatch_runner.errors import ConfigError, did_you_mean
from pathpatch_runner.report import figures
from pathpatch_runner.report.drawings import drawings
from pathpatch_runner.report.figures import Figure
from pathpatch_runner.report.figures.sizes import is_sized, size_curve
from pathpatch_runner.report.rows import Row, Section
from pathpatch_runner.report.run_view import RunView
from pathpatch_runner.report.searched import found_drawing, name_of

_UNSAFE = re.compile(r"[^\w.-]+")


def heatmap(
    view: RunView,
    family: str | None = None,
    metric: str | None = None,
    direction: str | None = None,
) -> Figure:
    """A family as a grid. `family`: the name of its hypothesis, its entry, or "hypothesis / entry";
    the first if not said. Raises ConfigError where there is none of that name."""
    part = section_of(view, metric, direction)
    known = {" / ".join(key): rows for key, rows in part.families.items() if not is_sized(rows)}
    return figures.heatmap(part, _family(known, family))


def forest(view: RunView, metric: str | None = None, direction: str | None = None) -> Figure:
    """What hypotheses and single paths explain. Raises ConfigError where the run has none."""
    part = section_of(view, metric, direction)
    if not part.others:
        raise ConfigError("forest: the run has families only. Their figure is a heatmap")
    return figures.forest(part, named=name_of)


def curve(view: RunView, metric: str | None = None, direction: str | None = None) -> Figure:
    """Circuits of growing size. Raises ConfigError where the run has none."""
    part = section_of(view, metric, direction)
    sized = {key: rows for key, rows in part.families.items() if is_sized(rows)}
    if not sized:
        raise ConfigError("curve: the run has no circuits of several sizes (`sizes`)")
    return size_curve(part, sized)


def paths(view: RunView, hypothesis: str | None = None) -> Figure:
    """The paths of a hypothesis on the grid of the model; the first if not said."""
    drawn = drawings(view)
    name = hypothesis or next(iter(drawn), "")
    if name not in drawn:
        raise _unknown("paths", name, list(drawn))
    return drawn[name]


def every_figure(view: RunView) -> dict[str, Figure]:
    """All of them, by file name without its ending."""
    found: dict[str, Figure] = {}
    for part in view.sections:
        where = f"{part.metric}-{part.direction}"
        sized = {key: rows for key, rows in part.families.items() if is_sized(rows)}
        if part.others:
            found[f"forest-{where}"] = figures.forest(part, named=name_of)
        if sized:
            found[f"curve-{where}"] = size_curve(part, sized)
        for key, rows in part.families.items():
            if key not in sized:
                found[f"heatmap-{'-'.join(key)}-{where}"] = figures.heatmap(part, rows)
    if (tree := found_drawing(view)) is not None:
        found["found"] = tree
    found |= {f"paths-{name}": drawn for name, drawn in drawings(view).items()}
    return {_UNSAFE.sub("_", name)[:120]: drawn for name, drawn in found.items()}


def section_of(view: RunView, metric: str | None, direction: str | None) -> Section:
    """The first part of the summary with that metric and direction. Raises ConfigError."""
    for part in view.sections:
        if metric in (None, part.metric) and direction in (None, part.direction):
            return part
    names = [part.name for part in view.sections]
    raise _unknown("figure", ", ".join(filter(None, (metric, direction))), names)


def _family(known: dict[str, list[Row]], name: str | None) -> list[Row]:
    for key, rows in known.items():
        if name is None or name in (key, *key.split(" / ")):
            return rows
    raise _unknown("heatmap", name or "", list(known))


def _unknown(what: str, name: str, allowed: Sequence[str]) -> ConfigError:
    listed = ", ".join(allowed) or "none in this run"
    return ConfigError(
        f'{what}: there is no "{name}".{did_you_mean(name, allowed)} Allowed: {listed}'
    )
