"""Midpoint–radius enclosures in float64, through BLAS, with a-priori error bounds.

``MidRad(mid, rad)`` stands for the box ``{x : |x − mid| ≤ rad}``, componentwise. Every operation returns
an enclosure of all results. The rounding mode is never touched: with ``u = 2^−53``,

* one float64 operation: ``|fl(a ∘ b) − a ∘ b| ≤ u |fl(a ∘ b)| + η`` (round to nearest, η covers underflow);
* a dot product of length K, summed in any order, fused or not: ``|fl(xᵀy) − xᵀy| ≤ γ_K |x|ᵀ|y| + Kη``,
  ``γ_K = Ku/(1 − Ku)`` (Higham 2002, §3.1; Rump 2012, *Fast interval matrix multiplication*).

The radii are themselves computed in float64 from non-negative terms; a factor ``1 + 16u`` (``1 + 2γ`` for
products) covers their own rounding. An entry whose midpoint or radius is infinite or NaN (after an overflow) stands
for the whole line; what is computed from it is such an entry again. Proofs: docs/mathematics.md, Theorems 1 to 3.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction
from functools import lru_cache
from typing import Any

import flint
import numpy as np
from numpy.typing import NDArray

from certify.arithmetic import special
from certify.arithmetic.arb import Arb
from certify.arithmetic.rounding import up
from symmetry.arithmetic import TermByTerm

Array = NDArray[np.float64]

U = 2.0**-53
TINY = 2.0**-1000  # far above any underflow error, far below anything of interest
UP = 1 + 2.0**-49  # 1 + 16u
_BLOCK = 64


def gamma(k: int) -> float:
    """An upper bound of ``γ_k``."""
    return k * U * (1 + 2 * k * U) if k * U < 1e-3 else math.inf


class MidRad:
    """An array of real boxes; see the module docstring."""

    __array_ufunc__ = None  # numpy must not take over `array * MidRad`
    __slots__ = ("mid", "rad")

    def __init__(self, mid: Array, rad: Array):
        self.mid = mid
        self.rad = rad

    @property
    def shape(self) -> tuple[int, ...]:
        return self.mid.shape

    @property
    def T(self) -> MidRad:
        return MidRad(self.mid.T, self.rad.T)

    def __getitem__(self, key: Any) -> MidRad:
        return MidRad(self.mid[key], self.rad[key])

    def __setitem__(self, key: Any, value: MidRad) -> None:
        self.mid[key], self.rad[key] = value.mid, value.rad

    def __len__(self) -> int:
        return len(self.mid)

    def reshape(self, *shape: Any) -> MidRad:
        return MidRad(self.mid.reshape(*shape), self.rad.reshape(*shape))

    def __neg__(self) -> MidRad:
        return MidRad(-self.mid, self.rad)

    def __abs__(self) -> MidRad:
        # ||x| − |m|| ≤ |x − m|
        return MidRad(np.abs(self.mid), self.rad)

    def __add__(self, other: Any) -> MidRad:
        b = lift(other)
        mid = self.mid + b.mid
        return MidRad(mid, (self.rad + b.rad + (np.abs(mid) * U + TINY)) * UP)

    __radd__ = __add__

    def __sub__(self, other: Any) -> MidRad:
        b = lift(other)
        mid = self.mid - b.mid
        return MidRad(mid, (self.rad + b.rad + (np.abs(mid) * U + TINY)) * UP)

    def __rsub__(self, other: Any) -> MidRad:
        return lift(other) - self

    def __mul__(self, other: Any) -> MidRad:
        if isinstance(other, int):
            return self._scaled(float(other)) if abs(other) <= 2**53 else self * Fraction(other)
        b = lift(other)
        mid = self.mid * b.mid
        # |xy − ab| ≤ |a| r_b + r_a (|b| + r_b)
        rad = self.rad * (np.abs(b.mid) + b.rad)
        if b.rad.any():
            rad += np.abs(self.mid) * b.rad
        return MidRad(mid, (rad + (np.abs(mid) * U + TINY)) * UP)

    __rmul__ = __mul__

    def _scaled(self, factor: float) -> MidRad:
        mid = self.mid * factor
        return MidRad(mid, (self.rad * abs(factor) + (np.abs(mid) * U + TINY)) * UP)

    def __truediv__(self, other: Any) -> MidRad:
        b = lift(other)
        size = np.abs(b.mid)
        room = (size - b.rad) * (1 - 4 * U)
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            mid = self.mid / b.mid
            # |x/y − a/b| ≤ (r_a + |a/b| r_b) / (|b| − r_b)
            rad = (self.rad + np.abs(mid) * UP * b.rad + TINY) / room
            rad = (rad + (np.abs(mid) * U + TINY)) * UP
        # an infinite b.mid is no number: the quotient 0 would look like one
        return MidRad(mid, np.where((room > 0) & (size < np.inf), rad, np.inf))

    def __rtruediv__(self, other: Any) -> MidRad:
        return lift(other) / self

    def sum(self, axis: int) -> MidRad:
        """Sum along an axis (a dot product with ones)."""
        loss = gamma(self.mid.shape[axis])
        rad = (self.rad + loss * np.abs(self.mid)).sum(axis=axis)
        return MidRad(self.mid.sum(axis=axis), rad * ((1 + 2 * loss) * UP) + TINY)


def lift(value: Any) -> MidRad:
    if isinstance(value, MidRad):
        return value
    if isinstance(value, int | Fraction):
        mid, rad = nearest(Fraction(value))
        return MidRad(np.asarray(mid), np.asarray(rad))
    raise TypeError(f"cannot combine a MidRad with {type(value).__name__}; exact numbers and MidRad only")


@lru_cache(maxsize=1024)
def nearest(value: Fraction) -> tuple[float, float]:
    """The nearest float64 and an upper bound of its distance."""
    try:
        mid = float(value)  # correctly rounded; the distance is bounded exactly on the next lines
    except OverflowError:
        return 0.0, math.inf
    distance = abs(value - Fraction(mid))
    if distance == 0:
        return mid, 0.0
    return mid, math.nextafter(float(distance), math.inf)


def blocked(a: Array, b: Array) -> tuple[Array, int]:
    """``a @ b`` and the number of roundings a term can suffer: long dots are summed by blocks."""
    k = a.shape[1]
    blocks = k // _BLOCK
    if blocks < 2:
        return a @ b, k
    cut = blocks * _BLOCK
    left = a.T[:cut].reshape(blocks, _BLOCK, a.shape[0]).transpose(0, 2, 1)
    product = (left @ b[:cut].reshape(blocks, _BLOCK, b.shape[1])).sum(axis=0)
    if cut < k:
        product += a[:, cut:] @ b[cut:]
    return product, _BLOCK + blocks + 1


class Float64Enclosures(TermByTerm):
    """The arithmetic of :class:`MidRad` arrays."""

    name = "midrad"
    bits = 53

    def array(self, exact: Any) -> MidRad:
        values = np.asarray(exact)
        if values.dtype.kind != "f" or values.dtype.itemsize > 8:  # fractions, and integers, which may need 64 bits
            pairs = [nearest(Fraction(v)) for v in values.ravel().tolist()]
            mid, rad = (np.array([p[i] for p in pairs], dtype=np.float64) for i in (0, 1))
            return MidRad(mid.reshape(values.shape), rad.reshape(values.shape))
        mid = values.astype(np.float64)
        return MidRad(mid, np.zeros_like(mid))

    def number(self, value: Fraction) -> MidRad:
        return lift(value)

    def ball(self, center: Any, radius: Any) -> MidRad:
        """The box ``center ± radius`` of exact numbers."""
        return self.inflate(self.array(center), self.array(radius))

    def zeros(self, shape: tuple[int, ...]) -> MidRad:
        return MidRad(np.zeros(shape), np.zeros(shape))

    def split(self, v: MidRad) -> tuple[MidRad, MidRad | None]:
        return MidRad(v.mid, np.zeros_like(v.rad)), MidRad(v.rad, np.zeros_like(v.rad)) if v.rad.any() else None

    def inflate(self, v: MidRad, radius: MidRad) -> MidRad:
        return MidRad(v.mid, (v.rad + (np.abs(radius.mid) + radius.rad)) * UP)

    def spread(self, v: MidRad, rho: MidRad, slope: MidRad, sup: Fraction) -> MidRad:
        half = up(sup / 2)
        reach = np.abs(rho.mid) + rho.rad
        return MidRad(v.mid, (v.rad + reach * (np.abs(slope.mid) + slope.rad + reach * half)) * UP + TINY)

    def nonnegative_midpoint(self, v: MidRad) -> NDArray[np.bool_]:
        return v.mid >= 0

    def where(self, mask: NDArray[np.bool_], v: MidRad, w: MidRad) -> MidRad:
        return MidRad(np.where(mask, v.mid, w.mid), np.where(mask, v.rad, w.rad))

    def maximum(self, v: MidRad, axis: int) -> MidRad:
        """An upper bound of the largest magnitude along an axis."""
        bound = (np.abs(v.mid) + v.rad) * UP
        top = bound.max(axis=axis)
        return MidRad(top, np.zeros_like(top))

    def sqrt(self, v: MidRad) -> MidRad:
        """Componentwise root of the non-negative members of ``v``; the midpoints must not be negative."""
        mid = np.sqrt(v.mid)
        # |√x − √m| = |x − m| / (√x + √m) ≤ r/√m, and ≤ √r
        with np.errstate(divide="ignore", invalid="ignore"):
            rad = np.fmin(v.rad / mid, np.sqrt(v.rad))
        return MidRad(mid, (rad + (mid * U + TINY)) * UP)

    def exp(self, v: MidRad) -> MidRad:
        """Componentwise exponential; see :func:`exp_point` for the proof at the midpoints."""
        mid, relative = exp_point(v.mid)
        # |e^x − e^m| ≤ e^m (e^r − 1) ≤ e^m (r + r²) for r ≤ 1
        spread = np.where(v.rad <= 1, v.rad + v.rad * v.rad, np.inf)
        with np.errstate(invalid="ignore"):
            return MidRad(mid, (mid * (relative + spread * (1 + 4 * relative)) + TINY) * UP)

    def acos(self, v: MidRad) -> MidRad:
        """Componentwise arc cosine, by Arb (there are few of them); unbounded where a member leaves ``[−1, 1]``."""
        balls = Arb(64)
        with np.errstate(invalid="ignore"):
            inside = np.abs(v.mid) + v.rad <= 1 + 2.0**-50  # Arb decides; NaN and infinity are kept from it
        mid, rad = np.full(v.shape, np.nan), np.full(v.shape, np.inf)
        values = balls.acos(balls.ball(v.mid[inside], v.rad[inside]))
        mid[inside] = balls.approx(values)
        known = np.isfinite(mid)
        # the distance of the rounded midpoint to both ends, rounded outward
        shifted = values[known[inside]] - balls.array(mid[known])
        rad[known] = balls.magnitude(shifted)
        return MidRad(mid, rad)

    def erf(self, v: MidRad) -> MidRad:
        return special.erf(v, self)  # type: ignore[no-any-return]

    def log1p(self, v: MidRad) -> MidRad:
        return special.log1p(v, self)  # type: ignore[no-any-return]

    def matmul(self, v: MidRad, w: MidRad) -> MidRad:
        mid, roundings = blocked(v.mid, w.mid)
        k = v.mid.shape[1]
        loss, outer = gamma(roundings), gamma(k + 8)
        left, right = np.abs(v.mid), np.abs(w.mid)
        # 2^−1074: where loss·right underflows, what is lost would be multiplied by `left`
        rad = left @ (w.rad + (loss * right + 2.0**-1074))
        if v.rad.any():
            rad = rad + v.rad @ (right + w.rad)
        return MidRad(mid, rad * ((1 + 2 * outer) * UP) + k * TINY)

    def concatenate(self, parts: Sequence[MidRad], axis: int = 0) -> MidRad:
        return MidRad(
            np.concatenate([p.mid for p in parts], axis=axis), np.concatenate([p.rad for p in parts], axis=axis)
        )

    def approx_inverse(self, v: MidRad) -> Array | None:
        """An approximate inverse of the midpoints; ``None`` if there is none."""
        if not np.isfinite(v.mid).all():
            return None
        try:
            inverse: Array = np.linalg.inv(v.mid).astype(np.float64)
        except np.linalg.LinAlgError:
            return None
        return inverse if np.isfinite(inverse).all() else None

    def approx(self, v: MidRad) -> Array:
        """The midpoints, as plain numbers of no standing."""
        return v.mid

    def magnitude(self, v: MidRad) -> Array:
        """Float64 upper bounds of ``|v|`` (infinite where unbounded)."""
        bound = (np.abs(v.mid) + v.rad) * UP
        return np.where(np.isnan(bound), np.inf, bound)

    def lower(self, v: MidRad) -> NDArray[np.object_]:
        """Exact lower ends (fractions; ``None`` where the enclosure is unbounded)."""
        return _ends(v, -1)

    def upper(self, v: MidRad) -> NDArray[np.object_]:
        """Exact upper ends (fractions; ``None`` where the enclosure is unbounded)."""
        return _ends(v, 1)


def _ends(v: MidRad, sign: int) -> NDArray[np.object_]:
    out = np.empty(v.mid.shape, dtype=object)
    out.ravel()[:] = [
        Fraction(m) + sign * Fraction(r) if math.isfinite(m) and math.isfinite(r) else None
        for m, r in zip(v.mid.ravel().tolist(), v.rad.ravel().tolist(), strict=True)
    ]
    return out


# --- exp at a float64 point, from + − × alone ---------------------------------------------------------------------
#
# k = round(32x/ln 2), x = k·(ln 2/32) + r, |r| ≤ 0.0109, e^x = 2^(k div 32) · 2^((k mod 32)/32) · e^r.
# ln 2/32 = C1 + C2 + δ: C1 has 36 bits, so k·C1 is exact for |k| < 2^17; C2 is a float64, |δ| < 2^−90.
# Errors, for |x| ≤ 700 (|k| ≤ 32317):
#   r:  fl(x − kC1) and fl(· − kC2) round values ≤ 0.011, kC2 rounds a value < 2^−26: together below
#       (0.011 + 2^−26 + 0.011)u < 0.023u; plus |kδ| < 2^−75 < 0.001u. So |r̂ − r| < 0.024u: relative 0.024u in e^r.
#   e^r̂: Taylor of degree 7, remainder < 0.011^8/8! · 1.02 < 2^−67 < 0.001u. Horner q = r(1 + r(1/2 + …)):
#       |q| < 0.0111, every rounding inside is relative to a term ≤ |q| (1+0.011): fewer than 5 u|q| < 0.06u;
#       1 + q rounds once: ≤ 1.012u absolute, e^r ≥ 0.989: relative ≤ 1.03u. Sum < 1.1u.
#   table 2^(j/32): rounded to nearest by Arb (checked there): 1u relative at most; product: 1u. ldexp exact.
# Total < (0.024 + 0.001 + 1.1 + 1 + 1)(1 + 4u)u < 3.2u; 4u = 2^−51 is claimed and tested against Arb.


def _constants() -> tuple[float, float, float, Array]:
    old, flint.ctx.prec = flint.ctx.prec, 200
    try:
        step = flint.arb.const_log2() / 32
        c1 = math.floor(float(step.mid()) * 2.0**41) * 2.0**-41
        c2 = float((step - c1).mid())
        delta = step - c1 - flint.arb(c2)
        if not abs(delta) < flint.arb(2) ** -90:
            raise ArithmeticError("ln 2/32 does not split as the error bound of exp assumes")
        table = []
        for j in range(32):
            power = (flint.arb(j) * step).exp()
            nearest = float(power.mid())
            if not abs(power - nearest) <= flint.arb(nearest) * flint.arb(2) ** -53:
                raise ArithmeticError("2^(j/32) is not within half an ulp of its table entry")
            table.append(nearest)
        return float((1 / step).mid()), c1, c2, np.array(table)
    finally:
        flint.ctx.prec = old


_PER_STEP, _C1, _C2, _POWERS = _constants()
RELATIVE = 2.0**-51


def exp_point(x: Array) -> tuple[Array, Array]:
    """``e^x`` within the returned relative error plus ``2^−1000`` absolutely, for every float64 ``x``.

    Below −700 the value 0 stands with absolute error ``2^−1000`` (``e^−700 < 2^−1009``); above 700 and for
    NaN the bound is infinite.
    """
    inside = np.abs(x) <= 700
    safe = np.where(inside, x, 0.0)
    k = np.rint(safe * _PER_STEP)
    r = (safe - k * _C1) - k * _C2
    q = 1 / 5040 * r + 1 / 720
    for coefficient in (1 / 120, 1 / 24, 1 / 6, 0.5, 1.0):
        q = q * r + coefficient
    index = k.astype(np.int64)
    value = np.ldexp(_POWERS[index & 31] * (1 + q * r), (index >> 5).astype(np.int32))
    relative = np.full(x.shape, RELATIVE)
    if not inside.all():
        value = np.where(inside, value, np.where(x < 0, 0.0, np.inf))
        relative = np.where(inside | ((x < 0) & np.isfinite(x)), relative, np.inf)
    return value, relative
