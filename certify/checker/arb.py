"""The second opinion: the same vectors in Arb balls (python-flint)."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from functools import reduce
from operator import add, mul

import flint


def _fraction(x: flint.arb) -> Fraction:
    mantissa, exponent = x.man_exp()
    return Fraction(int(mantissa)) * Fraction(2) ** int(exponent)


def _exp_minus(x: flint.arb) -> flint.arb:
    """``e^−x``, ``x ≥ 0``; beyond ``2^20``, where it is below ``2^−10^6``, without its exact size."""
    return (-x).exp() if x < 2**20 else flint.arb(0, flint.arb(2) ** -(10**6))


class ArbVector:
    """Arb balls; the operations are those of the class in ``integers.py``."""

    def __init__(self, balls: list[flint.arb]):
        self.balls = balls

    def __len__(self) -> int:
        return len(self.balls)

    def __getitem__(self, i: int) -> ArbVector:
        return ArbVector([self.balls[i]])

    def _like(self, other: ArbVector | int) -> list[flint.arb]:
        n = len(self)
        if isinstance(other, int):
            return [flint.arb(other)] * n
        if len(other) not in (1, n):
            raise ValueError("vectors of different length")
        return other.balls if len(other) == n else other.balls * n

    def __neg__(self) -> ArbVector:
        return ArbVector([-x for x in self.balls])

    def __abs__(self) -> ArbVector:
        return ArbVector([abs(x) for x in self.balls])

    def __add__(self, other: ArbVector | int) -> ArbVector:
        return ArbVector(list(map(add, self.balls, self._like(other))))

    def __sub__(self, other: ArbVector | int) -> ArbVector:
        return self + -other

    def __rsub__(self, other: int) -> ArbVector:
        return -self + other

    def __mul__(self, other: ArbVector | int) -> ArbVector:
        return ArbVector(list(map(mul, self.balls, self._like(other))))

    __rmul__ = __mul__

    def dot(self, other: ArbVector) -> ArbVector:
        return ArbVector([sum(map(mul, self.balls, self._like(other)), flint.arb(0))])

    def reciprocal(self) -> ArbVector:
        if any(x.contains(0) for x in self.balls):
            raise ZeroDivisionError("the reciprocal of a ball that holds 0")
        return ArbVector([1 / x for x in self.balls])

    def midpoints(self) -> ArbVector:
        return ArbVector([x.mid() for x in self.balls])

    def radii(self) -> ArbVector:
        return ArbVector([x.rad() for x in self.balls])

    def tops(self) -> ArbVector:
        return ArbVector([x.abs_upper() for x in self.balls])

    def larger(self, other: ArbVector) -> ArbVector:
        pairs = zip(self.tops().balls, other.tops().balls, strict=True)
        return ArbVector([x if x >= y else y for x, y in pairs])  # points: the comparison decides

    def root_tops(self) -> ArbVector:
        return ArbVector([x.abs_upper().sqrt().abs_upper() for x in self.balls])

    def widened(self, by: ArbVector) -> ArbVector:
        pairs = zip(self.balls, self._like(by), strict=True)
        return ArbVector([x + flint.arb(0, y.abs_upper()) for x, y in pairs])

    def sigmoid(self) -> ArbVector:
        large = [1 / (1 + _exp_minus(abs(x))) for x in self.balls]
        return ArbVector([p if x >= 0 else 1 - p for x, p in zip(self.balls, large, strict=True)])

    def erf(self) -> ArbVector:
        return ArbVector([x.erf() for x in self.balls])

    def log1p(self) -> ArbVector:
        return ArbVector([x.log1p() for x in self.balls])

    def lower(self) -> list[Fraction]:
        return [_fraction(x.mid()) - _fraction(x.rad()) for x in self.balls]

    def upper(self) -> list[Fraction]:
        return [_fraction(x.mid()) + _fraction(x.rad()) for x in self.balls]


class Arb:
    """The arithmetic of :class:`ArbVector` at ``bits`` bits."""

    name = "arb"

    def __init__(self, bits: int):
        self.bits = bits
        flint.ctx.prec = bits

    def vector(self, values: Sequence[Fraction]) -> ArbVector:
        """Balls that hold exact numbers."""
        flint.ctx.prec = self.bits
        return ArbVector([flint.arb(flint.fmpq(v.numerator, v.denominator)) for v in values])

    def stack(self, scalars: Sequence[ArbVector]) -> ArbVector:
        """The vector of the given scalars."""
        return ArbVector([v.balls[0] for v in scalars])

    def combination(self, vectors: Sequence[ArbVector], weights: Sequence[Fraction]) -> ArbVector:
        """``Σ c_k x_k`` with exact ``c_k``."""
        return reduce(add, (v * self.vector([c]) for v, c in zip(vectors, weights, strict=True)))
