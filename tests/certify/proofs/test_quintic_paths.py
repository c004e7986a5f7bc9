"""The loss falls to infinity where three neurons near zero diverge: a shipped run, what is no path, and the lemmas."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from math import factorial

import mpmath
import numpy as np
import pytest

from certify.pipeline.locate import locate
from certify.pipeline.lower import _weights, lower
from certify.pipeline.trace import trace_to_limit
from certify.proofs.path import Descent, prove_channel
from certify.proofs.proof import Proof
from sweep.kernels.compiled import prepare
from sweep.points import read_points
from symmetry.infinity.charts import Chart, Group, chart_of
from symmetry.infinity.merging import at_nodes, quintic_nodes, read_quintic
from symmetry.network import Exact, Network, exact
from symmetry.objective import SquareLoss
from symmetry.paths.quintic_way import _COEFFICIENTS
from symmetry.paths.release import Place, at_infinity, place_of
from symmetry.problem import load_problem

F = Fraction
Run = tuple[Chart, Network, list[Place], list[list[Fraction]]]


@pytest.fixture(scope="module")
def run() -> Run:
    """A shipped run of width 6 in ``pair+quintic``, places downhill to infinity, and its nodes."""
    problem = load_problem("thesis")
    theta = read_points("data/adam/width6", dimension=2).take([667]).theta()[0]
    located = locate(problem, prepare(problem), theta.copy(), 6, "auto", True)
    (limit,) = (place for place in located.limits if place.chart.name == "pair+quintic")
    place = (limit.chart, limit.order, limit.q, np.full(len(limit.q), 1e-6))
    found = trace_to_limit(problem, prepare(problem), located.vertices, *place, arithmetic="auto", max_bits=106)
    assert isinstance(found, Descent)
    assert not len(found.vertices)
    again = Proof.from_json(found.to_json())
    assert isinstance(again, Descent)
    assert np.all(again.nodes == found.nodes)
    size = len(limit.q)
    places = [Place(row[:size], tuple(row[size:].tolist())) for row in found.places]
    network = Network.from_theta(exact(theta), 2).permuted(limit.order)
    return limit.chart, network, places, found.nodes.tolist()


def leads(run: Run) -> bool:
    chart, network, places, nodes = run
    objective = SquareLoss.of_network(load_problem("thesis"), network.width)
    return prove_channel(objective, chart, network, places, nodes, arithmetic="auto", max_bits=53)


def small(place: Place, **changes: Fraction) -> Place:
    names = ("eps", "nu", "alpha", "p", "q")
    return Place(place.q, tuple(changes.get(name, v) for name, v in zip(names, place.eps, strict=True)))


FALSE: dict[str, Callable[[list[Place]], list[Place]]] = {
    "ν is not 1 in the end": lambda places: [*places[:-1], small(places[-1], nu=F(3, 4))],
    "ν is 0": lambda places: [small(places[0], nu=F(0)), *places[1:]],
    "nodes that meet": lambda places: [small(places[0], p=places[0].eps[4], q=places[0].eps[3]), *places[1:]],
    "a node that goes through 0": lambda places: [
        small(places[0], p=-places[0].eps[4] * F(99, 100)),
        *places[1:],
    ],
    "two equal nodes": lambda places: [small(places[0], p=places[0].eps[4]), *places[1:]],
    "a pair that stays": lambda places: [*places[:-1], small(places[-1], eps=places[-2].eps[0])],
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


def test_members_are_exchanged_with_their_nodes(run: Run) -> None:
    chart, network, places, nodes = run
    i, j = chart.quintics[0].members[0], chart.quintics[0].members[2]
    order = list(range(network.width))
    order[i], order[j] = j, i

    def exchanged(p: list[Fraction]) -> list[Fraction]:
        return [-p[0] - p[1], p[1]]

    others = [Place(place.q, (*place.eps[:3], *exchanged(list(place.eps[3:])))) for place in places]
    assert leads((chart, network.permuted(tuple(order)), others, [exchanged(nodes[0])]))


def neurons(u: Exact, b: Exact, c: Exact, total: Fraction, alpha: Fraction, p: list[Fraction]) -> tuple[Exact, Exact]:
    """Those of Lemma 18 with ``ν = 1``."""
    product = p[0] * p[1] * p[2]
    w = np.array([x * u + product * (b + x * x * c) for x in p])
    a = []
    for i in range(3):
        q, r = p[i - 1], p[i - 2]
        a.append((1 + product * (alpha * p[i] + total * q * r)) / (product * (p[i] - q) * (p[i] - r)))
    return w, np.array(a, dtype=object)


def test_reading_is_exact_and_near_infinity_that_of_the_chart() -> None:
    """Lemma 18 at any nodes; Lemma 19: the coordinates of infinity.md are met with an error ``O(t)``."""
    rng = np.random.default_rng(3)
    u, b, c = (exact(np.round(rng.normal(size=2) * 64) / 64) for _ in range(3))
    total, alpha, n = F(-3, 8), F(5, 8), [F(1), F(-3, 4), F(-1, 4)]
    missed = []
    for t in (F(1, 2**4), F(1, 2**5)):
        p = [t * v for v in n]
        w, a = neurons(u, b, c, total, alpha, p)
        block, slope, small_ones = at_nodes(w, a, p[:2])
        assert block.tolist() == [*b, *u]
        assert slope.tolist() == ((alpha * u + c) / 4).tolist()
        assert small_ones == (1, alpha, p[0], p[1])
        assert a.sum() == total
        assert quintic_nodes(w.astype(np.float64), a.astype(np.float64)) == pytest.approx(
            [float(v) for v in p], rel=float(8 * t * t)
        )
        read, size = read_quintic(w.astype(np.float64), a.astype(np.float64))
        missed.append(np.abs(read - block.astype(np.float64)).max())
        missed.append(np.abs(a @ w - 4 * slope).astype(np.float64).max())
        assert size < float(t) * 2
    assert missed[2] < 0.6 * missed[0]
    assert missed[3] < 0.6 * missed[1]
    assert missed[0] < 0.1


def test_the_divided_difference_of_an_odd_function() -> None:
    """``(πΓ(π²))[p_1,p_2,p_3] = e_3 Γ[p_1²,p_2²,p_3²]`` where ``Σp = 0``; not where it is not."""

    def divided(nodes: list[Fraction], values: list[Fraction]) -> Fraction:
        first, second = ((values[i + 1] - values[i]) / (nodes[i + 1] - nodes[i]) for i in (0, 1))
        return (second - first) / (nodes[2] - nodes[0])

    def gamma(q: Fraction) -> Fraction:
        return 1 + 3 * q - q**2 + 2 * q**3 + q**4

    for last, same in ((F(-5, 12), True), (F(-1, 3), False)):
        p = [F(2, 3), F(-1, 4), last]
        odd = divided(p, [x * gamma(x * x) for x in p])
        even = divided([x * x for x in p], [gamma(x * x) for x in p])
        assert (odd == p[0] * p[1] * p[2] * even) is same


def test_coefficients_and_bounds_of_the_even_part() -> None:
    """``κ(q) = (σ(√q) − ½)/√q``: its derivatives at ``q > 0`` are at most those at 0, ``k! |c_k|``."""
    with mpmath.workdps(60):

        def sigma(z: mpmath.mpf) -> mpmath.mpf:
            return 1 / (1 + mpmath.exp(-z))

        taylor = mpmath.taylor(sigma, 0, 2 * len(_COEFFICIENTS) - 1)
        for k, size in enumerate(_COEFFICIENTS):
            assert abs(taylor[2 * k + 1] - mpmath.mpf((-1) ** k) * size.numerator / size.denominator) < 1e-20
        for q in (mpmath.mpf(1) / 2, mpmath.mpf(4), mpmath.mpf(30)):
            found = mpmath.taylor(lambda r: (sigma(mpmath.sqrt(r)) - mpmath.mpf(1) / 2) / mpmath.sqrt(r), q, 6)
            for k, value in enumerate(found):
                assert abs(value) * factorial(k) <= factorial(k) * mpmath.mpf(_COEFFICIENTS[k].numerator) / (
                    _COEFFICIENTS[k].denominator
                )


def test_the_least_loss_for_given_small_coordinates(run: Run) -> None:
    chart, network, places, _ = run
    data, end = prepare(load_problem("thesis")), places[-1].q.astype(np.float64)
    start = Place(places[2].q.astype(np.float64), tuple(float(v) for v in places[2].eps))
    found = lower(data, chart, start, end, 0.9)
    assert found is not None
    assert found.eps == pytest.approx([0.9 * start.eps[0], 1, start.eps[2], *(0.9 * v for v in start.eps[3:])])
    again = lower(data, chart, found, end, 1.0)
    assert again is not None
    assert again.q == pytest.approx(found.q, abs=1e-6)
    # no other chart
    triples = chart_of(network.width, 2, [Group("triple+", (0, 1, 2))])
    assert lower(data, triples, start, end, 0.9) is None


def test_its_weights_are_those_of_the_place(run: Run) -> None:
    chart, _, places, _ = run
    place = Place(places[1].q.astype(np.float64), tuple(float(v) for v in places[1].eps))
    matrix, offset = _weights(chart, place)
    theta = exact(matrix @ place.q + offset)
    again = place_of(chart, Network.from_theta(theta, 2), [[F(v) for v in place.eps[-2:]]])
    assert again.q.astype(np.float64) == pytest.approx(place.q, abs=1e-9)
    assert [float(v) for v in again.eps] == pytest.approx(list(place.eps), rel=1e-9)
