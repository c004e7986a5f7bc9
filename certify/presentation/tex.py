"""Numbers as TeX, rounded so that what is printed is still true."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import ROUND_CEILING, ROUND_FLOOR, Context, Decimal
from fractions import Fraction

from certify.proofs.proof import from_text

_PLACES = 24  # decimal places after which a rational is written as a fraction


def decimal(value: Fraction, rounding: str, digits: int = 4) -> str:
    """A decimal of so many significant digits, rounded as told, in TeX."""
    if not value:
        return "0"
    context = Context(prec=digits, rounding=rounding)
    rounded = context.divide(Decimal(value.numerator), Decimal(value.denominator))
    exponent = rounded.adjusted()
    if -3 <= exponent <= 3:
        return f"{rounded:f}"
    return f"{rounded.scaleb(-exponent):f}\\cdot10^{{{exponent}}}"


def below(value: Fraction) -> str:
    """A decimal of four digits that is at most the value."""
    return decimal(value, ROUND_FLOOR)


def above(value: Fraction) -> str:
    """The same, at least the value."""
    return decimal(value, ROUND_CEILING)


def interval(bounds: Sequence[str], digits: int = 8) -> str:
    """The two texts of a certificate as an interval, rounded outward."""
    low, high = map(from_text, bounds)
    return f"[{decimal(low, ROUND_FLOOR, digits)}, {decimal(high, ROUND_CEILING, digits)}]"


def exact(value: Fraction) -> str:
    """A rational as it is: a decimal where it is a short one, else a fraction."""
    scaled = value * 10**_PLACES
    if scaled.denominator == 1:
        return f"{Decimal(scaled.numerator).scaleb(-_PLACES).normalize():f}"
    return f"{value.numerator}/{value.denominator}"


def vector(values: Sequence[Fraction]) -> str:
    """Rationals as they are."""
    return f"({', '.join(map(exact, values))})"


def to_places(values: Sequence[Fraction], digits: int) -> list[Fraction]:
    """The numbers rounded to so many decimal places."""
    return [Fraction(round(value * 10**digits), 10**digits) for value in values]


def largest_shift(values: Sequence[Fraction], rounded: Sequence[Fraction]) -> Fraction:
    """The largest distance of two numbers of a place."""
    return max(abs(x - y) for x, y in zip(values, rounded, strict=True))


def counted(number: int, noun: str) -> str:
    """``1 eigenvalue``, ``2 eigenvalues``."""
    return f"{number} {noun}{'' if number == 1 else 's'}"
