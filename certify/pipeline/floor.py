"""Where the floor of a channel runs, and a proved region about it from the saved point to infinity.

All but the proofs is computed in floating point. For fixed ``ε`` the weights are linear in ``q``, so the gradient and
the Hessian of ``F`` in ``q`` are those of the finite network's loss, contracted. Newton's method on ``F_q = 0`` finds
the floor, guided by the limit network and the place before, between which it is nearly straight in ``ε²``. Pieces on
which the proof fails are halved.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from math import ceil

import numpy as np

from certify.arithmetic import Array, Enclosures, ladder
from certify.proofs.krawczyk import Krawczyk
from certify.proofs.path import Descent, first_place, leads
from certify.proofs.proof import Failure
from certify.proofs.valley import bowl
from sweep.descent import short
from symmetry.arithmetic import Float64
from symmetry.charts import Chart
from symmetry.network import Exact, Network, exact
from symmetry.objective import SquareLoss
from symmetry.problem import Problem
from symmetry.release import Place, piece
from symmetry.valley import covers

_LONGEST, _LAST = 0.3, 0.2
"""By how much ``ε u·x`` changes on a piece that is tried, and where the last one begins."""

_PIECES = 32
_NEWTON, _HALVINGS = 8, 4
_RADII = (2.0**-20, 2.0**-26)
"""Of the boxes about pieces; the smaller ones are for flat floors."""

_SMALL = 1e-9


def trace_valley(
    problem: Problem, chart: Chart, order: Sequence[int], end: Exact, theta: Array, *, arithmetic: str
) -> Descent | Failure:
    """A proved region that holds the saved point, and in it a path of falling loss to the limit.

    Args:
        problem: the problem.
        chart: in normal form.
        order: neuron ``i`` of the chart is neuron ``order[i]`` of the run.
        end: (P',) exact, the centre of the limit network's box.
        theta: (P,) the saved point.
        arithmetic: as in :func:`certify.arithmetic.ladder`.

    Returns:
        the proof, or the failure ``no-path``. It does not say that there is no such region.
    """
    if not covers(chart, problem.activation):
        return Failure("no-path")
    network = Network.from_theta(exact(theta), problem.dimension).permuted(order)
    _, start = first_place(chart, network)
    objectives = (SquareLoss.of_network(problem, chart.width), chart.objective(problem))
    search = _Search(*objectives, chart, start, end, next(ladder(arithmetic, 53)))
    found = next((found for size in _RADII if (found := search.pieces(size)) is not None), None)
    if found is None:
        return Failure("no-path")
    places, radii = found
    rows = np.empty((len(places), len(end) + len(start.eps)), dtype=object)
    for i, place in enumerate(places):
        rows[i] = [*place.q, *place.eps]
    return Descent(np.empty((0, 0), dtype=object), 3, order=tuple(order), places=rows, radii=radii)


def holds_limit(descent: Descent, box: Krawczyk) -> bool:
    """Whether the region of a path, at infinity, holds the box in which the critical point lies; decided exactly."""
    away = abs(descent.places[-1][: len(box.center)] - box.center) + exact(box.existence_radius)
    return bool(np.all(away <= exact(descent.radii[-1])))


@dataclass(frozen=True)
class _Search:
    """Places on the floor between a network and the limit of its chart."""

    objective: SquareLoss
    limit: SquareLoss
    chart: Chart
    start: Place
    end: Exact
    arithmetic: Enclosures

    def pieces(self, size: float) -> tuple[list[Place], Array] | None:
        """The places after the start, and the radii of the boxes about the pieces that lead there, all of one size."""
        eps = np.array(self.start.eps, dtype=np.float64)
        if self.newton_step(self.start.q.astype(np.float64), eps) is None:
            return None
        x = np.abs(self.limit.problem.inputs.values)
        reach = 0.0
        for unit, e in zip(self.chart.units[len(self.chart.ordinary) :], eps, strict=True):
            d = self.chart.dimension
            u = self.start.q[unit.place][d : 2 * d].astype(np.float64)
            reach = max(reach, float(np.abs(e * (x @ np.abs(u))).max()))
        last = min(_LAST / reach, 1.0)
        shares = np.linspace(1.0, last, ceil((1.0 - last) * reach / _LONGEST) + 1) if last < 1 else np.array([1.0])
        places = [self.start]
        for share in shares[1:]:
            there = self.place(float(share), places[-1])
            if there is None:
                return None
            places.append(there)
        limit = exact(short(self.end.astype(np.float64)))
        places.append(Place(limit, (Fraction(0),) * len(eps)))
        waiting = list(pairwise(places))[::-1]
        done: list[Place] = []
        radii = np.full(len(self.end), size)
        while waiting:
            here, there = waiting.pop()
            curve = piece(self.chart, here, there)
            work = (self.limit, self.chart)
            if curve and leads(*work, curve, self.arithmetic) and bowl(*work, curve, radii, self.arithmetic):
                done.append(there)
                continue
            if len(done) + len(waiting) + 2 > _PIECES:
                return None
            middle = self.place(self.share(here) / 2 + self.share(there) / 2, here)
            if middle is None:
                return None
            waiting += [(middle, there), (here, middle)]
        return done, np.array([radii] * len(done))

    def share(self, place: Place) -> float:
        """Its ``ε``, relative to those of the start."""
        return float(place.eps[0] / self.start.eps[0])

    def place(self, share: float, above: Place, halvings: int = _HALVINGS) -> Place | None:
        """The place on the floor at a share of the first ``ε``; ``above`` is one with larger ``ε``, near it."""
        found = self.newton(share, above)
        if found is not None or not halvings:
            return found
        between = self.place((share + self.share(above)) / 2, above, halvings - 1)
        return between and self.place(share, between, halvings - 1)

    def newton(self, share: float, above: Place) -> Place | None:
        """The same, with a first guess between ``above`` and the limit."""
        eps = short(share * np.array(self.start.eps, dtype=np.float64))
        part = (share / self.share(above)) ** 2
        end = self.end.astype(np.float64)
        q = end + part * (above.q.astype(np.float64) - end)
        for _ in range(_NEWTON):
            step = self.newton_step(q, eps)
            if step is None:
                return None
            q = q - step
            if np.abs(step).max() < _SMALL:
                return Place(exact(short(q)), tuple(exact(eps).tolist()))
        return None

    def newton_step(self, q: Array, eps: Array) -> Array | None:
        """``F_qq⁻¹ F_q``; ``None`` where ``F_qq`` is not positive definite."""
        matrix, offset = self.affine(eps)
        at = self.objective.evaluate(matrix @ q + offset, Float64(), 2)
        try:
            factor = np.linalg.cholesky(matrix.T @ at.hessian @ matrix)
        except np.linalg.LinAlgError:
            return None
        return np.asarray(np.linalg.solve(factor.T, np.linalg.solve(factor, matrix.T @ at.gradient)))

    def affine(self, eps: Array) -> tuple[Array, Array]:
        """The weights as a linear function of ``q``, for these ``ε``: matrix (P, P') and offset (P,)."""
        chart, d = self.chart, self.chart.dimension
        n, m = chart.width, len(chart.ordinary)
        matrix, offset = np.zeros((n * (d + 1), len(self.end))), np.zeros(n * (d + 1))
        for k, (i,) in enumerate(chart.ordinary):
            matrix[i * d : (i + 1) * d, k * d : (k + 1) * d] = np.eye(d)
            matrix[n * d + i, m * d + k] = 1.0
        for group, unit, e in zip(chart.pairs, chart.units[m:], eps, strict=True):
            w = unit.place.start
            for i, sign in zip(group.members, (1.0, -1.0), strict=True):
                rows = slice(i * d, (i + 1) * d)
                matrix[rows, w : w + d], matrix[rows, w + d : w + 2 * d] = np.eye(d), sign * e * np.eye(d)
                matrix[n * d + i, w + 2 * d], offset[n * d + i] = 0.5, sign / (2 * e)
        return matrix, offset
