"""The weight plane: incoming weights of teacher and student in two dimensions, with what training did to them."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from certify.proofs.verdict import Kind
from certify.study.figures.eigenvalues import chosen
from certify.study.figures.style import ACCENT, FAINT, INK, LOOKS, PAGE, new
from certify.study.gather import Study, Width
from certify.study.points import Stopped
from sweep.adam import AdamState, adam
from sweep.kernels.compiled import prepare
from symmetry.problem import Problem

Floats = NDArray[np.float64]

_PIECES = 80
_SHOWN = 4


def examples(study: Study) -> Any:
    """Up to four runs of the width the slides look at, one for each thing that happens."""
    if study.problem.dimension != 2:
        return None
    part = chosen(study)
    picked = pick(part)
    if not picked:
        return None
    columns = min(2, len(picked))
    rows = -(-len(picked) // columns)
    figure, grid = new(PAGE, 3.1 * rows + 0.3, nrows=rows, ncols=columns, squeeze=False)
    for index, axes in zip(picked, grid.flat, strict=False):
        draw(axes, study.problem, part, index)
    for axes in grid.flat[len(picked) :]:
        axes.set_visible(False)
    handles, labels = grid.flat[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=4)
    return figure


def pick(part: Width) -> list[int]:
    """Indices of runs to show: of each verdict one that went through the perturbation protocol, if there is one."""
    perturbed = {run.index for run in part.negative}
    out = []
    for kind in (Kind.GLOBAL_MINIMUM, Kind.LOCAL_MINIMUM, Kind.MINIMUM_AT_INFINITY, Kind.SADDLE_AT_INFINITY):
        here = [row["index"] for row in part.results.rows if row["verdict"] == kind]
        if here:
            out.append(min(here, key=lambda i: (i not in perturbed, i)))
    # a second channel, of another structure
    charts = {part.results.rows[i]["chart"] for i in out}
    more = [
        row["index"]
        for row in part.results.rows
        if row["verdict"] == Kind.MINIMUM_AT_INFINITY and row["chart"] not in charts
    ]
    return (out + more[:1])[:_SHOWN]


def draw(axes: Any, problem: Problem, part: Width, index: int) -> None:
    """One run: teacher, student, trajectory, where perturbation led, and neurons that merge."""
    row = part.results.rows[index]
    look = LOOKS[row["verdict"]]
    w, a = part.stopped.points.w[index], part.stopped.points.a[index]
    if problem.teacher is not None:
        teacher = problem.teacher.w.astype(np.float64)
        axes.scatter(*teacher.T, marker="*", s=90, c="#FFFFFF", edgecolors=INK, linewidths=0.8, label="teacher")
        axes.scatter(*(-teacher).T, marker="*", s=30, c="#FFFFFF", edgecolors=FAINT, linewidths=0.6, label="mirrored")
    for neuron in range(part.width):
        path = trajectory(problem, part.stopped, index)[:, neuron]
        axes.plot(*path.T, color=FAINT, linewidth=0.8, linestyle=(0, (1, 1.5)))
    for i, j in merging(w, a, row["chart"] or ""):
        axes.plot(*np.array([w[i], w[j]]).T, color=look.colour, linewidth=2.4, alpha=0.5)
    axes.scatter(
        *w.T, marker=look.marker, s=34, c=look.colour, edgecolors=INK, linewidths=0.5, label="student", zorder=3
    )
    for i in range(part.width):
        axes.annotate(f"{a[i]:.2g}", w[i], xytext=(4, 3), textcoords="offset points", fontsize=6)
    followed = next((run for run in part.negative if run.index == index), None)
    if followed is not None:
        end = np.array(followed.ends[1])[: 2 * part.width].reshape(part.width, 2)
        axes.scatter(*end.T, marker="x", s=30, c=ACCENT, linewidths=1.0, label="perturbed", zorder=4)
    axes.axhline(0, color="#CCCCCC", linewidth=0.5, zorder=0)
    axes.axvline(0, color="#CCCCCC", linewidth=0.5, zorder=0)
    axes.set_aspect("equal", adjustable="datalim")
    structure = f" ({row['chart']})" if row["chart"] else ""
    axes.set_title(f"run {index}: {look.label}{structure}", loc="left")
    axes.set_xlabel("$w_1$")
    axes.set_ylabel("$w_2$")


def trajectory(problem: Problem, stopped: Stopped, index: int) -> Floats:
    """Incoming weights on the way from start to stop, (k, m, 2): Adam's run again, or only the end."""
    width = stopped.points.width
    end: Floats = stopped.points.w[index][None]
    if stopped.start is None or stopped.made is None:
        return end
    start = stopped.start[index][None]
    inner = 2 * width
    path = [start[:, :inner].reshape(1, width, 2)]
    if stopped.made.optimizer == "adam":
        options, data = dict(stopped.made.options), prepare(problem)
        steps = options.pop("steps")
        rates = {"lr": options["lr"], "betas": tuple(options["betas"]), "eps": options["eps"]}
        state: AdamState | Floats = start
        # most of the way is made early: pieces that grow with time
        marks = np.unique(np.round(steps * np.linspace(0, 1, _PIECES) ** 2).astype(int))
        for before, after in pairwise(marks):
            state = adam(data, state, width, int(after - before), **rates)
            path.append(state.theta[:, :inner].reshape(1, width, 2))
    return np.concatenate([*path, end])


def merging(w: Floats, a: Floats, chart: str) -> list[tuple[int, int]]:
    """Pairs of neurons that a chart's diverging groups merge, as it looks: the nearest ones whose outputs fit."""
    links: list[tuple[int, int]] = []
    for kind in chart.split("+"):
        sign = {"pair": 1.0, "mirrored": -1.0, "triple": 1.0}.get(kind.rstrip("-"))
        if sign is None:
            continue
        free = [i for i in range(len(a)) if all(i not in link for link in links)]
        # outputs of a pair have opposite signs, those of a mirrored pair the same
        pairs = [(i, j) for i in free for j in free if i < j and sign * a[i] * a[j] < 0]
        if pairs:
            links.append(min(pairs, key=lambda p: float(np.linalg.norm(w[p[0]] - sign * w[p[1]]))))
    return links
