"""Points in, a results directory out, continued where it was interrupted; and the checker's word on it."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from certify.pipeline.classification import classify_points
from certify.results.store import MANIFEST, Results, ResultsError, begin, describe_run, read_results, write_results
from certify.selftest import SelftestError, require
from certify.study.plan import Plan, StudyError
from symmetry.network import Points
from symmetry.problem import Problem

Progress = Callable[[str, int, int], None]


def make_verdicts(
    directory: Path, plan: Plan, problem: Problem, points: Points, *, jobs: int, progress: Progress | None
) -> Results:
    """Classify ``points`` into ``directory``, or read it back if that was done.

    Raises:
        StudyError: the directory holds something else, or the machine fails the self-test.
    """
    settings: dict[str, Any] = {"arithmetic": "auto", "max_bits": plan.max_bits, "polish": True}
    run = describe_run(problem, points, settings)
    try:
        require()
        journal = begin(directory, run, resume=True, overwrite=False)
        if journal is not None:
            with journal:
                answer = classify_points(problem, points, jobs=jobs, journal=journal, progress=progress, **settings)
                write_results(directory, run, problem, points, answer.verdicts, answer.objects)
        return read_results(directory)
    except (ResultsError, SelftestError) as error:
        raise StudyError(str(error)) from None


@dataclass(frozen=True)
class Checked:
    """What the checker said of a results directory.

    Args:
        verified: certificates verified.
        complaints: what was rejected or could not be read.
        seconds: it took.
    """

    verified: int
    complaints: tuple[str, ...]
    seconds: float


def check_verdicts(directory: Path, *, jobs: int) -> Checked:
    """Let the checker verify a results directory, unless it has done so with just these files."""
    from certify.checker.run import check

    known = read_check(directory)
    if known is not None:
        return known
    began = time.perf_counter()
    outcome = check(directory, problem=None, arithmetic="integer", jobs=jobs, budget=float("inf"))
    complaints = (*outcome.rejected, *outcome.unreadable)
    checked = Checked(len(outcome.verified), complaints, round(time.perf_counter() - began, 1))
    kept = {"manifest": _digest(directory), **vars(checked)}
    _kept(directory).write_text(json.dumps(kept, indent=1) + "\n", "utf-8")
    return checked


def read_check(directory: Path) -> Checked | None:
    """What the checker said of just these files, ``None`` if it was not asked."""
    try:
        said = json.loads(_kept(directory).read_text("utf-8"))
        if said["manifest"] != _digest(directory):
            return None
        return Checked(said["verified"], tuple(said["complaints"]), said["seconds"])
    except (OSError, ValueError, KeyError):
        return None


def _kept(directory: Path) -> Path:
    return directory.with_name(f"{directory.name}.check.json")


def _digest(directory: Path) -> str:
    """The manifest names every file by its hash."""
    return hashlib.sha256((directory / MANIFEST).read_bytes()).hexdigest()
