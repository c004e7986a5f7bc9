"""The search for polylines: what it returns goes downhill, starts where it should, and is made of short numbers."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from library import TEACHER, small

from sweep.descent import Slope, approx_descent, short
from sweep.kernels import loss_gradient, prepare
from sweep.polish import polish
from symmetry.objective import SquareLoss

DATA = prepare(small())
SLOPE = Slope(SquareLoss.of_network(small(), 2), DATA, 2)
START = TEACHER + 0.4 * np.array([1, -1, 1, 1, -1, 1]) / 3


def losses(points: list[np.ndarray]) -> np.ndarray:
    return loss_gradient(DATA, np.array(points), 2)[0]


def near(theta: np.ndarray) -> bool:
    return bool(np.abs(theta - TEACHER).max() < 1e-3)


def test_a_polish_becomes_a_polyline_downhill():
    path = list(polish(DATA, START, 2).vertices)
    found, arrived = approx_descent(SLOPE, path, near)
    assert arrived
    assert near(found[-1])
    assert np.array_equal(found[0], START)
    assert len(found) <= len(path)
    assert np.all(np.diff(losses(found)) < 0)
    for start, end in pairwise(found):
        between = [start + t * (end - start) for t in np.linspace(0, 1, 20)]
        assert np.all(np.diff(losses(between)) < 0)
        assert np.array_equal(end, short(end))


def test_an_overshooting_path_is_mended():
    """A vertex beyond the valley's floor, from which the loss is higher than on the way: other steps are found."""
    path = list(polish(DATA, START, 2).vertices)
    path.insert(1, START - 0.9 * (path[-1] - START))
    found, arrived = approx_descent(SLOPE, path, near)
    assert arrived
    assert np.all(np.diff(losses(found)) < 0)


def test_a_path_that_does_not_arrive_says_so():
    path = list(polish(DATA, START, 2).vertices)
    _, arrived = approx_descent(SLOPE, path[:2], lambda theta: bool(np.abs(theta - TEACHER - 5).max() < 1e-3))
    assert not arrived


def test_uphill_is_not_downhill():
    lower = START - 0.01 * loss_gradient(DATA, START[None], 2)[1][0]
    assert SLOPE.falls(START, lower)
    assert not SLOPE.falls(lower, START)
    assert not SLOPE.falls(START, START)
