"""The statement of a directory: rows, witnesses, candidates, counts, manifest. Every false one is rejected."""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from cases import case, checked
from directories import SADDLE, TEACHER, change_json, change_lines, refresh, verdict, write

from certify.checker.certificates import Certificate
from certify.checker.directory import read_directory
from certify.checker.folded import fold
from certify.checker.loss import Problem
from certify.checker.path import check_path
from certify.checker.points import Points
from certify.checker.problems import read_problem
from certify.checker.reading import Rejected
from certify.checker.rows import _at_point, _Row, check_row
from certify.proofs.proof import dyadic, from_text
from certify.results.certificate import canonical
from sweep.points import content_hash, read_points


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("made") / "out")


@pytest.fixture(scope="module")
def made_polished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("made") / "polished", polish=True)


@pytest.fixture
def directory(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made, tmp_path / "out"))


@pytest.fixture
def polished(made_polished: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made_polished, tmp_path / "polished"))


def rejection(directory: Path) -> str:
    """The first complaint about a directory that must be rejected."""
    outcome = verdict(directory)
    assert outcome.code == 4, outcome
    return outcome.rejected[0]


def test_the_directories_are_what_the_attacks_assume(directory: Path, polished: Path) -> None:
    rows = [json.loads(line) for line in (directory / "verdicts.jsonl").read_text().splitlines()]
    kinds = ["global-minimum"] * 2 + ["saddle"] * 2 + ["not-critical"] * 2
    assert [(row["verdict"], row["relation"]) for row in rows] == [
        (kind, None if kind == "not-critical" else "contained") for kind in kinds
    ]
    assert verdict(directory).code == 0
    assert verdict(polished).counts["global-minimum"] == {"contained": 2, "path": 2}


def test_candidates_are_the_points_bit_for_bit(directory: Path) -> None:
    points = read_points(directory / "points.parquet", dimension=2)
    lines = [json.loads(line) for line in (directory / "witnesses.jsonl").read_text().splitlines()]
    assert [[float(from_text(v)) for v in row] for row in lines[2]["candidate"]["w"]] == points.w[2].tolist()
    assert lines[5]["candidate"]["a"][1] == "-0"  # −0.0 is another double than 0.0
    manifest = json.loads((directory / "manifest.json").read_text())
    assert manifest["points"]["hash"] == content_hash(points)


# ------------------------------------------------------------------------------------------------------------ rows

Change = Callable[[list[Any]], None]


def set_row(place: int, **values: Any) -> Change:
    return lambda rows: rows[place].update(values)


ROWS: dict[str, tuple[Change, str]] = {
    "another verdict": (set_row(2, verdict="local-minimum"), "verdict: is not what the certificate claims"),
    "decided": (set_row(4, verdict="local-minimum"), "verdict: is not what the certificate claims"),
    "an unknown verdict": (set_row(4, verdict="maximum"), "verdict: is not"),
    "undecided, but with a certificate": (set_row(4, verdict="undecided"), "undecided claims nothing"),
    "a loss too low": (set_row(2, loss_lower=1.0), "loss_lower: is not what the certificate says"),
    "a loss rounded inward": (set_row(2, loss_upper=0.009370530), "loss_upper"),
    "another index": (set_row(2, morse_index=0), "morse_index"),
    "an index that is a flag": (set_row(2, morse_index=True), "morse_index"),
    "strict": (set_row(2, strict=True), "strict"),
    "no longer not global": (set_row(2, not_global=None), "not_global"),
    "a larger box": (set_row(2, uniqueness_radius=0.5), "uniqueness_radius"),
    "a smaller box": (set_row(2, existence_radius=1e-300), "existence_radius"),
    "an eigenvalue": (set_row(2, lambda_min_upper=-1.0), "lambda_min_upper"),
    "a stratum": (set_row(0, stratum="C1+ C2-"), "stratum"),
    "a chart": (set_row(2, chart="pair"), "chart"),
    "a level": (set_row(2, level=1), "level"),
    "a larger ball": (set_row(4, empty_radius=3.0), "empty_radius"),
    "a smaller distance": (set_row(2, distance=0.0), "distance: is not that of candidate and object"),
    "a larger distance": (set_row(0, distance=1.0), "distance"),
    "a path that moved": (set_row(0, moved=1.0), "moved: a contained candidate was not moved"),
    "another method": (set_row(2, method="krawczyk/arb"), "method"),
    "more bits": (set_row(2, bits=106), "bits"),
    "another object": (set_row(2, object_id="w2-saddle-000000000000"), "object_id: names another certificate"),
    "another width": (set_row(2, width=3), "width"),
    "out of order": (
        lambda rows: rows.__setitem__(slice(2, 4), [rows[3], rows[2]]),
        "index: the rows are not in order",
    ),
    "a column nobody knows": (set_row(2, prize=True), "row: unknown 'prize'"),
    "a missing column": (lambda rows: rows[2].pop("loss_lower"), "row: has no loss_lower"),
    "a relation nobody knows": (set_row(2, relation="near"), "relation: expected contained, path or polished"),
    "a relation of a ball": (set_row(4, relation="contained"), "relation"),
    "a missing row": (lambda rows: rows.pop(), "the manifest says 6 points"),
}


@pytest.mark.parametrize("name", sorted(ROWS))
def test_rows_that_say_something_else(directory: Path, name: str) -> None:
    change, message = ROWS[name]
    change_lines(directory, "verdicts.jsonl", change)
    assert message in rejection(directory)


def test_undecided_says_nothing(directory: Path) -> None:
    known = read_directory(directory)
    kept = ("index", "source", "seed", "width", "moved", "reason")
    row = {name: value if name in kept else None for name, value in known.rows[4].items()} | {"verdict": "undecided"}
    witness = known.witnesses[4] | {"certificate": None}
    check_row(4, row, witness, 2, checked("a"), {})
    for name in sorted(row.keys() - {*kept, "verdict", "relation"}):
        with pytest.raises(Rejected, match=f"{name}: "):
            check_row(4, row | {name: 1}, witness, 2, checked("a"), {})


def _path_of(lines: list[Any]) -> dict[str, Any]:
    return next(line for line in lines if line["path"] is not None)


def _uphill(lines: list[Any]) -> None:
    """A vertex far from the others, where the loss is larger."""
    line = _path_of(lines)
    far = [f"{k + 3}*2^1" for k in range(6)]
    line["path"]["vertices"].insert(0, far)


def _backwards(lines: list[Any]) -> None:
    line = _path_of(lines)
    start = [v for row in line["candidate"]["w"] for v in row] + line["candidate"]["a"]
    line["path"]["vertices"].append(start)


def _drop(lines: list[Any]) -> None:
    _path_of(lines)["path"] = None


PATHS: dict[str, tuple[Any, str]] = {
    "a vertex uphill": (_uphill, "piece 0: the loss is not proved to fall"),
    "back to the start": (_backwards, "the loss is not proved to fall"),
    "no path at all": (_drop, "path: given for the relation path only"),
    "ends in no box": (lambda lines: _path_of(lines)["path"].update(closing=0, octaves=0), "expected 1, 2 or 4"),
    "an unknown end": (lambda lines: _path_of(lines)["path"].update(closing=5), "expected an integer from 0 to 4"),
    "a floating end": (lambda lines: _path_of(lines)["path"].update(closing=True), "expected an integer from 0 to 4"),
    "ends to third order without rows": (lambda lines: _path_of(lines)["path"].update(closing=4), "or four for 4"),
    "ends in a chart": (lambda lines: _path_of(lines)["path"].update(closing=3), "for closing 3 only"),
    "a field nobody knows": (lambda lines: _path_of(lines)["path"].update(seen=1), "path: unknown 'seen'"),
    "a short vertex": (lambda lines: _path_of(lines)["path"]["vertices"].append(["0"]), "has 1 entries, expected 6"),
    "no list": (lambda lines: _path_of(lines)["path"].update(vertices="0"), "path"),
}


@pytest.mark.parametrize("name", sorted(PATHS))
def test_paths_that_are_none(polished: Path, name: str) -> None:
    change, message = PATHS[name]
    change_lines(polished, "witnesses.jsonl", change)
    assert message in rejection(polished)


def test_a_path_may_not_lead_to_another_zero(polished: Path) -> None:
    """The neurons of the point exchanged: an exact zero all the same, but the loss does not fall all the way to it."""
    problem = read_problem(polished / "problem.json")
    line = _path_of([json.loads(line) for line in (polished / "witnesses.jsonl").read_text().splitlines()])
    check_path(line, None, problem, lambda bits: fold(problem, Points(bits)))
    line["point"] = {name: part[::-1] for name, part in line["point"].items()}
    assert line["path"]["octaves"]
    with pytest.raises(Rejected, match="octave 0: the loss is not proved to fall"):
        check_path(line, None, problem, lambda bits: fold(problem, Points(bits)))
    line["path"]["octaves"] = 0
    with pytest.raises(Rejected, match="not proved to fall to 0"):
        check_path(line, None, problem, lambda bits: fold(problem, Points(bits)))


def test_polished_has_no_path(polished: Path) -> None:
    def disown(rows: list[Any]) -> None:
        next(row for row in rows if row["relation"] == "path")["relation"] = "polished"

    change_lines(polished, "verdicts.jsonl", disown)
    assert "path: given for the relation path only" in rejection(polished)


def test_the_end_of_a_path_lies_in_the_box_of_a_minimum() -> None:
    box = {"center": ["0", "1*2^0", "1*2^1"], "uniqueness_radius": ["1*2^-3"] * 3}
    inside, near = ["1*2^-3", "1*2^0", "17*2^-3"], ["0", "7*2^-3", "15*2^-3"]

    def refused(
        *vertices: list[str], kind: str = "local-minimum", closing: int = 0, places: Sequence[list[str]] = ()
    ) -> bool:
        witness = {"point": None, "labels": None, "permutation": [0]}
        witness |= {"path": {"vertices": list(vertices), "closing": closing, "order": [], "places": list(places)}}
        candidate = ((Fraction(9), Fraction(9)), Fraction(9))
        distance = math.nextafter(math.sqrt(9**2 + 8**2 + 7**2), 100)
        row = {"relation": "path", "distance": distance}
        given = _Row(row, witness, (candidate,), read_problem_of_two())
        try:
            _at_point(given, Certificate({"kind": kind}, "", {"krawczyk": box}, {}, ""))
        except Rejected:
            return True
        return False

    assert not refused(inside)
    assert not refused(["3*2^0"] * 3, near)
    assert refused(near, ["3*2^0"] * 3)
    assert refused([*inside[:2], "17000001/8000000"])
    assert refused()
    assert refused(inside, kind="saddle")
    assert refused(inside, closing=1)
    assert refused(inside, closing=4, places=[["0"] * 3] * 4)


def read_problem_of_two() -> Problem:
    """A problem with inputs of two coordinates."""
    return Problem("", ((Fraction(0),), (Fraction(0),)), ((Fraction(0),),), ())


def test_a_path_is_not_contained(polished: Path) -> None:
    def claim_contained(rows: list[Any]) -> None:
        row = next(row for row in rows if row["relation"] == "path")
        row.update(relation="contained", moved=0.0)

    change_lines(polished, "witnesses.jsonl", _drop)
    change_lines(polished, "verdicts.jsonl", claim_contained)
    assert "does not lie in the certified region" in rejection(polished)


# ------------------------------------------------------------------------------------------------------- witnesses


def move_candidate(index: int, by: Fraction) -> Change:
    def change(lines: list[Any]) -> None:
        row = lines[index]["candidate"]["w"][0]
        row[0] = dyadic(from_text(row[0]) + by)

    return change


def swap_candidates(lines: list[Any]) -> None:
    lines[0]["candidate"], lines[2]["candidate"] = lines[2]["candidate"], lines[0]["candidate"]


def almost_zero(lines: list[Any]) -> None:
    outputs = lines[0]["point"]["a"]
    outputs[0] = dyadic(from_text(outputs[0]) + Fraction(1, 2**100))


WITNESSES: dict[str, tuple[Change, str]] = {
    "a candidate moved in the box": (move_candidate(2, Fraction(1, 2**40)), "distance"),
    "a candidate moved out": (move_candidate(2, Fraction(1, 2)), "distance"),
    "a ball about another point": (move_candidate(4, Fraction(1, 2**50)), "the ball is not about the candidate"),
    "candidates swapped": (swap_candidates, "distance"),
    "no permutation": (set_row(2, permutation=[0, 0]), "permutation: is none"),
    "another permutation": (set_row(2, permutation=[1, 0]), "distance"),
    "an almost global point": (almost_zero, "point: does not equal the teacher as a function"),
    "another family": (set_row(0, labels=["C2-", "C1+"]), "labels"),
    "no certificate": (set_row(2, certificate=None), "certificate: expected a string"),
    "a certificate of another object": (
        lambda lines: lines[2].update(certificate=lines[0]["certificate"]),
        "verdict: is not what the certificate claims",
    ),
    "a certificate that is not listed": (set_row(2, certificate="certificates/x.json"), "lists none of this name"),
    "a point beside a box": (
        lambda lines: lines[2].update(point=lines[0]["point"]),
        "point: not given with this verdict",
    ),
    "out of order": (set_row(2, index=3), "index"),
    "a missing line": (lambda lines: lines.pop(), "has 5 lines"),
}


@pytest.mark.parametrize("name", sorted(WITNESSES))
def test_witnesses_that_do_not_fit(directory: Path, name: str) -> None:
    change, message = WITNESSES[name]
    change_lines(directory, "witnesses.jsonl", change)
    outcome = verdict(directory)
    assert outcome.code == 4
    assert message in outcome.rejected[0]


def test_the_tolerance_is_decided_exactly() -> None:
    from certify.checker.rows import _within

    theta = [Fraction(v) for v in TEACHER]
    norm_squared = sum((v * v for v in theta), Fraction(0))
    root = Fraction(round(float(norm_squared) ** 0.5 * 10**12), 10**12)
    inside, outside = (Fraction(k, 10**15) * (1 + root) for k in (99_999, 100_001))
    assert _within(inside**2, norm_squared)
    assert not _within(outside**2, norm_squared)


# ------------------------------------------------------------------------------------------------- files, manifest


def test_a_certificate_of_another_problem_is_rejected(directory: Path) -> None:
    other = case("minimum-2").certificate
    name = f"certificates/{other['provenance']['id']}.json"
    (directory / name).write_text(canonical(other))
    change_json(directory, "manifest.json", lambda m: m["files"].update({name: ""}))
    refresh(directory)
    assert "problem: is not the hash of the problem on disk" in rejection(directory)


def test_a_certificate_without_a_candidate_is_rejected(directory: Path) -> None:
    other = case("zero").certificate
    name = "certificates/w2-global-minimum-aaaaaaaaaaaa.json"
    (directory / name).write_text(canonical(other))
    change_json(directory, "manifest.json", lambda m: m["files"].update({name: ""}))
    refresh(directory)
    assert "some belong to no row" in rejection(directory)


def test_a_certificate_that_is_not_listed_is_rejected(directory: Path) -> None:
    (directory / "certificates" / "more.json").write_text("{}")
    assert "certificates/'more.json': not in the manifest" in rejection(directory)


def test_a_changed_problem_is_rejected(directory: Path) -> None:
    change_json(directory, "problem.json", lambda p: p["content"]["teacher"].update(a=["1", "-2"]))
    assert "hash: is not that of the content" in rejection(directory)


def test_a_consistent_other_problem_is_rejected(directory: Path) -> None:
    from cases import problem, stored

    (directory / "problem.json").write_text(json.dumps(stored(problem("b"))))
    refresh(directory)
    assert "problem: is not the hash of the problem on disk" in rejection(directory)


def test_a_teacher_with_opposite_neurons_is_rejected(directory: Path) -> None:
    import hashlib

    def opposite(data: Any) -> None:
        data["content"]["teacher"]["w"][1] = ["-1/2", "-1"]
        text = json.dumps(data["content"], sort_keys=True, separators=(",", ":"))
        data["hash"] = hashlib.sha256(text.encode()).hexdigest()

    change_json(directory, "problem.json", opposite)
    assert "pairwise different up to sign" in rejection(directory)


def test_counts_of_the_manifest_are_checked(directory: Path) -> None:
    change_json(directory, "manifest.json", lambda m: m["counts"]["verdicts"].update(saddle={"contained": 3}))
    assert "counts: are not those" in rejection(directory)


def test_points_of_the_manifest_are_checked(directory: Path) -> None:
    change_json(directory, "manifest.json", lambda m: m["points"].update(hash="0" * 64))
    assert "points.hash" in rejection(directory)


def test_a_file_that_changed_after_the_manifest_is_rejected(directory: Path) -> None:
    for name in ("verdicts.jsonl", "witnesses.jsonl", "points.parquet", "objects.parquet"):
        data = (directory / name).read_bytes()
        (directory / name).write_bytes(data + b"\n")
        assert f"{name}: is not the file the manifest lists" in rejection(directory)
        (directory / name).write_bytes(data)


def test_certified_tables_count_what_the_checker_counts(directory: Path) -> None:
    from certify.presentation.table import build_table
    from certify.results.store import read_results

    table = build_table([read_results(directory)])
    counted = {
        line.verdict: (line.contained, line.polished, line.runs) for line in table.lines if line.verdict != "all"
    }
    for name, relations in verdict(directory).counts.items():
        contained, polished, runs = counted[name]
        assert (contained, polished) == (relations.get("contained", 0), relations.get("polished", 0))
        assert runs == sum(relations.values())


def test_a_saddle_is_contained_whatever_the_order_of_its_neurons(directory: Path) -> None:
    lines = [json.loads(line) for line in (directory / "witnesses.jsonl").read_text().splitlines()]
    assert lines[2]["certificate"] == lines[3]["certificate"]
    assert lines[2]["permutation"] != lines[3]["permutation"]
    assert [float(from_text(v)) for v in lines[2]["candidate"]["a"]] == SADDLE[4:]
