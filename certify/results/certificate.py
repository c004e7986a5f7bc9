"""Certificates: what an object or an empty ball leaves behind for a checker (``docs/certificate-format.md``).

A certificate is one JSON object: the *claim* in words and as fields, the hash of the *problem*, the *witness* that a
checker evaluates, and the *provenance*, which proves nothing. Every number is exact. The hash covers claim, problem and
witness. Words and hash are made here and made again by the checker, which shares no code with this module.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from fractions import Fraction
from importlib import metadata
from types import MappingProxyType
from typing import Any

import numpy as np

from certify.proofs.exclusion import EmptyBall
from certify.proofs.family import LocalFamily
from certify.proofs.inertia import Inertia
from certify.proofs.infinity import Channel
from certify.proofs.krawczyk import Krawczyk
from certify.proofs.lemmas import BallMinimum
from certify.proofs.manifold import Split, Tie
from certify.proofs.newton_ball import GradientBall, NewtonBall
from certify.proofs.proof import Proof, dyadic, from_text
from certify.proofs.teacher_split import TeacherSplit
from certify.proofs.verdict import CriticalObject, Kind, Verdict
from certify.proofs.zero import ZeroLoss
from symmetry.infinity.charts import chart_from_json
from symmetry.network import Network, Points, exact
from symmetry.population import LOSS
from symmetry.problem import nested

FORMAT = 1

STEPS = {
    ZeroLoss.theorem: "zero_loss",
    LocalFamily.theorem: "local_family",
    Krawczyk.theorem: "krawczyk",
    Inertia.theorem: "inertia",
    BallMinimum.theorem: "lemma_1",
    Split.theorem: "splits",
    Tie.theorem: "tie",
    Channel.theorem: "channel",
    NewtonBall.theorem: "newton_ball",
    TeacherSplit.theorem: "split",
}
"""The step of a witness for each theorem; ``splits`` is a list of steps."""

_CLAIMED = ("strict", "not_global", "morse_index", "nullity", "manifold_dimension", "complete", "level")


def certificate_of(found: CriticalObject, problem_hash: str) -> dict[str, Any]:
    """The certificate of an object."""
    claim = {
        "kind": str(found.kind),
        "width": found.width,
        "loss": [dyadic(bound) for bound in found.loss],
        "lambda_min": None if found.lambda_min is None else [dyadic(bound) for bound in found.lambda_min],
        "stratum": found.stratum or None,
        "chart": None if found.chart is None else found.chart.name,
        **{name: getattr(found, name) for name in _CLAIMED},
    }
    if isinstance(found.proofs[0], NewtonBall | TeacherSplit):
        claim["objective"] = LOSS
    witness: dict[str, Any] = {} if found.chart is None else {"chart": found.chart.to_json()}
    implied = _implied(claim, found.method, found.bits)
    for proof in found.proofs:
        data = proof.to_json()
        step = {name: value for name, value in data.items() if name not in {"theorem", *implied[proof.theorem]}}
        if isinstance(proof, Split):
            witness.setdefault("splits", []).append(step)
        else:
            witness[STEPS[proof.theorem]] = step
    return _certificate(claim, problem_hash, witness, found.id, found.method, found.bits)


def certificate_of_ball(ball: EmptyBall | GradientBall, width: int, problem_hash: str) -> dict[str, Any]:
    """The certificate that a ball about a candidate holds no critical point."""
    data = ball.to_json()
    claim = {"kind": str(Kind.NOT_CRITICAL), "width": width, "empty_radius": data["radius"]}
    if isinstance(ball, GradientBall):
        claim["objective"] = LOSS
        witness = {"gradient_ball": {"center": data["center"]}}
    else:
        witness = {"empty_ball": {"center": data["center"], "direction": data["direction"]}}
    certificate = _certificate(claim, problem_hash, witness, "", f"{ball.theorem}/{ball.arithmetic}", ball.bits)
    certificate["provenance"]["id"] = f"w{width}-{Kind.NOT_CRITICAL}-{certificate['hash'][:12]}"
    return certificate


def object_of(certificate: Mapping[str, Any], dimension: int, outputs: int = 1) -> CriticalObject:
    """The object of a certificate, bit for bit: the inverse of :func:`certificate_of`. Reading does not check it.

    Args:
        certificate: as read from its file.
        dimension: of the inputs of its problem.
        outputs: the number of outputs of its problem.

    Raises:
        ValueError, KeyError, TypeError: fields missing or malformed.
    """
    claim, witness, provenance = certificate["claim"], certificate["witness"], certificate["provenance"]
    implied = _implied(claim, provenance["method"], provenance["bits"], witness)
    proofs = []
    for theorem, name in STEPS.items():
        steps = witness.get(name, [])
        for step in steps if isinstance(steps, list) else [steps]:
            proofs.append(Proof.from_json({"theorem": theorem, **step, **implied[theorem]}))
    chart = chart_from_json(witness["chart"]) if "chart" in witness else None
    loss = _pair(claim["loss"])
    return CriticalObject(
        kind=Kind(claim["kind"]),
        network=_network(proofs[0], claim["width"], dimension, outputs) if chart is None else None,
        chart=chart,
        proofs=tuple(proofs),
        loss=loss,
        lambda_min=None if claim["lambda_min"] is None else _pair(claim["lambda_min"]),
        stratum=claim["stratum"] or "",
        method=provenance["method"],
        bits=provenance["bits"],
        **{name: claim[name] for name in _CLAIMED},
    )


def _network(first: Proof, width: int, dimension: int, outputs: int) -> Network:
    """The exact point of an object without a chart, from its existence statement."""
    if isinstance(first, ZeroLoss):
        return Network(first.w, first.a)
    if isinstance(first, NewtonBall | TeacherSplit):
        w = first.center.reshape(width, -1) if isinstance(first, NewtonBall) else first.w
        return Network(w, exact(np.ones(width)))
    if isinstance(first, Krawczyk):
        # one parameter more for each output than neurons have is an output bias
        if len(first.center) - width * (dimension + outputs) not in (0, outputs):
            raise ValueError(f"the centre has {len(first.center)} parameters, expected {width * (dimension + outputs)}")
        w, a = first.center[: width * dimension].reshape(width, dimension), first.center[width * dimension :]
        return Network(w, a if outputs == 1 else a.reshape(outputs, -1))
    raise ValueError(f"the first step is {first.theorem}, expected one that names a point")


def _pair(bounds: Any) -> tuple[Fraction, Fraction]:
    low, high = bounds
    return from_text(low), from_text(high)


def _implied(
    claim: Mapping[str, Any], method: str, bits: int, witness: Mapping[str, Any] = MappingProxyType({})
) -> dict[str, dict[str, Any]]:
    """The fields of each proof that a witness does not repeat, with their values where there is a witness."""
    signs = witness.get("inertia", {}).get("signs", [])
    return {
        ZeroLoss.theorem: {"stratum": claim["stratum"], "dimension": claim["manifold_dimension"]},
        LocalFamily.theorem: {},
        Krawczyk.theorem: {"arithmetic": method.rsplit("/")[-1], "bits": bits},
        Inertia.theorem: {"positive": signs.count(1), "negative": signs.count(-1)},
        BallMinimum.theorem: {"center": witness.get("krawczyk", {}).get("center")},
        Split.theorem: {},
        Tie.theorem: {},
        Channel.theorem: {"chart": claim["chart"]},
        NewtonBall.theorem: {
            "negative": claim["morse_index"],
            "arithmetic": method.rsplit("/")[-1],
            "bits": bits,
        },
        TeacherSplit.theorem: {},
    }


def witness_line(
    verdict: Verdict, points: Points, certificate: str | None, *, population: bool = False
) -> dict[str, Any]:
    """The line of ``witnesses.jsonl`` for one candidate.

    Args:
        verdict: of the candidate.
        points: all candidates.
        certificate: the file of its certificate, ``None`` where nothing is claimed.
        population: whether the problem is one under Gaussian inputs, where coordinates may be permuted as well.
    """
    w, a = points.w[verdict.index], points.a[verdict.index]
    point = verdict.witness
    line = {
        "index": verdict.index,
        "candidate": {"w": nested(w, _double), "a": nested(a, _double)},
        "certificate": certificate,
        "permutation": list(verdict.permutation) or None,
        "point": point and {"w": [[dyadic(x) for x in row] for row in point.w], "a": [dyadic(x) for x in point.a]},
        "labels": list(verdict.labels) or None,
        "path": verdict.descent and {k: v for k, v in verdict.descent.to_json().items() if k != "theorem"},
    }
    if population:
        line["coordinates"] = list(verdict.coordinates) or None
    return line


def _double(value: float) -> str:
    """As :func:`dyadic`, but −0.0 is ``-0``: every bit of a candidate can be told."""
    return "-0" if value == 0 and math.copysign(1.0, value) < 0 else dyadic(Fraction(value))


def counts(verdicts: Sequence[Verdict], kinds: Sequence[Kind]) -> dict[str, Any]:
    """The counts of a manifest: candidates by verdict and relation, certificates by kind."""
    table: dict[str, dict[str, int]] = {}
    for verdict in verdicts:
        row = table.setdefault(str(verdict.kind), {})
        row[str(verdict.relation) or "none"] = row.get(str(verdict.relation) or "none", 0) + 1
    return {"verdicts": table, "certificates": dict(Counter(map(str, kinds)))}


def canonical(data: Any) -> str:
    """The canonical serialisation: sorted keys, no spaces, ASCII, a newline at the end."""
    return json.dumps(data, sort_keys=True, separators=(",", ":"), allow_nan=False) + "\n"


def _certificate(
    claim: dict[str, Any], problem_hash: str, witness: dict[str, Any], name: str, method: str, bits: int
) -> dict[str, Any]:
    claim = claim | {"statement": statement(claim)}
    hashed = canonical({"claim": claim, "problem": problem_hash, "witness": witness})
    return {
        "format": FORMAT,
        "claim": claim,
        "problem": problem_hash,
        "witness": witness,
        "provenance": {
            "id": name,
            "method": method,
            "bits": bits,
            "program": f"losscert {metadata.version('losscert')}",
        },
        "hash": hashlib.sha256(hashed[:-1].encode()).hexdigest(),
    }


_IN_BOX = "has exactly one critical point in the uniqueness box, and it lies in the existence box"


def statement(claim: Mapping[str, Any]) -> str:
    """The claim in words; they follow from its fields (``docs/certificate-format.md``, section 3)."""
    kind, index = claim["kind"], claim.get("morse_index")
    if kind == Kind.NOT_CRITICAL:
        return "No critical point of the loss lies in the ball of radius empty_radius about the centre."
    if kind == Kind.GLOBAL_MINIMUM:
        family = f"It belongs to an affine family of global minima of dimension {claim['manifold_dimension']}."
        alone = ""
        if claim["strict"] and claim["nullity"] == 0:
            alone = " It is strict: no other critical point lies in the uniqueness box."
        elif claim["complete"]:
            alone = " Near the network, the networks with loss 0 are those of the family."
        return f"The network equals the teacher as a function, so that its loss is 0, a global minimum. {family}{alone}"
    if claim.get("objective") == LOSS:
        what = "strict local minimum" if index == 0 else f"strict saddle of Morse index {index}"
        words = (
            "The loss has exactly one critical point in the ball of radius reach about the centre, and it lies within "
            f"radius; it is a {what}. Its loss lies within the bounds."
        )
    elif claim["chart"] is None:
        what = "strict local minimum" if index == 0 else f"strict saddle of Morse index {index}"
        words = f"The loss {_IN_BOX}; it is a {what}. Its loss lies within the bounds."
    elif kind in (Kind.LOCAL_MINIMUM, Kind.SADDLE):
        what = "local minima" if kind == Kind.LOCAL_MINIMUM else f"strict saddles of Morse index {index}"
        dimension, tail = claim["manifold_dimension"], "Their loss lies within the bounds."
        words = f"The loss of the chart's limit network {_IN_BOX}; copies of its neurons "
        if kind == Kind.SADDLE and claim["nullity"] > dimension:
            words += (
                f"make a set of dimension {dimension} of critical points. Those with the given numbers of outputs that "
                f"are 0 have Morse index {index} and are no local minima: strict saddles of the same loss are as near "
                f"as one likes. {tail}"
            )
        else:
            words += f"make a set of dimension {dimension} of critical points, {what}. {tail}"
    else:
        what = "local minimum" if kind == Kind.MINIMUM_AT_INFINITY else f"saddle of index {index}"
        words = (
            f"The loss of the chart's limit network {_IN_BOX}; in the coordinates of the chart it is a {what} at "
            "infinity. The limit of the loss lies within the bounds."
        )
    return words + (" It is not global." if claim["not_global"] else "")
