"""Midpoint–radius enclosures with one radius for a whole array: much less work than :mod:`certify.arithmetic.midrad`.

``Uniform(mid, ρ)`` stands for ``{x : |x_i − mid_i| ≤ ρ for all i}``. With ``⟨a⟩ = max |a_i|`` the bounds of the module
beside it hold with ``⟨a⟩`` in the place of each ``|a_i|``. That is coarse for arrays whose entries differ much in size,
as those of a Hessian do, and hardly so for the values of a function at all inputs, which is what it is for: a matrix
product of long arrays that is not long itself has radii of its own for each entry again.

An infinite or NaN midpoint, or radius, makes the radius of whatever is computed from the array infinite or NaN: the
whole line. Proof: docs/mathematics.md, Theorem 3a.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from certify.arithmetic.midrad import (
    TINY,
    UP,
    Array,
    Float64Enclosures,
    MidRad,
    U,
    blocked,
    exp_point,
    gamma,
    lift,
    nearest,
)
from certify.arithmetic.rounding import up


class Uniform(MidRad):
    """An array of real boxes of one radius; see the module docstring. Its entries are not assigned to.

    Args:
        mid: the midpoints.
        radius: of all entries.
        bound: no midpoint is larger; infinite or NaN if one is. Without it the largest one is looked for.
        size: the largest magnitude of a midpoint, where it is known; NaN if one is.
    """

    __slots__ = ("_size", "bound", "radius")

    def __init__(self, mid: Array, radius: float, bound: float | None = None, size: float | None = None):
        self.mid = mid
        self.radius = radius
        self._size = size
        self.bound = self.size if bound is None else bound

    @property
    def rad(self) -> Array:  # type: ignore[override]
        """The radius, as often as there are entries: where the other kind of array meets this one."""
        return np.broadcast_to(np.float64(self.radius), self.mid.shape)

    @property
    def size(self) -> float:
        """``⟨mid⟩``; NaN if an entry is."""
        if self._size is None:
            self._size = float(np.abs(self.mid).max()) if self.mid.size else 0.0
        return self._size

    @property
    def T(self) -> Uniform:
        return Uniform(self.mid.T, self.radius, self.bound)

    def __getitem__(self, key: Any) -> Uniform:
        return Uniform(self.mid[key], self.radius, self.bound)

    def __setitem__(self, key: Any, value: Any) -> None:
        raise TypeError("entries of an array with one radius are not assigned to: its views would keep the old radius")

    def reshape(self, *shape: Any) -> Uniform:
        return Uniform(self.mid.reshape(*shape), self.radius, self.bound)

    def __neg__(self) -> Uniform:
        return Uniform(-self.mid, self.radius, self.bound)

    def __abs__(self) -> Uniform:
        return Uniform(np.abs(self.mid), self.radius, self.bound)

    def __add__(self, other: Any) -> MidRad:
        b = other if type(other) is Uniform else as_uniform(other)
        if b is None:
            return MidRad.__add__(self, other)
        return _rounded(self.mid + b.mid, self.radius + b.radius, self.bound + b.bound)

    __radd__ = __add__

    def __sub__(self, other: Any) -> MidRad:
        b = other if type(other) is Uniform else as_uniform(other)
        if b is None:
            return MidRad.__sub__(self, other)
        return _rounded(self.mid - b.mid, self.radius + b.radius, self.bound + b.bound)

    def __rsub__(self, other: Any) -> MidRad:
        a = as_uniform(other)
        return MidRad.__sub__(lift(other), self) if a is None else a - self

    def __mul__(self, other: Any) -> MidRad:
        b = other if type(other) is Uniform else as_uniform(other)
        if b is None:
            return MidRad.__mul__(self, other)
        # |xy − ab| ≤ |a| r_b + r_a (|b| + r_b)
        size, factor = self.size, b.size
        radius = size * b.radius + self.radius * (factor + b.radius)
        return _rounded(self.mid * b.mid, radius, size * factor)

    __rmul__ = __mul__

    def __truediv__(self, other: Any) -> MidRad:
        b = other if type(other) is Uniform else as_uniform(other)
        if b is None:
            return MidRad.__truediv__(self, other)
        least = float(np.abs(b.mid).min()) if b.mid.size else math.inf
        room = (least - b.radius) * (1 - 4 * U)
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            mid = self.mid / b.mid
        # an infinite b.mid is no number: the quotient 0 would look like one
        if not (room > 0 and b.size < math.inf):
            return Uniform(mid, math.inf, math.inf)
        size = Uniform(mid, 0.0).size
        # |x/y − a/b| ≤ (r_a + |a/b| r_b) / (|b| − r_b)
        return _rounded(mid, (self.radius + size * UP * b.radius + TINY) / room, size)

    def __rtruediv__(self, other: Any) -> MidRad:
        a = as_uniform(other)
        return MidRad.__truediv__(lift(other), self) if a is None else a / self

    def sum(self, axis: int) -> MidRad:
        total = MidRad.sum(self, axis)
        return _collapsed(total) if total.mid.size > self.mid.shape[axis] else total


def _rounded(mid: Array, radius: float, bound: float) -> Uniform:
    """An array whose entries have been rounded: what the radius was before, and what bounds the exact midpoints."""
    bound = bound * UP + TINY
    return Uniform(mid, (radius + (bound * U + TINY)) * UP, bound)


def as_uniform(value: Any) -> Uniform | None:
    """The same with one radius, where it is an exact number or has one; a radius for each entry stays: ``None``."""
    if type(value) is Uniform:
        return value
    if isinstance(value, int | Fraction):
        return _number(Fraction(value))
    if isinstance(value, MidRad) and not value.mid.ndim:
        return _collapsed(value)
    return None


@lru_cache(maxsize=1024)
def _number(value: Fraction) -> Uniform:
    mid, rad = nearest(value)
    return Uniform(np.asarray(mid), rad)


def _collapsed(v: MidRad) -> Uniform:
    """With the largest of its radii; NaN if one is."""
    return Uniform(v.mid, float(v.rad.max()) if v.rad.size else 0.0)


class UniformEnclosures(Float64Enclosures):
    """The arithmetic of :class:`Uniform` arrays."""

    name = "uniform"

    def array(self, exact: Any) -> MidRad:
        return _collapsed(super().array(exact))

    def number(self, value: Fraction) -> MidRad:
        return _number(value)

    def split(self, v: MidRad) -> tuple[MidRad, MidRad | None]:
        if not isinstance(v, Uniform):
            return super().split(v)
        radius = Uniform(v.rad, 0.0, v.radius) if v.radius else None
        return Uniform(v.mid, 0.0, v.bound), radius

    def inflate(self, v: MidRad, radius: MidRad) -> MidRad:
        b = as_uniform(radius)
        if not isinstance(v, Uniform) or b is None:
            return super().inflate(v, radius)
        return Uniform(v.mid, (v.radius + (b.bound + b.radius)) * UP, v.bound)

    def spread(self, v: MidRad, rho: MidRad, slope: MidRad, sup: Fraction) -> MidRad:
        by, steep = as_uniform(rho), as_uniform(slope)
        if not isinstance(v, Uniform) or by is None or steep is None:
            return super().spread(v, rho, slope, sup)
        reach = by.bound + by.radius
        radius = (v.radius + reach * (steep.size + steep.radius + reach * up(sup / 2))) * UP + TINY
        return Uniform(v.mid, radius, v.bound)

    def where(self, mask: NDArray[np.bool_], v: MidRad, w: MidRad) -> MidRad:
        if not (isinstance(v, Uniform) and isinstance(w, Uniform)):
            return super().where(mask, v, w)
        return Uniform(np.where(mask, v.mid, w.mid), _largest(v.radius, w.radius), _largest(v.bound, w.bound))

    def sqrt(self, v: MidRad) -> MidRad:
        root = super().sqrt(v)
        return _collapsed(root) if isinstance(v, Uniform) else root

    def exp(self, v: MidRad) -> MidRad:
        if not isinstance(v, Uniform):
            return super().exp(v)
        mid, relative = exp_point(v.mid)
        loss = float(relative.max()) if mid.size else 0.0
        # |e^x − e^m| ≤ e^m (e^r − 1) ≤ e^m (r + r²) for r ≤ 1
        wide = v.radius + v.radius * v.radius if v.radius <= 1 else math.inf
        out = Uniform(mid, 0.0)
        out.radius = (out.size * (loss + wide * (1 + 4 * loss)) + TINY) * UP
        return out

    def matmul(self, v: MidRad, w: MidRad) -> MidRad:
        if not (isinstance(v, Uniform) and isinstance(w, Uniform)):
            return super().matmul(v, w)
        mid, roundings = blocked(v.mid, w.mid)
        k = v.mid.shape[1]
        loss, outer = gamma(roundings), gamma(k + 8)
        if max(mid.shape) > k:
            # 2^−1074: where loss·w underflows, what is lost would be multiplied by v
            radius = k * (v.size * (w.radius + (loss * w.size + 2.0**-1074)) + v.radius * (w.size + w.radius))
            bound = k * v.size * w.size * (1 + 2 * outer) * UP + k * TINY
            return Uniform(mid, radius * ((1 + 2 * outer) * UP) + k * TINY, bound)
        rows, columns = np.abs(v.mid), np.abs(w.mid)
        # Σ_k |a_k| (r_b + γ|b_k|) + r_a (|b_k| + r_b) ≤ ⟨a⟩ Σ_k (…) + …
        right = columns.sum(axis=0)
        rad = np.outer(rows.max(axis=1), k * w.radius + (loss * right + k * 2.0**-1074))
        rad = rad + v.radius * (right + k * w.radius)
        return MidRad(mid, rad * ((1 + 2 * outer) * UP) + k * TINY)

    def convolve(self, left: Sequence[MidRad], right: Sequence[MidRad], degree: int) -> list[Any]:
        from certify.arithmetic import uniform_series as series  # numba takes its time

        p, q = series.known(left), series.known(right)
        if p is None or q is None or degree > series.HIGHEST:
            return super().convolve(left, right, degree)
        return list[Any](series.product(p, q, degree))

    def composites(self, jet: Sequence[MidRad], number: int, inner: Sequence[MidRad], degree: int) -> list[list[Any]]:
        from certify.arithmetic import uniform_series as series

        p, q = series.known(jet), series.known(inner)
        if p is None or q is None or degree > series.HIGHEST:
            return super().composites(jet, number, inner, degree)
        return list[list[Any]](series.composites(p, number, q, degree))

    def concatenate(self, parts: Sequence[MidRad], axis: int = 0) -> MidRad:
        own = [part for part in parts if isinstance(part, Uniform)]
        if len(own) < len(parts):
            return super().concatenate(parts, axis)
        mid = np.concatenate([part.mid for part in own], axis=axis)
        return Uniform(mid, _largest(*(part.radius for part in own)), _largest(*(part.bound for part in own)))


def _largest(*radii: float) -> float:
    """The largest; NaN if one is."""
    return math.nan if any(r != r for r in radii) else max(radii)
