"""The last digits before a zero-loss stratum, in coordinates relative to an exact point of it.

Where neurons coincide, residuals are quadratic in the distance ``t`` from the stratum, so float64 parameters stop at
``t ~ 1e-8``, where ``t²`` drowns in rounding. Written as ``θ = θ_0 + δ`` with ``θ_0`` exactly on the stratum, the
residual at ``θ_0`` is exactly 0 and that at ``δ`` is computed to a relative precision. Everything is approximate:
whether the result lies near the stratum is for exact arithmetic to say.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sweep.kernels.compiled import KernelData
from sweep.polishing.gauss_newton import Path, levenberg_marquardt
from sweep.polishing.local import LocalSystem
from sweep.polishing.polish import label_size
from symmetry.matching import StratumPoint, propose_stratum_point
from symmetry.network import Exact, Network, exact
from symmetry.problem import Problem
from symmetry.strata import NULL, Label, Stratum

Floats = NDArray[np.float64]

CLOSE = Fraction(1, 10**13)
"""The iteration ends at this distance from a stratum, relative to ``1 + ‖θ‖`` …"""

NEAR = Fraction(1, 10**10)
"""… or, where it gets no further, at this one: at zeros of high order rounding leaves no more."""

_MERGES = (Fraction(1, 100), Fraction(1, 10_000), Fraction(1, 1_000_000), Fraction(0))
"""Free vectors of a stratum are put onto others within these relative distances, one after the other."""

_ROUNDS = 4

_NOTHING = 1e-13
"""Residuals this small, relative to the labels, are nothing but rounding in float64 parameters."""

_CORRECTIONS, _FLAT = 4, 1e-13
"""Linear solves after a halving, and the directions, relatively, that they leave alone."""

_BITS = 256
"""Displacements are rounded to ``2^-256``: at ``t ~ 1e-16`` that is still ``eps`` times the sums of third order."""


@dataclass(frozen=True)
class Approached:
    """Where the iteration ended.

    Args:
        network: the end, exact: rational numbers, not float64, which are too coarse there.
        base: the point of the stratum nearest to it.
        moved: the length of the path, approximate.
        path_radius: the largest distance of a point of the path from its start, approximate.
        residual: the root mean square of the residuals at the end, approximate, to a relative precision.
        steps: accepted steps.
    """

    network: Network
    base: StratumPoint
    moved: float
    path_radius: float
    residual: float
    steps: int


def approach(problem: Problem, data: KernelData, theta: Any, *, max_steps: int = 120) -> Approached | None:
    """Follow Levenberg–Marquardt from ``theta`` (P,) to a zero of the loss on a stratum.

    The residual decreases strictly at every step, and nothing pulls towards the stratum but the residual itself; only
    where that is too small for float64 parameters are distances halved. When
    the iteration stops, ``θ_0`` is replaced by the nearest point of the nearest stratum, which restores the relative
    precision, and it goes on until the end lies within :data:`CLOSE` of a stratum, or no closer than :data:`NEAR`.
    Where strata meet, a stratum's free vector may be all but equal to another neuron; then the residual is small for
    two reasons, and ``θ_0`` is first taken where they are equal.

    Args:
        problem: the problem; its labels are exact.
        data: the same, prepared for the kernels.
        theta: (P,) the start, as exact as its entries are: float64, or ``Fraction`` objects.
        max_steps: bound on the number of steps.

    Returns:
        the end of the path, or ``None`` if no stratum is near, or the iteration stalls at a residual that does not
        vanish, as at a minimum of small but positive loss, or comes too slowly to a zero.
    """
    start = exact(theta)
    end, path, steps = start, Path(np.zeros(start.size)), 0
    for merge in _MERGES * _ROUNDS:
        network = Network.from_theta(end, problem.dimension)
        nearest = propose_stratum_point(problem, network)
        if nearest is None or nearest.certainly_within(CLOSE, network):
            break
        base = _merged(nearest, network, merge)
        if base is None:
            continue
        local, origin = LocalSystem(data, base), base.theta()
        offset = (origin - start).astype(np.float64)
        for xi in _descent(local, local.coordinates(end - origin), _NOTHING * label_size(data)):
            path.advance(offset + local.displacement(xi))
            steps += 1
            end = origin + _dyadic(local.displacement(exact(xi)))
            if steps >= max_steps or _is_close(nearest.stratum, Network.from_theta(end, problem.dimension)):
                break
        if steps >= max_steps:
            break
    network = Network.from_theta(end, problem.dimension)
    nearest = propose_stratum_point(problem, network)
    if nearest is None or not nearest.certainly_within(NEAR, network):
        return None
    local = LocalSystem(data, nearest.network)
    residual = local.residual(local.coordinates(nearest.displacement(network)))
    return Approached(network, nearest, path.moved, path.radius, float(np.linalg.norm(residual)), steps)


def _descent(local: LocalSystem, xi: Floats, nothing: float) -> Iterator[Floats]:
    """Levenberg–Marquardt, and before it halvings, where the residual is below ``nothing``, and copies are apart.

    Where moments are the larger part of ``ξ``, what is near may be a zero off the strata.
    """
    apart = np.linalg.norm(xi[~local.flat]) <= np.linalg.norm(xi[local.flat])
    if apart and np.linalg.norm(local.residual(xi)) <= nothing:
        for xi in _halvings(local, xi):  # noqa: B020
            yield xi
    for xi, _ in levenberg_marquardt(local, xi):  # noqa: B020
        yield xi


def _halvings(local: LocalSystem, xi: Floats) -> Iterator[Floats]:
    """Points with strictly decreasing residual, each with half the flat coordinates of the one before; approximate.

    Where copies of both signs meet, sums ``Σ a_i ω_i ω_iᵀ`` may cancel as well, and sums of third order: residuals are
    of fourth order in the distance from the stratum, and the floor of the valley that leads there is so curved that no
    damped step stays on it. Halved together, the ``ω_i`` leave the sums that cancel at 0, and the first moments, in
    which residuals are linear, are what makes them least.
    """
    moments = ~local.flat
    norm = float(np.linalg.norm(local.residual(xi)))
    while norm > 0:
        trial, best, best_norm = np.where(local.flat, xi / 2, 0.0), xi, np.inf
        for _ in range(_CORRECTIONS):
            r, jacobian = local.linearise(trial)
            found = float(np.linalg.norm(r))
            if found < best_norm:
                best, best_norm = trial.copy(), found
            columns = jacobian[:, moments]
            sizes = np.linalg.norm(columns, axis=0)
            sizes[sizes == 0] = 1.0
            trial[moments] -= np.linalg.lstsq(columns / sizes, r, rcond=_FLAT)[0] / sizes
        if not best_norm < norm:
            return
        xi, norm = best, best_norm
        yield xi


def _dyadic(displacement: Exact) -> Exact:
    """The displacement to ``_BITS`` bits: numbers that do not grow from step to step."""
    return exact([Fraction(round(x * 2**_BITS), 2**_BITS) for x in displacement])


def _is_close(stratum: Stratum, network: Network) -> bool:
    """Whether ``network`` lies within ``CLOSE`` of the stratum."""
    point = stratum.nearest(network)
    gap = network.theta() - point.theta()
    return StratumPoint(stratum, point, _square(gap)).certainly_within(CLOSE, network)


def _merged(point: StratumPoint, network: Network, tolerance: Fraction) -> Network | None:
    """The point nearest to ``network`` of the smaller stratum on which free vectors within a relative ``tolerance`` of
    another neuron, or of zero, have joined it; ``None`` if no vector has (unless the tolerance is 0), or if that
    stratum is empty."""
    stratum = point.stratum
    labels = list(stratum.labels)
    fixed: list[tuple[Exact, Label]] = [(exact(w), Label("C", t, 1)) for t, w in enumerate(stratum.target.w, start=1)]
    shortest = min(_square(w) for w, _ in fixed)
    for block in stratum.blocks:
        if block.kind == "C":
            continue
        v = point.network.w[block.members[0]]  # the first member of a free class has sign +1
        joined = NULL if _square(v) <= tolerance**2 * shortest else None
        for w, label in fixed:
            for sign in (1, -1):
                if _square(v - sign * w) <= tolerance**2 * _square(w):
                    joined = Label(label.kind, label.number, sign * label.sign)
        if joined is None:
            fixed.append((v, Label("D", block.number, 1)))
            continue
        for i, sign in zip(block.members, block.signs, strict=True):
            labels[i] = Label(joined.kind, joined.number, sign * joined.sign)
    if tolerance and labels == list(stratum.labels):
        return None
    smaller = Stratum(stratum.target, tuple(labels))
    return None if smaller.is_empty else smaller.nearest(network)


def _square(w: Exact) -> Fraction:
    return sum((x * x for x in w), Fraction(0))
