"""The Krawczyk test: what it proves is true, and it never proves more."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import flint
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from library import (
    ARITHMETICS,
    NARROW_MINIMUM,
    SADDLE,
    TEACHER,
    Oracle,
    Polynomials,
    Rotated,
    rational_rotation,
    small,
    table,
    true_point,
)

from certify.arithmetic import Enclosures
from certify.arithmetic.arb import Arb
from certify.arithmetic.midrad import Float64Enclosures
from certify.proofs.krawczyk import Isolated, Krawczyk, _grow, _Outcome, _shrink, _Trial, krawczyk
from certify.proofs.lemmas import lemma1
from certify.proofs.proof import Failure
from symmetry.network import Exact, exact
from symmetry.objective import Evaluation, SquareLoss

ALL = pytest.mark.parametrize("name", ARITHMETICS)
FAST = pytest.mark.parametrize("name", ["midrad", "arb106", "mpmath53"])


def inside(proof: Krawczyk, radius: np.ndarray, theta: Exact) -> bool:
    return bool(np.all(abs(theta - proof.center) <= exact(radius)))


def proved(result: Isolated | Failure) -> Isolated:
    assert isinstance(result, Isolated), str(result)
    return result


# ------------------------------------------------------------------------------------------- known critical points


@ALL
@pytest.mark.parametrize("point", ["narrow", "saddle", "teacher"])
def test_both_boxes_hold_the_true_critical_point(name: str, point: str):
    theta = exact(TEACHER) if point == "teacher" else true_point(point)
    start = exact(theta.astype(np.float64))
    found = proved(krawczyk(SquareLoss.of_network(small(), len(theta) // 3), start, ARITHMETICS[name]()))
    proof = found.proof
    assert inside(proof, proof.existence_radius, theta)
    assert proof.uniquely_contains(theta)
    assert (proof.existence_radius > 0).all()
    assert (proof.existence_radius <= proof.uniqueness_radius).all()
    assert (proof.existence_radius < 1e-12).all()
    assert (proof.uniqueness_radius > 1e-6).all()
    assert 0 < found.ball_radius <= proof.uniqueness_radius.min()


@FAST
@pytest.mark.parametrize("point", ["narrow", "saddle"])
@pytest.mark.parametrize("offset", [1e-10, 1e-6, 1e-4])
def test_the_boxes_hold_it_from_a_bad_centre_too(name: str, point: str, offset: float):
    theta = true_point(point)
    rng = np.random.default_rng(0)
    center = exact(theta.astype(np.float64) + offset * rng.choice([-1, 1], len(theta)))
    objective = SquareLoss.of_network(small(), len(theta) // 3)
    proof = proved(krawczyk(objective, center, ARITHMETICS[name]())).proof
    assert inside(proof, proof.existence_radius, theta)
    assert (proof.existence_radius >= offset * 0.99).all()
    assert (proof.existence_radius < offset * 4).all()
    assert proof.uniquely_contains(theta)
    assert proof.center is center


def test_uniquely_contains_is_decided_exactly():
    proof = Krawczyk(exact([1.0]), np.array([2.0**-60]), np.array([2.0**-10]), np.eye(1), "arb", 106)
    edge = Fraction(1) + Fraction(1, 2**10)
    assert proof.uniquely_contains(np.array([edge]))
    assert not proof.uniquely_contains(np.array([edge + Fraction(1, 10**60)]))
    assert not proof.uniquely_contains(np.array([2 - edge - Fraction(1, 10**60)]))


@pytest.mark.parametrize("point", ["narrow", "saddle"])
def test_what_lemma_1_is_given_was_evaluated_over_the_ball(point: str):
    """The Lipschitz bound belongs to a box that holds the ball of the radius returned."""
    theta = true_point(point)
    a, boxes = Arb(106), []

    class Recording:
        inner = SquareLoss.of_network(small(), len(theta) // 3)

        def evaluate(self, at: Any, arithmetic: Any, order: int) -> Evaluation:
            found = self.inner.evaluate(at, arithmetic, order)
            boxes.append((min((a.upper(at) - a.lower(at)) / 2), found))
            return found

    found = proved(krawczyk(Recording(), exact(theta.astype(float)), a))  # type: ignore[arg-type]
    (smallest,) = [radius for radius, evaluation in boxes if evaluation is found.over_box]
    assert found.over_box.lipschitz is not None
    assert Fraction(found.ball_radius) <= smallest


# -------------------------------------------------------------------------------------- polynomials known in full


@dataclass(frozen=True)
class Shifted:
    """``L(θ − origin)``: in powers of ``θ``, far from 0, Horner's rule would be blunt beside the second derivative."""

    inner: Polynomials
    origin: Exact

    @property
    def size(self) -> int:
        return self.inner.size

    def evaluate(self, theta: Any, arithmetic: Any, order: int = 2) -> Evaluation:
        return self.inner.evaluate(theta - arithmetic.array(self.origin), arithmetic, order)


def roots_objective(roots: list[Fraction], scale: Fraction) -> Shifted:
    """``L' = scale·Π (x − root)`` on one coordinate, and ``y²`` on another."""
    slope = [scale]
    for root in roots:
        slope = [p - (root - roots[0]) * q for p, q in zip([Fraction(0), *slope], [*slope, Fraction(0)], strict=True)]
    polynomials = Polynomials.of([0, *(c / (k + 1) for k, c in enumerate(slope))], [0, 0, 1])
    return Shifted(polynomials, exact([roots[0], 0]))


@FAST
@example(first=1.0, gap=0.001, scale=-3, shift=0.03125)
@given(
    first=st.floats(-2, 2),
    gap=st.sampled_from([2.0**-20, 1e-6, 1e-3, 0.1, 1.0]),
    scale=st.sampled_from([-3, Fraction(1, 7), 1, 100]),
    shift=st.floats(-1, 1),
)
@settings(max_examples=25)
def test_uniqueness_boxes_never_hold_a_second_critical_point(
    name: str, first: float, gap: float, scale: Any, shift: float
):
    roots = [Fraction(first), Fraction(first) + Fraction(gap), Fraction(first) + 3 * Fraction(gap)]
    center = exact([first + shift * gap / 3, 2.0**-40])
    found = krawczyk(roots_objective(roots, Fraction(scale)), center, ARITHMETICS[name]())  # type: ignore[arg-type]
    if isinstance(found, Failure):
        assert abs(shift) > 0.05 or gap < 1e-5
        return
    points = [np.array([root, Fraction(0)]) for root in roots]
    assert sum(found.proof.uniquely_contains(p) for p in points) == 1
    assert sum(inside(found.proof, found.proof.existence_radius, p) for p in points) == 1


@FAST
@given(excess=st.sampled_from([2.0**-30, 1e-12, 1e-9, 1e-3, 1.0]), center=st.floats(-2, 2), seed=st.integers(0, 3))
@settings(max_examples=30)
def test_an_almost_critical_point_is_not_called_critical(name: str, excess: float, center: float, seed: int):
    """``L' = x² + excess`` has no zero, though the gradient is as small as wanted at 0."""
    objective = Rotated(Polynomials.of([0, Fraction(excess), 0, Fraction(1, 3)], [0, 0, 1]), rational_rotation(2, seed))
    for x in (center, center * excess, center * excess**0.5):
        at = objective.matrix.T @ exact([x, 0.0])
        assert isinstance(krawczyk(objective, at, ARITHMETICS[name]()), Failure)  # type: ignore[arg-type]


@ALL
def test_a_tiny_gradient_is_no_critical_point(name: str):
    """A neuron that has died out: ``∂L/∂a < 0`` wherever ``f < 1``, yet the gradient is below 1e-9."""
    problem = table([[1.0], [2.0], [3.0]], [1.0, 1.0, 1.0])
    theta = exact([-21.0, 0.5])
    gradient = Oracle(problem).gradient(theta)
    assert all(abs(g) < 1e-9 for g in gradient)
    assert gradient[1] < -1e-10
    assert isinstance(krawczyk(SquareLoss.of_network(problem, 1), theta, ARITHMETICS[name]()), Failure)


@ALL
def test_strict_inclusion_at_the_edge(name: str):
    """``L = x²/2 + x³/6``, centre 0: ``|I − YH| ρ = ρ²``, so the test may pass below 1, not at 1: H(−1) = 0."""
    a = ARITHMETICS[name]()
    objective: Any = Polynomials.of([0, 0, Fraction(1, 2), Fraction(1, 6)])
    at = objective.evaluate(a.array(exact([0.0])), a, 2)
    trial = _Trial.prepare(objective, exact([0.0]), np.eye(1), at, a)
    assert trial.run(np.array([0.75])).passed
    assert not trial.run(np.array([1.0])).passed
    assert not trial.run(np.array([np.nextafter(1.0, 2)])).passed


@ALL
def test_the_newton_step_counts(name: str):
    """Centre 1/4 of ``L = x²/2``: the critical point is 1/4 away, and smaller boxes must fail."""
    a = ARITHMETICS[name]()
    objective: Any = Polynomials.of([0, 0, Fraction(1, 2)])
    center = exact([0.25])
    at = objective.evaluate(a.array(center), a, 2)
    trial = _Trial.prepare(objective, center, np.eye(1), at, a)
    assert trial.run(np.array([0.26])).passed
    assert not trial.run(np.array([0.25])).passed
    assert not trial.run(np.array([0.125])).passed
    # and with a preconditioner that is only nearly right, both summands count: 3/16 + ρ/4 < ρ from 1/4 on
    trial = _Trial.prepare(objective, center, np.array([[0.75]]), at, a)
    assert trial.run(np.array([0.26])).passed
    assert not trial.run(np.array([0.2490])).passed


def test_every_row_of_the_test_counts():
    # one coordinate contracts, the other does not
    a = Arb(106)
    objective: Any = Polynomials.of([0, 0, Fraction(1, 2)], [0, 0, Fraction(1, 2), Fraction(1, 6)])
    at = objective.evaluate(a.array(exact([0.0, 0.0])), a, 2)
    trial = _Trial.prepare(objective, exact([0.0, 0.0]), np.eye(2), at, a)
    assert trial.run(np.array([1.5, 0.5])).passed
    assert not trial.run(np.array([0.5, 1.5])).passed


# -------------------------------------------------------------------------------------------- growing and shrinking


def test_shrinking_keeps_the_inclusion_and_stays_inside():
    rng = np.random.default_rng(0)
    nothing = Evaluation(None)
    for _ in range(200):
        size = int(rng.integers(1, 5))
        radius = 10.0 ** rng.uniform(-3, 0, size)
        defect = rng.uniform(0, 1, (size, size)) * 10.0 ** rng.uniform(-4, 0)
        step = radius * rng.uniform(0, 1, size)
        image = step + defect @ radius
        if not (image * 1.001 < radius).all():
            continue
        best = _shrink(step, _Outcome(radius, defect, True, 0.5, nothing))
        assert (best <= radius).all()
        exactly = exact(step) + exact(defect) @ exact(best)
        assert (exactly < exact(best)).all()
        assert (best >= step).all()


def test_shrinking_one_tight_coordinate_does_not_widen_it():
    first = _Outcome(np.array([1.0, 1.0]), np.zeros((2, 2)), True, 0.98, Evaluation(None))
    best = _shrink(np.array([0.98, 1e-9]), first)
    assert (best <= 1).all()
    assert best[1] < 1e-8


def test_growing_finds_most_of_the_largest_box():
    a = Arb(106)
    objective: Any = Polynomials.of([0, 0, Fraction(1, 2), Fraction(1, 6)])
    at = objective.evaluate(a.array(exact([0.0])), a, 2)
    trial = _Trial.prepare(objective, exact([0.0]), np.eye(1), at, a)
    grown = _grow(trial, trial.run(np.array([2.0**-8])))
    assert 0.5 < grown[0] < 1


# -------------------------------------------------------------------------------------------- nothing to be proved


@FAST
def test_a_duplicate_neuron_is_not_isolated(name: str):
    """The minimum of width 1, its neuron split in two: a line of critical points, the Hessian singular."""
    w1, w2, out = true_point("narrow")
    objective = SquareLoss.of_network(small(), 2)
    for share in (Fraction(1, 2), Fraction(1, 3), Fraction(3, 2)):
        theta = np.array([w1, w2, w1, w2, share * out, (1 - share) * out])
        found = krawczyk(objective, theta, ARITHMETICS[name]())
        assert isinstance(found, Failure)
        assert found.code in ("singular-hessian", "no-contraction")


@FAST
def test_an_idle_neuron_is_not_isolated(name: str):
    w1, w2, out = true_point("narrow")
    theta = np.array([w1, w2, Fraction(3), Fraction(-1), out, Fraction(0)])
    assert isinstance(krawczyk(SquareLoss.of_network(small(), 2), theta, ARITHMETICS[name]()), Failure)


class Spoilt:
    """An objective one entry of which is not a number."""

    def __init__(self, part: str, value: float):
        self.part, self.value = part, value
        self.inner = Polynomials.of([0, 0, 1], [0, 0, 1])

    def evaluate(self, theta: Any, arithmetic: Enclosures, order: int = 2) -> Evaluation:
        from certify.arithmetic.midrad import MidRad

        found = self.inner.evaluate(theta, arithmetic, order)
        spoilt = getattr(found, self.part)
        index = (0,) * len(spoilt.shape)
        if isinstance(spoilt, MidRad):
            spoilt.rad[index] = self.value
            if np.isnan(self.value):
                spoilt.mid[index] = self.value
        elif isinstance(arithmetic, Arb):  # with a finite midpoint, or without
            spoilt.values[index] = flint.arb(0, "inf") if self.value == np.inf else flint.arb("nan")
        else:
            unbounded = arithmetic.array(np.array([1.0])) / arithmetic.ball(exact([0]), exact([1]))
            spoilt.values[index] = unbounded.values[0]
        return found


@FAST
@pytest.mark.parametrize("part", ["gradient", "hessian"])
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_what_is_not_a_number_proves_nothing(name: str, part: str, value: float):
    found = krawczyk(Spoilt(part, value), exact([0.0, 0.0]), ARITHMETICS[name]())  # type: ignore[arg-type]
    assert isinstance(found, Failure)


@pytest.mark.parametrize("name", ["midrad", "arb106", "mpmath53"])
@pytest.mark.parametrize("scale", [1e3, 1e9, 1e155, 1.7e308])
def test_enormous_weights_fail_quietly(name: str, scale: float):
    theta = exact(np.array([0.4, -0.3, 0.5, 1.0, 0.6, -1.0]) * scale)
    assert isinstance(krawczyk(SquareLoss.of_network(small(), 2), theta, ARITHMETICS[name]()), Failure)


# -------------------------------------------------------------------------------- an independent proof of minima


@ALL
@pytest.mark.parametrize("point", ["narrow", "teacher"])
def test_krawczyk_and_lemma_1_agree(name: str, point: str):
    theta = exact(TEACHER) if point == "teacher" else true_point(point)
    rng = np.random.default_rng(1)
    a = ARITHMETICS[name]()
    for offset in (0.0, 1e-9):
        center = exact(theta.astype(np.float64) + offset * rng.normal(size=len(theta)))
        found = proved(krawczyk(SquareLoss.of_network(small(), len(theta) // 3), center, a))
        minimum = lemma1(found, a)
        assert not isinstance(minimum, Failure)
        # the ball and the box have the critical point in common
        assert sum((theta - minimum.center) ** 2) <= minimum.radius**2
        assert inside(found.proof, found.proof.existence_radius, theta)
        assert (minimum.center == found.proof.center).all()
        # and both claim uniqueness, so the ball may not reach beyond what was looked at
        assert minimum.radius <= minimum.reach <= Fraction(found.proof.uniqueness_radius.min().item())


def test_lemma_1_does_not_apply_to_a_saddle():
    a = Float64Enclosures()
    found = proved(krawczyk(SquareLoss.of_network(small(), 2), exact(true_point("saddle").astype(float)), a))
    assert isinstance(lemma1(found, a), Failure)


def test_starting_points_of_the_library_are_near_the_true_ones():
    assert max(abs(true_point("narrow") - exact(NARROW_MINIMUM))) < Fraction(1, 1000)
    assert max(abs(true_point("saddle") - exact(SADDLE))) < Fraction(1, 1000)
