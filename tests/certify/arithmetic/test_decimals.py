"""Printed bounds stay true: the decimal is on the right side, and no further off than its last digit."""

from __future__ import annotations

from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from certify.arithmetic.decimals import above, below, interval

finite = st.floats(allow_nan=False, allow_infinity=False)


@given(finite, st.integers(1, 17))
def test_bounds_are_outward_and_tight(value: float, digits: int) -> None:
    low, high = Fraction(below(value, digits)), Fraction(above(value, digits))
    assert low <= Fraction(value) <= high
    # at most one unit of the last of `digits` digits apart
    assert high - low <= abs(Fraction(value)) * Fraction(10) ** (1 - digits)


@given(finite, finite)
def test_intervals_contain_what_they_show(x: float, y: float) -> None:
    lower, upper = min(x, y), max(x, y)
    text = interval(lower, upper)
    if text.startswith("exactly"):
        assert lower == upper == int(text.split()[1])
    else:
        low, high = text.strip("[]").split(", ")
        assert Fraction(low) <= Fraction(lower)
        assert Fraction(upper) <= Fraction(high)
