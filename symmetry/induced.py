"""Matching networks to the critical sets that narrower critical points induce: the nearest, at an exact distance.

The splits of a network ``ψ`` of width r into m neurons are the strata of copies of ``Target.of_network(ψ)``. Floats
only propose which narrow network and which copies; what is returned is an exact point of the set and its exact
distance (docs/strata.md, section 9). That ``ψ`` is critical, and where exactly, is for a certificate to say.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from symmetry.matching import LOOSEST, StratumPoint, propose_point
from symmetry.network import Network
from symmetry.strata import Target

_BITS = 64


@dataclass(frozen=True)
class InducedPoint:
    """An exact point of the splits of a narrower network, proposed for a network.

    Args:
        source: which of the narrower networks.
        point: the point, its labels (which neuron is a copy of which) and its distance.
    """

    source: int
    point: StratumPoint

    @property
    def copies(self) -> tuple[int, ...]:
        """``k_1, …, k_r``: how many copies each neuron of the narrower network has."""
        return tuple(len(block.members) for block in self.point.stratum.blocks)

    def distance_bound(self, radius: Fraction) -> Fraction:
        """An upper bound of the distance to the splits, with the same copies, of any within ``radius`` of ``ψ``.

        ``dist(θ, splits of ψ') ≤ dist(θ, splits of ψ) + √(max k_t) ‖ψ' − ψ‖``; square roots are rounded up.

        Raises:
            ValueError: a negative radius.
        """
        if radius < 0:
            raise ValueError(f"radius is {radius}, expected a number ≥ 0")
        return _root_above(self.point.distance_squared) + _root_above(Fraction(max(self.copies))) * radius


def propose_induced_point(
    sources: Sequence[Target], network: Network, *, loosest: float = LOOSEST
) -> InducedPoint | None:
    """The exact point of the splits of one of ``sources`` that seems nearest to ``network``, or ``None``.

    A narrow network comes into question if each of its neurons is near one of ``network``'s, relatively to ``loosest``,
    in floats. ``None`` proves nothing; it is the answer for networks not wider than a source, too.

    Args:
        sources: narrower networks, each with distinct neurons and outputs that are not 0.
        network: (m, d) and (m,), exact.
        loosest: bound on the relative distances in a group of copies.
    """
    best: InducedPoint | None = None
    w = network.w.astype(np.float64)
    for index, source in enumerate(sources):
        if len(source.a) >= network.width or not _approx_covered(source, w, loosest):
            continue
        point = propose_point(source, network, loosest=loosest, copies_only=True)
        if point is not None and (best is None or point.distance_squared < best.point.distance_squared):
            best = InducedPoint(index, point)
    return best


def _approx_covered(source: Target, w: NDArray[np.float64], loosest: float) -> bool:
    """Whether each vector of ``source`` has one of the rows of ``w`` (m, d) nearby."""
    vectors = source.approx_w
    sizes = np.abs(vectors).max(axis=1)
    with np.errstate(over="ignore"):  # what overflows is far
        apart = np.abs(vectors[:, None] - w[None]).max(axis=2)
    return bool((apart.min(axis=1) <= 2 * loosest * sizes).all())


def _root_above(x: Fraction) -> Fraction:
    """A rational number ``≥ √x``, for ``x ≥ 0``, relatively within about ``2^−_BITS``: ``√(p/q) = √(pq)/q``."""
    product = (x.numerator * x.denominator) << (2 * _BITS)
    root = math.isqrt(product)
    return Fraction(root + (root * root < product), x.denominator << _BITS)
