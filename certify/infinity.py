"""Critical points at infinity: channels along which outgoing weights diverge (docs/infinity.md).

In a chart the output is ``f = f_0(q) + Σ_k ε_k² φ_k(q) + O(|ε|³)``, without a linear term. With ``F = mean (f − y)²``

    F_ε(q, 0) = 0,   F_qε(q, 0) = 0,   F_{ε_kε_k}(q, 0) = 2κ_k(q),   κ_k = (2/N) Σ_n r_n φ_k(x_n),

and ``q*`` critical for the limit network makes ``(q*, 0)`` critical. ``F_qq ≻ 0`` and all ``κ > 0``: a local minimum at
infinity. ``F_qq`` non-singular and indefinite, all ``κ > 0``: a saddle at infinity. Some ``κ < 0``: networks as near as
one likes have a smaller loss. Two groups that share a released constant have one ``ε``, and the sum of their ``κ``
counts; of three or more each has to be positive.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np

from certify.arithmetic import Enclosures, quiet
from certify.proof import Failure, Proof
from certify.rounding import above, below, room
from symmetry.charts import Chart
from symmetry.network import Exact


@dataclass(frozen=True, eq=False)
class Channel(Proof):
    """Every ``κ`` of the chart is positive at the limit network's critical point.

    Args:
        chart: name of the structure.
        kappa_lower: lower bounds, one for each small coordinate, exact.
        kappa_upper: upper bounds.
    """

    theorem = "channel"

    chart: str
    kappa_lower: Exact
    kappa_upper: Exact


@quiet
def channel(chart: Chart, outputs: list[Any], r: Any, count: int, arithmetic: Enclosures) -> Channel | Failure:
    """Prove that every ``κ`` is positive over a box.

    Args:
        chart: the structure, with diverging groups.
        outputs: the terms of the limit network over the box, order ≥ 2.
        r: the residuals over the box, (N,).
        count: the number of inputs ``N``.
        arithmetic: of both.
    """
    scale = arithmetic.number(Fraction(2, count))
    lower, upper = [], []
    for members in chart.small_coordinates():
        kappa = None
        for index in members:
            column = outputs[index].correction().reshape(-1, 1)
            part = arithmetic.matmul(r.reshape(1, -1), column).reshape(1) * scale
            kappa = part if kappa is None else kappa + part
        low, high = arithmetic.lower(kappa)[0], arithmetic.upper(kappa)[0]
        if low is None or not low > 0:
            code = "unbounded" if low is None else ("in-transit" if high <= 0 else "kappa-sign")
            numbers = () if low is None else (("kappa_lower", float(low)), ("kappa_upper", float(high)))
            return Failure(code, numbers)
        apart = room(low, high)
        lower.append(below(max(low - apart, low / 2)))
        upper.append(above(high + apart))
    return Channel(chart.name, np.array(lower, dtype=object), np.array(upper, dtype=object))
