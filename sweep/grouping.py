"""Grouping approximate points that seem to be one point up to a permutation of their units (neurons, say)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

Floats = NDArray[np.float64]
Units = Sequence[tuple[str, Floats]]
"""A point as units: a kind, and coordinates. Permutations move units onto units of the same kind."""

_CLOSE = 1e-5


def neurons(theta: NDArray[Any], width: int, dimension: int, outputs: int = 1) -> Units:
    """A vector (P,) as ``width`` neurons with coordinates ``(w_i, a_i)``, and the output bias if there is one.

    With several outputs ``a_i`` and the bias have as many coordinates.
    """
    rows = [("neuron", row) for row in _rows(theta, width, dimension, outputs)]
    outer = theta[width * dimension :].reshape(outputs, -1)[:, width:].ravel().astype(np.float64)
    return [*rows, *([("bias", outer)] if outer.size else [])]


def approx_groups(points: Sequence[Units]) -> list[list[int]]:
    """Indices of points that agree within ``1e-5 (1 + ‖point‖)`` after a permutation of their units.

    A proposal only. Every group is a list in increasing order, compared with its first member; groups come in order
    of their first members.
    """
    groups: list[list[int]] = []
    firsts: dict[tuple[str, ...], tuple[list[int], list[Floats]]] = {}
    for i, point in enumerate(points):
        kinds = tuple(sorted(kind for kind, _ in point))
        places, invariants = firsts.setdefault(kinds, ([], []))
        invariant = _invariant(point)
        tolerance = _CLOSE * (1 + float(np.sqrt(sum(float(v @ v) for _, v in point))))
        near: Sequence[int] = []
        if places:
            near = np.flatnonzero(np.abs(np.array(invariants) - invariant).max(axis=1) <= 8 * tolerance).tolist()
        for k in near:
            if _distance(point, points[groups[places[k]][0]]) <= tolerance:
                groups[places[k]].append(i)
                break
        else:
            places.append(len(groups))
            invariants.append(invariant)
            groups.append([i])
    return groups


def approx_permutation(
    theta: NDArray[Any], reference: NDArray[Any], width: int, dimension: int, outputs: int = 1
) -> tuple[int, ...]:
    """The permutation ``p`` for which neuron ``p[i]`` of ``theta`` (P,) is nearest to neuron ``i`` of ``reference``."""
    cost = _costs(_rows(reference, width, dimension, outputs), _rows(theta, width, dimension, outputs))
    return tuple(int(column) for column in linear_sum_assignment(cost)[1])


def _rows(theta: NDArray[Any], width: int, dimension: int, outputs: int) -> Floats:
    split = width * dimension
    values = theta.astype(np.float64)
    a = values[split:].reshape(outputs, -1)[:, :width]
    return np.column_stack([values[:split].reshape(width, -1), a.T])


def _stacks(point: Units) -> list[Floats]:
    """The units of each kind, by kind, as rows."""
    kinds = sorted({kind for kind, _ in point})
    return [np.array([v for kind, v in point if kind == wanted]) for wanted in kinds]


def _invariant(point: Units) -> Floats:
    """Sums over the units of each kind: equal for permuted points, Lipschitz with constant √m ≤ 8."""
    return np.concatenate([stack.sum(axis=0) for stack in _stacks(point)])


def _distance(left: Units, right: Units) -> float:
    square = 0.0
    for a, b in zip(_stacks(left), _stacks(right), strict=True):
        cost = _costs(a, b) ** 2
        square += float(cost[linear_sum_assignment(cost)].sum())
    return float(np.sqrt(square))


def _costs(left: Floats, right: Floats) -> Floats:
    distances: Floats = np.linalg.norm(left[:, None] - right[None], axis=2)
    return distances
