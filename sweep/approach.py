"""The last digits before a zero-loss stratum, in coordinates relative to an exact point of it.

Where neurons coincide, residuals are quadratic in the distance ``t`` from the stratum, so float64 parameters stop at
``t ~ 1e-8``, where ``t²`` drowns in rounding. Written as ``θ = θ_0 + δ`` with ``θ_0`` exactly on the stratum, the
residual at ``θ_0`` is exactly 0 and that at ``δ`` is computed to a relative precision. Everything is approximate:
whether the result lies near the stratum is for exact arithmetic to say.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from math import factorial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sweep.gauss_newton import Path, System, levenberg_marquardt
from sweep.kernels import KernelData
from symmetry.activation import activation
from symmetry.arithmetic import Float64
from symmetry.matching import StratumPoint
from symmetry.network import Exact, Network, exact
from symmetry.strata import Stratum

Floats = NDArray[np.float64]

CLOSE = 1e-13
"""The iteration ends at this distance from the stratum, relative to ``1 + ‖θ‖``."""

_REBASES = 5

_TAYLOR = 2.0**-8
"""Up to this ``|h|`` the increment ``σ(z + h) − σ(z)`` is a Taylor polynomial of degree 5 (remainder 2e-15 of it)."""


@dataclass(frozen=True)
class Approached:
    """Where the iteration ended: at ``base + delta``, an exact sum.

    Args:
        base: an exact point of the stratum, the nearest to the end.
        delta: (P,) float64, the local coordinates of the end.
        moved: the length of the path, approximate.
        path_radius: the largest distance of a point of the path from its start, approximate.
        residual: the root mean square of the residuals at the end, approximate, to a relative precision.
        steps: accepted steps.
    """

    base: StratumPoint
    delta: Floats
    moved: float
    path_radius: float
    residual: float
    steps: int

    def network(self) -> Network:
        """The end of the path, exact."""
        return Network.from_theta(self.base.network.theta() + exact(self.delta), self.base.network.dimension)


def approach(data: KernelData, base: StratumPoint, theta: Any, *, max_steps: int = 100) -> Approached | None:
    """Follow Levenberg–Marquardt from ``theta`` (P,) to a zero of the loss near the stratum of ``base``.

    The residual decreases strictly at every step, and nothing pulls towards the stratum but the residual itself. When
    the iteration stops, ``base`` is replaced by the point of the same stratum nearest to it, which restores the relative
    precision, and it goes on until the end lies within ``CLOSE (1 + ‖θ‖)`` of the stratum.

    Args:
        data: the problem, prepared for the kernels.
        base: an exact point of a stratum; the closer to ``theta`` the better.
        theta: (P,) the start, as exact as its entries are: float64, or ``Fraction`` objects.
        max_steps: bound on the number of steps.

    Returns:
        the end of the path, or ``None`` if the iteration stalls at a residual that does not vanish, as at a minimum of
        small but positive loss, or runs to somewhere else.
    """
    start = exact(theta)
    scale = 1.0 + float(np.linalg.norm(start.astype(np.float64)))
    end, path, steps = start, Path(np.zeros(start.size)), 0
    for _ in range(_REBASES):
        origin = base.network.theta()
        offset = (origin - start).astype(np.float64)
        delta = (end - origin).astype(np.float64)
        local = _Local(data, base.network)
        for delta, _norm in levenberg_marquardt(System(local.residual, local.linearise), delta):
            path.advance(offset + delta)
            steps += 1
            if steps >= max_steps:
                return None
        end = origin + exact(delta)
        base = _nearest(base.stratum, end, base.network.dimension)
        if base.distance_squared <= Fraction(CLOSE * scale) ** 2:
            delta = (end - base.network.theta()).astype(np.float64)
            residual = float(np.linalg.norm(_Local(data, base.network).residual(delta)))
            return Approached(base, delta, path.moved, path.radius, residual, steps)
    return None


def _nearest(stratum: Stratum, theta: Exact, dimension: int) -> StratumPoint:
    """The exact point of the stratum nearest to ``theta``."""
    network = stratum.nearest(Network.from_theta(theta, dimension))
    gap = theta - network.theta()
    return StratumPoint(stratum, network, sum(gap * gap, Fraction(0)))


class _Local:
    """Residuals of ``θ_0 + δ``, ``δ = (ω, α)``, where ``θ_0 = (w, a)`` has residual 0, to a relative precision.

        r_n = Σ_i (a_i + α_i) (σ(z_i + h_i) − σ(z_i)) + α_i σ(z_i),    z_i = w_i·x_n,  h_i = ω_i·x_n

    Scaled and folded like :func:`sweep.gauss_newton.residual_jacobian`: ``σ = τ + shift``, and the even part is
    ``shift Σ α_i``. ``w``, ``a`` are rounded: equal (or opposite) neurons stay equal (or opposite), and all else is
    a relative error of ``r``.
    """

    def __init__(self, data: KernelData, base: Network):
        self.activation = activation(data.activation)
        self.scale, self.shift = float(np.sqrt(data.weight / data.count)), data.shift
        self.x = data.x[:, : data.kept]
        self.width = base.width
        self.a = base.a.astype(np.float64)
        self.z = base.w.astype(np.float64) @ self.x
        jet = self.activation.jet(self.z, 5, Float64())
        self.tau = jet[0] - self.shift
        self.taylor = [derivative / factorial(k) for k, derivative in enumerate(jet)][1:]

    def _split(self, delta: Floats) -> tuple[Floats, Floats]:
        """``ω`` (m, d) and ``α`` (m,)."""
        inner = self.width * len(self.x)
        return delta[:inner].reshape(self.width, -1), delta[inner:]

    def _increment(self, h: Floats) -> Floats:
        """``σ(z + h) − σ(z)``, (m, K)."""
        increment = np.zeros_like(h)
        for coefficient in reversed(self.taylor):
            increment = h * (coefficient + increment)
        large = np.abs(h) > _TAYLOR
        if large.any():
            # here ``eps/|h|`` is a sufficient relative precision
            z, h = self.z[large], h[large]
            increment[large] = (
                self.activation.jet(z + h, 0, Float64())[0] - self.activation.jet(z, 0, Float64())[0]
            )
        return increment

    def residual(self, delta: Floats) -> Floats:
        """The residuals (K + 1,): ``‖r‖²`` is the loss."""
        omega, alpha = self._split(delta)
        r = (self.a + alpha) @ self._increment(omega @ self.x) + alpha @ self.tau
        return np.append(self.scale * r, self.shift * alpha.sum())

    def linearise(self, delta: Floats) -> tuple[Floats, Floats]:
        """The residuals and their Jacobian (K + 1, P)."""
        omega, alpha = self._split(delta)
        sigma, slope = self.activation.jet(self.z + omega @ self.x, 1, Float64())
        inner, outputs = omega.size, self.a + alpha
        jacobian = np.zeros((self.x.shape[1] + 1, delta.size))
        jacobian[:-1, :inner] = (self.scale * outputs[:, None, None] * slope[:, None, :] * self.x).reshape(inner, -1).T
        jacobian[:-1, inner:] = self.scale * (sigma - self.shift).T
        jacobian[-1, inner:] = self.shift
        return self.residual(delta), jacobian
