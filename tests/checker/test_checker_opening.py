"""Regions in open charts, copies as neurons of their own and two neurons near zero as a pair: verified or refused."""

from __future__ import annotations

import copy
import json
import shutil
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from random import Random
from typing import Any

import mpmath
import numpy as np
import pytest
from cases import checked
from channel_run import COPIES, CROSSED, SPLIT, ZEROS, channel_points
from directories import change_lines, verdict
from test_checker_regions import BITS, apart, number, pieces, truth

from certify.checker.charts import Chart, Diverging, read_chart
from certify.checker.folded import Folded, fold
from certify.checker.loss import Data
from certify.checker.opening import Ties, opened
from certify.checker.path import check_path
from certify.checker.points import Points
from certify.checker.problems import read_problem
from certify.checker.reading import Rejected, Unreadable
from certify.checker.release import between
from certify.checker.run import check
from certify.checker.valley import _expanded, _smalls, _tied
from certify.checker.ways import Pair
from certify.cli.points import certify_points
from certify.presentation.explain import explain
from certify.proofs.proof import dyadic, from_text
from certify.results.store import read_results
from sweep.points import read_points
from symmetry.infinity.charts import chart_from_json
from symmetry.network import exact
from symmetry.problem import load_problem
from symmetry.regions.opening import Opening

Line = dict[str, Any]
SETTINGS: Any = {"arithmetic": "auto", "max_bits": 106, "polish": True}


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Candidate 0 has two copies beside a pair, candidate 1 two neurons near zero."""
    folder = tmp_path_factory.mktemp("open") / "results"
    points = read_points("data/adam/width5", dimension=2).take([COPIES - 10000, CROSSED - 10000])
    certify_points(load_problem("thesis"), points, folder, SETTINGS, 1)
    return folder


@pytest.fixture(scope="module", params=[SPLIT, ZEROS])
def parted(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run with copies in a diverging group."""
    folder = tmp_path_factory.mktemp("parted") / "results"
    certify_points(load_problem("thesis"), channel_points(request.param), folder, SETTINGS, 1)
    return folder


@pytest.fixture(scope="module")
def lines(results: Path) -> list[Line]:
    return [json.loads(text) for text in (results / "witnesses.jsonl").read_text().splitlines()]


@pytest.fixture(scope="module")
def folded(results: Path) -> Folded:
    return fold(read_problem(results / "problem.json"), Points(192))  # type: ignore[arg-type]


def said(results: Path, line: Line, folded: Folded) -> str:
    """What the check of a path says."""
    problem = read_problem(results / "problem.json")
    chart = json.loads((results / line["certificate"]).read_text())["witness"]["chart"]
    try:
        check_path(line, chart, problem, lambda bits: folded)  # type: ignore[arg-type]
    except (Rejected, Unreadable) as error:
        return str(error)
    return "verified"


def test_the_directory_is_verified(results: Path):
    outcome = verdict(results)
    assert outcome.code == 0, outcome
    assert outcome.counts == {"minimum-at-infinity": {"contained": 2}}


@pytest.mark.parametrize(("index", "words"), [(0, "the shares of its copies"), (1, "a region of the chart")])
def test_it_is_told_in_plain_words(index: int, words: str, results: Path):
    assert words in " ".join(explain(read_results(results), index).text().split())


def _parted(line: Line) -> None:
    """The first copy farther from the second one."""
    weights = line["candidate"]["w"][line["path"]["order"][0]]
    weights[0] = dyadic(from_text(weights[0]) + Fraction(1, 4))


def _moved(line: Line, place: int, k: int, by: Fraction) -> None:
    row = line["path"]["places"][place]
    row[k] = dyadic(from_text(row[k]) + by)


def _shared(line: Line) -> None:
    """Shares (3/2, −1/2) all along, also of the candidate; outputs of copies are numbers 6 and 7 of 14."""
    rows, a, order = line["path"]["places"], line["candidate"]["a"], line["path"]["order"]
    for row in rows:
        total = from_text(row[6]) + from_text(row[7])
        row[6], row[7] = dyadic(total * Fraction(3, 2)), dyadic(-total / 2)
    total = from_text(a[order[0]]) + from_text(a[order[1]])
    a[order[0]], a[order[1]] = dyadic(total * Fraction(3, 2)), dyadic(-total / 2)


def _widened(line: Line, row: int, k: int, to: str) -> None:
    line["path"]["radii"][row][k] = to


FALSE: dict[str, tuple[int, Callable[[Line], None], str]] = {
    "copies too far apart": (0, _parted, "place 0: "),
    "shares of another sign": (0, _shared, "place 0: F_qq is not"),
    "a wide box for a copy": (0, lambda line: _widened(line, 0, 0, "1*2^-2"), "place 0: "),
    "a wide box for a share": (0, lambda line: _widened(line, 0, 6, "1*2^1"), "place 0: "),
    "a wide box for the other share": (0, lambda line: _widened(line, 1, 7, "1*2^1"), "place 1: "),
    "a wide box about infinity": (0, lambda line: _widened(line, -1, 10, "1*2^-1"), "place 1: "),
    "a place off the floor": (0, lambda line: _moved(line, 0, 2, Fraction(1, 8)), "place 0: "),
    "outputs of copies that add up to 0": (
        0,
        lambda line: line["path"]["places"][-1].__setitem__(7, dyadic(-from_text(line["path"]["places"][-1][6]))),
        "add up to 0",
    ),
    "copies and pair exchanged": (0, lambda line: line["path"].update(order=line["path"]["order"][::-1]), "path"),
    "radii of the chart with copies": (
        0,
        lambda line: line["path"].update(radii=[row[3:] for row in line["path"]["radii"]]),
        "entries, expected 14",
    ),
    "places of the chart with copies": (
        0,
        lambda line: line["path"].update(places=[row[3:] for row in line["path"]["places"]]),
        "entries, expected 15",
    ),
    "a wide box for the middle near zero": (1, lambda line: _widened(line, 0, 9, "1*2^-6"), "place 0: "),
    "a pair far from zero": (1, lambda line: _moved(line, 0, 9, Fraction(1, 4)), "place 0: "),
    "radii of the chart near zero": (
        1,
        lambda line: line["path"].update(radii=[row[2:] for row in line["path"]["radii"]]),
        "entries, expected 14",
    ),
}


@pytest.mark.parametrize("name", FALSE)
def test_what_is_not_proved_is_refused(name: str, results: Path, lines: list[Line], folded: Folded):
    index, change, complaint = FALSE[name]
    line = copy.deepcopy(lines[index])
    change(line)
    assert complaint in said(results, line, folded)


@pytest.mark.parametrize("index", [0, 1])
def test_the_condition_on_the_slope_is_needed(index: int, results: Path, lines: list[Line], folded: Folded):
    """The loss of labels on the other side of the limit network falls with ``ε``, and its ``B`` is negative."""
    line = copy.deepcopy(lines[index])
    line["path"]["places"], line["path"]["radii"] = line["path"]["places"][-1:], line["path"]["radii"][-1:]
    data = copy.copy(folded.data)
    data.y = -data.y
    turned = Folded(data, folded.paired, folded.other * -1, folded.reflection, folded.count)
    assert "place 0: " in said(results, line, turned)


def test_the_directory_of_copies_that_part_is_verified(parted: Path):
    outcome = verdict(parted)
    assert outcome.code == 0, outcome
    assert outcome.counts == {"minimum-at-infinity": {"contained": 1}}


def _member(line: Line, number: int, by: Fraction) -> None:
    """One of the neurons, by its number in the chart, somewhere else."""
    weights = line["candidate"]["w"][line["path"]["order"][number]]
    weights[0] = dyadic(from_text(weights[0]) + by)


FALSE_PARTED: dict[str, tuple[Callable[[Line], None], str]] = {
    "copies farther apart than the region allows": (lambda line: _member(line, 1, Fraction(1, 16)), "are farther"),
    "a region of copies that are together": (lambda line: line["path"].pop("apart"), "are farther"),
    "a bound that is too small": (lambda line: line["path"].update(apart="1*2^-50"), "are farther"),
    "a bound that is too large": (lambda line: line["path"].update(apart="1*2^4"), "place 0: "),
    "a bound that is negative": (lambda line: line["path"].update(apart="-1*2^-8"), "not negative"),
    "a bound that is no number": (lambda line: line["path"].update(apart=[1]), "apart"),
    "a bound without a region": (lambda line: line["path"].update(radii=[]), "0 without radii"),
    "members exchanged": (lambda line: line["path"]["order"].insert(0, line["path"]["order"].pop(2)), "path"),
}


@pytest.mark.parametrize("name", FALSE_PARTED)
def test_what_is_not_proved_of_copies_that_part_is_refused(name: str, parted: Path, folded: Folded):
    line = json.loads((parted / "witnesses.jsonl").read_text())
    change, complaint = FALSE_PARTED[name]
    change(line)
    assert complaint in said(parted, line, folded)


STATEMENTS: dict[str, tuple[int, Callable[[Line], None], str]] = {
    "the region ends before the limit": (
        0,
        lambda line: line["path"]["radii"].__setitem__(-1, ["1*2^-90"] * 14),
        "does not reach the critical point",
    ),
    "the box of one share alone is too small": (
        0,
        lambda line: _widened(line, -1, 6, "1*2^-90"),
        "does not reach the critical point",
    ),
    "a share that may vanish": (0, lambda line: _widened(line, -1, 6, "1*2^9"), "a share of copies may vanish"),
    "copies that stay apart": (0, lambda line: _moved(line, -1, 0, Fraction(1, 2**60)), "no limit of the chart"),
    "shares of another sign at the end": (0, _shared, "the shares of copies have other signs"),
    "another limit": (0, lambda line: _moved(line, -1, 10, Fraction(1, 8)), "does not lie in the uniqueness box"),
    "a pair that is not at zero": (1, lambda line: _moved(line, -1, 9, Fraction(1, 2**60)), "no limit of the chart"),
    "a path alone in the open chart": (0, lambda line: line["path"].pop("radii"), "entries, expected"),
    "a row of another length": (0, lambda line: line["path"]["radii"][-1].pop(), "entries, expected"),
}


@pytest.mark.parametrize("name", STATEMENTS)
def test_rows_say_what_the_region_proves(name: str, results: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("certify.checker.run.check_path", lambda *_: None)  # what rows say is looked at alone
    folder = Path(shutil.copytree(results, tmp_path / "results"))
    index, change, complaint = STATEMENTS[name]
    change_lines(folder, "witnesses.jsonl", lambda known: change(known[index]))
    outcome = check(folder, problem=None, arithmetic="integer", jobs=1, budget=100.0)
    assert outcome.code != 0
    assert any(complaint in reason for reason in outcome.rejected + outcome.unreadable), outcome


@pytest.mark.parametrize("seed", range(10))
def test_prover_and_checker_open_charts_alike(seed: int):
    """Two pieces of code that share nothing: the open chart, splits, ties, and the way back."""
    rng = Random(seed)
    groups: list[Any] = [["copies", [0, 1, 2]], ["copies", [3, 4]], ["pair", [5, 6]], ["zero", [7, 8], 1]]
    split: list[Any] = ["split-", [0, 1, 2]]
    several: list[list[Any]] = [["zero", [0, 1, 2], 1], ["zero", [0, 1, 2], 2], ["zero", [0, 1, 2, 3], 3]]
    chosen = [
        *(groups[:3], groups, groups[1:], groups[2:], groups[3:], groups[:1] + groups[3:]),
        *([*groups[2:3], split, zero] for zero in several),
        [*groups[:3], split, groups[3]],
    ][seed]
    numbers = iter(range(20))
    renumbered = [[kind, [next(numbers) for _ in members], *rest] for kind, members, *rest in chosen]
    given = {"width": sum(len(group[1]) for group in chosen) + 2, "dimension": 2, "groups": renumbered}
    mine = Opening(chart_from_json(given))
    other = opened(read_chart(given, given["width"], plane()))
    assert isinstance(other.outer, Chart)
    assert other.owners == mine.owners
    assert other.outer.name == mine.outer.name
    inner, size = mine.inner.units[-1].place.stop, mine.outer.units[-1].place.stop
    assert other.size(inner, 2) == size
    q = [Fraction(rng.randint(-99, 99), 64) for _ in range(inner)]
    place = [Fraction(rng.randint(1, 99), 64) for _ in range(size)]
    shares = mine.shares(exact(place))
    assert shares is not None
    assert other.shares(place, 2) == shares.tolist()
    split = (mine.split(shares) @ exact(q)).tolist()
    assert other.split(q, shares.tolist(), 2) == split
    assert other.limit(split, 2) == q
    ties, matrix = other.ties(place, 2), mine.ties(shares)
    if ties is None:
        assert not mine.inner.copies
        assert np.all(matrix == exact(np.eye(size, dtype=int)))
    else:
        rows = np.zeros(matrix.shape, dtype=int) + Fraction(0)
        rows[np.arange(size), ties.columns] = ties.factors
        assert np.all(rows == matrix)
    # the neurons of the chart, in the order of the open one
    names = tuple(((Fraction(i),), Fraction(i)) for i in range(given["width"]))
    assert [int(a) for _, a in other.reordered(names)] == list(mine.outer.order)


def plane() -> Any:
    """A problem of inputs in the plane."""
    return checked("b")


def test_what_is_tied_lies_within_its_error():
    """Written down once more in mpmath: derivatives along changes that keep shares, (5/4, −1/4) of two copies."""
    closest, shares = 0.0, [Fraction(5, 4), Fraction(-1, 4)]
    for problem, known, start, end, radii, rng in pieces("pair", "sigmoid", 3, 8):
        # a second neuron, and a third one that is alone
        chart = Chart([], [], [Diverging("pair", 2, 0)], 3)
        assert known.neurons == 1
        extra = [Fraction(rng.randint(-1000, 1000), 500) for _ in range(6)]
        curve, lines, last = between(
            chart, type(start)(extra + start.q, start.eps), type(end)([v / 2 for v in extra] + end.q, end.eps), 2
        )
        wide = radii[:6] + radii
        data = Data(problem, Points(256))
        smalls, _ = _smalls(chart, curve, lines, wide, 2, "piece")
        columns = [*range(6), 6, 6, *range(7, 13)]
        ties = Ties(columns, [Fraction(1)] * 6 + shares + [Fraction(1)] * 6)
        found, alpha = _tied(data, _expanded(data, chart, curve, smalls, wide, last), [Fraction(1)] * 14, ties)
        assert alpha == [Fraction(1)] * 13
        for _ in range(3):
            t = Fraction(rng.randint(1 if last else -64, 64), 64)
            at = [a + t * b + t * t * c for a, b, c in zip(*curve, strict=True)]
            at = [v + r * rng.choice([-1, 0, 1]) for v, r in zip(at, wide, strict=True)]
            eps = [number(way.eps[0][0] + way.eps[0][1] * t) for way in lines.values() if isinstance(way, Pair)]
            for n, x in enumerate(zip(*problem.columns, strict=True)):
                with mpmath.workprec(BITS):
                    true = truth("sigmoid", chart, at, eps, list(x))
                    j = true["J"]
                    sum_ = j[6] * number(shares[0]) + j[7] * number(shares[1])
                    values = [*j[:6], sum_, *j[8:]]
                    for function, value in zip(found.jacobian, values, strict=True):
                        share = apart(function, n, t, value)
                        assert share <= 1
                        closest = max(closest, share)
                    # of each neuron ww, wa
                    factors = [Fraction(1), shares[0], Fraction(1), shares[1], *[Fraction(1)] * 7]
                    for block, value, factor in zip(found.blocks, true["blocks"], factors, strict=True):
                        assert apart(block.g, n, t, value * number(factor)) <= 1
                        assert block.row <= block.column < 13
    assert closest > 0.5
