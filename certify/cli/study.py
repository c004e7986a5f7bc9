"""``certify study``: many runs of several widths, classified with proof, as tables, figures and a report."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import click

from certify.cli.common import Progress, Refusal, progress_bars, refusing, usable_cores

QUICK = {"widths": (4, 5), "runs": 50, "optimizer": "newton", "saddle_seeds": 30, "protocol_runs": 4}


def _widths(context: click.Context, parameter: click.Parameter, value: str) -> tuple[int, ...]:
    parts = value.split(",")
    if not all(part.strip().isdecimal() and int(part) for part in parts):
        raise click.BadParameter(f"{value!r}, expected widths such as 4,5,6,7")
    return tuple(int(part) for part in parts)


@click.command()
@click.option("--problem", default="thesis", show_default=True, metavar="NAME|FILE", help="As for certify points.")
@click.option(
    "--widths", callback=_widths, default="4,5,6,7", show_default=True, metavar="M,M,…", help="Neurons of the students."
)
@click.option("--runs", type=click.IntRange(min=1), default=1000, show_default=True, metavar="N", help="Of each width.")
@click.option(
    "--optimizer",
    type=click.Choice(["adam", "newton"]),
    default="adam",
    show_default=True,
    help="What makes the runs, with its defaults (certify sweep).",
)
@click.option(
    "--points",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    metavar="DIR",
    help="Study the saved points in DIR/width4, DIR/width5, … instead of new runs.",
)
@click.option(
    "--quick", is_flag=True, help="Widths 4 and 5, 50 Newton runs each, little of everything else, saddles unchecked."
)
@click.option(
    "--saddle-seeds",
    type=click.IntRange(min=0),
    default=600,
    show_default=True,
    metavar="N",
    help="Attempts of the saddle search at each width; 0: no saddles.",
)
@click.option(
    "--saddles",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    metavar="DIR",
    help="Saddles in DIR/width4.npz, … instead of a search for them.",
)
@click.option(
    "--protocol-runs",
    type=click.IntRange(min=0),
    default=1000,
    show_default=True,
    metavar="N",
    help="So many runs of each width with a negative smallest eigenvalue are perturbed; 0: none.",
)
@click.option("--jobs", type=click.IntRange(min=1), metavar="N", help="Worker processes; all usable cores by default.")
@click.option("--cluster", metavar="tcp://…", help="A Dask scheduler that makes the runs.")
@click.option("--resume", is_flag=True, help="Continue the same study in DIR.")
@click.option("--no-report", is_flag=True, help="Tables only: neither figures nor report.")
@click.option("--out", required=True, type=click.Path(path_type=Path), metavar="DIR", help="Where everything goes.")
def study(
    problem: str,
    widths: tuple[int, ...],
    runs: int,
    optimizer: str,
    points: Path | None,
    quick: bool,
    saddle_seeds: int,
    saddles: Path | None,
    protocol_runs: int,
    jobs: int | None,
    cluster: str | None,
    resume: bool,
    no_report: bool,
    out: Path,
) -> int:
    """Runs of several widths, their verdicts with certificates, checked; tables, figures and a report in DIR.

    DIR/report/index.html is one page that needs nothing else. Figures and report need the extra losscert[report].
    """
    from certify.cli.points import exit_code
    from certify.presentation.rendering import render
    from certify.results.store import ResultsError
    from certify.study.plan import Plan, StudyError
    from certify.study.run import Settings, run
    from certify.study.tables import classification
    from symmetry.problem import ProblemError

    if not no_report:
        _require_report()
    asked = {
        "widths": widths,
        "runs": runs,
        "optimizer": optimizer,
        "saddle_seeds": saddle_seeds,
        "saddles": None if saddles is None else str(saddles),
        "protocol_runs": protocol_runs,
    }
    if quick:
        asked |= QUICK
    with refusing(StudyError, ProblemError, ResultsError), progress_bars() as bars:
        plan = Plan(problem, points=None if points is None else str(points), **asked)  # type: ignore[arg-type]
        settings = Settings(jobs or usable_cores(), cluster, report=not no_report, saddles_checked=not quick)
        try:
            made = run(out, plan, settings, resume=resume, progress=bars or _lines())
        except KeyboardInterrupt:
            click.echo(f"certify: interrupted; {out} keeps what is done: --resume continues", err=True)
            raise click.Abort from None
    click.echo(render(classification(made).grid, "md"))
    click.echo(f"Tables, certificates{'' if no_report else ', figures and report/index.html'} are in {out}.")
    return max(exit_code(part) for part in made.parts)


def _require_report() -> None:
    from importlib.util import find_spec

    missing = [name for name in ("jinja2", "matplotlib") if find_spec(name) is None]
    if missing:
        raise Refusal(
            f"figures and report need {', '.join(missing)}: pip install 'losscert[report]', or give --no-report"
        )


def _lines() -> Progress:
    """Progress for logs: a line when a stage begins, with the time since the start."""
    began, current = time.monotonic(), [""]

    def report(stage: str, done: int, total: int) -> None:
        if stage == "study":
            current[0] = f"stage {min(done + 1, total)} of {total}"
        elif done == total or not current[0].endswith(stage):
            if not current[0].endswith(stage):
                current[0] = f"{current[0].split(':')[0]}: {stage}"
            click.echo(f"{time.monotonic() - began:6.0f} s  {current[0]}: {done}/{total}", err=True)
            sys.stderr.flush()

    return report
