"""Critical sets inherited from a narrower network by splitting neurons (Fukumizu & Amari 2000; docs/infinity.md).

Let ``θ`` be a critical point, ``a_j ≠ 0``. Replace neuron j by k copies of ``w_j`` with outputs ``β_i a_j``,
``Σβ_i = 1``, all ``β_i ≠ 0``: the result is critical for every ``β``, a set of dimension ``k − 1``, and with

    B_j = (2/N) Σ_n r_n a_j σ''(w_j·x_n) x_n x_nᵀ,     n₊, n₋ = number of positive, negative β_i,

    In(H_split) = In(H) + (n₊ − 1) In(B_j) + n₋ In(−B_j) + (0, 0, k − 1).

Splits of different neurons add up. Where no eigenvalue is negative the nullity is the dimension of the critical set, so
by Morse–Bott it consists of (non-strict) local minima.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np

from certify.arithmetic import Enclosures, quiet
from certify.inertia import Inertia, inertia
from certify.proof import Failure, Proof


@dataclass(frozen=True, eq=False)
class Split(Proof):
    """Neuron ``neuron`` of the reduced network stands for ``positive + negative`` copies; ``In(B)`` is proved.

    Args:
        neuron: its index in the reduced network.
        positive: number of copies with ``β > 0``.
        negative: number of copies with ``β < 0``.
        curvature_positive: number of positive eigenvalues of ``B``.
        curvature_negative: number of negative eigenvalues of ``B``; none is zero.
    """

    theorem = "split"

    neuron: int
    positive: int
    negative: int
    curvature_positive: int
    curvature_negative: int

    @property
    def added_negative(self) -> int:
        """Negative eigenvalues that the split adds to the Hessian's."""
        return (self.positive - 1) * self.curvature_negative + self.negative * self.curvature_positive

    @property
    def dimension(self) -> int:
        """Dimension of the set of splits, and the nullity they add."""
        return self.positive + self.negative - 1


@quiet
def split(
    neuron: int, signs: tuple[int, ...], output: Any, curvature: Any, scale: Fraction, arithmetic: Enclosures
) -> Split | Failure:
    """Prove the inertia of ``B_j`` over a box.

    Args:
        neuron: j.
        signs: of the coefficients ``β_i``.
        output: ``a_j`` over the box, (1,).
        curvature: ``Σ_n r_n a_j σ'' x xᵀ`` over the box, (d, d).
        scale: ``2/N``.
        arithmetic: of both.
    """
    if 0 in signs:
        return Failure("coefficient-may-vanish")
    low, high = arithmetic.lower(output)[0], arithmetic.upper(output)[0]
    if low is None or high is None or low <= 0 <= high:
        return Failure("output-may-vanish")
    found = inertia(curvature * arithmetic.number(scale), arithmetic)
    if not isinstance(found, Inertia):
        approx = arithmetic.approx(curvature)
        if not np.isfinite(approx).all():
            return Failure("unbounded")
        values = np.linalg.eigvalsh(approx) * float(scale)
        return Failure("singular-split", (("smallest_curvature", float(np.abs(values).min())),))
    return Split(neuron, signs.count(1), signs.count(-1), found.positive, found.negative)
