"""How many eigenvalues of a symmetric matrix lie below a number, for matrices of hundreds of rows.

A triangular factor is guessed in floating point, which proves nothing, and its product is taken in integers:

**Theorem.** Let ``A`` be symmetric, ``L`` triangular without zeros on its diagonal, ``S = diag(±1)`` with ``p`` times
``−1``, and ``δ`` at least the largest sum of magnitudes in a row of ``A − LSLᵀ``. Then at least ``p`` eigenvalues of
``A`` are below ``δ``, and at most ``p`` are below or at ``−δ``: ``LSLᵀ`` has ``p`` negative and no zero eigenvalues
(Sylvester), and by Weyl each eigenvalue of ``A`` is within ``δ`` of one of its.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from operator import mul

PLACES = 48
"""Binary places of the factor; the matrix has twice as many."""


@dataclass(frozen=True)
class Symmetric:
    """The lower triangle of an enclosed symmetric matrix, in units of ``2^(−2 PLACES)``.

    Args:
        rows: row ``i`` has ``i + 1`` integers.
        error: an upper bound of the distance of every entry, in the same units.
    """

    rows: list[list[int]]
    error: int

    @classmethod
    def of(cls, ends: Sequence[tuple[Sequence[Fraction], Sequence[Fraction]]]) -> Symmetric:
        """From exact lower and upper ends, row by row; what is above the diagonal is not used."""
        unit, rows, error = 1 << 2 * PLACES, [], 0
        for i, (low, high) in enumerate(ends):
            row = [a.numerator * unit // a.denominator for a in low[: i + 1]]
            tops = [-(-b.numerator * unit // b.denominator) for b in high[: i + 1]]
            error = max(error, *(top - bottom for bottom, top in zip(row, tops, strict=True)))
            rows.append(row)
        return cls(rows, error)

    @property
    def norm(self) -> Fraction:
        """An upper bound of the norm: the largest sum of magnitudes in a row."""
        size = len(self.rows)
        sums = [size * self.error] * size
        for i, row in enumerate(self.rows):
            sums[i] += sum(map(abs, row))
            for j, entry in enumerate(row[:i]):
                sums[j] += abs(entry)
        return Fraction(max(sums), 1 << 2 * PLACES)


@dataclass(frozen=True)
class Count:
    """At least ``below`` eigenvalues are below ``shift + slack``, at most so many are at or below ``shift − slack``.

    ``factor`` and ``signs`` are the guess of ``L`` and ``S``, as floats.
    """

    below: int
    slack: Fraction
    factor: list[list[float]]
    signs: list[int]


def count_below(matrix: Symmetric, shift: Fraction) -> Count | None:
    """The eigenvalues about ``shift``; ``None`` where no factor was found."""
    unit, size = 1 << 2 * PLACES, len(matrix.rows)
    offset = shift.numerator * unit // shift.denominator  # off by less than one unit
    rows = [[*row[:-1], row[-1] - offset] for row in matrix.rows]
    try:
        guess = _factor([[entry / unit for entry in row] for row in rows])
        if guess is None:
            return None
        factor, signs = guess
        lower = [[round(math.ldexp(entry, PLACES)) for entry in row] for row in factor]
    except OverflowError:  # numbers beyond those of floats
        return None
    if not all(row[-1] for row in lower):
        return None
    signed = [list(map(mul, row, signs)) for row in lower]
    sums = [size * matrix.error + 1] * size
    for i, row in enumerate(signed):
        for j in range(i + 1):
            # the shorter row ends the sum: L is triangular
            rest = abs(rows[i][j] - sum(map(mul, lower[j], row)))
            sums[i] += rest
            if j < i:
                sums[j] += rest
    return Count(signs.count(-1), Fraction(max(sums), unit), factor, signs)


def _factor(rows: list[list[float]]) -> tuple[list[list[float]], list[int]] | None:
    """``L`` and ``S`` in floating point, row by row, without pivoting."""
    factor: list[list[float]] = []
    signed: list[list[float]] = []
    signs: list[int] = []
    for i, entries in enumerate(rows):
        row: list[float] = []
        for j in range(i):
            row.append((entries[j] - sum(map(mul, signed[j], row))) * signs[j] / factor[j][j])
        turned = list(map(mul, row, signs))
        pivot = entries[i] - sum(map(mul, row, turned))
        if not 0 < abs(pivot) < math.inf:
            return None
        sign = 1 if pivot > 0 else -1
        row.append(math.sqrt(abs(pivot)))
        factor.append(row)
        signed.append([*turned, sign * row[-1]])
        signs.append(sign)
    return factor, signs


def quotient_above(matrix: Symmetric, count: Count) -> Fraction:
    """An upper bound of the smallest eigenvalue: the Rayleigh quotient of a vector found by inverse iteration."""
    unit, size = 1 << 2 * PLACES, len(matrix.rows)
    x = [1.0 + (0.618 * i) % 1.0 for i in range(size)]
    for _ in range(30):
        x = _solve(count, x)
        length = math.sqrt(sum(map(mul, x, x)))
        x = [v / length for v in x]
    point = [round(math.ldexp(v, PLACES)) for v in x]
    twice = 2 * sum(v * sum(map(mul, row[:-1], point)) for v, row in zip(point, matrix.rows, strict=True))
    value = twice + sum(v * v * row[-1] for v, row in zip(point, matrix.rows, strict=True))
    square = sum(map(mul, point, point))
    # |xᵀΔx| ≤ error ‖x‖₁² ≤ error P ‖x‖²
    return Fraction(value, unit * square) + Fraction(size * matrix.error, unit)


def _solve(count: Count, right: list[float]) -> list[float]:
    """``(LSLᵀ)⁻¹`` of a vector."""
    y: list[float] = []
    for row, value in zip(count.factor, right, strict=True):
        y.append((value - sum(map(mul, row, y))) / row[-1])
    x = list(map(mul, y, count.signs))
    for i in reversed(range(len(x))):
        x[i] /= count.factor[i][i]
        for j, entry in enumerate(count.factor[i][:i]):
            x[j] -= entry * x[i]
    return x
