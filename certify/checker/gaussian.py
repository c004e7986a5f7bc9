"""The loss of ReLU students of a ReLU teacher under Gaussian inputs (docs/gaussian-relu.md), enclosed at a point.

With the angle ``t`` of ``w`` and ``v``, ``c = cos t``, ``s = sin t``, ``b = π − t``, ``w̄ = w/‖w‖``, for all pairs of
students and of a student and a teacher neuron (Theorems 1 and 2):

    F    = ½ Σ_ij f(w_i, w_j) − Σ_ij f(w_i, v_j) + ½ Σ_ij f(v_i, v_j),   f(w, v) = ‖w‖‖v‖ (s + bc)/2π,  f(w, w) = ‖w‖²/2
    ∂_iF = w_i/2 + Σ_{j≠i} g(w_i, w_j) − Σ_j g(w_i, v_j),                   g = (‖v‖ s w̄ + b v)/2π
    H_ii = I/2 + Σ_{j≠i} h1(w_i, w_j) − Σ_j h1(w_i, v_j),
      h1 = ‖v‖/(2π s ‖w‖) (s² (I − w̄w̄ᵀ) + qqᵀ),   q = c w̄ − v̄
    H_ij = (b I + (w̄v̄ᵀ + v̄w̄ᵀ − c (w̄w̄ᵀ + v̄v̄ᵀ))/s)/2π                       for v = w_j

**Theorem 5** (where it is smooth). If ``2R (1/‖w_i‖ + 1/‖w_j‖) < s`` for all pairs of students and ``2R/‖w_i‖ < s``
for all pairs of a student and a teacher neuron, then on the ball of radius ``R`` no neuron is 0 and no two are
parallel: ``F`` is smooth there, and

    ‖D³F‖ ≤ √27/4π ((n − 1) w_max + Σ‖v_j‖)/w_min² + 3 √(n − 1)/(π w_min),
    w_min = min‖w_i‖ − R,  w_max = max‖w_i‖ + R.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from itertools import combinations
from typing import Any

from .angles import Vector, arc_cosine, pi, root, select


@dataclass(frozen=True)
class Population:
    """The problem as read from disk, exact.

    Args:
        hash: SHA-256 of its content.
        teacher: the rows ``v_j``, non-zero and linearly independent.
    """

    hash: str
    teacher: tuple[tuple[Fraction, ...], ...]

    @property
    def dimension(self) -> int:
        return len(self.teacher[0])


class Place:
    """The loss and its derivatives at the exact point of rows ``w_i``.

    Raises:
        ZeroDivisionError: a neuron may be 0, or two may be parallel.
    """

    def __init__(self, problem: Population, rows: list[list[Fraction]], arithmetic: Any):
        self.students, self.dimension, self.arithmetic = len(rows), problem.dimension, arithmetic
        every = [*rows, *problem.teacher]
        self.count = len(every)
        # coordinate by coordinate, a vector over all neurons, students first
        self.axes = [arithmetic.vector([row[k] for row in every]) for k in range(self.dimension)]
        self.norm = root(sum((x * x for x in self.axes[1:]), self.axes[0] * self.axes[0]))
        inverse = self.norm.reciprocal()
        self.units = [x * inverse for x in self.axes]
        self.over_circle = (pi(arithmetic) * 2).reciprocal()
        self.others = [[j for j in range(self.count) if j != i] for i in range(self.students)]
        self.seen = [self._seen(self.unit(i), others) for i, others in enumerate(self.others)]

    def unit(self, i: int) -> Vector:
        """``w̄_i``."""
        return self.arithmetic.stack([axis[i] for axis in self.units])

    def row(self, i: int) -> Vector:
        """``w_i``."""
        return self.arithmetic.stack([axis[i] for axis in self.axes])

    def _seen(self, unit: Vector, others: list[int]) -> tuple[Vector, Vector, Vector]:
        """``c, s, b`` of the other neurons seen from one."""
        axes = [select(axis, others, self.arithmetic) for axis in self.units]
        c = sum((axis * unit[k] for k, axis in enumerate(axes[1:], 1)), axes[0] * unit[0])
        s = root(1 - c * c)
        return c, s, arc_cosine(-c, s, self.arithmetic)

    def _signs(self, others: list[int]) -> Vector:
        return self.arithmetic.vector([Fraction(1 if j < self.students else -1) for j in others])

    @cached_property
    def loss(self) -> Vector:
        """``F``: pairs of students are seen twice, hence half; pairs of teachers are seen here only."""
        half, total = self.number(Fraction(1, 2)), self.number(0)
        for i, others in enumerate(self.others):
            c, s, b = self.seen[i]
            weight = self.arithmetic.vector([Fraction(1, 2) if j < self.students else Fraction(-1) for j in others])
            norms = select(self.norm, others, self.arithmetic) * self.norm[i]
            total = total + (norms * (s + b * c)).dot(weight)
        for j, k in combinations(range(self.students, self.count), 2):
            c, s, b = self._seen(self.unit(j), [k])
            total = total + self.norm[j] * self.norm[k] * (s + b * c)
        squares = sum((self.norm[i] * self.norm[i] for i in range(1, self.count)), self.norm[0] * self.norm[0])
        return total * self.over_circle + squares * half * half

    @cached_property
    def gradient(self) -> Vector:
        """``∇F``, row by row."""
        out = []
        for i, others in enumerate(self.others):
            _, s, b = self.seen[i]
            signs = self._signs(others)
            along = (s * select(self.norm, others, self.arithmetic)).dot(signs)
            turn = b * signs
            for axis, unit in zip(self.axes, self.units, strict=True):
                pull = unit[i] * along + turn.dot(select(axis, others, self.arithmetic))
                out.append(axis[i] * self.number(Fraction(1, 2)) + pull * self.over_circle)
        return self.arithmetic.stack(out)

    @cached_property
    def hessian(self) -> list[list[Vector]]:
        """Its blocks ``H_ij`` for ``j ≤ i``: d rows each."""
        return [[self._mixed(i, j) if j < i else self._own(i) for j in range(i + 1)] for i in range(self.students)]

    def _own(self, i: int) -> list[Vector]:
        a, others, unit, d = self.arithmetic, self.others[i], self.unit(i), self.dimension
        c, s, _ = self.seen[i]
        size = select(self.norm, others, a) * self._signs(others) * (self.norm[i].reciprocal() * self.over_circle)
        weight, flat = size * s.reciprocal(), (size * s).dot(self._ones(len(others)))
        q = [c * unit[k] - select(axis, others, a) for k, axis in enumerate(self.units)]
        pulled = [weight * line for line in q]
        rows: list[list[Vector]] = []
        for k in range(d):
            row = [rows[m][k] for m in range(k)]
            for m in range(k, d):
                delta = flat + self.number(Fraction(1, 2)) if m == k else self.number(0)
                row.append(pulled[k].dot(q[m]) - flat * unit[k] * unit[m] + delta)
            rows.append(row)
        return [a.stack(row) for row in rows]

    def _mixed(self, i: int, j: int) -> list[Vector]:
        # row k:  (w̄'_k − c w̄_k) w̄ + (w̄_k − c w̄'_k) w̄', over 2πs, and b/2π on the diagonal
        c, s, b = (part[j] for part in self.seen[i])  # students come first: j is the place of j < i
        first, second = self.unit(i), self.unit(j)
        scale = s.reciprocal() * self.over_circle
        left, right = (second - first * c) * scale, (first - second * c) * scale
        middle = b * self.over_circle
        rows = []
        for k in range(self.dimension):
            diagonal = self.arithmetic.vector([Fraction(int(m == k)) for m in range(self.dimension)])
            rows.append(first * left[k] + second * right[k] + diagonal * middle)
        return rows

    def smooth_within(self, radius: Fraction) -> bool:
        """Whether Theorem 5 applies to the ball of this radius. ``False`` does not say that it is not smooth there."""
        inverse = self.norm.reciprocal().upper()
        for i, others in enumerate(self.others):
            for j, sine in zip(others, self.seen[i][1].lower(), strict=True):
                reach = inverse[i] + (inverse[j] if j < self.students else 0)
                if not 2 * radius * reach < sine:
                    return False
        return True

    def lipschitz(self, radius: Fraction) -> Fraction:
        """Theorem 5's bound of the third derivative on a ball in which it applies."""
        n, upper = self.students, self.norm.upper()
        low, high = min(self.norm.lower()[:n]) - radius, max(upper[:n]) + radius
        teacher: Fraction = sum(upper[n:], Fraction(0))
        root_above = Fraction(math.isqrt((n - 1) << 64) + 1, 1 << 32)
        # √27/4π < 0.4135 and 3/π < 0.955
        pure = Fraction(4135, 10000) * ((n - 1) * high + teacher) / low**2
        bound: Fraction = pure + Fraction(955, 1000) * root_above / low
        return bound

    def number(self, value: Fraction | int) -> Vector:
        """A scalar."""
        return self.arithmetic.vector([Fraction(value)])

    def _ones(self, count: int) -> Vector:
        return self.arithmetic.vector([Fraction(1)] * count)
