"""Whether there is anything to explain: shares of a total effect that may be nothing are withheld.

A *share* is a quotient by the total effect (what patching every path does) or by the average
total effect. Where the interval of the total effect holds 0, or the total effect is within
rounding of the plain runs' values, every share is noise divided by noise.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from pathpatch_runner.report.text import interval, number

SHARES = (
    "normalised_effect",
    "normalised_ci_low",
    "normalised_ci_high",
    "proportion_explained",
    "pe_ci_low",
    "pe_ci_high",
)
"""Columns that are quotients of the total effect."""

ROUNDING = 1e-6
"""Of the size of the plain runs' values: float32 has seven digits, a mean keeps six."""


def why_withheld(row: Mapping[str, Any]) -> str:
    """Why shares mean nothing in the section of this row; "" where they do."""
    clean, corrupt = row["clean_mean"], row["corrupt_mean"]
    if clean is None or corrupt is None:
        return "there is no total effect: a plain run has no finite mean"
    total = abs(clean - corrupt)
    if total <= ROUNDING * max(abs(clean), abs(corrupt), math.ulp(1.0)):
        return (
            f"the total effect ({number(total)}) is within rounding: the model does not tell the "
            "clean prompts from the corrupt ones"
        )
    low, high = row.get("total_effect_ci_low"), row.get("total_effect_ci_high")
    if low is not None and high is not None and low <= 0 <= high:
        return (
            f"the interval of the total effect {interval(low, high)} holds 0: whether the clean "
            "prompts differ from the corrupt ones is not known"
        )
    return ""
