"""``.npz``: arrays ``w`` (n, m, d), ``a`` (n, m), of k outputs (n, k, m), and, if known, ``seed`` (n,)."""

from __future__ import annotations

import math
import zipfile
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from sweep.points.assemble import PointsError, assemble, check_size, float64, parsing
from symmetry.network import Points

_HEADERS = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}


def read_npz(path: Path, name: str, dimension: int) -> Points:
    """Read ``w``, ``a`` and the optional ``seed``; one network may come as ``w`` (m, d), ``a`` (m,).

    Nothing is unpickled, and sizes are checked before memory is taken. An array of any other name is
    refused rather than ignored: it could be a bias.

    Raises:
        PointsError: one sentence saying what does not fit.
    """
    with parsing(str(path), "an .npz archive"), zipfile.ZipFile(path) as archive:
        members = sorted((member.removesuffix(".npy"), member) for member in archive.namelist())
        names = [key for key, _ in members]
        missing = [key for key in ("w", "a") if key not in names]
        surplus = [key for i, key in enumerate(names) if key not in ("w", "a", "seed") or key in names[:i]]
        if missing or surplus:
            raise PointsError(
                f"{path}: holds {', '.join(names) or 'nothing'}, expected w, a and optionally seed, once each; "
                + (f"add {missing[0]}" if missing else f"remove {surplus[0]}")
            )
        arrays = {key: _array(archive, member, f"{path}: {key}") for key, member in members}
    w, a = float64(arrays["w"], f"{path}: w"), float64(arrays["a"], f"{path}: a")
    seed = arrays.get("seed")
    if w.ndim == 2 and a.ndim == 1:
        w, a = w[None], a[None]
        seed = None if seed is None else seed.reshape(-1)
    return assemble(str(path), name, w, a, dimension=dimension, seed=None if seed is None else _seed(seed, path))


def _array(archive: zipfile.ZipFile, member: str, where: str) -> NDArray[Any]:
    """One member of the archive, with the size its header declares checked before it is read."""
    with archive.open(member) as stream:
        version = np.lib.format.read_magic(stream)
        if version not in _HEADERS:
            raise PointsError(f"{where} is in .npy version {version}, expected 1.0 or 2.0; save it with numpy.savez")
        shape, fortran, dtype = _HEADERS[version](stream)
        if dtype.hasobject:
            raise PointsError(
                f"{where} holds pickled Python objects, which may run code when loaded, expected numbers; "
                "save it as a float64 array"
            )
        if min(shape, default=0) < 0:
            raise PointsError(f"{where} declares shape {shape}, expected no negative length")
        entries = math.prod(shape)
        check_size(where, entries)
        data = stream.read(entries * dtype.itemsize)
        if len(data) != entries * dtype.itemsize or stream.read(1):
            raise PointsError(
                f"{where} declares shape {shape} of {dtype} but does not hold as many bytes, "
                f"expected {entries * dtype.itemsize}; write the file again"
            )
    return np.frombuffer(data, dtype=dtype).reshape(shape, order="F" if fortran else "C")


def _seed(seed: NDArray[Any], path: Path) -> NDArray[np.int64]:
    if seed.dtype.kind not in "iu" or (seed > np.iinfo(np.int64).max).any():
        raise PointsError(f"{path}: seed has dtype {seed.dtype}, expected integers below 2^63")
    return seed.astype(np.int64)


def write_npz(handle: IO[bytes], points: Points) -> None:
    """Write ``w``, ``a`` and ``seed``; the bytes depend on nothing but these three arrays."""
    np.savez(handle, w=points.w, a=points.a, seed=points.seed)
