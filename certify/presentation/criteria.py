"""What the usual criteria would have said of candidates, against what is proved of them.

The usual criteria look at floats: a small gradient and the sign of the smallest eigenvalue, or a loss below a
threshold. They are evaluated here as they are in practice, in float64, at the saved points or where a polish ends;
nothing about these numbers is proved. A candidate's verdict is proved of its object; that the candidate belongs to it
is proved for the relations in :data:`PROVED` and computed for the others, so the counts are given for both.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray

from certify.pipeline.locate import MAX_STEPS
from certify.presentation.rendering import Grid, listed, percent
from certify.presentation.table import check_together
from certify.proofs.verdict import Kind, Relation
from certify.results.store import Results, ResultsError, Row
from sweep.kernels.compiled import loss_gradient_hessian, prepare, smallest_eigenvalue
from sweep.polishing.polish import polish
from symmetry.population import GaussianProblem

Floats = NDArray[np.float64]
Progress = Callable[[int, int], None]

SAVED, POLISHED = "saved", "polished"

PROVED = frozenset(Relation) - {Relation.POLISHED, Relation.NONE}
"""The relations of a candidate to its object that are proved."""

SMALL_GRADIENT = 1e-6

_BATCH = 256


@dataclass(frozen=True)
class Numbers:
    """What a practitioner would look at, in float64, of n candidates: approximate.

    Args:
        loss: (n,).
        gradient_norm: (n,) Euclidean.
        smallest_eigenvalue: (n,) of the Hessian.
    """

    loss: Floats
    gradient_norm: Floats
    smallest_eigenvalue: Floats


def approx_numbers(results: Results, at: str, progress: Progress | None = None) -> Numbers:
    """The numbers of the candidates where they were saved, or where a polish from there ends.

    Args:
        results: of ``certify points``.
        at: ``"saved"`` or ``"polished"``; the latter polishes each candidate again, as ``certify points`` does.
        progress: called with (done, total).

    Raises:
        ValueError: another place.
        ResultsError: the problem has Gaussian inputs.
    """
    if at not in (SAVED, POLISHED):
        raise ValueError(f"place is {at!r}, expected {SAVED!r} or {POLISHED!r}")
    if isinstance(results.problem, GaussianProblem):
        raise ResultsError(
            f"{results.directory}: under Gaussian inputs there is this table: certify table --show families"
        )
    data, points = prepare(results.problem), results.points
    theta, out = points.theta(), np.empty((len(points), 3))
    for start in range(0, len(points), _BATCH):
        batch = theta[start : start + _BATCH]
        if at == SAVED:
            loss, gradient, hessian = loss_gradient_hessian(data, batch, points.width)
            columns = (loss, np.linalg.norm(gradient, axis=1), smallest_eigenvalue(hessian))
            out[start : start + _BATCH] = np.column_stack(columns)
        else:
            for i, point in enumerate(batch, start):
                end = polish(data, point, points.width, max_steps=MAX_STEPS)
                out[i] = end.loss, end.gradient_norm, end.smallest_eigenvalue
                if progress is not None:
                    progress(i + 1, len(points))
    return Numbers(*out.T)


# ------------------------------------------------------------------------------------------------------- the criteria

MINIMUM, SADDLE, MOVING = "local minimum", "saddle", "not converged"
GLOBAL, NOT_GLOBAL = "global minimum", "not global"


def by_curvature(numbers: Numbers) -> list[str]:
    """Gradient norm below ``1e-6``: a saddle where the smallest eigenvalue is negative, else a minimum."""
    small = numbers.gradient_norm < SMALL_GRADIENT
    signs = np.where(numbers.smallest_eigenvalue < 0, SADDLE, MINIMUM)
    return [str(word) for word in np.where(small, signs, MOVING)]


def by_loss(numbers: Numbers, threshold: float) -> list[str]:
    """Loss below a threshold: a global minimum."""
    return [GLOBAL if loss < threshold else NOT_GLOBAL for loss in numbers.loss]


CRITERIA: dict[str, Callable[[Numbers], list[str]]] = {
    "gradient < 1e-6, sign of the smallest eigenvalue": by_curvature,
    "loss < 1e-3": lambda numbers: by_loss(numbers, 1e-3),
    "loss < 1e-4": lambda numbers: by_loss(numbers, 1e-4),
    "loss < 1e-7": lambda numbers: by_loss(numbers, 1e-7),
}


def refuted(said: str, row: Row) -> bool:
    """Whether the verdict contradicts what a criterion says.

    A critical point at infinity is neither a minimum nor a saddle of the loss: no network attains it. ``False`` does
    not mean that the criterion is right: the verdict may be open, or say nothing about the matter.
    """
    kind = row["verdict"]
    if kind == Kind.UNDECIDED or said == MOVING:
        return False
    if said == MINIMUM:
        return kind not in (Kind.LOCAL_MINIMUM, Kind.GLOBAL_MINIMUM)
    if said == SADDLE:
        return bool(kind != Kind.SADDLE)
    if said == GLOBAL:
        return row["not_global"] is True
    return bool(kind == Kind.GLOBAL_MINIMUM)


@dataclass(frozen=True)
class Confusion:
    """The candidates of one width of which one criterion says one thing.

    Args:
        width: number of neurons.
        at: where the criterion was evaluated.
        criterion: a key of :data:`CRITERIA`.
        said: its word.
        runs: how many candidates.
        verdicts: verdict → candidates.
        refuted: how many of them the verdict contradicts.
        refuted_proved: how many of these belong to their object by proof.
    """

    width: int
    at: str
    criterion: str
    said: str
    runs: int
    verdicts: dict[str, int]
    refuted: int
    refuted_proved: int


def confusion(parts: Sequence[Results], at: str, progress: Progress | None = None) -> list[Confusion]:
    """What each criterion says against what is proved, by width.

    Raises:
        ResultsError: directories of different problems, or two with the same points.
        ValueError: as :func:`approx_numbers`.
    """
    check_together(parts)
    known = [(part.rows, approx_numbers(part, at, progress)) for part in parts]
    lines = []
    for width in sorted({row["width"] for rows, _ in known for row in rows}):
        here = [(rows, numbers) for rows, numbers in known if rows[0]["width"] == width]
        for criterion, words in CRITERIA.items():
            answers = [pair for rows, numbers in here for pair in zip(words(numbers), rows, strict=True)]
            for said in (MINIMUM, SADDLE, MOVING, GLOBAL, NOT_GLOBAL):
                chosen = [row for word, row in answers if word == said]
                if chosen:
                    lines.append(_confusion(width, at, criterion, said, chosen))
    return lines


def _confusion(width: int, at: str, criterion: str, said: str, rows: Sequence[Row]) -> Confusion:
    wrong = [row for row in rows if refuted(said, row)]
    proved = sum((row["relation"] or "") in PROVED for row in wrong)
    return Confusion(width, at, criterion, said, len(rows), _by_kind(rows), len(wrong), proved)


def _by_kind(rows: Sequence[Row]) -> dict[str, int]:
    counts = Counter(row["verdict"] for row in rows)
    return {str(kind): counts[kind] for kind in Kind if counts[kind]}


def confusion_grid(lines: Sequence[Confusion], parts: Sequence[Results]) -> Grid:
    """The lines ready to be printed."""
    kinds = [str(kind) for kind in Kind if any(kind in line.verdicts for line in lines)]
    headings = ("width", "at", "criterion", "says", "runs", *kinds, "proved otherwise", "of these contained or path")
    cells = tuple(
        (
            str(line.width),
            line.at,
            line.criterion,
            line.said,
            str(line.runs),
            *(str(line.verdicts.get(kind, 0)) for kind in kinds),
            f"{line.refuted} ({percent(line.refuted, line.runs)})",
            str(line.refuted_proved),
        )
        for line in lines
    )
    return Grid(headings, cells, frozenset({1, 2, 3}), tuple(map(asdict, lines)), about(parts))


def about(parts: Sequence[Results]) -> dict[str, str]:
    """What the tables of one problem say beside their lines."""
    return {"problem": parts[0].manifest["problem"]["name"], "problem_hash": parts[0].problem_hash}


# ------------------------------------------------------------------------------- runs that stop with negative curvature


@dataclass(frozen=True)
class Headed:
    """The candidates of one width whose smallest eigenvalue is negative where they were saved, by verdict.

    Args:
        width: number of neurons.
        verdict: a :class:`~certify.proofs.verdict.Kind`, or ``"all"``.
        runs: how many.
        share: among those with a negative smallest eigenvalue.
        relations: relation → candidates.
        charts: structure → candidates, for plateaus and channels.
        of: how many candidates of this width there are, whatever the sign.
    """

    width: int
    verdict: str
    runs: int
    share: float
    relations: dict[str, int]
    charts: dict[str, int]
    of: int


def headed(parts: Sequence[Results]) -> list[Headed]:
    """Where the runs belong whose smallest eigenvalue is negative where they stopped; that sign is approximate.

    Raises:
        ResultsError: directories of different problems, or two with the same points.
    """
    check_together(parts)
    known: dict[int, list[tuple[Row, bool]]] = {}
    for part in parts:
        negative = approx_numbers(part, SAVED).smallest_eigenvalue < 0
        for row, below in zip(part.rows, negative, strict=True):
            known.setdefault(row["width"], []).append((row, bool(below)))
    lines = []
    for width, rows in sorted(known.items()):
        chosen = [row for row, below in rows if below]
        for verdict in [*Kind, "all"]:
            members = [row for row in chosen if verdict in ("all", row["verdict"])]
            if members or verdict == "all":
                lines.append(_headed(width, str(verdict), members, len(chosen), len(rows)))
    return lines


def _headed(width: int, verdict: str, rows: Sequence[Row], total: int, of: int) -> Headed:
    relations = Counter(row["relation"] for row in rows if row["relation"] is not None)
    charts = Counter(row["chart"] for row in rows if row["chart"] is not None)
    return Headed(
        width=width,
        verdict=verdict,
        runs=len(rows),
        share=len(rows) / total if total else 0.0,
        relations={str(relation): relations[relation] for relation in Relation if relations[relation]},
        charts={} if verdict == "all" else dict(sorted(charts.items(), key=lambda item: (-item[1], item[0]))),
        of=of,
    )


def headed_grid(lines: Sequence[Headed], parts: Sequence[Results]) -> Grid:
    """The lines ready to be printed."""
    relations = [str(relation) for relation in Relation if any(relation in line.relations for line in lines)]
    headings = ("width", "smallest eigenvalue < 0, headed for", "runs", "share", *relations, "structure")
    cells = tuple(
        (
            str(line.width),
            line.verdict if line.verdict != "all" else f"all, of {line.of} runs",
            str(line.runs),
            f"{100 * line.share:.1f} %",
            *(str(line.relations.get(relation, 0)) for relation in relations),
            listed(line.charts),
        )
        for line in lines
    )
    return Grid(headings, cells, frozenset({1, len(headings) - 1}), tuple(map(asdict, lines)), about(parts))
