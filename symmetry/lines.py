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
from itertools import product
from math import comb, factorial, lcm
from typing import Any

import numpy as np
from numpy.typing import NDArray

from symmetry.activation import Activation
from symmetry.arithmetic import Arithmetic

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
    z, *inner = term.argument
    jet = activation.jet(z, order + len(term.polynomials) - 1, arithmetic)
    series: _Monomials | _Powers = _Powers(inner) if len(inner) > 1 else _Monomials(inner[0])
    coefficients: list[Any] = []
    for m in range(order + 1):
        parts = [
            _times(part, p, factor, arithmetic)
            for k, polynomial in enumerate(term.polynomials)
            for i, p in enumerate(polynomial[: m + 1])
            for part, factor in series.terms(m - i, jet[k:])
        ]
        coefficients.append(_total(parts))
    parts = []
    for k, polynomial in enumerate(term.polynomials):
        for i in range(len(polynomial)):
            # sup |P^(i)|/i! ≤ Σ_l binom(l, i) |p_l|
            bound = abs(polynomial[i])
            for power in range(i + 1, len(polynomial)):
                bound = bound + abs(polynomial[power]) * comb(power, i)
            # sup |σ| is not needed: P_0 has degree K at most, so that k + j > 0
            sups = [activation.sup(k + j) if k + j else Fraction(0) for j in range(order + 2 - i)]
            parts += [_times(part, bound, factor, arithmetic) for part, factor in series.bounds(order + 1 - i, sups)]
    return Expansion(coefficients, _total(parts))


def _times(values: Any, p: Any, factor: Fraction, arithmetic: Arithmetic) -> Any:
    """``Σ factor·values·p`` over the columns, (N, 1)."""
    scaled = p if factor == 1 else p * arithmetic.number(factor)
    return arithmetic.matmul(values, scaled.reshape(-1, 1)) if len(p.shape) == 1 else values * scaled


class _Monomials:
    """``S_m`` of a straight line: ``σ^(m) y_1^m/m!``."""

    def __init__(self, slope: Any):
        self.powers = [None, slope]
        self.products: dict[tuple[int, int], Any] = {}

    def _power(self, m: int) -> Any:
        while len(self.powers) <= m:
            self.powers.append(self.powers[-1] * self.powers[1])
        return self.powers[m]

    def terms(self, m: int, derivatives: Sequence[Any]) -> list[tuple[Any, Fraction]]:
        """Arrays (N, m) and the numbers they are to be multiplied with; their sum is ``S_m``."""
        key = (m, id(derivatives[m]))
        if key not in self.products:
            self.products[key] = self._power(m) * derivatives[m] if m else derivatives[0]
        return [(self.products[key], Fraction(1, factorial(m)))]

    def bounds(self, m: int, sups: Sequence[Fraction]) -> list[tuple[Any, Fraction]]:
        """The same for ``S̄_m``, with bounds in the place of derivatives."""
        size = abs(self._power(m)) if m else abs(self.powers[1]) * 0 + 1
        return [(size, sups[m] / factorial(m))]


class _Powers:
    """``S_m = Σ_j σ^(j) [y^j]_m/j!`` of a curve ``y = t y_1 + t² y_2 + …``."""

    def __init__(self, inner: Sequence[Any]):
        sizes = dict(enumerate(map(abs, inner), 1))
        # the powers of y and of ȳ, each by degree in t
        self.known = {1: dict(enumerate(inner, 1))}
        self.wide = {1: {i: _total([sizes[k] * comb(k, i) for k in sizes if k >= i]) for i in sizes}}

    def _power(self, known: dict[int, dict[int, Any]], j: int) -> dict[int, Any]:
        """The coefficients of ``y^j``, up to those that are needed."""
        if j not in known:
            parts: dict[int, list[Any]] = {}
            for (m, left), (i, right) in product(self._power(known, j - 1).items(), known[1].items()):
                if m + i <= TOP + 1:
                    parts.setdefault(m + i, []).append(left * right)
            known[j] = {m: _total(values) for m, values in parts.items()}
        return known[j]

    def terms(self, m: int, derivatives: Sequence[Any]) -> list[tuple[Any, Fraction]]:
        """As for straight lines."""
        if not m:
            return [(derivatives[0], Fraction(1))]
        parts = self._coefficients(self.known, m)
        return [(value * derivatives[j], factor) for j, value, factor in parts]

    def bounds(self, m: int, sups: Sequence[Fraction]) -> list[tuple[Any, Fraction]]:
        """As for straight lines."""
        if not m:
            return [(self.wide[1][1] * 0 + 1, sups[0])]
        return [(value, factor * sups[j]) for j, value, factor in self._coefficients(self.wide, m)]

    def _coefficients(self, known: dict[int, dict[int, Any]], m: int) -> list[tuple[int, Any, Fraction]]:
        powers = ((j, self._power(known, j)) for j in range(1, m + 1))
        return [(j, power[m], Fraction(1, factorial(j))) for j, power in powers if m in power]


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
