"""What the page shows, as data: the runs in columns, the objects with picture and statement, the summary in words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

import numpy as np

from certify.presentation.rendering import percent
from certify.presentation.table import ALL
from certify.presentation.theorem import setting, statement
from certify.proofs.verdict import CriticalObject, Kind
from certify.results.certificate import certificate_of
from certify.study.gather import Study, Width, orbit_size, structure, verdict_counts
from certify.study.report.formulas import html
from certify.study.tables import enclosed

_DIGITS = 5
"""Significant digits of what is only drawn."""


def columns(study: Study) -> dict[str, list[Any]]:
    """Every run; verdicts, relations and objects as places in lists of words."""
    words = [str(kind) for kind in Kind]
    out: dict[str, list[Any]] = {
        name: [] for name in ("width", "run", "seed", "loss", "eigenvalue", "verdict", "relation", "moved", "object")
    }
    place = {found.id: k for k, (_, found) in enumerate(_all(study))}
    for part in study.widths:
        for row in part.results.rows:
            i = row["index"]
            out["width"].append(part.width)
            out["run"].append(i)
            out["seed"].append(row["seed"])
            out["loss"].append(_short(float(part.stopped.loss[i])))
            out["eigenvalue"].append(_short(float(part.stopped.smallest_eigenvalue[i])))
            out["verdict"].append(words.index(row["verdict"]))
            out["relation"].append(row["relation"])
            out["moved"].append(_short(row["moved"], 3))
            out["object"].append(place.get(row["object_id"]))
    return out


def objects(study: Study) -> list[dict[str, Any]]:
    """Every object: facts, picture and statement."""
    out = []
    for part, found in _all(study):
        text = " ".join(statement(certificate_of(found, study.problem.hash), study.problem))
        out.append(
            {
                "id": found.id,
                "width": part.width,
                "verdict": str(found.kind),
                "loss": enclosed(found),
                "facts": list(_facts(study, part, found)),
                "picture": picture(found),
                "statement": html(text),
                "certificate": f"../verdicts/{part.results.directory.name}/certificates/{found.id}.json",
                "runs": part.runs_of[found.id],
            }
        )
    return out


def settings(study: Study) -> dict[int, str]:
    """The first sentences of the theorems, by width."""
    return {part.width: html(" ".join(setting(study.problem, part.width))) for part in study.widths}


def _all(study: Study) -> Iterator[tuple[Width, CriticalObject]]:
    order = list(Kind)
    for part in study.widths:
        for found in sorted(part.results.objects.values(), key=lambda o: (order.index(o.kind), o.loss, o.id)):
            yield part, found


def _facts(study: Study, part: Width, found: CriticalObject) -> Iterator[tuple[str, str]]:
    yield "structure", structure(found)
    if found.morse_index is not None:
        yield "Morse index", str(found.morse_index)
    if found.nullity is not None:
        yield "nullity", str(found.nullity)
    if found.manifold_dimension:
        yield "dimension of the family", str(found.manifold_dimension)
    if found.level is not None:
        yield "level", str(found.level)
    yield "orbit size", str(orbit_size(found, study.problem))
    relations = Counter(part.results.rows[i]["relation"] for i in part.runs_of[found.id])
    yield "runs", ", ".join(f"{count} {relation}" for relation, count in relations.most_common())
    yield "proved by", found.method + (f", {found.bits} bits" if found.bits else ", exact")


def picture(found: CriticalObject) -> list[list[Any]]:
    """What is drawn in the weight plane: ``[kind, w, output, direction]`` a unit; nothing if d ≠ 2."""
    if found.network is not None:
        w, a = found.network.w.astype(np.float64), found.network.a.astype(np.float64)
        if w.shape[1] != 2:
            return []
        return [["neuron", _shorts(v), _short(b), None] for v, b in zip(w, a[: len(w)], strict=True)]
    assert found.chart is not None
    assert found.box is not None
    chart, d = found.chart, found.chart.dimension
    if d != 2:
        return []
    q = chart.by_unit(found.box.center.astype(np.float64))
    out: list[list[Any]] = []
    for unit in chart.units:
        values = q[unit.place]
        if unit.kind in ("affine", "linear"):
            continue
        if unit.kind == "neuron" or unit.kind.startswith("copies"):
            out.append([unit.kind, _shorts(values[:d]), _short(values[d]), None])
        else:
            # a pair is (w, u, c); a triple is (w, v, u, c)
            out.append([unit.kind, _shorts(values[:d]), _short(values[-1]), _shorts(values[-1 - d : -1])])
    return out


def _short(value: float, digits: int = _DIGITS) -> float:
    return float(f"{value:.{digits}g}")


def _shorts(values: Any) -> list[float]:
    return [_short(float(v)) for v in values]


# ---------------------------------------------------------------------------------------------------- in plain words


def summary(study: Study) -> list[str]:
    """The answer in a few sentences."""
    total = sum(len(part.results.rows) for part in study.widths)
    counts = sum((verdict_counts(part.results) for part in study.widths), Counter[str]())
    open_runs = counts[Kind.UNDECIDED] + counts[Kind.NOT_CRITICAL]
    widths = ", ".join(str(part.width) for part in study.widths)
    out = [
        f"{total} training runs of students with {widths} neurons were taken from where they stopped and classified "
        f"with proof: {total - open_runs} of them ({percent(total - open_runs, total)}) are decided."
    ]
    for part in study.widths:
        here, n = verdict_counts(part.results), len(part.results.rows)
        names = [f"{here[kind]} {_PLURAL[kind]}" for kind in Kind if here[kind]]
        known = next(
            line.distinct_at_least for line in study.table.lines if (line.width, line.verdict) == (part.width, ALL)
        )
        out.append(f"Width {part.width}: of {n} runs, {_joined(names)}; at least {known} different objects.")
    out += list(_negative(study))
    certified = study.checked.values()
    if certified:
        out.append(
            f"An independent program verified {sum(c.verified for c in certified)} certificates and rejected "
            f"{sum(len(c.complaints) for c in certified)}."
        )
    return out


_PLURAL = {
    Kind.GLOBAL_MINIMUM: "belong to global minima, of loss exactly 0",
    Kind.LOCAL_MINIMUM: "to local minima that are not global",
    Kind.SADDLE: "to saddles",
    Kind.MINIMUM_AT_INFINITY: "to minima at infinity, which no network attains",
    Kind.SADDLE_AT_INFINITY: "to saddles at infinity",
    Kind.NOT_CRITICAL: "are proved not to be near a critical point",
    Kind.UNDECIDED: "stay undecided",
}


def _negative(study: Study) -> Iterator[str]:
    for part in study.widths:
        index = part.negative_index
        if not index:
            continue
        counts = Counter(part.results.rows[i]["verdict"] for i in index)
        saddles = counts[Kind.SADDLE] + counts[Kind.SADDLE_AT_INFINITY]
        told = ", ".join(f"{count} {kind}" for kind, count in counts.most_common())
        yield (
            f"Width {part.width}: {len(index)} runs stopped with a negative smallest eigenvalue; {saddles} of them "
            f"belong to a saddle ({told})."
        )


def _joined(parts: list[str]) -> str:
    return parts[0] if len(parts) == 1 else ", ".join(parts[:-1]) + " and " + parts[-1]
