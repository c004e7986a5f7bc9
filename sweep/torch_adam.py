"""Adam for many students at once on any device: the steps of :mod:`sweep.adam` with the torch kernels."""

from __future__ import annotations

import numpy as np
import torch

from sweep.adam import AdamState
from sweep.kernels.pytorch import TorchKernels


def adam(
    on: TorchKernels, state: AdamState, steps: int, *, lr: float, betas: tuple[float, float], eps: float
) -> AdamState:
    """Make ``steps`` steps with every student of ``state``; see :func:`sweep.adam.adam` for the formulas.

    Students are worked off in batches of one size, so a student's numbers do not depend on the others.
    """
    first, rest = betas
    size = state.theta.shape[1]
    corrections = []
    decay = state.decay.copy()
    for _ in range(steps if len(decay) else 0):  # on the host, once for all students
        decay *= (first, rest)
        corrections.append((lr / (1.0 - decay[0, 0]), float(np.sqrt(1.0 - decay[0, 1]))))

    def all_steps(rows: torch.Tensor) -> tuple[torch.Tensor, ...]:
        theta, mean, square = (part.clone() for part in rows.split(size, dim=1))
        for rate, root in corrections:
            _, gradient = on.loss_gradient(theta)
            mean += (1.0 - first) * (gradient - mean)
            square.mul_(rest).add_((1.0 - rest) * (gradient * gradient))
            theta -= rate * (mean / (torch.sqrt(square) / root + eps))
        return theta, mean, square

    rows = on.tensor(np.concatenate([state.theta, state.first, state.second], axis=1))
    with torch.no_grad():
        theta, mean, square = (on.host(part) for part in on.in_batches(all_steps, rows))
    return AdamState(theta, mean, square, state.step + steps, decay)
