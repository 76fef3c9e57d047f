"""The table of a section in the HTML report, and what its columns mean."""

from __future__ import annotations

from html import escape

from pathpatch_runner.report.rows import Row, Section, Settings, most_important
from pathpatch_runner.report.text import MISSING, interval, number, percent, probability

MOST_TABLE_ROWS = 500
OPEN_UP_TO = 60
"""Rows up to which a table is shown without being asked for."""

MEANINGS = {
    "hypothesis": "Its name in the experiment.",
    "unit": "What is patched together. path: one entry, or one binding of a family; hypothesis: "
    "all its entries; cumulative: its first entries; leave_one_out: all entries but one.",
    "path": "The names of its entries, of a family with the binding; below them the expressions.",
    "n": "Evaluation points averaged over.",
    "effect": "Mean of patched - clean (noising) or patched - corrupt (denoising), in the unit of "
    "the metric. Below it the bootstrap interval over pairs.",
    "of total": "Effect / total effect. 100%: as if every path had been patched.",
    "explained": "1 - AUE / ATE, with AUE = mean |clean - patched| and ATE = mean |clean - "
    "corrupt|. 100%: every point is as in the clean run. Unlike in a mean, deviations of both "
    "signs do not cancel. In noising it is what the paths that were not named still explain. "
    "A hypothesis with `against` is measured with the AUE of that one in place of the ATE.",
    "p": "How probable so large a mean effect were if the sign of every pair's effect were chance "
    "(two-sided sign-flip test). Not corrected for the number of rows.",
}
"""Column title -> what it means, in the order of the columns."""

NUMERIC = ("n", "effect", "of total", "explained", "p")


def legend() -> str:
    """All columns and their meanings."""
    terms = "".join(f"<dt>{name}</dt><dd>{escape(text)}</dd>" for name, text in MEANINGS.items())
    return f"<details><summary>What the columns mean</summary><dl>{terms}</dl></details>"


def section_table(section: Section, settings: Settings) -> str:
    """The most important rows of a section; sortable by the page's script."""
    shown = most_important(section.rows, MOST_TABLE_ROWS)
    left = len(section.rows) - len(shown)
    note = f'<p class="soft">and {left:,} more in summary.parquet</p>' if left else ""
    return (
        f"<details{' open' if len(section.rows) <= OPEN_UP_TO else ''}>"
        "<summary>Table (click a column to sort)</summary>"
        '<div class="scroll"><table class="sort"><thead><tr>'
        f"{''.join(_title(name, section, settings) for name in MEANINGS)}</tr></thead>"
        f"<tbody>{''.join(_line(row, settings) for row in shown)}</tbody></table></div>"
        f"{note}</details>"
    )


def _title(name: str, section: Section, settings: Settings) -> str:
    notes = {
        "effect": ", ".join(filter(None, (section.unit, settings.interval))),
        "explained": settings.interval,
    }
    note = f"<small>{escape(notes[name])}</small>" if name in notes else ""
    kind = ' class="n"' if name in NUMERIC else ""
    button = f"<button><span>{name}</span>{note}</button>"
    return f'<th{kind} title="{escape(MEANINGS[name])}">{button}</th>'


def _line(row: Row, settings: Settings) -> str:
    effect, explained = row["effect_mean"], row["proportion_explained"]
    against = settings.against.get(row["hypothesis"])
    cells = [
        f"<td>{escape(row['hypothesis'])}</td><td>{escape(row['unit'])}</td>",
        f'<td class="path">{_path(row)}</td>',
        _cell(row["n"], f"{row['n']:,}"),
        _cell(effect, number(effect), interval(row["effect_ci_low"], row["effect_ci_high"])),
        _cell(row["normalised_effect"], percent(row["normalised_effect"])),
        _cell(
            explained,
            percent(explained),
            interval(row["pe_ci_low"], row["pe_ci_high"], percent),
            *([f"against {against}"] if against else []),
        ),
        _cell(row["p_value"], probability(row["p_value"])),
    ]
    return f"<tr>{''.join(cells)}</tr>"


def _cell(value: float | None, text: str, *notes: str) -> str:
    """A number, sorted by `value`, and what stands below it."""
    below = "".join(f"<small>{escape(note)}</small>" for note in notes if note != MISSING)
    return f'<td class="n" data-v="{"" if value is None else value}">{escape(text)}{below}</td>'


def _path(row: Row) -> str:
    """The ids of a unit's entries, and its expressions, one a line."""
    ids = row["path_id"] if row["unit"] == "path" else " + ".join(row["path_id"].split("+"))
    lines = "".join(f"<code>{escape(text)}</code>" for text in row["path"].split(" | "))
    return f"{escape(ids)}{lines}"
