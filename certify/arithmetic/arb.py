"""Arb balls (python-flint) at any precision."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import flint
import numpy as np

from certify.arithmetic.elementwise import ElementArithmetic, ElementArray, Objects, rounded_dyadic


def _fraction(x: Any, side: int) -> Fraction | None:
    """The dyadic rational an exact ball is, rounded to ``side`` at the ends of the range."""
    mantissa, exponent = x.man_exp()
    return rounded_dyadic(int(mantissa), int(exponent), side)


class Arb(ElementArithmetic[Any]):
    """Ball arithmetic at ``bits`` bits; sound in every operation used (Johansson 2017)."""

    name = "arb"

    def __init__(self, bits: int):
        self.bits = bits

    def enter(self) -> None:
        flint.ctx.prec = self.bits

    def scalar(self, value: Fraction) -> Any:
        self.enter()
        return flint.arb(flint.fmpq(value.numerator, value.denominator))

    def ends(self, x: Any) -> tuple[Fraction | None, Fraction | None]:
        if not x.is_finite():
            return None, None
        low, high, rad = _fraction(x.mid(), -1), _fraction(x.mid(), 1), _fraction(x.rad(), 1)
        return (None, None) if low is None or high is None or rad is None else (low - rad, high + rad)

    def middle(self, x: Any) -> tuple[Any, Any]:
        return x.mid(), x.rad()

    def top(self, x: Any) -> Any:
        # NaN, the whole line, has no upper end, and would lose every comparison
        return x.abs_upper() if x.is_finite() else flint.arb.pos_inf()

    def unit(self) -> Any:
        return flint.arb(0, 1)

    def exp_one(self, x: Any) -> Any:
        return x.exp()

    def sqrt_one(self, x: Any) -> Any:
        return x.nonnegative_part().sqrt()

    def acos_one(self, x: Any) -> Any:
        return x.acos()

    def erf(self, v: ElementArray) -> ElementArray:
        return self._map(lambda x: x.erf(), v.values)

    def log1p(self, v: ElementArray) -> ElementArray:
        return self._map(lambda x: x.log1p(), v.values)

    def approx_one(self, x: Any) -> float:
        return float(x.mid())

    def inverse_one(self, rows: list[list[Any]]) -> list[list[float]]:
        inverse = flint.arb_mat(rows).inv()
        return [[float(x.mid()) for x in row] for row in inverse.tolist()]

    def product(self, v: Objects, w: Objects) -> Objects:
        result = flint.arb_mat(v.tolist()) * flint.arb_mat(w.tolist())
        out = np.empty((v.shape[0], w.shape[1]), dtype=object)
        out.ravel()[:] = result.entries()
        return out
