"""The conditions κ > 0: which κ add up, what is refused, and what the loss does near the limit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import product
from random import Random
from typing import Any

import flint
import numpy as np
import pytest
from library import ARITHMETICS, arb, fraction, precision
from limit_cases import chart, condition_terms, planted, rationals, size

from certify.arithmetic.arb import Arb
from certify.arithmetic.midrad import Float64Enclosures
from certify.proofs.infinity import Channel, channel
from certify.proofs.limit import limit_object
from certify.proofs.proof import Failure
from certify.proofs.verdict import CriticalObject, Kind
from symmetry.infinity.charts import Chart
from symmetry.network import exact
from symmetry.problem import Problem

# -------------------------------------------------------------------------------------------------- numbers made up


@dataclass(frozen=True)
class Corrected:
    """A term of which only the correction is known."""

    phi: Any

    def correction(self) -> Any:
        return self.phi


def made(name: str, kappas: Sequence[Any], arithmetic: Any, radius: Any = 0) -> Channel | Failure:
    """``channel`` where the κ of the terms are the numbers given, ± ``radius``: one input, r = 1/2, φ = κ."""
    found = chart(name)
    r = arithmetic.array(exact([Fraction(1, 2)]))
    terms: list[Any] = [None]  # the ordinary neurons have no correction
    for kappa in kappas:
        terms.append(Corrected(arithmetic.ball(exact([Fraction(kappa)]), exact([Fraction(radius)]))))
    return channel(found, terms, r, 1, arithmetic)


@pytest.mark.parametrize("kind", ARITHMETICS)
def test_which_conditions_are_asked_for(kind: str) -> None:
    arithmetic = ARITHMETICS[kind]()
    passed = {
        "pair": [[1]],
        "pair+pair": [[1, 2]],
        "mirrored+mirrored": [[1, 2], [3, -2], [-1, 2]],
        "mirrored+zero": [[1, 2], [3, -2], [-1, 2]],
        "pair+mirrored+zero": [[1, 3, -2], [2, -1, 2]],
        "mirrored+mirrored+zero": [[1, 2, 3]],
        "mirrored+mirrored+mirrored": [[3, 2, 1]],
        "triple-": [[1]],
        "mirrored+cubic": [[-9, 1], [1, 2]],  # the mirrored pair is of sixth order
        "quintic": [[1]],
    }
    refused = {
        "pair": [[-1], [0]],
        "pair+pair": [[1, -Fraction(1, 10**9)], [-1, 2]],  # each has its own ε: a sum decides nothing
        "mirrored+mirrored": [[1, -1], [1, -2]],
        "mirrored+zero": [[1, -1], [-3, 2]],
        "pair+mirrored+zero": [[-1, 3, 3], [9, 3, -4]],
        # Σκ > 0 with one κ < 0: three groups span a cone that contains every axis
        "mirrored+mirrored+zero": [[9, 9, -1], [9, -1, 9], [-1, 9, 9]],
        "mirrored+mirrored+mirrored": [[9, 9, -1], [9, -1, 9], [-1, 9, 9]],
        "triple-": [[-1]],
        "mirrored+cubic": [[9, -1], [9, 0]],
        "quintic": [[-1], [0]],
    }
    for name, cases in passed.items():
        for kappas in cases:
            found = made(name, kappas, arithmetic)
            assert isinstance(found, Channel), (name, kappas)
            counted = condition_terms(chart(name))
            for low, high, members in zip(found.kappa_lower, found.kappa_upper, counted, strict=True):
                assert 0 < low <= sum(kappas[k - 1] for k in members) <= high
    for name, cases in refused.items():
        for kappas in cases:
            assert isinstance(made(name, kappas, arithmetic), Failure), (name, kappas)


@pytest.mark.parametrize("kind", ARITHMETICS)
def test_an_enclosure_that_holds_0_does_not_pass(kind: str) -> None:
    arithmetic = ARITHMETICS[kind]()
    one, tiny = Fraction(1), Fraction(1, 10**30)
    for kappa, radius, code in ((one, 2 * one, "kappa-sign"), (one, one, "kappa-sign"), (-one, one / 2, "in-transit")):
        for name in ("pair", "triple+", "quintic"):
            found = made(name, [kappa], arithmetic, radius)
            assert isinstance(found, Failure)
            assert found.code == code
        assert made("mirrored+cubic", [one, kappa], arithmetic, radius).code == code
    found = made("mirrored+zero", [1, -1 + tiny], arithmetic, Fraction(1, 10**20))
    assert isinstance(found, Failure)
    assert found.code == "kappa-sign"


def test_a_sum_of_1e_30_passes_at_high_precision_only() -> None:
    tiny = Fraction(1, 10**30)
    assert isinstance(made("mirrored+zero", [1, tiny - 1], Arb(212)), Channel)
    assert made("mirrored+zero", [1, -tiny - 1], Arb(212)) == Failure(
        "in-transit", (("kappa_lower", float(-tiny)), ("kappa_upper", float(-tiny)))
    )
    for kind in ("midrad", "arb53", "mpmath53"):
        for sign in (1, -1):
            found = made("mirrored+zero", [1, sign * tiny - 1], ARITHMETICS[kind]())
            assert isinstance(found, Failure)
            assert found.code == "kappa-sign"


def test_an_unbounded_kappa_does_not_pass() -> None:
    arithmetic = Float64Enclosures()
    one = arithmetic.array(exact([1]))
    with np.errstate(all="ignore"):
        phi = one / (one - one)
    found = channel(chart("pair"), [None, Corrected(phi)], one, 1, arithmetic)
    assert isinstance(found, Failure)
    assert found.code == "unbounded"


# ------------------------------------------------------------------------------------------- what the loss does there


def loss(problem: Problem, found: Chart, q: Any, small: Sequence[Fraction], shares: Any = ()) -> Fraction:
    """The loss of the finite network there, to about 60 digits: outputs diverge and cancel."""
    network = found.network(exact(q), small, shares)
    assert problem.given_labels is not None
    with precision(220):
        total = flint.arb(0)
        for x, y in zip(exact(problem.inputs.exact_values), problem.given_labels.tolist(), strict=True):
            terms = [arb(a) / (1 + (-arb(w @ x)).exp()) for w, a in zip(network.w, network.a, strict=True)]
            total += (sum(terms, flint.arb(0)) - arb(y)) ** 2
        return fraction((total / len(problem)).mid())


def object_of(problem: Problem, found: Chart, q: Any) -> CriticalObject | Failure:
    signs = tuple((1,) * len(group.members) for group in found.copies)
    return limit_object(problem, found, signs, exact(q), arithmetic="auto", max_bits=106)


def planted_limit(name: str, kappas: list[float], seed: int) -> tuple[Chart, Any, Problem, CriticalObject]:
    """A chart, ``q``, a problem with these ``κ`` there, and what is proved of it."""
    found = chart(name)
    q = rationals(Random(seed), size(found)).astype(float)
    bends = {0: 1e-2 * np.eye(2)} if found.copies else None
    problem = planted(found, q, kappas=kappas, curvatures=bends, seed=seed, count=200)
    limit = object_of(problem, found, q)
    assert isinstance(limit, CriticalObject)
    return found, q, problem, limit


# (structure, κ of each group, seed): minima at infinity
MINIMA = [
    ("pair", [0.01], 0),
    ("mirrored+mirrored", [0.01, -0.005], 0),
    ("mirrored+zero", [-0.005, 0.01], 2),
    ("pair+mirrored+zero", [0.01, 0.01, -0.001], 0),
    ("mirrored+mirrored+zero", [0.005, 0.01, 0.005], 0),
    ("triple+", [0.01], 1),
    ("triple-", [0.01], 0),
    ("mirrored+cubic", [-0.005, 0.01], 0),
    ("quintic", [0.01], 0),
    ("copies2+pair", [0.01], 2),
    ("copies2+triple-", [0.01], 3),
]


def places(found: Chart, rng: Random, scale: Fraction) -> list[Fraction]:
    """Small coordinates of any signs, of sizes that differ by up to 10 (for a triple: apart from each other)."""
    out: list[Fraction] = []
    for _, count in found.free:
        if count == 2:
            p, ratio = scale * rng.choice([-1, 1]), Fraction(rng.choice([-5, -1, 3, 7]), 4)
            out += [p, p * ratio] if ratio != -Fraction(1, 2) else [p, 2 * p]
        elif count == 1:
            out.append(scale * Fraction(rng.randint(2, 20), 20) * rng.choice([-1, 1]))
    return out


@pytest.mark.parametrize(("name", "kappas", "seed"), MINIMA, ids=[case[0] for case in MINIMA])
def test_a_minimum_at_infinity_is_below_every_network_nearby(name: str, kappas: list[float], seed: int) -> None:
    found, q, problem, limit = planted_limit(name, kappas, seed)
    assert limit.kind is Kind.MINIMUM_AT_INFINITY
    assert (limit.morse_index, limit.nullity) == (0, len(found.copies))
    assert limit.not_global is None  # given labels: nothing is known about the infimum
    top = limit.loss[1]
    rng, npr = Random(1), np.random.default_rng(1)
    tried = 0
    while tried < 25:
        small = places(found, rng, Fraction(1, 10**4))
        try:
            beta = [[Fraction(1, 3), Fraction(2, 3)]] if found.copies else ()
            there = loss(problem, found, q, small, beta)
        except ValueError:
            continue  # the last ε is infinite
        eps = found.read(*(v.astype(float) for v in vars(found.network(exact(q), small)).values()))[1]
        if np.abs(eps).max() > 1e-3:
            continue  # the last of the balanced groups is not near its limit
        tried += 1
        assert there > top
        beside = q + 1e-4 * npr.normal(size=len(q))
        assert loss(problem, found, beside, small, beta) > top


@pytest.mark.parametrize(("name", "kappas", "seed"), MINIMA, ids=[case[0] for case in MINIMA])
def test_the_rate(name: str, kappas: list[float], seed: int) -> None:
    # L ≈ L_∞ + Σ κ ε², for a pair κ/(4a²)
    found, q, problem, limit = planted_limit(name, kappas, seed)
    proof = limit.proofs[-1]
    assert isinstance(proof, Channel)
    small = [Fraction(1, 10**5) * (1 + Fraction(k, 2)) for k in range(sum(count for _, count in found.free))]
    network = found.network(exact(q), small)
    eps = found.read(network.w.astype(float), network.a.astype(float))[1]
    sums = [sum(kappas[k - 1] for k in members) for members in condition_terms(found)]
    for low, high, kappa in zip(proof.kappa_lower, proof.kappa_upper, sums, strict=True):
        assert float(low) - 1e-9 <= kappa <= float(high) + 1e-9
    wanted = float(np.array(kappas) @ eps**2)
    above = float(loss(problem, found, q, small) - sum(limit.loss) / 2)
    assert above == pytest.approx(wanted, rel=0.05)
    if name == "pair":
        i, j = found.groups[0].members
        a = float(network.a[i] - network.a[j]) / 2
        assert above == pytest.approx(float(proof.kappa_lower[0]) / (4 * a * a), rel=0.05)


def test_three_balanced_groups_need_every_kappa() -> None:
    # Σκ > 0, one κ < 0: where its ε is the largest of the three, the loss is below the limit's
    found = chart("mirrored+mirrored+zero")
    q = rationals(Random(0), size(found)).astype(float)
    for bad in range(3):
        kappas = [0.02, 0.02, 0.02]
        kappas[bad] = -0.005
        problem = planted(found, q, kappas=kappas, seed=0, count=200)
        refused = object_of(problem, found, q)
        assert isinstance(refused, Failure)
        assert refused.code == "in-transit"
        big, less = Fraction(1, 10**4), Fraction(1, 3 * 10**5)
        small = {0: [big, less], 1: [less, big], 2: [less, -less * Fraction(30, 31)]}[bad]
        network = found.network(exact(q), small)
        eps = np.abs(found.read(network.w.astype(float), network.a.astype(float))[1])
        assert eps.argmax() == bad
        assert np.sort(eps)[1] < eps[bad] / 10
        good = planted(found, q, kappas=[0.02, 0.02, 0.02], seed=0, count=200)
        limit = object_of(good, found, q)
        assert isinstance(limit, CriticalObject)
        zero = loss(problem, found, q, [Fraction(1, 10**9)] * 2)
        assert loss(problem, found, q, small) < zero
        assert loss(good, found, q, small) > limit.loss[1]


def test_two_balanced_groups_need_the_sum_only() -> None:
    found = chart("mirrored+zero")
    q = rationals(Random(2), size(found)).astype(float)
    for kappas, expected in (
        ([0.03, -0.02], True),
        ([-0.02, 0.03], True),
        ([0.02, -0.03], False),
        ([-0.03, 0.02], False),
    ):
        problem = planted(found, q, kappas=kappas, seed=2, count=200)
        limit = object_of(problem, found, q)
        assert isinstance(limit, CriticalObject) == expected
        near, far = (loss(problem, found, q, [Fraction(1, n)]) for n in (10**5, 10**4))
        assert (far > near) == expected


def test_three_neurons_near_zero_with_a_negative_kappa_are_refused() -> None:
    found = chart("quintic")
    q = rationals(Random(0), size(found)).astype(float)
    problem = planted(found, q, kappas=[-0.01], seed=0, count=200)
    refused = object_of(problem, found, q)
    assert isinstance(refused, Failure)
    assert refused.code == "in-transit"
    far, near = ([Fraction(1, n), Fraction(-3, n)] for n in (10**7, 10**8))
    assert loss(problem, found, q, far) < loss(problem, found, q, near)


def test_two_neurons_near_zero_with_a_negative_kappa_are_refused() -> None:
    # whatever the mirrored pair's own κ
    found = chart("mirrored+cubic")
    q = rationals(Random(0), size(found)).astype(float)
    problem = planted(found, q, kappas=[0.05, -0.01], seed=0, count=200)
    refused = object_of(problem, found, q)
    assert isinstance(refused, Failure)
    assert refused.code == "in-transit"
    far, near = ([Fraction(1, n), Fraction(-3, n)] for n in (10**4, 10**5))
    assert loss(problem, found, q, far) < loss(problem, found, q, near)


# (structure, κ, seed): the limit network is at a saddle
SADDLES = [
    ("pair", [0.02], 1),
    ("mirrored+mirrored", [0.02, -0.01], 1),
    ("triple+", [0.02], 0),
    ("mirrored+cubic", [0.01, 0.02], 1),
    ("quintic", [0.02], 7),
    ("mirrored+mirrored+zero", [0.02] * 3, 2),
]


@pytest.mark.parametrize(("name", "kappas", "seed"), SADDLES, ids=[case[0] for case in SADDLES])
def test_an_indefinite_limit_is_a_saddle_never_a_minimum(name: str, kappas: list[float], seed: int) -> None:
    found = chart(name)
    q = rationals(Random(seed), size(found)).astype(float)
    problem = planted(found, q, kappas=kappas, seed=seed, count=200)
    limit = object_of(problem, found, q)
    assert isinstance(limit, CriticalObject)
    assert limit.kind is Kind.SADDLE_AT_INFINITY
    hessian = found.objective(problem).evaluate(q, _float64(), 2).hessian
    values, vectors = np.linalg.eigh(hessian)
    assert limit.morse_index == (values < 0).sum() > 0
    assert limit.level is None
    # finite networks below the limit's loss, however small the small coordinates
    down = q + 0.01 * vectors[:, 0]
    for n in (10**4, 10**5):
        small = [Fraction(1, n) * (1 + Fraction(k, 2)) for k in range(sum(count for _, count in found.free))]
        assert loss(problem, found, q, small) > limit.loss[1]
        assert min(loss(problem, found, p, small) for p in (down, 2 * q - down)) < limit.loss[0]


def _float64() -> Any:
    from symmetry.arithmetic import Float64

    return Float64()


def test_copies_beside_a_channel_decide_with_their_own_curvature() -> None:
    # B ≻ 0: β of one sign are minima, of two signs saddles; B ≺ 0: the other way round
    found = chart("copies2+pair")
    q = rationals(Random(2), size(found)).astype(float)
    for sign, signs in product((1, -1), ((1, 1), (1, -1))):
        problem = planted(found, q, kappas=[0.02], curvatures={0: sign * 1e-3 * np.eye(2)}, seed=2, count=200)
        limit = limit_object(problem, found, (signs,), exact(q), arithmetic="auto", max_bits=106)
        assert isinstance(limit, CriticalObject)
        assert limit.proofs[1].negative == 0  # type: ignore[attr-defined]
        added = 0 if (sign > 0) == (signs == (1, 1)) else 2
        assert limit.morse_index == added
        assert limit.kind is (Kind.SADDLE_AT_INFINITY if added else Kind.MINIMUM_AT_INFINITY)
        assert limit.manifold_dimension == limit.nullity == 1
