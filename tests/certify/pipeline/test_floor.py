"""Regions about the floor of a channel: what is proved is true, and what is false is not proved."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest
from channel_run import channel_points, channel_run

from certify.arithmetic.midrad import Float64Enclosures
from certify.pipeline.floor import holds_limit, trace_valley
from certify.proofs.path import Descent, first_place
from certify.proofs.proof import Failure, Proof
from certify.proofs.valley import bowl
from certify.proofs.verdict import Relation
from symmetry.arithmetic import Float64
from symmetry.charts import Chart, Group
from symmetry.network import Exact, Network, exact
from symmetry.objective import SquareLoss
from symmetry.problem import Problem
from symmetry.release import Place, piece


def case() -> tuple[Problem, Chart, Descent, list[Place]]:
    """The run's chart, its region, and the places along it, the saved point's first."""
    problem, verdict = channel_run()
    found, descent = verdict.object, verdict.descent
    assert found is not None
    assert found.chart is not None
    assert descent is not None
    saved = channel_points().network(0).permuted(descent.order)
    size = found.chart.objective(problem).size
    after = [Place(row[:size], tuple(row[size:].tolist())) for row in descent.places]
    return problem, found.chart, descent, [first_place(found.chart, saved)[1], *after]


def proved(problem: Problem, chart: Chart, start: Place, end: Place, radii: np.ndarray) -> bool:
    curve = piece(chart, start, end)
    assert curve is not None
    return bowl(chart.objective(problem), chart, curve, radii, Float64Enclosures())


def smallest(problem: Problem, chart: Chart, q: Exact, eps: tuple[Fraction, ...]) -> tuple[float, float]:
    """The smallest eigenvalue of ``F_qq``, and a difference quotient of ``F`` in ``ε²``, of the finite network."""
    objective = SquareLoss.of_network(problem, chart.width)
    network = chart.network(q, eps)
    unit = [exact(np.eye(len(q))[k]) for k in range(len(q))]
    matrix = np.array([(chart.network(q + e, eps).theta() - network.theta()).astype(float) for e in unit]).T
    hessian = objective.evaluate(network.theta().astype(float), Float64(), 2).hessian
    more = tuple(e * Fraction(101, 100) for e in eps)
    losses = [objective.evaluate(chart.network(q, e).theta().astype(float), Float64(), 0).loss[0] for e in (eps, more)]
    rise = float(losses[1] - losses[0]) / float(more[0] ** 2 - eps[0] ** 2)
    return float(np.linalg.eigvalsh(matrix.T @ hessian @ matrix)[0]), rise


def test_the_saved_point_is_contained():
    _, verdict = channel_run()
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


def test_sampled_networks_of_the_region_are_as_proved():
    problem, chart, descent, places = case()
    rng = np.random.default_rng(0)
    for (start, end), radii in zip(pairwise(places), descent.radii, strict=True):
        curve = piece(chart, start, end)
        assert curve is not None
        for t in (Fraction(1, 2), Fraction(1)) if curve.last else (Fraction(-1), Fraction(0), Fraction(1)):
            delta = exact(radii * rng.choice([-1, 1], len(radii)))
            q = sum(part * t**k for k, part in enumerate(curve.q)) + delta
            eps = tuple(line[0] + line[1] * t for line, _ in curve.eps)
            eigenvalue, rise = smallest(problem, chart, q, eps)
            assert eigenvalue > 0
            assert rise > 0


def test_the_limit_lies_in_the_last_box_or_not():
    _, verdict = channel_run()
    assert verdict.descent is not None
    assert verdict.object is not None
    assert verdict.object.box is not None
    assert holds_limit(verdict.descent, verdict.object.box)
    thin = replace(verdict.descent, radii=verdict.descent.radii * 2.0**-60)
    assert not holds_limit(thin, verdict.object.box)


def test_wide_boxes_are_not_proved():
    problem, chart, descent, places = case()
    assert proved(problem, chart, *places[-2:], descent.radii[-1])
    assert not proved(problem, chart, *places[-2:], descent.radii[-1] * 2.0**14)


def test_where_the_loss_falls_with_epsilon_nothing_is_proved():
    """Labels on the other side of the limit network: the residuals, and every ``κ``, change their signs."""
    problem, chart, _, places = case()
    limit = chart.objective(problem)
    _, r = limit.outputs(places[-1].q.astype(float), Float64(), 0)
    labels = limit.data(Float64()).y + 2 * r
    turned = replace(problem, teacher=None, given_labels=labels)
    tiny = np.full(len(places[-1].q), 2.0**-60)
    assert proved(problem, chart, *places[-2:], tiny)
    assert not proved(turned, chart, *places[-2:], tiny)


def test_where_the_hessian_is_indefinite_nothing_is_proved():
    problem, chart, _, places = case()
    far = Place(places[-2].q + exact(np.linspace(-0.5, 0.5, len(places[-2].q))), places[-2].eps)
    assert smallest(problem, chart, far.q, far.eps)[0] < 0
    near = Place(far.q, tuple(e * Fraction(1023, 1024) for e in far.eps))
    assert not proved(problem, chart, far, near, np.full(len(far.q), 2.0**-60))


@pytest.mark.parametrize("kind", ["moved", "mirrored"])
def test_no_region_is_found_where_there_is_none(kind: str):
    problem, chart, descent, places = case()
    theta = channel_points().theta()[0]
    if kind == "moved":
        theta = theta + np.linspace(-0.5, 0.5, len(theta))
    else:
        chart = Chart(4, 2, (Group("mirrored", (0, 1)), Group("mirrored", (2, 3))))
    found = trace_valley(problem, chart, descent.order, places[-1].q, theta, arithmetic="auto")
    assert isinstance(found, Failure)


def test_the_start_of_the_region_is_the_saved_point():
    """The first piece begins where the point stands, not at the floor near it."""
    _, chart, descent, places = case()
    network: Network = chart.network(places[0].q, places[0].eps)
    saved = channel_points().network(0).permuted(descent.order)
    assert np.all(network.theta() == saved.theta())
