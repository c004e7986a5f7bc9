"""The classification table: counts by hand, merging by boxes, and printed bounds that are still true."""

from __future__ import annotations

import csv
import io
import json
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from made_objects import ball, isolated, made_points, stratum, verdict, write

from certify.presentation.table import Line, build_table, distinct_at_least, render
from certify.proofs.verdict import Kind, Relation, Verdict
from certify.results.store import ResultsError
from symmetry.problem import load_problem

W, A = [[1, 2], [3, 4]], [1, -1]
MINIMUM = isolated(W, A, loss=(Fraction(1, 10), Fraction(1, 5)))
OTHER = isolated([[1, 2], [8, 4]], A, loss=(Fraction(1, 10), Fraction(1, 4)))
SADDLE = isolated([[1, 2], [5, 6]], A, index=1, loss=(Fraction(1, 3), Fraction(1, 2)))
FAMILY = stratum(W, A, name="C1+ C2+")
WIDER = isolated([*W, [0, 1]], [*A, 5])

VERDICTS = [
    verdict(0, MINIMUM),
    verdict(1, MINIMUM, relation=Relation.POLISHED, moved=1.0),
    verdict(2, OTHER, relation=Relation.POLISHED, moved=1.25),
    verdict(3, SADDLE),
    verdict(4),
    verdict(5),
    verdict(6, reason="no-contraction: contraction = 3; loss = 1e-9", moved=0.5),
    verdict(7, FAMILY),
    Verdict(8, "f.npz:8", 8, 2, Kind.NOT_CRITICAL, empty=ball(0.25), reason="empty ball"),
    verdict(9, isolated([[1, 2], [9, 4]], A, not_global=None, loss=(1, 2))),
]


def lines(table_lines: tuple[Line, ...]) -> dict[tuple[int, str], Line]:
    return {(line.width, line.verdict): line for line in table_lines}


def test_counts(tmp_path: Path) -> None:
    table = build_table([write(tmp_path, VERDICTS)])
    assert [line.verdict for line in table.lines] == [
        "global-minimum",
        "local-minimum",
        "saddle",
        "not-critical",
        "undecided",
        "all",
    ]
    minima = lines(table.lines)[2, "local-minimum"]
    assert (minima.runs, minima.contained, minima.polished, minima.moved_far) == (4, 2, 2, 1)
    assert minima.share == 0.4
    assert minima.moved_far_share == 0.25  # a path of exactly 1 is not far
    assert minima.distinct_at_least == 3
    assert (minima.loss_lower, minima.loss_upper) == (np.nextafter(0.1, 0), 2.0)  # the double 0.1 is above 1/10
    undecided = lines(table.lines)[2, "undecided"]
    assert undecided.reasons == {"no-convergence: diverging": 2, "no-contraction": 1}
    assert (undecided.runs, undecided.moved_far, undecided.distinct_at_least) == (3, 2, 0)
    assert undecided.loss_lower is None
    every = lines(table.lines)[2, "all"]
    assert (every.runs, every.contained, every.polished, every.distinct_at_least) == (10, 4, 2, 5)
    assert every.reasons == {}


def test_loss_bounds_are_outward(tmp_path: Path) -> None:
    saddle = lines(build_table([write(tmp_path, VERDICTS)]).lines)[2, "saddle"]
    assert saddle.loss_lower is not None
    assert Fraction(saddle.loss_lower) < Fraction(1, 3)
    assert saddle.loss_upper == 0.5


def test_directories_are_merged_by_boxes_not_by_names(tmp_path: Path) -> None:
    # the same minimum, found with another centre, its neurons in another order
    again = isolated([[3, 4], [1 + Fraction(1, 2**30), 2]], [-1, 1], loss=MINIMUM.loss)
    assert again.id != MINIMUM.id
    one = write(tmp_path / "one", [verdict(0, MINIMUM), verdict(1, OTHER)])
    two = write(tmp_path / "two", [verdict(0, again), verdict(1, FAMILY)], start=1)
    merged = lines(build_table([one, two]).lines)
    assert merged[2, "local-minimum"].distinct_at_least == 2
    assert merged[2, "local-minimum"].runs == 3
    assert merged[2, "all"].distinct_at_least == 3


def test_widths_are_kept_apart(tmp_path: Path) -> None:
    parts = [write(tmp_path / "two", [verdict(0, MINIMUM)]), write(tmp_path / "three", [verdict(0, WIDER)])]
    assert [(line.width, line.verdict, line.share) for line in build_table(parts).lines] == [
        (2, "local-minimum", 1.0),
        (2, "all", 1.0),
        (3, "local-minimum", 1.0),
        (3, "all", 1.0),
    ]


def test_objects_that_may_be_the_same_count_once() -> None:
    # a chain: first and last are different, but the middle one may be either, so only one is sure of the three
    chain = [isolated([[k]], [0], existence=0.5, uniqueness=0.75, loss=(0, 1)) for k in (0, 1, 2)]
    assert distinct_at_least(chain) == 1
    assert distinct_at_least([chain[0], chain[2]]) == 2
    assert distinct_at_least([chain[2], chain[0], chain[1]]) == 1
    assert distinct_at_least([]) == 0


def test_directories_of_two_problems_are_refused(tmp_path: Path) -> None:
    one = write(tmp_path / "one", [verdict(0, MINIMUM)])
    two = write(tmp_path / "two", [verdict(0, MINIMUM)], problem=load_problem("thesis"), start=1)
    with pytest.raises(ResultsError, match=r"two: holds results for problem .* make a table for each problem"):
        build_table([one, two])


def test_the_same_points_are_not_counted_twice(tmp_path: Path) -> None:
    one, two = (write(tmp_path / name, [verdict(0, MINIMUM)]) for name in ("one", "two"))
    assert made_points(1).w.tobytes() == one.points.w.tobytes()
    with pytest.raises(ResultsError, match=r"two: holds the same points as .*one, expected each once"):
        build_table([one, two])


def test_markdown(tmp_path: Path) -> None:
    text = render(build_table([write(tmp_path, VERDICTS)]), "md")
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines()]
    assert len({len(line) for line in text.splitlines()}) == 1  # aligned
    by_verdict = {row[1]: row for row in rows}
    assert by_verdict["saddle"] == [
        "2",
        "saddle",
        "1",
        "10.0 % (1.8 – 40.4)",
        "1",
        "0",
        "0",
        "0 (0.0 %)",
        "≥ 1",
        "[0.3333, 0.5000]",
        "",
    ]
    assert by_verdict["global-minimum"][9] == "exactly 0"
    assert by_verdict["undecided"][8:] == ["", "", "no-convergence: diverging 2, no-contraction 1"]
    assert by_verdict["all"][2:9] == ["10", "100.0 % (72.2 – 100.0)", "4", "0", "2", "3 (30.0 %)", "≥ 5"]


def test_csv(tmp_path: Path) -> None:
    table = build_table([write(tmp_path, VERDICTS)])
    rows = list(csv.DictReader(io.StringIO(render(table, "csv"))))
    assert len(rows) == len(table.lines)
    assert rows[2]["verdict"] == "saddle"
    assert float(rows[2]["loss_lower"]) == table.lines[2].loss_lower
    assert rows[4]["reasons"] == "no-convergence: diverging=2; no-contraction=1"
    assert rows[4]["loss_lower"] == ""


def test_json(tmp_path: Path) -> None:
    data = json.loads(render(build_table([write(tmp_path, VERDICTS)]), "json"))
    assert data["problem"] == "tiny"
    assert data["lines"][4]["reasons"] == {"no-convergence: diverging": 2, "no-contraction": 1}
    assert data["lines"][1]["distinct_at_least"] == 3


def test_latex(tmp_path: Path) -> None:
    text = render(build_table([write(tmp_path, VERDICTS)]), "latex")
    body = [line for line in text.splitlines() if line.endswith(r"\\")]
    assert {line.count("&") for line in body} == {10}
    assert len(body) == 7
    for line in body:
        assert "%" not in line.replace(r"\%", "")
    assert (
        r"2 & saddle & 1 & 10.0\,\% (1.8 – 40.4) & 1 & 0 & 0 & 0 (0.0\,\%) & $\ge$ 1 & [0.3333, 0.5000] &  \\" in body
    )
    assert text.count(r"\midrule") == 1


def test_unknown_format(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="format is 'xml', expected one of: md, csv, latex, json"):
        render(build_table([write(tmp_path, VERDICTS)]), "xml")
