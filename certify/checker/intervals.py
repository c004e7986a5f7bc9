"""A third arithmetic: the same vectors in intervals of mpmath numbers, built from its correctly rounded ``+ − × ÷ √``.

mpmath's own interval exponential is not used: it is not sound (at 53 bits ``iv.exp(-2**-53)`` excludes the true value).
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

from mpmath import libmp

Interval = tuple[Any, Any]
"""Lower and upper end, mpmath's raw floating-point numbers."""

_ZERO = (libmp.fzero, libmp.fzero)


def _point(x: Any) -> Interval:
    return x, x


def _top(x: Interval) -> Any:
    return libmp.mpi_abs(x, 0)[1]  # precision 0: exact


class IntervalVector:
    """Intervals at ``bits`` bits; the operations are those of the class in ``integers.py``."""

    def __init__(self, bits: int, values: list[Interval]):
        self.bits, self.values = bits, values

    def _new(self, values: list[Interval]) -> IntervalVector:
        return IntervalVector(self.bits, values)

    def __len__(self) -> int:
        return len(self.values)

    def __getitem__(self, i: int) -> IntervalVector:
        return self._new([self.values[i]])

    def _like(self, other: IntervalVector | int) -> list[Interval]:
        n = len(self)
        if isinstance(other, int):
            return [_point(libmp.from_int(other))] * n
        if len(other) not in (1, n):
            raise ValueError("vectors of different length")
        return other.values if len(other) == n else other.values * n

    def _map(self, operation: Any, other: IntervalVector | int) -> IntervalVector:
        bits = self.bits
        return self._new([operation(x, y, bits) for x, y in zip(self.values, self._like(other), strict=True)])

    def __neg__(self) -> IntervalVector:
        return self._new([libmp.mpi_neg(x) for x in self.values])

    def __abs__(self) -> IntervalVector:
        return self._new([libmp.mpi_abs(x, self.bits) for x in self.values])

    def __add__(self, other: IntervalVector | int) -> IntervalVector:
        return self._map(libmp.mpi_add, other)

    def __sub__(self, other: IntervalVector | int) -> IntervalVector:
        return self._map(libmp.mpi_sub, other)

    def __rsub__(self, other: int) -> IntervalVector:
        return -self + other

    def __mul__(self, other: IntervalVector | int) -> IntervalVector:
        return self._map(libmp.mpi_mul, other)

    __rmul__ = __mul__

    def dot(self, other: IntervalVector) -> IntervalVector:
        total, bits = _ZERO, self.bits
        for x, y in zip(self.values, self._like(other), strict=True):
            total = libmp.mpi_add(total, libmp.mpi_mul(x, y, bits), bits)
        return self._new([total])

    def reciprocal(self) -> IntervalVector:
        one = _point(libmp.fone)
        if any(libmp.mpf_sign(low) * libmp.mpf_sign(high) <= 0 for low, high in self.values):
            raise ZeroDivisionError("the reciprocal of an interval that holds 0")
        return self._new([libmp.mpi_div(one, x, self.bits) for x in self.values])

    def _middle(self, x: Interval) -> Any:
        # rounded: it need not lie inside, the radius makes up for it
        return libmp.mpf_shift(libmp.mpf_add(*x, self.bits, libmp.round_nearest), -1)

    def midpoints(self) -> IntervalVector:
        return self._new([_point(self._middle(x)) for x in self.values])

    def radii(self) -> IntervalVector:
        distances = [libmp.mpi_sub(x, _point(self._middle(x)), self.bits) for x in self.values]
        return self._new([_point(_top(x)) for x in distances])

    def tops(self) -> IntervalVector:
        return self._new([_point(_top(x)) for x in self.values])

    def larger(self, other: IntervalVector) -> IntervalVector:
        pairs = [(_top(x), _top(y)) for x, y in zip(self.values, other.values, strict=True)]
        return self._new([_point(x if libmp.mpf_ge(x, y) else y) for x, y in pairs])

    def root_tops(self) -> IntervalVector:
        return self._new([_point(libmp.mpf_sqrt(_top(x), self.bits, libmp.round_ceiling)) for x in self.values])

    def widened(self, by: IntervalVector) -> IntervalVector:
        reach = [(libmp.mpf_neg(_top(y)), _top(y)) for y in self._like(by)]
        return self._new([libmp.mpi_add(x, y, self.bits) for x, y in zip(self.values, reach, strict=True)])

    def sigmoid(self) -> IntervalVector:
        one, bits = _point(libmp.fone), self.bits
        out = []
        for low, _ in self.values:
            p = libmp.mpi_div(one, libmp.mpi_add(one, _exp_minus(libmp.mpf_abs(low), bits), bits), bits)
            out.append(p if libmp.mpf_sign(low) >= 0 else libmp.mpi_sub(one, p, bits))
        return self._new(out)

    def lower(self) -> list[Fraction]:
        return [_fraction(low) for low, _ in self.values]

    def upper(self) -> list[Fraction]:
        return [_fraction(high) for _, high in self.values]


def _fraction(x: Any) -> Fraction:
    return Fraction(*map(int, libmp.to_rational(x)))


def _exp_minus(x: Any, bits: int) -> Interval:
    """``e^−x``, ``x ≥ 0``: ``(e^−y)^(2^k)``, ``y = x/2^k < 2^−8``; the terms of ``e^−y`` alternate and decrease."""
    k = max(0, x[2] + x[3] + 8) if x[1] else 0
    if k > 28:  # x ≥ 2^20
        return libmp.fzero, libmp.mpf_shift(libmp.fone, -(10**6))
    precise = bits + k + 16
    y, minus_y = _point(libmp.mpf_shift(x, -k)), _point(libmp.mpf_neg(libmp.mpf_shift(x, -k)))
    term = total = _point(libmp.fone)
    j = 0
    while y != _ZERO and libmp.mpf_gt(_top(term), libmp.mpf_shift(libmp.fone, -precise)):
        j += 1
        term = libmp.mpi_div(libmp.mpi_mul(term, minus_y, precise), _point(libmp.from_int(j)), precise)
        total = libmp.mpi_add(total, term, precise)
    rest = _top(term) if j else libmp.fzero  # the terms left out add up to less than the last one taken
    total = libmp.mpi_add(total, (libmp.mpf_neg(rest), rest), precise)
    for _ in range(k):
        total = libmp.mpi_mul(total, total, precise)
    return total[0], total[1]


class Intervals:
    """The arithmetic of :class:`IntervalVector` at ``bits`` bits."""

    name = "mpmath"

    def __init__(self, bits: int):
        self.bits = bits

    def vector(self, values: Sequence[Fraction]) -> IntervalVector:
        """Intervals that hold exact numbers."""
        ends = [(v.numerator, v.denominator, self.bits) for v in values]
        return IntervalVector(
            self.bits,
            [(libmp.from_rational(*v, libmp.round_floor), libmp.from_rational(*v, libmp.round_ceiling)) for v in ends],
        )

    def stack(self, scalars: Sequence[IntervalVector]) -> IntervalVector:
        """The vector of the given scalars."""
        return IntervalVector(self.bits, [v.values[0] for v in scalars])
