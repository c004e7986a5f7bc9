"""``.pt`` and ``.pth`` state dicts; torch is imported when one is read, and never runs code from it."""

from __future__ import annotations

import pickle
import re
import zipfile
from collections.abc import Mapping
from pathlib import Path

from sweep.points.assemble import MAX_BYTES, PointsError, parsing
from sweep.points.state_dict import points_from_tensors
from symmetry.network import Points

WRAPPERS = ("state_dict", "model_state_dict")


def read_torch(path: Path, name: str, dimension: int, outputs: int = 1) -> Points:
    """Read a state dict, plain, under a key of :data:`WRAPPERS`, or as ``torch.func.stack_module_state`` returns it.

    Loaded with ``weights_only=True`` on the CPU.

    Raises:
        PointsError: torch is not installed, the file holds more than tensors, or one sentence saying what does not fit.
    """
    try:
        import torch
    except ImportError:
        raise PointsError(
            f"{path}: needs torch, which is not installed; run pip install 'losscert[torch]' or save the "
            "state dict as .safetensors"
        ) from None
    form = "a torch file (zip form, torch 1.6 or later)"
    with parsing(str(path), form):
        # the older, non-zip form declares sizes that nothing bounds; a zip is checked before torch sees it
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
            size = sum(member.file_size for member in members)
            if size > MAX_BYTES:
                raise PointsError(f"{path}: unpacks to {size} bytes, expected at most {MAX_BYTES}; split the file")
            damaged = archive.testzip()  # torch does not look at the checksums it writes
        if damaged is not None:
            raise PointsError(f"{path}: {damaged} does not match its checksum, expected an intact file; write it again")
        if any(member.filename.endswith("/constants.pkl") for member in members):
            raise _code(path, "TorchScript")
        try:
            content = torch.load(path, map_location="cpu", weights_only=True)
        except pickle.UnpicklingError as error:
            found = re.search(r"GLOBAL ([\w.]+)", str(error))
            raise _code(path, found[1] if found else "a pickle outside the tensor format") from None
    if isinstance(content, tuple) and len(content) == 2 and content[1] == {}:
        content = content[0]  # (parameters, buffers) of stack_module_state
    for wrapper in WRAPPERS:
        if isinstance(content, Mapping) and isinstance(content.get(wrapper), Mapping):
            content = content[wrapper]
    return points_from_tensors(str(path), name, content, dimension, outputs)


def _code(path: Path, what: str) -> PointsError:
    return PointsError(
        f"{path}: holds {what}, which may run code when loaded, expected nothing but tensors; "
        "save module.state_dict() instead of the module"
    )
