"""Recognising runs that head for infinity or for a plateau, and following them there in chart coordinates.

Everything here is approximate: structures are proposed by closeness, tried in a fixed order, and ranked by how well
the limit explains the run. Only what :mod:`certify` proves of the limit network counts.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from symmetry.arithmetic import Float64
from symmetry.charts import Chart, Group, canonical_mirrored, chart_of
from symmetry.network import Network, exact
from symmetry.problem import Problem

Floats = NDArray[np.float64]

_LARGE = 3.0
"""Outputs above this may belong to a diverging group; above three times this they must."""

_NEAR = 0.5
_NEAR_ZERO = 0.3
_EQUAL = 0.05
_DEGENERATE = 1e-13
_MAX_CHARTS = 60
_MAX_STEPS = 60
_MAX_SHIFT = 1.0


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


def approx_limits(problem: Problem, theta: Floats, width: int, loss: float) -> list[Limit]:
    """Limits consistent with the point ``theta`` (P,) of the given loss, the best explanation first."""
    network = Network.from_theta(exact(theta), problem.dimension)
    split = width * problem.dimension
    w, a = theta[:split].reshape(width, -1), theta[split:]
    found = []
    for _, chart in zip(range(_MAX_CHARTS), _proposals(w, a, problem.activation.reflection == 1), strict=False):
        limit = _follow(problem, canonical_mirrored(chart, network), w, a, loss)
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
    """Charts whose groups are all plausible by closeness and cover every neuron of very large output."""
    m, d = w.shape
    size = np.linalg.norm(w, axis=1)
    large = np.abs(a) > _LARGE
    equal = np.eye(m, dtype=bool)
    groups: list[Group] = []
    for i, j in combinations(range(m), 2):
        scale = max(size[i], size[j])
        apart, mirrored = np.linalg.norm(w[i] - w[j]), np.linalg.norm(w[i] + w[j])
        if large[i] and large[j] and a[i] * a[j] < 0 and apart < max(_NEAR * scale, 0.1):
            groups.append(Group("pair", (i, j)))
        if mirrors and large[i] and large[j] and a[i] * a[j] > 0 and mirrored < max(_NEAR * scale, 0.1):
            groups.append(Group("mirrored", (i, j)))
        equal[i, j] = equal[j, i] = apart < _EQUAL * scale
    for i, j, k in combinations(range(m), 3):
        trio = [i, j, k]
        spread = max(np.linalg.norm(w[p] - w[q]) for p, q in combinations(trio, 2))
        if large[trio].all() and abs(a[trio].sum()) < np.abs(a[trio]).max() and spread < _NEAR * size[trio].max():
            groups += [Group("triple+", (i, j, k)), Group("triple-", (i, j, k))]
    for count in range(2, m + 1):
        for members in combinations(range(m), count):
            if equal[np.ix_(members, members)].all():
                groups.append(Group("copies", members))
    if mirrors:
        groups += [Group("zero", (i,)) for i in range(m) if large[i] and size[i] < _NEAR_ZERO]
    must = set(np.flatnonzero(np.abs(a) > 3 * _LARGE).tolist())
    for count in range(1, m // 2 + 2):
        for chosen in combinations(groups, count):
            covered = {i for group in chosen if group.kind != "copies" for i in group.members}
            if must <= covered:
                try:
                    yield chart_of(m, d, chosen)
                except ValueError:
                    continue


def _follow(problem: Problem, chart: Chart, w: Floats, a: Floats, loss: float) -> Limit | None:
    """Newton's method on the limit network from the run's own coordinates; ``None`` where it leads elsewhere."""
    approx, objective = Float64(), chart.objective(problem)
    with np.errstate(all="ignore"):
        start, eps = chart.read(w, a)
    if not np.isfinite(start).all():
        return None
    q = start
    for _ in range(_MAX_STEPS):
        at = objective.evaluate(q, approx, order=2)
        values, vectors = np.linalg.eigh(at.hessian)
        step = -vectors @ ((vectors.T @ at.gradient) / np.maximum(np.abs(values), 1e-14))
        length = float(np.linalg.norm(step))
        q = q + step * min(1.0, 0.3 / length)
        if not np.linalg.norm(q - start) < _MAX_SHIFT:
            return None
        if length < 1e-10:
            break
    else:
        return None
    outputs, r = objective.outputs(q, approx, 2)
    fit = 1.0
    if chart.diverging:
        curvature = {
            k: 2 / len(problem) * float(r @ outputs[k].correction()) for g in chart.small_coordinates() for k in g
        }
        kappas = [sum(curvature[k] for k in g) for g in chart.small_coordinates()]
        smallness = [float(np.mean(eps[place] ** 2)) for place in _places(chart)]
        predicted = sum(k * e for k, e in zip(kappas, smallness, strict=True))
        fit = float((loss - at.loss[0]) / predicted) if predicted else 0.0
        if min(kappas) <= 0 or not 0.25 < fit < 4.0:
            return None
    return Limit(chart, q, float(at.loss[0]), float(np.linalg.norm(q - start)), fit, float(values[0]))


def _places(chart: Chart) -> list[list[int]]:
    """For each small coordinate, the indices of its groups among the diverging ones."""
    diverging = chart.diverging
    shared = [i for i, group in enumerate(diverging) if group.kind in ("mirrored", "zero")]
    own = [[i] for i in range(len(diverging)) if i not in shared]
    return own + ([shared] if len(shared) == 2 else [[i] for i in shared])
