"""The search under Gaussian inputs."""

from __future__ import annotations

from pathlib import Path

import gaussian_cases as cases
import numpy as np
import pytest

from sweep.gaussian import approx_orders, descend, gradient_descent, loss_gradient, newton
from sweep.initialise import xavier_uniform
from sweep.points import read_points
from sweep.runs import run_chunk, settings_of, sweep
from symmetry.arithmetic import Float64
from symmetry.gaussian_relu import GaussianRelu
from symmetry.network import exact


def test_loss_and_gradient_are_those_of_the_formulas() -> None:
    rng = np.random.default_rng(0)
    teacher, w = rng.normal(size=(3, 4)), rng.normal(size=(5, 6, 4))
    loss, gradient = loss_gradient(teacher, w)
    objective = GaussianRelu(exact(teacher), 6)
    for b, point in enumerate(w):
        at = objective.evaluate(point.ravel(), Float64(), 1)
        assert abs(loss[b] - at.loss[0]) < 1e-12
        assert np.abs(gradient[b].ravel() - at.gradient).max() < 1e-14


def test_gradient_descent_finds_a_spurious_minimum() -> None:
    # of the Xavier starts of k = n = 7, seed 46 is the first that leads to one
    start = xavier_uniform(7, 7, 46)[:49].reshape(1, 7, 7)
    both = np.concatenate([start, xavier_uniform(7, 7, 0)[:49].reshape(1, 7, 7)])
    ends = gradient_descent(np.eye(7), both, rate=1 / 7, tolerance=1e-9, steps=100_000)
    loss = loss_gradient(np.eye(7), ends.w)[0]
    assert ends.converged.all()
    assert abs(loss[0] - 0.0232027) < 1e-6
    assert loss[1] < 1e-9
    # a run does not depend on the others
    alone = gradient_descent(np.eye(7), start, rate=1 / 7, tolerance=1e-9, steps=100_000)
    assert np.abs(alone.w[0] - ends.w[0]).max() < 1e-9


def test_descent_falls_and_ends_in_a_minimum_newton_anywhere() -> None:
    saddle = cases.point("saddle")
    objective = cases.problem(4).objective(4)
    assert newton(objective, saddle.ravel()) is not None
    kicked = saddle.ravel() + 1e-3 * np.random.default_rng(0).normal(size=16)
    end = descend(objective, kicked)
    value = objective.evaluate(end.theta, Float64(), 0).loss[0]
    assert value < objective.evaluate(saddle.ravel(), Float64(), 0).loss[0] - 1e-4
    assert end.moved > 0.01


@pytest.mark.parametrize("name", cases.SEEDS)
def test_orders_of_students_and_coordinates_are_found(name: str) -> None:
    rng, w = np.random.default_rng(1), cases.point(name)
    other = w[rng.permutation(len(w))][:, rng.permutation(len(w))] + 1e-8 * rng.normal(size=w.shape)
    orders = approx_orders(w, other)
    assert orders is not None
    assert np.abs(other[np.ix_(*orders)] - w).max() < 1e-6


def test_no_orders_between_different_points() -> None:
    assert approx_orders(cases.point("saddle"), cases.point("saddle-2")) is None
    # the same entries, differently arranged
    assert approx_orders(np.array([[1.0, 1.0], [0.0, 0.0]]), np.array([[1.0, 0.0], [0.0, 1.0]])) is None


@pytest.mark.parametrize(("optimizer", "options"), [("gd", {"steps": 500}), ("newton", {})])
def test_runs_are_shards_like_any_others(tmp_path: Path, optimizer: str, options: dict[str, int]) -> None:
    problem = cases.problem(3)
    settings = {"width": 4, "init": "xavier-uniform", "optimizer": optimizer, "options": options}
    paths = sweep(problem, seeds=range(3), out=tmp_path / "runs", chunk=2, **settings)
    assert len(paths) == 2
    points = read_points(tmp_path / "runs", dimension=3)
    assert points.w.shape == (3, 4, 3)
    assert (points.a == 1).all()
    again = run_chunk(problem, settings_of(problem, **settings), range(2, 3))
    assert np.array_equal(again.w, points.w[2:])


@pytest.mark.parametrize(
    "settings",
    [
        {"optimizer": "adam"},
        {"optimizer": "gd", "options": {"steps": 0}},
        {"optimizer": "gd", "options": {"betas": 1}},
        {"optimizer": "newton", "options": {"lr": 1}},
    ],
)
def test_settings_that_make_no_sense_are_refused(tmp_path: Path, settings: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="expected"):
        sweep(cases.problem(3), width=3, seeds=range(1), out=tmp_path, init="xavier-uniform", **settings)  # type: ignore[arg-type]
