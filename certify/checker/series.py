"""Power series in the one variable of a piece: of exact numbers, and of vectors over the inputs.

A series is a list of coefficients; polynomials may be shorter than asked for. Up to ``τ^K``, ``K = 5``.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from math import comb, factorial
from typing import Any

from .loss import Data, Vector
from .reading import need

ORDER = 5

Series = list[Vector]
Numbers = list[Fraction]


def multiply(*factors: Numbers) -> Numbers:
    """The product of polynomials."""
    out = [Fraction(1)]
    for factor in factors:
        degree = len(out) + len(factor) - 2
        pairs = [range(max(0, k - len(factor) + 1), min(k, len(out) - 1) + 1) for k in range(degree + 1)]
        out = [sum((out[i] * factor[k - i] for i in chosen), Fraction(0)) for k, chosen in enumerate(pairs)]
    return out


def total(*terms: Numbers) -> Numbers:
    """The sum of polynomials."""
    return [sum((v[i] for v in terms if i < len(v)), Fraction(0)) for i in range(max(map(len, terms)))]


def fraction_series(n: Numbers, d: Numbers, degree: int) -> Numbers:
    """The series of ``N/D``, ``D(0) ≠ 0``: from ``D · (N/D) = N``."""
    out: Numbers = []
    for k in range(degree + 1):
        known = sum((d[i] * out[k - i] for i in range(1, min(k, len(d) - 1) + 1)), Fraction(0))
        out.append(((n[k] if k < len(n) else Fraction(0)) - known) / d[0])
    return out


def quotient(fraction: tuple[Numbers, Numbers]) -> tuple[Numbers, Numbers]:
    """The series of ``N/D``, and bounds of its coefficients about any ``|τ| ≤ 1``, from those of ``N`` and ``D``."""
    n, d = fraction
    size = ORDER + 2
    least = abs(d[0]) - sum(map(abs, d[1:]), Fraction(0))
    need(least > 0, "path: the ε of the last shared group may be infinite on the way")
    wide = [[sum((comb(k, i) * abs(v[k]) for k in range(i, len(v))), Fraction(0)) for i in range(size)] for v in (n, d)]
    bounds: Numbers = []
    for k in range(size):
        earlier = sum((wide[1][i] * bounds[k - i] for i in range(1, k + 1)), Fraction(0))
        bounds.append((wide[0][k] + earlier) / least)
    return fraction_series(n, d, ORDER), bounds


def add(left: Series, right: Series) -> Series:
    """The sum, to the degree of ``left``."""
    return [x + right[m] if m < len(right) else x for m, x in enumerate(left)]


def product(left: Sequence[Any], right: Sequence[Any], degree: int, data: Data) -> Series:
    out = []
    for m in range(degree + 1):
        pairs = [(left[i], right[m - i]) for i in range(min(m + 1, len(left))) if m - i < len(right)]
        # most coefficients are the zero, one object
        terms = [x * y for x, y in pairs if x is not data.zero and y is not data.zero]
        out.append(sum(terms[1:], terms[0]) + data.zero if terms else data.zero)
    return out


def times(series: Series, numbers: Numbers, degree: int, data: Data) -> Series:
    return product(series, [data.number(v) for v in numbers], degree, data)


def divided(series: Series, numbers: Numbers, data: Data) -> Series:
    """The series divided by ``numbers``, whose first member is not 0."""
    out: Series = []
    for m, value in enumerate(series):
        for i in range(1, min(m, len(numbers) - 1) + 1):
            value = value - out[m - i] * data.number(numbers[i])
        out.append(value * data.number(1 / numbers[0]))
    return out


def composed(jet: Series, inner: Series, data: Data, degree: int = ORDER) -> Series:
    """``Σ_j jet[j] y^j/j!`` for a series ``y`` without a constant term, by Horner's rule."""
    inner = [data.zero, *inner[1:]]
    out: Series = [jet[degree] * data.number(Fraction(1, factorial(degree)))]
    for j in range(degree - 1, -1, -1):
        out = product(out, inner, min(degree - j, degree), data)
        out[0] = out[0] + jet[j] * data.number(Fraction(1, factorial(j)))
    return out


def about(polynomial: Sequence[Any]) -> list[Any]:
    """Bounds ``Σ_l binom(l, i) |p_l|`` of the coefficients of a polynomial about any ``|τ| ≤ 1``."""
    sizes = [abs(v) for v in polynomial]
    return [
        sum((size * comb(k, i) for k, size in enumerate(sizes[i + 1 :], i + 1)), sizes[i]) for i in range(len(sizes))
    ]


def bound(factors: Sequence[tuple[int, Series]], argument: Series, data: Data) -> Vector:
    """The coefficient of ``τ^(K+1)`` of ``Σ factor · σ^(k)(argument)``, bounded.

    For ``k = 0`` the factor is a polynomial of degree ``K`` at most: ``σ`` itself has no bound.
    """
    top, out = ORDER + 1, data.zero
    for k, factor in factors:
        known = [data.zero + data.number(data.activation.bounds[k + j - 1] if k + j else 0) for j in range(top + 1)]
        sigma = composed(known, [*argument, *[data.zero] * top][: top + 1], data, top)
        for i, value in enumerate(factor[: top + 1 if k else top]):
            out = out + sigma[top - i] * value
    return out


def bernstein_rows(n: int, divided: int) -> list[Numbers]:
    """Row ``j`` takes coefficients of a polynomial to its ``j``-th Bernstein coefficient on [−1, 1], or on [0, 1]."""
    powers = []
    for p in range(n + 1):
        # t^p as a polynomial of x in [0, 1]: x^p, or (2x − 1)^p
        inner = [Fraction(i == p) if divided else Fraction(comb(p, i) * 2**i * (-1) ** (p + i)) for i in range(n + 1)]
        shares = [[Fraction(comb(j, i), comb(n, i)) * inner[i] for i in range(j + 1)] for j in range(n + 1)]
        powers.append([sum(row, Fraction(0)) for row in shares])
    return [[powers[p][j] for p in range(n + 1)] for j in range(n + 1)]
