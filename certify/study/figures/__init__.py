"""The figures of a study, as PDF and PNG. Drawing needs matplotlib, the extra ``report``."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from certify.study.gather import Study


@dataclass(frozen=True)
class Drawing:
    """One figure: the name of its files, a caption, and what draws it (``None`` where there is nothing to show)."""

    name: str
    caption: str
    draw: Callable[[Study], Any]


def drawings() -> list[Drawing]:
    """All figures, in the order in which they are shown."""
    from certify.study.figures import channel, eigenvalues, losses, plane, saddles, transition

    return [
        Drawing(
            "loss-by-width",
            "Loss where the runs stopped, by width, coloured by proved verdict. The lines are enclosed losses of "
            "critical points of narrower networks.",
            losses.loss_by_width,
        ),
        Drawing("decided", "Share of the runs by proved verdict; the rest is undecided.", losses.decided),
        Drawing(
            "negative-eigenvalues",
            "Smallest eigenvalue of the Hessian where the runs stopped, of those runs where it is negative, by proved "
            "verdict.",
            eigenvalues.histogram,
        ),
        Drawing(
            "eigenvalue-loss",
            "Smallest eigenvalue against loss where the runs stopped. What looked like clusters are certified objects: "
            "those that most runs lead to are named by the exact loss at the object.",
            eigenvalues.against_loss,
        ),
        Drawing(
            "weight-plane",
            "Incoming weights of teacher and student, run by run: trajectories of Adam from the start (dotted), where "
            "it stopped (filled), and where one perturbation and SLSQP led (crosses). Lines join neurons that merge in "
            "a channel to infinity.",
            plane.examples,
        ),
        Drawing(
            "perturbation",
            "Loss against the size of a perturbation. Left: along the lowest eigenvector of a certified saddle the "
            "loss falls to both sides, and the descent from there leads to other objects: the transition is seen. "
            "Right: a run that stopped in a channel to infinity comes back to the same loss, or finds another place by "
            "chance, but at no size is there a saddle to be crossed.",
            transition.transition,
        ),
        Drawing(
            "channel",
            "Along channels to infinity: excess of the loss over the proved limit against 1/a, the inverse of the "
            "diverging output. Lines: the proved coefficient κ; marks: saved runs.",
            channel.channels,
        ),
        Drawing(
            "levels",
            "Losses of certified sets of critical points that narrower networks induce, by level; larger marks have "
            "more negative eigenvalues. G counts the labelled sets of one narrower point.",
            saddles.levels,
        ),
    ]


def write(study: Study, folder: Path, tell: Callable[[int, int], None] | None = None) -> list[str]:
    """Draw every figure into ``folder``; the names of those that had something to show."""
    from certify.study.figures.style import save, styled

    folder.mkdir(parents=True, exist_ok=True)
    made, all_of_them = [], drawings()
    with styled():
        for number, drawing in enumerate(all_of_them, start=1):
            figure = drawing.draw(study)
            if figure is not None:
                save(figure, folder, drawing.name)
                made.append(drawing.name)
            if tell is not None:
                tell(number, len(all_of_them))
    return made
