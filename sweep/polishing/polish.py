"""From a stopped point to a critical point, in floating point, without ever raising the loss.

Trust-region Newton with an eigendecomposition; Levenberg–Marquardt where the loss vanishes. Everything here is
approximate: it proposes a point, nothing is proved.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from sweep.kernels.compiled import KernelData, loss_gradient, loss_gradient_hessian, smallest_eigenvalue
from sweep.newton import EPS, Model
from sweep.polishing.gauss_newton import OutputResiduals, Path, Residuals, residuals_of, to_rounding_level

Floats = NDArray[np.float64]
StopReason = Literal["converged", "stalled", "step-limit", "diverging"]

VANISHING = 1e-10
"""Below this loss (relative to the labels' mean square) the zero set is what the iteration is heading for."""

STIFF = 10.0
"""A direction is stiff if its eigenvalue exceeds this multiple of the trust region's multiplier."""

CORRECTIONS = 3
RADIUS = 0.1
MAX_RADIUS = 10.0


@dataclass(frozen=True)
class Polished:
    """Where a polish ended and how it got there; every number is approximate.

    Args:
        theta: (P,) the last point.
        loss: its loss.
        gradient_norm: ``‖∇L‖₂``.
        smallest_eigenvalue: of ``∇²L``.
        moved: the length of the path, the sum of the Euclidean lengths of the accepted steps.
        path_radius: the largest distance of a point of the path from its start.
        vertices: (k, P) the path, from the start to the last point.
        steps: how many steps were accepted or tried.
        stop_reason: ``converged``: gradient and predicted decrease are rounding noise; ``stalled``: no step helps,
            though the gradient is not noise; ``diverging``: a weight has outgrown the bound; ``step-limit``.
    """

    theta: Floats
    loss: float
    gradient_norm: float
    smallest_eigenvalue: float
    moved: float
    path_radius: float
    vertices: Floats
    steps: int
    stop_reason: StopReason


def polish(
    data: KernelData,
    theta: Floats,
    width: int,
    *,
    max_steps: int = 1000,
    max_weight: float = 50.0,
) -> Polished:
    """Descend from ``theta`` (P,) to a critical point.

    A start whose gradient is rounding noise is left where it is, whatever the signs of its eigenvalues: a given
    saddle stays a saddle.

    Args:
        data: the problem, prepared for the kernels.
        theta: (P,) the start, ``P = m(d + 1)``.
        width: the number of neurons ``m``.
        max_steps: bound on the number of steps.
        max_weight: a run that grows a weight beyond this is called ``diverging``. The finite minima met so far have
            outputs up to 7; in a channel the outputs grow without bound.

    Raises:
        ValueError: ``theta`` does not fit, or the loss at it is not finite.
    """
    walk = _Walk(data, np.array(theta, dtype=np.float64), width)
    reason = walk.descend(max_steps, max_weight)
    return Polished(
        theta=walk.theta,
        loss=walk.loss,
        gradient_norm=float(np.linalg.norm(walk.gradient)),
        smallest_eigenvalue=float(smallest_eigenvalue(walk.hessian[None])[0]),
        moved=walk.path.moved,
        path_radius=walk.path.radius,
        vertices=np.array(walk.path.vertices),
        steps=walk.steps,
        stop_reason=reason,
    )


class _Walk:
    """The state of one polish: the current point, its local model, and the path so far."""

    def __init__(self, data: KernelData, theta: Floats, width: int):
        self.data, self.width = data, width
        self.residuals = residuals_of(data, width)
        self.path = Path(theta)
        self.steps = 0
        self.radius = RADIUS
        self.label_size = label_size(data)
        # with weight decay the loss does not vanish
        self.vanishing = 0.0 if data.decay else VANISHING * self.label_size**2
        self._expand(theta)
        if not np.isfinite(self.loss):
            raise ValueError(f"the loss at the start is {self.loss}, expected a finite number; use smaller weights")

    def _expand(self, theta: Floats) -> None:
        """Make ``theta`` the current point: loss, gradient, model."""
        loss, gradient, hessian = loss_gradient_hessian(self.data, theta[None], self.width)
        self.theta, self.loss, self.gradient, self.hessian = theta, float(loss[0]), gradient[0], hessian[0]
        if np.isfinite(self.loss):
            self.model = Model.of(self.gradient, self.hessian)

    def _evaluate(self, theta: Floats) -> tuple[float, Floats]:
        loss, gradient = loss_gradient(self.data, theta[None], self.width)
        return float(loss[0]), gradient[0]

    def _advance(self, theta: Floats) -> None:
        self.path.advance(theta)
        self._expand(theta)

    @property
    def loss_noise(self) -> float:
        """What rounding may do to the loss: residuals are off by ``δ ≈ eps (Σ|a_i| + |y|)``, independently, hence
        ``|ΔL| ≲ 4 (2/N) (Σ r²)^½ δ + δ² = 8 (L/N)^½ δ + δ²``."""
        outputs = self.theta[self.width * self.data.dimension :]
        delta = EPS * (float(np.abs(outputs).sum()) + self.label_size)
        return 8.0 * delta * float(np.sqrt(self.loss / self.data.count)) + delta**2

    def descend(self, max_steps: int, max_weight: float) -> StopReason:
        """Steps until one of the stop reasons."""
        vanish_below = self.vanishing
        while self.steps < max_steps:
            if np.abs(self.theta).max() > max_weight:
                return "diverging"
            if self.loss == 0 or not self.gradient.any():
                return "converged"
            if self.loss <= vanish_below:
                # tried again only after the loss has fallen by much
                vanish_below = 1e-2 * self.loss
                if self._vanish(max_steps):
                    return "converged"
                continue
            self.steps += 1
            if self.model.decrement <= self.loss_noise:
                if not self._refine():
                    noise = gradient_is_noise(self.residuals, self.theta, self.gradient, self.hessian)
                    return "converged" if noise else "stalled"
            elif not self._trust_region_step():
                return "stalled"
        return "step-limit"

    def _refine(self) -> bool:
        """One undamped Newton step, where the loss can no longer tell: kept if it halves ``‖g‖`` or ``‖H⁺g‖``.

        The same ``H`` measures both gradients. In a curved valley a step along a flat direction may well raise
        ``‖g‖``, through the stiff directions, and yet come closer, which ``‖H⁺g‖`` sees (Deuflhard's natural
        monotonicity test); at rounding level it is ``‖g‖`` that still contracts.
        """
        model = self.model
        step = model.newton_step(model.gradient)
        theta = self.theta + model.vectors @ step
        loss, gradient = self._evaluate(theta)
        after = model.newton_step(model.vectors.T @ gradient)
        closer = np.linalg.norm(gradient) <= 0.5 * np.linalg.norm(self.gradient) or (
            np.linalg.norm(after) <= 0.5 * np.linalg.norm(step)
        )
        if closer and loss <= self.loss + self.loss_noise:
            self._advance(theta)
            return True
        return False

    def _trust_region_step(self) -> bool:
        """One trial, kept if the loss falls; ``False`` if the region has shrunk to rounding level.

        Valleys here are curved: along the model's step stiff directions pick up a gradient of second order. Where the
        step meets the boundary and the loss falls short of the prediction, chord steps in the stiff directions,
        ``c_i = −(ĝ_i(θ + s) − ∂_i q(s))/(λ_i + ν)`` for ``λ_i > 10 ν``, go back to the valley's floor.
        """
        model = self.model
        step, nu = model.trust_region_step(self.radius)
        length, predicted = float(np.linalg.norm(step)), model.decrease(step)
        theta = self.theta + model.vectors @ step
        loss, gradient = self._evaluate(theta)
        if nu > 0 and not self.loss - loss >= 0.9 * predicted:
            stiff = model.eigenvalues > STIFF * nu
            expected = model.gradient + model.eigenvalues * step
            for _ in range(CORRECTIONS):
                miss = model.vectors.T @ gradient - expected
                correction = np.where(stiff, -miss / np.where(stiff, model.eigenvalues + nu, 1.0), 0.0)
                if not np.linalg.norm(correction) <= length:
                    break
                corrected = theta + model.vectors @ correction
                corrected_loss, gradient = self._evaluate(corrected)
                if not corrected_loss < loss:
                    break
                theta, loss = corrected, corrected_loss
        ratio = (self.loss - loss) / predicted
        if not ratio >= 0.25:  # also where the loss overflowed
            self.radius = 0.25 * length
        elif ratio > 0.75 and nu > 0:
            self.radius = min(2.0 * self.radius, MAX_RADIUS)
        if loss < self.loss:
            self._advance(theta)
        return self.radius > EPS * (1.0 + float(np.linalg.norm(self.theta)))

    def _vanish(self, max_steps: int) -> bool:
        """Levenberg–Marquardt while most of the residual can be removed; ``True`` if it ends at rounding level."""
        reached = False
        for theta, reached in to_rounding_level(self.residuals, self.theta, max_steps - self.steps):  # noqa: B007
            self.steps += 1
            self.path.advance(theta)
        self._expand(self.path.end)
        return reached


def label_size(data: KernelData) -> float:
    """The root mean square of the labels."""
    if data.parts:
        return float(np.sqrt(np.mean([label_size(part) ** 2 for part in data.parts])))
    return float(np.sqrt(data.weight / data.count * (data.target**2).sum() + data.even_mean**2))


def gradient_is_noise(residuals: Residuals | OutputResiduals, theta: Floats, gradient: Floats, hessian: Floats) -> bool:
    """Whether ``|g_p| ≤ eps (2 Σ_n |J_np| (|r_n| + terms_n) + Σ_q |H_pq θ_q|)`` for every component.

    The sums are those of the absolute terms of the gradient, and what rounding ``θ`` alone does to it.
    """
    r, jacobian = residuals.linearise(theta)
    terms = residuals.absolute_terms(theta)
    noise = 2.0 * (np.abs(r) + terms) @ np.abs(jacobian) + np.abs(hessian) @ np.abs(theta)
    return bool(np.all(np.abs(gradient) <= EPS * noise))
