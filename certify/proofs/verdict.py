"""Objects, relations and verdicts: the vocabulary of the answer, assembled only from proofs.

An *object* is proved: "exactly one critical point lies in this box, a strict saddle of index 1". The *relation* says
how a candidate belongs to it: ``contained`` (the saved point itself lies in the certified region: proved), ``path`` (a
path along which the loss falls leads from it to the object: proved) or ``polished`` (a computed, loss-decreasing path
led from it into the region: not proved).
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction
from functools import cached_property
from typing import Any

from certify.arithmetic.rounding import down, up
from certify.proofs.exclusion import EmptyBall
from certify.proofs.krawczyk import Krawczyk
from certify.proofs.newton_ball import GradientBall, NewtonBall
from certify.proofs.path import Descent
from certify.proofs.proof import Proof, dyadic, from_text
from symmetry.infinity.charts import Chart, chart_from_json
from symmetry.network import Network
from symmetry.problem import nested


class Kind(StrEnum):
    """What is proved of a candidate; the values are the words the user reads."""

    GLOBAL_MINIMUM = "global-minimum"
    LOCAL_MINIMUM = "local-minimum"
    SADDLE = "saddle"
    MINIMUM_AT_INFINITY = "minimum-at-infinity"
    SADDLE_AT_INFINITY = "saddle-at-infinity"
    NOT_CRITICAL = "not-critical"
    UNDECIDED = "undecided"


class Relation(StrEnum):
    """How a candidate belongs to its object; empty where there is none."""

    CONTAINED = "contained"
    PATH = "path"
    POLISHED = "polished"
    NONE = ""


_PLAIN = (
    "strict",
    "not_global",
    "morse_index",
    "nullity",
    "manifold_dimension",
    "level",
    "stratum",
    "complete",
    "method",
    "bits",
)


@dataclass(frozen=True)
class CriticalObject:
    """One distinct critical point or stratum of global minima, with its proofs.

    Objects are distinct modulo permutations of the neurons.

    Args:
        kind: the verdict for every candidate that belongs to it.
        network: an exact point of the certified region (the centre of its boxes, or a point of the stratum); ``None``
            where the object is described by a chart.
        proofs: the statements it rests on; ``proofs[0]`` is the existence statement.
        loss: exact bounds of the loss at the critical point.
        strict: whether it is a strict minimum (``None``: not proved, or not a minimum).
        not_global: ``True`` where proved, ``None`` unknown, ``False`` for a global minimum.
        morse_index: number of negative Hessian eigenvalues, where proved.
        nullity: dimension of the Hessian's kernel, where proved.
        manifold_dimension: dimension of a family of critical points that is proved to contain it; that there are no
            others near it is proved where it equals ``nullity``.
        level: of an induced saddle, where proved.
        stratum: canonical name of a stratum of global minima, else ``""``.
        complete: ``True`` where it is proved that near the object's exact point the networks of loss 0 are those of the
            stratum; else ``None``.
        lambda_min: exact bounds of the smallest Hessian eigenvalue, where proved.
        method: the theorem and arithmetic that settled it.
        bits: precision of the proof.
        chart: how the candidates are taken apart into the limit network whose critical point is certified, for
            plateaus and channels to infinity; the boxes are then in its coordinates.
    """

    kind: Kind
    network: Network | None
    proofs: tuple[Proof, ...]
    loss: tuple[Fraction, Fraction]
    strict: bool | None
    not_global: bool | None
    morse_index: int | None
    nullity: int | None
    manifold_dimension: int | None
    level: int | None
    stratum: str
    lambda_min: tuple[Fraction, Fraction] | None
    method: str
    bits: int
    chart: Chart | None = None
    complete: bool | None = None

    def __post_init__(self) -> None:
        if (self.network is None) == (self.chart is None):
            raise ValueError("expected either an exact network or a chart, not both and not neither")

    @classmethod
    def isolated(cls, network: Network, proofs: tuple[Proof, ...], *, morse_index: int, **known: Any) -> CriticalObject:
        """A critical point whose Hessian is non-singular: a strict minimum, or a saddle.

        Args:
            network: its centre.
            proofs: of it.
            morse_index: proved.
            known: the fields ``loss``, ``lambda_min``, ``not_global``, ``method``, ``bits``.
        """
        minimum = morse_index == 0
        return cls(
            kind=Kind.LOCAL_MINIMUM if minimum else Kind.SADDLE,
            network=network,
            proofs=proofs,
            strict=True if minimum else None,
            morse_index=morse_index,
            nullity=0,
            manifold_dimension=0,
            level=None,
            stratum="",
            **known,
        )

    @property
    def width(self) -> int:
        """Number of neurons of the candidates."""
        if self.chart is not None:
            return self.chart.width
        assert self.network is not None
        return self.network.width

    @property
    def box(self) -> Krawczyk | None:
        """The existence and uniqueness boxes, where the Krawczyk test was passed."""
        return next((p for p in self.proofs if isinstance(p, Krawczyk)), None)

    @property
    def ball(self) -> NewtonBall | None:
        """The balls of existence and uniqueness, under Gaussian inputs."""
        return next((p for p in self.proofs if isinstance(p, NewtonBall)), None)

    @cached_property
    def id(self) -> str:
        """A name made from the content: the same proof gets the same name on every machine."""
        identity: Any = [p.to_json() for p in self.proofs] if not self.stratum else self.stratum
        text = json.dumps([str(self.kind), self.width, identity], sort_keys=True)
        return f"w{self.width}-{self.kind}-{hashlib.sha256(text.encode()).hexdigest()[:12]}"

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> CriticalObject:
        """The inverse of :meth:`to_json`, bit for bit. Reading an object does not check it.

        Raises:
            ValueError: fields missing or malformed.
        """

        def pair(bounds: list[str] | None) -> tuple[Fraction, Fraction] | None:
            return None if bounds is None else (from_text(bounds[0]), from_text(bounds[1]))

        loss = pair(data["loss"])
        if loss is None:
            raise ValueError("loss is missing, expected two exact numbers")
        same = {key: data[key] for key in _PLAIN}
        return cls(
            kind=Kind(data["kind"]),
            network=None if data["w"] is None else _network(data["w"], data["a"]),
            chart=None if data["chart"] is None else chart_from_json(data["chart"]),
            proofs=tuple(Proof.from_json(p) for p in data["proofs"]),
            loss=loss,
            lambda_min=pair(data["lambda_min"]),
            **same,
        )

    def to_json(self) -> dict[str, Any]:
        """The object with every number exact: the content of its certificate file."""

        def pair(bounds: tuple[Fraction, Fraction] | None) -> list[str] | None:
            return None if bounds is None else [dyadic(b) for b in bounds]

        return {
            "id": self.id,
            "kind": str(self.kind),
            "width": self.width,
            "w": None if self.network is None else [[dyadic(x) for x in row] for row in self.network.w],
            "a": None if self.network is None else nested(self.network.a, dyadic),
            "chart": None if self.chart is None else self.chart.to_json(),
            "loss": pair(self.loss),
            "lambda_min": pair(self.lambda_min),
            "proofs": [p.to_json() for p in self.proofs],
        } | {key: getattr(self, key) for key in _PLAIN}


def _network(w: list[list[str]], a: list[str]) -> Network:
    return Network.of(nested(w, from_text), nested(a, from_text))


@dataclass(frozen=True)
class Verdict:
    """The answer for one candidate.

    Args:
        index: position among the points.
        source: file (and row) the point came from.
        seed: of its run, ``None`` where unknown.
        width: number of neurons.
        kind: the verdict.
        relation: how the candidate belongs to the object.
        moved: length of the path, the proved or the computed one (Euclidean, float); 0 where nothing moved.
        distance: upper bound of the Euclidean distance from the saved point to the object's exact point, after
            the matching permutation; ``None`` without an object.
        permutation: neuron ``i`` of the object is neuron ``permutation[i]`` of the candidate.
        witness: for global minima, the exact point that the distance is measured to.
        labels: of the witness, as in :class:`~certify.proofs.zero.ZeroLoss`.
        object: the certified object, ``None`` for not-critical and undecided.
        descent: for the relation ``path``, and ``contained`` at infinity, the path.
        coordinates: under Gaussian inputs, coordinate ``k`` of the object is coordinate ``coordinates[k]`` of the
            candidate, where the order of the teacher's neurons counts; else empty.
        empty: for not-critical, the ball about the saved point that is proved free of critical points.
        reason: for undecided, the code and the numbers that failed; for not-critical, what was proved.
        method: for verdicts without an object, what proved them.
        bits: likewise, the precision.
    """

    index: int
    source: str
    seed: int | None
    width: int
    kind: Kind
    relation: Relation = Relation.NONE
    moved: float = 0.0
    distance: float | None = None
    permutation: tuple[int, ...] = ()
    witness: Network | None = None
    labels: tuple[str, ...] = ()
    object: CriticalObject | None = None
    descent: Descent | None = None
    coordinates: tuple[int, ...] = ()
    empty: EmptyBall | GradientBall | None = None
    reason: str = ""
    method: str = ""
    bits: int | None = None

    def row(self) -> dict[str, Any]:
        """The columns of ``verdicts.jsonl`` and ``verdicts.parquet``; bounds rounded outward to float64."""
        o = self.object
        tight, wide = self._radii()
        return {
            "index": self.index,
            "source": self.source,
            "seed": self.seed,
            "width": self.width,
            "verdict": str(self.kind),
            "relation": str(self.relation) or None,
            "moved": self.moved,
            "distance": self.distance,
            "loss_lower": down(o.loss[0]) if o else None,
            "loss_upper": up(o.loss[1]) if o else None,
            "not_global": o.not_global if o else None,
            "strict": o.strict if o else None,
            "morse_index": o.morse_index if o else None,
            "nullity": o.nullity if o else None,
            "manifold_dimension": o.manifold_dimension if o else None,
            "level": o.level if o else None,
            "stratum": (o.stratum or None) if o else None,
            "chart": o.chart.name if o and o.chart else None,
            "lambda_min_lower": down(o.lambda_min[0]) if o and o.lambda_min else None,
            "lambda_min_upper": up(o.lambda_min[1]) if o and o.lambda_min else None,
            "existence_radius": tight,
            "uniqueness_radius": wide,
            "empty_radius": down(Fraction(self.empty.radius)) if self.empty else None,
            "method": o.method if o else self.method or None,
            "bits": o.bits if o else self.bits,
            "object_id": o.id if o else None,
            "reason": self.reason or None,
        }

    def _radii(self) -> tuple[float | None, float | None]:
        """Of the regions of existence and uniqueness: exact float64 numbers of a box, rounded outward of a ball."""
        box, ball = (self.object.box, self.object.ball) if self.object else (None, None)
        if ball is not None:
            return up(ball.radius), down(ball.reach)
        if box is None:
            return None, None
        # the largest over the coordinates; the smallest: points this near in the maximum norm are in the box
        return box.existence_radius.max().item(), box.uniqueness_radius.min().item()


def not_critical(ball: EmptyBall | GradientBall) -> dict[str, Any]:
    """What a ball about a candidate that holds no critical point makes of its verdict."""
    return {
        "kind": Kind.NOT_CRITICAL,
        "empty": ball,
        "reason": "the gradient has no zero in the ball about the saved point",
        "method": f"{ball.theorem}/{ball.arithmetic}",
        "bits": ball.bits,
    }
