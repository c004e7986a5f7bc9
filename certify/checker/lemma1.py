"""A second proof of a strict local minimum, independent of the Krawczyk test.

**Theorem 15 (Lemma 1 of Safran & Shamir 2018).** Let ``ε ≥ ‖∇L(c)‖₂``, ``∇²L(c) − μI`` positive definite, ``M`` a
Lipschitz constant of ``∇²L`` on the ball of radius ``R`` about ``c``. For ``‖u‖ = s ≤ R``, ``L(c + u) − L(c) ≥ −εs +
μs²/2 − Ms³/6``. So if ``−6ε + 3μs − Ms² > 0`` the ball of radius ``s`` holds a local minimum; if ``μ − Ms > 0`` the
loss is strictly convex on it, and the minimum is strict and the only critical point there.

**Theorem 8 (Lipschitz constant).** With ``X = ‖x_n‖₂``, over a box

    M = (2φ/N) (3 √‖JᵀJ‖_∞ √(Σ h_n²) + Σ_n |r_n| t_n),
    |∇²f_n[u,u]|   ≤ h_n = max_i (|a_i σ''| X² + |σ'| X),
    |∇³f_n[u,u,u]| ≤ t_n = max_i (|a_i σ^(3)| X³ + 1.155 |σ''| X²)        for unit vectors u,

because ``D³L[u,u,u] = (2φ/N) Σ_n (3 (J_n·u) ∇²f_n[u,u] + r_n ∇³f_n[u,u,u])``. Of several outputs the mean of these.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from .isolated import Proved, negative_eigenvalues
from .loss import Around, Evaluation, Vector
from .reading import exact, fields, need

_NAMES = ("radius", "gradient_norm", "smallest_eigenvalue", "lipschitz", "reach")


def check_lemma1(step: Any, proved: Proved) -> None:
    """Check the step ``lemma_1`` of a witness, for a network of neurons, with or without an output bias.

    Raises:
        Rejected: naming the inequality that fails.
    """
    where, around, at_center = "witness.lemma_1", proved.around, proved.at_center
    fields(step, where, set(_NAMES))
    s, epsilon, mu, m, reach = (exact(step[name], f"{where}.{name}") for name in _NAMES)
    need(0 < s <= reach, f"{where}: 0 < s ≤ R fails")
    need(-6 * epsilon + 3 * mu * s - m * s * s > 0, f"{where}: -6ε + 3μs - Ms² > 0 fails")
    need(mu - m * s > 0, f"{where}: μ - Ms > 0 fails")
    norm = at_center.gradient.dot(at_center.gradient).root_tops().upper()[0]
    need(norm <= epsilon, f"{where}.gradient_norm: ‖∇L(c)‖ ≤ ε fails")
    below = negative_eigenvalues(at_center.hessian, around.data.number(mu), around.data.arithmetic.stack)
    need(below == 0, f"{where}.smallest_eigenvalue: ∇²L(c) - μI is not positive definite by elimination")
    cube = around.over([reach] * len(around.theta))  # holds the ball
    need(_lipschitz(around, cube).upper()[0] <= m, f"{where}.lipschitz: M is smaller than the bound on the ball")


def _lipschitz(around: Around, over: Evaluation) -> Vector:
    data = around.data
    norm = sum((data.xx[i][i] for i in range(len(data.x))), data.zero).root_tops()
    square, factor = norm * norm, data.number(Fraction(1155, 1000))
    total = data.number(0)
    for output, (r, jacobian) in enumerate(zip(over.r, over.jacobian, strict=True)):
        h = t = data.zero
        for unit, sigma, slots in zip(around.units, over.sigma, over.slots, strict=True):
            if unit.output != output or len(slots) == 1:  # an output bias enters linearly
                continue
            a = slots[1]
            h = h.larger(abs(sigma[2] * a) * square + abs(sigma[1]) * norm)
            t = t.larger(abs(sigma[3] * a) * square * norm + abs(sigma[2]) * square * factor)
        rows = data.number(0)
        for left in jacobian.values():
            rows = rows.larger(sum((abs(left.dot(right)) for right in jacobian.values()), data.number(0)))
        total = total + rows.root_tops() * h.dot(h).root_tops() * 3 + abs(r).dot(t)
    return total * data.number(2 * data.factor / (data.count * len(over.r)))
