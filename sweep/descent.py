"""A polyline of few vertices along which the loss falls, from the path of a polish; approximate.

A polish lowers the loss from vertex to vertex, but steps overshoot: on the way between two vertices the loss may rise.
Here vertices are left out while the straight line between those that stay goes downhill all along, and where no line
to a later vertex does, short trust-region steps are taken instead: small enough ones go downhill.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from sweep.kernels import KernelData, loss_gradient, loss_gradient_hessian
from sweep.newton import Model
from symmetry.arithmetic import Float64
from symmetry.lines import slopes
from symmetry.objective import SquareLoss

Floats = NDArray[np.float64]

_UNIT = 2.0**40
"""Vertices are multiples of its reciprocal: short numbers."""

_AHEAD = 4
_STEPS = 40
_HALVINGS = 12


class Slope:
    """Whether the loss falls along straight lines of networks; approximate.

    Args:
        objective: of the networks.
        data: the same problem, prepared for the kernels.
        width: the number of neurons.
    """

    def __init__(self, objective: SquareLoss, data: KernelData, width: int):
        self.objective, self.data, self.width = objective, data, width

    def falls(self, start: Floats, end: Floats) -> bool:
        """Whether the loss falls all along from ``start`` to ``end`` (P,)."""
        step = end - start
        _, gradients = loss_gradient(self.data, np.array([start, end]), self.width)
        if not np.all(gradients @ step < 0):
            return False
        line = self.objective.along([(start + end) / 2, step / 2], Float64())
        return bool(np.all(slopes(line, Float64()) < 0))

    def step(self, start: Floats, radius: float) -> Floats | None:
        """A point downhill of ``start``, at most ``radius`` away; ``None`` where there is none to be found."""
        _, gradient, hessian = loss_gradient_hessian(self.data, start[None], self.width)
        if not np.isfinite(hessian).all():
            return None
        model = Model.of(gradient[0], hessian[0])
        for _ in range(_HALVINGS):
            step, nu = model.trust_region_step(radius)
            # short of the model's minimum the slope keeps its sign
            end = short(start + model.vectors @ step * (1.0 if nu > 0 else 0.9))
            if self.falls(start, end):
                return end
            radius = 0.25 * min(radius, float(np.linalg.norm(step)))
        return None


def short(theta: Floats) -> Floats:
    """The nearest short numbers."""
    return np.asarray(np.rint(theta * _UNIT) / _UNIT)


def approx_descent(
    slope: Slope, path: Sequence[Floats], arrived: Callable[[Floats], bool]
) -> tuple[list[Floats], bool]:
    """A polyline downhill, near ``path``, until ``arrived``.

    Args:
        slope: of the loss.
        path: vertices (P,), the first of which is where the polyline starts, as it is.
        arrived: whether a vertex may be the last one.

    Returns:
        the vertices, and whether the last one has arrived.
    """
    points = [path[0], *map(short, path[1:])]
    here, done = points[0], [points[0]]
    place, steps = 0, 0
    while not arrived(here):
        found = _farthest(slope, here, points, place)
        if found is not None:
            place = found
            here = points[place]
        else:
            steps += 1
            onward = points[min(place + 1, len(points) - 1)]
            radius = float(np.linalg.norm(onward - here))
            end = slope.step(here, min(max(radius, 1e-6), 1.0)) if steps <= _STEPS else None
            if end is None:
                return done, False
            here = end
        done.append(here)
    return done, True


def _farthest(slope: Slope, here: Floats, points: Sequence[Floats], place: int) -> int | None:
    """The last of the points after ``place`` that galloping finds downhill of ``here`` along a straight line."""
    last, found, stride = len(points) - 1, None, 1
    for near in range(place + 1, min(place + _AHEAD, last) + 1):
        if slope.falls(here, points[near]):
            found = near
            break
    while found is not None and found < last:
        onward = min(found + stride, last)
        if not slope.falls(here, points[onward]):
            break
        found, stride = onward, 2 * stride
    return found
