"""Loss against the size of a perturbation: at a certified saddle, and at a run in a channel."""

from __future__ import annotations

from typing import Any

import numpy as np

from certify.proofs.verdict import CriticalObject, Kind
from certify.study.figures.eigenvalues import chosen
from certify.study.figures.style import ACCENT, FAINT, INK, LOOKS, PAGE, new
from certify.study.gather import Study, Width
from sweep.kernels.compiled import KernelData, loss_gradient, loss_gradient_hessian, prepare
from sweep.perturbation import perturb
from sweep.polishing.polish import polish

_SIZES = np.logspace(-4, 0.3, 14)


def transition(study: Study) -> Any:
    """Two panels; one where only one of the two is there."""
    part, data = chosen(study), prepare(study.problem)
    saddle, run = _saddle(study), _run(part)
    if saddle is None and run is None:
        return None
    figure, axes = new(PAGE, 2.9, ncols=(saddle is not None) + (run is not None), squeeze=False)
    panels = list(axes.flat)
    if saddle is not None:
        _at_saddle(panels.pop(0), data, saddle)
    if run is not None:
        _at_run(panels.pop(0), study, part, run)
    return figure


def _saddle(study: Study) -> CriticalObject | None:
    """A certified saddle of index 1, the one of the lowest loss at the width shown."""
    for part in sorted(study.widths, key=lambda part: part is not chosen(study)):
        if part.searched is not None:
            found = [o for o in part.searched.objects.values() if o.network is not None and o.morse_index == 1]
            if found:
                return min(found, key=lambda o: (o.loss, o.id))
    return None


def _run(part: Width) -> int | None:
    """A run that stopped with a negative eigenvalue in a channel whose limit is a minimum."""
    rows = part.results.rows
    return next((i for i in part.negative_index if rows[i]["verdict"] == Kind.MINIMUM_AT_INFINITY), None)


def _at_saddle(axes: Any, data: KernelData, saddle: CriticalObject) -> None:
    assert saddle.network is not None
    theta, width = saddle.network.theta().astype(np.float64), saddle.width
    vector = np.linalg.eigh(loss_gradient_hessian(data, theta[None], width)[2][0])[1][:, 0]
    proved = float(saddle.loss[0])
    for sign, marker in ((1, ">"), (-1, "<")):
        kicked = np.array([theta + sign * size * vector for size in _SIZES])
        loss = loss_gradient(data, kicked, width)[0]
        ends = [polish(data, start, width, max_steps=400).loss for start in kicked]
        x = sign * _SIZES
        axes.plot(x, loss - proved, color=FAINT, marker=".", linestyle=":", label="kicked" if sign > 0 else None)
        label = "after descent" if sign > 0 else None
        axes.plot(x, np.array(ends) - proved, color=ACCENT, marker=marker, linewidth=0.7, label=label)
    colour = LOOKS[Kind.SADDLE].colour
    axes.axhline(0, color=colour, linewidth=1.2, label=f"saddle, loss {proved:.5g}", zorder=1)
    axes.scatter([0], [0], marker="X", s=40, c=colour, edgecolors=INK, linewidths=0.5, zorder=4)
    axes.set_xscale("symlog", linthresh=1e-4)
    axes.set_xticks([-1, -1e-2, -1e-4, 1e-4, 1e-2, 1])
    _differences(axes, "saddle")
    axes.set_xlabel("ε along the lowest eigenvector")
    axes.set_title(f"certified saddle of index 1, width {width}", loc="left")
    axes.legend()


def _at_run(axes: Any, study: Study, part: Width, index: int) -> None:
    row = part.results.rows[index]
    limit = row["loss_lower"]
    rows = perturb(study.problem, part.stopped.points.take([index]), epsilons=_SIZES.tolist(), draws=2, scan=True)
    for draw, marker in ((0, "o"), (1, "s")):
        mine = [r for r in rows if r.draw == draw]
        sizes = [r.epsilon for r in mine]
        first = draw == 0
        kicked = [r.kicked.loss - limit for r in mine]
        axes.plot(sizes, kicked, color=FAINT, marker=".", linestyle=":", label="kicked" if first else None)
        after = [r.after.loss - limit for r in mine]
        axes.plot(sizes, after, color=ACCENT, marker=marker, linewidth=0.7, label=f"after SLSQP, direction {draw + 1}")
    look = LOOKS[row["verdict"]]
    axes.axhline(0, color=look.colour, linewidth=1.2, label=f"proved limit {limit:.5g}", zorder=1)
    axes.set_xscale("log")
    _differences(axes, "proved limit")
    axes.set_xlabel("ε in a random direction")
    axes.set_title(f"run {index}, width {part.width}: {look.label}", loc="left")
    axes.legend()


def _differences(axes: Any, what: str) -> None:
    """Differences of losses: logarithmic to both sides of 0, down to what float64 resolves."""
    axes.set_yscale("symlog", linthresh=1e-11)
    axes.set_yticks([-1e-4, -1e-7, -1e-10, 0, 1e-10, 1e-7, 1e-4, 1e-1])
    axes.set_ylabel(f"loss − loss of the {what}" if what == "saddle" else f"loss − {what}")
