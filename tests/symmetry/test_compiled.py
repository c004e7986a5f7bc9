"""Compiled series are those computed term by term."""

from __future__ import annotations

import numpy as np
import pytest

from certify.arithmetic.uniform import UniformEnclosures
from symmetry import compiled
from symmetry.arithmetic import Float64, TermByTerm

RNG = np.random.default_rng(3)


class Plain(TermByTerm):
    name = "plain"
    number = staticmethod(float)


def made(length: int, shape: tuple[int, ...], *, nothing: int = -1) -> list[np.ndarray]:
    return [RNG.normal(size=shape) * (k != nothing) for k in range(length)]


@pytest.mark.parametrize("columns", [1, 2, 255, 257, 600])
@pytest.mark.parametrize("length", [1, 2, 3, 6])
@pytest.mark.parametrize("degree", [0, 1, 3, 5])
def test_series_are_those_term_by_term(columns: int, length: int, degree: int):
    a, b = Float64(), Plain()
    left, right = made(length, (columns, 1)), made(3, (columns, 1), nothing=1)
    for other in (right, made(3, (1,)), [0.5, 0.0, 2.0]):
        for p, q in ((left, other), (other, left)):
            assert np.allclose(a.convolve(p, q, degree), b.convolve(p, q, degree), rtol=1e-13, atol=1e-14)
    for inner in (left, [left[0] * 0, *left[1:]], [left[0], *right]):
        for jet in (made(degree + 3, (columns, 1)), [*map(float, RNG.normal(size=degree + 3))]):
            found, expected = a.composites(jet, 3, inner, degree), b.composites(jet, 3, inner, degree)
            for one, another in zip(found, expected, strict=True):
                for v, w in zip(one, another, strict=True):
                    assert v.shape == (columns, 1)
                    assert np.allclose(v, w, rtol=1e-12, atol=1e-13)


def test_derivatives_that_are_missing_are_not_read_beside_the_others():
    jet, inner = made(5, (3, 1)), made(2, (3, 1))
    for a in (Float64(), Plain(), UniformEnclosures()):
        values, series = ([a.array(v) for v in part] if a.name != "plain" else part for part in (jet, inner))
        assert len(a.composites(values, 2, series, 3)[1]) == 4
        with pytest.raises(IndexError):
            a.composites(values, 2, series, 4)


def test_sizes_are_the_largest_magnitudes():
    rows = np.array([[1.0, -3.0, 2.0], [0.0, -0.0, 0.0], [5.0, -np.inf, 1.0], [1.0, np.nan, np.inf]])
    found = compiled.sizes(rows)
    assert found[:3].tolist() == [3.0, 0.0, np.inf]
    assert np.isnan(found[3])
