"""The Krawczyk test: existence and uniqueness of a critical point in a box, of any index.

Compact box ``X`` with centre ``x̃`` and radii ``ρ > 0``, any matrix ``Y``, ``[H] ⊇ {∇²L(θ) : θ ∈ X}``. If

    K = x̃ − Y·∇L(x̃) + (I − Y[H])(X − x̃) ⊂ interior(X),      that is   |Y·∇L(x̃)| + |I − Y[H]| ρ < ρ,

then ``X`` holds exactly one critical point, it lies in ``K``, and every matrix in ``[H]`` is non-singular
(Krawczyk 1969; Rump 2010, *Verification methods*, §13). Since ``[H]`` serves every smaller box about ``x̃``
too, iterating ``ρ ← |Y∇L(x̃)| + |I − Y[H]| ρ`` shrinks the box that is known to hold the point.

Radii and the bounds ``|Y∇L(x̃)|``, ``|I − Y[H]|`` are float64 numbers taken as exact: each is an upper bound
rounded outward, so a comparison between them decides.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from certify.arithmetic import Array, Enclosures, quiet, upper_product
from certify.arithmetic.rounding import to_unit
from certify.proofs.proof import Failure, Proof
from symmetry.network import Exact, exact
from symmetry.objective import Evaluation, Objective

_GROWTH_TRIALS = 4
_AIM, _ENOUGH = 0.93, 0.8  # the contraction a larger box is chosen for, and the one that ends the growth
_FLATTEST = 1 / 16  # the shortest side of a box against the longest
_COARSENESS = 2.0**-16  # an entry of I − Y∇²L may change by this when Y is rounded
_ROOM = 1 + 2.0**-7  # kept so that another arithmetic, which bounds a little differently, finds the same


@dataclass(frozen=True, eq=False)
class Krawczyk(Proof):
    """Exactly one critical point in ``center ± uniqueness_radius``; it lies in ``center ± existence_radius``.

    Args:
        center: (P,) exact.
        existence_radius: (P,) float64 taken as exact, tight.
        uniqueness_radius: (P,) float64 taken as exact, as large as the test allowed.
        preconditioner: (P, P) float64 ``Y``, taken as exact, in short numbers.
        arithmetic: name of the arithmetic of the proof.
        bits: its precision.
    """

    theorem = "krawczyk"

    center: Exact
    existence_radius: Array
    uniqueness_radius: Array
    preconditioner: Array
    arithmetic: str
    bits: int

    def uniquely_contains(self, theta: Exact) -> bool:
        """Whether the exact point (P,) lies in the uniqueness box; decided exactly."""
        return bool(np.all(abs(theta - self.center) <= exact(self.uniqueness_radius)))


@dataclass(frozen=True)
class Isolated:
    """A successful Krawczyk test with the evaluations it rests on, for the steps that build on it.

    ``at_center`` is the objective to order 2 at the centre, ``over_box`` to order 3 over a box about it that lies in
    the uniqueness box, and holds the existence box and the ball of radius ``ball_radius``.
    """

    proof: Krawczyk
    at_center: Evaluation
    over_box: Evaluation
    ball_radius: float


@quiet
def krawczyk(objective: Objective, center: Exact, arithmetic: Enclosures) -> Isolated | Failure:
    """Prove that a box about ``center`` holds exactly one critical point of the objective.

    Args:
        objective: the loss.
        center: (P,) exact; should be a critical point up to the arithmetic's precision.
        arithmetic: where to compute.

    Returns:
        The proof, or the failure ``unbounded``, ``singular-hessian`` or ``no-contraction`` with the numbers that
        failed: ``contraction`` should have been below 1. A failure says nothing about the point.
    """
    at_center = objective.evaluate(arithmetic.array(center), arithmetic, order=2)
    inverse = arithmetic.approx_inverse(at_center.hessian)
    if inverse is None or not np.isfinite(arithmetic.approx(at_center.gradient)).all():
        return Failure("singular-hessian" if inverse is None else "unbounded")
    # any Y will do: short numbers that leave I − Y∇²L as small as it has to be
    column_sums = np.abs(arithmetic.approx(at_center.hessian)).sum(axis=0)
    inverse = to_unit(inverse, _COARSENESS / float(column_sums.max()))
    trial = _Trial.prepare(objective, center, inverse, at_center, arithmetic)

    # Boxes are long where |Y| is large: that is where both the Newton step and the spread of the test are. The first
    # one is small enough for the Hessian to stay invertible, yet large against the Newton step.
    spread = np.abs(inverse).sum(axis=1)
    shape = np.maximum(spread / spread.max(), _FLATTEST)
    smallest = 4 * float((trial.step / shape).max())
    if not np.isfinite(smallest):
        return Failure("unbounded")
    inverse_norm = float(np.linalg.norm(inverse, 2))
    size = max(smallest, min(0.01 / inverse_norm, 0.05))
    first = trial.run(size * shape, order=3)
    while not first.passed and size > smallest and first.contraction < np.inf:
        size = max(smallest, size * min(0.25, 0.1 / first.contraction))
        first = trial.run(size * shape, order=3)
    if not first.passed:
        numbers = (
            ("contraction", first.contraction),
            ("newton_step", float(trial.step.max())),
            ("inverse_hessian_norm", inverse_norm),
        )
        return Failure("no-contraction", numbers)
    unique = _grow(trial, first)
    existence = _shrink(trial.step, first)
    # −0.0 becomes 0.0: the witness is exact numbers
    proof = Krawczyk(center, existence, unique, inverse + 0.0, arithmetic.name, arithmetic.bits)
    return Isolated(proof, at_center, first.evaluation, float(first.radius.min()))


@dataclass(frozen=True)
class _Outcome:
    """One run of the test. ``defect`` bounds ``|I − Y[H]|``; ``contraction`` steers, ``passed`` decides."""

    radius: Array
    defect: Array
    passed: bool
    contraction: float
    evaluation: Evaluation


@dataclass(frozen=True)
class _Trial:
    """The test on boxes about one centre: what does not depend on the box is computed once."""

    objective: Objective
    center: Exact
    step: Array  # (P,) upper bounds of |Y ∇L(x̃)|
    y: Any
    arithmetic: Enclosures

    @classmethod
    def prepare(
        cls, objective: Objective, center: Exact, inverse: Array, at_center: Evaluation, arithmetic: Enclosures
    ) -> _Trial:
        y = arithmetic.array(inverse)
        step = arithmetic.magnitude(arithmetic.matmul(y, at_center.gradient.reshape(-1, 1)).reshape(-1))
        return cls(objective, center, step, y, arithmetic)

    def run(self, radius: Array, order: int = 2) -> _Outcome:
        a = self.arithmetic
        evaluation = self.objective.evaluate(a.ball(self.center, radius), a, order)
        defect = a.magnitude(a.array(np.eye(len(radius))) - a.matmul(self.y, evaluation.hessian))
        image = self.step + upper_product(defect, radius)  # the sum rounds once more:
        image = np.nextafter(image, np.inf)
        passed = bool(np.all(image * _ROOM < radius))
        return _Outcome(radius, defect, passed, float(np.max(image / radius)), evaluation)


def _shrink(step: Array, first: _Outcome) -> Array:
    """The smallest radii the iteration reaches inside ``first``; each passes the test with its ``[H]``."""
    best = first.radius
    for _ in range(60):
        image = np.nextafter(step + upper_product(first.defect, best), np.inf)
        # relative and absolute inflation keep the inclusion strict
        smaller = np.minimum(image * (1 + 2.0**-5) + best.max() * 2.0**-60, best)
        if not np.all(np.nextafter(step + upper_product(first.defect, smaller), np.inf) < smaller):
            break
        if np.all(smaller * 17 > best * 16):
            break
        best = smaller
    return best


def _grow(trial: _Trial, first: _Outcome) -> Array:
    """The largest multiple of the first box found to pass."""
    # with r = tr₁ the test reads  max_i (|Y∇L|_i/(t r₁_i) + t·slope_i) < 1  up to second order: aim at 0.9
    slope = float((upper_product(first.defect, first.radius) / first.radius).max())
    best, passed, failed = first.radius, 1.0, np.inf
    t = min(_AIM / max(slope, 1e-9), 1e6)
    for _ in range(_GROWTH_TRIALS):
        if not passed * 1.1 < t < failed:
            break
        outcome = trial.run(t * first.radius)
        if outcome.passed:
            best, passed = outcome.radius, t
        else:
            failed = t
        if outcome.passed and outcome.contraction > _ENOUGH:
            break
        t = min(t * _AIM / outcome.contraction, np.sqrt(passed * failed))
    return best
