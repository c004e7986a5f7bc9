"""The hierarchy of critical sets that narrower networks induce, by level."""

from __future__ import annotations

from typing import Any

import numpy as np

from certify.proofs.verdict import Kind
from certify.study.figures.style import COLUMN, INK, LOOKS, new
from certify.study.gather import Study
from symmetry.counting import G


def levels(study: Study) -> Any:
    """Every certified set of the widest width for which they were certified."""
    parts = [part for part in study.widths if part.induced is not None]
    teacher = study.problem.teacher
    if not parts or teacher is None:
        return None
    part = parts[-1]
    assert part.induced is not None
    figure, axes = new(COLUMN, 3.0)
    rng = np.random.default_rng(0)
    objects = [o for o in part.induced.objects.values() if o.chart is not None]
    for kind in (Kind.SADDLE, Kind.LOCAL_MINIMUM):
        mine = [o for o in objects if o.kind is kind]
        if mine:
            place = np.array([teacher.width - len(o.chart.ordinary) for o in mine if o.chart is not None])
            look = LOOKS[kind]
            axes.scatter(
                place + rng.uniform(-0.3, 0.3, len(mine)),
                [float(o.loss[0]) for o in mine],
                s=[10 + 9 * (o.morse_index or 0) for o in mine],
                marker=look.marker,
                c=look.colour,
                edgecolors=INK,
                linewidths=0.3,
                alpha=0.75,
                label=f"{look.label}: {len(mine)} sets",
            )
    axes.set_yscale("log")
    low, high = axes.get_ylim()
    axes.set_ylim(low / 1.5, high * 12)
    seen = sorted({teacher.width - len(o.chart.ordinary) for o in objects if o.chart is not None})
    for level in seen:
        r = teacher.width - level
        points = study.narrow.get(r, 0)
        text = f"G({r},{part.width}) = {G(r, part.width)}\n≥ {points} points\nof width {r}"
        axes.annotate(text, (level, high * 10), ha="center", va="top", fontsize=6.5)
    axes.set_xticks(seen, [f"{level}\nfrom width {teacher.width - level}" for level in seen])
    axes.set_xlim(min(seen) - 0.6, max(seen) + 0.6)
    axes.set_xlabel(f"level, in width {part.width}")
    axes.set_ylabel("enclosed loss")
    axes.grid(axis="x", visible=False)
    figure.legend(loc="outside upper center", ncols=2)
    return figure
