"""mpmath intervals at any precision: slow, and independent of Arb and of BLAS.

mpmath's ``+ − × ÷ √`` on intervals are correctly directed; its ``exp`` is not (mpmath issue 1181: the
result can exclude the true value). The exponential here is therefore built from the four operations with
an explicit remainder.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import mpmath
import numpy as np
from mpmath.ctx_iv import MPIntervalContext
from mpmath.libmp import (
    fone,
    from_int,
    from_man_exp,
    fzero,
    mpf_lt,
    mpf_neg,
    mpf_shift,
    mpi_abs,
    mpi_add,
    mpi_div,
    mpi_mul,
    mpi_neg,
    mpi_sqrt,
    mpi_sub,
    to_int,
)

from certify.arithmetic.elementwise import ElementArithmetic, Objects, rounded_dyadic

_ZERO, _ONE = (fzero, fzero), (fone, fone)


def _is_finite(raw: Any) -> bool:
    return bool(raw[1] or not raw[2])


def _fraction(raw: Any, side: int) -> Fraction | None:
    """The dyadic rational a raw mpf is, rounded to ``side`` at the ends of the range; ``None`` if it is not finite."""
    if not _is_finite(raw):
        return None
    sign, mantissa, exponent, _ = raw
    return rounded_dyadic(-int(mantissa) if sign else int(mantissa), int(exponent), side)


class Interval(ElementArithmetic[Any]):
    """Interval arithmetic at ``bits`` bits over ``mpmath``."""

    name = "mpmath"

    def __init__(self, bits: int):
        self.bits = bits
        self._iv = MPIntervalContext()
        self._iv.prec = bits
        self._half_bits = max(8, int(bits**0.5))

    def enter(self) -> None:
        pass  # the numbers carry their own context

    def scalar(self, value: Fraction) -> Any:
        return self._iv.mpf(value.numerator) / self._iv.mpf(value.denominator)

    def ends(self, x: Any) -> tuple[Fraction | None, Fraction | None]:
        low, high = (_fraction(raw, side) for raw, side in zip(x._mpi_, (-1, 1), strict=True))
        return (None, None) if low is None or high is None else (low, high)

    def middle(self, x: Any) -> tuple[Any, Any]:
        low, high = x._mpi_
        if low == high:
            return x, self._iv.mpf(0)
        if not (_is_finite(low) and _is_finite(high)):
            return self._iv.mpf(0), self._point(mpmath.libmp.finf)
        # any point will do; its distance to both ends is then enclosed
        point = self._point(mpmath.libmp.mpf_shift(mpmath.libmp.mpf_add(low, high, self.bits, "n"), -1))
        distance = abs(x - point)
        return point, self._point(distance._mpi_[1])

    def _point(self, raw: Any) -> Any:
        return self._iv.make_mpf((raw, raw))

    def unit(self) -> Any:
        return self._iv.mpf([-1, 1])

    def top(self, x: Any) -> Any:
        # NaN would lose every comparison
        return self._point(abs(x)._mpi_[1] if all(map(_is_finite, x._mpi_)) else mpmath.libmp.finf)

    def exp_one(self, x: Any) -> Any:
        low, high = x._mpi_
        if low == high:
            return self._exp_point(x)
        left, right = self._exp_point(self._point(low)), self._exp_point(self._point(high))
        return self._iv.make_mpf((left._mpi_[0], right._mpi_[1]))

    def _exp_point(self, x: Any) -> Any:
        """``e^x`` for a thin ``x``: ``e^x = (e^y)^(2^k)``, ``y = x/2^k``, ``|y| < 2^−h``.

        ``e^y = Σ_{j≤n} y^j/j! + R``, ``|R| ≤ 2 |y|^(n+1)/(n+1)!`` for ``|y| ≤ 1/2``.
        """
        iv = self._iv
        raw = x._mpi_[0]
        if not raw[1]:
            return iv.mpf(1) if not raw[2] else iv.mpf([0, mpmath.inf])
        top = raw[2] + raw[3]  # |x| < 2^top
        if top > 40:  # no argument a network makes; give the trivial bound
            return iv.mpf([0, 1]) if raw[0] else iv.mpf([1, mpmath.inf])
        h = self._half_bits
        k = max(0, top + h)
        prec = self.bits + k + 16
        y = (mpf_shift(raw, -k),) * 2
        term, total, n = _ONE, _ONE, 0
        while n * (k - top) < prec + 4:
            n += 1
            term = mpi_div(mpi_mul(term, y, prec), (from_int(n),) * 2, prec)
            total = mpi_add(total, term, prec)
        bound = mpf_shift(mpi_abs(mpi_mul(term, y, prec), prec)[1], 1)  # 2 |y|^(n+1)/n!
        total = mpi_add(total, (mpf_neg(bound), bound), prec)
        for _ in range(k):
            total = mpi_mul(total, total, prec)
        return iv.make_mpf(mpi_add(total, _ZERO, self.bits))

    def sqrt_one(self, x: Any) -> Any:
        low, high = x._mpi_
        zero = mpmath.libmp.fzero
        return self._iv.sqrt(self._iv.make_mpf((zero if low[0] else low, high)))

    def acos_one(self, x: Any) -> Any:
        low, high = x._mpi_
        if not (_is_finite(low) and _is_finite(high)) or not mpf_lt(from_int(-1), low) or mpf_lt(fone, high):
            return self._iv.mpf([-mpmath.inf, mpmath.inf])
        return self._iv.make_mpf((self._acos_point(high)[0], self._acos_point(low)[1]))

    def _acos_point(self, raw: Any) -> Any:
        """``acos x = 2 atan y``, ``y = ((1 − x)/(1 + x))^½``; ``atan y = 2 atan(y/(1 + (1 + y²)^½))`` until
        ``y < 2^−h``.

        ``atan y = Σ_{j<n} (−1)^j y^(2j+1)/(2j+1) ± R``, ``0 ≤ R ≤ y^(2n+1)/(2n+1)``: the terms alternate and decrease.
        """
        prec, x = self.bits + 2 * self._half_bits + 32, (raw, raw)
        y = mpi_sqrt(mpi_div(mpi_sub(_ONE, x, prec), mpi_add(_ONE, x, prec), prec), prec)
        if not y[1][1] and not y[1][2]:
            return _ZERO
        halvings = 1
        while y[1][2] + y[1][3] > -self._half_bits:
            root = mpi_sqrt(mpi_add(_ONE, mpi_mul(y, y, prec), prec), prec)
            y = mpi_div(y, mpi_add(_ONE, root, prec), prec)
            halvings += 1
        square, power, total, n = mpi_mul(y, y, prec), y, y, 0
        while True:
            n += 1
            power = mpi_neg(mpi_mul(power, square, prec))
            term = mpi_div(power, (from_int(2 * n + 1),) * 2, prec)
            size = mpi_abs(term, prec)[1]
            if size == fzero or size[2] + size[3] < y[1][2] + y[1][3] - prec:
                break
            total = mpi_add(total, term, prec)
        total = mpi_add(total, (mpf_neg(size), size), prec)
        return tuple(mpf_shift(end, halvings) for end in mpi_add(total, _ZERO, self.bits))

    def approx_one(self, x: Any) -> float:
        return float(mpmath.mpf(x.mid))

    def inverse_one(self, rows: list[list[Any]]) -> list[list[float]]:
        with mpmath.workprec(self.bits):
            points = mpmath.matrix([[mpmath.make_mpf(x._mpi_[0]) for x in row] for row in rows])
            try:
                inverse = points**-1
            except TypeError:  # mpmath finds no pivot in a column of zeros
                raise ZeroDivisionError from None
        return [[float(x) for x in row] for row in inverse.tolist()]

    def product(self, v: Objects, w: Objects) -> Objects:
        # Entries as integers at a common scale, rounded outward, summed exactly:
        #   4xy ∈ mn ± (|m|q + r|n| + rq)   for  2x ∈ m ± r,  2y ∈ n ± q
        left, right = _scaled(v, self.bits + 16), _scaled(w, self.bits + 16)
        if left is None or right is None:  # unbounded entries: nothing is known of the product
            return np.full((v.shape[0], w.shape[1]), self._iv.mpf([-mpmath.inf, mpmath.inf]), dtype=object)
        (m, r, s), (n, q, t) = left, right
        middle = m.dot(n)
        spread = abs(m).dot(q) + r.dot(abs(n) + q)
        out = np.empty(middle.shape, dtype=object)
        for index in np.ndindex(out.shape):
            low, high = int(middle[index] - spread[index]), int(middle[index] + spread[index])
            ends = from_man_exp(low, -s - t - 2, self.bits, "f"), from_man_exp(high, -s - t - 2, self.bits, "c")
            out[index] = self._iv.make_mpf(ends)
        return out


def _scaled(v: Objects, bits: int) -> tuple[Objects, Objects, int] | None:
    """``(m, r, s)``, integers with ``2·2^s x ∈ m ± r``, the largest of about ``bits`` bits; ``None``: unbounded."""
    raw = [x._mpi_ for x in v.ravel().tolist()]
    if not all(_is_finite(end) for ends in raw for end in ends):
        return None
    s = bits - max((end[2] + end[3] for ends in raw for end in ends if end[1]), default=0)
    m, r = np.empty(v.shape, dtype=object), np.empty(v.shape, dtype=object)
    low = [to_int(mpf_shift(a, s), "f") for a, _ in raw]
    high = [to_int(mpf_shift(b, s), "c") for _, b in raw]
    m.ravel()[:] = [int(a + b) for a, b in zip(low, high, strict=True)]
    r.ravel()[:] = [int(b - a) for a, b in zip(low, high, strict=True)]
    return m, r, s
