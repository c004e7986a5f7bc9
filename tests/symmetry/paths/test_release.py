"""Curves in a chart's coordinates: their expansions hold the residuals of the networks on them, up to infinity."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from math import comb
from typing import Any

import numpy as np
import pytest
from library import ALONG_PATHS, small
from on_piece import network_at

from certify.arithmetic.arb import Arb
from symmetry.arithmetic import Float64
from symmetry.infinity.charts import Chart, Group, chart_of
from symmetry.network import Exact, Network, exact
from symmetry.objective import SquareLoss
from symmetry.paths.release import Piece, Place, approx_residuals, piece, place_of, residuals, toward
from symmetry.series import added, quotient

RNG = np.random.default_rng(5)
F = Fraction
TRIPLE = {tau: (F(tau) * F(17, 16), F(-3, 8), F(5, 32), F(1, 64)) for tau in (1, -1)}
"""``μ, α, p_1, p_2``."""

QUINTIC = (F(17, 16), F(-3, 8), F(5, 32), F(-3, 64))
"""``ν, α, p_1, p_2``."""

CHARTS: dict[str, tuple[Chart, tuple[Fraction, ...]]] = {
    "pair": (chart_of(3, 2, [Group("pair", (0, 1))]), (F(1, 4),)),
    "two pairs": (chart_of(4, 2, [Group("pair", (0, 1)), Group("pair", (2, 3))]), (F(1, 4), F(-1, 5))),
    "mirrored and zero": (chart_of(3, 2, [Group("mirrored", (0, 1)), Group("zero", (2,))]), (F(1, 8),)),
    "two mirrored": (chart_of(4, 2, [Group("mirrored", (0, 1)), Group("mirrored", (2, 3))]), (F(-1, 8),)),
    "a pair beside them": (
        chart_of(6, 2, [Group("pair", (0, 1)), Group("mirrored", (2, 3)), Group("mirrored", (4, 5))]),
        (F(1, 4), F(1, 8)),
    ),
    "three share": (
        chart_of(5, 2, [Group("mirrored", (0, 1)), Group("mirrored", (2, 3)), Group("zero", (4,))]),
        (F(1, 8), F(1, 8)),
    ),
    "triple": (chart_of(4, 2, [Group("triple-", (0, 1, 2))]), TRIPLE[-1]),
    "pair and triple": (chart_of(5, 2, [Group("pair", (0, 1)), Group("triple+", (2, 3, 4))]), (F(-1, 4), *TRIPLE[1])),
    "flipped triple and zero": (chart_of(5, 2, [Group("triple+", (0, 1, 2), 1), Group("zero", (3,))]), TRIPLE[1]),
    "mirrored and flipped triple": (
        chart_of(5, 2, [Group("mirrored", (0, 1)), Group("triple-", (2, 3, 4), 1)]),
        TRIPLE[-1],
    ),
    "three share, one a triple": (
        chart_of(7, 2, [Group("mirrored", (0, 1)), Group("triple-", (2, 3, 4), 1), Group("zero", (5,))]),
        (F(1, 8), *TRIPLE[-1]),
    ),
    "quintic": (chart_of(4, 2, [Group("quintic", (0, 1, 2))]), QUINTIC),
    "pair and quintic": (
        chart_of(5, 2, [Group("pair", (0, 1)), Group("quintic", (2, 3, 4))]),
        (F(-1, 4), *QUINTIC),
    ),
    "pair, triple and quintic": (
        chart_of(8, 2, [Group("pair", (0, 1)), Group("triple-", (2, 3, 4)), Group("quintic", (5, 6, 7))]),
        (F(1, 8), *TRIPLE[-1], *QUINTIC),
    ),
    "copies only": (chart_of(3, 2, [Group("copies", (0, 1))]), ()),
    "flipped split and zero": (chart_of(4, 2, [Group("split-", (0, 1, 2), 1), Group("zero", (3,))]), (F(-1, 8),)),
    "flipped copies alone": (chart_of(5, 2, [Group("split+", (0, 1, 2), 2), Group("mirrored", (3, 4))]), (F(1, 8),)),
    "two flipped splits": (
        chart_of(8, 2, [Group("split+", (0, 1, 2), 1), Group("split-", (3, 4, 5), 1), Group("zero", (6,))]),
        (F(1, 4), F(-1, 8)),
    ),
    "a flipped split and two": (
        chart_of(7, 2, [Group("split-", (0, 1, 2), 1), Group("mirrored", (3, 4)), Group("zero", (5,))]),
        (F(-1, 8), F(1, 16)),
    ),
}

SHARES = {
    "flipped split and zero": [[F(3, 8), F(5, 8)]],
    "flipped copies alone": [[F(1, 4), F(3, 4)]],
    "two flipped splits": [[F(2, 3), F(1, 3)], [F(1, 8), F(7, 8)]],
    "a flipped split and two": [[F(5, 6), F(1, 6)]],
}
"""Of the copies of splits, all but the first members; the last are flipped."""


def flipped(name: str) -> tuple[Fraction, ...]:
    groups = zip(CHARTS[name][0].turned, SHARES.get(name, []), strict=True)
    return tuple(sum(shares[len(shares) - group.flipped :], F(0)) for group, shares in groups)


def made(name: str, *, to_infinity: bool) -> tuple[Chart, SquareLoss, Piece]:
    chart, eps = CHARTS[name]
    objective = chart.objective(small())
    q = exact(np.round(RNG.normal(size=objective.size) * 64) / 128)
    onward = q + exact(np.round(RNG.normal(size=objective.size)) / 256)
    start = Place(q, eps, flipped(name))
    share = F(0) if to_infinity else F(7, 8)
    found = piece(chart, start, Place(onward, toward(chart, start, onward, share).eps))
    assert found is not None
    return chart, objective, found


def finite(name: str, curve: Piece, t: Fraction) -> Network:
    """The network at ``t``."""
    chart, _ = CHARTS[name]
    if chart.noded:
        return network_at(chart, curve, t)
    q, eps = at(curve, t)
    return chart.network(q, [e for e, (_, count) in zip(eps, chart.free, strict=True) if count], SHARES.get(name, ()))


def at(curve: Piece, t: Fraction) -> tuple[Exact, list[Fraction]]:
    def value(polynomial: list[Fraction]) -> Fraction:
        return sum((v * t**k for k, v in enumerate(polynomial)), F(0))

    q: Any = curve.q[0] + curve.q[1] * t + curve.q[2] * t * t
    return q, [value(n) / value(d) for n, d in curve.eps]


@pytest.mark.parametrize("arithmetic", ["midrad", "arb106"])
@pytest.mark.parametrize("to_infinity", [False, True], ids=["finite", "to infinity"])
@pytest.mark.parametrize("name", CHARTS)
def test_the_expansion_holds_the_networks_on_the_way(name: str, to_infinity: bool, arithmetic: str):
    chart, objective, curve = made(name, to_infinity=to_infinity)
    assert curve.last is (to_infinity and bool(chart.diverging))
    a, sharp = ALONG_PATHS[arithmetic](), Arb(300)
    found = residuals(objective, chart, curve, a)
    assert found is not None
    coefficients = [(a.lower(c)[:, 0], a.upper(c)[:, 0]) for c in found.coefficients]
    rest = a.upper(found.rest)[:, 0]
    if curve.last:  # no residual changes to first order
        assert np.all(coefficients[1][0] <= 0)
        assert np.all(coefficients[1][1] >= 0)
    for t in (F(1, 4), F(1, 2), F(1)) if curve.last else (F(-1), F(-1, 3), F(0), F(1)):
        network = finite(name, curve, t)
        r = SquareLoss.of_network(small(), chart.width).outputs(sharp.array(network.theta()), sharp, 0)[1]
        k = len(coefficients)
        low = sum(np.minimum(c[0] * t**j, c[1] * t**j) for j, c in enumerate(coefficients)) - rest * abs(t) ** k
        high = sum(np.maximum(c[0] * t**j, c[1] * t**j) for j, c in enumerate(coefficients)) + rest * abs(t) ** k
        assert np.all(low <= sharp.upper(r))
        assert np.all(sharp.lower(r) <= high)


@pytest.mark.parametrize(
    "name",
    [
        "pair",
        "mirrored and zero",
        "triple",
        "mirrored and flipped triple",
        "quintic",
        "pair and quintic",
        "flipped split and zero",
    ],
)
def test_the_rest_is_of_the_sixth_order(name: str):
    """What the polynomial misses falls like ``t^6`` towards infinity: nothing of lower order is left out."""
    chart, objective, curve = made(name, to_infinity=True)
    sharp = Arb(300)
    found = residuals(objective, chart, curve, sharp)
    assert found is not None
    missed = []
    for t in (F(1, 4), F(1, 8)):
        network = finite(name, curve, t)
        r = SquareLoss.of_network(small(), chart.width).outputs(sharp.array(network.theta()), sharp, 0)[1]
        polynomial = sum(np.array([float(x) for x in sharp.lower(c)[:, 0]]) * float(t) ** j
                         for j, c in enumerate(found.coefficients))  # fmt: skip
        missed.append(np.abs(np.array([float(x) for x in sharp.lower(r)]) - polynomial).max())
    assert missed[1] < missed[0] / 40


@pytest.mark.parametrize("name", SHARES)
def test_the_place_of_a_network_with_flipped_splits(name: str):
    """Read off its network a place has the shares of flipped copies; with others it is one of other networks."""
    chart, _, curve = made(name, to_infinity=False)
    network = finite(name, curve, F(1, 3))
    place = place_of(chart, network)
    assert place.flipped == flipped(name)
    assert np.all(place.q == at(curve, F(1, 3))[0])
    assert np.all(finite(name, curve, F(1, 3)).theta() == chart.network(place.q, place.eps, SHARES[name]).theta())
    there = piece(chart, place, place)
    other = piece(chart, replace(place, flipped=tuple(v / 2 for v in place.flipped)), place)
    assert there is not None
    assert other is not None
    assert at(there, F(0))[1] == at(curve, F(1, 3))[1]
    assert at(other, F(0))[1] != at(there, F(0))[1]


def test_paths_need_something_else_to_balance_flipped_splits():
    splits = [Group("split+", (0, 1, 2), 1), Group("split-", (3, 4, 5), 1)]
    assert not chart_of(6, 2, splits).plain
    assert chart_of(7, 2, [*splits, Group("zero", (6,))]).plain
    assert not chart_of(8, 2, [*splits, Group("zero", (6, 7), 1)]).plain
    assert chart_of(8, 2, [*splits, Group("zero", (6, 7))]).plain


def test_no_piece_leads_over_infinity():
    chart, _ = CHARTS["two pairs"]
    q = exact(np.ones(chart.units[-1].place.stop))
    for start, end in [((1, 1), (1, -1)), ((1, 1), (0, 1)), ((0, 1), (1, 1)), ((0, 0), (1, 1))]:
        places = [Place(q, tuple(F(v, 4) for v in eps)) for eps in (start, end)]
        assert piece(chart, *places) is None
    assert piece(chart, Place(q, (F(1, 4), F(1, 4))), Place(q, (F(0), F(0)))) is not None


@pytest.mark.parametrize("seed", range(4))
def test_quotients(seed: int):
    rng = np.random.default_rng(seed)
    n = [F(int(v), 7) for v in rng.integers(-9, 9, 3)]
    d = [F(20), *(F(int(v), 3) for v in rng.integers(-9, 9, 2))]
    found = quotient(n, d, 5)
    assert found is not None
    series, bounds = found
    product = [sum((series[i] * d[k - i] for i in range(k + 1) if k - i < len(d)), F(0)) for k in range(6)]
    assert product == [*n, *[F(0)] * 3]
    for t in (F(-1), F(0), F(1, 2), F(1)):
        # the series about another point
        moved = [sum((v[k] * comb(k, i) * t ** (k - i) for k in range(i, 3)), F(0)) if i < 3 else F(0)
                 for v in (n, d) for i in range(7)]  # fmt: skip
        other = quotient(moved[:7], moved[7:], 5)
        own: list[Fraction] = []
        for k in range(7):
            own.append((moved[k] - sum((moved[7 + i] * own[k - i] for i in range(1, k + 1)), F(0))) / moved[7])
        assert all(abs(c) <= b for c, b in zip(own, bounds, strict=True))
        assert other is None or other[0] == own[:6]


def test_quotients_that_may_be_infinite():
    assert quotient([F(1)], [F(1), F(1)], 5) is None
    assert quotient([F(1)], [F(1), F(99, 100)], 5) is not None


@pytest.mark.parametrize(
    ("name", "to_infinity"),
    [(name, last) for name in CHARTS for last in (False, True) if name != "copies only" or not last],
)
def test_approximate_residuals_are_those_of_the_expansion(name: str, to_infinity: bool):
    chart, objective, curve = made(name, to_infinity=to_infinity)
    times = np.array([1.0, 0.5, 0.25])
    found = approx_residuals(objective, chart, curve, times)
    if chart.triples:
        assert found is None
        return
    line = residuals(objective, chart, curve, Float64())
    assert line is not None
    assert found is not None
    for t, column in zip(times, found.residuals.T, strict=True):
        off = np.abs(column - sum(c[:, 0] * t**k for k, c in enumerate(line.coefficients)))
        assert np.all(off <= line.rest[:, 0] * t ** len(line.coefficients) + 1e-13 * max(found.largest))


@pytest.mark.parametrize("seed", range(4))
def test_fractions_are_added_over_one_denominator_where_they_have_one(seed: int):
    rng = np.random.default_rng(seed)
    n, m, d, e = ([F(int(v), 5) for v in rng.integers(1, 9, size)] for size in (1, 2, 2, 3))
    for right in ((m, e), (m, [F(-3, 7) * v for v in d]), (m, [F(0), *d]), (m, d)):
        above, below = added((n, d), right)
        for t in (F(1, 3), F(5)):
            values = [sum(v * t**k for k, v in enumerate(part)) for part in (n, d, *right, above, below)]
            assert values[4] / values[5] == values[0] / values[1] + values[2] / values[3]
        assert (below == d) == (len(right[1]) == 2)


def test_bounds_of_long_quotients_count_every_coefficient():
    """``τ^5/1`` has first and second coefficients about ``τ = 1``, of 5 and 10."""
    found = quotient([*[F(0)] * 5, F(1)], [F(1)], 1)
    assert found == ([0, 0], [1, 5, 10])


@pytest.mark.parametrize("last", [False, True])
@pytest.mark.parametrize("second", [F(1, 2), F(-3, 4), F(5, 7)])
def test_small_numbers_in_one_proportion_leave_a_short_quotient(second: Fraction, last: bool):
    """On a short piece far out nothing is lost: the last ``ε`` is nearly linear in ``τ``, and so are its bounds."""
    chart = chart_of(6, 2, [Group("mirrored", (0, 1)), Group("mirrored", (2, 3)), Group("mirrored", (4, 5))])
    q = exact(np.random.default_rng(0).integers(-64, 64, chart.units[-1].place.stop) / 64)
    ends = [tuple(e * share for e in (F(1, 32), second / 32)) for share in (F(1), F(0) if last else F(1, 4))]
    curve = piece(chart, *(Place(q, eps) for eps in ends))
    assert curve is not None
    numerator, denominator = curve.eps[-1]
    assert (len(numerator), len(denominator)) == (2, 4)
    for t in (F(1, 2), F(1)):
        free = [e + (g - e) * (1 - t if last else (1 + t) / 2) for e, g in zip(*ends, strict=True)]
        value = [sum(v * t**k for k, v in enumerate(part)) for part in (numerator, denominator)]
        at = chart.network(q, free)
        assert value[0] / value[1] == chart.read(at.w, at.a)[1][-1]  # type: ignore[arg-type]
    known = quotient(numerator, denominator, 3)
    assert known is not None
    assert known[1][2] < known[1][1] / 4
