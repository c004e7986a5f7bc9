"""Bounds as decimals for people: rounded outward, so that what is printed is still true."""

from __future__ import annotations

from decimal import ROUND_CEILING, ROUND_FLOOR, Context, Decimal


def below(value: float, digits: int = 4) -> str:
    """A decimal of ``digits`` significant digits that is at most ``value``.

    >>> below(0.1), below(-0.1), below(2.0**-20), below(0.0)
    ('0.1000', '-0.1001', '9.536e-7', '0')
    """
    return _text(Context(prec=digits, rounding=ROUND_FLOOR).plus(Decimal(value)), digits)


def above(value: float, digits: int = 4) -> str:
    """A decimal of ``digits`` significant digits that is at least ``value``.

    >>> above(0.1), above(-0.1), above(2.0**-20), above(0.0)
    ('0.1001', '-0.1000', '9.537e-7', '0')
    """
    return _text(Context(prec=digits, rounding=ROUND_CEILING).plus(Decimal(value)), digits)


def interval(lower: float, upper: float, digits: int = 4) -> str:
    """An interval of decimals that contains ``[lower, upper]``; ``exactly x`` for one point.

    >>> interval(0.1, 0.25), interval(0.0, 0.0)
    ('[0.1000, 0.2500]', 'exactly 0')
    """
    if lower == upper and lower.is_integer():
        return f"exactly {int(lower)}"
    return f"[{below(lower, digits)}, {above(upper, digits)}]"


def _text(value: Decimal, digits: int) -> str:
    if not value:
        return "0"
    exponent = value.adjusted()
    if -3 <= exponent <= 3:
        return f"{value:.{max(digits - 1 - exponent, 0)}f}"
    return f"{value:.{digits - 1}e}"
