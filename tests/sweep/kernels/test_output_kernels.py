"""Kernels and residuals of several outputs against PyTorch's autograd and ``nn.MSELoss``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from output_cases import ends, measured, taught

from sweep.initialise import starts
from sweep.kernels import autograd
from sweep.kernels.compiled import loss_gradient, loss_gradient_hessian, prepare
from sweep.optimisers import optimise
from sweep.points import points_from_module, read_points
from sweep.polishing.gauss_newton import OutputResiduals, residuals_of
from sweep.polishing.polish import label_size, polish
from sweep.record import Recorder
from sweep.runs import run_chunk, settings_of
from sweep.shards import read_shards
from symmetry.problem import Problem


def mse(problem: Problem, theta: torch.Tensor, width: int) -> torch.Tensor:
    """``nn.MSELoss()`` of a plain module's outputs, and decay."""
    x, y, split = torch.tensor(problem.inputs.values), torch.tensor(problem.labels), width * problem.dimension
    w, a = theta[:split].reshape(width, -1), theta[split:].reshape(problem.outputs, -1)
    f = torch.tanh(x @ w.T) @ a[:, :width].T + a[:, width]
    return torch.nn.MSELoss()(f, y) + float(problem.decay) * (theta * theta).sum()


def test_with_biases_and_decay() -> None:
    problem, width = measured(), 2
    data = prepare(problem)
    theta = np.random.default_rng(0).normal(size=(3, data.size(width)))
    loss, gradient, hessian = loss_gradient_hessian(data, theta, width)
    again, first = loss_gradient(data, theta, width)
    assert np.array_equal(loss, again)
    assert np.array_equal(gradient, first)
    for s, row in enumerate(torch.tensor(theta)):

        def of(point: torch.Tensor) -> torch.Tensor:
            return mse(problem, point, width)

        assert loss[s] == pytest.approx(of(row).item(), rel=1e-14)
        assert np.allclose(gradient[s], torch.autograd.functional.jacobian(of, row), rtol=1e-12, atol=1e-14)
        assert np.allclose(hessian[s], torch.autograd.functional.hessian(of, row), rtol=1e-12, atol=1e-14)


def test_the_compiled_kernels_of_each_output_are_used() -> None:
    problem, width = taught(), 3
    data = prepare(problem)
    assert not data.compiled
    assert all(part.compiled for part in data.parts)
    theta = np.random.default_rng(1).normal(size=(2, data.size(width)))
    for found, expected in zip(
        loss_gradient_hessian(data, theta, width), autograd.loss_gradient_hessian(problem, theta, width), strict=True
    ):
        assert np.allclose(found, expected, rtol=1e-12, atol=1e-14)


def test_swapped_outputs_have_another_loss() -> None:
    data, theta = prepare(measured()), ends(measured(), 2)[:1]
    inner = 2 * measured().dimension
    swapped = theta.copy()
    swapped[:, inner : inner + 3], swapped[:, inner + 3 : inner + 6] = (
        theta[:, inner + 3 : inner + 6],
        theta[:, inner : inner + 3],
    )
    assert loss_gradient(data, swapped, 2)[0] > 1.1 * loss_gradient(data, theta, 2)[0]


@pytest.mark.parametrize("problem", [taught(), measured()], ids=lambda p: p.name)
def test_residuals_are_those_of_the_loss(problem: Problem) -> None:
    data, width = prepare(problem), 2
    residuals = residuals_of(data, width)
    assert isinstance(residuals, OutputResiduals)
    theta = np.random.default_rng(4).normal(size=data.size(width))
    r, jacobian = residuals.linearise(theta)
    assert np.array_equal(r, residuals.residual(theta))
    loss, gradient = loss_gradient(data, theta[None], width)
    decay = float(problem.decay)
    assert r @ r == pytest.approx(loss[0] - decay * theta @ theta, rel=1e-12)
    assert np.allclose(2 * jacobian.T @ r, gradient[0] - 2 * decay * theta, rtol=1e-10, atol=1e-13)
    assert np.all(residuals.absolute_terms(theta) >= 0)


def test_the_size_of_the_labels() -> None:
    assert label_size(prepare(measured())) == pytest.approx(np.sqrt(np.mean(measured().labels ** 2)), rel=1e-12)
    assert label_size(prepare(taught())) == pytest.approx(np.sqrt(np.mean(taught().labels ** 2)), rel=1e-12)


def test_a_polish_reaches_the_teacher() -> None:
    theta = np.array([1.5, 0.5, -0.5, 1, 1, -2, 0.5, 1]) + 0.01 * np.random.default_rng(0).normal(size=8)
    end = polish(prepare(taught()), theta, 2)
    assert end.stop_reason == "converged"
    assert end.loss < 1e-30


@pytest.mark.parametrize("init", ["torch-seed", "xavier-uniform"])
def test_starts(init: str) -> None:
    found = starts(init, 5, 3, [7], outputs=2)[0]
    assert len(found) == 5 * (3 + 2)
    bounds = np.sqrt(6 / np.repeat([3 + 5, 5 + 2], [15, 10]))
    assert np.all(np.abs(found) <= bounds)
    assert np.abs(found / bounds).max() > 0.9
    if init == "torch-seed":
        torch.manual_seed(7)
        layers = [torch.nn.Linear(3, 5, bias=False).double(), torch.nn.Linear(5, 2, bias=False).double()]
        for layer in layers:
            torch.nn.init.xavier_uniform_(layer.weight)
        assert np.array_equal(found, np.concatenate([layer.weight.detach().numpy().ravel() for layer in layers]))


def test_runs_start_with_output_biases_of_0() -> None:
    settings = settings_of(measured(), width=2, init="xavier-uniform", optimizer="newton")
    runs = run_chunk(measured(), settings, range(3))
    assert runs.start.shape == (3, 2 * 3 + 3 * 3)
    assert np.array_equal(runs.start[:, [8, 11, 14]], np.zeros((3, 3)))
    plain = starts("xavier-uniform", 2, 3, range(3), outputs=3)
    assert np.array_equal(runs.start[:, [0, 1, 2, 3, 4, 5, 6, 7, 9, 10, 12, 13]], plain)
    assert np.all(runs.gradient_norm < 1e-12)


def test_a_loop_of_ones_own_is_recorded(tmp_path: Path) -> None:
    module = torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.Tanh(), torch.nn.Linear(3, 3)).double()
    with Recorder(measured(), width=3, out=tmp_path, optimizer="mine", options={}) as record:
        record.start(0, module)
        record.stop(steps=1)
    expected = points_from_module(module, 3)
    points = read_points(tmp_path, dimension=3, bias=True, outputs=3)
    assert np.array_equal(points.theta(), expected.theta())
    assert np.array_equal(points.a, expected.a)
    assert read_shards(tmp_path).loss == pytest.approx(mse(measured(), torch.tensor(expected.theta()[0]), 3).item())


@pytest.mark.parametrize("options", [{}, {"device": "cpu"}])
def test_what_is_compiled_says_that_it_is_for_one_output(options: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="of one output"):
        optimise("newton" if options else "adam", prepare(taught()), np.zeros((1, 8)), 2, options)
