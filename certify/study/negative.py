"""The runs whose smallest eigenvalue is negative: what SLSQP, the perturbation protocol and Newton make of them.

Each way begins where the run stopped. The protocol is that of :mod:`sweep.perturbation`: from where SLSQP led, add ε
times a Gaussian, let SLSQP go on, and repeat until the smallest eigenvalue is positive. All of it is floating point:
below ``resolution`` the sign of an eigenvalue is rounding noise.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from certify.results.journal import Journal
from sweep.kernels.compiled import loss_gradient_hessian, prepare
from sweep.optimisers import optimise
from sweep.perturbation import MAX_TIMES, perturb
from sweep.processes import as_finished
from symmetry.network import Points
from symmetry.problem import Problem

EPSILON = 1.0
WAYS = ("stopped", "slsqp", "protocol", "newton")


@dataclass(frozen=True)
class Place:
    """Loss and smallest eigenvalue of the Hessian, approximate, and below what size its sign is noise."""

    loss: float
    eigenvalue: float
    resolution: float

    @property
    def negative(self) -> bool:
        return self.eigenvalue < 0

    @property
    def beyond_noise(self) -> bool:
        return self.eigenvalue < -self.resolution


@dataclass(frozen=True)
class Negative:
    """One run, by where it was led.

    Args:
        index: among the points of its width.
        perturbations: how many the protocol made; 0 if SLSQP alone led to a positive eigenvalue.
        stopped, slsqp, protocol, newton: where it stopped, and where each way led from there.
        ends: (P,) each, where SLSQP, the protocol and Newton led.
    """

    index: int
    perturbations: int
    stopped: Place
    slsqp: Place
    protocol: Place
    newton: Place
    ends: tuple[tuple[float, ...], ...]


def follow(
    path: Path,
    problem: Problem,
    points: Points,
    index: Sequence[int],
    *,
    jobs: int,
    tell: Callable[[int, int], None],
) -> list[Negative]:
    """Follow the runs ``index``; what is done is kept in the journal ``path`` and not done again."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with Journal(path, _header(problem, points), resume=True) as journal:
        names = {i: f"{i}-{points.seed[i]}" for i in index}
        todo = [i for i in index if journal.get("negative", names[i]) is None]
        tasks = [(problem, points.take([i]), i) for i in todo]
        for done, (number, answer) in enumerate(as_finished(_follow, tasks, jobs), start=1):
            journal.put("negative", names[todo[number]], answer)
            tell(len(index) - len(todo) + done, len(index))
        return [_negative(i, journal.get("negative", names[i])) for i in index]


def read_negative(path: Path, problem: Problem, points: Points) -> list[Negative]:
    """The runs that :func:`follow` has kept, in their order."""
    with Journal(path, _header(problem, points), resume=True) as journal:
        kept = ((i, journal.get("negative", f"{i}-{points.seed[i]}")) for i in range(len(points)))
        return [_negative(i, answer) for i, answer in kept if answer is not None]


def _header(problem: Problem, points: Points) -> dict[str, Any]:
    return {"problem": problem.hash, "epsilon": EPSILON, "times": MAX_TIMES, "width": points.width}


def _negative(index: int, kept: Any) -> Negative:
    places = {way: Place(*kept[way]) for way in WAYS}
    return Negative(index, kept["perturbations"], ends=tuple(tuple(end) for end in kept["ends"]), **places)


def _follow(problem: Problem, point: Points, index: int) -> dict[str, Any]:
    """One run, JSON-able."""
    data, width, d = prepare(problem), point.width, point.dimension
    start = point.theta()

    def place(theta: NDArray[np.float64]) -> list[float]:
        loss, _, hessian = loss_gradient_hessian(data, theta[None], width)
        values = np.linalg.eigvalsh(hessian[0])
        size = len(values) * np.finfo(np.float64).eps * np.abs(values).max()
        return [float(loss[0]), float(values[0]), float(size)]

    descended = optimise("slsqp", data, start, width).theta
    newton = optimise("newton", data, start, width).theta
    split = width * d
    there = Points(descended[:, :split].reshape(1, width, d), descended[:, split:], point.source, point.seed)
    (kicked,) = perturb(problem, there, epsilons=(EPSILON,), seed=index)
    return {
        "perturbations": kicked.perturbations,
        "stopped": place(start[0]),
        "slsqp": place(descended[0]),
        "protocol": place(kicked.theta),
        "newton": place(newton[0]),
        "ends": [descended[0].tolist(), kicked.theta.tolist(), newton[0].tolist()],
    }
