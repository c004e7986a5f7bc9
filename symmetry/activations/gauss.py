"""The numbers that belong to the bell curve: ``π``, Hermite polynomials, absolute moments."""

from __future__ import annotations

from fractions import Fraction
from functools import lru_cache
from typing import Any

from symmetry.arithmetic import Arithmetic


@lru_cache(maxsize=16)
def pi_bounds(bits: int) -> tuple[Fraction, Fraction]:
    """Rational bounds of ``π``, less than ``2^−bits`` apart: ``π = 16 atan(1/5) − 4 atan(1/239)`` (Machin 1706).

    In units ``2^−w``: ``atan(1/m) = Σ (−1)^j / ((2j+1) m^(2j+1))``, each term rounded down twice, so that all J of them
    are off by at most 2J; those from the first that is 0 on alternate and decrease, and add up to less than 2.

    >>> low, high = pi_bounds(64)
    >>> float(low), high - low < Fraction(1, 2**64)
    (3.141592653589793, True)
    """
    w = bits + 32
    low = high = 0
    for factor, m in ((16, 5), (-4, 239)):
        total, power, j = 0, (1 << w) // m, 0
        while power:
            total += (-power if j % 2 else power) // (2 * j + 1)
            power, j = power // m**2, j + 1
        ends = (factor * (total - 4 * j - 4), factor * (total + 4 * j + 4))
        low, high = low + min(ends), high + max(ends)
    return Fraction(low, 1 << w), Fraction(high, 1 << w)


def root_over_pi(k: Fraction, arithmetic: Arithmetic) -> Any:
    """``(k/π)^½``, ``k > 0``, a scalar of the arithmetic."""
    low, high = pi_bounds(arithmetic.bits + 16)
    middle = k * (1 / low + 1 / high) / 2
    number = arithmetic.number
    return arithmetic.sqrt(arithmetic.inflate(number(middle), number(k / low - middle)))


def hermite(c: Any, count: int, step: int) -> list[Any]:
    """``H_0(c), …``, ``count`` of them, with ``H_(n+1) = step·(c H_n − n H_(n−1))``: ``e^(−step c²/2)`` has the
    derivatives ``(−1)^n H_n(c) e^(−step c²/2)``."""
    found = [c * 0 + 1, step * c]
    for n in range(1, count - 1):
        found.append(step * (c * found[n] - n * found[n - 1]))
    return found[:count]
