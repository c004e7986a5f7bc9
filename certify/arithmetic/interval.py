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
from mpmath.libmp import mpi_add, mpi_mul, to_rational

from certify.arithmetic.elementwise import ElementArithmetic, Objects


def _fraction(raw: Any) -> Fraction | None:
    """The rational a raw mpf is, ``None`` if it is not finite."""
    if not raw[1] and raw[2]:
        return None
    p, q = to_rational(raw)
    return Fraction(int(p), int(q))


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
        low, high = (_fraction(raw) for raw in x._mpi_)
        return (None, None) if low is None or high is None else (low, high)

    def middle(self, x: Any) -> tuple[Any, Any]:
        low, high = x._mpi_
        if low == high:
            return x, self._iv.mpf(0)
        if self.ends(x)[0] is None:
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
        return self._point(mpmath.libmp.finf if self.ends(x)[0] is None else abs(x)._mpi_[1])

    def exp_one(self, x: Any) -> Any:
        low, high = x._mpi_
        if low == high:
            return self._exp_point(x)
        left, right = self._exp_point(self._point(low)), self._exp_point(self._point(high))
        return self._iv.make_mpf((left._mpi_[0], right._mpi_[1]))

    def _exp_point(self, x: Any) -> Any:
        """``e^x`` for a thin ``x``: ``e^x = (e^y)^(2^k)``, ``y = x/2^k``, ``|y| < 2^−h``.

        ``e^y = Σ_{j<n} y^j/j! + R``, ``|R| ≤ 2 |y|^n/n!`` for ``|y| ≤ 1/2``.
        """
        iv = self._iv
        raw = x._mpi_[0]
        if not raw[1]:
            return iv.mpf(1) if not raw[2] else iv.mpf([0, mpmath.inf])
        if raw[2] + raw[3] > 40:  # |x| ≥ 2^40 is no argument a network makes; give the trivial bound
            return iv.mpf([0, 1]) if raw[0] else iv.mpf([1, mpmath.inf])
        h = self._half_bits
        k = max(0, raw[2] + raw[3] + h)
        guard = MPIntervalContext()
        guard.prec = self.bits + k + 16
        y = guard.make_mpf((mpmath.libmp.mpf_shift(raw, -k),) * 2)
        term, total, n = guard.mpf(1), guard.mpf(1), 0
        size = h + max(0, -(raw[2] + raw[3] + h - k))
        while n * size < guard.prec + 4:
            n += 1
            term = term * y / n
            total = total + term
        bound = abs(term * y)._mpi_[1]  # |y|^(n+1)/n! ≥ |y|^(n+1)/(n+1)!
        bound = mpmath.libmp.mpf_shift(bound, 1)
        total = total + guard.make_mpf((mpmath.libmp.mpf_neg(bound), bound))
        for _ in range(k):
            total = total * total
        return iv.make_mpf(total._mpi_) * 1

    def sqrt_one(self, x: Any) -> Any:
        low, high = x._mpi_
        zero = mpmath.libmp.fzero
        return self._iv.sqrt(self._iv.make_mpf((zero if low[0] else low, high)))

    def approx_one(self, x: Any) -> float:
        return float(mpmath.mpf(x.mid))

    def inverse_one(self, rows: list[list[Any]]) -> list[list[float]]:
        with mpmath.workprec(self.bits):
            points = mpmath.matrix([[mpmath.make_mpf(x._mpi_[0]) for x in row] for row in rows])
            inverse = points**-1
        return [[float(x) for x in row] for row in inverse.tolist()]

    def product(self, v: Objects, w: Objects) -> Objects:
        prec = self.bits
        left = [[x._mpi_ for x in row] for row in v.tolist()]
        right = [[x._mpi_ for x in column] for column in w.T.tolist()]
        zero = self._iv.mpf(0)._mpi_
        out = np.empty((len(left), len(right)), dtype=object)
        for i, row in enumerate(left):
            for j, column in enumerate(right):
                total = zero
                for a, b in zip(row, column, strict=True):
                    total = mpi_add(total, mpi_mul(a, b, prec), prec)
                out[i, j] = self._iv.make_mpf(total)
        return out
