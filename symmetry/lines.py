"""Network outputs along curves of parameters: Taylor polynomials in one variable, with a bound of the rest.

On the curve ``θ(t) = θ + t h_1 + t² h_2 + …`` a term of a network is ``Σ_k P_k(t) σ^(k)(z + y(t))`` with polynomials
``y = Σ_{i ≥ 1} y_i t^i`` and ``P_k``: a neuron has ``P_0 = a``, a pair ``P_0 = c, P_1 = s``. With ``[·]_m`` for the
coefficient of ``t^m``, the coefficients ``S_km`` of ``σ^(k)(z + y)`` and ``P_k = Σ_i p_ki t^i``,

    S_km = Σ_{j ≤ m} σ^(k+j)(z)/j! · [y^j]_m,       f_m = Σ_k Σ_{i ≤ m} p_ki S_k,m−i;

the same formula about any other ``t``, where no coefficient of ``y`` exceeds ``ȳ_i = Σ_l binom(l, i)|y_l|``, gives for
``|t| ≤ 1``

    |f^(K+1)(t)|/(K+1)! ≤ Σ_k Σ_i sup|P_k^(i)|/i! · S̄_k,K+1−i,

``S̄`` with ``ȳ`` and ``sup |σ^(k+j)|``. One variable and not ``P``: nothing is lost to the wrapping of boxes, so the
curves may be long.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from math import comb, lcm
from typing import Any

import numpy as np
from numpy.typing import NDArray

from symmetry.activation import Activation
from symmetry.arithmetic import Arithmetic
from symmetry.series import about

TOP = 5
"""The highest derivative of an activation that is enclosed."""


@dataclass(frozen=True)
class Curve:
    """A term ``Σ_k P_k(t) σ^(k)(z + y(t))``, summed over its m columns, before it is expanded.

    Args:
        argument: ``z``, ``y_1`` and, on a bent curve, ``y_2``, …, (N, m) each.
        polynomials: ``polynomials[k][i]`` is ``p_ki``, (m,) or, where m = 1, (N, 1).
    """

    argument: Sequence[Any]
    polynomials: Sequence[Sequence[Any]]

    @property
    def order(self) -> int:
        """The highest ``K`` for which the derivatives at hand suffice."""
        return TOP + 1 - len(self.polynomials)


@dataclass(frozen=True)
class Polynomial:
    """A term ``Σ p_i t^i``, (N, 1) each, of degree ``K`` at most."""

    coefficients: Sequence[Any]

    @property
    def order(self) -> int:
        """As in :class:`Curve`."""
        return TOP


@dataclass(frozen=True)
class Expansion:
    """``f(t) = Σ_j coefficients[j] t^j + e(t)``, and ``rest ≥ |f^(K+1)(t)|/(K+1)!`` for ``|t| ≤ 1``; (N, 1) each."""

    coefficients: list[Any]
    rest: Any

    def __add__(self, other: Expansion) -> Expansion:
        pairs = zip(self.coefficients, other.coefficients, strict=True)
        return Expansion([x + y for x, y in pairs], self.rest + other.rest)


def expand(term: Curve | Polynomial, order: int, activation: Activation, arithmetic: Arithmetic) -> Expansion:
    """Enclose a term to ``order`` ``K``, 2 or more and at most that of the term."""
    if isinstance(term, Polynomial):
        nothing = term.coefficients[0] * 0
        known = list(term.coefficients)
        return Expansion(known + [nothing] * (order + 1 - len(known)), nothing)
    z, number = term.argument[0], len(term.polynomials)
    jet = activation.jet(z, order + number - 1, arithmetic)
    known = arithmetic.composites(jet, number, term.argument, order)
    # sup |σ| is not needed: P_0 has degree K at most, so that k + j > 0
    sups = [arithmetic.number(activation.sup(j) if j else Fraction(0)) for j in range(order + number + 1)]
    wide = arithmetic.composites(sups, number, about(term.argument), order + 1)
    coefficients: list[list[Any]] = [[] for _ in range(order + 1)]
    rests = []
    for k, polynomial in enumerate(term.polynomials):
        for m, part in enumerate(known[k]):
            # the products with all p_ki at once
            for i, value in enumerate(_times(part, polynomial[: order + 1 - m], arithmetic)):
                coefficients[m + i].append(value)
        for i, bound in enumerate(about(polynomial)[: order + 2]):
            rests += _times(wide[k][order + 1 - i], [bound], arithmetic)
    return Expansion([_total(parts) for parts in coefficients], _total(rests))


def _times(values: Any, numbers: Sequence[Any], arithmetic: Arithmetic) -> list[Any]:
    """``Σ values·p`` over the columns, (N, 1), for each ``p`` of ``numbers``."""
    if len(numbers[0].shape) > 1:
        return [values * p for p in numbers]
    products = arithmetic.matmul(values, arithmetic.concatenate([p.reshape(-1, 1) for p in numbers], axis=1))
    return [products[:, i : i + 1] for i in range(len(numbers))]


def _total(parts: Sequence[Any]) -> Any:
    return sum(parts[1:], parts[0])


def slopes(residuals: Expansion, arithmetic: Arithmetic, *, vanishing: int = 0, even: bool = False) -> Any:
    """Numbers that bound the derivative of the mean square ``φ(t)`` of ``f(t)``.

    With ``p`` the polynomial, ``G = mean p_i p_j`` and ``e`` the root mean square of ``rest``,

        φ' = 2 mean (p + ρ)(p' + ρ'),   |ρ| ≤ rest |t|^(K+1),   |ρ'| ≤ (K+1) rest |t|^K,
        |φ' − 2 mean pp'| ≤ 2e (Σ (K+1+j) √G_jj + (K+1) e)                     (Cauchy–Schwarz),

    and a polynomial lies between the least and the largest of its Bernstein coefficients. Where ``p_0, …, p_{v−1}`` are
    known to be exactly 0, ``v ≥ 1``, all of it is divided by ``t^(2v−1)``; where ``p_1`` alone is (``even``), by ``t``.

    Args:
        residuals: on the curve.
        arithmetic: of the expansion.
        vanishing: ``v``; the enclosures of these coefficients are not looked at.
        even: whether ``p_1`` is known to be exactly 0, likewise; then ``v = 0``.

    Returns:
        (n,): ``v = 0``: if all are negative, so is ``φ'`` on [−1, 1]. ``v ≥ 1`` or ``even``: if all are positive, so
        is ``φ'`` on (0, 1].
    """
    order = len(residuals.coefficients) - 1
    powers = [0, *range(2, order + 1)] if even else list(range(vanishing, order + 1))
    columns = arithmetic.concatenate([*(residuals.coefficients[j] for j in powers), residuals.rest], axis=1)
    gram = arithmetic.matmul(columns.T, columns) * arithmetic.number(Fraction(1, residuals.rest.shape[0]))
    size = len(powers)
    roots = arithmetic.sqrt(arithmetic.concatenate([gram[j : j + 1, j] for j in range(size + 1)])).reshape(-1, 1)
    weights = np.array([[float(order + 1 + power) for power in powers] + [float(order + 1)]])
    error = arithmetic.matmul(arithmetic.array(weights), roots).reshape(-1) * roots[size:, 0]
    lowest = 2 if even else max(2 * vanishing, 1)
    from_zero = even or vanishing > 0
    matrix, multiple = _slope_matrix(tuple(powers), lowest, from_zero)
    products = gram[:size, :size].reshape(size * size, 1)
    values = arithmetic.matmul(arithmetic.array(matrix), products).reshape(-1)
    # a little room, so that another arithmetic, which bounds a little differently, finds the same
    wide = error * arithmetic.number(Fraction(33, 16) * multiple)
    return values - wide if from_zero else values + wide


@lru_cache(maxsize=32)
def _slope_matrix(powers: tuple[int, ...], lowest: int, unit: bool) -> tuple[NDArray[np.float64], int]:
    """Integers that take the products ``G_ij``, row by row, to a multiple of the Bernstein coefficients of ``D``.

    ``D = Σ (i + j) G_ij t^(i+j−lowest)``, ``i`` and ``j`` among ``powers``. Returns the matrix and the multiple.
    """
    rows = bernstein(2 * powers[-1] - lowest, unit)
    columns = [rows[:, i + j - lowest] * (i + j) if i + j else rows[:, 0] * 0 for i in powers for j in powers]
    return np.stack(columns, axis=1), int(rows[0, 0])


@lru_cache(maxsize=16)
def bernstein(degree: int, unit: bool) -> NDArray[np.float64]:
    """Integers that take the coefficients of a polynomial to a multiple of its Bernstein coefficients.

    On [0, 1]: ``b_j = Σ_{i ≤ j} binom(j, i)/binom(n, i) c_i``; on [−1, 1] the substitution ``t = 2x − 1`` comes first.
    The multiple is the entry (0, 0).
    """
    multiple = lcm(*(comb(degree, i) for i in range(degree + 1)))
    rows = [[comb(j, i) * (multiple // comb(degree, i)) for i in range(degree + 1)] for j in range(degree + 1)]
    if not unit:
        # (2x − 1)^l = Σ_i binom(l, i) 2^i (−1)^(l−i) x^i
        shift = [
            [comb(p, i) * 2**i * (-1) ** (p - i if p > i else 0) for p in range(degree + 1)] for i in range(degree + 1)
        ]
        rows = [[sum(row[i] * shift[i][p] for i in range(degree + 1)) for p in range(degree + 1)] for row in rows]
    return np.array(rows, dtype=np.float64)
