"""The trust-region subproblem against its optimality conditions."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sweep.newton import Model


def model(eigenvalues, gradient, seed=0):
    """The model of a Hessian with these eigenvalues and the gradient with these coordinates in its eigenbasis."""
    basis, _ = np.linalg.qr(np.random.default_rng(seed).normal(size=(len(eigenvalues),) * 2))
    return Model.of(basis @ gradient, basis @ np.diag(eigenvalues) @ basis.T)


numbers = st.floats(-1e3, 1e3).filter(lambda x: x == 0 or abs(x) > 1e-6)


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.tuples(numbers, numbers), min_size=1, max_size=6),
    st.floats(1e-3, 1e3),
)
def test_optimality_conditions(pairs, radius):
    """More and Sorensen: s is optimal iff (H + ν)s = −g, H + ν ⪰ 0, ν ≥ 0, and ν = 0 or |s| = radius."""
    eigenvalues, gradient = np.array(pairs).T
    m = model(eigenvalues, gradient)
    step, nu = m.trust_region_step(radius)
    scale = 1 + np.abs(gradient).max() + np.abs(eigenvalues).max() * radius
    assert nu >= 0
    assert m.eigenvalues[0] + nu >= -1e-9 * scale
    assert np.abs((m.eigenvalues + nu) * step + m.gradient).max() <= 1e-9 * scale
    assert np.linalg.norm(step) <= 1.1 * radius * (1 + 1e-12)
    if nu > 1e-9 * scale / radius:
        assert np.linalg.norm(step) >= 0.9 * radius
    assert m.decrease(step) >= -1e-9 * scale * radius


def test_hard_case_goes_down_the_lowest_eigenvector():
    m = model([-2.0, 1.0, 3.0], [0.0, 0.5, 0.5])
    step, nu = m.trust_region_step(1.0)
    assert nu == pytest.approx(2.0)
    assert np.linalg.norm(step) == pytest.approx(1.0, rel=0.1)
    assert m.decrease(step) > 0.8


def test_no_gradient_no_curvature_no_step():
    step, nu = model([0.0, 0.0], [0.0, 0.0]).trust_region_step(1.0)
    assert not step.any()
    assert nu == 0


def test_a_singular_model_without_a_gradient_where_it_is_flat():
    m = Model(np.array([0.0, 1.0, 2.0]), np.eye(3), np.array([0.0, 0.5, -0.5]), 1e-15)
    step, nu = m.trust_region_step(1.0)
    assert step.tolist() == [0.0, -0.5, 0.25]
    assert nu == 0
    assert m.decrease(step) == m.decrement


def test_rounding_noise_is_no_eigenvalue():
    m = model([1e-18, 1.0], [1e-18, 1e-3])
    assert m.eigenvalues[0] == 0
    assert np.abs(m.newton_step(m.gradient)).max() == pytest.approx(1e-3)


def test_newton_step_solves_the_linear_system():
    m = model([-3.0, 0.5, 2.0], [1.0, 2.0, -4.0])
    assert m.eigenvalues * m.newton_step(m.gradient) + m.gradient == pytest.approx(np.zeros(3), abs=1e-12)
    # ½ Σ g²/|λ| = ½ (1/3 + 4/0.5 + 16/2)
    assert m.decrement == pytest.approx(0.5 * (1 / 3 + 8 + 8))
