"""Grouping approximate points that seem to be one point up to a permutation of the neurons."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

_CLOSE = 1e-5


def approx_groups(theta: NDArray[np.float64], width: int) -> list[list[int]]:
    """Indices of points (n, P) that agree within ``1e-5 (1 + ‖θ‖)`` after a permutation of their neurons.

    A proposal only. Every group is a list in increasing order, compared with its first member; groups come in order
    of their first members.
    """
    n, p = theta.shape
    d = p // width - 1
    neurons = np.concatenate([theta[:, : width * d].reshape(n, width, d), theta[:, width * d :, None]], axis=2)
    # permutation-invariant: points of one group have close power sums
    invariant = np.concatenate([neurons.sum(axis=1), (neurons**2).sum(axis=1)], axis=1)
    scale = 1 + np.linalg.norm(theta, axis=1)
    groups: list[list[int]] = []
    firsts = np.empty((0, invariant.shape[1]))
    for i in range(n):
        tolerance = _CLOSE * scale[i]
        near = np.flatnonzero(np.abs(firsts - invariant[i]).max(axis=1) <= 4 * tolerance * scale[i]) if groups else []
        for g in near:
            first = groups[g][0]
            cost = np.linalg.norm(neurons[i][:, None] - neurons[first][None], axis=2)
            rows, columns = linear_sum_assignment(cost)
            if np.linalg.norm(cost[rows, columns]) <= tolerance:
                groups[g].append(i)
                break
        else:
            groups.append([i])
            firsts = np.concatenate([firsts, invariant[i][None]])
    return groups
