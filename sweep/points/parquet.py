"""This project's Parquet: one run a row, ``w`` flattened row-major, as one file or a directory of shards."""

from __future__ import annotations

import json
from pathlib import Path
from typing import IO, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from sweep.points.assemble import PointsError, assemble, check_size, parsing
from symmetry.network import Points

METADATA_KEY = b"losscert"
"""Schema metadata under this key is a JSON object; its ``problem_hash`` names the problem the points belong to."""


def read_parquet(path: Path, name: str, dimension: int, outputs: int = 1) -> Points:
    """Read one file, or all shards of a directory in the order of their names.

    Columns ``w`` and ``a`` (list<double>: m·d and m numbers, of k outputs k·m) are required, ``seed`` and ``width``
    are optional, all others are ignored.

    Raises:
        PointsError: one sentence saying what does not fit.
    """
    parquet_problem_hash(path)  # shards of two problems never mix
    shards = _shards(path)
    total = 0
    parts = []
    for shard in shards:
        with parsing(str(shard), "Parquet"), pq.ParquetFile(shard, page_checksum_verification=True) as file:
            columns = _columns(shard, file.schema_arrow)
            total += _declared_entries(file, columns)
            check_size(str(path), total)
            table = file.read(columns=columns)
            w, a, seed = _arrays(shard, table, dimension, outputs)
        source = name if shard == path else f"{name}/{shard.name}"
        parts.append(assemble(str(shard), source, w, a, dimension=dimension, seed=seed))
        if parts[-1].width != parts[0].width:
            raise PointsError(
                f"{shard}: has width {parts[-1].width} where {shards[0].name} has width {parts[0].width}, "
                "expected one width in all shards; give each width its own directory"
            )
    return Points(
        np.concatenate([part.w for part in parts]),
        np.concatenate([part.a for part in parts]),
        tuple(source for part in parts for source in part.source),
        np.concatenate([part.seed for part in parts]),
    )


def parquet_problem_hash(path: Path) -> str | None:
    """The problem hash that the file, or all shards of the directory alike, declare; ``None`` where none does.

    Raises:
        PointsError: unreadable files, or shards that declare different problems.
    """
    shards = _shards(path)
    declared = [_declared_hash(shard) for shard in shards]
    for shard, found in zip(shards, declared, strict=True):
        if found != declared[0]:
            raise PointsError(
                f"{shard}: declares problem_hash {found} where {shards[0].name} declares {declared[0]}, "
                "expected points of one problem; give each problem its own directory"
            )
    return declared[0]


def write_parquet(handle: IO[bytes], points: Points) -> None:
    """Write ``seed, width, w, a``, one row a point."""
    count, width = len(points), points.width
    table = pa.table(
        {
            "seed": pa.array(points.seed, pa.int64()),
            "width": pa.array(np.full(count, width, dtype=np.int32)),
            "w": _lists(points.w.reshape(count, -1)),
            "a": _lists(points.a.reshape(count, -1)),
        }
    )
    # dictionaries compare values, and 0.0 == -0.0: plain encoding keeps the bits by construction
    pq.write_table(table, handle, compression="zstd", use_dictionary=False, write_page_checksum=True)


def _shards(path: Path) -> list[Path]:
    if not path.is_dir():
        return [path]
    # dot files are shards that a run is still writing
    shards = sorted(shard for shard in path.glob("*.parquet") if not shard.name.startswith("."))
    if not shards:
        raise PointsError(f"{path}: a directory without *.parquet files, expected shards of one sweep or a single file")
    return shards


def _declared_hash(shard: Path) -> str | None:
    with parsing(str(shard), "Parquet"), pq.ParquetFile(shard) as file:
        text = (file.schema_arrow.metadata or {}).get(METADATA_KEY)
        if text is None:
            return None
        with parsing(f"{shard}: schema metadata losscert", "JSON"):
            declared = json.loads(text)
    if not isinstance(declared, dict):
        raise PointsError(
            f"{shard}: schema metadata losscert is a {type(declared).__name__}, expected a JSON object; "
            "write the file with certify sweep or without this key"
        )
    found = declared.get("problem_hash")
    if found is not None and not isinstance(found, str):
        raise PointsError(
            f"{shard}: schema metadata losscert has problem_hash {str(found)[:40]}, expected a string of hex digits"
        )
    return found


def _columns(shard: Path, schema: pa.Schema) -> list[str]:
    """The columns to read, with their types checked."""
    for column in ("w", "a"):
        if column not in schema.names:
            raise PointsError(
                f"{shard}: has no column {column}, expected columns w and a, lists of doubles; "
                f"found {', '.join(schema.names) or 'none'}"
            )
        kind = schema.field(column).type
        if not (pa.types.is_list(kind) or pa.types.is_large_list(kind)) or not pa.types.is_float64(kind.value_type):
            raise PointsError(f"{shard}: column {column} has type {kind}, expected list<double>")
    optional = [column for column in ("seed", "width") if column in schema.names]
    for column in optional:
        if schema.field(column).type not in (pa.int64(), pa.int32()):
            raise PointsError(f"{shard}: column {column} has type {schema.field(column).type}, expected int64 or int32")
    return ["w", "a", *optional]


def _declared_entries(file: Any, columns: list[str]) -> int:
    """How many numbers the footer says these columns hold (no more are read, whatever the pages say)."""
    # a footer that contradicts itself raises here; asking it for a chunk below would end the process instead
    # (pyarrow does not catch what its C++ throws there). The scan keeps nothing: a few bytes of a run-length
    # encoding may stand for gigabytes
    file.scan_contents(columns)
    metadata = file.metadata
    chunks = [
        metadata.row_group(group).column(column)
        for group in range(metadata.num_row_groups)
        for column in range(metadata.num_columns)
        if metadata.schema.column(column).path.split(".")[0] in columns
    ]
    return sum(chunk.num_values for chunk in chunks)


def _arrays(
    shard: Path, table: pa.Table, dimension: int, outputs: int
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.int64] | None]:
    for column in table.column_names:
        if table.column(column).null_count:
            row = int(np.flatnonzero(table.column(column).is_null().to_numpy())[0])
            raise PointsError(f"{shard}: row {row}: {column} is null, expected a value; drop this row")
    if table.num_rows == 0:
        raise PointsError(f"{shard}: has 0 rows, which is no points, expected at least one")
    lengths = {column: pc.list_value_length(table.column(column)).to_numpy() for column in ("w", "a")}
    length = int(lengths["a"][0])
    for row in np.flatnonzero(lengths["a"] != length)[:1]:
        raise PointsError(
            f"{shard}: row {row}: a holds {lengths['a'][row]} numbers where row 0 holds {length}, "
            "expected one width per file; split the file by width"
        )
    if length % outputs:
        raise PointsError(f"{shard}: a holds {length} numbers, expected a multiple of {outputs}, the problem's outputs")
    # one weight more than neurons: the last one is the output bias
    weights = length // outputs
    width = weights - (int(lengths["w"][0]) == (weights - 1) * dimension and weights > 1)
    for row in np.flatnonzero(lengths["w"] != width * dimension)[:1]:
        raise PointsError(
            f"{shard}: row {row}: w holds {lengths['w'][row]} numbers, expected {width * dimension} "
            f"({width} neurons to match a, {dimension} inputs of the problem)"
        )
    if "width" in table.column_names:
        for row in np.flatnonzero(table.column("width").to_numpy() != width)[:1]:
            raise PointsError(
                f"{shard}: row {row}: width is {table.column('width')[int(row)]}, "
                f"expected {width} to match the numbers in a"
            )
    w = _flat(shard, table, "w").reshape(table.num_rows, width, dimension)
    a = _flat(shard, table, "a").reshape(table.num_rows, outputs, weights)
    seed = table.column("seed").to_numpy().astype(np.int64) if "seed" in table.column_names else None
    return w, a, seed


def _flat(shard: Path, table: pa.Table, column: str) -> NDArray[np.float64]:
    """All numbers of a list column, in order."""
    lists: list[Any] = table.column(column).chunks
    chunks = [chunk.flatten() for chunk in lists]
    if any(chunk.null_count for chunk in chunks):
        raise PointsError(f"{shard}: column {column} holds a null among its numbers, expected finite numbers")
    # concatenate copies: the result is writeable and owns its memory
    flat: NDArray[np.float64] = np.concatenate([chunk.to_numpy() for chunk in chunks])
    return flat


def _lists(rows: NDArray[np.float64]) -> Any:
    """(n, k) as n lists of k numbers."""
    count, length = rows.shape
    offsets = pa.array(np.arange(count + 1) * length, pa.int32())
    return pa.ListArray.from_arrays(offsets, pa.array(rows.reshape(-1), pa.float64()))
