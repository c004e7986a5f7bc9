"""The loss of Safran & Shamir: against its definition, automatic differentiation and finite differences."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from symmetry.arithmetic import Float64
from symmetry.gaussian_relu import GaussianRelu
from symmetry.network import exact

SIZES = [(1, 1, 2), (3, 2, 3), (2, 4, 4), (4, 4, 5)]


def draw(n: int, k: int, d: int, seed: int = 0) -> tuple[Any, Any]:
    """Students (n, d) and teachers (k, d)."""
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, d)), rng.normal(size=(k, d))


def kernel_of_rows(w: torch.Tensor, v: torch.Tensor) -> torch.Tensor:
    """``f`` of each row of ``w`` with the same row of ``v``."""
    norms = w.norm(dim=1) * v.norm(dim=1)
    t = torch.acos(torch.clamp((w * v).sum(dim=1) / norms, -1, 1))
    return norms * (torch.sin(t) + (torch.pi - t) * torch.cos(t)) / (2 * torch.pi)


def kernel(w: torch.Tensor, v: torch.Tensor) -> torch.Tensor:
    """``f`` of all pairs of rows."""
    return kernel_of_rows(w.repeat_interleave(len(v), 0), v.repeat(len(w), 1))


def reference(theta: torch.Tensor, v: torch.Tensor) -> torch.Tensor:
    """``F``, with ``f(w, w) = ‖w‖²/2`` where the angle is 0 by definition (its derivative is not by autograd)."""
    w = theta.reshape(-1, v.shape[1])
    i, j = torch.triu_indices(len(w), len(w), 1)
    own = kernel_of_rows(w[i], w[j]).sum() + (w * w).sum() / 4
    return own - kernel(w, v).sum() + kernel(v, v).sum() / 2


@pytest.mark.parametrize("size", SIZES)
def test_value_gradient_and_hessian_agree_with_autograd(size: tuple[int, int, int]) -> None:
    w, v = draw(*size)
    at = GaussianRelu(exact(v), size[0]).evaluate(w.ravel(), Float64(), 2)
    theta, teacher = torch.tensor(w.ravel()), torch.tensor(v)

    def value(x: torch.Tensor) -> torch.Tensor:
        return reference(x, teacher)

    assert at.loss[0] == pytest.approx(value(theta).item(), rel=1e-13)
    assert at.gradient == pytest.approx(torch.autograd.functional.jacobian(value, theta).numpy(), abs=1e-13)
    assert at.hessian == pytest.approx(torch.autograd.functional.hessian(value, theta).numpy(), abs=1e-12)


def test_the_value_is_the_mean_over_gaussian_inputs() -> None:
    w, v = draw(3, 2, 3)
    x = np.random.default_rng(1).normal(size=(400_000, 3))
    r = np.maximum(x @ w.T, 0).sum(axis=1) - np.maximum(x @ v.T, 0).sum(axis=1)
    value = GaussianRelu(exact(v), 3).evaluate(w.ravel(), Float64(), 0).loss[0]
    assert abs(value - (r * r).mean() / 2) < 5 * (r * r / 2).std() / np.sqrt(len(x))


def test_the_loss_of_the_teacher_is_zero_and_it_is_invariant_under_permutations() -> None:
    w, v = draw(3, 3, 4)
    objective = GaussianRelu(exact(v), 3)
    shuffled = w[[2, 0, 1]]
    assert objective.evaluate(v.ravel(), Float64(), 0).loss[0] == pytest.approx(0, abs=1e-14)
    values = [objective.evaluate(x.ravel(), Float64(), 0).loss[0] for x in (w, shuffled)]
    assert values[0] == pytest.approx(values[1], rel=1e-13)


@pytest.mark.parametrize("seed", range(20))
def test_third_differences_stay_below_the_lipschitz_bound_and_reach_a_good_part_of_it(seed: int) -> None:
    rng = np.random.default_rng(seed)
    n, k, d = (int(rng.integers(*ends)) for ends in ((1, 5), (1, 4), (2, 5)))
    w, v = draw(n, k, d, seed)
    objective = GaussianRelu(exact(v), n)
    bound = float(objective.evaluate(w.ravel(), Float64(), 3).lipschitz[0])
    found = [_third(objective, w.ravel(), rng.normal(size=n * d)) for _ in range(10)]
    assert max(found) <= bound * (1 + 1e-6)


def test_the_lipschitz_bound_is_nearly_attained() -> None:
    # one student and one teacher in the plane: by the proof of Theorem 4 with α² = 1/4, β² = 3/4 and s : c = √3 : 1
    w, v = np.array([[1.0, 0.0]]), np.array([[0.5, np.sqrt(0.75)]])
    objective = GaussianRelu(exact(v), 1)
    bound = float(objective.evaluate(w.ravel(), Float64(), 3).lipschitz[0])
    angles = np.linspace(0, np.pi, 721)
    best = max(_third(objective, w.ravel(), np.array([np.cos(phi), np.sin(phi)])) for phi in angles)
    assert 0.95 * bound < best <= bound * (1 + 1e-6)


def _third(objective: GaussianRelu, theta: Any, u: Any) -> float:
    """``|D³F[u, u, u]|`` for ``u/‖u‖`` by central differences of the Hessian."""
    u, h = u / np.linalg.norm(u), 1e-5
    ahead, behind = (objective.evaluate(theta + t * u, Float64(), 2).hessian for t in (h, -h))
    return float(abs(u @ (ahead - behind) @ u) / (2 * h))
