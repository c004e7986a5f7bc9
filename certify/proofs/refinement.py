"""Newton's method at the working precision: a better centre for a proof. Nothing is proved here."""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from certify.arithmetic import Enclosures, quiet
from certify.proofs.proof import Failure
from symmetry.network import Exact, exact
from symmetry.objective import Objective

_REFINEMENTS = 10
_TRANSIENT = 3  # Newton's steps need not shrink before it has found the basin
_WORST_CONDITION = 1e18


@quiet
def refine(objective: Objective, theta: Exact, arithmetic: Enclosures) -> Exact | Failure:
    """Newton steps until they are rounding noise."""
    size = max(Fraction(1), max(map(abs, theta)))
    grid = Fraction(2) ** (size.numerator.bit_length() - size.denominator.bit_length() - arithmetic.bits + 1)
    last = np.inf
    for iteration in range(_REFINEMENTS):
        theta = _on_grid(theta, grid, arithmetic.bits)
        at = objective.evaluate(arithmetic.array(theta), arithmetic, order=2)
        inverse = arithmetic.approx_inverse(at.hessian)
        low, high = arithmetic.lower(at.gradient), arithmetic.upper(at.gradient)
        if inverse is None or any(v is None for v in low):
            return Failure("singular-hessian" if inverse is None else "unbounded")
        condition = float(np.linalg.norm(inverse, 2) * np.linalg.norm(arithmetic.approx(at.hessian), 2))
        if not condition < _WORST_CONDITION:
            return Failure("singular-hessian", (("condition_number", condition),))
        if arithmetic.bits == 53:  # the sum is rounded to float64 in any case
            step = exact(inverse @ arithmetic.approx(at.gradient))
        else:
            step = exact(inverse) @ ((low + high) / 2)
        length = float(max(map(abs, step)))
        if length > last / 4 and iteration >= _TRANSIENT:
            break
        last = length
        theta = theta - step
        if length <= 4 * grid:
            break
    return _on_grid(theta, grid, arithmetic.bits)


def _on_grid(theta: Exact, grid: Fraction, bits: int) -> Exact:
    """Short numbers again: float64 where that is the arithmetic, else multiples of ``grid``."""
    if bits == 53:
        return exact(theta.astype(np.float64))
    return np.array([round(v / grid) * grid for v in theta], dtype=object)
