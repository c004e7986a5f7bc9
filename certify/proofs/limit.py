"""Objects that are not isolated points: plateaus of split neurons and channels to infinity.

The reduced (limit) network of a chart is certified like any isolated point; what the chart adds are sign conditions
over the box that holds its critical point.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

from certify.arithmetic import Enclosures, quiet
from certify.proofs.distinct import Signs
from certify.proofs.infinity import channel
from certify.proofs.isolated import Certified, certify_in, climb
from certify.proofs.lemmas import lemma2
from certify.proofs.manifold import Split, split, tie
from certify.proofs.proof import Failure, Proof
from certify.proofs.verdict import CriticalObject, Kind
from symmetry.infinity.charts import Chart
from symmetry.network import Exact
from symmetry.objective import SquareLoss
from symmetry.problem import Problem


def limit_object(
    problem: Problem, chart: Chart, signs: Sequence[Signs], q: Exact, *, arithmetic: str, max_bits: int
) -> CriticalObject | Failure:
    """Certify the critical set that a chart and a critical point of its limit network describe.

    Args:
        problem: the problem.
        chart: the structure, in normal form.
        signs: for each group of copies, the signs of their coefficients ``β``, in the order of its members; ``None``
            where the sign is not known.
        q: (P',) exact, an approximate critical point of the limit network.
        arithmetic: as in :func:`certify.arithmetic.ladder`.
        max_bits: the last precision tried.

    Raises:
        ValueError: a chart without groups, or signs that do not fit its copies.
    """
    _check(chart, signs)
    known = [tuple(s for s in group if s is not None) for group in signs]
    zeros = any(0 in group for group in known)
    if any(None in group for group in signs) or (zeros and chart.mirrored_copies):
        return Failure("coefficient-may-vanish")
    objective = chart.objective(problem)

    def rung(at: Exact, enclosures: Enclosures) -> CriticalObject | Failure:
        certified = certify_in(objective, at, enclosures)
        if isinstance(certified, Failure):
            return certified
        return _lifted(problem, chart, known, objective, certified, enclosures)

    final = ("in-transit", "copies-part")
    return climb(objective, q, rung, arithmetic=arithmetic, max_bits=max_bits, final=final)


def _check(chart: Chart, signs: Sequence[Signs]) -> None:
    """Refuse what describes no critical set: nothing grouped, or signs that no ``β`` with ``Σβ = 1`` has."""
    if not chart.groups:
        raise ValueError("a chart without groups describes no limit: certify the isolated point instead")
    sizes = [len(group.members) for group in chart.copies]
    if [len(s) for s in signs] != sizes or not all({1, None} & set(s) and set(s) <= {-1, 0, 1, None} for s in signs):
        raise ValueError(
            f"signs are {list(signs)}, expected for copies of {sizes} neurons that many of −1, 0, 1, one 1"
        )


@quiet
def _lifted(
    problem: Problem,
    chart: Chart,
    signs: Sequence[tuple[int, ...]],
    objective: SquareLoss,
    certified: Certified,
    enclosures: Enclosures,
) -> CriticalObject | Failure:
    """From the limit network's critical point to the object: the conditions hold all over its existence box."""
    box = certified.krawczyk
    outputs, r = objective.outputs(enclosures.ball(box.center, box.existence_radius), enclosures, 2)
    splits = _splits(problem, chart, signs, outputs, r, enclosures)
    if isinstance(splits, Failure):
        return splits
    # existence and inertia; Lemma 1 of the limit network adds nothing here
    proofs: tuple[Proof, ...] = (*certified.proofs[:2], *splits)
    if chart.tied:
        tied = tie(splits, outputs[0].a, outputs[-1].constant, enclosures)
        if isinstance(tied, Failure):
            return tied
        proofs += (tied,)
    if chart.diverging:
        positive = channel(chart, outputs, r, len(problem) / problem.factor, enclosures)
        if isinstance(positive, Failure):
            return positive
        proofs += (positive,)
    return _assemble(problem, chart, certified, splits, proofs)


def _splits(
    problem: Problem, chart: Chart, signs: Sequence[tuple[int, ...]], outputs: list[Any], r: Any, a: Enclosures
) -> list[Split] | Failure:
    if not signs:
        return []
    neurons, d = outputs[0], problem.dimension
    curvature = neurons.curvature(r)
    found = []
    for j, (coefficients, group) in enumerate(zip(signs, chart.copies, strict=True)):
        rows, output = slice(j * d, (j + 1) * d), neurons.a[j : j + 1]
        scale = 2 * problem.factor / len(problem)
        proof = split(j, coefficients, output, curvature[rows, rows], scale, a, flipped=group.flipped)
        if isinstance(proof, Failure):
            return proof
        found.append(proof)
    return found


def _assemble(
    problem: Problem, chart: Chart, certified: Certified, splits: list[Split], proofs: tuple[Proof, ...]
) -> CriticalObject:
    index = certified.morse_index + sum(s.added_negative for s in splits)
    dimension = chart.family
    nullity = dimension + sum(s.added_zero - s.dimension for s in splits)
    # with a share of 0 strict saddles of the same loss are as near as one likes
    saddle = index > 0 or any(s.zero for s in splits)
    finite = not chart.diverging
    if finite:
        kind = Kind.SADDLE if saddle else Kind.LOCAL_MINIMUM
    else:
        kind = Kind.SADDLE_AT_INFINITY if saddle else Kind.MINIMUM_AT_INFINITY
    plateau = kind is Kind.LOCAL_MINIMUM and dimension > 0
    zero = Fraction(0)
    return CriticalObject(
        kind=kind,
        network=None,
        chart=chart,
        proofs=proofs,
        loss=certified.loss,
        strict=not plateau if kind is Kind.LOCAL_MINIMUM else None,
        not_global=lemma2(problem, chart.width, certified.loss[0]),
        morse_index=index,
        nullity=nullity,
        manifold_dimension=dimension,
        level=_level(problem, chart) if kind is Kind.SADDLE else None,
        stratum="",
        lambda_min=(zero, zero) if plateau else (None if chart.shared else certified.lambda_min),
        method=f"{'split' if finite else 'channel'}+krawczyk/{certified.krawczyk.arithmetic}",
        bits=certified.krawczyk.bits,
    )


def _level(problem: Problem, chart: Chart) -> int | None:
    """``r_teacher − r``, ``r`` the number of distinct neurons; ``None`` unless narrower than the teacher."""
    if problem.teacher is None:
        return None
    level = problem.teacher.width - len(chart.ordinary)
    return level if level > 0 else None
