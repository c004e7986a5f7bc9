"""Critical points of widths 1, 2, …, M: each width from random starts and from all splits of the one below.

Copying a neuron, ``(w, a) → (w, s a), (w, (1 − s) a)``, takes a critical point of width ``m`` to one of ``m + 1``, on a
line of such. The inertia of its Hessian changes with the sign of ``s (1 − s)`` only, so two shares stand for the line:
``s = 1/2`` and ``s = −1/2``. Searches go out from beside all of these.

Everything is approximate: the points are candidates to be certified.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sweep.climb import MAX_WEIGHT, Slice
from sweep.grouping import Units, approx_groups, neurons
from sweep.initialise import xavier_uniform
from sweep.kernels.compiled import KernelData, loss_gradient_hessian, prepare
from sweep.newton import Model
from sweep.polishing.polish import polish
from sweep.processes import as_finished
from sweep.saddles import Saddle, attempt, converge, examine
from symmetry.problem import Problem

Floats = NDArray[np.float64]

SHARES = (0.5, -0.5)
"""The share of its output that a copied neuron keeps: copies of equal sign, and of opposite signs."""

_BATCH = 8
_KICK = 0.3
_NEWTON_STEPS = 50
_NULL = 1e-11
"""Eigenvalues below this multiple of the largest are counted as null."""

_VANISHED = 1e-20


@dataclass(frozen=True)
class Found:
    """A critical point, and with how little effort it was found.

    Args:
        point: the point; its ``seed`` is that of the attempt, or of the point that was split.
        early: whether half of the effort would have found it, at every width on the way.
    """

    point: Saddle
    early: bool


def search_upward(
    problem: Problem,
    width: int,
    seeds: Sequence[int],
    *,
    draws: int = 2,
    jobs: int = 1,
    progress: Callable[[int, int], None] | None = None,
) -> list[list[Found]]:
    """Distinct critical points of every width from 1 to ``width``, in the order in which they were found.

    Distinct modulo permutations of the neurons, and modulo ``θ → −θ`` where the loss does not see it.

    Args:
        seeds: attempts of each width. A seed is one attempt of :func:`sweep.saddles.find_saddles` (least squares on the
            gradient, eigenvector following, mirrored pairs), and one of Newton's method from a perturbed minimum.
        draws: searches from every split, each from another random place beside it. The first half of seeds and draws is
            the half of the effort that :attr:`Found.early` speaks of.
        jobs: processes; the result does not depend on them.
        progress: called with (tasks done, tasks) of the width at hand.

    Raises:
        ValueError: a width or a number of draws below 1, or there is no kernel for the problem.
    """
    if width < 1 or draws < 1:
        raise ValueError(f"width={width}, draws={draws}, expected numbers >= 1")
    levels: list[list[Found]] = []
    for m in range(1, width + 1):
        early = set(seeds[: (len(seeds) + 1) // 2])
        tasks: list[tuple[object, ...]] = [
            (problem, m, seeds[i : i + _BATCH], early) for i in range(0, len(seeds), _BATCH)
        ]
        below = [found for found in (levels[-1] if levels else []) if found.point.loss > _VANISHED]
        split = [(problem, m, found, draws) for found in below]
        answers: list[list[Found]] = [[] for _ in [*tasks, *split]]
        for work, part, offset in ((_from_seeds, tasks, 0), (_from_splits, split, len(tasks))):
            for done, (i, answer) in enumerate(as_finished(work, part, jobs), start=offset + 1):
                answers[offset + i] = answer
                if progress is not None:
                    progress(done, len(answers))
        levels.append(_distinct(problem, m, [found for answer in answers for found in answer]))
    return levels


def split(theta: Floats, width: int, neuron: int, share: float) -> Floats:
    """A copy of a neuron of ``theta`` (P,) is added as the last one; the two share its output."""
    w, a = np.split(theta, [theta.size - width])
    w = w.reshape(width, -1)
    outputs = np.append(a, (1.0 - share) * a[neuron])
    outputs[neuron] = share * a[neuron]
    return np.concatenate([w.ravel(), w[neuron], outputs])


def _from_seeds(problem: Problem, width: int, seeds: Sequence[int], early: set[int]) -> list[Found]:
    data = prepare(problem)
    found = []
    for seed in seeds:
        points = attempt(problem, width, seed)
        minimum = polish(data, xavier_uniform(width, data.dimension, seed), width).theta
        kick = _KICK * np.random.default_rng([seed, width, 1]).normal(size=minimum.size)
        point = _newton(data, minimum + kick, width, seed)
        found += [Found(p, seed in early) for p in [*points, *([] if point is None else [point])]]
    return found


def _from_splits(problem: Problem, width: int, base: Found, draws: int) -> list[Found]:
    """The splits of one narrower point, and where searches from beside them lead."""
    data, found = prepare(problem), []
    number = zlib.crc32(base.point.theta.tobytes())  # the same searches, whatever else was found
    for neuron in range(width - 1):
        for place, share in enumerate(SHARES):
            theta = split(base.point.theta, width - 1, neuron, share)
            found.append(Found(_on_a_plateau(data, theta, width, base.point.seed), base.early))
            for draw in range(draws):
                generator = np.random.default_rng([number, neuron, place, draw, width])
                start = theta + _KICK * generator.normal(size=theta.size)
                point = converge(Slice(data, width), start)
                saddle = None if point is None else examine(data, point, width, base.point.seed, "split")
                if saddle is not None:
                    found.append(Found(saddle, base.early and draw < (draws + 1) // 2))
    return found


def _newton(data: KernelData, theta: Floats, width: int, seed: int) -> Saddle | None:
    """Undamped Newton on the gradient, wherever it leads; ``None`` if not to a critical point."""
    for _ in range(_NEWTON_STEPS):
        _, gradient, hessian = loss_gradient_hessian(data, theta[None], width)
        if not np.isfinite(hessian).all():
            return None
        model = Model.of(gradient[0], hessian[0])
        step = model.vectors @ model.newton_step(model.gradient)
        theta = theta + step
        if not np.abs(theta).max() <= MAX_WEIGHT:
            return None
        if np.linalg.norm(step) < 1e-9:
            return examine(data, theta, width, seed, "perturbed")
    return None


def _on_a_plateau(data: KernelData, theta: Floats, width: int, seed: int) -> Saddle:
    """What is known of a split."""
    loss, gradient, hessian = loss_gradient_hessian(data, theta[None], width)
    eigenvalues = np.linalg.eigvalsh(hessian[0])
    null = np.abs(eigenvalues) <= _NULL * np.abs(eigenvalues).max()
    return Saddle(
        theta=theta,
        loss=float(loss[0]),
        gradient_norm=float(np.linalg.norm(gradient[0])),
        index=int((eigenvalues[~null] < 0).sum()),
        condition=float(np.abs(eigenvalues).max() / np.abs(eigenvalues[~null]).min()),
        seed=seed,
        method="split",
        nullity=int(null.sum()),
    )


def _distinct(problem: Problem, width: int, found: Sequence[Found]) -> list[Found]:
    """One of each: the first that half of the effort finds, else the first."""
    mirrored = _is_even(problem)
    units = [_families(_oriented(f.point.theta, width) if mirrored else f.point.theta, width) for f in found]
    return [min((found[i] for i in group), key=lambda f: not f.early) for group in approx_groups(units)]


def _families(theta: Floats, width: int) -> Units:
    """Neurons, copies taken together: their incoming weights, their total output, and how many outputs have which sign.

    Splits that differ in the shares alone are one point, as long as no share changes its sign.
    """
    families: list[tuple[Floats, list[float]]] = []
    for _, unit in neurons(theta, width, len(theta) // width - 1):
        for w, outputs in families:
            if np.array_equal(w, unit[:-1]):
                outputs.append(float(unit[-1]))
                break
        else:
            families.append((unit[:-1], [float(unit[-1])]))
    return [
        (f"{sum(a > 0 for a in outputs)}+{sum(a < 0 for a in outputs)}-", np.append(w, sum(outputs)))
        for w, outputs in families
    ]


def _is_even(problem: Problem) -> bool:
    """Whether ``L(−θ) = L(θ)``: the inputs are their own negatives and the labels' even part has mean 0."""
    data = prepare(problem)
    return data.is_folded and data.even_mean == 0.0


def _oriented(theta: Floats, width: int) -> Floats:
    """``θ`` or ``−θ``: the one whose first odd invariant that does not vanish is positive."""
    w, a = np.split(theta, [theta.size - width])
    w = w.reshape(width, -1)
    for value in (a.sum(), a @ (w * w).sum(axis=1), *w.sum(axis=0)):
        if abs(value) > 1e-4:
            return theta if value > 0 else -theta
    return theta
