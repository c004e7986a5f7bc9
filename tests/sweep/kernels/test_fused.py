"""The pass over the inputs against its definition, bit for bit: every operation rounds once, sums go lane by lane."""

import numpy as np
import pytest
from numba import njit

from sweep.kernels.fused import BLOCK, neurons_and_moments
from sweep.kernels.lanes import LANES


@njit
def call(a, by_row, by_column, on_grid, e, schedule, target, x, shift, kept, tau, slope, keep, r, partial):
    neurons_and_moments(
        a, by_row, by_column, on_grid, e, schedule, target, x, shift, kept, tau, slope, keep, r, partial
    )


def lane_sums(start, terms):
    """Lane l adds the terms l, l + LANES, … to what it holds."""
    lanes = start.copy()
    for row in terms.reshape(-1, LANES):
        lanes = lanes + row
    return lanes


@pytest.mark.parametrize("keep", [0, 1])
@pytest.mark.parametrize("dimension", [1, 2, 3])
@pytest.mark.parametrize(("size", "kept", "columns"), [(BLOCK, 1, 16), (BLOCK, BLOCK, 17), (5 * BLOCK, 140, 41)])
def test_every_operation_is_the_one_written_down(keep, dimension, size, kept, columns):
    rng = np.random.default_rng(size + dimension)
    width, shift, n = 3, 0.5, np.arange(size)
    a, target, x = rng.normal(size=width), rng.normal(size=size), tuple(rng.normal(size=(dimension, size)))
    first = LANES * np.arange(size // LANES)
    schedule = np.stack([first // columns, first % columns, np.minimum(columns - first % columns, LANES)], axis=1)
    by_row = rng.exponential(size=(width, size // columns + 3))
    line = rng.exponential(size=(width, columns))
    by_column = np.concatenate([line, line[:, :LANES]], axis=1)
    e = rng.exponential(size=(width, size))
    on_grid = np.array([1, 0, 1])
    by_row[1] = 1.0
    start = rng.normal(size=(width, (dimension + 1) * LANES))

    exponential = np.where(on_grid[:, None] == 1, by_row[:, n // columns] * line[:, n % columns], e)
    sigma = 1.0 / (exponential + 1.0)
    tau, slope = sigma - shift, (exponential * sigma) * sigma
    r = -target
    for i in range(width):
        r = r + a[i] * tau[i]
    r[kept:] = 0.0

    found_tau, found_slope = np.empty((2, width, size if keep else BLOCK))
    found_r, partial = np.empty(size), start.copy()
    call(
        a,
        by_row,
        by_column,
        on_grid,
        e,
        schedule,
        target,
        x,
        shift,
        kept,
        found_tau,
        found_slope,
        keep,
        found_r,
        partial,
    )
    assert (found_r == r).all()
    if keep:
        assert (found_tau == tau).all()
        assert (found_slope == slope).all()
    for i in range(width):
        for k, terms in enumerate([r * tau[i], *((r * slope[i]) * coordinate for coordinate in x)]):
            part = slice(k * LANES, (k + 1) * LANES)
            assert (partial[i, part] == lane_sums(start[i, part], terms)).all()
