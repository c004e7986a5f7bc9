"""A region about the floor of a channel that holds the saved point and reaches infinity (docs/infinity.md, section 15).

Along a piece ``(q(τ), ε(τ))`` of a path in a chart, and in the box ``q(τ) + δ``, ``|δ_i| ≤ d_i``, about each of its
points,

    F_qq ≻ 0   and   ∂F/∂ε_g² > 0 for each diverging group:

no network of the region is critical. Copies are neurons of their own here (:mod:`symmetry.regions.opening`): ``F_qq ≻
0`` on the space of changes that keep their shares, the columns of ``T``, that is ``TᵀF_qqT ≻ 0``. Of groups that share
a constant the last ``ε`` follows from the others. Of two, the loss rises with the first if ``P³ ∂F/∂ε_1² + ∂F/∂ε_2² >
0``, ``P = −ε_1/ε_2 > 0``. Of more, a network is critical only where all ``ε_g³ ∂F/∂ε_g²`` are equal, and they are not
where all ``∂F/∂ε_g²`` are positive and the ``ε_g`` have both signs.

With ``J``, ``r`` and ``∇²f`` expanded in ``τ`` (:mod:`symmetry.regions.valley`) ``F_qq`` is a polynomial of symmetric
matrices up to an error. The polynomial is a convex combination of its Bernstein coefficients, and positive definite
where they are. ``V`` takes their mean to the unit matrix; with ``e`` the error of ``J``, ``η² = (2/N) ‖|e||V|‖²``
(Frobenius) and ``β²`` a bound of ``(2/N) VᵀJᵀJV``,

    (2/N) ‖(J + e)Vv‖² ≥ (2/N) ‖JVv‖² − 2βη        for unit vectors v,

and the error of ``Σ r ∇²f`` is bounded entry by entry.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np

from certify.arithmetic import Array, Enclosures, quiet
from symmetry.arithmetic import Arithmetic
from symmetry.infinity.charts import Chart
from symmetry.lines import Expansion, bernstein
from symmetry.network import Exact
from symmetry.objective import SquareLoss
from symmetry.paths.release import Piece
from symmetry.regions.valley import ORDER, Derivatives, derivatives

_DEGREE = 2 * ORDER
_ROOM = Fraction(33, 32)
_LEAST = Fraction(1, 64)
"""Kept so that another arithmetic, which bounds a little differently and scales with another ``V``, finds the same."""


@quiet
def margin(
    objective: SquareLoss,
    chart: Chart,
    curve: Piece,
    radii: Array,
    a: Enclosures,
    ties: Exact | None = None,
    apart: Fraction = Fraction(0),
) -> Fraction | None:
    """How far it is proved that ``F_qq ≻ 0`` and that the loss rises with every free ``ε²`` in the boxes about a piece.

    With ``ties``, ``F_qq ≻ 0`` on the space that they span.

    Returns:
        a number that is positive only if both are proved: in units in which the middle of ``F_qq`` is 1, at most 1 less
        what errors take. If it is not positive, or ``None``, that says nothing.

    Args:
        objective: of the chart's limit network.
        chart: covered by :func:`symmetry.regions.valley.covers`.
        curve: the piece.
        radii: (P',) float64 taken as exact.
        a: where to compute.
        ties: ``T``, (P', k) exact, of :meth:`symmetry.regions.opening.Opening.ties`; ``None``: the unit matrix.
        apart: how far copies in diverging groups may be from each other, see
            :func:`symmetry.regions.valley.derivatives`.
    """
    f = derivatives(objective, chart, curve, radii, a, apart)
    if f is None:
        return None
    bounds = a.lower(a.concatenate(_slopes(chart, f, curve.last, a)))
    if not all(v is not None and v > 0 for v in bounds):
        return None
    discs = _discs(objective, chart, f, curve.last, a, ties)
    ends = a.lower(a.concatenate(discs)).tolist() if discs else [None]
    return None if None in ends else min(ends)


def _slopes(chart: Chart, f: Derivatives, unit: bool, a: Enclosures) -> list[Any]:
    """Numbers that are positive only where every ``∂F/∂ε_g²`` is, or if two share a constant their sum."""
    products, rest = _times_residuals(f.residuals, f.slopes)
    # P³ lies between two numbers, and the sum is linear in it
    weights = []
    for groups in chart.conditions:
        for ratio in f.ratios if f.ratios and len(groups) == 2 else (Fraction(1),):
            weights.append([ratio**3 if g == groups[0] else Fraction(g in groups) for g in chart.diverging])
    turn = a.array(np.array(weights, dtype=object).T)
    loss = a.matmul(rest.sum(axis=0).reshape(1, -1), turn) * a.number(_ROOM)
    sums = [a.matmul(part.sum(axis=0).reshape(1, -1), turn) for part in products]
    return [(value - loss).reshape(-1) for value in _coefficients(sums, unit, a)]


def _discs(
    objective: SquareLoss, chart: Chart, f: Derivatives, unit: bool, a: Enclosures, ties: Exact | None
) -> list[Any]:
    """Numbers that are positive only where ``F_qq`` is; none where its mean is not."""
    scale = a.number(Fraction(2, len(objective.problem)))
    known = second_derivatives(objective, chart, f, a, ties)
    even, squares = ([v * scale for v in _coefficients(part, unit, a)] for part in (known.whole, known.gram))
    v = _scaling(even, a)
    if v is None:
        return []
    sides, size = a.array(v), a.array(np.abs(v))
    wide = a.matmul(known.error, size).reshape(1, -1)
    eta = a.sqrt(a.matmul(wide, wide.T).reshape(1) * scale)
    beta = a.sqrt(_norm([_congruent(c, sides, a) for c in squares], a))
    error = beta * eta * 2 + _norm([_congruent(known.spread, size, a) * scale], a)
    least = error * a.number(_ROOM) + a.number(_LEAST)
    return [_left_ends(_congruent(c, sides, a), a) - least for c in even]


class SecondDerivatives(NamedTuple):
    """``F_qq`` times ``N/2``, by powers of ``τ``: the first of ``whole`` is that in the middle of a piece.

    Args:
        gram: the coefficients of ``JᵀJ``, (k, k) each.
        whole: those of ``JᵀJ + Σ r ∇²f``.
        error: (N, k), bounds of the error of ``J``.
        spread: (k, k), bounds of the error of ``Σ r ∇²f``.
    """

    gram: list[Any]
    whole: list[Any]
    error: Any
    spread: Any


def second_derivatives(
    objective: SquareLoss, chart: Chart, f: Derivatives, a: Arithmetic, ties: Exact | None = None
) -> SecondDerivatives:
    """``F_qq`` on a piece, with ``ties`` ``TᵀF_qqT``; as for :func:`margin`, ``f`` expanded in the same arithmetic."""
    jacobian, (second, spread) = f.jacobian, _second(objective, chart, f, a)
    if ties is not None:
        t = a.array(ties)
        jacobian = Expansion([a.matmul(part, t) for part in jacobian.coefficients], a.matmul(jacobian.rest, abs(t)))
        second, spread = [_congruent(part, t, a) for part in second], _congruent(spread, abs(t), a)
    gram = _gram(jacobian, a)
    return SecondDerivatives(gram, [p + q for p, q in zip(gram, second, strict=True)], jacobian.rest, spread)


def _gram(jacobian: Expansion, a: Arithmetic) -> list[Any]:
    """The coefficients of ``JᵀJ``, (k, k) each."""
    size = jacobian.rest.shape[1]
    stack = a.concatenate(jacobian.coefficients, axis=1)
    products = a.matmul(stack.T, stack)
    parts = [
        [products[i * size : (i + 1) * size, j * size : (j + 1) * size] for j in range(ORDER + 1)]
        for i in range(ORDER + 1)
    ]
    return [_total([parts[i][m - i] for i in range(ORDER + 1) if 0 <= m - i <= ORDER]) for m in range(_DEGREE + 1)]


def _second(objective: SquareLoss, chart: Chart, f: Derivatives, a: Arithmetic) -> tuple[list[Any], Any]:
    """The coefficients of ``Σ r ∇²f``, (P', P') each, and a bound of its error."""
    data, d, size = objective.data(a), chart.dimension, f.jacobian.rest.shape[1]
    hessian, spread = [a.zeros((size, size)) for _ in range(_DEGREE + 1)], a.zeros((size, size))
    powers, rest = _times_residuals(f.residuals, f.weights)
    together = a.concatenate(powers, axis=1)
    moments = {True: a.matmul(data.xx.T, together), False: a.matmul(data.x.T, together)}
    errors = {True: a.matmul(abs(data.xx).T, rest), False: a.matmul(abs(data.x).T, rest)}
    for b, (rows, columns, square) in enumerate(f.blocks):
        shape = (d, d) if square else (d, 1)
        for m, part in enumerate(hessian):
            _put(part, rows, columns, moments[square][:, m * len(f.blocks) + b].reshape(*shape))
        _put(spread, rows, columns, errors[square][:, b].reshape(*shape))
    return hessian, spread


def _put(matrix: Any, rows: slice, columns: slice, value: Any) -> None:
    matrix[rows, columns] = matrix[rows, columns] + value
    if rows != columns:
        matrix[columns, rows] = matrix[columns, rows] + value.T


def _times_residuals(r: Expansion, g: Expansion) -> tuple[list[Any], Any]:
    """The coefficients of ``r g`` by input, and a bound of what the errors of both make of it."""
    n = ORDER + 1
    powers = [
        _total([r.coefficients[i] * g.coefficients[m - i] for i in range(n) if 0 <= m - i < n])
        for m in range(_DEGREE + 1)
    ]
    r_top, g_top = (_total([abs(v) for v in part.coefficients]) for part in (r, g))
    return powers, r_top * g.rest + r.rest * (g_top + g.rest)


def _coefficients(series: Sequence[Any], unit: bool, a: Enclosures) -> list[Any]:
    """The Bernstein coefficients of a polynomial whose coefficients are arrays."""
    matrix = bernstein(_DEGREE, unit)
    shape = series[0].shape
    rows = a.concatenate([part.reshape(1, -1) for part in series])
    values = a.matmul(a.array(matrix), rows) * a.number(1 / Fraction(matrix[0, 0]))
    return [values[j].reshape(*shape) for j in range(len(matrix))]


def _scaling(series: Sequence[Any], a: Enclosures) -> Array | None:
    """``V`` with ``VᵀMV = 1`` nearly, ``M`` the mean of the matrices; approximate."""
    mean = sum(a.approx(matrix) for matrix in series) / len(series)
    if not np.isfinite(mean).all():
        return None
    try:
        return np.asarray(np.linalg.inv(np.linalg.cholesky(mean)).T)
    except np.linalg.LinAlgError:
        return None


def _congruent(matrix: Any, v: Any, a: Arithmetic) -> Any:
    return a.matmul(a.matmul(v.T, matrix), v)


def _norm(matrices: Sequence[Any], a: Enclosures) -> Any:
    """An upper bound of the norms of symmetric matrices, (1,): the largest sum of magnitudes in a row."""
    rows = a.concatenate([abs(matrix).sum(axis=1).reshape(1, -1) for matrix in matrices], axis=1)
    return a.maximum(rows, axis=1)


def _left_ends(matrix: Any, a: Enclosures) -> Any:
    """The left ends of the Gershgorin discs, (P',)."""
    size = len(matrix)
    diagonal = matrix[np.arange(size), np.arange(size)]
    return diagonal - (a.array(1.0 - np.eye(size)) * abs(matrix)).sum(axis=1)


def _total(parts: Sequence[Any]) -> Any:
    return sum(parts[1:], parts[0])
