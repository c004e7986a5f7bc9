"""``certify demo``: the main job on points that come with the package."""

from __future__ import annotations

import tempfile
import time
from contextlib import ExitStack
from importlib import resources
from pathlib import Path

import click

from certify.cli.common import usable_cores

PROBLEM, POINTS = "thesis", "demo.npz"


@click.command()
@click.option("--out", type=click.Path(path_type=Path), metavar="DIR", help="Keep the results in this new directory.")
@click.option("--jobs", type=click.IntRange(min=1), metavar="N", help="Worker processes; all usable cores by default.")
def demo(out: Path | None, jobs: int | None) -> int:
    """Certify a few shipped width-5 runs: the table, and one candidate explained."""
    began = time.perf_counter()
    from certify.cli.points import certify_points, exit_code, print_summary
    from certify.presentation.explain import explain
    from certify.proofs.verdict import Kind
    from sweep.points import read_points
    from symmetry.problem import load_problem

    with ExitStack() as stack:
        if out is None:
            out = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="certify-demo-")))
        problem = load_problem(PROBLEM)
        file = stack.enter_context(resources.as_file(resources.files("certify").joinpath("_data", POINTS)))
        saved = read_points(file, dimension=problem.dimension)
        settings = {"arithmetic": "auto", "max_bits": 212, "polish": True}
        results = certify_points(problem, saved, out, settings, jobs or usable_cores())
        print_summary(results, time.perf_counter() - began)
        verdicts = [row["verdict"] for row in results.rows]
        shown = verdicts.index(Kind.LOCAL_MINIMUM) if Kind.LOCAL_MINIMUM in verdicts else 0
        click.echo(f"\n{explain(results, shown).text()}")
        return exit_code(results)
