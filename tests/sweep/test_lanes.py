"""The compiled arithmetic: the exponential against mpmath, the sums against their definition."""

import mpmath
import numpy as np
import pytest
from numba import njit

from sweep.lanes import EXP_LIMIT, LANES, dot, exponential, moments, scale_into


@njit
def call_exponential(x, out):
    for n in range(len(x)):
        out[n] = exponential(x[n])


@njit
def call_dot(u, v):
    return dot(u, v)


@njit
def call_moments(r, tau, slope, x):
    return moments(r, tau, slope, x)


@njit
def call_scale_into(factor, line, length, out):
    scale_into(factor, line, length, out)


def exponentials(x):
    out = np.empty(len(x))
    call_exponential(np.array(x), out)
    return out


@pytest.mark.parametrize("reach", [1e-9, 0.35, 1.0, 40.0, 708.0])
def test_exponential_is_within_an_ulp(reach):
    x = np.random.default_rng(0).uniform(-reach, reach, 4000)
    with mpmath.workprec(120):
        for argument, found in zip(x, exponentials(x), strict=True):
            expected = mpmath.exp(mpmath.mpf(argument))
            assert abs(found - expected) <= np.spacing(float(expected))


def test_exponential_at_the_edges():
    limit = exponentials([EXP_LIMIT, -EXP_LIMIT])
    assert exponentials([0.0, -0.0]).tolist() == [1.0, 1.0]
    assert exponentials([709.0, np.inf, -746.0, -np.inf]).tolist() == [limit[0], limit[0], limit[1], limit[1]]
    assert np.isfinite(limit[0])
    assert limit[1] >= np.finfo(float).tiny
    assert np.isnan(exponentials([np.nan])[0])


def lane_sum(terms):
    """The definition: lane l adds the terms l, l + LANES, …; then the upper half of the lanes is added to the lower."""
    lanes = np.zeros(LANES)
    for row in terms.reshape(-1, LANES):
        lanes = lanes + row
    while len(lanes) > 1:
        lanes = lanes[: len(lanes) // 2] + lanes[len(lanes) // 2 :]
    return lanes[0]


@pytest.mark.parametrize("blocks", [1, 2, 53])
def test_sums_have_the_rounding_of_their_definition(blocks):
    rng = np.random.default_rng(blocks)
    r, tau, slope, x1, x2, x3 = rng.normal(size=(6, blocks * LANES))
    assert call_dot(r, tau) == lane_sum(r * tau)
    for x in ((x1,), (x1, x2), (x1, x2, x3)):
        expected = [lane_sum(r * tau), *(lane_sum((r * slope) * part) for part in x)]
        assert list(call_moments(r, tau, slope, x)) == expected


def test_scale_into_writes_whole_lanes_and_no_more():
    line, out = np.arange(3.0 * LANES), np.full(3 * LANES, -1.0)
    call_scale_into(2.0, line, LANES + 1, out)
    assert out.tolist() == [*(2 * line[: 2 * LANES]), *[-1.0] * LANES]
