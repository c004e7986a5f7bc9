"""Perturbed points as a Parquet table."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from sweep.perturbation import Perturbed, Place
from sweep.points.parquet import METADATA_KEY

_NUMBERS = ("loss", "gradient_norm", "smallest_eigenvalue")


def write_perturbed(path: Path, rows: Sequence[Perturbed], width: int, note: Mapping[str, Any]) -> None:
    """Write ``rows``, in order, with ``note`` as schema metadata; columns as in ``docs/sweeps.md``.

    ``w`` and ``a`` are where the points ended: the file is a POINTS argument again. It appears when it is complete.
    """
    theta = np.array([row.theta for row in rows])
    inner = theta.shape[1] - width

    def places(name: str) -> dict[str, Any]:
        found: list[Place] = [getattr(row, name) for row in rows]
        return {f"{key}_{name}": pa.array([getattr(place, key) for place in found], pa.float64()) for key in _NUMBERS}

    columns = {
        "index": pa.array([row.index for row in rows], pa.int64()),
        "seed": pa.array([row.seed for row in rows], pa.int64()),
        "width": pa.array([width] * len(rows), pa.int32()),
        "epsilon": pa.array([row.epsilon for row in rows], pa.float64()),
        "direction": pa.array([row.direction for row in rows], pa.string()),
        "draw": pa.array([row.draw for row in rows], pa.int64()),
        "perturbations": pa.array([row.perturbations for row in rows], pa.int64()),
        **places("before"),
        **places("kicked"),
        **places("after"),
        "resolution": pa.array([row.resolution for row in rows], pa.float64()),
        "distance": pa.array([row.distance for row in rows], pa.float64()),
        "stop_reason": pa.array([row.stop_reason for row in rows], pa.string()),
        "w": pa.array(list(theta[:, :inner]), pa.list_(pa.float64())),
        "a": pa.array(list(theta[:, inner:]), pa.list_(pa.float64())),
    }
    table = pa.table(columns).replace_schema_metadata({METADATA_KEY: json.dumps(dict(note), sort_keys=True)})
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        pq.write_table(table, temporary, compression="zstd", use_dictionary=False, write_page_checksum=True)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
