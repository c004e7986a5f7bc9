"""A neuron and a pair of neurons as functions of ``c``, ``z``, ``X`` and ``s = ε²``, with their derivatives.

Expanded to ``τ³`` along a piece, and bounded in the boxes about it (docs/infinity.md, Lemmas 29, 30, 33 and 37): what
``valley.py`` puts together. A *mean* is one of ``σ^(k)(z + hεX)`` over ``|h| ≤ 1``:

    A_k = (σ^(k)(z + εX) + σ^(k)(z − εX))/2    a mean of σ^(k)
    D_k = (σ^(k)(z + εX) − σ^(k)(z − εX))/2ε   X times a mean of σ^(k+1)
    E   = (X A_1 − D_0)/s                      X³/3 times a mean of σ^(3)

The derivatives of a pair, mirrored or not, are those in ``PAIR``; a neuron is a pair with ``X = 0``, a neuron near zero
one with ``z = c = 0``, ``X = 4ℓ·x``. On the curve the rest is at most the coefficient of ``τ⁴`` about any point of it,
from the coefficients of ``|c|``, ``|X|``, ``|z| + |ε||X|`` and ``sup|σ^(k)|``; in the box it is what ``c^α X^β s^γ``
and the means change by.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from functools import reduce
from math import factorial
from operator import add
from typing import Any, NamedTuple

from .loss import Data, Vector
from .series import Numbers, Series, about, divided, product, times

ORDER = 3


Term = tuple[Fraction, int, int, int, int]


def _terms(*terms: tuple[Any, int, int, int, int]) -> list[Term]:
    return [(Fraction(factor), alpha, beta, gamma, k) for factor, alpha, beta, gamma, k in terms]


# factor, and the powers of c, X, s, and the derivative in a mean
NEURON = {
    "f": _terms((1, 1, 0, 0, 0)),
    "c": _terms((1, 0, 0, 0, 0)),
    "z": _terms((1, 1, 0, 0, 1)),
    "zz": _terms((1, 1, 0, 0, 2)),
    "cz": _terms((1, 0, 0, 0, 1)),
}


PAIR = {
    "f": _terms((1, 1, 0, 0, 0), (1, 0, 1, 0, 1)),  # c A_0 + D_0
    "c": _terms((1, 0, 0, 0, 0)),  # A_0
    "z": _terms((1, 1, 0, 0, 1), (1, 0, 1, 0, 2)),  # c A_1 + D_1
    "X": _terms((1, 1, 1, 1, 2), (1, 0, 0, 0, 1)),  # c s D_1 + A_1
    "zz": _terms((1, 1, 0, 0, 2), (1, 0, 1, 0, 3)),  # c A_2 + D_2
    "zX": _terms((1, 1, 1, 1, 3), (1, 0, 0, 0, 2)),  # c s D_2 + A_2
    "XX": _terms((1, 1, 0, 1, 2), (1, 0, 1, 1, 3)),  # s (c A_2 + D_2)
    "cz": _terms((1, 0, 0, 0, 1)),  # A_1
    "cX": _terms((1, 0, 1, 1, 2)),  # s D_1
    "s": _terms((Fraction(1, 2), 1, 2, 0, 2), (Fraction(1, 6), 0, 3, 0, 3)),  # (c X D_1 + E)/2
}


ZERO = {
    "f": _terms((1, 0, 1, 0, 1)),  # D_0
    "X": _terms((1, 0, 0, 0, 1)),  # A_1
    "XX": _terms((1, 0, 1, 1, 3)),  # s D_2
    "s": _terms((Fraction(1, 6), 0, 3, 0, 3)),  # E/2
}


@dataclass(frozen=True)
class Function:
    """``Σ_k series[k] τ^k`` up to ``error``, at every input."""

    series: Series
    error: Vector

    @property
    def top(self) -> Vector:
        """A bound of the polynomial."""
        return reduce(add, map(abs, self.series))

    def times(self, factor: int) -> Function:
        """The product with a positive number."""
        return Function([v * factor for v in self.series], self.error * factor)


class Small(NamedTuple):
    """``ε`` of a group: its series to ``τ³``, bounds of its coefficients to ``τ⁴``, and of its change in the box."""

    series: Numbers
    wide: Numbers
    away: Fraction


def neuron(z: Series, c: Series, data: Data) -> dict[str, Series]:
    sigma = _means(data.jet(z[0], ORDER + 2), z, data)
    first, second, third = (product(v, c, ORDER, data) for v in sigma)
    return {"f": first, "c": sigma[0], "z": second, "zz": third, "cz": sigma[1]}


def _means(jet: Series, argument: Series, data: Data) -> list[Series]:
    """``σ, σ', σ''`` of a series whose constant term is where ``jet`` holds them."""
    powers = _powers(argument, ORDER, data)
    return [
        [jet[k], *(reduce(add, (powers[j][m] * jet[k + j] for j in range(1, m + 1))) for m in range(1, ORDER + 1))]
        for k in range(3)
    ]


def _powers(argument: Series, degree: int, data: Data) -> list[Series]:
    """``y^j/j!`` for ``j = 0, …, degree``, ``y`` the series without its constant term, up to ``τ^degree``."""
    y = [data.zero, *argument[1:], *[data.zero] * degree][: degree + 1]
    powers = [[data.zero + 1], y]
    for _ in range(degree - 1):
        powers.append(product(powers[-1], y, degree, data))
    return [
        [v * data.number(Fraction(1, factorial(j))) for v in power] if j > 1 else power
        for j, power in enumerate(powers)
    ]


def pair(z: Series, x: Series, c: Series, eps: Numbers, data: Data) -> dict[str, Series]:
    y = times(x, eps, ORDER, data)
    half, square = data.number(Fraction(1, 2)), _square(eps)
    sides = []
    for sign in (1, -1):
        argument = [v * sign + z[m] if m < len(z) else v * sign for m, v in enumerate(y)]
        sides.append(_means(data.jet(argument[0], ORDER + 2), argument, data))
    a, b = [], []
    for plus, minus in zip(*sides, strict=True):
        a.append([(p + q) * half for p, q in zip(plus, minus, strict=True)])
        b.append(divided([(p - q) * half for p, q in zip(plus, minus, strict=True)], eps, data))
    turn = [p - q for p, q in zip(product(a[1], x, ORDER, data), b[0], strict=True)]
    return _combined(a, b, divided(turn, square, data), x, c, square, data)


def pair_at_infinity(z: Series, x: Series, c: Series, eps: Numbers, data: Data) -> dict[str, Series]:
    """``A_k = σ^(k) + s X² σ^(k+2)/2``, ``D_k = X σ^(k+1) + s X³ σ^(k+3)/6``, ``E = X³ σ^(3)/3 + s X⁵ σ^(5)/30``.

    Up to ``τ³``: ``s = O(τ²)``, and ``z``, ``X``, ``c`` have no term of first order.
    """
    jet, square = data.jet(z[0], ORDER + 2), _square(eps)
    power = [data.zero + 1]
    for _ in range(5):
        power.append(power[-1] * x[0])

    def even(k: int, i: int, low: Fraction, high: Fraction) -> Series:
        """``low X^i σ^(k) + high s X^(i+2) σ^(k+2)``."""
        further = power[i + 2] * jet[k + 2] * data.number(high)
        second = further * data.number(square[2])
        if low:
            second = second + power[i] * jet[k + 1] * z[2] * data.number(low)
            if i:
                second = second + power[i - 1] * x[2] * jet[k] * data.number(low * i)
        return [power[i] * jet[k] * data.number(low), data.zero, second, further * data.number(square[3])]

    a = [even(k, 0, Fraction(1), Fraction(1, 2)) for k in range(3)]
    b = [even(k + 1, 1, Fraction(1), Fraction(1, 6)) for k in range(3)]
    return _combined(a, b, even(3, 3, Fraction(1, 3), Fraction(1, 30)), x, c, square, data)


def _combined(
    a: list[Series], b: list[Series], e: Series, x: Series, c: Series, square: Numbers, data: Data
) -> dict[str, Series]:
    """The functions of a pair, from ``A_k``, ``D_k`` and ``E``."""

    def with_c(factor: Series, rest: Series) -> Series:
        return [p + q for p, q in zip(product(factor, c, ORDER, data), rest, strict=True)]

    by_s = [times(v, square, ORDER, data) for v in b]
    zz = with_c(a[2], b[2])
    half = data.number(Fraction(1, 2))
    return {
        "f": with_c(a[0], b[0]),
        "c": a[0],
        "z": with_c(a[1], b[1]),
        "X": with_c(by_s[1], a[1]),
        "zz": zz,
        "zX": with_c(by_s[2], a[2]),
        "XX": times(zz, square, ORDER, data),
        "cz": a[1],
        "cX": by_s[1],
        "s": [v * half for v in with_c(product(b[1], x, ORDER, data), e)],
    }


def _square(eps: Numbers) -> Numbers:
    return [sum((p * q for p, q in zip(eps[: m + 1], eps[m::-1], strict=True)), Fraction(0)) for m in range(len(eps))]


def bounded(
    functions: dict[str, list[Term]],
    values: dict[str, Series],
    curve: tuple[Series, Series, Series | None],
    eps: Small | None,
    reaches: tuple[Vector, Vector, Vector | None],
    data: Data,
) -> dict[str, Function]:
    """The functions with their errors, from ``z``, ``c``, ``X`` and how far these may be from the curve."""
    top = ORDER + 1
    z, c, x = (part and about(part) for part in curve)
    assert z is not None
    assert c is not None
    argument, away = [*z, data.zero, data.zero], reaches[0]
    if x is not None and reaches[2] is not None and eps:
        argument = [p + q for p, q in zip(argument, times(x, eps.wide, top, data), strict=True)]
        # |(ε + δε)(X + δX) − εX|
        away = away + reaches[2] * data.number(eps.wide[0]) + (x[0] + reaches[2]) * data.number(eps.away)
    bounds = [Fraction(1), *data.activation.bounds]
    highest = max(k for terms in functions.values() for *_, k in terms)
    powers, combination = _powers(argument, top, data), data.arithmetic.combination
    means = [
        [powers[0][0] * data.number(bounds[k])]
        + [combination([powers[j][m] for j in range(1, m + 1)], bounds[k + 1 : k + m + 1]) for m in range(1, top + 1)]
        for k in range(highest + 1)
    ]
    known: dict[tuple[int, int, int], tuple[Series, Vector, Vector]] = {}
    for *_, alpha, beta, gamma, _k in (term for terms in functions.values() for term in terms):
        series, inside = [data.number(1)], data.number(1)
        for number, (part, reach) in enumerate([(x, reaches[2])] * beta + [(c, reaches[1])] * alpha):
            assert part is not None
            assert reach is not None
            series = product(series, part, top, data) if number else part
            inside = inside * (part[0] + reach) if number else part[0] + reach
        if gamma and eps:
            inside = data.zero + inside * data.number((eps.wide[0] + eps.away) ** 2)
            series = times([data.zero + v for v in series], _square(eps.wide), top, data)
        change = inside - series[0]
        known[alpha, beta, gamma] = (series, inside, change)
    out = {}
    for name, terms in functions.items():
        error = data.zero
        for factor, alpha, beta, gamma, k in terms:
            series, inside, change = known[alpha, beta, gamma]
            rest = reduce(add, (means[k][top - m] * v for m, v in enumerate(series)))
            moved = away * inside * data.number(bounds[k + 1]) + change * data.number(bounds[k])
            error = error + (rest + moved) * data.number(factor)
        out[name] = Function(values[name], error)
    return out
