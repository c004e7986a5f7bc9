"""Perturb a stopped point, optimise again, and look at the Hessian: the slides' way out of saddles.

    θ ← optimise(θ + ε z),   z ~ N(0, σ² I),   until the smallest eigenvalue of ∇²L(θ) is positive

The slides say "a normed Gaussian (σ = 0.1)". Divided by its norm it would not depend on σ, so ``z`` is not divided: its
length is about ``σ √P``. Along an eigenvector ``v`` the kick is ``± ε σ √P v``, of the same length.

Everything is approximate: an eigenvalue that is positive here is LAPACK's, and below :attr:`Perturbed.resolution` its
sign is rounding noise.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from sweep.kernels.compiled import Floats, KernelData, loss_gradient_hessian, prepare
from sweep.optimisers import complete_options, optimise
from sweep.processes import as_finished
from sweep.runs import resolution
from symmetry.network import Points
from symmetry.problem import Problem

Direction = Literal["random", "lowest"]

SIGMA = 0.1
MAX_TIMES = 20


@dataclass(frozen=True)
class Perturbed:
    """One point before and after; every number is approximate.

    Args:
        index: which point.
        seed: of its run.
        epsilon, direction, draw: how it was perturbed.
        perturbations: how often; 0 if it was left as it was.
        before, kicked, after: at the given point, after the first kick (NaN without one), and at the end.
        resolution: ``P · eps · max |λ|`` at the end: smaller eigenvalues are rounding noise.
        theta: (P,) the end.
        distance: its Euclidean distance from the given point.
        stop_reason: what the optimiser said at the end; ``none`` if it was not called.
    """

    index: int
    seed: int
    epsilon: float
    direction: Direction
    draw: int
    perturbations: int
    before: Place
    kicked: Place
    after: Place
    resolution: float
    theta: Floats
    distance: float
    stop_reason: str


@dataclass(frozen=True)
class Place:
    """What is known of a point, approximately: loss, gradient norm, smallest eigenvalue of the Hessian."""

    loss: float
    gradient_norm: float
    smallest_eigenvalue: float


NOWHERE = Place(math.nan, math.nan, math.nan)


def perturb(
    problem: Problem,
    points: Points,
    *,
    epsilons: Sequence[float] = (1.0,),
    directions: Sequence[Direction] = ("random",),
    draws: int = 1,
    optimizer: str = "slsqp",
    options: Mapping[str, Any] | None = None,
    times: int = MAX_TIMES,
    scan: bool = False,
    seed: int = 0,
    jobs: int = 1,
    progress: Callable[[int, int], None] | None = None,
) -> list[Perturbed]:
    """Perturb every point with every ε, direction and draw, in that order.

    Args:
        epsilons: ``ε > 0``.
        directions: ``random``: a Gaussian; ``lowest``: an eigenvector, where the point is kicked.
        draws: draw ``k`` of ``random`` is the point's k-th generator, of ``lowest`` the eigenvector ``⌊k/2⌋``, counted
            from the smallest eigenvalue, with sign ``+`` for even ``k`` and ``−`` for odd.
        optimizer, options: what optimises again (:mod:`sweep.optimisers`).
        times: the most perturbations of a point.
        scan: exactly one perturbation of every point, whatever its eigenvalues, to see what becomes of it with ε.
        seed: of the random directions; they depend on it, on the point's index and on the draw, not on ε or ``jobs``.
        jobs: processes, each with one thread.
        progress: called with (points done, points), each with all its ε, directions and draws.

    Raises:
        ValueError: settings that make no sense.
    """
    complete_options(optimizer, options)
    if not (all(0 < e < math.inf for e in epsilons) and draws >= 1 and times >= 1 and jobs >= 1 and seed >= 0):
        raise ValueError(
            f"perturb: epsilons={list(epsilons)}, draws={draws}, times={times}, jobs={jobs}, seed={seed}, "
            "expected positive epsilons, draws, times and jobs, and a seed >= 0"
        )
    for direction in directions:
        if direction not in ("random", "lowest"):
            raise ValueError(f"direction is {direction!r}, expected random or lowest")
    size = points.width * (points.dimension + 1)
    if "lowest" in directions and (draws - 1) // 2 >= size:
        raise ValueError(f"draws is {draws}, expected at most {2 * size} along the eigenvectors of {size} parameters")
    kicks = [(e, direction, draw) for e in epsilons for direction in directions for draw in range(draws)]
    theta = points.theta()
    tasks = [
        (problem, theta[i], points.width, i, int(points.seed[i]), kicks, optimizer, options, times, scan, seed)
        for i in range(len(points))
    ]
    answers: list[list[Perturbed]] = [[] for _ in tasks]
    for done, (i, answer) in enumerate(as_finished(_perturb_point, tasks, jobs), start=1):
        answers[i] = answer
        if progress is not None:
            progress(done, len(tasks))
    return [row for answer in answers for row in answer]


def _perturb_point(
    problem: Problem,
    theta: Floats,
    width: int,
    index: int,
    run: int,
    kicks: Iterable[tuple[float, Direction, int]],
    optimizer: str,
    options: Mapping[str, Any] | None,
    times: int,
    scan: bool,
    seed: int,
) -> list[Perturbed]:
    """One point with every (ε, direction, draw)."""
    data, rows = prepare(problem), []
    for epsilon, direction, draw in kicks:
        generator = np.random.default_rng([seed, index, draw])
        before, hessian = _place(data, theta, width)
        here, kicked, end, count, reason = before, NOWHERE, theta, 0, "none"
        while count < (1 if scan else times) and (scan or not here.smallest_eigenvalue > 0):
            start = end + epsilon * _direction(hessian, direction, draw, generator)
            if count == 0:
                kicked, _ = _place(data, start, width)
            stopped = optimise(optimizer, data, start[None], width, options)
            count, end, reason = count + 1, stopped.theta[0], stopped.stop_reason[0]
            here, hessian = _place(data, end, width)
        rows.append(
            Perturbed(
                index=index,
                seed=run,
                epsilon=epsilon,
                direction=direction,
                draw=draw,
                perturbations=count,
                before=before,
                kicked=kicked,
                after=here,
                resolution=float(resolution(data, end[None], width)[0]),
                theta=end,
                distance=float(np.linalg.norm(end - theta)),
                stop_reason=reason,
            )
        )
    return rows


def _place(data: KernelData, theta: Floats, width: int) -> tuple[Place, Floats]:
    """What is known of ``theta`` (P,), and its Hessian (P, P)."""
    loss, gradient, hessian = loss_gradient_hessian(data, theta[None], width)
    smallest = np.linalg.eigvalsh(hessian[0])[0]
    return Place(float(loss[0]), float(np.linalg.norm(gradient[0])), float(smallest)), hessian[0]


def _direction(hessian: Floats, direction: Direction, draw: int, generator: np.random.Generator) -> Floats:
    """``z`` (P,): Gaussian, or the eigenvector of the draw, of length ``σ √P``."""
    size = len(hessian)
    if direction == "random":
        return SIGMA * generator.normal(size=size)
    vector = np.linalg.eigh(hessian)[1][:, draw // 2]
    # of the two signs LAPACK may give either: + is where the largest entry is positive
    sign = np.sign(vector[np.argmax(np.abs(vector))]) * (-1) ** draw
    return np.asarray(SIGMA * math.sqrt(size) * sign * vector)
