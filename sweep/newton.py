"""Newton steps from an eigendecomposition of the Hessian: within a trust region, and undamped."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

EPS = float(np.finfo(np.float64).eps)


@dataclass(frozen=True)
class Model:
    """The quadratic model ``q(s) = g·s + ½ s·Hs`` in the eigenbasis of ``H``, approximate.

    Args:
        eigenvalues: (P,) ascending; those within rounding noise of zero are set to zero.
        vectors: (P, P), eigenvectors as columns.
        gradient: (P,), ``Vᵀg``.
        resolution: the size below which an eigenvalue is rounding noise.
    """

    eigenvalues: Floats
    vectors: Floats
    gradient: Floats
    resolution: float

    @classmethod
    def of(cls, gradient: Floats, hessian: Floats) -> Model:
        """The model of a gradient (P,) and a symmetric Hessian (P, P).

        Raises:
            numpy.linalg.LinAlgError: the Hessian holds NaN or infinity.
        """
        eigenvalues, vectors = np.linalg.eigh(hessian)
        resolution = len(eigenvalues) * EPS * max(abs(eigenvalues[0]), abs(eigenvalues[-1]))
        resolved = np.abs(eigenvalues) > resolution
        return cls(np.where(resolved, eigenvalues, 0.0), vectors, vectors.T @ gradient, resolution)

    def decrease(self, step: Floats) -> float:
        """``−q(s)`` for a step in the eigenbasis."""
        return -float(self.gradient @ step + 0.5 * (self.eigenvalues * step) @ step)

    @property
    def decrement(self) -> float:
        """``½ Σ ĝ_i²/|λ_i|``: how far the loss is from that of the model's critical point; at least the resolution is
        put for ``|λ_i|``."""
        squares, sizes = self.gradient**2, np.maximum(np.abs(self.eigenvalues), self.resolution)
        # where nothing depends on the weights, all are 0
        return 0.5 * float(np.sum(np.divide(squares, sizes, out=np.zeros_like(squares), where=squares > 0)))

    def newton_step(self, gradient: Floats) -> Floats:
        """``−ĝ_i/λ_i`` for any gradient (P,) in the eigenbasis; 0 where the eigenvalue is noise."""
        resolved = self.eigenvalues != 0
        return np.where(resolved, -gradient / np.where(resolved, self.eigenvalues, 1.0), 0.0)

    def trust_region_step(self, radius: float) -> tuple[Floats, float]:
        """The minimiser of ``q`` over ``‖s‖ ≤ radius`` (to 10 % of the radius) and its multiplier ``ν``.

        ``s_i = −ĝ_i/(λ_i + ν)`` with ``ν ≥ max(0, −λ_min)``; ``ν = 0`` inside the region, else ``‖s‖ = radius``
        (Moré and Sorensen 1983). With ``μ = ν + λ_min`` the denominators ``(λ_i − λ_min) + μ`` are sums of
        non-negative numbers: nothing cancels where ``ν ≈ −λ_min``.

        Returns:
            the step (P,) in the eigenbasis, and ``ν``.
        """
        lowest = float(self.eigenvalues[0])
        gaps = self.eigenvalues - lowest
        g = self.gradient
        if lowest < 0:
            # the hard case (no gradient along the lowest direction) is the limit of a gradient that is tiny there
            g = g.copy()
            tiny = 1e-12 * float(np.linalg.norm(g)) + 1e-150
            g[0] = np.copysign(max(abs(g[0]), tiny), g[0])
        mu = shift(g, gaps, radius, max(lowest, 0.0))
        if mu == 0:  # singular, but no gradient where the eigenvalues are 0, and the region holds Newton's step
            return self.newton_step(g), 0.0
        return -g / (gaps + mu), mu - lowest


def shift(g: Floats, denominators: Floats, radius: float, least: float) -> float:
    """The smallest ``μ ≥ least ≥ 0`` for which ``g_i/(d_i + μ)``, ``d_i ≥ 0``, has length ``radius`` at most, to 10 %.

    Newton on ``1/length``, from the left; at most 0 only if all ``g_i`` with ``d_i = 0`` vanish.
    """
    mu = max(least, float(np.max(np.abs(g) / radius - denominators)))
    for _ in range(50):
        shifted = denominators + mu
        s = np.divide(g, shifted, out=np.zeros_like(g), where=shifted > 0)
        length = float(np.linalg.norm(s))
        if length <= 1.1 * radius:
            break
        squares = np.divide(s * s, shifted, out=np.zeros_like(g), where=shifted > 0)
        mu += length**2 / float(squares.sum()) * (length - radius) / radius
    return mu
