"""Network outputs along curves of parameters: Taylor polynomials in one variable, with a bound of the rest.

On the curve ``θ(t) = θ + t h + t² k`` a term of a network is ``Σ_k P_k(t) σ^(k)(z + tζ + t²η)`` with polynomials
``P_k``: a neuron has ``P_0 = a``, a pair ``P_0 = c, P_1 = s``. From the binomial theorem, with the coefficients
``S_km`` of ``σ^(k)(z + tζ + t²η)`` and ``P_k(t) = Σ_i p_ki t^i``,

    S_km = Σ_{m/2 ≤ j ≤ m} σ^(k+j)(z)/j! · binom(j, m−j) ζ^(2j−m) η^(m−j),       f_m = Σ_k Σ_{i ≤ m} p_ki S_k,m−i;

the same formula about any other ``t``, where ``ζ + 2tη`` stands for ``ζ``, gives for ``|t| ≤ 1``

    |f^(K+1)(t)|/(K+1)! ≤ Σ_k Σ_i sup|P_k^(i)|/i! · S̄_k,K+1−i,

``S̄`` with ``|ζ| + 2|η|``, ``|η|`` and ``sup |σ^(k+j)|``. One variable and not ``P``: nothing is lost to the wrapping of
boxes, so the curves may be long.
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

TOP = 5
"""The highest derivative of an activation that is enclosed."""


@dataclass(frozen=True)
class Curve:
    """A term ``Σ_k P_k(t) σ^(k)(z + tζ + t²η)``, summed over its m columns, before it is expanded.

    Args:
        argument: ``z``, ``ζ`` and, on a bent curve, ``η``, (N, m) each.
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
    """A term ``Σ p_i t^i``, (N, 1) each, of degree 2 at most."""

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
    z, slope, *bends = term.argument
    bend = bends[0] if bends else None
    jet = activation.jet(z, order + len(term.polynomials) - 1, arithmetic)
    powers = _Powers(slope, bend, arithmetic)
    reach = abs(slope) if bend is None else abs(slope) + abs(bend) * 2
    sizes = _Powers(reach, None if bend is None else abs(bend), arithmetic)

    def times(values: Any, factor: Any) -> Any:
        return arithmetic.matmul(values, factor.reshape(-1, 1)) if len(factor.shape) == 1 else values * factor

    series = [[powers.combine(m, jet[k:]) for m in range(order + 1)] for k in range(len(term.polynomials))]
    coefficients: list[Any] = []
    for m in range(order + 1):
        parts = [
            times(series[k][m - i], p)
            for k, polynomial in enumerate(term.polynomials)
            for i, p in enumerate(polynomial[: m + 1])
        ]
        coefficients.append(sum(parts[1:], parts[0]))
    parts = []
    for k, polynomial in enumerate(term.polynomials):
        for i in range(len(polynomial)):
            # sup |P^(i)|/i! ≤ Σ_l binom(l, i) |p_l|
            bound = abs(polynomial[i])
            for power in range(i + 1, len(polynomial)):
                bound = bound + abs(polynomial[power]) * comb(power, i)
            top = order + 1 - i
            # sup |σ| is not needed: P_0 has degree 2 at most, so top > 0 where k = 0
            bounds = [arithmetic.number(activation.sup(k + j)) if k + j else None for j in range(top + 1)]
            spread = sizes.combine(top, bounds)
            parts.append(times(spread, bound))
    return Expansion(coefficients, sum(parts[1:], parts[0]))


class _Powers:
    """The polynomials ``binom(j, m−j) ζ^(2j−m) η^(m−j)/j!`` of one curve."""

    def __init__(self, slope: Any, bend: Any, arithmetic: Arithmetic):
        self.slope, self.bend, self.arithmetic = slope, bend, arithmetic
        self.known: dict[tuple[int, int], Any] = {}

    def combine(self, m: int, derivatives: Sequence[Any]) -> Any:
        """``Σ_j derivatives[j] · binom(j, m−j) ζ^(2j−m) η^(m−j)/j!``, (N, m)."""
        if m == 0:
            return derivatives[0]
        lowest = m if self.bend is None else (m + 1) // 2
        parts = [self._power(2 * j - m, m - j) * derivatives[j] for j in range(lowest, m + 1)]
        return sum(parts[1:], parts[0])

    def _power(self, first: int, second: int) -> Any:
        # with j = first + second:  ζ^first η^second / (first! second!)
        if (first, second) not in self.known:
            if first + second == 1:
                found = self.slope if first else self.bend
            elif first:
                found = self._power(first - 1, second) * self.slope * self.arithmetic.number(Fraction(1, first))
            else:
                found = self._power(0, second - 1) * self.bend * self.arithmetic.number(Fraction(1, second))
            self.known[first, second] = found
        return self.known[first, second]


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
    roots = arithmetic.sqrt(arithmetic.concatenate([gram[j : j + 1, j] for j in range(len(powers) + 1)]))
    e = roots[len(powers) :]
    error = e * (order + 1)
    for j, power in enumerate(powers):
        error = error + roots[j : j + 1] * (order + 1 + power)
    lowest = 2 if even else max(2 * vanishing, 1)
    derivative: list[Any] = [gram[:1, 0] * 0] * (2 * order - lowest + 1)
    for i, left in enumerate(powers):
        for j, right in enumerate(powers):
            if left + right:
                place = left + right - lowest
                derivative[place] = derivative[place] + gram[i : i + 1, j] * (left + right)
    from_zero = even or vanishing > 0
    matrix = _bernstein(len(derivative) - 1, from_zero)
    values = arithmetic.matmul(arithmetic.array(matrix), arithmetic.concatenate(derivative).reshape(-1, 1)).reshape(-1)
    # a little room, so that another arithmetic, which bounds a little differently, finds the same
    wide = e * error * arithmetic.number(Fraction(33, 16) * int(matrix[0, 0]))
    return values - wide if from_zero else values + wide


@lru_cache(maxsize=16)
def _bernstein(degree: int, unit: bool) -> NDArray[np.float64]:
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
