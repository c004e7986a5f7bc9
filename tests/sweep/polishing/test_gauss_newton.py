"""Levenberg-Marquardt where theory says how fast it is, and the residuals against the kernels."""

import numpy as np
import pytest
from kernel_cases import CASES

from sweep.kernels.compiled import loss_gradient, loss_gradient_hessian, prepare
from sweep.polishing.gauss_newton import Path, Residuals, levenberg_marquardt


class Equations:
    """r(x) = 0 from a function and its Jacobian."""

    def __init__(self, residual, jacobian):
        self.residual, self.jacobian = residual, jacobian

    def linearise(self, x):
        return self.residual(x), self.jacobian(x)


def regular():
    """x = 1, y = 2, with a curved valley: x² + y = 3, 10 (x − 1)(y + 1) = 0, y = 2 x."""
    return Equations(
        lambda v: np.array([v[0] ** 2 + v[1] - 3, 10 * (v[0] - 1) * (v[1] + 1), v[1] - 2 * v[0]]),
        lambda v: np.array([[2 * v[0], 1], [10 * (v[1] + 1), 10 * (v[0] - 1)], [-2, 1]]),
    )


def of_order(k):
    """x = 0 to order k, beside a regular y = x^2."""
    return Equations(
        lambda v: np.array([v[0] ** k, v[1] - v[0] ** 2]),
        lambda v: np.array([[k * v[0] ** (k - 1), 0.0], [-2 * v[0], 1.0]]),
    )


def test_regular_zero():
    points = list(levenberg_marquardt(regular(), np.array([2.0, 0.5])))
    assert points[-1][0] == pytest.approx([1.0, 2.0], abs=1e-12)
    assert len(points) < 20


@pytest.mark.parametrize(("order", "steps"), [(2, 10), (3, 15), (4, 30)])
def test_degenerate_zeros_are_reached_faster_than_linearly(order, steps):
    """Plain Gauss-Newton multiplies x by (1 − 1/k): from 0.1 to 1e-9 that takes 27, 46, 64 steps."""
    points = [abs(x[0]) for x, _ in levenberg_marquardt(of_order(order), np.array([0.1, 0.3]))]
    assert min(points[:steps]) < 1e-9


def test_norms_decrease_strictly():
    norms = [norm for _, norm in levenberg_marquardt(regular(), np.array([-3.0, 4.0]))]
    assert (np.diff(norms) < 0).all()


def test_stops_at_a_minimum_that_is_no_zero():
    """x² + 1e-9 = 0 has no solution; |r| is least at 0."""
    hopeless = Equations(lambda v: np.array([v[0] ** 2 + 1e-9]), lambda v: np.array([[2 * v[0]]]))
    points = list(levenberg_marquardt(hopeless, np.array([1.0])))
    assert len(points) < 60
    assert points[-1][1] >= 1e-9


def test_stays_at_an_exact_zero():
    assert list(levenberg_marquardt(of_order(2), np.zeros(2))) == []


@pytest.mark.parametrize("name", CASES)
def test_residuals_make_the_loss_of_the_kernels(name):
    width, data = 3, prepare(CASES[name])
    theta = np.random.default_rng(7).normal(size=width * (data.dimension + 1))
    loss, gradient = loss_gradient(data, theta[None], width)
    residuals = Residuals(data, width)
    r, jacobian = residuals.linearise(theta)
    assert (r == residuals.residual(theta)).all()
    assert r @ r + data.even_variance == pytest.approx(loss[0], rel=1e-13)
    assert 2 * jacobian.T @ r == pytest.approx(gradient[0], rel=1e-11, abs=1e-14)
    assert (residuals.absolute_terms(theta) >= np.abs(r) * (1 - 1e-12)).all()


def test_jacobian_makes_the_hessian_where_the_residual_vanishes():
    case = CASES["thesis"]
    teacher = case.teacher.theta().astype(float)
    data = prepare(case)
    _, jacobian = Residuals(data, 4).linearise(teacher)
    _, _, hessian = loss_gradient_hessian(data, teacher[None], 4)
    assert 2 * jacobian.T @ jacobian == pytest.approx(hessian[0], rel=1e-12, abs=1e-15)


def test_path():
    path = Path(np.zeros(2))
    for point in ([3.0, 4.0], [0.0, 0.0], [0.0, 1.0]):
        path.advance(np.array(point))
    assert path.moved == 11.0
    assert path.radius == 5.0
