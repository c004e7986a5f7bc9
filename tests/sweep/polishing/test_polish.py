"""Polishing: where it ends, that it never goes up, and that it takes nothing for more than it is."""

import itertools

import numpy as np
import pytest
from kernel_cases import CASES

from sweep.kernels.compiled import loss_gradient, loss_gradient_hessian, prepare
from sweep.polishing.polish import polish
from symmetry.activation import activation
from symmetry.problem import Inputs, Problem, load_problem

PROBLEM = load_problem("thesis")
DATA = prepare(PROBLEM)
TEACHER = PROBLEM.teacher.theta().astype(float)


def loss(theta, width):
    return loss_gradient(DATA, theta[None], width)[0][0]


def narrow_minimum(wanted):
    """A minimum of width 3, with ``wanted`` true of the eigenvalues of its B: the first that random starts lead to."""
    for seed in range(60):
        polished = polish(DATA, 0.7 * np.random.default_rng(seed).normal(size=9), 3)
        if polished.stop_reason == "converged" and polished.smallest_eigenvalue > 1e-8:
            b = np.linalg.eigvalsh(curvature(polished.theta))
            if np.abs(b).min() > 1e-7 and wanted(b):
                return polished.theta
    raise AssertionError("no such minimum of width 3 found")


def split(theta, share):
    """Width 3 to width 4: neuron 0 in two, with outputs ``share`` and ``1 − share`` of its own."""
    w, a = theta[:6].reshape(3, 2), theta[6:]
    return np.concatenate([w.ravel(), w[0], [share * a[0]], a[1:], [(1 - share) * a[0]]])


def curvature(theta):
    """B of neuron 0: (2/N) Σ r a σ'' x xᵀ, from the formula."""
    x, y = PROBLEM.inputs.values, PROBLEM.labels
    w, a = theta[:6].reshape(3, 2), theta[6:]
    sigma = 1 / (1 + np.exp(-x @ w.T))
    r = sigma @ a - y
    s = sigma[:, 0]
    return 2 / len(x) * (x.T * (r * a[0] * s * (1 - s) * (1 - 2 * s))) @ x


def test_back_to_the_teacher():
    start = TEACHER + 0.02 * np.random.default_rng(0).normal(size=12)
    polished = polish(DATA, start, 4)
    assert polished.stop_reason == "converged"
    assert polished.theta == pytest.approx(TEACHER, abs=1e-9)
    assert polished.loss < 1e-28
    distance = np.linalg.norm(polished.theta - start)
    assert distance <= polished.path_radius * (1 + 1e-12) <= polished.moved * (1 + 1e-9)


def test_duplicates_end_at_rounding_level():
    """Twins: the loss grows like the fourth power of their distance; 1e-30 means that they agree to about 1e-7."""
    w = TEACHER[:8].reshape(4, 2)
    theta = np.concatenate([w.ravel(), w[0], [0.4], TEACHER[9:], [0.6]])
    polished = polish(DATA, theta + 0.01 * np.random.default_rng(1).normal(size=15), 5)
    assert polished.stop_reason == "converged"
    assert polished.loss < 1e-29
    w = polished.theta[:10].reshape(5, 2)
    assert np.linalg.norm(w[0] - w[4]) < 1e-5


def test_flat_minimum_of_width_four():
    """Loss 5.0176e-5, outputs 2.6 and −3.2, smallest eigenvalue 2.4e-9 (docs/mathematics.md); from two decimals."""
    w = [0.80, 1.76, -0.84, -0.60, 0.42, -0.49, 0.37, -0.53]
    polished = polish(DATA, np.array([*w, -0.08, -0.56, 3.20, -2.56]), 4)
    assert polished.stop_reason == "converged"
    assert polished.loss == pytest.approx(5.0176e-5, rel=1e-5)
    assert polished.smallest_eigenvalue == pytest.approx(2.4e-9, rel=0.05)
    assert polished.gradient_norm < 1e-14
    assert sorted(polished.theta[8:])[:1] == pytest.approx([-2.6], abs=0.05)


def test_losses_never_rise_and_the_path_grows():
    start = np.random.default_rng(4).normal(size=15)
    walks = [polish(DATA, start, 5, max_steps=steps) for steps in range(0, 60, 3)]
    assert walks[0].stop_reason == "step-limit"
    assert (walks[0].theta == start).all()
    assert walks[0].moved == walks[0].path_radius == 0
    assert all(later.loss <= earlier.loss for earlier, later in itertools.pairwise(walks))
    assert all(later.moved >= earlier.moved for earlier, later in itertools.pairwise(walks))
    assert all(np.linalg.norm(walk.theta - start) <= walk.path_radius * (1 + 1e-12) for walk in walks)
    assert walks[-1].loss < 1e-2 * walks[0].loss


def test_a_given_saddle_stays_and_a_shifted_one_goes_down():
    """A split with positive shares has B's directions, so it is a saddle where B has a negative eigenvalue."""
    saddle = split(narrow_minimum(lambda b: b[0] < 0), 0.4)
    _, _, hessian = loss_gradient_hessian(DATA, saddle[None], 4)
    eigenvalues, vectors = np.linalg.eigh(hessian[0])
    assert eigenvalues[0] < -1e-8
    stayed = polish(DATA, saddle, 4)
    assert stayed.stop_reason == "converged"
    assert stayed.moved < 1e-8
    assert stayed.smallest_eigenvalue == pytest.approx(eigenvalues[0], rel=1e-3)
    left = polish(DATA, saddle + 1e-2 * vectors[:, 0], 4)
    assert left.loss < stayed.loss
    assert left.moved > 0.01


def test_a_manifold_of_minima_is_reached_although_its_hessian_is_singular():
    minimum = narrow_minimum(lambda b: b[0] > 0)
    polished = polish(DATA, split(minimum, 0.4) + 1e-3 * np.random.default_rng(0).normal(size=12), 4)
    assert polished.stop_reason == "converged"
    assert polished.loss == pytest.approx(loss(minimum, 3), rel=1e-10)
    assert abs(polished.smallest_eigenvalue) < 1e-12


def test_a_channel_is_not_called_converged():
    """Two neurons merge while their outputs grow, to c σ(z) + (u·x) σ'(z) (docs/mathematics.md, pair chart)."""
    w, u, c, eps = np.array([0.118, 0.015]), np.array([0.175, -0.012]), -0.05, 1 / 20
    incoming = [0.951, 0.632, *(w + eps * u), *(w - eps * u), -0.904, 0.712]
    start = np.array([*incoming, 0.405, c / 2 + 0.5 / eps, c / 2 - 0.5 / eps, -0.354])
    polished = polish(DATA, start, 4)
    assert polished.stop_reason == "diverging"
    assert polished.loss < loss(start, 4)
    assert np.abs(polished.theta).max() > 50


@pytest.mark.parametrize("name", sorted(CASES))
def test_every_kind_of_problem(name):
    """Also with given labels, in other dimensions, and where the zeros form a manifold because inputs are few."""
    data = prepare(CASES[name])
    start = np.random.default_rng(3).normal(size=2 * (data.dimension + 1))
    polished = polish(data, start, 2, max_steps=200)
    before, _ = loss_gradient(data, start[None], 2)
    after, gradient = loss_gradient(data, polished.theta[None], 2)
    assert polished.loss == after[0] <= before[0]
    assert polished.gradient_norm == np.linalg.norm(gradient)
    if polished.stop_reason == "converged":
        assert polished.gradient_norm < 1e-13


@pytest.mark.parametrize("start", [np.zeros(6), np.array([1.0, 2.0, 1.0, 2.0, 3.0, -3.0])])
def test_a_loss_that_is_exactly_0_is_where_the_polish_ends(start):
    data = prepare(Problem("nothing", PROBLEM.activation, PROBLEM.inputs, None, np.zeros(len(PROBLEM))))
    polished = polish(data, start, 2)
    assert (polished.loss, polished.moved, polished.stop_reason) == (0.0, 0.0, "converged")


def test_where_nothing_depends_on_the_weights_the_polish_ends():
    inputs = Inputs(table=np.zeros((3, 2)))
    data = prepare(Problem("origin", activation("tanh"), inputs, None, np.array([1.0, 0.5, -1.0])))
    polished = polish(data, np.ones(3), 1)
    assert (polished.moved, polished.stop_reason) == (0.0, "converged")


@pytest.mark.parametrize("value", [np.nan, np.inf, 1e200])
def test_loss_that_is_not_finite(value):
    start = TEACHER.copy()
    start[-1] = value
    with pytest.raises(ValueError, match="expected a finite number"):
        polish(DATA, start, 4)
