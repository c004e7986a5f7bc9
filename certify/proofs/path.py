"""Downhill all the way: a path from a saved point to a certified object, along which the loss provably falls.

Piece by piece, the residuals are expanded in the one variable ``t`` of the piece (:mod:`symmetry.lines`); where all
bounds of ``d/dt L`` are negative the loss falls strictly from one vertex to the next. How the path ends:

* in the uniqueness box of a minimum: the loss is strictly convex there, so it falls on along the straight line to the
  minimum itself;
* at an exact zero of the loss, along a line, or a curve on which residuals vanish to second or third order, on which
  the loss rises from 0;
* in a chart: copies of a neuron are moved together, then the coordinates ``(q, ε)`` of the chart go from place to
  place, at last to infinity, into the uniqueness box of the limit network's minimum (docs/paths.md).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from functools import partial
from itertools import pairwise
from typing import Any, cast

import numpy as np

from certify.arithmetic import Array, Enclosures, ladder, quiet
from certify.proofs.proof import Failure, Proof
from symmetry.arithmetic import Float64
from symmetry.infinity.charts import Chart
from symmetry.lines import TOP, slopes
from symmetry.network import Exact, Network
from symmetry.objective import SquareLoss
from symmetry.paths.closing import arc, shrink, stretch, way_in
from symmetry.paths.release import Piece, Place, piece, place_of, residuals
from symmetry.paths.third_order import vanishes

_HALVINGS = 3
_BITS = 106
"""Paths are not worth more."""


@dataclass(frozen=True)
class Leg:
    """A piece of a path: where it leads to, (P,) exact, and its bend, if it is an arc."""

    end: Exact
    bend: Exact | None = None


@dataclass(frozen=True, eq=False)
class Descent(Proof):
    """The loss falls strictly from the saved point along lines and arcs from vertex to vertex, and on to the end.

    Args:
        vertices: (k, P) exact, the saved point, which comes first, left out; k may be 0.
        closing: 0: the last vertex lies in the uniqueness box of a minimum. 1, 2 or 4: from the last vertex the loss
            falls to 0 along a straight or a bent curve to an exact zero; see :func:`prove_zero`. 3: from the last
            vertex it falls in the object's chart; see :func:`prove_channel`.
        order: for closing 3, neuron ``i`` of the chart is neuron ``order[i]`` of the candidate.
        places: for closing 3, (l, P' + free ε) exact, the places ``(q, ε)`` after the first, at last with ``ε = 0``.
            Of a triple ``(μ, α, p_1, p_2)`` takes the place of ``ε``, at last with ``μ = τ``, ``p = 0``.
            For closings 2 and 4, (k, P), coefficients of the last curve; see :func:`prove_zero`.
        octaves: for closings 1, 2 and 4, how often the last curve is halved.
        bent: the numbers of the pieces, ascending, that are arcs; piece 0 leads from the saved point to vertex 0.
        bends: (len(bent), P) exact, their bends; see :func:`symmetry.paths.closing.arc`.
        radii: for closing 3 without vertices, (l, P') float64 taken as exact, or empty. In the boxes of these radii
            about the piece to each place the chart's loss is strictly convex in ``q`` and rises with every free ``ε²``;
            see :mod:`certify.proofs.valley`.
        nodes: for closing 3, (t, 2) exact, ``p_1, p_2`` of each of the chart's triples at the last vertex.
        apart: where there are copies in diverging groups, how far from each other they may be in the region.
    """

    theorem = "descent"

    vertices: Exact
    closing: int
    order: tuple[int, ...] = ()
    places: Exact = field(default_factory=lambda: np.empty((0, 0), dtype=object))
    octaves: int = 0
    bent: tuple[int, ...] = ()
    bends: Exact = field(default_factory=lambda: np.empty((0, 0), dtype=object))
    radii: Array = field(default_factory=lambda: np.empty((0, 0)))
    nodes: Exact = field(default_factory=lambda: np.empty((0, 2), dtype=object))
    apart: Fraction = Fraction(0)

    @property
    def bend(self) -> Exact | None:
        """For closing 2, ``v_2`` of a curve of degree 3."""
        return self.places[0] if self.closing == 2 and len(self.places) else None

    def corners(self, start: Array) -> Array:
        """Points (k, P) on the way from ``start`` to the last vertex, arcs with their middle; approximate."""
        points = [start, *(v.astype(np.float64) for v in self.vertices)]
        bends = {number: bend.astype(np.float64) for number, bend in zip(self.bent, self.bends, strict=True)}
        out = [start]
        for number, (here, end) in enumerate(pairwise(points)):
            if number in bends:
                out.append((here + end) / 2 - bends[number] / 4)
            out.append(end)
        return np.array(out)

    @property
    def last(self) -> Exact | None:
        """The last vertex; ``None`` where it is the saved point."""
        return self.vertices[-1] if len(self.vertices) else None


def prove_descent(
    objective: SquareLoss,
    vertices: Sequence[Exact],
    bends: Mapping[int, Exact] | None = None,
    *,
    arithmetic: str,
    max_bits: int,
) -> list[Leg] | Failure:
    """Prove that the loss falls strictly along lines and arcs.

    Args:
        objective: the loss.
        vertices: (P,) each, exact; the first is where it starts.
        bends: of the pieces, by number, that are arcs, (P,) exact.
        arithmetic: as in :func:`certify.arithmetic.ladder`.
        max_bits: the last precision tried.

    Returns:
        the pieces, some halved so that each is proved in one expansion; or the failure ``rises`` with the number of the
        piece. It does not say that the loss rises there.
    """
    found: list[Leg] = []
    for number, (start, end) in enumerate(pairwise(vertices)):
        leg = Leg(end, (bends or {}).get(number))
        pieces = _fall(objective, start, leg, arithmetic, max_bits, _HALVINGS)
        if pieces is None:
            return Failure("rises", (("piece", number),))
        found += pieces
    return found


def prove_zero(
    objective: SquareLoss,
    zero: Network,
    end: Exact,
    closing: int,
    rows: Sequence[Exact] = (),
    octaves: int = 0,
    *,
    arithmetic: str,
    max_bits: int,
) -> bool:
    """Prove that the loss rises strictly from an exact zero to ``end`` along a curve.

    On ``0 < t ≤ 2^−octaves`` by the order to which residuals vanish, and on ``[2^−j, 2^(1−j)]``, ``j = 1, …, octaves``,
    as on other pieces. ``False`` does not say that it does not.

    Args:
        objective: the loss; ``zero`` has residuals exactly 0.
        zero: the zero.
        end: (P,) exact.
        closing: 1: the straight line. 2: the curve of :func:`symmetry.paths.closing.way_in`, residuals vanish to second
            order. 4: that of degree 5 with the given ``rows``, if residuals vanish to third order, see
            :func:`symmetry.paths.third_order.vanishes`.
        rows: (P,) each, exact: of closing 2 none, or ``v_2``; of closing 4 ``v_1`` to ``v_4``.
        octaves: how often it is halved.
        arithmetic: as in :func:`certify.arithmetic.ladder`.
        max_bits: the last precision tried.
    """
    reflection = objective.problem.activation.reflection
    if closing == 2 and reflection is None:
        return False  # neurons of w and −w are put together, which asks for an even σ'
    first, order = zero.theta(), closing
    parts = [*rows, end - first - sum(rows, first * 0)]
    if closing == 2:
        parts = [*way_in(zero, Network.from_theta(end, zero.dimension), *rows)]
    if closing == 4:
        order = 3
        if len(parts) != TOP or not vanishes(zero, parts, reflection):
            return False
    curve, rungs = [first, *parts], partial(_rungs, arithmetic, max_bits)
    ends = [Fraction(1, 2**j) for j in range(octaves + 1)]
    if not all(any(_falls(objective, stretch(curve, a, b), rung) for rung in rungs()) for a, b in pairwise(ends)):
        return False
    return any(_rises(objective, shrink(curve, ends[-1]), order, rung) for rung in rungs())


def first_place(chart: Chart, network: Network, nodes: Sequence[Sequence[Fraction]] = ()) -> tuple[Exact, Place]:
    """Where a network stands in a chart that is plain, exact; its triples at the given nodes.

    Returns:
        the network of :func:`brought_together`, and its place.
    """
    return brought_together(chart, network), place_of(chart, network, nodes)


def brought_together(chart: Chart, network: Network) -> Exact:
    """The network with the copies in each group moved to their mean, weighted by the outputs, flat."""
    w = network.w.copy()
    for group in chart.shared:
        members, signs = (np.array(v)[list(group.copied)] for v in (group.members, group.signs))
        a = signs * network.a[members]
        w[members] = signs[:, None] * (a @ (signs[:, None] * network.w[members]) / a.sum())
    return np.concatenate([w.ravel(), network.a])


def prove_channel(
    objective: SquareLoss,
    chart: Chart,
    network: Network,
    places: Sequence[Place],
    nodes: Sequence[Sequence[Fraction]] = (),
    *,
    arithmetic: str,
    max_bits: int,
) -> bool:
    """Prove that the loss falls from a network, in its chart, from place to place, the last of which is at infinity.

    ``False`` does not say that it does not. The outputs of each group of copies must not add up to 0.

    Args:
        objective: of the networks.
        chart: that is plain; of the network.
        network: exact.
        places: after the network's own place, at least one. For a chart without diverging groups they are finite.
        nodes: of each triple, where the network has it; see :func:`symmetry.infinity.merging.on_parabola`.
        arithmetic: as in :func:`certify.arithmetic.ladder`.
        max_bits: the last precision tried.
    """
    merged, here = first_place(chart, network, nodes)
    limit = chart.objective(objective.problem)
    if not come_together(objective, network, merged, arithmetic, max_bits=max_bits):
        return False
    for place in places:
        curve_there = piece(chart, here, place)
        if curve_there is None or not any(leads(limit, chart, curve_there, a) for a in _rungs(arithmetic, max_bits)):
            return False
        here = replace(place, flipped=here.flipped)
    return True


def come_together(
    objective: SquareLoss, network: Network, merged: Exact, arithmetic: str, *, max_bits: int = _BITS
) -> bool:
    """Prove that the loss falls as copies move straight to their means; ``merged`` as of :func:`first_place`."""
    if not np.any(merged != network.theta()):
        return True
    # Σ a_i δ_i = 0: no residual changes to first order
    curve = [merged, network.theta() - merged]
    return any(_parts(objective, curve, a) for a in _rungs(arithmetic, max_bits))


def parted(chart: Chart, network: Network, merged: Exact) -> list[Fraction]:
    """The magnitudes of the entries of ``y`` of copies in diverging groups, at ``w ± εu + ε²y_i`` or ``4ε(ℓ + y_i)``.

    Args:
        chart: plain, without copies of neurons.
        network: exact.
        merged: as of :func:`first_place`.
    """
    together = Network.from_theta(merged, network.dimension)
    _, eps = chart.read(*cast("tuple[Any, Any]", (together.w, together.a)))
    out = []
    for group, e in zip(chart.diverging, eps, strict=True):
        unit = abs(4 * e) if group.kind == "zero" else e * e
        members = [group.members[k] for k in group.copied]
        out += [abs(v) / unit for v in (network.w - together.w)[members].ravel()]
    return out


@quiet
def _parts(objective: SquareLoss, curve: Sequence[Exact], a: Enclosures) -> bool:
    line = objective.along([a.array(v) for v in curve], a)
    return all(bound is not None and bound > 0 for bound in a.lower(slopes(line, a, even=True)))


@quiet
def leads(limit: SquareLoss, chart: Chart, curve: Piece, a: Enclosures) -> bool:
    """Prove that the loss falls along a piece in a chart, ``limit`` that of its limit network."""
    line = residuals(limit, chart, curve, a)
    if line is None:
        return False
    if curve.last:
        return all(bound is not None and bound > 0 for bound in a.lower(slopes(line, a, even=True)))
    return all(bound is not None and bound < 0 for bound in a.upper(slopes(line, a)))


def _rungs(arithmetic: str, max_bits: int) -> Iterator[Enclosures]:
    return ladder(arithmetic, min(max_bits, _BITS), uniform=True)


def _fall(
    objective: SquareLoss, start: Exact, leg: Leg, arithmetic: str, max_bits: int, halvings: int
) -> list[Leg] | None:
    """The piece from ``start`` on, in parts that are proved; ``None`` where one is not."""
    whole = [start, leg.end - start] if leg.bend is None else arc(start, leg.end, leg.bend)
    curve, approx = stretch(whole, Fraction(0), Fraction(1)), Float64()
    line = objective.along([v.astype(np.float64) for v in curve], approx)
    # what fails only by rounding needs more bits, what fails by the rest of the expansion a shorter piece; near a
    # flat minimum float64 cannot tell the two apart, so that all bits are tried on a whole piece
    clear = bool(np.all(slopes(line, approx) < 0))
    rungs = _rungs(arithmetic, max_bits) if clear or halvings == _HALVINGS else ()
    if any(_falls(objective, curve, a) for a in rungs):
        return [leg]
    if not halvings:
        return None
    # the coefficient of s⁰ is the point at t = 1/2; halves have a quarter of the bend
    middle, bend = curve[0], None if leg.bend is None else leg.bend / 4
    first = _fall(objective, start, Leg(middle, bend), arithmetic, max_bits, halvings - 1)
    second = first and _fall(objective, middle, Leg(leg.end, bend), arithmetic, max_bits, halvings - 1)
    return first + second if first and second else None


@quiet
def _falls(objective: SquareLoss, curve: Sequence[Exact], a: Enclosures) -> bool:
    line = objective.along([a.array(v) for v in curve], a)
    return all(bound is not None and bound < 0 for bound in a.upper(slopes(line, a)))


@quiet
def _rises(objective: SquareLoss, curve: Sequence[Exact], order: int, a: Enclosures) -> bool:
    line = objective.along([a.array(v) for v in curve], a)
    return all(bound is not None and bound > 0 for bound in a.lower(slopes(line, a, vanishing=order)))
