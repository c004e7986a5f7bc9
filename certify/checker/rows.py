"""The row of a candidate: it repeats the claim of its certificate, and the candidate lies where the relation says.

Bounds are rounded outward to doubles. What a certificate of some kind says about a candidate is one function each
(``_of``); what a relation adds is checked there: that the candidate, or the end of its path, lies in the object's
region. ``polished``, ``moved`` and ``reason`` are not proved and not checked.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from .certificates import Certificate
from .charts import read_chart
from .gaussian import Population
from .loss import Network, Problem, outgoing
from .opening import opened
from .path import Path, read_path, read_places, read_radii
from .population import split_name
from .reading import Unreadable, exact, fields, need, sequence, text
from .release import at_infinity
from .zero import equals_teacher, family, network

NEAR = Fraction(1, 10**10)

_CLAIMED = (
    "loss_lower",
    "loss_upper",
    "not_global",
    "strict",
    "morse_index",
    "nullity",
    "manifold_dimension",
    "level",
    "stratum",
    "chart",
    "lambda_min_lower",
    "lambda_min_upper",
    "existence_radius",
    "uniqueness_radius",
    "empty_radius",
)
_ROW = {"index", "source", "seed", "width", "verdict", "relation", "moved", "distance", *_CLAIMED}
_ROW |= {"method", "bits", "object_id", "reason"}
_WITNESS = {"index", "candidate", "certificate", "permutation", "point", "labels", "path"}


@dataclass(frozen=True)
class _Row:
    """A row, its line of ``witnesses.jsonl``, and the candidate, parsed."""

    row: dict[str, Any]
    witness: dict[str, Any]
    candidate: Network
    problem: Any

    def no_witness(self, *names: str) -> None:
        for name in names:
            need(self.witness[name] is None, f"{name}: not given with this verdict")


def check_row(
    number: int, row: Any, witness: Any, width: int, problem: Problem | Population, certificates: dict[str, Certificate]
) -> None:
    """Check one row against the certificate it names, which is verified.

    Raises:
        Rejected, Unreadable: naming the column.
    """
    fields(row, "row", _ROW)
    population = isinstance(problem, Population)
    fields(witness, "witnesses.jsonl", _WITNESS | ({"coordinates"} if population else set()))
    need(row["index"] == witness["index"] == number, "index: the rows are not in order")
    need(row["width"] == width, "width: is not that of the points")
    shape = (problem.bias, problem.outputs) if isinstance(problem, Problem) else (False, 1)
    candidate = network(witness["candidate"], "candidate", width, problem.dimension, *shape)
    given = _Row(row, witness, candidate, problem)
    traced = row["relation"] == "path" or (row["relation"] == "contained" and row["verdict"] == "minimum-at-infinity")
    need((witness["path"] is not None) == traced, "path: given for the relation path only, or contained at infinity")
    need(not population or all(a == 1 for _, a in given.candidate), "candidate: expected outputs a of 1")
    if row["verdict"] == "undecided":
        need(witness["certificate"] is None, "certificate: undecided claims nothing")
        _repeats(row, dict.fromkeys((*_CLAIMED, "relation", "distance", "object_id", "method", "bits")))
        given.no_witness("permutation", "point", "labels", *["coordinates"] * population)
        return
    name = text(witness["certificate"], "certificate")
    need(name in certificates, "certificate: the manifest lists none of this name")
    certificate = certificates[name]
    need(certificate.claim["kind"] == row["verdict"], "verdict: is not what the certificate claims")
    need(certificate.claim["width"] == width, "width: is not that of the certificate")
    _repeats(row, _columns(certificate))
    if certificate.claim["kind"] != "not-critical":
        need(
            row["object_id"] is not None and f"certificates/{row['object_id']}.json" == name,
            "object_id: names another certificate",
        )
    _of(certificate)(given, certificate)


def _repeats(row: dict[str, Any], columns: dict[str, Any]) -> None:
    for column, value in columns.items():
        need(type(row[column]) is type(value) and row[column] == value, f"{column}: is not what the certificate says")


def _of(certificate: Certificate) -> Callable[[_Row, Certificate], None]:
    """What a certificate says about a candidate."""
    if "objective" in certificate.claim:
        return _POPULATION[certificate.claim["kind"]]
    if certificate.claim["kind"] == "not-critical":
        return _in_ball
    if certificate.claim["chart"] is not None:
        return _at_chart
    return _at_zero if certificate.claim["kind"] == "global-minimum" else _at_point


def _in_ball(given: _Row, certificate: Certificate) -> None:
    given.no_witness("permutation", "point", "labels")
    center = certificate.witness["empty_ball"]["center"]
    need(_theta(given.candidate) == sequence(center, "center", len(center)), "the ball is not about the candidate")


def _at_chart(given: _Row, certificate: Certificate) -> None:
    if given.row["relation"] == "contained":
        _ends_in_chart(given, certificate)
        _reaches_limit(given, certificate)
    elif given.row["relation"] == "path":
        _ends_in_chart(given, certificate)
        need(not _path(given).radii, "path.radii: for the relation contained only")
    else:
        need(given.row["relation"] == "polished", "relation: of a chart, expected contained, path or polished")
    need(given.row["distance"] is None, "distance: not given of a chart")
    given.no_witness("permutation", "point", "labels")


def _at_point(given: _Row, certificate: Certificate) -> None:
    given.no_witness("point", "labels")
    center = certificate.witness["krawczyk"]["center"]
    moved = _reordered(given)
    square = _square_distance(_theta(moved), sequence(center, "center", len(center)))
    _check_distance(given.row["distance"], square)
    if given.row["relation"] == "path":
        need(certificate.claim["kind"] == "local-minimum", "relation: a path leads to minima only")
        _ends_in_box(given, certificate)
    else:
        _check_relation(given.row, _in_box(moved, certificate))


def _at_zero(given: _Row, certificate: Certificate) -> None:
    point = network(given.witness["point"], "point", len(given.candidate), given.problem.dimension)
    need(equals_teacher(point, given.problem), "point: does not equal the teacher as a function")
    name, _ = family(given.witness["labels"], point, given.problem, "labels")
    need(name == certificate.claim["stratum"], "labels: belong to another family")
    moved, origin = _reordered(given), _theta(given.candidate)
    square = _square_distance(origin, _theta(point))
    _check_distance(given.row["distance"], square)
    near = _within(square, _square_distance(origin, [Fraction(0)] * len(origin)))
    if given.row["relation"] == "path":
        need(_path(given).closing in (1, 2, 4), "path.closing: expected 1, 2 or 4 for a global minimum")
    else:
        _check_relation(given.row, near or _in_box(moved, certificate))


def _in_empty_ball(given: _Row, certificate: Certificate) -> None:
    given.no_witness("permutation", "coordinates", "point", "labels")
    center = certificate.witness["gradient_ball"]["center"]
    need(_weights(given.candidate) == sequence(center, "center", len(center)), "the ball is not about the candidate")


def _in_newton_ball(given: _Row, certificate: Certificate) -> None:
    """Up to the order of the students, and of the inputs where that permutes the teacher's neurons."""
    given.no_witness("point", "labels")
    step, order = certificate.witness["newton_ball"], given.witness["coordinates"]
    moved, teacher = _reordered(given), given.problem.teacher
    if order is not None:
        ordered = isinstance(order, list) and all(type(k) is int for k in order)
        if not ordered or sorted(order) != list(range(given.problem.dimension)):
            raise Unreadable("coordinates: expected each coordinate once, or null")
        turned = sorted(tuple(v[k] for k in order) for v in teacher)
        need(turned == sorted(teacher), "coordinates: do not permute the teacher's neurons")
        moved = tuple((tuple(w[k] for k in order), a) for w, a in moved)
    square = _square_distance(_weights(moved), sequence(step["center"], "center", len(step["center"])))
    _check_distance(given.row["distance"], square)
    _check_relation(given.row, square <= exact(step["reach"], "reach") ** 2)


def _at_split(given: _Row, certificate: Certificate) -> None:
    given.no_witness("coordinates")
    need(_reordered(given) == given.candidate, "permutation: expected the identity")
    point = network(given.witness["point"], "point", len(given.candidate), given.problem.dimension)
    labels = given.witness["labels"]
    if not isinstance(labels, list) or not all(isinstance(v, str) and v[1:].isdecimal() for v in labels):
        raise Unreadable("labels: expected a teacher neuron, C1 or the like, for each student")
    owners = [int(label[1:]) - 1 for label in labels]
    name = split_name([list(w) for w, _ in point], owners, given.problem, "labels")
    need(name == certificate.claim["stratum"], "labels: belong to another family")
    need(all(a == 1 for _, a in point), "point: expected outputs a of 1")
    origin = _weights(given.candidate)
    square = _square_distance(origin, _weights(point))
    _check_distance(given.row["distance"], square)
    _check_relation(given.row, _within(square, _square_distance(origin, [Fraction(0)] * len(origin))))


_POPULATION = {
    "local-minimum": _in_newton_ball,
    "saddle": _in_newton_ball,
    "global-minimum": _at_split,
    "not-critical": _in_empty_ball,
}


def _check_relation(row: dict[str, Any], contained: bool) -> None:
    if row["relation"] == "contained":
        need(contained, "relation: the candidate does not lie in the certified region")
        need(row["moved"] == 0, "moved: a contained candidate was not moved")
    else:
        need(row["relation"] == "polished", "relation: expected contained, path or polished")


def _path(given: _Row) -> Path:
    need(given.problem.plain, "path: without weight decay, and for students of one output without a bias")
    return read_path(given.witness["path"], len(_theta(given.candidate)))


def _ends_in_box(given: _Row, certificate: Certificate) -> None:
    """The last vertex of the path, its neurons in the order of the object, lies in the uniqueness box."""
    path = _path(given)
    need(path.closing == 0 and bool(path.vertices), "path.closing: expected 0, and a vertex in the box")
    end, width, d = path.vertices[-1], len(given.candidate), given.problem.dimension
    neurons = tuple((tuple(end[i * d : (i + 1) * d]), end[width * d + i]) for i in range(width))
    last = _Row(given.row, given.witness, neurons, given.problem)
    need(_in_box(_reordered(last), certificate), "path: the last vertex does not lie in the uniqueness box")


def _ends_in_chart(given: _Row, certificate: Certificate) -> None:
    """The path's last place is a limit network in the uniqueness box of a minimum; copies have the signs it claims."""
    claim, path = certificate.claim, _path(given)
    kinds = ("local-minimum", "minimum-at-infinity")
    need(claim["kind"] in kinds, "relation: a path leads to minima only")
    need(path.closing == 3, "path.closing: expected 3 with a chart")
    width, d = len(given.candidate), given.problem.dimension
    chart = read_chart(certificate.witness["chart"], width, given.problem)
    step = certificate.witness["krawczyk"]
    center, radius = ([exact(v, key) for v in step[key]] for key in ("center", "uniqueness_radius"))
    opening = opened(chart)
    size = opening.size(len(center), d) if path.radii else len(center)
    chart_there = opening.outer if path.radii else chart
    last = read_places(path, chart_there, size)[-1]
    need(not chart_there.diverging or at_infinity(chart_there, last), "path: the last place is not at infinity")
    q = opening.limit(last.q, d) if path.radii else last.q
    inside = all(abs(v - c) <= r for v, c, r in zip(q, center, radius, strict=True))
    need(inside, "path: the last place does not lie in the uniqueness box")
    need(sorted(path.order) == list(range(width)), "path.order: expected each neuron once")
    outputs = path.vertices[-1][width * d :] if path.vertices else [a for _, a in given.candidate]
    ordered, start = [outputs[i] for i in path.order], 0
    splits = certificate.witness.get("splits", [])
    for size, split in zip(chart.copies, splits, strict=True):
        _check_signs(ordered[start : start + size], split)
        start += size
    if path.radii:
        for a, split in zip(opening.outputs(last.q, d), splits, strict=False):
            _check_signs(a, split)
    for group in chart.diverging:
        signs = [1] * (group.size - group.flipped) + [-1] * group.flipped
        a = [sign * v for sign, v in zip(signs, ordered[start : start + group.size], strict=True)]
        copies = a[group.size - group.copies :] if group.copies else []
        # 1/ε: of a split, whose other member is the first, and of a zero group; shares have its sign
        inverse = sum(copies, Fraction(0)) - (a[0] if group.kind != "zero" else 0)
        need(all(v * inverse > 0 for v in copies), "path: the shares of copies have other signs")
        sign = {"split+": 1, "split-": -1}.get(group.kind, 0)
        need(sign * inverse >= 0, "path: ε of a split has another sign")
        start += group.size


def _check_signs(a: list[Fraction], split: Any) -> None:
    """The outputs of copies have shares of the signs claimed."""
    shares = [v * sum(a) for v in a]  # the sign of β_i = a_i/Σa
    counted = (sum(v > 0 for v in shares), sum(v < 0 for v in shares))
    claimed = (split["positive"], split["negative"])
    need(counted == claimed and sum(claimed) == len(a), "path: the shares of copies have other signs")


def _reaches_limit(given: _Row, certificate: Certificate) -> None:
    """The region about the path, at infinity, holds the box in which the limit network's critical point lies.

    Split with the shares at the end of the path; these have one sign each in the last box.
    """
    path, step = _path(given), certificate.witness["krawczyk"]
    need(given.row["moved"] == 0, "moved: a contained candidate was not moved")
    need(bool(path.radii), "path.radii: missing, for the relation contained")
    center, tight = ([exact(v, key) for v in step[key]] for key in ("center", "existence_radius"))
    chart = read_chart(certificate.witness["chart"], len(given.candidate), given.problem)
    opening, d = opened(chart), given.problem.dimension
    outer, size = opening.outer, opening.size(len(center), d)
    place, radii = read_places(path, outer, size)[-1].q, read_radii(path, size)[-1]
    shares = opening.shares(place, d)
    middle, reach = opening.split(center, shares, d), opening.split(tight, [abs(v) for v in shares], d)
    reached = all(abs(v - c) + t <= r for v, c, t, r in zip(place, middle, reach, radii, strict=True))
    need(reached, "path.radii: the region does not reach the critical point of the limit network")
    first = outer.neurons * d
    firm = all(abs(place[first + i]) > radii[first + i] for i in range(sum(chart.copies)))
    need(firm, "path.radii: a share of copies may vanish")


def _reordered(given: _Row) -> Network:
    """The candidate with the neurons in the order of the object."""
    permutation = given.witness["permutation"]
    if not isinstance(permutation, list) or not all(type(i) is int for i in permutation):
        raise Unreadable("permutation: expected a list of integers")
    width = sum(bool(w) for w, _ in given.candidate)  # an output bias has no w
    need(sorted(permutation) == list(range(width)), "permutation: is none")
    return (*(given.candidate[i] for i in permutation), *given.candidate[width:])


def _columns(certificate: Certificate) -> dict[str, Any]:
    """The columns of a row that repeat the claim of its certificate."""
    claim, provenance = certificate.claim, certificate.provenance
    columns: dict[str, Any] = dict.fromkeys(_CLAIMED)
    if claim["kind"] == "not-critical":
        columns |= dict.fromkeys(("relation", "distance", "object_id"))
        columns["empty_radius"] = _down(exact(claim["empty_radius"], "claim.empty_radius"))
    else:
        for name in _CLAIMED[2:10]:
            columns[name] = claim[name]
        for name in ("loss", "lambda_min"):
            if claim[name] is not None:
                low, high = (exact(v, name) for v in claim[name])
                columns[f"{name}_lower"], columns[f"{name}_upper"] = _down(low), -_down(-high) + 0.0
        if "newton_ball" in certificate.witness:
            step = certificate.witness["newton_ball"]
            columns["existence_radius"] = -_down(-exact(step["radius"], "radius")) + 0.0
            columns["uniqueness_radius"] = _down(exact(step["reach"], "reach"))
        if "krawczyk" in certificate.witness:
            step = certificate.witness["krawczyk"]
            tight, wide = ([exact(v, key) for v in step[key]] for key in ("existence_radius", "uniqueness_radius"))
            columns["existence_radius"], columns["uniqueness_radius"] = -_down(-max(tight)), _down(min(wide))
    return columns | {"method": provenance["method"], "bits": provenance["bits"]}


def _down(value: Fraction) -> float:
    """The largest double not above ``value``."""
    try:
        nearest = value.numerator / value.denominator
    except OverflowError:
        return -math.inf if value < 0 else math.nextafter(math.inf, 0)
    return nearest if Fraction(nearest) <= value else math.nextafter(nearest, -math.inf)


def _theta(neurons: Network) -> list[Fraction]:
    return [*_weights(neurons), *(v for row in outgoing(neurons) for v in row)]


def _weights(neurons: Network) -> list[Fraction]:
    return [v for w, _ in neurons for v in w]


def _square_distance(left: list[Fraction], right: list[Fraction]) -> Fraction:
    return sum(((a - b) ** 2 for a, b in zip(left, right, strict=True)), Fraction(0))


def _check_distance(distance: Any, square: Fraction) -> None:
    """``distance`` is an upper bound of the square root, above it by at most a relative ``2^−40``."""
    if not isinstance(distance, float) or not 0 <= distance < math.inf:
        raise Unreadable("distance: expected a finite float")
    d = Fraction(distance) ** 2
    tiny = Fraction(1, 2**2000)
    need(square <= d <= square * (1 + Fraction(1, 2**40)) + tiny, "distance: is not that of candidate and object")


def _within(square: Fraction, norm_squared: Fraction) -> bool:
    """``√D ≤ t(1 + √N)``, decided exactly: ``q ≤ 2√N`` with ``q = D/t² − 1 − N``."""
    q = square / NEAR**2 - 1 - norm_squared
    return q <= 0 or q * q <= 4 * norm_squared


def _in_box(neurons: Network, certificate: Certificate) -> bool:
    step = certificate.witness.get("krawczyk")
    if step is None:
        return False
    center, radius = ([exact(v, key) for v in step[key]] for key in ("center", "uniqueness_radius"))
    return all(abs(v - c) <= r for v, c, r in zip(_theta(neurons), center, radius, strict=True))
