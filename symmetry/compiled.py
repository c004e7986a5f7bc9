"""Truncated power series whose coefficients are float64 arrays: products and compositions, compiled.

A series is an array (degree + 1, n), a coefficient in each row; one of shape (…, 1) has numbers for coefficients. A row
of zeros costs nothing. Every entry is a sum of products in an order that is written down, so that its rounding can be
bounded (docs/mathematics.md, Theorem 3b), and is the same in every process.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

Floats = NDArray[np.float64]

_MAGNITUDE = np.int64(0x7FFFFFFFFFFFFFFF)

_BLOCK = 256
"""So many columns are composed at a time: what is needed of them fits into the cache."""


def shape_of(*series: Sequence[Any]) -> tuple[int, ...]:
    """The shape that coefficients of these series have together."""
    return np.broadcast_shapes(*{np.shape(v) for one in series for v in one})


def rows(series: Sequence[Any], shape: tuple[int, ...]) -> Floats:
    """A series of arrays that are of a shape, or are broadcast to it, as the functions below take it."""
    out = np.empty((len(series), *shape))
    for row, v in zip(out, series, strict=True):
        row[...] = v
    return out.reshape(len(series), -1)


class Factors(NamedTuple):
    """Two series as :func:`multiply` takes them, the shape of their product, and whether they have changed places."""

    sides: tuple[Floats, Floats]
    shape: tuple[int, ...]
    swapped: bool


def factors(left: Sequence[Any], right: Sequence[Any]) -> Factors:
    """Make two series ready to be multiplied."""
    shape = shape_of(left, right)
    p, q = (rows(one, shape if any(np.size(v) > 1 for v in one) else (1,)) for one in (left, right))
    swapped = p.shape[1] < q.shape[1]
    return Factors((q, p) if swapped else (p, q), shape, swapped)


def composition(jet: Sequence[Any], needed: int, inner: Sequence[Any]) -> tuple[Floats, Floats, tuple[int, ...]]:
    """A series and the derivatives of what it is put into as :func:`compose` takes them, and the shape of the result.

    Args:
        jet: all numbers, or all arrays of the shape of those of the series.
        needed: so many of them are read.
        inner: the series, of arrays.

    Raises:
        IndexError: there are fewer; compiled code would read what lies beside them.
    """
    if len(jet) < needed:
        raise IndexError(f"{len(jet)} derivatives, expected {needed} or more")
    shape, jet = shape_of(inner), jet[:needed]
    return rows(inner, shape), rows(jet, (1,) if all(np.size(v) == 1 for v in jet) else shape), shape


@njit(cache=True)  # type: ignore[untyped-decorator]
def multiply(left: Floats, right: Floats, degree: int) -> Floats:
    """The product (degree + 1, n) of series (p, n) and (q, n) or (q, 1)."""
    n, lone = left.shape[1], right.shape[1] == 1
    out = np.zeros((degree + 1, n))
    for i in range(min(left.shape[0], degree + 1)):
        if not left[i].any():
            continue
        for j in range(min(right.shape[0], degree + 1 - i)):
            if lone:
                _add_scaled(out[i + j], left[i], right[j, 0])
            else:
                _add_product(out[i + j], left[i], right[j])
    return out


@njit(cache=True)  # type: ignore[untyped-decorator]
def compose(jet: Floats, number: int, inner: Floats, degree: int) -> tuple[Floats, Floats]:
    """``Σ_j jet[k + j] y^j/j!``, ``k < number``, (number, degree + 1, n), and the sizes of the ``y^j/j!``.

    Args:
        jet: (≥ number + degree, n) or, of numbers, (…, 1).
        number: of series.
        inner: ``y``, (l, n), whose first row is taken for 0.
        degree: of the series.

    Returns:
        also the largest magnitudes of the coefficients of ``y^j/j!``, ``j = 1, …``, (degree, degree + 1).
    """
    rows, n = inner.shape
    lone = jet.shape[1] == 1
    out = np.empty((number, degree + 1, n))
    largest = np.zeros((degree, degree + 1), np.int64)
    power = np.zeros((degree, degree + 1, min(n, _BLOCK)))
    for start in range(0, n, _BLOCK):
        size = min(_BLOCK, n - start)
        y = inner[:, start : start + size]
        for j in range(1, degree + 1):
            # y^j has the rows from j to j(l − 1)
            top = min(j * (rows - 1), degree)
            for m in range(j, top + 1):
                row = power[j - 1, m, :size]
                if j == 1:
                    row[:] = y[m]
                    continue
                row[:] = 0.0
                for i in range(max(j - 1, m - rows + 1), min((j - 1) * (rows - 1), m - 1) + 1):
                    _add_product(row, power[j - 2, i, :size], y[m - i])
                for i in range(size):
                    row[i] *= 1 / j
            for m in range(j, top + 1):
                largest[j - 1, m] = max(largest[j - 1, m], _largest(power[j - 1, m, :size]))
        for k in range(number):
            for i in range(size):
                out[k, 0, start + i] = jet[k, 0 if lone else start + i]
            for m in range(1, degree + 1):
                row = out[k, m, start : start + size]
                row[:] = 0.0
                for j in range((m + rows - 2) // max(rows - 1, 1), m + 1):
                    if rows == 1 or largest[j - 1, m] == 0:
                        continue
                    if lone:
                        _add_scaled(row, power[j - 1, m, :size], jet[k + j, 0])
                    else:
                        _add_product(row, power[j - 1, m, :size], jet[k + j, start : start + size])
    return out, largest.view(np.float64)


@njit(cache=True)  # type: ignore[untyped-decorator]
def sizes(rows: Floats) -> Floats:
    """The largest magnitude in each row of (k, n), (k,); NaN if there is one."""
    out = np.empty(rows.shape[0], np.int64)
    for k in range(rows.shape[0]):
        out[k] = _largest(rows[k])
    return out.view(np.float64)


@njit(cache=True)  # type: ignore[untyped-decorator]
def _largest(row: Floats) -> np.int64:
    """As an integer: as such magnitudes are in order, NaN above the infinite ones."""
    bits, largest = row.view(np.int64), np.int64(0)
    for i in range(len(bits)):
        largest = max(largest, bits[i] & _MAGNITUDE)
    return largest


@njit(cache=True)  # type: ignore[untyped-decorator]
def _add_product(out: Floats, left: Floats, right: Floats) -> None:
    for i in range(len(out)):
        out[i] += left[i] * right[i]


@njit(cache=True)  # type: ignore[untyped-decorator]
def _add_scaled(out: Floats, left: Floats, right: float) -> None:
    for i in range(len(out)):
        out[i] += left[i] * right
