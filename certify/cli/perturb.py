"""``certify perturb``: kick stopped points, optimise again, and tabulate what became of them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from certify.cli.common import Pace, Refusal, refuse_other_problem, refuse_output_bias, refusing, usable_cores

if TYPE_CHECKING:
    from sweep.perturbation import Perturbed


@click.command()
@click.argument("points", type=click.Path(path_type=Path), metavar="POINTS")
@click.option("--problem", required=True, metavar="NAME|FILE", help="A shipped problem, or a problem.toml.")
@click.option(
    "--epsilon",
    "epsilons",
    type=float,
    multiple=True,
    default=(1.0,),
    show_default=True,
    metavar="E",
    help="Size of a perturbation.",
)
@click.option(
    "--direction",
    "directions",
    type=click.Choice(["random", "lowest"]),
    multiple=True,
    default=("random",),
    show_default=True,
    help="A Gaussian of standard deviation 0.1, or eigenvectors of the smallest eigenvalues at the same length.",
)
@click.option(
    "--draws", type=click.IntRange(min=1), default=1, show_default=True, metavar="N", help="Of each direction."
)
@click.option(
    "--optimizer",
    type=click.Choice(["slsqp", "newton", "lbfgs"]),
    default="slsqp",
    show_default=True,
    help="What optimises again.",
)
@click.option(
    "--times", type=click.IntRange(min=1), default=20, show_default=True, metavar="N", help="At most so often."
)
@click.option("--scan", is_flag=True, help="Perturb every point once, whatever its eigenvalues.")
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, metavar="S", help="Of the Gaussians.")
@click.option("--jobs", type=click.IntRange(min=1), metavar="N", help="Worker processes; all usable cores by default.")
@click.option("--overwrite", is_flag=True, help="Replace FILE.")
@click.option("--out", required=True, type=click.Path(path_type=Path), metavar="FILE", help="The .parquet table.")
def perturb(
    points: Path,
    problem: str,
    epsilons: tuple[float, ...],
    directions: tuple[Any, ...],
    draws: int,
    optimizer: str,
    times: int,
    scan: bool,
    seed: int,
    jobs: int | None,
    overwrite: bool,
    out: Path,
) -> int:
    """Perturb POINTS until the smallest eigenvalue of the Hessian is positive; write a Parquet table.

    --epsilon and --direction may be repeated: every point is perturbed with every combination.
    """
    if out.suffix != ".parquet":
        raise Refusal(f"{out}: expected a name ending in .parquet")
    if out.exists() and not overwrite:
        raise Refusal(f"{out}: is there already, expected a new file; --overwrite replaces it")
    from certify.cli.points import refuse_overflow
    from sweep.perturbation import perturb as kick
    from sweep.perturbation_table import write_perturbed
    from sweep.points import PointsError, declared_problem_hash, read_points
    from symmetry.problem import ProblemError, load_problem

    with refusing(ProblemError, PointsError):
        asked = load_problem(problem)
    refuse_output_bias(asked, "perturb")
    with refusing(PointsError):
        refuse_other_problem(points, declared_problem_hash(points), asked)
        saved = read_points(points, dimension=asked.dimension)
    refuse_overflow(asked, saved)
    settings: dict[str, Any] = {"epsilons": epsilons, "directions": directions, "draws": draws, "optimizer": optimizer}
    settings |= {"times": times, "scan": scan, "seed": seed}
    try:
        rows = kick(asked, saved, jobs=jobs or usable_cores(), progress=Pace("points"), **settings)
    except ValueError as error:
        raise Refusal(str(error)) from None
    except KeyboardInterrupt:
        raise click.Abort from None
    write_perturbed(out, rows, saved.width, {"problem_hash": asked.hash, "settings": settings})
    click.echo(report(rows, scan))
    return 0


def report(rows: list[Perturbed], scan: bool) -> str:
    """What became of the points, a line for every ε and direction."""
    lines = []
    for epsilon, direction in dict.fromkeys((row.epsilon, row.direction) for row in rows):
        these = [row for row in rows if (row.epsilon, row.direction) == (epsilon, direction)]
        kicked = [row for row in these if row.perturbations]
        positive = sum(row.after.smallest_eigenvalue > 0 for row in kicked)
        noise = sum(abs(row.after.smallest_eigenvalue) <= row.resolution for row in kicked)
        left = "" if scan else f"{len(these) - len(kicked)} positive already; "
        lines.append(
            f"epsilon {epsilon:g}, {direction}: {left}{len(kicked)} perturbed, {positive} of them positive now "
            f"({noise} smallest eigenvalues within rounding noise)"
        )
    return "\n".join(lines)
