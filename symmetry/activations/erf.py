"""The error function."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Any, ClassVar

from symmetry.activations.gauss import hermite, root_over_pi
from symmetry.activations.jets import Smooth
from symmetry.arithmetic import Arithmetic


@dataclass(frozen=True)
class Erf(Smooth):
    """``erf z = (2/√π) ∫_0^z e^(−t²) dt``; ``erf^(k+1) = (−1)^k H_k (2/√π) e^(−z²)``, Hermite polynomials ``H_k``."""

    name: ClassVar[str] = "erf"
    reflection: ClassVar[Fraction | None] = Fraction(0)

    # 2^k Γ(k/2)/π, rounded up; derivation: docs/mathematics.md, Theorem 6b
    bounds: ClassVar[tuple[Fraction, ...]] = (
        Fraction(11284, 10000),
        Fraction(12733, 10000),
        Fraction(22568, 10000),
        Fraction(50930, 10000),
        Fraction(135406, 10000),
        Fraction(407437, 10000),
        Fraction(1354056, 10000),
        Fraction(4889240, 10000),
        Fraction(18956771, 10000),
    )

    def at(self, c: Any, order: int, arithmetic: Arithmetic) -> list[Any]:
        bell = arithmetic.exp(-(c * c)) * root_over_pi(Fraction(4), arithmetic)
        polynomials = hermite(c, order, 2)
        return [arithmetic.erf(c), *(h * bell * (-1) ** k for k, h in enumerate(polynomials))][: order + 1]
