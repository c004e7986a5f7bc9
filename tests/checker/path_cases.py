"""Candidates with paths on tiny problems: the row, the line of ``witnesses.jsonl`` and the certificate belong together.

Paths of every closing, with arcs, halvings and bends, in charts with copies, splits, mirrored pairs, neurons near
zero, triples, flipped ones among them, quintic groups, and saturated neurons. :func:`rises` follows a path with the
provers' curves and charts, which share nothing with the checker's, and compares losses at 300 bits.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import suppress
from copy import deepcopy
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from itertools import pairwise
from typing import Any

import mpmath
import numpy as np
from cases import case, checked, problem
from further_cases import LINES, line, written
from on_piece import network_at
from region_cases import folded, wrong
from third_order_cases import BROKEN, broken

from certify.arithmetic.arb import Arb
from certify.arithmetic.rounding import root_above
from certify.checker.certificates import read_certificate
from certify.checker.directory import _points_hash
from certify.checker.path import check_path
from certify.checker.reading import Rejected, need
from certify.checker.rows import _columns, check_row
from certify.proofs.path import Descent, first_place, prove_channel, prove_descent, prove_zero
from certify.proofs.proof import Failure, dyadic, from_text
from symmetry.arithmetic import Float64
from symmetry.infinity.charts import Chart, Group, chart_from_json
from symmetry.infinity.groups import TAU
from symmetry.infinity.merging import quintic_nodes
from symmetry.network import Exact, Network, exact
from symmetry.objective import SquareLoss
from symmetry.paths.closing import arc, way_in
from symmetry.paths.release import Place, piece, place_of
from symmetry.regions.opening import Opening

Line = dict[str, Any]

_ENDS = ("minimum-2", "zero", "whole", "whole", "channel", "three copies", "flipped copies")
_CERTIFICATES = dict(zip(LINES, _ENDS, strict=True))
"""Of the lines of the negative corpus, those of the objects to which they lead."""

_POINTS = {
    "zero": ["C1+", "C2+"],
    "whole": ["C1+", "C1+"],
    "three copies": ["C1+", "C1+", "C1+"],
    "flipped copies": ["C1+", "C1+", "C1-", "Z"],
}


BITS = 300
"""In which losses along a path are compared."""

FRACTIONS = tuple(Fraction(k, 16) for k in range(17))


@dataclass(frozen=True)
class Traced:
    """A candidate with a path.

    Args:
        object: its certificate, by its name in ``cases.py``.
        row: of ``verdicts.jsonl``.
        line: of ``witnesses.jsonl``.
    """

    object: str
    row: dict[str, Any]
    line: Line


def _in_chart(name: str, factor: float = 1.0, way: float | None = None) -> Line:
    """From near the entrance of a chart, its copies apart by a little, half of the way, and on to the limit."""
    away, eps, shares, *own = _CHARTS[name]
    way = way or (own[0] if own else 0.5)
    away, eps = away * factor, [factor * e for e in eps]
    witness = case(name).certificate["witness"]
    chart, center = chart_from_json(witness["chart"]), exact([from_text(v) for v in witness["krawczyk"]["center"]])
    start = center + exact([Fraction(away) * (-1) ** k for k in range(len(center))])
    small = [Fraction(e) for e in eps]
    theta = chart.network(start, small, [[Fraction(s) for s in row] for row in shares]).theta().astype(float)
    # outputs of a quintic group are too large for that
    off = 0.0 if chart.quintics else 2.0**-12
    apart = [v + off * (1 if k % 3 else -1) for k, v in enumerate(theta[: 2 * chart.width])]
    candidate = written([*apart, *theta[2 * chart.width :]])
    # q goes with ε², ε of the first group halved; on a plateau it stops before the minimum, where nothing falls
    ways = [Fraction(way), Fraction(0)] if small else [Fraction(1, 16)]
    places = [[*(center + way**2 * (start - center)), *(way * e for e in small)] for way in ways]
    path = {"vertices": [], "closing": 3, "order": list(range(chart.width))}
    if chart.noded:
        # their only small coordinates; the candidate's nodes are these as well, or nearly
        network, tau = Network.from_theta(exact(_theta(candidate)), chart.dimension), TAU.get(chart.noded[0].kind, 1)
        if chart.quintics:
            w, a = network.w.astype(np.float64), network.a.astype(np.float64)
            small = [Fraction(round(v * 2**40), 2**40) for v in quintic_nodes(w, a).tolist()[:2]]
        alpha = place_of(chart, network, [small]).eps[1]
        places = [
            [*row[:-2], Fraction(tau), alpha, *(k * v for v in small)] for row, k in zip(places, ways, strict=True)
        ]
        path["nodes"] = [[dyadic(v) for v in small]]
    return {"candidate": candidate, "path": path | {"places": [[dyadic(v) for v in row] for row in places]}}


def cancelled() -> Line:
    """A false path: ``ε_1 = −ε_2`` where the last piece begins, so that the third group, which is to balance these, is
    not on its way to infinity. What is taken for the loss there falls, as it is not that of the networks.
    """
    own, belongs = traced("three constants"), problem("three constants")
    chart, end = chart_from_json(_chart_of(own)), own.line["path"]["places"][-1]
    limit, eps = exact([from_text(v) for v in end[:-2]]), Fraction(1, 2**6)
    vertex = chart.network(limit + Fraction(1, 2**6), [eps, -eps]).theta()
    rough = vertex.astype(float)
    uphill = SquareLoss.of_network(belongs, chart.width).evaluate(rough, Float64(), 1).gradient
    candidate = written((rough + 2.0**-16 * uphill / np.linalg.norm(uphill)).tolist())
    path = {"vertices": [[dyadic(v) for v in vertex]], "closing": 3, "order": own.line["path"]["order"]}
    return deepcopy(own.line) | {"candidate": candidate, "path": path | {"places": [end]}}


def crossed() -> Line:
    """A false path: a node of three neurons near zero goes through 0, where there is no network.

    What is expanded goes on there: it depends on ``p_1p_2p_3``, and not on its reciprocal.
    """
    own = deepcopy(traced("quintic").line)
    first, last = own["path"]["places"]
    _, second = (from_text(v) for v in own["path"]["nodes"][0])
    own["path"]["places"] = [[*first[:-2], dyadic(-second - Fraction(1, 2**10)), dyadic(second)], last]
    return own


def _in_region(name: str, eps: Sequence[float], radius: str, apart: str = "0") -> Line:
    """From a network above the limit half of the way, and to infinity, in boxes.

    In the open chart; with copies in a diverging group these are a little apart.
    """
    witness = case(name).certificate["witness"]
    chart, center = chart_from_json(witness["chart"]), exact([from_text(v) for v in witness["krawczyk"]["center"]])
    opening, small = Opening(chart), [Fraction(e) for e in eps]
    theta = chart.network(center, small, []).theta().astype(float)
    for group in opening.outer.shared:
        for k, sign in zip(group.copied, (1, -1), strict=False):
            theta[2 * group.members[k]] += sign * 2.0**-24
    end = opening.split(exact([1] * len(opening.owners))) @ center
    places = [[dyadic(v) for v in (*end, *(way * e for e in small))] for way in (Fraction(1, 2), Fraction(0))]
    path = {"vertices": [], "closing": 3, "order": list(range(chart.width)), "places": places}
    radii = {"radii": [[radius] * len(end)] * 2} | ({"apart": apart} if opening.outer.shared else {})
    return {"candidate": written(theta.tolist()), "path": path | radii}


_CHARTS: dict[str, Any] = {
    "valley": (2.0**-4, (), [["3/8", "5/8"]]),
    "split": (2.0**-9, (-(2.0**-5),), [["3/8", "5/8"]]),
    "zeros": (2.0**-9, (2.0**-6,), []),
    "balanced-2": (2.0**-9, (2.0**-6,), [["3/8", "5/8"]]),
    "flipped beside unflipped": (2.0**-9, (-(2.0**-7),), [["3/8", "5/8"]]),
    "triple": (2.0**-10, (2.0**-5, 2.0**-8), []),
    "triple beside zero": (-(2.0**-10), (2.0**-6, 2.0**-9), [], 0.875),
    "triple beside a mirrored pair": (2.0**-10, (2.0**-5, 2.0**-8), []),
    "quintic": (2.0**-10, (2.0**-4, -(2.0**-5 + 2.0**-8)), []),
    "three constants": (2.0**-10, (2.0**-6, 2.0**-7), [], 0.875),
    "saturated": (2.0**-6, (0.3125,), [], 0.875),
    "saturated beside a pair": (2.0**-8, (2.0**-5, 0.25), [], 0.875),
}
"""The limit that is away by so much in ``q``, the free ``ε``, ``1/ρ`` or two nodes, the shares of copies, and what is
left of the former at the first place, if not half of it."""

_REGIONS: dict[str, Any] = {
    "region about a path to infinity": ("channel", (2.0**-5,), "1*2^-12"),
    "region beside a neuron, erf": ("pair of erf", (2.0**-5,), "1*2^-16"),
    "region in two pairs": ("pairs of erf", (2.0**-5, -(2.0**-6)), "1*2^-20"),
    "region beside a neuron near zero": ("near zero", (-(2.0**-9),), "1*2^-18"),
    "region in two mirrored pairs": ("two mirrored", (-(2.0**-5),), "1*2^-22"),
    "region about copies of a diverging neuron": ("split", (-(2.0**-5),), "1*2^-18", "1*2^-6"),
    "region of two neurons near zero": ("zeros", (2.0**-10,), "1*2^-24"),
    "region of three groups with one constant": ("three constants", (2.0**-10, 2.0**-11), "1*2^-26"),
    "region about copies near zero": ("balanced-2", (2.0**-6,), "1*2^-20", "1*2^-10"),
}
"""The limit, ``ε`` of the saved point, all radii, and how far copies are apart at most."""

NAMES = (*LINES, *_CHARTS, *_REGIONS)


@cache
def traced(name: str) -> Traced:
    """One of :data:`NAMES`; treat it as read-only."""
    if name in _REGIONS:
        return _traced(_REGIONS[name][0], _in_region(*_REGIONS[name]))
    return _traced(_CERTIFICATES.get(name, name), line(name).witness if name in LINES else _in_chart(name))


def _traced(found: str, witness: Line) -> Traced:
    """Row and line of a candidate, from its path."""
    certificate, given, zero = case(found).certificate, deepcopy(witness), witness.get("point")
    width = len(given["candidate"]["a"])
    given |= {"index": 0, "certificate": file_of(found), "permutation": None, "point": zero}
    given |= {"labels": zero and _POINTS[found]}
    row: dict[str, Any] = {"index": 0, "source": "tiny.npz:0", "seed": 0, "width": width, "moved": 1.0, "reason": None}
    columns = _columns(read_certificate(json.loads(json.dumps(certificate)), "certificate"))
    row |= columns | {"verdict": certificate["claim"]["kind"], "relation": "path", "distance": None}
    row |= {"object_id": certificate["provenance"]["id"]}
    if given["path"].get("radii"):
        row |= {"relation": "contained", "moved": 0.0}
    if given["path"]["closing"] != 3:
        center = certificate["witness"].get("krawczyk", {}).get("center")
        end = _theta(zero) if zero else [from_text(v) for v in center]
        square = sum(((p - q) ** 2 for p, q in zip(_theta(given["candidate"]), end, strict=True)), Fraction(0))
        given["permutation"], row["distance"] = list(range(width)), root_above(square)
    return Traced(found, row, json.loads(json.dumps(given)))


def file_of(name: str) -> str:
    """Where a directory has the certificate of one of ``cases.py``."""
    return f"certificates/{case(name).certificate['provenance']['id']}.json"


def _theta(network: Any) -> list[Fraction]:
    return [from_text(v) for row in network["w"] for v in row] + [from_text(v) for v in network["a"]]


def check_line(name: str, given: Line) -> None:
    """What the checker says of a directory that holds ``given`` instead of the line ``name``: path, row and points.

    ``given`` may have the ``row`` as well.

    Raises:
        Rejected, Unreadable: as the checker says.
    """
    own = traced(name)
    row, given = given.get("row", own.row), {key: value for key, value in given.items() if key != "row"}
    check_traced(Traced(own.object, row, given))
    known, width = checked(case(own.object).problem), own.row["width"]
    hashes = [_points_hash([v], width, known) for v in (given, own.line)]
    need(hashes[0] == hashes[1], "points.hash: other points")


def check_traced(own: Traced) -> None:
    """What the checker says of a path and its row.

    Raises:
        Rejected, Unreadable: as the checker says.
    """
    belongs, certificate = case(own.object).problem, case(own.object).certificate
    known = checked(belongs)
    check_path(own.line, certificate["witness"].get("chart"), known, lambda bits: folded(belongs))
    certificates = {file_of(own.object): read_certificate(json.loads(json.dumps(certificate)), "certificate")}
    check_row(0, own.row, own.line, len(own.line["candidate"]["a"]), known, certificates)


# ------------------------------------------------------------------------------------------ what the provers accept


def proposals() -> Iterator[tuple[str, Line]]:
    """Objects and paths to them, as they are and with longer pieces, bends and ε: many of these do not go downhill."""
    for name in filter(_found, LINES):
        given = line(name).witness
        first = given["path"]["vertices"][0] if given["path"]["vertices"] else None
        anchor = [from_text(v) for v in first] if first else _theta(given.get("point") or given["candidate"])
        for factor, bend in ((1, 1), (2, 4), (4, 16), (16, 256), (1, 64), (1, 512)):
            made = deepcopy(given)
            theta = [p + factor * (q - p) for p, q in zip(anchor, _theta(given["candidate"]), strict=True)]
            made["candidate"] = written([float(v) for v in theta])
            bends = [[dyadic(bend * from_text(v)) for v in row] for row in made["path"].get("bends", [])]
            yield _CERTIFICATES[name], made | {"path": made["path"] | {"bends": bends}}
            if made["path"].get("octaves"):
                yield _CERTIFICATES[name], made | {"path": made["path"] | {"octaves": 6}}
    for name, (of, _) in BROKEN.items():
        if _found(of):
            yield _CERTIFICATES[of], broken(name)
    for name in filter(_found, _CHARTS):
        # of a quintic group terms of fifth order count, and some rests are a little too large at 1.5
        for factor in (1, 1.5, 4) if name == "quintic" else (1, 4, 16):
            yield name, _in_chart(name, factor)
        # steps too long for what the rests are bounded by
        for way in (0.75, 0.5, 0.375) if name.startswith("saturated") else ():
            yield name, _in_chart(name, way=way)
    if _found("three constants"):
        yield "three constants", cancelled()
    if _found("quintic"):
        yield "quintic", crossed()


def _found(name: str) -> bool:
    """Whether provers, which may have an error, find the object to which the line leads."""
    try:
        case(_CERTIFICATES.get(name, name))
    except AssertionError:
        return False
    return True


def proved() -> list[tuple[str, dict[str, Any], Line]]:
    """Those of the proposals that the provers accept, as they write them: object, row, line.

    None to an object whose certificate is refused as it is read: it says so itself.
    """
    out = []
    for name, given in proposals():
        path = _proved(name, given)
        if path is not None:
            with suppress(Rejected):
                made = _traced(name, given | {"path": path})
                out.append((made.object, made.row, made.line))
    return out


def _proved(name: str, given: Line) -> dict[str, Any] | None:
    belongs, path, width = problem(case(name).problem), given["path"], len(given["candidate"]["a"])
    objective, settings = SquareLoss.of_network(belongs, width), {"arithmetic": "auto", "max_bits": 106}
    corners = [exact(_theta(given["candidate"])), *(exact([from_text(v) for v in row]) for row in path["vertices"])]
    rows = zip(path.get("bent", []), path.get("bends", []), strict=True)
    bends = {number: exact([from_text(v) for v in row]) for number, row in rows}
    legs = prove_descent(objective, corners, bends, **settings)
    if isinstance(legs, Failure):
        return None
    end = legs[-1].end if legs else corners[0]
    places = [exact([from_text(v) for v in row]) for row in path["places"]]
    order, octaves = tuple(path["order"]), path.get("octaves", 0)
    if path["closing"] in (1, 2, 4):
        zero = Network.from_theta(exact(_theta(given["point"])), belongs.dimension)
        if not prove_zero(objective, zero, end, path["closing"], places, octaves, **settings):
            return None
    if path["closing"] == 3:
        witness = case(name).certificate["witness"]
        chart, size = chart_from_json(witness["chart"]), len(witness["krawczyk"]["center"])
        network = Network.from_theta(end, belongs.dimension).permuted(order)
        ways = [Place(row[:size], tuple(row[size:])) for row in places]
        if not prove_channel(objective, chart, network, ways, _nodes(path), **settings):
            return None
    arcs = {number: leg.bend for number, leg in enumerate(legs) if leg.bend is not None}
    found = Descent(
        vertices=np.array([leg.end for leg in legs], dtype=object).reshape(len(legs), len(end)),
        closing=path["closing"],
        order=order,
        places=np.array(places, dtype=object).reshape(len(places), -1 if places else 0),
        octaves=octaves,
        bent=tuple(arcs),
        bends=np.array(list(arcs.values()), dtype=object).reshape(len(arcs), -1 if arcs else 0),
        nodes=np.array(_nodes(path), dtype=object).reshape(len(_nodes(path)), 2),
    )
    return {key: value for key, value in found.to_json().items() if key != "theorem"}


# ------------------------------------------------------------------------------------------------- along the path


def rises(name: str, given: Line) -> str:
    """Where the loss does not fall along a path, as far as a few points of each piece can tell; empty if nowhere.

    Or what is wrong with the region about it, as far as a few corners can tell.
    """
    own = traced(name)
    objective, arithmetic = SquareLoss.of_network(problem(case(own.object).problem), own.row["width"]), Arb(BITS)

    def bounds(theta: Exact) -> tuple[Fraction, Fraction]:
        value = objective.evaluate(arithmetic.array(theta), arithmetic, 0).loss
        low, high = arithmetic.lower(value)[0], arithmetic.upper(value)[0]
        assert low is not None
        assert high is not None
        return low, high

    last: Exact | None = None
    for theta in _points(own, given):
        if last is not None and bool((theta != last).any()) and bounds(theta)[0] >= bounds(last)[1]:
            return f"the loss rises to {float(bounds(theta)[0]):.6g} from {float(bounds(last)[1]):.6g}"
        last = theta
    return next((complaint for complaint in _untrue_boxes(own, given) if complaint), "")


def _untrue_boxes(own: Traced, given: Line) -> Iterator[str]:
    """What is said of the boxes about the pieces of a path and does not hold."""
    if not given["path"].get("radii"):
        return
    belongs, chart = problem(case(own.object).problem), Opening(chart_from_json(_chart_of(own))).outer
    apart = from_text(given["path"].get("apart", "0"))
    network = Network.from_theta(exact(_theta(given["candidate"])), belongs.dimension)
    _, here = first_place(chart, network.permuted(tuple(given["path"]["order"])))
    for row, radii in zip(given["path"]["places"], given["path"]["radii"], strict=True):
        numbers = [from_text(v) for v in row]
        there = Place(exact(numbers[: len(radii)]), tuple(numbers[len(radii) :]))
        curve = piece(chart, here, there)
        assert curve is not None
        yield wrong(belongs, chart, curve, [from_text(v) for v in radii], apart)
        here = there


def _chart_of(own: Traced) -> Any:
    return case(own.object).certificate["witness"]["chart"]


def _points(own: Traced, given: Line) -> Iterator[Exact]:
    """Networks on the way, flat, in order."""
    path, d = given["path"], problem(case(own.object).problem).dimension
    corners = [exact(_theta(given["candidate"])), *(exact([from_text(v) for v in row]) for row in path["vertices"])]
    bent = dict(zip(path.get("bent", []), path.get("bends", []), strict=True))
    for number, (start, end) in enumerate(pairwise(corners)):
        bend = exact([from_text(v) for v in bent[number]]) if number in bent else 0 * start
        yield from (_at(arc(start, end, bend), t) for t in FRACTIONS)
    end = Network.from_theta(corners[-1], d)
    if path["closing"] in (1, 2, 4):
        zero = Network.from_theta(exact(_theta(given["point"])), d)
        rows = [exact([from_text(v) for v in row]) for row in path["places"]]
        parts: Sequence[Exact] = [*rows, end.theta() - sum(rows, zero.theta())]
        if path["closing"] == 2:
            parts = way_in(zero, end, *rows)
        yield from (_at([zero.theta(), *parts], t) for t in (*reversed(FRACTIONS[1:]), Fraction(1, 200), Fraction(0)))
    if path["closing"] == 3:
        chart = chart_from_json(_chart_of(own))
        chart = Opening(chart).outer if path.get("radii") else chart
        network = end.permuted(tuple(path["order"]))
        if chart.noded:
            yield from _at_nodes(chart, network, path)
        else:
            yield from _released(
                chart, network, path["places"], exact(problem(case(own.object).problem).inputs.exact_values)
            )


def _nodes(path: Any) -> list[list[Fraction]]:
    return [[from_text(v) for v in row] for row in path.get("nodes", [])]


def _at_nodes(chart: Chart, network: Network, path: Any) -> Iterator[Exact]:
    """Networks on the way in a chart with triples or a quintic group and without copies, from place to place."""
    here = place_of(chart, network, _nodes(path))
    for row in path["places"]:
        numbers = exact([from_text(v) for v in row])
        there = Place(numbers[: len(here.q)], tuple(numbers[len(here.q) :].tolist()))
        curve = piece(chart, here, there)
        assert curve is not None
        ways = [1 - t for t in FRACTIONS[:-1]] if curve.last else [2 * t - 1 for t in FRACTIONS]
        yield from (network_at(chart, curve, t).theta() for t in ways)
        here = there


def _released(chart: Chart, network: Network, rows: Sequence[Sequence[str]], inputs: Exact) -> Iterator[Exact]:
    """Networks on the way in a chart: copies come together, then from place to place."""
    merged, here = first_place(chart, network)
    yield from (merged + t * (network.theta() - merged) for t in reversed(FRACTIONS))
    copied = [[sign * network.a[i] for i, sign in zip(g.members, g.signs, strict=True)] for g in chart.shared]
    copied = [[row[i - g.members[0]] for i in g.copied] for row, g in zip(copied, chart.shared, strict=True)]
    shares = [[v / sum(row) for v in row] for row in copied]
    gaps = [_gap(group, inputs) for group in chart.diverging if group != chart.dependent]
    for row in rows:
        q, eps = exact([from_text(v) for v in row[: len(here.q)]]), [from_text(v) for v in row[len(here.q) :]]
        last = bool(eps) and not any(eps)
        for t in FRACTIONS[:-1] if last else FRACTIONS:
            small = [_small(*way, t, gap) for *way, gap in zip(here.eps, eps, gaps, strict=True)]
            share = t
            if last:
                share = 1 - (1 - t) ** 2
            elif eps and eps[0] != here.eps[0] and not gaps[0]:
                share = (small[0] ** 2 - here.eps[0] ** 2) / (eps[0] ** 2 - here.eps[0] ** 2)
            yield chart.network(here.q + share * (q - here.q), small, shares).theta()
        here = Place(q, tuple(eps))


def _gap(group: Group, inputs: Exact) -> Fraction | None:
    """``δ`` of a saturated neuron."""
    return min(v for v in abs(inputs @ np.array(group.normal, dtype=object)) if v) if group.normal else None


def _small(a: Fraction, b: Fraction, t: Fraction, gap: Fraction | None) -> Fraction:
    """``ε`` on the way from ``a`` to ``b``, or ``1/ρ``: to infinity ``ρ = ρ_0 − 2 log(1 − t)/δ``, to 300 bits."""
    if gap is None:
        return a + t * (b - a)
    if b:
        return 1 / (1 / a + t * (1 / b - 1 / a))
    with mpmath.workprec(BITS):
        grown = -2 * mpmath.log(mpmath.mpf(t.denominator - t.numerator) / t.denominator)
        return 1 / (1 / a + Fraction(int(mpmath.floor(grown * 2**BITS)), 2**BITS) / gap)


def _at(curve: Sequence[Exact], t: Fraction) -> Exact:
    point: Exact = sum((part * t**k for k, part in enumerate(curve)), 0 * curve[0])
    return point
