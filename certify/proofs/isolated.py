"""From an approximate critical point to a certified isolated one, up the ladder of precisions."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from fractions import Fraction
from typing import TypeVar

import numpy as np

from certify.arithmetic import Array, Enclosures, ladder, quiet, upper_product
from certify.arithmetic.rounding import above, below, room
from certify.proofs.inertia import Inertia, inertia, smallest_eigenvalue
from certify.proofs.krawczyk import Isolated, Krawczyk, krawczyk
from certify.proofs.lemmas import lemma1, lemma2
from certify.proofs.proof import Failure, Proof
from certify.proofs.refinement import refine
from certify.proofs.verdict import CriticalObject
from symmetry.network import Exact
from symmetry.objective import Objective
from symmetry.problem import Problem

Result = TypeVar("Result")


@dataclass(frozen=True)
class Certified:
    """An isolated critical point: the proofs and what follows from them about the point itself."""

    proofs: tuple[Proof, ...]
    loss: tuple[Fraction, Fraction]
    lambda_min: tuple[Fraction, Fraction] | None
    morse_index: int

    @property
    def krawczyk(self) -> Krawczyk:
        proof = self.proofs[0]
        assert isinstance(proof, Krawczyk)
        return proof


def certify_isolated(
    objective: Objective, theta: Exact, *, arithmetic: str = "auto", max_bits: int = 212
) -> Certified | Failure:
    """Prove existence, uniqueness, inertia and (for minima, where it applies) Lemma 1 near ``theta``.

    Args:
        objective: the loss.
        theta: (P,) exact, an approximate critical point.
        arithmetic: as in :func:`certify.arithmetic.ladder`.
        max_bits: the last precision tried.

    Returns:
        The proofs, or the last failure of the ladder. A failure says nothing about the point.
    """
    return climb(objective, theta, lambda at, a: certify_in(objective, at, a), arithmetic=arithmetic, max_bits=max_bits)


def climb(
    objective: Objective,
    theta: Exact,
    rung: Callable[[Exact, Enclosures], Result | Failure],
    *,
    arithmetic: str,
    max_bits: int,
    final: Collection[str] = (),
) -> Result | Failure:
    """Try one proof at one precision after the other, the centre refined at each.

    Args:
        objective: the loss.
        theta: (P,) exact, an approximate critical point.
        rung: the proof at a centre, in one arithmetic.
        arithmetic: as in :func:`certify.arithmetic.ladder`.
        max_bits: the last precision tried.
        final: codes of failures that more bits do not help.

    Returns:
        The first success, or the last failure.
    """
    result: Result | Failure = Failure("no-arithmetic")
    for enclosures in ladder(arithmetic, max_bits):
        refined = refine(objective, theta, enclosures)
        if isinstance(refined, Failure):
            return refined
        theta = refined
        result = rung(theta, enclosures)
        if not isinstance(result, Failure) or result.code in final:
            break
    return result


def certify_in(objective: Objective, theta: Exact, arithmetic: Enclosures) -> Certified | Failure:
    """One rung of :func:`certify_isolated`: the centre ``theta`` as it stands, one arithmetic."""
    isolated = krawczyk(objective, theta, arithmetic)
    if isinstance(isolated, Failure):
        return isolated
    signs = inertia(isolated.at_center.hessian, arithmetic)
    if isinstance(signs, Failure):
        return signs
    return _assemble(isolated, signs, arithmetic)


@quiet
def _assemble(isolated: Isolated, signs: Inertia, arithmetic: Enclosures) -> Certified | Failure:
    # The inertia at the centre holds all over the uniqueness box: no matrix in [H] is singular there.
    proofs: tuple[Proof, ...] = (isolated.proof, signs)
    if signs.negative == 0:
        minimum = lemma1(isolated, arithmetic)
        if not isinstance(minimum, Failure):
            proofs += (minimum,)
    rho = isolated.proof.existence_radius
    # |L(θ*) − L(x̃)| ≤ Σ_i sup|∂_iL| ρ_i,   sup|∂_iL| ≤ |∂_iL(x̃)| + Σ_j sup|H_ij| ρ_j
    slope = arithmetic.magnitude(isolated.at_center.gradient)
    slope = np.nextafter(slope + upper_product(arithmetic.magnitude(isolated.over_box.hessian), rho), np.inf)
    reach = upper_product(slope[None, :], rho)[0].item()
    low, high = arithmetic.lower(isolated.at_center.loss)[0], arithmetic.upper(isolated.at_center.loss)[0]
    if low is None or high is None or not np.isfinite(reach):
        return Failure("unbounded")
    shift = Fraction(reach)
    shift += room(low - shift, high + shift)
    loss = (below(max(low - shift, Fraction(0))), above(high + shift))
    return Certified(proofs, loss, _eigenvalue(isolated, rho, arithmetic), signs.negative)


def _eigenvalue(isolated: Isolated, rho: Array, arithmetic: Enclosures) -> tuple[Fraction, Fraction] | None:
    # Weyl: |λ_min(H(θ*)) − λ_min(H(x̃))| ≤ ‖H(θ*) − H(x̃)‖₂ ≤ M ‖ρ‖₂ ≤ M Σρ_i
    bounds = smallest_eigenvalue(isolated.at_center.hessian, arithmetic)
    lipschitz = arithmetic.upper(isolated.over_box.lipschitz)[0]
    if isinstance(bounds, Failure) or lipschitz is None:
        return None
    shift = lipschitz * Fraction(upper_product(np.ones((1, len(rho))), rho)[0].item())
    shift += room(bounds[0] - shift, bounds[1] + shift)
    return below(bounds[0] - shift), above(bounds[1] + shift)


def isolated_object(problem: Problem, certified: Certified) -> CriticalObject:
    """The verdict on an isolated critical point that lies on no stratum of global minima."""
    proof = certified.krawczyk
    network = problem.network(proof.center)
    return CriticalObject.isolated(
        network,
        certified.proofs,
        morse_index=certified.morse_index,
        loss=certified.loss,
        not_global=lemma2(problem, network.width, certified.loss[0]),
        lambda_min=certified.lambda_min,
        method=f"krawczyk/{proof.arithmetic}",
        bits=proof.bits,
    )
