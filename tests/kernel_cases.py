"""Small problems of every kind the kernels tell apart, and the loss written down a second time."""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from symmetry.activation import activation
from symmetry.network import Network
from symmetry.problem import Inputs, Problem, load_problem


def axis(start, stop, step):
    count = int((Fraction(stop) - Fraction(start)) / Fraction(step))
    return tuple(Fraction(start) + i * Fraction(step) for i in range(count + 1))


def problem(inputs: Inputs, *, given: bool, seed: int = 0) -> Problem:
    """With a random teacher, or with random labels that have neither parity."""
    rng = np.random.default_rng(seed)
    if given:
        return Problem("case", activation("sigmoid"), inputs, None, rng.normal(size=len(inputs)))
    teacher = Network.of(rng.normal(size=(3, inputs.dimension)), rng.normal(size=3))
    return Problem("case", activation("sigmoid"), inputs, teacher)


def symmetric_table(pairs: int, dimension: int, zeros: int) -> Inputs:
    rng = np.random.default_rng(pairs)
    half = rng.normal(size=(pairs, dimension))
    rows = np.concatenate([half, -half, np.zeros((zeros, dimension))])
    return Inputs(table=rows[rng.permutation(len(rows))])


def table(count: int, dimension: int) -> Inputs:
    """Few bits, so that products with weights of few bits are exact."""
    return Inputs(table=np.round(64 * np.random.default_rng(count).normal(size=(count, dimension))) / 64)


CASES = {
    "thesis": load_problem("thesis"),
    "grid": problem(Inputs(axes=(axis(-2, 2, "1/3"), axis(-1, 1, "1/2"))), given=True),
    "grid-even": problem(Inputs(axes=(axis(-2, 2, "4/5"), axis(-1, 1, "2/3"))), given=True),
    "grid-shifted": problem(Inputs(axes=(axis(-2, 3, "1/2"), axis(0, 4, "1/4"))), given=False),
    "grid-1d": problem(Inputs(axes=(axis(-3, 3, "1/4"),)), given=False),
    "grid-3d": problem(Inputs(axes=(axis(-1, 1, "1/2"), axis(-1, 1, 1), axis(-2, 2, "1/4"))), given=True),
    "grid-3d-shifted": problem(Inputs(axes=(axis(0, 1, "1/2"), axis(-1, 1, 1), axis(-2, 2, 1))), given=False),
    "grid-3d-long": problem(Inputs(axes=(axis(-1, 1, "1/2"), axis(-1, 1, "1/2"), axis(-2, 2, "1/4"))), given=True),
    "grid-full-rows": problem(Inputs(axes=(axis(-1, 1, "1/2"), axis(0, "15/4", "1/4"))), given=True),
    "table": problem(table(100, 2), given=False),
    "table-1d": problem(table(33, 1), given=True),
    "table-3d": problem(table(16, 3), given=True),
    "table-symmetric": problem(symmetric_table(40, 3, 0), given=True),
    "table-symmetric-zeros": problem(symmetric_table(7, 2, 3), given=True),
    "one-input": problem(Inputs(table=np.array([[0.5, -1.0]])), given=True),
    "one-zero": problem(Inputs(table=np.zeros((1, 2))), given=True),
}


def students(case, width, count, scale=1.0, seed=1):
    return scale * np.random.default_rng(seed).normal(size=(count, width * (case.dimension + 1)))


def assert_componentwise(found, expected, terms):
    """Within 1e-12 times the sum of absolute terms; 1e-290 where those underflow."""
    error = abs(found - expected)
    assert (error <= 1e-12 * terms + 1e-290).all(), (error / (terms + 1e-290)).max()


def generic(case: Problem, theta, width: int):
    """Loss, gradient, Hessian at one ``theta`` in extended precision, and the sums of absolute terms of each."""
    x = case.inputs.values.astype(np.longdouble)
    y = case.labels.astype(np.longdouble)
    n, d = x.shape
    theta = theta.astype(np.longdouble)
    w, a = theta[: width * d].reshape(width, d), theta[width * d :]
    z = x @ w.T
    e = np.exp(-abs(z))
    s = np.where(z >= 0, 1, e) / (1 + e)
    s1 = e / (1 + e) ** 2
    s2 = s1 * np.where(z >= 0, -1, 1) * (1 - e) / (1 + e)

    def assemble(residual, a, x, s2):
        """The formulas, of the numbers or of their absolute values."""
        p = width * (d + 1)
        jacobian = np.concatenate([((a * s1)[:, :, None] * x[:, None, :]).reshape(n, -1), s], axis=1)
        hessian = jacobian.T @ jacobian
        for i in range(width):
            ww, wa = slice(i * d, (i + 1) * d), width * d + i
            hessian[ww, ww] += a[i] * np.einsum("n,nk,nl->kl", residual * s2[:, i], x, x)
            hessian[ww, wa] += (residual * s1[:, i]) @ x
            hessian[wa, ww] += (residual * s1[:, i]) @ x
        assert hessian.shape == (p, p)
        return residual @ residual / n, 2 / n * (jacobian.T @ residual), 2 / n * hessian

    values = assemble(s @ a - y, a, x, s2)
    return values, assemble(s @ abs(a) + abs(y), abs(a), abs(x), abs(s2))
