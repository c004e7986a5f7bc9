"""Trust-region Newton for many students in lockstep, on the host or on any device.

The iteration is that of :func:`sweep.polishing.polish.polish`, which follows one point and measures its path; here
every operation is done for all runs that are still under way, so that kernels, eigendecompositions and the interpreter
are called once a step, not once a step and run. Arrays are numpy's or torch's: the code below uses what both call the
same.

A run's numbers do not depend on the others: every operation acts on its row alone. The last few steps to zero loss,
where residuals vanish, are Levenberg–Marquardt's and are made on the host, run by run.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from sweep.kernels import compiled
from sweep.kernels.compiled import Floats, KernelData
from sweep.newton import EPS
from sweep.polishing.gauss_newton import residuals_of, to_rounding_level
from sweep.polishing.polish import (
    CORRECTIONS,
    MAX_RADIUS,
    RADIUS,
    STIFF,
    VANISHING,
    StopReason,
    gradient_is_noise,
    label_size,
)

_SHIFTS = 50


Visit = Callable[[int, int, Floats], None]
"""Called with (run, step, θ)."""


class Kernels(Protocol):
    """Loss, derivatives and eigendecompositions of a batch of students, a row each; see :mod:`sweep.kernels`."""

    @property
    def namespace(self) -> Any:
        """numpy or torch."""

    def tensor(self, numbers: Any) -> Any:
        """An array of this kind."""

    def host(self, array: Any) -> Any:
        """A numpy array of the same numbers."""

    def loss_gradient(self, theta: Any) -> tuple[Any, Any]:
        """(n,), (n, P)."""

    def loss_gradient_hessian(self, theta: Any) -> tuple[Any, Any, Any]:
        """(n,), (n, P), (n, P, P)."""

    def eigh(self, hessian: Any) -> tuple[Any, Any]:
        """Eigenvalues (n, P) and eigenvectors (n, P, P)."""

    @property
    def batch(self) -> int | None:
        """How many rows every array must have, if rounding depends on it."""


@dataclass(frozen=True)
class HostKernels:
    """The compiled kernels, for students of one width."""

    data: KernelData
    width: int
    namespace: Any = np
    batch: None = None

    def tensor(self, numbers: Any) -> Floats:
        return np.asarray(numbers, dtype=np.float64)

    def host(self, array: Any) -> Any:
        return array

    def loss_gradient(self, theta: Floats) -> tuple[Floats, Floats]:
        return compiled.loss_gradient(self.data, theta, self.width)

    def loss_gradient_hessian(self, theta: Floats) -> tuple[Floats, Floats, Floats]:
        return compiled.loss_gradient_hessian(self.data, theta, self.width)

    def eigh(self, hessian: Floats) -> tuple[Floats, Floats]:
        values, vectors = np.linalg.eigh(hessian)
        return values, vectors


@dataclass
class _Front:
    """The runs under way, a row each: their points, the quadratic models there (:class:`sweep.newton.Model`), and their
    trust regions."""

    theta: Any
    loss: Any
    gradient: Any
    eigenvalues: Any
    vectors: Any
    slopes: Any
    resolution: Any
    radius: Any

    def rows(self, chosen: Any) -> _Front:
        """Some of the runs."""
        return _Front(*(getattr(self, field.name)[chosen] for field in fields(self)))

    def put(self, chosen: Any, new: _Front) -> None:
        """Replace some of the runs."""
        for field in fields(self):
            getattr(self, field.name)[chosen] = getattr(new, field.name)


@dataclass(frozen=True)
class Ends:
    """Where the runs stopped, in the order of their starts: (n, P), (n,) steps, n stop reasons."""

    theta: Floats
    steps: NDArray[np.int64]
    stop_reason: tuple[StopReason, ...]


def newton(
    on: Kernels,
    data: KernelData,
    start: Floats,
    width: int,
    *,
    max_steps: int = 1000,
    max_weight: float = 50.0,
    visit: Visit | None = None,
) -> Ends:
    """Descend from every row of ``start`` (n, P) to a critical point.

    Args:
        on: the kernels, where the work is to be done.
        data: the same problem for the host.
        width: neurons ``m``.
        max_steps, max_weight: as for :func:`sweep.polishing.polish.polish`.
        visit: called with (run, step, θ) after every step.

    Raises:
        ValueError: shapes that do not fit, or a loss at a start that is not finite.
    """
    search = _Search(on, data, width, max_weight)
    size = on.batch or max(len(start), 1)
    with np.errstate(all="ignore"):
        parts = [
            search.run(begin, np.array(start[begin : begin + size], dtype=np.float64), max_steps, visit)
            for begin in range(0, max(len(start), 1), size)
        ]
    return Ends(
        np.concatenate([part.theta for part in parts]),
        np.concatenate([part.steps for part in parts]),
        tuple(reason for part in parts for reason in part.stop_reason),
    )


class _Search:
    """What all runs share."""

    def __init__(self, on: Kernels, data: KernelData, width: int, max_weight: float):
        self.on, self.xp, self.data, self.width, self.max_weight = on, on.namespace, data, width, max_weight
        self.residuals = residuals_of(data, width)
        self.label_size = label_size(data)

    def filled(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """Numbers of rows, the last one repeated until there are as many as there have to be."""
        missing = (self.on.batch or 0) - len(rows)
        return np.concatenate([rows, np.repeat(rows[-1:], missing)]) if missing > 0 else rows

    def run(self, first: int, start: Floats, max_steps: int, visit: Visit | None) -> Ends:
        """All runs, until each has a reason to stop; ``first`` is the number of the first one."""
        n = len(start)
        theta, steps, reasons = start.copy(), np.zeros(n, np.int64), np.full(n, "", dtype=object)
        if n == 0:
            return Ends(theta, steps, ())
        rows = self.filled(np.arange(n))
        front = self.expand(self.on.tensor(start[rows]), self.on.tensor(np.full(len(rows), RADIUS)))
        loss = self.on.host(front.loss)
        if not np.isfinite(loss).all():
            bad = loss[~np.isfinite(loss)][0]
            raise ValueError(f"the loss at a start is {bad}, expected a finite number; use smaller weights")
        vanish_below = np.full(n, VANISHING * self.label_size**2)
        live = np.arange(n)
        while len(live):
            loss = self.on.host(front.loss)[: len(live)]
            largest = self.on.host(self.xp.amax(self.xp.abs(front.theta), axis=1))[: len(live)]
            reason = np.full(len(live), "", dtype=object)
            reason[loss == 0] = "converged"
            reason[largest > self.max_weight] = "diverging"
            reason[steps[live] >= max_steps] = "step-limit"
            vanishing = (reason == "") & (loss <= vanish_below[live])
            going = np.flatnonzero((reason == "") & ~vanishing)
            for i in np.flatnonzero(vanishing):
                # tried again only after the loss has fallen by much
                vanish_below[live[i]] = 1e-2 * loss[i]
                end, reached, left = theta[live[i]], False, max_steps - int(steps[live[i]])
                for end, reached in to_rounding_level(self.residuals, end, left):  # noqa: B007, B020
                    steps[live[i]] += 1
                    if visit is not None:
                        visit(first + int(live[i]), int(steps[live[i]]), end)
                rows = self.filled(np.array([i]))
                front.put(rows, self.expand(self.on.tensor(end[None])[rows * 0], front.radius[rows]))
                reason[i] = "converged" if reached else ""
            if len(going):
                steps[live[going]] += 1
                rows = self.filled(going)
                part = front.rows(rows)
                reason[going] = self.step(part, len(going))
                front.put(rows, part)
            theta[live] = self.on.host(front.theta)[: len(live)]
            reasons[live] = reason
            if visit is not None:
                for run in live[going]:
                    visit(first + int(run), int(steps[run]), theta[run])
            stays = np.flatnonzero(reason == "")
            if len(stays) < len(live):
                live = live[stays]
                front = front.rows(self.filled(stays)) if len(stays) else front
        return Ends(theta, steps, tuple(reasons))

    def expand(self, theta: Any, radius: Any) -> _Front:
        """The quadratic models at ``theta`` (n, P)."""
        loss, gradient, hessian = self.on.loss_gradient_hessian(theta)
        finite = self.xp.isfinite(loss)
        eigenvalues, vectors = self.on.eigh(self.xp.where(finite[:, None, None], hessian, 0.0))
        size = self.xp.maximum(self.xp.abs(eigenvalues[:, 0]), self.xp.abs(eigenvalues[:, -1]))
        resolution = (eigenvalues.shape[1] * EPS) * size
        resolved = self.xp.abs(eigenvalues) > resolution[:, None]
        slopes = _turned(self.xp, vectors, gradient)
        return _Front(
            theta, loss, gradient, self.xp.where(resolved, eigenvalues, 0.0), vectors, slopes, resolution, radius
        )

    # ------------------------------------------------------------------ one step of every run

    def step(self, front: _Front, count: int) -> NDArray[np.object_]:
        """One step of every run of ``front``, which is changed; why the first ``count`` stop, empty if they do not."""
        xp = self.xp
        quiet = self.decrement(front) <= self.loss_noise(front)
        flat = _newton(xp, front, front.slopes)
        step, nu = self.trust_region_step(front)
        step = xp.where(quiet[:, None], flat, step)
        length = _norm(xp, step)
        predicted = -xp.sum(front.slopes * step + 0.5 * (front.eigenvalues * step) * step, axis=1)
        theta = front.theta + _applied(self.xp, front.vectors, step)
        loss, gradient = self.on.loss_gradient(theta)
        bent = ~quiet & (nu > 0) & ~(front.loss - loss >= 0.9 * predicted)
        self.correct(front, bent, step, nu, length, theta, loss, gradient)
        # quiet runs: kept if the step halves the gradient or the next step, see Polish
        after = _newton(xp, front, _turned(self.xp, front.vectors, gradient))
        closer = (_norm(xp, gradient) <= 0.5 * _norm(xp, front.gradient)) | (_norm(xp, after) <= 0.5 * length)
        kept = xp.where(quiet, closer & (loss <= front.loss + self.loss_noise(front)), loss < front.loss)
        ratio = (front.loss - loss) / predicted
        smaller = ~quiet & ~(ratio >= 0.25)  # also where the loss overflowed
        larger = ~quiet & (ratio > 0.75) & (nu > 0)
        front.radius = xp.where(smaller, 0.25 * length, front.radius)
        front.radius = xp.where(larger, xp.clip(2.0 * front.radius, None, MAX_RADIUS), front.radius)
        chosen = np.flatnonzero(self.on.host(kept))
        if len(chosen):
            rows = self.filled(chosen)
            front.put(rows, self.expand(theta[rows], front.radius[rows]))
        rounding = ~(front.radius > EPS * (1.0 + _norm(xp, front.theta)))
        reasons = np.where(self.on.host(~quiet & rounding)[:count], "stalled", "").astype(object)
        for i in np.flatnonzero(self.on.host(quiet & ~kept)[:count]):
            reasons[i] = "converged" if self.is_noise(front, i) else "stalled"
        return reasons

    def correct(
        self, front: _Front, bent: Any, step: Any, nu: Any, length: Any, theta: Any, loss: Any, gradient: Any
    ) -> None:
        """Chord steps back to the valley's floor for the runs ``bent``; changes ``theta``, ``loss``, ``gradient``."""
        xp, chosen = self.xp, np.flatnonzero(self.on.host(bent))
        for _ in range(CORRECTIONS):
            if not len(chosen):
                return
            rows = self.filled(chosen)
            values, vectors, shift = front.eigenvalues[rows], front.vectors[rows], nu[rows][:, None]
            expected = front.slopes[rows] + values * step[rows]
            miss = _turned(self.xp, vectors, gradient[rows]) - expected
            stiff = values > STIFF * shift
            correction = xp.where(stiff, -miss / xp.where(stiff, values + shift, 1.0), 0.0)
            trial = theta[rows] + _applied(self.xp, vectors, correction)
            trial_loss, trial_gradient = self.on.loss_gradient(trial)
            short, lower = _norm(xp, correction) <= length[rows], trial_loss < loss[rows]
            better = np.flatnonzero(self.on.host(short & lower)[: len(chosen)])
            chosen = chosen[better]
            theta[chosen], loss[chosen], gradient[chosen] = trial[better], trial_loss[better], trial_gradient[better]

    def trust_region_step(self, front: _Front) -> tuple[Any, Any]:
        """The minimisers of the models within the trust regions and their multipliers ``ν``.

        As :meth:`sweep.newton.Model.trust_region_step`, with its iteration for ``ν`` frozen where it has ended.
        """
        xp, lowest = self.xp, front.eigenvalues[:, 0]
        gaps = front.eigenvalues - lowest[:, None]
        g = front.slopes + 0.0
        tiny = 1e-12 * _norm(xp, g) + 1e-150
        first = xp.copysign(xp.maximum(xp.abs(g[:, 0]), tiny), g[:, 0])
        g[:, 0] = xp.where(lowest < 0, first, g[:, 0])
        radius = front.radius
        mu = xp.maximum(xp.clip(lowest, 0.0, None), xp.amax(xp.abs(g) / radius[:, None] - gaps, axis=1))
        for _ in range(_SHIFTS):
            shifted = gaps + mu[:, None]
            defined = shifted > 0
            divisor = xp.where(defined, shifted, 1.0)
            s = xp.where(defined, g / divisor, 0.0)
            square = xp.sum(s * s, axis=1)
            length = xp.sqrt(square)
            done = length <= 1.1 * radius
            if bool(done.all()):
                break
            curvature = xp.sum(xp.where(defined, s * s / divisor, 0.0), axis=1)
            mu = xp.where(done, mu, mu + square / curvature * (length - radius) / radius)
        flat = mu == 0  # no gradient where the eigenvalues are 0, and the region holds Newton's step
        divisor = xp.where(flat[:, None], 1.0, gaps + mu[:, None])
        step = xp.where(flat[:, None], _newton(xp, front, front.slopes), -g / divisor)
        return step, xp.where(flat, 0.0, mu - lowest)

    # ------------------------------------------------------------------ noise

    def decrement(self, front: _Front) -> Any:
        """``½ Σ ĝ_i²/|λ_i|``, see :attr:`sweep.newton.Model.decrement`."""
        xp = self.xp
        return 0.5 * xp.sum(front.slopes**2 / xp.maximum(xp.abs(front.eigenvalues), front.resolution[:, None]), axis=1)

    def loss_noise(self, front: _Front) -> Any:
        """What rounding may do to the loss, as in :mod:`sweep.polishing.polish`."""
        outputs = self.xp.sum(self.xp.abs(front.theta[:, self.width * self.data.dimension :]), axis=1)
        delta = EPS * (outputs + self.label_size)
        return 8.0 * delta * self.xp.sqrt(front.loss / self.data.count) + delta * delta

    def is_noise(self, front: _Front, i: Any) -> bool:
        """Whether the gradient of a run is rounding noise; asked once, on the host."""
        theta = np.array(self.on.host(front.theta[i]))
        _, gradient, hessian = compiled.loss_gradient_hessian(self.data, theta[None], self.width)
        return gradient_is_noise(self.residuals, theta, gradient[0], hessian[0])


def _turned(xp: Any, vectors: Any, rows: Any) -> Any:
    """``Vᵀ g`` for every run; no BLAS, whose order may depend on where a matrix lies."""
    return xp.sum(vectors * rows[:, :, None], axis=1)


def _applied(xp: Any, vectors: Any, rows: Any) -> Any:
    """``V s`` for every run."""
    return xp.sum(vectors * rows[:, None, :], axis=2)


def _norm(xp: Any, rows: Any) -> Any:
    return xp.sqrt(xp.sum(rows * rows, axis=1))


def _newton(xp: Any, front: _Front, slopes: Any) -> Any:
    """``−ĝ_i/λ_i``; 0 where the eigenvalue is noise."""
    resolved = front.eigenvalues != 0
    return xp.where(resolved, -slopes / xp.where(resolved, front.eigenvalues, 1.0), 0.0)
