"""``.mat`` files as Safran & Shamir published them: ``WbadNew`` (k, n, count), a column a student, and ``magnitude``.

There are no output weights: they are all 1. Other variables, symbolic ones among them, are not read.
"""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sweep.points.assemble import PointsError, assemble, float64, parsing
from symmetry.network import Points

_LARGEST = 2**26
"""Bytes of a file; decompressed they may be some thousand times as many."""

WEIGHTS, MAGNITUDE = "WbadNew", "magnitude"


def read_mat(path: Path, name: str, dimension: int) -> Points:
    """Read the students of ``WbadNew``.

    Raises:
        PointsError: one sentence saying what does not fit.
    """
    w = np.ascontiguousarray(_weights(path, _variables(path)).transpose(2, 1, 0))
    fields = (f"{WEIGHTS}, transposed,", "a")
    return assemble(str(path), name, w, np.ones(w.shape[:2]), dimension=dimension, fields=fields)


def mat_shape(path: str | Path) -> tuple[int, int]:
    """``(k, n)``: coordinates and student neurons.

    Raises:
        PointsError: as :func:`read_mat`.
    """
    path = Path(path)
    k, n, _ = _weights(path, _variables(path)).shape
    return k, n


def mat_magnitude(path: str | Path) -> list[int] | None:
    """How many runs each point stands for, where the file says so.

    Raises:
        PointsError: not one positive integer a point.
    """
    path = Path(path)
    stored = _variables(path)
    count, found = _weights(path, stored).shape[2], stored.get(MAGNITUDE)
    if found is None:
        return None
    if found.dtype.kind not in "iuf" or found.size != count or not (found >= 1).all() or (found % 1).any():
        raise PointsError(
            f"{path}: {MAGNITUDE} is {found.tolist()}, expected {count} positive integers to match {WEIGHTS}"
        )
    return [int(number) for number in found.ravel()]


def _weights(path: Path, stored: dict[str, NDArray[Any]]) -> NDArray[np.float64]:
    """(k, n, count)."""
    found = stored.get(WEIGHTS)
    if found is None:
        raise PointsError(f"{path}: has no variable {WEIGHTS}, expected one of shape (k, n, count)")
    w = float64(found, f"{path}: {WEIGHTS}")
    if w.ndim not in (2, 3):
        raise PointsError(f"{path}: {WEIGHTS} has shape {w.shape}, expected (k, n) or (k, n, count)")
    return w if w.ndim == 3 else w[:, :, None]


def _variables(path: Path) -> dict[str, NDArray[Any]]:
    """Those of the two that are there."""
    if path.stat().st_size > _LARGEST:
        raise PointsError(f"{path}: has {path.stat().st_size} bytes, expected at most {_LARGEST}")
    # scipy is slow to import, and only this format needs it
    from scipy.io import loadmat

    with parsing(str(path), "a MATLAB 5 file"), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # two symbolic variables of one name
        try:
            found = loadmat(path, variable_names=[WEIGHTS, MAGNITUDE])
        except NotImplementedError:
            raise PointsError(f"{path}: is a file of MATLAB 7.3, expected MATLAB 5; save it with '-v7'") from None
    return {name: np.asarray(found[name]) for name in (WEIGHTS, MAGNITUDE) if name in found}
