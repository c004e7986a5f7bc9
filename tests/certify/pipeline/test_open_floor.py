"""Regions in open charts: copies as neurons of their own, two neurons near zero as a pair."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from functools import cache
from itertools import pairwise

import numpy as np
import pytest
from ambient import Copies, ambient, ambient_loss, bowl, by_limit
from channel_run import BESIDE, COPIES, CROSSED, SPLIT, ZEROS, channel_points, channel_run

from certify.arithmetic import Enclosures
from certify.arithmetic.arb import Arb
from certify.arithmetic.midrad import Float64Enclosures
from certify.pipeline.classification import _with_path
from certify.pipeline.floor import holds_limit, reached, trace_valley
from certify.proofs.path import Descent, first_place
from certify.proofs.proof import Failure
from certify.proofs.verdict import CriticalObject, Relation, Verdict
from sweep.kernels.compiled import prepare
from symmetry.arithmetic import Float64
from symmetry.infinity.charts import Chart
from symmetry.network import Exact, exact
from symmetry.paths.release import Place, piece, released
from symmetry.problem import Problem
from symmetry.regions.opening import Opening

ALL = [COPIES, CROSSED, SPLIT, ZEROS, BESIDE]
RUNS = pytest.mark.parametrize("run", ALL)
NAMES = {
    COPIES: ("copies2+pair", "pair"),
    CROSSED: ("zero2-1", "pair"),
    SPLIT: ("split-3", "split-3"),
    ZEROS: ("zero3-2", "split+3"),
    BESIDE: ("mirrored+zero2", "mirrored+zero2"),
}
PARTED = [SPLIT, ZEROS, BESIDE]
"""Those with copies in a diverging group."""


def known(run: int) -> tuple[Problem, Verdict, CriticalObject, Opening, Descent]:
    problem, verdict = channel_run(run)
    assert verdict.object is not None
    assert verdict.object.chart is not None
    assert verdict.descent is not None
    return problem, verdict, verdict.object, Opening(verdict.object.chart), verdict.descent


@cache
def places(run: int) -> list[Place]:
    """Along the region, in the open chart, the saved point's first."""
    _, _, _, opening, descent = known(run)
    saved = channel_points(run).network(0).permuted(descent.order)
    size = opening.outer.units[-1].place.stop
    after = [Place(row[:size], tuple(row[size:].tolist())) for row in descent.places]
    return [first_place(opening.outer, saved)[1], *after]


def ties(run: int) -> Exact | None:
    _, _, _, opening, _ = known(run)
    shares = opening.shares(places(run)[-1].q)
    assert shares is not None
    return opening.ties(shares) if opening.inner.copies else None


def proved(
    problem: Problem,
    chart: Chart,
    ends: tuple[Place, ...],
    radii: np.ndarray,
    t: Exact | None,
    apart: Fraction,
    a: Enclosures | None = None,
) -> bool:
    curve = piece(chart, *ends)
    assert curve is not None
    return bowl(chart.objective(problem), chart, curve, radii, a or Float64Enclosures(), t, apart)


def smallest(
    problem: Problem, chart: Chart, q: Exact, eps: list[Fraction], t: Exact | None, copies: Copies | None = None
) -> float:
    """The smallest eigenvalue of ``TᵀF_qqT`` at a finite network; the float64 Hessian of its weights, contracted."""
    matrix = by_limit(chart, q, eps, copies)
    matrix = matrix if t is None else matrix @ t.astype(float)
    theta = ambient(chart, q, eps, copies).astype(float)
    hessian = matrix.T @ ambient_loss(problem, chart).evaluate(theta, Float64(), 2).hessian @ matrix
    return float(np.linalg.eigvalsh(hessian)[0])


def all_small(chart: Chart, q: Exact, free: tuple[Fraction, ...]) -> list[Fraction]:
    """``ε`` of all diverging groups, also of the last of two that share a constant."""
    return [*free, 1 / (released(chart) @ q - 1 / free[0])] if chart.balanced else list(free)


def copies_in(chart: Chart, apart: Fraction, rng: np.random.Generator) -> Copies:
    """Shares, and ``y`` whose longest entries are ``apart``."""
    out = {}
    for group in chart.shared:
        shares = exact(rng.integers(1, 16, len(group.copied)))
        y = exact(rng.choice([-1, 1], (len(group.copied), 2)))
        y = y - (shares / shares.sum()) @ y
        longest = abs(y).max()
        out[group] = (shares / shares.sum(), y * (apart / longest if longest else 0))
    return out


@RUNS
def test_the_saved_point_is_contained(run: int):
    _, verdict, found, opening, descent = known(run)
    assert found.chart is not None
    assert (found.chart.name, opening.outer.name) == NAMES[run]
    assert verdict.relation is Relation.CONTAINED
    assert len(descent.radii) == len(descent.places)
    assert (descent.apart > 0) is (run in PARTED)


@RUNS
def test_the_region_begins_at_the_saved_point(run: int):
    """Its copies in diverging groups are nearer to each other than the region allows."""
    _, _, _, opening, descent = known(run)
    saved, chart, start = channel_points(run).network(0).permuted(descent.order), opening.outer, places(run)[0]
    eps = all_small(chart, start.q, start.eps)
    copies = {}
    for group, e in zip(chart.diverging, eps, strict=True):
        if group.copied:
            members = [group.members[k] for k in group.copied]
            shares, unit = saved.a[members] / saved.a[members].sum(), 4 * e if group.kind == "zero" else e * e
            y = (saved.w[members] - shares @ saved.w[members]) / unit
            assert abs(y).max() < descent.apart
            copies[group] = (shares, y)
    assert np.all(ambient(chart, start.q, eps, copies)[:-1] == saved.theta())


@RUNS
def test_sampled_networks_of_the_region_are_as_proved(run: int):
    problem, _, _, opening, descent = known(run)
    chart, rng, loss = opening.outer, np.random.default_rng(0), ambient_loss(known(run)[0], known(run)[3].outer)
    for (start, end), radii in zip(pairwise(places(run)), descent.radii, strict=True):
        curve = piece(chart, start, end)
        assert curve is not None
        for t in (Fraction(1, 2), Fraction(1)) if curve.last else (Fraction(-1), Fraction(1)):
            q = sum(part * t**k for k, part in enumerate(curve.q)) + exact(radii * rng.choice([-1, 1], len(radii)))
            pairs = list(zip(start.eps, end.eps, strict=True))
            eps = tuple(e * t if curve.last else (e + g + (g - e) * t) / 2 for e, g in pairs)
            copies, sides = copies_in(chart, descent.apart, rng), []
            assert smallest(problem, chart, q, all_small(chart, q, eps), ties(run), copies) > 0
            for more in (Fraction(1), Fraction(101, 100)):
                theta = ambient(chart, q, all_small(chart, q, tuple(e * more for e in eps)), copies)
                sides.append(loss.evaluate(theta.astype(float), Float64(), 0).loss[0])
            assert sides[1] > sides[0]


@RUNS
def test_other_arithmetic_finds_the_same(run: int):
    problem, _, _, opening, descent = known(run)
    ends = tuple(places(run)[-2:])
    assert proved(problem, opening.outer, ends, descent.radii[-1], ties(run), descent.apart, Arb(106))


@pytest.mark.parametrize("run", PARTED)
def test_copies_too_far_apart_in_a_diverging_group_are_not_proved(run: int):
    problem, _, found, opening, descent = known(run)
    assert found.box is not None
    ends, t = tuple(places(run)[-2:]), ties(run)
    assert proved(problem, opening.outer, ends, descent.radii[-1], t, descent.apart)
    assert not proved(problem, opening.outer, ends, descent.radii[-1], t, Fraction(4))
    theta = channel_points(run).theta()[0].copy()
    group = next(g for g in opening.outer.diverging if g.copied)
    first, second = (descent.order[group.members[k]] for k in group.copied[:2])
    theta[2 * first] += 0.5
    theta[2 * second] -= 0.5
    traced = trace_valley(
        problem, prepare(problem), opening.inner, descent.order, found.box.center, theta, arithmetic="auto"
    )
    assert isinstance(traced, Failure)


def test_shares_are_kept_because_otherwise_nothing_is_definite():
    """In the direction of shares ``F_qq`` is 0 where copies are equal: without ties there is no region."""
    problem, _, _, opening, descent = known(COPIES)
    ends = tuple(places(COPIES)[-2:])
    thin = descent.radii[-1] * 2.0**-40
    assert proved(problem, opening.outer, ends, thin, ties(COPIES), Fraction(0))
    assert not proved(problem, opening.outer, ends, thin, None, Fraction(0))


def test_a_share_of_the_wrong_sign_is_not_proved():
    """``B`` is positive definite there: with shares (3/2, −1/2) the copies part downhill."""
    problem, _, _, opening, _ = known(COPIES)
    here, last = places(COPIES)[-2:]
    n, d = len(opening.owners), 2

    def with_shares(place: Place) -> Place:
        q = place.q.copy()
        total = q[n * d] + q[n * d + 1]
        q[n * d], q[n * d + 1] = total * Fraction(3, 2), -total / 2
        return Place(q, place.eps)

    shares = opening.shares(with_shares(last).q)
    assert shares is not None
    assert shares[:2].tolist() == [Fraction(3, 2), Fraction(-1, 2)]
    t, ends = opening.ties(shares), (with_shares(here), with_shares(last))
    assert smallest(problem, opening.outer, ends[0].q, list(ends[0].eps), t) < 0
    thin = np.full(len(last.q), 2.0**-60)
    assert not proved(problem, opening.outer, ends, thin, t, Fraction(0))


def test_where_b_is_indefinite_nothing_is_proved():
    """Labels on the other side of the network: ``B`` of the copies changes its sign with the residuals."""
    problem, _, _, opening, _ = known(COPIES)
    ends = tuple(places(COPIES)[-2:])
    limit, thin = opening.outer.objective(problem), np.full(len(ends[0].q), 2.0**-60)
    _, r = limit.outputs(ends[-1].q.astype(float), Float64(), 0)
    turned = replace(problem, teacher=None, given_labels=limit.data(Float64()).y + 2 * r)
    assert proved(problem, opening.outer, ends, thin, ties(COPIES), Fraction(0))
    assert smallest(turned, opening.outer, ends[0].q, list(ends[0].eps), ties(COPIES)) < 0
    assert not proved(turned, opening.outer, ends, thin, ties(COPIES), Fraction(0))


@RUNS
def test_wide_boxes_are_not_proved(run: int):
    problem, _, _, opening, descent = known(run)
    ends, t = tuple(places(run)[-2:]), ties(run)
    assert proved(problem, opening.outer, ends, descent.radii[-1], t, descent.apart)
    for k in range(len(descent.radii[-1])):
        wide = descent.radii[-1].copy()
        wide[k] = 1.0
        assert not proved(problem, opening.outer, ends, wide, t, descent.apart), k


@pytest.mark.parametrize("far", [0.5, 0.05])
def test_copies_too_far_apart_have_no_region(far: float):
    problem, _, found, opening, descent = known(COPIES)
    assert found.box is not None
    theta = channel_points(COPIES).theta()[0].copy()
    first, second = descent.order[:2]
    theta[2 * first] += far
    theta[2 * second] -= far
    traced = trace_valley(
        problem, prepare(problem), opening.inner, descent.order, found.box.center, theta, arithmetic="auto"
    )
    assert isinstance(traced, Failure)


@RUNS
def test_the_limit_lies_in_the_last_box_or_not(run: int):
    _, _, found, opening, descent = known(run)
    assert found.box is not None
    assert holds_limit(opening.inner, descent, found.box)
    assert not holds_limit(opening.inner, replace(descent, radii=descent.radii * 2.0**-60), found.box)


def test_a_share_that_may_vanish_in_the_last_box_is_none():
    _, _, found, opening, descent = known(COPIES)
    assert found.box is not None
    wide = descent.radii.copy()
    wide[-1, opening.copied] = np.abs(descent.places[-1][: len(opening.copied)][opening.copied].astype(float)) * 2
    assert not holds_limit(opening.inner, replace(descent, radii=wide), found.box)


@pytest.mark.parametrize("run", ALL)
def test_where_the_loss_falls_with_epsilon_nothing_is_proved(run: int):
    """Labels on the other side of the limit network: the residuals, and every ``κ``, change their signs."""
    problem, _, _, opening, descent = known(run)
    ends, thin = tuple(places(run)[-2:]), np.full(len(places(run)[-1].q), 2.0**-60)
    limit = opening.outer.objective(problem)
    _, r = limit.outputs(ends[-1].q.astype(float), Float64(), 0)
    turned = replace(problem, teacher=None, given_labels=limit.data(Float64()).y + 2 * r)
    assert proved(problem, opening.outer, ends, thin, ties(run), descent.apart)
    assert not proved(turned, opening.outer, ends, thin, ties(run), descent.apart)


@pytest.mark.parametrize("run", [COPIES, CROSSED, ZEROS])
def test_the_end_is_a_limit_of_the_chart_or_none(run: int):
    """Copies that stay apart, or a pair away from zero, are no end of a path in the chart."""
    _, verdict, _, opening, descent = known(run)
    assert reached(opening.inner, descent) is not None
    rows = descent.places.copy()
    rows[-1, 0 if run == COPIES else -6] += Fraction(1, 2**50)
    moved = replace(descent, places=rows)
    assert reached(opening.inner, moved) is None
    polished = replace(verdict, relation=Relation.POLISHED, descent=None)
    answer = {"descent": moved.to_json(), "zero": None}
    assert _with_path(polished, answer, channel_points(run).network(0)) is polished
