"""How large numbers are written inside a figure: one power of ten and one number of decimals for
all of it, so that they can be compared at a glance and fit their cells.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

NOTHING = "·"
"""A number that rounds to nothing on the scale of its figure."""
_RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


@dataclass(frozen=True)
class Scale:
    """`largest`: absolute value that gets the full colour. Numbers are shown times
    10 ** -`power`, with `decimals`."""

    largest: float
    power: int
    decimals: int

    @classmethod
    def of(cls, largest: float) -> Scale:
        """Three digits for the largest value: 12.3 for 12.34, 4.56 for 4.56, 4.56 x 10⁻³ for
        0.00456."""
        if not largest > 0:
            return cls(1.0, 0, 2)
        digits = math.floor(math.log10(largest))
        power = 0 if -2 <= digits <= 3 else 3 * math.floor(digits / 3)
        return cls(largest, power, min(max(2 - (digits - power), 0), 3))

    def share(self, value: float) -> float:
        """Of the full colour, 0 to 1."""
        return min(abs(value) / self.largest, 1.0)

    def text(self, value: float) -> str:
        """The number in a cell; what rounds to nothing is a dot."""
        text = f"{value * 10.0**-self.power:.{self.decimals}f}"
        return NOTHING if not text.strip("-0.") else text.replace("-", "−")

    def unit(self, unit: str) -> str:
        """The unit with the power of ten that numbers leave out: "10⁻³ nats"."""
        power = f"10{str(self.power).translate(_RAISED)}" if self.power else ""
        return " ".join(filter(None, (power, unit)))
