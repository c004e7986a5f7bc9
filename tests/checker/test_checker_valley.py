"""Regions that reach a minimum at infinity: the checker verifies that of a shipped run, and no false one."""

from __future__ import annotations

import copy
import json
import shutil
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ambient import ambient, ambient_loss, bowl, by_limit, by_square
from cases import problem as case_problem
from channel_run import BESIDE, NEAR_ZERO, PAIR, SPLIT, THREE, TWO_MIRRORED, channel_points, channel_run
from directories import change_lines, verdict
from region_cases import check_piece, proposals

from certify.arithmetic.midrad import Float64Enclosures
from certify.checker.arb import Arb
from certify.checker.charts import Chart, Diverging
from certify.checker.congruence import UNIT
from certify.checker.folded import Folded, fold
from certify.checker.means import Function
from certify.checker.opening import opened
from certify.checker.path import check_path, count_pieces
from certify.checker.points import Points
from certify.checker.problems import read_problem
from certify.checker.reading import Rejected, Unreadable
from certify.checker.release import Place, between, residuals
from certify.checker.run import check, path_cost
from certify.checker.valley import (
    _bends,
    _constants,
    _expanded,
    _gram,
    _Products,
    _smalls,
    _turned,
    check_region,
    covers,
)
from certify.cli.points import certify_points
from certify.presentation.explain import explain
from certify.proofs.path import first_place
from certify.proofs.proof import dyadic, from_text
from certify.proofs.valley import second_derivatives
from certify.results.store import read_results
from symmetry.arithmetic import Float64
from symmetry.lines import Expansion
from symmetry.network import exact
from symmetry.objective import SquareLoss
from symmetry.paths.release import Place as ProvedPlace
from symmetry.paths.release import piece
from symmetry.problem import load_problem
from symmetry.regions.valley import derivatives

Line = dict[str, Any]

PAIRED = Chart([], [], [Diverging("pair", 2, 0)], 2)
MIRRORED, ZERO = Diverging("mirrored", 2, 0), Diverging("zero", 1, 0)
CHARTS = {
    PAIR: PAIRED,
    TWO_MIRRORED: Chart([], [], [MIRRORED] * 2, 0),
    NEAR_ZERO: Chart([], [], [MIRRORED, ZERO], 1),
    SPLIT: Chart([], [], [Diverging("split-", 3, 0)], 1),
    BESIDE: Chart([], [], [MIRRORED, Diverging("zero", 2, 0)], 2),
    THREE: Chart([], [], [MIRRORED, MIRRORED, ZERO], 0),
}
APART = Fraction(1, 64)
RUNS = pytest.mark.parametrize("run", CHARTS)
SETTINGS: Any = {"arithmetic": "auto", "max_bits": 106, "polish": True}


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("channel") / "results"
    certify_points(load_problem("thesis"), channel_points(), folder, SETTINGS, 1)
    return folder


@pytest.fixture(scope="module")
def tied(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run whose two groups share a constant."""
    folder = tmp_path_factory.mktemp("channel") / "results"
    certify_points(load_problem("thesis"), channel_points(TWO_MIRRORED), folder, SETTINGS, 1)
    return folder


@pytest.fixture(scope="module")
def line(results: Path) -> Line:
    return dict(json.loads((results / "witnesses.jsonl").read_text()))


@pytest.fixture(scope="module")
def folded(results: Path) -> Folded:
    problem = read_problem(results / "problem.json")
    return fold(problem, Points(192))  # type: ignore[arg-type]


def said(results: Path, line: Line, folded: Folded, chart: Any = None) -> str:
    problem = read_problem(results / "problem.json")
    certificate = json.loads((results / line["certificate"]).read_text())
    try:
        check_path(line, chart or certificate["witness"]["chart"], problem, lambda bits: folded)  # type: ignore[arg-type]
    except (Rejected, Unreadable) as error:
        return str(error)
    return "verified"


def ends(run: int) -> list[Place]:
    """The places of a run's region, the saved point's first."""
    chart, descent = CHARTS[run], channel_run(run)[1].descent
    assert descent is not None
    found = channel_run(run)[1].object
    assert found is not None
    assert found.chart is not None
    saved = first_place(found.chart, channel_points(run).network(0).permuted(descent.order))[1]
    size = len(saved.q)
    assert found.chart.name == chart.name
    rows = [[*saved.q, *saved.eps], *descent.places.tolist()]
    return [Place(list(row[:size]), list(row[size:])) for row in rows]


def test_the_directory_is_verified(results: Path):
    outcome = verdict(results)
    assert outcome.code == 0, outcome
    assert outcome.counts == {"minimum-at-infinity": {"contained": 1}}


def test_a_directory_with_a_shared_constant_is_verified(tied: Path):
    outcome = verdict(tied)
    assert outcome.code == 0, outcome
    assert outcome.counts == {"minimum-at-infinity": {"contained": 1}}


def test_it_is_told_in_plain_words(results: Path):
    told = " ".join(explain(read_results(results), 0).text().split())
    assert "the saved point itself lies in a region of the chart that reaches the minimum at infinity" in told
    assert "That this run stays in the region" in told
    assert "no region of a proved size" not in told


def test_arb_finds_the_same(results: Path, line: Line):
    problem = read_problem(results / "problem.json")
    assert said(results, line, fold(problem, Arb(192))) == "verified"  # type: ignore[arg-type]


def test_a_region_is_counted_among_the_costs(line: Line):
    path = {name: value for name, value in line["path"].items() if name != "radii"}
    assert count_pieces(line) > 2 * count_pieces({"path": path})


def test_the_matrices_of_a_region_are_counted_as_well(line: Line, folded: Folded, results: Path):
    """A hostile line of wide networks cannot hide hours behind an estimate of seconds."""
    problem = read_problem(results / "problem.json")
    plain = copy.deepcopy(line)
    plain["path"]["radii"] = [["1*2^-20"]] * len(line["path"]["places"])
    costs = []
    for size in (20, 40, 80):
        wide = copy.deepcopy(plain)
        wide["path"]["radii"] = [["1*2^-20"] * size] * len(line["path"]["places"])
        costs.append(path_cost(wide, problem) - path_cost(plain, problem))
    assert costs[0] > 2 * len(problem) * 20**2 / 5  # type: ignore[arg-type]
    assert costs[1] > 4 * costs[0]
    assert costs[2] > 4 * costs[1]


def _scaled(path: Any, factor: Fraction) -> None:
    path["radii"] = [[dyadic(from_text(v) * factor) for v in row] for row in path["radii"]]


def _moved(path: Any, by: Fraction) -> None:
    row = path["places"][0]
    row[0] = dyadic(from_text(row[0]) + by)


FALSE: dict[str, tuple[Callable[[Any], None], str]] = {
    "wide boxes": (lambda path: _scaled(path, Fraction(2**14)), "place 0: "),
    "one wide box": (lambda path: path["radii"][1].__setitem__(3, "1*2^0"), "place 1: "),
    "no radius": (lambda path: path["radii"][0].__setitem__(0, "0"), "positive"),
    "a negative radius": (lambda path: path["radii"][0].__setitem__(0, "-1*2^-20"), "positive"),
    "a row too few": (lambda path: path["radii"].pop(), "a row for each place"),
    "a number too few": (lambda path: path["radii"][0].pop(), "entries, expected"),
    "no rows but a number": (lambda path: path.update(radii=1), "expected a list"),
    "after a vertex": (lambda path: path.update(vertices=[["0"] * 12]), "without vertices"),
    "into a box": (lambda path: path.update(closing=0, order=[], places=[]), "closing 3"),
    "off the floor": (lambda path: _moved(path, Fraction(1, 16)), "place 0: "),
}


FALSE_TIED: dict[str, tuple[Callable[[Any], None], str]] = {
    **{name: FALSE[name] for name in ("wide boxes", "off the floor")},
    "members of two groups exchanged": (
        lambda path: path.update(order=[path["order"][i] for i in (0, 2, 1, 3)]),
        "path",
    ),
    "a box wide in the constant alone": (lambda path: path["radii"][0].__setitem__(10, "1*2^-3"), "place 0: "),
    "a box too wide for the shared ε": (lambda path: path["radii"][0].__setitem__(10, "1*2^3"), "shared ε"),
    "another constant": (lambda path: path["places"][0].__setitem__(10, "1*2^0"), "place 0: "),
}


@pytest.mark.parametrize("name", FALSE_TIED)
def test_what_is_not_proved_of_a_shared_constant_is_refused(name: str, tied: Path, folded: Folded):
    line = json.loads((tied / "witnesses.jsonl").read_text())
    change, complaint = FALSE_TIED[name]
    change(line["path"])
    assert complaint in said(tied, line, folded)


@pytest.mark.parametrize(
    ("groups", "size"),
    [
        ([["copies", [0, 1]]], 9),
        ([["zero", [0, 1, 2, 3], 2]], 3),
    ],
)
def test_a_region_is_not_claimed_in_other_charts(groups: Any, size: int, tied: Path, folded: Folded):
    line = json.loads((tied / "witnesses.jsonl").read_text())
    line["path"]["radii"] = [["1*2^-20"] * size] * len(line["path"]["places"])
    chart = {"width": 4, "dimension": 2, "groups": groups}
    assert said(tied, line, folded, chart) == "path.radii: not defined in this chart"


@pytest.mark.parametrize("first", [Fraction(7, 8), Fraction(1), Fraction(9, 8)])
def test_a_shared_small_number_keeps_its_sign(first: Fraction, folded: Folded):
    """``S = 1``: ``ε_2 = ε_1/(ε_1 − 1)`` is infinite at ``ε_1 = 1`` and positive beyond."""
    q = [Fraction(0)] * 11
    q[8] = Fraction(1, 2)
    here, there = (Place(q, [first * share]) for share in (Fraction(1), Fraction(99, 100)))
    for radius in (Fraction(1, 2**60), Fraction(1, 8)):
        with pytest.raises(Rejected) as caught:
            check_region(folded, CHARTS[NEAR_ZERO], here, there, [radius] * 11, "piece")
        # where it keeps its sign, all zeros are no place in a valley
        assert ("shared" in str(caught.value)) is (first >= 1 or radius == Fraction(1, 8))


@pytest.mark.parametrize(
    ("free", "one_sign"),
    [((3, 3), True), ((2, 2), True), ((1, 1), False), ((1, -1), False), ((Fraction(-1, 2), Fraction(1, 4)), False)],
)
def test_of_three_shared_small_numbers_two_have_different_signs(free: Any, one_sign: bool, folded: Folded):
    """``S = 1``: ``ε_3 = 1/(1 − 1/ε_1 − 1/ε_2)`` is positive, infinite, negative, and 1 and −1 beside both signs."""
    q = [Fraction(0)] * 13
    q[10] = Fraction(1, 2)
    here = Place(q, [Fraction(v) for v in free])
    for radius in (Fraction(1, 2**60), Fraction(1, 4)):
        with pytest.raises(Rejected) as caught:
            check_region(folded, CHARTS[THREE], here, here, [radius] * 13, "piece")
        # else all zeros are no place in a valley
        assert ("shared" in str(caught.value)) is (one_sign or radius == Fraction(1, 4))


def test_a_critical_network_is_in_no_region():
    """All but one condition hold about it: its three ``ε`` are negative."""
    (region,) = [region for region in proposals() if region.problem == "one sign"]
    chart, curve, radii = region.curve()
    network, belongs = chart.network(curve.q[0], [n[0] for n, _ in curve.eps[:2]]), case_problem("one sign")
    here = SquareLoss.of_network(belongs, 5).evaluate(network.theta().astype(float), Float64(), 1)
    assert np.abs(here.gradient).max() < 1e-11
    small = exact(chart.read(network.w, network.a)[1])  # type: ignore[arg-type]
    theta, matrix = ambient(chart, curve.q[0], small).astype(float), by_limit(chart, curve.q[0], small)
    there = ambient_loss(belongs, chart).evaluate(theta, Float64(), 2)
    slopes = [float(there.gradient @ by_square(chart, curve.q[0], small, k)) for k in range(3)]
    assert min(slopes) > 1e-9
    assert np.ptp([slope * float(e) ** 3 for slope, e in zip(slopes, small, strict=True)]) < 1e-10
    assert np.linalg.eigvalsh(matrix.T @ there.hessian @ matrix)[0] > 1e-6
    with pytest.raises(Rejected, match="shared ε may have one sign"):
        check_piece(region)
    wide = np.array([float(v) for v in radii])
    assert not bowl(chart.objective(belongs), chart, curve, wide, Float64Enclosures())


@pytest.mark.parametrize("name", FALSE)
def test_what_is_not_proved_is_refused(name: str, results: Path, line: Line, folded: Folded):
    changed = copy.deepcopy(line)
    change, complaint = FALSE[name]
    change(changed["path"])
    assert complaint in said(results, changed, folded)


@RUNS
def test_the_condition_on_the_slope_is_needed(run: int, folded: Folded):
    """With labels on the other side of the limit network the loss falls with ``ε``."""
    chart, (here, there) = CHARTS[run], ends(run)[-2:]
    radii = [Fraction(1, 2**60)] * len(here.q)
    check_region(folded, chart, here, there, radii, "piece")
    (own, other), _, _ = residuals(folded, chart, here, there)
    data = copy.copy(folded.data)
    data.y = data.y + own[0] * 2
    turned = Folded(data, folded.paired, folded.other + other[0] * 2, folded.reflection, folded.count)
    with pytest.raises(Rejected, match="∂F/∂ε² may vanish"):
        check_region(turned, chart, here, there, radii, "piece")


@pytest.mark.parametrize("number", [0, -2])
@RUNS
def test_the_prover_and_the_checker_expand_alike(run: int, number: int, folded: Folded):
    """Two evaluations that share no code: all coefficients, errors, and sums over inputs, in pairs or one by one."""
    (problem, verdict), known, places = channel_run(run), CHARTS[run], ends(run)
    assert verdict.object is not None
    chart = verdict.object.chart
    assert chart is not None
    places = places[number:][:2]
    curve = piece(chart, *(ProvedPlace(np.array(place.q, dtype=object), tuple(place.eps)) for place in places))
    assert curve is not None
    assert curve.last == (number == -2)
    limit, ar = chart.objective(problem), Float64Enclosures()
    radii = [Fraction(k + 1, 2**16) for k in range(limit.size)]
    proved = derivatives(limit, chart, curve, np.array(radii, dtype=object), ar, APART)
    assert proved is not None
    q, lines, last = between(known, *places, 2)
    smalls, ratios = _smalls(known, q, lines, radii, 2, "piece")
    assert ratios == list(proved.ratios or ())
    # folded inputs are the first ones of their pairs
    kept = [
        limit.problem.inputs.values.tolist().index(list(row)) for row in zip(*map(_floats, folded.data.x), strict=True)
    ]
    found = _expanded(folded.data, known, q, smalls, radii, last, APART)

    def alike(mine: Expansion, column: int, other: Function) -> None:
        for a, b in zip(mine.coefficients, other.series, strict=True):
            assert np.allclose(a.mid[kept, column], _floats(b), rtol=1e-9, atol=1e-11)
        # the bounds of σ^(6) are 0.409 and 0.41
        assert np.allclose(mine.rest.mid[kept, column], _floats(other.error), rtol=1e-3, atol=1e-14)

    for i, function in enumerate(found.jacobian):
        alike(proved.jacobian, i, function)
    for i, block in enumerate(found.blocks):
        alike(proved.weights, i, block.g)
    for i, function in enumerate(found.slopes):
        alike(proved.slopes, i, function)
    sides = folded.residuals(found.output.series, _constants(folded, known, q))
    difference = [a - b for a, b in zip(*sides, strict=True)]
    products = _Products(difference, abs(difference[0]), found.output.error)
    scale = Fraction(2, len(problem))
    turned = _turned(folded, known, limit.size)
    gram, second = _gram(folded, found, turned, scale)[0], _bends(folded, found, products, scale)[0]
    mine = second_derivatives(limit, chart, proved, ar)
    for a, b, one, both in zip(mine.gram, mine.whole, gram, second, strict=True):
        first = np.array([[v / UNIT for v in row] for row in one.rows])
        other = np.array([[v / UNIT for v in row] for row in both.rows])
        assert np.allclose(a.mid * float(scale), first, rtol=1e-9, atol=1e-11)
        assert np.allclose(b.mid * float(scale), first + other, rtol=1e-9, atol=1e-11)


def _floats(vector: Any) -> list[float]:
    return [m / (1 << vector.scale) for m in vector.mid]


STATEMENTS: dict[str, tuple[Callable[[Any, Any], None], str]] = {
    "the region ends before the limit": (
        lambda row, line: line["path"].update(radii=[line["path"]["radii"][0], ["1*2^-90"] * 11]),
        "does not reach the critical point",
    ),
    "no region": (lambda row, line: line["path"].pop("radii"), "radii: missing"),
    "no path": (lambda row, line: line.update(path=None), "path: given for"),
    "a path with a region": (lambda row, line: row.update(relation="path"), "for the relation contained only"),
    "polished with a region": (lambda row, line: row.update(relation="polished"), "path: given for"),
    "moved": (lambda row, line: row.update(moved=0.5), "was not moved"),
}


@pytest.mark.parametrize("name", STATEMENTS)
def test_rows_say_what_the_region_proves(name: str, results: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("certify.checker.run.check_path", lambda *_: None)  # what rows say is looked at alone
    folder = tmp_path / "results"
    shutil.copytree(results, folder)
    change, complaint = STATEMENTS[name]
    rows = [json.loads(text) for text in (folder / "verdicts.jsonl").read_text().splitlines()]
    lines = [json.loads(text) for text in (folder / "witnesses.jsonl").read_text().splitlines()]
    change(rows[0], lines[0])
    change_lines(folder, "verdicts.jsonl", lambda known: known.__setitem__(slice(None), rows))
    change_lines(folder, "witnesses.jsonl", lambda known: known.__setitem__(slice(None), lines))
    outcome = check(folder, problem=None, arithmetic="integer", jobs=1, budget=100.0)
    assert outcome.code != 0
    assert any(complaint in reason for reason in outcome.rejected + outcome.unreadable), outcome


@pytest.mark.parametrize("name", ["wide boxes", "off the floor"])
def test_a_directory_with_a_false_region_is_refused(name: str, results: Path, tmp_path: Path):
    """Nothing is patched here: the row relies on what the check of its path says."""
    folder = Path(shutil.copytree(results, tmp_path / "results"))
    change, complaint = FALSE[name]
    change_lines(folder, "witnesses.jsonl", lambda lines: change(lines[0]["path"]))
    outcome = verdict(folder)
    assert outcome.code == 4
    assert any(complaint in reason for reason in outcome.rejected), outcome


def test_regions_are_for_these_charts_alone():
    pair = Diverging("pair", 2, 0)
    assert covers(Chart([], [], [pair, pair], 1))
    assert covers(Chart([], [], [pair, MIRRORED, ZERO], 1))
    assert covers(Chart([], [], [MIRRORED, MIRRORED], 0))
    assert not covers(Chart([2], [0], [pair], 1))
    assert not covers(Chart([2], [0], [MIRRORED, ZERO], 1))
    assert covers(Chart([], [], [Diverging("split+", 3, 0)], 1))
    assert covers(Chart([], [], [MIRRORED, Diverging("zero", 2, 0)], 1))
    assert not covers(Chart([], [], [Diverging("split+", 3, 1), MIRRORED], 1))
    assert not covers(Chart([], [], [MIRRORED, Diverging("zero", 2, 1)], 1))
    assert covers(Chart([], [], [MIRRORED, MIRRORED, ZERO], 1))
    assert not covers(Chart([], [], [ZERO], 1))
    assert not covers(Chart([], [], [Diverging("zero", 2, 1)], 1))
    assert not covers(Chart([], [], [MIRRORED, Diverging("triple+", 3, 1)], 1))
    assert not covers(Chart([], [], [pair], 1, bias=True))
    assert not covers(Chart([], [], [], 1))


def test_copies_are_opened_and_two_neurons_near_zero_become_a_pair():
    pair, crossed = Diverging("pair", 2, 0), Diverging("zero", 2, 1)
    assert covers(opened(Chart([2], [0], [pair], 1)).outer)
    assert covers(opened(Chart([2], [0], [MIRRORED, ZERO], 1)).outer)
    assert opened(Chart([], [], [pair, crossed], 1)).outer == Chart([], [], [pair, pair], 1)
    assert not covers(opened(Chart([], [], [MIRRORED, crossed], 1)).outer), "shares there are not tied to K"
    for flipped in (1, 2):
        split = opened(Chart([], [], [Diverging("zero", 3, flipped)], 1))
        assert split.outer == Chart([], [], [Diverging("split+", 3, 0)], 1)
        assert split.order == ([2, 0, 1, 3] if flipped == 1 else [0, 1, 2, 3])
    assert not covers(opened(Chart([], [], [Diverging("zero", 4, 2)], 1)).outer)
    assert not covers(opened(Chart([2], [0], [], 1)).outer)
