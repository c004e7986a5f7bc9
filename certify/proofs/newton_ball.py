"""Isolated critical points, and balls without any, of a loss whose third derivative is bounded in balls.

Let ``F`` be smooth on the ball of radius ``R`` about ``c``, ``‖D³F‖ ≤ M`` there, ``ε ≥ ‖∇F(c)‖``, ``h ≥ ‖∇²F(c)‖``, and
let the eigenvalues of ``∇²F(c)`` have magnitudes of at least ``μ > 0``, ``p`` of them being negative.

*Exactly one* (docs/gaussian-relu.md, Theorem 6). If ``MR < μ`` and ``ε ≤ μR − MR²/2``, the ball holds exactly one
critical point ``θ*``; it is non-degenerate and of index ``p``, and it lies within ``ρ ≤ R`` if ``ε ≤ μρ − Mρ²/2``. Then
``|F(θ*) − F(c)| ≤ (h + Mρ)ρ²/2``, and no eigenvalue at ``θ*`` differs from that at ``c`` by more than ``Mρ``.

*None* (Theorem 7). If ``γ ≤ ‖∇F(c)‖`` and ``γ > hR + MR²/2``, the ball holds no critical point.

No matrix is needed as a witness: this serves hundreds of parameters.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np

from certify.arithmetic import Enclosures, ladder, quiet
from certify.arithmetic.rounding import above, below
from certify.proofs.inertia import smallest_eigenvalue, spectral_gap
from certify.proofs.proof import Failure, Proof
from certify.proofs.refinement import refine
from symmetry.arithmetic import Float64
from symmetry.gaussian_relu import GaussianRelu
from symmetry.network import Exact, exact

_SHORT = 24
_ROOM = Fraction(1, 2**10)
"""Kept, relatively, in every bound: a checker bounds a little differently and must find the same."""
_SLACK = Fraction(1, 2**31)
"""Kept in bounds of eigenvalues, relative to the norm of the Hessian."""
_STEPS = 20


@dataclass(frozen=True, eq=False)
class NewtonBall(Proof):
    """Exactly one critical point within ``reach`` of ``center``; it lies within ``radius``, and is non-degenerate.

    Args:
        center: (P,) exact.
        radius: the Euclidean distance ``ρ``.
        reach: the Euclidean distance ``R``.
        gradient_norm: ``ε``.
        gap: ``μ``.
        lipschitz: ``M``.
        negative: the number ``p`` of negative eigenvalues.
        arithmetic: name of the arithmetic of the proof.
        bits: its precision.
    """

    theorem = "newton-ball"

    center: Exact
    radius: Fraction
    reach: Fraction
    gradient_norm: Fraction
    gap: Fraction
    lipschitz: Fraction
    negative: int
    arithmetic: str
    bits: int

    def uniquely_contains(self, theta: Exact) -> bool:
        """Whether the exact point (P,) lies in the ball that holds one critical point only; decided exactly."""
        return square(theta - self.center) <= self.reach**2


@dataclass(frozen=True, eq=False)
class GradientBall(Proof):
    """No critical point within Euclidean distance ``radius`` of ``center``.

    Args:
        center: (P,) exact.
        radius: ``R``.
        arithmetic: name of the arithmetic of the proof.
        bits: its precision.
    """

    theorem = "gradient-ball"

    center: Exact
    radius: Fraction
    arithmetic: str
    bits: int


@dataclass(frozen=True)
class CertifiedBall:
    """An isolated critical point: the proof, and exact bounds of the loss and of the smallest eigenvalue there."""

    proof: NewtonBall
    loss: tuple[Fraction, Fraction]
    lambda_min: tuple[Fraction, Fraction]


@dataclass(frozen=True)
class _Room:
    """Within ``reach`` of a point the loss is smooth; lengths of the neurons there, rounded outward."""

    width: int
    reach: Fraction
    shortest: Fraction
    longest: Fraction
    teacher: Fraction

    def lipschitz(self, radius: Fraction) -> Fraction:
        """``M`` on the ball of a radius of at most ``reach``."""
        # √27/4π < 0.4135, 3/π < 0.955      (docs/gaussian-relu.md, Theorem 4, and w_min, w_max over the ball)
        low, high = self.shortest - radius, self.longest + radius
        pure = ((self.width - 1) * high + self.teacher) / low**2 * Fraction(4135, 10000)
        root = Fraction(math.isqrt((self.width - 1) * 10**8) + 1, 10**4)
        return above((pure + root / low * Fraction(955, 1000)) * (1 + _ROOM), _SHORT)


def square(v: Exact) -> Fraction:
    """The square of the Euclidean norm, exact."""
    return sum((Fraction(x) ** 2 for x in v), Fraction(0))


def certify_ball(
    objective: GaussianRelu, theta: Exact, *, arithmetic: str = "auto", max_bits: int = 212
) -> CertifiedBall | Failure:
    """Prove that exactly one critical point lies near ``theta`` (P,), an approximate one.

    Returns:
        The proof, or the last failure of the ladder of precisions: ``not-smooth`` (a neuron may be zero, or parallel to
        another), ``inertia``, ``no-contraction``, ``unbounded`` or ``singular-hessian``. It says nothing of the point.
    """
    result: CertifiedBall | Failure = Failure("no-arithmetic")
    theta = _newton(objective, theta)
    for enclosures in ladder(arithmetic, max_bits):
        if enclosures.bits > 53:
            refined = refine(objective, theta, enclosures)
            if isinstance(refined, Failure):
                return refined
            theta = refined
        result = certify_ball_in(objective, theta, enclosures)
        if not isinstance(result, Failure):
            break
    return result


def _newton(objective: GaussianRelu, theta: Exact) -> Exact:
    """Newton's method in float64 until its steps are rounding noise: a better centre, nothing proved."""
    point, last = theta.astype(np.float64), math.inf
    for _ in range(_STEPS):
        with np.errstate(all="ignore"):  # neurons that are parallel
            at = objective.evaluate(point, Float64(), 2)
        if not (np.isfinite(at.hessian).all() and np.isfinite(at.gradient).all()):
            break
        try:
            step = np.linalg.solve(at.hessian, at.gradient)
        except np.linalg.LinAlgError:
            break
        length = float(np.linalg.norm(step))
        if not length < last / 2:
            break
        point, last = point - step, length
    return exact(point)


@quiet
def certify_ball_in(objective: GaussianRelu, center: Exact, arithmetic: Enclosures) -> CertifiedBall | Failure:
    """One rung of :func:`certify_ball`: the centre as it stands, one arithmetic."""
    at = objective.evaluate(arithmetic.array(center), arithmetic, 2)
    room = _room(objective, center, arithmetic)
    if isinstance(room, Failure):
        return room
    found, smallest = spectral_gap(at.hessian, arithmetic), smallest_eigenvalue(at.hessian, arithmetic)
    norms, epsilon = _row_sum(at.hessian, arithmetic), _norm(at.gradient, arithmetic, upper=True)
    low, high = arithmetic.lower(at.loss)[0], arithmetic.upper(at.loss)[0]
    if isinstance(found, Failure):
        return found
    if isinstance(smallest, Failure) or norms is None or None in (epsilon, low, high):
        return Failure("unbounded")
    negative, gap = found
    slack = norms * _SLACK
    epsilon, mu = above(epsilon * (1 + _ROOM) + Fraction(1, 2**400), _SHORT), below(gap - slack, 40)
    # M falls with the radius: a ball that M of a larger one allows is allowed
    reach = below(min(room.reach, max(mu, Fraction(0)) / room.lipschitz(room.reach)) * Fraction(7, 8), _SHORT)
    for _ in range(3):
        reach = max(reach, below(min(room.reach, mu / room.lipschitz(reach) * Fraction(7, 8)), _SHORT))
    m = room.lipschitz(reach)
    if mu <= 0 or not (m * reach < mu and epsilon <= mu * reach - m * reach**2 / 2):
        numbers = (("gap", mu), ("gradient_norm", epsilon), ("lipschitz", m))
        return Failure("no-contraction", tuple((name, float(value)) for name, value in numbers))
    radius = above(epsilon / mu * (1 + _ROOM), _SHORT)
    if not (radius <= reach and epsilon <= mu * radius - m * radius**2 / 2):
        radius = reach
    shift, turn = (norms * (1 + _ROOM) + m * radius) * radius**2 / 2, m * radius
    loss = below(max(low - shift - high * Fraction(1, 2**44), Fraction(0))), above(high + shift + high / 2**44)
    bottom = mu - turn if not negative else smallest[0] - slack - turn
    proof = NewtonBall(center, radius, reach, epsilon, mu, m, negative, arithmetic.name, arithmetic.bits)
    return CertifiedBall(proof, loss, (below(bottom), above(smallest[1] + slack + turn)))


@quiet
def empty_gradient_ball(objective: GaussianRelu, center: Exact, arithmetic: Enclosures) -> GradientBall | Failure:
    """The largest ball about ``center``, within a factor of two, that this method proves free of critical points."""
    at = objective.evaluate(arithmetic.array(center), arithmetic, 2)
    room = _room(objective, center, arithmetic)
    norms, gamma = _row_sum(at.hessian, arithmetic), _norm(at.gradient, arithmetic, upper=False)
    if isinstance(room, Failure) or norms is None or gamma is None:
        return Failure("not-smooth")
    gamma, norms = gamma * (1 - _ROOM), norms * (1 + _ROOM)
    radius = below(room.reach, 1)
    for _ in range(60):
        if gamma > norms * radius + room.lipschitz(radius) * radius**2 / 2:
            return GradientBall(center, radius, arithmetic.name, arithmetic.bits)
        radius /= 2
    return Failure("gradient-may-vanish")


def _room(objective: GaussianRelu, center: Exact, arithmetic: Enclosures) -> _Room | Failure:
    """Where the loss is smooth: Theorem 5."""
    geometry = objective.geometry(arithmetic.array(center), arithmetic)
    low, high = arithmetic.lower(geometry.norms), arithmetic.upper(geometry.norms)
    narrow, teacher = arithmetic.upper(geometry.narrowest)[0], arithmetic.upper(geometry.teacher)[0]
    if narrow is None or teacher is None or any(end is None for end in (*low, *high)) or min(low) <= 0:
        return Failure("not-smooth")
    reach = below(1 / (2 * narrow) * (1 - _ROOM), _SHORT)
    return _Room(objective.width, reach, min(low), max(high), teacher)


def _row_sum(hessian: Any, arithmetic: Enclosures) -> Fraction | None:
    """An upper bound of the norm: the largest sum of magnitudes in a row."""
    top = arithmetic.magnitude(abs(hessian).sum(axis=1)).max()
    return Fraction(top.item()) if np.isfinite(top) else None


def _norm(v: Any, arithmetic: Enclosures, *, upper: bool) -> Any:
    column = v.reshape(-1, 1)
    norm = arithmetic.sqrt(arithmetic.matmul(column.T, column).reshape(1))
    return (arithmetic.upper if upper else arithmetic.lower)(norm)[0]
