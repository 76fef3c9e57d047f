"""`report.html`: one run, one self-contained file; nothing is fetched."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from html import escape
from importlib import resources
from string import Template
from typing import Any

import pyarrow as pa

from pathpatch_runner.report.figures import (
    MOST_DOTS,
    effect_chart,
    grid,
    head_means,
    head_variables,
)
from pathpatch_runner.report.rows import (
    Row,
    Section,
    Settings,
    most_important,
    sections_of,
    settings_of,
)
from pathpatch_runner.report.table import legend, section_table
from pathpatch_runner.report.text import number

DIRECTIONS = {
    "noising": "The named paths carry the corrupt prompt, all others the clean one: are these "
    "paths necessary? No effect means that they are not.",
    "denoising": "The named paths carry the clean prompt, all others the corrupt one: are these "
    "paths sufficient? An effect of 100% of the total means that they are.",
}
SOURCES = {
    "corrupt": "",
    "noise": " Here the corrupt prompt is the clean one with noise on its embeddings.",
    "mean": " Here they carry no corrupt prompt, but the mean of what their senders write on "
    "the corrupt prompts.",
    "zero": " Here they carry no corrupt prompt: what their senders write is replaced by zeros.",
}
"""What a source of corrupt values other than the corrupt prompt changes in these sentences."""


def render_report(manifest: Mapping[str, Any], summary: pa.Table, plan_text: str) -> str:
    """The whole page. `manifest`: as in manifest.json; `summary`: summary.parquet."""
    sections, settings = sections_of(summary), settings_of(summary)
    parts = [_contents(sections), legend()]
    parts += [
        _section(f"section-{number}", section, settings)
        for number, section in enumerate(sections, 1)
    ]
    if not sections:
        parts.append("<p>Nothing was evaluated: the summary has no rows.</p>")
    parts += [_guards(manifest), _details("The plan", plan_text), _provenance(manifest)]
    return _page().substitute(
        title=escape(f"{manifest['experiment']} · pathpatch_runner"),
        experiment=escape(manifest["experiment"]),
        facts="".join(
            f"<span>{name} <b>{escape(value)}</b></span>"
            for name, value in _facts(manifest, sections).items()
        ),
        sections="\n".join(parts),
    )


def _page() -> Template:
    """`page.html` beside this module: the page around the sections."""
    file = resources.files("pathpatch_runner.report").joinpath("page.html")
    return Template(file.read_text(encoding="utf-8"))


def _facts(manifest: Mapping[str, Any], sections: Sequence[Section]) -> dict[str, str]:
    counts = manifest["counts"]
    facts = {name: sections[0].rows[0][name] for name in ("model", "dataset")} if sections else {}
    facts |= {
        "pairs": f"{counts['pairs']:,}",
        "evaluation points": f"{counts['points']:,}",
        "units": f"{counts['units']:,}",
    }
    if counts["bindings_left_out"]:
        facts["bindings that match no path"] = f"{counts['bindings_left_out']:,}"
    return facts | {
        "run": manifest["run_key"],
        "commit": _commit(manifest["provenance"].get("git")),
    }


def _commit(git: Mapping[str, Any] | None) -> str:
    if not git:
        return "installed package"
    return f"{git['commit'][:10]}{' + local changes' if git['dirty'] else ''}"


def _contents(sections: Sequence[Section]) -> str:
    """Links to the sections, where there are several."""
    if len(sections) < 2:
        return ""
    links = [
        f'<a href="#section-{number}">{escape(_heading(section))}</a>'
        for number, section in enumerate(sections, 1)
    ]
    return f"<nav>{''.join(links)}</nav>"


def _heading(section: Section) -> str:
    return f"{section.metric}, {section.direction}"


def _section(place: str, section: Section, settings: Settings) -> str:
    first = section.rows[0]
    asks = f"{DIRECTIONS[section.direction]}{SOURCES[settings.source]}"
    return "\n".join(
        [
            f'<h2 id="{place}">{escape(_heading(section))}</h2><p>{asks}</p>',
            f"<p>Mean {escape(section.quantity)}: "
            f"clean {number(first['clean_mean'])}, corrupt {number(first['corrupt_mean'])}; "
            f"total effect {number(section.total)}.</p>",
            _chart(section, settings),
            _grids(section),
            section_table(section, settings),
        ]
    )


def _chart(section: Section, settings: Settings) -> str:
    """The chart and the key of its marks."""
    charted = most_important(section.rows, MOST_DOTS)
    marks = {"dot": "a single path", "union": "paths together", "total": "total effect"}
    drawn = {"total"} | {"dot" if row["unit"] == "path" else "union" for row in charted}
    key = "".join(
        f'<span class="key {kind}">{text}</span>' for kind, text in marks.items() if kind in drawn
    )
    count = len(section.rows)
    left = ""
    if count > MOST_DOTS:
        left = f" {MOST_DOTS} of {count:,}: whole hypotheses, then the largest effects."
    caption = f"{key} Dots: mean effect; bars: its {settings.interval} over pairs.{left}"
    return (
        f'<figure><div class="scroll">{effect_chart(section)}</div>'
        f"<figcaption>{caption}</figcaption></figure>"
    )


def _grids(section: Section) -> str:
    """A heat map for every variable of every family that ranges over heads."""
    families: dict[tuple[str, str], list[Row]] = {}
    for row in section.rows:
        if row["unit"] == "path":
            families.setdefault((row["hypothesis"], row["path_id"].split("[")[0]), []).append(row)
    grids = [
        _grid(f"{hypothesis} / {entry}", section, members, variable)
        for (hypothesis, entry), members in families.items()
        for variable in head_variables(members)
    ]
    return f'<div class="grids">{"".join(grids)}</div>' if any(grids) else ""


def _grid(family: str, section: Section, rows: Sequence[Row], variable: str) -> str:
    """Nothing where there is only one head to show."""
    means = head_means(rows, variable)
    if len(means) < 2:
        return ""
    title = f"{family}: mean effect by {variable.removeprefix('over.')}"
    largest = max(abs(value) for value in means.values())
    caption = f"orange: above zero, blue: below; darkest: {number(largest)} {section.unit}"
    return (
        f"<figure><h3>{escape(title)}</h3>{grid(means, title)}"
        f"<figcaption>{escape(caption)}</figcaption></figure>"
    )


def _guards(manifest: Mapping[str, Any]) -> str:
    lines = "".join(
        f'<tr><td>{escape(guard["name"])}</td><td class="n">{_small(guard["value"])}</td>'
        f'<td class="n">{_small(guard["tolerance"])}</td>'
        f'<td class="{"pass" if guard["passed"] else "fail"}">'
        f"{'holds' if guard['passed'] else 'fails'}"
        "</td></tr>"
        for guard in manifest["guards"]
    )
    backend = manifest["backend"]
    return (
        "<h2>Guards</h2><p>Identities checked on this model and data before anything was run. "
        "The broken plan is caught if its value is above the tolerance.</p>"
        '<table><thead><tr><th>identity</th><th class="n">off by</th><th class="n">tolerance</th>'
        f"<th></th></tr></thead><tbody>{lines}</tbody></table>"
        f'<p class="soft">Backend {escape(backend["name"])}: {escape(backend["reason"])}.</p>'
    )


def _small(value: float | None) -> str:
    return "-" if value is None else f"{value:.2g}"


def _details(title: str, text: str) -> str:
    body = f"<details><summary>Show</summary><pre>{escape(text)}</pre></details>"
    return f"<h2>{escape(title)}</h2>{body}"


def _provenance(manifest: Mapping[str, Any]) -> str:
    shown = {key: manifest[key] for key in ("provenance", "counts", "timings")}
    return _details("Provenance", json.dumps(shown, indent=2, ensure_ascii=False))
