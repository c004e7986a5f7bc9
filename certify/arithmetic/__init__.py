"""Rigorous arithmetics over which the formulas of :mod:`symmetry` become enclosures."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from symmetry.arithmetic import Arithmetic
from symmetry.network import Exact

Array = NDArray[np.float64]

quiet = np.errstate(over="ignore", divide="ignore", invalid="ignore")
"""Decorates the steps of a proof: overflow gives them an unbounded enclosure, which they see, not a warning."""


class Enclosures(Arithmetic, Protocol):
    """An arithmetic whose arrays are boxes: what the proof rooms compute in."""

    def ball(self, center: Any, radius: Any) -> Any:
        """The box ``center ± radius`` of exact numbers."""

    def lower(self, v: Any) -> Exact:
        """Exact lower ends, ``None`` where the enclosure is unbounded."""

    def upper(self, v: Any) -> Exact:
        """Exact upper ends, ``None`` where the enclosure is unbounded."""

    def magnitude(self, v: Any) -> Array:
        """Float64 upper bounds of ``|v|``, rounded outward (infinite where unbounded)."""

    def approx_inverse(self, v: Any) -> Array | None:
        """An approximate inverse, in float64, of the matrix of midpoints; ``None`` if there is none."""

    def approx(self, v: Any) -> Array:
        """Midpoints in float64, of no standing in a proof."""


def upper_product(matrix: Array, vector: Array) -> Array:
    """An upper bound of the product of a non-negative float64 matrix and vector.

    The relative error of an entry is at most ``γ_n``, that of the factor's product and of the sum ``2u``: twice that is
    allowed for, and ``2^−1000`` covers underflow.
    """
    bound: Array = (matrix @ vector) * (1 + (matrix.shape[1] + 4) * 2.0**-52) + 2.0**-1000
    return bound


def ladder(kind: str, max_bits: int, *, uniform: bool = False) -> Iterator[Enclosures]:
    """The arithmetics to try in turn: cheap ones first, then 106, 212, … bits up to ``max_bits``.

    Args:
        kind: ``"auto"`` (float64 midpoint–radius, then Arb) or ``"mpmath"`` (mpmath intervals throughout).
        max_bits: the last precision tried is the largest of 53, 106, 212, … not above it.
        uniform: whether to begin with one radius for each array, which mostly does for values at many inputs.

    Raises:
        ValueError: an unknown ``kind``.
    """
    if kind == "auto":
        from certify.arithmetic.arb import Arb
        from certify.arithmetic.midrad import Float64Enclosures
        from certify.arithmetic.uniform import UniformEnclosures

        if uniform:
            yield UniformEnclosures()
        yield Float64Enclosures()
        bits = 106
        while bits <= max_bits:
            yield Arb(bits)
            bits *= 2
    elif kind == "mpmath":
        from certify.arithmetic.interval import Interval

        bits = 53
        while bits <= max_bits:
            yield Interval(bits)
            bits *= 2
    else:
        raise ValueError(f"arithmetic is {kind!r}, expected 'auto' or 'mpmath'")
