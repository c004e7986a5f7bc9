"""Lemma 1: a radius is returned only where the inequality holds, and what it claims of the ball is true."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from library import ARITHMETICS, Oracle, Polynomials, Rotated, rational_rotation, small, true_point

from certify.arithmetic.arb import Arb
from certify.proofs.krawczyk import Isolated, Krawczyk, krawczyk
from certify.proofs.lemmas import BallMinimum, _radius, lemma1, lemma2
from certify.proofs.proof import Failure
from symmetry.network import exact
from symmetry.objective import Evaluation, SquareLoss
from symmetry.problem import Problem

ALL = pytest.mark.parametrize("name", ARITHMETICS)
positive = st.fractions(Fraction(1, 10**12), 100)


# ------------------------------------------------------------------------------------------------------ the radius


@given(epsilon=st.one_of(st.just(Fraction(0)), positive), mu=positive, m=positive, reach=positive)
@settings(max_examples=300)
def test_a_radius_satisfies_both_inequalities(epsilon: Fraction, mu: Fraction, m: Fraction, reach: Fraction):
    s = _radius(epsilon, mu, m, reach)
    if s is None:
        return
    assert 0 < s <= reach
    # the worst case, one-dimensional: slope −ε, curvature μ − Mt
    assert -epsilon * s + mu * s**2 / 2 - m * s**3 / 6 > 0
    assert mu - m * s > 0


@given(mu=positive, m=positive, share=st.fractions(0, 1), reach=positive)
@settings(max_examples=200)
def test_a_radius_is_found_where_there_is_room(mu: Fraction, m: Fraction, share: Fraction, reach: Fraction):
    # ε ≤ μ²/(4M) leaves the interval (s−, μ/M) open by much; s− ≤ 3ε/μ
    epsilon = share * mu**2 / (4 * m)
    if 3 * epsilon / mu < reach:
        assert _radius(epsilon, mu, m, reach) is not None


@pytest.mark.parametrize(
    ("epsilon", "mu", "m", "reach"),
    [
        (1, 0, 1, 1),  # flat
        (0, -1, 1, 1),  # a saddle
        (0, 0, 1, 1),
        (0, 1, 0, 1),  # the lemma asks for M > 0
        (0, 1, -1, 1),
        (1, 1, 1, 10),  # 9μ² < 24εM
        (Fraction(3, 8), 1, 1, 10),  # 9μ² = 24εM: a double root, no positive value
        (Fraction(1, 4), 1, 1, Fraction(1, 2)),  # s− ≈ 0.63 lies beyond R
        (0, 1, 1, 0),
        (Fraction(7, 20), 1, 1, Fraction(3, 2)),  # a minimum in the ball of radius R, but not the only critical point
    ],
)
def test_no_radius(epsilon: Any, mu: Any, m: Any, reach: Any):
    assert _radius(Fraction(epsilon), Fraction(mu), Fraction(m), Fraction(reach)) is None


# ------------------------------------------------------------------------------------------------------- the claim


def around(objective: Any, center: Any, a: Any, reach: float) -> Isolated:
    """What :func:`lemma1` starts from, on a ball of a given size, whether or not the Krawczyk test would pass there."""
    size = objective.size
    over = objective.evaluate(a.ball(center, np.full(size, reach)), a, 3)
    box = Krawczyk(center, np.full(size, reach), np.full(size, reach), np.eye(size), a.name, a.bits)
    return Isolated(box, objective.evaluate(a.array(center), a, 2), over, reach)


@ALL
@given(
    gap=st.sampled_from([1e-3, 0.1, 1.0, 8.0]),
    offset=st.floats(-0.4, 0.4),
    reach=st.sampled_from([1e-4, 0.01, 0.3, 2.0]),
    seed=st.integers(0, 3),
)
@settings(max_examples=20)
def test_the_ball_holds_the_minimum_and_no_other_critical_point(
    name: str, gap: float, offset: float, reach: float, seed: int
):
    """``L = x²(x/3 + gap/2) + 2y²``, rotated: a minimum at 0 and a saddle at ``x = −gap``."""
    a = ARITHMETICS[name]()
    objective = Rotated(
        Polynomials.of([0, 0, Fraction(gap) / 2, Fraction(1, 3)], [0, 0, 2]), rational_rotation(2, seed)
    )
    start = np.array([Fraction(offset) * Fraction(gap), Fraction(gap) ** 2 * Fraction(offset) / 7], dtype=object)
    center = objective.matrix.T @ start
    found = lemma1(around(objective, center, a, reach), a)
    if isinstance(found, Failure):
        assert abs(offset) > 0.01 or reach < gap * abs(offset) * 4
        return
    assert sum(start**2) < found.radius**2
    assert (start[0] + Fraction(gap)) ** 2 + start[1] ** 2 > found.radius**2
    assert found.radius <= Fraction(reach) == found.reach
    # the numbers of the proof bound what they name
    slope = [start[0] * (start[0] + Fraction(gap)), 4 * start[1]]
    assert found.gradient_norm**2 >= sum(v * v for v in slope)
    assert found.smallest_eigenvalue <= min(2 * start[0] + Fraction(gap), Fraction(4))
    assert found.lipschitz >= 2


@ALL
def test_no_minimum_no_proof(name: str):
    """``L' = x² + ε``: no critical point at all, whatever the centre and the reach."""
    a = ARITHMETICS[name]()
    for excess in (1e-12, 1e-3):
        objective = Polynomials.of([0, Fraction(excess), 0, Fraction(1, 3)], [0, 0, 1])
        for x in (0.0, excess, excess**0.5, 2 * excess**0.5, 0.1):
            for reach in (excess, 1e-2, 1.0):
                assert isinstance(lemma1(around(objective, exact([x, 0.0]), a, reach), a), Failure)


def test_a_maximum_in_one_direction_is_no_minimum():
    a = Arb(106)
    objective = Polynomials.of([0, 0, 1], [0, 0, Fraction(-1, 10**9)])
    assert isinstance(lemma1(around(objective, exact([0.0, 0.0]), a, 0.1), a), Failure)


@pytest.mark.parametrize("part", ["gradient", "hessian", "lipschitz"])
def test_unbounded_enclosures_prove_nothing(part: str):
    from certify.arithmetic.midrad import Float64Enclosures

    a = Float64Enclosures()
    isolated = around(Polynomials.of([0, 0, 1], [0, 0, 1]), exact([0.0, 0.0]), a, 0.1)
    assert isinstance(lemma1(isolated, a), Failure)  # M = 0 within rounding would be no excuse: M > 0 is asked for
    isolated = around(Polynomials.of([0, 0, 1, 1], [0, 0, 1]), exact([0.0, 0.0]), a, 0.1)
    assert isinstance(lemma1(isolated, a), BallMinimum)
    holder: Evaluation = isolated.over_box if part == "lipschitz" else isolated.at_center
    getattr(holder, part).rad[:] = np.inf
    assert isinstance(lemma1(isolated, a), Failure)


@ALL
def test_the_numbers_of_a_real_minimum(name: str):
    theta = true_point("narrow")
    a = ARITHMETICS[name]()
    center = exact(theta.astype(np.float64))
    isolated = krawczyk(SquareLoss.of_network(small(), 1), center, a)
    assert isinstance(isolated, Isolated)
    found = lemma1(isolated, a)
    assert isinstance(found, BallMinimum)
    oracle = Oracle(small())
    assert found.gradient_norm**2 >= sum(Fraction(float(abs(g).lower())) ** 2 for g in oracle.gradient(center)) / 4
    assert found.smallest_eigenvalue <= Fraction(float(oracle.eigenvalues(center)[0].upper()))
    assert found.smallest_eigenvalue > Fraction(1, 10)


def test_lemma_2_needs_exact_labels_the_teachers_width_and_a_positive_loss():
    tiny = Fraction(1, 10**40)
    numbers = Problem("given", small().activation, small().inputs, None, small().labels)
    assert lemma2(small(), 2, tiny) is lemma2(small(), 3, tiny) is True
    assert lemma2(small(), 1, Fraction(1)) is None
    assert lemma2(small(), 2, Fraction(0)) is None
    assert lemma2(numbers, 2, Fraction(1)) is None
