"""``certify sweep``: many runs from their seeds, as a directory of shards that ``certify points`` reads."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import click

from certify.cli.common import Pace, Refusal, part_of, refusing, usable_cores

if TYPE_CHECKING:
    from symmetry.population import GaussianProblem
    from symmetry.problem import Problem


@click.command()
@click.option("--problem", required=True, metavar="NAME|FILE", help="A shipped problem, or a problem.toml.")
@click.option("--width", type=click.IntRange(min=1), metavar="M", help="Neurons of the students.")
@click.option("--runs", required=True, type=click.IntRange(min=1), metavar="N", help="How many runs.")
@click.option(
    "--seed",
    type=click.IntRange(min=0),
    default=0,
    show_default=True,
    metavar="S",
    help="Seed of the first run; the others follow.",
)
@click.option(
    "--optimizer",
    type=click.Choice(["adam", "newton", "slsqp", "lbfgs", "gd"]),
    help="adam, the default: full-batch, exactly so many steps; newton, slsqp, lbfgs go on until nothing helps. "
    "Under Gaussian inputs gd, the default there: gradient descent; or newton.",
)
@click.option("--steps", type=click.IntRange(min=0), metavar="N", help="Steps of a run (of a round), or their limit.")
@click.option(
    "--lr", type=float, metavar="X", help="Adam's rate (of the first round), 1e-4 by default; that of gd, 1/k."
)
@click.option(
    "--schedule",
    type=click.Choice(["constant", "reference"]),
    default="constant",
    show_default=True,
    help="Adam's: one rate, or 10 rounds of 1e4 steps at lr/(1+round) with an early stop at loss 1e-7.",
)
@click.option(
    "--init",
    type=click.Choice(["torch-seed", "xavier-uniform"]),
    help="Xavier-uniform starts, as drawn by torch.manual_seed(k), the default, or by numpy, the default under "
    "Gaussian inputs.",
)
@click.option(
    "--device",
    metavar="cpu|cuda|…",
    help="Compute with PyTorch on this device (adam, newton), in one process unless --jobs says otherwise.",
)
@click.option(
    "--trajectory-every", type=click.IntRange(min=1), metavar="K", help="Keep the point after every K steps as well."
)
@click.option("--jobs", type=click.IntRange(min=1), metavar="N", help="Worker processes; all usable cores by default.")
@click.option(
    "--chunk",
    type=click.IntRange(min=1),
    metavar="N",
    help="Runs in one shard file; 50 by default, 250 for newton, 1000 on a device.",
)
@click.option(
    "--shard",
    callback=part_of,
    default="1/1",
    metavar="I/N",
    help="Make every N-th chunk, from the I-th on: job arrays.",
)
@click.option("--cluster", metavar="tcp://…", help="A Dask scheduler whose workers share DIR, instead of --jobs.")
@click.option("--resume", is_flag=True, help="Continue in DIR: make only what is missing.")
@click.option("--out", required=True, type=click.Path(path_type=Path), metavar="DIR", help="Where the shards go.")
def sweep(
    problem: str,
    width: int | None,
    runs: int,
    seed: int,
    optimizer: str | None,
    steps: int | None,
    lr: float | None,
    schedule: str,
    init: str | None,
    device: str | None,
    trajectory_every: int | None,
    jobs: int | None,
    chunk: int | None,
    shard: tuple[int, int],
    cluster: str | None,
    resume: bool,
    out: Path,
) -> int:
    """Train students from random starts, write them as Parquet shards into DIR."""
    if schedule == "reference" and optimizer not in (None, "adam"):
        raise click.UsageError(f"--schedule is Adam's, expected --optimizer adam with it, not {optimizer}")
    if cluster is not None and jobs is not None:
        raise click.UsageError("--jobs and --cluster exclude each other")
    from sweep.runs import sweep as make
    from sweep.shards import RunsError
    from symmetry.population import GaussianProblem, load_any_problem
    from symmetry.problem import ProblemError

    given = {"steps": steps, "lr": lr, "device": device, "trajectory_every": trajectory_every}
    options = {name: value for name, value in given.items() if value is not None}
    # newton steps the runs of a chunk together, a device the more the better
    chunk = chunk or (1000 if device is not None else 250 if optimizer == "newton" else 50)
    with refusing(ProblemError):
        asked = load_any_problem(problem)
    if isinstance(asked, GaussianProblem):
        width, optimizer, init = width or asked.width, optimizer or "gd", init or "xavier-uniform"
    if width is None:
        raise click.UsageError("Missing option '--width'.")
    optimizer, init = optimizer or "adam", init or "torch-seed"
    pace = Pace("runs")
    try:
        made = make(
            asked,
            width=width,
            seeds=range(seed, seed + runs),
            out=out,
            init=init,
            optimizer="adam-reference" if schedule == "reference" else optimizer,
            options=options,
            chunk=chunk,
            jobs=jobs or (1 if device is not None else usable_cores()),
            resume=resume,
            shard=shard,
            cluster=cluster,
            progress=pace,
        )
    except (ValueError, ImportError) as error:  # settings that make no sense, shards of another sweep, no torch
        raise Refusal(str(error)) from None
    except KeyboardInterrupt:
        click.echo(f"certify: interrupted; {out} keeps the finished shards: --resume continues", err=True)
        raise click.Abort from None
    click.echo(f"certify: {len(made)} new shards in {out}", err=True)
    if shard == (1, 1):
        with refusing(RunsError):
            click.echo(report(asked, out))
    return 0


def report(problem: Problem | GaussianProblem, directory: Path) -> str:
    """What became of the runs of a directory, in a few lines, read shard by shard; all of it approximate."""
    import numpy as np

    from sweep.kernels.compiled import prepare
    from sweep.runs import resolution
    from sweep.shards import read_shard, shard_paths
    from symmetry.population import GaussianProblem

    data = None if isinstance(problem, GaussianProblem) else prepare(problem)
    count = still_open = negatives = noise = 0
    reasons, processors = Counter[str](), set[str]()
    for path in shard_paths(directory):
        runs = read_shard(path)
        width = runs.settings.width
        negative = runs.smallest_eigenvalue < 0
        count += len(runs)
        still_open += int(runs.is_open.sum())
        negatives += int(negative.sum())
        if data is not None:
            size = resolution(data, runs.theta[negative], width)
            noise += int((np.abs(runs.smallest_eigenvalue[negative]) <= size).sum())
        reasons.update(runs.stop_reason)
        processors |= runs.instruction_sets
    lines = [
        f"{count} runs of width {width} on {problem.name}",
        f"gradient norm at most 1e-12: {count - still_open}; open: {still_open}",
        f"smallest eigenvalue negative: {negatives}"
        + (f", {noise} of them within rounding noise" if data is not None else ""),
        "stopped: " + ", ".join(f"{reason} {times}" for reason, times in reasons.most_common()),
    ]
    if len(processors) > 1:
        lines.append(f"mixed instruction sets, made again elsewhere runs may differ: {', '.join(sorted(processors))}")
    return "\n".join(lines)
