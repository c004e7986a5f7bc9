"""How a saturated neuron goes along a piece of a path (docs/paths.md, section 6).

Its small coordinate is ``1/ρ > 0``, ``w = ρn + ω``. **Between finite places** ``ρ`` is linear in ``τ``, and the neuron
is a neuron: ``a σ(z)``, ``z = (ρn + ω)·x``. Far out its derivatives are small, which is what bounds the rest:

    |σ^(j)(z)|/j! ≤ e^{−|z|},   j ≥ 1.

**To infinity** ``e^{−ρδ}`` is ``T e^{−ρ_0 δ}``, ``T = τ²``, ``δ`` the least positive ``|n·x_n|``. Where ``n·x = 0``
the neuron is ``a σ(ω·x)``, where ``n·x = ±νδ``, ``ν > 0``, it is

    a 1{n·x > 0} ∓ a v/(1 + v),   v = A T^ν e^{−mT},   A = e^{−ρ_0 νδ ∓ ω_end·x},   m = ±(ω_start − ω_end)·x.

For ``ν = 1`` and 2 that is expanded up to ``T²``; from 3 on it is ``O(T³)``, also where ``ν`` is not an integer.
Between 1 and 3 only 2 is covered.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import comb, factorial
from typing import Any, Self

import numpy as np

from symmetry.activation import Activation
from symmetry.arithmetic import Arithmetic
from symmetry.infinity.groups import Group
from symmetry.infinity.saturated import Sides, Step
from symmetry.lines import TOP, Expansion
from symmetry.network import Exact, exact
from symmetry.objective import Data, SquareLoss
from symmetry.paths.ways import Course, Small, Stand
from symmetry.series import Rationals, about, composed


@dataclass(frozen=True)
class SaturatedWay:
    """A saturated neuron on a piece: its direction, the coefficients of ``ρ``, and whether it comes from infinity.

    On the last piece ``ρ`` is that of the start.
    """

    group: Group
    rho: tuple[Fraction, Fraction]
    last: bool

    numbers = 1

    @staticmethod
    def share(start: Small, end: Small) -> Fraction:
        return Fraction(0)

    @staticmethod
    def shrunk(group: Group, small: Small, share: Any) -> Small:
        # nearly: e^{−ρδ} would be that of the start times share²
        return (small[0] * (1 + share) / 2 if share else Fraction(0),)

    @classmethod
    def between(cls, group: Group, start: Stand, end: Stand, course: Course) -> Self | None:
        (a,), (b,) = start.small, end.small
        if a <= 0 or (b <= 0 and not course.last):
            return None  # ρ > 0 in the chart
        if course.last:
            return cls(group, (1 / a, Fraction(0)), True)
        return cls(group, ((1 / a + 1 / b) / 2, (1 / b - 1 / a) / 2), False)

    @staticmethod
    def inner(group: Group, stand: Stand) -> Exact:
        return stand.block

    def released(self) -> tuple[Rationals, Rationals]:
        return [Fraction(0)], [Fraction(1)]

    def expand(self, block: Sequence[Any], data: Data, objective: SquareLoss, ar: Arithmetic) -> Expansion | None:
        steps = (term for term in objective.terms if isinstance(term, Step))
        seen = next(step.sides for step in steps if step.sides.normal == self.group.normal)
        along, outputs = [self._along(part[:-1], data, ar) for part in block], [part[-1:] for part in block]
        expansion = self._from_infinity if self.last else self._between
        return expansion(along, outputs, seen, data, objective.problem.activation, ar)

    def _along(self, omega: Any, data: Data, ar: Arithmetic) -> Any:
        """``ω·x``, (N, 1)."""
        rest = [k for k in range(data.x.shape[1]) if k != self.group.axis]
        return ar.matmul(data.x[:, rest], omega.reshape(-1, 1))

    def _between(
        self, along: list[Any], a: list[Any], seen: Sides, data: Data, activation: Activation, ar: Arithmetic
    ) -> Expansion:
        normal = ar.array(seen.along[data.rows]).reshape(-1, 1)
        z = [part + normal * ar.number(r) for part, r in zip(along, (*self.rho, Fraction(0)), strict=True)]
        values = composed(activation.jet(z[0], TOP, ar), [*z, *[z[0] * 0] * (TOP - 2)], TOP, ar)
        # e^{−|z|} all along the piece, where that is less than what bounds the derivatives everywhere
        nearer = abs(z[1]) + abs(z[2]) - abs(z[0])
        decay = ar.exp((nearer - abs(nearer)) * ar.number(Fraction(1, 2)))
        bounds = [decay * 0]
        for j in range(1, TOP + 2):
            widest = decay * 0 + ar.number(activation.sup(j) / factorial(j))
            less = ar.nonnegative_midpoint(widest - decay)
            bounds.append(ar.where(less, decay, widest) * ar.number(Fraction(factorial(j))))
        reach, sizes = about(z), about(a)
        outer = composed(bounds, [reach[0] * 0, *reach[1:], *[reach[0] * 0] * (TOP - 1)], TOP + 1, ar)
        rest = sum((outer[TOP + 1 - i] * size for i, size in enumerate(sizes)), reach[0] * 0)
        return Expansion(ar.convolve(values, a, TOP), rest)

    def _from_infinity(
        self, along: list[Any], a: list[Any], seen: Sides, data: Data, activation: Activation, ar: Arithmetic
    ) -> Expansion | None:
        side, normal = seen.side[data.rows], seen.along[data.rows]
        times = [abs(v) / seen.gap for v in normal.tolist()]
        if any(1 < nu < 3 and nu != 2 for nu in times):
            return None
        column = (-1, 1)
        end, change = along[0], along[2]
        nothing, factor = end * 0, (a[0], a[2])
        sizes = (abs(a[0]) + abs(a[2]), abs(a[2]))
        # on the hyperplane, a neuron: in T
        jet = activation.jet(end, 2, ar)
        inner, on = [nothing, change, nothing], (side == 0).reshape(column)
        flat = ar.convolve(composed(jet, inner, 2, ar), factor, 2)
        size = abs(change)
        sups = [Fraction(0), *(activation.sup(j) / factorial(j) for j in (1, 2, 3))]
        flat_rest = size * size * size * ar.number(sups[3]) * sizes[0] + size * size * ar.number(sups[2]) * sizes[1]
        # off it: v, and v/(1 + v) = v − v² + …
        sign = ar.array(side.astype(np.float64)).reshape(column)
        m = change * sign
        far = ar.array(exact([-self.rho[0] * abs(v) for v in normal.tolist()])).reshape(column)
        start = ar.exp(ar.where(on, nothing, far - end * sign))
        wide = start * ar.exp((abs(m) - m) * ar.number(Fraction(1, 2)))
        step = [nothing + ar.array((side > 0).astype(np.float64)).reshape(column), nothing, nothing]
        found: list[Any] = [*flat, flat_rest]
        for nu in (1, 2):
            v = [nothing, start, start * m * -1 - start * start] if nu == 1 else [nothing, nothing, start]
            known = ar.convolve([p - sign * q for p, q in zip(step, v, strict=True)], factor, 2)
            # of v, and of v/(1 + v), about any T
            powers = [
                nothing + 1,
                abs(m),
                m * m * ar.number(Fraction(1, 2)),
                abs(m * m * m) * ar.number(Fraction(1, 6)),
            ]
            y = [wide * sum((powers[k - i] * comb(nu, i) for i in range(k + 1)), nothing) for k in range(4)]
            second, third = y[2] + y[1] * y[1], y[3] + y[1] * y[2] * 2 + y[1] * y[1] * y[1]
            rest = third * sizes[0] + second * sizes[1]
            here = np.array([t == nu for t in times]).reshape(column)
            found = [ar.where(here, new, old) for new, old in zip((*known, rest), found, strict=True)]
        third = ar.array(exact([nu / 3 for nu in times])).reshape(column) + abs(m) * ar.number(Fraction(1, 3))
        rest = wide * (third * sizes[0] + ar.number(Fraction(1, 3)) * sizes[1])
        known = ar.convolve(step, factor, 2)
        here = np.array([nu >= 3 for nu in times]).reshape(column)
        found = [ar.where(here, new, old) for new, old in zip((*known, rest), found, strict=True)]
        return Expansion([found[0], nothing, found[1], nothing, found[2], nothing], found[3])
