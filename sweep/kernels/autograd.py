"""The slow reference for the kernels: the loss as it is defined, differentiated by PyTorch's autograd.

For tests and for trying out activations; nothing is folded or shared, and every student is done for itself.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from sweep.kernels.compiled import Floats
from symmetry.problem import Problem

_ACTIVATIONS = {"sigmoid": torch.sigmoid}


def mean_squared_error(problem: Problem, theta: Any, width: int) -> Any:
    """``L = (1/N) Σ_n (Σ_i a_i σ(w_i·x_n) − y_n)²`` at a tensor ``theta`` (P,); of several outputs the mean.

    Raises:
        ValueError: the activation is none of PyTorch's known here.
    """
    name, split = problem.activation.name, width * problem.dimension
    if name not in _ACTIVATIONS:
        raise ValueError(f"no reference for activation {name!r}, expected one of: {', '.join(_ACTIVATIONS)}")
    x = torch.as_tensor(problem.inputs.values, device=theta.device)
    y = torch.as_tensor(problem.labels, device=theta.device)
    w, a = theta[:split].reshape(width, -1), theta[split:].reshape(problem.outputs, width)
    return torch.mean((_ACTIVATIONS[name](x @ w.T) @ a.T - y.reshape(len(y), -1)) ** 2)


def loss_gradient_hessian(
    problem: Problem, theta: Floats, width: int, device: str = "cpu"
) -> tuple[Floats, Floats, Floats]:
    """Loss (n,), gradient (n, P) and Hessian (n, P, P) at ``theta`` (n, P), by autograd in float64.

    Raises:
        ValueError: the activation is none of PyTorch's known here.
    """

    def loss(point: Any) -> Any:
        return mean_squared_error(problem, point, width)

    n, size = theta.shape
    values, gradients, hessians = np.empty(n), np.empty((n, size)), np.empty((n, size, size))
    for s, row in enumerate(torch.tensor(theta, dtype=torch.float64, device=device)):
        values[s] = loss(row).item()
        gradients[s] = torch.autograd.functional.jacobian(loss, row).cpu().numpy()
        hessians[s] = torch.autograd.functional.hessian(loss, row).cpu().numpy()
    return values, gradients, hessians
