"""Numbers and names in few characters: what is shown is true and short."""

from __future__ import annotations

import pytest

from pathpatch_runner.report.text import interval, number, percent, points, probability, shorten


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "-"),
        (0.0, "0.000"),
        (-0.0, "0.000"),
        (0.125, "0.125"),
        (-9.9114, "-9.911"),
        (999.9994, "999.999"),
        (999.9996, "1000"),
        (12345.6, "1.235e+04"),
        (0.0004, "0.0004"),
        (-0.0000312, "-3.1e-05"),
    ],
)
def test_numbers(value: float | None, text: str) -> None:
    assert number(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(None, "-"), (0.8684, "86.8%"), (-0.00001, "0.0%"), (1.5, "150.0%"), (-3e15, "-3e+17%")],
)
def test_shares(value: float | None, text: str) -> None:
    assert percent(value) == text


@pytest.mark.parametrize(
    ("value", "text"), [(None, "-"), (0.000999, "<0.001"), (0.001, "0.001"), (1.0, "1.000")]
)
def test_probabilities(value: float | None, text: str) -> None:
    assert probability(value) == text


def test_intervals() -> None:
    assert interval(-1.25, 0.5) == "[-1.250, 0.500]"
    assert interval(0.25, 1.0, percent) == "[25.0%, 100.0%]"
    assert interval(None, 1.0) == "-"


def test_one_point_is_not_points() -> None:
    assert points(1) == "1 evaluation point"
    assert points(2496) == "2,496 evaluation points"


@pytest.mark.parametrize(
    ("text", "short"),
    [
        ("just_fits_in_16_", "just_fits_in_16_"),
        ("the_quick_brown_fox_jumps", "the_quic…x_jumps"),
        ("component[s=a20.h8]", "comp…[s=a20.h8]"),
        ("f[sender=a20.h8,receiver=a3.h1]", "f[sender…=a3.h1]"),
        ("x[y", "x[y"),
        ("x[yyyyyyyyyyyyyyyyyyyyyyy", "x[yyyyyy…yyyyyyy"),
    ],
)
def test_names_keep_both_ends_and_their_binding(text: str, short: str) -> None:
    assert shorten(text, 16 if "component" not in text else 15) == short
