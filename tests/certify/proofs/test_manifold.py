"""Splitting neurons of a critical point: the inertia formula at 50 digits and in intervals, and what must not pass."""

from __future__ import annotations

from fractions import Fraction
from itertools import permutations, product
from random import Random
from typing import Any

import mpmath
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from library import ARITHMETICS
from limit_cases import chart, derivatives, number, planted, rationals

from certify.arithmetic.arb import Arb
from certify.arithmetic.midrad import Float64Enclosures
from certify.pipeline.classification import classify_points
from certify.proofs.distinct import Comparison, compare, holds
from certify.proofs.inertia import Inertia, inertia
from certify.proofs.isolated import Certified, certify_isolated
from certify.proofs.limit import limit_object
from certify.proofs.manifold import Split, Tie, split, tie
from certify.proofs.proof import Failure
from certify.proofs.verdict import CriticalObject, Kind
from symmetry.arithmetic import Float64
from symmetry.network import Network, Points, exact
from symmetry.objective import SquareLoss

SEEDS = st.integers(0, 2**32)


def signs_of(values: Any, zero: Any) -> tuple[int, int, int]:
    """Positive, negative, zero; a gap of 15 orders of magnitude separates zeros from the others."""
    sizes = sorted(abs(v) for v in values)
    assert all(v < zero or v > zero * 10**15 for v in sizes)
    return sum(v > zero for v in values), sum(v < -zero for v in values), sum(abs(v) <= zero for v in values)


# ------------------------------------------------------------------------------------------- the formula, at 50 digits


def columns(network: Network, x: Any) -> tuple[list[list[Any]], list[list[Any]]]:
    """For each input the gradient of the output, and its curvature ``(aσ'', σ')`` per neuron."""
    rows, bends = [], []
    for point in x:
        row_w: list[Any] = []
        row_a: list[Any] = []
        bend = []
        for w, a in zip(network.w, network.a, strict=True):
            jet = derivatives(number(w @ point), 2)
            row_w += [number(a) * jet[1] * number(v) for v in point]
            row_a.append(jet[0])
            bend.append((number(a) * jet[2], jet[1]))
        rows.append(row_w + row_a)
        bends.append(bend)
    return rows, bends


def hessian(network: Network, x: Any, r: Any) -> Any:
    """``JᵀJ + Σ r ∇²f``, written down from section 4 of docs/mathematics.md."""
    m, d = network.width, network.dimension
    rows, bends = columns(network, x)
    j = mpmath.matrix(rows)
    h = j.T * j
    for point, bend, residual in zip(x, bends, r, strict=True):
        for i, (second, first) in enumerate(bend):
            for k in range(d):
                for l2 in range(d):
                    h[i * d + k, i * d + l2] += residual * second * number(point[k] * point[l2])
                h[i * d + k, m * d + i] += residual * first * number(point[k])
                h[m * d + i, i * d + k] += residual * first * number(point[k])
    return h


def residuals_at_a_critical_point(network: Network, x: Any, rng: Random) -> Any:
    """Random residuals orthogonal to the columns of ``J``: with labels ``f − r`` the network is critical."""
    rows, _ = columns(network, x)
    j = mpmath.matrix(rows)
    noise = mpmath.matrix([[mpmath.mpf(rng.randint(-100, 100)) / 10] for _ in x])
    solution = mpmath.lu_solve(j.T * j, j.T * noise)
    r = noise - j * solution
    assert max(abs(v) for v in j.T * r) < mpmath.mpf(10) ** -40
    return list(r)


@settings(max_examples=25)
@given(SEEDS, st.integers(1, 2), st.integers(1, 2), st.integers(2, 4))
def test_inertia_of_a_split_network(seed: int, dimension: int, width: int, copies: int) -> None:
    rng = Random(seed)
    x = rationals(rng, 14 * dimension).reshape(14, dimension)
    narrow = Network(rationals(rng, width * dimension).reshape(width, dimension), rationals(rng, width))
    beta = [Fraction(rng.choice([-2, -1, 0, 1, 2]), 3) for _ in range(copies - 1)]
    beta.append(1 - sum(beta, Fraction(0)))
    wide = Network(
        np.concatenate([narrow.w[1:], np.array([narrow.w[0]] * copies)]),
        np.concatenate([narrow.a[1:], exact(beta) * narrow.a[0]]),
    )
    with mpmath.workdps(50):
        r = residuals_at_a_critical_point(narrow, x, rng)
        tiny = mpmath.mpf(10) ** -35
        small = signs_of(mpmath.eigsy(hessian(narrow, x, r), eigvals_only=True), tiny)
        bent = mpmath.matrix(dimension, dimension)
        for point, residual in zip(x, r, strict=True):
            second = number(narrow.a[0]) * derivatives(number(narrow.w[0] @ point), 2)[2]
            for k, l2 in product(range(dimension), repeat=2):
                bent[k, l2] += residual * second * number(point[k] * point[l2])
        b = signs_of(mpmath.eigsy(bent, eigvals_only=True), tiny)
        large = signs_of(mpmath.eigsy(hessian(wide, x, r), eigvals_only=True), tiny)
    assert small[2] == b[2] == 0
    plus, minus, none = (sum(test) for test in ([v > 0 for v in beta], [v < 0 for v in beta], [not v for v in beta]))
    positive = small[0] + (plus - 1) * b[0] + minus * b[1]
    negative = small[1] + (plus - 1) * b[1] + minus * b[0]
    assert large == (positive, negative, copies - 1 + dimension * none)
    proof = Split(0, plus, minus, none, (0, 0, 0), b[0], b[1])
    assert small[1] + proof.added_negative == large[1]
    assert proof.added_zero == large[2]
    assert proof.dimension == copies - 1


@settings(max_examples=15)
@given(SEEDS, st.integers(1, 2), st.integers(1, 3), st.integers(1, 2))
def test_inertia_of_mirrored_copies(seed: int, dimension: int, width: int, mixed: int) -> None:
    """``mixed`` of the neurons get copies of both signs, which share one free constant; others may be split as well."""
    rng = Random(seed)
    mixed = min(mixed, width)
    x = rationals(rng, 16 * dimension).reshape(16, dimension)
    narrow = Network(rationals(rng, width * dimension).reshape(width, dimension), rationals(rng, width))
    w, a, counts = [], [], []
    for j in range(width):
        size = rng.randint(2, 3) if j < mixed else rng.randint(1, 2)
        beta = [Fraction(rng.choice([-2, -1, 0, 1, 2]), 3) for _ in range(size - 1)]
        beta.append(1 - sum(beta, Fraction(0)))
        signs = [-1 if j < mixed else 1, *([1] * (size - 1))]
        w += [sign * narrow.w[j] for sign in signs]
        a += [sign * b * narrow.a[j] for sign, b in zip(signs, beta, strict=True)]
        counts.append((sum(b > 0 for b in beta), sum(b < 0 for b in beta), sum(not b for b in beta)))
    wide = Network(np.array(w), np.array(a))
    with mpmath.workdps(50):
        rows, _ = columns(narrow, x)
        free = mpmath.matrix([[*row, 1] for row in rows])
        noise = mpmath.matrix([[mpmath.mpf(rng.randint(-100, 100)) / 10] for _ in x])
        r = list(noise - free * mpmath.lu_solve(free.T * free, free.T * noise))
        tiny = mpmath.mpf(10) ** -35
        h = free.T * free
        h[: len(rows[0]), : len(rows[0])] = hessian(narrow, x, r)
        expected = list(signs_of(mpmath.eigsy(h, eigvals_only=True), tiny))
        for j, (plus, minus, none) in enumerate(counts):
            bent = mpmath.matrix(dimension, dimension)
            for point, residual in zip(x, r, strict=True):
                second = number(narrow.a[j]) * derivatives(number(narrow.w[j] @ point), 2)[2]
                for k, l2 in product(range(dimension), repeat=2):
                    bent[k, l2] += residual * second * number(point[k] * point[l2])
            bends = signs_of(mpmath.eigsy(bent, eigvals_only=True), tiny)
            assert bends[2] == 0
            proof = Split(j, plus, minus, none, (0, 0, 0), bends[0], bends[1])
            expected[0] += (plus - 1) * bends[0] + minus * bends[1]
            expected[1] += proof.added_negative
            expected[2] += proof.added_zero
        large = signs_of(mpmath.eigsy(hessian(wide, x, r), eigvals_only=True), tiny)
    expected[2] -= 1  # the shares have to make the constant
    assert list(large) == expected


# ------------------------------------------------------------------------------------------------------- in intervals

CURVATURES = {"definite": [[2, 1], [1, 3]], "negative": [[-2, 1], [1, -3]], "indefinite": [[1, 2], [2, -1]]}


def certified(
    b: Any, beta: list[Fraction], seed: int = 0, scale: float = 1 / 40
) -> tuple[Any, Any, CriticalObject | Failure]:
    """A network of two neurons, the first split, with the curvature ``scale·b``."""
    found = chart("copies2" if len(beta) == 2 else "copies3", ordinary=1)
    q = rationals(Random(seed), 6).astype(float)
    problem = planted(found, q, curvatures={0: scale * np.array(b)}, seed=seed)
    signs = tuple((v > 0) - (v < 0) for v in beta)
    return found, problem, limit_object(problem, found, (signs,), exact(q), arithmetic="auto", max_bits=106)


BETAS = [
    [Fraction(1, 3), Fraction(2, 3)],
    [Fraction(3, 2), Fraction(-1, 2)],
    [Fraction(1, 4), Fraction(1, 4), Fraction(1, 2)],
    [Fraction(2), Fraction(-1, 2), Fraction(-1, 2)],
    [Fraction(1), Fraction(1, 2), Fraction(-1, 2)],
]


@pytest.mark.parametrize("beta", BETAS, ids=lambda b: "".join("+" if v > 0 else "-" for v in b))
@pytest.mark.parametrize("kind", CURVATURES)
def test_against_the_certified_inertia_of_the_split_network(kind: str, beta: list[Fraction]) -> None:
    _, problem, limit = certified(CURVATURES[kind], beta)
    assert isinstance(limit, CriticalObject)
    box = limit.box
    assert box is not None
    # the split network over the existence box, all w_i of the copies independent: a superset
    arithmetic = Arb(106) if limit.bits > 53 else Float64Enclosures()
    k, d = len(beta), 2
    w, a = np.split(box.center, [2 * d])
    rw, ra = np.split(exact(box.existence_radius), [2 * d])
    center = [*np.tile(w[:d], k), *w[d:], *(exact(beta) * a[0]), a[1]]
    radius = [*np.tile(rw[:d], k), *rw[d:], *(abs(exact(beta)) * ra[0]), ra[1]]
    theta = arithmetic.ball(exact(center), np.nextafter(exact(radius).astype(float), np.inf))
    whole = SquareLoss.of_network(problem, k + 1).evaluate(theta, arithmetic, 2).hessian
    # the kernel {δa_i = α_i, Σα = 0} is left out: the copies' outputs move along β only
    size = (k + 1) * d
    v = np.zeros(((k + 1) * (d + 1), size + 2), dtype=object)
    v[:size, :size] = np.eye(size, dtype=int)
    v[size : size + k, size] = beta
    v[-1, -1] = 1
    congruence = arithmetic.array(exact(v))
    restricted = inertia(arithmetic.matmul(arithmetic.matmul(congruence.T, whole), congruence), arithmetic)
    assert isinstance(restricted, Inertia)
    assert limit.morse_index == restricted.negative
    assert limit.nullity == limit.manifold_dimension == k - 1
    assert restricted.positive + restricted.negative + limit.nullity == (k + 1) * (d + 1)
    assert limit.kind is (Kind.SADDLE if restricted.negative else Kind.LOCAL_MINIMUM)


@pytest.mark.parametrize("kinds", list(product(CURVATURES, repeat=2)), ids="-".join)
def test_two_splits_add_up(kinds: tuple[str, str]) -> None:
    found = chart("copies2+copies2", ordinary=1)
    q = rationals(Random(4), 9).astype(float)
    bends = {j: 1e-3 * np.array(CURVATURES[kind]) for j, kind in enumerate(kinds)}
    problem = planted(found, q, curvatures=bends, seed=4)
    negative = {"definite": 0, "negative": 2, "indefinite": 1}
    for signs in product(((1, 1), (1, -1)), repeat=2):
        limit = limit_object(problem, found, signs, exact(q), arithmetic="auto", max_bits=106)
        assert isinstance(limit, CriticalObject)
        assert limit.proofs[1].negative == 0  # type: ignore[attr-defined]
        # (1, 1): In(B);  (1, −1): In(−B)
        added = [negative[k] if s == (1, 1) else 2 - negative[k] for k, s in zip(kinds, signs, strict=True)]
        assert limit.morse_index == sum(added)
        assert limit.manifold_dimension == limit.nullity == 2


@pytest.mark.parametrize("beta", BETAS, ids=lambda b: "".join("+" if v > 0 else "-" for v in b))
@pytest.mark.parametrize("kind", CURVATURES)
def test_minima_and_saddles_as_the_loss_shows_them(kind: str, beta: list[Fraction]) -> None:
    found, problem, limit = certified(CURVATURES[kind], beta, seed=1, scale=1e-3)
    assert isinstance(limit, CriticalObject)
    assert limit.box is not None
    assert limit.proofs[1].negative == 0  # type: ignore[attr-defined]  # the narrow network is at a minimum
    theta = found.network(limit.box.center, (), [beta]).theta().astype(float)
    width = len(beta) + 1

    def rise(step: Any) -> float:
        losses = []
        for point in (theta, theta + step):
            w, a = point[: 2 * width].reshape(-1, 2), point[2 * width :]
            r = (1 / (1 + np.exp(-problem.inputs.values @ w.T))) @ a - problem.labels
            losses.append(float(r @ r) / len(problem))
        return losses[1] - losses[0]

    rng = np.random.default_rng(0)
    steps = list(rng.normal(size=(2000, len(theta))))
    # moving two copies apart with Σ β δw = 0 leaves the loss alone to first order
    for i, j in permutations(range(len(beta)), 2):
        for angle in np.linspace(0, np.pi, 40):
            step = np.zeros((width, 3))
            for k, sign in ((i, 1), (j, -1)):
                step[k, :2] = sign * np.array([np.cos(angle), np.sin(angle)]) / float(beta[k])
            steps.append(np.concatenate([step[:, :2].ravel(), step[:, 2]]))
    lowest = min(rise(3e-3 * step / np.linalg.norm(step)) for step in steps)
    positive = sum(v > 0 for v in beta)
    minimum = {"definite": positive == len(beta), "negative": positive == 1, "indefinite": False}[kind]
    assert (limit.kind is Kind.LOCAL_MINIMUM) == minimum
    if minimum:
        assert lowest > -1e-15
        assert limit.lambda_min == (0, 0)
        assert limit.strict is False
    else:
        assert lowest < -1e-10
        assert limit.kind is Kind.SADDLE
        assert limit.strict is None


@pytest.mark.parametrize("kind", CURVATURES)
def test_a_share_of_zero_is_no_minimum(kind: str) -> None:
    _, _, regular = certified(CURVATURES[kind], [Fraction(1, 3), Fraction(2, 3)], seed=1, scale=1e-3)
    found, problem, limit = certified(CURVATURES[kind], [Fraction(1), Fraction(0)], seed=1, scale=1e-3)
    assert isinstance(limit, CriticalObject)
    assert isinstance(regular, CriticalObject)
    assert limit.kind is Kind.SADDLE
    assert (limit.morse_index, limit.nullity, limit.manifold_dimension) == (0, 1 + 2, 1)
    assert limit.strict is limit.lambda_min is None
    assert limit.loss == regular.loss
    # Proposition 4: with a small share t of the right sign there are losses below, at equal loss otherwise
    assert limit.box is not None
    shift = Fraction(1, 20) if kind != "definite" else Fraction(-1, 20)
    theta = found.network(limit.box.center, (), [[1 - shift, shift]]).theta().astype(float)
    level = float(limit.loss[0])
    lowest = np.inf
    for angle, length in product(np.linspace(0, np.pi, 60), (1e-2, 3e-2, -1e-2)):
        step = np.zeros((3, 2))
        direction = length * np.array([np.cos(angle), np.sin(angle)])
        step[0], step[1] = direction / float(1 - shift), -direction / float(shift)
        w, a = (theta[:6] + step.ravel()).reshape(3, 2), theta[6:]
        r = (1 / (1 + np.exp(-problem.inputs.values @ w.T))) @ a - problem.labels
        lowest = min(lowest, float(r @ r) / len(problem))
    assert lowest < level - 1e-9


def test_a_share_whose_sign_is_not_known_decides_nothing() -> None:
    found = chart("copies2", ordinary=1)
    q = rationals(Random(1), 6).astype(float)
    problem = planted(found, q, curvatures={0: np.eye(2) / 1000}, seed=1)
    limit = limit_object(problem, found, ((1, None),), exact(q), arithmetic="auto", max_bits=106)
    assert isinstance(limit, Failure)
    assert limit.code == "coefficient-may-vanish"


# ---------------------------------------------------------------------------------------------------- mirrored copies


def mirrored(
    name: str, signs: list[tuple[int, ...]], outputs: list[Fraction], constant: Fraction
) -> tuple[Any, Any, CriticalObject | Failure]:
    """A network with a constant, its first neurons split, each with a small positive definite curvature."""
    found = chart(name, ordinary=1)
    size = len(found.ordinary)
    q = rationals(Random(6), size * 3 + 1).astype(float)
    q[2 * size : 2 * size + len(outputs)] = [float(a) for a in outputs]
    q[-1] = float(constant)
    bends = {j: 1e-4 * np.array([[2, 1], [1, 3]]) for j in range(len(signs))}
    problem = planted(found, q, curvatures=bends, seed=6)
    return found, problem, limit_object(problem, found, signs, exact(q), arithmetic="auto", max_bits=106)


def test_mirrored_copies_make_a_plateau_of_one_dimension_less() -> None:
    # −K = a x with x = 1/2 in (0, 1)
    found, problem, limit = mirrored("copies3-1", [(1, 1, 1)], [Fraction(2)], Fraction(-1))
    assert isinstance(limit, CriticalObject)
    assert limit.kind is Kind.LOCAL_MINIMUM
    assert (limit.nullity, limit.manifold_dimension, limit.strict, limit.lambda_min) == (1, 1, False, (0, 0))
    slack = next(p for p in limit.proofs if isinstance(p, Tie)).slack
    assert [float(v) for v in slack] == pytest.approx([1, 1])
    assert limit.box is not None
    theta = found.network(limit.box.center, ()).theta()
    whole = SquareLoss.of_network(problem, 4).evaluate(theta.astype(float), Float64(), 2)
    assert np.abs(whole.gradient).max() < 1e-12
    values = np.linalg.eigvalsh(whole.hessian)
    assert abs(values[0]) < 1e-12 < values[1]


def test_two_mirrored_groups_share_the_constant() -> None:
    for signs, wanted in (([(1, 1), (1, 1)], 0), ([(1, 1), (1, -1)], 2)):
        _, _, limit = mirrored(
            "copies3-1+copies2-1", [(1, *signs[0]), signs[1]], [Fraction(2), Fraction(1)], Fraction(-1)
        )
        assert isinstance(limit, CriticalObject)
        assert limit.morse_index == wanted
        assert (limit.nullity, limit.manifold_dimension) == (2, 2)  # 2 + 1 − 1
        assert limit.kind is (Kind.SADDLE if wanted else Kind.LOCAL_MINIMUM)


def test_a_saved_network_with_two_mirrored_groups_is_decided() -> None:
    # without the free constant its Hessian is singular, and no splitting of equal neurons explains that
    signs = [(1, 1, 1), (1, 1)]
    found, problem, limit = mirrored("copies3-1+copies2-1", signs, [Fraction(2), Fraction(1)], Fraction(-1))
    assert isinstance(limit, CriticalObject)
    assert limit.box is not None
    network = found.network(limit.box.center, ())
    points = Points(network.w.astype(float)[None], network.a.astype(float)[None], ("made",), np.array([0]))
    answer = classify_points(problem, points).verdicts[0]
    assert answer.kind is Kind.LOCAL_MINIMUM
    assert answer.object is not None
    assert answer.object.chart is not None
    assert answer.object.chart.name == "copies3-1+copies2-1"
    assert compare(answer.object, limit) is Comparison.SAME


def test_a_tied_pair_is_an_isolated_point() -> None:
    found, problem, limit = mirrored("copies2-1", [(1, 1)], [Fraction(2)], Fraction(-1))
    assert isinstance(limit, CriticalObject)
    assert (limit.kind, limit.nullity, limit.strict) == (Kind.LOCAL_MINIMUM, 0, True)
    assert limit.box is not None
    # the same point as a network without a constant, certified on its own
    network = found.network(limit.box.center, ())
    alone = certify_isolated(SquareLoss.of_network(problem, 3), network.theta())
    assert isinstance(alone, Certified)
    assert alone.morse_index == 0
    assert alone.loss[0] <= limit.loss[1]
    assert limit.loss[0] <= alone.loss[1]


@pytest.mark.parametrize(
    ("name", "signs", "outputs", "constant"),
    [
        ("copies2-1", [(1, -1)], [2], -1),  # x = 1/2 is not negative
        ("copies2-1", [(-1, 1)], [2], -1),  # … nor above 1
        ("copies2-1", [(1, 1)], [2], 1),  # x = −1/2
        ("copies2-1", [(1, 1)], [2], -3),  # x = 3/2
        ("copies3-1+copies2-1", [(1, 1, 1), (1, 1)], [2, 1], -4),  # at most 3
        ("copies3-1+copies2-1", [(1, 1, 1), (1, 1)], [2, -1], -3),  # at most 2
    ],
)
def test_shares_that_cannot_make_the_constant(
    name: str, signs: list[tuple[int, ...]], outputs: list[int], constant: int
) -> None:
    _, _, limit = mirrored(name, signs, [Fraction(a) for a in outputs], Fraction(constant))
    assert isinstance(limit, Failure)
    assert limit.code == "untied"


@pytest.mark.parametrize("kind", ARITHMETICS)
def test_the_ends_are_excluded(kind: str) -> None:
    arithmetic = ARITHMETICS[kind]()
    for output, constant, wanted in ((2, -1, True), (2, 0, False), (2, -2, False), (-2, 1, True), (-2, 0, False)):
        half = Split(0, 2, 0, 0, (1, 0, 0), 2, 0)
        numbers = (arithmetic.array(exact([output])), arithmetic.array(exact([constant])))
        assert isinstance(tie([half], *numbers, arithmetic), Tie) == wanted
    wide = arithmetic.ball(exact([-2]), exact([Fraction(1, 10**9)]))
    found = tie([Split(0, 2, 0, 0, (1, 0, 0), 2, 0)], arithmetic.array(exact([2])), wide, arithmetic)
    assert isinstance(found, Failure)


@given(SEEDS)
def test_a_tie_is_what_shares_can_make(seed: int) -> None:
    # all shares are drawn with their signs: what they make is never refused, and a refusal's interval holds no K drawn
    rng = Random(seed)
    found = chart("copies4-2+copies2", ordinary=0)
    while True:
        beta = [Fraction(rng.choice([-3, -2, -1, 1, 2, 3]), 4) for _ in range(3)]
        beta.append(1 - sum(beta, Fraction(0)))
        if beta[-1]:
            break
    a = rationals(rng, 2)
    constant = -a[0] * (beta[2] + beta[3])
    signs = [(b > 0) - (b < 0) for b in beta]
    plus, minus = signs.count(1), signs.count(-1)
    proof = Split(0, plus, minus, 0, (signs[2:].count(1), signs[2:].count(-1), 0), 2, 0)
    assert found.copies[0].flipped == sum(proof.mirrored)
    exactly = Arb(106)
    made = tie([proof], exactly.array(a), exactly.array(exact([constant])), exactly)
    assert isinstance(made, Tie)
    assert all(slack > 0 for slack in made.slack)


def test_both_signs_among_the_mirrored_shares_make_any_constant() -> None:
    # x any number: one of the others' signs may bound it, here none does
    _, _, limit = mirrored("copies4-2", [(1, -1, 1, -1)], [Fraction(2)], Fraction(50))
    assert isinstance(limit, CriticalObject)
    assert next(p for p in limit.proofs if isinstance(p, Tie)).slack.size == 0
    _, _, limit = mirrored("copies4-2", [(1, 1, 1, -1)], [Fraction(2)], Fraction(-50))  # x = 25 is not below 1
    assert isinstance(limit, Failure)


def test_mirrored_copies_read_the_other_way_round_are_the_same_object() -> None:
    signs = ((1, 1, 1, -1),)
    found, problem, one = mirrored("copies4-2", list(signs), [Fraction(2)], Fraction(-1))
    assert isinstance(one, CriticalObject)
    assert one.box is not None
    (_, flip) = found.flips()
    back = flip.matrix @ one.box.center
    halves = ((1, -1, 1, 1),)  # the other half first
    other = limit_object(problem, found, halves, back, arithmetic="auto", max_bits=106)
    assert isinstance(other, CriticalObject)
    assert compare(one, other) is Comparison.SAME
    assert holds(one, found, halves, back)
    # the same point with the signs of the wrong half: other plateaus, which have no network in common
    wrong = limit_object(problem, found, halves, one.box.center, arithmetic="auto", max_bits=106)
    assert isinstance(wrong, CriticalObject)
    assert compare(one, wrong) is not Comparison.SAME
    assert not holds(one, found, halves, one.box.center)
    assert not holds(one, found, signs, back)


def test_no_share_is_zero_beside_mirrored_copies() -> None:
    _, _, limit = mirrored("copies3-1", [(1, 0, 1)], [Fraction(2)], Fraction(-1))
    assert isinstance(limit, Failure)
    assert limit.code == "coefficient-may-vanish"


# -------------------------------------------------------------------------------------------------- what must not pass


def proved(matrix: Any, arithmetic: Any, *, signs: tuple[int, ...] = (1, 1), output: Any = 1) -> Split | Failure:
    box = output if not isinstance(output, int) else arithmetic.array(exact([output]))
    return split(0, signs, box, arithmetic.array(exact(matrix)), Fraction(1), arithmetic)


@pytest.mark.parametrize("kind", ARITHMETICS)
def test_signs_of_the_curvature(kind: str) -> None:
    arithmetic = ARITHMETICS[kind]()
    for matrix, wanted in (([[2, 1], [1, 3]], (2, 0)), ([[-2, 1], [1, -3]], (0, 2)), ([[1, 2], [2, -1]], (1, 1))):
        found = proved(matrix, arithmetic, signs=(1, 1, -1))
        assert isinstance(found, Split)
        assert (found.curvature_positive, found.curvature_negative) == wanted
        # (n₊ − 1) In(B) + n₋ In(−B) with n₊ = 2, n₋ = 1
        assert found.added_negative == wanted[1] + wanted[0]
        assert found.dimension == 2


def tilted(small: Fraction) -> Any:
    """A rational symmetric matrix with eigenvalues 1 and ``small``, eigenvectors (3, 4)/5 and (−4, 3)/5."""
    u, v = exact([3, 4]) / 5, exact([-4, 3]) / 5
    return np.outer(u, u) + small * np.outer(v, v)


@pytest.mark.parametrize("small", [Fraction(1, 10**30), Fraction(-1, 10**30), Fraction(0)])
def test_an_eigenvalue_of_1e_30_is_seen_only_at_high_precision(small: Fraction) -> None:
    for kind in ("midrad", "arb53", "mpmath53"):
        found = proved(tilted(small), ARITHMETICS[kind]())
        assert isinstance(found, Failure)
        assert found.code == "singular-split"
        # nor is a share of 0 beside it called a saddle
        assert isinstance(proved(tilted(small), ARITHMETICS[kind](), signs=(1, 0)), Failure)
    sharp = proved(tilted(small), Arb(212))
    if small:
        # V is a float64 matrix: a disc of size 1e-16 may hide 1e-30 at any precision; the sign is never wrong
        assert isinstance(sharp, Failure) or sharp.curvature_negative == (small < 0)
    else:
        assert isinstance(sharp, Failure)


def test_an_enclosure_with_a_singular_member_does_not_pass() -> None:
    for kind in ("midrad", "arb106", "mpmath53"):
        arithmetic = ARITHMETICS[kind]()
        wide = arithmetic.inflate(
            arithmetic.array(tilted(Fraction(1, 10**3))), arithmetic.array(exact([[1, 1]] * 2) / 10**3)
        )
        found = split(0, (1, 1), arithmetic.array(exact([1])), wide, Fraction(1), arithmetic)
        assert isinstance(found, Failure)
        assert found.code == "singular-split"


def test_an_output_that_may_vanish_does_not_pass() -> None:
    # with a_j = 0 the equation Σ r σ' x = 0 of the proof need not hold
    nothing = proved([[1, 0], [0, 1]], Arb(53), output=Arb(53).array(exact([0])))
    assert isinstance(nothing, Failure)
    for (low, high), arithmetic in product(((-1, 1), (0, 1), (-1, 0)), (Float64Enclosures(), Arb(53))):
        center, radius = Fraction(low + high, 2), Fraction(high - low, 2)
        output = arithmetic.ball(exact([center]), exact([radius]))
        found = proved([[1, 0], [0, 1]], arithmetic, output=output)
        assert isinstance(found, Failure)
        assert found.code == "output-may-vanish"


def test_an_unbounded_curvature_does_not_pass() -> None:
    for kind in ("midrad", "arb106", "mpmath53"):
        arithmetic = ARITHMETICS[kind]()
        one = arithmetic.array(exact([1]))
        nothing = one / (one - one)
        matrix = arithmetic.zeros((2, 2))
        matrix[0, 0:1] = nothing
        matrix[1, 1:2] = one
        assert isinstance(split(0, (1, 1), one, matrix, Fraction(1), arithmetic), Failure)
        assert isinstance(split(0, (1, 1), nothing, arithmetic.array(np.eye(2)), Fraction(1), arithmetic), Failure)
