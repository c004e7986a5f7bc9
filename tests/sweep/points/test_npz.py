"""``.npz``: shapes, dtypes, and archives that are not what they say."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import numpy as np
import pytest

from sweep.points import MAX_BYTES, read_points


def save(path: Path, **arrays: object) -> Path:
    np.savez(path, **arrays)
    return path


def npy(array: np.ndarray, **header: object) -> bytes:
    """The bytes of ``array`` under a header that says something else."""
    described = {"descr": array.dtype.str, "fortran_order": False, "shape": array.shape} | header
    stream = io.BytesIO()
    np.lib.format.write_array_header_1_0(stream, described)
    return stream.getvalue() + array.tobytes()


def archive(path: Path, **members: bytes) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for name, data in members.items():
            file.writestr(f"{name}.npy", data)
    return path


W, A = np.arange(12.0).reshape(2, 3, 2), np.arange(6.0).reshape(2, 3)


def test_a_single_network(tmp_path: Path) -> None:
    points = read_points(save(tmp_path / "p.npz", w=W[1], a=A[1], seed=4), dimension=2)
    assert points.w.tolist() == [W[1].tolist()]
    assert points.a.tolist() == [A[1].tolist()]
    assert points.seed.tolist() == [4]
    assert points.source == ("p.npz:0",)


def test_seed_is_unknown_where_it_is_not_given(tmp_path: Path) -> None:
    assert read_points(save(tmp_path / "p.npz", w=W, a=A), dimension=2).seed.tolist() == [-1, -1]


@pytest.mark.parametrize("dtype", ["<f8", ">f8", "<f4", ">f4", "<f2"])
def test_narrower_floats_are_the_dyadics_they_are(tmp_path: Path, dtype: str) -> None:
    w, a = (W / 7).astype(dtype), (A / 7).astype(dtype)
    points = read_points(save(tmp_path / "p.npz", w=w, a=a), dimension=2)
    assert points.w.dtype == np.dtype("<f8")
    assert points.w.ravel().tolist() == [float(x) for x in w.ravel()]  # float() of a numpy scalar is exact
    assert points.a.ravel().tolist() == [float(x) for x in a.ravel()]


def test_fortran_order(tmp_path: Path) -> None:
    points = read_points(save(tmp_path / "p.npz", w=np.asfortranarray(W), a=np.asfortranarray(A)), dimension=2)
    assert points.w.tolist() == W.tolist()
    assert points.a.tolist() == A.tolist()


@pytest.mark.parametrize(
    ("arrays", "pattern"),
    [
        ({"w": W}, "holds w, expected w, a and optionally seed, once each; add a"),
        ({"a": A}, "holds a, expected w, a and optionally seed, once each; add w"),
        ({"w": W, "a": A, "b": A}, "holds a, b, w, expected w, a and optionally seed, once each; remove b"),
        ({"w": W, "a": A[:, :2]}, r"a has shape \(2, 2\), expected \(2, 3\) to match w \(2, 3, 2\)"),
        ({"w": W, "a": A[0]}, r"a has shape \(3,\), expected \(2, 3\) to match w"),
        ({"w": W[0], "a": A}, r"w has shape \(3, 2\), expected \(n, m, d\)"),
        ({"w": W[..., None], "a": A}, r"w has shape \(2, 3, 2, 1\), expected \(n, m, d\)"),
        ({"w": W[:0], "a": A[:0]}, r"w has shape \(0, 3, 2\), which is no points, expected at least one"),
        ({"w": W[:, :0], "a": A[:, :0]}, r"w has shape \(2, 0, 2\), which is no neurons"),
        ({"w": W.astype(int), "a": A}, "w has dtype int64, expected float64, float32 or float16"),
        ({"w": W, "a": A.astype(complex)}, "a has dtype complex128, expected float64"),
        ({"w": W, "a": A.astype(np.longdouble)}, "a has dtype .*, expected float64"),
        ({"w": W, "a": A, "seed": np.array([1.0, 2.0])}, "seed has dtype float64, expected integers"),
        ({"w": W, "a": A, "seed": np.array([1, 2**63], dtype=np.uint64)}, "expected integers below 2"),
        ({"w": W, "a": A, "seed": np.array([1, 2, 3])}, r"seed has shape \(3,\), expected \(2,\) to match w"),
        ({"w": W, "a": np.array(A, dtype=object)}, "a holds pickled Python objects, .* expected numbers"),
    ],
)
def test_refusals(tmp_path: Path, refuses, arrays: dict[str, np.ndarray], pattern: str) -> None:
    refuses(save(tmp_path / "p.npz", **arrays), pattern)


def test_the_wrong_dimension(tmp_path: Path, refuses) -> None:
    path = save(tmp_path / "p.npz", w=W, a=A)
    refuses(path, r"w has shape \(2, 3, 2\), expected \(2, 3, 3\): the problem has 3 inputs", dimension=3)
    refuses(path, "the problem has 1 input;", dimension=1)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_not_finite(tmp_path: Path, refuses, value: float) -> None:
    w, a = W.copy(), A.copy()
    a[1, 2] = value
    refuses(save(tmp_path / "p.npz", w=w, a=a), rf"row 1: a\[2\] is {value}, .* drop this run \(1 of 2 rows")
    w[0, 2, 1] = w[1, 0, 0] = value
    refuses(save(tmp_path / "p.npz", w=w, a=a), rf"row 0: w\[2\]\[1\] is {value}, .*\(2 of 2 rows")


def test_a_declared_size_beyond_the_bound_is_refused_before_memory_is_taken(tmp_path: Path, refuses) -> None:
    small = npy(A)
    for shape in [(MAX_BYTES // 8 + 1,), (2**62, 2**62)]:
        path = archive(tmp_path / "p.npz", w=npy(W, shape=shape), a=small)
        refuses(path, rf"w holds \d+ numbers \(\d+ bytes as float64\), expected at most {MAX_BYTES} bytes")


def test_half_floats_count_as_the_float64_they_become(tmp_path: Path, refuses) -> None:
    halves = npy(W.astype(np.float16), shape=(MAX_BYTES // 8 + 1, 1, 1))  # a quarter of the bound in the file
    refuses(archive(tmp_path / "p.npz", w=halves, a=npy(A)), "w holds .* numbers")


@pytest.mark.parametrize("shape", [(2, 3, 3), (2, 3, 1)])
def test_a_header_that_lies_about_the_data(tmp_path: Path, refuses, shape: tuple[int, ...]) -> None:
    refuses(archive(tmp_path / "p.npz", w=npy(W, shape=shape), a=npy(A)), "does not hold as many bytes")


def test_a_negative_length(tmp_path: Path, refuses) -> None:
    path = archive(tmp_path / "p.npz", w=npy(W, shape=(-2, 3, -2)), a=npy(A))
    refuses(path, r"w declares shape \(-2, 3, -2\), expected no negative length")


def test_a_version_that_numbers_never_need(tmp_path: Path, refuses) -> None:
    data = npy(W)
    path = archive(tmp_path / "p.npz", w=data[:6] + b"\x03" + data[7:], a=npy(A))
    refuses(path, r"w is in \.npy version \(3, 0\), expected 1\.0 or 2\.0")


def test_not_an_archive(tmp_path: Path, refuses) -> None:
    np.save(tmp_path / "p.npy", W)
    (tmp_path / "p.npy").rename(tmp_path / "p.npz")
    refuses(tmp_path / "p.npz", r"cannot be read as an \.npz archive \(BadZipFile: .*\), expected a complete file")


def test_a_member_given_twice(tmp_path: Path, refuses) -> None:
    with zipfile.ZipFile(tmp_path / "p.npz", "w") as file:
        file.writestr("w.npy", npy(W))
        file.writestr("a.npy", npy(A))
        with pytest.warns(UserWarning, match="Duplicate name"):
            file.writestr("w.npy", npy(W))
    refuses(tmp_path / "p.npz", "holds a, w, w, expected w, a and optionally seed, once each; remove w")
