"""Several outputs: the problem, the layout of parameters, and the loss as the mean of those of the outputs."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from output_cases import TEACHER, measured, taught

from symmetry.arithmetic import Float64
from symmetry.network import Layout, Network
from symmetry.objective import SquareLoss
from symmetry.outputs import MeanLoss, network_loss
from symmetry.problem import ProblemError, load_problem, parse_problem
from symmetry.strata import Target


def test_labels_of_several_columns(tmp_path: Path) -> None:
    (tmp_path / "d.csv").write_text("X,y1,y2\n1,2,3\n4,5,6\n7,8,9\n", "utf-8")
    text = 'activation = "sigmoid"\n[inputs]\nfile = "d.csv"\n[labels]\nfile = "d.csv"\n'
    problem = parse_problem(text, source="p.toml", folder=tmp_path)
    assert problem.outputs == 2
    assert problem.labels.tolist() == [[2, 3], [5, 6], [8, 9]]
    assert problem.of_output(1).labels.tolist() == [3, 6, 9]
    np.savez(tmp_path / "one.npz", y=np.array([[2.0], [5], [8]]))
    one = parse_problem(
        text.replace('labels]\nfile = "d.csv"', 'labels]\nfile = "one.npz"'), source="p", folder=tmp_path
    )
    assert one.outputs == 1
    assert one.labels.shape == (3,)
    np.savez(tmp_path / "two.npz", y=np.zeros((2, 2)))
    with pytest.raises(ProblemError, match=r"shape \(2, 2\)"):
        parse_problem(text.replace('labels]\nfile = "d.csv"', 'labels]\nfile = "two.npz"'), source="p", folder=tmp_path)


def test_a_teacher_of_several_outputs() -> None:
    problem = taught()
    assert problem.outputs == 2
    x, w = problem.inputs.values, np.array([[1.5, 0.5], [-0.5, 1]])
    expected = 1 / (1 + np.exp(-x @ w.T)) @ np.array([[1, -2], [0.5, 1]]).T
    assert np.allclose(problem.labels, expected, rtol=1e-14)
    assert [problem.of_output(o).teacher.a.tolist() for o in (0, 1)] == [[1, -2], [Fraction(1, 2), 1]]  # type: ignore[union-attr]
    row = parse_problem(TEACHER.replace("[[1, -2], [0.5, 1]]", "[[1, -2]]"), source="p", folder=None)
    flat = parse_problem(TEACHER.replace("[[1, -2], [0.5, 1]]", "[1, -2]"), source="p", folder=None)
    assert row.outputs == 1
    assert row.hash == flat.hash
    # a neuron that one output does not use is a neuron; one that none uses is not
    parse_problem(TEACHER.replace("[0.5, 1]", "[0, 1]", 1), source="p", folder=None)
    for wrong in ("[[1, 0], [0.5, 0]]", "[[1, -2], [0.5]]", "[[1, -2], 3]", "[]", "[[]]"):
        with pytest.raises(ProblemError, match=r"teacher\.a"):
            parse_problem(TEACHER.replace("[[1, -2], [0.5, 1]]", wrong), source="p", folder=None)


def test_hashes_tell_outputs_apart_and_leave_one_output_as_it_was() -> None:
    problem = measured()
    assert problem.given_labels is not None
    swapped = replace(problem, given_labels=problem.given_labels[:, [1, 0, 2]])
    hashes = {problem.hash, swapped.hash, *(problem.of_output(o).hash for o in range(3))}
    assert len(hashes) == 5
    assert "outputs" not in load_problem("thesis").describe()
    assert load_problem("thesis").hash == "7b9e7d649ea5e97db92a1ccd0e9df7c643ebc016c7caa9609d64b8f11d231751"
    assert taught().hash != replace(taught(), teacher=Network.of([[1.5, 0.5], [-0.5, 1]], [[0.5, 1], [1, -2]])).hash


@pytest.mark.parametrize("shape", [(18, 1), (17,), (17, 2), (18, 0), (18, 2, 2)])
def test_labels_of_another_shape_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ProblemError, match="labels have shape"):
        replace(measured(), given_labels=np.zeros(shape))


def test_parameters_lie_output_by_output() -> None:
    network = Network.of([[1, 2], [3, 4]], [[5, 6, 7], [8, 9, 10]])  # two outputs, with biases 7 and 10
    assert network.outputs == 2
    assert network.theta().tolist() == list(range(1, 11))
    assert Network.from_theta(range(1, 11), 2, 2).a.tolist() == network.a.tolist()
    swapped = network.permuted([1, 0])
    assert swapped.theta().tolist() == [3, 4, 1, 2, 6, 5, 7, 9, 8, 10]
    assert Layout.neurons(2, 2, bias=True, outputs=2).size == 10
    assert measured().network(np.zeros(2 * 3 + 3 * 3)).a.shape == (3, 3)


@pytest.mark.parametrize("width", [1, 3])
def test_the_loss_is_the_mean_over_inputs_and_outputs(width: int) -> None:
    problem = measured()
    objective = network_loss(problem, width)
    assert isinstance(objective, MeanLoss)
    theta = np.random.default_rng(width).normal(size=objective.size)
    w, a = theta[: 3 * width].reshape(width, 3), theta[3 * width :].reshape(3, -1)
    f = np.tanh(problem.inputs.values @ w.T) @ a[:, :width].T + a[:, width]
    expected = np.mean((f - problem.labels) ** 2) + float(problem.decay) * theta @ theta
    found = objective.evaluate(theta, Float64(), order=3)
    assert found.loss[0] == pytest.approx(expected, rel=1e-13)
    # derivatives by differences of the ones below
    h = 1e-6
    for j in range(objective.size):
        step = h * np.eye(objective.size)[j]
        low, high = (objective.evaluate(theta + s * step, Float64(), order=2) for s in (-1, 1))
        assert found.gradient[j] == pytest.approx((high.loss[0] - low.loss[0]) / (2 * h), abs=1e-8)
        assert found.hessian[j] == pytest.approx((high.gradient - low.gradient) / (2 * h), abs=1e-8)
        change = np.linalg.norm((high.hessian - low.hessian) / (2 * h), 2)
        assert change <= found.lipschitz[0] + 1e-6


def test_orders_leave_out_what_is_not_asked_for() -> None:
    objective = network_loss(measured(), 2)
    theta = np.ones(objective.size)
    evaluations = [objective.evaluate(theta, Float64(), order=order) for order in range(4)]
    assert [(e.gradient is None, e.hessian is None, e.lipschitz is None) for e in evaluations] == [
        (True, True, True),
        (False, True, True),
        (False, False, True),
        (False, False, False),
    ]
    assert len({float(e.loss[0]) for e in evaluations}) == 1


def test_what_is_for_one_output_refuses_more() -> None:
    with pytest.raises(ValueError, match="2 outputs, expected one"):
        SquareLoss.of_network(taught(), 2)
    with pytest.raises(ValueError, match="2 outputs, expected one"):
        Target.of(taught())
    assert isinstance(network_loss(load_problem("thesis"), 2), SquareLoss)
    assert not taught().has_charts
    assert not taught().has_strata
    assert taught().realizable(2)
    assert not taught().realizable(1)
