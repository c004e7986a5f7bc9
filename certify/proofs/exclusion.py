"""No critical point in a ball: the gradient keeps a direction.

For ``θ`` in the ball of radius ``ρ`` about ``θ0``, any vector ``u`` ``[H]`` enclosing the Hessian over the ball,

    u·∇L(θ) ≥ u·∇L(θ0) − ρ ‖[H]u‖₂,

so if the right side is positive the ball holds no critical point. (``u ≈ ∇L(θ0)/‖∇L(θ0)‖``.)
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from certify.arithmetic import Array, Enclosures, quiet
from certify.proofs.proof import Failure, Proof
from symmetry.network import Exact
from symmetry.objective import Objective

_ROOM = Fraction(1, 128)
"""Kept of the gradient, so that another arithmetic, which bounds a little differently, finds the same."""


@dataclass(frozen=True, eq=False)
class EmptyBall(Proof):
    """No critical point within Euclidean distance ``radius`` of ``center``.

    Args:
        center: (P,) exact.
        radius: float64, taken as exact.
        direction: (P,) float64 ``u``, taken as exact.
        arithmetic: name of the arithmetic of the proof.
        bits: its precision.
    """

    theorem = "empty-ball"

    center: Exact
    radius: float
    direction: Array
    arithmetic: str
    bits: int


@quiet
def empty_ball(objective: Objective, center: Exact, radius: float, arithmetic: Enclosures) -> EmptyBall | Failure:
    """Prove that the ball holds no critical point.

    Returns:
        The proof, or the failure ``gradient-may-vanish``. It does not say that there is a critical point.
    """
    point = objective.evaluate(arithmetic.array(center), arithmetic, order=1).gradient
    approx = arithmetic.approx(point)
    norm = np.linalg.norm(approx)
    if not (np.isfinite(norm) and norm > 0):
        return Failure("gradient-may-vanish", (("gradient_norm", float(norm)),))
    direction = approx / norm
    u = arithmetic.array(direction).reshape(-1, 1)
    box = arithmetic.ball(center, np.full(len(center), radius))  # the cube holds the ball
    hu = arithmetic.matmul(objective.evaluate(box, arithmetic, order=2).hessian, u)
    reach = arithmetic.sqrt(arithmetic.matmul(hu.T, hu).reshape(1)) * arithmetic.array(np.array([radius]))
    bound = arithmetic.lower(arithmetic.matmul(point.reshape(1, -1), u).reshape(1) - reach)[0]
    if bound is None or not bound > _ROOM * Fraction(float(norm)):
        return Failure("gradient-may-vanish", (("gradient_norm", float(norm)), ("radius", radius)))
    return EmptyBall(center, radius, direction + 0.0, arithmetic.name, arithmetic.bits)  # −0.0 becomes 0.0


def largest_empty_ball(
    objective: Objective, center: Exact, arithmetic: Enclosures, *, start: float = 1e-3
) -> EmptyBall | Failure:
    """The largest ball, within a factor of two, for which :func:`empty_ball` succeeds."""
    best: EmptyBall | Failure = empty_ball(objective, center, start, arithmetic)
    radius = start
    if isinstance(best, Failure):
        for _ in range(40):
            radius /= 2
            best = empty_ball(objective, center, radius, arithmetic)
            if not isinstance(best, Failure):
                return best
        return best
    while radius < 16:
        radius *= 2
        larger = empty_ball(objective, center, radius, arithmetic)
        if isinstance(larger, Failure):
            break
        best = larger
    return best
