"""``.safetensors`` state dicts, read without torch."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import safetensors
from numpy.typing import NDArray

from sweep.points.assemble import MAX_BYTES, PointsError, parsing
from sweep.points.state_dict import assemble_layers, match_layers
from symmetry.network import Points

_deserialize: Callable[[bytes], list[tuple[str, dict[str, Any]]]] = safetensors.deserialize
_DTYPES = {"F64": "<f8", "F32": "<f4", "F16": "<f2", "BF16": "<u2"}


def read_safetensors(path: Path, name: str, dimension: int, outputs: int = 1) -> Points:
    """Read the two weights of a state dict (see :func:`~sweep.points.state_dict.match_layers`).

    Raises:
        PointsError: one sentence saying what does not fit.
    """
    size = path.stat().st_size
    if size > MAX_BYTES:  # the format is uncompressed: the file is as large as its tensors
        raise PointsError(f"{path}: has {size} bytes, expected at most {MAX_BYTES}; split the file")
    with parsing(str(path), "safetensors"):
        tensors = dict(_deserialize(path.read_bytes()))
    layers = match_layers(str(path), {key: tuple(tensor["shape"]) for key, tensor in tensors.items()}, outputs)
    ordered = [*layers, *(key for key in tensors if key not in layers)]
    arrays = {key: _array(f"{path}: {key}", tensors[key]) for key in ordered}
    return assemble_layers(str(path), name, layers, arrays, dimension)


def _array(where: str, tensor: dict[str, Any]) -> NDArray[Any]:
    dtype = tensor["dtype"]
    if dtype not in _DTYPES:
        raise PointsError(f"{where} has dtype {dtype}, expected one of: {', '.join(_DTYPES)}")
    array: NDArray[Any] = np.frombuffer(tensor["data"], dtype=_DTYPES[dtype]).reshape(tensor["shape"])
    if dtype == "BF16":
        # a bfloat16 is the upper half of the float32 of the same value
        array = (array.astype(np.uint32) << 16).view(np.float32)
    return array
