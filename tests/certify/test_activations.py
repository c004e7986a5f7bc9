"""Activations: in every arithmetic the jets hold the 600-bit derivatives, and the bounds bound them."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction

import flint
import numpy as np
import pytest
from arb_series import SERIES
from library import ALONG_PATHS

from certify.arithmetic.arb import Arb
from certify.arithmetic.midrad import Float64Enclosures
from symmetry.activation import ACTIVATIONS, activation
from symmetry.activations.gauss import pi_bounds
from symmetry.activations.jets import Smooth
from symmetry.arithmetic import Float64

NAMES = pytest.mark.parametrize("name", sorted(ACTIVATIONS))


@contextmanager
def bits(count: int) -> Iterator[None]:
    before, flint.ctx.prec = flint.ctx.prec, count
    try:
        yield
    finally:
        flint.ctx.prec = before


def derivatives(name: str, z: Fraction, order: int) -> list[flint.arb]:
    """From the power series, at 1200 bits."""
    with bits(1200):
        point = flint.arb(flint.fmpq(z.numerator, z.denominator))
        series = SERIES[name](flint.arb_series([point, 1], prec=order + 1))
        return [series[k] * math.factorial(k) for k in range(order + 1)]


def inside(low: Fraction | None, high: Fraction | None, value: flint.arb) -> bool:
    """Whether ``value`` may lie between the two: it is known to 1000 bits."""
    with bits(1200):
        ends = [flint.arb(flint.fmpq(v.numerator, v.denominator)) for v in (low, high) if v is not None]
        return len(ends) == 2 and not (value < ends[0] or value > ends[1])


POINTS = [0.0, 1e-9, -1e-9, 0.3, -1.7, 2.5, -4.0, 6.2, -7.0, 13.0, -40.0, 300.0, -800.0]


@pytest.mark.parametrize("arithmetic", ALONG_PATHS)
@NAMES
def test_jets_hold_the_derivatives(name: str, arithmetic: str) -> None:
    over, radii = ALONG_PATHS[arithmetic](), np.array([[0.0], [1e-12], [1e-3], [0.7]])
    centers = np.broadcast_to(np.array(POINTS), (len(radii), len(POINTS)))
    reach = np.broadcast_to(radii, centers.shape)
    jet = activation(name).jet(over.ball(centers, reach), 7, over)
    ends = [(over.lower(v), over.upper(v)) for v in jet]
    for i, j in np.ndindex(*centers.shape):
        for share in (0, 1, -1, Fraction(2, 5)):
            z = Fraction(centers[i, j]) + share * Fraction(reach[i, j])
            for k, value in enumerate(derivatives(name, z, 7)):
                assert inside(ends[k][0][i, j], ends[k][1][i, j], value), (float(z), k)


@NAMES
def test_jets_at_points_are_tight(name: str) -> None:
    at = np.array([-3.0, -0.5, 0.0, 1.0, 4.0])
    over = Arb(212)
    for low, high in ((over.lower(v), over.upper(v)) for v in activation(name).jet(over.array(at), 7, over)):
        assert max(high - low) < Fraction(1, 2**180)
    plain = activation(name).jet(at, 7, Float64())
    for k, values in enumerate(plain):
        size = max(1.0, float(activation(name).sup(max(k, 1))))
        for z, value in zip(at, values, strict=True):
            assert abs(value - float(derivatives(name, Fraction(z), 7)[k].mid())) < 1e-13 * size


@NAMES
def test_bounds_hold_and_none_is_wasteful(name: str) -> None:
    grid = [Fraction(k, 16) for k in range(-160, 161)]
    jets = [derivatives(name, z, 9) for z in grid]
    largest = [max(abs(jet[k]) for jet in jets) for k in range(1, 10)]
    for k, top in enumerate(largest, 1):
        with bits(200):
            bound = activation(name).sup(k)
            assert top < flint.arb(flint.fmpq(bound.numerator, bound.denominator)) + flint.arb(2) ** -150
            assert float(bound) < 1.7 * float(top.mid()) + 1e-3


def test_a_wrong_bound_is_noticed() -> None:
    class Careless(type(activation("tanh"))):  # type: ignore[misc]
        bounds = tuple(b / 16 for b in activation("tanh").bounds)  # type: ignore[attr-defined]

    over = Float64Enclosures()
    careless = Careless()
    assert isinstance(careless, Smooth)
    jet = careless.jet(over.ball(np.zeros(1), np.array([0.7])), 1, over)
    assert not inside(over.lower(jet[1])[0], over.upper(jet[1])[0], derivatives("tanh", Fraction(7, 10), 1)[1])


@NAMES
def test_reflections(name: str) -> None:
    kappa, at = activation(name).reflection, np.array([0.0, 0.2, 1.5, 6.0])
    over = Arb(106)
    sums = activation(name).jet(over.array(at), 0, over)[0] + activation(name).jet(over.array(-at), 0, over)[0]
    holds = [low <= (kappa or 0) <= high for low, high in zip(over.lower(sums), over.upper(sums), strict=True)]
    assert all(holds) if kappa is not None else not all(holds)


def test_pi() -> None:
    low, high = pi_bounds(500)
    assert inside(low, high, flint.arb.pi())
    assert high - low < Fraction(1, 2**500)


def test_orders_beyond_seven_are_refused() -> None:
    with pytest.raises(ValueError, match="erf: derivatives of order 0 to 7"):
        activation("erf").jet(np.zeros(1), 8, Float64())
