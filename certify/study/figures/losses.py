"""Losses by width, and how many runs are decided."""

from __future__ import annotations

from typing import Any

import numpy as np

from certify.proofs.verdict import Kind
from certify.study.figures.style import COLUMN, FAINT, LOOKS, new, scatter
from certify.study.gather import Study, verdict_counts

_FLOOR = 1e-16
"""Losses below it are drawn there: they are rounding noise."""


def loss_by_width(study: Study) -> Any:
    """Every run: its loss where it stopped, side by side by verdict."""
    figure, axes = new(COLUMN, 3.0)
    shown = [kind for kind in Kind if any(verdict_counts(part.results)[kind] for part in study.widths)]
    rng = np.random.default_rng(0)
    for k, kind in enumerate(shown):
        x, y = [], []
        for place, part in enumerate(study.widths):
            index = [row["index"] for row in part.results.rows if row["verdict"] == kind]
            offset = (k - (len(shown) - 1) / 2) * 0.8 / len(shown)
            x.append(place + offset + rng.uniform(-0.3, 0.3, len(index)) / len(shown))
            y.append(np.maximum(part.stopped.loss[index], _FLOOR))
        scatter(axes, np.concatenate(x), np.concatenate(y), kind, s=7)
    axes.set_yscale("log")
    low, high = axes.get_ylim()
    for part in study.widths[:1]:
        for loss in sorted({float(o.loss[0]) for o in part.induced.objects.values()} if part.induced else ()):
            axes.axhline(loss, color=FAINT, linewidth=0.4, zorder=0)
    axes.set_ylim(low, high)
    axes.set_xticks(range(len(study.widths)), [str(part.width) for part in study.widths])
    axes.set_xlabel("neurons of the student")
    axes.set_ylabel("loss where the run stopped")
    axes.grid(axis="x", visible=False)
    figure.legend(loc="outside upper center", ncols=2, markerscale=1.8, handletextpad=0.2, columnspacing=1.0)
    return figure


def decided(study: Study) -> Any:
    """Bars of shares; the label says how many runs are decided."""
    figure, axes = new(COLUMN, 2.6)
    names = [str(part.width) for part in study.widths]
    bottom = np.zeros(len(names))
    for kind in Kind:
        counts = [verdict_counts(part.results)[kind] / len(part.results.rows) for part in study.widths]
        if any(counts):
            look = LOOKS[kind]
            axes.bar(
                names,
                np.array(counts) * 100,
                bottom=bottom * 100,
                color=look.colour,
                hatch=look.hatch,
                edgecolor="white",
                linewidth=0.5,
                label=look.label,
                width=0.65,
            )
            bottom += counts
    for place, part in enumerate(study.widths):
        counts_here = verdict_counts(part.results)
        open_runs = counts_here[Kind.UNDECIDED] + counts_here[Kind.NOT_CRITICAL]
        share = 100 * (1 - open_runs / len(part.results.rows))
        axes.annotate(f"{share:.1f} %", (place, 101), ha="center", va="bottom", fontsize=7)
    axes.set_ylim(0, 108)
    axes.set_yticks(range(0, 101, 20))
    axes.set_xlabel("neurons of the student")
    axes.set_ylabel("share of the runs in %  (above: decided)")
    axes.grid(axis="x", visible=False)
    figure.legend(loc="outside upper center", ncols=2, handletextpad=0.4, columnspacing=1.0)
    return figure
