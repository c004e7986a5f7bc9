"""Saturated neurons: the step they become, what they add at ``ε² = e^{−ρδ}``, there and back, and refusals."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from math import gcd
from random import Random
from typing import Any

import mpmath
import numpy as np
import pytest
import sympy
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from limit_cases import number, output, rationals, sigmoid
from saturated_cases import LATTICE, steps

from certify.arithmetic.arb import Arb
from certify.arithmetic.midrad import Float64Enclosures
from symmetry.activation import activation
from symmetry.arithmetic import Float64
from symmetry.infinity.charts import Chart, Group, chart_from_json, chart_of
from symmetry.infinity.saturated import Step, sides
from symmetry.network import Exact, exact
from symmetry.objective import SquareLoss
from symmetry.problem import Inputs, Problem, load_problem

SIGMOID = activation("sigmoid")
SEEDS = st.integers(0, 2**32)


def problem(x: Any, name: str = "sigmoid") -> Problem:
    return Problem("blank", activation(name), Inputs(table=np.asarray(x, dtype=float)), None, np.zeros(len(x)))


def size(chart: Chart) -> int:
    return chart.units[-1].place.stop


@st.composite
def normals(draw: Any, dimension: int = 2) -> tuple[int, ...]:
    entries = draw(st.lists(st.integers(-3, 3), min_size=dimension, max_size=dimension))
    assume(gcd(*entries) == 1)
    return tuple(entries)


# ------------------------------------------------------------------------------------------------------- the expansion


def test_what_is_left_of_a_step_by_sympy() -> None:
    # 1 − σ(νρδ + s) with y = e^{−νρδ}, and σ(−νρδ + s): the terms of first order in y
    y, s = sympy.symbols("y s", real=True)
    ahead, behind = 1 / (1 + y * sympy.exp(-s)), 1 / (1 + sympy.exp(-s) / y)
    assert sympy.simplify(sympy.series(ahead, y, 0, 2).removeO() - (1 - y * sympy.exp(-s))) == 0
    assert sympy.simplify(sympy.series(sympy.simplify(behind), y, 0, 2).removeO() - y * sympy.exp(s)) == 0


def by_hand(chart: Chart, q: Exact, x: Exact, *, near: bool = False) -> Any:
    """The step's limit at one input of :data:`LATTICE` in mpmath, or its correction; from the definition."""
    group = chart.saturated[0]
    omega, a = list(q[:-1]), q[-1]
    omega.insert(group.axis, Fraction(0))
    along = sum(n * v for n, v in zip(group.normal, x, strict=True))
    z = number(sum(w * v for w, v in zip(omega, x, strict=True)))
    if near:
        gap = min(abs(v) for v in (exact(LATTICE) @ exact(group.normal)).tolist() if v)
        return {gap: -number(a) * mpmath.exp(-z), -gap: number(a) * mpmath.exp(z)}.get(along, mpmath.mpf(0))
    return number(a) * (1 if along > 0 else 0 if along < 0 else sigmoid(z))


@given(normals(), SEEDS)
@settings(max_examples=6)
def test_the_network_is_its_limit_plus_the_correction(normal: tuple[int, ...], seed: int) -> None:
    chart, rng = steps(ordinary=0, normals=[normal]), Random(seed)
    q, gap = rationals(rng, size(chart)), sides(Inputs(table=LATTICE), normal).gap
    with mpmath.workdps(80):
        rests = []
        for rho in (60, 70):
            network = chart.network(q, [Fraction(1, rho)])
            small = mpmath.exp(-rho * number(gap))
            rest = mpmath.mpf(0)
            for x in exact(LATTICE):
                known = by_hand(chart, q, x) + small * by_hand(chart, q, x, near=True)
                rest = max(rest, abs(output(network, x) - known))
            rests.append(rest)
        # the next inputs are twice as far away, or more than that: e^{−2ρδ}, or the second term of the nearest
        assert rests[1] < rests[0] * mpmath.exp(-19 * number(gap))


def test_beside_a_pair_on_the_shipped_grid() -> None:
    shipped, over = load_problem("thesis"), Arb(300)
    chart = steps(("pair", 2))
    q = exact([1, 0.5, -0.25, 0.75, 0.5, -2, 1.5, -1.25, 0.75, 0.0026])
    outputs, _ = chart.objective(shipped).outputs(over.array(q), over, 2)
    finite, rests = SquareLoss.of_network(shipped, chart.width), []
    for k in (64, 128):
        eps = Fraction(1, k)
        rho = Fraction(64 * k)
        network = chart.network(q, [eps, 1 / rho])
        (found,), _ = finite.outputs(over.array(network.theta()), over, 0)
        rest = found.value - outputs[0].value - outputs[1].value - outputs[2].value
        rest = rest - outputs[1].correction() * over.number(eps**2)
        rest = rest - outputs[2].correction() * over.exp(over.array(exact([-rho / 4])))
        rests.append(max(over.magnitude(rest)))
    assert rests[0] / 18 < rests[1] < rests[0] / 14  # ε⁴ of the pair; the step's own rest is far smaller


# ------------------------------------------------------------------------------------------------ terms, there and back


@given(normals(3), SEEDS)
@settings(max_examples=20)
def test_the_term_in_every_arithmetic(normal: tuple[int, ...], seed: int) -> None:
    rng = Random(seed)
    x = np.array([[rng.randint(-2, 2) / 4 for _ in range(3)] for _ in range(40)])
    along = (exact(x) @ exact(normal)).tolist()
    assume(any(along))
    chart, given_ = steps(ordinary=0, normals=[normal]), problem(x)
    q, direction = rationals(rng, size(chart)), rationals(rng, size(chart))
    objective, fine = chart.objective(given_), Arb(256)
    (out,), _ = objective.outputs(fine.array(q), fine, 2)
    # derivatives along a direction, against differences at 256 bits
    h = Fraction(1, 2**40)
    (ahead,), _ = objective.outputs(fine.array(q + h * direction), fine, 2)
    (back,), _ = objective.outputs(fine.array(q - h * direction), fine, 2)
    v = fine.array(direction).reshape(-1, 1)
    slope = fine.matmul(out.jacobian, v).reshape(-1)
    assert max(fine.magnitude((ahead.value - back.value) * fine.number(1 / (2 * h)) - slope)) < 1e-20
    bent = fine.matmul((ahead.jacobian - back.jacobian) * fine.number(1 / (2 * h)), v).reshape(-1)
    mixed = fine.matmul(fine.matmul(v.T, out.curvature(out.value)), v).reshape(-1)
    assert max(fine.magnitude((bent * out.value).sum(axis=0) - mixed)) < 1e-18
    # |D²f[u, u]| is below the bound for unit u
    (wide,), _ = objective.outputs(fine.array(q), fine, 3)
    unit = float(np.linalg.norm(direction.astype(float)))
    second = np.array([float(value) for value in fine.magnitude(bent)]) / unit**2
    assert (second <= np.array([float(value) for value in fine.upper(wide.variation()[0])]) + 1e-15).all()
    # and other arithmetics agree
    coarse, plain = Float64Enclosures(), Float64()
    for arithmetic, start in ((coarse, coarse.array(q)), (plain, q.astype(float))):
        (other,), _ = objective.outputs(start, arithmetic, 2)
        for one, two in ((out.value, other.value), (out.correction(), other.correction())):
            values = two if arithmetic is plain else coarse.approx(two)
            assert fine.approx(one) == pytest.approx(values, rel=1e-11, abs=1e-11)


@given(st.integers(2, 4), SEEDS)
@settings(max_examples=40)
def test_there_and_back(dimension: int, seed: int) -> None:
    rng = Random(seed)
    directions = []
    while len(directions) < 2:
        normal = [rng.randint(-2, 2) for _ in range(dimension)]
        directions += [normal] if gcd(*normal) == 1 else []
    chart = steps(("copies", 2), ("pair", 2), normals=directions)
    q, small = rationals(rng, size(chart)), [Fraction(1, 60), Fraction(1, 70), Fraction(1, 80)]
    network = chart.network(q, small)
    back, eps = chart.read(network.w, network.a)
    assert (back == q).all()
    assert eps.tolist() == small
    floats = chart.read(network.w.astype(float), network.a.astype(float))
    assert floats[0].astype(float) == pytest.approx(q.astype(float), rel=1e-9, abs=1e-9)
    # one parameter fewer for each small coordinate, and the copies' own
    assert size(chart) + len(small) + dimension + 1 == chart.width * (dimension + 1)
    # permuted neurons are the same place
    order = np.array(rng.sample(range(chart.width), chart.width))
    groups = [g._replace(members=tuple(int(np.flatnonzero(order == i)[0]) for i in g.members)) for g in chart.groups]
    moved = chart_of(chart.width, dimension, groups)
    again, _ = moved.read(network.w[order], network.a[order])
    kinds = [unit.kind for unit in chart.units]
    assert sorted(kinds) == sorted(unit.kind for unit in moved.units)
    blocks = [sorted(map(tuple, (c.by_unit(v)[u.place] for u in c.units))) for c, v in ((chart, q), (moved, again))]
    assert blocks[0] == blocks[1]


def test_sides_are_decided_exactly() -> None:
    tenths = tuple(Fraction(k, 10) for k in range(-5, 6))
    found = sides(Inputs(axes=(tenths, tenths)), (3, -1))
    assert (found.side == 0).sum() == 3  # (−1/10, −3/10), 0, (1/10, 3/10); in floating point 3·0.1 is not 0.3
    assert 3 * 0.1 != 0.3
    assert found.gap == Fraction(1, 10)
    assert (found.near[found.side == 0] == 0).all()
    assert set(found.near.tolist()) == {-1, 0, 1}


def test_a_part_of_the_inputs() -> None:
    # of very many inputs the term sees one part after the other
    chart, given_ = steps(ordinary=0), problem(LATTICE)
    objective, q = chart.objective(given_), np.array([0.5, 2.0])
    whole, plain = objective.outputs(q, Float64(), 1)[0][0], Float64()
    data = objective.data(plain)
    rows = slice(10, 30)
    part = replace(data, x=data.x[rows], xx=data.xx[rows], y=data.y[rows], norm=data.norm[rows], rows=rows)
    (term,) = chart.terms(SIGMOID, given_.inputs)
    some = term.outputs(q, part, plain, 1)
    assert (some.value == whole.value[rows]).all()
    assert (some.jacobian == whole.jacobian[rows]).all()


# ------------------------------------------------------------------------------------------------------ names, refusals


def test_the_chart_survives_json_and_names_itself() -> None:
    chart = chart_of(
        6, 2, [Group("saturated", (0,), normal=(1, -1)), Group("pair", (1, 3)), Group("saturated", (2,), normal=(0, 1))]
    )
    assert chart.name == "pair+saturated[0:1]+saturated[1:-1]"
    assert chart_from_json(chart.to_json()) == chart
    assert chart_from_json(chart.normal().to_json()) == chart.normal()
    assert [group.normal for group in chart.normal().saturated] == [(0, 1), (1, -1)]
    assert [unit.kind for unit in chart.units] == ["neuron", "neuron", "pair", "saturated[0:1]", "saturated[1:-1]"]
    assert chart.plain
    assert [len(groups) for groups in chart.conditions] == [1, 1, 1]


@pytest.mark.parametrize(
    "group",
    [
        Group("saturated", (0,)),
        Group("saturated", (0,), normal=(2, 2)),
        Group("saturated", (0,), normal=(0, 0)),
        Group("saturated", (0,), normal=(1,)),
        Group("saturated", (0,), normal=(10**18, 1)),
        Group("saturated", (0, 1), normal=(1, 1)),
        Group("saturated", (0,), 1, normal=(1, 1)),
        Group("pair", (0, 1), normal=(1, 1)),
        Group("saturated", (0,), normal=(1, 1, 1)),
    ],
)
def test_directions_that_are_none(group: Group) -> None:
    with pytest.raises(ValueError, match=r"saturated|direction"):
        chart_of(3, 2, [group])


@pytest.mark.parametrize("name", ["tanh", "erf", "softplus", "gelu"])
def test_only_the_sigmoid_saturates_so(name: str) -> None:
    blank = problem(LATTICE, name)
    with pytest.raises(ValueError, match="sigmoid"):
        steps().terms(blank.activation, blank.inputs)


def test_inputs_that_all_lie_on_the_hyperplane() -> None:
    blank = problem([[1, -1], [2, -2], [0, 0]])
    with pytest.raises(ValueError, match="nothing is saturated"):
        steps().terms(blank.activation, blank.inputs)


def test_incoming_weights_point_along_the_direction() -> None:
    with pytest.raises(ValueError, match="positive"):
        steps(ordinary=0).network(exact([1, 1]), [Fraction(-1, 50)])


def test_no_paths_lead_through_it() -> None:
    (term,) = steps(ordinary=0).terms(SIGMOID, Inputs(table=LATTICE))
    assert isinstance(term, Step)
    with pytest.raises(NotImplementedError):
        term.along([], None, Float64())  # type: ignore[arg-type]
