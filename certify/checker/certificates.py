"""One certificate: its form, its hash, its words, and the proof that its kind of claim needs."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from .empty import check_empty
from .gaussian import Population
from .isolated import DataAt, check_isolated
from .limits import check_limit
from .loss import Problem
from .population import check_critical, check_split
from .population import check_empty as check_empty_ball
from .reading import Unreadable, bounds, canonical, fields, integer, need, text
from .zero import check_zero

FORMAT = 1

_Object = dict[str, Any]
_Check = Callable[[_Object, _Object, Any, DataAt], None]

POPULATION = "gaussian-relu"


@dataclass(frozen=True)
class Certificate:
    """A certificate as read, its form checked, its proof not."""

    claim: dict[str, Any]
    problem: str
    witness: dict[str, Any]
    provenance: dict[str, Any]
    hash: str


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
    kinds = _kinds(claim)
    need(kind in kinds, f"claim.kind: {ascii(kind)[:40]} is not a claim this checker knows")
    fields(claim, "claim", {"kind", "statement", "width", *kinds[kind].fields})
    integer(claim["width"], "claim.width", 1, 1000)
    for name in ("morse_index", "nullity", "manifold_dimension", "level"):
        if claim.get(name) is not None:
            integer(claim[name], f"claim.{name}", 0, 10**6)
    for name in ("strict", "not_global", "complete"):
        need(claim.get(name) in (None, True, False), f"claim.{name}: expected true, false or null")
    for name in {"loss", "lambda_min"} & claim.keys():
        if claim[name] is not None:
            bounds(claim[name], f"claim.{name}")
    fields(provenance, "provenance", {"id", "method", "bits", "program"})
    need(content_hash(claim, problem, witness) == stated, "hash: is not that of claim, problem and witness")
    need(claim["statement"] == statement(claim), "claim.statement: the words are not those of the fields")
    return Certificate(claim, problem, witness, provenance, stated)


def statement(claim: _Object) -> str:
    """The claim in words, which follow from its fields (certificate-format.md, section 3)."""
    return _kinds(claim)[claim["kind"]].words(claim)


def _kinds(claim: _Object) -> dict[str, _Kind]:
    """The kinds of claims about the objective that is named; without a name, about the mean squared error."""
    if "objective" not in claim:
        return _KINDS
    need(claim["objective"] == POPULATION, "claim.objective: is none this checker knows")
    return _POPULATION_KINDS


def check_certificate(certificate: Certificate, problem: Problem | Population, data_at: DataAt) -> None:
    """Check the proof.

    Raises:
        Rejected: naming what fails.
        Unreadable: a number that is none.
    """
    need(certificate.problem == problem.hash, "problem: is not the hash of the problem on disk")
    claim = certificate.claim
    need(("objective" in claim) == isinstance(problem, Population), "claim.objective: is not that of the problem")
    _kinds(claim)[claim["kind"]].check(claim, certificate.witness, problem, data_at)


# ------------------------------------------------------------------------------------------- the kinds of claims


def _words_of_ball(claim: _Object) -> str:
    return "No critical point of the loss lies in the ball of radius empty_radius about the centre."


def _words_of_zero(claim: _Object) -> str:
    words = (
        "The network equals the teacher as a function, so that its loss is 0, a global minimum. It belongs to an "
        f"affine family of global minima of dimension {claim['manifold_dimension']}."
    )
    if claim["strict"] is True and claim["nullity"] == 0:
        return words + " It is strict: no other critical point lies in the uniqueness box."
    return words + " Near the network, the networks with loss 0 are those of the family." * (claim["complete"] is True)


def _words_of_box(claim: _Object) -> str:
    index, chart = claim["morse_index"], claim["chart"]
    words = "The loss of the chart's limit network" if chart else "The loss"
    words += " has exactly one critical point in the uniqueness box, and it lies in the existence box; "
    if claim["kind"].endswith("infinity"):
        word = f"saddle of index {index}" if claim["kind"].startswith("saddle") else "local minimum"
        words += f"in the coordinates of the chart it is a {word} at infinity. The limit of the loss"
    elif chart:
        size, nullity = claim["manifold_dimension"], claim["nullity"]
        words += f"copies of its neurons make a set of dimension {size} of critical points"
        if claim["kind"] == "saddle" and None not in (size, nullity) and nullity > size:
            words += (
                f". Those with the given numbers of outputs that are 0 have Morse index {index} and are no local "
                "minima: strict saddles of the same loss are as near as one likes"
            )
        else:
            words += f", strict saddles of Morse index {index}" if claim["kind"] == "saddle" else ", local minima"
        words += ". Their loss"
    else:
        words += f"it is a strict {f'saddle of Morse index {index}' if index else 'local minimum'}. Its loss"
    return words + " lies within the bounds." + " It is not global." * (claim["not_global"] is True)


def _words_of_newton_ball(claim: _Object) -> str:
    index = claim["morse_index"]
    return (
        "The loss has exactly one critical point in the ball of radius reach about the centre, and it lies within "
        f"radius; it is a strict {f'saddle of Morse index {index}' if index else 'local minimum'}. Its loss lies "
        "within the bounds." + " It is not global." * (claim["not_global"] is True)
    )


def _check_finite(claim: _Object, witness: _Object, problem: Problem, data_at: DataAt) -> None:
    (check_limit if "chart" in witness else check_isolated)(claim, witness, problem, data_at)


@dataclass(frozen=True)
class _Kind:
    """The fields of a claim beside ``kind``, ``statement`` and ``width``; its words; the proof it needs."""

    fields: frozenset[str]
    words: Callable[[_Object], str]
    check: _Check


_POINT = frozenset({"loss", "lambda_min", "strict", "not_global", "morse_index", "nullity", "manifold_dimension"})
_POINT |= {"complete", "stratum", "chart", "level"}

_KINDS = {
    "local-minimum": _Kind(_POINT, _words_of_box, _check_finite),
    "saddle": _Kind(_POINT, _words_of_box, _check_finite),
    "minimum-at-infinity": _Kind(_POINT, _words_of_box, check_limit),
    "saddle-at-infinity": _Kind(_POINT, _words_of_box, check_limit),
    "global-minimum": _Kind(_POINT, _words_of_zero, check_zero),
    "not-critical": _Kind(frozenset({"empty_radius"}), _words_of_ball, check_empty),
}
"""Every kind of claim; what is not here is rejected. Each proof is a module of its own, its theorem above it."""

_ABOUT = frozenset({"objective"})

_POPULATION_KINDS = {
    "local-minimum": _Kind(_POINT | _ABOUT, _words_of_newton_ball, check_critical),
    "saddle": _Kind(_POINT | _ABOUT, _words_of_newton_ball, check_critical),
    "global-minimum": _Kind(_POINT | _ABOUT, _words_of_zero, check_split),
    "not-critical": _Kind(frozenset({"empty_radius"}) | _ABOUT, _words_of_ball, check_empty_ball),
}
"""The same about ReLU students under Gaussian inputs."""
