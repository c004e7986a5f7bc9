"""Derivatives along a piece and in the box about it, against finite networks at points of the box."""

from __future__ import annotations

from fractions import Fraction
from itertools import accumulate, pairwise
from typing import Any

import numpy as np
import pytest
from ambient import all_eps, ambient, ambient_loss, by_limit, by_square

from certify.arithmetic.arb import Arb
from symmetry.activation import activation
from symmetry.arithmetic import Float64
from symmetry.infinity.charts import Chart, Group, chart_of
from symmetry.lines import Expansion
from symmetry.network import Exact, exact
from symmetry.objective import SquareLoss
from symmetry.paths.release import Place, piece
from symmetry.problem import Inputs, Problem
from symmetry.regions.valley import covers, derivatives

ROUNDING = 1e-9


def problem(name: str = "sigmoid") -> Problem:
    x = np.random.default_rng(3).integers(-40, 40, (9, 2)) / 16
    return Problem("nine inputs", activation(name), Inputs(table=x), None, np.arange(9.0) / 8)


def chart(*kinds: str) -> Chart:
    ends = list(accumulate((1 if kind == "zero" else 2 for kind in kinds), initial=0))
    members = (tuple(range(*pair)) for pair in pairwise(ends))
    return chart_of(ends[-1] + 2, 2, [Group(*group) for group in zip(kinds, members, strict=True)])  # type: ignore[arg-type]


def numbers(seed: int, size: int) -> Exact:
    return exact(np.random.default_rng(seed).integers(-64, 64, size) / 64)


def at_point(known: Problem, where: Chart, q: Exact, eps: list[Fraction], rho: Any) -> tuple[Any, Any, Any, Any]:
    """``f``, ``∂f/∂q``, ``Σ ρ ∇²f`` and ``∂f/∂ε²`` of the finite network: its weights are linear in ``q``."""
    theta = ambient(where, q, eps).astype(float)
    (out, constant), _ = ambient_loss(known, where).outputs(theta, Float64(), 2)
    matrix, jacobian = by_limit(where, q, eps), np.concatenate([out.jacobian, constant.jacobian], axis=1)
    slopes = np.array([jacobian @ by_square(where, q, eps, k) for k in range(len(eps))]).T
    bend = matrix[:-1].T @ out.curvature(rho) @ matrix[:-1]
    return out.value + constant.value, jacobian @ matrix, bend, slopes


def value(f: Expansion, tau: float) -> Any:
    return sum(c * tau**k for k, c in enumerate(f.coefficients))


TIED = [("mirrored", "zero"), ("mirrored", "mirrored"), ("pair", "mirrored", "zero")]
THREE = [("mirrored", "mirrored", "zero"), ("pair", "mirrored", "mirrored", "mirrored")]
CASES = [(kinds, name) for kinds in (("pair",), ("pair", "pair")) for name in ("sigmoid", "tanh")]


@pytest.mark.parametrize(("kinds", "name"), CASES + [(kinds, "sigmoid") for kinds in TIED + THREE])
@pytest.mark.parametrize("last", [False, True])
def test_finite_networks_in_the_box_are_enclosed(kinds: tuple[str, ...], last: bool, name: str):
    known, where, ar = problem(name), chart(*kinds), Float64()
    limit = where.objective(known)
    start, end = numbers(1, limit.size), numbers(1, limit.size) + numbers(2, limit.size) / 16
    eps = tuple(Fraction(3 + k, 16 if where.balanced else 8) for k in range(len(kinds) - bool(where.balanced)))
    goal = tuple(Fraction(0) for _ in eps) if last else tuple(e - Fraction(1, 16) for e in eps)
    curve = piece(where, Place(start, eps), Place(end, goal))
    assert curve is not None
    radii = exact(np.random.default_rng(4).integers(1, 9, limit.size) / 2**10)
    f = derivatives(limit, where, curve, radii, ar)
    assert f is not None
    rho, rng = np.random.default_rng(5).normal(size=(len(known), 1)), np.random.default_rng(6)
    data = limit.data(ar)
    worst = 0.0
    for t in (Fraction(1, 4), Fraction(1)) if last else (Fraction(-1), Fraction(-1, 3), Fraction(0), Fraction(1)):
        delta = radii * exact(rng.choice([-1, 1], limit.size))
        q = sum(part * t**k for k, part in enumerate(curve.q)) + delta
        free = [e + (g - e) * (1 - t) if last else (e + g + (g - e) * t) / 2 for e, g in zip(eps, goal, strict=True)]
        small = all_eps(where, q, free)
        network = SquareLoss.of_network(known, where.width).outputs(where.network(q, free).theta().astype(float), ar, 0)
        output, jacobian, bend, slopes = at_point(known, where, q, small, rho)
        assert np.allclose(network[1].ravel(), output - data.y, rtol=0, atol=1e-9), "the constants cancel"
        assert (f.ratios is None) == (len(where.balanced) != 2)
        if f.ratios is not None:
            assert f.ratios[0] <= -small[-2] / small[-1] <= f.ratios[1]
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


@pytest.mark.parametrize("kinds", [("pair",), ("mirrored", "zero")])
def test_without_a_box_the_rest_is_of_fourth_order(kinds: tuple[str, ...]):
    known, where, ar = problem(), chart(*kinds), Float64()
    limit = where.objective(known)
    q, change = numbers(1, limit.size), numbers(2, limit.size) / 8
    rests = []
    for scale in (4, 8):
        start, end = (
            Place(q + sign * change / scale, (Fraction(1, 4) + sign * Fraction(1, 16 * scale),)) for sign in (1, -1)
        )
        curve = piece(where, start, end)
        assert curve is not None
        found = derivatives(limit, where, curve, np.zeros(limit.size), ar)
        assert found is not None
        rests.append(found)
    for name in ("residuals", "jacobian", "weights", "slopes"):
        first, second = (getattr(f, name).rest.max() for f in rests)
        assert 10 < first / second < 40


@pytest.mark.parametrize("kinds", [("pair",), *TIED, *THREE])
def test_a_box_in_one_direction_is_enclosed(kinds: tuple[str, ...]):
    """About one point, so that all of an error is what that one coordinate changes; ``K`` is one of them."""
    known, where, ar = problem(), chart(*kinds), Float64()
    limit = where.objective(known)
    q, free = numbers(1, limit.size), tuple(Fraction(3, 16) for _ in range(len(kinds) - bool(where.balanced)))
    curve = piece(where, Place(q, free), Place(q, free))
    assert curve is not None
    rho = np.ones((len(known), 1))
    for k in range(limit.size):
        radii = exact(np.eye(limit.size)[k] / 64)
        f = derivatives(limit, where, curve, radii, ar)
        assert f is not None
        for sign in (-1, 1):
            at = q + sign * radii
            output, jacobian, _, slopes = at_point(known, where, at, all_eps(where, at, free), rho)
            for mine, true in ((f.residuals, output[:, None] - limit.data(ar).y[:, None]), (f.jacobian, jacobian)):
                assert np.all(abs(mine.coefficients[0] - true) <= mine.rest + ROUNDING)
            assert np.all(abs(f.slopes.coefficients[0] - slopes) <= f.slopes.rest + ROUNDING)


@pytest.mark.parametrize("first", [Fraction(7, 8), Fraction(1), Fraction(9, 8)])
def test_nothing_is_expanded_where_the_second_small_number_leaves_its_sign(first: Fraction):
    """``S = 1``: ``ε_2 = ε_1/(ε_1 − 1)`` is infinite at ``ε_1 = 1`` and positive beyond."""
    known, where = problem(), chart("mirrored", "zero")
    limit = where.objective(known)
    q = exact(np.zeros(limit.size))
    q[where.units[-1].place.start] = Fraction(1, 2)
    for radius, expected in ((Fraction(0), first < 1), (Fraction(1, 8), False)):
        start, end = (Place(q, (first * share,)) for share in (Fraction(1), Fraction(99, 100)))
        curve = piece(where, start, end)
        assert curve is None or (derivatives(limit, where, curve, radius + q * 0, Float64()) is not None) is expected


@pytest.mark.parametrize(
    ("first", "second", "last"),
    [("3", "3", "3"), ("2", "2", None), ("1", "1", "-1"), ("-1/2", "1/4", "-1"), ("-1", "-1", "1/3"), ("1", "-1", "1")],
)
def test_of_three_small_numbers_two_have_different_signs(first: str, second: str, last: str | None):
    """``S = 1``: ``ε_3 = 1/(1 − 1/ε_1 − 1/ε_2)``; no expansion where all have one sign or it may be infinite."""
    known, where = problem(), chart("mirrored", "mirrored", "zero")
    limit = where.objective(known)
    q, eps = exact(np.zeros(limit.size)), (Fraction(first), Fraction(second))
    q[where.units[-1].place.start], q[4:6] = Fraction(1, 2), Fraction(1)
    if last is not None:
        assert all_eps(where, q, eps)[-1] == Fraction(last)
    curve = piece(where, Place(q, eps), Place(q, eps))
    if last is None:
        assert curve is None or derivatives(limit, where, curve, q * 0, Float64()) is None
        return
    assert curve is not None
    found = derivatives(limit, where, curve, q * 0, Float64())
    assert (found is None) == (first == second == last)
    # S changes by 2 d_K and the sum of d_c, 4 d: 1/ε_3 may be 0 from there on
    reach = abs(1 / Fraction(last)) / 4
    within, beyond = (
        derivatives(limit, where, curve, share * reach + q * 0, Float64()) for share in (Fraction(7, 8), 1)
    )
    assert (within is None) == (found is None)
    assert beyond is None


@pytest.mark.parametrize("kinds", THREE)
@pytest.mark.parametrize("seed", range(3))
def test_of_three_constants_the_loss_has_the_derivatives_of_theorem_38(kinds: tuple[str, ...], seed: int):
    """``∂L/∂ε_g = 2(ε_g³ ∂F/∂s_g − ε_n³ ∂F/∂s_n)/ε_g²`` of finite networks."""
    known, where, step = problem(), chart(*kinds), Fraction(1, 2**60)
    rng, q = np.random.default_rng(seed), numbers(seed, where.objective(known).size)
    free = [Fraction(int(v), 64) for v in rng.integers(3, 9, len(kinds) - 1) * rng.choice([1, 3, -5], len(kinds) - 1)]
    assert sum(1 / e for e in free)
    small, exactly = all_eps(where, q, free), Arb(300)
    inner, outer = SquareLoss.of_network(known, where.width), ambient_loss(known, where)

    def loss(objective: SquareLoss, theta: Exact) -> Fraction:
        low = exactly.lower(objective.evaluate(exactly.array(theta), exactly, 0).loss)[0]
        assert low is not None
        return low

    def slope(k: int) -> Fraction:
        sides = ([e + sign * step * (i == k) for i, e in enumerate(small)] for sign in (1, -1))
        above, below = (loss(outer, ambient(where, q, side)) for side in sides)
        return (above - below) / (4 * step * small[k])

    slopes = [slope(k) for k in range(len(small))]
    shared = [k for k, group in enumerate(where.diverging) if group in where.balanced]
    for k, e in enumerate(free):
        sides = ([v + sign * step * (i == k) for i, v in enumerate(free)] for sign in (1, -1))
        above, below = (loss(inner, where.network(q, side).theta()) for side in sides)
        of_last = small[-1] ** 3 * slopes[-1] if k in shared else 0
        expected = 2 * (e**3 * slopes[k] - of_last) / e**2
        assert float((above - below) / (2 * step)) == pytest.approx(float(expected), rel=1e-9)


def test_only_some_charts_are_covered():
    sigmoid = activation("sigmoid")
    assert covers(chart("pair", "pair"), sigmoid)
    assert covers(chart("mirrored", "mirrored"), sigmoid)
    assert covers(chart("pair", "mirrored", "zero"), sigmoid)
    assert covers(chart("mirrored", "mirrored", "zero"), sigmoid)
    assert covers(chart("pair", "mirrored", "mirrored", "mirrored"), sigmoid)
    assert not covers(Chart(3, 2, ()), sigmoid)
    assert not covers(chart_of(4, 2, [Group("copies", (0, 1)), Group("pair", (2, 3))]), sigmoid)
    assert covers(chart_of(4, 2, [Group("mirrored", (0, 1)), Group("zero", (2, 3))]), sigmoid)
    assert not covers(chart_of(4, 2, [Group("mirrored", (0, 1)), Group("zero", (2, 3), 1)]), sigmoid)
    assert not covers(chart_of(4, 2, [Group("zero", (0, 1), 1)]), sigmoid)
    assert covers(chart_of(4, 2, [Group("split+", (0, 1, 2))]), sigmoid)
    assert not covers(chart_of(5, 2, [Group("split+", (0, 1, 2), 1), Group("mirrored", (3, 4))]), sigmoid)
    assert not covers(chart_of(4, 2, [Group("triple+", (0, 1, 2))]), sigmoid)
    assert not covers(chart("pair"), activation("softplus"))
