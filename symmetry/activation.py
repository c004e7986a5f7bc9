"""Activation functions: their derivatives, their sup bounds and the identity that makes symmetry."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Protocol

from symmetry.arithmetic import Arithmetic


class Activation(Protocol):
    """A scalar function with enclosed derivatives.

    ``reflection`` is the constant ``c`` of the identity ``σ(−z) = c − σ(z)`` (sigmoid: 1, odd
    functions: 0), or ``None`` where no such identity holds.
    """

    @property
    def name(self) -> str: ...

    @property
    def reflection(self) -> Fraction | None: ...

    def jet(self, z: Any, order: int, arithmetic: Arithmetic) -> list[Any]:
        """Enclose ``σ(z), σ'(z), …`` up to ``order`` for every member of the enclosures ``z``."""

    def sup(self, order: int) -> Fraction:
        """An upper bound of ``|σ^(order)|`` over the real line, ``order ≥ 1``."""


@dataclass(frozen=True)
class Sigmoid:
    """The logistic function ``σ(z) = 1/(1 + e^(−z))``."""

    name: str = "sigmoid"
    reflection: Fraction | None = Fraction(1)

    # sup |σ^(k)|, k = 1..7, rounded up; derivation: docs/mathematics.md, "Bounds of the sigmoid"
    _SUP = (
        Fraction(1, 4),
        Fraction(963, 10000),
        Fraction(1, 8),
        Fraction(1300, 10000),
        Fraction(1, 4),
        Fraction(4090, 10000),
        Fraction(17, 16),
    )

    def sup(self, order: int) -> Fraction:
        """An upper bound of ``|σ^(order)|`` over the real line, ``1 ≤ order ≤ 7``."""
        return self._SUP[order - 1]

    def jet(self, z: Any, order: int, arithmetic: Arithmetic) -> list[Any]:
        """Enclose ``σ, σ', …, σ^(order)`` (``order ≤ 5``) over the enclosures ``z`` (any shape).

        The derivatives at the midpoints ``c`` are polynomials in ``σ(c)``; the radii ``ρ`` enter by
        Taylor's theorem, ``|σ^(k)(z) − σ^(k)(c)| ≤ ρ |σ^(k+1)(c)| + (ρ²/2) sup |σ^(k+2)|``, which is
        tighter than evaluating the polynomials on intervals.
        """
        if not 0 <= order <= 5:
            raise ValueError(f"sigmoid: derivatives of order 0 to 5 are available, asked for {order}")
        c, rho = arithmetic.split(z)
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
        if order >= 1:
            at_c.append(d * u)
        if order >= 2:
            at_c.append(d * (1 - 6 * d))
        if order >= 3:
            at_c.append(at_c[2] * (1 - 12 * d))
        if order >= 4:
            at_c.append(d * (1 - 30 * d * (1 - 4 * d)))
        if order >= 5:
            at_c.append(at_c[2] * (1 - 60 * d * (1 - 6 * d)))
        if rho is None:
            return at_c[: order + 1]
        return [arithmetic.spread(at_c[k], rho, at_c[k + 1], self.sup(k + 2)) for k in range(order + 1)]


ACTIVATIONS: dict[str, Activation] = {"sigmoid": Sigmoid()}


def activation(name: str) -> Activation:
    """The activation called ``name``.

    Raises:
        ValueError: the name is not one of :data:`ACTIVATIONS`.
    """
    if name not in ACTIVATIONS:
        raise ValueError(f"activation is {name!r}, expected one of: {', '.join(ACTIVATIONS)}")
    return ACTIVATIONS[name]
