"""What a study is asked to do; kept in its directory, so that only the same study is continued there."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from certify.results.journal import first_difference
from symmetry.problem import Problem, load_problem

FILE = "study.json"
FORMAT = 1


class StudyError(ValueError):
    """A study that cannot be made or read; the message is one sentence."""


@dataclass(frozen=True)
class Plan:
    """A study.

    Args:
        problem: a shipped name, or a ``problem.toml``.
        widths: of the students.
        runs: how many of each width; with ``points``, all that are there.
        optimizer: makes the runs, a name in :data:`sweep.optimisers.OPTIMIZERS`.
        points: a directory with ``width4/``, ``width5/``, … of saved points to study instead of new runs.
        saddle_seeds: attempts of the search for saddles at each width; 0 leaves it out.
        saddles: a directory with ``width4.npz``, … of saddles found before, taken instead of a search.
        protocol_runs: at most so many runs of each width with a negative smallest eigenvalue go through SLSQP and the
            perturbation protocol; 0 leaves it out. This, and the search for saddles, is done for widths up to one more
            than the teacher's.
        max_bits: the highest precision of the proofs.
    """

    problem: str
    widths: tuple[int, ...]
    runs: int
    optimizer: str
    points: str | None = None
    saddle_seeds: int = 600
    saddles: str | None = None
    protocol_runs: int = 1000
    max_bits: int = 212

    def __post_init__(self) -> None:
        if not self.widths or min(self.widths) < 1 or len(set(self.widths)) != len(self.widths):
            raise StudyError(f"widths are {list(self.widths)}, expected different numbers >= 1")
        if self.runs < 1 or self.saddle_seeds < 0 or self.protocol_runs < 0:
            raise StudyError("expected at least one run, and no negative numbers")

    def load(self) -> Problem:
        """The problem.

        Raises:
            ProblemError: there is no such problem.
            StudyError: its students have several outputs.
        """
        problem = load_problem(self.problem)
        if problem.outputs > 1:
            raise StudyError(f"{problem.name}: has {problem.outputs} outputs, expected one: a study is of one")
        return problem

    def describe(self) -> dict[str, Any]:
        """As JSON-able data, with the problem's hash."""
        problem = self.load()
        return {"format": FORMAT, **json.loads(json.dumps(asdict(self))), "problem_hash": problem.hash}


def begin(out: Path, plan: Plan, *, resume: bool) -> None:
    """Make ``out`` the directory of this study.

    Raises:
        StudyError: it holds another study, or this one and ``resume`` is off, or other files.
    """
    described = plan.describe()
    if (out / FILE).is_file():
        difference = first_difference(_read(out), described)
        if difference is not None:
            raise StudyError(f"{out}: holds a study with {difference}; choose another directory")
        if not resume:
            raise StudyError(f"{out}: holds this study already; continue it with --resume, or choose another directory")
        return
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise StudyError(f"{out}: holds files that are no study, expected a new or an empty directory")
    out.mkdir(parents=True, exist_ok=True)
    (out / FILE).write_text(json.dumps(described, indent=1) + "\n", "utf-8")


def read_plan(out: Path) -> Plan:
    """The plan of the study in ``out``.

    Raises:
        StudyError: there is none.
    """
    data = dict(_read(out))
    del data["format"], data["problem_hash"]
    try:
        return Plan(**{**data, "widths": tuple(data["widths"])})
    except TypeError as error:
        raise StudyError(f"{out / FILE}: is not the plan of a study ({error})") from None


def _read(out: Path) -> Mapping[str, Any]:
    try:
        data = json.loads((out / FILE).read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise StudyError(f"{out / FILE}: cannot be read ({error})") from None
    if not isinstance(data, dict) or data.get("format") != FORMAT:
        raise StudyError(f"{out / FILE}: is not the plan of a study of format {FORMAT}")
    return data
