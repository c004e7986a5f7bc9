"""A whole study of a tiny problem: every stage leaves what it promises, and none is repeated."""

from __future__ import annotations

import csv
import json
from collections import Counter
from math import factorial, prod
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from made_objects import in_chart
from studies import TOLD, plan, tiny_study

from certify.checker.run import check
from certify.cli import main
from certify.presentation.rendering import FORMS
from certify.proofs.verdict import Kind
from certify.results.store import read_results
from certify.study import tables
from certify.study.figures.style import LOOKS
from certify.study.gather import Study, gather, labels_of, orbit_size, results_paths, structure
from certify.study.induced import splits
from certify.study.plan import Plan, StudyError, begin, read_plan
from certify.study.run import Settings, run
from symmetry.counting import G
from symmetry.orbits import strata_orbits
from symmetry.problem import load_problem
from symmetry.strata import Stratum, Target


@pytest.fixture(scope="module")
def study() -> Study:
    return tiny_study()


def test_the_stages_are_told_and_counted(study: Study) -> None:
    whole = [(done, total) for stage, done, total in TOLD if stage == "study"]
    assert [done for done, _ in whole] == list(range(len(whole)))
    assert {total for _, total in whole} == {len(whole) - 1}
    stages = [stage for stage, _, _ in TOLD]
    assert {"width 2: runs", "width 3: verdicts", "width 3: check", "tables", "figures", "report"} <= set(stages)


def test_every_run_has_its_verdict_and_its_floats(study: Study) -> None:
    assert [part.width for part in study.widths] == [2, 3]
    for part in study.widths:
        assert len(part.results.rows) == len(part.stopped.points) == len(part.stopped.loss) == 8
        assert part.stopped.start is not None
        assert part.results.points.w.tobytes() == part.stopped.points.w.tobytes()
        assert sum(map(len, part.runs_of.values())) == sum(row["object_id"] is not None for row in part.results.rows)


def test_the_checker_agreed(study: Study) -> None:
    assert set(study.checked) == {
        path.relative_to(study.directory).as_posix() for path in results_paths(study.directory)
    }
    assert {"verdicts/width2", "verdicts/width3"} < set(study.checked)
    for name, checked in study.checked.items():
        assert checked.complaints == ()
        assert checked.verified >= len(read_results(study.directory / name).objects) > 0


def test_tables_are_there_in_four_forms(study: Study) -> None:
    made = tables.sheets(study)
    assert [sheet.name for sheet in made][:4] == ["classification", "catalogue", "levels", "thresholds"]
    for sheet in made:
        assert len(sheet.grid.cells) == len(sheet.grid.records)
        assert all(len(row) == len(sheet.grid.headings) for row in sheet.grid.cells)
        for form in FORMS:
            assert (study.directory / "tables" / f"{sheet.name}.{tables.SUFFIX[form]}").is_file()
    with (study.directory / "tables" / "runs.csv").open(encoding="utf-8") as handle:
        rows = list(csv.DictReader(handle))
    assert [row["verdict"] for row in rows] == [row["verdict"] for part in study.widths for row in part.results.rows]
    assert float(rows[3]["loss"]) == study.widths[0].stopped.loss[3]


def test_the_catalogue_names_certificates_that_exist(study: Study) -> None:
    records = json.loads((study.directory / "tables" / "catalogue.json").read_text("utf-8"))["lines"]
    assert len(records) == sum(len(part.results.objects) for part in study.widths)
    for record in records:
        assert (study.directory / record["certificate"]).is_file()
        assert record["loss_lower"] <= record["loss_upper"]
        assert record["runs"] >= 1


def test_induced_sets_of_saddles_are_certified(study: Study) -> None:
    for part in study.widths:
        assert part.induced is not None
        objects = list(part.induced.objects.values())
        assert {o.level for o in objects if o.kind is Kind.SADDLE} == {1}  # one neuron below the teacher's two
        assert len(objects) == study.narrow[1] * len(list(splits(1, part.width)))
        assert all(structure(o).startswith("copies") for o in objects)


def test_a_finished_study_is_read_and_not_made_again(study: Study, tmp_path: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in (study.directory / "verdicts").rglob("*.json")}
    again = run(
        study.directory, read_plan(study.directory), Settings(report=False), resume=True, progress=lambda *_: None
    )
    assert {path: path.stat().st_mtime_ns for path in (study.directory / "verdicts").rglob("*.json")} == before
    assert again.table == study.table


def test_another_study_is_refused_in_its_directory(study: Study, tmp_path: Path) -> None:
    changed = plan(tmp_path, runs=9)
    with pytest.raises(StudyError, match="holds a study with"):
        begin(study.directory, changed, resume=True)
    with pytest.raises(StudyError, match="holds this study already; continue it with --resume"):
        begin(study.directory, read_plan(study.directory), resume=False)
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "letter.txt").write_text("mine")
    with pytest.raises(StudyError, match="holds files that are no study"):
        begin(tmp_path / "other", changed, resume=True)
    with pytest.raises(StudyError, match="cannot be read"):
        gather(tmp_path)


@pytest.mark.parametrize("widths", [(), (0, 4), (4, 4)])
def test_widths_that_make_no_sense(widths: tuple[int, ...]) -> None:
    with pytest.raises(StudyError, match="widths are"):
        Plan("thesis", widths, 1, "newton")


def test_the_command_line_refuses(tmp_path: Path) -> None:
    runner = CliRunner()
    assert runner.invoke(main, ["study", "--widths", "four", "--out", str(tmp_path / "a")]).exit_code == 2
    unknown = runner.invoke(main, ["study", "--problem", "nothing", "--no-report", "--out", str(tmp_path / "b")])
    assert unknown.exit_code == 2
    assert not (tmp_path / "b").exists()


@pytest.mark.parametrize(("narrow", "width"), [(1, 3), (2, 3), (2, 4), (3, 5)])
def test_splits_distribute_all_neurons(narrow: int, width: int) -> None:
    found = list(splits(narrow, width))
    assert len(set(found)) == len(found)
    assert all(sum(map(len, split)) == width and all(1 in signs for signs in split) for split in found)
    # the numbers of copies alone, each with its ways to number the neurons, add up to G(r, m)
    copies = Counter(tuple(map(len, split)) for split in found)
    assert sum(factorial(width) // prod(map(factorial, sizes)) for sizes in copies) == G(narrow, width)


def test_names_of_strata_are_read_back() -> None:
    problem = load_problem("thesis")
    for stratum in strata_orbits(problem, 5):
        again = Stratum(Target.of(problem), labels_of(stratum.name))
        assert (again.name, again.orbit_size) == (stratum.name, stratum.orbit_size)


def test_an_isolated_point_has_as_many_copies_as_there_are_permutations(study: Study) -> None:
    part = study.widths[1]
    assert part.induced is not None
    for found in part.induced.objects.values():
        assert orbit_size(found, study.problem) == 1  # three copies of one neuron


@pytest.mark.parametrize(
    ("groups", "q", "expected"),
    [
        ([("pair", (1, 2))], [1, 2, 3, 4, 5], 3),
        ([("mirrored", (0, 1)), ("zero", (2,))], [1, 2, 3, 4, 5], 6),
        ([("copies", (0, 1))], [1, 2, 3, 4], 3),
    ],
    ids=["pair", "mirrored+zero", "copies"],
)
def test_members_of_a_group_with_one_weight_are_exchanged(groups: list[Any], q: list[int], expected: int) -> None:
    splits_of = [(2, 0)] if groups[0][0] == "copies" else []
    assert orbit_size(in_chart(groups, 3, q, splits_of), load_problem("thesis")) == expected


def test_figures_are_vector_and_png(study: Study) -> None:
    made = {path.stem for path in (study.directory / "figures").iterdir()}
    assert {"loss-by-width", "decided", "eigenvalue-loss", "levels"} <= made
    for name in made:
        assert (study.directory / "figures" / f"{name}.pdf").read_bytes().startswith(b"%PDF")
        assert (study.directory / "figures" / f"{name}.png").read_bytes().startswith(b"\x89PNG")


def test_every_verdict_looks_different_in_grey_too() -> None:
    assert set(LOOKS) == set(Kind)
    for part in ("colour", "marker", "hatch", "label"):
        assert len({getattr(look, part) for look in LOOKS.values()}) == len(LOOKS)


def test_the_archives_are_verified_by_the_checker(study: Study) -> None:
    archives = sorted((study.directory / "atlas").glob("*.zip"))
    assert "verdicts-width2.zip" in [path.name for path in archives]
    outcome = check(archives[-1], problem=None, arithmetic="integer", jobs=1, budget=600)
    assert outcome.code == 0
    assert outcome.verified
