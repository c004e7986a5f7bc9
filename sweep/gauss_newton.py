"""Levenberg–Marquardt for residuals that vanish, at regular and at degenerate zeros."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sweep.kernels import KernelData
from symmetry.activation import activation
from symmetry.arithmetic import Float64

Floats = NDArray[np.float64]

PROMISING = 0.1
_MAX_DAMPINGS = 12
_CORRECTIONS = 3
_TINY = float(np.finfo(np.float64).tiny)


def residual_jacobian(data: KernelData, theta: Floats, width: int) -> tuple[Floats, Floats, Floats]:
    """Residuals (K,), Jacobian (K, P) and the residuals' absolute terms (K,) at ``theta`` (P,), in float64.

    Scaled so that ``L = ‖r‖² + constant`` (the constant is 0 for exact labels): a kept input counts ``weight``
    times, and one more row carries the even part (see :mod:`sweep.kernels`). ``eps ×`` the absolute terms,
    ``Σ_i |a_i τ(z_i)| + |y|``, is what rounding may do to a residual.
    """
    d, kept = data.dimension, data.kept
    w, a = theta[: width * d].reshape(width, d), theta[width * d :]
    x = data.x[:, :kept]
    sigma, slope = activation(data.activation).jet(w @ x, 1, Float64())
    tau = sigma - data.shift
    scale = np.sqrt(data.weight / data.count)
    r, terms, jacobian = np.empty(kept + 1), np.empty(kept + 1), np.empty((kept + 1, theta.size))
    r[:kept] = scale * (a @ tau - data.target[:kept])
    terms[:kept] = scale * (np.abs(a) @ np.abs(tau) + np.abs(data.target[:kept]))
    jacobian[:kept, : width * d] = scale * (a[:, None, None] * slope[:, None, :] * x).reshape(width * d, kept).T
    jacobian[:kept, width * d :] = scale * tau.T
    r[kept] = data.shift * a.sum() - data.even_mean
    terms[kept] = data.shift * np.abs(a).sum() + abs(data.even_mean)
    jacobian[kept, : width * d] = 0.0
    jacobian[kept, width * d :] = data.shift
    return r, jacobian, terms


@dataclass(frozen=True)
class System:
    """Nonlinear equations ``r(x) = 0``, as functions of ``x`` (P,).

    Args:
        residual: ``r(x)``, (K,).
        linearise: ``r(x)`` and its Jacobian (K, P).
    """

    residual: Callable[[Floats], Floats]
    linearise: Callable[[Floats], tuple[Floats, Floats]]


def levenberg_marquardt(system: System, x: Floats) -> Iterator[tuple[Floats, float]]:
    """Points ``x`` with strictly decreasing ``‖r(x)‖``, and these norms; approximate.

    Ends where no step decreases the norm, and where the linear model removes less than :data:`PROMISING` of the squared
    norm: at a local minimum of ``‖r‖`` that is not a zero it removes nothing.

    The damping ``μ`` starts at ``‖r‖``: small against the singular values ``~ t`` met at distance ``t`` from a
    double zero, where ``‖r‖ ~ t²``. Singular values come from an orthogonal factorisation of ``J``, not from ``JᵀJ``:
    they are right to ``eps`` of the largest one, which a double zero needs down to ``t ~ eps``.
    """
    r, jacobian = system.linearise(x)
    norm = float(np.linalg.norm(r))
    damping = norm
    while norm > 0:
        factorisation = _factorise(jacobian)
        projected = factorisation[0].T @ r
        for _ in range(_MAX_DAMPINGS):
            share = factorisation[1] ** 2 / (factorisation[1] ** 2 + damping**2)
            trial, trial_norm = _trial(system, x, r, factorisation, share)
            if trial_norm < norm:
                break
            damping = max(4.0 * damping, 1e-3 * float(factorisation[1][-1]))
        else:
            return
        # ‖r‖² − ‖r + Js‖², as a share of ‖r‖²
        promised = float(np.sum(share * (2.0 - share) * projected**2)) / norm**2
        x = trial
        r, jacobian = system.linearise(x)
        norm = float(np.linalg.norm(r))
        damping = min(damping / 2.0, norm)
        yield x, norm
        if promised < PROMISING:
            return


def _factorise(jacobian: Floats) -> tuple[Floats, Floats, Floats]:
    """``J = U diag(s) V``: a QR factorisation first, for the tall matrix it is."""
    q, triangle = np.linalg.qr(jacobian)
    left, singular, right = np.linalg.svd(triangle)
    return q @ left, singular, right


def _trial(
    system: System, x: Floats, r: Floats, factorisation: tuple[Floats, Floats, Floats], share: Floats
) -> tuple[Floats, float]:
    """The best of a few points along the damped step ``s = −V diag(share/s) Uᵀ r``, and its ``‖r‖``.

    Near a double zero the full step only halves ``t`` and a doubled one lands at ``O(t²)``: both are tried. The floor
    of the valley that leads there is curved: regular residuals, which vanish on it, are of second order after the step, and larger
    than all of ``r`` may be. Chord corrections ``J c = −(r(x + ks + …) − (r + Js))`` go back to it.
    """
    left, singular, right = factorisation
    inverse = share / np.maximum(singular, _TINY)
    projected = left.T @ r
    step = -right.T @ (inverse * projected)
    expected = (1.0 - share) * projected
    best, best_norm = x, np.inf
    for factor in (1.0, 2.0):
        trial, last = x + factor * step, np.inf
        for _ in range(1 + _CORRECTIONS):
            residual = system.residual(trial)
            norm = float(np.linalg.norm(residual))
            if not norm < last:
                break
            last = norm
            if norm < best_norm:
                best, best_norm = trial, norm
            trial = trial - right.T @ (inverse * (left.T @ residual - expected))
    return best, best_norm


class Path:
    """The length of a path and its largest distance from its start, both approximate."""

    def __init__(self, start: Floats):
        self.start = self.end = start
        self.moved = self.radius = 0.0

    def advance(self, to: Floats) -> None:
        """Go straight to ``to``."""
        self.moved += float(np.linalg.norm(to - self.end))
        self.radius = max(self.radius, float(np.linalg.norm(to - self.start)))
        self.end = to
