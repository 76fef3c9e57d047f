"""`report.html`: one run, one self-contained file; nothing is fetched."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from html import escape
from importlib import resources
from string import Template
from typing import Any

import pyarrow as pa

from pathpatch_runner.report.console import number, percent, probability
from pathpatch_runner.report.figures import MOST_DOTS, effect_chart, head_grid, head_variables

Row = Mapping[str, Any]
MOST_TABLE_ROWS = 500
DIRECTIONS = {
    "noising": "The named paths carry the corrupt prompt, all others the clean one: are these "
    "paths necessary? No effect means that they are not.",
    "denoising": "The named paths carry the clean prompt, all others the corrupt one: are these "
    "paths sufficient? An effect of 100% of the total means that they are.",
}
COLUMNS = ("hypothesis", "unit", "path", "n", "effect", "interval", "of total", "explained", "p")


def render_report(manifest: Mapping[str, Any], summary: pa.Table, plan_text: str) -> str:
    """The whole page. `manifest`: as in manifest.json; `summary`: summary.parquet."""
    rows: list[Row] = summary.to_pylist()
    provenance = manifest["provenance"]
    counts = manifest["counts"]
    facts = {
        "model": rows[0]["model"],
        "dataset": rows[0]["dataset"],
        "pairs": f"{counts['pairs']:,}",
        "evaluation points": f"{counts['points']:,}",
        "units": f"{counts['units']:,}",
        "run": manifest["run_key"],
        "commit": _commit(provenance.get("git")),
    }
    groups: dict[tuple[str, str], list[Row]] = {}
    for row in rows:
        groups.setdefault((row["metric"], row["direction"]), []).append(row)
    sections = [
        _group(metric, direction, members) for (metric, direction), members in groups.items()
    ]
    sections += [_guards(manifest), _details("The plan", plan_text), _provenance(manifest)]
    return _page().substitute(
        title=escape(f"{manifest['experiment']} · pathpatch_runner"),
        experiment=escape(manifest["experiment"]),
        facts="".join(f"<span>{k} <b>{escape(str(v))}</b></span>" for k, v in facts.items()),
        sections="\n".join(sections),
    )


def _page() -> Template:
    """`page.html` beside this module: the page around the sections."""
    file = resources.files("pathpatch_runner.report").joinpath("page.html")
    return Template(file.read_text(encoding="utf-8"))


def _commit(git: Mapping[str, Any] | None) -> str:
    if not git:
        return "installed package"
    return f"{git['commit'][:10]}{' + local changes' if git['dirty'] else ''}"


def _group(metric: str, direction: str, rows: Sequence[Row]) -> str:
    first = rows[0]
    ranked = sorted(rows, key=lambda row: -abs(row["effect_mean"] or 0.0))
    charted = list(rows) if len(rows) <= MOST_DOTS else ranked
    more = len(rows) - MOST_DOTS
    parts = [
        f"<h2>{escape(metric)}, {escape(direction)}</h2><p>{DIRECTIONS[direction]}</p>"
        f'<p class="soft">Clean {number(first["clean_mean"])}, '
        f"corrupt {number(first['corrupt_mean'])}. "
        "Dots: mean effect with its bootstrap interval over pairs; blue: whole hypotheses; dashed: "
        f"the total effect.{f' The {MOST_DOTS} largest of {len(rows):,}.' if more > 0 else ''}</p>",
        f'<div class="scroll">{effect_chart(charted)}</div>',
        _grids(rows),
        _table(ranked if more > 0 else rows),
    ]
    return "\n".join(parts)


def _grids(rows: Sequence[Row]) -> str:
    """A heat map for every variable of every family that ranges over heads."""
    families: dict[tuple[str, str], list[Row]] = {}
    for row in rows:
        if row["unit"] == "path":
            families.setdefault((row["hypothesis"], row["path_id"].split("[")[0]), []).append(row)
    grids = []
    for (hypothesis, entry), members in families.items():
        for variable in head_variables(members):
            name = f"{hypothesis} / {entry}: mean effect by {variable.removeprefix('over.')}"
            grids.append(f"<div><h3>{escape(name)}</h3>{head_grid(members, variable)}</div>")
    return f'<div class="grids">{"".join(grids)}</div>' if grids else ""


def _table(rows: Sequence[Row]) -> str:
    numeric = COLUMNS[3:]
    head = "".join(f"<th{' class=n' if c in numeric else ''}>{c}</th>" for c in COLUMNS)
    body = "".join(_line(row) for row in rows[:MOST_TABLE_ROWS])
    left = len(rows) - MOST_TABLE_ROWS
    note = f'<p class="soft">and {left:,} more in summary.parquet</p>' if left > 0 else ""
    return (
        f"<details{' open' if len(rows) <= 60 else ''}>"
        "<summary>Table (click a column to sort)</summary>"
        f'<div class="scroll"><table><thead><tr>{head}</tr></thead>'
        f"<tbody>{body}</tbody></table></div>"
        f"{note}</details>"
    )


def _line(row: Row) -> str:
    low, high = row["effect_ci_low"], row["effect_ci_high"]
    interval = "-" if low is None else f"[{number(low)}, {number(high)}]"
    label = row["path_id"] if row["unit"] == "path" else "all of it"
    texts = [
        f"<td>{escape(row['hypothesis'])}</td><td>{escape(row['unit'])}</td>",
        f"<td>{escape(label)}<br><code>{_expressions(row)}</code></td>",
    ]
    cells = [
        (row["n"], f"{row['n']:,}"),
        (row["effect_mean"], number(row["effect_mean"])),
        (low, interval),
        (row["normalised_effect"], percent(row["normalised_effect"])),
        (row["proportion_explained"], percent(row["proportion_explained"])),
        (row["p_value"], probability(row["p_value"])),
    ]
    values = [f'<td class="n" data-v="{"" if v is None else v}">{escape(t)}</td>' for v, t in cells]
    return f"<tr>{''.join(texts)}{''.join(values)}</tr>"


def _expressions(row: Row) -> str:
    """The expressions of a unit, one a line."""
    return "<br>".join(escape(text) for text in row["path"].split(" | "))


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
