"""Charts of students with biases: their own constant, and neurons that become exponentials."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from certify.arithmetic.arb import Arb
from symmetry.activation import activation
from symmetry.arithmetic import Float64
from symmetry.infinity.charts import Group, chart_from_json, chart_of
from symmetry.network import exact
from symmetry.objective import SquareLoss
from symmetry.problem import Inputs, Problem, load_problem

GROUPS = [Group("pair", (0, 3)), Group("exponential+", (2,)), Group("exponential-", (1,))]
Q = exact([0.5, -0.25, 0.75, 0.5, -1, 0.25, 1.5, 0.75, 0.25, -0.5, -0.5, 0.5, 0.25, 1.25])
"""``(w, u, c)`` of the pair, ``ω`` of the exponentials, and the output bias."""


def problem(*, bias: bool = True, constant: bool = True, name: str = "sigmoid") -> Problem:
    rng = np.random.default_rng(1)
    x = rng.normal(size=(12, 3)) if not constant else np.column_stack([rng.normal(size=(12, 2)), np.ones(12)])
    return Problem("made", activation(name), Inputs(table=x), None, rng.normal(size=12), output_bias=bias)


def test_the_expansion_in_eps() -> None:
    given, chart, over = problem(), chart_of(4, 3, GROUPS, bias=True), Arb(300)
    outputs, r = chart.objective(given).outputs(over.array(Q), over, 2)
    finite, rests = SquareLoss.of_network(given, 4), []
    for k in (10, 11):
        eps = Fraction(1, 2**k)
        network = chart.network(Q, [eps, eps, -eps])
        read, small = chart.read(network.w.astype(np.float64), network.a.astype(np.float64))
        assert np.allclose(read, Q.astype(np.float64), rtol=1e-6, atol=1e-6)
        assert np.allclose(small, float(eps), rtol=1e-12)
        _, found = finite.outputs(over.array(network.theta()), over, 0)
        phi = sum((out.correction() for out in outputs[1:3]), outputs[0].correction())
        rests.append(max(over.magnitude(found - r - phi * over.number(eps**2))))
    # the rest is of fourth order
    assert rests[0] / 18 < rests[1] < rests[0] / 14


def test_derivatives_of_an_exponential_agree_with_differences() -> None:
    loss, h = chart_of(4, 3, GROUPS, bias=True).objective(problem()), 1e-5
    q = Q.astype(np.float64)
    at = loss.evaluate(q, Float64(), 3)
    steps = np.eye(len(q)) * h
    slope = [(loss.evaluate(q + s, Float64(), 0).loss - loss.evaluate(q - s, Float64(), 0).loss)[0] for s in steps]
    bend = [loss.evaluate(q + s, Float64(), 1).gradient - loss.evaluate(q - s, Float64(), 1).gradient for s in steps]
    assert np.allclose(np.array(slope) / (2 * h), at.gradient, rtol=1e-6, atol=1e-7)
    assert np.allclose(np.array(bend) / (2 * h), at.hessian, rtol=1e-6, atol=1e-6)
    rng = np.random.default_rng(0)
    for _ in range(50):
        u = rng.normal(size=len(q)) * (rng.random(len(q)) < 0.3)
        u /= max(float(np.linalg.norm(u)), 1e-9)
        ahead, behind = (loss.evaluate(q + s * u * h, Float64(), 2).hessian for s in (1, -1))
        assert abs(u @ (ahead - behind) @ u) / (2 * h) <= at.lipschitz[0] * 1.001


def test_the_chart_survives_json_and_names_itself() -> None:
    chart = chart_of(4, 3, GROUPS, bias=True)
    assert chart.name == "pair+exponential++exponential-"
    assert chart_from_json(chart.to_json()) == chart
    assert chart_from_json(chart_of(4, 3, GROUPS).to_json()) != chart
    assert chart.normal().bias
    assert [unit.kind for unit in chart.units] == ["pair", "exponential+", "exponential-", "bias"]
    assert chart.units[-1].place.stop == len(Q)
    assert not chart.plain
    assert not chart_of(2, 3, [Group("pair", (0, 1))], bias=True).plain
    assert [len(groups) for groups in chart.conditions] == [1, 1, 1]


@pytest.mark.parametrize(
    "groups",
    [
        [Group("mirrored", (0, 1)), Group("mirrored", (2, 3))],
        [Group("copies", (0, 1), 1)],
        [Group("zero", (0, 1), 1)],
        [Group("quintic", (0, 1, 2))],
        [Group("triple+", (0, 1, 2), 1), Group("zero", (3,))],
    ],
)
def test_nothing_is_released_beside_an_output_bias(groups: list[Group]) -> None:
    chart_of(4, 2, groups)
    with pytest.raises(ValueError, match="beside an output bias"):
        chart_of(4, 2, groups, bias=True)


def test_where_there_is_no_exponential() -> None:
    chart = chart_of(1, 3, [Group("exponential+", (0,))], bias=True)
    for name in ("tanh", "erf", "softplus", "gelu"):
        with pytest.raises(ValueError, match="needs the sigmoid"):
            chart.objective(problem(name=name))
    with pytest.raises(ValueError, match="last coordinate that is 1"):
        chart.objective(problem(constant=False))
    with pytest.raises(ValueError, match="an output bias: True, the problem: False"):
        chart.objective(problem(bias=False))


def test_which_problems_have_charts_and_paths() -> None:
    assert problem().has_charts
    assert not problem().has_paths
    assert problem(bias=False).has_paths
    assert not load_problem("thesis-bias").has_charts  # it has weight decay
