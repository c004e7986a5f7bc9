"""A sample of the shipped runs at zero loss; ``zero_runs.py`` does all."""

from __future__ import annotations

from fractions import Fraction

import pytest
from zero_runs import PROBLEM, reached

from symmetry.orbits import strata_orbits


@pytest.mark.parametrize(
    ("optimizer", "width", "runs", "least"),
    [
        ("newton", 4, range(0, 1000, 10), 22),
        ("newton", 5, range(0, 1000, 40), 11),
        ("newton", 6, range(0, 1000, 80), 12),
        ("newton", 7, range(0, 1000, 125), 8),
        ("adam", 4, range(50), 5),
        ("adam", 6, range(8), 5),
    ],
)
def test_every_run_at_zero_loss_lies_on_an_enumerated_stratum(optimizer: str, width: int, runs: range, least: int):
    names = {orbit.name for orbit in strata_orbits(PROBLEM, width)}
    found = list(reached(optimizer, width, runs))
    assert len(found) >= least
    assert [x.run for x in found if not x.on or x.stratum not in names] == []


def test_zeros_of_high_order_lie_near_an_enumerated_stratum():
    """Three equal neurons of outputs with both signs, three near zero: no path is known that ends on the stratum."""
    names = {orbit.name for orbit in strata_orbits(PROBLEM, 7)}
    for x in reached("newton", 7, (51, 85)):
        assert x.stratum in names
        assert x.distance_squared is not None
        assert x.distance_squared < Fraction(1, 10**4)
