"""The results directory: whole or not at all, bit for bit, the same bytes every time."""

from __future__ import annotations

import importlib
import json
import pkgutil
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from made_objects import ball, in_chart, isolated, made_points, stratum, tiny_problem, verdict, write

import certify
from certify.proofs.krawczyk import Krawczyk
from certify.proofs.proof import Proof
from certify.proofs.verdict import Kind, Relation, Verdict
from certify.results import store
from certify.results.certificate import STEPS
from certify.results.store import ResultsError, begin, describe_run, read_results, write_results
from symmetry.activation import activation
from symmetry.network import Network
from symmetry.problem import Inputs, Problem, load_problem

THIRD = Fraction(1, 3)
MINIMUM = isolated(
    [[THIRD, 2], [3, -(2**-60)]], [1, -THIRD], existence=2.0**-45, uniqueness=[2.0**-k for k in range(6)]
)
SADDLE = isolated([[1, 2], [5, 6]], [0, 2], index=1, loss=(THIRD, Fraction(1, 2)))
FAMILY = stratum([[1, 2], [3, 4]], [1, -1], name="C1+ C2+")
VERDICTS = [
    verdict(0, MINIMUM),
    verdict(1),
    verdict(2, SADDLE, relation=Relation.POLISHED, moved=1.5, seed=None),
    verdict(3, FAMILY),
    verdict(4, MINIMUM),
    Verdict(5, "made.npz:5", 5, 2, Kind.NOT_CRITICAL, moved=0.1, empty=ball(0.25), reason="empty", bits=53),
]
# the columns as the statement of the job lists them
PROMISED = """index, source, seed, width, verdict, relation, moved, distance, loss_lower, loss_upper, not_global,
strict, morse_index, nullity, manifold_dimension, level, stratum, chart, lambda_min_lower, lambda_min_upper,
existence_radius, uniqueness_radius, empty_radius, method, bits, object_id, reason"""
SETTINGS = {"arithmetic": "auto", "max_bits": 212, "polish": True}
RUN = describe_run(tiny_problem(), made_points(2), SETTINGS)


def contents(directory: Path) -> dict[str, bytes]:
    return {str(p.relative_to(directory)): p.read_bytes() for p in directory.rglob("*") if p.is_file()}


def hash_of_ball(directory: Path) -> str:
    (path,) = directory.glob("certificates/*not-critical*")
    return str(json.loads(path.read_text())["hash"])


def started(directory: Path, parts: int = 1) -> None:
    """An interrupted run of ``RUN``."""
    journal = begin(directory, RUN, resume=False, overwrite=False)
    assert journal is not None
    with journal:
        for i in range(parts):
            journal.put("locate", str(i), i)


# ------------------------------------------------------------------------------------------------------ round trip


def test_files_of_a_finished_directory(tmp_path: Path) -> None:
    write(tmp_path / "out", VERDICTS)
    names = set(contents(tmp_path / "out"))
    ball = "w2-not-critical-" + hash_of_ball(tmp_path / "out")[:12]
    certificates = {f"certificates/{name}.json" for name in (MINIMUM.id, SADDLE.id, FAMILY.id, ball)}
    files = {"problem.json", "points.parquet", "objects.parquet", "manifest.json"}
    files |= {"verdicts.jsonl", "verdicts.parquet", "witnesses.jsonl"}
    assert names == files | certificates


def test_rows_come_back_equal(tmp_path: Path) -> None:
    results = write(tmp_path, VERDICTS)
    assert list(results.rows) == [v.row() for v in VERDICTS]
    # the order of the columns is part of the format
    assert [list(row) for row in results.rows] == [list(v.row()) for v in VERDICTS]


def test_columns_are_those_that_were_promised(tmp_path: Path) -> None:
    promised = PROMISED.replace("\n", " ").split(", ")
    write(tmp_path, VERDICTS)
    first = json.loads((tmp_path / "verdicts.jsonl").read_text().splitlines()[0])
    assert list(first) == promised
    assert pq.read_schema(tmp_path / "verdicts.parquet").names == promised


def test_parquet_holds_the_same_rows(tmp_path: Path) -> None:
    results = write(tmp_path, VERDICTS)
    table = pq.read_table(tmp_path / "verdicts.parquet")
    assert table.to_pylist() == [dict(row) for row in results.rows]
    assert json.loads(table.schema.metadata[b"losscert"]) == {"problem_hash": tiny_problem().hash}


def test_columns_that_are_all_null_keep_their_type(tmp_path: Path) -> None:
    write(tmp_path, [verdict(0)])
    schema = pq.read_schema(tmp_path / "verdicts.parquet")
    assert schema.field("level").type == pa.int32()
    assert schema.field("strict").type == pa.bool_()
    assert schema.field("chart").type == pa.string()
    assert schema.field("loss_lower").type == pa.float64()
    assert pq.read_table(tmp_path / "objects.parquet").num_rows == 0


def test_objects_come_back_exact(tmp_path: Path) -> None:
    results = write(tmp_path, VERDICTS)
    assert list(results.objects) == [MINIMUM.id, SADDLE.id, FAMILY.id]
    found = results.objects[MINIMUM.id]
    assert (found.network.theta() == MINIMUM.network.theta()).all()
    assert found.loss == MINIMUM.loss
    assert found.lambda_min == MINIMUM.lambda_min == (THIRD, Fraction(1, 2))
    (box, proof) = found.box, MINIMUM.proofs[0]
    assert isinstance(box, Krawczyk)
    assert isinstance(proof, Krawczyk)
    assert box.center[0] == THIRD
    assert box.existence_radius.tobytes() == proof.existence_radius.tobytes()
    assert box.uniqueness_radius.tobytes() == proof.uniqueness_radius.tobytes()
    assert found.kind is Kind.LOCAL_MINIMUM
    assert results.objects[FAMILY.id].stratum == "C1+ C2+"


def test_objects_in_charts_come_back_exact(tmp_path: Path) -> None:
    found = in_chart([("pair", (0, 1))], 3, [THIRD, 2, 3, 4, 5])
    back = write(tmp_path, [verdict(0, found)]).objects[found.id]
    assert back.to_json() == found.to_json()
    assert back.box is not None
    assert back.box.center[0] == THIRD
    (row,) = pq.read_table(tmp_path / "objects.parquet").to_pylist()
    assert (row["chart"], row["w_approx"], row["a_approx"]) == ("pair", None, None)


def test_every_theorem_can_be_read_back() -> None:
    for module in pkgutil.iter_modules(certify.__path__, "certify."):
        if not module.ispkg:
            importlib.import_module(module.name)
    # empty balls and a path are no objects: they are read by the checker alone
    assert {kind.theorem for kind in Proof.__subclasses__()} == {*STEPS, "empty-ball", "gradient-ball", "descent"}


def test_objects_parquet_counts_and_rounds_outward(tmp_path: Path) -> None:
    write(tmp_path, VERDICTS)
    rows = {row["id"]: row for row in pq.read_table(tmp_path / "objects.parquet").to_pylist()}
    assert (rows[MINIMUM.id]["candidates"], rows[MINIMUM.id]["contained"]) == (2, 2)
    assert (rows[SADDLE.id]["candidates"], rows[SADDLE.id]["contained"]) == (1, 0)
    row = rows[SADDLE.id]
    assert Fraction(row["loss_lower"]) < THIRD < Fraction(np.nextafter(row["loss_lower"], 1))
    assert row["loss_upper"] == 0.5
    assert rows[MINIMUM.id]["uniqueness_radius"] == [2.0**-k for k in range(6)]
    assert rows[FAMILY.id]["uniqueness_radius"] is None
    assert rows[MINIMUM.id]["w_approx"] == [1 / 3, 2, 3, -(2.0**-60)]
    assert (tmp_path / row["certificate"]).is_file()


def test_points_come_back_bit_for_bit(tmp_path: Path) -> None:
    results = write(tmp_path, VERDICTS)
    expected = made_points(len(VERDICTS))
    assert results.points.w.tobytes() == expected.w.tobytes()
    assert results.points.a.tobytes() == expected.a.tobytes()
    assert results.points.source == expected.source
    assert results.points.seed.tolist() == expected.seed.tolist()


def test_two_runs_write_the_same_bytes(tmp_path: Path) -> None:
    write(tmp_path / "one", VERDICTS)
    write(tmp_path / "two", VERDICTS)
    assert contents(tmp_path / "one") == contents(tmp_path / "two")


def given_problem() -> Problem:
    x = np.array([[0.1, -0.0], [5e-324, 1e300], [2.5, 3]])
    return Problem("given", activation("sigmoid"), Inputs(table=x), None, np.array([0.1, -0.0, 3e-310]))


def taught_on_a_table() -> Problem:
    teacher = Network.of([[THIRD, Fraction(1, 7)]], [1])
    return Problem("taught", activation("sigmoid"), Inputs(table=np.array([[0.1, 2], [3, 4]])), teacher)


@pytest.mark.parametrize(
    "problem", [load_problem("thesis"), tiny_problem(), given_problem(), taught_on_a_table()], ids=lambda p: p.name
)
def test_the_problem_is_rebuilt_from_the_directory_alone(tmp_path: Path, problem: Problem) -> None:
    rebuilt = write(tmp_path, [verdict(0)], problem=problem).problem
    assert rebuilt.hash == problem.hash
    assert rebuilt.name == problem.name
    assert rebuilt.inputs.values.tobytes() == problem.inputs.values.tobytes()
    assert rebuilt.inputs.axes == problem.inputs.axes
    assert rebuilt.labels.tobytes() == problem.labels.tobytes()
    assert rebuilt.exact_labels == problem.exact_labels
    if problem.teacher is not None:
        assert rebuilt.teacher is not None
        assert (rebuilt.teacher.theta() == problem.teacher.theta()).all()


# -------------------------------------------------------------------------------------- what is refused, what stays


def test_results_are_not_replaced_unasked(tmp_path: Path) -> None:
    write(tmp_path, VERDICTS)
    before = contents(tmp_path)
    with pytest.raises(ResultsError, match="already holds results; replace them with --overwrite"):
        begin(tmp_path, RUN, resume=False, overwrite=False)
    assert contents(tmp_path) == before


def test_an_interrupted_run_is_not_replaced_unasked(tmp_path: Path) -> None:
    started(tmp_path)
    with pytest.raises(ResultsError, match="parts of an interrupted run; continue it with --resume"):
        begin(tmp_path, RUN, resume=False, overwrite=False)


@pytest.mark.parametrize("overwrite", [False, True])
def test_a_directory_with_other_files_is_never_used(tmp_path: Path, overwrite: bool) -> None:
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(ResultsError, match="holds files that are not results"):
        begin(tmp_path, RUN, resume=not overwrite, overwrite=overwrite)
    assert contents(tmp_path) == {"thesis.tex": b"years of work"}


def test_a_file_is_no_directory(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("")
    with pytest.raises(ResultsError, match="cannot be used as a directory"):
        begin(tmp_path / "out", RUN, resume=False, overwrite=False)


def test_overwriting_keeps_old_results_until_the_new_are_complete(tmp_path: Path) -> None:
    write(tmp_path, VERDICTS)
    (tmp_path / "notes.txt").write_text("mine")
    before = contents(tmp_path)
    journal = begin(tmp_path, RUN, resume=False, overwrite=True)
    assert journal is not None
    with journal:
        assert contents(tmp_path).items() >= before.items()
        write_results(tmp_path, RUN, tiny_problem(), made_points(2), [verdict(0, SADDLE), verdict(1)], [SADDLE])
    after = contents(tmp_path)
    assert {name for name in after if name.startswith("certificates")} == {f"certificates/{SADDLE.id}.json"}
    assert after["notes.txt"] == b"mine"
    assert not (tmp_path / ".journal").exists()
    assert len(read_results(tmp_path).rows) == 2


def test_resume_continues(tmp_path: Path) -> None:
    started(tmp_path, parts=2)
    journal = begin(tmp_path, RUN, resume=True, overwrite=False)
    assert journal is not None
    with journal:
        assert [journal.get("locate", str(i)) for i in range(3)] == [0, 1, None]


def test_overwrite_forgets_the_interrupted_run(tmp_path: Path) -> None:
    started(tmp_path)
    journal = begin(tmp_path, RUN, resume=False, overwrite=True)
    assert journal is not None
    with journal:
        assert len(journal) == 0


@pytest.mark.parametrize(
    ("run", "message"),
    [
        (describe_run(tiny_problem(), made_points(2), SETTINGS | {"max_bits": 106}), r"settings\.max_bits 212"),
        (describe_run(tiny_problem(), made_points(2, start=9), SETTINGS), r"points\.hash"),
        (describe_run(load_problem("thesis"), made_points(2), SETTINGS), r"problem\.name tiny, expected thesis"),
        (RUN | {"version": "0.0.1"}, "version"),
    ],
)
def test_resume_refuses_another_run(tmp_path: Path, run: dict[str, object], message: str) -> None:
    started(tmp_path / "interrupted")
    with pytest.raises(ResultsError, match=message):
        begin(tmp_path / "interrupted", run, resume=True, overwrite=False)
    write(tmp_path / "finished", VERDICTS[:2])
    with pytest.raises(ResultsError, match=message):
        begin(tmp_path / "finished", run, resume=True, overwrite=False)


def test_resume_of_a_finished_run_is_no_work(tmp_path: Path) -> None:
    write(tmp_path, VERDICTS[:2])
    assert begin(tmp_path, RUN, resume=True, overwrite=False) is None
    assert not (tmp_path / ".journal").exists()


@pytest.mark.parametrize("moment", ["write_objects", "write_problem", "_digest", "_remove_results"])
def test_a_crash_leaves_no_half_of_the_results(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moment: str) -> None:
    started(tmp_path)

    def crash(*_: object) -> None:
        raise OSError("no space left on device")

    monkeypatch.setattr(
        "certify.results.columns.write_objects" if moment == "write_objects" else f"certify.results.store.{moment}",
        crash,
    )
    with pytest.raises(OSError, match="no space"):
        write_results(tmp_path, RUN, tiny_problem(), made_points(2), VERDICTS[:2], [MINIMUM])
    monkeypatch.undo()
    assert [p.name for p in tmp_path.iterdir()] == [".journal"]
    with pytest.raises(ResultsError, match="holds an unfinished run; finish it with --resume"):
        read_results(tmp_path)
    journal = begin(tmp_path, RUN, resume=True, overwrite=False)
    assert journal is not None
    with journal:
        write_results(tmp_path, RUN, tiny_problem(), made_points(2), VERDICTS[:2], [MINIMUM])
    assert len(read_results(tmp_path).rows) == 2


# ------------------------------------------------------------------------------------------------------- damaged files


@pytest.mark.parametrize("name", ["verdicts.jsonl", "points.parquet", "objects.parquet", "problem.json"])
def test_a_changed_file_is_noticed(tmp_path: Path, name: str) -> None:
    write(tmp_path, VERDICTS)
    data = bytearray((tmp_path / name).read_bytes())
    data[len(data) // 2] ^= 1
    (tmp_path / name).write_bytes(data)
    with pytest.raises(ResultsError, match=f"{name}: is not the file manifest.json lists"):
        read_results(tmp_path)


def test_a_missing_file_is_noticed(tmp_path: Path) -> None:
    write(tmp_path, VERDICTS)
    (tmp_path / f"certificates/{SADDLE.id}.json").unlink()
    with pytest.raises(ResultsError, match="results are incomplete"):
        read_results(tmp_path)


@pytest.mark.parametrize("name", ["../secret", "/etc/hostname"])
def test_a_manifest_cannot_name_files_elsewhere(tmp_path: Path, name: str) -> None:
    write(tmp_path / "out", VERDICTS)
    (tmp_path / "secret").write_text("x")
    path = tmp_path / "out" / "manifest.json"
    manifest = json.loads(path.read_text())
    manifest["files"][name] = "0" * 64
    path.write_text(json.dumps(manifest))
    with pytest.raises(ResultsError, match="expected only files in the directory"):
        read_results(tmp_path / "out")


@pytest.mark.parametrize("text", ["", "[1]", '{"format": 99}', "\x00"])
def test_a_damaged_manifest_is_one_sentence(tmp_path: Path, text: str) -> None:
    write(tmp_path, VERDICTS)
    (tmp_path / "manifest.json").write_text(text)
    with pytest.raises(ResultsError, match=r"manifest\.json: "):
        read_results(tmp_path)


def test_no_results_at_all(tmp_path: Path) -> None:
    with pytest.raises(ResultsError, match=r"has no manifest\.json, expected a directory that certify points wrote"):
        read_results(tmp_path / "nowhere")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"problem": "0" * 64}, "of problem 000"),
        ({"witness": {"krawczyk": {}}}, "cannot be read as a certificate"),
        ({"claim": {"kind": "saddle"}}, "cannot be read as a certificate"),
    ],
)
def test_a_certificate_that_does_not_fit(tmp_path: Path, change: dict[str, object], message: str) -> None:
    write(tmp_path, VERDICTS)
    path = tmp_path / f"certificates/{MINIMUM.id}.json"
    data = json.loads(path.read_text()) | change
    path.write_text(json.dumps(data))
    with pytest.raises(ResultsError, match=message):
        store.read_certificate(tmp_path, MINIMUM.id, tiny_problem())


def test_a_certificate_under_another_name_is_refused(tmp_path: Path) -> None:
    results = write(tmp_path, VERDICTS)
    other = tmp_path / f"certificates/{SADDLE.id}.json"
    other.replace(tmp_path / f"certificates/{MINIMUM.id}.json")
    with pytest.raises(ResultsError, match=f"holds object {SADDLE.id}"):
        results.objects  # noqa: B018


def test_a_stored_problem_that_was_exchanged_is_refused(tmp_path: Path) -> None:
    results = write(tmp_path, VERDICTS)
    data = json.loads((tmp_path / "problem.json").read_text())
    data["content"]["teacher"]["a"] = ["2", "-1"]
    (tmp_path / "problem.json").write_text(json.dumps(data))
    with pytest.raises(ResultsError, match=r"expected .* as it says itself"):
        results.problem  # noqa: B018


def test_a_column_nobody_declared_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # pyarrow would drop it silently
    monkeypatch.setattr(Verdict, "row", lambda self: {"index": 0, "surprise": 1})
    with pytest.raises(ValueError, match="surprise"):
        write(tmp_path, [replace(verdict(0))])
