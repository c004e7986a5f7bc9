"""The verified classification table: width × verdict, merged over results directories by certified boxes.

``moved`` is a computed length, everything about objects is proved. The number of distinct objects is a lower bound of
how many there are, twice over: others may exist, and of objects not proved different only one is counted.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from certify.arithmetic.decimals import interval
from certify.presentation.reasons import code_of
from certify.presentation.rendering import Grid, listed
from certify.presentation.rendering import render as render_grid
from certify.proofs.distinct import Comparison, compare
from certify.proofs.verdict import CriticalObject, Kind, Relation
from certify.results.store import Results, ResultsError, Row

FAR = 1.0
"""A candidate whose polish path is longer than this ended somewhere else than where it was saved."""

ALL = "all"


@dataclass(frozen=True)
class Line:
    """One line: the candidates of one width with one verdict, or (``verdict = "all"``) of one width.

    Args:
        width: number of neurons.
        verdict: a :class:`~certify.proofs.verdict.Kind`, or ``"all"``.
        runs: how many candidates.
        share: among those of this width.
        share_lower, share_upper: Wilson's 95 % interval of the share, were the runs drawn at random.
        contained: how many lie in their object's certified region themselves (proved).
        path: how many have a path of falling loss to their object (proved).
        polished: how many were led there by a computed path (not proved).
        moved_far: how many have a path longer than :data:`FAR`.
        moved_far_share: among these runs.
        distinct_at_least: a lower bound of the number of distinct objects met.
        loss_lower, loss_upper: all losses of these objects lie between; ``None`` without objects.
        reasons: code → candidates, where undecided.
    """

    width: int
    verdict: str
    runs: int
    share: float
    share_lower: float
    share_upper: float
    contained: int
    path: int
    polished: int
    moved_far: int
    moved_far_share: float
    distinct_at_least: int
    loss_lower: float | None
    loss_upper: float | None
    reasons: dict[str, int]


@dataclass(frozen=True)
class Table:
    """The classification of the candidates of one problem.

    Args:
        problem: its name.
        problem_hash: its hash.
        lines: by width, then verdict.
    """

    problem: str
    problem_hash: str
    lines: tuple[Line, ...]


def build_table(parts: Sequence[Results]) -> Table:
    """One table of all candidates in ``parts``.

    Raises:
        ResultsError: directories of different problems, or two with the same points.
    """
    check_together(parts)
    rows = [row for part in parts for row in part.rows]
    objects = list({(found.width, found.id): found for part in parts for found in part.objects.values()}.values())
    lines = []
    for width in sorted({row["width"] for row in rows}):
        here = [row for row in rows if row["width"] == width]
        known = [found for found in objects if found.width == width]
        for verdict in [*Kind, ALL]:
            chosen = [row for row in here if verdict in (ALL, row["verdict"])]
            if chosen:
                met = [found for found in known if verdict in (ALL, found.kind)]
                lines.append(_line(width, str(verdict), chosen, len(here), distinct_at_least(met)))
    return Table(parts[0].manifest["problem"]["name"], parts[0].problem_hash, tuple(lines))


def distinct_at_least(objects: Sequence[CriticalObject]) -> int:
    """A proved lower bound of the number of distinct critical points or strata among ``objects``.

    Objects are linked unless they are proved to be different; one of each connected component is pairwise different
    from the others.
    """
    component = list(range(len(objects)))
    for i, found in enumerate(objects):
        for j in range(i):
            if component[i] != component[j] and compare(found, objects[j]) is not Comparison.DIFFERENT:
                component = [component[j] if c == component[i] else c for c in component]
    return len(set(component))


def check_together(parts: Sequence[Results]) -> None:
    """Refuse what does not go into one table.

    Raises:
        ResultsError: directories of different problems, or two with the same points.
    """
    seen: dict[str, Results] = {}
    for part in parts:
        if part.problem_hash != parts[0].problem_hash:
            raise ResultsError(
                f"{part.directory}: holds results for problem {part.problem_hash[:12]}, expected "
                f"{parts[0].problem_hash[:12]} as in {parts[0].directory}; make a table for each problem"
            )
        other = seen.setdefault(part.manifest["points"]["hash"], part)
        if other is not part:
            raise ResultsError(f"{part.directory}: holds the same points as {other.directory}, expected each once")


def _line(width: int, verdict: str, rows: Sequence[Row], total: int, distinct: int) -> Line:
    lower = [row["loss_lower"] for row in rows if row["loss_lower"] is not None]
    upper = [row["loss_upper"] for row in rows if row["loss_upper"] is not None]
    far = sum(row["moved"] > FAR for row in rows)
    undecided = [row for row in rows if row["verdict"] == Kind.UNDECIDED]
    reasons = Counter(code_of(row["reason"]) for row in undecided) if verdict != ALL else Counter()
    share_lower, share_upper = wilson(len(rows), total)
    return Line(
        width=width,
        verdict=verdict,
        runs=len(rows),
        share=len(rows) / total,
        share_lower=share_lower,
        share_upper=share_upper,
        contained=sum(row["relation"] == Relation.CONTAINED for row in rows),
        path=sum(row["relation"] == Relation.PATH for row in rows),
        polished=sum(row["relation"] == Relation.POLISHED for row in rows),
        moved_far=far,
        moved_far_share=far / len(rows),
        distinct_at_least=distinct,
        loss_lower=min(lower, default=None),
        loss_upper=max(upper, default=None),
        reasons=dict(sorted(reasons.items(), key=lambda item: (-item[1], item[0]))),
    )


def wilson(count: int, total: int) -> tuple[float, float]:
    """The 95 % interval of a share, after Wilson 1927, JASA 22: it keeps to [0, 1] and is not empty at 0 or 1.

    ``(p + z²/2n ± z √(p(1 − p)/n + z²/4n²)) / (1 + z²/n)``, ``z = 1.96``

    >>> [round(end, 3) for end in wilson(173, 1000)], [round(end, 3) for end in wilson(0, 10)]
    ([0.151, 0.198], [0.0, 0.278])

    Raises:
        ValueError: not ``0 ≤ count ≤ total``, or ``total`` is 0.
    """
    if not 0 <= count <= total or total == 0:
        raise ValueError(f"{count} of {total}, expected a count from 0 to a total that is positive")
    z, p = 1.959963984540054, count / total
    middle = p + z * z / (2 * total)
    half = z * math.sqrt(p * (1 - p) / total + z * z / (4 * total**2))
    scale = 1 + z * z / total
    return max(0.0, (middle - half) / scale), min(1.0, (middle + half) / scale)


# ---------------------------------------------------------------------------------------------------- rendering

_HEADINGS = (
    "width",
    "verdict",
    "runs",
    "share (95 %)",
    "contained",
    "path",
    "polished",
    f"moved > {FAR:g}",
    "distinct",
    "loss",
    "undecided because",
)


def grid(table: Table) -> Grid:
    """The table ready to be printed; bounds are rounded outward."""
    return Grid(
        headings=_HEADINGS,
        cells=tuple(map(_cells, table.lines)),
        left=frozenset({1, 9, 10}),
        records=tuple(map(asdict, table.lines)),
        about={"problem": table.problem, "problem_hash": table.problem_hash},
    )


def render(table: Table, form: str) -> str:
    """The table as ``md``, ``csv``, ``latex`` or ``json`` text.

    Raises:
        ValueError: another form.
    """
    return render_grid(grid(table), form)


def _cells(line: Line) -> tuple[str, ...]:
    loss = "" if line.loss_lower is None or line.loss_upper is None else interval(line.loss_lower, line.loss_upper)
    return (
        str(line.width),
        line.verdict,
        str(line.runs),
        f"{100 * line.share:.1f} % ({100 * line.share_lower:.1f} – {100 * line.share_upper:.1f})",
        str(line.contained),
        str(line.path),
        str(line.polished),
        f"{line.moved_far} ({100 * line.moved_far_share:.1f} %)",
        f"≥ {line.distinct_at_least}" if line.distinct_at_least else "",
        loss,
        listed(line.reasons),
    )
