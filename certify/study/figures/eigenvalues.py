"""The smallest eigenvalue where the runs stopped: its histogram where it is negative, and against the loss."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np

from certify.proofs.verdict import Kind
from certify.study.figures.style import COLUMN, INK, LOOKS, PAGE, new, scatter
from certify.study.gather import Study, Width

_NAMED = 6
"""So many losses are named in each panel."""

_NOISE = 1e-16
"""Smaller eigenvalues are drawn on this line: no sign is left of them."""

SLIDES_WIDTH = 5


def chosen(study: Study) -> Width:
    """The width the slides look at, or the widest."""
    return next((part for part in study.widths if part.width == SLIDES_WIDTH), study.widths[-1])


def histogram(study: Study) -> Any:
    """How small the negative smallest eigenvalues are, stacked by verdict."""
    part = chosen(study)
    index = np.array(part.negative_index, dtype=int)
    if not len(index):
        return None
    figure, axes = new(COLUMN, 2.7)
    size = np.log10(-part.stopped.smallest_eigenvalue[index])
    kinds = [part.results.rows[i]["verdict"] for i in index]
    edges = np.arange(np.floor(size.min() * 2) / 2, np.ceil(size.max() * 2) / 2 + 0.26, 0.25)
    shown = [kind for kind in Kind if kind in kinds]
    _, _, bars = axes.hist(
        [size[[k == kind for k in kinds]] for kind in shown],
        bins=edges,
        stacked=True,
        color=[LOOKS[kind].colour for kind in shown],
        label=[LOOKS[kind].label for kind in shown],
        edgecolor="white",
        linewidth=0.4,
    )
    for patches, kind in zip(bars if len(shown) > 1 else [bars], shown, strict=True):
        for patch in patches:
            patch.set_hatch(LOOKS[kind].hatch)
    ticks = np.arange(np.ceil(edges[0]), edges[-1] + 0.01)
    ticks = ticks[ticks % 3 == 0] if len(ticks) > 6 else ticks
    axes.set_xticks(ticks, [f"$-10^{{{t:.0f}}}$" for t in ticks])
    axes.invert_xaxis()  # from the most negative to almost zero
    axes.set_xlabel(f"smallest eigenvalue where the run stopped, width {part.width}")
    axes.set_ylabel("runs")
    axes.set_title(f"{len(index)} of {len(part.results.rows)} runs, none of them at a proved saddle", loc="left")
    if any(kind in (Kind.SADDLE, Kind.SADDLE_AT_INFINITY) for kind in kinds):
        axes.set_title(f"{len(index)} of {len(part.results.rows)} runs", loc="left")
    figure.legend(loc="outside upper center", ncols=2)
    return figure


def against_loss(study: Study) -> Any:
    """Two panels a width: all runs, and those of positive losses with the losses of certified objects."""
    rows = len(study.widths)
    figure, grid = new(PAGE, 2.15 * rows + 0.5, nrows=rows, ncols=2, squeeze=False, sharey=True)
    found: dict[str, Any] = {}
    for part, (left, right) in zip(study.widths, grid, strict=True):
        _panel(part, left)
        left.set_xscale("log")
        left.set_title(f"width {part.width}", loc="left")
        left.set_ylabel("smallest eigenvalue")
        _panel(part, right)
        _name(part, right)
        handles, labels = left.get_legend_handles_labels()
        found |= dict(zip(labels, handles, strict=True))
    grid[-1, 0].set_xlabel("loss where the run stopped")
    grid[-1, 1].set_xlabel("loss in 1e-4; above: certified losses, runs there")
    figure.legend(found.values(), found.keys(), loc="outside upper center", ncols=4, markerscale=1.6)
    return figure


def _panel(part: Width, axes: Any) -> None:
    kinds = np.array([row["verdict"] for row in part.results.rows])
    loss = np.maximum(part.stopped.loss, _NOISE)
    for kind in Kind:
        where = kinds == kind
        if where.any():
            scatter(axes, loss[where], part.stopped.smallest_eigenvalue[where], kind, s=8)
    axes.set_yscale("symlog", linthresh=1e-10)
    axes.axhline(0, color=INK, linewidth=0.6)
    axes.set_yticks([-1e-4, -1e-7, -1e-10, 1e-10, 1e-7, 1e-4])


def _name(part: Width, axes: Any) -> None:
    """Zoom in on positive losses, and name the certified ones that most runs lead to."""
    runs: Counter[tuple[str, Kind]] = Counter()
    for found in part.results.objects.values():
        if not found.stratum:
            # θ and −θ, or two channels with one limit, have the same loss: one name for both
            runs[f"{float(found.loss[0]):.4e}", found.kind] += len(part.runs_of[found.id])
    if not runs:
        axes.set_xscale("log")
        return
    losses = [float(text) for text, _ in runs]
    low, high = 0.95 * min(losses), 1.05 * max(losses)
    axes.set_xlim(low, high)
    ticks = np.arange(np.ceil(low * 5e4) / 5e4, high, 2e-5)
    axes.set_xticks(ticks, [f"{1e4 * tick:.1f}" for tick in ticks])
    named = sorted((float(text), kind, count) for (text, kind), count in runs.most_common(_NAMED))
    places = np.array([loss for loss, _, _ in named])
    gap = (high - low) / 14
    for k in range(1, len(places)):
        places[k] = max(places[k], places[k - 1] + gap)
    places -= max(0.0, places[-1] - high)
    for place, (loss, kind, count) in zip(places, named, strict=True):
        axes.annotate(
            f"{1e4 * loss:.4f} ({count})",
            (loss, 1),
            xytext=(place, 1.05),
            xycoords=axes.get_xaxis_transform(),
            textcoords=axes.get_xaxis_transform(),
            rotation=55,
            rotation_mode="anchor",
            ha="left",
            va="bottom",
            fontsize=6,
            color=LOOKS[kind].colour,
            arrowprops={"arrowstyle": "-", "linewidth": 0.5, "color": LOOKS[kind].colour},
            annotation_clip=False,
        )
