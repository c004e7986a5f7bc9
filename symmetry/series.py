"""Truncated power series in one variable whose coefficients are arrays, in any arithmetic.

A series is a list of arrays of one shape, one for each power; polynomials may be shorter than asked for.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from math import comb
from typing import Any

from symmetry.arithmetic import Arithmetic

Rationals = list[Fraction]
"""The coefficients of an exact polynomial or series."""


def scaled(series: Sequence[Any], numbers: Sequence[Fraction], degree: int, ar: Arithmetic) -> list[Any]:
    """The series times the exact series ``numbers``, up to ``degree``."""
    return ar.convolve(series, [ar.number(e) for e in numbers[: degree + 1]], degree)


def divided(series: Sequence[Any], numbers: Sequence[Fraction], ar: Arithmetic) -> list[Any]:
    """The series divided by the exact series ``numbers``, whose first member is not 0, to its own degree."""
    degree = len(series) - 1
    return scaled(series, over([Fraction(1)], numbers, degree), degree, ar)


def composed(jet: Sequence[Any], inner: Sequence[Any], degree: int, ar: Arithmetic) -> list[Any]:
    """``Σ_j jet[j] y^j/j!`` for ``y`` without a constant term (``inner[0]`` is not looked at), up to ``degree``."""
    return ar.composites(jet, 1, inner, degree)[0]


def about(polynomial: Sequence[Any]) -> list[Any]:
    """Bounds ``Σ_l binom(l, i) |p_l|`` of the coefficients of a polynomial about any ``|τ| ≤ 1``."""
    sizes, out = [abs(p) for p in polynomial], []
    for i, bound in enumerate(sizes):
        for power in range(i + 1, len(sizes)):
            factor = comb(power, i)
            bound = bound + (sizes[power] * factor if factor > 1 else sizes[power])
        out.append(bound)
    return out


def times(*factors: Sequence[Fraction]) -> Rationals:
    """The product of exact polynomials."""
    out = [Fraction(1)]
    for factor in factors:
        found = [Fraction(0)] * (len(out) + len(factor) - 1)
        for i, x in enumerate(out):
            for j, y in enumerate(factor):
                found[i + j] += x * y
        out = found
    return out


def plus(*terms: Sequence[Fraction]) -> Rationals:
    """The sum of exact polynomials."""
    return [sum((term[i] for term in terms if i < len(term)), Fraction(0)) for i in range(max(map(len, terms)))]


def added(left: tuple[Rationals, Rationals], right: tuple[Rationals, Rationals]) -> tuple[Rationals, Rationals]:
    """The sum of two quotients ``N/D`` of exact polynomials.

    Where one denominator is a multiple of the other it is not a product of both, so that bounds of it stay narrow.
    """
    (n, d), (m, e) = left, right
    factor = next((x / y for x, y in zip(d, e, strict=False) if y), Fraction(0))
    if d == times([factor], e):
        return plus(n, times([factor], m)), d
    return plus(times(n, e), times(m, d)), times(d, e)


def over(numerator: Sequence[Fraction], denominator: Sequence[Fraction], degree: int) -> Rationals:
    """The exact series ``N/D`` up to ``τ^degree``; ``D(0) ≠ 0``."""
    out: Rationals = []
    for k in range(degree + 1):
        own = numerator[k] if k < len(numerator) else Fraction(0)
        later = range(1, min(k, len(denominator) - 1) + 1)
        out.append((own - sum((denominator[i] * out[k - i] for i in later), Fraction(0))) / denominator[0])
    return out


def quotient(numerator: Rationals, denominator: Rationals, degree: int) -> tuple[Rationals, Rationals] | None:
    """The series of ``N/D`` up to ``τ^degree``, and bounds of its coefficients up to one more about any ``|τ| ≤ 1``.

    With ``n̄_i = Σ_l binom(l, i) |n_l|``, likewise ``d̄_i``, and ``δ = |d_0| − Σ_{l>0} |d_l|``, which must be positive:
    ``e_k ≤ (n̄_k + Σ_{0<i≤k} d̄_i e_{k−i})/δ``. ``None`` where it is not.
    """
    size = degree + 2
    least = abs(denominator[0]) - sum(map(abs, denominator[1:]), Fraction(0))
    if least <= 0:
        return None
    wide_n, wide_d = (about(v) + [Fraction(0)] * size for v in (numerator, denominator))
    bounds: Rationals = []
    for k in range(size):
        bounds.append((wide_n[k] + sum((wide_d[i] * bounds[k - i] for i in range(1, k + 1)), Fraction(0))) / least)
    return over(numerator, denominator, degree), bounds
