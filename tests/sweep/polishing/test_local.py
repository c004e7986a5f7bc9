"""Local residuals against 200-bit arithmetic: a relative precision that float64 parameters cannot have."""

import random
from fractions import Fraction

import mpmath
import numpy as np
import pytest

from sweep.kernels.compiled import prepare
from sweep.polishing.gauss_newton import Residuals
from sweep.polishing.local import LocalSystem, groups_of
from symmetry.activation import activation
from symmetry.network import Network, exact
from symmetry.problem import Inputs, Problem, load_problem
from symmetry.strata import Label, Stratum, Target

STRATA = {
    "twins": [("C", 1, 1), ("C", 1, 1), ("C", 2, 1)],
    "mirrored": [("C", 1, 1), ("C", 2, 1), ("C", 2, -1), ("C", 2, 1)],
    "zeros": [("C", 1, 1), ("Z", 0, 0), ("C", 2, -1), ("Z", 0, 0)],
    "free": [("C", 1, 1), ("D", 1, 1), ("C", 2, 1), ("D", 1, -1), ("D", 1, 1)],
}


def grid(start, stop, count):
    return tuple(Fraction(start) + Fraction(i) * (Fraction(stop) - Fraction(start)) / (count - 1) for i in range(count))


def small(symmetric):
    teacher = Network.of([[Fraction(3, 5), Fraction(1, 2)], [Fraction(-1, 5), Fraction(-3, 5)]], [1, -2])
    axis = grid(-2, 2, 5) if symmetric else grid(-1, 2, 4)
    return Problem("small", activation("sigmoid"), Inputs(axes=(axis, axis)), teacher)


def base_point(problem, name):
    stratum = Stratum(Target.of(problem), tuple(Label(*label) for label in STRATA[name]))
    return stratum.random_point(random.Random(3))


def mean_square(problem, theta, dimension):
    """The loss of exact parameters in 200-bit arithmetic."""
    with mpmath.workprec(200):

        def output(network, x):
            z = [
                mpmath.mpf(0) + sum(mpmath.mpf(f.numerator) / f.denominator * v for f, v in zip(w, x, strict=True))
                for w in network.w
            ]
            return sum(
                mpmath.mpf(a.numerator) / a.denominator / (1 + mpmath.exp(-t))
                for a, t in zip(network.a, z, strict=True)
            )

        student = Network.from_theta(theta, dimension)
        total = mpmath.mpf(0)
        for row in problem.inputs.values.tolist():
            total += (output(student, row) - output(problem.teacher, row)) ** 2
        return float(mpmath.sqrt(total / len(problem.inputs)))


@pytest.mark.parametrize("symmetric", [True, False])
@pytest.mark.parametrize("size", [1e-1, 1e-4, 1e-9, 1e-14])
@pytest.mark.parametrize("name", STRATA)
def test_loss_to_a_relative_precision(name, size, symmetric):
    """Also where the first moments, and so all linear terms, vanish: then the residual is of order size²."""
    problem = small(symmetric)
    base = base_point(problem, name)
    system = LocalSystem(prepare(problem), base)
    xi = size * np.random.default_rng(5).uniform(-1, 1, len(base.theta()))
    moments = np.zeros_like(xi)
    for group in system.groups:
        moments[2 * group.pivot : 2 * group.pivot + 2] = 1
        moments[2 * base.width + group.pivot] = 1
    for point in (xi, np.where(moments, 0.0, xi)):
        expected = mean_square(problem, base.theta() + system.displacement(exact(point)), 2)
        assert np.linalg.norm(system.residual(point)) == pytest.approx(expected, rel=1e-8)


@pytest.mark.parametrize("symmetric", [True, False])
@pytest.mark.parametrize("name", STRATA)
def test_jacobian_is_the_derivative(name, symmetric):
    system = LocalSystem(prepare(small(symmetric)), base_point(small(symmetric), name))
    size = system.layout.size
    for scale in (1e-1, 1e-3):
        xi = scale * np.random.default_rng(2).uniform(-1, 1, size)
        r, jacobian = system.linearise(xi)
        assert (r == system.residual(xi)).all()
        h = 1e-4 * scale
        numeric = np.array(
            [
                (8 * (system.residual(xi + h * e) - system.residual(xi - h * e))
                 - (system.residual(xi + 2 * h * e) - system.residual(xi - 2 * h * e))) / (12 * h)
                for e in np.eye(size)
            ]
        ).T  # fmt: skip
        assert np.abs(jacobian - numeric).max(axis=0) == pytest.approx(
            np.zeros(size), abs=1e-7 * np.abs(jacobian).max() * scale
        )


def test_same_scale_as_the_global_residuals():
    problem = load_problem("thesis")
    data = prepare(problem)
    base = Network.of(
        np.concatenate([problem.teacher.w, problem.teacher.w[:1]]), [Fraction(1, 3), -1, 1, -1, Fraction(2, 3)]
    )
    system = LocalSystem(data, base)
    xi = 0.1 * np.random.default_rng(0).normal(size=15)
    theta = (base.theta() + system.displacement(exact(xi))).astype(float)
    assert system.residual(xi) == pytest.approx(Residuals(data, 5).residual(theta), abs=1e-14)


@pytest.mark.parametrize("name", STRATA)
def test_coordinates_and_displacement_are_inverse(name):
    system = LocalSystem(prepare(small(True)), base_point(small(True), name))
    xi = np.random.default_rng(1).normal(size=system.layout.size)
    assert (system.coordinates(system.displacement(exact(xi))) == xi).all()
    assert system.displacement(xi) == pytest.approx(system.displacement(exact(xi)).astype(float), abs=1e-12)


def test_groups_are_decided_exactly():
    third = Fraction(1, 3)
    network = Network.of(
        [[third, 0], [-third, 0], [0.1, 0.0], [Fraction(1, 10), 0], [0, 0], [0, 0]], [1, 2, 3, 4, 0, 0]
    )
    groups = {group.pivot: group for group in groups_of(network, mirrored=True)}
    assert groups[1].others == (0,)
    assert groups[1].signs == (-1,)
    assert list(groups[1].ratios) == [Fraction(1, 2)]
    assert groups[2].others == ()  # the double 0.1 is not 1/10
    assert groups[4].others == (5,)
    assert groups[4].signs == (1,)
    assert len(groups_of(network, mirrored=False)) == 5
