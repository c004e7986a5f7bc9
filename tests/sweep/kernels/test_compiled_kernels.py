"""The kernels against the formulas in extended precision, against autograd, and against themselves in other batches."""

import dataclasses
from fractions import Fraction

import numpy as np
import pytest
import torch
from kernel_cases import CASES, assert_componentwise, generic, problem, students, table

from sweep.kernels import formulas
from sweep.kernels.compiled import (
    gradient_at,
    loss_gradient,
    loss_gradient_hessian,
    prepare,
    scratch,
    smallest_eigenvalue,
)
from sweep.kernels.lanes import LANES
from sweep.polishing.gauss_newton import Residuals
from symmetry.activation import activation
from symmetry.arithmetic import Float64
from symmetry.objective import SquareLoss
from symmetry.problem import load_problem

FOLDED = {
    *("thesis", "grid", "grid-even", "grid-1d", "grid-3d", "grid-3d-long"),
    *("table-symmetric", "table-symmetric-zeros", "one-zero"),
}
# rows and columns of the grids on which exponentials are shared: those with a cut that leaves 16 columns or more
FACTORISED = {
    "thesis": (41, 41),
    "grid-shifted": (11, 17),
    "grid-3d": (15, 17),
    "grid-3d-long": (25, 17),
    "grid-full-rows": (5, 16),
}


@pytest.mark.parametrize("name", CASES)
def test_what_is_shared_and_folded(name):
    data = prepare(CASES[name])
    assert data.is_grid == (name in FACTORISED)
    if data.is_grid:
        rows, columns = FACTORISED[name]
        assert rows * columns == data.count
        n, end = np.arange(data.kept), columns + LANES
        assert (data.x[:, n] == data.rows[:, n // columns] + data.columns[:, n % columns]).all()
        assert (data.columns[:, columns:end] == data.columns[:, :LANES]).all()
    assert data.is_folded == (name in FOLDED)
    assert data.kept == (len(CASES[name]) // 2 if name in FOLDED else len(CASES[name]))


@pytest.mark.parametrize("width", [1, 3, 5])
@pytest.mark.parametrize("name", CASES)
def test_agrees_with_the_formulas(name, width):
    case = CASES[name]
    data = prepare(case)
    theta = np.concatenate(
        [students(case, width, 3), students(case, width, 3, scale=4.0), 0 * students(case, width, 1)]
    )
    loss, gradient, hessian = loss_gradient_hessian(data, theta, width)
    for s in range(len(theta)):
        values, terms = generic(case, theta[s], width)
        for found, expected, size in zip((loss[s], gradient[s], hessian[s]), values, terms, strict=True):
            assert_componentwise(found, expected, size)


@pytest.mark.parametrize("name", CASES)
def test_agrees_with_autograd(name):
    case, width = CASES[name], 4
    x, y = torch.tensor(case.inputs.values), torch.tensor(case.labels)

    def mean_squared_error(theta):
        w, a = theta[: width * case.dimension].reshape(width, -1), theta[width * case.dimension :]
        return torch.nn.functional.mse_loss(torch.sigmoid(x @ w.T) @ a, y)

    theta = students(case, width, 2)
    loss, gradient, hessian = loss_gradient_hessian(prepare(case), theta, width)
    for s, point in enumerate(torch.tensor(theta)):
        terms = generic(case, theta[s], width)[1]
        assert_componentwise(loss[s], mean_squared_error(point).item(), terms[0])
        assert_componentwise(
            gradient[s], torch.autograd.functional.jacobian(mean_squared_error, point).numpy(), terms[1]
        )
        assert_componentwise(hessian[s], torch.autograd.functional.hessian(mean_squared_error, point).numpy(), terms[2])


@pytest.mark.parametrize("scale", [20.0, 50.0, 100.0, 1e3, 1e5, 1e15])
@pytest.mark.parametrize("name", ["thesis", "grid-shifted", "grid-3d", "table"])
def test_huge_weights(name, scale):
    """Exponents beyond ±700, where a product of two exponentials could be 0·inf; neurons of both kinds in a student.

    Few bits in weights and inputs: w·x is exact, and what is measured is the kernel, not the condition of e^(w·x).
    """
    case, width = CASES[name], 3
    theta = np.round(64 * students(case, width, 6)) / 64
    theta[:, : case.dimension] *= scale
    theta[3:, case.dimension] *= scale
    loss, gradient, hessian = loss_gradient_hessian(prepare(case), theta, width)
    for s in range(len(theta)):
        values, terms = generic(case, theta[s], width)
        for found, expected, size in zip((loss[s], gradient[s], hessian[s]), values, terms, strict=True):
            assert_componentwise(found, expected, size)


def test_factors_and_the_direct_way_meet():
    """Just below and just above the limit for products of exponentials, Σ|w_k| max|x_k| = 350."""
    case = load_problem("thesis")
    for reach in (350 * (1 - 1e-9), 350 * (1 + 1e-9)):
        theta = np.array([[0.4 * reach / 5, 0.6 * reach / 5, 1.0]])
        values, terms = generic(case, theta[0], 1)
        found = loss_gradient_hessian(prepare(case), theta, 1)
        for part, expected, size in zip(found, values, terms, strict=True):
            assert_componentwise(part[0], expected, size)


@pytest.mark.parametrize(
    ("name", "shared"), [("thesis", [1, 0, 0, 1]), ("table", [0, 0, 0, 0]), ("grid", [0, 0, 0, 0])]
)
def test_which_neurons_take_the_direct_way(name, shared):
    """Exponents beyond ±350, neuron by neuron; all neurons where there is no grid, or none worth factorising."""
    case = CASES[name]
    data = prepare(case)
    w = np.array([[34.9, 35.0], [35.1, 35.0], [-70.1, 0.0], [0.5, -69.0]])
    theta, gradient = np.concatenate([w.ravel(), np.ones(4)]), np.empty(12)
    memory = scratch(4, *(data.arguments[i] for i in (0, 3, 4)), False)
    gradient_at(theta, 4, *data.arguments, memory, False, gradient)
    assert memory[2].tolist() == shared
    values, terms = generic(case, theta, 4)
    assert_componentwise(gradient, values[1], terms[1] * 100)  # w·x is rounded, and its error is amplified


@pytest.mark.parametrize("name", ["thesis", "table"])
def test_what_is_no_number_stays_none(name):
    case = CASES[name]
    theta = students(case, 3, 4)
    theta[1, 0], theta[2, -1] = np.nan, np.inf
    loss, gradient, hessian = loss_gradient_hessian(prepare(case), theta, 3)
    assert np.isfinite(loss).tolist() == [True, False, False, True]
    assert np.isfinite(gradient).all(axis=1).tolist() == [True, False, False, True]
    assert np.isnan(smallest_eigenvalue(hessian)).tolist() == [False, True, True, False]


@pytest.mark.parametrize("name", CASES)
def test_a_students_numbers_do_not_depend_on_its_batch(name):
    case, width = CASES[name], 3
    data, theta = prepare(case), students(CASES[name], 3, 19)
    whole = loss_gradient_hessian(data, theta, width)
    order = np.random.default_rng(2).permutation(len(theta))
    for part in (order, order[:7], order[7:8]):
        for one, all_ in zip(loss_gradient_hessian(data, theta[part], width), whole, strict=True):
            assert one.tobytes() == all_[part].tobytes()
        for one, all_ in zip(loss_gradient(data, theta[part], width), whole[:2], strict=True):
            assert one.tobytes() == all_[part].tobytes()


def test_the_hessian_is_exactly_symmetric():
    case = CASES["thesis"]
    hessian = loss_gradient_hessian(prepare(case), students(case, 5, 10), 5)[2]
    assert (hessian == hessian.transpose(0, 2, 1)).all()


def test_the_loss_vanishes_at_the_teacher_alone():
    case = CASES["thesis"]
    theta = case.teacher.theta().astype(np.float64)
    loss, gradient = loss_gradient(prepare(case), np.array([theta, theta + 1e-6]), 4)
    assert loss[0] < 1e-31 < 1e-14 < loss[1]
    assert abs(gradient[0]).max() < 1e-15


def test_the_loss_is_even_where_outputs_of_the_teacher_cancel():
    """mathematics.md §1: L(−θ) = L(θ) on a symmetric grid with Σa* = 0."""
    case = CASES["thesis"]
    theta = students(case, 5, 20)
    data = prepare(dataclasses.replace(case, teacher=None, given_labels=case.labels))
    assert np.allclose(loss_gradient(data, theta, 5)[0], loss_gradient(data, -theta, 5)[0], rtol=1e-13, atol=0)


def test_smallest_eigenvalue():
    matrices = np.array([np.diag([3.0, -2.0, 5.0]), np.ones((3, 3))])
    assert np.allclose(smallest_eigenvalue(matrices), [-2, 0], atol=1e-15)


def test_an_empty_batch():
    loss, gradient, hessian = loss_gradient_hessian(prepare(CASES["thesis"]), np.empty((0, 6)), 2)
    assert (loss.shape, gradient.shape, hessian.shape) == ((0,), (0, 6), (0, 6, 6))
    assert smallest_eigenvalue(hessian).shape == (0,)


@pytest.mark.parametrize("shape", [(3, 5), (6,), (1, 2, 3)])
def test_shapes_that_do_not_fit(shape):
    with pytest.raises(ValueError, match=r"theta has shape .*, expected \(n, 6\) for width 2 in dimension 2"):
        loss_gradient(prepare(CASES["thesis"]), np.zeros(shape), 2)


@pytest.mark.parametrize("name", ["tanh", "erf", "softplus", "gelu", "sigmoid"])
@pytest.mark.parametrize("bias", [False, True])
def test_what_is_not_compiled_goes_by_the_formulas(name, bias):
    case = dataclasses.replace(
        CASES["thesis"],
        activation=activation(name),
        decay=Fraction(1, 100),
        loss="half-mean-squared-error",
        output_bias=bias,
    )
    data, width = prepare(case), 3
    assert data.is_folded == (not bias and name in ("tanh", "erf", "sigmoid"))
    objective = SquareLoss.of_network(case, width)
    for theta in np.random.default_rng(3).normal(size=(2, data.size(width))):
        expected = objective.evaluate(theta, Float64(), 2)
        loss, gradient, hessian = loss_gradient_hessian(data, theta[None], width)
        assert np.allclose(loss, expected.loss, rtol=1e-12, atol=0)
        assert np.allclose(gradient[0], expected.gradient, rtol=1e-11, atol=1e-13)
        assert np.allclose(hessian[0], expected.hessian, rtol=1e-11, atol=1e-13)
        assert np.array_equal(loss_gradient(data, theta[None], width)[1], gradient)
        r, jacobian = Residuals(data, width).linearise(theta)
        assert np.isclose(r @ r + 0.01 * theta @ theta, loss[0], rtol=1e-11)
        assert np.allclose(2 * jacobian.T @ r + 0.02 * theta, gradient[0], rtol=1e-10, atol=1e-13)


def test_the_formulas_do_not_see_how_inputs_are_cut(monkeypatch):
    case = dataclasses.replace(CASES["thesis"], activation=activation("tanh"))
    data, theta = prepare(case), students(case, 3, 1)
    whole = loss_gradient_hessian(data, theta, 3)
    monkeypatch.setattr(formulas, "_CHUNK", 1000)
    for found, expected in zip(loss_gradient_hessian(data, theta, 3), whole, strict=True):
        assert np.allclose(found, expected, rtol=1e-11, atol=1e-13)


def test_an_activation_without_reflection_is_not_folded():
    class Unfolded(type(CASES["thesis"].activation)):
        reflection = None

    other = Unfolded()
    case = dataclasses.replace(CASES["thesis"], activation=other)
    theta = students(case, 3, 2)
    plain, folded = prepare(case), prepare(CASES["thesis"])
    assert not plain.is_folded
    for found, expected in zip(
        loss_gradient_hessian(plain, theta, 3), loss_gradient_hessian(folded, theta, 3), strict=True
    ):
        assert np.allclose(found, expected, rtol=1e-12, atol=1e-12)


def test_a_wide_student_and_many_inputs():
    case, width = problem(table(5000, 2), given=True), 32
    theta = students(case, width, 1)
    values, terms = generic(case, theta[0], width)
    for found, expected, size in zip(loss_gradient_hessian(prepare(case), theta, width), values, terms, strict=True):
        assert_componentwise(found[0], expected, size)
