"""How a path ends at an exact zero of the loss: curves from a zero to a vertex on which the loss rises; approximate.

Tried are the straight line, the curve on which residuals vanish to second order, and, more rarely because they cost
more than all the rest, that curve with a bend, and one on which residuals vanish to third order (docs/paths.md,
Proposition 5).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from certify.arithmetic import Array
from sweep.polishing.descent import Slope, short
from symmetry.arithmetic import Float64
from symmetry.lines import slopes
from symmetry.network import Exact, Network, exact
from symmetry.objective import SquareLoss
from symmetry.paths.closing import separation, shrink, stretch
from symmetry.paths.third_order import parting
from symmetry.strata import Stratum

_FLAT = 1e-6
"""Directions in which the residuals change by less than this, relatively, are left alone."""

_SHARES = (1.0, 0.3, 0.1)

_LOOKS = (1.0, 0.8, 0.6, 0.45, 0.3)
"""Where on a curve gradients are looked at before it is expanded."""

_BESIDE = 0.2
"""A free class this near to a teacher's neuron may be one with it."""

_OCTAVES = 4

_UNIT = 2.0**60
"""Coefficients of third and higher order are multiples of its reciprocal."""


@dataclass(frozen=True)
class Closing:
    """The last piece of a path to a zero; the arguments of :func:`certify.proofs.path.prove_zero`."""

    zero: Network
    closing: int
    octaves: int
    rows: tuple[Exact, ...] = ()


def closing(slope: Slope, stratum: Stratum, theta: Array, *, thorough: bool) -> Closing | None:
    """A curve from a zero near ``theta`` to it along which the loss rises; approximate.

    Args:
        slope: of the loss.
        stratum: of the zero.
        theta: (P,).
        thorough: whether curves with a bend and those of third order are tried.
    """
    end = Network.from_theta(exact(theta), len(stratum.target.w[0]))
    tried = (_from_zero(slope, zero, end, theta, thorough=thorough) for zero in zeros_near(stratum, end))
    return next((found for found in tried if found is not None), None)


def zeros_near(stratum: Stratum, end: Network) -> Iterator[Network]:
    """The nearest zero, and the nearest where free classes have the incoming weights of a teacher's neuron near them.

    Where a class of copies that cancel each other comes to a teacher's neuron, or its mirror image, they are one class.
    """
    nearest, w = stratum.nearest(end), end.w.copy()
    yield nearest
    for block in stratum.free:
        index = list(block.members)
        vector = block.signs[0] * nearest.w[index[0]].astype(np.float64)
        away = np.linalg.norm(np.concatenate([stratum.target.approx_w, -stratum.target.approx_w]) - vector, axis=1)
        if away.min() < _BESIDE:
            t, flipped = away.argmin() % len(stratum.target.w), away.argmin() >= len(stratum.target.w)
            row = exact(stratum.target.w[t]) * (-1 if flipped else 1)
            w[index] = np.array(block.signs)[:, None] * row
    if np.any(w != end.w):
        yield stratum.nearest(Network(w, end.a))


def _from_zero(slope: Slope, zero: Network, end: Network, theta: Array, *, thorough: bool) -> Closing | None:
    first = zero.theta().astype(np.float64)
    octaves = _octaves(slope, [first, theta - first], 1)
    if octaves is not None:
        return Closing(zero, 1, octaves)
    parts = [v.astype(np.float64) for v in separation(zero, end)]
    if not np.any(parts[0]):
        return None
    octaves = _octaves(slope, [first, *parts], 2)
    if octaves is not None:
        return Closing(zero, 2, octaves)
    if not thorough:
        return None
    for bend in _bends(slope.objective, first, parts[0], parts[1], theta):
        octaves = _octaves(slope, [first, parts[0], bend, parts[1] - bend], 2)
        if octaves is not None:
            return Closing(zero, 2, octaves, (exact(bend),))
    return _of_third_order(slope, zero, end)


def _of_third_order(slope: Slope, zero: Network, end: Network) -> Closing | None:
    """A curve of degree 5 whose residuals vanish to third order, and are least to third and fourth.

    ``v_3 = −J⁺ r_3``, ``v_4 = −J⁺ r_4``, and ``v_5`` is what is left.
    """
    parted = parting(zero, end)
    if parted is None:
        return None
    objective, approx = slope.objective, Float64()
    curve = [v.astype(np.float64) for v in (parted.zero.theta(), parted.first, parted.second)]
    jacobian = objective.outputs(curve[0], approx, 1)[0][0].jacobian @ parted.free
    for order in (3, 4):
        residual = objective.along(curve, approx).coefficients[order][:, 0]
        back = parted.free @ np.linalg.lstsq(jacobian, residual, rcond=_FLAT)[0]
        curve.append(-np.rint(back * _UNIT) / _UNIT)
    rest = end.theta().astype(np.float64) - sum(curve[1:], curve[0])
    octaves = _octaves(slope, [*curve, rest], 3)
    rows = (parted.first, parted.second, *map(exact, curve[3:]))
    return None if octaves is None else Closing(parted.zero, 4, octaves, rows)


def _bends(objective: SquareLoss, zero: Array, first: Array, second: Array, end: Array) -> Iterator[Array]:
    """``v_2`` that take back what separating neurons does to the residuals to second order, and a little more.

    ``J v_2 = −½ f''[v_1, v_1] + φ J v_3`` nearly; with ``φ`` such that the last part is of the size of the residuals at
    the end, the loss rises like ``t⁴`` from the start.
    """
    approx = Float64()
    jacobian = objective.outputs(zero, approx, 1)[0][0].jacobian
    bending = objective.along([zero, first], approx).coefficients[2]
    floor = -np.linalg.lstsq(jacobian, bending, rcond=_FLAT)[0][:, 0]
    residuals, change = objective.outputs(end, approx, 0)[1], jacobian @ (second - floor)
    size = float(np.linalg.norm(change))
    for share in _SHARES:
        ahead = min(share * float(np.linalg.norm(residuals)) / size, 1.0) if size else 0.0
        yield short(floor + ahead * (second - floor))


def _octaves(slope: Slope, curve: Sequence[Array], order: int) -> int | None:
    """How often to halve a curve from a zero along which the loss rises; ``None`` where it does not; approximate."""
    # gradients are cheap: most curves are seen to fall somewhere
    if not all(slope.gradient(_at(curve, t)) @ _at(curve, t, 1) > 0 for t in _LOOKS):
        return None
    approx = Float64()
    for octaves in range(_OCTAVES + 1):
        end = 0.5**octaves
        if np.all(slopes(slope.objective.along(shrink(curve, end), approx), approx, vanishing=order) > 0):
            return octaves
        if not np.all(slopes(slope.objective.along(stretch(curve, end, end / 2), approx), approx) < 0):
            return None
    return None


def _at(curve: Sequence[Array], t: float, derivative: int = 0) -> Array:
    """The point, or the velocity, of a polynomial curve."""
    parts = [v * (t**k if not derivative else k * t ** max(k - 1, 0)) for k, v in enumerate(curve)]
    return np.asarray(sum(parts[1:], parts[0]))
