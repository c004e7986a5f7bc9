"""The last digits before a stratum: reached where the zero is there, refused where it is not."""

import dataclasses
from fractions import Fraction

import numpy as np
import pytest

from sweep.kernels.compiled import prepare
from sweep.polishing.approach import NEAR, approach
from sweep.polishing.polish import polish
from symmetry.matching import verify_equal_output
from symmetry.network import Network
from symmetry.problem import load_problem

PROBLEM = load_problem("thesis")
DATA = prepare(PROBLEM)
W = PROBLEM.teacher.w.astype(float)


def student(w, a):
    return np.concatenate([np.ravel(w), a])


# outputs of classes: teacher 1, −1, 1, −1; a mirrored member also adds to the constant, which has to cancel
EXACT = {
    "teacher": student(W, [1, -1, 1, -1]),
    "twins": student([*W, W[0]], [0.4, -1, 1, -1, 0.6]),
    "twins of both signs": student([*W, W[1]], [1, -2.5, 1, -1, 1.5]),
    "zero neuron": student([-W[0], *W[1:], [0, 0]], [-1, -1, 1, -1, 2]),
    "idle neuron": student([*W, [0.9, -0.3]], [1, -1, 1, -1, 0]),
    "opposite pair": student([*W, [0.9, -0.3], [0.9, -0.3]], [1, -1, 1, -1, 0.7, -0.7]),
    "mirrored triple": student([*W, -W[2], W[2]], [1, -1, 0.75, -1, 0.0, 0.25]),
    "pair of zeros": student([*W, [0, 0], [0, 0]], [1, -1, 1, -1, 0.6, -0.6]),
}


@pytest.mark.parametrize("name", EXACT)
def test_polished_points_reach_their_stratum(name):
    """From 1e-3 away, through a polish: float64 alone stops at 1e-8 from twins, at 1e-5 from zeros of third order."""
    exact = EXACT[name]
    width = len(exact) // 3
    for seed in range(3):
        start = exact + 1e-3 * np.random.default_rng(seed).uniform(-1, 1, exact.size)
        polished = polish(DATA, start, width)
        found = approach(PROBLEM, DATA, polished.theta)
        assert found is not None
        assert found.base.certainly_within(NEAR, found.network)
        assert verify_equal_output(PROBLEM, found.base.network)
        end = found.network.theta().astype(float)
        distance = np.linalg.norm(end - polished.theta)
        assert distance <= found.path_radius * (1 + 1e-6) <= found.moved * (1 + 1e-6)
        assert found.residual**2 <= polished.loss or found.steps == 0
        assert distance < 1e-2


@pytest.mark.parametrize("nodes", [(-2.0, 0.7, 1.6), (-1.0, 0.3, 0.9, 2.0), (-1.7, -0.6, 1.2, 2.5)])
def test_copies_whose_higher_moments_cancel(nodes):
    """Copies ``w + p_i u`` of one neuron with ``Σ a_i = a``, ``Σ a_i p_i^k = 0``, k < 3 or 4: residuals of that order.

    Float64 parameters stop 1e-5 or 1e-3 from the stratum, where no damped step stays on the floor of the valley.
    """
    p = 1e-3 * np.array(nodes)
    a = [np.prod([q / (q - r) for q in p if q != r]) for r in p]
    w = W[0] + p[:, None] * np.array([0.5, 0.9])
    polished = polish(DATA, student([*w, *W[1:]], [*a, -1, 1, -1]), 3 + len(nodes))
    found = approach(PROBLEM, DATA, polished.theta)
    assert found is not None
    assert found.base.certainly_within(NEAR, found.network)
    assert verify_equal_output(PROBLEM, found.base.network)
    assert np.linalg.norm(found.network.theta().astype(float) - polished.theta) <= found.moved * (1 + 1e-6) < 1e-2
    assert found.residual**2 < polished.loss


def test_distance_is_that_of_the_exact_end():
    start = EXACT["twins"] + 1e-4 * np.random.default_rng(0).uniform(-1, 1, 15)
    found = approach(PROBLEM, DATA, start)
    gap = found.network.theta() - found.base.network.theta()
    assert sum(gap * gap, Fraction(0)) == found.base.distance_squared
    assert found.base.stratum.contains(found.base.network)
    assert found.base.distance_squared < Fraction(1, 10**24)


def test_points_on_a_stratum_stay_where_they_are():
    found = approach(PROBLEM, DATA, EXACT["teacher"])
    assert found.steps == 0
    assert found.moved == 0
    assert (found.network.theta() == Network.from_theta(EXACT["teacher"], 2).theta()).all()


def test_minima_are_not_absorbed():
    """The flat minimum of width 4 (loss 5.0176e-5), and the same with an idle fifth neuron."""
    w = [[0.80, 1.76], [-0.84, -0.60], [0.42, -0.49], [0.37, -0.53]]
    minimum = polish(DATA, student(w, [-0.08, -0.56, 3.20, -2.56]), 4)
    assert minimum.stop_reason == "converged"
    assert minimum.loss > 5e-5
    assert approach(PROBLEM, DATA, minimum.theta) is None
    idle = student([*minimum.theta[:8].reshape(4, 2), [0.3, 0.3]], [*minimum.theta[8:], 0])
    assert approach(PROBLEM, DATA, idle) is None


def test_far_from_everything():
    assert approach(PROBLEM, DATA, np.random.default_rng(0).normal(size=15)) is None


def test_given_labels_have_no_strata():
    given = dataclasses.replace(PROBLEM, given_labels=PROBLEM.labels)
    assert approach(given, prepare(given), EXACT["teacher"]) is None


def test_too_few_steps():
    start = EXACT["twins"] + 1e-3 * np.random.default_rng(0).uniform(-1, 1, 15)
    assert approach(PROBLEM, DATA, start, max_steps=1) is None
