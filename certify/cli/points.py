"""``certify points``: saved points in, a directory of verdicts out."""

from __future__ import annotations

import json
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from certify.cli.common import Refusal, progress_bars, refuse_other_problem, refusing, usable_cores

if TYPE_CHECKING:
    from collections.abc import Mapping

    from certify.results.store import Results
    from symmetry.network import Points
    from symmetry.population import GaussianProblem
    from symmetry.problem import Problem

ALL_DECIDED, SOME_OPEN = 0, 3


@click.command()
@click.argument("points", type=click.Path(path_type=Path), metavar="POINTS")
@click.option("--problem", required=True, metavar="NAME|FILE", help="A shipped problem, or a problem.toml.")
@click.option("--out", required=True, type=click.Path(path_type=Path), metavar="DIR", help="Where the results go.")
@click.option("--jobs", type=click.IntRange(min=1), metavar="N", help="Worker processes; all usable cores by default.")
@click.option("--cluster", metavar="tcp://…", help="A Dask scheduler whose workers share DIR, instead of --jobs.")
@click.option(
    "--max-bits",
    type=click.IntRange(min=53),
    default=212,
    show_default=True,
    metavar="B",
    help="The highest precision tried.",
)
@click.option(
    "--arithmetic",
    type=click.Choice(["auto", "mpmath"]),
    default="auto",
    show_default=True,
    help="auto: float64 with error bounds, then Arb; mpmath: mpmath intervals throughout, slower.",
)
@click.option("--no-polish", is_flag=True, help="Leave the points where they are.")
@click.option("--json", "as_json", is_flag=True, help="Print one line of JSON on stdout, and nothing else there.")
@click.option("--resume", is_flag=True, help="Continue an interrupted run.")
@click.option("--overwrite", is_flag=True, help="Replace the results in DIR.")
def points(
    points: Path,
    problem: str,
    out: Path,
    jobs: int | None,
    cluster: str | None,
    max_bits: int,
    arithmetic: str,
    no_polish: bool,
    as_json: bool,
    resume: bool,
    overwrite: bool,
) -> int:
    """Certify saved POINTS: a file, or a directory of Parquet shards."""
    began = time.perf_counter()
    if resume and overwrite:
        raise click.UsageError("--resume and --overwrite exclude each other")
    if cluster is not None and jobs is not None:
        raise click.UsageError("--jobs and --cluster exclude each other")
    from sweep.points import PointsError, declared_problem_hash, read_points
    from sweep.points.mat import mat_magnitude, mat_shape
    from symmetry.population import is_population, load_any_problem, safran_shamir
    from symmetry.problem import ProblemError

    stored = points.suffix.lower() == ".mat" and points.is_file()
    with refusing(ProblemError, PointsError):
        shape = mat_shape(points) if stored and is_population(problem) else None
        asked = load_any_problem(problem) if shape is None else safran_shamir(problem, shape=shape)
        refuse_other_problem(points, declared_problem_hash(points), asked)
        saved = read_points(points, dimension=asked.dimension, bias=asked.output_bias, outputs=asked.outputs)
        magnitude = mat_magnitude(points) if stored else None
    try:
        "".join(saved.source).encode()
    except UnicodeEncodeError:
        raise Refusal(f"{str(points)!a}: is not a file name in UTF-8, expected one that can be written down") from None
    settings = {"arithmetic": arithmetic, "max_bits": max_bits, "polish": not no_polish}
    results = certify_points(
        asked,
        saved,
        out,
        settings,
        jobs or usable_cores(),
        cluster=cluster,
        resume=resume,
        overwrite=overwrite,
        magnitude=magnitude,
    )
    seconds = time.perf_counter() - began
    if as_json:
        click.echo(json.dumps(summary(results, seconds)))
    else:
        print_summary(results, seconds)
        click.echo(f"Verdicts and certificates are in {out}.")
    return exit_code(results)


def certify_points(
    problem: Problem | GaussianProblem,
    points: Points,
    out: Path,
    settings: dict[str, Any],
    jobs: int,
    *,
    cluster: str | None = None,
    resume: bool = False,
    overwrite: bool = False,
    magnitude: list[int] | None = None,
) -> Results:
    """Classify, write the results directory, and read it back.

    Args:
        magnitude: how many runs each point stands for, where that is known; kept among the settings.

    Raises:
        Refusal: the points, or the directory, cannot be used.
        click.Abort: interrupted; finished parts are kept.
    """
    from certify.results.store import ResultsError, begin, describe_run, read_results, write_results
    from certify.selftest import SelftestError, require

    with refusing(SelftestError):
        require()
    refuse_unusable(problem, points)
    run = describe_run(problem, points, settings | ({} if magnitude is None else {"magnitude": magnitude}))
    with refusing(ResultsError):
        journal = begin(out, run, resume=resume, overwrite=overwrite)
        if journal is None:
            click.echo(f"certify: {out} is finished already", err=True)
            return read_results(out)
    from certify.pipeline.classification import classify_points
    from sweep.shards import RunsError

    spent: dict[str, float] = {}

    def timing(key: str, seconds: float) -> None:
        candidate = key.split("-")[0]
        spent[candidate] = spent.get(candidate, 0.0) + seconds

    try:
        with journal, progress_bars() as progress, refusing(RunsError, ImportError):
            answer = classify_points(
                problem,
                points,
                jobs=jobs,
                journal=journal,
                progress=progress,
                timing=timing,
                cluster=cluster,
                **settings,
            )
            write_results(out, run, problem, points, answer.verdicts, answer.objects)
    except KeyboardInterrupt:
        click.echo(
            f"certify: interrupted; {len(journal)} finished parts are kept in {out}: "
            "repeat the command with --resume to continue",
            err=True,
        )
        raise click.Abort from None
    _tell_slowest({int(key): seconds for key, seconds in spent.items() if key.isdigit()})
    with refusing(ResultsError):
        return read_results(out)


def _tell_slowest(spent: Mapping[int, float]) -> None:
    """On stderr the time per candidate. Times are kept in no file, so that results are the same from run to run."""
    if spent:
        slowest, ranked = max(spent, key=spent.__getitem__), sorted(spent.values())
        click.echo(
            f"certify: seconds per candidate: median {ranked[len(ranked) // 2]:.2f}, "
            f"slowest {ranked[-1]:.1f} (candidate {slowest})",
            err=True,
        )


def refuse_unusable(problem: Problem | GaussianProblem, points: Points) -> None:
    """Refuse points that are none of this problem, or whose loss is not a finite float64.

    Raises:
        Refusal: naming what does not fit.
    """
    from certify.pipeline.population import refuse_points
    from symmetry.population import GaussianProblem

    if isinstance(problem, GaussianProblem):
        with refusing(ValueError):
            refuse_points(problem, points)
    else:
        refuse_overflow(problem, points)


def refuse_overflow(problem: Problem, points: Points) -> None:
    """Refuse points whose loss is not a finite float64.

    Raises:
        Refusal: naming the first such point.
    """
    import numpy as np

    from symmetry.arithmetic import Float64

    x, y = problem.inputs.values, problem.labels
    with np.errstate(all="ignore"):
        # |σ(z)| ≤ 1 + 2|z| for every activation here: points of ordinary size need no evaluation
        reach = 1 + 2 * points.dimension * np.abs(points.w).max(axis=(1, 2)) * np.abs(x).max()
        size = points.width * reach * np.abs(points.a).reshape(len(points), -1).max(axis=1) + np.abs(y).max()
        for i in np.flatnonzero(~(size < 1e150)):
            w, a = points.w[i], points.a[i].reshape(points.outputs, -1)
            sigma = problem.activation.jet(x @ w.T, 0, Float64())[0]
            f = sigma @ a[:, : points.width].T + a[:, points.width :].sum(axis=1)
            loss = np.mean((f - y.reshape(f.shape)) ** 2)
            if not np.isfinite(loss):
                raise Refusal(
                    f"{points.source[i]}: the loss overflows float64 (largest |w| is {np.abs(w).max():.3g}, largest "
                    f"|a| is {np.abs(a).max():.3g}), expected weights with a finite loss; drop this run"
                )


def summary(results: Results, seconds: float) -> dict[str, Any]:
    """What ``--json`` prints."""
    from certify.proofs.verdict import Kind

    counts = Counter(row["verdict"] for row in results.rows)
    return {
        "points": len(results.rows),
        "objects": len(results.objects),
        "undecided": counts[Kind.UNDECIDED],
        "not_critical": counts[Kind.NOT_CRITICAL],
        "seconds": round(seconds, 3),
        "verdicts": {str(kind): counts[kind] for kind in Kind},
    }


def print_summary(results: Results, seconds: float) -> None:
    """The table of one directory."""
    from certify.presentation.families import families, families_grid
    from certify.presentation.rendering import render
    from certify.presentation.table import build_table, grid
    from symmetry.population import GaussianProblem

    click.echo(render(grid(build_table([results])), "md"))
    if isinstance(results.problem, GaussianProblem):
        click.echo(render(families_grid(families([results])), "md"))
    click.echo(f"{len(results.rows)} points in {seconds:.1f} s.")


def exit_code(results: Results) -> int:
    """0 if every candidate is decided, else 3."""
    from certify.proofs.verdict import Kind

    open_kinds = {Kind.UNDECIDED, Kind.NOT_CRITICAL}
    return SOME_OPEN if any(row["verdict"] in open_kinds for row in results.rows) else ALL_DECIDED
