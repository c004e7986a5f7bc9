"""Pieces of regions at infinity, right and wrong ones, and a reference at 300 bits that shares nothing with the proofs.

Where no constant is released, for fixed ``ε`` the weights of a network in a chart are linear in ``q``, so that ``F_qq
= MᵀHM`` with the Hessian ``H`` of the finite network; whether ``F`` grows with ``ε²`` is seen from two values. If three
or more groups share a constant, the same is looked at with all ``ε`` given and a constant added (``ambient.py``).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from fractions import Fraction
from functools import cache
from random import Random
from typing import Any

import numpy as np
from ambient import all_eps, ambient, ambient_loss, bowl
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
from symmetry.infinity.charts import Chart, Group, chart_from_json, chart_of
from symmetry.network import Exact, exact
from symmetry.objective import SquareLoss
from symmetry.paths.release import Piece, Place, piece
from symmetry.problem import Problem

_STEP = Fraction(1, 2**40)


@dataclass(frozen=True)
class Region:
    """The boxes about a piece from one place to the next, as JSON: rows of ``q`` and ``ε``, and a row of radii.

    And how far copies in a diverging group may be apart.
    """

    problem: str
    chart: Any
    start: list[str]
    end: list[str]
    radii: list[str]
    apart: str = "0"

    def curve(self) -> tuple[Chart, Piece, list[Fraction]]:
        chart, size = chart_from_json(self.chart), len(self.radii)
        rows = [[from_text(v) for v in row] for row in (self.start, self.end)]
        found = piece(chart, *(Place(exact(row[:size]), tuple(row[size:])) for row in rows))
        assert found is not None
        return chart, found, [from_text(v) for v in self.radii]


def wrong(given: Problem, chart: Chart, curve: Piece, radii: Sequence[Fraction], apart: Fraction = Fraction(0)) -> str:
    """What the boxes about a piece are said to be and are not, as far as some of their corners tell.

    Copies in diverging groups have equal shares, and the first two of them are ``apart``.
    """
    objective, arithmetic = SquareLoss.of_network(given, chart.width), Arb(300)
    free = [k for k, group in enumerate(chart.diverging) if group != chart.dependent]
    times = (
        (Fraction(1, 2**10), Fraction(1, 2), Fraction(1)) if curve.last else (Fraction(-1), Fraction(0), Fraction(1))
    )

    def loss(theta: Exact, order: int) -> Any:
        return objective.evaluate(arithmetic.array(theta), arithmetic, order)

    for t in times:
        eps = [n[0] + n[1] * t for n, _ in (curve.eps[k] for k in free)]
        for k in range(4):
            q = curve.q[0] + t * curve.q[1] + t**2 * curve.q[2]
            q = q + exact([r * (-1) ** (i * k + i // 2) for i, r in enumerate(radii)])
            if len(chart.balanced) > 2:
                complaint = _wrong_of_many(given, chart, q, eps)
                if complaint:
                    return complaint
                continue
            theta = chart.network(q, eps).theta()
            matrix = np.array([chart.network(q + e, eps).theta() - theta for e in exact(np.eye(len(q), dtype=int))])
            theta = theta + _parted(chart, q, eps, apart, k)
            lines = arithmetic.array(matrix)
            here = loss(theta, 2)
            found = inertia(arithmetic.matmul(arithmetic.matmul(lines, here.hessian), lines.T), arithmetic)
            # where ε_2 follows from q, weights are not linear in q, and F_qq is of no network
            if isinstance(found, Inertia) and found.negative and not chart.balanced:
                return f"F_qq has {found.negative} negative eigenvalues"
            for g in range(len(eps)):
                farther = [e * (1 + _STEP) if h == g else e for h, e in enumerate(eps)]
                beyond = chart.network(q, farther).theta() + _parted(chart, q, farther, apart, k)
                above = arithmetic.upper(loss(beyond, 0).loss - here.loss)[0]
                if above is not None and above < 0:
                    return "the loss falls with ε²"
    return ""


def _wrong_of_many(given: Problem, chart: Chart, q: Exact, free: Sequence[Fraction]) -> str:
    small, objective, arithmetic = all_eps(chart, q, free), ambient_loss(given, chart), Arb(300)
    shared = [e > 0 for group, e in zip(chart.diverging, small, strict=True) if group in chart.balanced]
    if all(shared) or not any(shared):
        return "all shared ε have one sign"
    theta = ambient(chart, q, small)
    lines = arithmetic.array(np.array([ambient(chart, q + e, small) - theta for e in exact(np.eye(len(q), dtype=int))]))
    here = objective.evaluate(arithmetic.array(theta), arithmetic, 2)
    found = inertia(arithmetic.matmul(arithmetic.matmul(lines, here.hessian), lines.T), arithmetic)
    if isinstance(found, Inertia) and found.negative:
        return f"F_qq has {found.negative} negative eigenvalues"
    for g in range(len(small)):
        farther = [e * (1 + _STEP) if h == g else e for h, e in enumerate(small)]
        beyond = objective.evaluate(arithmetic.array(ambient(chart, q, farther)), arithmetic, 0)
        above = arithmetic.upper(beyond.loss - here.loss)[0]
        if above is not None and above < 0:
            return "F falls with ε²"
    return ""


def _parted(chart: Chart, q: Exact, free: Sequence[Fraction], apart: Fraction, k: int) -> Exact:
    """(P,) how much copies are away from their means: ``ε²y``, near zero ``4εy``, the entries of ``y`` ``±apart``."""
    network = chart.network(q, free)
    w = network.w * 0
    _, small = chart.read(network.w, network.a)  # type: ignore[arg-type]
    for group, e in zip(chart.diverging, small, strict=True):
        for i, sign in zip(group.copied, (1, -1), strict=False):
            unit = 4 * e if group.kind == "zero" else e * e
            w[group.members[i]] = exact([sign * apart, sign * apart * (-1) ** k]) * unit
    return np.concatenate([w.ravel(), network.a * 0])


_PAIR, _MIRRORED, _ZERO = ("pair", 2), ("mirrored", 2), ("zero", 1)

_CENTERS: dict[str, tuple[list[tuple[str, int]], int, list[float]]] = {
    "b": ([_PAIR], 0, [-0.379631, 0.641794, -1.071187, 4.583013, -1.03166]),
    "a": ([_PAIR], 0, [-3.646956, 3.169689, 2.171641, 1.20883, 0.347763]),
    "transit": ([_PAIR], 0, [0.321, 1.357, 1.487, -1.089, -1.248]),
    "pair of erf": ([_PAIR], 1, [0.299996, 0.249998, 1.200012, -0.450002, 0.400002, 0.449997, 0.55, 0.699995]),
    "pairs of erf": ([_PAIR, _PAIR], 0, [0.3, 0.25, 0.3, -0.45, 0.9, -0.45, 0.4, 0.45, 0.55, 0.7]),
    "near zero": ([_MIRRORED, _ZERO], 0, [-0.9, 0.8, 0.9, 1.1, 0.7, 10, 0.4, -0.3]),
    "two mirrored": ([_MIRRORED, _MIRRORED], 0, [-0.9, 0.8, 0.9, 1.1, 0.7, 0.5, 0.6, -0.8, 0.7, 0.4, 0.3]),
}
"""By problem: groups, neurons beside, and a limit: of ``a`` a saddle; in ``transit`` the loss falls with ``ε²``; of
``near zero`` one ``κ`` is negative, and ``K`` large, so that ``P`` is soon far from 1."""


def proposals(seed: int = 0, count: int = 160) -> Iterator[Region]:
    """Pieces about these limits, short and long ones, with narrow and wide boxes; many of them are wrong."""
    rng = Random(seed)
    for number in range(count):
        name = rng.choice(sorted(_CENTERS))
        groups, ordinary, center = _CENTERS[name]
        members, width = iter(range(9)), sum(size for _, size in groups) + ordinary
        chart = chart_of(width, 2, [Group(kind, tuple(next(members) for _ in range(size))) for kind, size in groups])
        far, length, wide = (Fraction(2) ** -rng.randint(0, most) for most in (14, 4, 20))
        middle = [Fraction(v) + far * Fraction(rng.randint(-8, 8), 8) for v in center]
        way = [far * length * Fraction(rng.randint(-8, 8), 8) for _ in center]
        ends = [[v + sign * w for v, w in zip(middle, way, strict=True)] for sign in (-1, 1)]
        first = [
            Fraction(1, 2 ** rng.randint(1, 7)) * rng.choice([1, -1]) for _ in range(sum(n for _, n in chart.free))
        ]
        share = Fraction(0) if number % 2 else Fraction(rng.randint(4, 12), 8)
        eps = first, [share * e for e in first]
        rows = [[dyadic(v) for v in (*q, *e)] for q, e in zip(ends, eps, strict=True)]
        yield Region(name, chart.to_json(), *rows, [dyadic(wide / 16)] * len(center))
    for name in ("near zero", "two mirrored"):
        yield from _about_constants(name)
    for name in ("c", "flipped"):
        yield from _about_copies(name)
    yield from _about_three()


def _about_constants(name: str) -> Iterator[Region]:
    """Short pieces at the limit of two groups that share a constant: wide in ``K`` alone, or far from infinity."""
    groups, _, center = _CENTERS[name]
    sizes = iter(range(9))
    chart = chart_of(3 + (len(center) > 8), 2, [Group(k, tuple(next(sizes) for _ in range(n))) for k, n in groups])
    constant = chart.units[-1].place.start
    for eps, width in ((sign * Fraction(1, 2**k), 2 * k) for sign in (1, -1) for k in range(3, 9)):
        rows = [[dyadic(v) for v in (*map(Fraction, center), eps * share)] for share in (1, Fraction(63, 64))]
        for size in (26, width):
            radii = [f"1*2^-{size if place == constant else 26}" for place in range(len(center))]
            yield Region(name, chart.to_json(), *rows, radii)


_THREE = [-1.412003, -0.956004, 1.479897, -1.439062, -1.15906, 1.32697, -0.590987]
_THREE += [1.305956, 1.012057, -0.672961, -1.269989, 1.715982, -1.573011]


def _about_three() -> Iterator[Region]:
    """Short pieces at a limit of three groups that share a constant, two of which nearly cancel it or not.

    And boxes about a critical network: all that is asked for holds there, but that not all ``ε`` have one sign.
    """
    chart = chart_of(5, 2, [Group("mirrored", (0, 1)), Group("mirrored", (2, 3)), Group("zero", (4,))])
    constant, center = chart.units[-1].place.start, list(map(Fraction, _THREE))
    for k in range(6, 13):
        for second in (Fraction(1, 2), Fraction(-3, 4), Fraction(-255, 256)):
            eps = [Fraction(1, 2**k), second / 2**k]
            for share in (Fraction(63, 64), Fraction(0)):
                rows = [[dyadic(v) for v in (*center, *(e * way for e in eps))] for way in (1, share)]
                for size in (26, k):
                    radii = [f"1*2^-{size if place == constant else 26}" for place in range(len(center))]
                    yield Region("three constants", chart.to_json(), *rows, radii)
    # to 1/64
    critical = [Fraction(round(v * 64), 64) for v in center]
    row = [dyadic(v) for v in (*critical, Fraction(-3, 4), Fraction(-1))]
    yield Region("one sign", chart.to_json(), row, row, ["1*2^-40"] * len(center))


def _about_copies(name: str) -> Iterator[Region]:
    """Short pieces at a limit with copies in a diverging group, which are near each other, or not."""
    groups, center = _COPIES[name]
    sizes = iter(range(9))
    chart = chart_of(3 + (len(groups) > 1), 2, [Group(k, tuple(next(sizes) for _ in range(n))) for k, n in groups])
    for k in range(4, 10):
        for share in (Fraction(63, 64), Fraction(0)):
            rows = [[dyadic(v) for v in (*map(Fraction, center), -Fraction(1, 2**k) * way)] for way in (1, share)]
            for away in range(-4, 14, 2):
                yield Region(name, chart.to_json(), *rows, ["1*2^-30"] * len(center), dyadic(Fraction(2) ** -away))


_COPIES: dict[str, tuple[list[tuple[Any, int]], list[float]]] = {
    "c": ([("split-", 3)], [0.537969, -1.00575, -0.592593, 1.012163, 2.004784]),
    "flipped": (
        [_MIRRORED, ("zero", 2)],
        [1.357008, 1.487006, 1.088982, -1.24802, -1.006978, -1.51601, -1.361002, -0.304003],
    ),
}
"""By problem: groups, one of them with copies, and a limit."""


def proved() -> list[dict[str, Any]]:
    """The pieces that the provers accept."""
    out = []
    for region in proposals():
        chart, curve, radii = region.curve()
        wide = np.array([float(v) for v in radii])
        apart = from_text(region.apart)
        if bowl(chart.objective(problem(region.problem)), chart, curve, wide, Float64Enclosures(), apart=apart):
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
    radii, apart = [from_text(v) for v in region.radii], from_text(region.apart)
    check_region(folded(region.problem), chart, *places, radii, "piece", None, apart)


@cache
def folded(name: str) -> Folded:
    """The problem called ``name`` as paths and regions need it."""
    return fold(checked(name), Points(192))
