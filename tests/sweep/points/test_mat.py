"""Students in .mat files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.io import savemat

from sweep.points import PointsError, read_points
from sweep.points.mat import mat_magnitude, mat_shape


def saved(folder: Path, **variables: Any) -> Path:
    savemat(folder / "p.mat", variables)
    return folder / "p.mat"


def test_columns_are_students_bit_for_bit(tmp_path: Path) -> None:
    w = np.random.default_rng(0).normal(size=(4, 5, 3))
    path = saved(tmp_path, WbadNew=w, magnitude=np.array([[7, 1, 300]], dtype=np.uint16), other="symbols")
    points = read_points(path, dimension=4)
    assert points.w.shape == (3, 5, 4)
    assert np.array_equal(points.w[2][1], w[:, 1, 2])
    assert (points.a == 1).all()
    assert mat_shape(path) == (4, 5)
    assert mat_magnitude(path) == [7, 1, 300]


def test_one_point_has_no_third_dimension(tmp_path: Path) -> None:
    path = saved(tmp_path, WbadNew=np.arange(6.0).reshape(2, 3))
    assert np.array_equal(read_points(path, dimension=2).w, [[[0, 3], [1, 4], [2, 5]]])
    assert mat_magnitude(path) is None


@pytest.mark.parametrize(
    "variables",
    [
        {"other": np.ones((2, 2))},
        {"WbadNew": "text"},
        {"WbadNew": np.array([[np.nan, 1.0], [1.0, 2.0]])},
        {"WbadNew": np.ones((2, 2), dtype=complex)},
        {"WbadNew": np.ones((2, 2, 2, 2))},
        {"WbadNew": np.ones((3, 2))},
        {"WbadNew": np.ones((2, 0))},
        {"WbadNew": np.ones((2, 0, 0))},
        {"WbadNew": np.ones((2, 3, 0))},
        {"WbadNew": np.ones((0, 2, 1))},
    ],
)
def test_other_files_are_refused(tmp_path: Path, variables: dict[str, Any]) -> None:
    with pytest.raises(PointsError, match="expected"):
        read_points(saved(tmp_path, **variables), dimension=2)


@pytest.mark.parametrize("magnitude", [[1, 2], [0], [1.5], ["x"]])
def test_magnitudes_that_do_not_fit_are_refused(tmp_path: Path, magnitude: Any) -> None:
    with pytest.raises(PointsError, match="expected"):
        mat_magnitude(saved(tmp_path, WbadNew=np.ones((2, 2)), magnitude=np.array(magnitude)))


def test_damaged_files_are_refused(tmp_path: Path) -> None:
    (tmp_path / "p.mat").write_bytes(b"MATLAB 5.0 MAT-file" + b"\x00" * 200)
    with pytest.raises(PointsError, match="expected"):
        read_points(tmp_path / "p.mat", dimension=2)


def test_files_of_matlab_7_3_are_told_what_to_do(tmp_path: Path) -> None:
    header = b"MATLAB 7.3 MAT-file".ljust(116) + b"\x00" * 8 + b"\x00\x02IM"
    (tmp_path / "p.mat").write_bytes(header + b"\x00" * 384 + b"\x89HDF\r\n\x1a\n" + b"\x00" * 600)
    with pytest.raises(PointsError, match="save it with '-v7'"):
        read_points(tmp_path / "p.mat", dimension=2)
