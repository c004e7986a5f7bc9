"""Tables as text: Markdown for people, CSV and JSON for programs, LaTeX for papers."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Grid:
    """A table ready to be printed.

    Args:
        headings: of the columns.
        cells: the lines as people read them; the first column groups them.
        left: columns that are aligned left.
        records: the lines as programs read them, one for each of ``cells``; a value may be a mapping.
        about: what JSON says beside the lines.
    """

    headings: tuple[str, ...]
    cells: tuple[tuple[str, ...], ...]
    left: frozenset[int]
    records: tuple[Mapping[str, Any], ...]
    about: Mapping[str, Any]


def render(grid: Grid, form: str) -> str:
    """The table as ``md``, ``csv``, ``latex`` or ``json`` text.

    Raises:
        ValueError: another form.
    """
    if form not in FORMS:
        raise ValueError(f"format is {form!r}, expected one of: {', '.join(FORMS)}")
    return FORMS[form](grid)


def percent(part: int, whole: int) -> str:
    """A share with one decimal; nothing of nothing is 0.

    >>> percent(1, 8), percent(0, 0)
    ('12.5 %', '0.0 %')
    """
    return f"{100 * part / whole if whole else 0:.1f} %"


def listed(counts: Mapping[str, int]) -> str:
    """Counts in words, in their order.

    >>> listed({"pair": 3, "zero": 1})
    'pair 3, zero 1'
    """
    return ", ".join(f"{name} {count}" for name, count in counts.items())


def _markdown(grid: Grid) -> str:
    body = [grid.headings, *grid.cells]
    columns = range(len(grid.headings))
    widths = [max(2, *(len(row[k]) for row in body)) for k in columns]  # a rule is at least '-:'
    rule = ["-" * width if k in grid.left else "-" * (width - 1) + ":" for k, width in enumerate(widths)]

    def text(row: Iterable[str]) -> str:
        sized = enumerate(zip(row, widths, strict=True))
        padded = [cell.ljust(n) if k in grid.left else cell.rjust(n) for k, (cell, n) in sized]
        return "| " + " | ".join(padded) + " |\n"

    return text(body[0]) + text(rule) + "".join(text(row) for row in body[1:])


_TEX = {" %": r"\,\%", "≥ ": r"$\ge$ ", ">": "$>$", "<": "$<$", "_": r"\_", "&": r"\&", "#": r"\#"}


def _tex(cell: str) -> str:
    for plain, tex in _TEX.items():
        cell = cell.replace(plain, tex)
    return cell


def _latex(grid: Grid) -> str:
    def rows() -> Iterator[str]:
        columns = "".join("l" if k in grid.left else "r" for k in range(len(grid.headings)))
        yield f"\\begin{{tabular}}{{{columns}}}\n\\toprule"
        yield " & ".join(map(_tex, grid.headings)) + r" \\"
        group = None
        for line in grid.cells:
            if line[0] != group:
                yield r"\midrule"
            group = line[0]
            yield " & ".join(map(_tex, line)) + r" \\"
        yield r"\bottomrule" + "\n" + r"\end{tabular}"

    return "\n".join(rows()) + "\n"


def _csv(grid: Grid) -> str:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    for number, record in enumerate(grid.records):
        if number == 0:
            writer.writerow(record)
        writer.writerow(map(_flat, record.values()))
    return out.getvalue()


def _flat(value: Any) -> Any:
    return "; ".join(f"{key}={count}" for key, count in value.items()) if isinstance(value, Mapping) else value


def _json(grid: Grid) -> str:
    return json.dumps({**grid.about, "lines": grid.records}, indent=1, allow_nan=False) + "\n"


FORMS: dict[str, Callable[[Grid], str]] = {"md": _markdown, "csv": _csv, "latex": _latex, "json": _json}
