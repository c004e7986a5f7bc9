"""A saturated neuron ``a σ(w·x)``, ``w = ρn + ω``, on a piece of a path in a chart, up to infinity.

Its small coordinate is ``1/ρ > 0``. Between finite places ``ρ`` is linear in ``τ``; derivatives are bounded by
``|σ^(j)(z)| ≤ j! e^{−|z|}``, which is small far out. To infinity, with ``T = τ²`` and ``δ`` the least positive
``|n·x_n|``, ``e^{−ρδ} = T e^{−ρ_0 δ}``. Where ``n·x = 0`` it is the neuron ``a σ(ω·x)``, else, ``s`` the sign of
``n·x`` and ``ν = |n·x|/δ``,

    a 1{s > 0} − s a v/(1 + v),   v = A T^ν e^{−mT},   A = e^{−ρ_0 νδ − s ω_end·x},   m = s (ω_start − ω_end)·x.

With ``B = A max(1, e^{−m})`` and ``M = |m|`` the coefficients of ``v`` about any ``T`` are at most
``y_k = B Σ_i binom(ν, i) M^{k−i}/(k−i)!``, and those of ``v/(1 + v)`` at most ``y_2 + y_1²`` and
``y_3 + 2y_1y_2 + y_1³``. From ``ν = 3`` on, ``ν`` an integer or not, it is ``O(T³)``: at most ``B T³``, with a
derivative of at most ``B (ν + M) T²``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import comb, factorial

from .loss import Data, Vector
from .reading import need
from .series import ORDER, Numbers, Series, about, composed, product


def read_step(normal: Sequence[int], neuron: tuple[Sequence[Fraction], Fraction]) -> tuple[Numbers, Numbers]:
    """``(ω, a)`` without the coordinate of ``ω`` that is 0, and ``1/ρ``.

    Raises:
        Rejected: ``ρ = 0``.
    """
    w, a = neuron
    axis = next(k for k, entry in enumerate(normal) if entry)
    rho = w[axis] / normal[axis]
    need(rho != 0, "path: ρ of a saturated neuron is 0")
    return [*(v - rho * n for k, (v, n) in enumerate(zip(w, normal, strict=True)) if k != axis), a], [1 / rho]


@dataclass(frozen=True)
class Step:
    """The direction ``n``, the coefficients of ``ρ``, to infinity that of the start; whether it comes from there."""

    normal: tuple[int, ...]
    rho: tuple[Fraction, Fraction]
    last: bool

    def released(self) -> tuple[Numbers, Numbers]:
        return [Fraction(0)], [Fraction(1)]

    def output(self, block: list[Numbers], data: Data) -> tuple[Series, Vector]:
        axis = next(k for k, entry in enumerate(self.normal) if entry)
        lifted = [[*part[:axis], Fraction(0), *part[axis:-1]] for part in block]
        along = [data.along([data.number(v) for v in omega]) for omega in lifted]
        a = [data.number(part[-1]) for part in block]
        products = [
            sum((n * v for n, v in zip(self.normal, x, strict=True)), Fraction(0))
            for x in zip(*data.columns, strict=True)
        ]
        return (self._from_infinity if self.last else self._between)(along, a, products, data)

    def _between(self, along: Series, a: Series, products: Numbers, data: Data) -> tuple[Series, Vector]:
        normal = data.arithmetic.vector(products)
        z = [along[0] + normal * data.number(self.rho[0]), along[1] + normal * data.number(self.rho[1]), along[2]]
        values = composed(data.jet(z[0], ORDER), [data.zero, *z[1:], *[data.zero] * ORDER], data)
        nearest = [max(v, Fraction(0)) for v in (abs(z[0]) - abs(z[1]) - abs(z[2])).lower()]
        decay = _power(data.arithmetic.vector(nearest), data).upper()
        bounds = [data.zero]
        for j in range(1, ORDER + 2):
            most = data.activation.bounds[j - 1]
            bounds.append(data.arithmetic.vector([min(most, v * factorial(j)) for v in decay]))
        reach = [data.zero, *about(z)[1:], *[data.zero] * ORDER]
        outer = composed(bounds, reach[: ORDER + 2], data, ORDER + 1)
        rest = sum((outer[ORDER + 1 - i] * size for i, size in enumerate(about(a))), data.zero)
        return product(values, a, ORDER, data), rest

    def _from_infinity(self, along: Series, a: Series, products: Numbers, data: Data) -> tuple[Series, Vector]:
        zero, one, half = data.zero, data.zero + 1, data.number(Fraction(1, 2))
        gap = min(abs(v) for v in products if v)
        times = [abs(v) / gap for v in products]
        need(
            all(nu <= 1 or nu == 2 or nu >= 3 for nu in times),
            "path: an input between one and three times the distance of the nearest from a step, and not at two",
        )
        masks = [_mask(data, [nu == k for nu in times]) for k in range(3)]
        far = _mask(data, [nu >= 3 for nu in times])
        side = data.arithmetic.vector([Fraction((v > 0) - (v < 0)) for v in products])
        above = _mask(data, [v > 0 for v in products])
        factor, sizes = [a[0], a[2]], [abs(a[0]) + abs(a[2]), abs(a[2])]
        # the neuron on the hyperplane
        change = along[2] * masks[0]
        flat = product(composed(data.jet(along[0], 2), [zero, change, zero], data, 2), factor, 2, data)
        third, second = (data.number(data.activation.bounds[j - 1] / factorial(j)) for j in (3, 2))
        size = abs(change)
        series = [v * masks[0] for v in flat]
        rest = (size * size * size * third * sizes[0] + size * size * second * sizes[1]) * masks[0]
        # off it
        m = along[2] * side
        exponent = data.arithmetic.vector([self.rho[0] * abs(v) for v in products]) + along[0] * side
        start = _power(exponent, data)
        wide = start * _power((m - abs(m)) * half, data)
        powers = [one, abs(m), m * m * half, abs(m * m * m) * data.number(Fraction(1, 6))]
        step = product([above], factor, 2, data)
        for nu, v in ((1, [zero, start, -(start * m) - start * start]), (2, [zero, zero, start])):
            known = product([-(side * w) for w in v], factor, 2, data)
            y = [sum((powers[k - i] * comb(nu, i) for i in range(k + 1)), zero) * wide for k in range(4)]
            second, third = y[2] + y[1] * y[1], y[3] + y[1] * y[2] * 2 + y[1] * y[1] * y[1]
            series = [old + (fixed + new) * masks[nu] for old, fixed, new in zip(series, step, known, strict=True)]
            rest = rest + (third * sizes[0] + second * sizes[1]) * masks[nu]
        series = [old + fixed * far for old, fixed in zip(series, step, strict=True)]
        nu_and_m = data.arithmetic.vector(times) + abs(m)
        rest = rest + wide * (nu_and_m * sizes[0] + sizes[1]) * data.number(Fraction(1, 3)) * far
        return [series[0], zero, series[1], zero, series[2], zero], rest


def _mask(data: Data, holds: Sequence[bool]) -> Vector:
    return data.arithmetic.vector([Fraction(value) for value in holds])


def _power(t: Vector, data: Data) -> Vector:
    """``e^−t = σ(−t)/σ(t)``."""
    below, above = data.jet(-t, 0)[0], data.jet(t, 0)[0]
    need(min(above.lower()) > 0, "path: e^{ω·x} of a saturated neuron is not bounded")
    return below * above.reciprocal()
