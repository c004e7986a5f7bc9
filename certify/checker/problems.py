"""The problem on disk: its content, and that its hash is what the certificates say."""

from __future__ import annotations

import hashlib
import io
import re
import struct
import zipfile
from fractions import Fraction
from itertools import product
from pathlib import Path
from typing import Any

from .activations import ACTIVATIONS
from .gaussian import Population
from .loss import Network, Problem
from .population import population_of
from .reading import MAX_BYTES, Unreadable, canonical, fields, integer, need, parse, read_bytes, text

MAX_INPUTS = 1_000_000
LOSSES = {"mean-squared-error": Fraction(1), "half-mean-squared-error": Fraction(1, 2)}

_RATIONAL = re.compile(r"-?[0-9]{1,400}(/[1-9][0-9]{0,399})?", re.ASCII)
_NPY = re.compile(rb"\{'descr': '<f8', 'fortran_order': False, 'shape': \(([0-9]{1,9}),(?: ([0-9]{1,4}))?\), \} *\n")


def read_problem(path: Path) -> Problem | Population:
    """Read ``problem.json`` and, where inputs or labels are tables, the archive beside it; see :func:`problem_of`."""
    return either_of(parse(read_bytes(path), str(path)), path)


def either_of(data: Any, path: Path) -> Problem | Population:
    """The problem in the content of a ``problem.json``, whatever its loss."""
    fields(data, path.name, {"format", "name", "hash", "content"})
    if isinstance(data["content"], dict) and data["content"].get("loss") == "gaussian-relu":
        return population_of(data, path.name)
    return problem_of(data, path)


def problem_of(data: Any, path: Path) -> Problem:
    """The problem in the content of a ``problem.json``, which lies at ``path``.

    Raises:
        Unreadable: it is damaged.
        Rejected: it is not the problem its hash names, or its teacher has a form the theorems exclude.
    """
    fields(data, path.name, {"format", "name", "hash", "content"})
    content = data["content"]
    needed = {"format", "activation", "loss", "inputs", "labels", "teacher"}
    fields(content, "content", needed, {"weight_decay", "output_bias", "outputs"})
    digest = hashlib.sha256(canonical(content)).hexdigest()
    need(data["hash"] == digest, f"{path.name}: hash: is not that of the content")
    need(content["format"] == 1, f"{path.name}: content.format: this checker knows format 1")
    name = text(content["activation"], "content.activation")
    need(name in ACTIVATIONS, f"{path.name}: content.activation: this checker knows {', '.join(ACTIVATIONS)}")
    loss = text(content["loss"], "content.loss")
    need(loss in LOSSES, f"{path.name}: content.loss: this checker knows {', '.join(LOSSES)}")
    decay = _rational(content.get("weight_decay", "0"), "content.weight_decay")
    need(decay >= 0 and (decay > 0 or "weight_decay" not in content), "content.weight_decay: expected more than 0")
    bias = content.get("output_bias", False)
    need(bias is True or "output_bias" not in content, "content.output_bias: expected true, or nothing")
    archive = path.with_name(f"problem-{digest[:12]}.npz")
    columns = _inputs(content["inputs"], archive)
    outputs = integer(content.get("outputs", 1), "content.outputs", 1, 1000)
    need(outputs > 1 or "outputs" not in content, "content.outputs: expected more than 1, or nothing")
    labels: tuple[tuple[Fraction, ...], ...] | None = None
    if content["labels"] != "exact":
        shape = (len(columns[0]), outputs) if outputs > 1 else (len(columns[0]),)
        labels = _table(archive, "y", text(content["labels"], "content.labels"), shape)
        need(content["teacher"] is None, "content.teacher: the labels are given")
    teacher = () if labels is not None else _teacher(content["teacher"], len(columns), outputs)
    return Problem(digest, columns, labels, teacher, name, LOSSES[loss], decay, bias)


def _rational(value: Any, where: str) -> Fraction:
    if not isinstance(value, str) or not _RATIONAL.fullmatch(value):
        raise Unreadable(f"{where}: is {ascii(value)[:40]}, expected p or p/q")
    return Fraction(value)


def _teacher(value: Any, dimension: int, outputs: int) -> Network:
    fields(value, "content.teacher", {"w", "a"})
    w, by_output = value["w"], [value["a"]] if outputs == 1 else value["a"]
    if not isinstance(w, list) or not w or not all(isinstance(row, list) and len(row) == dimension for row in w):
        raise Unreadable("content.teacher: expected rows w of the inputs' dimension")
    rows = isinstance(by_output, list) and len(by_output) == outputs
    if not rows or not all(isinstance(row, list) and len(row) == len(w) for row in by_output):
        raise Unreadable("content.teacher: expected as many outputs a as rows w")
    a = zip(*([_rational(v, "content.teacher.a") for v in row] for row in by_output), strict=True)
    neurons, seen = [], set[tuple[Fraction, ...]]()
    for values, weights in zip(w, a, strict=True):
        row = tuple(_rational(v, "content.teacher.w") for v in values)
        distinct = any(row) and any(weights) and row not in seen and tuple(-v for v in row) not in seen
        need(distinct, "content.teacher: expected non-zero neurons, pairwise different up to sign")
        seen.add(row)
        neurons.append((row, weights if outputs > 1 else weights[0]))
    return tuple(neurons)


def _inputs(value: Any, archive: Path) -> tuple[tuple[Fraction, ...], ...]:
    if isinstance(value, dict) and "grid" in value:
        fields(value, "content.inputs", {"grid"})
        grid = value["grid"]
        if not isinstance(grid, list) or not grid or not all(isinstance(axis, list) and axis for axis in grid):
            raise Unreadable("content.inputs.grid: expected a list of axes")
        axes = [[_rational(v, "content.inputs.grid") for v in axis] for axis in grid]
        count = 1
        for axis in axes:
            count *= len(axis)
        if count > MAX_INPUTS:
            raise Unreadable(f"content.inputs.grid: has more than {MAX_INPUTS} points")
        return tuple(zip(*product(*axes), strict=True))  # the last axis runs fastest
    fields(value, "content.inputs", {"table", "shape"})
    shape = value["shape"]
    if not isinstance(shape, list) or len(shape) != 2:
        raise Unreadable("content.inputs.shape: expected two integers")
    count, dimension = integer(shape[0], "content.inputs.shape", 1, MAX_INPUTS), integer(shape[1], "shape", 1, 1000)
    return _table(archive, "X", text(value["table"], "content.inputs.table"), (count, dimension))


def _table(archive: Path, name: str, digest: str, shape: tuple[int, ...]) -> tuple[tuple[Fraction, ...], ...]:
    """The columns of an array of doubles in an npz archive, whose bytes must have the digest."""
    try:
        with zipfile.ZipFile(io.BytesIO(read_bytes(archive))) as packed:
            entry = packed.getinfo(f"{name}.npy")
            if entry.file_size > MAX_BYTES or entry.compress_type != zipfile.ZIP_STORED:
                raise Unreadable(f"{archive.name}: {name}: too large, or compressed")
            data = packed.read(entry)
    except (zipfile.BadZipFile, KeyError, ValueError, RuntimeError, NotImplementedError, OSError, EOFError) as error:
        raise Unreadable(f"{archive.name}: {name}: cannot be read ({error})") from None
    length = struct.unpack("<H", data[8:10])[0] if len(data) > 10 else 0
    header = _NPY.fullmatch(data[10 : 10 + length])
    if data[:8] != b"\x93NUMPY\x01\x00" or header is None:
        raise Unreadable(f"{archive.name}: {name}: expected an array of little-endian doubles in format 1.0")
    found = tuple(int(part) for part in header.groups() if part is not None)
    body = data[10 + length :]
    count = 1
    for part in shape:
        count *= part
    need(found == shape and len(body) == 8 * count, f"{archive.name}: {name}: has shape {found}, expected {shape}")
    need(
        "sha256:" + hashlib.sha256(body).hexdigest() == digest, f"{archive.name}: {name}: not the bytes of the problem"
    )
    values = struct.unpack(f"<{count}d", body)
    if not all(abs(v) < float("inf") for v in values):
        raise Unreadable(f"{archive.name}: {name}: holds NaN or infinity")
    columns = shape[1] if len(shape) > 1 else 1
    return tuple(tuple(map(Fraction, values[k::columns])) for k in range(columns))
