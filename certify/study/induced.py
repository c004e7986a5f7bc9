"""Critical sets that narrower networks induce: neurons split into copies, each set certified by the split theorem.

A certified critical point of width r becomes sets of critical points of width m when neuron j is split into
``k_j ≥ 1`` copies, ``Σ k_j = m``, of which ``n_j < k_j`` have a negative share of its output (docs/infinity.md). There
are ``G(r, m)`` ways to distribute m labelled neurons over the r; the slides call the sets of level ``r_teacher − r``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import product

import numpy as np
from numpy.typing import NDArray

from certify.proofs.distinct import Comparison, compare
from certify.proofs.limit import limit_object
from certify.proofs.manifold import Split
from certify.proofs.proof import Failure
from certify.proofs.verdict import CriticalObject, Relation, Verdict
from sweep.grouping import approx_groups, neurons
from sweep.initialise import xavier_uniform
from sweep.kernels.compiled import KernelData, loss_gradient_hessian, prepare
from sweep.polishing.polish import polish
from sweep.processes import as_finished
from sweep.saddles import find_saddles
from symmetry.infinity.charts import Chart, Group, chart_of
from symmetry.network import Exact, Points
from symmetry.problem import Problem

Floats = NDArray[np.float64]


def narrow_candidates(problem: Problem, width: int, starts: int) -> Points | None:
    """What Newton's method and the saddle search find from so many starts each, apart as far as floats tell."""
    data = prepare(problem)
    polished = (polish(data, xavier_uniform(width, data.dimension, seed), width) for seed in range(starts))
    ends = [end.theta for end in polished if end.stop_reason == "converged" and _regular(data, end.theta, width)]
    if width > 1:
        ends += [saddle.theta for saddle in find_saddles(problem, width, range(starts))]
    distinct = [ends[group[0]] for group in approx_groups([neurons(end, width, problem.dimension) for end in ends])]
    return points_at(distinct, width, "narrow") if distinct else None


def points_at(thetas: Sequence[Floats], width: int, source: str) -> Points:
    """Points (n, P) as :class:`Points`, called ``source:0``, ``source:1``, …"""
    theta = np.array(thetas)
    inner = theta.shape[1] - width
    w = theta[:, :inner].reshape(len(theta), width, inner // width)
    return Points(w, theta[:, inner:], tuple(f"{source}:{i}" for i in range(len(theta))), np.full(len(theta), -1))


def isolated_objects(objects: Iterable[CriticalObject]) -> list[CriticalObject]:
    """Those that are isolated critical points, pairwise different (proved)."""
    found: list[CriticalObject] = []
    for new in objects:
        if new.chart is None and not new.stratum and all(compare(new, o) is Comparison.DIFFERENT for o in found):
            found.append(new)
    return found


def _regular(data: KernelData, theta: Floats, width: int) -> bool:
    """Whether no eigenvalue of the Hessian is rounding noise; the neurons are then distinct."""
    values = np.abs(np.linalg.eigvalsh(loss_gradient_hessian(data, theta[None], width)[2][0]))
    return bool(values.min() > 1e-11 * values.max())


def splits(narrow: int, width: int) -> Iterator[tuple[tuple[int, ...], ...]]:
    """All ways to split ``narrow`` neurons into ``width`` copies: for each neuron, the signs of the copies' shares.

    >>> list(splits(1, 2)), len(list(splits(3, 4)))
    ([((1, 1),), ((1, -1),)], 6)
    """
    for copies in product(range(1, width - narrow + 2), repeat=narrow):
        if sum(copies) == width:
            for negative in product(*(range(k) for k in copies)):
                yield tuple((1,) * (k - n) + (-1,) * n for k, n in zip(copies, negative, strict=True))


def induced(
    problem: Problem, narrow: Sequence[CriticalObject], width: int, *, jobs: int, max_bits: int
) -> list[CriticalObject]:
    """The sets of critical points of a width that different points of narrower ones induce, where certified.

    Pairwise different: they come from different points, or differ in how many copies of what sign a neuron has.
    """
    tasks = []
    for found in narrow:
        assert found.network is not None
        for signs in splits(found.width, width):
            chart, order = _chart(signs, problem.dimension)
            w, a = found.network.w[order], found.network.a[order]
            q: Exact = np.concatenate([w.ravel(), a])
            tasks.append((problem, chart, tuple(signs[j] for j in order if len(signs[j]) > 1), q, max_bits))
    answers: list[CriticalObject | Failure] = [Failure("not-tried")] * len(tasks)
    for number, answer in as_finished(_certify, tasks, jobs):
        answers[number] = answer
    return [answer for answer in answers if isinstance(answer, CriticalObject)]


def _chart(signs: Sequence[tuple[int, ...]], dimension: int) -> tuple[Chart, list[int]]:
    """The chart of copies in normal form, and the order in which it has the narrower network's neurons."""
    order = sorted(range(len(signs)), key=lambda j: -len(signs[j]))
    groups, start = [], 0
    for j in order:
        size = len(signs[j])
        if size > 1:
            groups.append(Group("copies", tuple(range(start, start + size))))
        start += size
    return chart_of(start, dimension, groups).normal(), order


def _certify(
    problem: Problem, chart: Chart, signs: tuple[tuple[int, ...], ...], q: Exact, max_bits: int
) -> CriticalObject | Failure:
    return limit_object(problem, chart, signs, q, arithmetic="auto", max_bits=max_bits)


def members(problem: Problem, objects: Sequence[CriticalObject]) -> tuple[Points, list[Verdict]]:
    """One point near each set, rounded to float64, and the verdict that it leads there: what is stored of the set.

    The shares are equal in size; that the rounded point leads to the set is computed, not proved (``polished``).
    """
    thetas, verdicts = [], []
    for index, found in enumerate(objects):
        assert found.chart is not None
        assert found.box is not None
        d, r = problem.dimension, len(found.chart.ordinary)
        center = found.box.center.astype(np.float64)
        rows, outputs = center[: r * d].reshape(r, d), center[r * d :]
        shares = [shares_of(proof.positive, proof.negative) for proof in found.proofs if isinstance(proof, Split)]
        shares += [np.ones(1)] * (r - len(shares))
        w = np.repeat(rows, [len(share) for share in shares], axis=0)
        a = np.concatenate([output * share for output, share in zip(outputs, shares, strict=True)])
        thetas.append(np.concatenate([w.ravel(), a]))
        source = f"induced:{index}"
        verdicts.append(Verdict(index, source, None, found.width, found.kind, Relation.POLISHED, object=found))
    return points_at(thetas, objects[0].width, "induced"), verdicts


def shares_of(positive: int, negative: int) -> Floats:
    """Shares β with sum 1: so many above 0, then so many equal ones of −1/4."""
    return np.concatenate([np.full(positive, (1 + negative / 4) / positive), np.full(negative, -0.25)])
