"""Paths in charts with saturated neurons: expansions against mpmath, a run to infinity, and what is no path."""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import mpmath
import numpy as np
import pytest
from library import small

from certify.arithmetic.arb import Arb
from certify.checker.charts import read_chart
from certify.checker.folded import fold
from certify.checker.path import check_path
from certify.checker.points import Points
from certify.checker.problems import read_problem
from certify.checker.reading import Rejected
from certify.checker.release import Place, residuals
from certify.checker.steps import read_step
from certify.pipeline.classification import classify_points
from certify.proofs.path import first_place
from certify.proofs.proof import dyadic
from certify.proofs.verdict import Relation
from certify.results.stored_problem import write_problem
from sweep.points import read_points
from symmetry.arithmetic import Float64
from symmetry.infinity.charts import Chart, Group, chart_of
from symmetry.lines import slopes
from symmetry.network import Network, exact
from symmetry.paths.release import Piece, piece
from symmetry.paths.release import Place as ProvedPlace
from symmetry.paths.release import residuals as proved_residuals
from symmetry.paths.saturated_way import SaturatedWay
from symmetry.paths.ways import PairWay
from symmetry.problem import Inputs, Problem, load_problem

F = Fraction
GROUPS = {
    "alone": [Group("saturated", (0,), normal=(1, 1))],
    "beside a pair": [Group("pair", (0, 1)), Group("saturated", (2,), normal=(-1, -1))],
    "a constant": [Group("mirrored", (0, 1)), Group("zero", (2,)), Group("saturated", (3,), normal=(1, -1))],
    "two": [Group("saturated", (0,), normal=(1, 1)), Group("saturated", (1,), normal=(0, 1))],
}


def stored(problem: Problem) -> Any:
    """The problem as the checker reads it."""
    with TemporaryDirectory() as folder:
        write_problem(Path(folder), problem)
        return read_problem(Path(folder) / "problem.json")


def chart(name: str) -> Chart:
    return chart_of(sum(len(g.members) for g in GROUPS[name]) + 1, 2, GROUPS[name]).normal()


def known_chart(found: Chart, problem: Problem) -> Any:
    return read_chart(json.loads(json.dumps(found.to_json())), found.width, stored(problem))


def random_piece(found: Chart, rng: random.Random, *, last: bool) -> tuple[ProvedPlace, ProvedPlace]:
    size = found.units[-1].place.stop
    q = exact([F(rng.randint(-64, 64), 64) for _ in range(size)])
    # a step that changes much, or nothing but ρ
    scale = rng.choice([0, 1])
    change = exact([F(rng.randint(-64, 64) * scale, 64) for _ in range(size)])
    small_ones, onward = [], []
    for group in found.diverging:
        if group != found.dependent:
            first = F(1, rng.randint(1, 4)) if group.kind == "saturated" else F(rng.choice([-1, 1]), rng.randint(4, 9))
            small_ones.append(first)
            onward.append(F(0) if last else first * F(7, 8))
    return ProvedPlace(q, tuple(small_ones)), ProvedPlace(q + change, tuple(onward))


def mp(value: Fraction) -> Any:
    return mpmath.mpf(value.numerator) / value.denominator


def output(found: Chart, curve: Piece, gaps: dict[Group, Fraction], x: list[Fraction], t: Any) -> Any:
    """The network at ``t`` on one input, from what the coordinates mean."""
    q = [mp(a) + t * mp(b) + t * t * mp(c) for a, b, c in zip(*curve.q, strict=True)]
    z, d, m = [mp(v) for v in x], len(x), len(found.ordinary)

    def sigma(s: Any) -> Any:
        return 1 / (1 + mpmath.exp(-s))

    def dot(v: list[Any]) -> Any:
        return sum(a * b for a, b in zip(v, z, strict=True))

    out = sum((q[m * d + k] * sigma(dot(q[k * d : (k + 1) * d])) for k in range(m)), mpmath.mpf(0))
    for group, way in zip(found.diverging, curve.ways, strict=True):
        block = q[found.place(group)]
        if isinstance(way, SaturatedWay):
            rho = mp(way.rho[0]) + t * mp(way.rho[1])
            if way.last:
                rho -= 2 * mpmath.log(t) / mp(gaps[group])
            omega = block[:-1]
            omega.insert(group.axis, mpmath.mpf(0))
            out += block[-1] * sigma(dot([rho * n + v for n, v in zip(group.normal, omega, strict=True)]))
            continue
        assert isinstance(way, PairWay)
        eps = sum(mp(v) * t**k for k, v in enumerate(way.eps[0])) / sum(mp(v) * t**k for k, v in enumerate(way.eps[1]))
        if group.kind == "zero":
            out += block[0] + (sigma(4 * eps * dot(block[1:])) - mpmath.mpf(1) / 2) / eps
        else:
            s, e = dot(block[:d]), eps * dot(block[d : 2 * d])
            out += block[2 * d] * (sigma(s + e) + sigma(s - e)) / 2 + (sigma(s + e) - sigma(s - e)) / (2 * eps)
    return out


def gaps_of(found: Chart, inputs: list[list[Fraction]]) -> dict[Group, Fraction]:
    return {
        g: min(abs(v) for x in inputs if (v := sum(n * w for n, w in zip(g.normal, x, strict=True))))
        for g in found.saturated
    }


@pytest.mark.parametrize("last", [False, True])
@pytest.mark.parametrize("name", GROUPS)
def test_both_expansions_hold_the_networks_and_their_slopes(name: str, last: bool) -> None:
    problem, found = small(), chart(name)
    for seed in range(4):
        start, end = random_piece(found, random.Random(f"{name} {seed}"), last=last)
        curve = piece(found, start, end)
        assert curve is not None
        inputs = exact(problem.inputs.exact_values).tolist()
        ar = Arb(160)
        proved = proved_residuals(found.objective(problem), found, curve, ar)
        assert proved is not None
        folded = fold(stored(problem), Points(192))
        places = [Place(v.q.tolist(), list(v.eps)) for v in (start, end)]
        sides, rest, to_infinity = residuals(folded, known_chart(found, problem), *places)
        assert to_infinity == last
        kept = [list(x) for x in zip(*folded.data.columns, strict=True)]
        with mpmath.workdps(50):
            for n, x in enumerate(inputs):
                proofs = [
                    ([float(ar.approx(v)[n, 0]) for v in proved.coefficients], ar.approx(proved.rest)[n, 0], 1e-15)
                ]
                if x in kept:
                    i = kept.index(x)
                    proofs.append(([mp(v.lower()[i]) for v in sides[0]], mp(rest.upper()[i]), mpmath.mpf(10) ** -40))
                label = output_label(problem, x)
                for t in (0.9, 0.4, 0.1) if last else (-1, -0.3, 0.5, 1):
                    s = mpmath.mpf(t)
                    for coefficients, bound, unit in proofs:
                        left = what_is_left(found, curve, inputs, x, label, coefficients)
                        assert abs(left(s)) <= bound * abs(s) ** 6 + unit
                        if last:
                            assert (
                                abs(mpmath.diff(left, s)) <= 6 * bound * abs(s) ** 5 + 10 * unit + mpmath.mpf(10) ** -15
                            )
        if last:
            assert all(np.all(ar.approx(proved.coefficients[k]) == 0) for k in (1, 3, 5)) or name == "a constant"


def what_is_left(
    found: Chart, curve: Piece, inputs: list[list[Fraction]], x: list[Fraction], label: Any, terms: list[Any]
) -> Callable[[Any], Any]:
    """The residual at ``x`` less a polynomial, as a function of ``t``."""
    gaps = gaps_of(found, inputs)
    return lambda t: output(found, curve, gaps, x, t) - label - sum(v * t**k for k, v in enumerate(terms))


def output_label(problem: Problem, x: list[Fraction]) -> Any:
    teacher = problem.teacher
    assert teacher is not None
    return sum(
        mp(a) / (1 + mpmath.exp(-sum(mp(w) * mp(v) for w, v in zip(row, x, strict=True))))
        for row, a in zip(teacher.w.tolist(), teacher.a.tolist(), strict=True)
    )


def test_an_input_between_the_nearest_and_three_times_as_far_is_refused() -> None:
    """There ``e^{−ρνδ}`` is no power of ``T``, and not small enough to be left out: 2 is the exception."""
    found = chart("alone")
    start, end = random_piece(found, random.Random(1), last=True)
    curve = piece(found, start, end)
    assert curve is not None
    places = [Place(v.q.tolist(), list(v.eps)) for v in (start, end)]
    # n·x = 0, ±1/4, and ±1/4 times another number
    for nu, fits in ((F(1), True), (F(5, 4), False), (F(2), True), (F(5, 2), False), (F(3), True), (F(13, 4), True)):
        table = [[0.5, -0.5], [0.125, 0.125], [0.25, float(nu / 4) - 0.25]]
        values = np.array([*table, *[[-v for v in x] for x in table]])
        problem = Problem("steps", small().activation, Inputs(axes=None, table=values), None, np.ones(len(values)))
        proved = proved_residuals(found.objective(problem), found, curve, Arb(106))
        assert (proved is not None) == fits
        folded = fold(stored(problem), Points(192))
        if fits:
            residuals(folded, known_chart(found, problem), *places)
        else:
            with pytest.raises(Rejected, match="between one and three times"):
                residuals(folded, known_chart(found, problem), *places)


@pytest.mark.parametrize("sign", [1, -1])
def test_with_a_negative_kappa_nothing_falls_to_infinity(sign: int) -> None:
    """``q`` rests, and only ``e^{−ρδ}`` goes to 0: the loss falls exactly where ``κ > 0``."""
    found = chart("alone")
    group, objective = found.saturated[0], found.objective(small())
    q = exact([F(1, 2), F(-1, 4), F(1, 2), F(1, 8), F(0)])
    q[-1] = F(1, 64)
    term = objective.terms[found.term(group)]
    block = q[found.place(group)].astype(np.float64)
    data = objective.data(Float64())
    r = objective.outputs(q.astype(np.float64), Float64(), 0)[1]
    kappa = float(np.asarray(r).ravel() @ np.asarray(term.outputs(block, data, Float64(), 0).correction()).ravel())
    # φ is linear in a, and r changes little with it
    q[-1] *= sign * (1 if kappa > 0 else -1)
    start, end = ProvedPlace(q, (F(1, 24),)), ProvedPlace(q, (F(0),))
    curve = piece(found, start, end)
    assert curve is not None
    line = proved_residuals(objective, found, curve, Float64())
    assert line is not None
    assert bool(np.all(slopes(line, Float64(), even=True) > 0)) == (sign > 0)


def test_rho_is_positive() -> None:
    found = chart("alone")
    start, end = random_piece(found, random.Random(2), last=False)
    folded, known = fold(stored(small()), Points(192)), known_chart(found, small())
    for first, second in ((F(-1, 9), F(-1, 10)), (F(1, 9), F(-1, 9)), (F(0), F(1, 9)), (F(-1, 9), F(0))):
        places = [ProvedPlace(v.q, (e,)) for v, e in zip((start, end), (first, second), strict=True)]
        assert piece(found, *places) is None
        with pytest.raises(Rejected, match="not positive"):
            residuals(folded, known, *(Place(v.q.tolist(), list(v.eps)) for v in places))
    assert read_step((2, -1), ([F(4), F(1)], F(3))) == ([F(3), F(3)], [F(1, 2)])
    with pytest.raises(Rejected, match="is 0"):
        read_step((2, -1), ([F(0), F(1)], F(3)))


# ------------------------------------------------------------------------------------------------------------ a run


@pytest.fixture(scope="module")
def run() -> tuple[dict[str, Any], Any, Any]:
    """A shipped run of width 5 in a pair beside a step, with its path; every piece beyond the first few left out."""
    problem = load_problem("thesis")
    points = read_points("data/adam/width5", dimension=2).take([522])
    (verdict,) = classify_points(problem, points, max_bits=106).verdicts
    assert verdict.relation is Relation.PATH
    assert verdict.object is not None
    assert verdict.object.chart is not None
    assert verdict.object.chart.name == "pair+saturated[1:1]"
    assert verdict.descent is not None
    network = points.network(0)
    candidate = {"w": [[dyadic(v) for v in row] for row in network.w], "a": [dyadic(v) for v in network.a]}
    path = {key: value for key, value in verdict.descent.to_json().items() if key != "theorem"}
    return {"candidate": candidate, "path": path}, verdict.object.chart.to_json(), stored(problem)


def test_the_path_of_a_run_is_verified(run: tuple[dict[str, Any], Any, Any]) -> None:
    line, found, problem = run
    folded = fold(problem, Points(192))
    check_path(line, found, problem, lambda bits: folded)


def reversed_places(line: dict[str, Any], found: Any) -> None:
    line["path"]["places"][:-1] = line["path"]["places"][:-1][::-1]


def less_saturated(line: dict[str, Any], found: Any) -> None:
    line["path"]["places"][0][-1] = "1/2"


def at_once(line: dict[str, Any], found: Any) -> None:
    del line["path"]["places"][:-1]


def another_direction(line: dict[str, Any], found: Any) -> None:
    found["groups"][-1][-1] = [1, 2]


def opposite_direction(line: dict[str, Any], found: Any) -> None:
    found["groups"][-1][-1] = [-1, -1]


@pytest.mark.parametrize(
    "change",
    [reversed_places, less_saturated, at_once, another_direction, opposite_direction],
    ids=lambda f: f.__name__,
)
def test_what_is_no_path_is_refused(
    run: tuple[dict[str, Any], Any, Any], change: Callable[[dict[str, Any], Any], None]
) -> None:
    line, found, problem = copy.deepcopy(run[0]), copy.deepcopy(run[1]), run[2]
    change(line, found)
    folded = fold(problem, Points(192))
    with pytest.raises(Rejected, match="path"):
        check_path(line, found, problem, lambda bits: folded)


def test_the_place_of_the_run_is_read_alike(run: tuple[dict[str, Any], Any, Any]) -> None:
    line, found, _ = run
    theta = [*(v for row in line["candidate"]["w"] for v in row), *line["candidate"]["a"]]
    from certify.proofs.proof import from_text
    from symmetry.infinity.charts import chart_from_json

    network = Network.from_theta(exact([from_text(v) for v in theta]), 2).permuted(line["path"]["order"])
    place = first_place(chart_from_json(found), network)[1]
    step = network.w[2]
    assert place.eps[-1] == 1 / step[0]
    assert place.q[-2:].tolist() == [step[1] - step[0], network.a[2]]
