"""Recognising runs that head for infinity or for a plateau, and following them there in chart coordinates.

Everything here is approximate: structures are proposed by closeness, tried in a fixed order, and ranked by how well
the limit explains the run. Only what :mod:`certify` proves of the limit network counts.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import combinations
from math import gcd
from typing import Any

import numpy as np
from numpy.typing import NDArray

from symmetry.arithmetic import Float64
from symmetry.infinity.charts import Chart, Group, Kind, canonical_mirrored, chart_of
from symmetry.infinity.exponential import has_constant
from symmetry.infinity.groups import LARGEST
from symmetry.infinity.saturated import Step
from symmetry.network import Exact, Network, exact
from symmetry.objective import SquareLoss
from symmetry.problem import Problem

Floats = NDArray[np.float64]

_LARGE = 3.0
"""Outputs above this may belong to a diverging group; above three times this they must."""

_NEAR = 0.5
_NEAR_ZERO = 0.3
_LOW = -1.0
"""The mean of ``w·x`` below which a neuron may be about to become an exponential."""

_EQUAL = 0.05
_CANCEL = 0.2
_SATURATED = 3.0
"""The nearest inputs are within ``e^−3`` of their limit: a neuron that is merely steep has more of them before it."""

_DEGENERATE = 1e-11
_WORST_FIT = 1.5
"""A run in a channel has ``(L − L_∞)/Σκε²`` between this and its reciprocal: on real runs 0.98 to 1.10."""

_PLATEAU = 1e-3
"""A run on a plateau has its loss, up to this share: real ones up to 1e-14."""

_MAX_CHARTS = 60
_MAX_GROUPS = 100
_MAX_VISITS = 3000
_MANY, _MANY_LARGE = 6, 16
_NEIGHBOURS = 8
"""Of more neurons at one place only so many are put together to splits and zero groups: the closest, the largest."""

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
        signs: (m,) by which neuron ``(s w, s a)`` stands for ``(w, a)`` in the chart, for odd activations and where an
            output bias takes the constant; else 1.
    """

    chart: Chart
    q: Floats
    loss: float
    shift: float
    fit: float
    smallest_eigenvalue: float
    signs: NDArray[np.int64]

    @property
    def degenerate(self) -> bool:
        """Whether the Hessian is singular as far as float64 can tell."""
        return abs(self.smallest_eigenvalue) < _DEGENERATE


@np.errstate(all="ignore")  # weights may be enormous: what is not finite explains nothing
def approx_limits(problem: Problem, theta: Floats, width: int, loss: float) -> list[Limit]:
    """Limits consistent with the point ``theta`` (P,) of the given loss, the best explanation first."""
    if not problem.has_charts:
        return []
    split, reflection, bias = width * problem.dimension, problem.activation.reflection, problem.output_bias
    w, a = theta[:split].reshape(width, -1), theta[split:]
    means = _means(problem, w)
    signs = np.ones(width, dtype=np.int64)
    if reflection == 0 or (bias and reflection is not None):
        # a bias falls to −∞ rather than rising
        signs = np.where(bias & (means > 0), -1, 1)
        signs *= _agreeing(w * signs[:, None])
    turned = np.concatenate([signs, np.ones(len(a) - width, dtype=np.int64)])
    shift = np.zeros(len(a))
    # a σ(z) = a κ − a σ(−z)
    shift[width:] = float(reflection or 0) * a[:width][signs < 0].sum()
    w, a, found = w * signs[:, None], a * turned + shift, []
    network = Network(exact(w), exact(a))
    growing = means * signs if _may_grow(problem) else None
    steps = _saturated(problem, w)
    groups = _groups(w, a[:width], reflection == 1 and not bias, reflection == 0, growing, steps)
    proposals = _proposals(groups, a[:width], problem.dimension, width if growing is not None else width // 2)
    for _, proposed in zip(range(_MAX_CHARTS), proposals, strict=False):
        chart = replace(proposed, bias=bias)
        try:
            limit = _follow(problem, canonical_mirrored(chart, network), w, a, loss, signs)
        except np.linalg.LinAlgError:  # not finite
            continue
        if limit is not None:
            found.append(limit)
    # few groups explain more than many, unless their limit is degenerate; among equals the closest
    return sorted(
        found,
        key=lambda limit: (
            limit.degenerate,
            len(limit.chart.groups),
            abs(np.log(limit.fit)),
            limit.shift,
        ),
    )


def _means(problem: Problem, w: Floats) -> Floats:
    """The mean of ``w_i·x`` over the inputs, (m,)."""
    means: Floats = w @ problem.inputs.values.mean(axis=0)
    return means


def _may_grow(problem: Problem) -> bool:
    """Whether neurons can become exponentials."""
    return problem.activation.name == "sigmoid" and has_constant(problem.inputs.values)


def _agreeing(w: Floats) -> NDArray[np.int64]:
    """Signs (m,) by which neurons that are close to each other, or to each other's negatives, come to agree.

    Pairs are joined from the closest on, as in Kruskal's minimum spanning tree; those far apart are left as they are.
    """
    m, size = len(w), np.linalg.norm(w, axis=1)
    signs, part = np.ones(m, dtype=np.int64), np.arange(m)
    pairs = [(float(np.linalg.norm(w[i] - s * w[j])), i, j, s) for i, j in combinations(range(m), 2) for s in (1, -1)]
    for apart, i, j, s in sorted(pairs):
        if part[i] != part[j] and apart < _NEAR * max(size[i], size[j]):
            joined = part == part[j]
            if signs[i] * signs[j] != s:
                signs[joined] *= -1
            part[joined] = part[i]
    return signs


def _proposals(groups: Sequence[Group], a: Floats, dimension: int, most: int) -> Iterator[Chart]:
    """Charts of few groups first, then of the closest; together the groups hold every neuron of very large output.

    Of at most ``most + 1`` groups. Bounded whatever the weights: a fixed number of partial choices is looked at.
    """
    must = frozenset(np.flatnonzero(np.abs(a) > 3 * _LARGE).tolist())
    visits = iter(range(_MAX_VISITS))
    for count in range(1, most + 2):
        for chosen in _disjoint(groups, must, count, visits):
            try:
                chart = chart_of(len(a), dimension, chosen)
            except ValueError:
                continue  # a released constant that nothing balances
            # w and −w of one tied group are two neurons of a network without a constant, where its copies are split
            if not (chart.tied and len(chart.mirrored_copies) == 1):
                yield chart


def _groups(
    w: Floats,
    a: Floats,
    mirrors: bool,
    odd: bool = False,
    growing: Floats | None = None,
    steps: Sequence[tuple[float, Group]] = (),
) -> list[Group]:
    """Groups that are plausible one by one, the closest first.

    ``growing`` are the means of ``w_i·x``, (m,), and ``steps`` the saturated neurons.
    """
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
            found += _mirrored_triples(w, a, trio, near)
    found += _splits(w, a, large, mirrors)
    if mirrors:
        found += _cubics(w, a, size, large)
        found += _quintics(w, a, size, large)
        found += _near_zero(w, a, size)
    if odd:
        found += [(size[i] / _NEAR_ZERO, Group("linear", (i,))) for i in large if size[i] < _NEAR_ZERO]
    if growing is not None:
        low = [i for i in large if growing[i] < _LOW]
        found += [(_LOW / growing[i], Group("exponential+" if a[i] > 0 else "exponential-", (i,))) for i in low]
    found += steps
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


def _mirrored_triples(w: Floats, a: Floats, trio: tuple[int, ...], near: float) -> Iterator[tuple[float, Group]]:
    """Three neurons that merge after one is flipped, which comes last."""
    index = list(trio)
    signs = np.where(w[index] @ w[index[0]] < 0, -1, 1)
    folded, outputs = w[index] * signs[:, None], a[index] * signs
    spread = max(np.linalg.norm(folded[i] - folded[j]) for i, j in combinations(range(3), 2))
    if (signs > 0).all() or not spread < near or not abs(outputs.sum()) < np.abs(outputs).max():
        return
    flipped = min((signs > 0).sum(), (signs < 0).sum()) == (signs > 0).sum()
    turned = sorted(trio, key=lambda i: (signs[trio.index(i)] > 0) == flipped)
    for kind in ("triple+", "triple-"):
        yield float(spread / near), Group(kind, tuple(turned), 1)


def _splits(w: Floats, a: Floats, large: list[int], mirrors: bool) -> Iterator[tuple[float, Group]]:
    """One neuron against several of opposite output that are close to each other, flipped or not."""
    size = np.linalg.norm(w, axis=1)
    for lone in large:
        signs = np.where(mirrors & (w @ w[lone] < 0), -1, 1)
        folded, outputs = w * signs[:, None], a * signs
        away = np.linalg.norm(folded - w[lone], axis=1)
        near = max(_NEAR * size[lone], 0.1)
        against = [i for i in range(len(a)) if outputs[i] * a[lone] < 0 and away[i] < near]
        against = sorted(sorted(against, key=lambda i: away[i])[:_NEIGHBOURS])
        for count in range(2, min(len(against), _MANY) + 1):
            for copies in combinations(against, count):
                index = list(copies)
                middle = outputs[index] @ folded[index] / outputs[index].sum()
                spread = float(np.linalg.norm(folded[index] - middle, axis=1).max())
                # copies are closer to each other than to the one they stand against
                if np.abs(a[index]).max() < _LARGE or not spread < max(np.linalg.norm(middle - w[lone]), _EQUAL * near):
                    continue
                kind: Kind = "split+" if outputs[index[0]] > 0 else "split-"
                ordered = sorted(copies, key=lambda i: signs[i] < 0)
                yield spread / near, Group(kind, (lone, *ordered), int((signs[index] < 0).sum()))


def _near_zero(w: Floats, a: Floats, size: Floats) -> Iterator[tuple[float, Group]]:
    """Neurons near zero, one or several that agree, those of negative output flipped."""
    small = np.flatnonzero(size < _NEAR_ZERO).tolist()
    yield from ((size[i] / _NEAR_ZERO, Group("zero", (i,))) for i in small if abs(a[i]) > _LARGE)
    folded = w * np.where(a < 0, -1, 1)[:, None]
    some = sorted(sorted(small, key=lambda i: -abs(a[i]))[:_NEIGHBOURS])
    for count in range(2, min(len(some), _MANY) + 1):
        for members in combinations(some, count):
            index = list(members)
            spread = max(np.linalg.norm(folded[i] - folded[j]) for i, j in combinations(index, 2))
            if np.abs(a[index]).max() < _LARGE / count or not spread < size[index].max():
                continue
            ordered = sorted(members, key=lambda i: a[i] < 0)
            flipped = int((a[index] < 0).sum()) % count  # none where all are negative
            yield float(size[index].max() / _NEAR_ZERO), Group("zero", tuple(ordered), flipped)


def _cubics(w: Floats, a: Floats, size: Floats, large: list[int]) -> Iterator[tuple[float, Group]]:
    """Two neurons near zero of which the linear terms all but cancel."""
    for i, j in combinations([i for i in large if size[i] < _NEAR_ZERO], 2):
        slopes = a[[i, j], None] * w[[i, j]]
        if np.linalg.norm(slopes.sum(axis=0)) < _CANCEL * np.linalg.norm(slopes, axis=1).sum():
            yield float(size[[i, j]].max() / _NEAR_ZERO), Group("cubic", (i, j))


def _quintics(w: Floats, a: Floats, size: Floats, large: list[int]) -> Iterator[tuple[float, Group]]:
    """Three neurons near zero of which the outputs and the linear terms all but cancel."""
    for trio in combinations([i for i in large if size[i] < _NEAR_ZERO], 3):
        index = list(trio)
        slopes = a[index, None] * w[index]
        if abs(a[index].sum()) < _CANCEL * np.abs(a[index]).sum() and (
            np.linalg.norm(slopes.sum(axis=0)) < _CANCEL * np.linalg.norm(slopes, axis=1).sum()
        ):
            yield float(size[index].max() / _NEAR_ZERO), Group("quintic", trio)


def _saturated(problem: Problem, w: Floats) -> list[tuple[float, Group]]:
    """Sigmoids in the plane that are steps but on a line of inputs, and how far they are from that.

    The line is that through 0 and the input ``x ≠ 0`` with the least ``|w·x|``.
    """
    x, found = problem.inputs.values, list[tuple[float, Group]]()
    if problem.dimension != 2 or problem.activation.name != "sigmoid" or problem.output_bias or not x.any():
        return found
    length = np.linalg.norm(x, axis=1)
    for i, z in enumerate(w @ x.T):
        line = int(np.argmin(np.where(length > 0, np.abs(z), np.inf)))
        normal = _across(exact(problem.inputs.exact_values[line]), w[i])
        away = np.abs(x @ np.array(normal, dtype=np.float64))
        # inputs on the line are there up to rounding
        off = away > 1e-9 * length * np.linalg.norm(normal)
        margin = float(np.abs(z[off]).min(initial=np.inf))
        if off.any() and margin > _SATURATED and max(map(abs, normal)) <= LARGEST:
            found.append((_SATURATED / margin, Group("saturated", (i,), normal=normal)))
    return found


def _across(x: Exact, w: Floats) -> tuple[int, int]:
    """Coprime integers ``n`` across ``x ≠ 0`` (2,), with ``n·w ≥ 0``."""
    common = x[0].denominator * x[1].denominator
    n = [int(-x[1] * common), int(x[0] * common)]
    sign = -1 if n[0] * w[0] + n[1] * w[1] < 0 else 1
    return sign * n[0] // gcd(*n), sign * n[1] // gcd(*n)


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


def _follow(
    problem: Problem, chart: Chart, w: Floats, a: Floats, loss: float, signs: NDArray[np.int64]
) -> Limit | None:
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
    return Limit(chart, q, limit, float(np.linalg.norm(q - start)), fit, float(values[0]), signs)


def _held(group: Group, outputs: Any, r: Floats) -> bool:
    """Whether copies in a diverging group keep together."""
    scale = Fraction(2, len(r))  # up to a factor
    if group.kind == "zero":
        return bool(np.linalg.eigvalsh(outputs.hold(r, scale, 1, Fraction(0)))[0] > 0)
    matrix, u = outputs.hold(r, scale, -1 if group.kind == "split-" else 1, Fraction(0)), outputs.u
    # along u the matrix is 0
    return bool(np.linalg.eigvalsh(matrix + u.T @ u * np.linalg.norm(matrix) / (u @ u.T))[0] > 0)


def _fit(problem: Problem, chart: Chart, objective: SquareLoss, q: Floats, eps: Floats, above: float) -> float:
    """``above / Σ κ ε²``: what the run's loss has above the limit's against the prediction; 0 where a κ is negative."""
    outputs, r = objective.outputs(q, Float64(), 2)
    kappas = [
        sum(
            float(2 * problem.factor / len(problem)) * float(r @ outputs[chart.term(group)].correction())
            for group in groups
        )
        for groups in chart.conditions
    ]
    if min(kappas, default=0.0) < 0 or not all(_held(group, outputs[chart.term(group)], r) for group in chart.stiff):
        return 0.0
    place = {group: k for k, group in enumerate(chart.diverging)}

    def square(group: Group) -> float:
        small, term = eps[place[group]], objective.terms[chart.term(group)]
        # of a saturated neuron 1/ρ is read off, and ε² = e^{−ρδ}
        return float(np.exp(-float(term.sides.gap) / small) if isinstance(term, Step) else small**2)

    smallness = [float(np.mean([square(group) for group in groups])) for groups in chart.conditions]
    predicted = sum(k * e for k, e in zip(kappas, smallness, strict=True))
    return above / predicted if predicted > 0 else 0.0
