"""Grouping approximate points that seem to be one point up to a permutation of the neurons."""

from __future__ import annotations

from typing import Any

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
    neurons = np.array([_neurons(row, width) for row in theta]).reshape(n, width, p // width)
    # permutation-invariant: points of one group have close power sums
    invariant = np.concatenate([neurons.sum(axis=1), (neurons**2).sum(axis=1)], axis=1)
    scale = 1 + np.linalg.norm(theta, axis=1)
    groups: list[list[int]] = []
    firsts: NDArray[np.float64] = np.empty((0, invariant.shape[1]))
    for i in range(n):
        tolerance = _CLOSE * scale[i]
        near: NDArray[np.intp] = np.flatnonzero(np.abs(firsts - invariant[i]).max(axis=1) <= 4 * tolerance * scale[i])
        for g in near:
            first = groups[g][0]
            cost = _costs(neurons[i], neurons[first])
            rows, columns = linear_sum_assignment(cost)
            if np.linalg.norm(cost[rows, columns]) <= tolerance:
                groups[g].append(i)
                break
        else:
            groups.append([i])
            firsts = np.concatenate([firsts, invariant[i][None]])
    return groups


def approx_permutation(theta: NDArray[Any], reference: NDArray[Any], width: int) -> tuple[int, ...]:
    """The permutation ``p`` for which neuron ``p[i]`` of ``theta`` (P,) is nearest to neuron ``i`` of ``reference``."""
    cost = _costs(_neurons(reference, width), _neurons(theta, width))
    return tuple(int(column) for column in linear_sum_assignment(cost)[1])


def _neurons(theta: NDArray[Any], width: int) -> NDArray[np.float64]:
    """Incoming and outgoing weights side by side, (width, d + 1)."""
    split = theta.size - width
    values = theta.astype(np.float64)
    return np.concatenate([values[:split].reshape(width, -1), values[split:, None]], axis=1)


def _costs(left: NDArray[np.float64], right: NDArray[np.float64]) -> NDArray[np.float64]:
    distances: NDArray[np.float64] = np.linalg.norm(left[:, None] - right[None], axis=2)
    return distances
