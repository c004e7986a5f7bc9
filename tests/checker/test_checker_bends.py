"""Curves with a bend into a zero: the checker verifies a shipped run's, and no other."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from bent_run import bent_run

from certify.checker.arb import Arb
from certify.checker.folded import fold
from certify.checker.loss import Problem
from certify.checker.path import check_path
from certify.checker.problems import read_problem
from certify.checker.reading import Rejected, Unreadable
from certify.proofs.proof import dyadic
from certify.results.stored_problem import write_problem
from symmetry.network import Network

Line = dict[str, Any]


def _network(network: Network) -> Any:
    return {"w": [[_text(x) for x in row] for row in network.w], "a": [_text(x) for x in network.a]}


def _text(value: Any) -> str:
    return dyadic(value) if not value.denominator & (value.denominator - 1) else str(value)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Line, Problem]:
    """The last piece alone: a line of witnesses.jsonl whose candidate is where the curve begins."""
    problem, _, proof, zero = bent_run()
    folder = tmp_path_factory.mktemp("problem")
    write_problem(folder, problem)
    assert proof.last is not None
    path = {name: value for name, value in proof.to_json().items() if name != "theorem"} | {
        "vertices": [],
        "bent": [],
        "bends": [],
    }
    line = {"candidate": _network(Network.from_theta(proof.last, 2)), "path": path, "point": _network(zero)}
    return json.loads(json.dumps(line)), read_problem(folder / "problem.json")


def verdict(line: Line, problem: Problem) -> str:
    try:
        check_path(line, None, problem, lambda bits: fold(problem, Arb(bits)))
    except (Rejected, Unreadable) as error:
        return str(error)
    return "verified"


def test_the_curve_is_verified(made: tuple[Line, Problem]):
    assert len(made[0]["path"]["places"]) == 1
    assert made[0]["path"]["octaves"] > 0
    assert verdict(*made) == "verified"


def _turn(path: Any) -> None:
    row = path["places"][0]
    row[:] = [v[1:] if v.startswith("-") else f"-{v}" if v != "0" else v for v in row]


FALSE: dict[str, tuple[Callable[[Any], None], str]] = {
    "no bend": (lambda path: path["places"].clear(), "not proved to fall"),
    "bent to the other side": (_turn, "not proved to fall"),
    "bent over the wall": (lambda path: path["places"][0].__setitem__(0, "1*2^-8"), "not proved to fall"),
    "halved too often": (lambda path: path.update(octaves=21), "octaves"),
    "halves of a path into a box": (lambda path: path.update(closing=0, places=[]), "for closing 1, 2 and 4 only"),
    "not halved": (lambda path: path.update(octaves=0), "not proved to fall to 0"),
    "two bends": (lambda path: path["places"].append(path["places"][0]), "or one for 2"),
    "a bend of a straight line": (lambda path: path.update(closing=1), "or one for 2"),
    "a bend into a box": (lambda path: path.update(closing=0), "or one for 2"),
    "a short bend": (lambda path: path["places"][0].pop(), "entries, expected"),
}


@pytest.mark.parametrize("name", sorted(FALSE))
def test_false_bends(made: tuple[Line, Problem], name: str):
    line, problem = copy.deepcopy(made[0]), made[1]
    change, message = FALSE[name]
    change(line["path"])
    assert message in verdict(line, problem)


def test_more_halves_do_no_harm_and_none_need_not_be_named(made: tuple[Line, Problem]):
    line, problem = copy.deepcopy(made[0]), made[1]
    line["path"]["octaves"] += 1
    assert verdict(line, problem) == "verified"
    del line["path"]["octaves"]
    assert "not proved to fall to 0" in verdict(line, problem)


def test_another_zero_is_refused(made: tuple[Line, Problem]):
    line, problem = copy.deepcopy(made[0]), made[1]
    line["point"]["a"][0], line["point"]["a"][1] = line["point"]["a"][1], line["point"]["a"][0]
    assert verdict(line, problem) != "verified"


@pytest.fixture(scope="module")
def arcs(made: tuple[Line, Problem]) -> Line:
    """The path from the last arc on, and its last curve."""
    proof = bent_run()[2]
    first = proof.bent[-1]
    line = copy.deepcopy(made[0])
    line["candidate"] = _network(Network.from_theta(proof.vertices[first - 1], 2))
    line["path"]["vertices"] = [[dyadic(v) for v in vertex] for vertex in proof.vertices[first:]]
    line["path"]["bent"], line["path"]["bends"] = [0], [[dyadic(v) for v in proof.bends[-1]]]
    return line


def test_arcs_are_verified(made: tuple[Line, Problem], arcs: Line):
    assert verdict(arcs, made[1]) == "verified"


ARCS: dict[str, tuple[Callable[[Any], None], str]] = {
    "away": (lambda path: path["bends"][0].__setitem__(0, "1*2^-2"), "piece 0"),
    "backwards": (lambda path: path["vertices"].reverse(), "not proved to fall"),
    "bends without numbers": (lambda path: path["bent"].clear(), "a bend for each"),
    "numbers without bends": (lambda path: path["bends"].clear(), "a bend for each"),
    "one piece twice": (lambda path: (path["bent"].append(0), path["bends"].append(path["bends"][0])), "each once"),
    "no such piece": (lambda path: path.update(bent=[len(path["vertices"])]), "no such piece"),
    "a short bend": (lambda path: path["bends"][0].pop(), "entries, expected"),
    "a number that is none": (lambda path: path.update(bent=["0"]), "path.bent"),
}


@pytest.mark.parametrize("name", sorted(ARCS))
def test_false_arcs(made: tuple[Line, Problem], arcs: Line, name: str):
    line, problem = copy.deepcopy(arcs), made[1]
    change, message = ARCS[name]
    change(line["path"])
    if name == "backwards" and len(line["path"]["vertices"]) == 1:
        line["path"]["vertices"].append(line["path"]["vertices"][0])
    assert message in verdict(line, problem)


def test_the_module_is_on_its_own():
    text = Path(check_path.__code__.co_filename).read_text("utf-8")
    assert "symmetry" not in text
    assert "numpy" not in text
