"""The checker's loss against differences of the network's output itself, at 120 digits; and over boxes."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from fractions import Fraction
from itertools import product
from typing import Any

import mpmath
import pytest
from cases import checked

from certify.checker.activations import ACTIVATIONS
from certify.checker.arb import Arb
from certify.checker.charts import Chart, Diverging
from certify.checker.integers import Integers
from certify.checker.intervals import Intervals
from certify.checker.isolated import pivots
from certify.checker.loss import Around, Data, Unit, neurons

MP = mpmath.mp.clone()
MP.dps = 120
STEP = MP.mpf(10) ** -25

CHARTS = {
    "neurons": Chart([], [], [], 2),
    "pair": Chart([], [], [Diverging("pair", 2, 0)], 1),
    "split": Chart([], [], [Diverging("split+", 3, 0)], 1),
    "mirrored and zero": Chart([], [], [Diverging("mirrored", 2, 0), Diverging("zero", 1, 0)], 0),
    "two mirrored": Chart([], [], [Diverging("mirrored", 2, 0), Diverging("mirrored", 2, 0)], 0),
    "triple+": Chart([], [], [Diverging("triple+", 3, 0)], 1),
    "triple-": Chart([], [], [Diverging("triple-", 3, 0)], 0),
    "mirrored and cubic": Chart([], [], [Diverging("mirrored", 2, 0), Diverging("cubic", 2, 0)], 1),
    "quintic": Chart([], [], [Diverging("pair", 2, 0), Diverging("quintic", 3, 0)], 1),
    "flipped triple and zero": Chart([], [], [Diverging("triple+", 3, 1), Diverging("zero", 1, 0)], 0),
}


def sigma(z: Any, order: int = 0) -> Any:
    """σ and its derivatives by differentiating 1/(1 + e^−z) numerically."""
    return MP.diff(lambda t: 1 / (1 + MP.exp(-t)), z, order) if order else 1 / (1 + MP.exp(-z))


def output(chart: Chart, q: Sequence[Any], x: Sequence[Any]) -> Any:
    """The limit network as mathematics.md writes it."""
    d, m = len(x), chart.neurons

    def line(start: int) -> Any:
        return sum(q[start + k] * x[k] for k in range(d))

    total = sum((q[m * d + i] * sigma(line(i * d)) for i in range(m)), MP.mpf(0))
    start = m * (d + 1)
    for kind in chart.kinds:
        if kind in ("pair", "mirrored", "split+"):
            z, s, c = line(start), line(start + d), q[start + 2 * d]
            total += c * sigma(z) + s * sigma(z, 1)
            start += 2 * d + 1
        elif kind == "cubic":
            total += sigma(MP.mpf(0), 3) / 6 * line(start) ** 3
            start += d
        elif kind == "quintic":
            t, s = line(start), line(start + d)
            total += sigma(MP.mpf(0), 3) / 2 * s * s * t + sigma(MP.mpf(0), 5) / 120 * s**5
            start += 2 * d
        elif kind != "zero":
            tau = 1 if kind == "triple+" else -1
            z, y, s, c = line(start), line(start + d), line(start + 2 * d), q[start + 3 * d]
            total += c * sigma(z) + y * sigma(z, 1) + tau * s * s * sigma(z, 2) / 2
            start += 3 * d + 1
    if chart.shared or "quintic" in chart.kinds:
        total += q[start] + (line(start + 1) if {"cubic", "quintic", "zero"} & set(chart.kinds) else 0)
    return total


def size_of(chart: Chart) -> int:
    return sum(len(unit.places) for unit in chart.units(2, ACTIVATIONS["sigmoid"]))


def loss_at(chart: Chart, q: Sequence[Any]) -> Any:
    problem = checked("c")
    points = list(zip(*problem.columns, strict=True))
    total = MP.mpf(0)
    for x in points:
        x = [MP.mpf(v.numerator) / v.denominator for v in x]
        y = sum(a * sigma(sum(MP.mpf(u.numerator) / u.denominator * v for u, v in zip(w, x, strict=True))) for w, a in
                ((w, MP.mpf(a.numerator) / a.denominator) for w, a in problem.teacher))  # fmt: skip
        total += (output(chart, q, x) - y) ** 2
    return total / len(points)


def decimal(value: Fraction) -> Any:
    return MP.mpf(value.numerator) / value.denominator


def inside(vector: Any, index: int, value: Any, slack: float = 1e-40) -> bool:
    return bool(decimal(vector.lower()[index]) - slack <= value <= decimal(vector.upper()[index]) + slack)


@pytest.mark.parametrize("name", sorted(CHARTS))
def test_derivatives_against_differences(name: str) -> None:
    chart = CHARTS[name]
    size, rng = size_of(chart), random.Random(name)
    theta = [Fraction(rng.randint(-300, 300), 200) for _ in range(size)]
    found = Around(Data(checked("c"), Integers(256)), chart.units(2, ACTIVATIONS["sigmoid"]), theta).over()
    q = [decimal(v) for v in theta]
    assert inside(found.loss, 0, loss_at(chart, q))

    def moved(*steps: tuple[int, int]) -> Any:
        at = list(q)
        for i, sign in steps:
            at[i] += sign * STEP
        return loss_at(chart, at)

    # central differences: errors of order STEP² ~ 1e-50
    for i in range(size):
        gradient = (moved((i, 1)) - moved((i, -1))) / (2 * STEP)
        assert inside(found.gradient, i, gradient), i
    for i, j in [(i, j) for i, j in product(range(size), repeat=2) if (i >= j and rng.random() < 0.5) or i == j]:
        corners = [(1, 1), (1, -1), (-1, 1), (-1, -1)]
        mixed = sum(si * sj * moved((i, si), (j, sj)) for si, sj in corners) / (4 * STEP**2)
        assert inside(found.hessian[i], j, mixed), (i, j)
        assert inside(found.hessian[j], i, mixed), (j, i)


@pytest.mark.parametrize("name", sorted(CHARTS))
def test_a_box_holds_its_points(name: str) -> None:
    chart = CHARTS[name]
    size, rng = size_of(chart), random.Random(name)
    data = Data(checked("c"), Integers(192))
    theta = [Fraction(rng.randint(-300, 300), 200) for _ in range(size)]
    for scale in (Fraction(1, 2**30), Fraction(1, 50), Fraction(1, 2)):
        radius = [scale * Fraction(rng.randint(1, 100), 100) for _ in range(size)]
        box = Around(data, chart.units(2, ACTIVATIONS["sigmoid"]), theta).over(radius)
        for _ in range(5):
            signs = [rng.choice([-1, 1, Fraction(rng.randint(-100, 100), 100)]) for _ in range(size)]
            point = [c + s * r for c, s, r in zip(theta, signs, radius, strict=True)]
            at = Around(data, chart.units(2, ACTIVATIONS["sigmoid"]), point).over()
            for row, exact in (
                (box.loss, at.loss),
                (box.gradient, at.gradient),
                *zip(box.hessian, at.hessian, strict=True),
            ):
                pairs = zip(row.lower(), exact.lower(), exact.upper(), row.upper(), strict=True)
                assert all(low <= upper and lower <= high for low, lower, upper, high in pairs)


@pytest.mark.parametrize("make", [Integers, Intervals, Arb])
def test_derivatives_reach_as_far_as_a_box_from_the_points_where_they_are_known(make: Callable[[int], Any]) -> None:
    # the midpoint of an interval of mpmath moves by a unit where its ends are rounded
    rng, chart = random.Random("reach"), CHARTS["neurons"]
    data = Data(checked("c"), make(192))
    for _ in range(100):
        theta = [Fraction(rng.getrandbits(80) - 2**79, 3 * 2**78) for _ in range(size_of(chart))]
        radius = [Fraction(rng.getrandbits(80), 7 * 2 ** rng.randint(80, 230)) for _ in theta]
        around = Around(data, chart.units(2, ACTIVATIONS["sigmoid"]), theta)
        found = around.over(radius)
        for points, jet, slots in zip(around.points, found.sigma, found.slots, strict=True):
            ends = zip(points.lower(), points.upper(), slots[0].lower(), slots[0].upper(), strict=True)
            farthest = [max(high - c, d - low) for c, d, low, high in ends]
            assert all(far <= top for far, top in zip(farthest, jet.reach.lower(), strict=True))


def test_given_labels_are_taken_as_they_are() -> None:
    problem = checked("c")
    labels = tuple(Fraction(k, 7) for k in range(9))
    given = type(problem)("", problem.columns, (labels,), ())
    theta = [Fraction(0)] * 6
    loss = Around(Data(given, Integers(192)), neurons(2, 2), theta).over().loss
    exact = sum((y * y for y in labels), Fraction(0)) / 9
    assert loss.lower()[0] <= exact <= loss.upper()[0]


@pytest.mark.parametrize("order", range(2, 7))
def test_suprema_of_the_sigmoid(order: int) -> None:
    values = [abs(sigma(MP.mpf(k) / 16, order)) for k in range(-160, 161)]
    assert max(values) <= decimal(ACTIVATIONS["sigmoid"].bounds[order - 1])
    assert max(values) > decimal(ACTIVATIONS["sigmoid"].bounds[order - 1]) * 0.97


def test_units_must_be_told_apart() -> None:
    # a unit whose formula forgets F_zz is noticed by the differences above: the Hessians differ
    def forgetful(sigmas: list[Any], slots: list[Any], number: Callable[[Any], Any]) -> Any:
        return sigmas[0] * slots[1], [sigmas[1] * slots[1], sigmas[0]], {(1, 0): sigmas[1]}

    theta = [Fraction(1, 2), Fraction(1, 3), Fraction(2)]
    data = Data(checked("c"), Integers(192))
    right = Around(data, neurons(1, 2), theta).over().hessian[0]
    wrong = Around(data, [Unit((range(2),), (2,), forgetful)], theta).over().hessian[0]
    assert right.lower()[0] > wrong.upper()[0] or right.upper()[0] < wrong.lower()[0]


def test_pivots_count_eigenvalues() -> None:
    rng = random.Random(5)
    arithmetic = Integers(192)
    for _ in range(40):
        n = rng.randint(1, 6)
        values = [rng.choice([-1, 1]) * Fraction(rng.randint(1, 50), 10) for _ in range(n)]
        v = [[Fraction(rng.randint(-9, 9)) + (20 if i == j else 0) for j in range(n)] for i in range(n)]  # non-singular
        s = [[sum((v[k][i] * values[k] * v[k][j] for k in range(n)), Fraction(0)) for j in range(n)] for i in range(n)]
        rows = [arithmetic.vector(row) for row in s]
        assert pivots(rows, arithmetic.stack) == [sum(x > 0 for x in values), sum(x < 0 for x in values)]


def test_pivots_are_undecided_where_one_may_vanish() -> None:
    arithmetic = Integers(192)
    singular = [arithmetic.vector([Fraction(1), Fraction(2)]), arithmetic.vector([Fraction(2), Fraction(4)])]
    assert pivots(singular, arithmetic.stack) is None
