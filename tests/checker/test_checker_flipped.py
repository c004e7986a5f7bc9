"""Paths into charts with splits of which copies are flipped: what they release, and what is refused."""

from __future__ import annotations

from copy import deepcopy
from fractions import Fraction
from random import Random

import numpy as np
import path_cases
import pytest
from cases import case

from certify.checker.charts import Chart, Diverging
from certify.checker.reading import Rejected
from certify.checker.release import all_ways, between, first_place
from certify.proofs.proof import dyadic, from_text
from symmetry.infinity.charts import Group, chart_of
from symmetry.network import exact
from symmetry.paths.release import Place, piece, place_of

NAME = "flipped beside unflipped"
F = Fraction
MIXED = {
    "beside a neuron near zero": ([Group("split-", (0, 1, 2), 1), Group("zero", (3,))], (F(-1, 8),)),
    "all copies": ([Group("split+", (0, 1, 2), 2), Group("mirrored", (3, 4))], (F(1, 8),)),
    "two": (
        [Group("split+", (0, 1, 2, 3), 2), Group("split-", (4, 5, 6), 1), Group("zero", (7,))],
        (F(1, 4), F(-1, 8)),
    ),
    "with a mirrored pair and a neuron": (
        [Group("split-", (0, 1, 2), 1), Group("mirrored", (3, 4)), Group("zero", (5,))],
        (F(-1, 8), F(1, 16)),
    ),
}


def charts(name: str):
    """The provers' chart, with an ordinary neuron, and the checker's."""
    groups, _ = MIXED[name]
    width = sum(len(g.members) for g in groups) + 1
    diverging = [Diverging(g.kind, len(g.members), g.flipped) for g in groups]
    return chart_of(width, 2, groups), Chart([], [], diverging, 1)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("name", MIXED)
def test_places_and_constants_are_those_of_the_networks(name: str, seed: int):
    """A network with shares of its own: its place, and the ``ε`` of the last group on pieces from there, as both
    programs have them, and as a network in the middle has it."""
    rng = Random(seed)
    (chart, known), (groups, eps) = charts(name), MIXED[name]
    assert chart.plain
    assert known.plain
    size = chart.units[-1].place.stop
    q, onward = (exact([F(rng.randint(-64, 64), 128) for _ in range(size)]) for _ in range(2))
    onward = q + (onward - q) / 64
    shares = []
    for group in (g for g in groups if g.copied):
        parts = [rng.randint(1, 9) for _ in group.copied]
        shares.append([F(v, sum(parts)) for v in parts])
    network = chart.network(q, eps, shares)
    neurons = tuple((tuple(w), a) for w, a in zip(network.w, network.a, strict=True))
    ours, theirs = first_place(known, neurons, []), place_of(chart, network)
    assert ours.q == list(q) == list(theirs.q)
    assert ours.eps == list(eps) == list(theirs.eps)
    expected = [
        sum(s[len(s) - g.flipped :], F(0)) for g, s in zip((g for g in groups if g.copied), shares, strict=True)
    ]
    assert list(ours.flipped.values()) == expected == list(theirs.flipped)
    ends = tuple(e * F(7, 8) for e in eps)
    curve = piece(chart, theirs, Place(onward, ends))
    assert curve is not None
    other, free, _ = between(known, ours, type(ours)(list(onward), list(ends)), 2)
    last = all_ways(known, other, free, 2, ours.flipped)[-1].eps
    for t in (F(-1), F(-1, 3), F(1, 2), F(1)):

        def at(part: list[Fraction], t: Fraction = t) -> Fraction:
            return sum((v * t**k for k, v in enumerate(part)), F(0))

        middle = chart.network(
            sum(part * t**k for k, part in enumerate(curve.q)), [at(n) / at(d) for n, d in curve.eps[:-1]], shares
        )
        own = place_of(chart, middle)
        group = groups[-1]
        a = [s * v for s, v in zip(group.signs, middle.a[list(group.members)], strict=True)]
        inverse = a[0] - a[1] if group.kind == "mirrored" else a[0]
        assert at(last[1]) / at(last[0]) == inverse == at(curve.eps[-1][1]) / at(curve.eps[-1][0])
        assert own.flipped == theirs.flipped


def test_the_path_is_verified_and_falls():
    own = path_cases.traced(NAME)
    path_cases.check_traced(own)
    assert path_cases.rises(NAME, own.line) == ""
    assert case(NAME).certificate["claim"]["chart"] == "split-3-1+zero"


def _refused(change) -> str:
    own = path_cases.traced(NAME)
    given = deepcopy(own.line)
    change(given)
    with pytest.raises(Rejected) as refusal:
        path_cases.check_traced(path_cases.Traced(own.object, own.row, given))
    return str(refusal.value)


def _outputs(given, change) -> None:
    a = [from_text(v) for v in given["candidate"]["a"]]
    change(a)
    given["candidate"]["a"] = [dyadic(F(float(v))) for v in a]


def test_another_share_of_flipped_copies_is_another_network():
    """Sum and difference of the outputs as before, but less of it is flipped: the constant is missing."""

    def less(a) -> None:
        half = a[2] / 2
        a[1], a[2] = a[1] - half, a[2] - half

    assert "not proved to fall" in _refused(lambda given: _outputs(given, less))


def test_shares_of_both_signs_are_refused():
    def over(a) -> None:
        whole = a[1] - a[2]
        a[1], a[2] = 2 * whole, whole

    assert _refused(lambda given: _outputs(given, over))


def test_epsilon_of_the_other_sign_is_refused():
    def turned(given) -> None:
        first = given["path"]["places"][0]
        first[-1] = dyadic(-from_text(first[-1]))

    assert "changes its sign" in _refused(turned)


def test_something_else_has_to_balance_them():
    splits = [Diverging("split+", 3, 1), Diverging("split-", 3, 1)]
    assert not Chart([], [], splits, 0).plain
    assert Chart([], [], [*splits, Diverging("zero", 1, 0)], 0).plain
    assert not Chart([], [], [*splits, Diverging("zero", 2, 1)], 0).plain
    assert not chart_of(6, 2, [Group("split+", (0, 1, 2), 1), Group("split-", (3, 4, 5), 1)]).plain


def test_regions_are_not_defined_about_them():
    own = path_cases.traced(NAME)
    size = len(own.line["path"]["places"][0]) - 1
    radii = {"radii": [["1*2^-30"] * size] * 2, "apart": "1*2^-6"}
    assert "not defined in this chart" in _refused(lambda given: given["path"].update(radii))
    assert np.array(own.line["path"]["vertices"]).size == 0
