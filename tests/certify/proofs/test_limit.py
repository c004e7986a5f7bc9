"""Plateaus and channels end to end: real runs, look-alikes, degenerate limits, and objects compared."""

from __future__ import annotations

import json
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from random import Random
from typing import Any

import flint
import numpy as np
import pytest
from library import arb, precision
from limit_cases import chart, planted, rationals, size

from certify.arithmetic.arb import Arb
from certify.pipeline.classification import Classification, classify_points
from certify.pipeline.locate import LimitPlace
from certify.proofs import limit
from certify.proofs.distinct import Comparison, compare, holds
from certify.proofs.inertia import Inertia
from certify.proofs.infinity import Channel
from certify.proofs.isolated import Certified, certify_isolated
from certify.proofs.krawczyk import Krawczyk
from certify.proofs.limit import limit_object
from certify.proofs.manifold import Split
from certify.proofs.proof import Failure
from certify.proofs.verdict import CriticalObject, Kind, Relation
from sweep.shards import read_shards
from symmetry.arithmetic import Float64
from symmetry.infinity.charts import Chart, Group
from symmetry.network import Exact, Points, exact
from symmetry.problem import Problem, load_problem

PROBLEM = load_problem("thesis")
ADAM = Path(__file__).parents[3] / "data" / "adam"

# a minimum of width 3 of the thesis problem, loss 1.21e-4, which runs of width 4 reach as a plateau (seed 27)
NARROW_RUN = (4, 27)
LOOK_ALIKES = {(4, 20): 5.0176e-5, (4, 29): 8.1651e-5, (5, 84): 6.9104e-5}
SETTLED = {
    (4, 3): "pair",
    (4, 32): "pair+pair",
    (4, 100): "mirrored+mirrored",
    (4, 57): "mirrored+zero",
    (4, 27): "copies2",
    (4, 149): "split+3",
    (5, 29): "copies2+pair",
    (5, 753): "triple+-1+zero",
    (5, 186): "mirrored+mirrored+zero",
    (6, 1): "pair+quintic",
}
RELATION = {
    **dict.fromkeys([(4, 3), (4, 32), (4, 57), (4, 100), (4, 149), (5, 29), (5, 186)], Relation.CONTAINED),
}


def saved(width: int, seeds: list[int]) -> Points:
    runs = read_shards(ADAM / f"width{width}")
    rows = [int(np.flatnonzero(runs.seed == seed)[0]) for seed in seeds]
    w, a = np.split(runs.theta[rows], [2 * width], axis=1)
    return Points(w.reshape(len(rows), width, 2).copy(), a.copy(), tuple(f"run {s}" for s in seeds), np.array(seeds))


@pytest.fixture(scope="module")
def classified() -> dict[int, Classification]:
    answers = {}
    for width in (4, 5, 6):
        seeds = [seed for w, seed in (*SETTLED, *LOOK_ALIKES) if w == width]
        answers[width] = classify_points(PROBLEM, saved(width, seeds))
    return answers


def verdict(classified: dict[int, Classification], run: tuple[int, int]) -> Any:
    return next(v for v in classified[run[0]].verdicts if v.seed == run[1])


def proof(found: CriticalObject, kind: type) -> Any:
    return next(p for p in found.proofs if isinstance(p, kind))


# --------------------------------------------------------------------------------------------------------- real runs


@pytest.mark.parametrize("run", SETTLED, ids=str)
def test_plateaus_and_channels_of_real_runs(run: tuple[int, int], classified: dict[int, Classification]) -> None:
    answer = verdict(classified, run)
    found = answer.object
    assert found.chart.name == SETTLED[run]
    assert answer.relation is RELATION.get(run, Relation.PATH)
    assert (answer.distance, answer.permutation, answer.witness) == (None, (), None)
    assert found.network is None
    assert found.not_global is True  # exact labels of a teacher of width 4
    assert found.loss[0] > 0
    assert found.level is None
    copies = found.chart.family
    assert (found.morse_index, found.nullity, found.manifold_dimension) == (0, copies, copies)
    if found.chart.diverging:
        assert found.kind is Kind.MINIMUM_AT_INFINITY
        assert found.strict is None
        assert len(proof(found, Channel).kappa_lower) == len(found.chart.conditions)
        assert all(low > 0 for low in proof(found, Channel).kappa_lower)
    else:
        assert found.kind is Kind.LOCAL_MINIMUM
        assert found.strict is False
        assert found.lambda_min == (0, 0)
    assert CriticalObject.from_json(json.loads(json.dumps(found.to_json()))).to_json() == found.to_json()


@pytest.mark.parametrize("run", LOOK_ALIKES, ids=str)
def test_finite_minima_that_imitate_channels(run: tuple[int, int], classified: dict[int, Classification]) -> None:
    answer = verdict(classified, run)
    assert answer.kind is Kind.LOCAL_MINIMUM
    found = answer.object
    assert found.chart is None
    assert found.strict is True
    assert found.nullity == 0
    assert found.lambda_min[0] > 0
    assert float(found.loss[0]) == pytest.approx(LOOK_ALIKES[run], rel=1e-4)
    assert found.network is not None
    assert max(abs(found.network.a)) > 3


def test_a_limit_at_infinity_is_not_global_only_where_the_infimum_is_known(
    classified: dict[int, Classification],
) -> None:
    found = verdict(classified, (4, 3)).object
    assert found.kind is Kind.MINIMUM_AT_INFINITY
    assert found.loss[0] > 0
    assert found.not_global is True
    # the same limit, the labels given as numbers: nothing is known of the infimum
    given = Problem("given", PROBLEM.activation, PROBLEM.inputs, None, PROBLEM.labels)
    again = limit_object(given, found.chart, (), found.box.center, arithmetic="auto", max_bits=106)
    assert isinstance(again, CriticalObject)
    assert again.kind is Kind.MINIMUM_AT_INFINITY
    assert again.not_global is None


def test_the_channel_lies_below_where_the_run_ended_and_the_rate_fits(classified: dict[int, Classification]) -> None:
    # (L − L_∞)/Σκε² at the exact network of the chart with output 500: the analogue of κ/(4a²)
    for run in ((4, 3), (4, 57), (4, 100), (4, 149), (5, 753)):
        found = verdict(classified, run).object
        box, kappas = proof(found, Krawczyk), proof(found, Channel)
        # a triple at p = ε (1, −1, 0) has h = ε²; its outputs are of the size 1/ε²
        small = [Fraction(1, 100), Fraction(-1, 100)] if found.chart.triples else [Fraction(1, 1000)]
        network = found.chart.network(box.center, small)
        w, a = network.w.astype(float), network.a.astype(float)
        r = (1 / (1 + np.exp(-PROBLEM.inputs.values @ w.T))) @ a - PROBLEM.labels
        above = float(r @ r) / len(PROBLEM) - float(found.loss[0])
        kappa = float(sum(kappas.kappa_lower))
        assert above == pytest.approx(kappa * float(small[0]) ** 2, rel=0.05)


def test_the_rate_of_three_neurons_near_zero(classified: dict[int, Classification]) -> None:
    # (L − L_∞)/(κ_1 ε² + κ_2 h) at the exact network of the chart: outputs of 10^15, so in 200 bits
    found = verdict(classified, (6, 1)).object
    box, kappas = proof(found, Krawczyk), proof(found, Channel)
    p = [Fraction(1, 750), Fraction(-1, 250), Fraction(1, 375)]
    network, teacher = found.chart.network(box.center, [Fraction(1, 10**5), *p[:2]]), PROBLEM.teacher
    assert teacher is not None
    with precision(200):
        total = flint.arb(0)
        for x in exact(PROBLEM.inputs.exact_values):
            student, labels = (
                sum((arb(a) / (1 + (-arb(w @ x)).exp()) for w, a in zip(n.w, n.a, strict=True)), flint.arb(0))
                for n in (network, teacher)
            )
            total += (student - labels) ** 2
        above = float((total / len(PROBLEM) - arb(sum(found.loss) / 2)).mid())
    assert len(kappas.kappa_lower) == 2
    predicted = float(kappas.kappa_lower @ [Fraction(1, 10**10), sum(x * x for x in p) / 2])
    assert above == pytest.approx(predicted, rel=0.05)


def test_classifying_in_another_order_gives_the_same_objects(classified: dict[int, Classification]) -> None:
    points = saved(4, [57, 27])
    order = [2, 0, 3, 1]
    moved = Points(points.w[:, order], points.a[:, order], points.source, points.seed)
    for other in classify_points(PROBLEM, moved).verdicts:
        here = verdict(classified, (4, other.seed))
        assert other.object is not None
        assert compare(here.object, other.object) is Comparison.SAME
        assert other.kind is here.kind


def test_different_limits_are_proved_different(classified: dict[int, Classification]) -> None:
    objects = [o for width in classified for o in classified[width].objects]
    for i, one in enumerate(objects):
        for j, other in enumerate(objects):
            assert compare(one, other) is (Comparison.SAME if i == j else Comparison.DIFFERENT)


# --------------------------------------------------------------------------------------- plateaus of a narrow minimum


@pytest.fixture(scope="module")
def narrow(classified: dict[int, Classification]) -> Exact:
    """A minimum of width 3, certified: ``(w_1, w_2, w_3, a_1, a_2, a_3)``, the first neuron split in the run."""
    box = verdict(classified, NARROW_RUN).object.box
    assert box is not None
    return box.center


def lifted(narrow: Exact, width: int, *signs: tuple[int, ...], copied: tuple[int, ...] = (0,)) -> CriticalObject:
    """The plateau of ``narrow`` in which the neurons ``copied`` stand for copies of these signs."""
    members, groups = iter(range(width)), []
    for s in signs:
        groups.append(Group("copies", tuple(next(members) for _ in s)))
    order = [*copied, *(j for j in range(3) if j not in copied)]
    q = np.concatenate([*(narrow[2 * j : 2 * j + 2] for j in order), narrow[[6 + j for j in order]]])
    found = limit_object(PROBLEM, Chart(width, 2, tuple(groups)), signs, q, arithmetic="auto", max_bits=212)
    assert isinstance(found, CriticalObject)
    return found


def test_every_split_of_a_narrow_minimum(narrow: Exact) -> None:
    for neuron in range(3):
        minimum = lifted(narrow, 4, (1, 1), copied=(neuron,))
        b = proof(minimum, Split)
        assert (b.curvature_positive + b.curvature_negative, b.positive, b.negative) == (2, 2, 0)
        for signs in ((1, 1), (1, -1), (1, 1, 1), (1, 1, -1), (1, -1, -1)):
            found = lifted(narrow, 2 + len(signs), signs, copied=(neuron,))
            plus, minus = signs.count(1), signs.count(-1)
            index = (plus - 1) * b.curvature_negative + minus * b.curvature_positive
            assert found.morse_index == index
            assert found.nullity == found.manifold_dimension == len(signs) - 1
            assert found.kind is (Kind.SADDLE if index else Kind.LOCAL_MINIMUM)
            assert found.level == (1 if index else None)  # three distinct neurons, the teacher has four
            assert found.lambda_min == (None if index else (0, 0))
            assert found.strict is (None if index else False)
            assert found.not_global is True


def test_two_neurons_split_at_once(narrow: Exact) -> None:
    one, other = lifted(narrow, 4, (1, -1), copied=(0,)), lifted(narrow, 4, (1, 1), copied=(1,))
    both = lifted(narrow, 5, (1, -1), (1, 1), copied=(0, 1))
    assert both.morse_index == (one.morse_index or 0) + (other.morse_index or 0)
    assert both.manifold_dimension == 2


def test_which_copies_have_which_signs_tells_plateaus_apart(narrow: Exact) -> None:
    here = lifted(narrow, 5, (1, -1), (1, 1), copied=(0, 1))
    order = lifted(narrow, 5, (1, 1), (1, -1), copied=(1, 0))
    exchanged = lifted(narrow, 5, (1, 1), (1, -1), copied=(0, 1))
    assert compare(here, order) is Comparison.SAME
    assert compare(here, exchanged) is Comparison.DIFFERENT
    assert here.box is not None
    assert here.chart is not None
    assert holds(here, here.chart, ((1, -1), (1, 1)), here.box.center)
    assert holds(here, here.chart, ((-1, 1), (1, 1)), here.box.center)  # the order of the copies is no matter
    assert not holds(here, here.chart, ((1, 1), (1, -1)), here.box.center)
    assert not holds(here, here.chart, ((1, 1), (1, 1)), here.box.center)
    assert order.box is not None
    assert holds(here, here.chart, ((1, 1), (1, -1)), order.box.center)


def test_copies_of_a_network_without_loss_stay_undecided() -> None:
    # the teacher with a neuron twice: r = 0, so B = 0; it is a global minimum, which another theorem says
    teacher = PROBLEM.teacher
    assert teacher is not None
    found = limit_object(
        PROBLEM, chart("copies2", ordinary=3), ((1, 1),), teacher.theta(), arithmetic="auto", max_bits=212
    )
    assert isinstance(found, Failure)
    assert found.code == "singular-split"


# --------------------------------------------------------------------------------------------------- degenerate limits


def object_of(problem: Problem, found: Chart, q: Any, max_bits: int = 212) -> CriticalObject | Failure:
    signs = tuple((1,) * len(group.members) for group in found.copies)
    return limit_object(problem, found, signs, exact(q), arithmetic="auto", max_bits=max_bits)


def test_a_kappa_near_0_climbs_to_a_precision_that_decides() -> None:
    found = chart("pair")
    q = rationals(Random(0), size(found)).astype(float)
    problem = planted(found, q, kappas=[3e-16], seed=0, count=200)
    coarse = object_of(problem, found, q, max_bits=53)
    assert isinstance(coarse, Failure)
    assert coarse.code == "kappa-sign"
    fine = object_of(problem, found, q)
    if isinstance(fine, Failure):
        assert fine.code == "in-transit"
    else:
        assert fine.bits > 53
        assert 0 < proof(fine, Channel).kappa_upper[0] < Fraction(1, 10**14)


@pytest.mark.parametrize("name", ["pair", "triple+"])
def test_a_pair_without_a_direction_is_no_channel(name: str) -> None:
    # u = 0: the two neurons are copies with outputs that diverge, φ = 0
    found = chart(name)
    for seed in range(4):
        q = rationals(Random(seed), size(found)).astype(float)
        unit = next(u for u in found.units if u.kind == name)
        d = found.dimension
        q[unit.place.stop - 1 - d : unit.place.stop - 1] = 0
        result = object_of(planted(found, q, seed=seed, count=200, noise=1e-2), found, q, max_bits=106)
        assert isinstance(result, Failure)


def test_a_pair_without_an_output_and_a_pair_at_0_are_ordinary() -> None:
    # c = 0 and w = 0 are points of the chart like any other: what is certified holds, what is degenerate fails
    found = chart("pair")
    kinds = []
    for seed in range(6):
        for what in ("c", "w"):
            q = rationals(Random(seed), size(found)).astype(float)
            unit = next(u for u in found.units if u.kind == "pair")
            if what == "c":
                q[unit.place.stop - 1] = 0
            else:
                q[unit.place.start : unit.place.start + 2] = 0
            problem = planted(found, q, kappas=[0.005], seed=seed, count=200)
            result = object_of(problem, found, q, max_bits=106)
            if isinstance(result, CriticalObject):
                kinds.append((what, result.kind))
                hessian = proof(result, Inertia)
                assert result.morse_index == hessian.negative
    assert ("c", Kind.MINIMUM_AT_INFINITY) in kinds


def test_two_pairs_that_are_one_are_refused() -> None:
    # equal w: only c_1 + c_2 and u_1 + u_2 count, the limit's Hessian is singular
    found = chart("pair+pair")
    for seed in range(3):
        q = rationals(Random(seed), size(found)).astype(float)
        first, second = (u.place.start for u in found.units if u.kind == "pair")
        q[second : second + 2] = q[first : first + 2]
        result = object_of(planted(found, q, seed=seed, count=200, noise=1e-2), found, q, max_bits=106)
        assert isinstance(result, Failure)


def test_a_flipped_mirrored_pair_is_the_same_object() -> None:
    found = chart("mirrored+mirrored")
    q = rationals(Random(0), size(found)).astype(float)
    problem = planted(found, q, kappas=[0.01, -0.005], seed=0, count=200)
    one = object_of(problem, found, q)
    assert isinstance(one, CriticalObject)
    for flip in found.flips():
        other = object_of(problem, found, flip.matrix @ exact(q))
        assert isinstance(other, CriticalObject)
        assert compare(one, other) is Comparison.SAME
        assert holds(one, found, (), flip.matrix @ one.proofs[0].center)  # type: ignore[attr-defined]
    moved = object_of(planted(found, q + 1e-3, kappas=[0.01, -0.005], seed=0, count=200), found, q + 1e-3)
    assert isinstance(moved, CriticalObject)
    assert compare(one, moved) is Comparison.DIFFERENT


def test_conditions_hold_all_over_the_existence_box() -> None:
    found = chart("copies2+pair")
    q = rationals(Random(2), size(found)).astype(float)
    problem = planted(found, q, kappas=[0.01], curvatures={0: 1e-3 * np.eye(2)}, seed=2, count=200)
    objective, arithmetic = found.objective(problem), Arb(53)
    certified = certify_isolated(objective, exact(q), max_bits=106)
    assert isinstance(certified, Certified)

    def with_radius(radius: float) -> Any:
        box = replace(certified.krawczyk, existence_radius=np.full(len(q), radius))
        wide = replace(certified, proofs=(box, *certified.proofs[1:]))
        return limit._lifted(problem, found, ((1, 1),), objective, wide, arithmetic)

    result = with_radius(1e-6)
    assert isinstance(result, CriticalObject)
    low, high = proof(result, Channel).kappa_lower[0], proof(result, Channel).kappa_upper[0]
    rng, seen = np.random.default_rng(0), []
    for _ in range(20):
        corner = certified.krawczyk.center.astype(float) + 1e-6 * rng.choice([-1, 1], len(q))
        outputs, r = objective.outputs(corner, Float64(), 2)
        seen.append(2 / len(problem) * float(r @ outputs[1].correction()))
    assert low <= min(seen) < max(seen) <= high
    assert high - low < 1e-2
    # boxes so wide that something may vanish
    assert isinstance(with_radius(1e-2), Failure)


# ------------------------------------------------------------------------------------------------------------ refusals


@pytest.mark.parametrize(
    ("name", "signs"),
    [
        ("copies2", ()),  # signs missing: no split would be proved
        ("copies2", ((1, 1), (1, 1))),
        ("copies2", ((1, 1, 1),)),
        ("copies2", ((-1, -1),)),  # Σβ = 1 has a positive member
        ("copies2", ((1, 2),)),
        ("pair", ((1, 1),)),
    ],
)
def test_signs_that_do_not_fit(name: str, signs: tuple[tuple[int, ...], ...]) -> None:
    found = chart(name)
    q = rationals(Random(0), size(found))
    with pytest.raises(ValueError, match="signs"):
        limit_object(PROBLEM, found, signs, q, arithmetic="auto", max_bits=53)


def test_a_chart_without_groups_is_refused() -> None:
    # it would call an isolated point a plateau of dimension 0 with smallest eigenvalue 0
    with pytest.raises(ValueError, match="without groups"):
        limit_object(PROBLEM, Chart(2, 2, ()), (), rationals(Random(0), 6), arithmetic="auto", max_bits=53)


def test_a_coefficient_of_0_is_a_degenerate_saddle(narrow: Exact) -> None:
    # a minimum of width 3, and a fourth neuron with the weight of the first and output 0
    found = limit_object(PROBLEM, chart("copies2", ordinary=2), ((1, 0),), narrow, arithmetic="auto", max_bits=212)
    assert isinstance(found, CriticalObject)
    assert found.kind is Kind.SADDLE
    assert (found.morse_index, found.nullity, found.manifold_dimension) == (0, 3, 1)
    assert found.not_global is True
    unknown = limit_object(PROBLEM, chart("copies2", ordinary=2), ((1, None),), narrow, arithmetic="auto", max_bits=212)
    assert isinstance(unknown, Failure)
    assert unknown.code == "coefficient-may-vanish"


def test_saved_copies_with_output_0_and_nearly_0(narrow: Exact) -> None:
    # the narrow minimum rounded to float64, and a fourth neuron on the first that takes ``share`` of its output
    q = narrow.astype(float)
    w = np.concatenate([q[:6].reshape(3, 2), q[None, :2]])
    answers = {}
    for share in (0.0, 1e-12, 1e-3, -1e-3):
        a = np.append(q[6:], share)
        a[0] -= share
        points = Points(w[None].copy(), a[None].copy(), ("made",), np.array([0]))
        answers[share] = classify_points(PROBLEM, points).verdicts[0]
    assert answers[0.0].kind is Kind.SADDLE
    assert answers[0.0].object is not None
    assert (answers[0.0].object.morse_index, answers[0.0].object.nullity) == (0, 3)
    assert answers[1e-12].kind is Kind.UNDECIDED
    assert answers[1e-12].reason.startswith("coefficient-may-vanish")
    # the degenerate saddle lies between the plateau of minima and strict saddles, at equal loss
    share = float(np.sign(q[6])) * 1e-3
    assert answers[share].kind is Kind.LOCAL_MINIMUM
    assert answers[-share].kind is not Kind.LOCAL_MINIMUM


def test_a_point_that_is_not_critical_is_no_limit() -> None:
    found = chart("pair")
    q = rationals(Random(0), size(found)).astype(float)
    problem = planted(found, q, kappas=[0.01], seed=0, count=200)
    assert isinstance(object_of(problem, found, q + 0.3, max_bits=106), Failure)


def test_places_there_and_back() -> None:
    place = LimitPlace(chart("copies3+mirrored+zero"), ((1, -1, 0),), rationals(Random(1), 13))
    again = LimitPlace.from_json(json.loads(json.dumps(place.to_json())))
    assert (again.chart, again.signs) == (place.chart, place.signs)
    assert (again.q == place.q).all()
