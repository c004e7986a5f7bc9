"""The table of Safran & Shamir, certified: families of end points of runs under Gaussian inputs, size by size.

A family is an object: a critical point up to the order of students and teacher. What the candidates hold as numbers,
evaluated in float64 where they were saved, stands beside what is proved.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from certify.arithmetic.decimals import interval
from certify.presentation.rendering import Grid
from certify.proofs.verdict import Kind
from certify.results.store import Results, ResultsError, Row
from sweep.gaussian import measured
from symmetry.population import GaussianProblem

PAPER = 1000
"""Runs for each size in the paper, of which a stored magnitude counts a part."""


@dataclass(frozen=True)
class Family:
    """One family, or the candidates of one verdict without an object.

    Args:
        k, n: neurons of the teacher and of the student.
        verdict: what is proved; a family that is no minimum is called what it is.
        not_global: whether that is proved.
        index: Morse index, where proved.
        candidates: how many were certified.
        magnitude: how many runs they stand for.
        share: of all runs.
        lambda_lower, lambda_upper: the smallest eigenvalue at the critical point lies between.
        loss_lower, loss_upper: the objective there lies between.
        approx_lambda, approx_loss: float64, at the first candidate as it was saved: no proof. ``None`` where
            it is none: no eigenvalue where neurons are parallel, no loss where one is zero.
        object_id: the certificate.
    """

    k: int
    n: int
    verdict: str
    not_global: bool | None
    index: int | None
    candidates: int
    magnitude: int
    share: float
    lambda_lower: float | None
    lambda_upper: float | None
    loss_lower: float | None
    loss_upper: float | None
    approx_lambda: float | None
    approx_loss: float | None
    object_id: str | None

    @property
    def words(self) -> str:
        """The verdict as the table shows it."""
        if self.verdict == Kind.LOCAL_MINIMUM:
            return "spurious local minimum" if self.not_global else "local minimum"
        return f"{self.verdict} of index {self.index}" if self.verdict == Kind.SADDLE else self.verdict


def families(parts: Sequence[Results], runs: int | None = None) -> list[Family]:
    """The families of each directory, by size, the larger families first.

    Args:
        parts: directories of problems under Gaussian inputs, of any sizes.
        runs: how many runs magnitudes are counted in; :data:`PAPER` by default, and the candidates themselves where
            there are no magnitudes.

    Raises:
        ResultsError: another problem.
    """
    found = [family for part in parts for family in _families(part, runs)]
    return sorted(found, key=lambda family: (family.k, family.n))  # stable: the larger families stay first


def _families(part: Results, runs: int | None) -> list[Family]:
    problem = part.problem
    if not isinstance(problem, GaussianProblem):
        raise ResultsError(f"{part.directory}: is about data, expected a problem under Gaussian inputs for this table")
    magnitude = part.manifest["settings"].get("magnitude")
    total = runs or (len(part.rows) if magnitude is None else PAPER)
    counted = [1] * len(part.rows) if magnitude is None else magnitude
    groups: dict[tuple[str, str | None], list[Row]] = {}
    for row in part.rows:
        groups.setdefault((row["verdict"], row["object_id"]), []).append(row)
    out = []
    for (verdict, name), rows in groups.items():
        first, points = rows[0], part.points
        loss, _, smallest = measured(problem.objective(points.width), points.w[first["index"]][None])
        size = sum(counted[row["index"]] for row in rows)
        out.append(
            Family(
                k=len(problem),
                n=points.width,
                verdict=verdict,
                not_global=first["not_global"],
                index=first["morse_index"],
                candidates=len(rows),
                magnitude=size,
                share=size / total,
                lambda_lower=first["lambda_min_lower"],
                lambda_upper=first["lambda_min_upper"],
                loss_lower=first["loss_lower"],
                loss_upper=first["loss_upper"],
                approx_lambda=_finite(smallest[0].item()),
                approx_loss=_finite(loss[0].item()),
                object_id=name,
            )
        )
    return sorted(out, key=lambda family: -family.magnitude)


_HEADINGS = (
    "k",
    "n",
    "family",
    "proved",
    "candidates",
    "runs",
    "share",
    "smallest eigenvalue",
    "at the saved point",
    "objective",
    "at the saved point",
)


def families_grid(found: Sequence[Family]) -> Grid:
    """The table ready to be printed; enclosures are rounded outward."""
    numbers: dict[tuple[int, int], int] = {}
    cells = []
    for family in found:
        size = family.k, family.n
        numbers[size] = numbers.get(size, 0) + 1
        cells.append(
            (
                str(family.k),
                str(family.n),
                str(numbers[size]),
                family.words,
                str(family.candidates),
                str(family.magnitude),
                f"{100 * family.share:.1f} %",
                _interval(family.lambda_lower, family.lambda_upper),
                _plain(family.approx_lambda),
                _interval(family.loss_lower, family.loss_upper),
                _plain(family.approx_loss),
            )
        )
    spurious = [f for f in found if f.verdict == Kind.LOCAL_MINIMUM and f.not_global]
    shares: dict[str, float] = {}
    for family in spurious:
        shares[f"{family.k},{family.n}"] = shares.get(f"{family.k},{family.n}", 0.0) + family.share
    return Grid(
        headings=_HEADINGS,
        cells=tuple(cells),
        left=frozenset({3, 7, 9}),
        records=tuple(map(asdict, found)),
        about={"share_at_certified_spurious_minima": shares},
    )


def _interval(lower: float | None, upper: float | None) -> str:
    return "" if lower is None or upper is None else interval(lower, upper, 8)


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _plain(value: float | None) -> str:
    return "" if value is None else f"{value:.7g}"
