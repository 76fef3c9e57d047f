"""Pages in a real browser: they render, sort, filter, open, complain of nothing and ask nobody."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

import pytest

from pathpatch_runner.report.page import render_report
from report.browser import MISSING, Browser, axe_script, browser
from report.large import large
from report.summaries import described, row, summary
from report.test_page import ESCAPES, HOSTILE, INDUCTION, TURNED
from report.views import pairs, view

pytestmark = pytest.mark.skipif(MISSING is not None, reason=str(MISSING))

SIZES = (11, 714, 10_000)
WIDTHS = (1280, 390)
ROWS_OF_TWO_SHEETS = 120
"""Everything a large page has; the accessibility checker takes long for each cell of a grid."""
NAMES = "return [...document.querySelectorAll('#rows tbody th button')].map(b => b.textContent)"
VALUES = (
    "return [...document.querySelectorAll('#rows tbody td:nth-child(2)')]"
    ".map(c => +c.firstChild.data)"
)


@pytest.fixture(scope="module")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with browser(tmp_path_factory.mktemp("profile")) as opened:
        yield opened


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[int, Path]:
    folder = tmp_path_factory.mktemp("pages")
    found = {}
    for size in (*SIZES, ROWS_OF_TWO_SHEETS):
        found[size] = folder / f"{size}.html"
        found[size].write_text(render_report(large(size)), encoding="utf-8")
    return found


def test_ten_thousand_rows_take_less_than_two_megabytes(pages: dict[int, Path]) -> None:
    assert pages[10_000].stat().st_size < 2_000_000


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_a_page_renders_in_silence(
    chromium: Browser, pages: dict[int, Path], size: int, width: int, dark: bool
) -> None:
    chromium.open(pages[size], width=width, dark=dark)
    assert chromium.complaints() == []
    assert chromium.requests() == []
    # Nothing is wider than the screen: what is scrolls in its own box.
    assert chromium.run("return document.documentElement.scrollWidth") <= width
    assert chromium.run("return document.querySelectorAll('svg').length") >= 2
    ground = chromium.run("return getComputedStyle(document.body).backgroundColor")
    assert ground == ("rgb(21, 25, 28)" if dark else "rgb(255, 255, 255)")
    assert chromium.run("return document.getElementById('count').textContent") == (
        f"{size:,} of {size:,} rows"
    )


@pytest.mark.parametrize("size", SIZES)
def test_rows_sort(chromium: Browser, pages: dict[int, Path], size: int) -> None:
    chromium.open(pages[size])
    click = "document.querySelector('th[data-key=effect] button').click()"
    for order, direction in ((True, "descending"), (False, "ascending")):
        chromium.run(click)
        values = chromium.run(VALUES)
        assert values == sorted(values, reverse=order)
        assert len(values) == min(size, 100)
        state = "return document.querySelector('th[data-key=effect]').getAttribute('aria-sort')"
        assert chromium.run(state) == direction


def test_rows_filter_by_name_hypothesis_and_significance(
    chromium: Browser, pages: dict[int, Path]
) -> None:
    chromium.open(pages[714])
    choose = (
        "const e = document.getElementById(arguments[0]); e[arguments[1]] = arguments[2];"
        "e.dispatchEvent(new Event('input', {bubbles: true}))"
    )
    count = "return document.getElementById('count').textContent"
    chromium.run(choose, "f-text", "value", "R=A90.H1")
    assert all("r=a90.h1]" in name for name in chromium.run(NAMES))
    chromium.run(choose, "f-text", "value", "")
    chromium.run(choose, "f-hypothesis", "value", "whole")
    assert chromium.run(NAMES) == ["whole hypothesis"]
    chromium.run(choose, "f-hypothesis", "value", "")
    chromium.run(choose, "f-sig", "checked", True)
    # p values are i * 7919 mod 1000 thousandths; the whole hypothesis has .0421.
    expected = 1 + sum(i * 7919 % 1000 < 50 for i in range(713))
    assert chromium.run(count) == f"{expected} of 714 rows"


@pytest.mark.parametrize("width", WIDTHS)
def test_a_row_opens_its_distribution_by_keyboard(
    chromium: Browser, pages: dict[int, Path], width: int
) -> None:
    chromium.open(pages[714], width=width)
    chromium.run("document.querySelector('#rows tbody th button').focus()")
    chromium.driver.switch_to.active_element.send_keys("\n")
    detail = "return document.querySelector('.detail').innerText"
    text = chromium.run(detail)
    assert "above 0 in 16 of 16 pairs" in text
    assert "clean: pair" in text.replace("\n", "")
    assert chromium.run("return document.querySelectorAll('.detail svg circle').length") == 17
    chromium.driver.switch_to.active_element.send_keys("\n")
    assert chromium.run("return document.querySelector('.detail')") is None
    assert chromium.complaints() == []


def test_a_cell_of_a_grid_opens_its_row(chromium: Browser, pages: dict[int, Path]) -> None:
    chromium.open(pages[714])
    chromium.run(
        "document.querySelector('.map [data-row=\"77\"]').dispatchEvent("
        "new MouseEvent('click', {bubbles: true}))"
    )
    assert chromium.run("return document.activeElement.getAttribute('aria-expanded')") == "true"
    assert chromium.run("return document.activeElement.closest('tr').dataset.number") == "77"


def test_a_cell_of_a_grid_says_its_numbers(chromium: Browser, pages: dict[int, Path]) -> None:
    chromium.open(pages[714])
    said = chromium.run("return document.querySelector('.map [data-row=\"77\"] title').textContent")
    # Row 77 is the 76th of a 27 x 27 grid (`report.large`).
    effect = 3 * math.sin(76 * 76) ** 9
    bounds = f"[{effect - 0.5:.3f}, {effect + 0.5:.3f}]"
    assert said == (
        f"f[s=a2.h4,r=a90.h2]: {effect:.3f} nats {bounds}, {25 * effect:.1f}% of the total effect, "
        "p 0.844"
    )


def test_a_grid_has_its_own_colour_scale_on_demand(
    chromium: Browser, pages: dict[int, Path]
) -> None:
    chromium.open(pages[714])
    depths = (
        "return [...document.querySelectorAll('.map')].map(m => Math.max(...[...m.querySelectorAll("
        "'[data-row]')].map(e => +getComputedStyle(e).fillOpacity)))"
    )
    before = chromium.run(depths)
    assert min(before) < 0.999
    chromium.run("document.querySelectorAll('button.own').forEach(b => b.click())")
    assert all(depth > 0.97 for depth in chromium.run(depths))
    chromium.run("document.querySelectorAll('button.own').forEach(b => b.click())")
    assert chromium.run(depths) == before


@pytest.mark.parametrize("size", [11, ROWS_OF_TWO_SHEETS])
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_an_accessibility_checker_finds_nothing_serious(
    chromium: Browser, pages: dict[int, Path], size: int, dark: bool
) -> None:
    script = axe_script()
    if script is None:
        pytest.skip("axe is not installed: make browser installs it")
    chromium.open(pages[size], dark=dark)
    chromium.run("document.querySelector('#rows tbody th button').click()")
    assert chromium.violations(script) == []


@pytest.mark.parametrize("hostile", [HOSTILE, ESCAPES, TURNED, "漢字" * 40, "long" * 200])
def test_hostile_names_are_text(chromium: Browser, tmp_path: Path, hostile: str) -> None:
    file = tmp_path / "hostile.html"
    names = dict.fromkeys(("hypothesis", "path_id", "path", "metric", "model"), hostile)
    prompts = pairs((hostile.replace(" ", ""), "x"))
    run = view(
        described(summary(row(unit="hypothesis") | names, row() | names)),
        config=INDUCTION | {"description": hostile},
        tables={"pairs": prompts},
        experiment=hostile,
    )
    file.write_text(render_report(run), encoding="utf-8")
    for width in WIDTHS:
        chromium.open(file, width=width)
        assert chromium.complaints() == []
        assert chromium.run("return document.querySelectorAll('script').length") == 2
        assert chromium.run("return document.documentElement.scrollWidth") <= width
        shown = chromium.run(NAMES)
        readable = hostile.replace("\x1b", "␛").replace("\x07", "␇").replace("\u202e", "\\u202e")
        assert shown == [f"{readable} hypothesis", f"{readable} {readable}"]
