"""One candidate in plain words, with its numbers: what is proved, what is only computed, what is not claimed."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from certify.arithmetic.decimals import above, below, interval
from certify.arithmetic.rounding import down, up
from certify.presentation.reasons import REASONS, UNKNOWN, code_of
from certify.proofs.distinct import match
from certify.proofs.family import LocalFamily
from certify.proofs.inertia import Inertia
from certify.proofs.infinity import Channel
from certify.proofs.krawczyk import Krawczyk
from certify.proofs.lemmas import BallMinimum
from certify.proofs.manifold import Split, Tie
from certify.proofs.newton_ball import NewtonBall
from certify.proofs.proof import Proof
from certify.proofs.teacher_split import TeacherSplit
from certify.proofs.verdict import CriticalObject, Kind, Relation
from certify.proofs.zero import ZeroLoss
from certify.results.store import Results, ResultsError, Row
from symmetry.infinity.charts import Chart
from symmetry.infinity.groups import GROWTH
from symmetry.infinity.saturated import lifted
from symmetry.network import Exact, Network, exact
from symmetry.population import GaussianProblem

_DIGITS = 12
_SHOWN = 60
"""Incoming weights that are shown; larger networks are in their certificates."""


@dataclass(frozen=True)
class Explanation:
    """The answer for one candidate, sentence by sentence.

    Args:
        title: which candidate.
        verdict: the verdict in words.
        sections: (heading, sentences); what is proved and what is computed never share a section.
        row: its columns of ``verdicts.jsonl``.
    """

    title: str
    verdict: str
    sections: tuple[tuple[str, tuple[str, ...]], ...]
    row: Row

    def text(self) -> str:
        """The explanation for a terminal."""
        blocks = [f"{self.title}\n\nVerdict: {self.verdict}"]
        for heading, sentences in self.sections:
            blocks.append("\n".join([heading, *map(_bullet, sentences)]))
        return "\n\n".join(blocks) + "\n"

    def to_json(self) -> dict[str, Any]:
        """The same as JSON-able data."""
        sections = [{"heading": heading, "sentences": list(sentences)} for heading, sentences in self.sections]
        return {"title": self.title, "verdict": self.verdict, "sections": sections, "row": dict(self.row)}


def explain(results: Results, index: int) -> Explanation:
    """Explain the candidate ``index`` (from 0).

    Raises:
        ResultsError: there is no such candidate.
    """
    if not 0 <= index < len(results.rows):
        raise ResultsError(
            f"{results.directory}: has candidates 0 to {len(results.rows) - 1}, there is no candidate {index}"
        )
    row = results.rows[index]
    found = None if row["object_id"] is None else results.objects[row["object_id"]]
    seed = "" if row["seed"] is None else f", seed {row['seed']}"
    title = (
        f"Candidate {index} ({row['source']}{seed}): {row['width']} neurons, "
        f"problem {results.manifest['problem']['name']}"
    )
    if found is not None:
        sections = tuple(_object_sections(row, found, results))
    elif row["verdict"] == Kind.NOT_CRITICAL:
        sections = tuple(_empty_sections(row))
    else:
        sections = tuple(_undecided_sections(row))
    return Explanation(title, _verdict(row), sections, row)


def _bullet(sentence: str) -> str:
    return textwrap.fill(sentence, 110, initial_indent="  - ", subsequent_indent="    ", break_on_hyphens=False)


def _verdict(row: Row) -> str:
    kind = row["verdict"]
    if kind == Kind.GLOBAL_MINIMUM:
        return "global minimum: the loss is exactly 0."
    if kind == Kind.LOCAL_MINIMUM:
        words = {True: "strict local minimum", False: "local minimum, not strict"}
        word = words.get(row["strict"], "local minimum")
        return f"{word}, not global." if row["not_global"] else f"{word}; whether it is global is not known."
    if kind == Kind.SADDLE:
        if row["nullity"] > row["manifold_dimension"]:
            return f"degenerate saddle of Morse index {row['morse_index']}: no local minimum."
        return f"strict saddle of Morse index {row['morse_index']}."
    if kind == Kind.MINIMUM_AT_INFINITY:
        name = f"local minimum at infinity ({row['chart']})"
        return f"{name}: networks whose weights diverge approach it, none near it attains it."
    if kind == Kind.SADDLE_AT_INFINITY:
        return f"saddle at infinity ({row['chart']}) of index {row['morse_index']}."
    if kind == Kind.NOT_CRITICAL:
        ball = "a ball about the saved point, of the radius below, holds no critical point"
        return f"not critical: {ball}. This does not count as decided."
    if kind == Kind.UNDECIDED:
        return f"undecided ({code_of(row['reason'])})."
    raise ValueError(f"verdict is {kind!r}, expected one of: {', '.join(Kind)}")


# ------------------------------------------------------------------------------------------ candidates with an object


def _object_sections(row: Row, found: CriticalObject, results: Results) -> Iterator[tuple[str, tuple[str, ...]]]:
    yield f"Proved, of the object {found.id}:", tuple(_statements(row, found))
    if row["relation"] == Relation.CONTAINED:
        yield "Proved, of the saved point:", (_contained(row, found, results),)
    elif row["relation"] == Relation.PATH:
        yield "Proved, of the saved point:", (_path(row, found),)
    else:
        yield "Computed, not proved, of the saved point:", (_polished(row, found),)
    yield "How it was proved:", (_method(row), f"The exact numbers are in certificates/{found.id}.json.")
    yield "Not claimed:", tuple(_not_claimed(row, found, results))


def _statements(row: Row, found: CriticalObject) -> Iterator[str]:
    if found.chart is not None:
        yield (
            f"Its neurons are grouped as {found.chart.name}, which leaves a smaller network, the limit network. "
            "The boxes are those of its parameters."
        )
    hessian = "The Hessian" if found.chart is None else "The limit network's Hessian"
    for proof in found.proofs:
        yield _statement(proof, hessian)
    if found.network is not None and found.network.width * found.network.dimension <= _SHOWN:
        name = "One of its members" if found.manifold_dimension else "The centre"
        yield f"{name}, rounded: {_neurons(found.network)}."
    if found.chart is not None and found.box is not None:
        yield f"The limit network at the centre, rounded: {_limit_network(found.chart, found.box.center)}."
    if found.manifold_dimension and not found.stratum:
        yield f"It belongs to a set of critical points of dimension {found.manifold_dimension}."
    if found.kind is not Kind.GLOBAL_MINIMUM:
        yield f"The loss there: {interval(row['loss_lower'], row['loss_upper'], _DIGITS)}."
    if row["lambda_min_lower"] is not None:
        bounds = interval(row["lambda_min_lower"], row["lambda_min_upper"], _DIGITS)
        whose = hessian if found.chart and found.chart.diverging else "The Hessian"
        yield f"{whose}'s smallest eigenvalue there: {bounds}."
    if row["not_global"]:
        yield "It is not global: its loss is positive, and the infimum over all networks of this width is 0."


def _statement(proof: Proof, hessian: str) -> str:
    if isinstance(proof, Krawczyk):
        tight, wide = proof.existence_radius.max().item(), proof.uniqueness_radius
        return (
            "Exactly one critical point lies in a box about the centre. It is within "
            f"{above(tight)} of the centre in every coordinate (existence box), and no other critical point is within "
            f"{below(wide.min().item())} (uniqueness box; its radii go up to {below(wide.max().item())})."
        )
    if isinstance(proof, Inertia):
        return f"{hessian} there has {proof.positive} positive, {proof.negative} negative and no zero eigenvalues."
    if isinstance(proof, BallMinimum):
        return (
            "A second proof (Lemma 1 of Safran and Shamir): a strict local minimum, and no other critical point, "
            f"within Euclidean distance {above(up(proof.radius))} of the centre."
        )
    if isinstance(proof, ZeroLoss):
        affine = f"an affine family of dimension {proof.dimension}"
        family = affine if proof.dimension else "a single point up to the order of neurons"
        return (
            "A network of this width equals the teacher as a function, so its loss is exactly 0. "
            f"It belongs to the stratum {proof.stratum} of global minima ({family})."
        )
    if isinstance(proof, LocalFamily):
        return (
            "Near that network the networks of loss 0 are exactly those of the stratum: the functions that could "
            f"cancel, also to second order, {proof.columns} in number, are linearly independent on the inputs."
        )
    if isinstance(proof, Split):
        return _split(proof)
    if isinstance(proof, Tie):
        return (
            "The constants that mirrored copies bring can add up to the limit network's: shares of these signs exist. "
            "That is one condition on them, and takes one zero eigenvalue away."
        )
    if isinstance(proof, Channel):
        bounds = [interval(down(x), up(y)) for x, y in zip(proof.kappa_lower, proof.kappa_upper, strict=True)]
        held = (
            ", and where copies share the part of a neuron, moving them apart raises it" if len(proof.weights) else ""
        )
        return (
            "Along the channel, as outgoing weights grow like 1/ε (of triples, cubic and quintic groups and "
            "exponentials by higher powers; of a saturated neuron the incoming ones like log(1/ε)), the loss exceeds "
            "its limit by κε² up to smaller "
            f"terms, with κ positive: {', '.join(bounds)}{held}."
        )
    if isinstance(proof, NewtonBall):
        return (
            f"Exactly one critical point lies within Euclidean distance {below(down(proof.reach))} of the centre; "
            f"it is within {above(up(proof.radius))}, and its Hessian has {proof.negative} negative "
            "eigenvalues and no zero ones."
        )
    if isinstance(proof, TeacherSplit):
        return (
            "Each neuron of the teacher is the sum of the students parallel to it, so the loss is exactly 0. "
            f"It belongs to the family {proof.name} of global minima, and near it there are no others."
        )
    return f"The theorem {proof.theorem} applies."


def _split(proof: Split) -> str:
    size = proof.positive + proof.negative + proof.zero
    shares = f"{proof.positive} with a positive and {proof.negative} with a negative share of its output"
    mirrored = f" ({sum(proof.mirrored)} of them mirrored, with −w for w)" if any(proof.mirrored) else ""
    zero = (
        f" {proof.zero} have output 0: no local minimum, strict saddles of the same loss are as near as one likes."
        if proof.zero
        else ""
    )
    return (
        f"Neuron {proof.neuron} of the limit network stands for {size} copies{mirrored}, {shares}.{zero} That adds "
        f"{proof.added_negative} negative and {proof.added_zero} zero eigenvalues to the Hessian."
    )


def _neurons(network: Network) -> str:
    """The network in formulas, output by output, rounded to six digits for reading."""
    sums = []
    for outgoing in network.a.reshape(network.outputs, -1):
        terms = []
        for w, a in zip(network.w, outgoing, strict=False):
            inner = ", ".join(f"{float(x):.6g}" for x in w)
            terms.append(f"{float(a):.6g}·σ(({inner})·x)")
        terms += [f"{float(c):.6g}" for c in outgoing[network.width :]]
        sums.append(" + ".join(terms).replace("+ -", "- "))
    return sums[0] if len(sums) == 1 else f"({', '.join(sums)})"


def _limit_network(chart: Chart, q: Exact) -> str:
    """The limit network in formulas, rounded to six digits for reading."""
    d, terms = chart.dimension, []

    def vector(part: Exact) -> str:
        return f"({', '.join(f'{float(x):.6g}' for x in part)})·x"

    blocks, steps = [chart.by_unit(q)[unit.place] for unit in chart.units], iter(chart.saturated)
    for kind, b in zip((unit.kind for unit in chart.units), blocks, strict=True):
        if kind == "affine":
            terms.append(f"{float(b[0]):.6g}" + (f" + {vector(b[1:])}" if len(b) > 1 else ""))
            continue
        if kind == "bias":
            terms.append(f"{float(b[0]):.6g}")
            continue
        if kind in GROWTH:
            terms.append(f"{'+' if GROWTH[kind] > 0 else '-'}exp({vector(b)})")
            continue
        if kind == "linear":
            terms.append(f"σ'(0)·{vector(b)}")
            continue
        if kind == "cubic":
            terms.append(f"-({vector(b)})³/48")
            continue
        if kind == "quintic":
            g, u = vector(b[:d]), vector(b[d:])
            terms.append(f"({u})⁵/480 - ({u})²·({g})/16")
            continue
        if kind.startswith("saturated"):
            step = next(steps)
            n, z = vector(exact(step.normal)), vector(lifted(b[:-1], step.axis))
            terms.append(f"{float(b[-1]):.6g}·([{n} > 0] + [{n} = 0]·σ({z}))")
            continue
        z = vector(b[:d])
        terms.append(f"{float(b[-1]):.6g}·σ({z})")
        if len(b) > d + 1:  # a pair or a triple: w, u or v, …, c
            terms.append(f"({vector(b[d : 2 * d])})·σ'({z})")
        if kind.startswith("triple"):
            terms.append(f"{'+' if kind[6] == '+' else '-'}½ ({vector(b[2 * d : 3 * d])})²·σ''({z})")
    return " + ".join(terms).replace("+ -", "- ").replace("+ +", "+ ")


def _contained(row: Row, found: CriticalObject, results: Results) -> str:
    if found.chart is not None:
        held = "all ε are held"
        if found.chart.copies:
            held = "all ε and the shares of its copies are held, each copy with weights of its own"
        if any(group.copied for group in found.chart.diverging):
            held += ", and so is how copies of diverging neurons lie to each other"
        return (
            "contained: the saved point itself lies in a region of the chart that reaches the minimum at infinity and "
            f"holds no critical point: in it the loss is strictly convex in the limit network's parameters where {held}"
            ", and grows with every ε² that is free. Along its middle the loss falls strictly from the saved "
            "point to infinity."
        )
    saved = Network.of(results.points.w[row["index"]], results.points.a[row["index"]])
    if found.ball is not None:
        place = "lies within the distance at which no other critical point is"
    elif match(saved, found) is not None:
        place = "lies in the uniqueness box"
    else:
        place = "is within 1e-10·(1 + ‖θ‖) of an exact global minimum of this stratum"
    away = f"at most {above(row['distance'])}" if row["distance"] else "exactly 0"
    what = "such a minimum" if found.stratum else "the centre"
    inputs = " and of the teacher's" if found.ball is not None else ""
    return (
        f"contained: up to the order of the neurons{inputs} the saved point itself {place}; its Euclidean distance "
        f"from {what} is {away}."
    )


def _path(row: Row, found: CriticalObject) -> str:
    if found.chart is not None:
        near = "comes as near as one likes to the minimum at infinity"
        end = near if found.chart.diverging else "ends on the plateau"
        return f"path: the loss falls strictly along a path that starts at the saved point and {end}."
    what = "an exact global minimum of the stratum" if found.stratum else "the minimum"
    sentence = (
        "path: the loss falls strictly along a path, made of lines and curves, from the saved point to "
        f"{what}; its length is about {row['moved']:.4g}."
    )
    if row["distance"] is None:
        return sentence
    target = "its end" if found.stratum else "the centre"
    return f"{sentence} The saved point is at most {above(row['distance'])} away from {target} (Euclidean distance)."


def _polished(row: Row, found: CriticalObject) -> str:
    region = "the object's certified region" if found.chart is None else "this object, in the coordinates of its chart"
    sentence = (
        f"polished: a path of length {row['moved']:.4g}, along which the computed loss decreases, leads from the saved "
        f"point into {region}."
    )
    if row["distance"] is None:
        return sentence
    what = "an exact global minimum of the stratum" if found.stratum else "the centre"
    return f"{sentence} The saved point is at most {above(row['distance'])} away from {what} (Euclidean distance)."


def _method(row: Row) -> str:
    return f"{row['method']}, " + (f"at {row['bits']} bits." if row["bits"] else "in exact rational arithmetic.")


def _not_claimed(row: Row, found: CriticalObject, results: Results) -> Iterator[str]:
    if row["relation"] == Relation.POLISHED:
        yield "That the saved point lies in the certified region, or that training would have ended there."
    if row["relation"] == Relation.PATH:
        yield "That training would have followed this path."
    if found.kind is Kind.LOCAL_MINIMUM and not row["not_global"]:
        yield "That the minimum is global, or that it is not: no better point and no infimum is known."
    if found.kind is Kind.GLOBAL_MINIMUM and found.strict is None:
        yield "That the minimum is strict: the tests for it were not passed."
    if found.chart is not None and found.chart.diverging:
        if row["relation"] == Relation.CONTAINED:
            yield "That this run stays in the region, which is thin, or in the channel."
        else:
            yield "That this run stays in the channel: no region of a proved size about the limit is known to hold it."
    if found.stratum and not found.complete:
        yield "That these are all global minima near the point."
    if found.stratum and found.complete and found.manifold_dimension:
        yield "That they are all near other points of the stratum too: there outputs may have other signs."
    if isinstance(results.problem, GaussianProblem):
        yield "Anything about finitely many inputs: the loss is an expectation over Gaussian inputs."
        return
    yield f"Anything about other data: the loss is that of the {len(results.problem)} inputs of the problem."


# --------------------------------------------------------------------------------------- candidates without an object


def _empty_sections(row: Row) -> Iterator[tuple[str, tuple[str, ...]]]:
    yield (
        "Proved:",
        (f"No critical point is within Euclidean distance {below(row['empty_radius'])} of the saved point.",),
    )
    if row["moved"]:
        yield "Computed, not proved:", (f"The polish path, of length {row['moved']:.4g}, stays in that ball.",)
    yield "How it was proved:", (_method(row),)
    yield (
        "Not claimed:",
        ("Where the run would end: about any point that still moves there is some ball without critical points.",),
    )
    yield "What to try:", ("Train on from this point and certify it again.",)


def _undecided_sections(row: Row) -> Iterator[tuple[str, tuple[str, ...]]]:
    reason = REASONS.get(code_of(row["reason"]), UNKNOWN)
    yield "Why:", (reason.meaning, f"The numbers: {row['reason']}.")
    if row["moved"]:
        yield "Computed, not proved:", (f"The loss was followed downhill along a path of length {row['moved']:.4g}.",)
    yield "Not claimed:", ("Anything: the point may be near a critical point of any kind, or near none.",)
    yield "What to try:", (reason.remedy,)
