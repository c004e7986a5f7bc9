"""This project's Parquet: files and shards as a sweep writes them, and tables that do not fit."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from sweep.points import PointsError, assemble, declared_problem_hash, read_points, write_points
from symmetry.network import Points

ROWS = {
    "seed": pa.array([7, 8], pa.int64()),
    "width": pa.array([2, 2], pa.int32()),
    "w": pa.array([[1.0, 2.0, 3.0, 4.0], [5.0, 6.0, 7.0, 8.0]]),
    "a": pa.array([[0.5, -0.5], [0.25, -0.0]]),
}


def write(path: Path, *, metadata: Any = None, rows_per_group: int = 10, **columns: Any) -> Path:
    """:data:`ROWS` with some columns replaced, added, or (``None``) left out."""
    table = pa.table({key: value for key, value in (ROWS | columns).items() if value is not None})
    if metadata is not None:
        text = metadata if isinstance(metadata, bytes) else json.dumps(metadata).encode()
        table = table.replace_schema_metadata({b"losscert": text})
    pq.write_table(table, path, row_group_size=rows_per_group)
    return path


def test_w_is_row_major(tmp_path: Path) -> None:
    points = read_points(write(tmp_path / "p.parquet"), dimension=2)
    assert points.w.tolist() == [[[1.0, 2.0], [3.0, 4.0]], [[5.0, 6.0], [7.0, 8.0]]]
    assert points.a.tolist() == [[0.5, -0.5], [0.25, 0.0]]
    assert np.signbit(points.a[1, 1])
    assert points.seed.tolist() == [7, 8]
    assert points.seed.dtype == np.int64
    assert points.source == ("p.parquet:0", "p.parquet:1")


def test_columns_of_a_sweep_are_ignored_and_two_are_optional(tmp_path: Path) -> None:
    other = {"loss": pa.array([1.0, np.nan]), "w_init": ROWS["a"], "stop_reason": pa.array(["steps", None])}
    path = write(tmp_path / "p.parquet", seed=None, width=None, metadata={"settings": {"lr": 1e-4}}, **other)
    points = read_points(path, dimension=2)
    assert points.w[1].tolist() == [[5.0, 6.0], [7.0, 8.0]]
    assert points.seed.tolist() == [-1, -1]


def test_row_groups_and_large_lists(tmp_path: Path) -> None:
    large = {key: ROWS[key].cast(pa.large_list(pa.float64())) for key in ("w", "a")}
    whole = read_points(write(tmp_path / "p.parquet"), dimension=2)
    parts = read_points(write(tmp_path / "q.parquet", rows_per_group=1, **large), dimension=2)
    assert parts.w.tolist() == whole.w.tolist()
    assert parts.a.tolist() == whole.a.tolist()


def test_shards_are_read_in_the_order_of_their_names(tmp_path: Path) -> None:
    folder = tmp_path / "runs"
    folder.mkdir()
    write(folder / "b.parquet", seed=pa.array([3, 4]))
    write(folder / "a.parquet", seed=pa.array([1, 2]))
    (folder / "settings.json").write_text("{}")
    (folder / ".c.parquet").write_bytes(b"half a shard")
    points = read_points(folder, dimension=2)
    assert points.seed.tolist() == [1, 2, 3, 4]
    assert points.source == ("runs/a.parquet:0", "runs/a.parquet:1", "runs/b.parquet:0", "runs/b.parquet:1")
    assert points.w.shape == (4, 2, 2)


def test_a_directory_without_shards(tmp_path: Path, refuses) -> None:
    (tmp_path / "p.npz").write_bytes(b"")
    refuses(tmp_path, r"a directory without \*\.parquet files, expected shards of one sweep or a single file")


def test_shards_of_two_widths(tmp_path: Path) -> None:
    write(tmp_path / "a.parquet")
    write(tmp_path / "b.parquet", width=None, w=pa.array([[1.0, 2.0]] * 2), a=pa.array([[1.0]] * 2))
    with pytest.raises(PointsError, match=r"b\.parquet: has width 1 where a\.parquet has width 2, expected one width"):
        read_points(tmp_path, dimension=2)


def test_a_bad_shard_is_named(tmp_path: Path) -> None:
    write(tmp_path / "a.parquet")
    write(tmp_path / "b.parquet", a=pa.array([[1.0, 2.0], [3.0, np.nan]]))
    with pytest.raises(PointsError, match=r"b\.parquet: row 1: a\[1\] is nan"):
        read_points(tmp_path, dimension=2)


@pytest.mark.parametrize(
    ("columns", "pattern"),
    [
        ({"w": None}, "has no column w, expected columns w and a, lists of doubles; found seed, width, a"),
        ({"a": None}, "has no column a, expected columns w and a"),
        ({"a": pa.array([1.0, 2.0])}, "column a has type double, expected list<double>"),
        ({"w": ROWS["w"].cast(pa.list_(pa.float32()))}, "column w has type list<.*float>, expected list<double>"),
        ({"w": pa.array([[[1.0]], [[2.0]]])}, "column w has type list<.*list<.*>, expected list<double>"),
        ({"seed": pa.array([1.0, 2.0])}, "column seed has type double, expected int64 or int32"),
        ({"a": pa.array([[1.0, 2.0], None])}, "row 1: a is null, expected a value; drop this row"),
        ({"seed": pa.array([None, 1], pa.int64())}, "row 0: seed is null, expected a value"),
        ({"a": pa.array([[1.0, 2.0], [3.0, None]])}, "column a holds a null among its numbers"),
        ({"a": pa.array([[1.0, 2.0], [3.0]])}, "row 1: a holds 1 numbers where row 0 holds 2, expected one width"),
        (
            {"w": pa.array([[1.0] * 4, [1.0] * 6])},
            r"row 1: w holds 6 numbers, expected 4 \(2 neurons to match a, 2 inp",
        ),
        ({"width": pa.array([2, 3], pa.int32())}, "row 1: width is 3, expected 2 to match the numbers in a"),
        ({"w": pa.array([[1.0, 2.0, np.inf, 4.0]] * 2)}, r"row 0: w\[1\]\[0\] is inf, .*\(2 of 2 rows"),
        (
            {"w": pa.array([[], []], pa.list_(pa.float64())), "a": pa.array([[], []], pa.list_(pa.float64()))},
            "width is 2, expected 0",
        ),
        ({key: value.slice(0, 0) for key, value in ROWS.items()}, "has 0 rows, which is no points"),
    ],
)
def test_refusals(tmp_path: Path, refuses, columns: dict[str, Any], pattern: str) -> None:
    refuses(write(tmp_path / "p.parquet", **columns), pattern)


def test_the_wrong_dimension(tmp_path: Path, refuses) -> None:
    refuses(write(tmp_path / "p.parquet"), "row 0: w holds 4 numbers, expected 6 .* 3 inputs", dimension=3)


def test_not_parquet(tmp_path: Path, refuses) -> None:
    (tmp_path / "p.parquet").write_text("seed,width\n1,2\n")
    refuses(tmp_path / "p.parquet", r"cannot be read as Parquet \(Arrow.*\), expected a complete file")


def test_a_damaged_footer_never_ends_the_process(tmp_path: Path) -> None:
    """Some of these bits make pyarrow's C++ throw where nothing catches it, if it is asked in the wrong order."""
    path = write(tmp_path / "p.parquet")
    whole = path.read_bytes()
    footer = 8 + int.from_bytes(whole[-8:-4], "little")
    refused = 0
    for place in range(len(whole) - footer, len(whole)):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        try:
            read_points(path, dimension=2)
        except PointsError:
            refused += 1
    assert refused > footer // 10


def test_a_run_length_bomb_is_refused_before_it_is_unpacked(tmp_path: Path, refuses, monkeypatch) -> None:
    """A kilobyte may stand for a million numbers."""
    zeros = {"w": pa.array([np.zeros(2_000_000)]), "a": pa.array([np.zeros(1_000_000)])}
    path = write(tmp_path / "p.parquet", seed=None, width=None, **zeros)
    assert path.stat().st_size < 100_000
    monkeypatch.setattr(assemble, "MAX_BYTES", 2**20)
    monkeypatch.setattr(pq.ParquetFile, "read", None)
    refuses(path, "holds 3000000 numbers .* expected at most 1048576 bytes")


def test_more_numbers_than_the_bound(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The bound holds for all shards together; the footers are believed before anything is decoded."""
    write(tmp_path / "a.parquet")
    write(tmp_path / "b.parquet")
    entries = 2 * (2 * 4 + 2 * 2 + 2 + 2)  # shards × (w + a + seed + width)
    monkeypatch.setattr(assemble, "MAX_BYTES", 8 * entries)
    assert len(read_points(tmp_path, dimension=2)) == 4
    monkeypatch.setattr(assemble, "MAX_BYTES", 8 * entries - 1)
    with pytest.raises(PointsError, match=rf"holds {entries} numbers .* split the file"):
        read_points(tmp_path, dimension=2)


def test_declared_problem(tmp_path: Path) -> None:
    assert declared_problem_hash(write(tmp_path / "p.parquet", metadata={"problem_hash": "12ab"})) == "12ab"
    assert declared_problem_hash(write(tmp_path / "p.parquet", metadata={"settings": {}})) is None
    assert declared_problem_hash(write(tmp_path / "p.parquet")) is None


def test_written_points_declare_no_problem(tmp_path: Path, points: Points) -> None:
    write_points(tmp_path / "p.parquet", points)
    assert declared_problem_hash(tmp_path / "p.parquet") is None


@pytest.mark.parametrize("other", [{"problem_hash": "cd"}, None])
def test_shards_of_two_problems_never_mix(tmp_path: Path, other: Any) -> None:
    write(tmp_path / "a.parquet", metadata={"problem_hash": "ab"})
    write(tmp_path / "b.parquet", metadata={"problem_hash": "ab"})
    assert declared_problem_hash(tmp_path) == "ab"
    write(tmp_path / "c.parquet", metadata=other)
    for read in (lambda: declared_problem_hash(tmp_path), lambda: read_points(tmp_path, dimension=2)):
        with pytest.raises(
            PointsError, match=r"c\.parquet: declares problem_hash (cd|None) where a\.parquet declares ab"
        ):
            read()


@pytest.mark.parametrize(
    ("metadata", "pattern"),
    [
        (b"{", r"schema metadata losscert: cannot be read as JSON \(JSONDecodeError"),
        (b"[1]", "schema metadata losscert is a list, expected a JSON object"),
        ({"problem_hash": 5}, "schema metadata losscert has problem_hash 5, expected a string"),
    ],
)
def test_metadata_that_makes_no_sense(tmp_path: Path, refuses, metadata: Any, pattern: str) -> None:
    refuses(write(tmp_path / "p.parquet", metadata=metadata), pattern)
