"""Global minima: only exact equality with the teacher counts, and only what is proved of them is claimed."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from library import TEACHER, Oracle, ball_ends, crowded, small, with_given_labels

from certify.proofs.family import LocalFamily
from certify.proofs.inertia import Inertia
from certify.proofs.krawczyk import Krawczyk
from certify.proofs.verdict import CriticalObject, Kind
from certify.proofs.zero import TOLERANCE, ZeroLoss, match_global_minimum, zero_object
from symmetry.matching import verify_equal_output
from symmetry.network import Network, exact
from symmetry.problem import Problem, load_problem

HALF = Fraction(1, 2)


def network(*neurons: tuple[Any, Any, Any]) -> Network:
    """Neurons ``(w_1, w_2, a)``."""
    return Network.of([n[:2] for n in neurons], [n[2] for n in neurons])


A, B = (2, 1, 1), (-1, 3, 2)  # the teacher of `small` and `crowded`
ZEROS = {
    # width 2: the teacher, its neurons exchanged
    "teacher": (network(A, B), "C1+ C2+", 0),
    "exchanged": (network(B, A), "C1+ C2+", 0),
    # width 3: a neuron split, an idle neuron, and flips whose constants the third neuron takes
    "split": (network(A, (-1, 3, Fraction(5)), (-1, 3, Fraction(-3))), "C1+ C2+,+", 1),
    "idle": (network(A, B, (7, -7, 0)), "C1+ C2+ D1+", 2),
    "flipped": (network((-2, -1, -1), B, (0, 0, 2)), "C1- C2+ Z", 0),
    "both flipped": (network((-2, -1, -1), (1, -3, -2), (0, 0, 6)), "C1- C2- Z", 0),
    "mixed": (network((2, 1, 3), (-2, -1, 2), (1, -3, -2)), "C1+,- C2-", 0),
}


def zero_of(problem: Problem, net: Network) -> CriticalObject:
    point = match_global_minimum(problem, net)
    assert point is not None
    return zero_object(problem, point, arithmetic="auto", max_bits=212)


@pytest.mark.parametrize("name", ZEROS)
def test_exact_points_are_matched_and_named(name: str):
    net, stratum, dimension = ZEROS[name]
    point = match_global_minimum(small(), net)
    assert point is not None
    assert point.distance_squared == 0
    assert (point.stratum.name, point.stratum.dimension) == (stratum, dimension)
    # the oracle knows nothing of strata
    low, high = ball_ends(Oracle(small()).loss(net.theta()))
    assert low <= 0 <= high < Fraction(1, 10**100)


@pytest.mark.parametrize("name", ZEROS)
def test_claims_about_a_zero(name: str):
    net, stratum, dimension = ZEROS[name]
    found = zero_of(small(), net)
    proof = found.proofs[0]
    assert isinstance(proof, ZeroLoss)
    assert (proof.stratum, proof.dimension) == (stratum, dimension)
    assert (found.kind, found.loss, found.not_global) == (Kind.GLOBAL_MINIMUM, (0, 0), False)
    assert (found.stratum, found.manifold_dimension, found.morse_index) == (stratum, dimension, 0)
    assert verify_equal_output(small(), Network(proof.w, proof.a))
    hessian = np.array([[float(h.mid()) for h in row] for row in Oracle(small(), 100).hessian(net.theta())])
    eigenvalues = np.linalg.eigvalsh(hessian).tolist()
    if dimension:
        # a line or a plane of zeros through the point: not strict, the smallest eigenvalue exactly 0
        assert found.strict is False
        assert found.lambda_min == (0, 0)
        _check_family(found, eigenvalues)
    elif eigenvalues[0] > 1e-9:
        assert found.strict is True
        assert found.nullity == 0
        assert [type(p) for p in found.proofs[1:3]] == [Krawczyk, Inertia]
        box = found.box
        assert box is not None
        assert box.uniquely_contains(net.theta())
        assert found.lambda_min is not None
        assert found.lambda_min[0] <= Fraction(eigenvalues[0] * (1 + 1e-9))
        assert Fraction(eigenvalues[0] * (1 - 1e-9)) <= found.lambda_min[1]
    else:
        # a class with both w* and −w*: the Hessian is singular, and there is no box
        assert found.box is None
        assert found.strict is found.complete
        _check_family(found, eigenvalues)


def _check_family(found: CriticalObject, eigenvalues: list[float]) -> None:
    """What is said of other zeros near the point, against the eigenvalues of its Hessian."""
    if not found.complete:
        assert (found.nullity, len(found.proofs)) == (None, 1)
        return
    assert [type(p) for p in found.proofs] == [ZeroLoss, LocalFamily]
    assert found.nullity == sum(value < 1e-9 for value in eigenvalues)
    assert found.nullity > 0
    assert found.lambda_min == (0, 0)


def test_the_isolated_zeros_of_the_library_are_of_both_kinds():
    found = {name: zero_of(small(), ZEROS[name][0]) for name in ("teacher", "flipped", "mixed", "split")}
    assert found["teacher"].strict is True
    assert found["mixed"].box is None
    assert found["split"].complete is True


def test_a_point_stratum_in_a_curve_of_zeros_is_not_called_isolated():
    """On 9 inputs closed under negation the outputs at ±x have a fixed sum: 5 conditions for 6 weights, so the zeros
    near the teacher form a curve although the stratum is a point."""
    net = network(A, B)
    found = zero_of(crowded(), net)
    assert (found.stratum, found.kind) == ("C1+ C2+", Kind.GLOBAL_MINIMUM)
    assert (found.strict, found.nullity, found.lambda_min, found.box) == (None, None, None, None)
    assert found.complete is None
    assert found.method == "zero-loss"
    # there is another zero nearby: the loss along the curve, followed by Gauss–Newton in floats
    near = other_zero(crowded(), TEACHER + 0.01 * np.array([1.0, -1, 0.5, 0.3, 0.2, -0.2]))
    assert 1e-4 < np.linalg.norm(near - TEACHER) < 0.1
    assert float(Oracle(crowded(), 100).loss(exact(near)).mid()) < 1e-28


def other_zero(problem: Problem, theta: np.ndarray) -> np.ndarray:
    x, y = problem.inputs.values, problem.labels
    for _ in range(20):
        w, a = theta[:4].reshape(2, 2), theta[4:]
        s = 1 / (1 + np.exp(-x @ w.T))
        slope = (s * (1 - s) * a)[:, :, None] * x[:, None, :]
        jacobian = np.concatenate([slope.reshape(len(x), 4), s], axis=1)
        theta = theta - np.linalg.lstsq(jacobian, s @ a - y, rcond=1e-10)[0]
    return theta


# ---------------------------------------------------------------------------------------------------- near is not at


def moved(net: Network, distance: float, seed: int = 0) -> Network:
    direction = np.random.default_rng(seed).normal(size=len(net.theta()))
    step = exact(direction / np.linalg.norm(direction)) * Fraction(distance)
    return Network.from_theta(net.theta() + step, 2)


@pytest.mark.parametrize("name", ["teacher", "flipped", "mixed"])
def test_the_tolerance_is_kept_to(name: str):
    net = ZEROS[name][0]
    size = 1 + Fraction(np.linalg.norm(net.theta().astype(float)))
    for seed in range(5):
        inside = match_global_minimum(small(), moved(net, float(TOLERANCE * size) * 0.999, seed))
        assert inside is not None
        assert (inside.network.theta() == net.theta()).all()  # the stratum is a point
        assert inside.distance_squared <= (TOLERANCE * size) ** 2
        for distance in (float(TOLERANCE * size) * 1.001, 1e-9, 1e-8, 1e-5):
            assert match_global_minimum(small(), moved(net, distance, seed)) is None


def test_a_point_of_a_line_is_matched_to_its_nearest_point():
    net = moved(ZEROS["split"][0], 1e-12)
    point = match_global_minimum(small(), net)
    assert point is not None
    assert 0 < point.distance_squared <= Fraction(1, 10**24)
    assert verify_equal_output(small(), point.network)
    assert list(point.network.w[0]) == [2, 1]
    assert point.network.a[1] + point.network.a[2] == 2


def test_a_loss_of_1e_25_is_not_zero():
    """Two halves of a neuron 5e-7 apart: the loss is of fourth order in that, but the point is not on a stratum."""
    gap = Fraction(1, 10**6)
    net = network(A, (-1 + gap, 3, 1), (-1 - gap, 3, 1))
    low, high = ball_ends(Oracle(small()).loss(net.theta()))
    assert Fraction(1, 10**27) < low <= high < Fraction(1, 10**24)
    assert match_global_minimum(small(), net) is None
    assert not verify_equal_output(small(), net)


def test_equality_with_the_teacher_is_exact():
    net = ZEROS["flipped"][0]
    assert verify_equal_output(small(), net)
    for i in range(9):
        theta = net.theta().copy()
        theta[i] += Fraction(1, 2**300)
        assert not verify_equal_output(small(), Network.from_theta(theta, 2))
    # each neuron flipped, but the constant not compensated
    assert not verify_equal_output(small(), network((-2, -1, -1), B))
    assert not verify_equal_output(small(), network((-2, -1, -1), B, (0, 0, 1)))


@pytest.mark.parametrize("name", ZEROS)
def test_given_labels_have_no_zeros(name: str):
    given = with_given_labels(small())
    assert match_global_minimum(given, ZEROS[name][0]) is None
    assert not verify_equal_output(given, ZEROS[name][0])


def test_a_teacher_of_decimals_is_matched_exactly_not_by_its_doubles():
    thesis = load_problem("thesis")
    assert thesis.teacher is not None
    doubles = Network.of(thesis.teacher.w.astype(float), thesis.teacher.a)
    point = match_global_minimum(thesis, doubles)
    assert point is not None
    assert (point.network.w == thesis.teacher.w).all()
    assert 0 < point.distance_squared < Fraction(1, 10**30)
    assert not verify_equal_output(thesis, doubles)
    found = zero_of(thesis, doubles)
    assert found.strict is True
    assert found.network is not None
    assert (found.network.w == thesis.teacher.w).all()


def test_a_proposed_point_is_verified_before_it_is_believed(monkeypatch: pytest.MonkeyPatch):
    from certify.proofs import zero

    net = ZEROS["teacher"][0]
    honest = match_global_minimum(small(), net)
    assert honest is not None
    wrong = Network(honest.network.w, honest.network.a + Fraction(1, 2**200))
    monkeypatch.setattr(zero, "propose_stratum_point", lambda *_: replace(honest, network=wrong))
    assert match_global_minimum(small(), net) is None


def test_a_zero_too_flat_for_the_precision_allowed_is_still_global_but_not_called_strict(
    monkeypatch: pytest.MonkeyPatch,
):
    from certify.proofs import zero
    from certify.proofs.proof import Failure

    point = match_global_minimum(small(), ZEROS["teacher"][0])
    assert point is not None
    monkeypatch.setattr(zero, "certify_isolated", lambda *_, **__: Failure("no-contraction"))
    found = zero_object(small(), point, arithmetic="auto", max_bits=53)
    assert (found.kind, found.strict, found.nullity, found.lambda_min) == (Kind.GLOBAL_MINIMUM, None, None, None)


def test_a_box_that_misses_the_zero_says_nothing_about_it(monkeypatch: pytest.MonkeyPatch):
    from certify.proofs import zero

    point = match_global_minimum(small(), ZEROS["teacher"][0])
    assert point is not None
    true_certify = zero.certify_isolated

    def elsewhere(objective: Any, theta: Any, **options: Any) -> Any:
        found = true_certify(objective, theta, **options)
        found.krawczyk.uniqueness_radius[:] = 2.0**-80  # the box shrinks to less than the distance of its centre …
        object.__setattr__(found.krawczyk, "center", found.krawczyk.center + Fraction(1, 2**70))  # … which moves
        return found

    monkeypatch.setattr(zero, "certify_isolated", elsewhere)
    found = zero_object(small(), point, arithmetic="auto", max_bits=53)
    assert (found.strict, found.nullity, found.box) == (None, None, None)


@pytest.mark.parametrize("name", ZEROS)
def test_zeros_survive_json_bit_for_bit(name: str):
    found = zero_of(small(), ZEROS[name][0])
    again = CriticalObject.from_json(found.to_json())
    assert again.to_json() == found.to_json()
    assert again.id == found.id
    assert type(again.proofs[0]) is ZeroLoss
    assert (again.proofs[0].w == found.proofs[0].w).all()  # type: ignore[attr-defined]


def test_strata_are_named_alike_whatever_the_order_of_the_neurons():
    assert zero_of(small(), ZEROS["teacher"][0]).id == zero_of(small(), ZEROS["exchanged"][0]).id
    assert zero_of(small(), ZEROS["split"][0]).id != zero_of(small(), ZEROS["idle"][0]).id
