"""Reading and writing by file name: bits, refusals that hold for every format, the content hash."""

from __future__ import annotations

import hashlib
import os
import struct
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
import safetensors.numpy
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from sweep.points import PointsError, assemble, content_hash, declared_problem_hash, read_points, write_points
from symmetry.network import Points

FINITE = st.floats(allow_nan=False, allow_infinity=False) | st.sampled_from(
    [0.0, -0.0, 5e-324, -5e-324, 2.0**-1022, 1.7976931348623157e308, -1.7976931348623157e308]
)


@st.composite
def any_points(draw: st.DrawFn) -> Points:
    n, m, d = (draw(st.integers(1, 4)) for _ in range(3))
    w = draw(arrays(np.float64, (n, m, d), elements=FINITE))
    a = draw(arrays(np.float64, (n, m), elements=FINITE))
    seed = draw(arrays(np.int64, n))
    return Points(w, a, ("",) * n, seed)


def same_bits(x: np.ndarray, y: np.ndarray) -> bool:
    return x.shape == y.shape and x.dtype == y.dtype and x.tobytes() == y.tobytes()


@pytest.mark.parametrize("suffix", [".npz", ".parquet"])
@settings(max_examples=40, deadline=None)
@given(points=any_points())
def test_round_trip_keeps_every_bit(suffix: str, points: Points) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder) / f"p{suffix}"
        write_points(path, points)
        again = read_points(path, dimension=points.dimension)
        write_points(Path(folder) / f"q{suffix}", again)
        assert path.read_bytes() == (Path(folder) / f"q{suffix}").read_bytes()
    assert same_bits(again.w, points.w)
    assert same_bits(again.a, points.a)
    assert same_bits(again.seed, points.seed)
    assert again.source == tuple(f"p{suffix}:{i}" for i in range(len(points)))
    assert content_hash(again) == content_hash(points)


@pytest.mark.parametrize("suffix", [".npz", ".parquet"])
def test_read_arrays_are_writeable_and_contiguous(tmp_path: Path, points: Points, suffix: str) -> None:
    write_points(tmp_path / f"p{suffix}", points)
    again = read_points(tmp_path / f"p{suffix}", dimension=2)
    for array in (again.w, again.a, again.seed):
        assert array.flags.writeable
        assert array.flags.c_contiguous


def test_writing_a_transposed_view_keeps_the_numbers(tmp_path: Path, points: Points) -> None:
    view = Points(points.w[::-1, :, ::-1], points.a[::-1], points.source, points.seed[::-1])
    for suffix in (".npz", ".parquet"):
        write_points(tmp_path / f"p{suffix}", view)
        again = read_points(tmp_path / f"p{suffix}", dimension=2)
        assert again.w.tobytes() == view.w.tobytes()  # tobytes is row-major whatever the strides
        assert again.a.tobytes() == view.a.tobytes()
        assert again.seed.tolist() == view.seed.tolist()


@pytest.mark.parametrize("suffix", [".npz", ".parquet"])
def test_an_interrupted_write_leaves_what_was_there(
    tmp_path: Path, points: Points, suffix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / f"p{suffix}"
    write_points(path, points)
    before = path.read_bytes()

    def interrupted(descriptor: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupted)
    with pytest.raises(KeyboardInterrupt):
        write_points(path, points.take([0]))
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_writing_replaces_a_file_whole(tmp_path: Path, points: Points) -> None:
    path = tmp_path / "p.npz"
    write_points(path, points)
    write_points(path, points.take([2]))
    assert len(read_points(path, dimension=2)) == 1
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("name", ["p.csv", "p.pt", "p.safetensors", "p"])
def test_only_two_formats_are_written(tmp_path: Path, points: Points, name: str) -> None:
    with pytest.raises(PointsError, match=r"has suffix .*, expected \.npz or \.parquet"):
        write_points(tmp_path / name, points)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("suffix", [".npz", ".parquet"])
def test_what_would_not_be_read_is_not_written(tmp_path: Path, points: Points, suffix: str) -> None:
    path = tmp_path / f"p{suffix}"
    diverged = Points(points.w.copy(), points.a.copy(), points.source, points.seed)
    diverged.a[1, 3] = np.inf
    with pytest.raises(PointsError, match=r"row 1: a\[3\] is inf"):
        write_points(path, diverged)
    with pytest.raises(PointsError, match="no points"):
        write_points(path, points.take([]))
    with pytest.raises(PointsError, match=r"seed has shape \(2,\), expected \(3,\)"):
        write_points(path, Points(points.w, points.a, points.source, points.seed[:2]))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("suffix", [".npz", ".parquet"])
def test_what_is_written_is_small_enough_to_be_read(
    tmp_path: Path, points: Points, suffix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    entries = 3 * (4 * 2 + 4 + 2)  # points × (w + a + seed + width)
    monkeypatch.setattr(assemble, "MAX_BYTES", 8 * entries)
    write_points(tmp_path / f"p{suffix}", points)
    assert len(read_points(tmp_path / f"p{suffix}", dimension=2)) == 3
    monkeypatch.setattr(assemble, "MAX_BYTES", 8 * entries - 1)
    with pytest.raises(PointsError, match=rf"q{suffix} holds {entries} numbers"):
        write_points(tmp_path / f"q{suffix}", points)


def test_no_such_file(tmp_path: Path, refuses) -> None:
    refuses(tmp_path / "p.npz", "no such file, expected saved points")


@pytest.mark.parametrize("name", ["p.npy", "p.txt", "p"])
def test_unknown_suffix(tmp_path: Path, refuses, name: str) -> None:
    (tmp_path / name).write_bytes(b"")
    refuses(tmp_path / name, r"has suffix (\.npy|\.txt|none), expected a file ending in one of \.npz, \.parquet")


def test_the_suffix_may_be_in_capitals(tmp_path: Path, points: Points) -> None:
    write_points(tmp_path / "P.NPZ", points)
    assert read_points(str(tmp_path / "P.NPZ"), dimension=2).source[2] == "P.NPZ:2"


def test_source_does_not_depend_on_where_the_file_lies(
    tmp_path: Path, points: Points, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "runs").mkdir()
    write_points(tmp_path / "runs" / "p.parquet", points)
    monkeypatch.chdir(tmp_path / "runs")
    assert read_points(Path(), dimension=2).source[1] == "runs/p.parquet:1"
    assert read_points(Path("p.parquet"), dimension=2).source[1] == "p.parquet:1"


def _bytes_of_every_format(folder: Path, points: Points) -> dict[str, bytes]:
    """One valid file a format, small."""
    import torch

    write_points(folder / "p.npz", points)
    write_points(folder / "p.parquet", points)
    weights = {"0.weight": (points.w % 1).astype(np.float32), "2.weight": points.a[:, None].astype(np.float32)}
    safetensors.numpy.save_file(weights, folder / "p.safetensors")
    torch.save({key: torch.from_numpy(value) for key, value in weights.items()}, folder / "p.pt")
    cells = [",".join(f"neuron_0_{part}" for part in ("traj_x", "traj_y", "a"))]
    cells.append('"[1.0, 2.0]","[1.0, 3.0]","[1.0, 4.0]"')
    (folder / "p.csv").write_text(f"student size,{cells[0]}\n1,{cells[1]}\n")
    return {path.suffix: path.read_bytes() for path in folder.iterdir()}


def _refusal(path: Path) -> str | None:
    """The sentence that refuses the file, ``None`` where it is read; any other exception fails the test."""
    try:
        points = read_points(path, dimension=2)
    except PointsError as error:
        return str(error)
    assert np.isfinite(points.theta()).all()
    return None


def test_a_file_cut_short_anywhere_is_refused(tmp_path: Path, points: Points) -> None:
    for suffix, whole in _bytes_of_every_format(tmp_path, points).items():
        path = tmp_path / f"cut{suffix}"
        path.write_bytes(whole)
        assert _refusal(path) is None
        # the last byte of a .csv is its newline, which no number needs
        ends = range(len(whole) - 1) if suffix == ".csv" else range(0, len(whole), max(1, len(whole) // 60))
        for end in (*ends, len(whole) - 2):
            path.write_bytes(whole[:end])
            refusal = _refusal(path)
            assert refusal is not None, (suffix, end)
            assert refusal.startswith(f"{path}: ")
            assert "\n" not in refusal


def test_damaged_bytes_are_read_or_refused_but_never_raise_otherwise(tmp_path: Path, points: Points) -> None:
    rng = np.random.default_rng(0)
    for suffix, whole in _bytes_of_every_format(tmp_path, points).items():
        path = tmp_path / f"damaged{suffix}"
        refusals = []
        for _ in range(60):
            damaged = bytearray(whole)
            damaged[rng.integers(len(whole))] ^= 1 << int(rng.integers(8))
            path.write_bytes(damaged)
            refusals.append(_refusal(path))
        sentences = [refusal for refusal in refusals if refusal is not None]
        assert sentences, suffix
        assert all(sentence.startswith(f"{path}: ") and "\n" not in sentence for sentence in sentences)


@pytest.mark.parametrize("suffix", [".npz", ".parquet", ".pt"])
def test_a_flipped_bit_never_changes_a_weight(tmp_path: Path, points: Points, suffix: str) -> None:
    """These formats carry checksums; .safetensors and .csv do not."""
    rng = np.random.default_rng(1)
    path = tmp_path / f"damaged{suffix}"
    whole = _bytes_of_every_format(tmp_path, points)[suffix]
    path.write_bytes(whole)
    intact = content_hash(read_points(path, dimension=2))
    for _ in range(100):
        damaged = bytearray(whole)
        damaged[rng.integers(len(whole))] ^= 1 << int(rng.integers(8))
        path.write_bytes(damaged)
        if _refusal(path) is None:
            assert content_hash(read_points(path, dimension=2)) == intact


def test_content_hash_is_the_documented_digest() -> None:
    points = Points(np.array([[[1.0, -0.0]]]), np.array([[2.5]]), ("x",), np.array([9]))
    data = b"losscert-points 1 1 2\n" + struct.pack("<3d", 1.0, -0.0, 2.5)
    assert content_hash(points) == hashlib.sha256(data).hexdigest()


def test_content_hash_sees_bits_and_shape_but_not_provenance() -> None:
    def points(w: list[float], shape: tuple[int, int, int], source: str = "", seed: int = 0) -> Points:
        n, m, _ = shape
        return Points(np.array(w).reshape(shape), np.ones((n, m)), (source,) * n, np.full(n, seed))

    base = content_hash(points([0.0, 1.0], (1, 1, 2)))
    assert content_hash(points([0.0, 1.0], (1, 1, 2), "elsewhere", 5)) == base
    assert content_hash(points([-0.0, 1.0], (1, 1, 2))) != base
    # same bytes of w and a, other shapes: (2, 1, 1) and (1, 2, 1)
    assert content_hash(points([0.0, 1.0], (2, 1, 1))) != content_hash(points([0.0, 1.0], (1, 2, 1)))


def test_only_parquet_declares_a_problem(tmp_path: Path, points: Points) -> None:
    write_points(tmp_path / "p.npz", points)
    assert declared_problem_hash(tmp_path / "p.npz") is None
    with pytest.raises(PointsError, match="no such file"):
        declared_problem_hash(tmp_path / "q.npz")


def test_importing_loads_neither_torch_nor_pyarrow() -> None:
    code = "import sys, sweep.points; print(sorted({'torch', 'pyarrow', 'numba'} & set(sys.modules)))"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"
