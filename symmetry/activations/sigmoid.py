"""The logistic function."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Any, ClassVar

from symmetry.activations.jets import Smooth
from symmetry.arithmetic import Arithmetic


@dataclass(frozen=True)
class Sigmoid(Smooth):
    """The logistic function ``σ(z) = 1/(1 + e^(−z))``; its derivatives are polynomials in ``σ``."""

    name: ClassVar[str] = "sigmoid"
    reflection: ClassVar[Fraction | None] = Fraction(1)

    # rounded up; derivation: docs/mathematics.md, "Bounds of the sigmoid"
    bounds: ClassVar[tuple[Fraction, ...]] = (
        Fraction(1, 4),
        Fraction(963, 10000),
        Fraction(1, 8),
        Fraction(1300, 10000),
        Fraction(1, 4),
        Fraction(4090, 10000),
        Fraction(17, 16),
        Fraction(24, 10),
        Fraction(31, 4),
    )

    def at(self, c: Any, order: int, arithmetic: Arithmetic) -> list[Any]:
        # e = exp(−|c|) never overflows; p = σ(|c|) and q = 1 − p without cancellation
        e = arithmetic.exp(-abs(c))
        p = 1 / (1 + e)
        q = e * p
        right = arithmetic.nonnegative_midpoint(c)
        s = arithmetic.where(right, p, q)
        t = arithmetic.where(right, q, p)
        d = p * q
        u = t - s
        at_c = [s, d]
        if order >= 2:
            at_c.append(d * u)
        if order >= 3:
            at_c.append(d * (1 - 6 * d))
        if order >= 4:
            at_c.append(at_c[2] * (1 - 12 * d))
        if order >= 5:
            at_c.append(d * (1 - 30 * d * (1 - 4 * d)))
        if order >= 6:
            at_c.append(at_c[2] * (1 - 60 * d * (1 - 6 * d)))
        if order >= 7:
            at_c.append(d * (1 - 42 * d * (3 - 40 * d * (1 - 3 * d))))
        if order >= 8:
            at_c.append(at_c[2] * (1 - 252 * d * (1 - 20 * d * (1 - 4 * d))))
        return at_c[: order + 1]
