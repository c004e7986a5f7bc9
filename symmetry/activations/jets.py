"""What all activations share: from derivatives at points to derivatives over enclosures."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, ClassVar

from symmetry.arithmetic import Arithmetic

HIGHEST = 7
"""The highest derivative that a jet has."""


@dataclass(frozen=True)
class Smooth(ABC):
    """An activation given by its derivatives at points and by bounds of them over the real line."""

    name: ClassVar[str]
    reflection: ClassVar[Fraction | None] = None
    slope: ClassVar[Fraction | None] = None
    bounds: ClassVar[tuple[Fraction, ...]]
    """Upper bounds of ``|σ^(k)|`` over the real line, k = 1, …, 9."""

    @abstractmethod
    def at(self, c: Any, order: int, arithmetic: Arithmetic) -> list[Any]:
        """Enclose ``σ(c), …, σ^(order)(c)`` at points ``c`` (thin, any shape), ``order ≤ 8``."""

    def sup(self, order: int) -> Fraction:
        """An upper bound of ``|σ^(order)|`` over the real line, ``1 ≤ order ≤ 9``."""
        return self.bounds[order - 1]

    def jet(self, z: Any, order: int, arithmetic: Arithmetic) -> list[Any]:
        """Enclose ``σ, σ', …, σ^(order)`` (``order ≤ 7``) over the enclosures ``z`` (any shape).

        About the midpoints ``c`` the radii ``ρ`` enter by Taylor's theorem (docs/mathematics.md, Theorem 5),
        ``|σ^(k)(z) − σ^(k)(c)| ≤ ρ |σ^(k+1)(c)| + (ρ²/2) sup |σ^(k+2)|``, which is tighter than evaluating the formulas
        on intervals.
        """
        if not 0 <= order <= HIGHEST:
            raise ValueError(f"{self.name}: derivatives of order 0 to {HIGHEST} are available, asked for {order}")
        c, rho = arithmetic.split(z)
        if rho is None:
            return self.at(c, order, arithmetic)
        at_c = self.at(c, order + 1, arithmetic)
        return [arithmetic.spread(at_c[k], rho, at_c[k + 1], self.sup(k + 2)) for k in range(order + 1)]
