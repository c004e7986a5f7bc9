"""Recognising runs that head for infinity or for a plateau, and following them there in chart coordinates.

Everything here is approximate: structures are proposed by closeness, tried in a fixed order, and ranked by how well
the limit explains the run. Only what :mod:`certify` proves of the limit network counts.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from symmetry.arithmetic import Float64
from symmetry.charts import Chart, Group, canonical_mirrored, chart_of
from symmetry.network import Network, exact
from symmetry.objective import SquareLoss
from symmetry.problem import Problem

Floats = NDArray[np.float64]

_LARGE = 3.0
"""Outputs above this may belong to a diverging group; above three times this they must."""

_NEAR = 0.5
_NEAR_ZERO = 0.3
_EQUAL = 0.05
_DEGENERATE = 1e-13
_WORST_FIT = 1.5
"""A run in a channel has ``(L − L_∞)/Σκε²`` between this and its reciprocal: on real runs 0.98 to 1.10."""

_PLATEAU = 1e-3
"""A run on a plateau has its loss, up to this share: real ones up to 1e-14."""

_MAX_CHARTS = 60
_MAX_GROUPS = 100
_MAX_VISITS = 3000
_MANY, _MANY_LARGE = 6, 16
_MAX_STEPS = 120
_MAX_SHIFT = 2.0  # triples are read off up to the second order only, and their Newton paths are curved


@dataclass(frozen=True)
class Limit:
    """A limit network that a run seems to approach.

    Args:
        chart: the structure, in terms of the run's neurons.
        q: (P',) float64, a critical point of the limit network's loss.
        loss: ``F_0(q)``.
        shift: the distance of ``q`` from the run's own coordinates.
        fit: (loss of the run − ``F_0``) divided by the predicted ``Σ κ ε²``, 1 far out in a channel; 1 for a chart
            without diverging groups.
        smallest_eigenvalue: of the Hessian of ``F_0``.
    """

    chart: Chart
    q: Floats
    loss: float
    shift: float
    fit: float
    smallest_eigenvalue: float


@np.errstate(all="ignore")  # weights may be enormous: what is not finite explains nothing
def approx_limits(problem: Problem, theta: Floats, width: int, loss: float) -> list[Limit]:
    """Limits consistent with the point ``theta`` (P,) of the given loss, the best explanation first."""
    network = Network.from_theta(exact(theta), problem.dimension)
    split = width * problem.dimension
    w, a = theta[:split].reshape(width, -1), theta[split:]
    found = []
    for _, chart in zip(range(_MAX_CHARTS), _proposals(w, a, problem.activation.reflection == 1), strict=False):
        try:
            limit = _follow(problem, canonical_mirrored(chart, network), w, a, loss)
        except np.linalg.LinAlgError:  # not finite
            continue
        if limit is not None:
            found.append(limit)
    # few groups explain more than many, unless their limit is degenerate; among equals the closest
    return sorted(
        found,
        key=lambda limit: (
            abs(limit.smallest_eigenvalue) < _DEGENERATE,
            len(limit.chart.groups),
            abs(np.log(limit.fit)),
            limit.shift,
        ),
    )


def _proposals(w: Floats, a: Floats, mirrors: bool) -> Iterator[Chart]:
    """Charts of few groups first, then of the closest; together the groups hold every neuron of very large output.

    Bounded whatever the weights: the closest groups are kept, and a fixed number of partial choices is looked at.
    """
    m, d = w.shape
    groups = _groups(w, a, mirrors)
    must = frozenset(np.flatnonzero(np.abs(a) > 3 * _LARGE).tolist())
    visits = iter(range(_MAX_VISITS))
    for count in range(1, m // 2 + 2):
        for chosen in _disjoint(groups, must, count, visits):
            try:
                chart = chart_of(m, d, chosen)
            except ValueError:
                continue  # a released constant that nothing balances
            # w and −w of one tied group are two neurons of a network without a constant, where its copies are split
            if not (chart.tied and len(chart.mirrored_copies) == 1):
                yield chart


def _groups(w: Floats, a: Floats, mirrors: bool) -> list[Group]:
    """Groups that are plausible one by one, the closest first."""
    size = np.linalg.norm(w, axis=1)
    scale = np.maximum(size[:, None], size)
    apart, mirrored = np.linalg.norm(w[:, None] - w, axis=2), np.linalg.norm(w[:, None] + w, axis=2)
    large = sorted(i for i in np.argsort(-np.abs(a))[:_MANY_LARGE].tolist() if abs(a[i]) > _LARGE)
    found: list[tuple[float, Group]] = []
    for i, j in combinations(large, 2):
        near = max(_NEAR * scale[i, j], 0.1)
        if a[i] * a[j] < 0 and apart[i, j] < near:
            found.append((apart[i, j] / near, Group("pair", (i, j))))
        if mirrors and a[i] * a[j] > 0 and mirrored[i, j] < near:
            found.append((mirrored[i, j] / near, Group("mirrored", (i, j))))
    for trio in combinations(large, 3):
        index = list(trio)
        near, spread = _NEAR * size[index].max(), apart[np.ix_(index, index)].max()
        if abs(a[index].sum()) < np.abs(a[index]).max() and spread < near:
            found += [(spread / near, Group("triple+", trio)), (spread / near, Group("triple-", trio))]
    if mirrors:
        found += [(size[i] / _NEAR_ZERO, Group("zero", (i,))) for i in large if size[i] < _NEAR_ZERO]
    found += [(spread / _EQUAL, group) for spread, group in _copies(apart, mirrored, scale, mirrors)]
    return [group for _, group in sorted(found, key=lambda pair: pair[0])[:_MAX_GROUPS]]


def _copies(apart: Floats, mirrored: Floats, scale: Floats, mirrors: bool) -> Iterator[tuple[float, Group]]:
    """Neurons of equal ``w``, or of ``w`` and ``−w``, and how far they are from that, relative to the first."""
    m = len(apart)
    turned = mirrored < apart if mirrors else np.zeros((m, m), dtype=bool)
    gap = np.where(turned, mirrored, apart)
    equal = gap < _EQUAL * scale
    for first in range(m):
        later = [j for j in range(first + 1, m) if equal[first, j]]
        # all subsets of a few equal neurons, else only all of them and each two
        sizes = range(1, len(later) + 1) if len(later) < _MANY else {1, len(later)}
        for count in sizes:
            for others in combinations(later, count):
                members = (first, *others)
                if equal[np.ix_(members, members)].sum() >= len(members) * count:
                    spread = gap[np.ix_(members, members)].max() / (scale[first, first] or 1.0)
                    # mirrored ones last, and no more than the others
                    halves = [[i for i in members if turned[first, i] == side] for side in (False, True)]
                    plain, flipped = sorted(halves, key=len, reverse=True)
                    yield spread, Group("copies", (*plain, *flipped), len(flipped))


def _disjoint(
    groups: Sequence[Group],
    must: frozenset[int],
    count: int,
    visits: Iterator[int],
    used: frozenset[int] = frozenset(),
    start: int = 0,
) -> Iterator[tuple[Group, ...]]:
    """The ways to choose ``count`` disjoint groups that hold all of ``must``, each once, while there are ``visits``."""
    if next(visits, None) is None:
        return
    missing = must - used
    if not count:
        if not missing:
            yield ()
        return
    # the first missing neuron belongs to some group; when none is missing, groups are taken in order
    first = min(missing, default=None)
    for place, group in enumerate(groups):
        if used.isdisjoint(group.members) and (place >= start if first is None else first in group.members):
            then = place + 1 if first is None else 0
            for more in _disjoint(groups, must, count - 1, visits, used.union(group.members), then):
                yield group, *more


def _follow(problem: Problem, chart: Chart, w: Floats, a: Floats, loss: float) -> Limit | None:
    """Newton's method on the limit network from the run's own coordinates; ``None`` where it leads elsewhere."""
    approx, objective = Float64(), chart.objective(problem)
    start, eps = chart.read(w, a)
    q = start
    for _ in range(_MAX_STEPS):
        at = objective.evaluate(q, approx, order=2)
        if not np.isfinite(at.hessian).all():
            return None
        values, vectors = np.linalg.eigh(at.hessian)
        step = -vectors @ ((vectors.T @ at.gradient) / np.maximum(np.abs(values), 1e-14))
        length = float(np.linalg.norm(step))
        q = q + step * (0.3 / max(length, 0.3))
        if not np.linalg.norm(q - start) < _MAX_SHIFT:
            return None
        if length < 1e-10:
            break
    else:
        return None
    limit = float(at.loss[0])
    fit = _fit(problem, chart, objective, q, eps, loss - limit) if chart.diverging else 1.0
    explained = 1 / _WORST_FIT < fit < _WORST_FIT if chart.diverging else abs(loss - limit) < _PLATEAU * limit
    if not explained:
        return None
    return Limit(chart, q, limit, float(np.linalg.norm(q - start)), fit, float(values[0]))


def _fit(problem: Problem, chart: Chart, objective: SquareLoss, q: Floats, eps: Floats, above: float) -> float:
    """``above / Σ κ ε²``: what the run's loss has above the limit's against the prediction; 0 where a κ is negative."""
    outputs, r = objective.outputs(q, Float64(), 2)
    kappas = [
        sum(2 / len(problem) * float(r @ outputs[k].correction()) for k in members)
        for members in chart.small_coordinates()
    ]
    if min(kappas) <= 0:
        return 0.0
    smallness = [float(np.mean(eps[place] ** 2)) for place in _places(chart)]
    predicted = sum(k * e for k, e in zip(kappas, smallness, strict=True))
    return above / predicted if predicted > 0 else 0.0


def _places(chart: Chart) -> list[list[int]]:
    """For each small coordinate, the indices of its groups among the diverging ones."""
    diverging = chart.diverging
    shared = [i for i, group in enumerate(diverging) if group.kind in ("mirrored", "zero")]
    own = [[i] for i in range(len(diverging)) if i not in shared]
    return own + ([shared] if len(shared) == 2 else [[i] for i in shared])
