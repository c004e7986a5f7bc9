"""Verdicts under Gaussian inputs: what ``classification.py`` does for data, for :class:`GaussianProblem`.

1. *locate* every candidate: is it, or does it lead to, an exact global minimum (asked first: there the loss is not
   known to be smooth); is a critical point next to it; where does descent lead; is a ball about it free of critical
   points;
2. *certify* one critical point for every distinct place;
3. *assemble*: a candidate belongs to an object if it, or the end of its path, lies in the ball of uniqueness, up to the
   order of the students and of those coordinates whose permutation only permutes the teacher. Decided exactly.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np

from certify.arithmetic import Array, ladder
from certify.arithmetic.rounding import root_above, up
from certify.pipeline.task import FAR, Task, TaskWorker, failed, failure_of, near
from certify.proofs.newton_ball import (
    CertifiedBall,
    GradientBall,
    NewtonBall,
    certify_ball,
    empty_gradient_ball,
    square,
)
from certify.proofs.proof import Failure, Proof, dyadic, fractions
from certify.proofs.teacher_split import TeacherSplit, is_within, nearest_split
from certify.proofs.verdict import CriticalObject, Kind, Relation, Verdict, not_critical
from sweep.gaussian import Orders, approx_orders, descend, measured, newton
from symmetry.network import Exact, Network, Points, exact
from symmetry.population import GaussianProblem

if TYPE_CHECKING:
    from certify.pipeline.pool import Pool

ZERO = Fraction(0)

_HEADING = 1e-3
"""Descent that comes this near to a global minimum, at this small a loss, is led to it."""
_GROUP = 7
"""Ends whose losses agree to so many digits may be one object."""


@dataclass(frozen=True)
class Place:
    """What was found out about one candidate in floating point.

    Args:
        nearby: (P,) the limit of Newton's method from the candidate, if it is near.
        end: (P,) where descent led.
        split: an exact global minimum at the end, or at the candidate.
        stays: whether the candidate itself is within tolerance of it (decided exactly).
        moved: length of the path, approximate.
        reason: why the descent ended, with the numbers there.
        loss: at the end, approximate.
        empty: a ball about the candidate that is proved free of critical points.
    """

    nearby: Exact | None
    end: Exact
    split: TeacherSplit | None
    stays: bool
    moved: float
    reason: str
    loss: float
    empty: GradientBall | None

    def to_json(self) -> dict[str, Any]:
        """Journal entry, bit for bit."""
        return {
            "nearby": None if self.nearby is None else [dyadic(v) for v in self.nearby],
            "end": [dyadic(v) for v in self.end],
            "split": None if self.split is None else self.split.to_json(),
            "stays": self.stays,
            "moved": self.moved,
            "reason": self.reason,
            "loss": self.loss,
            "empty": None if self.empty is None else self.empty.to_json(),
        }

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Place:
        """The inverse of :meth:`to_json`."""
        split, empty = (None if data[name] is None else Proof.from_json(data[name]) for name in ("split", "empty"))
        assert split is None or isinstance(split, TeacherSplit)
        assert empty is None or isinstance(empty, GradientBall)
        nearby = None if data["nearby"] is None else fractions(data["nearby"])
        same = {name: data[name] for name in ("stays", "moved", "reason", "loss")}
        return cls(nearby=nearby, end=fractions(data["end"]), split=split, empty=empty, **same)


@dataclass(frozen=True)
class PopulationWorker(TaskWorker):
    """What every task needs; made once per process."""

    problem: GaussianProblem
    width: int
    arithmetic: str
    max_bits: int
    polish: bool

    def _locate(self, weights: list[float]) -> Any:
        return self.locate(np.array(weights)).to_json()

    def locate(self, theta: Array) -> Place:
        """Where the candidate ``theta`` (P,) belongs."""
        objective, saved = self.problem.objective(self.width), exact(theta)
        split = self._split(saved)
        if split is not None and is_within(split, self._rows(saved)):
            return Place(None, saved, split, True, 0.0, "at-a-global-minimum", 0.0, None)
        found = newton(objective, theta) if np.isfinite(theta).all() else None
        if found is not None and np.linalg.norm(found - theta) > 10 * FAR * (1 + np.linalg.norm(theta)):
            found = None
        nearby = None if found is None else exact(found)
        end, moved, reason = theta, 0.0, "not-polished"
        if self.polish:
            descended = descend(objective, theta)
            end, moved, reason = descended.theta, descended.moved, descended.stop_reason
        loss, gradient, smallest = (float(v[0]) for v in measured(objective, end.reshape(1, self.width, -1)))
        split = self._split(exact(end)) if self.polish and loss < _HEADING else None
        if split is not None:
            distance = math.sqrt(up(square(split.w.ravel() - exact(end))))
            split, moved = (split, moved + distance) if distance < _HEADING else (None, moved)
        empty = None
        if split is None and reason != "converged" and nearby is None:
            ball = empty_gradient_ball(objective, saved, next(ladder(self.arithmetic, 53)))
            # it says something of the candidate's fate only if it holds the path
            empty = ball if isinstance(ball, GradientBall) and ball.radius > Fraction(moved) else None
        numbers = f"loss = {loss:.3g}, gradient_norm = {gradient:.3g}, smallest_eigenvalue = {smallest:.3g}"
        return Place(nearby, exact(end), split, False, moved, f"{reason}; {numbers}", loss, empty)

    def _rows(self, theta: Exact) -> Exact:
        return theta.reshape(self.width, -1)

    def _split(self, theta: Exact) -> TeacherSplit | None:
        return nearest_split(self.problem.teacher, self._rows(theta))

    def _isolated(self, texts: list[str]) -> Any:
        theta = fractions(texts)
        objective = self.problem.objective(self.width)
        certified = certify_ball(objective, theta, arithmetic=self.arithmetic, max_bits=self.max_bits)
        if isinstance(certified, Failure):
            return failed(certified)
        return near(critical_object(self.problem, certified, self.width), certified.proof.center - theta, theta)


def critical_object(problem: GaussianProblem, certified: CertifiedBall, width: int) -> CriticalObject:
    """A certified critical point as an object."""
    proof = certified.proof
    return CriticalObject.isolated(
        _network(proof.center.reshape(width, -1)),
        (proof,),
        morse_index=proof.negative,
        loss=certified.loss,
        # students at least as many as the teacher's neurons reach loss 0 (Theorem 8)
        not_global=True if width >= len(problem) and certified.loss[0] > 0 else None,
        lambda_min=certified.lambda_min,
        method=f"{proof.theorem}/{proof.arithmetic}",
        bits=proof.bits,
    )


def split_object(problem: GaussianProblem, split: TeacherSplit) -> CriticalObject:
    """A family of global minima as an object."""
    dimension = len(split.w) - len(problem)
    return CriticalObject(
        kind=Kind.GLOBAL_MINIMUM,
        network=_network(split.w),
        proofs=(split,),
        loss=(ZERO, ZERO),
        strict=dimension == 0,
        not_global=False,
        morse_index=None,
        nullity=None,
        manifold_dimension=dimension,
        level=None,
        stratum=split.name,
        lambda_min=None,
        method=split.theorem,
        bits=0,
        complete=True,
    )


def _network(w: Exact) -> Network:
    return Network(w, exact(np.ones(len(w))))


class Catalogue:
    """The objects certified so far, and where candidates belong."""

    def __init__(self, problem: GaussianProblem, width: int):
        self.problem, self.width = problem, width
        self.splits: dict[str, CriticalObject] = {}
        self.critical: list[CriticalObject] = []
        self.failure: dict[int, str] = {}
        self.home: dict[tuple[int, str], tuple[CriticalObject, Orders, float]] = {}

    def certify(self, places: Sequence[Place], pool: Pool) -> None:
        """Certify an object for every place the candidates lead to."""
        ends: dict[tuple[int, str], Exact] = {}
        for i, place in enumerate(places):
            if place.split is not None:
                self.splits.setdefault(place.split.name, split_object(self.problem, place.split))
                continue
            if place.nearby is not None:
                ends[i, "nearby"] = place.nearby
            if place.empty is None and place.reason.startswith("converged"):
                ends[i, "end"] = place.end
        while ends:
            groups: dict[str, list[tuple[int, str]]] = {}
            for key, theta in ends.items():
                loss = measured(
                    self.problem.objective(self.width), theta.astype(np.float64).reshape(1, self.width, -1)
                )[0]
                groups.setdefault(f"{float(loss[0]):.{_GROUP}g}", []).append(key)
            firsts = [group[0] for group in groups.values()]
            tasks = [Task("isolated", f"{i}-{end}", [dyadic(v) for v in ends[i, end]]) for i, end in firsts]
            for group, answer in zip(groups.values(), pool.run(tasks), strict=True):
                failure = failure_of(answer)
                if failure is not None:
                    self.failure.setdefault(group[0][0], str(failure))
                    del ends[group[0]]
                    continue
                found = self._merged(CriticalObject.from_json(answer["object"]))
                for key in group:
                    orders = match_ball(ends[key], found, self.problem)
                    if orders is not None:
                        self.home[key] = found, orders, answer["refined"] if key == group[0] else 0.0
                        del ends[key]
                if group[0] in ends:  # cannot be: the centre is near
                    self.failure.setdefault(group[0][0], "newton-left")
                    del ends[group[0]]

    def _merged(self, found: CriticalObject) -> CriticalObject:
        """``found``, or the object already known that is proved to be the same."""
        ball = found.ball
        assert ball is not None
        for known in self.critical:
            if known.morse_index == found.morse_index and match_ball(ball.center, known, self.problem, ball.radius):
                return known
        self.critical.append(found)
        return found


def match_ball(theta: Exact, found: CriticalObject, problem: GaussianProblem, radius: Fraction = ZERO) -> Orders | None:
    """Orders of students and coordinates that move an exact point into the ball of uniqueness of an object.

    Args:
        theta: (P,) exact.
        found: with a ball.
        problem: whose teacher the order of the coordinates must preserve.
        radius: of a ball about ``theta`` that has to lie in the other as a whole.

    Returns:
        Numbers of students and of coordinates, in the order of the object; ``None`` where none was found, which proves
        nothing.
    """
    ball = found.ball
    assert ball is not None
    w = theta.reshape(found.width, -1)
    center = ball.center.reshape(found.width, -1).astype(np.float64)
    identity = tuple(range(found.width)), tuple(range(problem.dimension))
    for orders in (identity, approx_orders(center, w.astype(np.float64))):
        if orders is not None and _preserves(problem, orders[1]) and _holds(ball, reordered(w, orders), radius):
            return orders
    return None


def _preserves(problem: GaussianProblem, columns: Sequence[int]) -> bool:
    rows = [tuple(row) for row in problem.teacher]
    return sorted(tuple(row[k] for k in columns) for row in rows) == sorted(rows)


def _holds(ball: NewtonBall, w: Exact, radius: Fraction) -> bool:
    return radius < ball.reach and square(w.ravel() - ball.center) <= (ball.reach - radius) ** 2


def reordered(w: Exact, orders: Orders) -> Exact:
    """Students and coordinates in another order."""
    return w[np.ix_(*orders)]


def assemble(index: int, points: Points, place: Place, catalogue: Catalogue) -> Verdict:
    """The verdict on one candidate."""
    saved, seed = exact(points.w[index]), int(points.seed[index])
    base: dict[str, Any] = {
        "index": index,
        "source": points.source[index],
        "seed": None if seed < 0 else seed,
        "width": points.width,
    }
    if place.split is not None:
        return Verdict(
            **base,
            kind=Kind.GLOBAL_MINIMUM,
            relation=Relation.CONTAINED if place.stays else Relation.POLISHED,
            moved=place.moved,
            distance=_distance(saved, place.split.w),
            permutation=tuple(range(points.width)),
            object=catalogue.splits[place.split.name],
            witness=_network(place.split.w),
            labels=tuple(f"C{j + 1}" for j in place.split.teacher),
        )
    for end in ("nearby", "end"):
        home = catalogue.home.get((index, end))
        if home is None:
            continue
        found, orders, refined = home
        ball = found.ball
        assert ball is not None
        moved = reordered(saved, orders)
        inside = _holds(ball, moved, ZERO)
        if not inside and end == "nearby":
            continue  # next to the object, but not in its ball, nor led there by descent
        identity = orders[1] == tuple(range(points.dimension))
        return Verdict(
            **base,
            kind=found.kind,
            relation=Relation.CONTAINED if inside else Relation.POLISHED,
            moved=0.0 if inside else place.moved + refined,
            distance=_distance(moved, ball.center.reshape(moved.shape)),
            permutation=orders[0],
            coordinates=() if identity else orders[1],
            object=found,
        )
    if place.empty is not None:
        return Verdict(**base, moved=place.moved, **not_critical(place.empty))
    failure = catalogue.failure.get(index)
    if failure is not None:
        reason = f"{failure}; {place.reason}"
    else:
        reason = place.reason if place.reason.startswith("not-smooth") else f"no-convergence: {place.reason}"
    return Verdict(**base, kind=Kind.UNDECIDED, moved=place.moved, reason=reason)


def _distance(a: Exact, b: Exact) -> float:
    """An upper bound of the Euclidean distance."""
    return root_above(square((a - b).ravel()))


def refuse_points(problem: GaussianProblem, points: Points) -> None:
    """Refuse points that are no students of this problem.

    Raises:
        ValueError: the wrong dimension or width, or outputs other than 1.
    """
    if points.dimension != problem.dimension:
        raise ValueError(f"points have dimension {points.dimension}, expected {problem.dimension} to match the problem")
    if problem.width not in (None, points.width):
        raise ValueError(f"points have width {points.width}, expected {problem.width} as {problem.name} says")
    if not (points.a == 1).all():
        raise ValueError(
            f"points have outputs a other than 1, expected the students of {problem.name}, which have none"
        )
