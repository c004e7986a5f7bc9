"""Paths: nothing that rises is ever proved to fall, however little, and what falls is proved."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from library import TEACHER, small, true_point

from certify.path import Descent, prove_descent, prove_zero
from certify.proof import Failure, Proof
from sweep.points import read_points
from symmetry.arithmetic import Float64
from symmetry.matching import propose_stratum_point
from symmetry.network import Exact, Network, exact
from symmetry.objective import SquareLoss
from symmetry.problem import load_problem

OBJECTIVE = SquareLoss.of_network(small(), 2)
SADDLE = true_point("saddle").astype(np.float64)
START = TEACHER + 0.3 * np.array([1, -1, 1, 1, -1, 1])


def loss(theta: np.ndarray) -> float:
    return float(OBJECTIVE.evaluate(theta, Float64(), order=0).loss[0])


def gradient(theta: np.ndarray) -> np.ndarray:
    return np.asarray(OBJECTIVE.evaluate(theta, Float64(), order=1).gradient)


def falls(*vertices: np.ndarray, bits: int = 106, arithmetic: str = "auto") -> bool:
    found = prove_descent(OBJECTIVE, [exact(v) for v in vertices], arithmetic=arithmetic, max_bits=bits)
    return not isinstance(found, Failure)


def line_minimum(start: np.ndarray, direction: np.ndarray) -> float:
    """Where the loss along a downhill line stops falling, by bisection of the slope."""
    low, high = 0.0, 1e-3
    while gradient(start + high * direction) @ direction < 0:
        low, high = high, 2 * high
    for _ in range(60):
        middle = (low + high) / 2
        if gradient(start + middle * direction) @ direction < 0:
            low = middle
        else:
            high = middle
    return low


def test_a_piece_that_rises_by_1e_12_is_refused_and_one_that_stops_short_is_proved():
    direction = -gradient(START)
    stop = line_minimum(START, direction)
    curvature = (gradient(START + stop * 1.001 * direction) @ direction) / (stop * 0.001)
    over = np.sqrt(2e-12 / curvature)
    assert loss(START + (stop + over) * direction) - loss(START + stop * direction) == pytest.approx(1e-12, rel=0.2)
    assert falls(START, START + (stop - over) * direction)
    assert not falls(START, START + (stop + over) * direction)
    # the same at the beginning of a piece: uphill for a moment, then far down
    before = START + (stop - over) * direction
    assert not falls(START + (stop + over) * direction, before)


def test_one_bad_piece_among_good_ones():
    points = [START]
    for _ in range(4):
        points.append(points[-1] - 0.02 * gradient(points[-1]))
    assert falls(*points)
    found = prove_descent(OBJECTIVE, [exact(v) for v in points], arithmetic="auto", max_bits=53)
    assert isinstance(found, list)
    assert np.all(found[-1] == exact(points[-1]))
    swapped = [points[0], points[2], points[1], points[3]]
    refused = prove_descent(OBJECTIVE, [exact(v) for v in swapped], arithmetic="auto", max_bits=53)
    assert isinstance(refused, Failure)
    assert refused.numbers == (("piece", 1),)


def test_a_path_over_a_saddle():
    """Down to the saddle and down on the other side is downhill but at the saddle itself, where the slope is 0."""
    values, vectors = np.linalg.eigh(OBJECTIVE.evaluate(SADDLE, Float64(), order=2).hessian)
    assert values[0] < 0 < values[-1]
    up, down = 1e-2 * vectors[:, -1], 1e-2 * vectors[:, 0]
    assert loss(SADDLE + up) > loss(SADDLE) > loss(SADDLE + down)
    assert not falls(SADDLE + up, SADDLE, SADDLE + down)
    assert not falls(SADDLE - down, SADDLE + down)  # up to the saddle first
    assert falls(SADDLE + 1e-3 * down, SADDLE + down)


def test_standing_still_is_not_falling():
    assert not falls(START, START)


@pytest.mark.parametrize("size", [1e-9, 1e-12])
def test_tiny_slopes_need_more_bits(size: float):
    """Next to the saddle the slope drowns in the rounding of float64, not in that of 106 bits."""
    _, vectors = np.linalg.eigh(OBJECTIVE.evaluate(SADDLE, Float64(), order=2).hessian)
    exact_saddle = true_point("saddle")
    start = exact_saddle + exact(size * vectors[:, 0])
    end = exact_saddle + exact(2 * size * vectors[:, 0])
    assert isinstance(prove_descent(OBJECTIVE, [end, start], arithmetic="auto", max_bits=106), Failure)
    found = prove_descent(OBJECTIVE, [start, end], arithmetic="auto", max_bits=53)
    more = prove_descent(OBJECTIVE, [start, end], arithmetic="auto", max_bits=106)
    assert isinstance(found, list) <= isinstance(more, list)


@pytest.mark.parametrize("arithmetic", ["auto", "mpmath"])
def test_the_arithmetics_agree(arithmetic: str):
    step = START - 0.05 * gradient(START)
    assert falls(START, step, bits=53, arithmetic=arithmetic)
    assert not falls(step, START, bits=53, arithmetic=arithmetic)


# ------------------------------------------------------------------------------------------------------- to a zero


def zero_of(theta: np.ndarray) -> Network:
    return Network.from_theta(exact(theta), 2)


def closes(objective: SquareLoss, zero: Network, end: Exact, order: int) -> bool:
    return prove_zero(objective, zero, end, order, arithmetic="auto", max_bits=106)


def test_a_regular_zero_is_reached_along_a_straight_line():
    end = exact(TEACHER + 0.02 * np.array([1, -1, 1, 1, -1, 1]))
    assert closes(OBJECTIVE, zero_of(TEACHER), end, 1)


def test_a_line_beyond_another_zero_is_refused():
    """From the teacher to its mirror image under exchange of the neurons: the loss is 0 at both ends."""
    assert not closes(OBJECTIVE, zero_of(TEACHER), exact(TEACHER[[2, 3, 0, 1, 5, 4]]), 1)


def test_copies_of_a_neuron_need_the_bent_curve():
    """A shipped run on its way along a valley's floor: the straight line to the zero goes over its wall."""
    problem = load_problem("thesis")
    points = read_points("data/adam/width5", dimension=2).take([10])
    saved = Network(exact(points.w[0]), exact(points.a[0]))
    nearest = propose_stratum_point(problem, saved, loosest=0.3)
    assert nearest is not None
    objective = SquareLoss.of_network(problem, 5)
    assert closes(objective, nearest.network, saved.theta(), 2)
    assert not closes(objective, nearest.network, saved.theta(), 1)
    assert not closes(objective, nearest.network, nearest.network.theta(), 2)  # no way to go


def test_json_round_trip():
    proof = Descent(np.array([exact([Fraction(1, 3), 2]), exact([0, -1])]), 2)
    again = Proof.from_json(proof.to_json())
    assert isinstance(again, Descent)
    assert np.all(again.vertices == proof.vertices)
    assert again.closing == 2
    empty = Proof.from_json(Descent(np.empty((0, 2), dtype=object), 1).to_json())
    assert isinstance(empty, Descent)
    assert empty.last is None
