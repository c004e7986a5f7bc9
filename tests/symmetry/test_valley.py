"""Derivatives along a piece and in the box about it, against finite networks at points of the box."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from symmetry.activation import activation
from symmetry.arithmetic import Float64
from symmetry.charts import Chart, Group, chart_of
from symmetry.lines import Expansion
from symmetry.network import Exact, Network, exact
from symmetry.objective import SquareLoss
from symmetry.problem import Inputs, Problem
from symmetry.release import Place, piece
from symmetry.valley import covers, derivatives

ROUNDING = 1e-9


def problem(name: str = "sigmoid") -> Problem:
    x = np.random.default_rng(3).integers(-40, 40, (9, 2)) / 16
    return Problem("nine inputs", activation(name), Inputs(table=x), None, np.arange(9.0) / 8)


def chart(*kinds: str) -> Chart:
    return chart_of(
        2 * len(kinds) + 2,
        2,
        [Group(kind, (2 * k, 2 * k + 1)) for k, kind in enumerate(kinds)],  # type: ignore[arg-type]
    )


def numbers(seed: int, size: int) -> Exact:
    return exact(np.random.default_rng(seed).integers(-64, 64, size) / 64)


def at_point(known: Problem, where: Chart, q: Exact, eps: list[Fraction], rho: Any) -> tuple[Any, Any, Any, Any]:
    """``f``, ``∂f/∂q``, ``Σ ρ ∇²f`` and ``∂f/∂ε²`` of the finite network: its weights are linear in ``q``."""
    network = where.network(q, eps)
    objective = SquareLoss.of_network(known, where.width)
    (out,), _ = objective.outputs(network.theta().astype(float), Float64(), 2)
    unit = [exact(np.eye(len(q))[k]) for k in range(len(q))]
    matrix = np.array([(where.network(q + e, eps).theta() - network.theta()).astype(float) for e in unit]).T
    slopes = []
    for k, e in enumerate(eps):
        # w_i = w ± εu, a_i = c/2 ± 1/2ε, and ∂/∂ε² = (1/2ε) ∂/∂ε
        change = Network(network.w * 0, network.a * 0)
        u = q[2 * where.dimension + 2 + 5 * k :][2:4]
        for i, sign in zip(where.pairs[k].members, (1, -1), strict=True):
            change.w[i], change.a[i] = sign * u, Fraction(-sign) / (2 * e**2)
        slopes.append(out.jacobian @ change.theta().astype(float) / float(2 * e))
    return out.value, out.jacobian @ matrix, matrix.T @ out.curvature(rho) @ matrix, np.array(slopes).T


def value(f: Expansion, tau: float) -> Any:
    return sum(c * tau**k for k, c in enumerate(f.coefficients))


@pytest.mark.parametrize("name", ["sigmoid", "tanh"])
@pytest.mark.parametrize("kinds", [("pair",), ("pair", "pair")])
@pytest.mark.parametrize("last", [False, True])
def test_finite_networks_in_the_box_are_enclosed(kinds: tuple[str, ...], last: bool, name: str):
    known, where, ar = problem(name), chart(*kinds), Float64()
    limit = where.objective(known)
    start, end = numbers(1, limit.size), numbers(1, limit.size) + numbers(2, limit.size) / 16
    eps = tuple(Fraction(3 + k, 8) for k in range(len(kinds)))
    goal = tuple(Fraction(0) for _ in eps) if last else tuple(e - Fraction(1, 16) for e in eps)
    curve = piece(where, Place(start, eps), Place(end, goal))
    assert curve is not None
    radii = exact(np.random.default_rng(4).integers(1, 9, limit.size) / 2**10)
    f = derivatives(limit, where, curve, radii.astype(float), ar)
    rho, rng = np.random.default_rng(5).normal(size=(len(known), 1)), np.random.default_rng(6)
    data = limit.data(ar)
    worst = 0.0
    for t in (Fraction(1, 4), Fraction(1)) if last else (Fraction(-1), Fraction(-1, 3), Fraction(0), Fraction(1)):
        delta = radii * exact(rng.choice([-1, 1], limit.size))
        q = sum(part * t**k for k, part in enumerate(curve.q)) + delta
        small = [line[0] + line[1] * t for line, _ in curve.eps]
        output, jacobian, bend, slopes = at_point(known, where, q, small, rho)
        off = abs(value(f.residuals, float(t)).ravel() - (output - data.y))
        worst = max(worst, float((off / f.residuals.rest.ravel()).max()))
        assert np.all(off <= f.residuals.rest.ravel() + ROUNDING)
        assert np.all(abs(value(f.jacobian, float(t)) - jacobian) <= f.jacobian.rest + ROUNDING)
        assert np.all(abs(value(f.slopes, float(t)) - slopes) <= f.slopes.rest + ROUNDING)
        weights, found, room = value(f.weights, float(t)), np.zeros_like(bend), np.full_like(bend, ROUNDING)
        for b, (rows, columns, square) in enumerate(f.blocks):
            inputs, shape = (data.xx, (2, 2)) if square else (data.x, (2, 1))
            moments = (inputs.T @ (rho * weights[:, b : b + 1])).reshape(*shape)
            wide = (abs(inputs).T @ (abs(rho) * f.weights.rest[:, b : b + 1])).reshape(*shape)
            found[rows, columns], room[rows, columns] = moments, wide + ROUNDING
            found[columns, rows], room[columns, rows] = moments.T, wide.T + ROUNDING
        assert np.all(abs(found - bend) <= room)
    assert worst > 1e-3, "bounds that are this wide say nothing"


def test_without_a_box_the_rest_is_of_fourth_order():
    known, where, ar = problem(), chart("pair"), Float64()
    limit = where.objective(known)
    q, change = numbers(1, limit.size), numbers(2, limit.size) / 8
    rests = []
    for scale in (1, 2):
        start, end = (
            Place(q + sign * change / scale, (Fraction(1, 2) + sign * Fraction(1, 8 * scale),)) for sign in (1, -1)
        )
        curve = piece(where, start, end)
        assert curve is not None
        rests.append(derivatives(limit, where, curve, np.zeros(limit.size), ar))
    for name in ("residuals", "jacobian", "weights", "slopes"):
        first, second = (getattr(f, name).rest.max() for f in rests)
        assert 10 < first / second < 40


def test_only_charts_of_pairs_are_covered():
    sigmoid = activation("sigmoid")
    assert covers(chart("pair", "pair"), sigmoid)
    assert not covers(chart("mirrored", "mirrored"), sigmoid)
    assert not covers(Chart(3, 2, ()), sigmoid)
    assert not covers(chart_of(4, 2, [Group("copies", (0, 1)), Group("pair", (2, 3))]), sigmoid)
    assert not covers(chart("pair"), activation("softplus"))
