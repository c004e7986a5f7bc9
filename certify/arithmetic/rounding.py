"""Rounding: outward to float64 and to few digits, and of matrices of which any will do."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray


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


def root_above(square: Fraction) -> float:
    """An upper bound of the square root of an exact number."""
    return math.nextafter(math.sqrt(up(square)), math.inf) if square else 0.0


def below(value: Fraction, bits: int = 64) -> Fraction:
    """A dyadic number of at most ``bits`` significant bits that is at most ``value``, the largest or the next.

    >>> below(Fraction(1, 3), 2), below(Fraction(-1, 3), 2)
    (Fraction(1, 4), Fraction(-1, 2))
    """
    if not value:
        return value
    unit = Fraction(2) ** (value.numerator.bit_length() - value.denominator.bit_length() - bits + 1)
    return value // unit * unit


def above(value: Fraction, bits: int = 64) -> Fraction:
    """The same, at least ``value``."""
    return -below(-value, bits)


def room(low: Fraction, high: Fraction) -> Fraction:
    """What bounds are moved apart by before they are written: ``2^−16`` of their distance.

    Radii are rounded too, those of Arb to 30 bits: an arithmetic that sums in another order, or the same at another
    precision, finds bounds a little wider than these, and must still verify what is written.
    """
    return (high - low) / 2**16


def to_unit(values: NDArray[np.float64], unit: float) -> NDArray[np.float64]:
    """The nearest multiples of the largest power of two that is at most ``unit``: short numbers.

    Numbers beyond ``2^53`` units, which are multiples of it as they are, and all numbers where the unit is 0, stay.
    """
    power = math.ldexp(1.0, math.frexp(unit)[1] - 1) if unit else 0.0
    with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
        rounded = np.rint(values / power) * power
    return np.where(np.abs(values) < 2.0**53 * power, rounded, values)
