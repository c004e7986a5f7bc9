"""Open charts: exact maps between limit networks."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from symmetry.arithmetic import Float64
from symmetry.infinity.charts import Chart, Group, chart_of
from symmetry.network import Exact, exact
from symmetry.problem import load_problem
from symmetry.regions.opening import Opening


def copies_beside(*groups: Group) -> Chart:
    """Two copies, three copies, the groups, and a neuron."""
    chart = chart_of(11, 2, [Group("copies", (0, 1, 2)), Group("copies", (3, 4)), *groups])
    return chart.normal()


CHARTS = {
    "copies and a pair": copies_beside(Group("pair", (5, 6))),
    "copies and two mirrored pairs": copies_beside(Group("mirrored", (5, 6)), Group("mirrored", (7, 8))),
    "copies, a pair and two neurons near zero": copies_beside(Group("pair", (5, 6)), Group("zero", (7, 8), 1)),
    "two neurons near zero": chart_of(3, 2, [Group("zero", (0, 1), 1)]).normal(),
    "a pair": chart_of(3, 2, [Group("pair", (0, 1))]).normal(),
}
EACH = pytest.mark.parametrize("name", CHARTS)


def drawn(name: str, seed: int = 0) -> tuple[Opening, Exact, Exact]:
    """The opening, a limit network and shares."""
    rng, opening = np.random.default_rng(seed), Opening(CHARTS[name])
    q = exact(rng.integers(-64, 65, opening.inner.units[-1].place.stop) / 32 + 1 / 128)
    parts = []
    for members in opening.inner.ordinary:
        free = [Fraction(int(v), 16) for v in rng.integers(-9, 9, len(members) - 1)]
        parts += [*free, 1 - sum(free, Fraction(0))]
    return opening, q, np.array(parts, dtype=object)


@EACH
def test_a_split_limit_network_has_the_same_output(name: str):
    problem, (opening, q, shares) = load_problem("thesis"), drawn(name)
    inner, outer = opening.inner.objective(problem), opening.outer.objective(problem)
    place = opening.split(shares) @ q
    sides = [o.outputs(v.astype(float), Float64(), 0)[1] for o, v in ((inner, q), (outer, place))]
    assert np.allclose(*sides, rtol=0, atol=1e-12)


@EACH
def test_finite_networks_of_both_charts_are_the_same(name: str):
    """At the same small numbers, where copies coincide and a pair has its middle at 0."""
    opening, q, shares = drawn(name)
    small = [Fraction(1, 64)] * sum(count for _, count in opening.inner.free)
    groups = np.split(shares, np.cumsum([len(m) for m in opening.inner.ordinary])[:-1])
    given = groups[: len(opening.inner.copies)]
    crossed = any(g.kind == "zero" and g.flipped for g in opening.inner.groups)
    if crossed:
        given = [*given, exact([Fraction(1, 2), Fraction(1, 2)])]
    mine = opening.inner.network(q, small, given)
    other = opening.outer.network(opening.split(shares) @ q, small)
    # ε of the zero group is 1/Σ(±a), which is 1/(a_i − a_j) of the pair
    assert np.all(mine.theta() == other.theta())


@EACH
def test_a_place_is_split_from_one_limit_network(name: str):
    opening, q, shares = drawn(name)
    place = opening.split(shares) @ q
    found = opening.limit(place)
    assert found is not None
    assert np.all(found == q)
    assert np.all(opening.shares(place) == shares)


@pytest.mark.parametrize("name", [name for name in CHARTS if name != "a pair"])
def test_other_places_are_not(name: str):
    opening, q, shares = drawn(name)
    place = opening.split(shares) @ q
    # w of a copy, or of the pair near zero
    place[0 if opening.inner.copies else -5] += Fraction(1, 2**80)
    assert opening.limit(place) is None


def test_outputs_that_cancel_have_no_shares():
    opening, q, shares = drawn("copies and a pair")
    place = opening.split(shares) @ q
    n = len(opening.owners)
    place[2 * n : 2 * n + 3] = exact([1, 1, -2])
    assert opening.shares(place) is None
    assert opening.limit(place) is None


@EACH
def test_ties_are_the_changes_that_keep_shares(name: str):
    opening, q, shares = drawn(name)
    t, place = opening.ties(shares), opening.split(shares) @ q
    moved = place + t @ exact(np.random.default_rng(1).integers(-8, 9, t.shape[1]) / 256)
    assert np.all(opening.shares(moved) == shares)
    extra = sum(len(members) - 1 for members in opening.inner.ordinary)
    assert t.shape[1] == len(place) - extra
    assert np.linalg.matrix_rank(t.astype(float)) == t.shape[1]
    # the directions of split limit networks are among them, where w does not part
    assert np.linalg.matrix_rank(np.concatenate([t, opening.split(shares)], axis=1).astype(float)) == t.shape[1]


@EACH
def test_which_coordinates_are_outputs_of_copies(name: str):
    opening, q, shares = drawn(name)
    place = opening.split(shares) @ q
    several = np.array([len(opening.inner.ordinary[k]) > 1 for k in opening.owners], dtype=bool)
    other = opening.split(shares + several) @ q
    assert np.all((place != other) == opening.copied)
    assert opening.copied.sum() == sum(len(group.members) for group in opening.inner.copies)
