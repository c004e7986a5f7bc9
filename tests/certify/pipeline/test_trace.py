"""The search for paths in charts, on shipped runs."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from certify.checker.run import check
from certify.pipeline.classification import classify_points
from certify.pipeline.locate import locate
from certify.pipeline.trace import trace_to_limit
from certify.proofs.path import first_place
from certify.proofs.proof import Failure
from certify.proofs.verdict import Relation
from certify.proofs.zero import label_texts, match_global_minimum
from certify.results.store import describe_run, write_results
from sweep.kernels.compiled import prepare
from sweep.points import read_points
from symmetry.arithmetic import Float64
from symmetry.infinity.charts import Group, chart_of
from symmetry.matching import verify_equal_output
from symmetry.network import Network, exact
from symmetry.objective import SquareLoss
from symmetry.problem import load_problem


@pytest.mark.parametrize("run", [323, 482])
def test_a_run_beside_the_floor_of_its_channel_comes_to_it_in_finite_networks(run: int) -> None:
    """From where these stopped, in a pair and in a split, no way leads downhill in the chart at once."""
    problem = load_problem("thesis")
    points = read_points("data/adam/width5", dimension=2).take([run])
    (verdict,) = classify_points(problem, points, max_bits=106).verdicts
    assert verdict.relation is Relation.PATH
    found, descent = verdict.object, verdict.descent
    assert found is not None
    assert found.chart is not None
    assert descent is not None
    assert len(descent.vertices)
    objective = SquareLoss.of_network(problem, 5)
    theta = [points.theta()[0], *(v.astype(np.float64) for v in descent.vertices)]
    losses = [objective.evaluate(v, Float64(), 0).loss[0] for v in theta]
    entered = Network.from_theta(descent.vertices[-1], 2).permuted(descent.order)
    size, chart = len(descent.places[0]) - 1, found.chart
    # the loss of a narrower network is that of the one whose copies have come together
    losses.append(objective.evaluate(first_place(chart, entered)[0].astype(np.float64), Float64(), 0).loss[0])
    if not chart.shared:
        for place in descent.places[:-1]:
            network = chart.network(place[:size], tuple(place[size:]))
            losses.append(objective.evaluate(network.theta().astype(np.float64), Float64(), 0).loss[0])
    losses.append(chart.objective(problem).evaluate(descent.places[-1][:size].astype(np.float64), Float64(), 0).loss[0])
    assert all(later < earlier * (1 + 1e-13) for earlier, later in pairwise(losses))


def test_a_path_that_ends_on_another_stratum_belongs_to_that_one(tmp_path: Path) -> None:
    """The polish leaves a fifth neuron without output; the path ends where it is a copy of a teacher's, with output."""
    problem = load_problem("thesis")
    points = read_points("data/adam/width5", dimension=2).take([374, 792])
    answer = classify_points(problem, points, max_bits=106)
    polished = locate(problem, prepare(problem), points.theta()[0], 5, "auto", polishing=True)
    assert "D1" in match_global_minimum(problem, Network.from_theta(polished.theta, 2)).stratum.name
    for index, verdict in enumerate(answer.verdicts):
        assert verdict.relation is Relation.PATH
        assert verdict.object.id in [found.id for found in answer.objects]
        stratum = match_global_minimum(problem, verdict.witness).stratum
        assert stratum.name == verdict.object.stratum
        assert "D" not in stratum.name
        assert verdict.labels == label_texts(stratum)
        assert stratum.contains(verdict.witness)
        assert verify_equal_output(problem, verdict.witness)
        assert float(np.linalg.norm((verdict.witness.theta() - points.network(index).theta()).astype(float))) > 0.1
    run = describe_run(problem, points, {})
    write_results(tmp_path / "out", run, problem, points, answer.verdicts, answer.objects)
    outcome = check(tmp_path / "out", problem=None, arithmetic="integer", jobs=1, budget=600)
    assert (outcome.rejected, outcome.unreadable) == ([], [])


@pytest.mark.parametrize("outputs", [(1e-200, -5e-201, 1e150), (1e308, -1e308, 1.0), (5e-324, 0.0, 1.0)])
def test_a_run_of_numbers_beyond_float64_has_no_path_and_stops_nothing(outputs: tuple[float, ...]) -> None:
    problem = load_problem("thesis")
    chart = chart_of(3, 2, [Group("mirrored", (0, 1)), Group("zero", (2,))])
    w = np.array([[0.5, 0.25], [0.75, -0.5], [0.125, 0.25]])
    path = [np.concatenate([w.ravel() * scale, outputs]) for scale in (1.0, 0.5)]
    size = chart.objective(problem).size
    end, radius = exact(np.ones(size)), np.full(size, 2.0**-20)
    found = trace_to_limit(
        problem, prepare(problem), path, chart, (0, 1, 2), end, radius, arithmetic="auto", max_bits=53
    )
    assert found == Failure("no-path")
