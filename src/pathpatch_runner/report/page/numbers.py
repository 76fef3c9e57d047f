"""Every number: one table of all rows that sorts, filters and opens, and what its columns mean.

Without scripts the most important rows are there as they stand. The page's script replaces them
by all rows, from data that are columns of JSON, compressed: 10,000 rows with the effects of 16
pairs each take half a megabyte. Effects by pair are whole numbers of 1/32,767 of the row's
largest: five digits, in two bytes. Where rows times pairs pass `MOST_VALUES` only the most
important rows have theirs; of more than `MOST_ROWS` rows only those are there.
"""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from pathpatch_runner.report.by_pair import ByPair, effects_by_pair
from pathpatch_runner.report.page.markup import code, name, section, text
from pathpatch_runner.report.pairs import pair_texts
from pathpatch_runner.report.rows import Row, Section, chance, label, most_important
from pathpatch_runner.report.run_view import RunView
from pathpatch_runner.report.text import MISSING, interval, number, percent, probability, visible

STATIC_ROWS = 40
MOST_ROWS = 15_000
"""Rows that the page holds: more would make it larger than what one sends."""
MOST_VALUES = 400_000
MOST_TEXT = 400_000
"""Characters of the prompts that the page holds; further pairs are named only."""
FULL = 32_767

COLUMNS = {
    "row": "Hypothesis and entry, of a family with its binding. Below: metric and direction, then "
    "the path expressions. Opens the distribution over pairs.",
    "effect": "Mean of patched - clean (noising) or patched - corrupt (denoising), in the unit of "
    "the metric. Below it the bootstrap interval over pairs.",
    "of total": "Effect / total effect. 100%: as if every path had been patched.",
    "explained": "1 - AUE / ATE, with AUE = mean |clean - patched| and ATE = mean |clean - "
    "corrupt|. 100%: every point is as in the clean run. Unlike in a mean, deviations of both "
    "signs do not cancel. In noising it is what the paths that were not named still explain. "
    "A hypothesis with `against` is measured with the AUE of that one in place of the ATE.",
    "p": "How probable so large a mean effect were if the sign of every pair's effect were chance "
    "(two-sided sign-flip test). Not corrected for the number of rows.",
    "q": "Corrected for the number of rows (Benjamini-Hochberg): among all rows with at most this "
    "q, the share expected to be false findings.",
    "n": "Evaluation points averaged over.",
}
"""Column title -> what it means, in order."""
NUMERIC = ("effect", "of total", "explained", "p", "q", "n")


def numbers(view: RunView) -> str:
    """The section."""
    if not view.sections:
        return ""
    total = sum(len(part.rows) for part in view.sections)
    rows = _held(view.sections, total)
    shown = _first(view.sections)
    left = total - len(shown)
    note = f'<p class="soft" id="left">and {left:,} more in summary.parquet</p>' if left else ""
    if total > len(rows):
        note += (
            f'<p class="soft">The page holds the {len(rows):,} rows with the largest effects of '
            f"{total:,}; all are in summary.parquet.</p>"
        )
    return section(
        "numbers",
        "Per row and per pair",
        "<p>Choose a row for its distribution over pairs and the pairs with the largest and "
        "smallest effects.</p>",
        _controls(view.sections, len(rows)),
        _table(shown, several=len(view.sections) > 1),
        note,
        _meanings(),
        _data(view, rows),
    )


def _held(sections: Sequence[Section], total: int) -> list[tuple[Section, Row]]:
    """The rows that the page's script gets, in the order of the table."""
    rows = [(part, row) for part in sections for row in part.rows]
    if total <= MOST_ROWS:
        return rows
    kept = {row["row"] for row in most_important([row for _, row in rows], MOST_ROWS)}
    return [(part, row) for part, row in rows if row["row"] in kept]


def _first(sections: Sequence[Section]) -> list[tuple[Section, Row]]:
    each = max(STATIC_ROWS // len(sections), 5)
    return [(part, row) for part in sections for row in most_important(part.rows, each)]


def _controls(sections: Sequence[Section], total: int) -> str:
    """Hidden until the script that they need runs."""
    options = "".join(
        f'<option value="{place}">{text(part.name)}</option>' for place, part in enumerate(sections)
    )
    several = (
        '<label>Metric <select id="f-section"><option value="">all</option>'
        f"{options}</select></label>"
        if len(sections) > 1
        else ""
    )
    return (
        '<form class="controls" id="controls" hidden>'
        '<label>Filter <input id="f-text" type="search" placeholder="name or expression" '
        f'autocomplete="off"></label>{several}'
        '<label>Rows of <select id="f-hypothesis"><option value="">all hypotheses</option></select>'
        '</label><label><input id="f-sig" type="checkbox"> q &lt; 0.05 only</label>'
        f'<output id="count" aria-live="polite">{total:,} rows</output>'
        '<button type="button" id="csv">Save shown as CSV</button></form>'
    )


def _table(shown: Sequence[tuple[Section, Row]], *, several: bool) -> str:
    head = "".join(
        f'<th scope="col"{_kind(title)} data-key="{title}" title="{text(meaning)}">'
        f"<span>{title}</span></th>"
        for title, meaning in COLUMNS.items()
    )
    body = "".join(_line(part.name if several else "", row) for part, row in shown)
    return (
        '<div class="scroll" tabindex="0" role="group" aria-label="all rows">'
        f'<table id="rows"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'
        '<p><button type="button" id="more" hidden>Show more rows</button></p>'
    )


def _kind(title: str) -> str:
    return ' class="n"' if title in NUMERIC else ""


def _line(part: str, row: Row) -> str:
    """A row as it stands without scripts. `part`: metric and direction, where there are several."""
    expressions = f'<div class="clamp">{code(row["path"])}</div>'
    effect = interval(row["effect_ci_low"], row["effect_ci_high"])
    explained = interval(row["pe_ci_low"], row["pe_ci_high"], percent)
    cells = [
        (number(row["effect_mean"]), effect),
        (percent(row["normalised_effect"]), MISSING),
        (percent(row["proportion_explained"]), explained),
        (probability(row["p_value"]), MISSING),
        (probability(row.get("q_value")), MISSING),
        (f"{row['n']:,}", MISSING),
    ]
    found = "".join(f'<td class="n">{text(value)}{_below(under)}</td>' for value, under in cells)
    title = f"<b>{name(row['hypothesis'])}</b> {name(label(row))}"
    below = f"<small>{text(part)}</small>" if part else ""
    return f'<tr><th scope="row">{title}{below}{expressions}</th>{found}</tr>'


def _below(said: str) -> str:
    return "" if said == MISSING else f"<small>{text(said)}</small>"


def _meanings() -> str:
    terms = "".join(f"<dt>{title}</dt><dd>{text(said)}</dd>" for title, said in COLUMNS.items())
    return f"<details><summary>What the columns mean</summary><dl>{terms}</dl></details>"


def _data(view: RunView, rows: Sequence[tuple[Section, Row]]) -> str:
    by_pair = effects_by_pair(view.tables["summary"], view.table("effects"))
    content = {
        "sections": [
            {"name": visible(part.name), "unit": visible(part.unit), "total": part.total}
            for part in view.sections
        ],
        "columns": _columns(view, rows),
        **_by_pair(by_pair, [row for _, row in rows]),
        "pairs": _pairs(view, by_pair),
    }
    said = json.dumps(content, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    packed = base64.b64encode(gzip.compress(said.encode(), 6, mtime=0)).decode()
    return f'<script type="application/octet-stream" id="data">{packed}</script>'


def _columns(view: RunView, rows: Sequence[tuple[Section, Row]]) -> dict[str, Any]:
    """Texts as numbers into lists of distinct ones, values with five digits."""
    place = {id(part): number for number, part in enumerate(view.sections)}
    coded = {
        "hypothesis": [visible(row["hypothesis"]) for _, row in rows],
        "label": [visible(label(row)) for _, row in rows],
        "path": [visible(row["path"]) for _, row in rows],
    }
    columns: dict[str, Any] = {key: _distinct(values) for key, values in coded.items()}
    columns["section"] = [place[id(part)] for part, _ in rows]
    columns["row"] = [row["row"] for _, row in rows]
    named = {
        "effect": "effect_mean",
        "low": "effect_ci_low",
        "high": "effect_ci_high",
        "total": "normalised_effect",
        "explained": "proportion_explained",
        "pe_low": "pe_ci_low",
        "pe_high": "pe_ci_high",
        "p": "p_value",
        "q": "q_value",
        "n": "n",
    }
    columns |= {key: [_short(row.get(column)) for _, row in rows] for key, column in named.items()}
    columns["chance"] = [_short(chance(row)) for _, row in rows]
    return columns


def _distinct(values: Sequence[str]) -> dict[str, Any]:
    known: dict[str, int] = {}
    codes = [known.setdefault(value, len(known)) for value in values]
    return {"texts": list(known), "codes": codes}


def _short(value: Any) -> Any:
    return float(f"{value:.5g}") if isinstance(value, float) else value


def _by_pair(by_pair: ByPair | None, rows: Sequence[Row]) -> dict[str, Any]:
    """`effects`: int16 [row, pair] in base64, `scale`: [row], null for a row without."""
    if by_pair is None or len(by_pair.pair_ids) < 2:
        return {"effects": "", "scale": [], "n_pairs": 0}
    most = MOST_VALUES // len(by_pair.pair_ids)
    kept = {row["row"] for row in most_important(rows, most)}
    places = np.array([row["row"] for row in rows])
    values = by_pair.effects[places]
    shown = np.isfinite(values).all(1) & np.isin(places, list(kept))
    largest = np.abs(values[shown]).max(1)
    scale = np.array([float(f"{each or 1.0:.6g}") for each in largest.tolist()])
    whole = np.round(values[shown] / scale[:, None] * FULL).clip(-FULL, FULL).astype("<i2")
    scales: list[float | None] = [None] * len(rows)
    for place, each in zip(np.flatnonzero(shown).tolist(), scale.tolist(), strict=True):
        scales[place] = each
    packed = base64.b64encode(whole.tobytes()).decode()
    return {"effects": packed, "scale": scales, "n_pairs": len(by_pair.pair_ids)}


def _pairs(view: RunView, by_pair: ByPair | None) -> list[Mapping[str, Any]]:
    """The pairs of the effects, in their order, with their texts as far as there is room."""
    known = {pair.pair_id: pair for pair in pair_texts(view.table("pairs"))}
    room = MOST_TEXT
    found: list[Mapping[str, Any]] = []
    for pair_id in by_pair.pair_ids if by_pair is not None else []:
        pair = known.get(pair_id)
        said: dict[str, Any] = {"id": visible(pair_id)}
        if pair is not None:
            room -= sum(map(len, pair.clean)) + sum(map(len, pair.corrupt))
            if room > 0:
                said |= {
                    "clean": [visible(token) for token in pair.clean],
                    "corrupt": [visible(token) for token in pair.corrupt],
                    "points": list(pair.points),
                    "answers": [visible(answer) for answer in pair.answers],
                }
        found.append(said)
    return found
