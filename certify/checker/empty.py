"""Not critical: a ball about the candidate in which the gradient keeps a direction.

**Theorem 17** (docs/mathematics.md). Let ``u`` be any vector and ``[H] ⊇ {∇²L(θ) : ‖θ − c‖₂ ≤ ρ}``. By the mean
value theorem, for every such ``θ``,

    u·∇L(θ) ≥ u·∇L(c) − ρ ‖[H] u‖₂,

so if the right side is positive, the ball of radius ``ρ`` about ``c`` holds no critical point. (``[H]`` is taken
over the cube that holds the ball.)
"""

from __future__ import annotations

from typing import Any

from .isolated import DataAt
from .loss import Around, Problem
from .reading import exact, fields, need, sequence

BITS = 192


def check_empty(claim: dict[str, Any], witness: dict[str, Any], problem: Problem, data_at: DataAt) -> None:
    """Check a certificate that claims ``not-critical``.

    Raises:
        Rejected: naming the inequality that fails.
    """
    fields(witness, "witness", {"empty_ball"})
    step, where = witness["empty_ball"], "witness.empty_ball"
    fields(step, where, {"center", "direction"})
    size = problem.size(claim["width"])
    center = sequence(step["center"], f"{where}.center", size)
    direction = sequence(step["direction"], f"{where}.direction", size)
    radius = exact(claim["empty_radius"], "claim.empty_radius")
    need(radius > 0, "claim.empty_radius: expected a positive number")
    data = data_at(BITS)
    u, rho = data.arithmetic.vector(direction), data.number(radius)
    around = Around(data, problem.student(claim["width"]), center)
    hu = data.arithmetic.stack([row.dot(u) for row in around.over([radius] * size).hessian])
    slope = around.over().gradient.dot(u) - hu.dot(hu).root_tops() * rho
    need(slope.lower()[0] > 0, f"{where}: u·∇L(c) > ρ ‖[H]u‖ fails, the gradient may vanish in the ball")
