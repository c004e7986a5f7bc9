"""The usual criteria against verdicts: counted by hand on objects made by hand, and on real points."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from made_objects import ball, in_chart, isolated, made_points, stratum, tiny_problem, verdict, write

from certify.presentation import criteria
from certify.presentation.criteria import (
    CRITERIA,
    Numbers,
    approx_numbers,
    confusion,
    confusion_grid,
    headed,
    headed_grid,
    refuted,
)
from certify.presentation.decided import decided, decided_grid
from certify.presentation.rendering import render
from certify.proofs.verdict import Kind, Relation, Verdict
from certify.results.store import Results, ResultsError
from sweep.kernels.compiled import loss_gradient_hessian, prepare
from sweep.polishing.polish import polish

W, A = [[1, 2], [3, 4]], [1, -1]
MINIMUM, SADDLE = isolated(W, A), isolated([[1, 2], [5, 6]], A, index=1)
OPEN = isolated([[1, 2], [9, 4]], A, not_global=None)
ZERO = stratum(W, A, name="C1+ C2+")
CHANNEL = in_chart([("pair", (0, 1))], 2, [1, 2, 3])
LED = {"relation": Relation.POLISHED, "moved": 2.0}
EMPTY = Verdict(6, "made.npz:6", 6, 2, Kind.NOT_CRITICAL, empty=ball(0.25), reason="empty ball")

VERDICTS = [
    verdict(0, ZERO),
    verdict(1, MINIMUM, **LED),
    verdict(2, SADDLE),
    verdict(3, CHANNEL, distance=None, **LED),
    verdict(4),
    verdict(5, OPEN),
    EMPTY,
]

# loss, gradient norm, smallest eigenvalue
NUMBERS = [
    (1e-9, 1e-8, -1e-12),  # the global minimum: of curvature said to be a saddle
    (5e-5, 1e-8, 1e-9),  # right
    (5e-4, 1e-8, -1e-3),  # right
    (5e-4, 9e-7, 1e-9),  # a channel: called a minimum
    (5e-3, 1e-8, 0.0),
    (5e-5, 1e-6, 1.0),  # a gradient of exactly 1e-6 is not small
    (5e-8, 1e-8, 1.0),
]


@pytest.fixture
def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Results:
    """Results with the verdicts above, evaluated to the numbers above."""
    table = np.array(NUMBERS)
    monkeypatch.setattr(criteria, "approx_numbers", lambda results, at, progress=None: Numbers(*table.T))
    return write(tmp_path / "out", VERDICTS)


def test_confusion_counts(made: Results) -> None:
    lines = {(line.criterion, line.said): line for line in confusion([made], "saved")}
    assert all(line.width == 2 and line.at == "saved" for line in lines.values())
    curvature, low = "gradient < 1e-6, sign of the smallest eigenvalue", "loss < 1e-4"
    minimum, saddle, moving = (lines[curvature, said] for said in ("local minimum", "saddle", "not converged"))
    assert minimum.verdicts == {
        "local-minimum": 1,
        "minimum-at-infinity": 1,
        "not-critical": 1,
        "undecided": 1,
    }
    assert (minimum.runs, minimum.refuted, minimum.refuted_proved) == (4, 2, 0)
    assert (saddle.runs, saddle.refuted, saddle.refuted_proved) == (2, 1, 1)
    assert (moving.runs, moving.refuted) == (1, 0)
    said_global, said_not = lines[low, "global minimum"], lines[low, "not global"]
    assert (said_global.runs, said_global.refuted, said_global.refuted_proved) == (4, 1, 0)
    assert (said_not.runs, said_not.refuted) == (3, 0)
    assert lines["loss < 1e-7", "global minimum"].runs == 2
    assert lines["loss < 1e-3", "global minimum"].refuted == 3
    for criterion in CRITERIA:
        assert sum(line.runs for (name, _), line in lines.items() if name == criterion) == len(VERDICTS)


def test_a_loss_above_the_threshold_is_refuted_by_a_global_minimum() -> None:
    row = verdict(0, ZERO).row()
    assert refuted("not global", row)
    assert not refuted("global minimum", row)
    assert not refuted("local minimum", row)


def test_what_is_open_refutes_nothing() -> None:
    undecided = verdict(4).row()
    assert not any(refuted(said, undecided) for said in ("local minimum", "saddle", "global minimum", "not global"))
    assert not refuted("global minimum", verdict(5, OPEN).row())  # not known whether global
    assert not refuted("not converged", verdict(2, SADDLE).row())


def test_headed_counts(made: Results) -> None:
    lines = {line.verdict: line for line in headed([made])}
    assert set(lines) == {"global-minimum", "saddle", "all"}
    assert (lines["all"].runs, lines["all"].of, lines["all"].share) == (2, 7, 1.0)
    assert lines["saddle"].relations == {"contained": 1}
    assert lines["global-minimum"].share == 0.5


def test_headed_names_the_structures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    every = np.array(NUMBERS) * [1, 1, 0] - [0, 0, 1]
    monkeypatch.setattr(criteria, "approx_numbers", lambda results, at, progress=None: Numbers(*every.T))
    parts = [write(tmp_path / "out", VERDICTS)]
    lines = headed(parts)
    assert {line.verdict: line.charts for line in lines}["minimum-at-infinity"] == {"pair": 1}
    text = render(headed_grid(lines, parts), "md")
    assert "| all, of 7 runs " in text
    assert "pair 1" in text
    assert json.loads(render(headed_grid(lines, parts), "json"))["lines"][-1]["relations"] == {
        "contained": 3,
        "polished": 2,
    }


def test_no_run_with_a_negative_eigenvalue(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    every = np.abs(np.array(NUMBERS))
    monkeypatch.setattr(criteria, "approx_numbers", lambda results, at, progress=None: Numbers(*every.T))
    (line,) = headed([write(tmp_path / "out", VERDICTS)])
    assert (line.verdict, line.runs, line.share, line.of) == ("all", 0, 0.0, 7)


def test_decided_by_directory(tmp_path: Path) -> None:
    wide = isolated([*W, [0, 1]], [*A, 5])
    three = write(tmp_path / "three", [verdict(0, wide)])
    two = write(tmp_path / "two", VERDICTS)
    lines = decided([three, two])
    assert [(line.width, line.directory, line.runs, line.decided) for line in lines] == [
        (2, "two", 7, 5),
        (3, "three", 1, 1),
    ]
    assert lines[0].reasons == {"no-convergence: diverging": 1, "not-critical": 1}
    assert lines[0].relations == {"contained": 3, "polished": 2}
    assert lines[0].moved_far == 3
    text = render(decided_grid(lines, [three, two]), "latex")
    assert r"2 & two & 7 & 5 & 71.4\,\% & 3 & 2 & 3 (42.9\,\%) & no-convergence: diverging 1, not-critical 1 \\" in text


def test_directories_of_one_set_of_points_are_refused(tmp_path: Path) -> None:
    parts = [write(tmp_path / name, [verdict(0, MINIMUM)]) for name in ("one", "two")]
    for tables in (decided, headed, lambda parts: confusion(parts, "saved")):
        with pytest.raises(ResultsError, match="holds the same points"):
            tables(parts)


def test_numbers_of_the_saved_points_are_those_of_the_kernels(tmp_path: Path) -> None:
    results = write(tmp_path / "out", [verdict(i, MINIMUM) for i in range(3)])
    found = approx_numbers(results, "saved")
    problem, points = tiny_problem(), made_points(3)
    loss, gradient, hessian = loss_gradient_hessian(prepare(problem), points.theta(), 2)
    assert np.array_equal(found.loss, loss)
    assert np.allclose(found.gradient_norm, np.linalg.norm(gradient, axis=1))
    assert np.allclose(found.smallest_eigenvalue, np.linalg.eigvalsh(hessian)[:, 0], atol=1e-15)
    with pytest.raises(ValueError, match="place is 'elsewhere', expected 'saved' or 'polished'"):
        approx_numbers(results, "elsewhere")


def test_numbers_where_a_polish_ends(tmp_path: Path) -> None:
    results = write(tmp_path / "out", [verdict(i, MINIMUM) for i in range(2)])
    told: list[tuple[int, int]] = []
    found = approx_numbers(results, "polished", lambda done, total: told.append((done, total)))
    ends = [polish(prepare(tiny_problem()), theta, 2, max_steps=400) for theta in made_points(2).theta()]
    assert found.loss.tolist() == [end.loss for end in ends]
    assert found.smallest_eigenvalue.tolist() == [end.smallest_eigenvalue for end in ends]
    assert told == [(1, 2), (2, 2)]


def test_tables_print_in_every_form(made: Results) -> None:
    lines = confusion([made], "saved")
    for form in ("md", "csv", "latex", "json"):
        text = render(confusion_grid(lines, [made]), form)
        assert text.count("not converged") == 1
