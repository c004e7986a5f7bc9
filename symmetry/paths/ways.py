"""How a diverging group goes along a piece of a path: its small coordinates, and its output as a series in ``τ``.

One class for each kind of way; :mod:`symmetry.paths.release` puts them together. This file has the groups with one
small coordinate ``ε = N/D``. With ``z = w·x`` and ``s = u·x`` a pair, mirrored or not, has the output

    g = c (σ(z + εs) + σ(z − εs))/2 + (σ(z + εs) − σ(z − εs))/2ε,

analytic and even in ``ε`` (docs/infinity.md, Theorem 5); a neuron near zero is the same with ``w = 0, c = 0, u = 4ℓ``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import factorial
from typing import Any, NamedTuple, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from symmetry.activation import Activation
from symmetry.arithmetic import Arithmetic, Float64
from symmetry.infinity.groups import Group
from symmetry.lines import TOP, Expansion
from symmetry.network import Exact
from symmetry.objective import Data, SquareLoss
from symmetry.series import Rationals, about, composed, divided, quotient, scaled

Floats = NDArray[np.float64]

Small = tuple[Fraction, ...]
"""The small coordinates of one group."""


class Stand(NamedTuple):
    """Where a group is at a place: its coordinates in ``q``, (k,) exact, and its small ones."""

    block: Exact
    small: Small


@dataclass(frozen=True)
class Course:
    """How numbers go from one place to the next.

    Args:
        share: between finite places, ``τ ∈ [−1, 1]``: ``a + λ(b − a)``, ``λ = (1 + τ)/2 + (τ² − 1) share/4``.
        last: to infinity, ``τ`` from 1 to 0: ``b + τ²(a − b)``.
    """

    share: Fraction
    last: bool

    def blend(self, start: Any, end: Any) -> tuple[Any, Any, Any]:
        """The coefficients of numbers, or arrays of them, that go from ``start`` to ``end``."""
        change = end - start
        if self.last:
            return end, change * 0, -change
        quarter = change * (self.share / 4)
        return (start + end) / 2 - quarter, change / 2, quarter


class Way(Protocol):
    """A group on a piece.

    ``numbers`` says how many small coordinates it has if it is free. The ways of
    docs/paths.md, section 4.
    """

    numbers: int

    @staticmethod
    def share(start: Small, end: Small) -> Fraction:
        """Of :class:`Course`, where the group is the first: such that ``λ`` is linear in ``ε²``."""

    @staticmethod
    def shrunk(group: Group, small: Small, share: Any) -> Small:
        """The small coordinates at ``τ = share`` on the way to infinity."""

    @classmethod
    def between(cls, group: Group, start: Stand, end: Stand, course: Course) -> Self | None:
        """The way from one place to the next; ``None`` where it leads over infinity."""

    @staticmethod
    def inner(group: Group, stand: Stand) -> Exact:
        """The coordinates that are blended, in the place of those in ``q``."""

    def released(self) -> tuple[Rationals, Rationals]:
        """Twice the constant released, as a quotient of polynomials, but for what is linear in ``q``."""

    def expand(self, block: Sequence[Any], data: Data, objective: SquareLoss, ar: Arithmetic) -> Expansion | None:
        """The output, without the constant released.

        Args:
            block: three coefficients of the group's coordinates, as :meth:`inner` has them.
            data: inputs.
            objective: of the limit network.
            ar: where to compute.

        Returns:
            ``None`` where weights may be infinite before the end. If it comes from infinity, the coefficient of ``τ``
            is exactly 0.
        """


@dataclass(frozen=True)
class PairWay:
    """A pair, split or mirrored or not: ``ε = N/D``, exact, ``D(0) ≠ 0``; whether it comes from infinity."""

    eps: tuple[Rationals, Rationals]
    last: bool

    numbers = 1

    @staticmethod
    def share(start: Small, end: Small) -> Fraction:
        # λ = (ε² − ε_a²)/(ε_b² − ε_a²) for ε = m + τδ: share = δ/m
        middle = end[0] + start[0]
        return (end[0] - start[0]) / middle if middle else Fraction(0)

    @staticmethod
    def shrunk(group: Group, small: Small, share: Any) -> Small:
        return (small[0] * share,)

    @classmethod
    def between(cls, group: Group, start: Stand, end: Stand, course: Course) -> Self | None:
        (a,), (b,) = start.small, end.small
        if course.last:
            return cls(([Fraction(0), a], [Fraction(1)]), True)
        return cls(([(a + b) / 2, (b - a) / 2], [Fraction(1)]), False) if a * b > 0 else None

    @staticmethod
    def inner(group: Group, stand: Stand) -> Exact:
        return stand.block

    def released(self) -> tuple[Rationals, Rationals]:
        return self.eps[1], self.eps[0]

    def expand(self, block: Sequence[Any], data: Data, objective: SquareLoss, ar: Arithmetic) -> Expansion | None:
        d = data.x.shape[1]
        z, s = ([ar.matmul(data.x, p[i : i + d].reshape(-1, 1)) for p in block] for i in (0, d))
        return self._expand(z, s, [part[2 * d :] for part in block], objective.problem.activation, ar)

    def approx_outputs(self, block: Floats, x: Floats, times: Floats, activation: Activation) -> tuple[Floats, Floats]:
        """The output at some ``τ`` (T,), (N, T), and its size ``1/|ε|``, (T,); ``block`` (k, T), ``x`` (N, d)."""
        d = x.shape[1]
        return self._approx(x @ block[:d], x @ block[d : 2 * d], block[2 * d], times, activation)

    def _approx(self, z: Any, s: Floats, c: Any, times: Floats, activation: Activation) -> tuple[Floats, Floats]:
        numerator, denominator = (np.polyval([float(v) for v in reversed(part)], times) for part in self.eps)
        eps, approx = numerator / denominator, Float64()
        high, low = (activation.jet(z + sign * eps * s, 0, approx)[0] for sign in (1, -1))
        return c * (high + low) / 2 + (high - low) / (2 * eps), 1 / np.abs(eps)

    def _expand(
        self, z: list[Any], s: list[Any], c: list[Any], activation: Activation, ar: Arithmetic
    ) -> Expansion | None:
        known = quotient(*self.eps, TOP)
        if known is None:
            return None
        coefficients = _at_infinity if self.last else _at_finite
        rest = _rest(z, s, c, known[1], activation, ar)
        return Expansion(coefficients(z, s, c, known[0], activation, ar), rest)


@dataclass(frozen=True)
class ZeroWay(PairWay):
    """A neuron near zero, or copies of one: ``w = 0, c = 0, u = 4ℓ``; the constant ``K`` is not counted here."""

    def expand(self, block: Sequence[Any], data: Data, objective: SquareLoss, ar: Arithmetic) -> Expansion | None:
        slope = [ar.matmul(data.x, part[1:].reshape(-1, 1)) * 4 for part in block]
        return self._expand(
            [slope[0] * 0] * 3, slope, [part[:1] * 0 for part in block], objective.problem.activation, ar
        )

    def approx_outputs(self, block: Floats, x: Floats, times: Floats, activation: Activation) -> tuple[Floats, Floats]:
        return self._approx(0.0, 4 * x @ block[1:], 0.0, times, activation)


def _at_finite(z: list[Any], s: list[Any], c: list[Any], eps: Rationals, activation: Activation, ar: Arithmetic) -> Any:
    """The coefficients of ``g`` about a finite network, ``ε(0) ≠ 0``."""
    x = scaled(s, eps, TOP, ar)
    both = []
    for sign in (1, -1):
        y = [x[m] * sign + z[m] if m < len(z) else x[m] * sign for m in range(TOP + 1)]
        both.append(composed(activation.jet(y[0], TOP, ar), y, TOP, ar))
    half = ar.number(Fraction(1, 2))
    even, odd = ([(p + q * sign) * half for p, q in zip(*both, strict=True)] for sign in (1, -1))
    slope = divided(odd, eps, ar)
    return [p + q for p, q in zip(ar.convolve(even, c, TOP), slope, strict=True)]


def _at_infinity(
    z: list[Any], s: list[Any], c: list[Any], eps: Rationals, activation: Activation, ar: Arithmetic
) -> Any:
    """The coefficients of ``g`` about ``ε(0) = 0``, where ``z`` and ``s`` have no linear term.

    ``g = Σ_{j even} (εs)^j (c σ^(j)(z)/j! + s σ^(j+1)(z)/(j+1)!)``.
    """
    jet = activation.jet(z[0], TOP, ar)
    x = scaled(s, eps, TOP, ar)
    nothing = z[0] * 0
    inner = [nothing, nothing, z[2], *[nothing] * (TOP - 2)]
    power: list[Any] = [nothing + 1]
    total: list[Any] = [nothing] * (TOP + 1)
    for j in range(0, TOP, 2):
        degree = TOP - j
        terms = []
        for k, factor in ((j, c), (j + 1, s)):
            # σ^(k)(z): in y = O(τ²) no more than degree/2 terms are needed
            known = [jet[k + i] if k + i <= TOP else nothing for i in range(degree + 1)]
            outer = composed(known, inner, degree, ar)
            terms.append([v * ar.number(Fraction(1, factorial(k))) for v in ar.convolve(outer, factor, degree)])
        summed = [p + q for p, q in zip(*terms, strict=True)]
        part = ar.convolve(power, summed, TOP) if j else summed
        total = [p + q for p, q in zip(total, part, strict=True)]
        power = ar.convolve(ar.convolve(power, x, TOP), x, TOP)
    return total


def _rest(z: list[Any], s: list[Any], c: list[Any], eps: Rationals, activation: Activation, ar: Arithmetic) -> Any:
    """A bound of the coefficient of ``τ^(K+1)`` of ``g`` about any ``τ ∈ [−1, 1]``.

    The second part of ``g`` is ``s ∫_0^1 (σ'(z + hεs) + σ'(z − hεs))/2 dh``: bounded like ``s σ'`` with an argument
    whose coefficients are at most those of ``|z| + |ε||s|``.
    """
    top = TOP + 1
    reach = scaled(about(s), eps, top, ar)
    argument = [reach[m] + v if m else reach[0] for m, v in enumerate(about(z))] + reach[3:]
    total = None
    for k, factor in ((0, about(c)), (1, about(s))):
        bounds = [reach[0] * 0, *(reach[0] * 0 + ar.number(activation.sup(k + j)) for j in range(1, top + 1))]
        outer = composed(bounds, argument, top, ar)
        for i, value in enumerate(factor):
            part = outer[top - i] * value
            total = part if total is None else total + part
    return total
