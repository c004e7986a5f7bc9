"""``certify theorem``: one certificate's statement for a paper."""

from __future__ import annotations

import json
from pathlib import Path

import click

from certify.cli.common import Refusal, refusing

REJECTED = 4


@click.command()
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False), metavar="FILE")
@click.option(
    "--format",
    "form",
    type=click.Choice(["both", "latex", "markdown"]),
    default="both",
    show_default=True,
    help="How to print it.",
)
@click.option(
    "--problem",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    metavar="FILE",
    help="The problem.json, if not beside FILE or in the folder above.",
)
def theorem(file: Path, form: str, problem: Path | None) -> int:
    """Print the statement of certificate FILE, in a results directory, as a theorem; it is checked first."""
    from certify.checker.run import BUDGET, check
    from certify.presentation.theorem import FORMS
    from certify.presentation.theorem import theorem as stated
    from certify.results.stored_problem import StoredProblemError, load_stored_problem

    outcome = check(file, problem=problem, arithmetic="integer", jobs=1, budget=BUDGET)
    if outcome.unreadable:
        raise Refusal(outcome.unreadable[0])
    if outcome.rejected:
        click.echo(f"rejected: {outcome.rejected[0]}", err=True)
        return REJECTED
    folder = file.resolve().parent
    with refusing(StoredProblemError):
        stored = load_stored_problem(problem or (folder if (folder / "problem.json").is_file() else folder.parent))
    certificate = json.loads(file.read_text("utf-8"))
    texts = [stated(certificate, stored, name) for name in FORMS if form in (name, "both")]
    click.echo("\n".join(texts), nl=False)
    return 0
