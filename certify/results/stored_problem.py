"""A problem on disk in a results directory: complete, exact, and checked against its hash when it is read."""

from __future__ import annotations

import json
import zipfile
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from symmetry.activation import activation
from symmetry.network import Network, exact
from symmetry.population import LOSS, GaussianProblem
from symmetry.problem import Inputs, Problem, nested

FORMAT = 1
PROBLEM = "problem.json"


class StoredProblemError(ValueError):
    """A stored problem that is missing or damaged; the message is one sentence."""


def write_problem(directory: Path, problem: Problem | GaussianProblem) -> None:
    """Write ``problem.json`` and, for inputs or labels that are tables, ``problem-<first 12 of the hash>.npz``.

    The archive holds ``X`` (N, d) where the inputs are no grid, and ``y`` (N,), of k > 1 outputs (N, k), where they
    are given as labels.
    """
    data = {"format": FORMAT, "name": problem.name, "hash": problem.hash, "content": problem.describe()}
    (directory / PROBLEM).write_text(json.dumps(data, sort_keys=True, separators=(",", ":")) + "\n", "utf-8")
    if isinstance(problem, GaussianProblem):
        return
    arrays = {"X": problem.inputs.table, "y": problem.given_labels}
    # in the order of the rows, which is that of the digest
    present = {name: np.ascontiguousarray(array) for name, array in arrays.items() if array is not None}
    if present:
        with (directory / _archive(problem.hash)).open("wb") as handle:
            np.savez(handle, allow_pickle=False, **present)


def load_stored_problem(path: Path) -> Problem | GaussianProblem:
    """Rebuild the problem of a results directory, or that of a file of this form, exactly.

    Raises:
        StoredProblemError: it is missing, damaged, or not the problem its hash names.
    """
    path = path / PROBLEM if path.is_dir() else path
    try:
        data = json.loads(path.read_text("utf-8"))
        problem = _rebuild(data, path.parent)
    except (OSError, ValueError, KeyError, TypeError, ArithmeticError, zipfile.BadZipFile) as error:
        raise StoredProblemError(f"{path}: cannot be read as a stored problem ({error})") from None
    if problem.hash != data["hash"]:
        raise StoredProblemError(f"{path}: has hash {problem.hash}, expected {data['hash']} as it says itself")
    return problem


def _rebuild(data: Any, directory: Path) -> Problem | GaussianProblem:
    content, arrays = data["content"], {}
    if content["loss"] == LOSS:
        return GaussianProblem(data["name"], exact([[Fraction(x) for x in row] for row in content["teacher"]["w"]]))
    grid = content["inputs"].get("grid")
    given = content["labels"] != "exact"
    if grid is None or given:
        with np.load(directory / _archive(data["hash"]), allow_pickle=False) as archive:
            arrays = dict(archive)
    axes = None if grid is None else tuple(tuple(Fraction(x) for x in axis) for axis in grid)
    teacher = None
    if content["teacher"] is not None:
        w, a = content["teacher"]["w"], content["teacher"]["a"]
        teacher = Network.of(nested(w, Fraction), nested(a, Fraction))
    return Problem(
        name=data["name"],
        activation=activation(content["activation"]),
        inputs=Inputs(axes=axes, table=arrays["X"] if axes is None else None),
        teacher=teacher,
        given_labels=arrays["y"] if given else None,
        loss=content["loss"],
        decay=Fraction(content.get("weight_decay", 0)),
        output_bias=content.get("output_bias", False),
    )


def _archive(problem_hash: str) -> str:
    return f"problem-{problem_hash[:12]}.npz"
