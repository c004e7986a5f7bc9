"""How results show themselves in a notebook: counts by verdict, and the first candidates."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from certify.arithmetic.decimals import interval
from certify.proofs.verdict import Kind

MOST = 10
"""Candidates that are listed one by one."""


def html(rows: Sequence[Mapping[str, Any]], objects: int) -> str:
    """Rows as in ``verdicts.jsonl`` and the number of distinct objects, as an HTML table."""
    counts = Counter(row["verdict"] for row in rows)
    told = ", ".join(f"{counts[kind]} {kind}" for kind in Kind if counts[kind])
    lines = [
        "<table><caption>",
        f"{len(rows)} candidates: {escape(told)}; {objects} distinct objects",
        "</caption><thead><tr><th></th>",
        *(f"<th>{name}</th>" for name in ("verdict", "relation", "moved", "loss", "object")),
        "</tr></thead><tbody>",
    ]
    for row in rows[:MOST]:
        loss = "" if row["loss_lower"] is None else interval(row["loss_lower"], row["loss_upper"])
        last = row["object_id"] or row["reason"]
        cells = (str(row["index"]), row["verdict"], row["relation"] or "", f"{row['moved']:.3g}", loss, last or "")
        lines.append("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in cells) + "</tr>")
    lines.append("</tbody></table>")
    if len(rows) > MOST:
        lines.append(f"<p>… and {len(rows) - MOST} more</p>")
    return "".join(lines)
