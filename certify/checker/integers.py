"""Vectors of enclosures in scaled integers: the arithmetic the checker uses unless told otherwise.

At scale ``s`` the *ball* of two integers ``(m, r)``, ``r ≥ 0``, stands for the reals ``x`` with ``|x − m/2^s| ≤
r/2^s``. Python's integers are exact, so the only errors are those of ``n >> s`` and ``n // k``, each less than one
unit ``2^−s``. Counted in units, for ``|x − m| ≤ r`` and ``|y − n| ≤ q``,

    |x + y − (m + n)| ≤ r + q           ||x| − |m|| ≤ r
    |xy − mn| ≤ |m| q + r |n| + rq = (|m| + r)(|n| + q) − |m||n|.

Every operation returns a ball that holds all results; radii are rounded up.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from fractions import Fraction
from functools import cached_property
from operator import add, mul

from . import special


class IntegerVector:
    """Balls ``mid[i]/2^scale ± rad[i]/2^scale``. A vector of length 1 serves as a scalar."""

    def __init__(self, scale: int, mid: list[int], rad: list[int]):
        self.scale, self.mid, self.rad = scale, mid, rad

    @cached_property
    def size(self) -> list[int]:
        """``|m|``."""
        return list(map(abs, self.mid))

    @cached_property
    def top(self) -> list[int]:
        """``|m| + r``, upper bounds of ``|x|``."""
        return list(map(add, self.size, self.rad))

    def __len__(self) -> int:
        return len(self.mid)

    def __getitem__(self, i: int) -> IntegerVector:
        return IntegerVector(self.scale, [self.mid[i]], [self.rad[i]])

    def _like(self, other: IntegerVector | int) -> IntegerVector:
        """``other``, repeated to the length of this vector where it is a scalar."""
        n = len(self)
        if isinstance(other, int):
            return IntegerVector(self.scale, [other << self.scale] * n, [0] * n)
        if other.scale != self.scale or len(other) not in (1, n):
            raise ValueError("vectors of different length or scale")
        return other if len(other) == n else IntegerVector(self.scale, other.mid * n, other.rad * n)

    def _points(self, mid: list[int]) -> IntegerVector:
        return IntegerVector(self.scale, mid, [0] * len(mid))

    def __neg__(self) -> IntegerVector:
        return IntegerVector(self.scale, [-m for m in self.mid], self.rad)

    def __abs__(self) -> IntegerVector:
        return IntegerVector(self.scale, self.size, self.rad)

    def __add__(self, other: IntegerVector | int) -> IntegerVector:
        o = self._like(other)
        return IntegerVector(self.scale, list(map(add, self.mid, o.mid)), list(map(add, self.rad, o.rad)))

    def __sub__(self, other: IntegerVector | int) -> IntegerVector:
        return self + -other

    def __rsub__(self, other: int) -> IntegerVector:
        return -self + other

    def __mul__(self, other: IntegerVector | int) -> IntegerVector:
        if isinstance(other, int):  # exact
            return IntegerVector(self.scale, [m * other for m in self.mid], [r * abs(other) for r in self.rad])
        s, o = self.scale, self._like(other)
        mid = [m >> s for m in map(mul, self.mid, o.mid)]
        outer, inner = map(mul, self.top, o.top), map(mul, self.size, o.size)
        # + 2: a unit for the rounding of the midpoint, and one for that of the radius
        return IntegerVector(s, mid, [(t - n >> s) + 2 for t, n in zip(outer, inner, strict=True)])

    __rmul__ = __mul__

    def dot(self, other: IntegerVector) -> IntegerVector:
        """``Σ x_i y_i``: sums of exact products, rounded once."""
        s, o = self.scale, self._like(other)
        # (|m| + r)(|n| + q) − |m||n|, where the radii are mostly short numbers
        radius = sum(map(mul, self.top, o.rad)) + sum(map(mul, self.rad, o.size))
        return IntegerVector(s, [sum(map(mul, self.mid, o.mid)) >> s], [(radius >> s) + 2])

    def reciprocal(self) -> IntegerVector:
        """``1/x``: for ``|m| > r``, ``|1/x − 1/m| ≤ r / (|m| (|m| − r))``.

        Raises:
            ZeroDivisionError: a ball holds 0.
        """
        pairs = list(zip(self.mid, self.rad, strict=True))
        if any(abs(m) <= r for m, r in pairs):
            raise ZeroDivisionError("the reciprocal of a ball that holds 0")
        one = 1 << 2 * self.scale
        rad = [one * r // (abs(m) * (abs(m) - r)) + 2 for m, r in pairs]
        return IntegerVector(self.scale, [one // m for m in self.mid], rad)

    def midpoints(self) -> IntegerVector:
        """The midpoints, as points."""
        return self._points(self.mid)

    def radii(self) -> IntegerVector:
        """The radii, as points."""
        return self._points(self.rad)

    def tops(self) -> IntegerVector:
        """Upper bounds of ``|x|``, as points."""
        return self._points(self.top)

    def larger(self, other: IntegerVector) -> IntegerVector:
        """Upper bounds of ``max(|x|, |y|)``, as points."""
        return self._points(list(map(max, self.top, other.top)))

    def root_tops(self) -> IntegerVector:
        """Upper bounds of ``√|x|``, as points: ``√(t/2^s) = √(t 2^s)/2^s < (⌊√(t 2^s)⌋ + 1)/2^s``."""
        return self._points([math.isqrt(t << self.scale) + 1 for t in self.top])

    def widened(self, by: IntegerVector) -> IntegerVector:
        """``x ± |y|`` for every ``y`` in ``by``."""
        return IntegerVector(self.scale, self.mid, list(map(add, self.rad, self._like(by).top)))

    def sigmoid(self) -> IntegerVector:
        """``σ(x) = 1/(1 + e^−x)`` of points: ``σ(|x|) = 1/(1 + e^−|x|)`` and ``σ(−z) = 1 − σ(z)``."""
        if any(self.rad):
            raise ValueError("the sigmoid is evaluated at points")
        values = [exp_minus(n, self.scale) for n in self.size]
        e = IntegerVector(self.scale, [value for value, _ in values], [error for _, error in values])
        p, one = (e + 1).reciprocal(), 1 << self.scale
        return IntegerVector(
            self.scale, [n if m >= 0 else one - n for m, n in zip(self.mid, p.mid, strict=True)], p.rad
        )

    def erf(self) -> IntegerVector:
        """The error function of points."""
        return self._special(special.erf)

    def log1p(self) -> IntegerVector:
        """``log(1 + v)`` of points, ``0 ≤ v ≤ 1``."""
        return self._special(special.log1p)

    def _special(self, function: Callable[[int, int], tuple[int, int]]) -> IntegerVector:
        if any(self.rad):
            raise ValueError("special functions are evaluated at points")
        values = [function(m, self.scale) for m in self.mid]
        return IntegerVector(self.scale, [value for value, _ in values], [error for _, error in values])

    def lower(self) -> list[Fraction]:
        """Exact lower ends."""
        return [Fraction(m - r, 1 << self.scale) for m, r in zip(self.mid, self.rad, strict=True)]

    def upper(self) -> list[Fraction]:
        """Exact upper ends."""
        return [Fraction(m + r, 1 << self.scale) for m, r in zip(self.mid, self.rad, strict=True)]


def exp_minus(n: int, scale: int) -> tuple[int, int]:
    """A ball that holds ``e^−x`` for ``x = n/2^scale ≥ 0``; ``scale ≥ 128``.

    ``e^−x = (e^−y)^(2^k)`` with ``y = x/2^k < 2^−8``, and ``e^−y = Σ (−1)^j t_j``, ``t_j = y^j/j!``. In units ``2^−w``,
    ``w = scale + k + 12``:

    * ``T_0 = 2^w``, ``T_j = ⌊T_{j−1} y/j⌋``: ``0 ≤ t_j − T_j ≤ (t_{j−1} − T_{j−1})/2 + 1 ≤ 2``; the terms alternate
      and decrease, so those from the first ``T_J = 0`` on add up to at most ``t_J ≤ 2``: the sum is wrong by ``2J``;
    * squaring ``z ± e``, ``z ≤ 2^w``, and rounding is wrong by at most ``2e + e²/2^w + 1 ≤ 2e + 2``, as ``e² ≤ 2^w``;
      after ``k`` squarings by ``2^k (2J + 2) < 2^(k+12)``, a unit ``2^−scale``. Rounding to that unit adds another.
    """
    k = max(0, n.bit_length() - scale + 8)
    if k > 64:  # x ≥ 2^55: e^−x is far below one unit
        return 0, 1
    w = scale + k + 12
    y = n << 12  # x/2^k in units 2^−w
    total = term = 1 << w
    j = 0
    while term:
        j += 1
        term = (term * y >> w) // j
        total += -term if j % 2 else term
    if j > 2000:
        raise ValueError("the series of the exponential is too long")  # not below a scale of 16 000
    for _ in range(k):
        total = total * total >> w
    return total >> k + 12, 2


class Integers:
    """The arithmetic of :class:`IntegerVector` at ``bits ≥ 128`` binary places."""

    name = "integer"

    def __init__(self, bits: int):
        self.bits = bits

    def vector(self, values: Sequence[Fraction]) -> IntegerVector:
        """Balls that hold exact numbers."""
        pairs = [divmod(value.numerator << self.bits, value.denominator) for value in values]
        return IntegerVector(self.bits, [whole for whole, _ in pairs], [1 if rest else 0 for _, rest in pairs])

    def stack(self, scalars: Sequence[IntegerVector]) -> IntegerVector:
        """The vector of the given scalars."""
        return IntegerVector(self.bits, [v.mid[0] for v in scalars], [v.rad[0] for v in scalars])
