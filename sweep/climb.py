"""Uphill to saddles: eigenvector following on a linear slice of parameter space."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sweep.kernels.compiled import KernelData, loss_gradient, loss_gradient_hessian
from sweep.newton import EPS, shift

Floats = NDArray[np.float64]

_RADIUS, _MAX_RADIUS = 0.05, 0.3
MAX_WEIGHT = 8.0
"""Climbs that leave this box are given up: they follow a channel."""

_STIFF = 10.0
_CORRECTIONS = 3


class Slice:
    """The loss on the students ``θ = B y`` of one width, seen through its gradient ``Bᵀ∇L`` as equations in ``y`` (q,).

    A critical point of the slice is a critical point of the loss only if ``∇L`` vanishes as a whole.
    """

    def __init__(self, data: KernelData, width: int, basis: Floats | None = None):
        self.data, self.width = data, width
        self.basis = np.eye(width * (data.dimension + 1)) if basis is None else basis

    def lift(self, y: Floats) -> Floats:
        """``θ = B y``, (P,)."""
        return np.asarray(self.basis @ y)

    def residual(self, y: Floats) -> Floats:
        """The gradient (q,)."""
        _, gradient = loss_gradient(self.data, self.lift(y)[None], self.width)
        return np.asarray(self.basis.T @ gradient[0])

    def linearise(self, y: Floats) -> tuple[Floats, Floats]:
        """The gradient (q,) and the Hessian (q, q)."""
        _, gradient, hessian = loss_gradient_hessian(self.data, self.lift(y)[None], self.width)
        return self.basis.T @ gradient[0], self.basis.T @ hessian[0] @ self.basis


def climb(slice_: Slice, y: Floats, up: Floats, *, max_steps: int = 300) -> Floats | None:
    """Go up along ``k`` eigenvectors and down along all others, to where Newton's method takes over; approximate.

    ``s_i = ∓ĝ_i/(|λ_i| + ν)`` with ``‖s‖`` within a trust region: a Newton step for a saddle of index ``k``, on
    whichever side of the inflection. The ``k`` eigenvectors are those that overlap most with the last step's, until
    their eigenvalues are negative; from then on the lowest ``k``. Chord steps in the stiff directions follow curved
    valleys, as in :func:`sweep.polishing.polish.polish`. (Cerjan and Miller 1981; with ``k = 0`` it descends.)

    Args:
        slice_: where to move.
        y: (q,) the start.
        up: (q, k) directions to go up in, orthonormal.
        max_steps: bound on the number of steps.

    Returns:
        a point from which a full Newton step is a good one, or ``None``.
    """
    gradient, hessian = slice_.linearise(y)
    k, tracking, radius = up.shape[1], up.size > 0, _RADIUS
    for _ in range(max_steps):
        eigenvalues, vectors = np.linalg.eigh(hessian)
        chosen = np.arange(k)
        if tracking:
            chosen = np.argsort(-np.sum((vectors.T @ up) ** 2, axis=1))[:k]
            up = vectors[:, chosen]
            tracking = bool(eigenvalues[chosen].max() > 0)
        g = vectors.T @ gradient
        direction = -g
        direction[chosen] *= -1.0
        curvature = np.maximum(np.abs(eigenvalues), len(g) * EPS * np.abs(eigenvalues).max())
        nu = shift(direction, curvature, radius, 0.0)
        step = direction / (curvature + nu)
        length = float(np.linalg.norm(step))
        expected = g + eigenvalues * step
        trial = y + vectors @ step
        miss = vectors.T @ slice_.residual(trial) - expected
        if nu > 0:
            stiff = curvature > _STIFF * nu
            for _ in range(_CORRECTIONS):
                correction = np.where(stiff, -miss / np.where(stiff, eigenvalues, 1.0), 0.0)
                if not np.linalg.norm(correction) <= length:
                    break
                trial = trial + vectors @ correction
                miss = vectors.T @ slice_.residual(trial) - expected
                if np.linalg.norm(correction) < 0.1 * length:
                    break
        # how wrong the model's gradient was, as a step, relative to the step made
        error = float(np.linalg.norm(miss / (curvature + nu))) / max(length, np.finfo(np.float64).tiny)
        if not error <= 1.0:
            radius = 0.5 * min(radius, length)
            if radius < 1e-8:
                return None
            continue
        if error < 0.3:
            radius = min(2.0 * radius, _MAX_RADIUS)
        y = trial
        if np.abs(y).max() > MAX_WEIGHT:
            return None
        if nu == 0 and error < 0.3 and not tracking:
            return y
        gradient, hessian = slice_.linearise(y)
    return None
