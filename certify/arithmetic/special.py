"""``erf`` and ``log(1 + v)`` from ``+ − × ÷ √`` and ``exp``, for the arithmetics that do not bring their own.

Written over any arithmetic (docs/mathematics.md, Theorems 6c and 6d).
"""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from symmetry.activations.gauss import root_over_pi
from symmetry.arithmetic import Arithmetic


def erf(v: Any, arithmetic: Arithmetic) -> Any:
    """The error function over enclosures: ``erf(c)`` at the midpoints, ``± ρ·2/√π`` (and ``2/√π < 8/7``)."""
    c, rho = arithmetic.split(v)
    value = _erf_at(c, arithmetic)
    return value if rho is None else arithmetic.inflate(value, rho * arithmetic.number(Fraction(8, 7)))


def _erf_at(c: Any, arithmetic: Arithmetic) -> Any:
    """At points.

    ``erf c = (2/√π) Σ_n t_n``, ``t_0 = c e^(−c²)``, ``t_(n+1) = t_n·2c²/(2n+3)``: all of one sign, and for ``|c| ≤ k``
    from ``2n + 3 ≥ 4k²`` on each at most half of the one before, so that those from the n-th on add up to at most
    ``2|t_n|``. Where ``|c| > k``: ``0 ≤ 1 − erf|c| ≤ e^(−c²)``.
    """
    size, number = abs(c), arithmetic.number
    far, k = 1, 1
    while far**2 * 10 < arithmetic.bits * 7 + 40:  # e^(−far²) < 2^−bits
        far += 1
    while k < far and not arithmetic.nonnegative_midpoint(k - size).all():
        k += 1
    near = arithmetic.nonnegative_midpoint(k - size)
    x = arithmetic.where(near, c, c * 0)
    square = x * x
    term = total = x * arithmetic.exp(-square)
    halved, n = 0, 0
    while halved < arithmetic.bits + 8:
        term = term * (square * number(Fraction(2, 2 * n + 3)))
        total = total + term
        n += 1
        halved += 2 * n + 3 >= 4 * k * k
    inner = arithmetic.inflate(total, abs(term) * 2) * root_over_pi(Fraction(4), arithmetic)
    if near.all():
        return inner
    tail = arithmetic.exp(-(c * c)) * number(Fraction(1, 2))
    outer = arithmetic.inflate(1 - tail, tail)
    return arithmetic.where(near, inner, arithmetic.where(arithmetic.nonnegative_midpoint(c), outer, -outer))


def log1p(v: Any, arithmetic: Arithmetic) -> Any:
    """``log(1 + v) = 2 atanh t = Σ_n 2 t^(2n+1)/(2n+1)``, ``t = v/(2 + v) ∈ [0, 1/3]``.

    The terms from the n-th on add up to at most ``2 t^(2n+1)/((2n+1)(1 − t²)) ≤ t·(9/4)·9^(−n)``.
    """
    t = v / (2 + v)
    square, count = t * t, (arithmetic.bits + 8) // 3 + 1
    total = square * 0 + arithmetic.number(Fraction(2, 2 * count - 1))
    for n in range(count - 2, -1, -1):
        total = total * square + arithmetic.number(Fraction(2, 2 * n + 1))
    return arithmetic.inflate(t * total, t * arithmetic.number(Fraction(9, 4 * 9**count)))
