"""Lemma 1 and Lemma 2 of Safran & Shamir 2018: a local minimum in a ball, and that it is not global.

*Lemma 1.* Let ``ε ≥ ‖∇L(θ0)‖₂``, ``0 < μ ≤ λ_min(∇²L(θ0))`` and let ``M > 0`` bound the Lipschitz constant of ``∇²L``
on the ball of radius ``R``. For ``‖u‖ = s ≤ R``

    L(θ0+u) − L(θ0) ≥ −εs + μs²/2 − Ms³/6 = (s/6)(−6ε + 3μs − Ms²),

positive strictly between the roots ``s±``. So if ``9μ² > 24εM`` and ``s− < R``, every ball of radius
``s ∈ (s−, min(s+, R))`` holds a local minimum in its interior; if also ``μ − Ms > 0`` it is strict and the only
critical point there.

*Lemma 2.* Where the infimum of ``L`` is 0, a critical point at which ``L > 0`` is not a global minimum.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from certify.arithmetic import Enclosures, quiet
from certify.arithmetic.rounding import above, below, room
from certify.proofs.inertia import smallest_eigenvalue
from certify.proofs.krawczyk import Isolated
from certify.proofs.proof import Failure, Proof
from symmetry.network import Exact
from symmetry.problem import Problem


@dataclass(frozen=True, eq=False)
class BallMinimum(Proof):
    """A strict local minimum, the only critical point, within Euclidean distance ``radius`` of ``center``.

    Args:
        center: (P,) exact.
        radius: the radius ``s``.
        gradient_norm: ``ε``.
        smallest_eigenvalue: ``μ``.
        lipschitz: ``M``, on the ball of radius ``reach``.
        reach: ``R``.
    """

    theorem = "lemma-1"

    center: Exact
    radius: Fraction
    gradient_norm: Fraction
    smallest_eigenvalue: Fraction
    lipschitz: Fraction
    reach: Fraction


@quiet
def lemma1(isolated: Isolated, arithmetic: Enclosures) -> BallMinimum | Failure:
    """Prove a strict local minimum about the centre of a Krawczyk box, from the same evaluations.

    Independent of the Krawczyk test: where both apply they must agree.

    Returns:
        The proof, or the failure ``lemma-1`` with ``μ``, ``ε`` and ``M``. It does not say that there is no minimum.
    """
    column = isolated.at_center.gradient.reshape(-1, 1)
    epsilon = arithmetic.upper(arithmetic.sqrt(arithmetic.matmul(column.T, column).reshape(1)))[0]
    m = arithmetic.upper(isolated.over_box.lipschitz)[0]
    eigenvalue = smallest_eigenvalue(isolated.at_center.hessian, arithmetic)
    if isinstance(eigenvalue, Failure):
        return eigenvalue
    mu, reach = eigenvalue[0], Fraction(isolated.ball_radius)
    if epsilon is None or m is None:
        return Failure("unbounded")
    epsilon, m = (above(bound + room(Fraction(0), bound)) for bound in (epsilon, m))
    s = _radius(epsilon, mu, m, reach)
    if s is None:
        numbers = (("smallest_eigenvalue", mu), ("gradient_norm", epsilon), ("lipschitz", m))
        return Failure("lemma-1", tuple((name, float(value)) for name, value in numbers))
    return BallMinimum(isolated.proof.center, s, epsilon, mu, m, reach)


def _radius(epsilon: Fraction, mu: Fraction, m: Fraction, reach: Fraction) -> Fraction | None:
    """A short ``s ≤ R`` with ``−6ε + 3μs − Ms² > 0`` and ``μ − Ms > 0``, checked exactly, or ``None``."""
    if mu <= 0 or m <= 0:
        return None
    # the quadratic peaks at 3μ/(2M), beyond μ/M: try the smallest s that has room, 3ε/μ > s− ≈ 2ε/μ, then larger ones
    candidates = [3 * epsilon / mu + Fraction(1, 2**200), mu / (2 * m), reach]
    for s in candidates:
        s = below(s, 40)
        if 0 < s <= reach and -6 * epsilon + 3 * mu * s - m * s * s > 0 and mu - m * s > 0:
            return s
    return None


def lemma2(problem: Problem, width: int, lowest: Fraction) -> bool | None:
    """``True`` where a point, or a limit at infinity, whose loss is at least ``lowest`` is not global; else ``None``.

    With the teacher's exact labels and at least its width the infimum of the loss is 0 (docs/mathematics.md,
    Theorem 16).
    """
    return True if problem.realizable(width) and lowest > 0 else None
