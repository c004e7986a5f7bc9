"""Critical points at infinity: channels along which outgoing weights diverge (docs/infinity.md).

In a chart the output is ``f = f_0(q) + Σ_k ε_k² φ_k(q) + O(|ε|³)``, without a linear term. With ``F = mean (f − y)²``

    F_ε(q, 0) = 0,   F_qε(q, 0) = 0,   F_{ε_kε_k}(q, 0) = 2κ_k(q),   κ_k = (2/N) Σ_n r_n φ_k(x_n),

and ``q*`` critical for the limit network makes ``(q*, 0)`` critical. ``F_qq ≻ 0`` and all ``κ > 0``: a local minimum at
infinity. ``F_qq`` non-singular and indefinite, all ``κ > 0``: a saddle at infinity. Some ``κ < 0``: networks as near as
one likes have a smaller loss. Which ``κ`` add up where groups share a released constant is for the chart to say. Copies
of members of a group are held together if a matrix is positive definite, across its direction ``u`` for those of
a pair (Theorem 19), and in every direction for those of the zero neuron (Theorem 20).
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np

from certify.arithmetic import Enclosures, quiet
from certify.arithmetic.rounding import above, below, room
from certify.proofs.inertia import Inertia, inertia
from certify.proofs.proof import Failure, Proof
from symmetry.infinity.charts import Chart, Group
from symmetry.network import Exact


@dataclass(frozen=True, eq=False)
class Channel(Proof):
    """Every ``κ`` of the chart is positive at the limit network's critical point, and copies are held together.

    Args:
        chart: name of the structure.
        kappa_lower: lower bounds, one for each condition, exact.
        kappa_upper: upper bounds.
        weights: ``t`` of each group whose copies are held together, exact; the matrix with ``t uuᵀ`` added is positive
            definite.
    """

    theorem = "channel"

    chart: str
    kappa_lower: Exact
    kappa_upper: Exact
    weights: Exact


@quiet
def channel(
    chart: Chart, outputs: list[Any], r: Any, count: int | Fraction, arithmetic: Enclosures
) -> Channel | Failure:
    """Prove that every ``κ`` is positive over a box, and that copies of members of groups keep together.

    Args:
        chart: the structure, with diverging groups.
        outputs: the terms of the limit network over the box, order ≥ 2.
        r: the residuals over the box, (N,).
        count: ``N/φ``: the number of inputs, or twice that where the loss is half the mean of the squares.
        arithmetic: of both.
    """
    scale = Fraction(2, count)
    lower, upper = [], []
    for groups in chart.conditions:
        kappa = None
        for group in groups:
            column = outputs[chart.term(group)].correction().reshape(-1, 1)
            part = arithmetic.matmul(r.reshape(1, -1), column).reshape(1) * arithmetic.number(scale)
            kappa = part if kappa is None else kappa + part
        low, high = arithmetic.lower(kappa)[0], arithmetic.upper(kappa)[0]
        if low is None or not low > 0:
            code = "unbounded" if low is None else ("in-transit" if high <= 0 else "kappa-sign")
            numbers = () if low is None else (("kappa_lower", float(low)), ("kappa_upper", float(high)))
            return Failure(code, numbers)
        apart = room(low, high)
        lower.append(below(max(low - apart, low / 2)))
        upper.append(above(high + apart))
    weights = []
    for group in chart.stiff:
        held = _held(group, outputs[chart.term(group)], r, scale, arithmetic)
        if isinstance(held, Failure):
            return held
        weights.append(held)
    return Channel(chart.name, *(np.array(values, dtype=object) for values in (lower, upper, weights)))


def _held(group: Group, outputs: Any, r: Any, scale: Fraction, arithmetic: Enclosures) -> Fraction | Failure:
    """The weight ``t`` for which the matrix is proved positive definite, a power of two of about its size."""
    sign, zero = -1 if group.kind == "split-" else 1, group.kind == "zero"
    weight = Fraction(0)
    if not zero:
        length = arithmetic.lower((outputs.u * outputs.u).sum(axis=1))[0]
        if length is None or not length > 0:
            return Failure("copies-undecided")  # without a direction the pair is none
        bend, u = (arithmetic.approx(v) for v in (outputs.hold(r, scale, sign, weight), outputs.u))
        size = float(np.linalg.norm(bend) / (u * u).sum())
        if not 0 < size < np.inf:
            return Failure("unbounded")
        weight = Fraction(2) ** round(np.log2(size))
    matrix = outputs.hold(r, scale, sign, weight)
    found = inertia(matrix, arithmetic)
    if isinstance(found, Inertia) and found.negative == 0:
        return weight
    values = np.linalg.eigvalsh(arithmetic.approx(matrix))
    code = "copies-part" if isinstance(found, Inertia) else "copies-undecided"
    return Failure(code, (("smallest_eigenvalue", float(values[0])),))
