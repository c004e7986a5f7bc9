"""Regions about the floor of a channel: what is proved is true, and what is false is not proved."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest
from ambient import all_eps, ambient, ambient_loss, bowl, by_limit
from channel_run import CURVED, NEAR_ZERO, PAIR, STEEP, THREE, TWO_MIRRORED, channel_points, channel_run

from certify.arithmetic.midrad import Float64Enclosures
from certify.arithmetic.uniform import UniformEnclosures
from certify.pipeline.floor import holds_limit, trace_valley
from certify.proofs.path import Descent, first_place
from certify.proofs.proof import Failure, Proof
from certify.proofs.valley import _slopes
from certify.proofs.verdict import Relation
from sweep.kernels.compiled import prepare
from symmetry.arithmetic import Float64
from symmetry.infinity.charts import Chart, Group
from symmetry.network import Exact, Network, exact
from symmetry.objective import SquareLoss
from symmetry.paths.release import Piece, Place, piece
from symmetry.problem import Problem, load_problem
from symmetry.regions.valley import derivatives

RUNS = pytest.mark.parametrize("run", [PAIR, TWO_MIRRORED, NEAR_ZERO, THREE])


def case(run: int = PAIR) -> tuple[Problem, Chart, Descent, list[Place]]:
    """The run's chart, its region, and the places along it, the saved point's first."""
    problem, verdict = channel_run(run)
    found, descent = verdict.object, verdict.descent
    assert found is not None
    assert found.chart is not None
    assert descent is not None
    saved = channel_points(run).network(0).permuted(descent.order)
    size = found.chart.objective(problem).size
    after = [Place(row[:size], tuple(row[size:].tolist())) for row in descent.places]
    return problem, found.chart, descent, [first_place(found.chart, saved)[1], *after]


def proved(problem: Problem, chart: Chart, start: Place, end: Place, radii: np.ndarray) -> bool:
    curve = piece(chart, start, end)
    assert curve is not None
    in_one, entry_by_entry = (
        bowl(chart.objective(problem), chart, curve, radii, a) for a in (UniformEnclosures(), Float64Enclosures())
    )
    assert in_one == entry_by_entry
    return in_one


def smallest(problem: Problem, chart: Chart, q: Exact, eps: tuple[Fraction, ...]) -> tuple[float, float]:
    """The smallest eigenvalue of ``F_qq``, and a difference quotient of the loss of finite networks in ``ε_1²``."""
    small = all_eps(chart, q, eps)
    matrix, theta = by_limit(chart, q, small), ambient(chart, q, small).astype(float)
    hessian = matrix.T @ ambient_loss(problem, chart).evaluate(theta, Float64(), 2).hessian @ matrix
    return float(np.linalg.eigvalsh(hessian)[0]), rise(problem, chart, q, eps, Fraction(1, 100))


def rise(problem: Problem, chart: Chart, q: Exact, eps: tuple[Fraction, ...], by: Fraction) -> float:
    """Of the loss of finite networks by ``ε_1²``, ``q`` fixed: what ``K`` asks of the other ``ε`` is included."""
    objective, more = SquareLoss.of_network(problem, chart.width), tuple(e * (1 + by) for e in eps)
    losses = [objective.evaluate(chart.network(q, e).theta().astype(float), Float64(), 0).loss[0] for e in (eps, more)]
    return float(losses[1] - losses[0]) / float(more[0] ** 2 - eps[0] ** 2)


@pytest.mark.parametrize("run", [PAIR, TWO_MIRRORED, NEAR_ZERO, THREE, STEEP, CURVED])
def test_the_saved_point_is_contained(run: int):
    _, verdict = channel_run(run)
    assert verdict.relation is Relation.CONTAINED
    assert verdict.moved == 0
    assert verdict.descent is not None
    assert len(verdict.descent.radii) == len(verdict.descent.places)
    assert verdict.descent.last is None, "it begins at the saved point"


def test_the_witness_is_read_back():
    _, verdict = channel_run()
    assert verdict.descent is not None
    again = Proof.from_json(verdict.descent.to_json())
    assert isinstance(again, Descent)
    assert np.all(again.radii == verdict.descent.radii)


@RUNS
def test_sampled_networks_of_the_region_are_as_proved(run: int):
    problem, chart, descent, places = case(run)
    rng = np.random.default_rng(0)
    for (start, end), radii in zip(pairwise(places), descent.radii, strict=True):
        curve = piece(chart, start, end)
        assert curve is not None
        for t in (Fraction(1, 2), Fraction(1)) if curve.last else (Fraction(-1), Fraction(0), Fraction(1)):
            delta = exact(radii * rng.choice([-1, 1], len(radii)))
            q = sum(part * t**k for k, part in enumerate(curve.q)) + delta
            ends = [place.eps for place in (start, end)]
            eps = tuple(e * t if curve.last else (e + g + (g - e) * t) / 2 for e, g in zip(*ends, strict=True))
            eigenvalue, slope = smallest(problem, chart, q, eps)
            assert eigenvalue > 0
            assert slope > 0


def test_of_three_groups_every_slope_counts_and_the_small_numbers_keep_a_proportion():
    """With labels for which ``F`` falls with one ``ε_g²`` and grows with the others nothing is proved."""
    problem, chart, _, places = case(THREE)
    eps = [place.eps for place in places[1:-1]]
    assert len({second / first for first, second in eps}) == 1
    limit, a, tiny = chart.objective(problem), Float64Enclosures(), np.full(len(places[0].q), 2.0**-60)
    here = places[-2]
    curve = piece(chart, here, here)
    assert curve is not None
    assert bowl(limit, chart, curve, tiny, a)
    found = derivatives(limit, chart, curve, exact(tiny), a)
    assert found is not None
    slopes = np.array(found.slopes.coefficients[0].mid)
    wanted = np.linalg.lstsq(slopes.T, np.eye(3), rcond=None)[0]
    residuals = np.array(found.residuals.coefficients[0].mid)[:, 0]
    for k in range(3):
        # labels with which this slope alone changes its sign
        labels = problem.labels + 2 * wanted[:, k] * (slopes[:, k] @ residuals)
        turned = Problem("turned", problem.activation, problem.inputs, None, labels)
        again = derivatives(chart.objective(turned), chart, curve, exact(tiny), a)
        assert again is not None
        bounds = a.lower(_slopes(chart, again, curve.last, a)[0])
        assert [value > 0 for value in bounds] == [g != k for g in range(3)]
        assert not bowl(chart.objective(turned), chart, curve, tiny, a)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("run", [TWO_MIRRORED, NEAR_ZERO])
def test_the_slope_of_two_groups_is_that_of_networks(run: int, seed: int):
    """``P³ ∂F/∂ε_1² + ∂F/∂ε_2²`` is ``P³`` times the derivative along the networks, also where it is negative."""
    problem, chart, _, places = case(run)
    rng, limit = np.random.default_rng(seed), chart.objective(problem)
    q = places[0].q + exact(rng.integers(-64, 64, len(places[0].q)) / 256)
    here = Place(q, tuple(e / 2 for e in places[0].eps))
    curve = piece(chart, here, here)
    assert curve is not None
    found = derivatives(limit, chart, curve, q * 0, Float64Enclosures())
    assert found is not None
    assert found.ratios is not None
    low, high = found.ratios
    assert low == high
    bounds = Float64Enclosures().approx(_slopes(chart, found, curve.last, Float64Enclosures())[0])
    expected = float(low**3) * rise(problem, chart, q, here.eps, Fraction(1, 2**18))
    assert bounds[0] * 2 / len(problem) == pytest.approx(expected, rel=1e-4)


def test_both_slopes_are_weighed():
    """One ``κ`` is negative there: with the other weight, or none, the sum would have another sign."""
    problem, chart, _, places = case(NEAR_ZERO)
    limit, tiny = chart.objective(problem), np.full(len(places[0].q), 2.0**-60)
    curve = piece(chart, places[0], places[0])
    assert curve is not None
    found = derivatives(limit, chart, curve, exact(tiny), Float64Enclosures())
    assert found is not None
    assert found.ratios is not None
    sums = {}
    for ratio in (Fraction(1, 2), found.ratios[0], Fraction(2)):
        (value, _) = _slopes(chart, replace(found, ratios=(ratio, ratio)), False, Float64Enclosures())[0].mid
        sums[ratio] = value
    assert sums[Fraction(1, 2)] < 0 < sums[found.ratios[0]] < sums[Fraction(2)]


def test_the_limit_lies_in_the_last_box_or_not():
    _, verdict = channel_run()
    assert verdict.descent is not None
    assert verdict.object is not None
    assert verdict.object.box is not None
    assert verdict.object.chart is not None
    assert holds_limit(verdict.object.chart, verdict.descent, verdict.object.box)
    thin = replace(verdict.descent, radii=verdict.descent.radii * 2.0**-60)
    assert not holds_limit(verdict.object.chart, thin, verdict.object.box)


def as_proved(problem: Problem, chart: Chart, curve: Piece, ends: tuple[Place, Place], radii: Exact) -> bool:
    """Whether what a proof says is true at some corners of some boxes."""
    rng = np.random.default_rng(0)
    for t in (Fraction(1, 16), Fraction(1)) if curve.last else (Fraction(-1), Fraction(1)):
        for _ in range(2):
            q = sum(part * t**k for k, part in enumerate(curve.q)) + radii * exact(rng.choice([-1, 1], len(radii)))
            pairs = zip(*(place.eps for place in ends), strict=True)
            eps = tuple(e * t if curve.last else (e + g + (g - e) * t) / 2 for e, g in pairs)
            small = all_eps(chart, q, eps)
            if chart.balanced and small[-1] * small[-2] > 0:
                return False
            if min(smallest(problem, chart, q, eps)) <= 0:
                return False
    return True


@pytest.mark.parametrize("run", [TWO_MIRRORED, NEAR_ZERO])
def test_what_is_proved_of_random_pieces_is_true(run: int):
    """Off the floor, with other ``ε``, along long pieces and in wide boxes; many of these regions are wrong."""
    problem, chart, _, places = case(run)
    rng, told = np.random.default_rng(run), []
    for _ in range(14):
        base = places[rng.integers(len(places))]
        far, length, wide = (
            Fraction(1, 2 ** int(rng.integers(least, most))) for least, most in ((5, 14), (0, 5), (6, 24))
        )
        middle, way = (base.q + exact(rng.integers(-8, 9, len(base.q)) / 8) * size for size in (far, far * length))
        e = (base.eps[0] or places[-2].eps[0]) * Fraction(int(rng.integers(4, 10)), 8)
        start, end = Place(middle + way - base.q, (e,)), Place(middle - way + base.q, (e * rng.choice([0, 7]) / 8,))
        curve, radii = piece(chart, start, end), exact(np.full(len(base.q), float(wide / 16)))
        if curve is None:
            continue
        accepted = bowl(chart.objective(problem), chart, curve, radii.astype(float), Float64Enclosures())
        told.append((accepted, as_proved(problem, chart, curve, (start, end), radii)))
    assert (True, False) not in told
    assert {(True, True), (False, False)} <= set(told)


@RUNS
def test_wide_boxes_are_not_proved(run: int):
    problem, chart, descent, places = case(run)
    assert proved(problem, chart, *places[-2:], descent.radii[-1])
    assert not proved(problem, chart, *places[-2:], descent.radii[-1] * 2.0**14)


@RUNS
def test_where_the_loss_falls_with_epsilon_nothing_is_proved(run: int):
    """Labels on the other side of the limit network: the residuals, and every ``κ``, change their signs."""
    problem, chart, _, places = case(run)
    limit = chart.objective(problem)
    _, r = limit.outputs(places[-1].q.astype(float), Float64(), 0)
    labels = limit.data(Float64()).y + 2 * r
    turned = replace(problem, teacher=None, given_labels=labels)
    tiny = np.full(len(places[-1].q), 2.0**-60)
    assert proved(problem, chart, *places[-2:], tiny)
    assert not proved(turned, chart, *places[-2:], tiny)


@RUNS
def test_where_the_hessian_is_indefinite_nothing_is_proved(run: int):
    problem, chart, _, places = case(run)
    far = Place(places[-2].q + exact(np.linspace(-0.5, 0.5, len(places[-2].q))), places[-2].eps)
    assert smallest(problem, chart, far.q, far.eps)[0] < 0
    near = Place(far.q, tuple(e * Fraction(1023, 1024) for e in far.eps))
    assert not proved(problem, chart, far, near, np.full(len(far.q), 2.0**-60))


@pytest.mark.parametrize("kind", ["moved", "mirrored", "not covered", "together", "enormous", "minute"])
def test_no_region_is_found_where_there_is_none(kind: str):
    problem, chart, descent, places = case()
    theta = channel_points().theta()[0]
    if kind == "moved":
        theta = theta + np.linspace(-0.5, 0.5, len(theta))
    elif kind == "together":
        # equal incoming weights: ε u is 0
        first, second = (2 * i for i in descent.order[:2])
        theta[first : first + 2] = theta[second : second + 2]
    elif kind in ("enormous", "minute"):
        theta[8:] *= 1e200 if kind == "enormous" else 1e-200
    elif kind == "mirrored":
        chart = Chart(4, 2, (Group("mirrored", (0, 1)), Group("mirrored", (2, 3))))
    else:
        chart = Chart(4, 2, (Group("copies", (0, 1), 1), Group("pair", (2, 3))))
    found = trace_valley(problem, prepare(problem), chart, descent.order, places[-1].q, theta, arithmetic="auto")
    assert isinstance(found, Failure)


def test_where_the_floor_begins_at_neurons_that_are_together_nothing_is_searched():
    """``εu = 0``, and yet the loss is convex in ``q``: no length is there to cut into pieces."""
    problem = load_problem("thesis")
    w = (-0.15693106761722703, -0.15087679609514876)
    theta = np.array([*w, *w, -7.092803453283467, 2.271014521688237])
    chart, end = Chart(2, 2, (Group("pair", (0, 1)),)), exact(np.ones(5))
    found = trace_valley(problem, prepare(problem), chart, (0, 1), end, theta, arithmetic="auto")
    assert found == Failure("no-path")


@pytest.mark.parametrize("run", [TWO_MIRRORED, NEAR_ZERO])
def test_members_in_another_order_are_not_proved(run: int):
    """The neurons of two groups exchanged: that is no place near the limit."""
    problem, chart, descent, places = case(run)
    theta = channel_points(run).theta()[0]
    order = [descent.order[i] for i in (0, 2, 1, 3)]
    found = trace_valley(problem, prepare(problem), chart, order, places[-1].q, theta, arithmetic="auto")
    assert isinstance(found, Failure)


@RUNS
def test_the_start_of_the_region_is_the_saved_point(run: int):
    """The first piece begins where the point stands, not at the floor near it."""
    _, chart, descent, places = case(run)
    network: Network = chart.network(places[0].q, places[0].eps)
    saved = channel_points(run).network(0).permuted(descent.order)
    assert np.all(network.theta() == saved.theta())
