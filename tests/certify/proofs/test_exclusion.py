"""Empty balls: none ever holds a critical point, and the largest ones reach almost to the nearest."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from library import ARITHMETICS, TEACHER, Polynomials, Rotated, rational_rotation, small, true_point

from certify.arithmetic.arb import Arb
from certify.arithmetic.midrad import Float64Enclosures
from certify.proofs.exclusion import EmptyBall, empty_ball, largest_empty_ball
from certify.proofs.proof import Failure
from symmetry.network import exact
from symmetry.objective import SquareLoss

ALL = pytest.mark.parametrize("name", ARITHMETICS)


@ALL
def test_a_ball_may_not_reach_the_critical_point(name: str):
    """``L = x²/2`` at 1: the bound ``u·∇L − ρ‖Hu‖ = 1 − ρ`` is exact."""
    a, objective = ARITHMETICS[name](), Polynomials.of([0, 0, Fraction(1, 2)])
    found = empty_ball(objective, exact([1.0]), 0.98, a)  # type: ignore[arg-type]
    assert isinstance(found, EmptyBall)
    assert (found.radius, found.center.tolist(), found.direction.tolist()) == (0.98, [1], [1.0])
    assert (found.arithmetic, found.bits) == (a.name, a.bits)
    for radius in (1.0, np.nextafter(1.0, 2), 2.0, 1e300):
        refused = empty_ball(objective, exact([1.0]), float(radius), a)  # type: ignore[arg-type]
        assert isinstance(refused, Failure)
        assert refused.code == "gradient-may-vanish"


@pytest.mark.parametrize("name", ["midrad", "arb106", "mpmath53"])
@given(
    center=st.floats(-3, 3),
    gap=st.floats(0.01, 2),
    scale=st.sampled_from([-2, Fraction(1, 9)]),
    share=st.sampled_from([0.9, 1.0, 1.001, 1.5, 4]),
    seed=st.integers(0, 3),
)
@settings(max_examples=40)
def test_no_ball_holds_a_known_critical_point(
    name: str, center: float, gap: float, scale: Any, share: float, seed: int
):
    """``L' = scale·x(x − gap)`` along one of two rotated axes: the curvature changes inside the ball."""
    k = Fraction(scale)
    along = Polynomials.of([0, 0, -k * Fraction(gap) / 2, k / 3], [0, 0, 1])
    objective = Rotated(along, rational_rotation(2, seed))
    nearest = min(abs(center), abs(center - gap))
    radius = share * nearest
    if not radius:
        return
    found = empty_ball(objective, objective.matrix.T @ exact([center, 0.0]), radius, ARITHMETICS[name]())  # type: ignore[arg-type]
    if share >= 1:
        assert isinstance(found, Failure)


@ALL
def test_curvature_counts_up_to_the_edge(name: str):
    """``L' = 1 − x⁴``: flat at the centre, and the zeros ±1 are reached all at once."""
    a, objective = ARITHMETICS[name](), Polynomials.of([0, 1, 0, 0, 0, Fraction(-1, 5)])
    assert isinstance(empty_ball(objective, exact([0.0]), 0.5, a), EmptyBall)  # type: ignore[arg-type]
    for radius in (1.0, 1.1):
        assert isinstance(empty_ball(objective, exact([0.0]), radius, a), Failure)  # type: ignore[arg-type]


def test_the_whole_ball_counts_in_every_direction():
    """At (1, 0) with ``H = diag(1, 30)``: a direction with a second component meets the large curvature."""
    objective: Any = Polynomials.of([0, 0, Fraction(1, 2)], [0, 0, 15])
    a = Arb(106)
    assert isinstance(empty_ball(objective, exact([1.0, 0.0]), 0.9, a), EmptyBall)
    # nearest critical point (0, 0), at distance 1 + 1e-4; the gradient (1, 0.3) leans, and ‖Hu‖ ≈ 8.7
    assert isinstance(empty_ball(objective, exact([1.0, 0.01]), 0.9, a), Failure)
    assert isinstance(empty_ball(objective, exact([1.0, 0.01]), 0.05, a), EmptyBall)


@pytest.mark.parametrize("name", ["midrad", "arb106", "mpmath53"])
@pytest.mark.parametrize("point", ["narrow", "saddle", "teacher"])
def test_balls_about_points_near_a_critical_point_of_a_network(name: str, point: str):
    theta = exact(TEACHER) if point == "teacher" else true_point(point)
    objective = SquareLoss.of_network(small(), len(theta) // 3)
    rng, a = np.random.default_rng(0), ARITHMETICS[name]()
    for distance in (1e-6, 1e-3, 0.05):
        direction = rng.normal(size=len(theta))
        center = exact((theta + exact(direction / np.linalg.norm(direction) * distance)).astype(np.float64))
        apart = sum((theta - center) ** 2)
        for share in (1.01, 1.5, 10):
            assert isinstance(empty_ball(objective, center, share * distance, a), Failure)
        found = empty_ball(objective, center, distance / 1000, a)
        assert isinstance(found, EmptyBall)
        largest = largest_empty_ball(objective, center, a, start=distance)
        assert isinstance(largest, EmptyBall)
        assert Fraction(largest.radius) ** 2 < apart
        assert largest.radius >= found.radius


@ALL
@pytest.mark.parametrize("point", ["narrow", "saddle"])
def test_no_ball_at_all_about_a_critical_point(name: str, point: str):
    theta = exact(true_point(point).astype(np.float64))
    objective = SquareLoss.of_network(small(), len(theta) // 3)
    for radius in (1e-13, 1e-9, 1e-3):
        assert isinstance(empty_ball(objective, theta, radius, ARITHMETICS[name]()), Failure)


def test_the_largest_ball_is_within_a_factor_of_two():
    objective: Any = Polynomials.of([0, 0, Fraction(1, 2)])
    for start in (1e-3, 1.0, 8.0):
        found = largest_empty_ball(objective, exact([0.75]), Float64Enclosures(), start=start)
        assert isinstance(found, EmptyBall)
        assert 0.37 < found.radius < 0.75


def test_the_largest_ball_ends_somewhere():
    slope: Any = Polynomials.of([0, 1])  # no critical point anywhere
    found = largest_empty_ball(slope, exact([0.0]), Float64Enclosures())
    assert isinstance(found, EmptyBall)
    assert found.radius == 16.384
    flat: Any = Polynomials.of([1])
    assert isinstance(largest_empty_ball(flat, exact([0.0]), Float64Enclosures()), Failure)


@pytest.mark.parametrize("name", ["midrad", "arb106"])
@pytest.mark.parametrize("scale", [1e9, 1e155, 1.7e308])
def test_enormous_weights_are_quiet(name: str, scale: float):
    theta = exact(np.array([0.4, -0.3, 0.5, 1.0, 0.6, -1.0]) * scale)
    objective = SquareLoss.of_network(small(), 2)
    for radius in (1e-3, 1e300):
        found = empty_ball(objective, theta, radius, ARITHMETICS[name]())
        assert isinstance(found, EmptyBall | Failure)
        assert isinstance(found, Failure) or radius < 1
