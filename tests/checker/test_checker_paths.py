"""Paths in a chart: the checker follows a shipped run to infinity, and nowhere else."""

from __future__ import annotations

import copy
import json
import zipfile
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from certify.checker.arb import Arb
from certify.checker.certificates import Certificate
from certify.checker.folded import fold
from certify.checker.loss import Problem
from certify.checker.path import check_path
from certify.checker.problems import read_problem
from certify.checker.reading import Rejected, Unreadable
from certify.checker.reading import exact as read_exact
from certify.checker.rows import _at_chart, _Row
from certify.checker.run import make_arithmetic
from certify.pipeline.trace import trace_to_limit
from certify.proofs.path import Descent
from certify.proofs.proof import dyadic
from certify.results.stored_problem import write_problem
from sweep.kernels.compiled import prepare
from sweep.points import read_points
from sweep.polishing.channels import approx_limits
from sweep.polishing.polish import polish
from symmetry.network import exact
from symmetry.problem import load_problem

Line = dict[str, Any]


def _made(run: int, name: str, folder: Path) -> tuple[Line, Any, Problem]:
    problem = load_problem("thesis")
    points = read_points("data/adam/width5", dimension=2).take([run])
    theta = points.theta()[0]
    polished = polish(prepare(problem), theta.copy(), 5, max_steps=300)
    limits = approx_limits(problem, polished.theta, 5, polished.loss)
    limit = next(limit for limit in limits if limit.chart.name == name)
    chart = limit.chart.normal()
    place = (chart, limit.chart.order, exact(limit.q), np.full(len(limit.q), 1e-6))
    found = trace_to_limit(problem, prepare(problem), polished.vertices, *place, arithmetic="auto", max_bits=53)
    assert isinstance(found, Descent)
    write_problem(folder, problem)
    line = {
        "candidate": {
            "w": [[dyadic(x) for x in row] for row in exact(points.w[0])],
            "a": [dyadic(x) for x in exact(points.a[0])],
        },
        "path": {name: value for name, value in found.to_json().items() if name != "theorem"},
        "point": None,
        "labels": None,
        "permutation": None,
    }
    return json.loads(json.dumps(line)), json.loads(json.dumps(chart.to_json())), read_problem(folder / "problem.json")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Line, Any, Problem]:
    """A line of witnesses.jsonl, the chart of its certificate (copies and a pair), and the problem."""
    return _made(5, "copies2+pair", tmp_path_factory.mktemp("problem"))


def verdict(line: Line, chart: Any, problem: Problem) -> str:
    try:
        check_path(line, chart, problem, lambda bits: fold(problem, Arb(bits)))
    except (Rejected, Unreadable) as error:
        return str(error)
    return "verified"


def test_the_path_is_verified(made: tuple[Line, Any, Problem]):
    assert verdict(*made) == "verified"


@pytest.mark.parametrize("run", [153, 258])
def test_copies_that_are_all_but_together(run: int, tmp_path: Path):
    """1e-10 and 4e-12 apart; 144 bits of integers could not tell how the loss falls."""
    with zipfile.ZipFile("data/atlas/verdicts-width4.zip") as archive:
        line = json.loads(archive.read("witnesses.jsonl").splitlines()[run])
        chart = json.loads(archive.read(line["certificate"]))["witness"]["chart"]
        archive.extract("problem.json", tmp_path)
    problem = read_problem(tmp_path / "problem.json")
    check_path(line, chart, problem, lambda bits: fold(problem, make_arithmetic("points", bits)))


@pytest.mark.parametrize(("run", "name"), [(92, "zero2-1"), (272, "split-3"), (385, "split+3")])
def test_copies_in_diverging_groups(run: int, name: str, tmp_path: Path):
    line, chart, problem = _made(run, name, tmp_path)
    kind = chart["groups"][0][0]
    assert verdict(line, chart, problem) == "verified"
    turned = copy.deepcopy(line)
    _over_infinity(turned["path"])
    if len(turned["path"]["places"]) > 1:
        assert verdict(turned, chart, problem) != "verified"
    # the statement: all shares positive, and the sign of ε that of the split
    last = line["path"]["places"][-1]
    width = len(line["candidate"]["a"])
    a = [read_exact(v, "a") for v in line["candidate"]["a"]]

    def complaint(chart: Any, a: list[Fraction]) -> str:
        box = {"center": last[:-1], "uniqueness_radius": ["1*2^-20"] * (len(last) - 1)}
        witness = {"chart": chart, "krawczyk": box, "splits": []}
        certificate = Certificate({"kind": "minimum-at-infinity", "chart": "a chart"}, "", witness, {}, "")
        neurons = tuple(((Fraction(0), Fraction(0)), v) for v in a)
        try:
            _at_chart(_Row({"relation": "path", "distance": None}, line, neurons, problem), certificate)
        except Rejected as error:
            return str(error)
        return ""

    assert len(a) == width
    assert complaint(chart, a) == ""
    other = list(a)
    other[line["path"]["order"][1]] *= -1
    assert "shares of copies have other signs" in complaint(chart, other)
    if kind != "zero":
        groups = [["split+" if kind == "split-" else "split-", *chart["groups"][0][1:]]]
        assert "another sign" in complaint(chart | {"groups": groups}, a)


def _move(path: Any) -> None:
    path["places"][-1][0] = "3*2^0"


def _over_infinity(path: Any) -> None:
    epsilon = path["places"][0][-1]
    path["places"][0][-1] = epsilon[1:] if epsilon.startswith("-") else f"-{epsilon}"


def _exchange(path: Any) -> None:
    path["order"][0], path["order"][-1] = path["order"][-1], path["order"][0]


FALSE: dict[str, tuple[Callable[[Any], None], str]] = {
    "another limit": (_move, "not proved to fall"),
    "over infinity": (_over_infinity, "ε changes its sign"),
    "beyond infinity": (lambda path: path["places"].append(path["places"][0]), "ε changes its sign"),
    "infinity twice": (lambda path: path["places"].append(list(path["places"][-1])), "a place beyond infinity"),
    "another order": (_exchange, "path"),
    "a neuron twice": (lambda path: path["order"].__setitem__(0, path["order"][1]), "expected each neuron once"),
    "no places": (lambda path: path["places"].clear(), "for closing 3 only"),
    "places without closing 3": (lambda path: path.update(closing=0), "for closing 3 only"),
    "a short place": (lambda path: path["places"][0].pop(), "entries, expected"),
}


@pytest.mark.parametrize("name", sorted(FALSE))
def test_false_paths(made: tuple[Line, Any, Problem], name: str):
    line, chart, problem = copy.deepcopy(made[0]), made[1], made[2]
    change, message = FALSE[name]
    change(line["path"])
    assert message in verdict(line, chart, problem)


def test_a_chart_is_needed_and_cubic_groups_have_none(made: tuple[Line, Any, Problem]):
    line, _, problem = made
    assert "without a chart" in verdict(line, None, problem)
    cubic = {"width": 5, "dimension": 2, "groups": [["mirrored", [0, 1]], ["cubic", [2, 3]]]}
    assert "not defined in charts with such groups" in verdict(line, cubic, problem)
    beside = {"width": 5, "dimension": 2, "groups": [["quintic", [0, 1, 2]], ["saturated", [3], [1, 1]]]}
    assert "not defined in charts with such groups" in verdict(line, beside, problem)
    quintic = {"width": 5, "dimension": 2, "groups": [["quintic", [0, 1, 2]]]}
    assert "expected two for each triple and quintic group" in verdict(line, quintic, problem)
    triple = {"width": 5, "dimension": 2, "groups": [["triple+", [0, 1, 2]]]}
    assert "expected two for each triple" in verdict(line, triple, problem)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"name": "tanh", "labels": ((Fraction(0),) * 1681,), "teacher": ()}, "released by the sigmoid only"),
        ({"decay": Fraction(1, 8)}, "path: without weight decay"),
        ({"bias": True}, "students of one output without a bias"),
    ],
)
def test_a_chart_that_the_problem_does_not_have(made: tuple[Line, Any, Problem], change: Any, message: str):
    line, _, problem = made
    mirrored = {"width": 5, "dimension": 2, "groups": [["mirrored", [0, 1]], ["mirrored", [2, 3]]]}
    straight = copy.deepcopy(line)
    straight["path"]["vertices"] = []
    assert message in verdict(straight, mirrored, replace(problem, **change))


def test_the_end_lies_in_the_box_at_infinity_with_the_right_signs(made: tuple[Line, Any, Problem]):
    line, chart, problem = made
    last = line["path"]["places"][-1]
    size = len(last) - 1
    box = {"center": last[:size], "uniqueness_radius": ["1*2^-20"] * size}
    splits = [{"positive": 2, "negative": 0}]
    a = [Fraction(float(v)) for v in np.array(read_points("data/adam/width5", dimension=2).take([5]).a[0])]
    i, j = (line["path"]["order"][k] for k in (0, 1))
    if a[i] * a[j] < 0:
        splits = [{"positive": 1, "negative": 1}]

    def complaint(kind: str = "minimum-at-infinity", *, box: Any = box, splits: Any = splits, line: Line = line) -> str:
        witness = {"chart": chart, "krawczyk": box, "splits": splits}
        certificate = Certificate({"kind": kind, "chart": "copies2+pair"}, "", witness, {}, "")
        neurons = tuple(((Fraction(0), Fraction(0)), v) for v in a)
        given = _Row({"relation": "path", "distance": None}, line, neurons, problem)
        try:
            _at_chart(given, certificate)
        except Rejected as error:
            return str(error)
        return ""

    assert complaint() == ""
    assert "to minima only" in complaint("saddle-at-infinity")
    away = {"center": ["5*2^0", *last[1:size]], "uniqueness_radius": ["1*2^-20"] * size}
    assert "does not lie in the uniqueness box" in complaint(box=away)
    assert "other signs" in complaint(splits=[{"positive": 3, "negative": 1}])
    finite = copy.deepcopy(line)
    finite["path"]["places"][-1][-1] = "1*2^-30"
    assert "not at infinity" in complaint(line=finite)


def test_the_checker_is_on_its_own():
    """No import of the project in the modules a path needs."""
    folder = Path(check_path.__code__.co_filename).parent
    for name in ("path.py", "release.py", "series.py", "ways.py", "triples.py", "quintics.py"):
        text = (folder / name).read_text("utf-8")
        assert "symmetry" not in text
        assert "numpy" not in text
