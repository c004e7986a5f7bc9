"""The problem of Safran & Shamir: a teacher of ReLU neurons under Gaussian inputs, exact, with a content hash.

There are no data: the loss is an expectation (:mod:`symmetry.gaussian_relu`), and output weights are all 1.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from symmetry.gaussian_relu import GaussianRelu
from symmetry.network import Exact, exact
from symmetry.problem import Problem, ProblemError, content_hash, load_problem

NAME = "safran-shamir"
LOSS = "gaussian-relu"
LARGEST = 1000

_SPELLED = re.compile(rf"{NAME}(?::(?P<options>[a-z0-9=,]+))?")


@dataclass(frozen=True, eq=False)
class GaussianProblem:
    """Learn ``x ↦ Σ_j max(0, v_j·x)`` under ``x ~ N(0, I)`` by students ``x ↦ Σ_i max(0, w_i·x)``.

    Args:
        name: what it is called.
        teacher: (k, d) exact, non-zero and linearly independent rows ``v_j``.
        width: the number of student neurons, where it is prescribed.
    """

    name: str
    teacher: Exact
    width: int | None = None

    @property
    def dimension(self) -> int:
        return int(self.teacher.shape[1])

    @property
    def output_bias(self) -> bool:
        """Students have none."""
        return False

    @property
    def outputs(self) -> int:
        """Students have one."""
        return 1

    def __len__(self) -> int:
        """The number of teacher neurons ``k``."""
        return len(self.teacher)

    def objective(self, width: int) -> GaussianRelu:
        """The loss of students of so many neurons."""
        return GaussianRelu(self.teacher, width)

    def describe(self) -> dict[str, Any]:
        """The exact content, as canonical JSON-able data; the hash covers this and nothing else."""
        return {"format": 1, "loss": LOSS, "teacher": {"w": [[str(x) for x in row] for row in self.teacher]}}

    @cached_property
    def hash(self) -> str:
        """SHA-256 of :meth:`describe`: the problem's identity, whatever its name."""
        return content_hash(self.describe())


def is_population(name: str) -> bool:
    """Whether a problem is of this kind, by its name."""
    return _SPELLED.fullmatch(name) is not None or name.startswith(f"{NAME}:")


def safran_shamir(name: str, *, shape: tuple[int, int] | None = None) -> GaussianProblem:
    """``safran-shamir:k=9,n=9``: k orthonormal teacher neurons in k dimensions, n students; n may be left out.

    Args:
        name: as above.
        shape: ``(k, n)`` of the points at hand, which the name need not repeat.

    Raises:
        ProblemError: another name, numbers that are none, or not those of the points.
    """
    spelled = _SPELLED.fullmatch(name)
    if spelled is None:
        raise ProblemError(f"{name}: expected {NAME}:k=9,n=9 or the like")
    given: dict[str, int] = {}
    for part in filter(None, (spelled["options"] or "").split(",")):
        key, _, value = part.partition("=")
        if key not in ("k", "n") or key in given or not value.isdecimal() or not 1 <= int(value) <= LARGEST:
            raise ProblemError(f"{name}: {part!r}, expected k=K and n=N, once each, from 1 to {LARGEST}")
        given[key] = int(value)
    for key, found in zip("kn", shape or (), strict=False):
        if given.setdefault(key, found) != found:
            raise ProblemError(f"{name}: {key} is {given[key]}, expected {found} to match the points")
    if "k" not in given:
        raise ProblemError(f"{name}: the number of teacher neurons is missing, expected {NAME}:k=9,n=9 or the like")
    k, n = given["k"], given.get("n")
    return GaussianProblem(f"{NAME}:k={k}" + (f",n={n}" if n else ""), exact(np.eye(k)), n)


def load_any_problem(name: str) -> Problem | GaussianProblem:
    """A problem of either kind by its name, or by the path of its file.

    Raises:
        ProblemError: as :func:`safran_shamir` and :func:`~symmetry.problem.load_problem`.
    """
    return safran_shamir(name) if is_population(name) else load_problem(name)
