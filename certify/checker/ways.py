"""How a diverging group goes along a piece of a path in a chart, and its output there, as a series in ``τ``.

A class for each kind of way; ``release.py`` puts them together. The free groups have small coordinates at each place,
those of the others follow. Between finite places numbers go as ``a + λ(b − a)``, ``λ = (1 + τ)/2 + (τ² − 1) share/4``,
and to infinity as ``b + τ²(a − b)``.

**Pairs**, mirrored or not, with ``ε = N/D``, linear in ``τ`` where it is free, have the output

    g = c (σ(z + x) + σ(z − x))/2 + (σ(z + x) − σ(z − x))/2ε,   x = εs,   z = w·x_n, s = u·x_n;

a zero neuron the same with ``w = 0, c = 0, u = 4ℓ``. ``g`` is even in ``ε``: to infinity, no residual changes to first
order. The rest of ``g`` is bounded by that of ``c σ(y) + s σ'(y)`` with the coefficients of ``y`` bounded by those of
``|z| + |ε||s|``, since the second part of ``g`` is the mean of ``s σ'(z + hx)`` over ``|h| ≤ 1``.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from math import factorial
from typing import Protocol

from .loss import Data, Vector
from .series import ORDER, Numbers, Series, about, add, bound, composed, divided, product, quotient, times


@dataclass(frozen=True)
class Course:
    """How numbers go from one place to the next; whether to infinity."""

    share: Fraction
    last: bool

    def blend(self, a: Fraction, b: Fraction) -> Numbers:
        """The coefficients of ``1, τ, τ²``."""
        if self.last:
            return [b, Fraction(0), a - b]
        quarter = (b - a) * self.share / 4
        return [(a + b) / 2 - quarter, (b - a) / 2, quarter]


class Way(Protocol):
    """A group on a piece."""

    @property
    def last(self) -> bool:
        """Whether it comes from infinity."""

    def released(self) -> tuple[Numbers, Numbers]:
        """Twice the constant released as ``N``, ``D``, but for what is linear in ``q``."""

    def output(self, block: list[Numbers], data: Data) -> tuple[Series, Vector]:
        """Coefficients up to ``τ^K`` and a bound of that of ``τ^(K+1)``, from those of the group's coordinates."""


@dataclass(frozen=True)
class Pair:
    """``N``, ``D`` of ``ε = N/D``; whether it comes from infinity; whether it is a zero group, with ``(K, ℓ)``."""

    eps: tuple[Numbers, Numbers]
    last: bool
    zero: bool

    def released(self) -> tuple[Numbers, Numbers]:
        return self.eps[1], self.eps[0]

    def output(self, block: list[Numbers], data: Data) -> tuple[Series, Vector]:
        d = len(data.x)
        if self.zero:
            z, s, c = [data.zero] * 3, [line(data, [4 * v for v in part[1:]]) for part in block], [data.number(0)] * 3
        else:
            z, s = ([line(data, part[k : k + d]) for part in block] for k in (0, d))
            c = [data.number(part[2 * d]) for part in block]
        known, wide = quotient(self.eps)
        reach = times([*about(s)], wide, ORDER + 1, data)
        argument = [reach[m] + v for m, v in enumerate(about(z))] + reach[3:]
        rest = bound([(0, about(c)), (1, about(s))], argument, data)
        return (_even if self.last else _finite)(z, s, c, known, data), rest


def line(data: Data, v: Numbers) -> Vector:
    """``v·x_n``."""
    return data.along([data.number(x) for x in v])


def _finite(z: Series, s: Series, c: Series, eps: Numbers, data: Data) -> Series:
    x = times(s, eps, ORDER, data)
    sides = []
    for sign in (1, -1):
        y = [x[m] * sign + z[m] if m < 3 else x[m] * sign for m in range(ORDER + 1)]
        sides.append(composed(data.jet(y[0], ORDER), y, data))
    half = data.number(Fraction(1, 2))
    even, odd = ([(p + m * sign) * half for p, m in zip(*sides, strict=True)] for sign in (1, -1))
    return add(product(even, c, ORDER, data), divided(odd, eps, data))


def _even(z: Series, s: Series, c: Series, eps: Numbers, data: Data) -> Series:
    """``g = Σ_{j even} x^j (c σ^(j)(z)/j! + s σ^(j+1)(z)/(j+1)!)``; ``x^j = O(τ^j)``, and ``z``, ``s`` are even."""
    jet = [*data.jet(z[0], ORDER), data.zero, data.zero]
    x = times(s, eps, ORDER, data)
    square = product(x, x, ORDER, data)
    power: Series = [data.zero + 1]
    total: Series = [data.zero] * (ORDER + 1)
    for j in (0, 2, 4):
        # (z − z_0)^i = O(τ^{2i}): to degree 5 − j no derivative beyond σ^(5) is met
        degree = ORDER - j
        inner = [data.zero, data.zero, z[2], *[data.zero] * ORDER]
        parts = []
        for k, factor in ((j, c), (j + 1, s)):
            known = [jet[k + i] if i <= degree // 2 else data.zero for i in range(degree + 1)]
            sigma = composed(known, inner[: degree + 1], data, degree)
            parts.append([v * data.number(Fraction(1, factorial(k))) for v in product(sigma, factor, degree, data)])
        total = add(total, product(power, add(*parts), ORDER, data))
        power = product(power, square, ORDER, data)
    return total
