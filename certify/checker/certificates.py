"""One certificate: its form, its hash, its words, and the proof that its kind of claim needs."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from .empty import check_empty
from .isolated import DataAt, check_isolated
from .limits import check_limit
from .loss import Problem
from .reading import Unreadable, bounds, fields, integer, need, text
from .zero import check_zero

FORMAT = 1

_POINT_FIELDS = {
    "kind",
    "statement",
    "width",
    "loss",
    "lambda_min",
    "strict",
    "not_global",
    "morse_index",
    "nullity",
    "manifold_dimension",
    "stratum",
    "chart",
    "level",
}
_FIELDS = {
    "local-minimum": _POINT_FIELDS,
    "saddle": _POINT_FIELDS,
    "minimum-at-infinity": _POINT_FIELDS,
    "saddle-at-infinity": _POINT_FIELDS,
    "global-minimum": _POINT_FIELDS,
    "not-critical": {"kind", "statement", "width", "empty_radius"},
}
_Check = Callable[[dict[str, Any], dict[str, Any], Problem, DataAt], None]


@dataclass(frozen=True)
class Certificate:
    """A certificate as read, its form checked, its proof not."""

    claim: dict[str, Any]
    problem: str
    witness: dict[str, Any]
    provenance: dict[str, Any]
    hash: str


def canonical(value: Any) -> bytes:
    """The canonical serialisation: sorted keys, no spaces, ASCII."""
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()


def content_hash(claim: Any, problem: str, witness: Any) -> str:
    """SHA-256 over claim, problem hash and witness."""
    return hashlib.sha256(canonical({"claim": claim, "problem": problem, "witness": witness})).hexdigest()


def read_certificate(data: Any, where: str) -> Certificate:
    """Check the form of a certificate.

    Raises:
        Unreadable: a field has the wrong type.
        Rejected: a field is missing or unknown, or the hash is not that of the content.
    """
    fields(data, where, {"format", "claim", "problem", "witness", "provenance", "hash"})
    need(integer(data["format"], "format", 0, 10**6) == FORMAT, f"format: this checker knows format {FORMAT}")
    claim, witness, provenance = data["claim"], data["witness"], data["provenance"]
    if not (isinstance(claim, dict) and isinstance(witness, dict)):
        raise Unreadable(f"{where}: claim and witness: expected objects")
    problem, stated = text(data["problem"], "problem"), text(data["hash"], "hash")
    kind = text(claim.get("kind"), "claim.kind")
    need(kind in _FIELDS, f"claim.kind: {ascii(kind)[:40]} is not a claim this checker knows")
    fields(claim, "claim", _FIELDS[kind])
    integer(claim["width"], "claim.width", 1, 1000)
    for name in ("morse_index", "nullity", "manifold_dimension", "level"):
        if claim.get(name) is not None:
            integer(claim[name], f"claim.{name}", 0, 10**6)
    for name in ("strict", "not_global"):
        need(claim.get(name) in (None, True, False), f"claim.{name}: expected true, false or null")
    for name in {"loss", "lambda_min"} & claim.keys():
        if claim[name] is not None:
            bounds(claim[name], f"claim.{name}")
    fields(provenance, "provenance", {"id", "method", "bits", "program"})
    need(content_hash(claim, problem, witness) == stated, "hash: is not that of claim, problem and witness")
    need(claim["statement"] == statement(claim), "claim.statement: the words are not those of the fields")
    return Certificate(claim, problem, witness, provenance, stated)


def statement(claim: dict[str, Any]) -> str:
    """The claim in words, which follow from its fields (certificate-format.md, section 3)."""
    if claim["kind"] == "not-critical":
        return "No critical point of the loss lies in the ball of radius empty_radius about the centre."
    if claim["kind"] == "global-minimum":
        words = (
            "The network equals the teacher as a function, so that its loss is 0, a global minimum. It belongs to an "
            f"affine family of global minima of dimension {claim['manifold_dimension']}."
        )
        return words + " It is strict: no other critical point lies in the uniqueness box." * (claim["strict"] is True)
    index, chart = claim["morse_index"], claim["chart"]
    words = "The loss of the chart's limit network" if chart else "The loss"
    words += " has exactly one critical point in the uniqueness box, and it lies in the existence box; "
    if claim["kind"].endswith("infinity"):
        word = f"saddle of index {index}" if index else "local minimum"
        words += f"in the coordinates of the chart it is a {word} at infinity. The limit of the loss"
    elif chart:
        word = f"strict saddles of Morse index {index}" if index else "local minima"
        size = claim["manifold_dimension"]
        words += f"copies of its neurons make a set of dimension {size} of critical points, {word}. Their loss"
    else:
        words += f"it is a strict {f'saddle of Morse index {index}' if index else 'local minimum'}. Its loss"
    return words + " lies within the bounds." + " It is not global." * (claim["not_global"] is True)


def _check_of(certificate: Certificate) -> _Check:
    """The proof that a kind of claim needs."""
    kind = certificate.claim["kind"]
    if kind == "global-minimum":
        return check_zero
    if kind == "not-critical":
        return check_empty
    return check_limit if "chart" in certificate.witness else check_isolated


def check_certificate(certificate: Certificate, problem: Problem, data_at: DataAt) -> None:
    """Check the proof.

    Raises:
        Rejected: naming what fails.
        Unreadable: a number that is none.
    """
    need(certificate.problem == problem.hash, "problem: is not the hash of the problem on disk")
    _check_of(certificate)(certificate.claim, certificate.witness, problem, data_at)
