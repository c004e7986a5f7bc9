"""Enclosures where float64 ends: underflow inside error bounds, infinite and undefined entries."""

from __future__ import annotations

from fractions import Fraction

import flint
import numpy as np
import pytest

from certify.arithmetic.arb import Arb
from certify.arithmetic.elementwise import ElementArray
from certify.arithmetic.midrad import Float64Enclosures, MidRad

F = Float64Enclosures()


def test_product_of_a_huge_and_a_subnormal_number_is_enclosed():
    # 3(1 + 2^-52)·2^-74 needs 55 bits; γ·3·2^-1074 underflows to 0, and 2^1000 times what is lost is 2^-127
    huge, tiny = 2.0**1000 * (1 + 2.0**-52), 3 * 2.0**-1074
    exact = Fraction(huge) * Fraction(tiny)
    product = F.matmul(F.array(np.array([[huge]])), F.array(np.array([[tiny]])))
    assert F.lower(product)[0, 0] <= exact <= F.upper(product)[0, 0]


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("mid", [np.inf, -np.inf, np.nan])
def test_entries_that_are_no_numbers_stay_so(mid: float):
    unknown = MidRad(np.array([mid]), np.array([0.0]))
    known = F.array(np.array([2.0]))
    results = [unknown + known, known - unknown, unknown * known, unknown * 0, unknown / known, known / unknown]
    results += [abs(unknown), F.exp(unknown), unknown.sum(axis=0), F.maximum(unknown, axis=0)]
    results += [F.inflate(unknown, known), F.matmul(unknown.reshape(1, 1), known.reshape(1, 1))]
    results += [F.spread(unknown, known, known, Fraction(1)), F.spread(known, known, unknown, Fraction(1))]
    for result in results:
        assert F.lower(result).ravel()[0] is None
        assert F.upper(result).ravel()[0] is None


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_entries_of_infinite_radius_stay_so():
    unknown = MidRad(np.array([1.0]), np.array([np.inf]))
    known = F.array(np.array([2.0]))
    results = [unknown + known, unknown * known, unknown * 0, unknown / known, known / unknown, F.exp(unknown)]
    results += [F.sqrt(unknown), F.matmul(unknown.reshape(1, 1), known.reshape(1, 1)), unknown.sum(axis=0)]
    for result in results:
        assert F.lower(result).ravel()[0] is None


def test_a_maximum_over_an_undefined_ball_is_unbounded():
    arithmetic = Arb(106)
    values = np.array([[flint.arb("nan"), flint.arb(1)], [flint.arb(1), flint.arb("nan")]], dtype=object)
    for axis in (0, 1):
        assert arithmetic.upper(arithmetic.maximum(ElementArray(values, arithmetic), axis)).tolist() == [None, None]
