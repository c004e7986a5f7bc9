"""Candidates without a path: rows and lines of objects with several outputs, biases, saturated neurons, exponentials.

The candidate lies in the object's box (``contained``), was moved to it (``polished``), or is the centre of its ball.
"""

from __future__ import annotations

import json
from fractions import Fraction
from functools import cache
from typing import Any

from cases import belongs, case, checked
from path_cases import Traced, file_of

from certify.arithmetic.rounding import root_above
from certify.checker.certificates import read_certificate
from certify.checker.directory import _points_hash
from certify.checker.reading import need
from certify.checker.rows import _columns, check_row
from certify.proofs.proof import dyadic, from_text

Line = dict[str, Any]

_STANDING = {
    "contained, two outputs with biases": ("measured", "contained"),
    "contained, one output with a bias": ("biased", "contained"),
    "polished, two outputs": ("outputs", "polished"),
    "polished, half the mean of the squares": ("pair with a bias", "polished"),
    "polished, an exponential": ("falling", "polished"),
    "polished, a saturated neuron": ("saturated beside a pair", "polished"),
    "the centre of a ball, two outputs": ("outputs ball", None),
}
NAMES = tuple(_STANDING)


@cache
def standing(name: str) -> Traced:
    """One of :data:`NAMES`; treat it as read-only."""
    found, relation = _STANDING[name]
    certificate, known = case(found).certificate, checked(belongs(found))
    claim, witness = certificate["claim"], certificate["witness"]
    width, isolated = claim["width"], "krawczyk" in witness and "chart" not in witness
    size, order = known.size(width), list(range(width))[::-1]
    center = witness["krawczyk"]["center"] if isolated else witness.get("empty_ball", {}).get("center")
    theta = [Fraction(float(from_text(v))) for v in center] if center else [Fraction(k, 8) for k in range(size)]
    if relation == "polished":
        theta = [v + Fraction(1, 4) for v in theta]
    own = _permuted(theta, order, width, known)
    row: dict[str, Any] = {"index": 0, "source": "tiny.npz:0", "seed": 0, "width": width, "reason": None}
    row |= {"moved": 1.0 if relation == "polished" else 0.0, "verdict": claim["kind"]}
    row |= {"relation": relation, "distance": None, "object_id": certificate["provenance"]["id"]}
    row |= _columns(read_certificate(json.loads(json.dumps(certificate)), "certificate"))
    line: Line = {"index": 0, "certificate": file_of(found), "permutation": None, "path": None}
    line |= dict.fromkeys(("point", "labels"))
    if isolated:
        away = (p - from_text(q) for p, q in zip(theta, center, strict=True))
        row["distance"], line["permutation"] = root_above(sum((v**2 for v in away), Fraction(0))), order
    line["candidate"] = _written(own if isolated else theta, width, known)
    return Traced(found, row, json.loads(json.dumps(line)))


def _permuted(theta: list[Fraction], order: list[int], width: int, known: Any) -> list[Fraction]:
    """The weights with neuron ``i`` where ``order[i]`` says."""
    d, inner, outer = known.dimension, width * known.dimension, width + known.bias
    out = list(theta)
    for i, j in enumerate(order):
        out[j * d : (j + 1) * d] = theta[i * d : (i + 1) * d]
        for start in range(inner, len(theta), outer):
            out[start + j] = theta[start + i]
    return out


def _written(theta: list[Fraction], width: int, known: Any) -> Line:
    texts, d, outer = [dyadic(v) for v in theta], known.dimension, width + known.bias
    rows = [texts[k : k + outer] for k in range(width * d, len(texts), outer)]
    return {"w": [texts[i * d : (i + 1) * d] for i in range(width)], "a": rows if known.outputs > 1 else rows[0]}


def check_standing(name: str, given: Line) -> None:
    """What the checker says of a directory that holds ``given``, a line with its ``row``, instead of the line ``name``.

    Raises:
        Rejected, Unreadable: as the checker says.
    """
    own, row = standing(name), given["row"]
    line = {key: value for key, value in given.items() if key != "row"}
    known, width = checked(belongs(own.object)), own.row["width"]
    certificate = read_certificate(json.loads(json.dumps(case(own.object).certificate)), "certificate")
    check_row(0, row, line, width, known, {file_of(own.object): certificate})
    hashes = [_points_hash([v], width, known) for v in (line, own.line)]
    need(hashes[0] == hashes[1], "points.hash: other points")
