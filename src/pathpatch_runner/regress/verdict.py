"""Claim and rows -> verdict.

pass         the run agrees with the claim
fail         it does not, or the claim cannot be read from the run
unavailable  what the run needs is not at hand; says nothing about the claim, so never a pass
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from itertools import pairwise

from pathpatch_runner.errors import PublishedError
from pathpatch_runner.regress.claim import Check, Claim, Exactly, Near, Order, Sign, Top, Within
from pathpatch_runner.regress.query import Row, number, one, same, select


class Mark(Enum):
    """See the module."""

    passed = "pass"
    failed = "fail"
    unavailable = "unavailable"


@dataclass(frozen=True)
class Verdict:
    """`group`: the experiment's folder; `off_by`: distance from what was expected, "" for none;
    `reason`: of a failure to look, or of unavailability."""

    group: str
    name: str
    expected: str
    found: str
    off_by: str
    mark: Mark
    reason: str = ""
    source: str = ""


def judge(group: str, claim: Claim, rows: Sequence[Row]) -> Verdict:
    """The claim against the rows of its table."""
    try:
        found, off_by, agrees = _compare(claim, rows)
    except PublishedError as error:
        return _verdict(group, claim, "-", "", Mark.failed, str(error))
    mark = Mark.passed if agrees else Mark.failed
    return _verdict(group, claim, found, off_by, mark)


def not_judged(group: str, claim: Claim, mark: Mark, reason: str) -> Verdict:
    """A claim whose run could not be had."""
    return _verdict(group, claim, "-", "", mark, reason)


def _verdict(
    group: str, claim: Claim, found: str, off_by: str, mark: Mark, reason: str = ""
) -> Verdict:
    source = f"{claim.source} (secondary)" if claim.secondary else claim.source
    name = f"{claim.id}*" if claim.secondary else claim.id
    return Verdict(group, name, expected(claim.check), found, off_by, mark, reason, source)


def expected(check: Check) -> str:
    """The check as the table shows it."""
    if isinstance(check, Near):
        exact = check.tolerance == 0
        return shown(check.value) if exact else f"{shown(check.value)} ± {shown(check.tolerance)}"
    if isinstance(check, Within):
        bounds = [
            f"{sign} {shown(bound)}"
            for sign, bound in ((">=", check.at_least), ("<=", check.at_most))
            if bound is not None
        ]
        return ", ".join(bounds)
    if isinstance(check, Sign):
        return "> 0" if check.positive else "< 0"
    if isinstance(check, Order):
        return " > ".join(_label(name) for name in check.names)
    what = "top" if isinstance(check, Top) else "exactly"
    return f"{what}: {', '.join(check.names)}"


def _compare(claim: Claim, rows: Sequence[Row]) -> tuple[str, str, bool]:
    """(found, off by, whether they agree)."""
    check = claim.check
    if isinstance(check, Order):
        return _order(check, claim, rows)
    if isinstance(check, Top):
        return _top(check, claim, rows)
    if isinstance(check, Exactly):
        return _exactly(check, claim, rows)
    value = one(rows, claim.where, claim.column)
    off = _distance(check, value)
    return shown(value), shown(off), off == 0 if not isinstance(check, Near) else _near(check, off)


def _near(check: Near, off: float) -> bool:
    return off <= check.tolerance


def _distance(check: Near | Within | Sign, value: float) -> float:
    """How far from the value, or how far outside the bounds."""
    if isinstance(check, Near):
        return abs(value - check.value)
    if isinstance(check, Sign):
        on_side = value > 0 if check.positive else value < 0
        # Zero lies on neither side, at no distance: any number other than 0 marks the failure.
        return 0.0 if on_side else abs(value) or float("inf")
    below = 0.0 if check.at_least is None else max(0.0, check.at_least - value)
    above = 0.0 if check.at_most is None else max(0.0, value - check.at_most)
    return max(below, above)


def _order(check: Order, claim: Claim, rows: Sequence[Row]) -> tuple[str, str, bool]:
    values = [
        name
        if isinstance(name, float)
        else one(rows, {**claim.where, check.by: name}, claim.column)
        for name in check.names
    ]
    rises = [later - earlier for earlier, later in pairwise(values)]
    wrong = [rise for rise in rises if not rise < 0]
    return ", ".join(shown(value) for value in values), shown(max([0.0, *wrong])), not wrong


def _top(check: Top, claim: Claim, rows: Sequence[Row]) -> tuple[str, str, bool]:
    found = select(rows, claim.where, claim.column)
    for name in check.names:
        if not any(same(row[check.by], name) for row in found):
            one(rows, {**claim.where, check.by: name}, claim.column)
    ranked = sorted(found, key=lambda row: -abs(number(row, claim.column)))
    largest = [str(row[check.by]) for row in ranked[: len(check.names)]]
    missing = [name for name in check.names if name not in largest]
    return ", ".join(largest), f"{len(missing)} of {len(check.names)}", not missing


def _exactly(check: Exactly, claim: Claim, rows: Sequence[Row]) -> tuple[str, str, bool]:
    found = [str(row[check.by]) for row in select(rows, claim.where, check.by)]
    missing = set(check.names) - set(found)
    surplus = set(found) - set(check.names)
    off = f"{len(missing)} missing, {len(surplus)} too many"
    return ", ".join(found) or "none", off, not missing and not surplus


def _label(name: str | float) -> str:
    return name if isinstance(name, str) else shown(name)


def shown(value: float) -> str:
    """Six significant digits."""
    return f"{value:.6g}"
