"""The points of a study: new runs, or saved ones, with what float64 says of them where they stopped."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from certify.study.plan import Plan, StudyError
from sweep.kernels.compiled import prepare
from sweep.points import PointsError, declared_problem_hash, read_points
from sweep.runs import measured, sweep
from sweep.shards import RunsError, Settings, read_shards
from symmetry.network import Points
from symmetry.problem import Problem

Floats = NDArray[np.float64]
Tell = Callable[[int, int], None]


@dataclass(frozen=True)
class Stopped:
    """Where the runs of one width stopped; the numbers are float64, approximate.

    Args:
        points: the n runs.
        start: (n, P) where they started, ``None`` where that is not known.
        loss, gradient_norm, smallest_eigenvalue: (n,).
        made: how the runs were made, ``None`` where that is not known.
    """

    points: Points
    start: Floats | None
    loss: Floats
    gradient_norm: Floats
    smallest_eigenvalue: Floats
    made: Settings | None


def points_path(out: Path, plan: Plan, width: int) -> Path:
    """Where the points of a width are."""
    return (Path(plan.points) if plan.points is not None else out / "points") / f"width{width}"


def make_points(out: Path, plan: Plan, width: int, *, jobs: int, cluster: str | None, tell: Tell) -> None:
    """Make the runs of a width that are missing; nothing where saved points are studied."""
    if plan.points is not None:
        return
    try:
        sweep(
            plan.load(),
            width=width,
            seeds=range(plan.runs),
            out=points_path(out, plan, width),
            init="xavier-uniform",  # needs no torch
            optimizer=plan.optimizer,
            chunk=max(1, min(50, plan.runs // (2 * jobs))),
            jobs=jobs,
            resume=True,
            cluster=cluster,
            progress=tell,
        )
    except (ImportError, ValueError) as error:
        raise StudyError(str(error)) from None


def read_stopped(out: Path, plan: Plan, width: int, problem: Problem) -> Stopped:
    """The points of a width.

    Raises:
        StudyError: there are none, or they belong to another problem.
    """
    path = points_path(out, plan, width)
    try:
        declared = declared_problem_hash(path)
        points = read_points(path, dimension=problem.dimension)
    except PointsError as error:
        raise StudyError(str(error)) from None
    if declared not in (None, problem.hash) or points.width != width:
        raise StudyError(
            f"{path}: holds points of width {points.width} for problem {declared}, "
            f"expected width {width} and {problem.hash}"
        )
    try:
        runs = read_shards(path) if path.is_dir() else None
    except RunsError:
        runs = None  # points of another making: what the shards would say is computed
    if runs is None or not np.array_equal(runs.theta, points.theta()):
        loss, norm, eigenvalue = measured(prepare(problem), points.theta(), width)
        return Stopped(points, None, loss, norm, eigenvalue, None)
    return Stopped(points, runs.start, runs.loss, runs.gradient_norm, runs.smallest_eigenvalue, runs.settings)
