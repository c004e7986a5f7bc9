"""Known points of the loss of Safran & Shamir with orthonormal teachers, for the tests of all packages."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from sweep.gaussian import newton
from symmetry.network import Points
from symmetry.population import GaussianProblem, safran_shamir

SEEDS = {"minimum": (6, 28, 0), "saddle": (4, 3, 1), "saddle-2": (4, 7, 2)}
"""k = n, the seed of the start from which Newton's method leads there, and the Morse index."""


def problem(k: int) -> GaussianProblem:
    return safran_shamir(f"safran-shamir:k={k}")


@cache
def point(name: str) -> Any:
    """(k, k), critical up to rounding."""
    k, seed, _ = SEEDS[name]
    start = np.random.default_rng(seed).normal(size=k * k) / np.sqrt(k) * 1.2
    theta = newton(problem(k).objective(k), start)
    assert theta is not None
    return theta.reshape(k, k)


def points(rows: Sequence[Any]) -> Points:
    """Students as saved points."""
    w = np.array(rows, dtype=np.float64)
    count, width, _ = w.shape
    return Points(w, np.ones((count, width)), tuple(f"p:{i}" for i in range(count)), np.full(count, -1))


def certified(folder: Path, k: int, rows: Sequence[Any]) -> Path:
    """A results directory of these students, as ``certify points`` writes it."""
    from certify.pipeline.classification import classify_points
    from certify.results.store import begin, describe_run, write_results

    asked, saved = problem(k), points(rows)
    run = describe_run(asked, saved, {})
    journal = begin(folder, run, resume=False, overwrite=False)
    assert journal is not None
    with journal:
        answer = classify_points(asked, saved)
    write_results(folder, run, asked, saved, answer.verdicts, answer.objects)
    return folder
