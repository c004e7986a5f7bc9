"""Products and compositions of power series whose coefficients are arrays of boxes with one radius each.

The midpoints come from :mod:`symmetry.compiled`, the radii from the bounds of docs/mathematics.md, Theorem 3b: the
formula of a product, summed, and one bound of all roundings of an entry.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numba import njit

from certify.arithmetic.midrad import TINY, Array, MidRad, gamma
from certify.arithmetic.uniform import Uniform, as_uniform
from symmetry import compiled

HIGHEST = 12
"""The highest degree."""

# an entry is a sum of at most 13 products, or of at most 11, times 1/j: at most 13 roundings
_ROUNDING = gamma(16)
# a radius is a sum of at most 13 terms of at most 6 roundings, with 3 afterwards: at most 21
_UP = 1 + 2.0**-47


class Known(NamedTuple):
    """A series: midpoints, and the radius of each coefficient, (k,)."""

    mids: list[Array]
    radii: Array


def known(series: Sequence[MidRad]) -> Known | None:
    """The parts of a series; ``None`` where an array has a radius for each entry."""
    arrays = [as_uniform(v) for v in series]
    own = [v for v in arrays if v is not None]
    if len(own) < len(series):
        return None
    return Known([v.mid for v in own], np.array([v.radius for v in own]))


def product(left: Known, right: Known, degree: int) -> list[Uniform]:
    """The product up to ``degree``, at most :data:`HIGHEST`."""
    sides, shape, swapped = compiled.factors(left.mids, right.mids)
    r, s = (right.radii, left.radii) if swapped else (left.radii, right.radii)
    radii = _product_radii(compiled.sizes(sides[0]), r, compiled.sizes(sides[1]), s, degree)
    return _series(compiled.multiply(*sides, degree), radii, shape)


def composites(jet: Known, number: int, inner: Known, degree: int) -> list[list[Uniform]]:
    """As :meth:`symmetry.arithmetic.Arithmetic.composites`, ``degree`` at most :data:`HIGHEST`."""
    y, derivatives, shape = compiled.composition(jet.mids, number + degree, inner.mids)
    mids, sizes = compiled.compose(derivatives, number, y, degree)
    radii = _powers_radii(compiled.sizes(y), inner.radii, sizes)
    radii = _compose_radii(compiled.sizes(derivatives), jet.radii, number, sizes, radii)
    return [_series(mid, rad, shape) for mid, rad in zip(mids, radii, strict=True)]


def _series(mids: Array, radii: Array, shape: tuple[int, ...]) -> list[Uniform]:
    """Arrays with the radii; infinite ones where a midpoint is infinite or NaN."""
    sizes = compiled.sizes(mids)
    radii = np.where(sizes < np.inf, radii, np.inf)
    parts = zip(mids, radii.tolist(), sizes.tolist(), strict=True)
    return [Uniform(mid.reshape(shape), radius, size=size) for mid, radius, size in parts]


@njit(cache=True)  # type: ignore[untyped-decorator]
def _product_radii(p: Array, r: Array, q: Array, s: Array, degree: int) -> Array:
    """Of the product of series of sizes ``p``, ``q`` and radii ``r``, ``s``, (degree + 1,)."""
    out = np.zeros(degree + 1)
    for i in range(min(len(p), degree + 1)):
        for j in range(min(len(q), degree + 1 - i)):
            out[i + j] += p[i] * s[j] + r[i] * (q[j] + s[j]) + _ROUNDING * (p[i] * q[j])
    return out * _UP + TINY


@njit(cache=True)  # type: ignore[untyped-decorator]
def _powers_radii(y: Array, r: Array, sizes: Array) -> Array:
    """Of the ``y^j/j!`` of sizes ``sizes`` (degree, degree + 1), ``y`` of sizes ``y`` and radii ``r``."""
    degree, out = len(sizes), np.zeros(sizes.shape)
    for i in range(1, min(len(y), degree + 1)):
        out[0, i] = r[i]
    for j in range(1, degree):
        for i in range(j, degree):
            for k in range(1, min(len(y), degree + 1 - i)):
                size, radius = sizes[j - 1, i], out[j - 1, i]
                out[j, i + k] += size * r[k] + radius * (y[k] + r[k]) + _ROUNDING * (size * y[k])
        for m in range(j + 1, degree + 1):
            out[j, m] = out[j, m] / (j + 1) * _UP + TINY
    return out


@njit(cache=True)  # type: ignore[untyped-decorator]
def _compose_radii(p: Array, r: Array, number: int, sizes: Array, radii: Array) -> Array:
    """Of ``Σ_j jet[k + j] y^j/j!``, (number, degree + 1), the jet of sizes ``p`` and radii ``r``."""
    degree = len(sizes)
    out = np.zeros((number, degree + 1))
    for k in range(number):
        out[k, 0] = r[k]
        for m in range(1, degree + 1):
            for j in range(1, m + 1):
                size, radius = sizes[j - 1, m], radii[j - 1, m]
                out[k, m] += p[k + j] * radius + r[k + j] * (size + radius) + _ROUNDING * (p[k + j] * size)
            out[k, m] = out[k, m] * _UP + TINY
    return out
