"""What was found, in plain sentences made from the numbers.

For each metric and direction a paragraph: the total effect, the whole hypotheses from the most to
the least that they explain, paired differences; then a line for each family: how many rows are
significant, and which are largest either way. Names stand between backticks.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pathpatch_runner.report.areas import needed_sentence
from pathpatch_runner.report.figures.forest import share_of
from pathpatch_runner.report.figures.sizes import is_sized
from pathpatch_runner.report.rows import (
    SIGNIFICANT,
    Row,
    Section,
    full_name,
    is_significant,
    label,
    rows_of,
)
from pathpatch_runner.report.run_view import RunView
from pathpatch_runner.report.searched import meanings, search_sentences
from pathpatch_runner.report.text import MISSING, counted, interval, number, percent, probability

MOST_NAMED = 6
"""Hypotheses named in a sentence; the picture and the table have all."""


def lead(view: RunView, section: Section) -> list[str]:
    """The total effect, what hypotheses explain, and their differences."""
    said = [_total(section)]
    if section.withheld:
        said.append(f"Shares are withheld: {section.withheld}.")
    whole = [row for row in section.others if row["unit"] == "hypothesis"]
    said += _explained(view, section, whole or [r for r in section.others if r["unit"] == "path"])
    said += _named(section)
    special = (_contrasts, _shapley, _curves)
    return [*said, *(line for each in special for line in each(view, section))]


def _named(section: Section) -> Iterator[str]:
    """What the hypotheses are that a search added."""
    if names := meanings(section):
        yield f"Of these, {'; '.join(names)}."


def headline(view: RunView) -> str:
    """The one sentence that says most: of the first metric and direction."""
    if not view.sections:
        return "nothing was evaluated"
    section = view.sections[0]
    if section.withheld:
        return f"shares are withheld: {section.withheld}"
    if searched := search_sentences(view):
        return searched[0]
    first = len(yardsticks_of(view, section))
    said = [*lead(view, section)[1:][first:], *of_families(section)]
    return said[0] if said else _total(section)


def of_families(section: Section) -> list[str]:
    """A line for each family; one over sizes has its curve."""
    return [
        " ".join(_family(section, f"{hypothesis} / {entry}", rows))
        for (hypothesis, entry), rows in section.families.items()
        if not is_sized(rows)
    ]


def _total(section: Section) -> str:
    first = section.rows[0]
    bounds = interval(*section.total_interval)
    total = number(section.total) + ("" if bounds == MISSING else f" {bounds}")
    clean, corrupt = number(first["clean_mean"]), number(first["corrupt_mean"])
    unit = f" {section.unit}" if section.unit not in ("", "probability") else ""
    return (
        f"Mean {section.metric} is {clean}{unit} on the clean prompts and {corrupt}{unit} on the "
        f"corrupt ones, a total effect of {total}{unit}."
    )


def _explained(view: RunView, section: Section, rows: Sequence[Row]) -> Iterator[str]:
    known = [(row, *share_of(section, row)) for row in rows]
    found = [(row, value, low, high) for row, value, low, high in known if value is not None]
    yardsticks = yardsticks_of(view, section)
    apart = [each for each in found if each[0]["hypothesis"] in yardsticks]
    ranked = sorted((each for each in found if each not in apart), key=lambda each: -each[1])
    for row, value, low, high in apart:
        name = f"`{full_name(row)}`"
        yield (
            f"{name} explains {_share(value, low, high)}; what it leaves counts as 100% for "
            "hypotheses that are measured against it."
        )
    if not ranked:
        if rows and not apart:
            yield _effects_only(rows)
        return
    verb, of = (
        ("takes away", " of the total effect")
        if section.direction == "noising"
        else (
            "explains",
            "",
        )
    )
    named = ranked[:MOST_NAMED]
    parts = [
        f"`{full_name(row)}`{f' {verb}' if place == 0 else ''} {_share(value, low, high)}"
        f"{of if place == 0 else ''}"
        for place, (row, value, low, high) in enumerate(named)
    ]
    more = len(ranked) - len(parts)
    if more > 0:
        last = "the last" if more == 1 else f"{more} others less, the last"
        parts.append(f"{last} `{full_name(ranked[-1][0])}` {percent(ranked[-1][1])}")
    yield "; ".join(parts) + "."


def yardsticks_of(view: RunView, section: Section) -> set[str]:
    """Hypotheses that others are measured against, where that counts."""
    if section.direction != "denoising":
        return set()
    present = {row["hypothesis"] for row in section.others}
    against = view.settings.against
    return {other for name, other in against.items() if name in present} & present


def _effects_only(rows: Sequence[Row]) -> str:
    ranked = sorted(rows, key=lambda row: -abs(row["effect_mean"] or 0.0))[:MOST_NAMED]
    return "; ".join(f"`{full_name(row)}` has an effect of {_effect(row)}" for row in ranked) + "."


def _share(value: float, low: float | None, high: float | None) -> str:
    bounds = interval(low, high, lambda share: f"{100 * share:.1f}")
    return percent(value) if bounds == MISSING else f"{percent(value)} {bounds}"


def _effect(row: Row) -> str:
    bounds = interval(row["effect_ci_low"], row["effect_ci_high"])
    return number(row["effect_mean"]) + ("" if bounds == MISSING else f" {bounds}")


def _family(section: Section, name: str, rows: Sequence[Row]) -> Iterator[str]:
    known = [row for row in rows if row["effect_mean"] is not None]
    found = [row for row in known if is_significant(row)]
    kind = "q" if rows[0].get("q_value") is not None else "p"
    yield (
        f"Of the {counted(len(rows), 'row')} of `{name}` {f'{len(found):,}' if found else 'none'} "
        f"{'is' if len(found) < 2 else 'are'} significant ({kind} < {SIGNIFICANT:g})."
    )
    for helps, said in ((True, "help most"), (False, "work against it most")):
        side = [row for row in found if section.helps(row["effect_mean"]) is helps]
        if side:
            largest = sorted(side, key=lambda row: -abs(row["effect_mean"]))[:3]
            yield f"Those that {said}: {', '.join(map(_member, largest))}."


def _member(row: Row) -> str:
    share = row["normalised_effect"]
    of_total = "" if share is None else f", {percent(share)} of the total"
    binding = label(row).partition("[")[2].removesuffix("]") or label(row)
    return f"`{binding}` ({_effect(row)}{of_total})"


def _contrasts(view: RunView, section: Section) -> Iterator[str]:
    table = view.table("contrasts")
    rows = [
        row
        for row in ([] if table is None else table.to_pylist())
        if (row.get("metric"), row.get("direction")) == (section.metric, section.direction)
    ]
    parts = [said for row in rows if (said := _difference(section, row))]
    if parts:
        yield f"{'Differences' if len(parts) > 1 else 'Difference'}: {'; '.join(parts)}."


def _difference(section: Section, row: Row) -> str:
    """Of what is explained, in denoising where that can be said, else of effects; "" for none."""
    name = f"`{row['contrast']}`"
    if row.get("left") and row.get("right"):
        name += f" (`{row['left']}` - `{row['right']}`)"
    value, low, high = (row.get(f"pe_difference{end}") for end in ("", "_ci_low", "_ci_high"))
    if value is not None and not section.withheld and section.direction == "denoising":
        bounds = interval(low, high, lambda share: f"{100 * share:.1f}")
        return f"{name} {100 * value:.1f} points {bounds}"
    if row.get("difference") is None:
        return ""
    bounds = interval(row.get("difference_ci_low"), row.get("difference_ci_high"))
    return f"{name} {number(row['difference'])} {bounds}, p {probability(row.get('p_value'))}"


def _shapley(view: RunView, section: Section) -> Iterator[str]:
    """What each entry of a hypothesis accounts for, the largest first."""
    table = view.table("shapley")
    rows = [
        row
        for row in ([] if table is None else rows_of(table))
        if (row["metric"], row["direction"]) == (section.metric, section.direction)
        and row["other"] is None
        and row["value"] is not None
    ]
    for hypothesis in dict.fromkeys(row["hypothesis"] for row in rows):
        own = [row for row in rows if row["hypothesis"] == hypothesis]
        whole = sum(row["value"] for row in own)
        ranked = sorted(own, key=lambda row: -abs(row["value"]))
        parts = [f"`{row['entry']}` {_part(row['value'], whole)}" for row in ranked[:MOST_NAMED]]
        yield (
            f"The effect of `{hypothesis}`, {number(whole)}, shared out among its entries (Shapley "
            f"values): {', '.join(parts)}."
        )


def _part(value: float, whole: float) -> str:
    return f"{number(value)} ({percent(value / whole)})" if whole else number(value)


def _curves(view: RunView, section: Section) -> Iterator[str]:
    if not section.withheld and (said := needed_sentence(view.table("curves"), section)):
        yield said
