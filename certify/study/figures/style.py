"""How the figures look: one place for colours, marks, sizes and fonts.

The colours are those of Okabe and Ito, told apart with every common colour blindness; each verdict also has a mark of
its own and, where areas are filled, a hatching, so that a grey print says the same. Widths are those of a column and a
page of a paper.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure

from certify.proofs.verdict import Kind

COLUMN, PAGE = 3.4, 7.0  # inches

INK, FAINT, ACCENT = "#222222", "#999999", "#D55E00"


@dataclass(frozen=True)
class Look:
    """Colour, mark, hatching and label of a verdict."""

    colour: str
    marker: str
    hatch: str
    label: str


LOOKS: dict[str, Look] = {
    Kind.GLOBAL_MINIMUM: Look("#009E73", "o", "", "global minimum"),
    Kind.LOCAL_MINIMUM: Look("#0072B2", "s", "///", "local minimum"),
    Kind.SADDLE: Look("#CC79A7", "X", "xxx", "saddle"),
    Kind.MINIMUM_AT_INFINITY: Look("#E69F00", "^", "\\\\\\", "minimum at infinity"),
    Kind.SADDLE_AT_INFINITY: Look("#56B4E9", "v", "+++", "saddle at infinity"),
    Kind.NOT_CRITICAL: Look("#F0E442", "D", "...", "not critical"),
    Kind.UNDECIDED: Look("#777777", "P", "ooo", "undecided"),
}

_RC: dict[str, Any] = {
    "figure.constrained_layout.use": True,
    "figure.facecolor": "white",
    "font.family": "DejaVu Sans",
    "font.size": 8,
    "axes.titlesize": 8,
    "axes.labelsize": 8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.6,
    "axes.edgecolor": INK,
    "axes.axisbelow": True,
    "axes.grid": True,
    "grid.color": "#DDDDDD",
    "grid.linewidth": 0.5,
    "hatch.linewidth": 0.4,
    "legend.fontsize": 7,
    "legend.frameon": False,
    "lines.linewidth": 1.1,
    "lines.markersize": 4,
    "xtick.labelsize": 7,
    "ytick.labelsize": 7,
    "pdf.fonttype": 42,
    "savefig.dpi": 220,
}


@contextmanager
def styled() -> Iterator[None]:
    """Everything drawn inside looks like this, and no window is opened."""
    with mpl.rc_context({**_RC, "backend": "agg"}):
        yield


def new(width: float, height: float, **grid: Any) -> tuple[Figure, Any]:
    """A figure of so many inches and its axes, as ``Figure.subplots`` gives them."""
    figure = Figure(figsize=(width, height))
    return figure, figure.subplots(**grid)


def save(figure: Figure, folder: Path, name: str) -> list[Path]:
    """Write ``name.pdf`` and ``name.png``, without a date."""
    paths = [folder / f"{name}.pdf", folder / f"{name}.png"]
    figure.savefig(paths[0], metadata={"CreationDate": None})
    figure.savefig(paths[1])
    return paths


def scatter(axes: Any, x: Any, y: Any, kind: str, **more: Any) -> None:
    """Points of one verdict; filled marks with a thin light edge stay apart where they overlap."""
    look = LOOKS[kind]
    given = {"s": 11, "linewidths": 0.25, "edgecolors": "white", "alpha": 0.85, "rasterized": True} | more
    axes.scatter(x, y, c=look.colour, marker=look.marker, label=look.label, **given)
