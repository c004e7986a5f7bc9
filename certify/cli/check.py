"""``certify check``: run the checker on a results directory or on certificates."""

from __future__ import annotations

from pathlib import Path

import click

from certify.cli.common import usable_cores

_ARITHMETICS = ("integer", "mpmath", "arb", "both")


@click.command()
@click.argument(
    "paths", type=click.Path(path_type=Path, exists=True), nargs=-1, required=True, metavar="DIR|ZIP|FILE..."
)
@click.option(
    "--arithmetic",
    type=click.Choice(_ARITHMETICS),
    default=_ARITHMETICS[0],
    show_default=True,
    help="integer: scaled integers; mpmath: its intervals, slow; arb: python-flint; both: integer and arb must agree.",
)
@click.option("--jobs", type=click.IntRange(min=1), metavar="N", help="Processes; all usable cores by default.")
@click.option(
    "--budget", type=float, default=3600.0, show_default=True, metavar="SECONDS", help="Refuse what may take longer."
)
@click.option(
    "--problem", type=click.Path(path_type=Path), metavar="FILE", help="The problem.json, if not beside FILE."
)
@click.option("--json", "as_json", is_flag=True, help="Print one line of JSON on stdout, and nothing else there.")
def check(
    paths: tuple[Path, ...], arithmetic: str, jobs: int | None, budget: float, problem: Path | None, as_json: bool
) -> int:
    """Verify the certificates of a results directory, zipped or not, and that its rows say what they prove.

    Or certificate files alone, all of one problem: of them nothing but their claims is verified.

    The same program runs without any installation: python certify/checker/checker.py DIR.
    """
    from certify.checker.run import report

    cores = jobs or usable_cores()
    return report(*paths, problem=problem, arithmetic=arithmetic, jobs=cores, budget=budget, as_json=as_json)
