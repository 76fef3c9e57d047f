"""Pieces of HTML. Every text goes through `text` or `name`: what came from data is never markup."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from html import escape

from pathpatch_runner.report.figures import Figure
from pathpatch_runner.report.text import visible

_ARROW = re.compile(r"-\[|\]?-&gt;|=&gt;")
_TITLE = re.compile(r"<title>[^<]*</title>")
_TICKED = re.compile(r"`([^`]*)`")


def text(value: object) -> str:
    """As text, control characters made visible."""
    return escape(visible(str(value)))


def name(value: object) -> str:
    """A name from data, set apart so that its direction of writing is its own."""
    return f"<bdi>{text(value)}</bdi>"


def code(value: object) -> str:
    """An expression. No line ends within an arrow."""
    said = _ARROW.sub(r'<span class="op">\g<0></span>', text(value))
    return f"<code><bdi>{said}</bdi></code>"


def sentence(value: str) -> str:
    """What stands between backticks is a name."""
    parts = _TICKED.split(value)
    return "".join(
        f"<b><bdi>{text(part)}</bdi></b>" if place % 2 else text(part)
        for place, part in enumerate(parts)
    )


def figure(drawn: Figure, caption: str = "", *, kind: str = "") -> str:
    """A figure that scrolls sideways, and can be scrolled by keyboard, where it is too wide.
    `caption`: HTML."""
    words = f"<figcaption>{caption}</figcaption>" if caption else ""
    label = text(drawn.about[:60])
    # Cells of a grid get their titles from the page's script, which has the numbers of each row.
    svg = _TITLE.sub("", drawn.svg) if kind == "map" else drawn.svg
    return (
        f'<figure class="{kind}"><div class="scroll" tabindex="0" role="group" '
        f'aria-label="{label}">{svg}</div>{words}</figure>'
    )


def table(
    titles: Sequence[str], rows: Iterable[Sequence[str]], *, numeric: Sequence[int] = ()
) -> str:
    """`rows`: of HTML. `numeric`: columns set to the right."""

    def cell(tag: str, place: int, content: str) -> str:
        kind = ' class="n"' if place in numeric else ""
        scope = ' scope="col"' if tag == "th" else ""
        return f"<{tag}{kind}{scope}>{content}</{tag}>"

    head = "".join(
        cell("th" if title else "td", place, title) for place, title in enumerate(titles)
    )
    body = "".join(
        f"<tr>{''.join(cell('td', place, content) for place, content in enumerate(row))}</tr>"
        for row in rows
    )
    return (
        '<div class="scroll" tabindex="0" role="group" aria-label="table"><table>'
        f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def details(title: str, content: str, *, is_open: bool = False) -> str:
    """What is there for those who ask. `content`: HTML."""
    return (
        f"<details{' open' if is_open else ''}><summary>{text(title)}</summary>{content}</details>"
    )


def section(anchor: str, title: str, *parts: str) -> str:
    """A part of the page under its heading."""
    inside = "\n".join(part for part in parts if part)
    heading = f'<h2 id="h-{anchor}">{title}</h2>'
    return f'<section id="{anchor}" aria-labelledby="h-{anchor}">{heading}\n{inside}</section>'
