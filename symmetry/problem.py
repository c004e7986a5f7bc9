"""The problem: inputs, labels, teacher and activation, read once, exact, with a content hash."""

from __future__ import annotations

import csv
import hashlib
import json
import tomllib
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from decimal import Decimal
from fractions import Fraction
from functools import cached_property
from importlib import resources
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from symmetry.activation import ACTIVATIONS, Activation, activation
from symmetry.arithmetic import Float64
from symmetry.network import Network

SHIPPED = ("thesis", "simsek2021", "thesis-tanh", "thesis-erf", "thesis-bias")
LOSSES = {"mean-squared-error": Fraction(1), "half-mean-squared-error": Fraction(1, 2)}
MAX_INPUTS = 10_000_000


class ProblemError(ValueError):
    """A problem file that cannot be used; the message is one sentence naming file, field and remedy."""


@dataclass(frozen=True)
class Inputs:
    """The inputs ``x_n``, exact.

    Args:
        axes: for a tensor grid, the exact coordinates along each axis (``x = (axes[0][i], axes[1][j], …)``,
            last axis fastest); ``None`` for a table.
        table: for a table, (N, d) float64, taken as the dyadic rationals they are; ``None`` for a grid.
    """

    axes: tuple[tuple[Fraction, ...], ...] | None = None
    table: NDArray[np.float64] | None = None

    @cached_property
    def values(self) -> NDArray[np.float64]:
        """The inputs rounded to float64, (N, d)."""
        if self.table is not None:
            return self.table
        assert self.axes is not None
        mesh = np.meshgrid(*[np.array([float(x) for x in axis]) for axis in self.axes], indexing="ij")
        return np.stack([m.ravel() for m in mesh], axis=1)

    @cached_property
    def is_dyadic(self) -> bool:
        """Whether :attr:`values` are the exact inputs."""
        return self.axes is None or all(Fraction(float(x)) == x for axis in self.axes for x in axis)

    def with_constant(self) -> Inputs:
        """The same inputs with a last coordinate that is always 1: its weight is a neuron's bias."""
        if self.axes is not None:
            return Inputs(axes=(*self.axes, (Fraction(1),)))
        assert self.table is not None
        return Inputs(table=np.column_stack([self.table, np.ones(len(self.table))]))

    @property
    def exact_values(self) -> NDArray[Any]:
        """The exact inputs (N, d): float64 where those are exact, else fractions."""
        if self.is_dyadic:
            return self.values
        assert self.axes is not None
        out = np.empty(self.values.shape, dtype=object)
        for row, point in enumerate(product(*self.axes)):
            out[row] = point
        return out

    @cached_property
    def is_point_symmetric(self) -> bool:
        """Whether the inputs, as a multiset, equal their own negatives (decided exactly)."""
        if self.axes is not None:
            return all(list(axis) == [-x for x in reversed(axis)] for axis in self.axes)
        rows = self.values + 0.0  # −0.0 becomes 0.0
        forward = rows[np.lexsort(rows.T)]
        backward = (-rows + 0.0)[np.lexsort((-rows + 0.0).T)]
        return bool(np.array_equal(forward, backward))

    def __len__(self) -> int:
        return len(self.values)

    @property
    def dimension(self) -> int:
        return int(self.values.shape[1])

    def describe(self) -> Any:
        """What the content hash sees: canonical, exact."""
        if self.axes is not None:
            return {"grid": [[str(x) for x in axis] for axis in self.axes]}
        return {"table": _digest(self.values), "shape": list(self.values.shape)}


@dataclass(frozen=True)
class Problem:
    """A regression problem: exact inputs, exact or given labels, an activation.

    Args:
        name: what the file calls itself.
        activation: the neurons' activation.
        inputs: the exact inputs.
        teacher: the network that made the labels, or ``None`` where labels are only given.
        given_labels: (N,) float64 labels, (N, k) of k > 1 outputs, taken as exact doubles; ``None`` where the labels
            are the teacher's exact outputs. Only then can a loss be exactly zero.
        loss: one of :data:`LOSSES`, the mean of the squared errors or half of it; of several outputs the mean over
            these, too.
        decay: ``λ``; ``λ‖θ‖²`` is added to the loss.
        output_bias: whether students add a constant of their own to their outputs. (Neurons with biases have inputs of
            which a coordinate is 1.)
    """

    name: str
    activation: Activation
    inputs: Inputs
    teacher: Network | None
    given_labels: NDArray[np.float64] | None = None
    loss: str = "mean-squared-error"
    decay: Fraction = Fraction(0)
    output_bias: bool = False

    def __post_init__(self) -> None:
        if self.given_labels is None:
            return
        count, *more = self.given_labels.shape
        if count != len(self.inputs) or (more and (len(more) > 1 or more[0] < 2)):
            raise ProblemError(
                f"{self.name}: labels have shape {self.given_labels.shape}, expected ({len(self.inputs)},), "
                "or as many rows of two numbers or more"
            )

    @property
    def factor(self) -> Fraction:
        """``φ`` of ``L = (φ/kN) Σ r² + λ‖θ‖²``, ``k`` outputs."""
        return LOSSES[self.loss]

    @property
    def outputs(self) -> int:
        """The number ``k`` of outputs of the students."""
        if self.given_labels is not None:
            return int(self.given_labels.shape[1]) if self.given_labels.ndim == 2 else 1
        assert self.teacher is not None
        return self.teacher.outputs

    def of_output(self, output: int) -> Problem:
        """The problem of one of several outputs alone, without decay: ``L = (1/k) Σ_o L_o(w, a_o) + λ‖θ‖²``."""
        labels = None if self.given_labels is None else np.ascontiguousarray(self.given_labels[:, output])
        teacher = None
        if labels is None and self.teacher is not None:
            teacher = Network(self.teacher.w, self.teacher.a[output])
        return replace(self, teacher=teacher, given_labels=labels, decay=Fraction(0))

    def network(self, theta: Any) -> Network:
        """The student with the parameters ``theta`` (P,)."""
        return Network.from_theta(theta, self.dimension, self.outputs)

    @property
    def has_charts(self) -> bool:
        """Whether plateaus of copies and channels to infinity are looked for: decay has none, and they are for one
        output (docs/infinity.md)."""
        return not self.decay and self.outputs == 1

    @property
    def has_paths(self) -> bool:
        """Whether paths of falling loss are looked for: an output bias would be one more coordinate of each."""
        return self.has_charts and not self.output_bias

    @property
    def has_strata(self) -> bool:
        """Whether the students that equal the teacher as a function are the global minima, and are looked for."""
        return self.has_paths and self.exact_labels

    def realizable(self, width: int) -> bool:
        """Whether the infimum of the loss over students of ``width`` neurons is known to be 0."""
        return self.exact_labels and self.teacher is not None and not self.decay and width >= self.teacher.width

    @property
    def exact_labels(self) -> bool:
        """Whether the labels are the teacher's outputs, as real numbers."""
        return self.given_labels is None

    def __len__(self) -> int:
        return len(self.inputs)

    @property
    def dimension(self) -> int:
        return self.inputs.dimension

    @cached_property
    def labels(self) -> NDArray[np.float64]:
        """The labels rounded to float64, (N,) or (N, k): for the search only."""
        if self.given_labels is not None:
            return self.given_labels
        assert self.teacher is not None
        z = self.inputs.values @ self.teacher.w.astype(np.float64).T
        sigma: NDArray[np.float64] = self.activation.jet(z, 0, Float64())[0]
        return sigma @ self.teacher.a.astype(np.float64).T

    def describe(self) -> dict[str, Any]:
        """The exact content, as canonical JSON-able data; the hash covers this and nothing else."""
        teacher = None
        if self.teacher is not None and self.exact_labels:
            teacher = {
                "w": [[str(x) for x in row] for row in self.teacher.w],
                "a": nested(self.teacher.a, str),
            }
        content = {
            "format": 1,
            "activation": self.activation.name,
            "loss": self.loss,
            "inputs": self.inputs.describe(),
            "labels": "exact" if self.given_labels is None else _digest(self.given_labels),
            "teacher": teacher,
        }
        # what is not there is not mentioned: problems without these keep their hashes
        if self.decay:
            content["weight_decay"] = str(self.decay)
        if self.output_bias:
            content["output_bias"] = True
        if self.outputs > 1:
            content["outputs"] = self.outputs
        return content

    @cached_property
    def hash(self) -> str:
        """SHA-256 of :meth:`describe`: the problem's identity, whatever its name or file."""
        return content_hash(self.describe())


def content_hash(content: dict[str, Any]) -> str:
    """SHA-256 of the canonical serialisation of JSON-able data."""
    text = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def nested(values: Any, made: Callable[[Any], Any]) -> list[Any]:
    """What is made of the entries of an array, or of lists of lists, as lists of lists: texts for JSON, or numbers."""
    return [nested(v, made) if isinstance(v, list | np.ndarray) else made(v) for v in values]


def load_problem(name_or_file: str | Path) -> Problem:
    """Read a shipped problem by name, or a ``problem.toml`` by path.

    Decimals are the rationals they spell (0.6 is 3/5). See ``docs/problems.md`` for the fields.

    Raises:
        ProblemError: the file is missing, malformed, or states a problem that makes no sense.
    """
    if str(name_or_file) in SHIPPED:
        text = resources.files("symmetry").joinpath(f"_data/{name_or_file}.toml").read_text("utf-8")
        return parse_problem(text, source=f"{name_or_file}.toml", folder=None)
    path = Path(name_or_file)
    try:
        text = path.read_text("utf-8")
    except FileNotFoundError:
        raise ProblemError(f"{path}: no such problem file; expected a path or one of: {', '.join(SHIPPED)}") from None
    except (OSError, UnicodeDecodeError) as error:
        raise ProblemError(f"{path}: cannot be read as UTF-8 text ({error})") from None
    return parse_problem(text, source=str(path), folder=path.parent)


def parse_problem(text: str, *, source: str, folder: Path | None) -> Problem:
    """Parse the text of a ``problem.toml``; ``folder`` is where its data files are looked up.

    Raises:
        ProblemError: as :func:`load_problem`.
    """
    try:
        data = tomllib.loads(text, parse_float=Decimal)
    except tomllib.TOMLDecodeError as error:
        raise ProblemError(f"{source}: not valid TOML ({error})") from None
    reader = _Reader(source, folder)
    fields = {"name", "activation", "loss", "teacher", "inputs", "labels", "bias", "output_bias", "weight_decay"}
    reader.known(data, "", fields)
    name = data.get("name", Path(source).stem)
    if not isinstance(name, str):
        raise reader.error("name", name, "a string")
    loss = data.get("loss", "mean-squared-error")
    if loss not in LOSSES:
        raise reader.error("loss", loss, "one of: " + ", ".join(LOSSES))
    bias, output_bias = (reader.truth(data.get(key, False), key) for key in ("bias", "output_bias"))
    decay = reader.rational(data.get("weight_decay", 0), "weight_decay")
    if decay < 0:
        raise reader.error("weight_decay", str(decay), "a number of at least 0")
    if data.get("activation") not in ACTIVATIONS:
        raise reader.error("activation", data.get("activation"), "one of: " + ", ".join(ACTIVATIONS))
    inputs = reader.inputs(data.get("inputs"))
    teacher = reader.teacher(data.get("teacher"), inputs.dimension, bias)
    inputs = inputs.with_constant() if bias else inputs
    labels = reader.labels(data.get("labels", {"kind": "exact"}), len(inputs))
    if labels is None and teacher is None:
        raise ProblemError(f"{source}: labels.kind is 'exact' but there is no [teacher]; add one or give labels.file")
    return Problem(name, activation(data["activation"]), inputs, teacher, labels, loss, decay, output_bias)


@dataclass(frozen=True)
class _Reader:
    """Validation of the parsed TOML: every complaint names file, field, what came, what was expected."""

    source: str
    folder: Path | None

    def error(self, field: str, came: Any, expected: str) -> ProblemError:
        shown = repr(came) if len(repr(came)) <= 80 else repr(came)[:77] + "..."
        return ProblemError(f"{self.source}: {field} is {shown}, expected {expected}")

    def known(self, table: dict[str, Any], prefix: str, fields: set[str]) -> None:
        for key in table:
            if key not in fields:
                raise ProblemError(
                    f"{self.source}: unknown field {prefix}{key}, expected one of: {', '.join(sorted(fields))}"
                )

    def rational(self, value: Any, field: str) -> Fraction:
        if isinstance(value, bool) or not isinstance(value, int | Decimal):
            raise self.error(field, value, "a number")
        if isinstance(value, Decimal) and not value.is_finite():
            raise self.error(field, str(value), "a finite number")
        if isinstance(value, Decimal) and abs(value.adjusted()) > 300:
            raise self.error(field, str(value), "a number between 1e-300 and 1e300 in magnitude, or 0")
        return Fraction(value)

    def truth(self, value: Any, field: str) -> bool:
        if not isinstance(value, bool):
            raise self.error(field, value, "true or false")
        return value

    def teacher(self, table: Any, dimension: int, bias: bool) -> Network | None:
        if table is None:
            return None
        if not isinstance(table, dict):
            raise self.error("teacher", table, "a table with w and a")
        self.known(table, "teacher.", {"w", "a", "b"} if bias else {"w", "a"})
        rows, biases = table.get("w"), table.get("b")
        if not isinstance(rows, list) or not rows or not all(isinstance(row, list) for row in rows):
            raise self.error("teacher.w", rows, "a list of r rows")
        a = self.teacher_outputs(table.get("a"), len(rows))
        for i, row in enumerate(rows):
            if len(row) != dimension:
                raise self.error(f"teacher.w[{i}]", row, f"{dimension} numbers to match the inputs")
        w = [[self.rational(x, f"teacher.w[{i}][{k}]") for k, x in enumerate(row)] for i, row in enumerate(rows)]
        if bias:
            if not isinstance(biases, list) or len(biases) != len(rows):
                raise self.error("teacher.b", biases, f"a list of {len(rows)} numbers to match teacher.w")
            b = [self.rational(x, f"teacher.b[{i}]") for i, x in enumerate(biases)]
        else:
            b = []
        for i, row in enumerate(w):
            if not any(row):
                raise ProblemError(f"{self.source}: teacher.w[{i}] is zero, expected a non-zero neuron")
            if not any(output[i] for output in a):
                raise ProblemError(f"{self.source}: teacher.a[{i}] is zero, expected a non-zero output")
            row += b[i : i + 1]
            for j in range(i):
                if row in (w[j], [-x for x in w[j]]):
                    sign = "" if row == w[j] else "minus "
                    raise ProblemError(
                        f"{self.source}: teacher.w[{i}] equals {sign}teacher.w[{j}], "
                        "expected pairwise different neurons up to sign; merge them"
                    )
        return Network.of(w, a if len(a) > 1 else a[0])

    def teacher_outputs(self, value: Any, count: int) -> list[list[Fraction]]:
        """``a`` by output: a list of numbers is one, a list of lists has a row for each."""
        if not isinstance(value, list) or not value or not all(isinstance(row, list) for row in value):
            named = [("teacher.a", value)]
        else:
            named = [(f"teacher.a[{o}]", row) for o, row in enumerate(value)]
        for name, row in named:
            if not isinstance(row, list) or len(row) != count:
                raise self.error(name, row, f"a list of {count} numbers to match teacher.w")
        return [[self.rational(x, f"{name}[{i}]") for i, x in enumerate(row)] for name, row in named]

    def inputs(self, table: Any) -> Inputs:
        if not isinstance(table, dict) or ("grid" in table) == ("file" in table):
            raise self.error("inputs", table, "a table with either grid or file")
        self.known(table, "inputs.", {"grid", "file"})
        if "file" in table:
            return Inputs(table=self.columns("inputs.file", table["file"], "X"))
        grid = table["grid"]
        if not isinstance(grid, dict):
            raise self.error("inputs.grid", grid, "a table with start, stop and step")
        self.known(grid, "inputs.grid.", {"start", "stop", "step"})
        ends = []
        for key in ("start", "stop", "step"):
            entries = grid.get(key)
            if not isinstance(entries, list) or not entries:
                raise self.error(f"inputs.grid.{key}", entries, "a list with one number per dimension")
            ends.append([self.rational(x, f"inputs.grid.{key}[{k}]") for k, x in enumerate(entries)])
        starts, stops, steps = ends
        if not len(starts) == len(stops) == len(steps):
            raise ProblemError(
                f"{self.source}: inputs.grid has {len(starts)} starts, {len(stops)} stops and {len(steps)} steps, "
                "expected as many of each"
            )
        axes, total = [], 1
        for k, (start, stop, step) in enumerate(zip(starts, stops, steps, strict=True)):
            if step <= 0:
                raise self.error(f"inputs.grid.step[{k}]", str(step), "a positive number")
            count = (stop - start) / step
            if count < 0 or count.denominator != 1:
                raise ProblemError(
                    f"{self.source}: inputs.grid.step[{k}] = {step} does not divide stop - start = {stop - start}"
                )
            total *= int(count) + 1
            if total > MAX_INPUTS:
                raise ProblemError(f"{self.source}: inputs.grid has more than {MAX_INPUTS} points; use a larger step")
            axes.append(tuple(start + i * step for i in range(int(count) + 1)))
        return Inputs(axes=tuple(axes))

    def labels(self, table: Any, count: int) -> NDArray[np.float64] | None:
        if not isinstance(table, dict):
            raise self.error("labels", table, "a table with kind = 'exact' or file")
        self.known(table, "labels.", {"kind", "file"})
        if "file" not in table:
            if table.get("kind", "exact") != "exact":
                raise self.error("labels.kind", table.get("kind"), "'exact', or 'given' together with labels.file")
            return None
        if table.get("kind", "given") != "given":
            raise self.error("labels.kind", table.get("kind"), "'given' where labels.file is set")
        labels = self.columns("labels.file", table["file"], "y")
        if len(labels) != count:
            raise ProblemError(
                f"{self.source}: labels.file: y has shape {labels.shape}, expected ({count},) to match the inputs"
            )
        return labels.reshape(count) if labels.size == count else labels

    def columns(self, field: str, name: Any, key: str) -> NDArray[np.float64]:
        """Array ``key`` of an npz file, or the columns ``key``/``key1, key2, …`` of a csv file, as float64."""
        if not isinstance(name, str):
            raise self.error(field, name, "a file name")
        path = (self.folder or Path()) / name
        try:
            if path.suffix == ".npz":
                with np.load(path, allow_pickle=False) as archive:
                    if key not in archive:
                        raise ProblemError(f"{path}: no array {key!r}, found: {', '.join(archive) or 'none'}")
                    array = np.asarray(archive[key])
            elif path.suffix == ".csv":
                array = self._csv(path, key)
            else:
                raise self.error(field, name, "a .npz or .csv file")
        except ProblemError:
            raise
        except FileNotFoundError:
            raise ProblemError(f"{self.source}: {field}: {path} does not exist") from None
        except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
            raise ProblemError(f"{self.source}: {field}: {path} cannot be read ({error})") from None
        if array.dtype.kind not in "fiu" or array.ndim not in (1, 2) or array.size == 0:
            raise ProblemError(
                f"{path}: {key} has dtype {array.dtype} and shape {array.shape}, expected a non-empty numeric array"
            )
        if array.dtype.itemsize > 8:
            raise ProblemError(f"{path}: {key} has dtype {array.dtype}, expected float64 or narrower")
        array64 = np.ascontiguousarray(array, dtype=np.float64)
        if array.dtype.kind in "iu" and not np.array_equal(array64.astype(array.dtype), array):
            raise ProblemError(f"{path}: {key} holds integers beyond 2^53, expected numbers exact in float64")
        if not np.isfinite(array64).all():
            raise ProblemError(f"{path}: {key} holds NaN or infinity, expected finite numbers")
        if key == "X" and array64.ndim == 1:
            array64 = array64[:, None]
        return array64

    def _csv(self, path: Path, key: str) -> NDArray[np.float64]:
        with path.open(newline="", encoding="utf-8") as handle:
            rows = list(csv.reader(handle))
        if not rows:
            raise ProblemError(f"{path}: empty, expected a header line and numbers")
        wanted = [i for i, name in enumerate(rows[0]) if name.strip().rstrip("0123456789") == key]
        if not wanted:
            raise ProblemError(f"{path}: no column named {key}, {key}1, … in the header {rows[0]}")
        try:
            return np.array([[float(row[i]) for i in wanted] for row in rows[1:]])
        except (ValueError, IndexError) as error:
            raise ProblemError(f"{path}: a row does not hold the numbers its header promises ({error})") from None


def _digest(array: NDArray[np.float64]) -> str:
    data = np.ascontiguousarray(array, dtype="<f8")
    return "sha256:" + hashlib.sha256(data.tobytes()).hexdigest()
