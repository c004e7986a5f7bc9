"""From the path of a polish to a proved one: a search for few vertices, and the proof piece by piece."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cache
from itertools import chain
from typing import Any

import numpy as np

from certify.arithmetic import Array, quiet
from certify.pipeline.closings import Closing, closing
from certify.pipeline.lower import lower
from certify.proofs.path import Descent, first_place, prove_channel, prove_descent, prove_zero
from certify.proofs.proof import Failure
from sweep.kernels.compiled import KernelData
from sweep.polishing.descent import LimitSlope, Slope, approx_descent, short
from symmetry.arithmetic import Float64
from symmetry.infinity.charts import Chart
from symmetry.infinity.groups import TAU
from symmetry.infinity.merging import quintic_nodes, read_triple
from symmetry.lines import slopes
from symmetry.matching import propose_stratum_point
from symmetry.network import Exact, Network, exact
from symmetry.objective import SquareLoss
from symmetry.paths.release import Piece, Place, approx_residuals, piece, place_of, residuals, toward
from symmetry.problem import Problem
from symmetry.strata import Stratum

_AHEAD, _PLACES = 4, 40
_TOWARD = (0.5, 0.75, 0.9)
"""So far on the way to a limit, where no vertex of the polish lies downhill."""

_PARTS = (0.5, 0.125)
"""So far on the way to the next vertex, where these lead nowhere."""

_WATCHED = {False: np.array([-1.0, -0.75, 0.5, 1.0]), True: np.array([1.0, 0.9, 0.5, 0.1])}
"""Where on a piece in a chart losses are looked at before it is expanded, between places and on the last one."""

_NOISE = 1e-14
"""Of a loss that rises by less, relative to its root and to the largest output, nothing is said."""

_LOWER = (0.5, 0.65, 0.8, 0.9, 0.95, 1.0)
"""So far from the limit, relatively, a place of least loss is tried in a chart with a quintic group."""

_BESIDE = 0.2
"""How far from a vertex, relatively, the stratum nearest to it may be."""

_RARE = 4
"""Of so many vertices one is asked for curves that cost more, or for a way in a chart along the polish."""

_ASKED, _TRIPLE = 64, 32
"""At so many vertices at most a way is asked for in a chart, and in one with triples or a quintic group."""

_INSIDE = 0.9
"""How near to the faces of a box, relative to its radii, a path may end."""


@dataclass(frozen=True)
class Box:
    """The uniqueness box of a minimum, in which the loss is strictly convex, in the order of the candidate's neurons.

    Args:
        center: (P,) exact.
        radius: (P,) float64.
    """

    center: Exact
    radius: Array

    def holds(self, theta: Array) -> bool:
        """Whether it holds ``theta`` (P,), with room to spare; approximate."""
        return bool(np.all(np.abs(theta - self.center.astype(np.float64)) <= _INSIDE * self.radius))

    def entry(self, theta: Array) -> Exact:
        """A point of the box on the straight line from ``theta`` to its centre, nearly, in numbers not too long."""
        away = exact(theta) - self.center
        shares = [Fraction(r) / abs(v) for r, v in zip(self.radius.tolist(), away, strict=True) if v]
        share = min([*shares, Fraction(1, 2)])
        unit = Fraction(2) ** (math.frexp(self.radius.min())[1] - 48)
        return np.array([round(v / unit) * unit for v in self.center + away * (share * _INSIDE)], dtype=object)


@quiet
def trace_to_box(
    problem: Problem, data: KernelData, path: Sequence[Array], box: Box, *, arithmetic: str, max_bits: int
) -> Descent | Failure:
    """A proved path into the uniqueness box of a minimum.

    Args:
        problem: the problem.
        data: the same, prepared for the kernels.
        path: vertices (P,) from the saved point to near the box, as a polish left them.
        box: the box. That the last vertex lies in it remains to be decided exactly.
        arithmetic: as in :func:`certify.arithmetic.ladder`.
        max_bits: the last precision tried.

    Returns:
        the proof, or a failure: ``no-path``, ``rises``.
    """
    slope = _slope(problem, data, len(box.center))
    way = _into(slope, path, box, arcs=True)
    return Failure("no-path") if way is None else _proved(slope.objective, *way, 0, arithmetic, max_bits)


@quiet
def trace_to_zero(
    problem: Problem, data: KernelData, path: Sequence[Array], stratum: Stratum, *, arithmetic: str, max_bits: int
) -> tuple[Descent, Network] | Failure:
    """A proved path to an exact zero of the loss, and the zero; otherwise as :func:`trace_to_box`.

    It need not lie on ``stratum``: where the way there ends on a floor that no curve follows, another may be nearer.
    """
    slope = _slope(problem, data, len(path[0]))
    closings: list[Closing | None] = []

    def arrived(theta: Array) -> bool:
        closings.append(closing(slope, stratum, theta, thorough=len(closings) % _RARE == 0))
        return closings[-1] is not None

    track = approx_descent(slope, path, arrived, arcs=True)
    vertices, last = track.vertices, closings[-1]
    if last is None:
        vertices, last = _elsewhere(slope, problem, stratum, vertices)
    if last is None:
        return Failure("no-path")
    way = (last.zero, exact(vertices[-1]), last.closing, last.rows, last.octaves)
    if not prove_zero(slope.objective, *way, arithmetic=arithmetic, max_bits=max_bits):
        return Failure("rises", (("piece", len(vertices)),))
    bends = {number: bend for number, bend in track.bends.items() if number + 1 < len(vertices)}
    proof = _proved(slope.objective, [exact(v) for v in vertices], bends, last.closing, arithmetic, max_bits)
    if isinstance(proof, Failure):
        return proof
    proof = replace(proof, octaves=last.octaves)
    return (replace(proof, places=np.array(last.rows, dtype=object)) if last.rows else proof), last.zero


@quiet
def trace_to_limit(
    problem: Problem,
    data: KernelData,
    path: Sequence[Array],
    chart: Chart,
    order: Sequence[int],
    end: Exact,
    radius: Array,
    *,
    arithmetic: str,
    max_bits: int,
) -> Descent | Failure:
    """A proved path from the saved point to the limit of a chart.

    Args:
        problem: the problem.
        data: the same, prepared for the kernels.
        path: vertices (P,) from the saved point on, as a polish left them.
        chart: in normal form.
        order: neuron ``i`` of the chart is neuron ``order[i]`` of the run.
        end: (P',) exact, the limit network, the centre of its box.
        radius: (P',) float64, the radii of the box.
        arithmetic: as in :func:`certify.arithmetic.ladder`.
        max_bits: the last precision tried.
    """
    if not chart.plain:
        return Failure("no-path")
    slope = _slope(problem, data, len(path[0]))
    losses = [slope.objective.evaluate(v, Float64(), 0).loss[0] for v in path]
    entries: list[tuple[Network, list[Place] | None]] = []

    def arrived(theta: Array) -> bool:
        # the vertices of the polish that lie lower show the way in the chart; they are asked for at some vertices only
        here, ahead = slope.objective.evaluate(theta, Float64(), 0).loss[0], []
        fully = len(entries) % _RARE == 0
        if fully:
            ahead = [v for v, loss in zip(path, losses, strict=True) if loss < here]
        networks = [Network.from_theta(exact(v), problem.dimension).permuted(order) for v in [theta, *ahead]]
        # a triple takes three times as long, and without the polish a way was never seen to lead anywhere
        found = None
        if fully or not chart.noded:
            found = _approx_places(problem, data, slope.objective, chart, networks, Box(end, radius))
        entries.append((networks[0], found))
        return found is not None or len(entries) > (_TRIPLE if chart.noded else _ASKED)

    track = approx_descent(slope, path, arrived, arcs=True)
    network, places = entries[-1]
    if places is None:
        return Failure("no-path")
    nodes = _nodes(chart, network, end)
    if not prove_channel(slope.objective, chart, network, places, nodes, arithmetic=arithmetic, max_bits=max_bits):
        return Failure("rises")
    proof = _proved(slope.objective, [exact(v) for v in track.vertices], track.bends, 3, arithmetic, max_bits)
    if isinstance(proof, Failure):
        return proof
    rows = np.empty((len(places), len(end) + len(places[0].eps)), dtype=object)
    for i, place in enumerate(places):
        rows[i] = [*place.q, *place.eps]
    return replace(proof, order=tuple(order), places=rows, nodes=np.array(nodes, dtype=object).reshape(len(nodes), 2))


def _approx_places(
    problem: Problem, data: KernelData, objective: SquareLoss, chart: Chart, networks: Sequence[Network], box: Box
) -> list[Place] | None:
    """Places in the chart, downhill from the first network to the limit; approximate."""
    approx, limit = Float64(), chart.objective(problem)

    def falls(start: Place, stop: Place | None) -> bool:
        try:
            curve = None if stop is None else piece(chart, start, stop)
            if curve is None or _rises(limit, chart, curve):
                return False
            line = residuals(limit, chart, curve, approx)
        except (ZeroDivisionError, OverflowError):  # numbers beyond float64
            return False
        if line is None:
            return False
        bounds = slopes(line, approx, even=curve.last)
        return bool(np.all(bounds > 0) if curve.last else np.all(bounds < 0))

    @cache
    def read(number: int) -> Place | None:
        network = networks[number]
        if chart.noded:
            try:
                place = first_place(chart, network, _nodes(chart, network, box.center))[1]
                return replace(_rounded(chart, place), flipped=start.flipped)
            except (ValueError, ZeroDivisionError, OverflowError):  # nodes that are equal, outputs that add up to 0
                return None
        # in float64, which is much faster than fractions
        floating: Any = (v.astype(np.float64) for v in (network.w, network.a))
        place = replace(_rounded(chart, place_of(chart, Network(*floating))), flipped=start.flipped)
        return place if np.isfinite(place.q).all() and np.isfinite(place.eps).all() else None

    try:
        merged, start = first_place(chart, networks[0], _nodes(chart, networks[0], box.center))
        here = _rounded(chart, start)
    except (ValueError, ZeroDivisionError, OverflowError):  # as above, where float64 may not see it
        return None
    parted = [v.astype(np.float64) for v in (merged, networks[0].theta() - merged)]
    if np.any(parted[1]) and not np.all(slopes(objective.along(parted, approx), approx, even=True) > 0):
        return None
    if not chart.diverging:
        onto = [place for place in map(read, range(len(networks))) if place is not None]
        way = _into(LimitSlope(limit), [p.q.astype(np.float64) for p in onto], box, arcs=False)
        return None if way is None else [Place(q, ()) for q in way[0][1:]]
    center = box.center.astype(np.float64)
    end = short(center) if box.holds(short(center)) else center
    found: list[Place] = []
    at = 0
    while not falls(here, toward(chart, here, end, 0.0)):
        if len(found) == _PLACES:
            return None
        ahead = range(at + 1, min(at + _AHEAD, len(networks) - 1) + 1)
        onward = next((k for k in ahead if falls(here, read(k))), None)
        if onward is None:
            # a part of the way to the goal, on the curve that leads there
            between: Iterable[Place] = [toward(chart, here, end, share) for share in _TOWARD]
            later = read(at + 1) if at < len(networks) - 1 else None
            parts = [] if later is None else [_part(here, later, share) for share in _PARTS]
            # where a neuron saturates the polish knows better how fast
            between = [*parts, *between] if chart.saturated else [*between, *parts]
            if chart.quintics:
                lowest = (lower(data, chart, here, center, share) for share in _LOWER)
                between = chain((place for place in lowest if place is not None), between)
            reached = next((place for v in between if falls(here, place := _rounded(chart, v))), None)
        else:
            at, stride = onward, 1
            while at < len(networks) - 1:
                onward = min(at + stride, len(networks) - 1)
                if not falls(here, read(onward)):
                    break
                at, stride = onward, 2 * stride
            reached = read(at)
        if reached is None:
            return None
        here = reached
        found.append(here)
    goal = exact(end) if box.holds(end) else box.center
    places = [Place(exact(p.q), tuple(exact(p.eps).tolist()), here.flipped) for p in [here, *found]]
    return [*places[1:], toward(chart, places[-1], goal, Fraction(0))]


def _rises(limit: SquareLoss, chart: Chart, curve: Piece) -> bool:
    """Whether the loss is seen to rise on a piece in a chart, at a few of its networks: most do, and that is cheap."""
    found = approx_residuals(limit, chart, curve, _WATCHED[curve.last])
    if found is None:
        return False
    losses = np.mean(found.residuals**2, axis=0)
    # outputs cancel each other in a channel, and with them the digits of the loss
    noise = _NOISE * np.sqrt(losses) * found.largest
    return bool(np.any(np.diff(losses) > noise[1:]))


def _nodes(chart: Chart, network: Network, limit: Exact) -> list[tuple[Fraction, Fraction]]:
    """Two nodes of each triple, in short numbers: where the plane across ``u`` through a neuron cuts the line along it.

    ``u`` has the direction that it has in the limit; ``Σ a_i p_i² = τ`` nearly, of a quintic group ``1/p_1p_2p_3``.
    """
    out = []
    for group in chart.noded:
        index, signs = list(group.members), np.array(group.signs)
        w, a = network.w[index].astype(np.float64) * signs[:, None], network.a[index].astype(np.float64) * signs
        if group.kind == "quintic":
            first, second, _ = exact(short(quintic_nodes(w, a))).tolist()
            out.append((first, second))
            continue
        d, block = chart.dimension, limit[chart.place(group)].astype(np.float64)
        u = read_triple(w, a, TAU[group.kind])[0][2 * d : 3 * d]
        u = u if u @ block[2 * d : 3 * d] > 0 else -u
        p = (w - w.mean(axis=0)) @ u / max(float(u @ u), np.finfo(np.float64).tiny)
        first, second, _ = exact(short(p)).tolist()
        out.append((first, second))
    return out


def _part(start: Place, end: Place, share: float) -> Place:
    """A part of the way from one place to another, nearly."""
    eps = (a + (b - a) * share for a, b in zip(start.eps, end.eps, strict=True))
    return Place(start.q + (end.q - start.q) * share, tuple(eps), start.flipped)


def _rounded(chart: Chart, place: Place) -> Place:
    """A place in short numbers, float64; small coordinates that do not vanish in the limit are set to that."""
    limit = toward(chart, place, place.q, 0.0).eps
    small = [there or here for there, here in zip(limit, place.eps, strict=True)]
    q, eps = (short(np.array(v, dtype=np.float64)) for v in (place.q, small))
    return Place(q, tuple(eps.tolist()), place.flipped)


def _into(
    slope: LimitSlope, path: Sequence[Array], box: Box, *, arcs: bool
) -> tuple[list[Exact], dict[int, Array]] | None:
    """Vertices downhill from the first of ``path`` into a box, and the bends of arcs between them; approximate.

    Near a flat minimum float64 cannot tell how the loss falls, but 106 bits can: it is enough here that it falls on
    most of the straight line to the centre.
    """
    center = box.center.astype(np.float64)

    def arrived(theta: Array) -> bool:
        return box.holds(theta) or slope.falls(theta, center + (theta - center) / 16)

    track = approx_descent(slope, path, arrived, arcs=arcs)
    if not track.arrived:
        return None
    vertices, last = [exact(v) for v in track.vertices], track.vertices[-1]
    if not box.holds(last) or len(vertices) == 1:
        vertices.append(box.entry(last))
    return vertices, track.bends


def _slope(problem: Problem, data: KernelData, size: int) -> Slope:
    width = size // (problem.dimension + 1)
    return Slope(SquareLoss.of_network(problem, width), data, width)


def _proved(
    objective: SquareLoss,
    vertices: Sequence[Exact],
    bends: Mapping[int, Array],
    closing: int,
    arithmetic: str,
    max_bits: int,
) -> Descent | Failure:
    curved = {number: exact(bend) for number, bend in bends.items()}
    legs = prove_descent(objective, vertices, curved, arithmetic=arithmetic, max_bits=max_bits)
    if isinstance(legs, Failure):
        return legs
    bent = {i: leg.bend for i, leg in enumerate(legs) if leg.bend is not None}
    ends, rows = (np.empty((len(v), len(vertices[0])), dtype=object) for v in (legs, bent))
    for i, leg in enumerate(legs):
        ends[i] = leg.end
    for i, bend in enumerate(bent.values()):
        rows[i] = bend
    return Descent(ends, closing, bent=tuple(bent), bends=rows)


def _elsewhere(
    slope: Slope, problem: Problem, home: Stratum, vertices: list[Array]
) -> tuple[list[Array], Closing | None]:
    """The vertices to the first from which a curve leads to the stratum nearest to it, if that is not ``home``."""
    for number, theta in enumerate(vertices):
        point = propose_stratum_point(problem, Network.from_theta(exact(theta), problem.dimension), loosest=_BESIDE)
        if point is not None and point.stratum.labels != home.labels:
            found = closing(slope, point.stratum, theta, thorough=number % _RARE == 0)
            if found is not None:
                return vertices[: number + 1], found
    return vertices, None
