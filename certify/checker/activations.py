"""The activations the checker knows: derivatives at points, and bounds over the real line (docs/mathematics.md, 3).

**Sigmoid.** With ``s = σ(c)``, ``d = s(1 − s)``, ``u = 1 − 2s``: ``σ' = d``, ``σ'' = du``, ``σ^(3) = d(1 − 6d)``,
``σ^(4) = du(1 − 12d)``, ``σ^(5) = d(1 − 30d + 120d²)``, ``σ^(6) = du(1 − 60d + 360d²)``, ``σ^(7) = d(1 − 126d + 1680d²
− 5040d³)``. **Tanh.** ``tanh z = 2σ(2z) − 1``. **Erf.** ``erf^(k+1) = (−1)^k H_k (2/√π) e^(−z²)``. **Softplus.**
``log(1 + e^z)``, with the derivative ``σ``. **GELU.** ``zΦ(z)``; ``σ' = Φ + zφ``, ``σ^(k) = φ^(k−2) − φ^(k)``.

To add one: a function that makes ``σ, …, σ^(order)`` at points, ``order ≤ 7``, and a line in :data:`ACTIVATIONS`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from functools import reduce
from math import isqrt
from typing import Any

from .special import pi

Vector = Any


@dataclass(frozen=True)
class Activation:
    """One of them.

    Args:
        jet: ``σ, …, σ^(order)`` at points, from ``(c, order, number)``, ``number`` a maker of constants.
        bounds: upper bounds of ``|σ^(k)|``, k = 1, …, 9.
        reflection: ``κ`` of the identity ``σ(−z) = κ − σ(z)``; ``None`` without one.
    """

    jet: Callable[[Vector, int, Callable[[Fraction | int], Vector]], list[Vector]]
    bounds: tuple[Fraction, ...]
    reflection: Fraction | None = None


_FACTORS = ((1,), (1,), (-6, 1), (-12, 1), (120, -30, 1), (360, -60, 1), (-5040, 1680, -126, 1))
"""Of ``σ', σ'', …``: polynomials in ``d``, highest powers first."""


def _sigmoid(c: Vector, order: int, number: Any) -> list[Vector]:
    s = c.sigmoid()
    d = s * (1 - s)
    both = d, d * (1 - 2 * s)
    return [s, *(both[k % 2] * reduce(lambda v, a: v * d + a, f) for k, f in enumerate(_FACTORS[:order]))]


def _tanh(c: Vector, order: int, number: Any) -> list[Vector]:
    sigma = _sigmoid((c * 2).midpoints(), order, number)  # the double of a point is a point
    return [sigma[0] * 2 - 1, *(value * 2 ** (k + 1) for k, value in enumerate(sigma[1:], 1))]


def _bell(c: Vector, half: Vector) -> Vector:
    """``e^(−hc²)``, ``h ≤ 1`` positive: ``e^−y = 1/σ(y) − 1``, moving less than twice as ``y`` for ``y > −½``."""
    y = c * c * half
    return (y.midpoints().sigmoid().reciprocal() - 1).widened(y.radii() * 2)


def _hermite(c: Vector, count: int, step: int) -> list[Vector]:
    """``(−1)^n H_n``, where ``H_(n+1) = step (c H_n − n H_(n−1))``."""
    found = [c * 0 + 1, c * -step]
    for n in range(1, count - 1):
        found.append((c * found[n] + found[n - 1] * n) * -step)
    return found[:count]


def _root_over_pi(k: Fraction, number: Any) -> Vector:
    """``(k/π)^½`` by bounds of its square, to 1000 bits."""
    w = 1000
    low = (k.numerator << 4 * w) // (k.denominator * (pi(2 * w) + (1 << 17)))
    high = (k.numerator << 4 * w) // (k.denominator * (pi(2 * w) - (1 << 17))) + 1
    first, last = Fraction(isqrt(low), 1 << w), Fraction(isqrt(high) + 1, 1 << w)
    return number(first).widened(number(last - first))


def _erf(c: Vector, order: int, number: Any) -> list[Vector]:
    bell = _bell(c, number(1)) * _root_over_pi(Fraction(4), number)
    return [c.erf(), *(h * bell for h in _hermite(c, max(order, 2), 2))][: order + 1]


def _softplus(c: Vector, order: int, number: Any) -> list[Vector]:
    size = abs(c)
    e = size.sigmoid().reciprocal() - 1
    # max(z, 0) = (z + |z|)/2, and log(1 + v) moves by no more than v
    value = (c + size) * number(Fraction(1, 2)) + e.midpoints().log1p().widened(e.radii())
    return [value, *_sigmoid(c, order - 1, number)][: order + 1] if order else [value]


def _gelu(c: Vector, order: int, number: Any) -> list[Vector]:
    half = number(Fraction(1, 2))
    bell = _bell(c, half) * _root_over_pi(Fraction(1, 2), number)
    phi = [h * bell for h in _hermite(c, max(order + 1, 2), 1)]
    low, root = c * _root_half(number), number(Fraction(8, 7))
    below = (low.midpoints().erf().widened(low.radii() * root) + 1) * half  # erf' ≤ 2/√π < 8/7
    return [c * below, below + c * phi[0], *(phi[k - 2] - phi[k] for k in range(2, order + 1))][: order + 1]


def _root_half(number: Any) -> Vector:
    """``1/√2`` to 1000 bits."""
    return number(Fraction(isqrt(1 << 1999), 1 << 1000)).widened(number(Fraction(1, 1 << 999)))


def _sups(*values: int) -> tuple[Fraction, ...]:
    return tuple(Fraction(value, 10000) for value in values)


_LOGISTIC = _sups(2500, 963, 1250, 1300, 2500, 4100, 10625, 24000, 77500)

ACTIVATIONS = {
    "sigmoid": Activation(_sigmoid, _LOGISTIC, Fraction(1)),
    "tanh": Activation(_tanh, tuple(2 ** (k + 1) * b for k, b in enumerate(_LOGISTIC, 1)), Fraction(0)),
    "erf": Activation(_erf, _sups(11284, 12733, 22568, 50930, 135406, 407437, 1354056, 4889240, 18956771), Fraction(0)),
    "softplus": Activation(_softplus, (Fraction(1), *_LOGISTIC[:8])),
    "gelu": Activation(_gelu, _sups(12420, 7979, 9550, 15958, 31831, 71810, 178254, 478731, 1375099)),
}
"""By the name a problem file gives them (Theorems 6, 6a and 6b for the bounds)."""
