"""Networks of a chart along curves of its coordinates, also the last one, on which they diverge.

On a piece ``q`` is a polynomial of degree 2 in ``τ``; what the small coordinates of a group do is told by its way
(:mod:`symmetry.paths.ways`). Those of the last of the groups that share a released constant are such that the constants
released add up. Valleys are nearly straight in ``(q, ε²)``, so between two places ``q`` is taken linear in ``ε²`` of
the first group.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import reduce
from typing import Any, NamedTuple, cast

import numpy as np
from numpy.typing import NDArray

from symmetry.arithmetic import Arithmetic, Float64
from symmetry.infinity.charts import Chart
from symmetry.infinity.groups import TAU, Group
from symmetry.lines import TOP, Expansion, expand
from symmetry.network import Exact, Network
from symmetry.objective import SquareLoss
from symmetry.paths.quintic_way import QuinticWay
from symmetry.paths.saturated_way import SaturatedWay
from symmetry.paths.triple_way import TripleWay
from symmetry.paths.ways import Course, PairWay, Stand, Way, ZeroWay
from symmetry.series import Rationals, added, plus, times

Floats = NDArray[np.float64]

_WAYS: dict[str, type[Way]] = {
    **dict.fromkeys(("pair", "split+", "split-", "mirrored"), PairWay),
    **dict.fromkeys(TAU, TripleWay),
    "quintic": QuinticWay,
    "zero": ZeroWay,
    "saturated": SaturatedWay,
}
"""By the kind of the group; :attr:`Chart.plain` says that there is one for each group of a chart."""


@dataclass(frozen=True)
class Place:
    """A network in the coordinates of a chart, its copies equal; exact, or in float64 where nothing is proved.

    Args:
        q: (P',) the limit network.
        eps: the small coordinates of all diverging groups, in order, but those of :attr:`Chart.dependent`.
        flipped: of each of :attr:`Chart.turned`, exact, how much of the copies' output the flipped ones have; it is the
            same all along a path.
    """

    q: Any
    eps: tuple[Any, ...]
    flipped: tuple[Fraction, ...] = ()


@dataclass(frozen=True)
class Piece:
    """A curve: ``q(τ)``, and the ways of the diverging groups.

    Args:
        q: three coefficients (P',), exact, as :meth:`symmetry.paths.ways.Way.inner` has them.
        ways: of the diverging groups, in order.
        last: whether it comes from infinity, ``τ ∈ [0, 1]``; else ``τ ∈ [−1, 1]``.
    """

    q: tuple[Exact, Exact, Exact]
    ways: tuple[Way, ...]
    last: bool

    @property
    def eps(self) -> tuple[tuple[Rationals, Rationals], ...]:
        """The polynomials ``N``, ``D`` of ``ε = N/D`` of the groups that have one small coordinate."""
        return tuple(way.eps for way in self.ways if isinstance(way, PairWay))


def stands(chart: Chart, place: Place) -> list[tuple[Group, Stand]]:
    """The diverging groups that are free, and where they are."""
    out, start = list[tuple[Group, Stand]](), 0
    for group in (g for g in chart.diverging if g != chart.dependent):
        end = start + _WAYS[group.kind].numbers
        out.append((group, Stand(place.q[chart.span(group)], place.eps[start:end])))
        start = end
    return out


def at_infinity(chart: Chart, place: Place) -> bool:
    """Whether all diverging groups are; ``False`` if there are none."""
    free = stands(chart, place)
    return bool(free) and all(_vanished(group, stand) for group, stand in free)


def _vanished(group: Group, stand: Stand) -> bool:
    return stand.small == _WAYS[group.kind].shrunk(group, stand.small, Fraction(0))


def toward(chart: Chart, start: Place, q: Any, share: Any) -> Place:
    """From ``start`` towards the limit ``q``, to ``τ = share`` on the last curve, nearly; at 0, the limit itself."""
    small = (_WAYS[group.kind].shrunk(group, stand.small, share) for group, stand in stands(chart, start))
    return Place(q + (start.q - q) * share**2, tuple(v for part in small for v in part), start.flipped)


def place_of(chart: Chart, network: Network, nodes: Sequence[Sequence[Fraction]] = ()) -> Place:
    """The place of a network whose copies are together.

    Args:
        chart: that is plain.
        network: exact.
        nodes: two of each triple and quintic group in the chart, different numbers that do not add up to the opposite
            of one of them.
    """
    w, a = cast("tuple[Any, Any]", (network.w, network.a))
    q, eps = (np.asarray(v, dtype=object) for v in chart.read(w, a, nodes))
    out, values = list[Fraction](), iter(eps.tolist())
    for group in chart.diverging:
        small = [next(values) for _ in range(_WAYS[group.kind].numbers)]
        out += small if group != chart.dependent else []
    return Place(q, tuple(out), tuple(_flipped(group, a) for group in chart.turned))


def _flipped(group: Group, a: Any) -> Fraction:
    signs, outputs = (np.array(v)[list(group.copied)] for v in (group.signs, a[list(group.members)]))
    return Fraction((signs * outputs)[signs < 0].sum() / (signs * outputs).sum())


def piece(chart: Chart, start: Place, end: Place) -> Piece | None:
    """The curve from ``start`` (``τ = −1``) to ``end`` (``τ = 1``), or to infinity (from ``τ = 1`` to 0).

    ``None`` where weights are infinite before the end, or do not all diverge there. Flipped copies have the shares that
    they have at ``start``.
    """
    last = at_infinity(chart, end)
    ends = [(group, a, b) for (group, a), (_, b) in zip(stands(chart, start), stands(chart, end), strict=True)]
    if any(_vanished(group, a) or (not last and _vanished(group, b)) for group, a, b in ends):
        return None
    share = Fraction(0)
    if ends and not last:
        group, a, b = ends[0]
        share = _WAYS[group.kind].share(a.small, b.small)
    course, ways, q = Course(share, last), list[Way](), [start.q.copy(), end.q.copy()]
    for group, a, b in ends:
        found = _WAYS[group.kind].between(group, a, b, course)
        if found is None:
            return None
        ways.append(found)
        for v, stand in zip(q, (a, b), strict=True):
            v[chart.span(group)] = found.inner(group, stand)
    blended = course.blend(*q)
    if chart.dependent is not None:
        dependent = _dependent(chart, blended, ways, last, start.flipped)
        if dependent is None:
            return None
        ways.insert(chart.diverging.index(chart.dependent), dependent)
    return Piece(blended, tuple(ways), last)


def _dependent(
    chart: Chart, q: Sequence[Exact], ways: Sequence[Way], last: bool, flipped: Sequence[Fraction]
) -> PairWay | None:
    """``ε = 1/(S − Σ R_g)`` of the dependent group, ``R_g = n_g/d_g`` twice the constants released by the others.

    With ``Σ R_g = n/d`` that is ``d/(S d − n)``. Of splits ``R = −φ/ε``, ``φ`` the share of flipped copies.
    """
    assert chart.dependent is not None
    free, share = [g for g in chart.diverging if g != chart.dependent], dict(zip(chart.turned, flipped, strict=True))
    others = []
    for group in (g for g in chart.balanced if g != chart.dependent):
        above, below = ways[free.index(group)].released()
        others.append(([-share[group] * v for v in above] if group in share else above, below))
    total = [part @ released(chart, flipped) for part in q]
    above, numerator = reduce(added, others)
    denominator = plus(times(total, numerator), times([Fraction(-1)], above))
    while len(numerator) > 1 and not numerator[0] and not denominator[0]:
        numerator, denominator = numerator[1:], denominator[1:]
    way = ZeroWay if chart.dependent.kind == "zero" else PairWay
    # constants that cancel to leading order would leave this group where it is
    return way((numerator, denominator), last) if denominator[0] and not (last and numerator[0]) else None


def released(chart: Chart, flipped: Sequence[Fraction] = ()) -> Exact:
    """(P',) exact: ``S = 2K + Σ c + Σ φ c``, over mirrored pairs and splits with flipped copies; its coefficients."""
    out = np.array([Fraction(0)] * chart.units[-1].place.stop)
    out[chart.units[-1].place.start] = Fraction(2)
    for unit in chart.units:
        if unit.kind == "mirrored":
            out[unit.place.stop - 1] = Fraction(1)
    for group, share in zip(chart.turned, flipped, strict=True):
        out[chart.place(group).stop - 1] = share
    return out


def residuals(objective: SquareLoss, chart: Chart, curve: Piece, ar: Arithmetic) -> Expansion | None:
    """The residuals on a piece; ``None`` where weights may be infinite on it.

    On a last piece their coefficient of ``τ`` is exactly 0.

    Args:
        objective: of the chart's limit network.
        chart: that is plain.
        curve: the piece.
        ar: where to compute.
    """
    data, activation = objective.data(ar), objective.problem.activation
    one = data.norm.reshape(-1, 1) * 0 + 1
    parts = [ar.array(part) for part in curve.q]
    total = Expansion([-data.y.reshape(-1, 1), *[one * 0] * TOP], one * 0)
    if chart.ordinary:
        place = slice(0, objective.terms[0].layout.size)
        total = total + expand(objective.terms[0].along([v[place] for v in parts], data, ar), TOP, activation, ar)
    if chart.balanced:
        constant = chart.units[-1].place.start
        released_there = [one * part[constant : constant + 1] for part in parts]
        total = total + Expansion([*released_there, *[one * 0] * (TOP - 2)], one * 0)
    for group, way in zip(chart.diverging, curve.ways, strict=True):
        block = [part[chart.span(group)] for part in parts]
        found = way.expand(block, data, objective, ar)
        if found is None:
            return None
        total = total + found
    return total


class ApproxResiduals(NamedTuple):
    """The residuals of T networks on a piece, (N, T), and the size of their largest outputs, (T,)."""

    residuals: Floats
    largest: Floats


def approx_residuals(objective: SquareLoss, chart: Chart, curve: Piece, times: Floats) -> ApproxResiduals | None:
    """The residuals at some ``τ`` (T,), in float64; ``None`` in a chart with triples or saturated neurons.

    Args:
        objective: of the chart's limit network.
        chart: that is plain.
        curve: the piece.
        times: not 0 on a last piece.
    """
    ways = [way for way in curve.ways if isinstance(way, (PairWay, QuinticWay))]
    if len(ways) < len(curve.ways):
        return None
    problem, approx = objective.problem, Float64()
    x, sigma, d = problem.inputs.values, problem.activation, chart.dimension
    q = np.array([part.astype(np.float64) for part in curve.q]).T @ times ** np.arange(3)[:, None]
    total = -np.tile(problem.labels[:, None], len(times))
    largest = np.zeros(len(times))
    m = len(chart.ordinary)
    for i in range(m):
        output = q[m * d + i]
        total += output * sigma.jet(x @ q[i * d : (i + 1) * d], 0, approx)[0]
        largest = np.maximum(largest, np.abs(output))
    if chart.balanced:
        total += q[chart.units[-1].place.start]
    for group, way in zip(chart.diverging, ways, strict=True):
        outputs, size = way.approx_outputs(q[chart.span(group)], x, times, sigma)
        total += outputs
        largest = np.maximum(largest, size)
    return ApproxResiduals(total, largest)
