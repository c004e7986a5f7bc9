"""Paths in charts with triples or a quintic group: reading, expansions against mpmath, runs to infinity.

And what is no path.
"""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import mpmath
import numpy as np
import pytest
from library import small
from on_piece import network_at, value

from certify.arithmetic.midrad import Float64Enclosures
from certify.checker.arb import Arb
from certify.checker.charts import Chart as KnownChart
from certify.checker.charts import read_chart
from certify.checker.folded import Folded, fold
from certify.checker.path import check_path
from certify.checker.points import Points
from certify.checker.problems import read_problem
from certify.checker.reading import Rejected, Unreadable
from certify.checker.release import Place, first_place, residuals
from certify.pipeline.locate import locate
from certify.pipeline.trace import trace_to_limit
from certify.proofs.path import Descent
from certify.proofs.path import first_place as proved_place
from certify.proofs.proof import dyadic
from certify.results.stored_problem import write_problem
from sweep.kernels.compiled import prepare
from sweep.points import read_points
from symmetry.infinity.charts import Chart, Group, chart_from_json, chart_of
from symmetry.network import Network, exact
from symmetry.paths.release import Piece, piece, toward
from symmetry.paths.release import Place as ProvedPlace
from symmetry.paths.release import residuals as proved_residuals
from symmetry.problem import Problem, load_problem

F = Fraction
BITS = 500
STRUCTURES = {
    "triple+": [Group("triple+", (0, 1, 2))],
    "triple-": [Group("triple-", (0, 1, 2))],
    "copies and a triple": [Group("copies", (3, 4)), Group("triple-", (0, 1, 2))],
    "pair and triple": [Group("pair", (0, 1)), Group("triple+", (2, 3, 4))],
    "two triples": [Group("triple+", (0, 1, 2)), Group("triple-", (3, 4, 5))],
    "quintic": [Group("quintic", (0, 1, 2))],
    "copies, pair and quintic": [Group("copies", (0, 1)), Group("pair", (2, 3)), Group("quintic", (4, 5, 6))],
    "triple and quintic": [Group("triple-", (0, 1, 2)), Group("quintic", (3, 4, 5))],
    "flipped, and zero": [Group("triple-", (0, 1, 2), 1), Group("zero", (3,))],
    "flipped, and mirrored": [Group("mirrored", (3, 4)), Group("triple+", (0, 1, 2), 1)],
    "flipped, and two more": [Group("mirrored", (3, 4)), Group("triple+", (0, 1, 2), 1), Group("zero", (5,))],
}


def made(name: str, seed: int) -> tuple[Chart, KnownChart, random.Random]:
    rng, problem = random.Random(seed), small()
    chart = chart_of(7, 2, STRUCTURES[name]).normal()
    return chart, read_chart(json.loads(json.dumps(chart.to_json())), 7, stored(problem)), rng


def stored(problem: Problem) -> Any:
    """The problem as the checker reads it."""
    from tempfile import TemporaryDirectory

    with TemporaryDirectory() as folder:
        write_problem(Path(folder), problem)
        return read_problem(Path(folder) / "problem.json")


def random_numbers(rng: random.Random, count: int, scale: int) -> list[Fraction]:
    return [F(rng.randint(-64, 64), 64 * scale) for _ in range(count)]


def random_piece(chart: Chart, rng: random.Random, *, last: bool) -> tuple[ProvedPlace, ProvedPlace, Piece]:
    size = chart.units[-1].place.stop
    q = exact(random_numbers(rng, size, 1))
    eps: list[Fraction] = []
    for group in chart.diverging:
        if group in chart.triples:
            tau = 1 if group.kind == "triple+" else -1
            p, r = F(rng.randint(3, 8), 32), F(rng.randint(-3, 3), 128)
            eps += [tau * F(rng.randint(60, 68), 64), *random_numbers(rng, 1, 2), p, r]
        elif group in chart.quintics:
            p, r = F(rng.randint(3, 8), 32), F(rng.randint(-11, -4), 128)
            eps += [F(rng.randint(60, 68), 64), *random_numbers(rng, 1, 2), p, r]
        elif group != chart.dependent:
            eps.append(F(1, rng.choice([-12, 12, 20])))
    start = ProvedPlace(q, tuple(eps))
    onward = q + exact(random_numbers(rng, size, 32))
    there = toward(chart, start, onward, F(0) if last else F(rng.randint(55, 62), 64))
    end = ProvedPlace(onward, there.eps)
    curve = piece(chart, start, end)
    assert curve is not None
    return start, end, curve


def known_place(place: ProvedPlace) -> Place:
    return Place(place.q.tolist(), list(place.eps))


@pytest.mark.parametrize("name", STRUCTURES)
def test_the_place_of_a_network_is_that_of_the_provers(name: str) -> None:
    chart, known, rng = made(name, 1)
    w, a = (np.array(random_numbers(rng, n, 1), dtype=object) for n in (14, 7))
    if chart.copies:
        w[2:4] = w[:2]
    network = Network(w.reshape(7, 2), a)
    nodes = [[F(1, 3), F(-1, 5)], [F(2, 3), F(1, 5)]][: len(chart.noded)]
    mine = proved_place(chart, network, nodes)[1]
    neurons = tuple(zip(map(tuple, network.w.tolist()), a.tolist(), strict=True))
    other = first_place(known, neurons, nodes)
    assert other.q == mine.q.tolist()
    assert other.eps == list(mine.eps)


@pytest.mark.parametrize("last", [False, True], ids=["finite", "to infinity"])
@pytest.mark.parametrize("name", STRUCTURES)
def test_expansions_against_networks_in_mpmath(name: str, last: bool) -> None:
    """Residuals and their derivatives by ``τ`` lie within the bounds of the rest, near infinity too; both programs."""
    chart, known, rng = made(name, 2)
    problem, ar = small(), Float64Enclosures()
    objective, given = chart.objective(problem), stored(problem)
    folded = fold(given, Points(256))
    assert 0 < sum(folded.paired.lower()) < len(folded.data.y)
    start, end, curve = random_piece(chart, rng, last=last)
    sides, rest, to_infinity = residuals(folded, known, known_place(start), known_place(end))
    assert to_infinity is last
    proved = proved_residuals(objective, chart, curve, ar)
    assert proved is not None
    series = _by_input(folded, sides, rest)
    for k, (mine, bound) in enumerate(series):
        for j, coefficient in enumerate(mine):
            assert ar.lower(proved.coefficients[j])[k, 0] <= coefficient + F(1, 2**150)
            assert ar.upper(proved.coefficients[j])[k, 0] >= coefficient - F(1, 2**150)
        # sup|σ''| is not rounded alike, and the rest of the provers is an enclosure
        assert float(bound) == pytest.approx(float(ar.upper(proved.rest)[k, 0]), rel=4e-3)
        assert not last or abs(mine[1]) < F(1, 2**150)
    times = [F(1, 2**12), F(rng.randint(1, 63), 64), F(1)] if last else [F(-1), F(rng.randint(-63, 63), 64), F(1)]
    for t in times:
        found = _truth(problem, chart, curve, t)
        for (mine, bound), (at, slope) in zip(series, found, strict=True):
            with mpmath.workprec(BITS):
                away = at - _number(value(mine, t))
                turn = slope - _number(value([k * c for k, c in enumerate(mine)][1:], t))
                tiny = mpmath.mpf(2) ** -150
                assert abs(away) <= _number(bound * abs(t) ** 6) + tiny
                assert abs(turn) <= 6 * _number(bound * abs(t) ** 5) + tiny


def test_the_rest_is_of_the_sixth_order_and_not_of_the_seventh() -> None:
    chart, known, rng = made("flipped, and zero", 3)
    given = stored(small())
    folded = fold(given, Points(256))
    start, end, curve = random_piece(chart, rng, last=True)
    sides, rest, _ = residuals(folded, known, known_place(start), known_place(end))
    series = _by_input(folded, sides, rest)
    missed = []
    for t in (F(1, 16), F(1, 32)):
        found = _truth(small(), chart, curve, t)
        missed.append(max(abs(at - _number(value(mine, t))) for (mine, _), (at, _) in zip(series, found, strict=True)))
    assert 50 < missed[0] / missed[1] < 80


def _by_input(folded: Folded, sides: list[list[Any]], rest: Any) -> list[tuple[list[Fraction], Fraction]]:
    """Of each input, in the order of the problem, the coefficients, midpoints, and the bound of the rest."""
    found, columns = {}, [v.lower() for v in folded.data.x]
    for sign, side in zip((1, -1), sides, strict=False):
        for k, row in enumerate(zip(*columns, strict=True)):
            if sign > 0 or folded.paired.lower()[k]:
                middles = [(part.lower()[k] + part.upper()[k]) / 2 for part in side]
                found[tuple(sign * v for v in row)] = (middles, rest.upper()[k])
    return [found[tuple(F(float(v)) for v in row)] for row in small().inputs.exact_values]


def _number(value: Fraction) -> Any:
    with mpmath.workprec(BITS):
        return mpmath.mpf(value.numerator) / value.denominator


def _truth(problem: Problem, chart: Chart, curve: Piece, t: Fraction) -> list[tuple[Any, Any]]:
    """Residuals and their derivatives at ``t``, from the networks there and ``2^-100`` before and after."""
    step, out = F(1, 2**100), []
    networks = [network_at(chart, curve, at) for at in (t, t + step, t - step)]
    assert problem.teacher is not None
    with mpmath.workprec(BITS):
        for x in problem.inputs.exact_values:
            label = _output(problem.teacher, x)
            at, after, before = (_output(network, x) - label for network in networks)
            out.append((at, (after - before) / (2 * _number(step))))
    return out


def _output(network: Network, x: Any) -> Any:
    total = mpmath.mpf(0)
    for w, a in zip(network.w, network.a, strict=True):
        total += _number(a) / (
            1 + mpmath.exp(-_number(sum((v * F(float(y)) for v, y in zip(w, x, strict=True)), F(0))))
        )
    return total


# ------------------------------------------------------------------------------------------------------ runs


Run = tuple[dict[str, Any], Any, Any]
RUNS = [(5, 567, "triple+"), (5, 753, "triple+-1+zero"), (6, 667, "pair+quintic")]


@pytest.fixture(scope="module", params=RUNS, ids=lambda run: run[2])
def run(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A line of witnesses.jsonl of a shipped run, the chart of its certificate, and the problem."""
    width, index, name = request.param
    problem = load_problem("thesis")
    points = read_points(f"data/adam/width{width}", dimension=2).take([index])
    located = locate(problem, prepare(problem), points.theta()[0].copy(), width, "auto", True)
    limit = next(v for v in located.limits if v.chart.name == name)
    chart = limit.chart
    place = (chart, limit.order, limit.q, np.full(len(limit.q), 1e-6))
    found = trace_to_limit(problem, prepare(problem), located.vertices, *place, arithmetic="auto", max_bits=106)
    assert isinstance(found, Descent)
    candidate = Network.from_theta(exact(points.theta()[0]), 2)
    folder = tmp_path_factory.mktemp("problem")
    write_problem(folder, problem)
    path = {key: part for key, part in found.to_json().items() if key != "theorem"}
    return _line(candidate, path), json.loads(json.dumps(chart.to_json())), read_problem(folder / "problem.json")


def _line(candidate: Network, path: Any) -> Any:
    w, a = [[dyadic(x) for x in row] for row in candidate.w], [dyadic(x) for x in candidate.a]
    return json.loads(json.dumps({"candidate": {"w": w, "a": a}, "path": path}))


@pytest.fixture(scope="module")
def short(run: Run) -> Run:
    """The last two pieces of the path, from the exact network where they begin."""
    line, given, problem = run
    chart, path = chart_from_json(given), line["path"]
    size = chart.units[-1].place.stop
    rows = [[F(_text(v)) for v in row] for row in path["places"][-3:]]
    places = [ProvedPlace(exact(row[:size]), tuple(row[size:])) for row in rows]
    curve = piece(chart, places[0], places[1])
    assert curve is not None
    network = network_at(chart, curve, F(-1))
    nodes = [[dyadic(v) for v in places[0].eps[-2:]]]
    order = list(range(chart.width))
    begun = path | {"vertices": [], "places": path["places"][-2:], "nodes": nodes, "order": order}
    return _line(network, begun | {"bent": [], "bends": []}), given, problem


def _text(number: str) -> Fraction:
    mantissa, _, exponent = number.partition("*2^")
    return F(mantissa) * F(2) ** int(exponent or 0)


def verdict(line: Any, chart: Any, problem: Any, arithmetic: Any = Points) -> str:
    try:
        check_path(line, chart, problem, lambda bits: fold(problem, arithmetic(bits)))
    except (Rejected, Unreadable) as error:
        return str(error)
    return "verified"


def test_the_first_pieces_of_a_run(run: Run) -> None:
    line = copy.deepcopy(run[0])
    assert len(line["path"]["nodes"]) == 1
    assert len(line["path"]["places"]) > 4
    del line["path"]["places"][3:]
    assert verdict(line, *run[1:]) == "verified"


@pytest.mark.parametrize("arithmetic", [Points, Arb])
def test_its_last_pieces(short: Run, arithmetic: Any) -> None:
    assert verdict(*short, arithmetic) == "verified"


def _set(place: int, entry: int, text: str) -> Callable[[Any], None]:
    return lambda path: path["places"][place].__setitem__(entry, text)


def _exchange_nodes(path: Any) -> None:
    path["places"][0][-2:] = path["places"][0][-2:][::-1]


FALSE: dict[str, tuple[Callable[[Any], None], str]] = {
    "equal nodes": (lambda path: path["nodes"][0].__setitem__(1, path["nodes"][0][0]), "are equal"),
    "no nodes": (lambda path: path["nodes"].clear(), "expected two for each triple and quintic group"),
    "a node without the other": (lambda path: path["nodes"][0].pop(), "entries, expected"),
    "nodes that meet": (_exchange_nodes, " meet"),
    "μ or ν is 0": (_set(0, -4, "0"), " is 0"),
    "μ or ν is another one in the end": (_set(-1, -4, "5*2^-2"), " meet|changes its sign"),
    "p is not 0 in the end": (_set(-1, -1, "1*2^-30"), " meet|changes its sign"),
    "another place at infinity": (
        lambda path: path["places"].append(path["places"][-1]),
        "beyond infinity|changes its sign",
    ),
    "back from infinity": (lambda path: path["places"].append(path["places"][0]), "beyond infinity|changes its sign"),
    "another limit": (_set(-1, 0, "3*2^0"), "not proved to fall"),
    "up again": (lambda path: path["places"].insert(1, _wider(path["places"][0])), "not proved to fall"),
    "nodes without a chart": (lambda path: path.update(closing=0, places=[], order=[]), "for closing 3 only"),
}


def _wider(row: list[str]) -> list[str]:
    return [*row[:-2], *(dyadic(3 * _text(v)) for v in row[-2:])]


@pytest.mark.parametrize("name", FALSE)
def test_what_is_no_path(short: Run, name: str) -> None:
    line, chart, problem = copy.deepcopy(short[0]), short[1], short[2]
    change, message = FALSE[name]
    change(line["path"])
    # beside a pair at infinity
    assert any(part in verdict(line, chart, problem) for part in message.split("|"))


def test_any_nodes_will_do(short: Run) -> None:
    line, chart, problem = copy.deepcopy(short[0]), short[1], short[2]
    # outputs of a quintic group are large, and so is the change of Σap
    unit = F(1, 2**32 if chart["groups"][-1][0] == "quintic" else 2**12)
    line["path"]["nodes"][0] = [dyadic(_text(v) * (1 + k * unit)) for k, v in enumerate(line["path"]["nodes"][0], 1)]
    assert verdict(line, chart, problem) == "verified"


def test_another_flipped_member(short: Run) -> None:
    """The neurons in another order; where one is flipped, another one."""
    line, chart, problem = copy.deepcopy(short[0]), short[1], short[2]
    order, (first, _, last) = line["path"]["order"], chart["groups"][-1 if len(chart["groups"][-1][1]) == 3 else 0][1]
    order[first], order[last] = order[last], order[first]
    assert "path: place 0" in verdict(line, chart, problem)


def test_the_other_triple(short: Run) -> None:
    """``τ`` of the other sign: ``μ`` never gets there."""
    line, chart, problem = short[0], copy.deepcopy(short[1]), short[2]
    if chart["groups"][-1][0] == "quintic":
        # three neurons for a triple: q has as many numbers
        chart["groups"] = [["pair", [0, 1]], ["triple+", [2, 3, 4]]]
        assert "place 0: the loss is not proved to fall" in verdict(line, chart, problem)
        return
    chart["groups"][0][0] = {"triple+": "triple-", "triple-": "triple+"}[chart["groups"][0][0]]
    assert "nodes of a triple meet" in verdict(line, chart, problem)


def test_the_loss_that_rises_towards_a_limit(short: Run) -> None:
    """``κ < 0``: labels such that the residuals at the limit have the other sign, on the same way."""
    line, given, problem = short
    folded = fold(problem, Points(192))
    known = read_chart(given, len(line["candidate"]["a"]), problem)
    size = chart_from_json(given).units[-1].place.stop
    rows = [[_text(v) for v in row] for row in line["path"]["places"]]
    start, end = (Place(row[:size], row[size:]) for row in rows)
    sides, _, _ = residuals(folded, known, start, end)
    # 2r(∞) more: r becomes −r where nothing else changes
    y, other = (side[0] * 2 for side in sides)
    turned = Folded(
        _relabelled(folded.data, folded.data.y + y),
        folded.paired,
        folded.other + other,
        folded.reflection,
        folded.count,
    )
    told = check_with(line, given, problem, turned)
    assert "place 1" in told or "place 0" in told
    assert check_with(line, given, problem, folded) == "verified"


def _relabelled(data: Any, y: Any) -> Any:
    again = copy.copy(data)
    again.y = y
    return again


def check_with(line: Any, chart: Any, problem: Any, folded: Folded) -> str:
    try:
        check_path(line, chart, problem, lambda bits: folded)
    except (Rejected, Unreadable) as error:
        return str(error)
    return "verified"
