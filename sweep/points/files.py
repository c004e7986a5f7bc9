"""Reading and writing saved points by the name of the file, and the hash of their content."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np

from sweep.points.assemble import PointsError, assemble, check_size
from sweep.points.mat import read_mat
from sweep.points.npz import read_npz, write_npz
from sweep.points.safetensors_file import read_safetensors
from sweep.points.torch_file import read_torch
from sweep.points.trajectory_csv import read_csv
from symmetry.network import Points

READABLE = (".npz", ".parquet", ".safetensors", ".pt", ".pth", ".csv", ".mat")
WRITABLE = (".npz", ".parquet")


def read_points(path: str | Path, *, dimension: int, bias: bool = False, outputs: int = 1) -> Points:
    """Read saved points, bit for bit, from any supported format (``docs/points.md``).

    Args:
        path: a file with a suffix of :data:`READABLE`, or a directory of Parquet shards.
        dimension: the number of inputs ``d`` of the problem; neurons with biases have one more.
        bias: whether the points have output biases.
        outputs: how many outputs ``k`` they have.

    Returns:
        (n, m, d) and (n, m), with output biases (n, m + 1), of k > 1 outputs (n, k, m) and (n, k, m + 1), finite
        float64, n ≥ 1, m ≥ 1;
        ``source[i]`` is ``file:i``, or ``directory/shard:i`` with ``i`` counted from 0 in each shard.

    Raises:
        PointsError: one sentence naming file, field, what came, what was expected and the remedy.
    """
    path = Path(path)
    points = _reader(path, outputs)(path, _label(path), dimension)
    if points.outputs != outputs:
        raise PointsError(
            f"{path}: a has shape {points.a.shape}, which is {points.outputs} outputs, expected {outputs}: "
            "the problem's labels"
        )
    if points.has_bias != bias:
        expected = (*points.a.shape[:-1], points.width + bias)
        raise PointsError(
            f"{path}: a has shape {points.a.shape}, expected {expected} to match w {points.w.shape}"
            + (
                " and the problem's output bias"
                if bias
                else "; the problem has no output bias: say `output_bias = true` in it if its students have one"
            )
        )
    return points


def _label(path: Path) -> str:
    """What ``source`` calls the file: its own name, so that equal files give equal results wherever they lie."""
    return Path(os.path.abspath(path)).name


def _reader(path: Path, outputs: int) -> Callable[[Path, str, int], Points]:
    suffix = _suffix(path)
    if suffix == ".parquet":
        # pyarrow is slow to import, and only this format needs it
        from sweep.points.parquet import read_parquet

        return partial(read_parquet, outputs=outputs)
    if suffix in (".npz", ".csv", ".mat"):
        return {".npz": read_npz, ".csv": read_csv, ".mat": read_mat}[suffix]
    return partial(read_safetensors if suffix == ".safetensors" else read_torch, outputs=outputs)


def _suffix(path: Path) -> str:
    """The suffix in lower case of an existing, supported file; a directory counts as Parquet."""
    if path.is_dir():
        return ".parquet"
    suffix = path.suffix.lower()
    if not path.exists():
        raise PointsError(
            f"{path}: no such file, expected saved points ({', '.join(READABLE)}) or a directory of shards"
        )
    if not path.is_file() or suffix not in READABLE:
        raise PointsError(
            f"{path}: has suffix {suffix or 'none'}, expected a file ending in one of {', '.join(READABLE)} "
            "or a directory of Parquet shards"
        )
    return suffix


def declared_problem_hash(path: str | Path) -> str | None:
    """The hash of the problem these points say they belong to; ``None`` where the file does not say.

    Only Parquet can say so (schema metadata ``losscert``, field ``problem_hash``). It is a claim, to be
    compared with :attr:`symmetry.problem.Problem.hash`.

    Raises:
        PointsError: the file cannot be read, or its shards declare different problems.
    """
    path = Path(path)
    if _suffix(path) != ".parquet":
        return None
    from sweep.points.parquet import parquet_problem_hash

    return parquet_problem_hash(path)


def write_points(path: str | Path, points: Points) -> None:
    """Write points to ``.npz`` or ``.parquet`` such that :func:`read_points` returns every bit of ``w, a, seed``.

    The file appears whole or not at all: it is written under a temporary name beside its place, then
    renamed over it. ``source`` is not stored: a file's rows are called after the file.

    Raises:
        PointsError: an unsupported suffix, or points that :func:`read_points` would refuse.
        OSError: the file cannot be written.
    """
    path = Path(path)
    suffix = path.suffix.lower()
    if suffix not in WRITABLE:
        raise PointsError(f"{path}: has suffix {suffix or 'none'}, expected {' or '.join(WRITABLE)}")
    checked = assemble(str(path), _label(path), points.w, points.a, dimension=None, seed=points.seed)
    # w, a, seed and width, as read_parquet counts them
    check_size(str(path), checked.w.size + checked.a.size + 2 * len(checked))
    if suffix == ".npz":
        write = write_npz
    else:
        from sweep.points.parquet import write_parquet as write
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with temporary.open("xb") as handle:
            write(handle, checked)
            handle.flush()
            os.fsync(handle.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def content_hash(points: Points) -> str:
    """SHA-256 (hex) of what the points are: their shape and the bits of ``w`` and ``a``, not seed or source.

    The bytes are the text ``losscert-points n m d``, of k > 1 outputs ``losscert-points n m d k``, and a newline, then
    ``w`` and ``a`` as little-endian float64, row-major. 0.0 and −0.0 are different points.
    """
    shape = points.w.shape if points.outputs == 1 else (*points.w.shape, points.outputs)
    digest = hashlib.sha256(f"losscert-points {' '.join(map(str, shape))}\n".encode())
    for array in (points.w, points.a):
        digest.update(np.ascontiguousarray(array, dtype="<f8").tobytes())
    return digest.hexdigest()
