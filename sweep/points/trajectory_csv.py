"""``.csv`` with one run a row and each weight's trajectory as a JSON list, whose last entry is the final weight."""

from __future__ import annotations

import csv
import json
import math
import re
from pathlib import Path

import numpy as np

from sweep.points.assemble import PointsError, assemble, check_size, parsing
from symmetry.network import Points

_NEURON = re.compile(r"neuron_(0|[1-9]\d{0,5})_(traj_x|traj_y|a)")


def read_csv(path: Path, name: str, dimension: int) -> Points:
    """Read ``student size`` and, per neuron i, ``neuron_i_traj_x``, ``neuron_i_traj_y``, ``neuron_i_a``.

    Other columns (loss, gradient norm, teacher) are ignored: they are recomputed, never believed. Decimals
    are read as the nearest float64, which is the number that was printed where it was printed with ``repr``.

    Raises:
        PointsError: one sentence saying what does not fit.
    """
    if dimension != 2:
        raise PointsError(f"{path}: a trajectory .csv has 2 inputs, x and y, expected {dimension}; use .npz")
    check_size(str(path), path.stat().st_size // 8)
    rows: list[list[float]] = []
    with parsing(str(path), "a trajectory .csv"), path.open(newline="", encoding="utf-8") as handle:
        lines = csv.reader(handle, strict=True)
        header = [column.strip() for column in next(lines, [])]
        width = _width(path, header)
        weights = [f"neuron_{i}_{part}" for i in range(width) for part in ("traj_x", "traj_y", "a")]
        at = {column: header.index(column) for column in ("student size", *weights)}
        for fields in lines:
            where = f"{path}: row {len(rows)}"
            if len(fields) != len(header):
                raise PointsError(
                    f"{where}: has {len(fields)} fields, expected {len(header)} to match the header; "
                    "if the file was cut short, write it again"
                )
            size = fields[at["student size"]].strip()
            if size != str(width):
                raise PointsError(
                    f"{where}: student size is {size[:20]}, expected {width}, the neurons in the header; "
                    "split the file by size"
                )
            rows.append([_final(f"{where}: {column}", fields[at[column]]) for column in weights])
    values = np.array(rows, dtype=np.float64).reshape(len(rows), width, 3)
    return assemble(str(path), name, values[:, :, :2].copy(), values[:, :, 2].copy(), dimension=dimension)


def _width(path: Path, header: list[str]) -> int:
    """The number of neurons in the header, which must be numbered 0, 1, …, each with its three columns."""
    found = [(int(match[1]), match[2]) for column in header if (match := _NEURON.fullmatch(column))]
    width = max((index for index, _ in found), default=-1) + 1
    # three kinds of column and no index below 0: as many different ones as 3·width are all of them
    if width == 0 or not len(found) == len(set(found)) == 3 * width or header.count("student size") != 1:
        raise PointsError(
            f"{path}: the header names {len(found)} neuron columns and {header.count('student size')} of student size, "
            "expected student size and neuron_i_traj_x, neuron_i_traj_y, neuron_i_a once for each i = 0, 1, ..."
        )
    return width


def _final(where: str, text: str) -> float:
    """The last entry of a JSON list of numbers."""
    try:
        # integers too are read as float64: 1e400 written out in digits must become infinite, not an OverflowError
        trajectory = json.loads(text, parse_int=float)
    except (ValueError, RecursionError):
        trajectory = None
    if not isinstance(trajectory, list) or not trajectory or not isinstance(trajectory[-1], float):
        shown = text if len(text) <= 40 else text[:37] + "..."
        raise PointsError(f"{where} is {shown!r}, expected a JSON list that ends in a number")
    if not math.isfinite(trajectory[-1]):
        raise PointsError(f"{where} ends in {trajectory[-1]}, expected a finite number; drop this run")
    return trajectory[-1]
