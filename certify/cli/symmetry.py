"""``certify symmetry``: how many critical sets symmetry forces on a width, and which."""

from __future__ import annotations

import json
from collections.abc import Sequence
from fractions import Fraction

import click

from certify.cli.common import refusing
from certify.cli.embed import embed

IDENTITIES = {"sigmoid": Fraction(1), "odd": Fraction(0), "none": None}


@click.group(commands=[embed])
def symmetry() -> None:
    """Count and list, exactly, the critical sets that symmetry forces on a width."""


def _outputs(context: click.Context, parameter: click.Parameter, value: str | None) -> tuple[Fraction, ...] | None:
    """Numbers between commas, exact.

    Raises:
        click.BadParameter: not of this form.
    """
    if value is None:
        return None
    try:
        return tuple(Fraction(text.strip()) for text in value.split(","))
    except (ValueError, ZeroDivisionError):
        raise click.BadParameter(f"{value!r}, expected numbers between commas, such as 1,-1,1/2") from None


@symmetry.command()
@click.argument("r", type=click.IntRange(1), metavar="R")
@click.argument("m", type=click.IntRange(1), metavar="M")
@click.option(
    "--outputs",
    callback=_outputs,
    metavar="A1,A2,...",
    help="The teacher's R outputs: count strata with flips as well.",
)
@click.option(
    "--identity",
    type=click.Choice(list(IDENTITIES)),
    default="sigmoid",
    show_default=True,
    help="What the activation obeys: s(-z) = c - s(z) with c not 0 (sigmoid), s(-z) = -s(z) (odd), or neither (none).",
)
@click.option("--dimension", type=click.IntRange(1), default=2, show_default=True, help="Of the inputs.")
@click.option("--enumerate", "listing", is_flag=True, help="Count by listing orbits, not by formula.")
@click.option("--json", "as_json", is_flag=True, help="One line of JSON.")
def count(
    r: int,
    m: int,
    outputs: tuple[Fraction, ...] | None,
    identity: str,
    dimension: int,
    listing: bool,
    as_json: bool,
) -> int:
    """Count the sets of global minima of M neurons under a teacher of R.

    G(R,M) counts the ways to give M neurons R classes, none empty; T(R,M) the affine subspaces of global minima without
    sign flips; with --outputs, the maximal strata of each dimension. All numbers are exact.
    """
    from symmetry.counting import G, T, labelled_counts, listed, maximal_counts
    from symmetry.strata import Target

    if outputs is not None and len(outputs) != r:
        raise click.BadParameter(f"{len(outputs)} numbers, expected {r}, the teacher's R", param_hint="--outputs")
    g, t = listed(r, m) if listing else (G(r, m), T(r, m))
    answer: dict[str, object] = {"r": r, "m": m, "method": "enumeration" if listing else "formula", "G": g, "T": t}
    lines = [f"G({r},{m}) = {g}", f"T({r},{m}) = {t}"]
    if outputs is not None:
        with refusing(ValueError):
            target = Target.with_outputs(outputs, IDENTITIES[identity], dimension)
        counts = (labelled_counts if listing else maximal_counts)(target, m)
        names = [str(a) for a in outputs]
        answer |= {"outputs": names, "identity": identity, "dimension": dimension, **_counts(counts)}
        lines += [f"maximal strata, outputs {', '.join(names)}, identity {identity}, inputs of dimension {dimension}:"]
        lines += _table(("dimension", "strata"), [*counts.items(), ("all", sum(counts.values()))])
    click.echo(json.dumps(answer) if as_json else "\n".join(lines))
    return 0


@symmetry.command()
@click.option(
    "--problem", "problem_name", default="thesis", show_default=True, help="A shipped problem or a problem.toml."
)
@click.option("--width", type=click.IntRange(1), required=True, help="The number of neurons of the students.")
@click.option("--labelled", is_flag=True, help="List every stratum with the class and sign of each neuron, not orbits.")
@click.option("--json", "as_json", is_flag=True, help="One line of JSON; with --labelled, one for each stratum.")
def strata(problem_name: str, width: int, labelled: bool, as_json: bool) -> int:
    """List the maximal strata of zero loss of a width up to permutation of the neurons.

    For each orbit: its dimension, how many strata it stands for, and its name, the signs of the neurons of each class
    (C1, C2, ...: those of the teacher's neurons, D1, ...: free ones, Z: incoming weights 0).
    """
    from symmetry.counting import by_dimension
    from symmetry.orbits import labelled_strata, strata_orbits
    from symmetry.problem import load_problem
    from symmetry.strata import Target

    with refusing(ValueError):
        problem = load_problem(problem_name)
        target = Target.of(problem)
    if labelled:
        for stratum in labelled_strata(target, width):
            labels = [str(label) for label in stratum.labels]
            answer = {"name": stratum.name, "dimension": stratum.dimension, "labels": labels}
            click.echo(json.dumps(answer) if as_json else " ".join(labels))
        return 0
    orbits = strata_orbits(target, width)
    counts = by_dimension(orbits)
    if as_json:
        rows = [{"name": orbit.name, "dimension": orbit.dimension, "strata": orbit.orbit_size} for orbit in orbits]
        answer = {"problem": problem.name, "hash": problem.hash, "width": width, **_counts(counts), "orbits": rows}
        click.echo(json.dumps(answer))
        return 0
    click.echo(f"{problem.name}, width {width}: {sum(counts.values())} maximal strata in {len(orbits)} orbits")
    if orbits:
        click.echo("\n".join(_table(("dimension", "strata"), [*counts.items()])))
        click.echo(
            "\n".join(_table(("dimension", "strata", "orbit"), [(o.dimension, o.orbit_size, o.name) for o in orbits]))
        )
    return 0


def _counts(counts: dict[int, int]) -> dict[str, object]:
    """Counts by dimension, and their sum, for JSON."""
    return {"strata": sum(counts.values()), "counts": {str(dimension): n for dimension, n in counts.items()}}


def _table(head: tuple[str, ...], rows: Sequence[tuple[object, ...]]) -> list[str]:
    """Lines of aligned columns: two of numbers, then text."""
    cells = [head, *[tuple(str(x) for x in row) for row in rows]]
    widths = [max(len(row[k]) for row in cells) for k in (0, 1)]
    return ["  ".join([f"  {row[0]:>{widths[0]}}", f"{row[1]:>{widths[1]}}", *row[2:]]) for row in cells]
