"""What the stages of a study left, read together: the source of its tables, figures and report."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from certify.presentation.table import Table, build_table
from certify.proofs.manifold import Split
from certify.proofs.verdict import CriticalObject
from certify.results.store import Results, read_results
from certify.study.induced import isolated_objects
from certify.study.negative import Negative, read_negative
from certify.study.plan import Plan, read_plan
from certify.study.points import Stopped, read_stopped
from certify.study.verdicts import Checked, read_check
from symmetry.infinity.charts import Group
from symmetry.problem import Problem
from symmetry.strata import NULL, Label, Stratum, Target


@dataclass(frozen=True)
class Width:
    """One width of a study.

    Args:
        width: number of neurons.
        results: the verdicts of its runs.
        stopped: the runs where they stopped, in the same order.
        negative: the runs with a negative smallest eigenvalue that were followed.
        searched: saddles the search found, with their verdicts; ``None`` where it was left out.
        induced: the sets that narrower networks induce; ``None`` likewise.
    """

    width: int
    results: Results
    stopped: Stopped
    negative: tuple[Negative, ...]
    searched: Results | None
    induced: Results | None

    @cached_property
    def runs_of(self) -> Mapping[str, list[int]]:
        """Object id → indices of the runs that belong to it."""
        found: dict[str, list[int]] = {name: [] for name in self.results.objects}
        for row in self.results.rows:
            if row["object_id"] is not None:
                found[row["object_id"]].append(row["index"])
        return found

    @property
    def negative_index(self) -> list[int]:
        """The runs whose smallest eigenvalue is negative where they stopped."""
        return [int(i) for i in np.flatnonzero(self.stopped.smallest_eigenvalue < 0)]


@dataclass(frozen=True)
class Study:
    """A study, read.

    Args:
        directory: where.
        plan: what was asked.
        problem: the problem.
        widths: in increasing order.
        narrow: width below the teacher's → how many different critical points of it are certified.
        checked: results directory, as ``verdicts/width4`` → what the checker said of it.
    """

    directory: Path
    plan: Plan
    problem: Problem
    widths: tuple[Width, ...]
    narrow: Mapping[int, int]
    checked: Mapping[str, Checked]

    @property
    def parts(self) -> list[Results]:
        return [part.results for part in self.widths]

    @cached_property
    def table(self) -> Table:
        """The classification of all runs; to compare all objects with each other takes a while."""
        return build_table(self.parts)


def gather(directory: Path) -> Study:
    """Read a study whose stages are done.

    Raises:
        StudyError, ResultsError: something is missing or damaged.
    """
    plan = read_plan(directory)
    problem = plan.load()
    widths = []
    for width in sorted(plan.widths):
        results = read_results(verdicts_path(directory, width))
        stopped = read_stopped(directory, plan, width, problem)
        kept = directory / "negative" / f"width{width}.jsonl"
        widths.append(
            Width(
                width,
                results,
                stopped,
                tuple(read_negative(kept, problem, stopped.points)) if kept.is_file() else (),
                _optional(directory / "saddles" / "searched" / f"width{width}"),
                _optional(directory / "saddles" / "induced" / f"width{width}"),
            )
        )
    narrow = {}
    for r in range(1, problem.teacher.width if problem.teacher is not None else 1):
        there = _optional(directory / "saddles" / "narrow" / f"width{r}")
        if there is not None:
            narrow[r] = len(isolated_objects(there.objects.values()))
    said = {path.relative_to(directory).as_posix(): read_check(path) for path in results_paths(directory)}
    checked = {name: check for name, check in said.items() if check is not None}
    return Study(directory, plan, problem, tuple(widths), narrow, checked)


def verdicts_path(directory: Path, width: int) -> Path:
    """The results directory of the runs of a width."""
    return directory / "verdicts" / f"width{width}"


def results_paths(directory: Path) -> list[Path]:
    """All results directories of a study, those of the runs first."""
    return sorted((directory / "verdicts").glob("width*/")) + saddles_paths(directory)


def saddles_paths(directory: Path) -> list[Path]:
    """The results directories of saddles: narrower networks', searched ones, induced ones."""
    return sorted((directory / "saddles").glob("*/width*/"))


def _optional(directory: Path) -> Results | None:
    return read_results(directory) if directory.is_dir() else None


def structure(found: CriticalObject) -> str:
    """How an object is made up, in a word or two: stratum, chart with the signs of copies, or ``isolated``."""
    if found.stratum:
        return found.stratum
    if found.chart is None:
        return "isolated"
    splits = [
        f"{p.positive}₊{p.negative}₋" + (f"{p.zero}₀" if p.zero else "") for p in found.proofs if isinstance(p, Split)
    ]
    return found.chart.name + (f" ({', '.join(splits)})" if splits else "")


def orbit_size(found: CriticalObject, problem: Problem) -> int:
    """How many there are when neurons are numbered: the size of the orbit under permutations.

    A stratum knows its own. Else it is ``m!`` by the permutations that leave the object where it is: those of members
    of one group with one incoming weight in the limit (docs/study.md).
    """
    if found.stratum:
        return Stratum(Target.of(problem), labels_of(found.stratum)).orbit_size
    groups = found.chart.groups if found.chart is not None else ()
    return math.factorial(found.width) // math.prod(map(_exchanges, groups))


def _exchanges(group: Group) -> int:
    """The permutations of a group's members that keep its limit: mirrored members are not exchanged with others."""
    turned = 1 if group.kind == "mirrored" else group.flipped
    return math.factorial(len(group.members) - turned) * math.factorial(turned)


def labels_of(name: str) -> tuple[Label, ...]:
    """Labels of one stratum of the orbit with this canonical name.

    >>> [tuple(label) for label in labels_of("C1+ C2+,- Z")]
    [('C', 1, 1), ('C', 2, 1), ('C', 2, -1), ('Z', 0, 0)]
    """
    labels: list[Label] = []
    for part in name.split():
        for sign in part.lstrip("CD0123456789").split(","):
            if sign == "Z":
                labels.append(NULL)
                continue
            number, value = int(part[1:].rstrip("+-,")), 1 if sign == "+" else -1
            labels.append(Label("C", number, value) if part[0] == "C" else Label("D", number, value))
    return tuple(labels)


def verdict_counts(results: Results) -> Counter[str]:
    """Verdict → runs."""
    return Counter(row["verdict"] for row in results.rows)
