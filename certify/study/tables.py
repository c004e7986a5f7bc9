"""The five tables of a study, each in four forms."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from certify.arithmetic.decimals import above, below
from certify.arithmetic.rounding import down, up
from certify.presentation.criteria import SAVED, about, confusion, confusion_grid, headed, headed_grid
from certify.presentation.rendering import FORMS, Grid, percent, render
from certify.presentation.table import grid, wilson
from certify.proofs.verdict import CriticalObject, Kind
from certify.study.gather import Study, Width, orbit_size, structure
from certify.study.negative import WAYS
from symmetry.counting import G

DIGITS = 10
SUFFIX = {"md": "md", "csv": "csv", "latex": "tex", "json": "json"}


@dataclass(frozen=True)
class Sheet:
    """A table with what has to be said about it.

    Args:
        name: of its files.
        title: a line.
        note: sentences.
        grid: the table.
    """

    name: str
    title: str
    note: str
    grid: Grid


def sheets(study: Study) -> list[Sheet]:
    """All tables, in the order in which they are shown."""
    return [classification(study), catalogue(study), levels(study), thresholds(study), *negative(study), *runs(study)]


def write(directory: Path, made: list[Sheet]) -> list[Path]:
    """Write every table as Markdown, CSV, LaTeX and JSON; return the files."""
    directory.mkdir(parents=True, exist_ok=True)
    paths = []
    for sheet in made:
        for form in FORMS:
            text = render(sheet.grid, form)
            if form == "md":
                text = f"# {sheet.title}\n\n{text}\n{sheet.note}\n"
            path = directory / f"{sheet.name}.{SUFFIX[form]}"
            path.write_text(text, "utf-8")
            paths.append(path)
    return paths


def classification(study: Study) -> Sheet:
    """Table 1: width × verdict."""
    return Sheet(
        "classification",
        "Verified classification of the runs",
        "Shares have Wilson's 95 % intervals. The losses of all objects of a line lie in its interval; at least so "
        "many of the objects are proved to be different. A verdict is proved of its object; that the run belongs to it "
        "is proved where it is contained, and computed where it is polished.",
        grid(study.table),
    )


# -------------------------------------------------------------------------------------------------- the catalogue


def catalogue(study: Study) -> Sheet:
    """Table 2: every distinct object."""
    headings = ("width", "object", "verdict", "loss", "index", "nullity", "level", "runs", "orbit", "structure")
    records = [record for part in study.widths for record in _objects(study, part)]
    cells = tuple(
        (
            str(r["width"]),
            r["id"],
            r["verdict"],
            r["loss"],
            _or_blank(r["index"]),
            _or_blank(r["nullity"]),
            _or_blank(r["level"]),
            str(r["runs"]),
            str(r["orbit_size"]),
            r["structure"],
        )
        for r in records
    )
    note = (
        "A row for each object that a run belongs to, by width and loss. The loss is enclosed to ten digits; index and "
        "nullity are those of the Hessian, where proved; orbit: how many there are when neurons are numbered."
    )
    left = frozenset({1, 2, 3, 9})
    return Sheet(
        "catalogue", "The distinct objects", note, Grid(headings, cells, left, tuple(records), about(study.parts))
    )


def _objects(study: Study, part: Width) -> Iterator[dict[str, Any]]:
    order = list(Kind)
    for found in sorted(part.results.objects.values(), key=lambda o: (order.index(o.kind), o.loss, o.id)):
        members = part.runs_of[found.id]
        yield {
            "width": part.width,
            "id": found.id,
            "verdict": str(found.kind),
            "loss": enclosed(found),
            "loss_lower": down(found.loss[0]),
            "loss_upper": up(found.loss[1]),
            "index": found.morse_index,
            "nullity": found.nullity,
            "manifold_dimension": found.manifold_dimension,
            "level": found.level,
            "runs": len(members),
            "orbit_size": orbit_size(found, study.problem),
            "structure": structure(found),
            "certificate": f"{part.results.directory.relative_to(study.directory)}/certificates/{found.id}.json",
        }


def enclosed(found: CriticalObject) -> str:
    """The loss to ten digits, rounded outward: both ends where they differ."""
    low, high = below(down(found.loss[0]), DIGITS), above(up(found.loss[1]), DIGITS)
    return low if low == high else f"[{low}, {high}]"


def _or_blank(value: Any) -> str:
    return "" if value is None else str(value)


# ------------------------------------------------------------------------------------------------------- the levels


def levels(study: Study) -> Sheet:
    """Table 3: saddles by level against ``G(r, m)``."""
    records = [record for part in study.widths for record in _levels(study, part)]
    headings = (
        "width",
        "level",
        "from width",
        "G(r, m)",
        "narrower points",
        "labelled sets",
        "certified parts",
        "saddles",
        "minima",
        "index",
        "runs at one",
    )
    cells = tuple(
        (
            str(r["width"]),
            "none" if r["level"] is None else str(r["level"]),
            _or_blank(r["narrow_width"]),
            _or_blank(r["G"]),
            "" if r["narrow_points"] is None else f"≥ {r['narrow_points']}",
            "" if r["labelled_sets"] is None else f"≥ {r['labelled_sets']}",
            str(r["certified"]) if r["certified"] is not None else "not tried",
            _or_blank(r["saddles"]),
            _or_blank(r["minima"]),
            r["index"],
            str(r["runs"]),
        )
        for r in records
    )
    note = (
        "A critical point of r distinct neurons induces G(r, m) affine sets of critical points of m numbered neurons, "
        "of level (teacher's width − r). Narrower points: at least so many different critical points are certified at "
        "width r, neurons unnumbered. Certified parts: each set falls into parts by the signs of the shares; every "
        "part is certified on its own, with its index. Level none: non-degenerate saddles the search found, which "
        "are induced by no narrower network of this kind."
    )
    return Sheet(
        "levels",
        "Saddles by level",
        note,
        Grid(headings, cells, frozenset({9}), tuple(records), about(study.parts)),
    )


def _levels(study: Study, part: Width) -> Iterator[dict[str, Any]]:
    teacher = study.problem.teacher.width if study.problem.teacher is not None else 0
    induced = list(part.induced.objects.values()) if part.induced is not None else None
    for r in range(min(teacher, part.width + 1) - 1, 0, -1):
        met = [o for o in part.results.objects.values() if _is_plateau(o) and _reduced(o) == r]
        known = study.narrow.get(r)
        mine = None if induced is None else [o for o in induced if _reduced(o) == r]
        if r == part.width:
            continue
        yield {
            "width": part.width,
            "level": teacher - r,
            "narrow_width": r,
            "G": G(r, part.width),
            "narrow_points": known,
            "labelled_sets": None if known is None else known * G(r, part.width),
            **_counted(mine),
            "runs": sum(len(part.runs_of[o.id]) for o in met),
        }
    searched = None if part.searched is None else list(part.searched.objects.values())
    alone = [o for o in searched or [] if o.chart is None]
    met = [o for o in part.results.objects.values() if o.kind is Kind.SADDLE and o.chart is None]
    yield {
        "width": part.width,
        "level": None,
        "narrow_width": None,
        "G": None,
        "narrow_points": None,
        "labelled_sets": None,
        **_counted(None if searched is None else alone),
        "runs": sum(
            len(part.runs_of[o.id]) for o in part.results.objects.values() if o.kind is Kind.SADDLE and not o.chart
        ),
    }


def _is_plateau(found: CriticalObject) -> bool:
    """Whether it is a set of copies of a narrower network's neurons, none of them mirrored."""
    chart = found.chart
    return chart is not None and not chart.diverging and not any(group.flipped for group in chart.groups)


def _reduced(found: CriticalObject) -> int:
    return len(found.chart.ordinary) if found.chart is not None else found.width


def _counted(objects: list[CriticalObject] | None) -> dict[str, Any]:
    if objects is None:
        return {"certified": None, "saddles": None, "minima": None, "index": ""}
    saddles = [o for o in objects if o.kind is Kind.SADDLE]
    index = Counter(o.morse_index for o in saddles)
    return {
        "certified": len(objects),
        "saddles": len(saddles),
        "minima": sum(o.kind is Kind.LOCAL_MINIMUM for o in objects),
        "index": ", ".join(f"{k}: {index[k]}" for k in sorted(index, key=lambda k: k or 0)),
    }


# --------------------------------------------------------------------------------------------------- the thresholds


def thresholds(study: Study) -> Sheet:
    """Table 4: what the usual criteria would have called the runs where they stopped."""
    return Sheet(
        "thresholds",
        "The usual criteria against the proved verdicts",
        "Evaluated in float64 where the runs stopped. Proved otherwise: the verdict contradicts the criterion.",
        confusion_grid(confusion(study.parts, SAVED), study.parts),
    )


# ------------------------------------------------------------------------------------- negative smallest eigenvalues


def negative(study: Study) -> list[Sheet]:
    """Table 5: the runs that stopped with a negative smallest eigenvalue."""
    destination = Sheet(
        "destinations",
        "Where the runs with a negative smallest eigenvalue belong",
        "The sign is that of LAPACK's eigenvalue where the run stopped; the verdicts are proved of the objects.",
        headed_grid(headed(study.parts), study.parts),
    )
    records = [record for part in study.widths if part.negative for record in _ways(part)]
    headings = ("width", "where", "runs", "negative", "share (95 %)", "beyond noise", "loss < 1e-7", "perturbations")
    cells = tuple(
        (
            str(r["width"]),
            r["where"],
            str(r["runs"]),
            str(r["negative"]),
            f"{percent(r['negative'], r['runs'])} ({100 * r['share_lower']:.1f} – {100 * r['share_upper']:.1f})",
            str(r["negative_beyond_noise"]),
            str(r["small_loss"]),
            r["perturbations"],
        )
        for r in records
    )
    note = (
        "Of the runs whose smallest eigenvalue was negative where they stopped, so many still have a negative one "
        "after SLSQP, after the perturbation protocol (ε = 1, at most 20 perturbations, SLSQP after each), and after "
        "Newton, each begun where the run stopped. Beyond noise: below −P·eps·max|λ|. Nothing in this table is proved."
    )
    title = "Negative smallest eigenvalues after SLSQP, perturbation and Newton"
    after = Sheet("negative", title, note, Grid(headings, cells, frozenset({1, 7}), tuple(records), about(study.parts)))
    return [after, destination] if records else [destination]


_WAY = {"stopped": "stopped", "slsqp": "after SLSQP", "protocol": "after the protocol", "newton": "after Newton"}


def _ways(part: Width) -> Iterator[dict[str, Any]]:
    for way in WAYS:
        places = [getattr(run, way) for run in part.negative]
        count = sum(place.negative for place in places)
        low, high = wilson(count, len(places))
        made = [run.perturbations for run in part.negative]
        yield {
            "width": part.width,
            "where": _WAY[way],
            "runs": len(places),
            "negative": count,
            "share_lower": low,
            "share_upper": high,
            "negative_beyond_noise": sum(place.beyond_noise for place in places),
            "small_loss": sum(place.loss < 1e-7 for place in places),
            "perturbations": f"median {np.median(made):g}, most {max(made)}" if way == "protocol" else "",
        }


# ------------------------------------------------------------------------------------------------------- run by run


def runs(study: Study) -> list[Sheet]:
    """Every run, with what float64 says of it and what is proved."""
    records = [record for part in study.widths for record in _runs(part)]
    headings = ("width", "run", "seed", "loss", "smallest eigenvalue", "verdict", "relation", "moved", "object")
    cells = tuple(
        (
            str(r["width"]),
            str(r["index"]),
            _or_blank(r["seed"]),
            f"{r['loss']:.4g}",
            f"{r['smallest_eigenvalue']:.3g}",
            r["verdict"],
            r["relation"] or "",
            f"{r['moved']:.3g}",
            r["object"] or r["reason"] or "",
        )
        for r in records
    )
    note = "Loss, gradient norm and smallest eigenvalue are float64, where the run stopped."
    left = frozenset({5, 6, 8})
    return [Sheet("runs", "Every run", note, Grid(headings, cells, left, tuple(records), about(study.parts)))]


def _runs(part: Width) -> Iterator[dict[str, Any]]:
    followed = {run.index: run for run in part.negative}
    stopped = part.stopped
    for row in part.results.rows:
        i = row["index"]
        run = followed.get(i)
        yield {
            "width": part.width,
            "index": i,
            "seed": row["seed"],
            "loss": float(stopped.loss[i]),
            "gradient_norm": float(stopped.gradient_norm[i]),
            "smallest_eigenvalue": float(stopped.smallest_eigenvalue[i]),
            "verdict": row["verdict"],
            "relation": row["relation"],
            "moved": row["moved"],
            "object": row["object_id"],
            "reason": row["reason"],
            "perturbations": run.perturbations if run else None,
            "eigenvalue_slsqp": run.slsqp.eigenvalue if run else None,
            "eigenvalue_protocol": run.protocol.eigenvalue if run else None,
            "eigenvalue_newton": run.newton.eigenvalue if run else None,
        }
