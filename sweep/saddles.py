"""Saddles: critical points of any index, from random starts, climbs out of minima, and mirrored splits.

``python -m sweep.saddles --problem thesis --width 4 --seeds 0:2000 --out data/saddles/width4.npz``

Everything is approximate: the points are candidates to be certified.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sweep.climb import MAX_WEIGHT, Slice, climb
from sweep.grouping import approx_groups, neurons
from sweep.initialise import xavier_uniform
from sweep.kernels.compiled import KernelData, loss_gradient_hessian, prepare
from sweep.points import write_points
from sweep.polishing.gauss_newton import levenberg_marquardt
from sweep.polishing.polish import polish
from sweep.processes import as_finished
from symmetry.network import Points
from symmetry.problem import Problem, load_problem

Floats = NDArray[np.float64]

METHODS = ("newton", "climb", "split")

_BATCH = 16
_LONGEST = 3
_KICK = 0.05
_SOFT_MODES = 8
_NEWTON_STEPS = 100
_DISTINCT = 1e-3
_CONDITION = 1e11


@dataclass(frozen=True)
class Saddle:
    """A non-degenerate critical point; every number is approximate.

    Args:
        theta: (P,).
        loss: its loss.
        gradient_norm: ``‖∇L‖₂``.
        index: the number of negative eigenvalues of the Hessian.
        condition: largest over smallest absolute eigenvalue.
        seed: which start led to it.
        method: how: one of :data:`METHODS`; ``perturbed`` or ``split`` by :mod:`sweep.ladder`.
        nullity: the number of eigenvalues that are 0 but for rounding: above 0 only for splits of narrower points.
    """

    theta: Floats
    loss: float
    gradient_norm: float
    index: int
    condition: float
    seed: int
    method: str
    nullity: int = 0


def find_saddles(
    problem: Problem,
    width: int,
    seeds: Sequence[int],
    *,
    min_index: int = 1,
    max_index: int = 3,
    jobs: int = 1,
    progress: Callable[[int, int], None] | None = None,
) -> list[Saddle]:
    """Distinct saddles of index ``min_index`` to ``max_index``, in the order of the seeds that found them first.

    Each seed is one attempt, by its remainder modulo the number of methods:

    * ``newton``: least squares on the gradient from a random start;
    * ``climb``: down from a random start, then from saddle to saddle, up along one more soft eigenvector each time;
    * ``split``: the same within the students that have a mirrored pair ``w_m = −w_1``. By ``σ(−z) = c − σ(z)`` such a
      pair is one neuron of a narrower network beside a free output bias; a critical point of that network is one
      of the wider, and no degenerate one as other splits are. (Without the identity, and for one neuron, these seeds
      climb as well.)

    "Distinct" is up to permutations of the neurons, and a proposal. Kept are points with distinct incoming weights,
    outputs that do not vanish, and a Hessian of condition number below 1e11.

    Args:
        problem: the problem.
        width: the number of neurons ``m``.
        seeds: the attempts to make; the result does not depend on ``jobs``.
        min_index: the smallest number of negative eigenvalues; 0 keeps minima as well.
        max_index: the largest.
        jobs: processes.
        progress: called with (attempts made, attempts), now and then.

    Raises:
        ValueError: the width is less than 1, or there is no kernel for the problem.
    """
    if width < 1:
        raise ValueError(f"width is {width}, expected at least 1 neuron")
    batches = [seeds[i : i + _BATCH] for i in range(0, len(seeds), _BATCH)]
    attempts: list[list[Saddle]] = [[] for _ in batches]
    made = 0
    for i, saddles in as_finished(_attempts, [(problem, width, batch) for batch in batches], jobs):
        attempts[i] = saddles
        made += len(batches[i])
        if progress is not None:
            progress(made, len(seeds))
    found = [saddle for saddles in attempts for saddle in saddles if min_index <= saddle.index <= max_index]
    return [
        found[group[0]] for group in approx_groups([neurons(s.theta, width, len(s.theta) // width - 1) for s in found])
    ]


def _attempts(problem: Problem, width: int, seeds: Sequence[int]) -> list[Saddle]:
    return [saddle for seed in seeds for saddle in attempt(problem, width, seed)]


def attempt(problem: Problem, width: int, seed: int) -> list[Saddle]:
    """The non-degenerate saddles that one seed leads to."""
    data, generator = prepare(problem), np.random.default_rng([seed, width])
    method = METHODS[seed % len(METHODS)]
    if method == "split" and (problem.activation.reflection is None or width == 1):
        method = "climb"
    start = xavier_uniform(width, data.dimension, seed)
    everything = Slice(data, width)
    if method == "newton":
        visited = [start]
    elif method == "climb":
        visited = _chain(everything, polish(data, start, width).theta, generator)
    else:
        pair = Slice(data, width, _mirrored_pair(width, data.dimension))
        y = pair.basis.T @ start
        bottom = climb(pair, y, np.empty((y.size, 0)))
        visited = [] if bottom is None else [pair.lift(y) for y in _chain(pair, bottom, generator)]
    saddles = []
    for theta in visited:
        converged = converge(everything, theta)
        saddle = None if converged is None else examine(data, converged, width, seed, method)
        if saddle is not None:
            saddles.append(saddle)
    return saddles


def _chain(slice_: Slice, bottom: Floats, generator: np.random.Generator) -> list[Floats]:
    """A minimum, then saddles of index 1, 2, …: each above the last one, up along one more of its soft eigenvectors."""
    visited: list[Floats] = []
    y = converge(slice_, bottom)
    while y is not None and len(visited) <= _LONGEST:
        visited.append(y)
        eigenvalues, vectors = np.linalg.eigh(slice_.linearise(y)[1])
        index = int((eigenvalues < 0).sum())
        new = index + int(generator.integers(min(_SOFT_MODES, len(y) - index)))
        up = vectors[:, [*range(index), new]]
        top = climb(slice_, y + generator.choice([-_KICK, _KICK]) * vectors[:, new], up)
        y = None if top is None else converge(slice_, top)
    return visited


def _mirrored_pair(width: int, dimension: int) -> Floats:
    """The basis (P, P − d) of the students with ``w_m = −w_1``."""
    last = range((width - 1) * dimension, width * dimension)
    basis = np.eye(width * (dimension + 1))
    basis[last, :dimension] = -np.eye(dimension)
    return np.asarray(np.delete(basis, last, axis=1))


def converge(slice_: Slice, y: Floats) -> Floats | None:
    """Least squares on the gradient, to its rounding level; ``None`` if it stalls or leaves."""
    for steps, (y, _) in enumerate(levenberg_marquardt(slice_, y)):  # noqa: B020
        if steps == _NEWTON_STEPS or np.abs(y).max() > MAX_WEIGHT:
            return None
    return y


def examine(data: KernelData, theta: Floats, width: int, seed: int, method: str) -> Saddle | None:
    """``theta`` with what is known of it; ``None`` if it is not critical, or degenerate."""
    polished = polish(data, theta, width, max_steps=10)
    if polished.stop_reason != "converged" or polished.moved > 1e-6:
        return None
    w, a = np.split(polished.theta, [width * data.dimension])
    w = w.reshape(width, -1)
    gaps = np.linalg.norm(w[:, None] - w[None], axis=2) + np.eye(width)
    _, _, hessian = loss_gradient_hessian(data, polished.theta[None], width)
    eigenvalues = np.linalg.eigvalsh(hessian[0])
    smallest, largest = np.abs(eigenvalues).min(), np.abs(eigenvalues).max()
    if min(gaps.min(), np.abs(a).min()) < _DISTINCT or largest > _CONDITION * smallest:
        return None
    return Saddle(
        theta=polished.theta,
        loss=polished.loss,
        gradient_norm=polished.gradient_norm,
        index=int((eigenvalues < 0).sum()),
        condition=float(largest / smallest),
        seed=seed,
        method=method,
    )


def points_of(saddles: Sequence[Saddle], width: int) -> Points:
    """The saddles as points, with the seeds that found them."""
    theta = np.array([saddle.theta for saddle in saddles])
    w, a = np.split(theta, [theta.shape[1] - width], axis=1)
    return Points(
        w=w.reshape(len(saddles), width, -1),
        a=a,
        source=tuple(f"seed {saddle.seed}" for saddle in saddles),
        seed=np.array([saddle.seed for saddle in saddles], dtype=np.int64),
    )


def _seed_range(text: str) -> range:
    first, _, end = text.partition(":")
    return range(int(first), int(end))


def main(arguments: Sequence[str] | None = None) -> None:
    """The command ``python -m sweep.saddles``: search, write the points, print what was found."""
    parser = argparse.ArgumentParser(prog="python -m sweep.saddles", description="Search for saddles.")
    parser.add_argument("--problem", required=True, help="name or problem.toml")
    parser.add_argument("--width", required=True, type=int)
    parser.add_argument("--seeds", required=True, type=_seed_range, metavar="FIRST:END", help="END is not included")
    parser.add_argument("--min-index", type=int, default=1, help="smallest; 0 keeps minima")
    parser.add_argument("--max-index", type=int, default=3, help="largest number of negative eigenvalues")
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--out", required=True, type=Path, help="the .npz or .parquet file to write")
    given = parser.parse_args(arguments)
    try:
        problem = load_problem(given.problem)
        indices = {"min_index": given.min_index, "max_index": given.max_index}
        saddles = find_saddles(problem, given.width, given.seeds, **indices, jobs=given.jobs)
        if not saddles:
            parser.error(f"no saddle from {len(given.seeds)} seeds, expected at least one to write; give more seeds")
        write_points(given.out, points_of(saddles, given.width))
    except ValueError as error:
        parser.error(str(error))
    for saddle in saddles:
        print(
            f"seed {saddle.seed:6d}  {saddle.method:6s}  index {saddle.index}  loss {saddle.loss:.9e}  "
            f"gradient {saddle.gradient_norm:.1e}  condition {saddle.condition:.1e}"
        )
    print(f"{len(saddles)} distinct saddles from {len(given.seeds)} seeds")


if __name__ == "__main__":
    main()
