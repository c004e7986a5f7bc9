"""Where a candidate belongs: the computed part of a verdict, before anything is proved about an object.

A location proposes exact points near which an object should be certified. The only proved content is whether a
point lies within tolerance of an exact global minimum, and whether a ball is free of critical points.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from certify.arithmetic import Array, Enclosures, ladder
from certify.proofs.distinct import Signs
from certify.proofs.exclusion import EmptyBall, empty_ball, largest_empty_ball
from certify.proofs.proof import Failure, dyadic, fractions
from certify.proofs.zero import match_global_minimum
from sweep.kernels.compiled import KernelData, loss_gradient_hessian
from sweep.polishing.approach import approach
from sweep.polishing.channels import approx_limits
from sweep.polishing.polish import Polished, polish
from symmetry.infinity.charts import Chart, chart_from_json
from symmetry.network import Exact, Network, exact
from symmetry.outputs import network_loss
from symmetry.problem import Problem

_NEAR = 1e-2
"""A saved point this close (Newton step) to a critical point that descent would leave is tried as it stands."""

_ISOLATED = 1e-12
"""A path that converged where the Hessian is this well conditioned is taken to have reached an isolated point."""

_IDLE = 1e-6
"""A copy with a smaller share of the output is not told from one with none."""

MAX_STEPS = 400
"""Steps of the first stage of the polish."""

STAGES = ((MAX_STEPS, 50.0), (1200, 200.0), (4000, 1000.0))
"""Steps of the polish and the largest weight: what has not converged after a stage is in a channel, which its chart
recognises, or needs the next stage. A chart is asked for as early as possible: far out in a channel float64 is lost."""

_TRIES = 3

VERTICES = 100
"""So many vertices of a polish path are kept at most."""

_SMALL = 1e-8
"""Below this loss, relative to the labels' mean square, ask whether the run heads for a global minimum."""


@dataclass(frozen=True)
class LimitPlace:
    """A limit network that a run seems to lead to.

    Args:
        chart: its structure, in normal form.
        signs: for each group of copies, the signs of their coefficients ``β``; ``None`` where it is not known.
        q: (P',) exact, an approximate critical point of the limit network.
        order: neuron ``i`` of the chart is neuron ``order[i]`` of the run.
        flipped: whether some of them stand for ``(−w, −a)``, the same neuron where the activation is odd.
    """

    chart: Chart
    signs: tuple[Signs, ...]
    q: Exact
    order: tuple[int, ...] = ()
    flipped: bool = False

    def to_json(self) -> dict[str, Any]:
        """Journal entry and task, bit for bit."""
        return {
            "chart": self.chart.to_json(),
            "signs": [list(s) for s in self.signs],
            "q": [dyadic(v) for v in self.q],
            "order": list(self.order),
            "flipped": self.flipped,
        }

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> LimitPlace:
        """The inverse of :meth:`to_json`."""
        signs = tuple(tuple(s) for s in data["signs"])
        order, flipped = tuple(data["order"]), data["flipped"]
        return cls(chart_from_json(data["chart"]), signs, fractions(data["q"]), order, flipped)


@dataclass(frozen=True)
class Location:
    """What was found out about one candidate in floating point.

    Args:
        theta: (P,) exact, where the polish ended.
        global_minimum: whether ``theta`` is within tolerance of an exact global minimum (decided exactly).
        stays: whether the saved point itself is (decided exactly).
        moved: length of the polish path, approximate.
        path_radius: its largest distance from the saved point, approximate.
        stop_reason: why the polish ended.
        numbers: loss, gradient norm, smallest eigenvalue and largest output where it ended, approximate.
        nearby: (P,) exact, a critical point of higher index next to the saved point, ``None`` if there is none.
        vertices: (k, P) the polish path from the saved point, of long ones :data:`VERTICES` vertices; empty where
            nothing moved.
        limits: plateaus and channels the run seems to lead to, the best explanation first.
        empty: the ball about the saved point, holding the whole path, that is proved free of critical points.
    """

    theta: Exact
    global_minimum: bool
    stays: bool
    moved: float
    path_radius: float
    stop_reason: str
    numbers: tuple[tuple[str, float], ...]
    nearby: Exact | None
    vertices: Array
    limits: tuple[LimitPlace, ...] = ()
    empty: EmptyBall | None = None

    @property
    def may_be_isolated(self) -> bool:
        """Whether it is worth asking for an isolated critical point at ``theta``."""
        return not self.global_minimum and self.empty is None and self.stop_reason in ("converged", "not-polished")

    def to_json(self) -> dict[str, Any]:
        """Journal entry, bit for bit."""
        return {
            "theta": [dyadic(v) for v in self.theta],
            "global_minimum": self.global_minimum,
            "stays": self.stays,
            "moved": self.moved,
            "path_radius": self.path_radius,
            "stop_reason": self.stop_reason,
            "numbers": [[name, value] for name, value in self.numbers],
            "nearby": None if self.nearby is None else [dyadic(v) for v in self.nearby],
            "vertices": self.vertices.tolist(),
            "limits": [place.to_json() for place in self.limits],
            "empty": None if self.empty is None else self.empty.to_json(),
        }

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Location:
        """The inverse of :meth:`to_json`."""
        empty = None if data["empty"] is None else EmptyBall.from_json(data["empty"])
        assert empty is None or isinstance(empty, EmptyBall)
        return cls(
            theta=fractions(data["theta"]),
            global_minimum=data["global_minimum"],
            stays=data["stays"],
            moved=data["moved"],
            path_radius=data["path_radius"],
            stop_reason=data["stop_reason"],
            numbers=tuple((name, value) for name, value in data["numbers"]),
            nearby=None if data["nearby"] is None else fractions(data["nearby"]),
            vertices=np.array(data["vertices"], dtype=np.float64),
            limits=tuple(LimitPlace.from_json(place) for place in data["limits"]),
            empty=empty,
        )


def locate(problem: Problem, data: KernelData, theta: Array, width: int, arithmetic: str, polishing: bool) -> Location:
    """Find where the candidate ``theta`` (P,) belongs.

    Args:
        problem: the problem.
        data: the same, prepared for the kernels.
        theta: (P,) the saved point.
        width: its number of neurons.
        arithmetic: as in :func:`certify.arithmetic.ladder`, for the empty ball.
        polishing: whether the point may be moved; if not, only what holds where it stands is looked for.
    """
    saved = exact(theta)
    stays = match_global_minimum(problem, problem.network(saved)) is not None
    if stays or not polishing:
        here = _numbers(data, theta, width)
        empty = None if stays else _empty(problem, width, saved, None, arithmetic)
        return Location(saved, stays, stays, 0.0, 0.0, "not-polished", here, None, theta[None][:0], (), empty)
    nearby = _nearby(data, theta, width)
    place, moved, reach, reached_zero = theta, 0.0, 0.0, False
    limits: tuple[LimitPlace, ...] = ()
    vertices = [theta[None]]
    for steps, weight in STAGES:
        polished = polish(data, place, width, max_steps=steps, max_weight=weight)
        moved += polished.moved
        vertices.append(polished.vertices[1:])
        reach = max(reach, float(np.linalg.norm(place - theta)) + polished.path_radius)
        place, end = polished.theta, exact(polished.theta)
        if problem.has_strata and polished.loss <= _SMALL * float(np.mean(problem.labels**2)):
            zero = _approach_zero(problem, data, polished)
            if zero is not None:
                end, moved, reach, reached_zero = zero[0], moved + zero[1], reach + zero[1], True
                break
        limits, degenerate = _limits(problem, polished, width)
        if (limits and not degenerate) or polished.stop_reason == "converged":
            break
    empty = None
    if not reached_zero and polished.stop_reason != "converged":
        empty = _empty(problem, width, saved, reach, arithmetic)
    numbers = _numbers(data, polished.theta, width)
    return Location(
        theta=end,
        global_minimum=reached_zero,
        stays=False,
        moved=moved,
        path_radius=reach,
        stop_reason=polished.stop_reason,
        numbers=numbers,
        nearby=nearby,
        vertices=_some(np.concatenate(vertices)),
        limits=limits,
        empty=empty,
    )


def _some(vertices: Array) -> Array:
    """At most :data:`VERTICES` vertices: the first half of them as they come, then the rest evenly, with the last."""
    if len(vertices) <= VERTICES:
        return vertices
    later = np.linspace(VERTICES // 2, len(vertices) - 1, VERTICES - VERTICES // 2)
    return vertices[[*range(VERTICES // 2), *np.rint(later).astype(int)]]


def _approach_zero(problem: Problem, data: KernelData, polished: Polished) -> tuple[Exact, float] | None:
    """The end of the path to a global minimum and its length, if there is one and it is within tolerance."""
    network = Network.from_theta(exact(polished.theta), problem.dimension)
    if match_global_minimum(problem, network) is not None:
        return network.theta(), 0.0
    approached = approach(problem, data, polished.theta)
    if approached is None or match_global_minimum(problem, approached.network) is None:
        return None
    return approached.network.theta(), approached.moved


def _limits(problem: Problem, polished: Polished, width: int) -> tuple[tuple[LimitPlace, ...], bool]:
    """What the end of the path may be approaching: asked where it is not plainly an isolated point.

    And whether the best of these is degenerate, so that a longer path may tell more.
    """
    if polished.stop_reason == "converged" and abs(polished.smallest_eigenvalue) > _ISOLATED:
        return (), False
    places = []
    found = approx_limits(problem, polished.theta, width, polished.loss)[:_TRIES]
    for limit in found:
        first = width * problem.dimension
        outputs = limit.chart.orientation * limit.signs * polished.theta[first : first + width]
        signs = tuple(_signs(outputs[list(group.members)]) for group in limit.chart.copies)
        flipped = bool((limit.signs < 0).any())
        places.append(LimitPlace(limit.chart.normal(), signs, exact(limit.q), limit.chart.order, flipped))
    return tuple(places), any(limit.degenerate for limit in found[:1])


def _signs(outputs: Array) -> Signs:
    """Signs of the shares ``β``: 0 where the output is exactly 0, unknown where it is nearly so."""
    beta = outputs / outputs.sum()
    return tuple(0 if b == 0 else int(np.sign(b)) if abs(b) > _IDLE else None for b in beta.tolist())


def _nearby(data: KernelData, theta: Array, width: int) -> Exact | None:
    """The limit of Newton's method from ``theta`` if it is close and not a minimum: descent would miss it."""
    start = theta
    for _ in range(12):
        _, gradient, hessian = loss_gradient_hessian(data, theta[None], width)
        if not np.isfinite(hessian).all():
            return None
        values, vectors = np.linalg.eigh(hessian[0])
        if values[0] > 0 or not np.abs(values).min() > 1e-14 * np.abs(values).max():
            return None
        step = -vectors @ ((vectors.T @ gradient[0]) / values)
        theta = theta + step
        if not np.linalg.norm(theta - start) < _NEAR:
            return None
        if np.linalg.norm(step) < 1e-13 * (1 + np.linalg.norm(theta)):
            return exact(theta)
    return None


def _numbers(data: KernelData, theta: Array, width: int) -> tuple[tuple[str, float], ...]:
    loss, gradient, hessian = loss_gradient_hessian(data, theta[None], width)
    return (
        ("loss", float(loss[0])),
        ("gradient_norm", float(np.linalg.norm(gradient[0]))),
        ("smallest_eigenvalue", float(np.linalg.eigvalsh(hessian[0])[0])),
        ("largest_output", float(np.abs(theta[width * data.dimension :]).max())),
    )


def _empty(problem: Problem, width: int, saved: Exact, reach: float | None, kind: str) -> EmptyBall | None:
    """A proved empty ball about the saved point that holds the whole path (any ball, where nothing moved)."""
    objective = network_loss(problem, width)
    arithmetic: Enclosures = next(ladder(kind, 53))
    if reach is None:
        ball = largest_empty_ball(objective, saved, arithmetic)
    else:
        # the path's vertices were rounded: a margin keeps them inside
        radius = reach * (1 + 1e-6) + 1e-12
        ball = empty_ball(objective, saved, radius, arithmetic)
        if not isinstance(ball, Failure):
            larger = largest_empty_ball(objective, saved, arithmetic, start=radius)
            ball = ball if isinstance(larger, Failure) else larger
    return None if isinstance(ball, Failure) else ball
