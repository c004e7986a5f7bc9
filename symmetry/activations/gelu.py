"""The Gaussian error linear unit."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Any, ClassVar

from symmetry.activations.gauss import hermite, root_over_pi
from symmetry.activations.jets import Smooth
from symmetry.arithmetic import Arithmetic


@dataclass(frozen=True)
class GELU(Smooth):
    """``z Φ(z)``, ``Φ`` the normal distribution function, ``φ = Φ'`` (not the approximation by a tanh).

    ``σ' = Φ + zφ``, and ``σ^(k) = φ^(k−2) − φ^(k)`` for ``k ≥ 2``. ``σ(z) − σ(−z) = z``: sign flips change a network by
    a linear function, not by a constant.
    """

    name: ClassVar[str] = "gelu"
    slope: ClassVar[Fraction | None] = Fraction(1)

    # 1 + sup|zφ|, then M_(k−2) + M_k with the absolute moments M; derivation: docs/mathematics.md, Theorem 6b
    bounds: ClassVar[tuple[Fraction, ...]] = (
        Fraction(12420, 10000),
        Fraction(7979, 10000),
        Fraction(9550, 10000),
        Fraction(15958, 10000),
        Fraction(31831, 10000),
        Fraction(71810, 10000),
        Fraction(178254, 10000),
        Fraction(478731, 10000),
        Fraction(1375099, 10000),
    )

    def at(self, c: Any, order: int, arithmetic: Arithmetic) -> list[Any]:
        half = arithmetic.number(Fraction(1, 2))
        bell = arithmetic.exp(-(c * c) * half) * root_over_pi(Fraction(1, 2), arithmetic)
        phi = [h * bell * (-1) ** k for k, h in enumerate(hermite(c, order + 1, 1))]
        below = (arithmetic.erf(c * arithmetic.sqrt(half)) + 1) * half
        out = [c * below]
        if order >= 1:
            out.append(below + c * phi[0])
        return [*out, *(phi[k - 2] - phi[k] for k in range(2, order + 1))]
