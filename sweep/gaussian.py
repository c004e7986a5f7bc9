"""The search under Gaussian inputs: gradient descent of many runs at once, descent to the end of one, and symmetry.

Floating point throughout; nothing is proved. The formulas are those of :mod:`symmetry.gaussian_relu`, over many
points at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from symmetry.arithmetic import Float64
from symmetry.gaussian_relu import GaussianRelu
from symmetry.objective import Evaluation

Floats = NDArray[np.float64]

_STEPS = 300
_FLAT = 1e-3  # eigenvalues smaller than this are taken as this large
_BATCH = 64


def loss_gradient(teacher: Floats, w: Floats) -> tuple[Floats, Floats]:
    """``F`` (B,) and ``∇F`` (B, n, d) at ``w`` (B, n, d); ``teacher`` (k, d)."""
    norm = np.linalg.norm(w, axis=2)
    unit = w / norm[:, :, None]
    lengths = np.linalg.norm(teacher, axis=1)
    own = np.clip(unit @ unit.transpose(0, 2, 1), -1, 1)
    seen = np.clip(unit @ (teacher / lengths[:, None]).T, -1, 1)
    own_s, seen_s = np.sqrt(1 - own * own), np.sqrt(1 - seen * seen)
    own_b, seen_b = np.arccos(-own), np.arccos(-seen)
    diagonal = np.arange(w.shape[1])
    own_s[:, diagonal, diagonal] = 0
    own_b[:, diagonal, diagonal] = np.pi
    own_f = norm[:, :, None] * norm[:, None, :] * (own_s + own_b * own)
    seen_f = norm[:, :, None] * lengths * (seen_s + seen_b * seen)
    along = np.einsum("bij,bj->bi", own_s, norm) - seen_s @ lengths
    # the diagonal of b is π: π w_i/2π = w_i/2
    gradient = (along[:, :, None] * unit + own_b @ w - seen_b @ teacher) / (2 * np.pi)
    loss = (own_f.sum(axis=(1, 2)) / 2 - seen_f.sum(axis=(1, 2))) / (2 * np.pi) + _teacher_loss(teacher)
    return loss, gradient


def _teacher_loss(teacher: Floats) -> float:
    lengths = np.linalg.norm(teacher, axis=1)
    c = np.clip(teacher @ teacher.T / np.outer(lengths, lengths), -1, 1)
    f = np.outer(lengths, lengths) * (np.sqrt(1 - c * c) + np.arccos(-c) * c)
    return float(f.sum() / (4 * np.pi))


@dataclass(frozen=True)
class Ends:
    """Where runs of gradient descent stopped.

    Args:
        w: (B, n, d).
        steps: (B,) steps made.
        converged: (B,) whether the gradient's norm is at most the tolerance.
    """

    w: Floats
    steps: NDArray[np.int64]
    converged: NDArray[np.bool_]


def gradient_descent(teacher: Floats, w: Floats, *, rate: float, tolerance: float, steps: int) -> Ends:
    """Plain gradient descent with a constant rate from each of ``w`` (B, n, d), until ``‖∇F‖ ≤ tolerance``."""
    w, count = w.copy(), np.zeros(len(w), dtype=np.int64)
    active = np.arange(len(w))
    for _ in range(steps):
        if not len(active):
            break
        gradient = loss_gradient(teacher, w[active])[1]
        moving = np.sqrt((gradient * gradient).sum(axis=(1, 2))) > tolerance
        active, gradient = active[moving], gradient[moving]
        w[active] -= rate * gradient
        count[active] += 1
    done = np.ones(len(w), dtype=bool)
    done[active] = False
    return Ends(w, count, done)


@dataclass(frozen=True)
class Descended:
    """The end of a descent: ``theta`` (P,), the length of the path, why it ended, and after how many steps."""

    theta: Floats
    moved: float
    stop_reason: str
    steps: int


def descend(objective: GaussianRelu, theta: Floats) -> Descended:
    """Damped Newton steps with all eigenvalues taken positive; the loss falls at each."""
    moved, loss = 0.0, _value(objective, theta)
    for step in range(_STEPS):
        at = _derivatives(objective, theta)
        if not (np.isfinite(at.hessian).all() and np.isfinite(at.gradient).all()):
            return Descended(theta, moved, "not-smooth", step)
        values, vectors = np.linalg.eigh(at.hessian)
        direction = -vectors @ ((vectors.T @ at.gradient) / np.maximum(np.abs(values), _FLAT))
        length, scale = float(np.linalg.norm(direction)), 1.0
        if length < 1e-11:
            return Descended(theta, moved, "converged", step)
        while scale > 1e-10 and not (lower := _value(objective, theta + scale * direction)) < loss:
            scale /= 2
        if scale <= 1e-10:
            return Descended(theta, moved, "converged" if length < 1e-7 else "stalled", step)
        theta, loss, moved = theta + scale * direction, lower, moved + scale * length
    return Descended(theta, moved, "step-limit", _STEPS)


def _derivatives(objective: GaussianRelu, theta: Floats) -> Evaluation:
    with np.errstate(all="ignore"):  # neurons that are parallel
        return objective.evaluate(theta, Float64(), 2)


def _value(objective: GaussianRelu, theta: Floats) -> float:
    with np.errstate(all="ignore"):
        return float(objective.evaluate(theta, Float64(), 0).loss[0])


def newton(objective: GaussianRelu, theta: Floats) -> Floats | None:
    """The limit of Newton's method if it converges; it may be of any index."""
    for _ in range(30):
        at = _derivatives(objective, theta)
        if not (np.isfinite(at.hessian).all() and np.isfinite(at.gradient).all()):
            return None
        try:
            step = np.linalg.solve(at.hessian, at.gradient)
        except np.linalg.LinAlgError:
            return None
        theta = theta - step
        if np.linalg.norm(step) < 1e-11 * (1 + np.linalg.norm(theta)):
            return theta
    return None


def measured(objective: GaussianRelu, w: Floats) -> tuple[Floats, Floats, Floats]:
    """Loss, gradient norm and smallest eigenvalue of the Hessian, (B,) each, at ``w`` (B, n, d)."""
    loss, norm, smallest = (np.empty(len(w)) for _ in range(3))
    for b, point in enumerate(w):
        at = _derivatives(objective, point.ravel())
        loss[b], norm[b] = at.loss[0], np.linalg.norm(at.gradient)
        finite = np.isfinite(at.hessian).all()
        smallest[b] = np.linalg.eigvalsh(at.hessian)[0] if finite else np.nan
    return loss, norm, smallest


# ---------------------------------------------------------------------------------------------------- symmetry

Orders = tuple[tuple[int, ...], tuple[int, ...]]

_TRIES = 400


def approx_orders(a: Floats, b: Floats, tolerance: float = 1e-5) -> Orders | None:
    """Orders of the rows and of the columns that make ``b`` (n, d) equal ``a`` within a tolerance; ``None``: none
    found.

    ``b[np.ix_(rows, columns)] ≈ a``. Rows and columns are coloured by their entries until that distinguishes no more;
    then a row is told from its like, and the colouring goes on.
    """
    values = np.concatenate([a.ravel(), b.ravel()])
    order = np.argsort(values, kind="stable")
    labels = np.empty(len(values), dtype=np.int64)
    labels[order] = np.concatenate([[0], np.cumsum(np.diff(values[order]) > tolerance)])
    left, right = labels[: a.size].reshape(a.shape), labels[a.size :].reshape(b.shape)
    tries = [_TRIES]
    zero = [np.zeros(size, dtype=np.int64) for size in (*a.shape, *a.shape)]
    return _search(left, right, zero, tries)


def _search(left: Any, right: Any, colours: Sequence[Any], tries: list[int]) -> Orders | None:
    tries[0] -= 1
    refined = _refined(left, right, colours)
    if refined is None or tries[0] < 0:
        return None
    for part in (0, 1):
        mine, theirs = refined[part], refined[part + 2]
        counts = np.bincount(mine)
        if counts.max() > 1:
            colour = int(np.flatnonzero(counts > 1)[0])
            first = int(np.flatnonzero(mine == colour)[0])
            for other in np.flatnonzero(theirs == colour):
                told = [c.copy() for c in refined]
                told[part][first] = told[part + 2][other] = counts.size
                found = _search(left, right, told, tries)
                if found is not None:
                    return found
            return None
    rows, columns = (np.argsort(refined[p + 2])[np.argsort(np.argsort(refined[p]))] for p in (0, 1))
    same = np.array_equal(right[np.ix_(rows, columns)], left)
    return (tuple(rows.tolist()), tuple(columns.tolist())) if same else None


def _refined(left: Any, right: Any, colours: Sequence[Any]) -> list[Any] | None:
    """Stable colours of the rows and columns of both matrices; ``None`` where they differ in number."""
    rows_a, columns_a, rows_b, columns_b = colours
    count = -1
    while True:
        rows = _recoloured([(rows_a, left, columns_a), (rows_b, right, columns_b)])
        if rows is None:
            return None
        rows_a, rows_b = rows
        columns = _recoloured([(columns_a, left.T, rows_a), (columns_b, right.T, rows_b)])
        if columns is None:
            return None
        columns_a, columns_b = columns
        now = int(rows_a.max() + columns_a.max())
        if now == count:
            return [rows_a, columns_a, rows_b, columns_b]
        count = now


def _recoloured(sides: Sequence[tuple[Any, Any, Any]]) -> list[Any] | None:
    keys = [
        [
            (int(own), *sorted(zip(across.tolist(), line, strict=True)))
            for own, line in zip(mine, labels.tolist(), strict=True)
        ]
        for mine, labels, across in sides
    ]
    if sorted(keys[0]) != sorted(keys[1]):
        return None
    names = {key: number for number, key in enumerate(sorted(set(keys[0])))}
    return [np.array([names[key] for key in side]) for side in keys]
