"""The isolated global minima of width 4: the number is derived by hand in docs/strata.md, not taken from the code."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import product

import numpy as np
import pytest

from certify.proofs.minima import isolated_minima, proved_distinct
from certify.proofs.zero import match_global_minimum, zero_object
from symmetry.network import Network
from symmetry.orbits import strata_orbits
from symmetry.problem import load_problem


def balanced_flips(outputs: list[int]) -> int:
    """Sign patterns whose flipped outputs sum to 0: the condition on the constants, by brute force."""
    return sum(
        sum(a for a, s in zip(outputs, signs, strict=True) if s < 0) == 0 for signs in product((1, -1), repeat=4)
    )


@pytest.mark.parametrize(
    ("name", "outputs", "expected"), [("thesis", [1, -1, 1, -1], 144), ("simsek2021", [1] * 4, 24)]
)
def test_width_4_is_enumerated_certified_and_distinct(name: str, outputs: list[int], expected: int) -> None:
    objects = isolated_minima(load_problem(name), 4)
    assert len(objects) == expected == balanced_flips(outputs) * math.factorial(4)
    assert all(found.strict and found.loss == (0, 0) and found.morse_index == 0 for found in objects)
    assert all(found.complete for found in objects)
    assert all(found.lambda_min is not None and found.lambda_min[0] > 0 for found in objects)
    assert proved_distinct(objects)


def test_two_boxes_about_one_point_are_not_proved_distinct() -> None:
    found = isolated_minima(load_problem("simsek2021"), 4)[0]
    assert not proved_distinct([found, found])
    assert not proved_distinct([found, replace(found, proofs=found.proofs[:1])])  # without a box nothing is proved


def test_isolated_strata_with_opposite_copies_have_no_box() -> None:
    problem = load_problem("thesis")
    origin = Network.of(np.zeros((5, 2)), np.zeros(5))
    boxes = {True: 0, False: 0}
    for stratum in strata_orbits(problem, 5):
        if stratum.dimension == 0:
            point = match_global_minimum(problem, stratum.nearest(origin))
            assert point is not None
            found = zero_object(problem, point, arithmetic="auto", max_bits=106)
            opposite = _has_opposite_neurons(point.network)
            # w* and −w* in one class: parallel columns of the Jacobian, a singular Hessian
            assert (found.box is None) == opposite == (found.nullity == 2)
            # … but all of them are strict: near the point there are no other zeros
            assert found.strict is found.complete is True
            boxes[opposite] += 1
    assert min(boxes.values()) > 0


def _has_opposite_neurons(network: Network) -> bool:
    rows = [tuple(row) for row in network.w if np.any(row != 0)]
    return any(tuple(-x for x in row) in rows for row in rows)
