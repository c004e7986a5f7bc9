"""Loss along channels to infinity, against the inverse of the diverging output."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np

from certify.proofs.infinity import Channel
from certify.proofs.verdict import CriticalObject
from certify.study.figures.style import COLUMN, INK, new
from certify.study.gather import Study, Width
from sweep.kernels.compiled import loss_gradient, prepare

_SHOWN = 4
_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7")
_MARKERS = ("o", "^", "s", "D")


def channels(study: Study) -> Any:
    """The channels that most runs are in, each of another structure; one small coordinate each."""
    picked = _pick(study)
    if not picked:
        return None
    figure, axes = new(COLUMN, 3.0)
    data = prepare(study.problem)
    for number, (part, found) in enumerate(picked):
        assert found.chart is not None
        assert found.box is not None
        colour, marker = _COLOURS[number], _MARKERS[number]
        limit = float(found.loss[0] + found.loss[1]) / 2
        eps = np.logspace(-2.3, -0.2, 40)
        networks = [found.chart.network(found.box.center, [Fraction(float(e))]) for e in eps]
        theta = np.array([network.theta().astype(np.float64) for network in networks])
        excess = loss_gradient(data, theta, part.width)[0] - limit
        output = np.abs(theta[:, -part.width :]).max(axis=1)
        shown = excess > 1e-14
        label = f"{found.chart.name}, width {part.width}: limit {limit:.6g}"
        axes.plot(1 / output[shown], excess[shown], color=colour, label=label)
        proof = next(p for p in found.proofs if isinstance(p, Channel))
        kappa = float(sum(proof.kappa_lower) + sum(proof.kappa_upper)) / 2
        axes.plot(1 / output, kappa * eps**2, color=INK, linestyle=(0, (4, 3)), linewidth=0.6, zorder=1)
        members = part.runs_of[found.id]
        x = 1 / np.abs(part.stopped.points.a[members]).max(axis=1)
        y = part.stopped.loss[members] - limit
        axes.scatter(
            x[y > 0], y[y > 0], s=10, marker=marker, c=colour, alpha=0.6, linewidths=0.2, edgecolors="white", zorder=3
        )
    axes.plot([], [], color=INK, linestyle=(0, (4, 3)), linewidth=0.6, label="κε², κ proved")
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlabel("1/a, a the largest output")
    axes.set_ylabel("loss − proved limit")
    figure.legend(loc="outside upper center", ncols=1)
    return figure


def _pick(study: Study) -> list[tuple[Width, CriticalObject]]:
    known: dict[str, tuple[Width, CriticalObject]] = {}
    for part in study.widths:
        for found in part.results.objects.values():
            chart = found.chart
            if chart is None or chart.saturated or [count for _, count in chart.free if count] != [1]:
                continue  # no channel, or more than one small coordinate, or one that is not an output's
            best = known.get(chart.name)
            if best is None or len(part.runs_of[found.id]) > len(best[0].runs_of[best[1].id]):
                known[chart.name] = part, found
    return sorted(known.values(), key=lambda pair: -len(pair[0].runs_of[pair[1].id]))[:_SHOWN]
