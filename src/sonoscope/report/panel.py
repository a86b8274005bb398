"""A panel of a picture: where it stands, what its axes span, and how far apart its marks are."""

import math
from dataclasses import dataclass

from sonoscope.report.markup import number


@dataclass(frozen=True, slots=True)
class Panel:
    """Where a panel stands in a drawing, and what its upward axis spans, `low` to `high`."""

    x: float
    y: float
    width: float
    height: float
    low: float
    high: float

    @property
    def right(self) -> float:
        """Give where it ends."""
        return self.x + self.width

    @property
    def bottom(self) -> float:
        """Give where it stands."""
        return self.y + self.height

    def across(self, share: float) -> float:
        """Give where a share of its width lies."""
        return self.x + share * self.width

    def up(self, value: float) -> float:
        """Give where a value of the upward axis lies."""
        return self.y + self.height * (self.high - value) / (self.high - self.low)

    def outline(self) -> str:
        """Draw both axes, as the data of a path."""
        left, bottom = number(self.x), number(self.bottom)
        return f"M{left} {number(self.y)}V{bottom}H{number(self.right)}"


def pleasant_step(rough: float) -> float:
    """Give 1, 2 or 5 times a power of ten, no less than asked.

    Examples
    --------
    >>> pleasant_step(0.3), pleasant_step(4000.0), pleasant_step(60.0)
    (0.5, 5000.0, 100.0)
    """
    power = 10.0 ** math.floor(math.log10(max(rough, 1e-9)))
    return next(power * factor for factor in (1, 2, 5, 10) if power * factor >= rough * (1 - 1e-9))
