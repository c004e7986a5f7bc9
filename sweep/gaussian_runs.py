"""Runs under Gaussian inputs, from their seeds: gradient descent with a constant rate, or damped Newton steps.

Output weights are 1 and stay so; parameters are ``θ = (w, a)`` as everywhere, so that the shards are like any others.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from sweep.gaussian import descend, gradient_descent, measured
from sweep.initialise import starts
from sweep.shards import Runs, Settings
from symmetry.population import GaussianProblem

OPTIMIZERS: dict[str, dict[str, Any]] = {
    "gd": {"steps": 50_000, "lr": None, "tolerance": 1e-10},
    "newton": {},
}
"""With the defaults of their options; the rate ``lr`` is ``1/k`` unless given."""


def gaussian_settings(
    problem: GaussianProblem, *, width: int, init: str, optimizer: str, options: Mapping[str, Any] | None
) -> Settings:
    """Complete settings.

    Raises:
        ValueError: no such optimiser or option, or settings that make no sense.
    """
    if optimizer not in OPTIMIZERS:
        raise ValueError(f"optimizer is {optimizer!r}, expected under Gaussian inputs one of: {', '.join(OPTIMIZERS)}")
    if problem.width not in (None, width):
        raise ValueError(f"width is {width}, expected {problem.width} as {problem.name} says")
    defaults = OPTIMIZERS[optimizer]
    for key in options or {}:
        if key not in defaults:
            allowed = f"expected one of: {', '.join(defaults)}" if defaults else "expected none"
            raise ValueError(f"{optimizer}: unknown option {key!r}, {allowed}")
    merged = {**defaults, **(options or {})}
    if "lr" in merged and merged["lr"] is None:
        merged["lr"] = 1 / len(problem)
    for key, value in merged.items():
        if not value > 0:
            raise ValueError(f"{optimizer}: {key} is {value}, expected a positive number")
    return Settings(problem.name, problem.hash, width, problem.dimension, init, optimizer, merged)


def run_gaussian_chunk(problem: GaussianProblem, settings: Settings, seeds: range) -> Runs:
    """Make the runs ``seeds``, here and now."""
    n, d = settings.width, settings.dimension
    start = starts(settings.init, n, d, seeds)
    start[:, n * d :] = 1.0
    w = start[:, : n * d].reshape(-1, n, d)
    teacher, objective, options = problem.teacher.astype(np.float64), problem.objective(n), settings.options
    if settings.optimizer == "gd":
        given = {"rate": options["lr"], "tolerance": options["tolerance"], "steps": options["steps"]}
        ends = gradient_descent(teacher, w, **given)
        stopped, steps = ends.w, ends.steps
        reasons = tuple("converged" if done else "step-limit" for done in ends.converged)
    else:
        found = [descend(objective, point.ravel()) for point in w]
        stopped = np.array([end.theta for end in found]).reshape(w.shape)
        steps = np.array([end.steps for end in found], dtype=np.int64)
        reasons = tuple(end.stop_reason for end in found)
    loss, norm, smallest = measured(objective, stopped)
    return Runs(
        settings=settings,
        seed=np.array(seeds, dtype=np.int64),
        start=start,
        theta=np.concatenate([stopped.reshape(len(w), -1), start[:, n * d :]], axis=1),
        loss=loss,
        gradient_norm=norm,
        smallest_eigenvalue=smallest,
        steps=steps,
        stop_reason=reasons,
    )
