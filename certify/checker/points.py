"""Vectors of points in scaled integers, with one error for a whole vector: the arithmetic of paths.

On a path everything is evaluated at points, so that errors are those of rounding only and one bound serves all
entries. At scale ``s`` the integers ``m_i`` with *error* ``r`` and *reach* ``A ≥ max|m_i|`` stand for numbers ``x_i``
with ``|x_i − m_i/2^s| ≤ r/2^s``. Python's integers are exact, so the only errors are those of ``n >> s`` and ``n //
k``, each less than one unit ``2^−s``. Counted in units, for ``x`` (``m, r, A``) and ``y`` (``n, q, B``),

    |x + y − (m + n)| ≤ r + q           |xy − mn| ≤ Aq + rB + rq           |Σ xy − Σ mn| ≤ q Σ|m| + r Σ|n| + Nrq.

``A`` is carried along like ``r``; no vector is searched for it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from fractions import Fraction
from functools import cached_property, lru_cache, partial, reduce
from itertools import repeat
from operator import add, mul, sub

from . import special
from .integers import exp_minus


class PointVector:
    """Numbers ``mid[i]/2^scale``, each with an error of at most ``rad/2^scale``, ``|mid[i]| ≤ reach``.

    A vector of length 1 serves as a scalar.
    """

    def __init__(self, scale: int, mid: list[int], rad: int, reach: int):
        self.scale, self.mid, self.rad, self.reach = scale, mid, rad, reach

    def __len__(self) -> int:
        return len(self.mid)

    def __getitem__(self, i: int) -> PointVector:
        return PointVector(self.scale, [self.mid[i]], self.rad, self.reach)

    def _like(self, other: PointVector) -> PointVector:
        """``other``, repeated to the length of this vector where it is a scalar."""
        n, s = len(self), self.scale
        if other.scale != s or len(other) not in (1, n):
            raise ValueError("vectors of different length or scale")
        return other if len(other) == n else PointVector(s, other.mid * n, other.rad, other.reach)

    def __neg__(self) -> PointVector:
        return PointVector(self.scale, [-m for m in self.mid], self.rad, self.reach)

    def __abs__(self) -> PointVector:
        return PointVector(self.scale, list(map(abs, self.mid)), self.rad, self.reach)

    def __add__(self, other: PointVector | int) -> PointVector:
        if isinstance(other, int):
            k = other << self.scale
            return PointVector(self.scale, [m + k for m in self.mid], self.rad, self.reach + abs(k))
        o = self._like(other)
        return PointVector(self.scale, list(map(add, self.mid, o.mid)), self.rad + o.rad, self.reach + o.reach)

    __radd__ = __add__

    def __sub__(self, other: PointVector | int) -> PointVector:
        if isinstance(other, int):
            return self + -other
        o = self._like(other)
        return PointVector(self.scale, list(map(sub, self.mid, o.mid)), self.rad + o.rad, self.reach + o.reach)

    def __rsub__(self, other: int) -> PointVector:
        k = other << self.scale
        return PointVector(self.scale, [k - m for m in self.mid], self.rad, self.reach + abs(k))

    def __mul__(self, other: PointVector | int) -> PointVector:
        s = self.scale
        if isinstance(other, int):  # exact
            k = abs(other)
            return PointVector(s, [m * other for m in self.mid], self.rad * k, self.reach * k)
        o = self._like(other)
        error = self.reach * o.rad + self.rad * o.reach + self.rad * o.rad
        # the error of the shift, and what is cut off here
        return PointVector(
            s,
            [m * n >> s for m, n in zip(self.mid, o.mid, strict=True)],
            (error >> s) + 2,
            (self.reach * o.reach >> s) + 1,
        )

    __rmul__ = __mul__

    @cached_property
    def _total(self) -> int:
        return sum(map(abs, self.mid))

    def dot(self, other: PointVector) -> PointVector:
        """``Σ x_i y_i``: a sum of exact products, rounded once."""
        s, o = self.scale, self._like(other)
        error = self._total * o.rad + self.rad * o._total + len(self) * self.rad * o.rad
        mid = sum(map(mul, self.mid, o.mid)) >> s
        return PointVector(s, [mid], (error >> s) + 2, abs(mid))

    def midpoints(self) -> PointVector:
        """The numbers that are stored, as exact ones."""
        return PointVector(self.scale, self.mid, 0, self.reach)

    def radii(self) -> PointVector:
        """The error, as an exact number."""
        return PointVector(self.scale, [self.rad], 0, self.rad)

    def root_tops(self) -> PointVector:
        """Upper bounds of ``√|x|``, exact: ``√(t/2^s) = √(t 2^s)/2^s < (⌊√(t 2^s)⌋ + 1)/2^s``."""
        roots = [math.isqrt(abs(m) + self.rad << self.scale) + 1 for m in self.mid]
        return PointVector(self.scale, roots, 0, max(roots))

    def widened(self, by: PointVector) -> PointVector:
        """``x`` changed by anything up to ``|y|`` for ``y`` in ``by``."""
        return PointVector(self.scale, self.mid, self.rad + by.reach + by.rad, self.reach)

    def sigmoid(self) -> PointVector:
        """``σ(x) = 1/(1 + e^−x)`` of exact numbers: ``σ(|x|) = 1/(1 + e^−|x|)`` and ``σ(−z) = 1 − σ(z)``."""
        if self.rad:
            raise ValueError("the sigmoid is evaluated at points")
        s = self.scale
        one, square = 1 << s, 1 << 2 * s
        p = [square // (one + e) for e in exps_minus(list(map(abs, self.mid)), s)]
        # |σ'| in e is at most 1: the 16 units of e, and one of the division
        return PointVector(s, [n if m >= 0 else one - n for m, n in zip(self.mid, p, strict=True)], 17, one)

    def reciprocal(self) -> PointVector:
        """``1/x``: for ``|m| > r``, ``|1/x − 1/m| ≤ r / (|m| (|m| − r))``."""
        least = min(map(abs, self.mid))
        if least <= self.rad:
            raise ZeroDivisionError("the reciprocal of a ball that holds 0")
        one = 1 << 2 * self.scale
        rad = one * self.rad // (least * (least - self.rad)) + 2
        return PointVector(self.scale, [one // m for m in self.mid], rad, one // least + 1)

    def erf(self) -> PointVector:
        """The error function of exact numbers."""
        return self._special(special.erf)

    def log1p(self) -> PointVector:
        """``log(1 + v)`` of exact numbers, ``0 ≤ v ≤ 1``."""
        return self._special(special.log1p)

    def _special(self, function: Callable[[int, int], tuple[int, int]]) -> PointVector:
        if self.rad:
            raise ValueError("special functions are evaluated at points")
        values = [function(m, self.scale) for m in self.mid]
        mid = [value for value, _ in values]
        return PointVector(self.scale, mid, max(error for _, error in values), max(map(abs, mid)))

    def lower(self) -> list[Fraction]:
        """Exact lower ends."""
        return [Fraction(m - self.rad, 1 << self.scale) for m in self.mid]

    def upper(self) -> list[Fraction]:
        """Exact upper ends."""
        return [Fraction(m + self.rad, 1 << self.scale) for m in self.mid]


class _Table(dict[int, int]):
    """``e^−(n/2^places)`` at a scale, computed when first asked for; each has an error of at most 2 units."""

    def __init__(self, places: int, scale: int):
        super().__init__()
        self.places, self.scale = places, scale

    def __missing__(self, n: int) -> int:
        self[n] = exp_minus(n << self.scale - self.places, self.scale)[0]
        return self[n]


PLACES = (5, 17, 29)


@lru_cache(maxsize=4)
def _tables(scale: int) -> list[_Table]:
    return [_Table(places, scale) for places in PLACES]


def exps_minus(numbers: list[int], scale: int) -> list[int]:
    """``e^−x`` for each ``x = n/2^scale ≥ 0``, ``scale ≥ 128``, with an error of at most 16 units.

    ``x = i/2^5 + j/2^17 + k/2^29 + y``, ``j, k < 2^12``, ``y < 2^−29``: three factors from tables, and ``e^−y =
    T_0/J!`` from ``T_j = J!/j! − y T_{j+1}`` with ``0 ≤ T_{J+1} ≤ 1``, as its terms alternate and decrease.

    * ``J = ⌊scale/29⌋`` and ``T_{J+1} = 0``, ``T_J = 1``: that makes ``T_0`` wrong by ``2^−29(J+1) < 2^−scale``, less
      than a unit. Each step is rounded by a unit, and what was wrong before counts ``y`` times: 2 units together, and
      one for the division by ``J!``.
    * A product of ``x ± e`` and ``y ± f`` that are at most 1 is wrong by ``e + f + ef/2^scale``, rounded by a unit: by
      at most ``e + f + 2``. So three factors with an error of 2 add 12 to the 3 of ``e^−y``.
    * For ``x ≥ scale`` the result is below a unit, like that at ``x = scale``.
    """
    top = scale << scale
    if max(numbers) > top:
        numbers = [min(n, top) for n in numbers]
    first, second, third = _tables(scale)
    a, b, c = (scale - places for places in PLACES)
    mask, digit = (1 << c) - 1, (1 << 12) - 1
    rest = [n & mask for n in numbers]
    last = scale // PLACES[-1]
    values = [(last << scale) - y for y in rest]  # T_{J−1}
    for j in range(last - 2, -1, -1):
        coefficient = math.perm(last, last - j) << scale
        values = [coefficient - (y * v >> scale) for y, v in zip(rest, values, strict=True)]
    whole = math.factorial(last)
    values = [v // whole * third[n >> c & digit] >> scale for n, v in zip(numbers, values, strict=True)]
    return [
        (v * second[n >> b & digit] >> scale) * first[n >> a] >> scale for n, v in zip(numbers, values, strict=True)
    ]


class Points:
    """The arithmetic of :class:`PointVector` at ``bits ≥ 128`` binary places."""

    name = "points"

    def __init__(self, bits: int):
        self.bits = bits

    def vector(self, values: Sequence[Fraction]) -> PointVector:
        """Vectors that hold exact numbers."""
        pairs = [divmod(value.numerator << self.bits, value.denominator) for value in values]
        mid = [whole for whole, _ in pairs]
        return PointVector(self.bits, mid, int(any(rest for _, rest in pairs)), max(map(abs, mid)))

    def stack(self, scalars: Sequence[PointVector]) -> PointVector:
        """The vector of the given scalars."""
        return PointVector(
            self.bits, [v.mid[0] for v in scalars], max(v.rad for v in scalars), max(v.reach for v in scalars)
        )

    def combination(self, vectors: Sequence[PointVector], weights: Sequence[Fraction]) -> PointVector:
        """``Σ c_k x_k`` with exact ``c_k``: a sum of exact products, rounded once."""
        whole = math.lcm(*(c.denominator for c in weights))
        n = [c.numerator * (whole // c.denominator) for c in weights]
        vectors = [vectors[0]._like(v) for v in vectors]
        exact = reduce(partial(map, add), (map(mul, v.mid, repeat(k)) for v, k in zip(vectors, n, strict=True)))
        sizes = [abs(k) for k in n]
        error = sum(k * v.rad for k, v in zip(sizes, vectors, strict=True))
        reach = sum(k * v.reach for k, v in zip(sizes, vectors, strict=True))
        return PointVector(self.bits, [m // whole for m in exact], error // whole + 2, reach // whole + 1)
