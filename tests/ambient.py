"""Networks at a place ``(q, ε)`` of a chart, all ``ε`` given, also of groups that share a constant: one is added."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from certify.proofs.valley import margin
from symmetry.infinity.charts import Chart, Group
from symmetry.infinity.limits import Affine
from symmetry.network import Exact, exact
from symmetry.objective import Neurons, SquareLoss
from symmetry.problem import Problem

Copies = Mapping[Group, tuple[Exact, Exact]]
"""Of groups with copies the shares (k,) and ``y`` (k, d)."""


def ambient(chart: Chart, q: Exact, eps: Sequence[Fraction], copies: Copies | None = None) -> Exact:
    """(P + 1,) the weights, and what is to be added to the output so that it is ``f(q, ε)``; linear in ``q``.

    Copies in diverging groups are at ``w + εu + ε²y_i``, or ``4ε(ℓ + y_i)``.
    """
    d, m = chart.dimension, len(chart.ordinary)
    w, a = exact(np.zeros((chart.width, d))), exact(np.zeros(chart.width))
    constant = q[chart.units[-1].place.start] if chart.has_constant else Fraction(0)
    for k, (i,) in enumerate(chart.ordinary):
        w[i], a[i] = q[k * d : (k + 1) * d], q[m * d + k]
    for group, unit, e in zip(chart.diverging, chart.units[m:], eps, strict=False):
        i, block = group.members[0], q[unit.place]
        if group.copied:
            assert copies is not None
            members, (shares, y) = [group.members[k] for k in group.copied], copies[group]
            if group.kind == "zero":
                w[members], a[members] = 4 * e * (block[1:] + y), shares / e
                constant -= 1 / (2 * e)
            else:
                middle, u, c = block[:d], block[d : 2 * d], block[2 * d]
                w[members], a[members] = middle + e * u + e * e * y, shares * (c / 2 + 1 / (2 * e))
                w[i], a[i] = middle - e * u, c / 2 - 1 / (2 * e)
            continue
        if group.kind == "zero":
            w[i], a[i] = 4 * e * block[1:], 1 / e
            constant -= a[i] / 2
            continue
        j, turn = group.members[1], -1 if group.kind == "mirrored" else 1
        middle, u, c = block[:d], block[d : 2 * d], block[2 * d]
        w[i], a[i] = middle + e * u, c / 2 + 1 / (2 * e)
        w[j], a[j] = turn * (middle - e * u), turn * (c / 2 - 1 / (2 * e))
        constant -= a[j] if turn < 0 else 0
    return np.concatenate([w.ravel(), a, [constant]])


def ambient_loss(problem: Problem, chart: Chart) -> SquareLoss:
    """The loss as a function of :func:`ambient`."""
    neurons = Neurons(chart.width, chart.dimension, problem.activation)
    return SquareLoss(problem, (neurons, Affine(chart.dimension, False)))


def by_limit(chart: Chart, q: Exact, eps: Sequence[Fraction], copies: Copies | None = None) -> NDArray[np.float64]:
    """(P + 1, P') the derivative of :func:`ambient` by ``q``."""
    here = ambient(chart, q, eps, copies)
    units = (exact(np.eye(len(q))[k]) for k in range(len(q)))
    return np.array([(ambient(chart, q + unit, eps, copies) - here).astype(float) for unit in units]).T


def by_square(chart: Chart, q: Exact, eps: Sequence[Fraction], k: int) -> NDArray[np.float64]:
    """(P + 1,) the derivative of :func:`ambient` by ``ε_k²``, up to ``2^−80``."""
    step = Fraction(1, 2**40)
    sides = ([e + sign * step * (i == k) for i, e in enumerate(eps)] for sign in (1, -1))
    above, below = (ambient(chart, q, side) for side in sides)
    return np.asarray(((above - below) / (4 * step * eps[k])).astype(float))


def all_eps(chart: Chart, q: Exact, free: Sequence[Fraction]) -> list[Fraction]:
    """``ε`` of all diverging groups at the finite network: the one that the others determine is read off."""
    network = chart.network(q, free)
    return list(chart.read(network.w, network.a)[1])  # type: ignore[arg-type]


def bowl(*arguments: Any, **more: Any) -> bool:
    """Whether :func:`certify.proofs.valley.margin` proves its piece."""
    found = margin(*arguments, **more)
    return found is not None and found > 0
