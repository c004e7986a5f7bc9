"""``certify table``: the verified classification of one or several results directories."""

from __future__ import annotations

from pathlib import Path

import click

from certify.cli.common import refusing


@click.command()
@click.argument("directories", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="DIR...")
@click.option(
    "--format",
    "form",
    type=click.Choice(["md", "csv", "latex", "json"]),
    default="md",
    show_default=True,
    help="How to print it.",
)
def table(directories: tuple[Path, ...], form: str) -> int:
    """Classify the candidates of results directories: width, verdict, counts.

    Several directories of one problem are merged; which of their objects are the same is decided by their certified
    boxes.
    """
    from certify.cli.points import exit_code
    from certify.store import ResultsError, read_results
    from certify.table import build_table, render

    with refusing(ResultsError):
        parts = [read_results(directory) for directory in directories]
        click.echo(render(build_table(parts), form), nl=False)
    return max(exit_code(part) for part in parts)
