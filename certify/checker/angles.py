"""Square roots and angles of vectors of enclosures, from ``+ − ×``, reciprocals and upper bounds of roots.

**Root.** For a point ``m > 0`` let ``U ≥ √m``. Then ``√m = U − (U² − m)/(U + √m)`` lies between ``U − |U² − m|/U``
and ``U``. For ``|x − m| ≤ r``, ``x ≥ 0``: ``|√x − √m| ≤ r/√m ≤ rU/m``.

**Arc tangent** of ``0 ≤ u ≤ 1``: ``atan u = 2 atan(u/(1 + √(1 + u²)))``. After ``HALVINGS`` of these ``u <
2^−HALVINGS``, and ``atan u = u − u³/3 + u⁵/5 − …``; what is left of the alternating series is at most its first term
that is left out.

**Angle.** For ``s, c`` with ``s² + c² = 1``, ``s ≥ 0``: ``acos c = 2 atan(s/(1 + c))`` for ``c ≥ 0``, else ``π − 2
atan(s/(1 − c))``; ``π = 4 atan 1``.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

Vector = Any
"""A vector of one of the arithmetics; ``integers.py`` shows the operations."""

HALVINGS = 6


def root(x: Vector) -> Vector:
    """``√x``.

    Raises:
        ZeroDivisionError: a midpoint, or the root's upper bound, may be 0.
    """
    m = x.midpoints()
    u = m.root_tops()
    inverse = u.reciprocal()
    return u.widened((u * u - m) * inverse).widened(x.radii() * u * m.reciprocal())


def arc_tangent(u: Vector, bits: int) -> Vector:
    """``atan u`` for ``0 ≤ u ≤ 1``, to about so many bits."""
    for _ in range(HALVINGS):
        u = u * (root(u * u + 1) + 1).reciprocal()
    square, power = u * u, u
    terms = bits // (2 * HALVINGS) + 2
    total = u
    for j in range(1, terms):
        power = power * square
        total = total + power * _inverse(u, 2 * j + 1) * (-1 if j % 2 else 1)
    return total.widened(power * square) * 2**HALVINGS


def _inverse(like: Vector, n: int) -> Vector:
    """``1/n``, a scalar in the arithmetic of ``like``."""
    one = like[0]
    return (one - one + n).reciprocal()


def arc_cosine(c: Vector, s: Vector, arithmetic: Any) -> Vector:
    """The angles in ``(0, π)`` with these cosines and (positive) sines."""
    sharp = [low + high >= 0 for low, high in zip(c.lower(), c.upper(), strict=True)]
    sign = arithmetic.vector([Fraction(1 if acute else -1) for acute in sharp])
    half = arc_tangent(s * (c * sign + 1).reciprocal(), arithmetic.bits) * 2
    # acute: the angle; obtuse: what it lacks of π
    lacking = arithmetic.vector([Fraction(0 if acute else 1) for acute in sharp])
    return half * sign + lacking * pi(arithmetic)


def pi(arithmetic: Any) -> Vector:
    """``π``, a scalar."""
    return arc_tangent(arithmetic.vector([Fraction(1)]), arithmetic.bits) * 4


def select(v: Vector, indices: Sequence[int], arithmetic: Any) -> Vector:
    """The entries at ``indices``, in that order."""
    return arithmetic.stack([v[i] for i in indices])
