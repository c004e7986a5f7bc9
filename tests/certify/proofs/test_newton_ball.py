"""Critical points in balls, and balls without any, from a bound of the third derivative."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import gaussian_cases as cases
import numpy as np
import pytest
from library import ARITHMETICS

from certify.arithmetic.midrad import Float64Enclosures
from certify.proofs.newton_ball import (
    CertifiedBall,
    GradientBall,
    certify_ball,
    certify_ball_in,
    empty_gradient_ball,
    square,
)
from certify.proofs.proof import Failure
from symmetry.arithmetic import Float64
from symmetry.network import exact


def objective(name: str) -> Any:
    k = cases.SEEDS[name][0]
    return cases.problem(k).objective(k)


def proved(name: str) -> CertifiedBall:
    found = certify_ball(objective(name), exact(cases.point(name).ravel()))
    assert isinstance(found, CertifiedBall)
    return found


@pytest.mark.parametrize("name", cases.SEEDS)
def test_minima_and_saddles_are_certified_with_their_index(name: str) -> None:
    found, at = proved(name), objective(name).evaluate(cases.point(name).ravel(), Float64(), 2)
    assert found.proof.negative == cases.SEEDS[name][2]
    assert found.loss[0] <= Fraction(float(at.loss[0])) + Fraction(1, 10**12)
    assert Fraction(float(at.loss[0])) - Fraction(1, 10**12) <= found.loss[1]
    smallest = Fraction(float(np.linalg.eigvalsh(at.hessian)[0]))
    assert found.lambda_min[0] < smallest < found.lambda_min[1]
    assert found.lambda_min[1] - found.lambda_min[0] < Fraction(1, 10**7)


@pytest.mark.parametrize("name", ARITHMETICS)
def test_every_arithmetic_proves_it(name: str) -> None:
    found = certify_ball_in(objective("saddle"), proved("saddle").proof.center, ARITHMETICS[name]())
    assert isinstance(found, CertifiedBall)
    assert found.proof.negative == 1


def test_the_inequalities_of_the_theorem_hold_exactly() -> None:
    p = proved("minimum").proof
    assert 0 < p.radius <= p.reach
    assert p.lipschitz * p.reach < p.gap
    for s in (p.radius, p.reach):
        assert p.gradient_norm <= p.gap * s - p.lipschitz * s * s / 2


def test_the_ball_holds_its_centre_and_ends_at_its_reach() -> None:
    p = proved("minimum").proof
    along = np.array([Fraction(0)] * len(p.center))
    along[0] = p.reach
    assert p.uniquely_contains(p.center)
    assert p.uniquely_contains(p.center + along)
    assert not p.uniquely_contains(p.center + along * (1 + Fraction(1, 2**40)))


def test_hessians_in_the_ball_differ_by_no_more_than_the_bound() -> None:
    p, rng = proved("minimum").proof, np.random.default_rng(0)
    at = objective("minimum").evaluate(p.center.astype(float), Float64(), 2).hessian
    for _ in range(20):
        step = rng.normal(size=len(p.center))
        step *= float(p.reach) / np.linalg.norm(step)
        other = objective("minimum").evaluate(p.center.astype(float) + step, Float64(), 2).hessian
        assert np.linalg.norm(other - at, 2) <= float(p.lipschitz * p.reach)


@pytest.mark.parametrize(
    "rows",
    [
        [[0, 0], [1, 2]],  # a zero neuron
        [[1, 2], [2, 4]],  # parallel students
        [[1, 2], [-1, -2]],  # opposite ones
        [[1, 0], [0, 1]],  # the global minimum, where students are parallel to the teacher
    ],
)
def test_no_proof_where_the_loss_may_not_be_smooth(rows: Any) -> None:
    center = exact(np.array(rows, dtype=float).ravel())
    at = cases.problem(2).objective(2)
    assert isinstance(certify_ball_in(at, center, Float64Enclosures()), Failure)
    assert isinstance(empty_gradient_ball(at, center, Float64Enclosures()), Failure)


def test_the_ball_ends_before_neurons_can_be_parallel() -> None:
    # the angle is 1e-3: within |w| sin/2 about, the neuron can reach the teacher's
    center = exact(np.array([2.0, 2e-3, -1.0, 1.0]))
    found = empty_gradient_ball(cases.problem(2).objective(2), center, Float64Enclosures())
    assert isinstance(found, GradientBall)
    assert found.radius < Fraction(1, 1000)


def test_a_point_that_is_almost_critical_is_not_certified_as_it_stands() -> None:
    moved = proved("minimum").proof.center.copy()
    moved[3] += Fraction(1, 100)
    found = certify_ball_in(objective("minimum"), moved, Float64Enclosures())
    assert isinstance(found, Failure)
    assert found.code == "no-contraction"


def test_a_ball_without_critical_points_does_not_reach_one() -> None:
    p = proved("minimum").proof
    moved = p.center.copy()
    moved[3] += Fraction(1, 100)
    empty = empty_gradient_ball(objective("minimum"), moved, Float64Enclosures())
    assert isinstance(empty, GradientBall)
    assert empty.radius**2 < square(moved - p.center)


def test_at_a_critical_point_no_ball_is_free_of_them() -> None:
    center = proved("saddle").proof.center
    found = empty_gradient_ball(objective("saddle"), center, Float64Enclosures())
    assert isinstance(found, Failure) or found.radius < proved("saddle").proof.radius
