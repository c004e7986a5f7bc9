"""The compiled arithmetic: the exponential against mpmath, the sums against their definition."""

import mpmath
import numpy as np
import pytest
from numba import njit

from sweep.kernels import fused, lanes
from sweep.kernels.lanes import EXP_LIMIT, LANES, WIDE, dot, exponentials, lane_total, source_digest


@njit
def call_exponentials(w, points, out):
    exponentials(w, points, out)


@njit
def call_dot(u, v):
    return dot(u, v)


@njit
def call_lane_total(partial, number):
    return lane_total(partial, number)


def exp(x):
    padded = np.resize(np.array(x), -(-len(x) // WIDE) * WIDE)
    out = np.empty(len(padded))
    call_exponentials(np.array([-1.0]), (padded,), out)
    return out[: len(x)]


@pytest.mark.parametrize("reach", [1e-9, 0.35, 1.0, 40.0, 708.0])
def test_exponential_is_within_an_ulp(reach):
    x = np.random.default_rng(0).uniform(-reach, reach, 4000)
    with mpmath.workprec(120):
        for argument, found in zip(x, exp(x), strict=True):
            expected = mpmath.exp(mpmath.mpf(argument))
            assert abs(found - expected) <= np.spacing(float(expected))


def test_exponential_at_the_edges():
    limit = exp([EXP_LIMIT, -EXP_LIMIT])
    assert exp([0.0, -0.0]).tolist() == [1.0, 1.0]
    assert exp([709.0, np.inf, -746.0, -np.inf]).tolist() == [limit[0], limit[0], limit[1], limit[1]]
    assert np.isfinite(limit[0])
    assert limit[1] >= np.finfo(float).tiny
    assert np.isnan(exp([np.nan])[0])


def test_exponents_are_summed_in_order():
    """Each product and each difference rounds once: the same argument, hence the same exponential."""
    w, points = np.random.default_rng(1).normal(size=(3, 1))[:, 0], np.random.default_rng(2).normal(size=(3, 2 * LANES))
    out = np.empty(2 * LANES)
    call_exponentials(w, tuple(points), out)
    assert (out == exp(((0.0 - w[0] * points[0]) - w[1] * points[1]) - w[2] * points[2])).all()


def lane_sum(terms):
    """The definition: lane l adds the terms l, l + LANES, …; then the upper half of the lanes is added to the lower."""
    lanes = np.zeros(LANES)
    for row in terms.reshape(-1, LANES):
        lanes = lanes + row
    while len(lanes) > 1:
        lanes = lanes[: len(lanes) // 2] + lanes[len(lanes) // 2 :]
    return lanes[0]


@pytest.mark.parametrize("vectors", [1, 2, 53])
def test_sums_have_the_rounding_of_their_definition(vectors):
    u, v = np.random.default_rng(vectors).normal(size=(2, vectors * LANES))
    assert call_dot(u, v) == lane_sum(u * v)
    for number in range(vectors):
        assert call_lane_total(u, number) == lane_sum(u[number * LANES : (number + 1) * LANES])


def test_the_digest_depends_on_every_module():
    assert len({source_digest(), source_digest(fused), source_digest(fused, lanes), source_digest(lanes)}) == 4
