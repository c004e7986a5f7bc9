"""The Parquet tables of a results directory: column names and types, said once, also where a column is all null."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

METADATA_KEY = b"losscert"

_VERDICTS: list[pa.Field[Any]] = [
    pa.field("index", pa.int64(), nullable=False),
    pa.field("source", pa.string(), nullable=False),
    pa.field("seed", pa.int64()),
    pa.field("width", pa.int32(), nullable=False),
    pa.field("verdict", pa.string(), nullable=False),
    pa.field("relation", pa.string()),
    pa.field("moved", pa.float64(), nullable=False),
    pa.field("distance", pa.float64()),
    pa.field("loss_lower", pa.float64()),
    pa.field("loss_upper", pa.float64()),
    pa.field("not_global", pa.bool_()),
    pa.field("strict", pa.bool_()),
    pa.field("morse_index", pa.int32()),
    pa.field("nullity", pa.int32()),
    pa.field("manifold_dimension", pa.int32()),
    pa.field("level", pa.int32()),
    pa.field("stratum", pa.string()),
    pa.field("chart", pa.string()),
    pa.field("lambda_min_lower", pa.float64()),
    pa.field("lambda_min_upper", pa.float64()),
    pa.field("existence_radius", pa.float64()),
    pa.field("uniqueness_radius", pa.float64()),
    pa.field("empty_radius", pa.float64()),
    pa.field("method", pa.string()),
    pa.field("bits", pa.int32()),
    pa.field("object_id", pa.string()),
    pa.field("reason", pa.string()),
]

_OBJECTS: list[pa.Field[Any]] = [
    pa.field("id", pa.string(), nullable=False),
    pa.field("kind", pa.string(), nullable=False),
    pa.field("width", pa.int32(), nullable=False),
    pa.field("candidates", pa.int64(), nullable=False),
    pa.field("contained", pa.int64(), nullable=False),
    pa.field("loss_lower", pa.float64(), nullable=False),
    pa.field("loss_upper", pa.float64(), nullable=False),
    pa.field("lambda_min_lower", pa.float64()),
    pa.field("lambda_min_upper", pa.float64()),
    pa.field("strict", pa.bool_()),
    pa.field("not_global", pa.bool_()),
    pa.field("morse_index", pa.int32()),
    pa.field("nullity", pa.int32()),
    pa.field("manifold_dimension", pa.int32()),
    pa.field("level", pa.int32()),
    pa.field("stratum", pa.string()),
    pa.field("complete", pa.bool_()),
    pa.field("chart", pa.string()),
    pa.field("w_approx", pa.list_(pa.float64())),
    pa.field("a_approx", pa.list_(pa.float64())),
    pa.field("existence_radius", pa.list_(pa.float64())),
    pa.field("uniqueness_radius", pa.list_(pa.float64())),
    pa.field("method", pa.string(), nullable=False),
    pa.field("bits", pa.int32(), nullable=False),
    pa.field("certificate", pa.string(), nullable=False),
]


def write_verdicts(path: Path, rows: Sequence[Mapping[str, Any]], problem_hash: str) -> None:
    """Write ``verdicts.parquet``."""
    _write(path, rows, pa.schema(_VERDICTS), problem_hash)


def write_objects(path: Path, rows: Sequence[Mapping[str, Any]], problem_hash: str) -> None:
    """Write ``objects.parquet``."""
    _write(path, rows, pa.schema(_OBJECTS), problem_hash)


def _write(path: Path, rows: Sequence[Mapping[str, Any]], schema: pa.Schema, problem_hash: str) -> None:
    for row in rows:
        # from_pylist would drop a column the schema does not know
        if list(row) != schema.names:
            raise ValueError(f"{path.name}: a row has columns {list(row)}, expected {schema.names}")
    note = {METADATA_KEY: json.dumps({"problem_hash": problem_hash}).encode()}
    table = pa.Table.from_pylist([dict(row) for row in rows], schema=schema.with_metadata(note))
    # dictionaries compare values, and 0.0 == -0.0: plain encoding keeps the bits
    pq.write_table(table, path, compression="zstd", use_dictionary=False)
