"""The hyperbolic tangent."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Any, ClassVar

from symmetry.activations.jets import Smooth
from symmetry.activations.sigmoid import Sigmoid
from symmetry.arithmetic import Arithmetic


@dataclass(frozen=True)
class Tanh(Smooth):
    """``tanh z = 2σ(2z) − 1``, ``σ`` the logistic function; its derivatives are ``2^(k+1) σ^(k)(2z)``."""

    name: ClassVar[str] = "tanh"
    reflection: ClassVar[Fraction | None] = Fraction(0)
    bounds: ClassVar[tuple[Fraction, ...]] = tuple(2 ** (k + 1) * b for k, b in enumerate(Sigmoid.bounds, 1))

    def at(self, c: Any, order: int, arithmetic: Arithmetic) -> list[Any]:
        sigma = Sigmoid().at(2 * c, order, arithmetic)
        return [2 * sigma[0] - 1, *(2 ** (k + 1) * sigma[k] for k in range(1, order + 1))]
