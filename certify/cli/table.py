"""``certify table``: the verified classification of one or several results directories, and tables made from it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from certify.cli.common import Pace, refusing

if TYPE_CHECKING:
    from certify.presentation.rendering import Grid
    from certify.results.store import Results


@click.command()
@click.argument("directories", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="DIR...")
@click.option(
    "--show",
    type=click.Choice(["verdicts", "decided", "confusion", "negative", "families"]),
    default="verdicts",
    show_default=True,
    help="verdicts: the classification. decided: the share decided, and why not. confusion: what the usual criteria "
    "would have said. negative: where the runs belong that stopped with a negative smallest eigenvalue. "
    "families: under Gaussian inputs, the families of Safran & Shamir, certified; directories may differ in size.",
)
@click.option(
    "--at",
    type=click.Choice(["saved", "polished", "both"]),
    default="saved",
    show_default=True,
    help="With confusion: where the usual criteria are evaluated (in float64). Polishing takes as long as it did.",
)
@click.option(
    "--runs",
    type=click.IntRange(min=1),
    metavar="N",
    help="With families of .mat files: how many runs their magnitudes are counted in; 1000 in the paper.",
)
@click.option(
    "--format",
    "form",
    type=click.Choice(["md", "csv", "latex", "json"]),
    default="md",
    show_default=True,
    help="How to print it.",
)
def table(directories: tuple[Path, ...], show: str, at: str, runs: int | None, form: str) -> int:
    """Classify the candidates of results directories: width, verdict, counts.

    Several directories of one problem are merged; which of their objects are the same is decided by their certified
    boxes.
    """
    from certify.cli.points import exit_code
    from certify.presentation.rendering import render
    from certify.results.store import ResultsError, read_results

    with refusing(ResultsError):
        parts = [read_results(directory) for directory in directories]
        click.echo(render(_grid(parts, show, at, runs), form), nl=False)
    return max(exit_code(part) for part in parts)


def _grid(parts: Sequence[Results], show: str, at: str, runs: int | None) -> Grid:
    if show == "verdicts":
        from certify.presentation.table import build_table, grid

        return grid(build_table(parts))
    if show == "families":
        from certify.presentation.families import families, families_grid

        return families_grid(families(parts, runs))
    if show == "decided":
        from certify.presentation.decided import decided, decided_grid

        return decided_grid(decided(parts), parts)
    from certify.presentation.criteria import POLISHED, SAVED, confusion, confusion_grid, headed, headed_grid

    if show == "negative":
        return headed_grid(headed(parts), parts)
    lines = confusion(parts, SAVED) if at != POLISHED else []
    if at != SAVED:
        lines += confusion(parts, POLISHED, Pace("points"))
    return confusion_grid(lines, parts)
