"""Charts: dimension, the way to finite networks and back, what the network tends to, permutations, refusals."""

from __future__ import annotations

import json
from fractions import Fraction
from random import Random
from typing import Any

import flint
import mpmath
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from limit_cases import (
    SIGMOID,
    STRUCTURES,
    chart,
    charts,
    condition_terms,
    derivatives,
    limit_output,
    number,
    output,
    rationals,
    shares,
    size,
    smalls,
)
from strata_cases import Named

from symmetry.arithmetic import Float64
from symmetry.infinity.charts import Chart, Group, canonical_mirrored, chart_from_json, chart_of
from symmetry.network import Network, exact
from symmetry.objective import SquareLoss
from symmetry.problem import Inputs, Problem

SEEDS = st.integers(0, 2**32)
COPIES = [name for name, groups in STRUCTURES.items() if {kind for kind, *_ in groups} == {"copies"}]
PLAIN = [name for name in STRUCTURES if not any(kind in name for kind in ("triple", "cubic", "quintic"))]


# ------------------------------------------------------------------------------------------------------- dimension


@given(charts())
def test_limit_and_small_coordinates_together_have_the_dimension_of_the_networks(found: Chart) -> None:
    d = found.dimension
    split = sum((len(group.copied) - 1) * (d + 1) for group in found.shared)
    free = sum(count for _, count in found.free)
    alone = len(found.balanced) == 1  # K is then a function of the shares, as where the chart is tied
    alone |= any(g.flipped for g in found.copies) and not found.balanced
    assert size(found) + free + split == found.width * (d + 1) + alone
    assert found.family == sum(len(group.copied) - 1 for group in found.shared) - alone
    objective = SquareLoss(
        Problem("none", SIGMOID, Inputs(table=np.ones((1, d))), None, np.zeros(1)), found.terms(SIGMOID)
    )
    assert objective.size == size(found) == found.units[-1].place.stop


@given(charts(), SEEDS)
def test_by_unit_only_reorders(found: Chart, seed: int) -> None:
    q = rationals(Random(seed), size(found))
    moved = found.by_unit(q)
    assert sorted(moved) == sorted(q)
    d, m = found.dimension, len(found.ordinary)
    for i in range(m):  # w_i of neuron i is followed by its a_i
        assert (moved[found.units[i].place] == [*q[i * d : (i + 1) * d], q[m * d + i]]).all()
    assert (moved[m * (d + 1) :] == q[m * (d + 1) :]).all()


# ------------------------------------------------------------------------------------------------------ there and back


def constant(network: Network, group: Group) -> Fraction:
    """What a balanced group releases, from the definition."""
    a = network.a
    if group.kind == "zero":
        return sum((a[i] for i in group.members), Fraction(0)) / 2
    return sum((a[i] for i, sign in zip(group.members, group.signs, strict=True) if sign < 0), Fraction(0))


@given(charts(PLAIN), SEEDS)
def test_a_network_of_the_chart_is_read_off_exactly(found: Chart, seed: int) -> None:
    rng = Random(seed)
    q, small = rationals(rng, size(found)), smalls(found, rng, Fraction(1, 50))
    network = found.network(q, small, shares(found, rng, q))
    back, eps = found.read(network.w, network.a)
    assert (back == q).all()
    wanted = iter(small)
    for (_, count), e in zip(found.free, eps, strict=True):
        if count:
            assert e == next(wanted)
    # K, from the definition of the released constants
    balanced = [g for g, _ in found.free if g.releases]
    if balanced:
        released = sum(constant(network, g) for g in balanced)
        released += sum(network.a[i] for g in found.copies for i in g.members[len(g.members) - g.flipped :])
        affine = found.units[-1]
        assert found.by_unit(q)[affine.place][0] == released


@given(charts(PLAIN), SEEDS)
def test_any_network_with_diverging_outputs_comes_back(found: Chart, seed: int) -> None:
    # the chart is onto: whatever the weights, the network with the coordinates read off is the network itself
    rng = Random(seed)
    network = Network(
        rationals(rng, found.width * found.dimension).reshape(found.width, -1), rationals(rng, found.width)
    )
    beta = []
    for group in found.shared:
        folded = {k: group.signs[k] for k in group.copied}
        first = group.members[group.copied[0]]
        for k, sign in folded.items():
            network.w[group.members[k]] = sign * folded[group.copied[0]] * network.w[first]
        beta.append([sign * network.a[group.members[k]] for k, sign in folded.items()])
    sums = [sum(b, Fraction(0)) for b in beta]
    q_and_eps = None
    try:
        q_and_eps = found.read(network.w, network.a)
    except ZeroDivisionError:
        return  # a_i = a_j in a pair: outside the chart
    q, eps = q_and_eps
    if any(not total for total in sums):
        return  # copies whose outputs cancel
    small = [e for (_, count), e in zip(found.free, eps, strict=True) if count]
    again = found.network(q, small, [[b / total for b in row] for row, total in zip(beta, sums, strict=True)])
    assert (again.theta() == network.theta()).all()


@settings(max_examples=20)
@given(charts(["quintic", "copies2+pair+quintic"]), SEEDS)
def test_three_neurons_near_zero_are_read_off(found: Chart, seed: int) -> None:
    # their w are not parallel: u is where what is across it has no linear term in p
    rng = Random(seed)
    q = rationals(rng, size(found))
    network = found.network(q, smalls(found, rng, Fraction(1, 60)))
    w, a = network.w.astype(float), network.a.astype(float)
    back, eps = found.read(w, a)
    trio = list(found.groups[-1].members)
    rounding = 2.0**-50 * np.abs(a).max() * (1 + np.abs(w[trio]).max())
    assert np.abs((back - q).astype(float)).max() < 1e-9 + rounding
    u = q[found.units[-2].place][found.dimension :].astype(float)
    p = w[trio] @ u / (u @ u)
    assert eps[-1] == pytest.approx((p @ p / 2) ** 0.5, rel=1e-2)
    order = list(range(found.width))
    for i, j in zip(trio, trio[1:] + trio[:1], strict=True):
        order[i] = j  # its members in another order: the same limit
    assert np.abs((found.read(w[order], a[order])[0] - back).astype(float)).max() < 1e-9 + rounding


@settings(max_examples=20)
@given(charts(["mirrored+cubic", "copies2+pair+mirrored+cubic"]), SEEDS)
def test_two_neurons_near_zero_are_read_off(found: Chart, seed: int) -> None:
    rng = Random(seed)
    q = rationals(rng, size(found))
    network = found.network(q, smalls(found, rng, Fraction(1, 60)))
    w, a = network.w.astype(float), network.a.astype(float)
    back, eps = found.read(w, a)
    i, j = found.groups[-1].members
    rounding = 2.0**-48 * np.abs(a).max() * (1 + np.abs(w).max())
    # Σa(w·u)²w = |u|⁴u holds anywhere in the chart
    assert np.abs((back - q).astype(float)).max() < 1e-9 + rounding
    u = q[found.units[-2].place].astype(float)
    p = w[[i, j]] @ u / (u @ u)
    assert eps[-1] == pytest.approx(float(p @ p) ** 0.5, rel=1e-2)
    order = list(range(found.width))
    order[i], order[j] = j, i
    assert np.abs((found.read(w[order], a[order])[0] - back).astype(float)).max() < 1e-9 + rounding


@settings(max_examples=20)
@given(charts(["triple+", "triple-", "copies2+triple-"]), SEEDS)
def test_a_triple_is_read_off_up_to_the_second_order(found: Chart, seed: int) -> None:
    rng = Random(seed)
    q = rationals(rng, size(found))
    unit = next(u for u in found.units if u.kind.startswith("triple"))
    d = found.dimension
    misses = []
    for e in (Fraction(1, 2**9), Fraction(1, 2**11)):
        network = found.network(q, smalls(found, Random(seed), e))
        back, eps = found.read(network.w.astype(float), network.a.astype(float))
        p = [e * (1 + Fraction(k, 3)) for k in range(2)]
        signs = Random(seed)
        p = [x * signs.choice([-1, 1]) for x in p]
        assert eps[-1] == pytest.approx(float(p[0] ** 2 + p[1] ** 2 + p[0] * p[1]) ** 0.5, rel=1e-2)
        here, there = back[unit.place].astype(float), q[unit.place].astype(float)
        if here[2 * d : 3 * d] @ there[2 * d : 3 * d] < 0:
            here[2 * d : 3 * d] *= -1
        misses.append(np.abs(here - there).max())
    assert misses[0] < 1e-2
    assert misses[1] < misses[0] / 10 + 1e-6


@pytest.mark.parametrize("name", [name for name in STRUCTURES if not chart(name).shared])
@pytest.mark.parametrize("dimension", [1, 2])
def test_the_chart_is_a_local_diffeomorphism(name: str, dimension: int) -> None:
    # exact differences of (q, ε) ↦ θ: rational functions, so the determinant is that of the difference quotients' limit
    found = chart(name, dimension=dimension)
    rng = Random(7)
    q, small = rationals(rng, size(found)), smalls(found, rng, Fraction(1, 20))
    point = [*q, *small]
    h = Fraction(1, 10**30)
    columns = []
    for k in range(len(point)):
        ahead, behind = list(point), list(point)
        ahead[k] += h
        behind[k] -= h
        sides = [found.network(exact(p[: len(q)]), p[len(q) :]).theta() for p in (ahead, behind)]
        columns.append((sides[0] - sides[1]) / (2 * h))
    matrix = flint.fmpq_mat([[flint.fmpq(v.numerator, v.denominator) for v in row] for row in np.array(columns)])
    assert matrix.nrows() == matrix.ncols()  # as many coordinates as weights
    # of order 1, but for the ε of a group that balances a triple, which is of order p²; 0 would be off by h
    assert abs(Fraction(int(matrix.det().p), int(matrix.det().q))) > Fraction(1, 10**9)


# --------------------------------------------------------------------------------------------------- what it tends to


def correction(found: Chart, q: np.ndarray, x: np.ndarray, network: Network) -> mpmath.mpf:
    """``Σ ε_k² φ_k`` at the network's own small coordinates, from the formulas of docs/infinity.md."""
    d, total = found.dimension, mpmath.mpf(0)
    for place, group in enumerate(found.diverging):
        signs = [Fraction(sign) for sign in group.signs]
        w = np.array([sign * network.w[i] for sign, i in zip(signs, group.members, strict=True)])
        a = np.array([sign * network.a[i] for sign, i in zip(signs, group.members, strict=True)])
        if group.kind == "zero":
            slope = a @ w / 4
            total += -number(4) / 3 * number(slope @ x) ** 3 / number(a.sum()) ** 2
            continue
        b = found.by_unit(q)[found.units[len(found.ordinary) + place].place]
        if group.kind == "cubic":
            h = sum((((row @ b) / (b @ b)) ** 2 for row in w), Fraction(0))
            total += number(h) * derivatives(mpmath.mpf(0), 5)[5] * number(b @ x) ** 5 / 120
            continue
        if group.kind == "quintic":
            g, u = b[:d], b[d:]
            h = sum((((row @ u) / (u @ u)) ** 2 for row in w), Fraction(0)) / 2
            jet, s = derivatives(mpmath.mpf(0), 7), number(u @ x)
            across = number((g - (g @ u) / (u @ u) * u) @ x)
            total += number(h) * (2 * jet[7] * s**7 / 5040 + jet[5] * s**4 * across / 24)
            continue
        jet = derivatives(number(b[:d] @ x), 4)
        if not group.kind.startswith("triple"):
            eps = 1 / (a[1:].sum() - a[0])
            s, c = number(b[d : 2 * d] @ x), number(b[2 * d])
            total += number(eps) ** 2 * (c * jet[2] * s**2 / 2 + jet[3] * s**3 / 6)
            continue
        tau = 1 if group.kind == "triple+" else -1
        v, u = b[d : 2 * d], b[2 * d : 3 * d]
        alpha = (v @ u) / (u @ u)
        p = [((row - w.mean(axis=0)) @ u) / (u @ u) for row in w]
        h = sum((x**2 for x in p), Fraction(0)) / 2
        s, across = number(u @ x), number((v - alpha * u) @ x)
        phi = across**2 * jet[2] / (2 * tau) + (number(alpha) * s**3 / 6 + s**2 * across / 2) * jet[3]
        total += number(h) * (phi + tau * s**4 * jet[4] / 24)
    return total


@settings(max_examples=60)
@given(charts([name for name in STRUCTURES if name not in COPIES]), SEEDS)
def test_the_network_is_its_limit_plus_the_correction(found: Chart, seed: int) -> None:
    rng = Random(seed)
    q, x = rationals(rng, size(found)), rationals(rng, found.dimension)
    beta = shares(found, rng, q)
    misses, sizes = [], []
    with mpmath.workdps(90):
        for e in (Fraction(1, 2**20), Fraction(1, 2**30)):
            network = found.network(q, smalls(found, Random(seed), e), beta)
            gap = output(network, x) - limit_output(found, q, x)
            second = correction(found, q, x, network)
            misses.append(abs(gap - second) / number(e) ** 3)
            sizes.append(abs(gap) / number(e))
        # no term of first order, and the second order is the correction: what is left is of third order
        assert sizes[1] < max(sizes[0] / 500, mpmath.mpf(10) ** -8)
        assert misses[0] < 10**7
        assert misses[1] < 2 * misses[0] + 1


@given(charts(COPIES), SEEDS)
def test_splitting_does_not_change_the_output(found: Chart, seed: int) -> None:
    rng = Random(seed)
    q, x = rationals(rng, size(found)), rationals(rng, found.dimension)
    with mpmath.workdps(60):
        for beta in (shares(found, rng, q), ()):
            network = found.network(q, (), beta)
            assert abs(output(network, x) - limit_output(found, q, x)) < mpmath.mpf(10) ** -55


def test_epsilon_of_either_sign_is_one_pair_with_its_neurons_exchanged() -> None:
    found = chart("pair")
    q = rationals(Random(3), size(found))
    one, other = found.network(q, [Fraction(1, 30)]), found.network(q, [Fraction(-1, 30)])
    i, j = found.groups[0].members
    order = list(range(found.width))
    order[i], order[j] = j, i
    assert (other.permuted(order).theta() == one.theta()).all()


def test_balanced_groups_diverge_with_opposite_signs() -> None:
    # ε_2 = −ε_1 + O(ε_1²) for two mirrored pairs and for a mirrored pair and a zero neuron
    for name in ("mirrored+mirrored", "mirrored+zero"):
        found = chart(name)
        q = rationals(Random(5), size(found))
        ratios = []
        for e in (Fraction(1, 10**3), Fraction(1, 10**6)):
            network = found.network(q, [e])
            eps = found.read(network.w, network.a)[1]
            assert eps[0] == e
            ratios.append(abs(eps[1] / eps[0] + 1) / e)
        assert 0 < ratios[1] < 2 * ratios[0] < 100


# ------------------------------------------------------------------------------------------------------- permutations


@given(charts(PLAIN), SEEDS)
def test_a_permuted_network_has_the_same_coordinates(found: Chart, seed: int) -> None:
    rng = Random(seed)
    q = rationals(rng, size(found))
    network = found.network(q, smalls(found, rng, Fraction(1, 40)), shares(found, rng, q))
    order = list(range(found.width))
    rng.shuffle(order)
    place = {old: new for new, old in enumerate(order)}
    moved = [Group(g.kind, tuple(place[i] for i in g.members), g.flipped) for g in found.groups]
    back = Chart(found.width, found.dimension, tuple(moved)).read(*(v[order] for v in (network.w, network.a)))[0]
    singles = [members[0] for members in found.ordinary[len(found.copies) :]]
    rank = sorted(range(len(singles)), key=lambda k: place[singles[k]])  # ordinary neurons are read in their new order
    units = [found.by_unit(q)[u.place] for u in found.units]
    first = len(found.copies)
    reordered = [*units[:first], *(units[first + k] for k in rank), *units[first + len(singles) :]]
    assert (found.by_unit(back) == np.concatenate(reordered)).all()


@given(charts(), st.randoms(use_true_random=False))
def test_the_normal_form_forgets_the_order_of_neurons(found: Chart, rng: Random) -> None:
    order = list(range(found.width))
    rng.shuffle(order)
    groups = [Group(g.kind, tuple(order[i] for i in g.members), g.flipped) for g in found.groups]
    moved = chart_of(found.width, found.dimension, groups)
    assert moved.normal() == found.normal()
    assert found.normal().name == found.name
    assert found.normal().normal() == found.normal()
    assert [u.kind for u in found.normal().units] == [u.kind for u in found.units]


@given(charts(), SEEDS)
def test_flips_are_the_same_limit(found: Chart, seed: int) -> None:
    rng = Random(seed)
    q, x = rationals(rng, size(found)), rationals(rng, found.dimension)
    flips = found.flips()
    kinds = [group.kind for group in found.diverging]
    halves = sum(2 * group.flipped == len(group.members) for group in found.copies)
    assert len(flips) == 2 ** (halves + sum(kind in ("mirrored", "triple+", "triple-") for kind in kinds))
    assert (flips[0].matrix == np.eye(len(q))).all()
    assert len({flip.matrix.tobytes() for flip in flips}) == len(flips)
    with mpmath.workdps(40):
        value = limit_output(found, q, x)
        for flip, turned in flips:
            assert all(2 * found.copies[k].flipped == len(found.copies[k].members) for k in turned)
            assert (flip @ flip == np.eye(len(q))).all()
            assert abs(limit_output(found, flip @ q, x) - value) < mpmath.mpf(10) ** -35


def test_a_mirrored_pair_read_the_other_way_round_is_a_flip() -> None:
    found = chart("mirrored+zero", ordinary=1)
    q = rationals(Random(11), size(found))
    network = found.network(q, [Fraction(1, 30)])
    i, j = found.groups[0].members
    other = Chart(found.width, found.dimension, (Group("mirrored", (j, i)), *found.groups[1:]))
    back = other.read(network.w, network.a)[0]
    assert (found.flips()[1].matrix @ back == q).all()


@given(charts(["mirrored+mirrored", "mirrored+zero", "pair+mirrored+zero"]), SEEDS)
def test_canonical_mirrored_pairs_lead_with_a_positive_entry(found: Chart, seed: int) -> None:
    rng = Random(seed)
    network = found.network(rationals(rng, size(found)), smalls(found, rng, Fraction(1, 40)))
    canonical = canonical_mirrored(found, network)
    assert canonical.name == found.name
    for group in canonical.groups:
        if group.kind == "mirrored":
            i, j = group.members
            assert next(v for v in network.w[i] - network.w[j] if v) > 0
    assert canonical_mirrored(canonical, network) == canonical


# ------------------------------------------------------------------------------------------------------------ refusals


@pytest.mark.parametrize(
    "groups",
    [
        [("pair", (0, 1)), ("copies", (1, 2))],  # overlap
        [("pair", (0, 7))],  # no such neuron
        [("pair", (0,))],
        [("pair", (0, 1, 2))],
        [("copies", (0,))],  # one neuron is no copy
        [("triple+", (0, 1))],
        [("mirrored", (0, 1))],  # nothing balances its constant
        [("zero", (0,))],
        [("mirrored", (0, 1)), ("zero", (2,)), ("zero", (3,))],  # two slopes, of which only the sum counts
        [("zero", (0,)), ("zero", (1,))],
        [("triple", (0, 1, 2))],
        [("pair", (0, 0))],
        [("pair", (0, 1), 1)],  # only copies have mirrored members
        [("copies", (0, 1), 2)],  # all mirrored: the same as none
        [("copies", (0, 1, 2), 2)],  # read the other way round there is one
        [("copies", (0, 1), -1)],
        [("quintic", (0, 1))],
        [("quintic", (0, 1, 2), 1)],
        [("cubic", (0, 1))],  # nothing balances its constant
        [("cubic", (0, 1, 2)), ("mirrored", (3, 4))],
        [("cubic", (0, 1), 1), ("mirrored", (3, 4))],
    ],
)
def test_groups_that_are_no_chart(groups: list[Any]) -> None:
    with pytest.raises(ValueError, match="group"):
        chart_of(6, 2, [Group(*group) for group in groups])


@pytest.mark.parametrize(
    "others",
    [
        [("zero", (3,))],
        [("mirrored", (3, 4)), ("mirrored", (5, 6))],
        [("quintic", (3, 4, 5))],
        [("copies", (3, 4), 1)],
        [("zero", (3, 4), 1)],
    ],
)
def test_a_quintic_group_beside_another_constant(others: list[Any]) -> None:
    with pytest.raises(ValueError, match=r"beside another constant|two linear terms|nothing balances"):
        chart_of(8, 2, [Group("quintic", (0, 1, 2)), *(Group(*group) for group in others)])


@pytest.mark.parametrize(
    "others",
    [
        [("mirrored", (2, 3)), ("mirrored", (4, 5))],
        [("zero", (2,))],
        [("mirrored", (2, 3)), ("zero", (4,))],
        [("cubic", (2, 3))],
        [("mirrored", (2, 3)), ("cubic", (4, 5))],
        [("quintic", (2, 3, 4))],
        [("mirrored", (2, 3)), ("quintic", (4, 5, 6))],
        [("mirrored", (2, 3)), ("copies", (4, 5), 1)],
        [("split+", (2, 3, 4), 1)],
        [("triple+", (2, 3, 4), 1)],
        [("mirrored", (2, 3)), ("triple+", (4, 5, 6), 1)],
    ],
)
def test_a_cubic_group_shares_its_constant_with_one_mirrored_pair(others: list[Any]) -> None:
    with pytest.raises(ValueError, match=r"exactly one mirrored pair|two linear terms|nothing balances"):
        chart_of(8, 2, [Group("cubic", (0, 1)), *(Group(*group) for group in others)])


def test_copies_read_the_other_way_round_are_a_flip() -> None:
    found = chart("copies4-2+copies2", ordinary=1)
    rng = Random(12)
    q = rationals(rng, size(found))
    network = found.network(q, (), shares(found, rng, q))
    i, j, k, n = found.groups[0].members
    other = Chart(found.width, found.dimension, (Group("copies", (k, n, i, j), 2), *found.groups[1:]))
    (_, flip) = found.flips()
    assert flip.turned == {0}
    assert (flip.matrix @ other.read(network.w, network.a)[0] == q).all()


def test_shares_that_do_not_make_the_constant() -> None:
    found = chart("copies3-1+copies2-1", ordinary=0)
    q = rationals(Random(3), size(found))
    third, half = Fraction(1, 3), Fraction(1, 2)
    with pytest.raises(ValueError, match="expected K = "):
        found.network(q, (), [[third] * 3, [half] * 2])
    made = found.network(q, ())  # the first group makes up for it
    assert sum(made.a[i] for i in (2, 4)) == q[-1]
    assert made.a[3] == q[5] / 2
    q[4] = Fraction(0)
    with pytest.raises(ValueError, match="output 0"):
        found.network(q, ())


def test_groups_out_of_order() -> None:
    # read() and terms() go by kinds: another order would pair coordinates with the wrong group
    groups = (Group("triple+", (0, 1, 2)), Group("pair", (3, 4)))
    with pytest.raises(ValueError, match="order"):
        Chart(5, 2, groups)
    assert chart_of(5, 2, groups).name == "pair+triple+"


@given(charts())
def test_json_there_and_back(found: Chart) -> None:
    assert chart_from_json(json.loads(json.dumps(found.to_json()))) == found


def test_released_constants_need_the_sigmoid() -> None:
    tanh, half = Named("tanh", Fraction(0)), Named("half", Fraction(1))
    for activation in (tanh, half):  # "half" has the identity, but not the sigmoid's derivatives at 0
        for name in ("mirrored+zero", "mirrored+mirrored"):
            with pytest.raises(ValueError, match="sigmoid"):
                chart(name).terms(activation)
        assert chart("pair").terms(activation)


def test_numbers_that_are_no_network() -> None:
    found = chart("mirrored+mirrored", ordinary=0)
    q = rationals(Random(2), size(found))
    with pytest.raises(ValueError, match="coordinates"):
        found.network(q[1:], [Fraction(1, 9)])
    with pytest.raises(ValueError, match="coordinates"):
        found.network(q, [Fraction(1, 9), Fraction(1, 9)])
    with pytest.raises(ValueError, match="is 0"):
        found.network(q, [Fraction(0)])
    # 1/ε_1 = 2K + c_1 + c_2 leaves 1/ε_2 = 0
    d = found.dimension
    total = 2 * q[-1] + q[2 * d] + q[4 * d + 1]
    with pytest.raises(ValueError, match="infinite"):
        found.network(q, [1 / total])
    twins = chart("copies2")
    with pytest.raises(ValueError, match="sum 1"):
        twins.network(rationals(Random(2), size(twins)), (), [[Fraction(1, 2), Fraction(1, 3)]])
    trio = chart("triple+", ordinary=0)
    with pytest.raises(ValueError, match="different"):
        trio.network(rationals(Random(2), size(trio)), [Fraction(1, 9), Fraction(1, 9)])
    trio = chart("quintic", ordinary=0)
    for p in ((1, 1), (0, 1), (1, -1)):
        with pytest.raises(ValueError, match="none 0"):
            trio.network(rationals(Random(2), size(trio)), [Fraction(k, 50) for k in p])
    two = chart("mirrored+cubic", ordinary=0)
    q = rationals(Random(2), size(two))
    for p in ((1, 1), (0, 1), (1, 0), (1, -1)):
        with pytest.raises(ValueError, match="none 0"):
            two.network(q, [Fraction(k, 50) for k in p])
    # with alpha = 4l.u/u.u = 16 there is none at p = 1/4
    q[5:7], q[8:] = [1, 0], [4, 1]
    with pytest.raises(ValueError, match="no such network"):
        two.network(q, [Fraction(1, 3), Fraction(1, 4)])
    q[5:7] = 0
    with pytest.raises(ValueError, match="u not 0"):
        two.network(q, [Fraction(1, 50), Fraction(1, 25)])
    q = rationals(Random(2), size(trio))
    q[2:4] = 0
    with pytest.raises(ValueError, match="u not 0"):
        trio.network(q, [Fraction(1, 50), Fraction(1, 25)])


@pytest.mark.parametrize(
    ("name", "ordinary", "expected", "held"),
    [
        # terms: 0 ordinary neurons, then pairs in order, triples, and the affine term last
        ("pair+pair", 1, [[1], [2]], []),
        ("mirrored+mirrored", 1, [[1, 2]], []),
        ("mirrored+zero", 1, [[1, 2]], []),
        ("pair+mirrored+zero", 1, [[1], [2, 3]], []),
        ("mirrored+mirrored+zero", 1, [[1], [2], [3]], []),
        ("mirrored+mirrored+mirrored", 1, [[1], [2], [3]], []),
        ("mirrored+mirrored", 0, [[0, 1]], []),
        ("copies2+triple-", 0, [[1]], []),
        ("copies2+pair+quintic", 0, [[1], [2]], []),
        # the mirrored pair beside a cubic group is of sixth order
        ("mirrored+cubic", 1, [[2]], []),
        ("copies2+pair+mirrored+cubic", 0, [[1], [3]], []),
        ("copies2", 1, [], []),
        ("pair+split-3", 1, [[1], [2]], [2]),
        # flipped copies beside unflipped ones: the ratio of the ε depends on the shares
        ("split+3-1+mirrored", 1, [[1], [2]], [1]),
        ("mirrored+zero2", 1, [[1, 2]], [2]),
        ("mirrored+zero3-2", 1, [[1], [2]], [2]),
        ("zero2-1", 1, [[1]], [1]),
        # the only other group beside a triple is of fourth order
        ("mirrored+triple--1", 1, [[2]], []),
        ("triple+-1+zero", 1, [[1]], []),
        ("split+3-1+triple+-1+zero2", 1, [[1], [2], [3]], [1, 3]),
    ],
)
def test_conditions(name: str, ordinary: int, expected: list[list[int]], held: list[int]) -> None:
    found = chart(name, ordinary=ordinary)
    assert condition_terms(found) == expected
    assert [found.term(group) for group in found.stiff] == held


@pytest.mark.parametrize(
    "groups",
    [
        [("split+", (0, 1, 2), 1)],  # nothing balances
        [("triple+", (0, 1, 2), 1)],
        [("zero", (0, 1), 0)],
        [("split+", (0, 1, 2), 1), ("split+", (3, 4, 5), 2)],  # constants of one sign
        [("triple+", (0, 1, 2), 1), ("triple-", (3, 4, 5), 1)],
        [("split-", (0, 1, 2), 3), ("mirrored", (3, 4), 0)],  # all are flipped
        [("triple-", (0, 1, 2), 2), ("mirrored", (3, 4), 0)],  # the other one instead
        [("zero", (0, 1), 2), ("mirrored", (3, 4), 0)],
        [("pair", (0, 1), 1), ("mirrored", (3, 4), 0)],  # called mirrored
        [("zero", (0, 1), -1), ("mirrored", (3, 4), 0)],
    ],
)
def test_flipped_members_that_are_refused(groups: list[tuple[Any, ...]]) -> None:
    with pytest.raises(ValueError, match=r"expected|balances|flipped|sign"):
        chart_of(6, 2, [Group(*group) for group in groups])


@settings(max_examples=20)
@given(charts(), SEEDS)
def test_the_terms_are_the_limit(found: Chart, seed: int) -> None:
    rng = Random(seed)
    q, x = rationals(rng, size(found)), rationals(rng, found.dimension)
    problem = Problem("one", SIGMOID, Inputs(table=x.astype(float)[None]), None, np.zeros(1))
    point = exact(problem.inputs.exact_values)[0]
    _, value = SquareLoss(problem, found.terms(SIGMOID)).outputs(q.astype(float), Float64(), 0)
    assert value[0] == pytest.approx(float(limit_output(found, q, point)), rel=1e-12, abs=1e-12)
