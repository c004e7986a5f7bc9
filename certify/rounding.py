"""Outward rounding of exact numbers to float64."""

from __future__ import annotations

import math
from fractions import Fraction


def down(value: Fraction) -> float:
    """The largest float64 not above an exact number."""
    try:
        nearest = value.numerator / value.denominator  # correctly rounded
    except OverflowError:
        return -math.inf if value < 0 else math.nextafter(math.inf, 0)
    return nearest if Fraction(nearest) <= value else math.nextafter(nearest, -math.inf)


def up(value: Fraction) -> float:
    """The smallest float64 not below an exact number."""
    return -down(-value) + 0.0  # −0.0 becomes 0.0
