"""The softplus function."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Any, ClassVar

from symmetry.activations.jets import Smooth
from symmetry.activations.sigmoid import Sigmoid
from symmetry.arithmetic import Arithmetic


@dataclass(frozen=True)
class Softplus(Smooth):
    """``log(1 + e^z) = max(z, 0) + log(1 + e^(−|z|))``; its derivative is the logistic function.

    ``σ(z) − σ(−z) = z``: sign flips change a network by a linear function, not by a constant.
    """

    name: ClassVar[str] = "softplus"
    slope: ClassVar[Fraction | None] = Fraction(1)
    bounds: ClassVar[tuple[Fraction, ...]] = (Fraction(1), *Sigmoid.bounds[:8])

    def at(self, c: Any, order: int, arithmetic: Arithmetic) -> list[Any]:
        right = arithmetic.nonnegative_midpoint(c)
        value = arithmetic.where(right, c, c * 0) + arithmetic.log1p(arithmetic.exp(-abs(c)))
        return [value, *(Sigmoid().at(c, order - 1, arithmetic) if order else [])]
