"""Candidates in, verdicts out: the one place where verdicts are assembled from proofs.

1. *locate* every candidate (floating point; parallel over candidates);
2. *certify* one object for every distinct place (parallel over places), until every candidate that converged has had
   its chance;
3. *merge* objects that are proved to be the same;
4. *trace*: for candidates that do not lie in the object's region themselves, prove a path of falling loss that leads
   there (parallel over candidates);
5. *assemble*: a candidate belongs to an object if the saved point (``contained``) or the end of its path
   (``path`` where it is proved, else ``polished``) lies in the object's certified region; this is decided exactly.
   Where an object was certified from the end of a path, the short Newton steps from there to the centre of its box are
   counted as part of the path.

Every task is a pure function of its candidate, so the result does not depend on the number of jobs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import partial
from typing import Any

import numpy as np

from certify.arithmetic.rounding import root_above
from certify.pipeline.floor import end_outputs, holds_limit, reached
from certify.pipeline.locate import LimitPlace, Location
from certify.pipeline.pool import Journal, Pool, Progress, Timing
from certify.pipeline.population import Catalogue as PopulationCatalogue
from certify.pipeline.population import Place, assemble, refuse_points
from certify.pipeline.task import Task, failure_of
from certify.proofs.distinct import Comparison, alignment, compare, holds, kinds, match
from certify.proofs.manifold import Split
from certify.proofs.path import Descent
from certify.proofs.proof import Failure, Proof, dyadic, fractions
from certify.proofs.verdict import CriticalObject, Kind, Relation, Verdict, not_critical
from certify.proofs.zero import label_texts, match_global_minimum
from certify.results.html import html
from sweep.grouping import Units, approx_groups, approx_permutation, neurons
from symmetry.matching import StratumPoint
from symmetry.network import Exact, Network, Points
from symmetry.population import GaussianProblem
from symmetry.problem import Problem
from symmetry.regions.opening import Opening


@dataclass(frozen=True)
class Classification:
    """The answer for a set of points.

    Args:
        problem: the problem.
        verdicts: one per point, in order.
        objects: the distinct objects met, in order of first appearance.
    """

    problem: Problem | GaussianProblem
    verdicts: tuple[Verdict, ...]
    objects: tuple[CriticalObject, ...]

    def _repr_html_(self) -> str:
        """What a notebook shows."""
        return html([verdict.row() for verdict in self.verdicts], len(self.objects))


def classify_points(
    problem: Problem | GaussianProblem,
    points: Points,
    *,
    jobs: int = 1,
    max_bits: int = 212,
    arithmetic: str = "auto",
    polish: bool = True,
    progress: Progress | None = None,
    timing: Timing | None = None,
    journal: Journal | None = None,
    cluster: str | None = None,
) -> Classification:
    """A verdict for every point.

    Args:
        problem: the problem the points were trained on.
        points: n saved students of one width.
        jobs: worker processes.
        max_bits: the highest precision tried.
        arithmetic: ``"auto"`` or ``"mpmath"``.
        polish: whether points may be moved to where they were heading; if not, only what holds where they stand is
            proved.
        progress: called with (stage, done, total).
        timing: called with the name of each task, which begins with a candidate's number, and its seconds.
        journal: where finished parts are kept and looked up.
        cluster: address of a Dask scheduler, instead of ``jobs``; needs a journal on storage that its workers share.

    Raises:
        ValueError: the points' dimension is not the problem's; or something is wrong with the cluster.
        ImportError: a cluster without Dask.
    """
    if isinstance(problem, GaussianProblem):
        refuse_points(problem, points)
        with Pool(
            problem, points.width, arithmetic, max_bits, polish, jobs, journal, progress, cluster, timing
        ) as pool:
            verdicts = _population(problem, points, pool)
        return _classification(problem, verdicts)
    if points.dimension != problem.dimension:
        raise ValueError(f"points have dimension {points.dimension}, expected {problem.dimension} to match the problem")
    if points.outputs != problem.outputs:
        raise ValueError(f"points have {points.outputs} outputs, expected {problem.outputs} to match the problem")
    if points.has_bias != problem.output_bias:
        raise ValueError(f"points have an output bias: {points.has_bias}, the problem: {problem.output_bias}")
    with Pool(problem, points.width, arithmetic, max_bits, polish, jobs, journal, progress, cluster, timing) as pool:
        theta = points.theta()
        tasks = [Task("locate", str(i), row.tolist()) for i, row in enumerate(theta)]
        locations = [Location.from_json(answer) for answer in pool.run(tasks)]
        catalogue = _Catalogue(problem, points.width)
        catalogue.certify(locations, pool)
        drafts = [_assemble(i, points, locations[i], catalogue) for i in range(len(points))]
        verdicts = _traced(drafts, locations, points, catalogue, pool) if problem.has_paths else tuple(drafts)
    return _classification(problem, verdicts)


def _population(problem: GaussianProblem, points: Points, pool: Pool) -> tuple[Verdict, ...]:
    """The same under Gaussian inputs (:mod:`certify.pipeline.population`)."""
    tasks = [Task("locate", str(i), w.ravel().tolist()) for i, w in enumerate(points.w)]
    places = [Place.from_json(answer) for answer in pool.run(tasks)]
    catalogue = PopulationCatalogue(problem, points.width)
    catalogue.certify(places, pool)
    return tuple(assemble(i, points, place, catalogue) for i, place in enumerate(places))


def _classification(problem: Problem | GaussianProblem, verdicts: tuple[Verdict, ...]) -> Classification:
    seen: dict[str, CriticalObject] = {}
    for verdict in verdicts:
        if verdict.object is not None:
            seen.setdefault(verdict.object.id, verdict.object)
    return Classification(problem, verdicts, tuple(seen.values()))


@dataclass(frozen=True)
class _Home:
    """The object an end of a path belongs to, and the length of the Newton steps from that end to its centre."""

    object: CriticalObject
    refined: float


class _Catalogue:
    """The objects certified so far, and the failures of the places where certification failed."""

    def __init__(self, problem: Problem, width: int):
        self.problem, self.width = problem, width
        self.strata: dict[str, CriticalObject] = {}
        self.isolated: list[CriticalObject] = []
        self.home: dict[tuple[int, str], _Home] = {}
        self.failure: dict[int, Failure] = {}

    def certify(self, locations: Sequence[Location], pool: Pool) -> None:
        """Certify an object for every place the candidates lead to."""
        self.certify_strata([location.theta for location in locations if location.global_minimum], pool)
        ends: dict[tuple[int, str], Exact] = {}
        for i, location in enumerate(locations):
            if location.nearby is not None:
                ends[i, "nearby"] = location.nearby
            if not location.global_minimum and not location.limits and location.may_be_isolated:
                ends[i, "end"] = location.theta
        self._certify_isolated(ends, pool)
        waiting = {i: 0 for i, location in enumerate(locations) if location.limits and not location.global_minimum}
        while waiting:
            self._certify_limits({i: locations[i].limits[rank] for i, rank in waiting.items()}, pool)
            waiting = {
                i: rank + 1
                for i, rank in waiting.items()
                if (i, "end") not in self.home and rank + 1 < len(locations[i].limits)
            }
        # very flat isolated points look degenerate to floats: what no chart explains is tried as one
        flat = {
            (i, "end"): location.theta
            for i, location in enumerate(locations)
            if location.limits and location.may_be_isolated and (i, "end") not in self.home
        }
        self._certify_isolated(flat, pool)

    def _certify_isolated(self, ends: dict[tuple[int, str], Exact], pool: Pool) -> None:
        while ends:
            keys = list(ends)
            shape = (self.width, self.problem.dimension, self.problem.outputs)
            groups = approx_groups([neurons(ends[key], *shape) for key in keys])
            firsts = [keys[group[0]] for group in groups]
            answers = pool.run([Task("isolated", f"{i}-{end}", _texts(ends[i, end])) for i, end in firsts])
            for group, answer in zip(groups, answers, strict=True):
                members = [keys[g] for g in group]
                found = self._read(answer)
                if isinstance(found, Failure):
                    for member in members:
                        self.failure.setdefault(member[0], found)
                        del ends[member]
                    continue
                self.home[members[0]] = found
                del ends[members[0]]
                # the others of the group share the object if they lie in its box; if not, they get a proof of their own
                for member in members[1:]:
                    if match(self.problem.network(ends[member]), found.object) is not None:
                        self.home[member] = _Home(found.object, 0.0)
                        del ends[member]

    def _certify_limits(self, places: dict[int, LimitPlace], pool: Pool) -> None:
        """The same for plateaus and channels, in the coordinates of their charts."""
        places = dict(places)
        while places:
            keys = list(places)
            groups = approx_groups([_units(places[i]) for i in keys])
            firsts = [keys[group[0]] for group in groups]
            tasks = [Task("limit", f"{i}-{places[i].chart.name}", places[i].to_json()) for i in firsts]
            for group, answer in zip(groups, pool.run(tasks), strict=True):
                members = [keys[g] for g in group]
                found = self._read(answer)
                if isinstance(found, Failure):
                    for i in members:
                        self.failure.setdefault(i, found)
                        del places[i]
                    continue
                for i in members:
                    if i == members[0] or holds(found.object, places[i].chart, places[i].signs, places[i].q):
                        self.home[i, "end"] = found if i == members[0] else _Home(found.object, 0.0)
                        del places[i]

    def _read(self, answer: dict[str, Any]) -> _Home | Failure:
        failure = failure_of(answer)
        if failure is not None:
            return failure
        return _Home(self._merged(CriticalObject.from_json(answer["object"])), answer["refined"])

    def certify_strata(self, minima: Sequence[Exact], pool: Pool) -> None:
        """Certify an object for every stratum on which one of the global minima lies, each (P,)."""
        first: dict[str, Exact] = {}
        for theta in minima:
            name = self.point(theta).stratum.name
            if name not in self.strata:
                first.setdefault(name, theta)
        answers = pool.run([Task("zero", name, _texts(theta)) for name, theta in first.items()])
        for name, answer in zip(first, answers, strict=True):
            self.strata[name] = CriticalObject.from_json(answer)

    def point(self, theta: Exact) -> StratumPoint:
        """The exact global minimum within tolerance of ``theta`` (P,), where there is one."""
        point = match_global_minimum(self.problem, Network.from_theta(theta, self.problem.dimension))
        assert point is not None
        return point

    def _merged(self, found: CriticalObject) -> CriticalObject:
        """``found``, or the object already known that is proved to be the same."""
        for known in (*self.isolated, *self.strata.values()):
            if compare(found, known) is Comparison.SAME:
                return known
        self.isolated.append(found)
        return found


def _assemble(index: int, points: Points, location: Location, catalogue: _Catalogue) -> Verdict:
    saved = points.network(index)
    seed = int(points.seed[index])
    base: dict[str, Any] = {
        "index": index,
        "source": points.source[index],
        "seed": None if seed < 0 else seed,
        "width": points.width,
    }
    # what is proved of the saved point itself comes before where a path led
    belongs = None if location.stays else _at_home("nearby", index, saved, location, catalogue)
    if belongs is None and location.global_minimum:
        belongs = _at_zero(saved, location, catalogue)
    if belongs is None:
        belongs = _at_home("end", index, saved, location, catalogue)
    if belongs is not None:
        return Verdict(**base, **belongs)
    if location.empty is not None:
        return Verdict(**base, moved=location.moved, **not_critical(location.empty))
    return Verdict(**base, kind=Kind.UNDECIDED, moved=location.moved, reason=_reason(index, location, catalogue))


def _traced(
    drafts: Sequence[Verdict], locations: Sequence[Location], points: Points, catalogue: _Catalogue, pool: Pool
) -> tuple[Verdict, ...]:
    """The verdicts, those that are only ``polished`` with a proved path where one is found."""
    verdicts = list(drafts)
    tasks = [
        Task("path", str(v.index), task)
        for v, location in zip(drafts, locations, strict=True)
        if (task := _path_task(v, location)) is not None
    ]
    answers = {int(t.key): answer for t, answer in zip(tasks, pool.run(tasks), strict=True) if "failure" not in answer}
    elsewhere = {index: fractions(answer["zero"]) for index, answer in answers.items() if answer.get("elsewhere")}
    catalogue.certify_strata(list(elsewhere.values()), pool)
    for index, answer in answers.items():
        verdict = verdicts[index]
        if index in elsewhere:
            stratum = catalogue.point(elsewhere[index]).stratum
            verdict = replace(verdict, object=catalogue.strata[stratum.name], labels=label_texts(stratum))
        verdicts[index] = _with_path(verdict, answer, points.network(index))
    return tuple(verdicts)


def _path_task(verdict: Verdict, location: Location) -> dict[str, Any] | None:
    """What to trace for a candidate; ``None`` where there is nothing to trace, or no way to."""
    found = verdict.object
    if verdict.relation is not Relation.POLISHED or found is None or not len(location.vertices):
        return None
    task: dict[str, Any] = {"vertices": location.vertices.tolist(), "zero": None, "limit": None}
    if found.kind is Kind.GLOBAL_MINIMUM:
        return task | {"zero": _texts(location.theta)}
    if found.chart is not None and found.kind in (Kind.LOCAL_MINIMUM, Kind.MINIMUM_AT_INFINITY):
        aligned = next((p for p in map(partial(_aligned, found), location.limits) if p is not None), None)
        if aligned is None or found.box is None:
            return None
        return task | {"limit": aligned.to_json(), "radius": found.box.uniqueness_radius.tolist()}
    if found.kind is not Kind.LOCAL_MINIMUM or found.network is None or found.box is None:
        return None
    back = tuple(np.argsort(verdict.permutation).tolist())
    center, radius = (
        Network.from_theta(v, found.network.dimension).permuted(back).theta()
        for v in (found.box.center, found.box.uniqueness_radius)
    )
    return task | {"center": _texts(center), "radius": radius.astype(np.float64).tolist()}


def _aligned(found: CriticalObject, place: LimitPlace) -> LimitPlace | None:
    """The same place with the run's neurons in the order of the object, and the centre of its box for ``q``.

    ``None`` where the place is not in the box.
    """
    how, box = alignment(found, place.chart, place.signs, place.q), found.box
    if how is None or box is None or not place.chart.plain or place.flipped:
        return None
    flip, permutation = how
    members, order = place.chart.members, [0] * place.chart.width
    flippable = [k for k, unit in enumerate(place.chart.units) if unit.kind == "mirrored"]
    swapped = {k for bit, k in enumerate(flippable) if flip >> bit & 1}
    for i, k in enumerate(permutation):
        sources = members[k][::-1] if k in swapped else members[k]
        for target, source in zip(members[i], sources, strict=True):
            order[target] = place.order[source]
    return LimitPlace(place.chart, place.signs, box.center, tuple(order))


def _shares(found: CriticalObject, network: Network) -> bool:
    """Whether the copies of a network, in the order of an object's chart, have outputs of the signs of the object's.

    Of diverging groups these are all that of ``ε``: positive in a ``split+``, negative in a ``split-``.
    """
    assert found.chart is not None
    if not _signed(found, [network.a[list(group.members)] for group in found.chart.copies]):
        return False
    for group in found.chart.diverging:
        a = np.array(group.signs) * network.a[list(group.members)]
        copied = a[list(group.copied)]
        # ε = 1/(a_i − a_j) of a pair, 1/Σa of a zero group
        inverse = copied.sum() - (a[0] if group.kind != "zero" else 0)
        sign = {"split+": 1, "split-": -1}.get(group.kind)
        if group.copied and not (np.all(copied * inverse > 0) and sign in (None, np.sign(inverse))):
            return False
    return True


def _signed(found: CriticalObject, outputs: Sequence[Exact]) -> bool:
    """Whether the outputs of the copies of each neuron have shares of the signs of the object's."""
    splits = [p for p in found.proofs if isinstance(p, Split)]
    shares = [a * a.sum() for a in outputs]
    counted = [(int((s > 0).sum()), int((s < 0).sum())) for s in shares]
    return counted == [(p.positive, p.negative) for p in splits if not p.zero]


def _with_path(verdict: Verdict, answer: dict[str, Any], saved: Network) -> Verdict:
    """The verdict with the path that was proved, if it ends where it should: this is decided exactly."""
    descent = Proof.from_json(answer["descent"])
    assert isinstance(descent, Descent)
    assert verdict.object is not None
    if descent.closing == 3:
        box = verdict.object.box
        assert box is not None
        chart = verdict.object.chart
        assert chart is not None
        limit = reached(chart, descent)
        inside = limit is not None and box.uniquely_contains(limit)
        entered = saved if descent.last is None else Network.from_theta(descent.last, saved.dimension)
        inside = inside and _shares(verdict.object, entered.permuted(descent.order))
        if not inside:
            return verdict
        if len(descent.radii):
            outputs = end_outputs(chart, descent)
            if _signed(verdict.object, outputs) and holds_limit(chart, descent, box):
                return replace(verdict, relation=Relation.CONTAINED, moved=0.0, descent=descent)
            if Opening(chart).outer != chart:
                return verdict  # its places are not those of a path in the chart
        return replace(verdict, relation=Relation.PATH, descent=replace(descent, radii=np.empty((0, 0))))
    end = saved.theta() if descent.last is None else descent.last
    permutation, witness = verdict.permutation, verdict.witness
    if answer["zero"] is None:
        matched = match(Network.from_theta(end, saved.dimension), verdict.object)
        if matched is None:
            return verdict
        permutation, target = matched, verdict.object.network
        assert target is not None
    else:
        zero = fractions(answer["zero"])
        witness = target = Network.from_theta(zero, saved.dimension)
    corners = descent.corners(saved.theta().astype(np.float64))
    length = float(np.linalg.norm(np.diff(corners, axis=0), axis=1).sum())
    if answer["zero"] is not None:
        length += float(np.linalg.norm((end - zero).astype(np.float64)))
    return replace(
        verdict,
        relation=Relation.PATH,
        moved=length,
        distance=_distance(saved.permuted(permutation), target),
        permutation=permutation,
        witness=witness,
        descent=descent,
    )


def _at_zero(saved: Network, location: Location, catalogue: _Catalogue) -> dict[str, Any]:
    """What a verdict says of a candidate that belongs to a stratum of global minima."""
    point = catalogue.point(location.theta)
    found = catalogue.strata[point.stratum.name]
    box = None if location.stays else match(saved, found)
    inside = location.stays or box is not None
    return {
        "kind": found.kind,
        "relation": Relation.CONTAINED if inside else Relation.POLISHED,
        "moved": 0.0 if inside else location.moved,
        "distance": _distance(saved, point.network),
        "permutation": box or tuple(range(saved.width)),
        "object": found,
        "witness": point.network,
        "labels": label_texts(point.stratum),
    }


def _at_home(end: str, index: int, saved: Network, location: Location, catalogue: _Catalogue) -> dict[str, Any] | None:
    """What a verdict says of a candidate one of whose ends has a certified object."""
    home = catalogue.home.get((index, end))
    if home is None:
        return None
    permutation = match(saved, home.object)
    inside = permutation is not None
    if permutation is None and (end == "nearby" or location.stop_reason == "not-polished"):
        return None  # next to the object, but neither in its box nor led there by descent
    reference = home.object.network
    if permutation is None and reference is not None:
        permutation = approx_permutation(location.theta, reference.theta(), saved.width, saved.dimension, saved.outputs)
    return {
        "kind": home.object.kind,
        "relation": Relation.CONTAINED if inside else Relation.POLISHED,
        "moved": 0.0 if inside else location.moved + home.refined,
        "distance": _distance(saved.permuted(permutation), reference) if permutation and reference else None,
        "permutation": permutation or (),
        "object": home.object,
    }


def _reason(index: int, location: Location, catalogue: _Catalogue) -> str:
    shown = ", ".join(f"{name} = {value:.3g}" for name, value in location.numbers)
    failure = catalogue.failure.get(index)
    if failure is not None:
        return f"{failure}; {shown}"
    return f"no-convergence: {location.stop_reason}; {shown}"


def _distance(a: Network, b: Network) -> float:
    """An upper bound of the Euclidean distance."""
    return root_above(sum(((x - y) ** 2 for x, y in zip(a.theta(), b.theta(), strict=True)), Fraction(0)))


def _units(place: LimitPlace) -> Units:
    q = place.chart.by_unit(place.q).astype(np.float64)
    names = kinds(place.chart, place.signs)
    return [(name, q[unit.place]) for name, unit in zip(names, place.chart.units, strict=True)]


def _texts(theta: Exact) -> list[str]:
    return [dyadic(v) for v in theta]
