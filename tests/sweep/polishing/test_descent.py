"""The search for paths: what it returns goes downhill, starts where it should, and is made of short numbers."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from library import TEACHER, small

from sweep.kernels.compiled import loss_gradient, prepare
from sweep.polishing.descent import Slope, approx_descent, short
from sweep.polishing.polish import polish
from symmetry.objective import SquareLoss
from symmetry.paths.closing import arc

DATA = prepare(small())
SLOPE = Slope(SquareLoss.of_network(small(), 2), DATA, 2)
START = TEACHER + 0.4 * np.array([1, -1, 1, 1, -1, 1]) / 3


def losses(points: list[np.ndarray]) -> np.ndarray:
    return loss_gradient(DATA, np.array(points), 2)[0]


def near(theta: np.ndarray) -> bool:
    return bool(np.abs(theta - TEACHER).max() < 1e-3)


def test_a_polish_becomes_a_polyline_downhill():
    path = list(polish(DATA, START, 2).vertices)
    track = approx_descent(SLOPE, path, near, arcs=False)
    found = track.vertices
    assert track.arrived
    assert not track.bends
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
    for arcs in (False, True):
        track = approx_descent(SLOPE, path, near, arcs=arcs)
        assert track.arrived
        assert np.all(np.diff(losses(track.vertices)) < 0)


def test_a_path_that_does_not_arrive_says_so():
    path = list(polish(DATA, START, 2).vertices)
    for arcs in (False, True):
        track = approx_descent(SLOPE, path[:2], lambda theta: bool(np.abs(theta - TEACHER - 5).max() < 1e-3), arcs=arcs)
        assert not track.arrived


class Creeping(Slope):
    """Where every line overshoots, and a part of it leads a hair downhill, for ever."""

    def __init__(self) -> None:
        super().__init__(SLOPE.objective, DATA, 2)
        self.parts = 0

    def falls(self, start: np.ndarray, end: np.ndarray) -> bool:
        return False

    def part(self, start: np.ndarray, end: np.ndarray) -> np.ndarray:
        self.parts += 1
        assert self.parts < 100
        return start + 2.0**-20

    def step(self, start: np.ndarray, radius: float) -> None:
        return None


def test_the_last_vertex_is_not_crept_up_to_for_ever():
    slope, path = Creeping(), [START + k for k in range(4)]
    track = approx_descent(slope, path, near, arcs=False)
    assert not track.arrived
    assert slope.parts == len(track.vertices) - 1 == 3


def test_arcs_go_downhill_and_farther_than_lines():
    """From a point beside a valley's floor, of which nothing but the beginning is given."""
    straight = approx_descent(SLOPE, [START], near, arcs=False)
    track = approx_descent(SLOPE, [START], near, arcs=True)
    assert track.arrived
    assert track.bends
    assert len(track.vertices) <= len(straight.vertices)
    for number, bend in track.bends.items():
        start, end = track.vertices[number : number + 2]
        assert np.array_equal(bend, short(bend))
        curve = arc(start, end, bend)
        between = [sum(v * t**k for k, v in enumerate(curve)) for t in np.linspace(0, 1, 20)]
        assert np.allclose(between[-1], end, rtol=0, atol=1e-15)
        assert np.all(np.diff(losses(between)) < 0)
    assert not SLOPE.falls_along(arc(track.vertices[1], track.vertices[0], np.zeros(6)))


def test_uphill_is_not_downhill():
    lower = START - 0.01 * loss_gradient(DATA, START[None], 2)[1][0]
    assert SLOPE.falls(START, lower)
    assert not SLOPE.falls(lower, START)
    assert not SLOPE.falls(START, START)
