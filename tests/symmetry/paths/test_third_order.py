"""Curves on which moments of parting copies cancel: the residuals vanish to third order, which Arb sees as well."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from kernel_cases import table

from certify.arithmetic.arb import Arb
from symmetry.activation import activation
from symmetry.matching import verify_equal_output
from symmetry.network import Exact, Network, exact
from symmetry.objective import SquareLoss
from symmetry.paths.third_order import classes, parting, vanishes
from symmetry.problem import Problem, load_problem

TEACHER = load_problem("thesis").teacher
assert TEACHER is not None
PROBLEM = Problem("few inputs", activation("sigmoid"), table(12, 2), TEACHER)
W, A = TEACHER.w.tolist(), TEACHER.a.tolist()
KAPPA = PROBLEM.activation.reflection
BITS = 400


def third(i: int) -> list[Fraction]:
    return [-v for v in W[i]]


def network(w: Sequence[Any], a: Sequence[Any]) -> Network:
    return Network.of(w, a)


ZEROS = {
    "three copies": network([*W, W[0], W[0]], [A[0] * 3, *A[1:], -A[0], -A[0]]),
    "four copies": network([*W, W[1], W[1], W[1]], [A[0], A[1] * 2, *A[2:], A[1], -A[1], -A[1]]),
    "four, two of them flipped": network([*W, W[1], third(1), third(1)], [A[0], A[1] * 2, *A[2:], -A[1], 1, -1]),
    "a flipped pair beside one": network([*W, third(0), third(0)], [*A, 2, -2]),
    "one beside a flipped pair": network([W[0], W[0], third(0), *W[1:], [0, 0]], [2, -2, -A[0], *A[1:], 2 * A[0]]),
    "flipped, and a null neuron": network([*W, W[0], third(0), [0, 0]], [A[0], *A[1:], 1, 1, -2]),
    "flipped, and a class of two": network([*W, W[0], third(0), third(1)], [A[0] + 2, A[1] - 1, *A[2:], -1, 1, -1]),
    "two null neurons": network([third(0), *W[1:], [0, 0], [0, 0]], [-A[0], *A[1:], 3 * A[0], -A[0]]),
    "three null neurons": network([third(0), *W[1:], [0, 0], [0, 0], [0, 0]], [-A[0], *A[1:], A[0], A[0] * 2, -A[0]]),
    "two classes": network([*W, W[0], W[0], W[1], W[1]], [A[0] * 3, A[1] * 3, *A[2:], -A[0], -A[0], -A[1], -A[1]]),
}


def near(zero: Network, seed: int) -> Network:
    rng = np.random.default_rng(seed)
    return Network(
        zero.w + exact(1e-2 * rng.normal(size=zero.w.shape)), zero.a + exact(1e-2 * rng.normal(size=zero.width))
    )


def orders(zero: Network, curve: Sequence[Exact]) -> list[float]:
    """Bounds of the coefficients of 1, t and t² of all residuals on the curve, at :data:`BITS` bits."""
    a = Arb(BITS)
    line = SquareLoss.of_network(PROBLEM, zero.width).along([a.array(v) for v in (zero.theta(), *curve)], a)
    return [float(a.magnitude(coefficient).max()) for coefficient in line.coefficients[:4]]


@pytest.mark.parametrize("name", ZEROS)
def test_residuals_vanish_to_third_order_and_no_further(name: str):
    parted = parting(ZEROS[name], near(ZEROS[name], 1))
    assert parted is not None
    assert verify_equal_output(PROBLEM, parted.zero)
    assert np.any(parted.first != 0)
    curve = [parted.first, parted.second]
    assert vanishes(parted.zero, curve, KAPPA)
    *low, first = orders(parted.zero, curve)
    assert max(low) < 1e-100
    assert first > 1e-12


@pytest.mark.parametrize("name", ZEROS)
def test_curves_from_points_of_a_curve_meet_it_to_third_order(name: str):
    """From ``θ(t)`` on such a curve another is made, whose first two terms end ``O(t³)`` from there."""
    made = parting(ZEROS[name], near(ZEROS[name], 2))
    assert made is not None

    def gap(t: Fraction) -> float:
        end = made.zero.theta() + t * made.first + t * t * made.second
        again = parting(made.zero, Network.from_theta(end, 2))
        assert again is not None
        assert np.all(again.zero.w == made.zero.w)
        assert vanishes(again.zero, [again.first, again.second], KAPPA)
        return float(np.linalg.norm((end - again.zero.theta() - again.first - again.second).astype(float)))

    gaps = [gap(Fraction(1, 2**k)) for k in (3, 4, 5)]
    assert gaps[0] < 1e-3  # where no output is left over only rounding to multiples of 2^-56 is
    assert gaps[2] < 0.2 * gaps[1] + 1e-9
    assert gaps[1] < 0.2 * gaps[0] + 1e-9


@pytest.mark.parametrize("name", ["three copies", "one beside a flipped pair", "flipped, and a null neuron"])
def test_what_does_not_vanish_is_not_said_to(name: str):
    """Each condition broken alone, and what the residuals do then."""
    parted = parting(ZEROS[name], near(ZEROS[name], 3))
    assert parted is not None
    (group,) = (c for c in classes(parted.zero) if len(c.members) == 3)
    m, (i, j, *_) = parted.zero.width, group.members
    step = Fraction(1, 16)

    def broken(order: int, *places: tuple[int, Fraction]) -> bool:
        curve = [parted.first.copy(), parted.second.copy()]
        for place, change in places:
            curve[order][place] += change
        return not vanishes(parted.zero, curve, KAPPA) and orders(parted.zero, curve)[order + 1] > 1e-6

    for order in (0, 1):
        assert broken(order, (2 * m + i, step))  # Σα
        assert broken(order, (2 * i, step))  # Σαδ
    # Σα as before; if the two have different signs a constant is released
    k = next((n for n, sign in enumerate(group.signs) if sign != group.signs[0]), 1)
    change = (2 * m + i, group.signs[0] * step), (2 * m + group.members[k], -group.signs[k] * step)
    assert broken(1, *change) == group.mixed
    other = Network(
        parted.zero.w, parted.zero.a + exact([step if k == i else -step if k == j else 0 for k in range(m)])
    )
    assert not vanishes(other, [parted.first, parted.second], KAPPA)


def test_without_an_identity_nothing_is_shown():
    parted = parting(ZEROS["three copies"], near(ZEROS["three copies"], 1))
    assert parted is not None
    assert not vanishes(parted.zero, [parted.first, parted.second], None)


def test_odd_functions_release_no_constant():
    zero = ZEROS["flipped, and a null neuron"]
    still = zero.theta() * 0
    free = still.copy()
    free[-1] = Fraction(1)
    assert vanishes(zero, [still, still], KAPPA)
    assert not vanishes(zero, [free, still], KAPPA)
    assert not vanishes(zero, [still, free], KAPPA)
    assert vanishes(zero, [free, still], Fraction(0))


@pytest.mark.parametrize(
    ("w", "a"),
    [
        (W, A),
        ([*W, W[0]], [A[0] / 2, *A[1:], A[0] / 2]),
        ([*W, W[0], third(0)], [A[0], *A[1:], 1, 1]),  # flipped ones release a constant: no zero, and nothing takes it
    ],
    ids=["all different", "two copies", "a constant"],
)
def test_where_nothing_parts(w: Sequence[Any], a: Sequence[Any]):
    zero = network(w, a)
    assert parting(zero, near(zero, 1)) is None


small = st.fractions(min_value=-2, max_value=2, max_denominator=3)


@given(st.lists(small, min_size=18, max_size=18), st.lists(small, min_size=18, max_size=18), st.integers(0, 7))
def test_said_to_vanish_is_true(first: list[Fraction], second: list[Fraction], kept: int):
    """Random curves of which parts are those of one that vanishes."""
    parted = parting(ZEROS["three copies"], near(ZEROS["three copies"], 4))
    assert parted is not None
    curve = [exact(first) if kept & 1 else parted.first, exact(second) if kept & 2 else parted.second]
    if kept & 4:
        # copies that go together, and neurons without output, change nothing
        curve = [curve[0] * 0, curve[1] * 0]
        for i in (0, 4, 5):
            curve[kept % 2][2 * i : 2 * i + 2] = first[:2]
        curve[kept % 2][:12] *= 0 if sum(parted.zero.a[[0, 4, 5]]) else 1
    if vanishes(parted.zero, curve, KAPPA):
        assert max(orders(parted.zero, curve)[:3]) < 1e-100
