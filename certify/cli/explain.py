"""``certify explain``: one candidate in plain words."""

from __future__ import annotations

import json
from pathlib import Path

import click

from certify.cli.common import refusing


@click.command()
@click.argument("directory", type=click.Path(path_type=Path), metavar="DIR")
@click.argument("index", type=int, metavar="INDEX")
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of text.")
def explain(directory: Path, index: int, as_json: bool) -> int:
    """Explain candidate INDEX (counted from 0) of the results directory DIR."""
    from certify.cli.points import ALL_DECIDED, SOME_OPEN
    from certify.presentation.explain import explain as explained
    from certify.proofs.verdict import Kind
    from certify.results.store import ResultsError, read_results

    with refusing(ResultsError):
        explanation = explained(read_results(directory), index)
    if as_json:
        click.echo(json.dumps(explanation.to_json(), indent=1, ensure_ascii=False))
    else:
        click.echo(explanation.text(), nl=False)
    return SOME_OPEN if explanation.row["verdict"] in {Kind.UNDECIDED, Kind.NOT_CRITICAL} else ALL_DECIDED
