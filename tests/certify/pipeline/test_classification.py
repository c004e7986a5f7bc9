"""The assembly: no candidate belongs to an object it does not belong to, and the answer does not depend on how."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from fractions import Fraction
from itertools import permutations
from typing import Any

import numpy as np
import pytest
from library import FLAT_MINIMUM, TEACHER, Oracle, crowded, small, true_point, with_given_labels
from made_objects import isolated

from certify.pipeline import classification
from certify.pipeline.classification import Classification, classify_points
from certify.pipeline.pool import Worker
from certify.proofs.distinct import Comparison, compare, match
from certify.proofs.verdict import CriticalObject, Kind, Relation, Verdict
from certify.proofs.zero import TOLERANCE
from symmetry.arithmetic import Float64
from symmetry.network import Network, Points, exact
from symmetry.objective import SquareLoss
from symmetry.problem import Problem, load_problem

RNG = np.random.default_rng(7)
S, N = true_point("saddle").astype(np.float64), true_point("narrow").astype(np.float64)


def points_of(*thetas: Any, width: int = 2, dimension: int = 2) -> Points:
    theta = np.array(thetas, dtype=np.float64)
    n = len(theta)
    w, a = theta[:, :-width].reshape(n, width, dimension), theta[:, -width:]
    return Points(w, a, tuple(f"made.npz:{i}" for i in range(n)), np.arange(n))


def swapped(theta: np.ndarray) -> np.ndarray:
    """The two neurons of a network of width 2 exchanged."""
    return theta[[2, 3, 0, 1, 5, 4]]


CANDIDATES = {
    "saddle": S,
    "saddle, neurons exchanged": swapped(S),
    "1e-7 from the saddle": S + 1e-7,
    "1e-3 from the saddle": S + 1e-3 * np.array([1, -1, 1, 1, -1, 1]),
    "teacher": TEACHER,
    "teacher, neurons exchanged": swapped(TEACHER),
    "1e-9 from the teacher": TEACHER + 1e-9,
    "0.05 from the teacher": TEACHER + 0.05 * np.array([1, -1, 1, 1, -1, 1]),
    "narrow minimum, split": np.array([*N[:2], *N[:2], 0.25 * N[2], 0.75 * N[2]]),
    "narrow minimum, an idle neuron": np.array([*N[:2], 3.0, -1.0, N[2], 0.0]),
    "anywhere": np.array([0.3, -1.0, 2.0, 0.4, -1.0, 1.5]),
    "far out": np.array([30.0, -40.0, 25.0, 10.0, 3.0, -2.0]),
}


def classify(problem: Problem, **options: Any) -> Classification:
    return classify_points(problem, points_of(*CANDIDATES.values()), **options)


@pytest.fixture(scope="module")
def answer() -> dict[str, Verdict]:
    return dict(zip(CANDIDATES, classify(small()).verdicts, strict=True))


@pytest.fixture(scope="module")
def unmoved() -> dict[str, Verdict]:
    return dict(zip(CANDIDATES, classify(small(), polish=False).verdicts, strict=True))


def rows(found: Classification) -> list[str]:
    return [json.dumps(v.row()) for v in found.verdicts] + [json.dumps(o.to_json()) for o in found.objects]


# ------------------------------------------------------------------------------------------------- what was decided


def test_verdicts_of_points_whose_place_is_known(answer: dict[str, Verdict]):
    def told(name: str) -> tuple[Kind, Relation]:
        return answer[name].kind, answer[name].relation

    for name in ("saddle", "saddle, neurons exchanged", "1e-7 from the saddle"):
        assert told(name) == (Kind.SADDLE, Relation.CONTAINED), name
        assert answer[name].moved == 0
    for name in ("teacher", "teacher, neurons exchanged", "1e-9 from the teacher"):
        assert told(name) == (Kind.GLOBAL_MINIMUM, Relation.CONTAINED), name
    assert told("0.05 from the teacher") == (Kind.GLOBAL_MINIMUM, Relation.PATH)
    # descent leaves the neighbourhood of a saddle: outside its box, the saddle is not where a candidate belongs
    assert answer["1e-3 from the saddle"].kind is not Kind.SADDLE
    # on the line of split minima the Hessian is singular, and not semidefinite: nothing that is proved here
    assert answer["narrow minimum, split"].kind is Kind.UNDECIDED


def test_permuted_candidates_share_one_object(answer: dict[str, Verdict]):
    for names in (
        ("saddle", "saddle, neurons exchanged", "1e-7 from the saddle"),
        ("teacher", "teacher, neurons exchanged"),
    ):
        objects = [answer[name].object for name in names]
        assert all(found is objects[0] for found in objects)
        assert objects[0] is not None


def check_verdict(verdict: Verdict, theta: np.ndarray) -> None:
    """What every verdict has to satisfy, decided exactly."""
    saved = Network.from_theta(theta, 2)
    found = verdict.object
    assert (found is None) == (verdict.kind in (Kind.NOT_CRITICAL, Kind.UNDECIDED))
    assert (verdict.relation is Relation.NONE) == (found is None)
    if found is None:
        assert verdict.distance is None
        assert (verdict.empty is not None) == (verdict.kind is Kind.NOT_CRITICAL)
        assert verdict.empty is None or list(verdict.empty.center) == list(exact(theta))
        assert verdict.reason
        return
    assert verdict.kind is found.kind
    if verdict.relation is Relation.CONTAINED:
        assert verdict.moved == 0
        in_box = (
            found.chart is None
            and found.box is not None
            and found.box.uniquely_contains(saved.permuted(verdict.permutation).theta())
        )
        assert in_box or near_zero(verdict, saved)
    else:
        assert match(saved, found) is None
        assert verdict.moved > 0
    if verdict.distance is not None:
        reference = verdict.witness or found.network
        assert reference is not None
        moved = saved if verdict.witness else saved.permuted(verdict.permutation)
        apart = sum((moved.theta() - reference.theta()) ** 2)
        assert Fraction(verdict.distance) ** 2 >= apart
        assert verdict.distance == 0 or Fraction(verdict.distance * (1 - 1e-12)) ** 2 <= apart


def near_zero(verdict: Verdict, saved: Network) -> bool:
    if verdict.witness is None:
        return False
    apart = math.sqrt(sum((saved.theta() - verdict.witness.theta()) ** 2))
    size = math.sqrt(sum(saved.theta() ** 2))
    return apart <= float(TOLERANCE) * (1 + size) * (1 + 1e-9)


@pytest.mark.parametrize("name", CANDIDATES)
@pytest.mark.parametrize("polish", [True, False])
def test_every_verdict_is_what_it_says(
    name: str, polish: bool, answer: dict[str, Verdict], unmoved: dict[str, Verdict]
):
    check_verdict((answer if polish else unmoved)[name], CANDIDATES[name])


@pytest.mark.parametrize("name", CANDIDATES)
def test_empty_balls_hold_no_known_critical_point(name: str, unmoved: dict[str, Verdict]):
    ball = unmoved[name].empty
    if ball is None:
        return
    for known in (true_point("saddle"), exact(TEACHER)):
        for order in permutations(range(2)):
            point = Network.from_theta(known, 2).permuted(order).theta()
            assert sum((point - exact(CANDIDATES[name])) ** 2) > Fraction(ball.radius) ** 2


def test_without_polishing_nothing_moves(unmoved: dict[str, Verdict]):
    assert all(v.moved == 0 for v in unmoved.values())
    assert all(v.relation in (Relation.CONTAINED, Relation.NONE) for v in unmoved.values())
    assert unmoved["saddle"].kind is Kind.SADDLE
    assert unmoved["teacher"].kind is Kind.GLOBAL_MINIMUM
    for name in ("1e-3 from the saddle", "0.05 from the teacher", "anywhere"):
        assert unmoved[name].kind in (Kind.NOT_CRITICAL, Kind.UNDECIDED)


@pytest.mark.parametrize("share", [Fraction(99, 100), Fraction(101, 100)])
@pytest.mark.parametrize("coordinate", range(6))
def test_a_saved_point_beside_the_uniqueness_box_is_not_contained(
    share: Fraction, coordinate: int, answer: dict[str, Verdict]
):
    found = answer["saddle"].object
    assert found is not None
    assert found.box is not None
    theta = found.box.center.copy()
    theta[coordinate] += share * exact(found.box.uniqueness_radius)[coordinate]
    beside = theta.astype(np.float64)
    verdict = classify_points(small(), points_of(beside), polish=False).verdicts[0]
    check_verdict(verdict, beside)
    assert (match(Network.from_theta(beside, 2), found) is None) == (share > 1)
    if verdict.object is not None:  # perhaps in the box about a centre of its own: the same point
        assert verdict.kind is Kind.SADDLE


def test_the_flat_minimum_keeps_its_own_name():
    """Two saved points 1e-6 apart along the flat direction of a minimum whose uniqueness box is narrower than that."""
    problem = load_problem("thesis")
    theta = np.array([FLAT_MINIMUM, FLAT_MINIMUM + 1e-6])
    found = classify_points(problem, points_of(*theta, width=4), max_bits=106)
    first = found.verdicts[0]
    assert (first.kind, first.object is not None) == (Kind.LOCAL_MINIMUM, True)
    for verdict, saved in zip(found.verdicts, theta, strict=True):
        check_verdict(verdict, saved)
        assert verdict.kind in (Kind.LOCAL_MINIMUM, Kind.UNDECIDED, Kind.NOT_CRITICAL)


def test_a_point_that_may_not_move_belongs_to_no_object_whose_box_it_misses():
    """1e-8 from the flat minimum along its valley: no ball about it is proved empty, but its box is narrower."""
    problem = load_problem("thesis")
    hessian = SquareLoss.of_network(problem, 4).evaluate(FLAT_MINIMUM, Float64(), 2).hessian
    beside = FLAT_MINIMUM + 1e-8 * np.linalg.eigh(hessian)[1][:, 0]
    found = classify_points(problem, points_of(FLAT_MINIMUM, beside, width=4), max_bits=106, polish=False)
    assert found.verdicts[0].kind is Kind.LOCAL_MINIMUM
    box = found.objects[0].box
    assert box is not None
    assert not box.uniquely_contains(exact(beside))
    assert found.verdicts[1].kind is Kind.UNDECIDED


# --------------------------------------------------------------------------------------------------- however it runs


def test_one_process_two_processes_and_repetition_give_the_same(answer: dict[str, Verdict]):
    once = [json.dumps(v.row()) for v in answer.values()]
    again, twofold = classify(small()), classify(small(), jobs=2)
    assert [json.dumps(v.row()) for v in again.verdicts] == once
    assert rows(twofold) == rows(again)
    assert [o.id for o in twofold.objects] == [o.id for o in again.objects]


class Memory:
    """A journal in memory that keeps what a file would: JSON."""

    def __init__(self) -> None:
        self.parts: dict[tuple[str, str], str] = {}

    def get(self, stage: str, key: str) -> Any | None:
        text = self.parts.get((stage, key))
        return None if text is None else json.loads(text)

    def put(self, stage: str, key: str, payload: Any) -> None:
        assert (stage, key) not in self.parts
        self.parts[stage, key] = json.dumps(payload)


def test_journaled_answers_give_the_same_verdicts(answer: dict[str, Verdict], monkeypatch: pytest.MonkeyPatch):
    journal = Memory()
    first = classify(small(), journal=journal)
    assert [json.dumps(v.row()) for v in first.verdicts] == [json.dumps(v.row()) for v in answer.values()]
    # a run that was cut short: half of the parts are missing
    partial = Memory()
    partial.parts = dict(list(journal.parts.items())[::2])
    assert rows(classify(small(), journal=partial)) == rows(first)
    # with all parts nothing is computed
    monkeypatch.setattr(Worker, "run", lambda *_: pytest.fail("computed again"))
    assert rows(classify(small(), journal=journal)) == rows(first)


def test_answers_of_other_points_are_not_taken_for_these():
    """A journal is kept by what was asked, not by the index alone."""
    journal = Memory()
    classify_points(small(), points_of(TEACHER), journal=journal)
    found = classify_points(small(), points_of(S), journal=journal)
    assert found.verdicts[0].kind is Kind.SADDLE


def test_grouping_is_a_proposal_only(answer: dict[str, Verdict], monkeypatch: pytest.MonkeyPatch):
    """All in one group, or each alone: who belongs to which object is decided by the boxes."""

    def together(units: Any) -> Iterator[list[int]]:
        return [list(range(len(units)))] if units else []  # type: ignore[return-value]

    def alone(units: Any) -> Iterator[list[int]]:
        return [[i] for i in range(len(units))]  # type: ignore[return-value]

    names = ["saddle", "saddle, neurons exchanged", "1e-7 from the saddle", "teacher", "anywhere"]
    for grouping in (together, alone):
        monkeypatch.setattr(classification, "approx_groups", grouping)
        verdicts = classify_points(small(), points_of(*(CANDIDATES[n] for n in names))).verdicts
        for name, verdict in zip(names, verdicts, strict=True):
            check_verdict(verdict, CANDIDATES[name])
            assert (verdict.kind, verdict.relation) == (answer[name].kind, answer[name].relation), name
        assert len({v.object.id for v in verdicts[:3] if v.object}) == 1


def test_only_what_is_proved_to_be_the_same_is_merged():
    one = isolated([[1, 2], [3, 4]], [1, -1], existence=2.0**-10, uniqueness=2.0**-10)
    # the existence boxes meet, yet neither lies in the other's uniqueness box: undecided
    beside = isolated([[1 + 2.0**-10, 2], [3, 4]], [1, -1], existence=2.0**-10, uniqueness=2.0**-10)
    same = isolated([[3, 4], [1, 2]], [-1, 1], existence=2.0**-20, uniqueness=2.0**-10)
    assert compare(one, beside) is Comparison.UNDECIDED
    catalogue = classification._Catalogue(small(), 2)
    assert catalogue._merged(one) is one
    assert catalogue._merged(beside) is beside
    assert catalogue._merged(same) is one
    assert catalogue.isolated == [one, beside]


def test_objects_are_listed_once_in_order_of_appearance(answer: dict[str, Verdict]):
    found = classify(small())
    ids = [o.id for o in found.objects]
    assert len(set(ids)) == len(ids)
    assert ids == list(dict.fromkeys(v.object.id for v in found.verdicts if v.object is not None))


# -------------------------------------------------------------------------------------------------------- no zeros


def test_given_labels_never_give_a_global_minimum():
    given = with_given_labels(small())
    for options in ({}, {"polish": False}):
        for verdict, theta in zip(classify(given, **options).verdicts, CANDIDATES.values(), strict=True):
            check_verdict(verdict, theta)
            assert verdict.kind is not Kind.GLOBAL_MINIMUM
            assert verdict.object is None or verdict.object.not_global is None
            assert verdict.object is None or not verdict.object.stratum
    # at the teacher the loss is 1e-34: a minimum, not known to be global or not
    verdict = classify(given).verdicts[list(CANDIDATES).index("teacher")]
    assert (verdict.kind, verdict.relation) == (Kind.LOCAL_MINIMUM, Relation.CONTAINED)


def test_a_zero_off_the_strata_is_not_called_global():
    """On the crowded grid the loss vanishes along a curve that leaves the stratum: no proof, no verdict."""
    from test_zero import other_zero

    theta = other_zero(crowded(), TEACHER + 0.02)
    assert float(Oracle(crowded(), 100).loss(exact(theta)).mid()) < 1e-28
    verdict = classify_points(crowded(), points_of(theta)).verdicts[0]
    check_verdict(verdict, theta)
    assert verdict.kind is not Kind.GLOBAL_MINIMUM


def test_objects_read_back_are_the_same():
    for found in classify(small()).objects:
        again = CriticalObject.from_json(json.loads(json.dumps(found.to_json())))
        assert again.to_json() == found.to_json()
        assert again.id == found.id


def test_points_of_another_dimension_are_refused():
    with pytest.raises(ValueError, match="dimension 1, expected 2"):
        classify_points(small(), points_of([1.0, 1.0], width=1, dimension=1))


def test_the_mpmath_ladder_gives_the_same_verdicts(answer: dict[str, Verdict]):
    names = ["saddle", "saddle, neurons exchanged", "teacher", "0.05 from the teacher"]
    found = classify_points(small(), points_of(*(CANDIDATES[n] for n in names)), arithmetic="mpmath")
    for name, verdict in zip(names, found.verdicts, strict=True):
        check_verdict(verdict, CANDIDATES[name])
        mine, other = answer[name], verdict
        assert (mine.kind, mine.relation, mine.permutation) == (other.kind, other.relation, other.permutation)
        assert "mpmath" in (other.object.method if other.object else "")
