"""Sigmoid jets, loss, gradient, Hessian and Lipschitz bound over boxes: they contain the 400-bit values inside."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import flint
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from library import (
    ARITHMETICS,
    BITS,
    FLAT_MINIMUM,
    TEACHER,
    Oracle,
    arb,
    ball_ends,
    bounded,
    crowded,
    fraction,
    meets,
    precision,
    small,
    table,
    with_given_labels,
)

from certify.arithmetic import Enclosures
from certify.arithmetic.arb import Arb
from certify.arithmetic.interval import Interval
from certify.arithmetic.midrad import Float64Enclosures
from symmetry.activation import Sigmoid
from symmetry.network import Exact, exact
from symmetry.objective import SquareLoss
from symmetry.problem import Problem, load_problem

ALL = pytest.mark.parametrize("name", ARITHMETICS)
SIGMOID = Sigmoid()

# ------------------------------------------------------------------------------------------------------- activation


def sigmoid_derivatives(z: Any, order: int) -> list[flint.arb]:
    """``σ, σ', …`` at an exact number, from the power series of ``1/(1 + e^−z)``."""
    with precision(BITS):
        series = 1 / (1 + (-flint.arb_series([arb(z), 1], prec=order + 1)).exp())
        return [series[k] * math.factorial(k) for k in range(order + 1)]


@ALL
@given(
    center=st.one_of(st.floats(-30, 30), st.floats(-800, 800)),
    radius=st.one_of(st.just(0.0), st.floats(0, 1e-8), st.floats(0, 3)),
    share=st.sampled_from([-1, Fraction(1, 3), 1]),
)
@settings(max_examples=40)
def test_jets_enclose(name: str, center: float, radius: float, share: Fraction):
    a = ARITHMETICS[name]()
    point = Fraction(center) + share * Fraction(radius)
    jet = SIGMOID.jet(a.ball(exact([center]), exact([radius])), 5, a)
    assert len(jet) == 6
    for enclosure, derivative in zip(jet, sigmoid_derivatives(point, 5), strict=True):
        assert meets(a, enclosure, [derivative])


@ALL
def test_jets_at_points_are_sharp(name: str):
    a = ARITHMETICS[name]()
    z = np.array([-30.0, -3.0, -1e-9, 0.0, 0.5, 20.0])
    for k, enclosure in enumerate(SIGMOID.jet(a.array(z), 5, a)):
        assert bounded(a, enclosure)
        widths = a.upper(enclosure) - a.lower(enclosure)
        assert max(widths) < Fraction(1, 2 ** (a.bits - 10)), k


def test_jets_beyond_order_seven_are_refused():
    a = Arb(53)
    for order in (-1, 8):
        with pytest.raises(ValueError, match="0 to 7"):
            SIGMOID.jet(a.array(np.zeros(1)), order, a)


@pytest.mark.parametrize("order", range(1, 8))
def test_bounds_of_the_derivatives_hold_on_the_whole_line(order: int):
    """``σ^(k)`` is a polynomial in ``T = tanh(z/2)``, ``dT/dz = (1 − T²)/2``: subdivide −1 ≤ T ≤ 1 in Arb."""
    polynomial, chain = flint.fmpq_poly([1, 1]) / 2, flint.fmpq_poly([1, 0, -1]) / 2
    for _ in range(order):
        polynomial = polynomial.derivative() * chain
    bound = SIGMOID.sup(order)
    with precision(80):
        coefficients = [flint.arb(c) for c in polynomial.coeffs()]

        def value(t: flint.arb) -> flint.arb:
            total = flint.arb(0)
            for c in reversed(coefficients):
                total = total * t + c
            return total

        # centred form: |p(t)| ≤ |p(m)| + r·sup|p'| on pieces small enough; at a maximum equal to the bound, p' = 0
        slope = [flint.arb(c) for c in polynomial.derivative().coeffs()] or [flint.arb(0)]
        steepness = sum((abs(c) for c in slope), flint.arb(0))
        largest, pieces, checked = Fraction(0), [(Fraction(-1), Fraction(1))], 0
        while pieces:
            low, high = pieces.pop()
            middle, radius = (low + high) / 2, (high - low) / 2
            at = ball_ends(abs(value(arb(middle))))[1]
            largest = max(largest, at)
            if at + radius * ball_ends(steepness)[1] > bound * Fraction(1001, 1000):
                pieces += [(low, middle), (middle, high)]
            checked += 1
            assert checked < 10**5
        # what the pieces leave open, a relative 1e-3, is settled below by the places of the extrema
        assert largest <= bound
        assert largest > bound * Fraction(98, 100)


def test_bounds_of_the_derivatives_at_the_extrema():
    """The extrema of ``σ^(k)`` are zeros of ``σ^(k+1)``: isolate all of them and evaluate there, at 200 bits."""
    chain = flint.fmpq_poly([1, 0, -1]) / 2
    polynomial = flint.fmpq_poly([1, 1]) / 2
    with precision(200):
        for order in range(1, 10):
            polynomial = polynomial.derivative() * chain
            roots = [r.real for r, _ in polynomial.derivative().complex_roots() if r.imag.contains(0)]
            for root in [*roots, flint.arb(1), flint.arb(-1)]:
                value = flint.arb(0)
                for c in reversed(polynomial.coeffs()):
                    value = value * root + flint.arb(c)
                # several suprema are attained: 1/4, 1/8, 17/16
                assert not abs(value) > flint.arb(flint.fmpq(*SIGMOID.sup(order).as_integer_ratio())), order


# --------------------------------------------------------------------------------------------------------- objective


def problems() -> dict[str, Problem]:
    rng = np.random.default_rng(3)
    return {
        "small": small(),
        "given": with_given_labels(small(), small().labels + rng.normal(size=len(small()))),
        "line": table(rng.normal(size=(5, 1)), rng.normal(size=5)),
        "space": table(rng.normal(size=(4, 3)), rng.normal(size=4) * 100),
        "one": table([[2.0]], [1.0]),
    }


def evaluate(a: Enclosures, problem: Problem, center: Exact, radius: Any, order: int) -> Any:
    width = len(center) // (problem.dimension + 1)
    return SquareLoss.of_network(problem, width).evaluate(a.ball(center, radius), a, order)


@ALL
@pytest.mark.parametrize("problem", problems())
@pytest.mark.parametrize("radius", [0.0, 2.0**-30, 0.1])
def test_loss_gradient_and_hessian_enclose(name: str, problem: str, radius: float):
    a, stated = ARITHMETICS[name](), problems()[problem]
    rng = np.random.default_rng([len(problem), round(radius * 1e9)])
    for width in (1, 2) if name.startswith("mpmath") else (1, 2, 3):
        size = width * (stated.dimension + 1)
        center = exact(rng.normal(size=size) * rng.choice([0.5, 2, 5]))
        found = evaluate(a, stated, center, exact(np.full(size, radius)), 2)
        oracle = Oracle(stated, 200)
        for share in ([0] * size, rng.choice([-1.0, 1.0], size), rng.uniform(-1, 1, size)):
            point = center + exact(share) * Fraction(radius)
            assert meets(a, found.loss, [oracle.loss(point)])
            assert meets(a, found.gradient, oracle.gradient(point))
            assert meets(a, found.hessian, oracle.hessian(point))


@ALL
def test_enclosures_at_points_are_sharp(name: str):
    a = ARITHMETICS[name]()
    found = evaluate(a, small(), exact(TEACHER + 0.25), exact(np.zeros(6)), 2)
    for part in (found.loss, found.gradient, found.hessian):
        assert bounded(a, part)
        assert max((a.upper(part) - a.lower(part)).ravel()) < Fraction(1, 2 ** (a.bits - 16))


@pytest.mark.parametrize("name", ["midrad", "arb106"])
def test_enclosures_of_a_trained_network_on_the_thesis_problem(name: str):
    a, problem = ARITHMETICS[name](), load_problem("thesis")
    rng = np.random.default_rng(0)
    center = exact(FLAT_MINIMUM)
    found = evaluate(a, problem, center, exact(np.full(12, 1e-4)), 2)
    oracle = Oracle(problem, 150)
    point = center + exact(rng.uniform(-1e-4, 1e-4, 12))
    # two directions instead of all: the 1681 inputs take the oracle a while
    for direction in rng.integers(-2, 3, (2, 12)):
        coefficients = oracle.along(point, direction.tolist(), 2)
        u = a.array(direction.astype(np.float64)).reshape(-1, 1)
        assert meets(a, found.loss, [coefficients[0]])
        assert meets(a, a.matmul(found.gradient.reshape(1, -1), u), [coefficients[1]])
        assert meets(a, a.matmul(u.T, a.matmul(found.hessian, u)), [2 * coefficients[2]])


def test_the_loss_of_the_teacher_contains_zero_and_shrinks_with_the_precision():
    widths = []
    for a in (Float64Enclosures(), Arb(106), Arb(212)):
        loss = evaluate(a, small(), exact(TEACHER), exact(np.zeros(6)), 0).loss
        assert meets(a, loss, [0])
        widths.append(a.upper(loss)[0])
    assert widths[0] > 2**40 * widths[1] > 2**80 * widths[2]


def test_given_labels_are_the_doubles_they_are():
    # rounding moved the labels by about 1e-17: at the teacher the loss is positive, and 106 bits see it
    a, given_problem = Arb(106), with_given_labels(small())
    loss = evaluate(a, given_problem, exact(TEACHER), exact(np.zeros(6)), 0).loss
    assert a.lower(loss)[0] > 0
    assert meets(a, loss, [Oracle(given_problem).loss(exact(TEACHER))])


@ALL
def test_a_second_arithmetic_of_the_same_kind_shares_the_data(name: str):
    objective = SquareLoss.of_network(small(), 2)
    for _ in range(2):
        a = ARITHMETICS[name]()
        found = objective.evaluate(a.ball(exact(TEACHER), exact(np.full(6, 0.01))), a, 2)
        assert meets(a, found.gradient, Oracle(small(), 120).gradient(exact(TEACHER)))


def test_minus_theta_has_the_same_loss_on_a_balanced_antisymmetric_problem():
    """On inputs that equal their negatives, with ``Σa* = 0``: ``L(−θ) = L(θ)``."""
    problem, rng = load_problem("thesis"), np.random.default_rng(1)
    a = Float64Enclosures()
    for _ in range(3):
        theta = rng.normal(size=12)
        one, other = (evaluate(a, problem, exact(s * theta), exact(np.zeros(12)), 2) for s in (1, -1))
        for sign, left, right in ((1, one.loss, other.loss), (-1, one.gradient, other.gradient)):
            assert not bounded(a, left) or meets_each_other(a, left, right * sign)
        assert meets_each_other(a, one.hessian, other.hessian)
    # and not where Σa* ≠ 0
    theta = rng.normal(size=6)
    one, other = (evaluate(a, crowded(), exact(s * theta), exact(np.zeros(6)), 0) for s in (1, -1))
    assert not meets_each_other(a, one.loss, other.loss)


def meets_each_other(a: Enclosures, left: Any, right: Any) -> bool:
    """Whether two arrays of enclosures have members in common, entry by entry."""
    pairs = zip(
        a.lower(left).ravel(), a.upper(left).ravel(), a.lower(right).ravel(), a.upper(right).ravel(), strict=True
    )
    return all(low <= top and bottom <= high for low, high, bottom, top in pairs)


# --------------------------------------------------------------------------------------------------- Lipschitz bound


def third_derivative(problem: Problem, theta: Any, direction: Any) -> Fraction:
    """``|D³L(θ)[u,u,u]|/‖u‖³`` for a rational ``u``, rounded down by a relative 1e-30."""
    u = exact(direction)
    value = fraction(abs(6 * Oracle(problem, 200).along(exact(theta), u, 3)[3]).mid())
    cube = sum(x * x for x in u)
    with precision(200):
        return value / ball_ends(arb(cube).sqrt() ** 3)[1] * (1 - Fraction(1, 10**30))


@ALL
@pytest.mark.parametrize("problem", problems())
def test_the_lipschitz_bound_is_above_every_third_derivative_in_the_box(name: str, problem: str):
    a, stated = ARITHMETICS[name](), problems()[problem]
    rng = np.random.default_rng([len(problem), 5])
    for width, radius in ((1, 0.0), (1, 0.2), (2, 0.01)):
        size = width * (stated.dimension + 1)
        center = rng.normal(size=size) * rng.choice([0.3, 1, 3])
        found = evaluate(a, stated, exact(center), exact(np.full(size, radius)), 3)
        bound = a.upper(found.lipschitz)[0]
        for _ in range(6):
            point = center + radius * rng.choice([-1.0, 1.0], size) * (1 - 1e-9)
            u = steepest(stated, point, rng)
            assert third_derivative(stated, point, u) <= bound


def steepest(problem: Problem, theta: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A direction in which the third derivative is large, by finite differences of Hessians and power steps."""
    from symmetry.arithmetic import Float64

    objective = SquareLoss.of_network(problem, len(theta) // (problem.dimension + 1))
    u = rng.normal(size=len(theta))
    for _ in range(8):
        u /= np.linalg.norm(u)
        plus, minus = (objective.evaluate(theta + s * 1e-4 * u, Float64(), 2).hessian for s in (1, -1))
        step = (plus - minus) @ u
        u = step if np.linalg.norm(step) > 0 else rng.normal(size=len(theta))
    return u / np.linalg.norm(u)


def lipschitz(a: Enclosures, problem: Problem, theta: list[float]) -> Fraction:
    found = evaluate(a, problem, exact(theta), exact(np.zeros(len(theta))), 3)
    top: Fraction = a.upper(found.lipschitz)[0]
    return top


@ALL
def test_the_lipschitz_bound_where_it_is_attained(name: str):
    """Cases in which each summand of the bound is an equality, so that no factor can be missing."""
    a = ARITHMETICS[name]()
    # one input x = 1, w = 0, a = 2, y = 1: r = 0, J = (1/2, 1/2), ∇²f = [[0, 1/4], [1/4, 0]]; along u ~ (1, 1)
    # D³L = 6 (J·u) ∇²f[u,u] = 6 · (1/√2) · (1/4), and so is 2·3·‖J‖·h
    exactly = Fraction(9, 8)  # its square
    bound = lipschitz(a, table([[1.0]], [1.0]), [0.0, 2.0])
    assert exactly <= bound**2 <= exactly * Fraction(1001, 1000)
    # w = 0, a = 1, huge y: D³L along w is 2r a σ'''(0) = r/4, |r| = y − 1/2, and so is 2|r|·|aσ'''| to leading order
    y = 2.0**40
    bound = lipschitz(a, table([[1.0]], [y]), [0.0, 1.0])
    assert (Fraction(y) - Fraction(1, 2)) / 4 <= bound <= Fraction(y) / 4 * Fraction(1001, 1000)
    # a = 0: D³L = 2r·3σ''(z) s²t, largest for s² = 2/3: 2|r|·(2/√3)|σ''(z)|
    z = 1.0
    second = abs(fraction(sigmoid_derivatives(Fraction(z), 2)[2].mid()))
    bound = lipschitz(a, table([[1.0]], [y]), [z, 0.0])
    assert (2 * Fraction(y) * second) ** 2 * Fraction(4, 3) * Fraction(999, 1000) <= bound**2
    assert bound**2 <= (2 * Fraction(y) * second) ** 2 * Fraction(4, 3) * Fraction(1002, 1000)
    # the same with x = 3 grows by 3³ and 3²
    by_three = lipschitz(a, table([[3.0]], [y]), [0.0, 1.0])
    assert 27 * (Fraction(y) - Fraction(1, 2)) / 4 <= by_three <= 27 * Fraction(y) / 4 * Fraction(1001, 1000)
    by_three = lipschitz(a, table([[3.0]], [y]), [z / 3, 0.0])
    assert (2 * 9 * Fraction(y) * second) ** 2 * Fraction(4, 3) * Fraction(999, 1000) <= by_three**2


def test_the_lipschitz_bound_adds_up_over_inputs():
    # N copies of one input: loss, Hessian and Lipschitz constant of the mean do not change
    a = Arb(106)
    one = lipschitz(a, table([[1.0]], [1.0]), [0.0, 2.0])
    many = lipschitz(a, table([[1.0]] * 7, [1.0] * 7), [0.0, 2.0])
    assert abs(many - one) < Fraction(1, 10**20)


def test_the_largest_neuron_bounds_the_others():
    # two neurons of which the first is idle: the bound of the second alone must not be lost
    a = Arb(106)
    y = 2.0**40
    alone = lipschitz(a, table([[1.0]], [y]), [0.0, 1.0])
    assert lipschitz(a, table([[1.0]], [y]), [0.0, 0.0, 0.0, 1.0]) >= alone * Fraction(999, 1000)
    assert lipschitz(a, table([[1.0]], [y]), [0.0, 0.0, 1.0, 0.0]) >= alone * Fraction(999, 1000)


# ----------------------------------------------------------------------------------------------------- out of range


@pytest.mark.parametrize("name", ["midrad", "arb106", "mpmath53"])
@pytest.mark.parametrize("scale", [1e9, 1e160, 1.7e308])
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_enormous_weights_give_true_or_unbounded_enclosures(name: str, scale: float):
    a = ARITHMETICS[name]()
    w, outputs = exact(np.array([[0.4, -0.3], [0.5, 1.0]]) * scale), exact([3.0, -1.0])
    found = evaluate(a, small(), np.concatenate([w.ravel(), outputs]), exact(np.zeros(6)), 3)
    # the neurons are steps 0, 1/2, 1, up to e^(−10^8)
    total = flint.arb(0)
    with precision(200):
        for x, y in zip(exact(small().inputs.values), Oracle(small())._labels(), strict=True):
            steps = [(Fraction(z > 0) + Fraction(z >= 0)) / 2 for z in w @ x]
            total += (arb(outputs @ steps) - y) ** 2
        assert meets(a, found.loss, [total / len(small())])
    # the gradient along w is e^(−10^8) or less: an exact end of it would have a million digits
    for part in (found.gradient, found.hessian, found.lipschitz):
        ends = [v for v in (*a.lower(part).ravel(), *a.upper(part).ravel()) if v is not None]
        assert all(v.denominator.bit_length() < 10**5 for v in ends)


def test_mpmath_boxes_as_wide_as_the_line_are_unbounded_or_true():
    a = Interval(53)
    found = evaluate(a, small(), exact(TEACHER), exact(np.full(6, 2.0**60)), 3)
    assert meets(a, found.loss, [Oracle(small()).loss(exact(TEACHER))])
    top = a.upper(found.lipschitz)[0]
    assert top is None or top > 2**100
