"""Few lines and arcs along which the loss falls, from the path of a polish; approximate.

A polish lowers the loss from vertex to vertex, but steps overshoot: on the way between two vertices the loss may rise.
Here vertices are left out while the straight line between those that stay goes downhill all along. Where no line to a
later vertex does, a part of the next line is taken, or else a trust-region step: small enough ones go downhill. In the
narrow curved valleys near degenerate zeros straight steps are short; there the step ``h`` gets a bend,

    θ + t h + t² b,    b = −(JᵀJ + λ)⁻¹ Jᵀ ½ f''[h, h],

which takes back what the residuals change to second order (geodesic acceleration, Transtrum and Sethna 2012).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from sweep.kernels.compiled import KernelData, loss_gradient, loss_gradient_hessian
from sweep.newton import Model
from symmetry.arithmetic import Float64
from symmetry.lines import slopes
from symmetry.objective import SquareLoss
from symmetry.paths.closing import arc, stretch

Floats = NDArray[np.float64]

_UNIT = 2.0**40
"""Vertices are multiples of its reciprocal: short numbers."""

_AHEAD = 4
_STEPS = 400
_HALVINGS = 12

_FLAT = 1e-6
"""Directions in which the residuals change by less than this, relatively, are left alone."""


class LimitSlope:
    """Whether the loss falls along straight lines of parameters; approximate.

    Args:
        objective: the loss, of networks or of a limit network.
    """

    def __init__(self, objective: SquareLoss):
        self.objective = objective

    def gradient(self, theta: Floats) -> Floats:
        """``∇L``, (P,)."""
        return np.asarray(self.objective.evaluate(theta, Float64(), order=1).gradient)

    def derivatives(self, theta: Floats) -> tuple[Floats, Floats]:
        """``∇L``, (P,), and ``∇²L``, (P, P)."""
        at = self.objective.evaluate(theta, Float64(), order=2)
        return at.gradient, at.hessian

    def falls(self, start: Floats, end: Floats) -> bool:
        """Whether the loss falls all along from ``start`` to ``end`` (P,)."""
        step = end - start
        if not (self.gradient(start) @ step < 0 and self.gradient(end) @ step < 0):
            return False
        line = self.objective.along([(start + end) / 2, step / 2], Float64())
        return bool(np.all(slopes(line, Float64()) < 0))

    def falls_along(self, curve: Sequence[Floats]) -> bool:
        """Whether the loss falls all along a curve from ``t = 0`` to ``t = 1``, given by its coefficients (P,)."""
        _, first, second = curve
        for t in (0.0, 1.0, 0.5):
            velocity = first + 2 * t * second
            if not self.gradient(curve[0] + t * first + t * t * second) @ velocity < 0:
                return False
        line = self.objective.along(stretch(curve, 0.0, 1.0), Float64())
        return bool(np.all(slopes(line, Float64()) < 0))

    def part(self, start: Floats, end: Floats) -> Floats | None:
        """Nearly where the loss is lowest on a line that overshoots; ``None`` if it does not fall until there."""
        step = end - start
        first, last = float(self.gradient(start) @ step), float(self.gradient(end) @ step)
        if not first < 0 < last:
            return None
        for share in (0.95, 0.5):
            between = short(start + share * first / (first - last) * step)
            if self.falls(start, between):
                return between
        return None

    def step(self, start: Floats, radius: float) -> Floats | None:
        """A point downhill of ``start``, at most ``radius`` away; ``None`` where there is none to be found."""
        gradient, hessian = self.derivatives(start)
        if not np.isfinite(hessian).all():
            return None
        model = Model.of(gradient, hessian)
        for _ in range(_HALVINGS):
            step, nu = model.trust_region_step(radius)
            # short of the model's minimum the slope keeps its sign
            end = short(start + model.vectors @ step * (1.0 if nu > 0 else 0.9))
            if self.falls(start, end):
                return end
            radius = 0.25 * min(radius, float(np.linalg.norm(step)))
        return None

    def turn(self, start: Floats, radius: float) -> tuple[Floats, Floats | None, float] | None:
        """Like :meth:`step`, along an arc if that goes farther: the end, the bend, and the radius."""
        gradient, hessian = self.derivatives(start)
        if not np.isfinite(hessian).all():
            return None
        model, approx = Model.of(gradient, hessian), Float64()
        outputs, _ = self.objective.outputs(start, approx, 1)
        jacobian = np.concatenate([out.jacobian for out in outputs], axis=1)
        left, values, right = np.linalg.svd(jacobian, full_matrices=False)
        for _ in range(_HALVINGS):
            step, nu = model.trust_region_step(radius)
            ahead = model.vectors @ step * (1.0 if nu > 0 else 0.9)
            bending = self.objective.along([start, ahead], approx).coefficients[2][:, 0]
            # the multiplier of (2/N) JᵀJ is that of the trust region
            damping = max(nu * len(jacobian) / 2, (_FLAT * values[0]) ** 2)
            bend = short(-right.T @ (values / (values**2 + damping) * (left.T @ bending)))
            end = short(start + ahead + bend)
            if self.falls_along(arc(start, end, bend)):
                return end, bend, radius
            if self.falls(start, end := short(start + ahead)):
                return end, None, radius
            radius = 0.4 * min(radius, float(np.linalg.norm(step)))
        return None


class Slope(LimitSlope):
    """The same for networks, through the kernels.

    Args:
        objective: of the networks.
        data: the same problem, prepared for the kernels.
        width: the number of neurons.
    """

    def __init__(self, objective: SquareLoss, data: KernelData, width: int):
        super().__init__(objective)
        self.data, self.width = data, width

    def gradient(self, theta: Floats) -> Floats:
        return np.asarray(loss_gradient(self.data, theta[None], self.width)[1][0])

    def derivatives(self, theta: Floats) -> tuple[Floats, Floats]:
        _, gradient, hessian = loss_gradient_hessian(self.data, theta[None], self.width)
        return gradient[0], hessian[0]


def short(theta: Floats) -> Floats:
    """The nearest short numbers."""
    return np.asarray(np.rint(theta * _UNIT) / _UNIT)


@dataclass(frozen=True)
class Track:
    """Vertices (P,) from which the loss falls to the next: along a line, or along an arc where there is a bend.

    Args:
        vertices: the start and those after it, rounded to short numbers.
        bends: of the pieces, by number, that are no lines; see :func:`symmetry.paths.closing.arc`.
        arrived: whether the last vertex has arrived.
    """

    vertices: list[Floats]
    bends: dict[int, Floats] = field(default_factory=dict)
    arrived: bool = False


def approx_descent(
    slope: LimitSlope, path: Sequence[Floats], arrived: Callable[[Floats], bool], *, arcs: bool
) -> Track:
    """Downhill from the first vertex of ``path``, along it, until one has arrived.

    Args:
        slope: of the loss.
        path: vertices (P,), the first one the saved point, kept as it is.
        arrived: whether a vertex may be the last one.
        arcs: whether pieces may be bent.
    """
    points = [path[0], *map(short, path[1:])]
    here, done = points[0], [points[0]]
    bends: dict[int, Floats] = {}
    place, steps, reach = 0, 0, 0.0
    while not arrived(here):
        found = _farthest(slope, here, points, place)
        onward = points[min(place + 1, len(points) - 1)]
        if found is not None:
            place = found
            here = points[place]
        elif place < len(points) - 1 and (end := slope.part(here, onward)) is not None:
            place += 1
            here = end
        else:
            steps += 1
            distance = max(float(np.linalg.norm(onward - here)), 1e-6)
            turned = None
            if steps <= _STEPS and arcs:
                turned = slope.turn(here, min(2 * reach or distance, 1.0))
            elif steps <= _STEPS and (end := slope.step(here, min(distance, 1.0))) is not None:
                turned = end, None, 0.0
            if turned is None:
                return Track(done, bends)
            here, bend, reach = turned
            if bend is not None:
                bends[len(done) - 1] = bend
        done.append(here)
    return Track(done, bends, True)


def _farthest(slope: LimitSlope, here: Floats, points: Sequence[Floats], place: int) -> int | None:
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
