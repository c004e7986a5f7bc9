"""The networks on a piece of a path in a chart, exact: from what the coordinates mean, not from series."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import numpy as np

from symmetry.infinity.charts import Chart
from symmetry.network import Exact, Network
from symmetry.paths.quintic_way import QuinticWay
from symmetry.paths.release import Piece
from symmetry.paths.triple_way import TripleWay


def value(polynomial: Sequence[Any], t: Fraction) -> Any:
    return sum((v * t**k for k, v in enumerate(polynomial[1:], 1)), polynomial[0])


def network_at(chart: Chart, curve: Piece, t: Fraction) -> Network:
    """The network at ``t``, copies in equal shares; charts without triples and quintic groups are for
    :meth:`Chart.network`.
    """
    q, d, m = value(curve.q, t), chart.dimension, len(chart.ordinary)
    w, a = np.empty((chart.width, d), dtype=object), np.empty(chart.width, dtype=object)
    for k, members in enumerate(chart.ordinary):
        w[list(members)], a[list(members)] = q[k * d : (k + 1) * d], q[m * d + k] / len(members)
    # the constants that are still to be released: K, less what the groups have
    missing = q[chart.units[-1].place.start] if chart.balanced else Fraction(0)
    ways = dict(zip(chart.diverging, curve.ways, strict=True))
    for group in sorted(chart.diverging, key=lambda g: g == chart.dependent):
        way, block, index, signs = ways[group], q[chart.span(group)], list(group.members), np.array(group.signs)
        if isinstance(way, TripleWay):
            p = [value(line, t) for line in way.nodes]
            alpha, mu = (value(moment, t) for moment in way.moments[1:])
            wi = np.array([block[:d] + x * block[2 * d : 3 * d] + x * x * block[d : 2 * d] for x in p])
            ai = moments_met(p, [block[-1], alpha, mu])
        elif isinstance(way, QuinticWay):
            # b, u, K, c
            p = [value(line, t) for line in way.nodes]
            alpha, nu = (value(moment, t) for moment in way.moments[1:])
            product, (b, u, c) = p[0] * p[1] * p[2], (block[:d], block[d : 2 * d], block[2 * d + 1 :])
            wi = np.array([x * u + product * (b + x * x * c) for x in p])
            ai = moments_met(p, [2 * block[2 * d], alpha, nu / product])
        else:
            c = Fraction(0) if group.kind == "zero" else block[2 * d]
            if group == chart.dependent:
                # 1/(2ε) − c/2 of a mirrored pair, 1/(2ε) of a zero group
                inverse = 2 * missing + (c if group.kind == "mirrored" else 0)
            else:
                inverse = 1 / value(curve.eps[[g for g in chart.diverging if g not in chart.noded].index(group)][0], t)
            if group.kind == "zero":
                wi, ai = np.array([4 * block[1:] / inverse]), np.array([inverse], dtype=object)
                missing -= inverse / 2
            else:
                middle, u = block[:d], block[d : 2 * d]
                wi = np.array([middle + u / inverse, middle - u / inverse])
                ai = np.array([(c + inverse) / 2, (c - inverse) / 2], dtype=object)
        w[index], a[index] = signs[:, None] * wi, signs * ai
        missing -= a[index][signs < 0].sum()
    return Network(w, a)


def moments_met(p: Sequence[Fraction], moments: Sequence[Fraction]) -> Exact:
    """``a`` with ``Σ a_i p_i^k = moments[k]``, by Cramer's rule."""
    rows = [[x**k for x in p] for k in range(3)]

    def determinant(m: Sequence[Sequence[Fraction]]) -> Fraction:
        (a, b, c), (d, e, f), (g, h, i) = m
        return a * (e * i - f * h) - b * (d * i - f * g) + c * (d * h - e * g)

    whole = determinant(rows)
    out = [
        determinant([[moments[k] if j == i else row[j] for j in range(3)] for k, row in enumerate(rows)]) / whole
        for i in range(3)
    ]
    return np.array(out, dtype=object)
