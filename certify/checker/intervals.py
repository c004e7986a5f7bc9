"""A third arithmetic: the same vectors in intervals of mpmath numbers, built from its correctly rounded ``+ − × ÷ √``.

Sums of products and the short series of the exponential are taken in integers, and rounded outward.

mpmath's own interval exponential is not used: it is not sound (at 53 bits ``iv.exp(-2**-53)`` excludes the true value).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from functools import cached_property, lru_cache, reduce
from operator import add, mul
from typing import Any

from mpmath import libmp

from . import special

Interval = tuple[Any, Any]
"""Lower and upper end, mpmath's raw floating-point numbers."""


def _point(x: Any) -> Interval:
    return x, x


def _top(x: Interval) -> Any:
    return libmp.mpi_abs(x, 0)[1]  # precision 0: exact


def _times(x: Interval, y: Interval, bits: int) -> Interval:
    """The product; where neither factor changes its sign, two products of ends are enough."""
    (a, b), (c, d) = x, y
    left, right = a[0], c[0]  # 1 for negative numbers
    if left != b[0] or right != d[0]:
        return libmp.mpi_mul(x, y, bits)  # type: ignore[no-any-return]
    low = libmp.mpf_mul(b if right else a, d if left else c, bits, libmp.round_floor)
    return low, libmp.mpf_mul(a if right else b, c if left else d, bits, libmp.round_ceiling)


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
        return self._map(_times, other)

    __rmul__ = __mul__

    @cached_property
    def _balls(self) -> tuple[int, list[int], list[int], list[int]]:
        """``s, m, |m|, |m| + r``: integers with every interval inside ``(m ± r)/2^s``, ``r`` a few units.

        ``s`` is so large that the largest end has ``bits + 32`` digits or more.
        """
        ends = [end for x in self.values for end in x if end[1]]
        scale = self.bits + 32 - max((end[2] + end[3] for end in ends), default=0)
        lows = [libmp.to_int(libmp.mpf_shift(low, scale), libmp.round_floor) for low, _ in self.values]
        highs = [libmp.to_int(libmp.mpf_shift(high, scale), libmp.round_ceiling) for _, high in self.values]
        mid = [low + high >> 1 for low, high in zip(lows, highs, strict=True)]
        size = list(map(abs, mid))
        return scale, mid, size, [n + high - m for n, m, high in zip(size, mid, highs, strict=True)]

    def dot(self, other: IntervalVector) -> IntervalVector:
        # Sums of many products dominate the cost: integers, exact but for the widening above. For |x − m| ≤ r and
        # |y − n| ≤ q, |xy − mn| ≤ (|m| + r)(|n| + q) − |m||n|.
        repeated = other if len(other) == len(self) else self._new(self._like(other))
        (s, m, size, top), (t, n, other_size, other_top) = self._balls, repeated._balls
        middle, reach = sum(map(mul, m, n)), sum(map(mul, top, other_top)) - sum(map(mul, size, other_size))
        ends = ((middle - reach, libmp.round_floor), (middle + reach, libmp.round_ceiling))
        low, high = (libmp.from_man_exp(end, -s - t, self.bits, rounding) for end, rounding in ends)
        return self._new([(low, high)])

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

    def erf(self) -> IntervalVector:
        return self._special(special.erf)

    def log1p(self) -> IntervalVector:
        return self._special(special.log1p)

    def _special(self, function: Callable[[int, int], tuple[int, int]]) -> IntervalVector:
        """In integers at ``2^−s``: rounding the argument down moves the value by less than two units."""
        s, out = self.bits + 32, []
        for low, _ in self.values:
            value, error = function(libmp.to_int(libmp.mpf_shift(low, s), libmp.round_floor), s)
            ends = ((value - error - 2, libmp.round_floor), (value + error + 2, libmp.round_ceiling))
            out.append(tuple(libmp.from_man_exp(end, -s, self.bits, rounding) for end, rounding in ends))
        return self._new(out)

    def lower(self) -> list[Fraction]:
        return [_fraction(low) for low, _ in self.values]

    def upper(self) -> list[Fraction]:
        return [_fraction(high) for _, high in self.values]


def _fraction(x: Any) -> Fraction:
    return Fraction(*map(int, libmp.to_rational(x)))


def _exp_minus(x: Any, bits: int) -> Interval:
    """``e^−x``, ``x ≥ 0``: digit by digit in base 64, ``e^−x = e^−y Π_k e^−(d_k 64^k)``, ``0 ≤ y < 2^−36``."""
    precise = bits + 16
    man, exp = int(x[1]), x[2]
    if man and exp + x[3] > 20:  # x ≥ 2^20
        return libmp.fzero, libmp.mpf_shift(libmp.fone, -(10**6))
    whole = man << exp + 36 if exp + 36 >= 0 else man >> -exp - 36  # ⌊2^36 x⌋
    value = _series(libmp.mpf_sub(x, libmp.from_man_exp(whole, -36)), precise)
    for k in range(-6, 4):
        whole, digit = divmod(whole, 64)
        if digit:
            value = _product(value, _factor(digit, k, precise), precise)
    return value


@lru_cache(maxsize=4096)
def _factor(digit: int, k: int, precise: int) -> Interval:
    """``e^−(d 64^k)``: ``2^(6k + 36)`` times ``d`` the power of ``e^−(2^−36)``, by squaring."""
    power, n = None, digit << 6 * (k + 6)
    base = _series(libmp.from_man_exp(1, -36), precise + 64)  # each squaring may double the error
    while n:
        if n & 1:
            power = base if power is None else _product(power, base, precise + 64)
        base, n = _product(base, base, precise + 64), n >> 1
    assert power is not None
    return power


def _series(y: Any, precise: int) -> Interval:
    """``e^−y`` for ``0 ≤ y < 2^−36``.

    ``T_j = Σ_{i ≥ j} (−y)^(i−j) J!/i!`` satisfies ``T_j = J!/j! − y T_{j+1}``, and ``0 ≤ T_{J+1} ≤ 1``, its terms
    being of alternating sign and decreasing from ``1/(J + 1)`` on. ``e^−y = T_0/J!``. In units ``2^−w``, ``w = precise
    + 8``, rounding ``y`` makes ``T_j`` wrong by ``T_{j+1} ≤ J!``, rounding the product by one; what was wrong before
    counts ``y`` times, and ``2^−36(J+1) < 2^−w``. So ``T_0/J!`` is off by less than 2, its rounding by one.
    """
    w, last = precise + 8, precise // 36 + 1
    n = libmp.to_int(libmp.mpf_shift(y, w), libmp.round_floor)
    value, coefficient = 1 << w, 1  # T_J
    for j in range(last, 0, -1):
        coefficient *= j  # J!/(j − 1)!
        value = (coefficient << w) - (n * value >> w)
    value //= coefficient
    high = libmp.from_man_exp(min(value + 4, 1 << w), -w, precise, libmp.round_ceiling)
    return libmp.from_man_exp(value - 4, -w, precise, libmp.round_floor), high


def _product(x: Interval, y: Interval, precise: int) -> Interval:
    """The product of positive intervals."""
    low = libmp.mpf_mul(x[0], y[0], precise, libmp.round_floor)
    return low, libmp.mpf_mul(x[1], y[1], precise, libmp.round_ceiling)


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

    def combination(self, vectors: Sequence[IntervalVector], weights: Sequence[Fraction]) -> IntervalVector:
        """``Σ c_k x_k`` with exact ``c_k``."""
        return reduce(add, (v * self.vector([c]) for v, c in zip(vectors, weights, strict=True)))
