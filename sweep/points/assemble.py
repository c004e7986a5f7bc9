"""What the formats share: the refusal, the bound on sizes, and the checks before a ``Points`` is made."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from symmetry.network import Points

MAX_BYTES = 2**31
"""No array may decode to more bytes than this as float64, nor all that is read of Parquet; checked before decoding."""


class PointsError(ValueError):
    """Points that cannot be used; the message is one sentence naming file, field, what came and what was expected."""


@contextmanager
def parsing(file: str, form: str) -> Iterator[None]:
    """Turn whatever a parser raises on damaged or hostile bytes into one :class:`PointsError`.

    Wrap calls into parsers only: they raise nearly anything (``zlib.error``, ``KeyError``, ``RecursionError``, …).
    """
    try:
        yield
    except PointsError:
        raise
    except Exception as error:
        reason = " ".join(str(error).split("\n")[0].split()).rstrip(".")
        shown = reason if len(reason) <= 160 else reason[:157] + "..."
        raise PointsError(
            f"{file}: cannot be read as {form} ({type(error).__name__}: {shown}), "
            "expected a complete file; if it was cut short, write it again"
        ) from None


def check_size(where: str, entries: int) -> None:
    """Refuse more entries than :data:`MAX_BYTES` allows once they are float64.

    Raises:
        PointsError: ``8·entries`` exceeds the bound.
    """
    if 8 * entries > MAX_BYTES:
        raise PointsError(
            f"{where} holds {entries} numbers ({8 * entries} bytes as float64), "
            f"expected at most {MAX_BYTES} bytes; split the file"
        )


def float64(array: NDArray[Any], where: str) -> NDArray[np.float64]:
    """A fresh float64 array of exactly the numbers in ``array``: widening float32 or float16 loses nothing.

    Raises:
        PointsError: the dtype is not a binary float of at most 64 bits.
    """
    if array.dtype.kind != "f" or array.dtype.itemsize > 8:
        raise PointsError(f"{where} has dtype {array.dtype}, expected float64, float32 or float16; convert it")
    check_size(where, array.size)
    with np.errstate(invalid="ignore"):  # a signalling NaN: stays NaN, and assemble refuses it by its place
        return np.array(array, dtype=np.float64, order="C")


def assemble(
    file: str,
    name: str,
    w: NDArray[np.float64],
    a: NDArray[np.float64],
    *,
    dimension: int | None,
    seed: NDArray[np.int64] | None = None,
    fields: tuple[str, str] = ("w", "a"),
) -> Points:
    """Check the arrays of one file and make them a :class:`~symmetry.network.Points`.

    Args:
        file: how messages name the file.
        name: how ``source`` names it; row ``i`` becomes ``name:i``.
        w: (n, m, d).
        a: (n, m), or (n, m + 1) with output biases, which come last; of k > 1 outputs (n, k, m) or (n, k, m + 1).
        dimension: the ``d`` that is expected, or ``None`` where any will do.
        seed: (n,), −1 everywhere where ``None``.
        fields: how messages name ``w`` and ``a``.

    Raises:
        PointsError: shapes that do not fit, no points, no neurons, the wrong dimension, NaN or infinity.
    """
    first, second = fields
    if w.ndim != 3:
        raise PointsError(f"{file}: {first} has shape {w.shape}, expected (n, m, d): points, neurons, dimension")
    count, width, _ = w.shape
    if a.ndim == 3 and a.shape[1] == 1:
        a = a[:, 0]
    rows = a.shape[1:-1]
    if a.ndim not in (2, 3) or rows == (0,) or a.shape[0] != count or a.shape[-1] not in (width, width + 1):
        raise PointsError(f"{file}: {second} has shape {a.shape}, expected {(count, width)} to match {first} {w.shape}")
    if count == 0:
        raise PointsError(f"{file}: {first} has shape {w.shape}, which is no points, expected at least one")
    if width == 0:
        raise PointsError(f"{file}: {first} has shape {w.shape}, which is no neurons, expected at least one")
    if dimension is not None and w.shape[2] != dimension:
        remedy = "give points of this problem"
        if w.shape[2] == dimension + 1:
            remedy += ", or, if the last of them are biases of the neurons, say `bias = true` in it"
        raise PointsError(
            f"{file}: {first} has shape {w.shape}, expected {(count, width, dimension)}: "
            f"the problem has {dimension} input{'s' if dimension != 1 else ''}; {remedy}"
        )
    if seed is None:
        seed = np.full(count, -1, dtype=np.int64)
    if seed.shape != (count,):
        raise PointsError(f"{file}: seed has shape {seed.shape}, expected {(count,)} to match {first} {w.shape}")
    for field, array in ((first, w), (second, a)):
        bad = np.argwhere(~np.isfinite(array))
        if len(bad):
            row, *entry = (int(i) for i in bad[0])
            index = "".join(f"[{i}]" for i in entry)
            raise PointsError(
                f"{file}: row {row}: {field}{index} is {array[tuple(bad[0])]}, expected a finite number; "
                f"drop this run ({len(np.unique(bad[:, 0]))} of {count} rows are affected)"
            )
    return Points(w, a, tuple(f"{name}:{row}" for row in range(count)), seed)
