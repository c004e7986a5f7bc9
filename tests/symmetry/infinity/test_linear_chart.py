"""A neuron near zero of an odd activation: what it leaves, what it adds at ``ε²``, and where it is refused."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from certify.arithmetic.arb import Arb
from symmetry.activation import activation
from symmetry.infinity.charts import Group, chart_from_json, chart_of
from symmetry.network import exact
from symmetry.objective import Neurons, SquareLoss
from symmetry.problem import load_problem


@pytest.mark.parametrize("name", ["thesis-tanh", "thesis-erf"])
def test_the_expansion_in_eps(name: str) -> None:
    problem, chart, over = load_problem(name), chart_of(3, 2, [Group("pair", (0, 2)), Group("linear", (1,))]), Arb(300)
    q = exact([1, 0.5, -0.25, 0.75, 0.5, -2, 1.5])  # (w, u, c) of the pair, then ℓ
    limit = chart.objective(problem)
    outputs, _ = limit.outputs(over.array(q), over, 2)
    f_0 = outputs[0].value + outputs[1].value
    finite = SquareLoss(problem, (Neurons(3, 2, problem.activation),))
    rests = []
    for k in (10, 11):
        eps = Fraction(1, 2**k)
        network = chart.network(q, [eps, eps])
        assert chart.read(network.w, network.a)[0].tolist() == q.tolist()
        (found,), _ = finite.outputs(over.array(network.theta()), over, 0)
        phi = outputs[0].correction() + outputs[1].correction()
        rest = found.value - f_0 - phi * over.number(eps**2)
        rests.append(max(over.magnitude(rest)))
    # the rest is of fourth order: divided by 16 where ε is halved
    assert rests[0] / 18 < rests[1] < rests[0] / 14


def test_the_chart_survives_json_and_names_itself() -> None:
    chart = chart_of(4, 2, [Group("linear", (0,)), Group("pair", (1, 3))])
    assert chart.name == "pair+linear"
    assert chart_from_json(chart.to_json()) == chart
    assert [unit.kind for unit in chart.units] == ["neuron", "pair", "linear"]
    assert chart.units[-1].place.stop == 3 + 5 + 2
    assert len(chart.members) == len(chart.units)
    assert not chart.plain
    assert [len(groups) for groups in chart.conditions] == [1, 1]


@pytest.mark.parametrize("name", ["sigmoid", "softplus", "gelu"])
def test_only_odd_activations_have_it(name: str) -> None:
    with pytest.raises(ValueError, match="a linear group needs an odd one"):
        chart_of(2, 2, [Group("linear", (0,))]).terms(activation(name))


@pytest.mark.parametrize(
    "groups",
    [
        [Group("linear", (0,)), Group("linear", (1,))],
        [Group("linear", (0,)), Group("mirrored", (1, 2)), Group("mirrored", (3, 4))],
        [Group("linear", (0,)), Group("copies", (1, 2), 1)],
        [Group("linear", (0,)), Group("quintic", (1, 2, 3))],
        [Group("linear", (0, 1))],
    ],
)
def test_what_cannot_stand_beside_it(groups: list[Group]) -> None:
    with pytest.raises(ValueError, match="linear"):
        chart_of(6, 2, groups)


def test_jets_at_zero() -> None:
    for name, slope, third in (("tanh", 1.0, -2.0), ("erf", 2 / np.sqrt(np.pi), -4 / np.sqrt(np.pi))):
        over = Arb(106)
        jet = activation(name).jet(over.zeros((1,)), 3, over)
        assert over.approx(jet[1])[0] == pytest.approx(slope, rel=1e-14)
        assert over.approx(jet[3])[0] == pytest.approx(third, rel=1e-14)
