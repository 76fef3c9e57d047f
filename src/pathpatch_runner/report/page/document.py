"""The page around the sections: one file with its style, its script and its data inside."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from importlib import resources
from string import Template

from pathpatch_runner.report.figures.theme import DARK, LIGHT, variables
from pathpatch_runner.report.figures.vega import start_drawing
from pathpatch_runner.report.page.asked import asked
from pathpatch_runner.report.page.cost import cost, data
from pathpatch_runner.report.page.found import found
from pathpatch_runner.report.page.markup import name, sentence, text
from pathpatch_runner.report.page.numbers import numbers
from pathpatch_runner.report.page.trusted import banner, trusted
from pathpatch_runner.report.run_view import RunView
from pathpatch_runner.report.sentences import headline


def render_report(view: RunView) -> str:
    """The page of one run. Its pictures are drawn by another process: while they are, the rest is
    written."""
    start_drawing()
    _ = view.sections
    with ThreadPoolExecutor(1) as pool:
        drawn = pool.submit(found, view)
        rest = [numbers(view), trusted(view), cost(view), data(view)]
        sections = [asked(view), drawn.result(), *rest]
    return document(
        title=view.experiment,
        heading=name(view.experiment),
        lead=_lead(view),
        sections=[banner(view), *sections],
        contents=CONTENTS if view.sections else {},
    )


CONTENTS = {
    "asked": "Asked",
    "found": "Found",
    "numbers": "Per row and pair",
    "trust": "Trust",
    "cost": "Cost",
    "data": "Data",
}
"""Anchor -> title, in the order of the page."""


def _lead(view: RunView) -> str:
    """Description and the few facts that say which run this is."""
    description = view.config.get("description") or ""
    counts = view.manifest.get("counts") or {}
    first = view.sections[0].rows[0] if view.sections else {}
    facts = {key: first[key] for key in ("model", "dataset") if first.get(key)}
    facts |= {
        "pairs": f"{counts.get('pairs', 0):,}",
        "units": f"{counts.get('units', 0):,}",
        "run": view.manifest["run_key"],
        "finished": str((view.manifest.get("provenance") or {}).get("finished", ""))[:16].replace(
            "T", " "
        ),
    }
    shown = "".join(
        f"<div><dt>{key}</dt><dd>{name(value)}</dd></div>" for key, value in facts.items() if value
    )
    said = f'<p class="description">{text(description)}</p>' if description else ""
    shares = bool(view.sections) and not view.sections[0].withheld
    short = f'<p class="short">{sentence(headline(view))}</p>' if shares else ""
    return f'{said}<dl class="facts">{shown}</dl>{short}'


def document(
    *, title: str, heading: str, lead: str, sections: Sequence[str], contents: dict[str, str]
) -> str:
    """A whole page. `title`: text; all else HTML."""
    links = "".join(f'<a href="#{anchor}">{said}</a>' for anchor, said in contents.items())
    return Template(_asset("page.html")).substitute(
        title=text(f"{title} · pathpatch_runner"),
        style=_asset("page.css")
        .replace("/*light*/", variables(LIGHT))
        .replace("/*dark*/", variables(DARK)),
        heading=heading,
        lead=lead,
        contents=f'<nav class="contents" aria-label="Contents">{links}</nav>' if links else "",
        sections="\n".join(part for part in sections if part),
        script=_asset("page.js"),
    )


def _asset(file: str) -> str:
    return (
        resources.files("pathpatch_runner.report.page").joinpath(file).read_text(encoding="utf-8")
    )
