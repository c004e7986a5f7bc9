"""The stages of a study, one after another; what is done is not done again."""

from __future__ import annotations

import json
import resource
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from certify.results.store import begin as begin_results
from certify.results.store import describe_run, read_results, write_results
from certify.study import tables
from certify.study.atlas import pack
from certify.study.gather import Study, gather, results_paths, saddles_paths, verdicts_path
from certify.study.induced import induced, isolated_objects, members, narrow_candidates
from certify.study.negative import follow
from certify.study.plan import Plan, StudyError, begin
from certify.study.points import make_points, read_stopped
from certify.study.verdicts import check_verdicts, make_verdicts
from sweep.points import read_points
from sweep.saddles import find_saddles, points_of
from symmetry.network import Points
from symmetry.problem import Problem

TIMINGS = "timings.json"
MOST_STARTS = 60
"""Starts at each width below the teacher's: there is little to find."""

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Step:
    """One stage: what it is called, and what does it, given a callback for (done, total)."""

    title: str
    work: Callable[[Callable[[int, int], None]], None]


@dataclass(frozen=True)
class Settings:
    """What the results do not depend on: processes, the cluster, whether the report is made and saddles are checked."""

    jobs: int = 1
    cluster: str | None = None
    report: bool = True
    saddles_checked: bool = True


def run(out: Path, plan: Plan, settings: Settings, *, resume: bool, progress: Progress) -> Study:
    """Make the study ``plan`` in ``out``, and return it, read.

    Args:
        progress: called with (stage, done, total); the stage ``study`` counts the stages.

    Raises:
        StudyError, ProblemError, ResultsError: it cannot be made, or not there.
    """
    begin(out, plan, resume=resume)
    steps = list(_steps(out, plan, settings))
    seconds = _timings(out)
    for number, step in enumerate(steps):
        progress("study", number, len(steps))
        began = time.perf_counter()
        step.work(partial(progress, step.title))
        taken = round(time.perf_counter() - began, 2)
        # a stage that was done before only reads what it finds: the time it took then is the one to keep
        seconds[step.title] = max(seconds.get(step.title, 0.0), taken)
        (out / TIMINGS).write_text(json.dumps(seconds, indent=1) + "\n", "utf-8")
    progress("study", len(steps), len(steps))
    return gather(out)


def peak_memory() -> float:
    """MB of the largest process so far, this one and finished workers."""
    usage = (resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return max(usage) / 1024


def _timings(out: Path) -> dict[str, float]:
    try:
        return dict(json.loads((out / TIMINGS).read_text("utf-8")))
    except (OSError, ValueError):
        return {}


def _steps(out: Path, plan: Plan, settings: Settings) -> Iterator[Step]:
    problem = plan.load()
    for width in plan.widths:
        if plan.points is None:
            yield Step(f"width {width}: runs", partial(_points, out, plan, width, settings))
    for width in plan.widths:
        yield Step(f"width {width}: verdicts", partial(_verdicts, out, plan, problem, width, settings.jobs))
    for width in plan.widths:
        yield Step(f"width {width}: check", partial(_check, [verdicts_path(out, width)], settings.jobs))
    teacher = problem.teacher.width if problem.teacher is not None else 1
    # what takes long is made where the slides look: up to one neuron more than the teacher
    near = [width for width in plan.widths if width <= teacher + 1]
    if plan.protocol_runs:
        for width in near:
            yield Step(f"width {width}: negative", partial(_negative, out, plan, problem, width, settings.jobs))
    if plan.saddle_seeds:
        for width in range(1, teacher):
            yield Step(f"width {width}: critical points", partial(_narrow, out, plan, problem, width, settings.jobs))
        for width in near:
            yield Step(f"width {width}: saddles", partial(_saddles, out, plan, problem, width, settings.jobs))
        if settings.saddles_checked:
            yield Step("saddles: check", lambda tell: _check(saddles_paths(out), settings.jobs, tell))
    yield Step("atlas", partial(_atlas, out))
    yield Step("tables", partial(_tables, out))
    if settings.report:
        yield Step("figures", partial(_figures, out))
        yield Step("report", partial(_report, out))


Tell = Callable[[int, int], None]


def _points(out: Path, plan: Plan, width: int, settings: Settings, tell: Tell) -> None:
    make_points(out, plan, width, jobs=settings.jobs, cluster=settings.cluster, tell=tell)


def _verdicts(out: Path, plan: Plan, problem: Problem, width: int, jobs: int, tell: Tell) -> None:
    points = read_stopped(out, plan, width, problem).points
    # three kinds of tasks follow one another: only those that go over all points are told
    make_verdicts(
        verdicts_path(out, width),
        plan,
        problem,
        points,
        jobs=jobs,
        progress=lambda stage, done, total: tell(done, total) if stage == "locate" else None,
    )


def _check(directories: list[Path], jobs: int, tell: Tell) -> None:
    for number, directory in enumerate(directories, start=1):
        checked = check_verdicts(directory, jobs=jobs)
        if checked.complaints:
            raise StudyError(f"{directory}: rejected by the checker: {checked.complaints[0]}")
        tell(number, len(directories))


def _negative(out: Path, plan: Plan, problem: Problem, width: int, jobs: int, tell: Tell) -> None:
    stopped = read_stopped(out, plan, width, problem)
    index = [i for i, value in enumerate(stopped.smallest_eigenvalue) if value < 0][: plan.protocol_runs]
    follow(out / "negative" / f"width{width}.jsonl", problem, stopped.points, index, jobs=jobs, tell=tell)


def _narrow(out: Path, plan: Plan, problem: Problem, width: int, jobs: int, tell: Tell) -> None:
    directory = out / "saddles" / "narrow" / f"width{width}"
    if not (directory / "manifest.json").is_file():
        points = narrow_candidates(problem, width, min(plan.saddle_seeds, MOST_STARTS))
        if points is not None:
            make_verdicts(directory, plan, problem, points, jobs=jobs, progress=None)
    tell(1, 1)


def _saddles(out: Path, plan: Plan, problem: Problem, width: int, jobs: int, tell: Tell) -> None:
    searched = out / "saddles" / "searched" / f"width{width}"
    if not (searched / "manifest.json").is_file():
        points = _searched(plan, problem, width, jobs, tell)
        if points is not None:
            make_verdicts(searched, plan, problem, points, jobs=jobs, progress=None)
    directory = out / "saddles" / "induced" / f"width{width}"
    if (directory / "manifest.json").is_file():
        return
    narrow = [path for path in sorted((out / "saddles" / "narrow").glob("width*")) if path.is_dir()]
    parts = [read_results(path) for path in narrow]
    objects = [
        o
        for part in parts
        for o in induced(problem, isolated_objects(part.objects.values()), width, jobs=jobs, max_bits=plan.max_bits)
        if o.width == width
    ]
    if not objects:
        return
    made, verdicts = members(problem, objects)
    described = describe_run(problem, made, {"arithmetic": "auto", "max_bits": plan.max_bits, "polish": False})
    journal = begin_results(directory, described, resume=True, overwrite=False)
    if journal is not None:
        with journal:
            write_results(directory, described, problem, made, verdicts, objects)


def _searched(plan: Plan, problem: Problem, width: int, jobs: int, tell: Tell) -> Points | None:
    """What a search found before, or finds now."""
    if plan.saddles is not None:
        path = Path(plan.saddles) / f"width{width}.npz"
        return read_points(path, dimension=problem.dimension) if path.is_file() else None
    found = find_saddles(problem, width, range(plan.saddle_seeds), jobs=jobs, progress=tell)
    return points_of(found, width) if found else None


def _atlas(out: Path, tell: Tell) -> None:
    """Every results directory, zipped: ``verdicts-width4.zip``, ``saddles-induced-width4.zip``, …"""
    found = results_paths(out)
    for number, directory in enumerate(found, start=1):
        name = "-".join(directory.relative_to(out).parts)
        pack(directory, out / "atlas" / f"{name}.zip")
        tell(number, len(found))


def _tables(out: Path, tell: Tell) -> None:
    tables.write(out / "tables", tables.sheets(gather(out)))
    tell(1, 1)


def _figures(out: Path, tell: Tell) -> None:
    from certify.study.figures import write as write_figures

    write_figures(gather(out), out / "figures", tell)


def _report(out: Path, tell: Tell) -> None:
    from certify.study.report import write as write_report

    write_report(gather(out), out / "report")
    tell(1, 1)
