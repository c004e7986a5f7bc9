"""Where the floor of a channel runs, and a proved region about it from the saved point to infinity.

Copies are neurons of their own here, whose shares are kept (:mod:`symmetry.regions.opening`).

All but the proofs is computed in floating point. For fixed free ``ε`` the weights are linear in ``q``: the gradient and
the Hessian of the loss in ``q`` are those of the finite network's, contracted. (Where groups share a constant, the last
``ε`` depends on ``q``. Outputs are linear in ``q`` nevertheless, and so are the incoming weights ``w ± εu`` if ``u`` is
stretched to keep them as ``ε`` changes.) Newton's method finds the floor, the smallest loss for these ``ε``, guided by
the limit network and the place before, between which it is nearly straight in ``ε²``. Pieces on which the proof fails
are halved.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from itertools import pairwise
from math import ceil, frexp, log
from typing import NamedTuple

import numpy as np

from certify.arithmetic import Array, Enclosures, ladder, quiet
from certify.proofs.krawczyk import Krawczyk
from certify.proofs.path import Descent, come_together, first_place, leads, parted
from certify.proofs.proof import Failure
from certify.proofs.valley import margin
from sweep.kernels.compiled import KernelData, loss_gradient_hessian
from sweep.polishing.descent import short
from symmetry.infinity.charts import Chart, Group
from symmetry.network import Exact, Network, exact
from symmetry.objective import SquareLoss
from symmetry.paths.release import Place, at_infinity, piece, released
from symmetry.problem import Problem
from symmetry.regions.opening import Opening
from symmetry.regions.valley import covers

_LONGEST, _LAST = 0.3, 0.2
"""By how much ``ε u·x`` changes on a piece that is tried, and where the last one begins."""

_AHEAD = 64
"""So many pieces are not begun, if the rest of the way needs them as short as here."""

_PIECES, _DEEPEST = 32, 6
"""Of a region at most, and how often a piece is halved; what fails even then mostly has an indefinite ``F_qq``."""

_NEWTON, _HALVINGS = 12, 4
_SHORTER = (1.0, 0.5, 0.25, 0.125, 0.0625)
_OUTWARD = 16
"""Newton's steps, how often the way to the next place is halved, by how much a step is shortened; parts of a floor."""

_FLAT = 1e-5
"""Directions in which the Hessian has eigenvalues smaller than this, relatively, are flat."""

_RADIUS = 2.0**-26
"""Of the boxes about pieces."""

_MORE = 0.2
"""Of a halving, more than is thought to be needed."""

_SMALL = 1e-9

_BITS = 24
_STEPS = 2.0**_BITS
"""Of shares of ``ε``, and of ``ε`` where the run stopped."""

_NEAREST = -40
"""As a power of 2, how near to each other copies in a diverging group are taken to be at least."""


@quiet
def trace_valley(
    problem: Problem,
    data: KernelData,
    chart: Chart,
    order: Sequence[int],
    end: Exact,
    theta: Array,
    *,
    arithmetic: str,
) -> Descent | Failure:
    """A proved region that holds the saved point, and in it a path of falling loss to the limit.

    Args:
        problem: the problem.
        data: the same, prepared for the kernels.
        chart: in normal form.
        order: neuron ``i`` of the chart is neuron ``order[i]`` of the run.
        end: (P',) exact, the centre of the limit network's box.
        theta: (P,) the saved point.
        arithmetic: as in :func:`certify.arithmetic.ladder`.

    Returns:
        the proof, its places in the open chart, or the failure ``no-path``. It does not say that there is no region.
    """
    opening = Opening(chart)
    if not (chart.plain and covers(opening.outer, problem.activation)):
        return Failure("no-path")
    network = Network.from_theta(exact(theta), problem.dimension).permuted(order)
    try:
        merged, start = first_place(opening.outer, network)
    except ZeroDivisionError:  # outputs that add up to 0
        return Failure("no-path")
    limit = _limit(opening, start.q, end)
    objectives = (SquareLoss.of_network(problem, chart.width), opening.outer.objective(problem))
    if limit is None or not come_together(objectives[0], network, merged, arithmetic):
        return Failure("no-path")
    apart, a = _apart(opening.outer, network, merged), next(ladder(arithmetic, 53, uniform=True))
    search = _Search(data, objectives[1], opening.outer, start, *limit, network.a, apart, a)
    try:
        found = search.pieces()
    except (ZeroDivisionError, OverflowError):  # numbers beyond float64
        found = None
    if found is None:
        return Failure("no-path")
    places, radii = found
    rows = np.empty((len(places), len(start.q) + len(start.eps)), dtype=object)
    for i, place in enumerate(places):
        rows[i] = [*place.q, *place.eps]
    return Descent(np.empty((0, 0), dtype=object), 3, order=tuple(order), places=rows, radii=radii, apart=apart)


def _limit(opening: Opening, start: Exact, end: Exact) -> tuple[Exact, Exact | None] | None:
    """The limit network in the open chart, split as the run is, in short numbers; and the ties of its shares.

    ``None`` where outputs of copies add up to 0.
    """
    shares = opening.shares(start)
    if shares is None:
        return None
    place = exact(short((opening.split(shares) @ end).astype(np.float64)))
    # those of the numbers as rounded
    shares = opening.shares(place)
    if shares is None:
        return None
    return place, opening.ties(shares) if opening.inner.copies else None


def _apart(chart: Chart, network: Network, merged: Exact) -> Fraction:
    """A power of 2, more than twice the entries of the ``y`` of copies in diverging groups; 0 where there are none."""
    if not chart.shared:
        return Fraction(0)
    largest = float(max(parted(chart, network, merged)))
    return Fraction(2) ** (max(frexp(largest)[1] if largest else _NEAREST, _NEAREST) + 1)


def reached(chart: Chart, descent: Descent) -> Exact | None:
    """The limit network ``q`` at which a path in a chart ends, ``None`` where it is none of the chart's; exact.

    Args:
        chart: in normal form.
        descent: with closing 3; its places are those of the open chart if there is a region about it.
    """
    last = descent.places[-1]
    if not len(descent.radii):
        size = chart.units[-1].place.stop
        place = Place(last[:size], tuple(last[size:].tolist()))
        return place.q if not chart.diverging or at_infinity(chart, place) else None
    opening = Opening(chart)
    size = opening.outer.units[-1].place.stop
    return None if any(last[size:]) else opening.limit(last[:size])


def end_outputs(chart: Chart, descent: Descent) -> list[Exact]:
    """The outputs of the copies of each neuron at the end of a path with a region about it."""
    opening = Opening(chart)
    a = opening.outputs(descent.places[-1])
    return [a[[i for i, owner in enumerate(opening.owners) if owner == k]] for k in range(len(chart.copies))]


def holds_limit(chart: Chart, descent: Descent, box: Krawczyk) -> bool:
    """Whether the region of a path, at infinity, holds the box in which the critical point lies; decided exactly.

    Split with the shares with which the path ends; and whether the signs of the shares are the same in its last box.
    """
    opening = Opening(chart)
    size = opening.outer.units[-1].place.stop
    last, radii = descent.places[-1][:size], exact(descent.radii[-1])
    shares = opening.shares(last)
    if shares is None:
        return False
    split = opening.split(shares)
    away = abs(last - split @ box.center) + abs(split) @ exact(box.existence_radius)
    firm = opening.copied & (abs(last) <= radii)
    return bool(np.all(away <= radii) and not np.any(firm))


class _Loss(NamedTuple):
    """What is lost of ``F_qq`` to errors on a piece that was tried, relative to ``F_qq``; approximate.

    ``fixed``, because of the boxes' radii, and ``falling/16^depth``, because of the piece's length, ``depth`` how often
    it was halved. ``share`` is the sum; ``None``: nobody knows, because the loss was not seen to rise with ``ε²``.
    """

    share: float | None = None
    depth: int = 0
    fixed: float = 0.0
    falling: float = 0.0

    def then(self, share: float | None, depth: int) -> _Loss:
        """What is known when another piece was tried, beside it or a part of it."""
        if share is None:
            return _Loss()
        if not self.share:
            return _Loss(share, depth, 0.0, share * 16.0**depth)
        if depth == self.depth:
            change = share / self.share
            return _Loss(share, depth, self.fixed * change, self.falling * change)
        falling = max((self.share - share) / (16.0**-self.depth - 16.0**-depth), 0.0)
        return _Loss(share, depth, max(share - falling * 16.0**-depth, 0.0), falling)

    def least(self, share: float | None, depth: int) -> float:
        """What the shortest piece would lose, if every halving helped as the last ones, after which it is ``share``.

        On flat floors that is less than by 16: ``F_qq`` changes along a piece as much as it is.
        """
        if share is None or not self.share or depth == self.depth:
            return 0.0
        return float(share * (share / self.share) ** ((_DEEPEST - depth) / (depth - self.depth)))

    def halvings(self, depth: int) -> int:
        """How many more than ``depth`` a piece beside it is thought to need."""
        if not self.falling or self.fixed >= 1:
            return 0
        return max(round(log(self.falling / (1 - self.fixed), 16) + _MORE) - depth, 0)


class _Mark(NamedTuple):
    """A place beside the floor, and how far from it."""

    floor: Place
    offset: Exact

    @property
    def place(self) -> Place:
        return Place(self.floor.q + self.offset, self.floor.eps)


@dataclass(frozen=True)
class _Search:
    """Places on the floor between a network and the limit of its chart.

    Args:
        data: the problem, prepared for the kernels.
        limit: of the limit network of the open chart.
        chart: the open one.
        start: where the run stopped, its copies in diverging groups together.
        end: (P,) the limit network.
        ties: of copies; ``None`` without.
        outputs: (m,) of the run, which give the shares of copies in diverging groups.
        apart: how far these are from each other.
        arithmetic: of the proofs.
    """

    data: KernelData
    limit: SquareLoss
    chart: Chart
    start: Place
    end: Exact
    ties: Exact | None
    outputs: Exact
    apart: Fraction
    arithmetic: Enclosures

    def marks(self) -> list[_Mark] | None:
        """Places on the floor from the start to the limit; ``None`` where it is not found."""
        q, eps = self.start.q.astype(np.float64), np.array(self.start.eps, dtype=np.float64)
        if self.newton_step(q, eps) is None:
            return None
        x = np.abs(self.limit.problem.inputs.values)
        stretched = zip(self.stretched, self.small(q, eps), strict=True)
        reach = max(float((x @ np.abs(e * u.factor * q[u.place])).max()) for u, e in stretched)
        if not 0 < reach < np.inf:
            return None
        last = min(_LAST / reach, 1.0)
        shares = np.linspace(1.0, last, ceil((1.0 - last) * reach / _LONGEST) + 1) if last < 1 else np.array([1.0])
        marks = [self.first]
        for share in shares[1:]:
            floor = self.place(float(share), marks[-1].floor)
            if floor is None:
                return None
            marks.append(_Mark(floor, self.end * 0))
        return [*marks, _Mark(Place(self.end, (Fraction(0),) * len(eps)), self.end * 0)]

    def pieces(self) -> tuple[list[Place], Array] | None:
        """The places after the start, and the radii of the boxes about the pieces that lead there."""
        marks = self.marks()
        if marks is None:
            return None
        waiting = [(*ends, 0, _Loss()) for ends in pairwise(marks)][::-1]
        done: list[Place] = []
        radii, loss, work = np.full(len(self.end), _RADIUS), _Loss(), (self.limit, self.chart)
        while waiting:
            here, there, depth, whole = waiting.pop()
            halvings = loss.halvings(depth)
            if not halvings:
                curve, proved = piece(self.chart, here.place, there.place), None
                if curve is not None:
                    proved = margin(*work, curve, radii, self.arithmetic, self.ties, self.apart)
                share = None if proved is None else float(1 - proved)
                least = whole.least(share, depth)
                loss, whole = loss.then(share, depth), whole.then(share, depth)
                ahead = sum(2 ** loss.halvings(waits) for _, _, waits, _ in waiting)
                if least > 1 or ahead > _AHEAD:
                    return None
                if curve is not None and proved is not None and proved > 0 and leads(*work, curve, self.arithmetic):
                    done.append(there.place)
                    continue
                halvings = max(loss.halvings(depth), 1)
            for _ in range(halvings):
                depth += 1
                if len(done) + len(waiting) + 2 > _PIECES or depth > _DEEPEST:
                    return None
                floor = self.place(self.share(here.floor) / 2 + self.share(there.floor) / 2, here.floor)
                if floor is None:
                    return None
                middle = _Mark(floor, self.beside(floor, (here.offset + there.offset) / 2))
                waiting.append((middle, there, depth, _Loss()))
                there = middle
            waiting.append((here, there, depth, whole))
        return done, np.array([radii] * len(done))

    @cached_property
    def first(self) -> _Mark:
        """Where the run stopped; the floor is looked for from there, then from infinity on."""
        found = self.newton(1.0, self.start) or self.outward() or self.start
        return _Mark(Place(found.q, self.start.eps), self.start.q - found.q)

    def outward(self) -> Place | None:
        """The place on the floor with the ``ε`` of the start, followed from the limit."""
        here: Place | None = Place(self.end, tuple(e / 2**20 for e in self.start.eps))
        for share in np.linspace(0.0, 1.0, _OUTWARD + 1)[1:]:
            here = here and self.place(float(share), here)
        return here

    def beside(self, floor: Place, offset: Exact) -> Exact:
        """An offset with the same flat part, from which the loss cannot be made smaller in the steep directions."""
        if not np.any(offset):
            return offset
        eps = np.array(floor.eps, dtype=np.float64)
        q = (floor.q + offset).astype(np.float64)
        values, vectors = np.linalg.eigh(self.second(floor.q.astype(np.float64), eps)[0])
        steep = vectors[:, values > _FLAT * values[-1]]
        for _ in range(_NEWTON):
            hessian, gradient = self.second(q, eps)
            try:
                factor = np.linalg.cholesky(steep.T @ hessian @ steep)
            except np.linalg.LinAlgError:
                return offset
            step = self.kept @ steep @ np.linalg.solve(factor.T, np.linalg.solve(factor, steep.T @ gradient))
            q = self.moved(q, eps, step)
            if np.abs(step).max() < _SMALL:
                return np.asarray(exact(short(q)) - floor.q)
        return offset

    def share(self, place: Place) -> float:
        """Its ``ε``, relative to those of the start."""
        return float(place.eps[0] / self.start.eps[0])

    def place(self, share: float, above: Place, halvings: int = _HALVINGS) -> Place | None:
        """The place on the floor at a share of the first ``ε``; ``above`` is one near it."""
        found = self.newton(share, above)
        if found is not None or not halvings:
            return found
        between = self.place((share + self.share(above)) / 2, above, halvings - 1)
        return between and self.place(share, between, halvings - 1)

    def newton(self, share: float, above: Place) -> Place | None:
        """The same, with a first guess between ``above`` and the limit, or a step along the floor from ``above``."""
        eps, before = (self.smaller(k) for k in (share, self.share(above)))
        end, q = (v.astype(np.float64) for v in (self.end, above.q))
        step = self.newton_step(q, eps, before)
        guesses = [end + (share / self.share(above)) ** 2 * (q - end)] + ([] if step is None else [q - step])
        return next((found for guess in guesses if (found := self.descended(guess, eps)) is not None), None)

    def smaller(self, share: float) -> Array:
        """The free ``ε`` at a share of those of the start, in the same proportions everywhere: products are exact.

        Then the last of several that share a constant is a quotient of low degree (:func:`symmetry.series.added`).
        """
        digits, exponents = np.frexp(np.array(self.start.eps, dtype=np.float64))
        return np.asarray(np.ldexp(np.rint(digits * _STEPS) * np.rint(share * _STEPS), exponents - 2 * _BITS))

    def descended(self, q: Array, eps: Array) -> Place | None:
        """Where Newton's method leads from ``q`` for fixed free ``ε``; ``None`` where it does not converge.

        A step is halved as long as the Hessian is not positive definite where it leads.
        """
        step = self.newton_step(q, eps)
        for _ in range(_NEWTON):
            if step is None:
                return None
            size = np.abs(step).max()
            for share in _SHORTER:
                there = self.moved(q, eps, share * step)
                onward = self.newton_step(there, eps)
                if onward is not None:
                    break
            q, step = there, onward
            if size < _SMALL:
                return Place(exact(short(q)), tuple(exact(eps).tolist()))
        return None

    def moved(self, q: Array, eps: Array, step: Array) -> Array:
        """``q − step``, the ``u`` of the dependent group stretched to keep its incoming weights."""
        before, q = self.small(q, eps)[-1], q - step
        if self.chart.balanced:
            q[self.stretched[-1].place] *= before / self.small(q, eps)[-1]
        return q

    def newton_step(self, q: Array, eps: Array, before: Array | None = None) -> Array | None:
        """Newton's step for fixed free ``ε``; ``None`` where the Hessian is not positive definite.

        With the Hessian at other ``ε`` where these are given: from the floor there a step along it.
        """
        hessian, gradient = self.second(q, eps)
        if before is not None:
            hessian, _ = self.second(q, before)
        try:
            factor = np.linalg.cholesky(hessian)
        except np.linalg.LinAlgError:
            return None
        return np.asarray(self.kept @ np.linalg.solve(factor.T, np.linalg.solve(factor, gradient)))

    def second(self, q: Array, eps: Array) -> tuple[Array, Array]:
        """The Hessian and the gradient of the loss for fixed free ``ε``, by the changes that are kept."""
        theta, matrix = self.weights(q, eps)
        _, gradient, hessian = loss_gradient_hessian(self.data, theta[None], self.chart.width)
        matrix = matrix @ self.kept
        return np.asarray(matrix.T @ hessian[0] @ matrix), np.asarray(matrix.T @ gradient[0])

    @cached_property
    def kept(self) -> Array:
        """The changes of ``q`` that keep the shares of copies, as columns."""
        return np.eye(len(self.end)) if self.ties is None else self.ties.astype(np.float64)

    @cached_property
    def stretched(self) -> list[_Stretched]:
        """Of each diverging group ``u``, of a neuron near zero ``4ℓ``."""
        d, units = self.chart.dimension, self.chart.units[len(self.chart.ordinary) :]
        out = []
        for group, unit in zip(self.chart.diverging, units, strict=False):
            zero = group.kind == "zero"
            first = unit.place.start + (1 if zero else d)
            out.append(_Stretched(slice(first, first + d), 4 if zero else 1))
        return out

    def small(self, q: Array, eps: Array) -> list[float]:
        """``ε`` of all diverging groups."""
        if not self.chart.balanced:
            return list(eps.tolist())
        # the groups that share a constant are the last ones, and of these the dependent one
        others = eps[len(self.chart.diverging) - len(self.chart.balanced) :]
        return [*eps.tolist(), float(1 / (self.released @ q - np.sum(1 / others)))]

    @cached_property
    def released(self) -> Array:
        """``∂S/∂q``."""
        return np.asarray(released(self.chart).astype(np.float64))

    def weights(self, q: Array, eps: Array) -> tuple[Array, Array]:
        """The weights (P,), and their derivative (P, P') for fixed free ``ε``, of ``u`` where it is stretched."""
        chart, d = self.chart, self.chart.dimension
        n, m = chart.width, len(chart.ordinary)
        matrix, offset = np.zeros((n * (d + 1), len(q))), np.zeros(n * (d + 1))
        for k, (i,) in enumerate(chart.ordinary):
            matrix[i * d : (i + 1) * d, k * d : (k + 1) * d] = np.eye(d)
            matrix[n * d + i, m * d + k] = 1.0
        for k, (group, e) in enumerate(zip(chart.diverging, self.small(q, eps), strict=True)):
            u, zero = self.stretched[k], group.kind == "zero"
            rest = 1 / e - float(self.released @ q if group == chart.dependent else 0.0)
            for i, side, sign, part in self.members(group):
                rows, output = slice(i * d, (i + 1) * d), n * d + i
                matrix[rows, u.place] = sign * side * e * u.factor * np.eye(d)
                # a = 1/ε of a neuron near zero, else c/2 ± 1/(2ε); where ε is the dependent one, 1/ε = S − Σ 1/ε_g
                share = sign * part * (1.0 if zero else side / 2)
                offset[output] = share * rest
                if group == chart.dependent:
                    matrix[output] = share * self.released
                if not zero:
                    matrix[rows, u.place.start - d : u.place.start] = sign * np.eye(d)
                    matrix[output, u.place.stop] += sign * part * 0.5
        return matrix @ q + offset, matrix

    def members(self, group: Group) -> list[tuple[int, float, int, float]]:
        """Its neurons: on which side of the middle they are, their signs, and their shares of one output."""
        if not group.copied:
            return [
                (i, side, sign, 1.0) for i, side, sign in zip(group.members, (1.0, -1.0), group.signs, strict=False)
            ]
        copies = [group.members[k] for k in group.copied]
        a = self.outputs[copies]
        shares = (a / a.sum()).astype(np.float64)
        lone = [(i, -1.0, 1, 1.0) for i in group.members if i not in copies]
        return lone + [(i, 1.0, 1, float(share)) for i, share in zip(copies, shares, strict=True)]


@dataclass(frozen=True)
class _Stretched:
    """Where in ``q`` a group has what is multiplied by its ``ε``, and by which other number."""

    place: slice
    factor: int
