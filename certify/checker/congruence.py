"""Symmetric matrices of integers, with one error for all entries, after a congruence: what their eigenvalues exceed.

If the left ends of all Gershgorin discs of ``VᵀMV`` are positive, ``M`` is positive definite, whatever ``V``. For
``|Δ|`` at most ``e`` entry by entry, ``|V_iᵀΔV_k| ≤ e ‖V_i‖₁‖V_k‖₁``. Python's integers are exact: errors are those of
``n // k``, each less than one unit.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from operator import mul

from .loss import Vector

UNIT = 1 << 160
"""Matrices are integers over it."""

Matrix = list[list[int]]


@dataclass(frozen=True)
class Enclosed:
    """A symmetric matrix of integers over ``UNIT``; every entry is off by at most ``error``."""

    rows: Matrix
    error: int

    @classmethod
    def of(cls, triangle: Sequence[Sequence[Vector]], scale: Fraction) -> Enclosed:
        """From the lower triangle, times ``scale``."""
        size, error = len(triangle), 0
        rows = [[0] * size for _ in range(size)]
        for i, row in enumerate(triangle):
            for j, value in enumerate(row):
                low, high = (value.lower()[0] * scale * UNIT, value.upper()[0] * scale * UNIT)
                rows[i][j] = rows[j][i] = math.floor(low)
                error = max(error, math.ceil(high) - rows[i][j])
        return cls(rows, error)

    @classmethod
    def sum_of(cls, matrices: Sequence[Enclosed]) -> Enclosed:
        rows = [list(map(sum, zip(*lines, strict=True))) for lines in zip(*(m.rows for m in matrices), strict=True)]
        return cls(rows, sum(m.error for m in matrices))

    @classmethod
    def combined(cls, matrices: Sequence[Enclosed], weights: Sequence[Fraction]) -> Enclosed:
        """``Σ c_k M_k``, ``c_k`` exact."""
        whole = math.lcm(*(c.denominator for c in weights))
        n = [c.numerator * (whole // c.denominator) for c in weights]
        rows = [
            [sum(map(mul, n, entries)) // whole for entries in zip(*lines, strict=True)]
            for lines in zip(*(m.rows for m in matrices), strict=True)
        ]
        return cls(rows, sum(abs(k) * m.error for k, m in zip(n, matrices, strict=True)) // whole + 2)

    def congruent(self, v: Matrix) -> Enclosed:
        """``VᵀMV``, ``v`` the columns of ``V``: ``|V_iᵀΔV_k| ≤ error ‖V_i‖₁‖V_k‖₁``."""
        middle = [[sum(map(mul, row, column)) for row in self.rows] for column in v]
        rows = [[sum(map(mul, column, image)) // UNIT**2 for image in middle] for column in v]
        longest = max(sum(map(abs, column)) for column in v)
        return Enclosed(rows, self.error * longest**2 // UNIT**2 + 2)

    @property
    def norm(self) -> int:
        """The largest sum of a row of magnitudes."""
        return max(sum(map(abs, row)) for row in self.rows) + len(self.rows) * self.error

    @property
    def least(self) -> int:
        """The least left end of a Gershgorin disc."""
        ends = [row[i] + abs(row[i]) - sum(map(abs, row)) for i, row in enumerate(self.rows)]
        return min(ends) - len(self.rows) * self.error


def root(value: int) -> int:
    """At least the root of ``value/UNIT``, over ``UNIT``."""
    return math.isqrt(value * UNIT) + 1


def guess(matrices: Sequence[Enclosed]) -> Matrix | None:
    """The columns of ``V`` with ``VᵀMV = 1`` nearly, ``M`` the mean of the matrices: ``M = LLᵀ``, ``V = L^−ᵀ``.

    In floating point: any ``V`` will do. ``None`` where ``M`` is not positive definite.
    """
    size, whole = range(len(matrices[0].rows)), len(matrices) * UNIT
    mean = [[sum(m.rows[i][j] for m in matrices) / whole for j in size] for i in size]
    factor: list[list[float]] = []
    inverse: list[list[float]] = []
    for i in size:
        row: list[float] = []
        for j in range(i):
            row.append((mean[i][j] - sum(map(mul, row, factor[j]))) / factor[j][j])
        pivot = mean[i][i] - sum(map(mul, row, row))
        if not 0 < pivot < math.inf:
            return None
        root = math.sqrt(pivot)
        # row i of L^−1: (e_i − Σ_j L_ij (L^−1)_j)/L_ii
        inverse.append([((i == k) - sum(v * inverse[j][k] for j, v in enumerate(row))) / root for k in size])
        factor.append([*row, root])
    return [[round(math.ldexp(v, 96)) << 64 for v in line] for line in inverse]
