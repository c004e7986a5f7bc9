"""From saved students to verdicts, tables and explanations under Gaussian inputs."""

from __future__ import annotations

import json
from pathlib import Path

import gaussian_cases as cases
import numpy as np
import pytest

from certify.checker.run import check
from certify.pipeline.classification import classify_points
from certify.presentation.explain import explain
from certify.presentation.families import families, families_grid
from certify.presentation.rendering import render
from certify.presentation.table import build_table
from certify.proofs.verdict import Kind, Relation
from certify.results.store import read_results

RNG = np.random.default_rng(5)


def shuffled(w: np.ndarray) -> np.ndarray:
    return w[RNG.permutation(len(w))][:, RNG.permutation(w.shape[1])]


def verified(folder: Path) -> None:
    outcome = check(folder, problem=None, arithmetic="integer", jobs=1, budget=600)
    assert (outcome.rejected, outcome.unreadable) == ([], [])


@pytest.fixture(scope="module")
def four(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """k = n = 4: a saddle in two orders, a global minimum exact and rough, a point on its way."""
    saddle = cases.point("saddle")
    rough = np.eye(4)[[2, 0, 3, 1]] + 1e-6 * RNG.normal(size=(4, 4))
    far = np.random.default_rng(1).normal(size=(4, 4))
    rows = [saddle, shuffled(saddle), np.eye(4)[[1, 0, 3, 2]], rough, cases.point("saddle-2"), far]
    return cases.certified(tmp_path_factory.mktemp("population") / "four", 4, rows)


def test_objects_are_the_same_up_to_the_order_of_students_and_teacher(four: Path) -> None:
    rows = read_results(four).rows
    assert [row["verdict"] for row in rows[:5]] == ["saddle"] * 2 + ["global-minimum"] * 2 + ["saddle"]
    assert [row["relation"] for row in rows[:5]] == ["contained"] * 3 + ["polished", "contained"]
    assert rows[0]["object_id"] == rows[1]["object_id"] != rows[4]["object_id"]
    assert rows[2]["object_id"] == rows[3]["object_id"]
    assert [row["morse_index"] for row in (rows[0], rows[4])] == [1, 2]
    assert rows[0]["not_global"] is True


def test_the_checker_verifies_the_directory(four: Path) -> None:
    verified(four)


def test_reading_gives_back_the_objects_bit_for_bit(four: Path) -> None:
    answer = classify_points(cases.problem(4), read_results(four).points)
    stored = read_results(four).objects
    assert {found.id: found.to_json() for found in answer.objects} == {k: v.to_json() for k, v in stored.items()}


def test_a_family_that_is_no_minimum_is_called_what_it_is(four: Path) -> None:
    found = families([read_results(four)])
    words = [family.words for family in found]
    assert words.count("saddle of index 1") == 1
    assert words.count("saddle of index 2") == 1
    assert not any("minimum" in word for word in words if not word.startswith("global"))
    about = families_grid(found).about
    assert about["share_at_certified_spurious_minima"] == {}
    text = render(families_grid(found), "md")
    assert "| saddle of index 1" in text
    json.loads(render(families_grid(found), "json"))


def test_the_table_of_verdicts_and_explanations_work_as_well(four: Path) -> None:
    results = read_results(four)
    assert {line.verdict for line in build_table([results]).lines} >= {"saddle", "global-minimum"}
    assert "index 1" in explain(results, 0).text()
    assert "sum of the students parallel" in explain(results, 2).text()
    for index in range(len(results.rows)):
        assert explain(results, index).text()


def test_a_spurious_minimum_is_not_global_and_checked(tmp_path: Path) -> None:
    w = cases.point("minimum")
    folder = cases.certified(tmp_path / "six", 6, [w, shuffled(w) + 1e-4 * RNG.normal(size=(6, 6))])
    verified(folder)
    results = read_results(folder)
    for row in results.rows:
        assert row["verdict"] == Kind.LOCAL_MINIMUM
        assert row["not_global"] is row["strict"] is True
        assert row["morse_index"] == row["nullity"] == 0
        assert 0.02508 < row["loss_lower"] <= row["loss_upper"] < 0.02509
    assert len(results.objects) == 1
    (family,) = families([results])
    assert family.words == "spurious local minimum"
    assert family.share == 1


def test_splits_of_teacher_neurons_are_global_minima(tmp_path: Path) -> None:
    # n = 3 > k = 2: two students share a neuron; the shares 3/8 and 5/8 are exact
    w = np.array([[0, 0.375], [1, 0], [0, 0.625]])
    folder = cases.certified(tmp_path / "split", 2, [w, w + 1e-12, w[:, ::-1]])
    verified(folder)
    rows = read_results(folder).rows
    assert [row["relation"] for row in rows] == [Relation.CONTAINED] * 3
    assert {row["stratum"] for row in rows} == {"split 2,1"}
    assert [row["manifold_dimension"] for row in rows] == [1, 1, 1]
    assert [row["strict"] for row in rows] == [False] * 3


def test_nearly_a_global_minimum_is_not_called_one_where_it_stands() -> None:
    w = np.eye(3) + 1e-7 * RNG.normal(size=(3, 3))
    answer = classify_points(cases.problem(3), cases.points([w]), polish=False)
    assert answer.verdicts[0].kind in (Kind.UNDECIDED, Kind.NOT_CRITICAL)


def test_fewer_students_than_teacher_neurons_are_not_called_non_global() -> None:
    saved = cases.points([np.random.default_rng(0).normal(size=(2, 3))])
    verdict = classify_points(cases.problem(3), saved).verdicts[0]
    assert verdict.kind is Kind.LOCAL_MINIMUM
    assert verdict.object is not None
    assert verdict.object.not_global is None


def test_the_python_entry_point_and_the_other_arithmetic() -> None:
    from certify import classify

    answer = classify(cases.problem(6), cases.points([cases.point("minimum")]), arithmetic="mpmath")
    (found,) = answer.objects
    assert (found.kind, found.method) == (Kind.LOCAL_MINIMUM, "newton-ball/mpmath")


def test_not_critical_where_the_point_must_stay(tmp_path: Path) -> None:
    w = np.random.default_rng(1).normal(size=(3, 3))
    verdict = classify_points(cases.problem(3), cases.points([w]), polish=False).verdicts[0]
    assert verdict.kind is Kind.NOT_CRITICAL
    assert verdict.empty is not None


@pytest.mark.parametrize("change", ["dimension", "width", "outputs"])
def test_points_of_another_problem_are_refused(change: str) -> None:
    from dataclasses import replace

    from symmetry.population import safran_shamir

    saved = cases.points([np.ones((3, 4 if change == "dimension" else 3))])
    if change == "outputs":
        saved = replace(saved, a=saved.a * 2)
    name = "safran-shamir:k=3,n=4" if change == "width" else "safran-shamir:k=3"
    with pytest.raises(ValueError, match="expected"):
        classify_points(safran_shamir(name), saved)


def test_zero_and_parallel_neurons_are_undecided_not_wrong(tmp_path: Path) -> None:
    zero, parallel = np.eye(3), np.array([[1.0, 2, 0], [2, 4, 0], [0, 0, 1]])
    zero[0] = 0
    folder = cases.certified(tmp_path / "out", 3, [zero, parallel])
    verified(folder)
    results = read_results(folder)
    assert {row["verdict"] for row in results.rows} == {"undecided"}
    assert all(row["reason"].startswith("not-smooth") for row in results.rows)
    # no numbers there, and JSON knows no NaN
    lines = json.loads(render(families_grid(families([results])), "json"))["lines"]
    assert lines[0]["approx_lambda"] is None
