"""Pieces of regions at infinity, right and wrong ones, and a reference at 300 bits that shares nothing with the proofs.

For fixed ``ε`` the weights of a network in a chart are linear in ``q``, so that ``F_qq = MᵀHM`` with the Hessian ``H``
of the finite network; whether ``F`` grows with ``ε²`` is seen from two values.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from fractions import Fraction
from functools import cache
from random import Random
from typing import Any

import numpy as np
from cases import checked, problem

from certify.arithmetic.arb import Arb
from certify.arithmetic.midrad import Float64Enclosures
from certify.checker import release
from certify.checker.charts import read_chart
from certify.checker.folded import Folded, fold
from certify.checker.points import Points
from certify.checker.valley import check_region
from certify.proofs.inertia import Inertia, inertia
from certify.proofs.proof import dyadic, from_text
from certify.proofs.valley import bowl
from symmetry.charts import Chart, Group, chart_from_json, chart_of
from symmetry.network import Exact, exact
from symmetry.objective import SquareLoss
from symmetry.problem import Problem
from symmetry.release import Piece, Place, piece

_STEP = Fraction(1, 2**40)


@dataclass(frozen=True)
class Region:
    """The boxes about a piece from one place to the next, as JSON: rows of ``q`` and ``ε``, and a row of radii."""

    problem: str
    chart: Any
    start: list[str]
    end: list[str]
    radii: list[str]

    def curve(self) -> tuple[Chart, Piece, list[Fraction]]:
        chart, size = chart_from_json(self.chart), len(self.radii)
        rows = [[from_text(v) for v in row] for row in (self.start, self.end)]
        found = piece(chart, *(Place(exact(row[:size]), tuple(row[size:])) for row in rows))
        assert found is not None
        return chart, found, [from_text(v) for v in self.radii]


def wrong(given: Problem, chart: Chart, curve: Piece, radii: Sequence[Fraction]) -> str:
    """What the boxes about a piece are said to be and are not, as far as some of their corners tell."""
    objective, arithmetic = SquareLoss.of_network(given, chart.width), Arb(300)
    times = (
        (Fraction(1, 2**10), Fraction(1, 2), Fraction(1)) if curve.last else (Fraction(-1), Fraction(0), Fraction(1))
    )

    def loss(theta: Exact, order: int) -> Any:
        return objective.evaluate(arithmetic.array(theta), arithmetic, order)

    for t in times:
        eps = [(n[0] + n[1] * t) / d[0] for n, d in curve.eps]
        for k in range(4):
            q = curve.q[0] + t * curve.q[1] + t**2 * curve.q[2]
            q = q + exact([r * (-1) ** (i * k + i // 2) for i, r in enumerate(radii)])
            theta = chart.network(q, eps).theta()
            matrix = np.array([chart.network(q + e, eps).theta() - theta for e in exact(np.eye(len(q), dtype=int))])
            lines = arithmetic.array(matrix)
            here = loss(theta, 2)
            found = inertia(arithmetic.matmul(arithmetic.matmul(lines, here.hessian), lines.T), arithmetic)
            if isinstance(found, Inertia) and found.negative:
                return f"F_qq has {found.negative} negative eigenvalues"
            for g in range(len(eps)):
                farther = [e * (1 + _STEP) if h == g else e for h, e in enumerate(eps)]
                above = arithmetic.upper(loss(chart.network(q, farther).theta(), 0).loss - here.loss)[0]
                if above is not None and above < 0:
                    return "the loss falls with ε²"
    return ""


_CENTERS: dict[str, tuple[int, int, list[float]]] = {
    "b": (1, 0, [-0.379631, 0.641794, -1.071187, 4.583013, -1.03166]),
    "a": (1, 0, [-3.646956, 3.169689, 2.171641, 1.20883, 0.347763]),
    "transit": (1, 0, [0.321, 1.357, 1.487, -1.089, -1.248]),
    "pair of erf": (1, 1, [0.299996, 0.249998, 1.200012, -0.450002, 0.400002, 0.449997, 0.55, 0.699995]),
    "pairs of erf": (2, 0, [0.3, 0.25, 0.3, -0.45, 0.9, -0.45, 0.4, 0.45, 0.55, 0.7]),
}
"""By problem: pairs, neurons beside them, and a limit: of ``a`` a saddle; in ``transit`` the loss falls with ``ε²``."""


def proposals(seed: int = 0, count: int = 160) -> Iterator[Region]:
    """Pieces about these limits, short and long ones, with narrow and wide boxes; many of them are wrong."""
    rng = Random(seed)
    for number in range(count):
        name = rng.choice(sorted(_CENTERS))
        pairs, ordinary, center = _CENTERS[name]
        width = 2 * pairs + ordinary
        chart = chart_of(width, 2, [Group("pair", (2 * k, 2 * k + 1)) for k in range(pairs)])
        far, length, wide = (Fraction(2) ** -rng.randint(0, most) for most in (14, 4, 20))
        middle = [Fraction(v) + far * Fraction(rng.randint(-8, 8), 8) for v in center]
        way = [far * length * Fraction(rng.randint(-8, 8), 8) for _ in center]
        ends = [[v + sign * w for v, w in zip(middle, way, strict=True)] for sign in (-1, 1)]
        first = [Fraction(1, 2 ** rng.randint(1, 7)) * rng.choice([1, -1]) for _ in range(pairs)]
        share = Fraction(0) if number % 2 else Fraction(rng.randint(4, 12), 8)
        eps = first, [share * e for e in first]
        rows = [[dyadic(v) for v in (*q, *e)] for q, e in zip(ends, eps, strict=True)]
        yield Region(name, chart.to_json(), *rows, [dyadic(wide / 16)] * len(center))


def proved() -> list[dict[str, Any]]:
    """The pieces that the provers accept."""
    out = []
    for region in proposals():
        chart, curve, radii = region.curve()
        wide = np.array([float(v) for v in radii])
        if bowl(chart.objective(problem(region.problem)), chart, curve, wide, Float64Enclosures()):
            out.append(asdict(region))
    return out


def check_piece(region: Region) -> None:
    """What the checker says of the boxes about a piece.

    Raises:
        Rejected, Unreadable: as the checker says.
    """
    known, size = checked(region.problem), len(region.radii)
    rows = [[from_text(v) for v in row] for row in (region.start, region.end)]
    places = [release.Place(row[:size], row[size:]) for row in rows]
    chart = read_chart(region.chart, region.chart["width"], known)
    check_region(folded(region.problem), chart, *places, [from_text(v) for v in region.radii], "piece")


@cache
def folded(name: str) -> Folded:
    """The problem called ``name`` as paths and regions need it."""
    return fold(checked(name), Points(192))
