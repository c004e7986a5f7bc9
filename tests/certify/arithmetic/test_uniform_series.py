"""Series with one radius for each coefficient hold the products and compositions of all series in them."""

from __future__ import annotations

import math
from fractions import Fraction
from math import factorial
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from certify.arithmetic import uniform_series
from certify.arithmetic.uniform import Uniform, UniformEnclosures
from symmetry.arithmetic import TermByTerm

ONE = UniformEnclosures()
sizes = st.sampled_from([0.0, 1e-160, 1e-3, 1.0, 1e4, 1e155])
radii = st.sampled_from([0.0, 0.0, 1e-170, 1e-9, 0.1, 1e3])


class Exact(TermByTerm):
    """Exact numbers."""

    number = staticmethod(Fraction)


@st.composite
def series(draw: Any, length: int, shape: tuple[int, ...]) -> tuple[list[Uniform], list[Any]]:
    """Coefficients with one radius each, and a member of each, exact; with rows of zeros, and at the very ends."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    boxes, members = [], []
    for _ in range(length):
        mid, radius = draw(sizes) * rng.uniform(-1, 1, shape), draw(radii)
        shares = rng.choice([-1.0, 1.0, 0.5, 0.0], shape)
        boxes.append(Uniform(mid, radius))
        whole = [Fraction(m) + Fraction(radius) * Fraction(s) for m, s in zip(mid.flat, shares.flat, strict=True)]
        members.append(np.array(whole, dtype=object).reshape(shape))
    return boxes, members


def held(found: Any, expected: Any) -> bool:
    low, high = ONE.lower(found).ravel(), ONE.upper(found).ravel()
    values = np.broadcast_to(np.array(expected, dtype=object), found.shape).ravel()
    return all((b is None or b <= v) and (h is None or v <= h) for b, h, v in zip(low, high, values, strict=True))


@given(data=st.data(), length=st.integers(1, 6), other=st.integers(1, 6), degree=st.integers(0, 12))
@settings(max_examples=150, deadline=None)
def test_products_hold_the_products_of_members(data: Any, length: int, other: int, degree: int):
    shape = data.draw(st.sampled_from([(3, 1), (1, 1), (2, 2)]))
    narrow = data.draw(st.sampled_from([shape, (1,), ()]))
    (left, p), (right, q) = data.draw(series(length, shape)), data.draw(series(other, narrow))
    expected = Exact().convolve(p, q, degree)
    for found in (ONE.convolve(left, right, degree), ONE.convolve(right, left, degree)):
        assert all(type(v) is Uniform for v in found)
        assert len(found) == degree + 1
        assert all(held(v, e) for v, e in zip(found, expected, strict=True))


@given(data=st.data(), length=st.integers(1, 6), number=st.integers(1, 3), degree=st.integers(0, 6))
@settings(max_examples=150, deadline=None)
def test_composites_hold_those_of_members(data: Any, length: int, number: int, degree: int):
    shape = data.draw(st.sampled_from([(3, 1), (1, 1), (2, 2)]))
    narrow = data.draw(st.sampled_from([shape, ()]))
    (jet, g), (inner, y) = data.draw(series(number + degree, narrow)), data.draw(series(length, shape))
    expected = Exact().composites(g, number, y, degree)
    found = ONE.composites(jet, number, inner, degree)
    assert [len(v) for v in found] == [degree + 1] * number
    for one, another in zip(found, expected, strict=True):
        assert all(held(v, e) for v, e in zip(one, another, strict=True))


def test_roundings_alone_are_bounded_and_not_by_much():
    rng = np.random.default_rng(1)
    left, right = ([rng.uniform(0.5, 1, (50, 1)) for _ in range(7)] for _ in range(2))
    found = ONE.convolve([ONE.array(v) for v in left], [ONE.array(v) for v in right], 6)[6]
    exact = sum(np.vectorize(Fraction)(left[i]) * np.vectorize(Fraction)(right[6 - i]) for i in range(7))
    off = max(abs(Fraction(m) - v) for m, v in zip(found.mid.flat, exact.flat, strict=True))
    assert 0 < off < found.radius < 200 * off


@pytest.mark.parametrize("bad", [math.inf, math.nan])
@pytest.mark.parametrize("place", [0, 1])
def test_what_is_no_number_makes_what_it_enters_the_whole_line(bad: float, place: int):
    good = [ONE.array(np.array([1.0, 2.0])), ONE.array(np.array([0.0, 0.0]))]
    broken = list(good)
    broken[place] = ONE.array(np.array([bad, 1.0]))
    for found in (ONE.convolve(broken, good, 1), ONE.convolve(good, broken, 1)):
        assert list(ONE.lower(found[place])) == [None, None]
    jet = [ONE.array(np.array([1.0, 1.0])) for _ in range(3)]
    if place:
        assert list(ONE.upper(ONE.composites(jet, 1, broken, 2)[0][1])) == [None, None]
    jet[place] = broken[place]
    assert list(ONE.lower(ONE.composites(jet, 1, [good[0] * 0, good[0]], 2)[0][place])) == [None, None]
    huge = [ONE.array(np.array([1.0, 1e200]))]
    assert list(ONE.lower(ONE.convolve(huge, huge, 0)[0])) == [None, None]


def test_arrays_with_a_radius_for_each_entry_and_high_degrees_go_another_way():
    each = ONE.inflate(ONE.array(np.array([1.0, 2.0])), ONE.array(np.array([0.5, 0.0]))) * 1
    apart = each.reshape(1, 2) + super(UniformEnclosures, ONE).array(np.array([[Fraction(1, 3), Fraction(2, 3)]]))
    assert type(apart) is not Uniform
    assert held(ONE.convolve([apart], [apart], 0)[0], [[Fraction(16, 9), Fraction(64, 9)]])
    high = uniform_series.HIGHEST + 1
    ones = [ONE.array(np.array([1.0]))] * (high + 1)
    assert held(ONE.convolve(ones, ones, high)[high], [high + 1])
    assert held(ONE.composites(ones, 1, [ones[0] * 0, ones[0]], high)[0][high], [Fraction(1, factorial(high))])
