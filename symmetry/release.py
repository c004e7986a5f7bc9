"""Networks of a chart along curves of its coordinates ``(q, ε)``, also the last one, on which ``ε`` goes to 0.

On a piece ``q`` is a polynomial of degree 2 in ``τ`` and ``ε`` of each group a power series: linear, except for the
last of the groups that share a released constant, whose ``ε`` keeps ``Σ 1/ε_g = S(q)`` true. With ``z = w·x`` and
``s = u·x`` a pair, mirrored or not, has the output

    g = c (σ(z + εs) + σ(z − εs))/2 + (σ(z + εs) − σ(z − εs))/2ε,

analytic and even in ``ε`` (docs/infinity.md, Theorem 5); a neuron near zero is the same with ``w = 0, c = 0, u = 4ℓ``.
Valleys are nearly straight in ``(q, ε²)``, so between two places ``q`` is taken linear in ``ε²`` of the first group.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import comb, factorial
from typing import Any

import numpy as np

from symmetry.activation import Activation
from symmetry.arithmetic import Arithmetic
from symmetry.charts import Chart
from symmetry.lines import TOP, Expansion, expand
from symmetry.network import Exact
from symmetry.objective import SquareLoss
from symmetry.series import about, composed, divided, product, scaled

Rationals = list[Fraction]


@dataclass(frozen=True)
class Place:
    """A network in the coordinates of a chart without triples, its copies equal; exact.

    Args:
        q: (P',) the limit network.
        eps: the small coordinates that are free: of all diverging groups but the last balanced one. All 0: at infinity.
    """

    q: Exact
    eps: tuple[Fraction, ...]


@dataclass(frozen=True)
class Piece:
    """A curve: ``q(τ)``, ``ε_g(τ)`` for each diverging group.

    Args:
        q: three coefficients (P',), exact.
        eps: for each diverging group the polynomials ``N``, ``D`` of ``ε = N/D``, exact, ``D(0) ≠ 0``.
        last: whether it comes from infinity, ``τ ∈ [0, 1]``; else ``τ ∈ [−1, 1]``.
    """

    q: tuple[Exact, Exact, Exact]
    eps: tuple[tuple[Rationals, Rationals], ...]
    last: bool


def piece(chart: Chart, start: Place, end: Place) -> Piece | None:
    """The curve from ``start`` (``τ = −1``) to ``end`` (``τ = 1``).

    If ``end`` is at infinity the curve is ``ε = τ ε_start, q = q_end + τ² (q_start − q_end)``: ``τ = 1`` at the start.
    ``None`` where an ``ε`` is 0 before the end, or that of the last balanced group not finite.
    """
    change = end.q - start.q
    last = bool(end.eps) and not any(end.eps)
    if not last and any(a * b <= 0 for a, b in zip(start.eps, end.eps, strict=True)):
        return None  # the way from one to the other leads over infinity
    if last:
        q = (end.q, change * 0, -change)
        lines = [[Fraction(0), e] for e in start.eps]
    else:
        lines = [[(a + b) / 2, (b - a) / 2] for a, b in zip(start.eps, end.eps, strict=True)]
        # q = q_a + λ (q_b − q_a), λ = (ε² − ε_a²)/(ε_b² − ε_a²) of the first group; linear where there is none
        share = lines[0][1] / lines[0][0] if lines and lines[0][0] else Fraction(0)
        half = (start.q + end.q) / 2
        q = (half - change * (share / 4), change / 2, change * (share / 4))
    eps = [(line, [Fraction(1)]) for line in lines]
    if chart.dependent is not None:
        dependent = _dependent(chart, q, lines)
        if dependent is None:
            return None
        eps.insert(chart.diverging.index(chart.balanced[-1]), dependent)
    return Piece(q, tuple(eps), last)


def _dependent(chart: Chart, q: Sequence[Exact], lines: list[Rationals]) -> tuple[Rationals, Rationals] | None:
    """``ε = 1/(S − Σ 1/ε_g)`` of the last balanced group, over the others, as ``N/D``."""
    free = [g for g in chart.diverging if g != chart.balanced[-1]]
    others = [lines[free.index(g)] for g in chart.balanced[:-1]]
    total = [part @ released(chart) for part in q]
    numerator = [Fraction(1)]
    for line in others:
        numerator = _times(numerator, line)
    denominator = _times(total, numerator)
    for k in range(len(others)):
        rest = [Fraction(-1)]
        for i, line in enumerate(others):
            if i != k:
                rest = _times(rest, line)
        denominator = [
            (denominator[i] if i < len(denominator) else Fraction(0)) + (rest[i] if i < len(rest) else Fraction(0))
            for i in range(max(len(denominator), len(rest)))
        ]
    while len(numerator) > 1 and not numerator[0] and not denominator[0]:
        numerator, denominator = numerator[1:], denominator[1:]
    return (numerator, denominator) if denominator[0] else None


def released(chart: Chart) -> Exact:
    """(P',) exact: ``S = 2K + Σ c``, over mirrored pairs, is linear in ``q``; its coefficients."""
    out = np.array([Fraction(0)] * chart.units[-1].place.stop)
    out[chart.units[-1].place.start] = Fraction(2)
    for unit in chart.units:
        if unit.kind == "mirrored":
            out[unit.place.stop - 1] = Fraction(1)
    return out


def _times(left: Sequence[Fraction], right: Sequence[Fraction]) -> Rationals:
    out = [Fraction(0)] * (len(left) + len(right) - 1)
    for i, x in enumerate(left):
        for j, y in enumerate(right):
            out[i + j] += x * y
    return out


def quotient(numerator: Rationals, denominator: Rationals) -> tuple[Rationals, Rationals] | None:
    """The series of ``N/D`` up to ``τ^K``, and bounds of its coefficients up to ``K + 1`` about any ``τ ∈ [−1, 1]``.

    With ``n̄_i = Σ_l binom(l, i) |n_l|``, likewise ``d̄_i``, and ``δ = |d_0| − Σ_{l>0} |d_l|``, which must be positive:
    ``e_k ≤ (n̄_k + Σ_{0<i≤k} d̄_i e_{k−i})/δ``. ``None`` where it is not.
    """
    n, d = ([*part, *[Fraction(0)] * (TOP + 2)][: TOP + 2] for part in (numerator, denominator))
    if len(numerator) > TOP + 2 or len(denominator) > TOP + 2:
        return None
    least = abs(d[0]) - sum(map(abs, d[1:]))
    if least <= 0:
        return None
    wide_n, wide_d = ([sum(comb(k, i) * abs(v[k]) for k in range(i, TOP + 2)) for i in range(TOP + 2)] for v in (n, d))
    series: Rationals = []
    bounds: Rationals = []
    for k in range(TOP + 2):
        series.append((n[k] - sum((d[i] * series[k - i] for i in range(1, k + 1)), Fraction(0))) / d[0])
        bounds.append((wide_n[k] + sum((wide_d[i] * bounds[k - i] for i in range(1, k + 1)), Fraction(0))) / least)
    return series[: TOP + 1], bounds


def residuals(objective: SquareLoss, chart: Chart, curve: Piece, ar: Arithmetic) -> Expansion | None:
    """The residuals on a piece; ``None`` where ``ε`` of the last balanced group may be infinite on it.

    On a last piece their coefficient of ``τ`` is exactly 0.

    Args:
        objective: of the chart's limit network.
        chart: without triples.
        curve: the piece.
        ar: where to compute.
    """
    data, activation = objective.data(ar), objective.problem.activation
    one = data.norm.reshape(-1, 1) * 0 + 1
    places, start, d = [], 0, chart.dimension
    for term in objective.terms:
        places.append(slice(start, start + term.layout.size))
        start += term.layout.size
    parts = [ar.array(part) for part in curve.q]
    total = Expansion([-data.y.reshape(-1, 1), *[one * 0] * TOP], one * 0)
    groups: list[tuple[list[Any], list[Any], list[Any]]] = []
    for term, place in zip(objective.terms, places, strict=True):
        pieces = [part[place] for part in parts]
        if place is places[0] and chart.ordinary:
            total = total + expand(term.along(pieces, data, ar), TOP, activation, ar)
        elif chart.balanced and place is places[-1]:
            total = total + Expansion([*(one * part[:1] for part in pieces), *[one * 0] * (TOP - 2)], one * 0)
            if chart.has_linear:
                slope = [ar.matmul(data.x, part[1:].reshape(-1, 1)) * 4 for part in pieces]
                groups.append(([one * 0] * 3, slope, [part[:1] * 0 for part in pieces]))
        else:
            z, s = ([ar.matmul(data.x, p[i : i + d].reshape(-1, 1)) for p in pieces] for i in (0, d))
            groups.append((z, s, [part[2 * d :] for part in pieces]))
    for (z, s, c), eps in zip(groups, curve.eps, strict=True):
        known = quotient(*eps)
        if known is None:
            return None
        coefficients = _at_infinity if curve.last else _at_finite
        total = total + Expansion(
            coefficients(z, s, c, known[0], activation, ar), _rest(z, s, c, known[1], activation, ar)
        )
    return total


def _at_finite(z: list[Any], s: list[Any], c: list[Any], eps: Rationals, activation: Activation, ar: Arithmetic) -> Any:
    """The coefficients of ``g`` about a finite network, ``ε(0) ≠ 0``."""
    x = scaled(s, eps, TOP, ar)
    both = []
    for sign in (1, -1):
        y = [x[m] * sign + z[m] if m < len(z) else x[m] * sign for m in range(TOP + 1)]
        both.append(composed(activation.jet(y[0], TOP, ar), y, TOP, ar))
    half = ar.number(Fraction(1, 2))
    even, odd = ([(p + q * sign) * half for p, q in zip(*both, strict=True)] for sign in (1, -1))
    slope = divided(odd, eps, ar)
    return [p + q for p, q in zip(product(even, c, TOP), slope, strict=True)]


def _at_infinity(
    z: list[Any], s: list[Any], c: list[Any], eps: Rationals, activation: Activation, ar: Arithmetic
) -> Any:
    """The coefficients of ``g`` about ``ε(0) = 0``, where ``z`` and ``s`` have no linear term.

    ``g = Σ_{j even} (εs)^j (c σ^(j)(z)/j! + s σ^(j+1)(z)/(j+1)!)``.
    """
    jet = activation.jet(z[0], TOP, ar)
    x = scaled(s, eps, TOP, ar)
    nothing = z[0] * 0
    inner = [nothing, nothing, z[2], *[nothing] * (TOP - 2)]
    power: list[Any] = [nothing + 1]
    total: list[Any] = [nothing] * (TOP + 1)
    for j in range(0, TOP, 2):
        degree = TOP - j
        terms = []
        for k, factor in ((j, c), (j + 1, s)):
            # σ^(k)(z): in y = O(τ²) no more than degree/2 terms are needed
            known = [jet[k + i] if k + i <= TOP else nothing for i in range(degree + 1)]
            outer = composed(known, inner, degree, ar)
            terms.append([v * ar.number(Fraction(1, factorial(k))) for v in product(outer, factor, degree)])
        summed = [p + q for p, q in zip(*terms, strict=True)]
        part = product(power, summed, TOP) if j else summed
        total = [p + q for p, q in zip(total, part, strict=True)]
        power = product(product(power, x, TOP), x, TOP)
    return total


def _rest(z: list[Any], s: list[Any], c: list[Any], eps: Rationals, activation: Activation, ar: Arithmetic) -> Any:
    """A bound of the coefficient of ``τ^(K+1)`` of ``g`` about any ``τ ∈ [−1, 1]``.

    The second part of ``g`` is ``s ∫_0^1 (σ'(z + hεs) + σ'(z − hεs))/2 dh``: bounded like ``s σ'`` with an argument
    whose coefficients are at most those of ``|z| + |ε||s|``.
    """
    top = TOP + 1
    reach = scaled(about(s), eps, top, ar)
    argument = [reach[m] + v if m else reach[0] for m, v in enumerate(about(z))] + reach[3:]
    total = None
    for k, factor in ((0, about(c)), (1, about(s))):
        bounds = [reach[0] * 0, *(reach[0] * 0 + ar.number(activation.sup(k + j)) for j in range(1, top + 1))]
        outer = composed(bounds, argument, top, ar)
        for i, value in enumerate(factor):
            part = outer[top - i] * value
            total = part if total is None else total + part
    return total
