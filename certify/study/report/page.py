"""The page: template, style, script, data and plotting library in one file."""

from __future__ import annotations

import base64
import json
from dataclasses import asdict
from importlib import resources
from pathlib import Path
from typing import Any

from certify.proofs.verdict import Kind
from certify.study.figures import drawings
from certify.study.figures.style import LOOKS
from certify.study.gather import Study
from certify.study.report import content
from certify.study.tables import Sheet, sheets

INDEX = "index.html"


def write(study: Study, folder: Path) -> Path:
    """Write ``index.html`` into ``folder``; figures are taken from ``figures`` beside it."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / INDEX
    path.write_text(render(study), "utf-8")
    return path


def render(study: Study) -> str:
    """The page as text."""
    import jinja2

    home = resources.files("certify").joinpath("_data", "report")
    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True)
    template = environment.from_string(home.joinpath("page.html.j2").read_text("utf-8"))
    tables = sheets(study)
    data = {
        "kinds": [{"name": str(kind), **asdict(LOOKS[kind])} for kind in Kind],
        "runs": content.columns(study),
        "objects": content.objects(study),
        "settings": content.settings(study),
        "teacher": _teacher(study),
        "tables": {sheet.name: _table(sheet) for sheet in tables},
    }
    return str(
        template.render(
            title=f"Critical points of {study.problem.name}",
            problem=study.problem,
            plan=study.plan,
            summary=content.summary(study),
            tables=[{"name": s.name, "title": s.title, "note": s.note} for s in tables],
            figures=list(_figures(study.directory / "figures")),
            kinds=[(str(kind), LOOKS[kind]) for kind in Kind],
            data=script_safe(data),
            style=home.joinpath("page.css").read_text("utf-8"),
            script=home.joinpath("page.js").read_text("utf-8"),
            plotly=home.joinpath("plotly-basic.min.js").read_text("utf-8"),
        )
    )


def script_safe(data: Any) -> str:
    """JSON that cannot end the script element it stands in."""
    text = json.dumps(data, separators=(",", ":"), allow_nan=False, ensure_ascii=False)
    return text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")


def _table(sheet: Sheet) -> dict[str, Any]:
    grid = sheet.grid
    return {"headings": grid.headings, "cells": grid.cells, "left": sorted(grid.left)}


def _teacher(study: Study) -> list[list[float]]:
    teacher = study.problem.teacher
    if teacher is None or teacher.dimension != 2:
        return []
    return [[float(x) for x in w] for w in teacher.w]


def _figures(folder: Path) -> Any:
    for drawing in drawings():
        path = folder / f"{drawing.name}.png"
        if path.is_file():
            image = base64.b64encode(path.read_bytes()).decode()
            yield {"name": drawing.name, "caption": drawing.caption, "image": f"data:image/png;base64,{image}"}
