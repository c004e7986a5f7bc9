"""Curves of parameters: the last piece of a path to an exact global minimum, arcs, and parts of them.

At a zero ``θ_0`` where neurons coincide the residuals are of second order in the directions that separate them. A path
that comes in along ``θ_0 + t v_1 + t² v_2``, where ``v_1`` separates coinciding neurons and changes no residual to
first order, has residuals ``O(t²)`` and goes along the valley's floor (docs/paths.md, Proposition 5).
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from math import comb
from typing import Any

import numpy as np

from symmetry.network import Exact, Network


def separation(zero: Network, end: Network) -> tuple[Exact, Exact]:
    """``v_1, v_2`` with ``v_1 + v_2 = end − zero``, flat, and ``J v_1 = 0`` at ``zero``; exact.

    For neurons whose ``w`` at ``zero`` agree up to sign, ``δ_i`` the differences of incoming weights and ``a_i`` the
    outputs at ``zero``: ``v_1`` has ``δ_i − a_i μ``, ``μ = Σ a_i δ_i / Σ a_i²`` (0 if all ``a_i = 0``), so that
    ``Σ a_i v_1i = 0``, and nothing in the outputs; ``v_2`` has the rest.
    """
    groups: dict[tuple[Fraction, ...], list[int]] = {}
    for i, w in enumerate(zero.w):
        leading = next((x for x in w if x), Fraction(1))
        groups.setdefault(tuple(w if leading > 0 else -w), []).append(i)
    delta = end.w - zero.w
    second = np.zeros_like(delta) + Fraction(0)
    for members in groups.values():
        a = zero.a[members]
        square = (a * a).sum()
        if square:
            second[members] = a[:, None] * ((a @ delta[members]) / square)
    nothing = zero.a * 0
    return np.concatenate([(delta - second).ravel(), nothing]), np.concatenate([second.ravel(), end.a - zero.a])


def way_in(zero: Network, end: Network, bend: Exact | None = None) -> tuple[Exact, ...]:
    """The coefficients of ``t``, ``t²`` and, with a ``bend``, ``t³``, of a curve from ``zero`` to ``end``; exact.

    Args:
        zero: the zero.
        end: another network.
        bend: (P,) any ``v_2``; what is left of :func:`separation` is then ``v_3``.
    """
    first, second = separation(zero, end)
    return (first, second) if bend is None else (first, bend, second - bend)


def arc(start: Any, end: Any, bend: Any) -> list[Any]:
    """The coefficients of ``1, t, t²`` of the curve from ``start`` (``t = 0``) to ``end`` (``t = 1``); (P,) each."""
    return [start, end - start - bend, bend]


def stretch(curve: Sequence[Any], start: Fraction | float, end: Fraction | float) -> list[Any]:
    """The coefficients in ``s`` of the part of a curve from ``t = start`` (``s = −1``) to ``t = end`` (``s = 1``).

    Args:
        curve: (P,) each, the coefficients of ``1, t, t², …``, exact or float64, as the ends are.
        start: of ``t``.
        end: of ``t``.
    """
    middle, half = (start + end) / 2, (end - start) / 2
    # t^l = Σ_k binom(l, k) middle^(l−k) (half s)^k
    rows = [
        [v * (comb(k, i) * middle ** (k - i) * half**i) for k, v in enumerate(curve) if k >= i]
        for i in range(len(curve))
    ]
    return [sum(row[1:], row[0]) for row in rows]


def shrink(curve: Sequence[Any], end: Fraction | float) -> list[Any]:
    """The same from ``t = 0`` (``s = 0``) to ``t = end`` (``s = 1``)."""
    return [v * end**k for k, v in enumerate(curve)]
