"""The checker's activations, in each of its arithmetics, against flint at 1200 bits."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import flint
import pytest
from arb_series import SERIES

from certify.checker import special
from certify.checker.activations import ACTIVATIONS
from certify.checker.arb import Arb
from certify.checker.integers import Integers
from certify.checker.intervals import Intervals

POINTS = [Fraction(v) for v in (0, 1e-9, -1e-9, 0.3, -1.7, 2.5, -4.0, 6.2, -7.0, 12.0, 13.5, -40.0, 300.0, -800.0)]


def at_1200_bits(make: Callable[[], Any]) -> Any:
    before, flint.ctx.prec = flint.ctx.prec, 1200
    try:
        return make()
    finally:
        flint.ctx.prec = before


def arb(value: Fraction) -> flint.arb:
    return flint.arb(flint.fmpq(value.numerator, value.denominator))


def derivatives(name: str, z: Fraction, order: int) -> list[flint.arb]:
    def make() -> list[flint.arb]:
        series = SERIES[name](flint.arb_series([arb(z), 1], prec=order + 1))
        return [series[k] * math.factorial(k) for k in range(order + 1)]

    return at_1200_bits(make)  # type: ignore[no-any-return]


def holds(low: Fraction, high: Fraction, value: flint.arb) -> bool:
    return at_1200_bits(lambda: not (value < arb(low) or value > arb(high)))  # type: ignore[no-any-return]


@pytest.mark.parametrize("make", [Integers, Intervals, Arb])
@pytest.mark.parametrize("name", sorted(ACTIVATIONS))
def test_derivatives_at_points(name: str, make: Callable[[int], Any]) -> None:
    arithmetic = make(192)
    points = arithmetic.vector(POINTS).midpoints()
    jet = ACTIVATIONS[name].jet(points, 7, lambda v: arithmetic.vector([Fraction(v)]))
    for order in range(8):
        values = ACTIVATIONS[name].jet(points, order, lambda v: arithmetic.vector([Fraction(v)]))
        assert len(values) == order + 1
    for k, value in enumerate(jet):
        ends = zip(points.lower(), value.lower(), value.upper(), strict=True)
        for z, low, high in ends:
            assert holds(low, high, derivatives(name, z, 7)[k]), (float(z), k)
            assert high - low < Fraction(1, 2**140) or abs(z) > 50


@pytest.mark.parametrize("name", sorted(ACTIVATIONS))
def test_bounds_over_the_line(name: str) -> None:
    values = [derivatives(name, Fraction(k, 16), 9) for k in range(-160, 161)]
    for k, bound in enumerate(ACTIVATIONS[name].bounds, 1):
        assert all(holds(-bound, bound, value[k]) for value in values)


@pytest.mark.parametrize("scale", [128, 192, 300, 1000])
def test_special_functions_in_integers(scale: int) -> None:
    rng = random.Random(scale)
    for _ in range(60):
        n = rng.randint(-(16 << scale), 16 << scale)
        value, error = special.erf(n, scale)
        x, unit = Fraction(n, 1 << scale), Fraction(1, 1 << scale)
        found = at_1200_bits(lambda x=x: arb(x).erf())
        assert holds((value - error) * unit, (value + error) * unit, found)
        n = rng.randint(0, 1 << scale)
        value, error = special.log1p(n, scale)
        found = at_1200_bits(lambda n=n: arb(Fraction(n, 1 << scale)).log1p())
        assert holds((value - error) * unit, (value + error) * unit, found)
        assert error <= 2


def test_pi_in_integers() -> None:
    for w in (128, 500, 2000):
        unit = Fraction(1, 1 << w)
        before, flint.ctx.prec = flint.ctx.prec, 2200
        try:
            assert abs(flint.arb.pi() - arb(special.pi(w) * unit)) < arb((1 << 16) * unit)
        finally:
            flint.ctx.prec = before


def test_special_functions_want_points() -> None:
    wide = Integers(192).vector([Fraction(1, 3)])
    for function in (wide.erf, wide.log1p):
        with pytest.raises(ValueError, match="at points"):
            function()
