"""The least loss for given small coordinates of a chart with a quintic group, in floating point.

There the polish stops far from the limit: outputs grow like ``p^−5``, so that ``p`` is hardly small when they are
large. For fixed small coordinates the weights are linear in ``q``, and the loss, its gradient and its Hessian in ``q``
are those of the finite network.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from certify.arithmetic import Array
from sweep.kernels.compiled import KernelData, loss_gradient_hessian
from symmetry.infinity.charts import Chart
from symmetry.paths.release import Place, stands, toward

_STEPS, _HALVINGS = 20, 10
_FLAT = 1e-9
"""Directions in which the Hessian has eigenvalues smaller than this, relatively, are left alone."""

_CLOSE = 1e-7
"""A step of Newton's method that is no longer than this is the last one."""


def lower(data: KernelData, chart: Chart, start: Place, end: Any, share: float) -> Place | None:
    """The place of least loss with the small coordinates of ``start``, ``share`` times as far from the limit.

    By Newton's method from the straight way to the limit.

    Args:
        data: of the problem.
        chart: plain, of pairs, copies and a quintic group; its neurons in the order of the chart.
        start: where.
        end: (P',) float64, the limit.
        share: at most 1.

    Returns:
        ``None`` where other groups are in the chart.
    """
    if any(group.kind not in ("copies", "pair", "quintic") for group in chart.groups):
        return None
    there = toward(chart, start, end, share)
    place = Place(np.asarray(there.q, dtype=np.float64), tuple(float(v) for v in there.eps))
    matrix, offset = _weights(chart, place)
    q, width = place.q, chart.width

    def derivatives(q: Array) -> tuple[float, Array, Array]:
        loss, gradient, hessian = loss_gradient_hessian(data, (matrix @ q + offset)[None], width)
        return float(loss[0]), matrix.T @ gradient[0], matrix.T @ hessian[0] @ matrix

    loss, gradient, hessian = derivatives(q)
    for _ in range(_STEPS):
        values, vectors = np.linalg.eigh(hessian)
        steep, values = np.abs(values) > _FLAT * values[-1], np.abs(values)
        step = vectors[:, steep] @ ((vectors[:, steep].T @ gradient) / values[steep])
        for k in range(_HALVINGS):
            trial = derivatives(q - step / 2**k)
            if trial[0] <= loss:
                break
        else:
            break
        q = q - step / 2**k
        loss, gradient, hessian = trial
        if float(np.abs(step).max()) < _CLOSE:
            break
    return Place(q, place.eps)


def _weights(chart: Chart, place: Place) -> tuple[Array, Array]:
    """``A`` (P, P'), ``θ_0`` (P,): the network at ``q`` with these small coordinates has the weights ``Aq + θ_0``."""
    m, d, k = chart.width, chart.dimension, len(chart.ordinary)
    matrix, offset = np.zeros((m * (d + 1), len(place.q))), np.zeros(m * (d + 1))

    def incoming(neuron: int, first: int, factor: float) -> None:
        for c in range(d):
            matrix[neuron * d + c, first + c] += factor

    for number, members in enumerate(chart.ordinary):
        for i in members:
            incoming(i, number * d, 1.0)
            matrix[m * d + i, k * d + number] = 1 / len(members)
    for group, stand in stands(chart, place):
        first = chart.span(group).start
        if group.kind == "quintic":
            nu, alpha, *two = stand.small
            p = [*two, -sum(two)]
            third = p[0] * p[1] * p[2]
            for i, x in enumerate(p):
                y, z = p[i - 1], p[i - 2]
                away, bend = (x - y) * (x - z), third * x * x / nu
                incoming(group.members[i], first, float(third / nu))
                incoming(group.members[i], first + d, float(x - alpha * bend))
                incoming(group.members[i], first + 2 * d + 1, float(4 * bend))
                matrix[m * d + group.members[i], first + 2 * d] = 2 * y * z / away
                offset[m * d + group.members[i]] = (nu / third + alpha * x) / away
        else:
            (eps,) = stand.small
            for i, sign in zip(group.members, (1.0, -1.0), strict=True):
                incoming(i, first, 1.0)
                incoming(i, first + d, float(sign * eps))
                matrix[m * d + i, first + 2 * d] = 0.5
                offset[m * d + i] = sign / (2 * eps)
    return matrix, offset
