"""The bent way into a zero changes no residual to first order."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from certify.arithmetic.arb import Arb
from symmetry.network import Network
from symmetry.objective import SquareLoss
from symmetry.paths.closing import separation, shrink, stretch, way_in
from symmetry.problem import load_problem

PROBLEM = load_problem("thesis")
W, A = PROBLEM.teacher.w.tolist(), PROBLEM.teacher.a.tolist()  # type: ignore[union-attr]
HALF, THIRD = Fraction(1, 2), Fraction(1, 3)
ZEROS = {
    "two copies": Network.of([*W, W[0]], [A[0] * THIRD, *A[1:], A[0] * 2 * THIRD]),
    "copies of both signs": Network.of([*W, W[0]], [A[0] * 3, *A[1:], -A[0] * 2]),
    "one is idle": Network.of([*W, W[1]], [*A, 0]),
    "two neurons at zero": Network.of([*W, [0, 0], [0, 0]], [*A, 2, -2]),
    "all different": Network.of([*W, [HALF, THIRD]], [*A, 0]),
}


@pytest.mark.parametrize("name", ZEROS)
def test_the_parts_add_up_and_the_first_is_in_the_kernel(name: str):
    zero = ZEROS[name]
    rng = np.random.default_rng(3)
    end = Network.of(zero.w + Network.of(rng.normal(size=zero.w.shape), zero.a).w, zero.a + 1)
    first, second = separation(zero, end)
    assert np.all(first + second == end.theta() - zero.theta())
    a = Arb(106)
    outputs, r = SquareLoss.of_network(PROBLEM, zero.width).outputs(a.array(zero.theta()), a, 1)
    change = a.matmul(outputs[0].jacobian, a.array(first).reshape(-1, 1))
    assert max(a.magnitude(r)) < 1e-28
    assert a.magnitude(change).max() < 1e-28
    assert np.any(first != 0) or name == "all different"


def test_mirrored_copies_are_one_class():
    """``σ'`` is even: a neuron at ``−w`` moves the output as one at ``w`` does."""
    w, a = [[1, 2], [-1, -2]], [3, 2]
    first, second = separation(Network.of(w, a), Network.of([[2, 2], [-1, 0]], a))
    moved = first[:4].reshape(2, 2)
    assert np.all(3 * moved[0] + 2 * moved[1] == 0)
    assert np.all(second[4:] == 0)


@pytest.mark.parametrize("name", ZEROS)
def test_the_way_in_ends_where_it_should_whatever_the_bend(name: str):
    zero = ZEROS[name]
    rng = np.random.default_rng(4)
    end = Network.of(zero.w + Network.of(rng.normal(size=zero.w.shape), zero.a).w, zero.a + 1)
    bend = zero.theta() * 0 + THIRD
    first, second, third = way_in(zero, end, bend)
    assert np.all(second == bend)
    assert np.all(first + second + third == end.theta() - zero.theta())
    assert np.all(first == separation(zero, end)[0])
    assert np.all(np.concatenate(way_in(zero, end)) == np.concatenate(separation(zero, end)))


def test_parts_of_a_curve_are_parts_of_it():
    curve = [np.array([Fraction(k + i, 7 + i) for i in range(3)]) for k in range(4)]

    def at(curve: list[np.ndarray], t: Fraction) -> np.ndarray:
        return np.asarray(sum(v * t**k for k, v in enumerate(curve)))

    start, end = Fraction(1, 2), Fraction(1, 8)
    for s in (Fraction(-1), Fraction(0), Fraction(1, 3), Fraction(1)):
        assert np.all(at(stretch(curve, start, end), s) == at(curve, start + (end - start) * (1 + s) / 2))
        assert np.all(at(shrink(curve, end), s) == at(curve, end * s))
