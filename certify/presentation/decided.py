"""How many candidates were decided, directory by directory, and why the others were not."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from certify.presentation.criteria import about
from certify.presentation.reasons import code_of
from certify.presentation.rendering import Grid, listed, percent
from certify.presentation.table import FAR, check_together
from certify.proofs.verdict import Kind, Relation
from certify.results.store import Results


@dataclass(frozen=True)
class Decided:
    """The candidates of one results directory.

    Args:
        width: number of neurons.
        directory: its name.
        runs: how many candidates.
        decided: how many have an object; ``not-critical`` and ``undecided`` have none.
        relations: relation → candidates.
        moved_far: how many have a path longer than :data:`~certify.presentation.table.FAR`.
        reasons: ``not-critical``, or the code of an ``undecided`` → candidates.
    """

    width: int
    directory: str
    runs: int
    decided: int
    relations: dict[str, int]
    moved_far: int
    reasons: dict[str, int]


def decided(parts: Sequence[Results]) -> list[Decided]:
    """One line a directory, by width, then in the order given.

    Raises:
        ResultsError: directories of different problems, or two with the same points.
    """
    check_together(parts)
    lines = []
    for part in sorted(parts, key=lambda part: int(part.rows[0]["width"])):
        relations = Counter(row["relation"] for row in part.rows if row["relation"] is not None)
        reasons = Counter(
            code_of(row["reason"]) if row["verdict"] == Kind.UNDECIDED else row["verdict"]
            for row in part.rows
            if row["verdict"] in (Kind.UNDECIDED, Kind.NOT_CRITICAL)
        )
        lines.append(
            Decided(
                width=part.rows[0]["width"],
                directory=part.directory.resolve().name,
                runs=len(part.rows),
                decided=len(part.rows) - reasons.total(),
                relations={str(relation): relations[relation] for relation in Relation if relations[relation]},
                moved_far=sum(row["moved"] > FAR for row in part.rows),
                reasons=dict(sorted(reasons.items(), key=lambda item: (-item[1], item[0]))),
            )
        )
    return lines


def decided_grid(lines: Sequence[Decided], parts: Sequence[Results]) -> Grid:
    """The lines ready to be printed."""
    relations = [str(relation) for relation in Relation if any(relation in line.relations for line in lines)]
    headings = ("width", "directory", "runs", "decided", "share", *relations, f"moved > {FAR:g}", "not decided because")
    cells = tuple(
        (
            str(line.width),
            line.directory,
            str(line.runs),
            str(line.decided),
            percent(line.decided, line.runs),
            *(str(line.relations.get(relation, 0)) for relation in relations),
            f"{line.moved_far} ({percent(line.moved_far, line.runs)})",
            listed(line.reasons),
        )
        for line in lines
    )
    return Grid(headings, cells, frozenset({1, len(headings) - 1}), tuple(map(asdict, lines)), about(parts))
