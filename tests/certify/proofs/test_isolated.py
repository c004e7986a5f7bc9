"""Isolated critical points: bounds at the true point, three arithmetics, and what is not claimed."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from typing import Any

import flint
import numpy as np
import pytest
from library import (
    ARITHMETICS,
    FLAT_MINIMUM,
    TEACHER,
    Oracle,
    Polynomials,
    Rotated,
    ball_ends,
    rational_rotation,
    small,
    table,
    true_point,
    with_given_labels,
)

from certify.arithmetic.arb import Arb
from certify.arithmetic.midrad import Float64Enclosures, MidRad
from certify.proofs.exclusion import empty_ball
from certify.proofs.inertia import Inertia, inertia
from certify.proofs.isolated import Certified, _assemble, certify_in, certify_isolated, isolated_object
from certify.proofs.krawczyk import Isolated, Krawczyk, krawczyk
from certify.proofs.lemmas import BallMinimum
from certify.proofs.proof import Failure, Proof
from certify.proofs.verdict import CriticalObject, Kind
from symmetry.network import Exact, Network, exact
from symmetry.objective import Evaluation, SquareLoss
from symmetry.problem import Problem, load_problem

ALL = pytest.mark.parametrize("name", ARITHMETICS)


def certified(result: Certified | Failure) -> Certified:
    assert isinstance(result, Certified), str(result)
    return result


def holds(bounds: tuple[Fraction, Fraction] | None, reference: flint.arb) -> bool:
    assert bounds is not None
    low, high = ball_ends(reference)
    return bounds[0] <= high and low <= bounds[1]


def loss_of(theta: Exact, problem: Problem | None = None) -> SquareLoss:
    stated = problem or small()
    return SquareLoss.of_network(stated, len(theta) // (stated.dimension + 1))


# ----------------------------------------------------------------------------------------- bounds at the true point


@ALL
@pytest.mark.parametrize(("point", "index"), [("narrow", 0), ("saddle", 1), ("teacher", 0)])
@pytest.mark.parametrize("offset", [0.0, 1e-9, 3e-5])
def test_bounds_hold_at_the_critical_point_not_only_at_the_centre(name: str, point: str, index: int, offset: float):
    theta = exact(TEACHER) if point == "teacher" else true_point(point)
    rng = np.random.default_rng(2)
    center = exact(theta.astype(np.float64) + offset * rng.choice([-1, 1], len(theta)))
    found = certified(certify_in(loss_of(theta), center, ARITHMETICS[name]()))
    oracle = Oracle(small())
    assert found.morse_index == index
    assert holds(found.loss, oracle.loss(theta))
    assert holds(found.lambda_min, oracle.eigenvalues(theta)[0])
    kinds = [type(proof) for proof in found.proofs]
    assert kinds[:2] == [Krawczyk, Inertia]
    assert kinds[2:] == ([BallMinimum] if index == 0 and offset < 1e-5 else []) or (index == 0 and offset > 1e-5)
    assert found.krawczyk.uniquely_contains(theta)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("sign", [1, -1])
def test_the_distance_from_the_centre_enters_every_bound(seed: int, sign: int):
    """Polynomials with a minimum at 0 and a steep third derivative, certified from a centre 1/100 away, where loss and
    curvature differ from those at 0 by far more than any rounding."""
    a, q = Arb(106), rational_rotation(2, seed)
    objective: Any = Rotated(Polynomials.of([3, 0, Fraction(1, 2), Fraction(sign, 3)], [0, 0, 2]), q)
    center = q.T @ exact([0.01, 0.0])
    found = certified(certify_in(objective, center, a))
    assert found.loss[0] <= 3 <= found.loss[1]  # 3 + 5e-5 at the centre
    assert found.lambda_min is not None
    assert found.lambda_min[0] <= 1 <= found.lambda_min[1]  # 1 ± 0.02 at the centre
    assert found.loss[1] - found.loss[0] < Fraction(1, 100)
    assert found.lambda_min[1] - found.lambda_min[0] < Fraction(1, 5)


def test_the_slope_may_grow_on_the_way_to_the_critical_point():
    """Slope 0 at the centre, curvature up to 2, distance up to 1/2: slope up to 1, loss up to 1/2 away."""
    a, one = Arb(106), np.ones(1)
    numbers = {v: a.array(np.array([float(v)])) for v in (0, 1, 2)}
    curvature = numbers[2].reshape(1, 1)
    isolated = Isolated(
        Krawczyk(exact([0.0]), one / 2, one, one.reshape(1, 1), "arb", 106),
        Evaluation(numbers[1], numbers[0], curvature),
        Evaluation(numbers[1], numbers[0], curvature, numbers[1]),
        1.0,
    )
    found = certified(_assemble(isolated, Inertia(1, 0, one.reshape(1, 1), (1,)), a))
    assert found.loss[0] <= Fraction(1, 2)
    assert found.loss[1] >= Fraction(3, 2)
    assert found.lambda_min is not None
    assert found.lambda_min[0] <= Fraction(3, 2)
    assert found.lambda_min[1] >= Fraction(5, 2)


def test_the_loss_is_bounded_below_by_zero():
    found = certified(certify_in(loss_of(exact(TEACHER)), exact(TEACHER + 1e-9), Float64Enclosures()))
    assert found.loss[0] == 0 < found.loss[1]


# ---------------------------------------------------------------------------------------------- ladder and refining


def test_the_flat_minimum_of_width_4_needs_more_than_float64():
    """Loss 5.0176e-5, smallest eigenvalue 2.4e-9: the uniqueness box of a float64 proof would be narrower than its own
    rounding, and plain Newton steps on a pair with diverging outputs look much the same."""
    problem, theta = load_problem("thesis"), exact(FLAT_MINIMUM)
    assert isinstance(certify_isolated(loss_of(theta, problem), theta, max_bits=53), Failure)
    found = certified(certify_isolated(loss_of(theta, problem), theta, max_bits=106))
    assert (found.krawczyk.arithmetic, found.krawczyk.bits) == ("arb", 106)
    assert found.morse_index == 0
    assert Fraction("5.0176e-5") < found.loss[0] <= found.loss[1] < Fraction("5.0177e-5")
    assert found.lambda_min is not None
    assert Fraction("2.43e-9") < found.lambda_min[0] <= found.lambda_min[1] < Fraction("2.44e-9")
    assert isinstance(found.proofs[2], BallMinimum)
    verdict = isolated_object(problem, found)
    assert (verdict.kind, verdict.strict, verdict.not_global, verdict.nullity) == (Kind.LOCAL_MINIMUM, True, True, 0)
    # its refined centre is a true critical point to 106 bits, by a formula-free gradient along two directions
    oracle = Oracle(problem, 200)
    for direction in ([1] + [0] * 11, [0] * 11 + [1]):
        assert abs(oracle.along(found.krawczyk.center, direction, 1)[1]) < 1e-30


@pytest.mark.parametrize("arithmetic", ["auto", "mpmath"])
@pytest.mark.parametrize("point", ["narrow", "saddle"])
def test_rough_points_are_refined(arithmetic: str, point: str):
    theta = true_point(point)
    start = exact(np.round(theta.astype(np.float64), 3))
    found = certified(certify_isolated(loss_of(theta), start, arithmetic=arithmetic))
    assert found.krawczyk.bits == 53
    assert found.krawczyk.uniquely_contains(theta)
    assert max(found.krawczyk.existence_radius) < 1e-12


def test_the_ladder_ends_where_it_is_told_to():
    theta = true_point("narrow")
    assert isinstance(certify_isolated(loss_of(theta), theta, arithmetic="mpmath", max_bits=52), Failure)
    with pytest.raises(ValueError, match="'float16'"):
        certify_isolated(loss_of(theta), theta, arithmetic="float16")


def test_the_three_arithmetics_agree():
    problem = small()
    starts = [true_point("narrow"), true_point("saddle"), exact(TEACHER), exact(np.array([1.0, 1.0, 1.0]))]
    w1, w2, out = true_point("narrow")
    starts.append(np.array([w1, w2, w1, w2, out / 2, out / 2]))
    for theta in starts:
        center = exact(theta.astype(np.float64))
        found = [certify_in(loss_of(center), center, make()) for make in ARITHMETICS.values()]
        assert len({type(f) for f in found}) == 1
        if isinstance(found[0], Failure):
            continue
        objects = [isolated_object(problem, certified(f)) for f in found]
        claims = {(o.kind, o.strict, o.not_global, o.morse_index, o.nullity) for o in objects}
        assert len(claims) == 1
        for bounds in ([o.loss for o in objects], [o.lambda_min for o in objects if o.lambda_min]):
            assert max(b[0] for b in bounds) <= min(b[1] for b in bounds)
        assert len({o.method for o in objects}) == 3


# ---------------------------------------------------------------------------------------------- what is not claimed


@ALL
def test_duplicate_and_idle_neurons_are_undecided(name: str):
    w1, w2, out = true_point("narrow")
    for theta in (
        np.array([w1, w2, w1, w2, out / 3, 2 * out / 3]),
        np.array([w1, w2, Fraction(1), Fraction(2), out, Fraction(0)]),
    ):
        assert isinstance(certify_in(loss_of(theta), theta, ARITHMETICS[name]()), Failure)


@pytest.mark.parametrize("arithmetic", ["auto", "mpmath"])
def test_running_points_are_not_called_critical_unless_newton_reaches_a_critical_point(arithmetic: str):
    """From points anywhere, whatever is certified is a zero of the gradient to 200 bits."""
    rng = np.random.default_rng(5)
    outcomes = []
    for _ in range(12):
        start = exact(rng.normal(size=6) * 2)
        found = certify_isolated(loss_of(start), start, arithmetic=arithmetic, max_bits=106)
        outcomes.append(isinstance(found, Certified))
        if isinstance(found, Certified):
            theta, step = Oracle(small(), 200).critical_point(found.krawczyk.center)
            assert step < Fraction(1, 2**140)
            assert found.krawczyk.uniquely_contains(theta)
            assert sum(bool(e < 0) for e in Oracle(small(), 200).eigenvalues(theta)) == found.morse_index
    assert not all(outcomes)


@pytest.mark.parametrize("scale", [1e3, 1e9, 1e155, 1.7e308])
@pytest.mark.parametrize("arithmetic", ["auto", "mpmath"])
def test_enormous_weights_are_undecided_quietly(scale: float, arithmetic: str):
    theta = exact(np.array([0.4, -0.3, 0.5, 1.0, 0.6, -1.0]) * scale)
    assert isinstance(certify_isolated(loss_of(theta), theta, arithmetic=arithmetic, max_bits=106), Failure)


@pytest.mark.parametrize("part", ["loss", "slope"])
def test_bounds_that_overflow_are_a_failure(part: str):
    a, one = Float64Enclosures(), np.ones(1)
    number, curvature = a.array(one), a.array(one.reshape(1, 1))
    spoilt = MidRad(one.copy(), np.array([np.inf]))
    isolated = Isolated(
        Krawczyk(exact([0.0]), one / 2, one, one.reshape(1, 1), "midrad", 53),
        Evaluation(spoilt if part == "loss" else number, spoilt if part == "slope" else number, curvature),
        Evaluation(number, number, curvature, number),
        1.0,
    )
    found = _assemble(isolated, Inertia(1, 0, one.reshape(1, 1), (1,)), a)
    assert isinstance(found, Failure)
    assert found.code == "unbounded"


# ------------------------------------------------------------------------------------------------------- not global


def object_of(problem: Problem, name: str) -> CriticalObject:
    theta = true_point(name)
    return isolated_object(problem, certified(certify_isolated(loss_of(theta, problem), theta)))


def test_not_global_needs_exact_labels_the_teachers_width_and_a_positive_loss():
    # width 2, exact labels, loss 0.06
    assert object_of(small(), "saddle").not_global is True
    # width 1 of a teacher with 2 neurons: the infimum is not known to be 0
    narrow = object_of(small(), "narrow")
    assert (narrow.kind, narrow.not_global) == (Kind.LOCAL_MINIMUM, None)
    # given labels: nothing is known of the infimum, whatever the width
    given = with_given_labels(small())
    assert object_of(given, "saddle").not_global is None
    assert object_of(given, "narrow").not_global is None
    # loss bounds that hold 0
    zero = certified(certify_isolated(loss_of(exact(TEACHER)), exact(TEACHER)))
    assert zero.loss[0] == 0
    found = isolated_object(small(), zero)
    assert (found.kind, found.not_global, found.strict) == (Kind.LOCAL_MINIMUM, None, True)
    # a problem without any teacher
    alone = table(small().inputs.values, small().labels)
    assert object_of(alone, "saddle").not_global is None


def test_given_labels_never_give_a_global_minimum_though_the_loss_is_1e_34():
    given = with_given_labels(small())
    theta = exact(TEACHER)
    for bits in (53, 212):
        found = certified(certify_isolated(loss_of(theta, given), theta, max_bits=bits))
        verdict = isolated_object(given, found)
        assert verdict.kind is Kind.LOCAL_MINIMUM
        assert verdict.not_global is None
        assert found.loss[1] < Fraction(1, 10**25)
    # with enough bits the loss is proved to be positive
    fine = certified(certify_in(loss_of(theta, given), found.krawczyk.center, Arb(212)))
    assert fine.loss[1] > 0


def test_a_saddle_claims_nothing_about_minima():
    found = object_of(small(), "saddle")
    assert (found.kind, found.morse_index, found.nullity, found.strict) == (Kind.SADDLE, 1, 0, None)
    assert found.manifold_dimension == 0
    assert found.lambda_min is not None
    assert found.lambda_min[1] < 0


# ------------------------------------------------------------------------------------------------------- round trip


@ALL
@pytest.mark.parametrize("point", ["narrow", "saddle"])
def test_objects_and_proofs_survive_json_bit_for_bit(name: str, point: str):
    theta = exact(true_point(point).astype(np.float64))
    found = isolated_object(small(), certified(certify_in(loss_of(theta), theta, ARITHMETICS[name]())))
    again = CriticalObject.from_json(found.to_json())
    assert again.to_json() == found.to_json()
    assert again.id == found.id
    for proof, copy in zip(found.proofs, again.proofs, strict=True):
        assert type(proof) is type(copy)
        for field in proof.__dataclass_fields__:
            assert identical(getattr(proof, field), getattr(copy, field)), field


def identical(left: Any, right: Any) -> bool:
    """Equal bit for bit: the same type, float64 arrays the same bytes, also in the sign of zero."""
    if type(left) is not type(right):
        return False
    if isinstance(left, np.ndarray):
        if left.dtype != right.dtype or left.shape != right.shape:
            return False
        return left.tolist() == right.tolist() if left.dtype == object else left.tobytes() == right.tobytes()
    return bool(left == right)


def test_zeros_in_proofs_have_no_sign():
    """Inverse and eigenvectors of a diagonal matrix hold −0.0, which exact numbers do not know."""
    objective: Any = Polynomials.of([0, 0, 1], [0, 0, -1])
    a = Float64Enclosures()
    isolated = krawczyk(objective, exact([0.0, 0.0]), a)
    assert isinstance(isolated, Isolated)
    signs = inertia(a.array(np.array([[-2.0, 0.0], [0.0, -3.0]])), a)
    ball = empty_ball(objective, exact([-0.0, 1.0]), 0.5, a)
    for proof in (isolated.proof, signs, ball):
        assert isinstance(proof, Proof)
        copy = Proof.from_json(proof.to_json())
        for field in proof.__dataclass_fields__:
            assert identical(getattr(proof, field), getattr(copy, field)), field


def test_reading_a_proof_refuses_what_is_not_one():
    data = object_of(small(), "narrow").proofs[0].to_json()
    assert Proof.from_json(data).to_json() == data
    for change in ({"theorem": "hearsay"}, {"center": ["x"]}, {"bits": None}):
        with pytest.raises(ValueError, match=r"expected one of|malformed"):
            Proof.from_json(data | change)
    with pytest.raises(ValueError, match="missing"):
        Proof.from_json({k: v for k, v in data.items() if k != "center"})


def test_ids_are_the_same_on_repeated_runs_and_differ_between_objects():
    ids = [object_of(small(), name).id for name in ("narrow", "saddle", "narrow", "saddle")]
    assert ids[:2] == ids[2:]
    assert ids[0] != ids[1]
    found = object_of(small(), "saddle")
    assert found.network is not None
    moved = replace(found, network=Network(found.network.w, found.network.a), proofs=found.proofs[:1])
    assert moved.id != found.id
