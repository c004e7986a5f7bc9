"""The loss falls to infinity in a chart with a triple: a shipped run, and what is no path."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction

import numpy as np
import pytest

from certify.pipeline.trace import trace_to_limit
from certify.proofs.path import Descent, prove_channel
from certify.proofs.proof import Proof
from sweep.kernels.compiled import prepare
from sweep.points import read_points
from sweep.polishing.channels import approx_limits
from sweep.polishing.polish import polish
from symmetry.infinity.charts import Chart
from symmetry.infinity.merging import on_parabola, read_triple
from symmetry.network import Network, exact
from symmetry.objective import SquareLoss
from symmetry.paths.release import Place, at_infinity
from symmetry.problem import load_problem

F = Fraction
Run = tuple[Chart, Network, list[Place], list[list[Fraction]]]


@pytest.fixture(scope="module", params=[(242, "triple+"), (240, "triple+-1+zero")], ids=lambda run: run[1])
def run(request: pytest.FixtureRequest) -> Run:
    """A shipped run of width 6 in a chart with a triple, places downhill to infinity, and its nodes."""
    problem, (index, name) = load_problem("thesis"), request.param
    theta = read_points("data/adam/width6", dimension=2).take([index]).theta()[0]
    polished = polish(prepare(problem), theta.copy(), 6, max_steps=400)
    limit = next(v for v in approx_limits(problem, polished.theta, 6, polished.loss) if v.chart.name == name)
    chart, order = limit.chart.normal(), limit.chart.order
    place = (chart, order, exact(limit.q), np.full(len(limit.q), 1e-6))
    found = trace_to_limit(problem, prepare(problem), polished.vertices, *place, arithmetic="auto", max_bits=106)
    assert isinstance(found, Descent)
    assert not len(found.vertices)
    again = Proof.from_json(found.to_json())
    assert isinstance(again, Descent)
    assert np.all(again.nodes == found.nodes)
    size = len(limit.q)
    places = [Place(row[:size], tuple(row[size:].tolist())) for row in found.places]
    return chart, Network.from_theta(exact(theta), 2).permuted(order), places, found.nodes.tolist()


def leads(run: Run) -> bool:
    chart, network, places, nodes = run
    objective = SquareLoss.of_network(load_problem("thesis"), network.width)
    return prove_channel(objective, chart, network, places, nodes, arithmetic="auto", max_bits=53)


def small(place: Place, **changes: Fraction) -> Place:
    names = ("mu", "alpha", "p", "q")
    return Place(place.q, tuple(changes.get(name, v) for name, v in zip(names, place.eps, strict=True)))


FALSE: dict[str, Callable[[list[Place]], list[Place]]] = {
    "μ is not τ in the end": lambda places: [*places[:-1], small(places[-1], mu=F(3, 4))],
    "μ is 0": lambda places: [small(places[0], mu=F(0)), *places[1:]],
    "nodes that meet": lambda places: [small(places[0], p=places[0].eps[3], q=places[0].eps[2]), *places[1:]],
    "two equal nodes": lambda places: [small(places[0], p=places[0].eps[3]), *places[1:]],
    "back from infinity": lambda places: [*places, places[0]],
    "up again": lambda places: [places[1], places[0], *places[1:]],
    "another limit": lambda places: [*places[:-1], Place(places[-1].q + exact([F(1, 4)]), places[-1].eps)],
}


def test_a_run_goes_down_to_infinity(run: Run) -> None:
    assert leads(run)
    assert at_infinity(run[0], run[2][-1])
    assert not any(at_infinity(run[0], place) for place in run[2][:-1])


@pytest.mark.parametrize("name", FALSE)
def test_what_is_no_path(run: Run, name: str) -> None:
    chart, network, places, nodes = run
    assert not leads((chart, network, FALSE[name](places), nodes))


def test_equal_nodes_are_refused(run: Run) -> None:
    chart, network, places, nodes = run
    for wrong in ([nodes[0][0], nodes[0][0]], [nodes[0][0], -2 * nodes[0][0]]):
        with pytest.raises(ValueError, match="three different numbers"):
            leads((chart, network, places, [wrong]))


@pytest.mark.parametrize("members", [(0, 1), (0, 2)])
def test_members_are_exchanged_but_not_with_the_flipped_one(run: Run, members: tuple[int, int]) -> None:
    chart, network, places, nodes = run
    group, (i, j) = chart.triples[0], members
    order = list(range(network.width))
    order[group.members[i]], order[group.members[j]] = group.members[j], group.members[i]

    def exchanged(p: list[Fraction]) -> list[Fraction]:
        three = [*p, -sum(p, F(0))]
        three[i], three[j] = three[j], three[i]
        return three[:2]

    others = [Place(place.q, (*place.eps[:2], *exchanged(list(place.eps[2:])))) for place in places]
    turned = (chart, network.permuted(tuple(order)), others, [exchanged(nodes[0])])
    assert leads(turned) is not (j == 2 and group.flipped > 0)


def test_reading_is_exact_and_near_infinity_that_of_the_chart() -> None:
    """Lemma 11 at any nodes; Lemma 12: the coordinates of Theorem 8 of infinity.md are met with an error ``O(t)``."""
    rng = np.random.default_rng(7)
    w, u, b = (exact(np.round(rng.normal(size=2) * 64) / 64) for _ in range(3))
    c, alpha, mu, n = F(-3, 8), F(5, 8), F(1), [F(1), F(-3, 4), F(-1, 4)]
    missed = []
    for t in (F(1, 2**8), F(1, 2**9)):
        p = [t * v for v in n]
        places = np.array([w + x * u + x * x * b for x in p])
        outputs = []
        for i in range(3):
            q, r = p[i - 1], p[i - 2]
            outputs.append((mu + alpha * p[i] + c * q * r) / ((p[i] - q) * (p[i] - r)))
        a = np.array(outputs, dtype=object)
        block, small_ones = on_parabola(places, a, p[:2])
        assert block.tolist() == [*w, *(alpha * u + mu * b), *u, c]
        assert small_ones == (mu, alpha, p[0], p[1])
        # at other nodes another parabola through the same neurons
        again, others = on_parabola(places, a, [F(1, 3), F(1, 7)])
        assert again.tolist() != block.tolist()
        lines = again[2:4] - others[1] * again[4:6]
        for x, place in zip((F(1, 3), F(1, 7), -F(10, 21)), places, strict=True):
            assert np.all(again[:2] + x * again[4:6] + x * x * lines / others[0] == place)
        read, size = read_triple(places.astype(np.float64), a.astype(np.float64), 1)
        sign = np.sign(read[4:6] @ u.astype(np.float64))
        read[4:6] *= sign
        missed.append(np.abs(read - block.astype(np.float64)).max())
        assert size < float(t) * 2
    assert missed[1] < 0.6 * missed[0]
    assert missed[0] < 0.1
