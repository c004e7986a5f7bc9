"""``certify symmetry embed``: what certified narrow critical points induce in wider networks."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from certify.cli.common import Refusal, refuse_other_problem, refuse_output_bias, refusing

if TYPE_CHECKING:
    from certify.proofs.verdict import CriticalObject
    from symmetry.embeddings import Embedding
    from symmetry.levels import Source
    from symmetry.network import Network
    from symmetry.problem import Problem

Proved = tuple["CriticalObject", "Source"]


@click.command()
@click.argument("points", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="POINTS...")
@click.option("--problem", "problem_name", required=True, metavar="NAME|FILE", help="A shipped problem, or a file.")
@click.option("--width", type=click.IntRange(min=2), metavar="M", help="List all critical sets of this width.")
@click.option("--index", type=click.IntRange(min=0), metavar="I", help="Embed this one of the points, with --step.")
@click.option(
    "--step",
    "steps",
    multiple=True,
    metavar="MAP",
    help="'split J B1 B2 ..', 'mirror J B', 'null W1 .. Wd', 'flip J ..', 'turn J ..' or 'permute J ..'; neurons count "
    "from 0, numbers are exact.",
)
@click.option("--json", "as_json", is_flag=True, help="One line of JSON.")
def embed(
    points: tuple[Path, ...],
    problem_name: str,
    width: int | None,
    index: int | None,
    steps: tuple[str, ...],
    as_json: bool,
) -> int:
    """Certify narrow critical POINTS, and say what they induce in wider networks.

    With --width: the table of all critical sets of M neurons that splitting their neurons induces, with multiplicities,
    levels and indices. With --index and --step: one point, embedded exactly, and what that preserves.
    """
    from symmetry.problem import ProblemError, load_problem

    if (width is None) == (index is None) or bool(steps) != (index is not None):
        raise click.UsageError("expected either --width, or --index with at least one --step")
    with refusing(ProblemError):
        problem = load_problem(problem_name)
    refuse_output_bias(problem, "embed")
    if problem.decay:
        raise Refusal(
            f"embed: copies are critical whatever their shares only without weight decay; {problem.name} has it"
        )
    if index is not None:
        return _embed_one(problem, points, index, steps, as_json)
    assert width is not None
    return _table_of(problem, points, width, as_json)


# ------------------------------------------------------------------------------------------------ the table of a width


def _table_of(problem: Problem, points: Sequence[Path], width: int, as_json: bool) -> int:
    from symmetry.levels import chain, induced

    proved, undecided = _certify(problem, points)
    narrow = [(found, source) for found, source in proved if source.width < width]
    if not narrow:
        raise Refusal(f"no point is certified and has fewer than {width} neurons, expected at least one")
    rows = []
    for found, source in sorted(narrow, key=lambda pair: (pair[1].width, pair[0].morse_index, pair[0].loss)):
        chambers = induced(source, width)
        rows.append(_described(problem, found, source) | _sets(chambers) | {"chain": [
            {"width": link.width, "indices": [link.smallest_index, link.largest_index], "minima": link.minima}
            for link in chain(source, width)
        ]})  # fmt: skip
    answer = {"problem": problem.name, "hash": problem.hash, "width": width, "undecided": undecided, "sources": rows}
    if as_json:
        click.echo(json.dumps(answer))
    else:
        _print_table(answer)
    return 3 if undecided else 0


def _certify(problem: Problem, points: Sequence[Path]) -> tuple[list[Proved], int]:
    """The distinct isolated critical points with their inertias, and how many candidates are left undecided."""
    from certify.pipeline.classification import classify_points
    from certify.proofs.induced import induction_source
    from certify.proofs.proof import Failure
    from sweep.points import PointsError, declared_problem_hash, read_points

    proved, undecided = [], 0
    for path in points:
        with refusing(PointsError):
            refuse_other_problem(path, declared_problem_hash(path), problem)
            saved = read_points(path, dimension=problem.dimension)
        answer = classify_points(problem, saved, jobs=1)
        undecided += sum(verdict.object is None for verdict in answer.verdicts)
        for found in answer.objects:
            if found.chart is not None or found.box is None:
                continue
            source = induction_source(problem, found)
            if isinstance(source, Failure):
                undecided += 1
            else:
                proved.append((found, source))
    return proved, undecided


def _described(problem: Problem, found: CriticalObject, source: Source) -> dict[str, Any]:
    from certify.arithmetic.rounding import down, up

    level = source.level(problem.teacher.width) if problem.teacher is not None else None
    return {
        "id": found.id,
        "width": source.width,
        "loss": [down(found.loss[0]), up(found.loss[1])],
        "inertia": list(source.hessian),
        "curvatures": [list(curvature) for curvature in source.curvatures],
        "level": level,
    }


def _sets(chambers: list[Any]) -> dict[str, Any]:
    from symmetry.levels import by_index

    sets = {chamber.copies: chamber.sets for chamber in chambers}
    kinds: Counter[str] = Counter()
    for chamber in chambers:
        kinds[str(chamber.second_order)] += chamber.chambers
    return {
        "sets": sum(sets.values()),
        "dimension": chambers[0].dimension,
        "chambers_by_index": {str(index): count for index, count in by_index(chambers).items()},
        "chambers_by_kind": dict(kinds),
        "compositions": [
            {
                "copies": list(c.copies),
                "negative": list(c.negative),
                "sets": c.sets,
                "chambers": c.chambers,
                "inertia": list(c.inertia),
                "second_order": str(c.second_order),
            }
            for c in chambers
        ],
    }


def _print_table(answer: dict[str, Any]) -> None:
    head = ("narrow", "loss", "index", "In(B)", "level", "sets", "dim", "chambers by index", "minima")
    rows: list[tuple[str, ...]] = [head]
    for row in answer["sources"]:
        curvatures = " ".join(f"({p},{n})" for p, n, _ in row["curvatures"])
        by_index = " ".join(f"{index}:{count}" for index, count in row["chambers_by_index"].items())
        minima = row["chambers_by_kind"].get("minima", 0)
        cells = (row["width"], f"{row['loss'][0]:.4e}", row["inertia"][1], curvatures, row["level"] or "", row["sets"],
                 row["dimension"], by_index, minima)  # fmt: skip
        rows.append(tuple(map(str, cells)))
    widths = [max(len(row[k]) for row in rows) for k in range(len(head))]
    lines = ["| " + " | ".join(cell.ljust(size) for cell, size in zip(row, widths, strict=True)) + " |" for row in rows]
    lines.insert(1, "|" + "|".join("-" * (size + 2) for size in widths) + "|")
    click.echo(f"{answer['problem']}, width {answer['width']}: critical sets induced by certified narrower points\n")
    click.echo("\n".join(lines))
    for r in sorted({row["width"] for row in answer["sources"]}):
        some = [row["sets"] for row in answer["sources"] if row["width"] == r]
        click.echo(f"\nfrom width {r}: {len(some)} points, {some[0]} labelled sets each, {sum(some)} in all", nl=False)
    click.echo(f"\n{answer['undecided']} candidates undecided")


# ---------------------------------------------------------------------------------------------------- one point


def _embed_one(problem: Problem, points: Sequence[Path], index: int, steps: Sequence[str], as_json: bool) -> int:
    from certify.proofs.induced import refuted
    from certify.proofs.proof import dyadic
    from symmetry.embeddings import Composition, preserved

    if len(points) != 1:
        raise click.UsageError("--index takes one file of points")
    found = _certified_point(problem, points[0], index)
    narrow = found.network
    assert narrow is not None
    with refusing(ValueError):
        embedding = Composition(tuple(_step(text, narrow.dimension) for text in steps))
        wide = embedding.apply(narrow)
    kept = preserved(narrow, wide, problem.activation.reflection, problem.activation.slope)
    conditions = kept.criticality()
    fails = [str(moment) for moment in conditions or () if refuted(problem, found, moment)]
    answer = {
        "narrow": found.id,
        "w": [[dyadic(x) for x in row] for row in wide.w],
        "a": [dyadic(x) for x in wide.a],
        "shift": None if kept.shift is None else str(kept.shift),
        "line": [dyadic(x) for x in kept.line],
        "output": kept.output(),
        "loss": kept.output(),
        "critical": False if fails else True if conditions == () else None,
        "conditions": None if conditions is None else [str(moment) for moment in conditions],
        "refuted": fails,
    }
    click.echo(json.dumps(answer) if as_json else "\n".join(_sentences(answer, narrow, wide)))
    return 0


def _certified_point(problem: Problem, path: Path, index: int) -> CriticalObject:
    """The isolated critical point that a saved one belongs to.

    Raises:
        Refusal: there is none.
    """
    from certify.pipeline.classification import classify_points
    from sweep.points import PointsError, read_points

    with refusing(PointsError):
        saved = read_points(path, dimension=problem.dimension)
    if index >= len(saved):
        raise Refusal(f"{path}: has {len(saved)} points, expected more than {index}")
    (verdict,) = classify_points(problem, saved.take([index]), jobs=1).verdicts
    if verdict.object is None or verdict.object.box is None or verdict.object.chart is not None:
        raise Refusal(f"{path}: point {index} is {verdict.kind}, expected an isolated critical point that is certified")
    return verdict.object


def _step(text: str, dimension: int) -> Embedding:
    """One map in words.

    Raises:
        ValueError: not of the form that the help says.
    """
    from symmetry.embeddings import Flip, MirroredSplit, Null, Permutation, Split, Turn

    name, *rest = text.split() or [""]
    expected = f"split J B1 B2 .., mirror J B, null W1 .. W{dimension}, flip J .., turn J .., permute J .."
    try:
        numbers = [Fraction(word) for word in rest]
        every = name in ("flip", "turn", "permute")
        neurons = [int(word) for word in (rest if every else rest[: name in ("split", "mirror")])]
    except (ValueError, ZeroDivisionError):
        raise ValueError(f"step {text!r} holds no exact numbers where they are expected: {expected}") from None
    if name == "split" and len(rest) > 1:
        return Split(neurons[0], tuple(numbers[1:]))
    if name == "mirror" and len(rest) == 2:
        return MirroredSplit(neurons[0], (Fraction(1),), (Fraction(1),), numbers[1])
    if name == "null" and len(rest) == dimension:
        return Null(tuple(numbers))
    if name == "flip" and rest:
        return Flip(tuple(neurons))
    if name == "turn" and rest:
        return Turn(tuple(neurons))
    if name == "permute" and rest:
        return Permutation(tuple(neurons))
    raise ValueError(f"step {text!r} is none of: {expected}")


def _sentences(answer: dict[str, Any], narrow: Network, wide: Network) -> list[str]:
    lines = [f"{answer['narrow']}, embedded in width {wide.width} (at the centre of its box):"]
    for w, a in zip(wide.w, wide.a, strict=True):
        lines.append(f"  w = ({', '.join(f'{float(x):.6g}' for x in w)}), a = {float(a):.6g}")
    from certify.proofs.proof import from_text

    shift, line = answer["shift"], answer["line"]
    if shift is None:
        lines.append("output: not preserved, not even up to a constant, as far as symmetry tells")
    elif shift != "0":
        lines.append(
            f"output: not preserved; it is that of the narrow network with the output bias {float(Fraction(shift)):.6g}"
        )
    elif line:
        told = ", ".join(f"{float(from_text(x)):.6g}" for x in line)
        lines.append(f"output: not preserved; it is that of the narrow network and the linear function ({told})·x")
    else:
        lines.append("output and loss: preserved, for every input")
        if answer["critical"]:
            lines.append("criticality: preserved")
        for condition in answer["conditions"]:
            told = "proved not to hold: not critical" if condition in answer["refuted"] else "not decided"
            lines.append(f"criticality: preserved if and only if {condition}; {told}")
    return lines
