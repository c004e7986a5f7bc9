"""Downhill all the way: a polyline from a saved point to a certified object, along which the loss provably falls.

Piece by piece, the residuals are expanded in the one variable ``t`` of the piece (:mod:`symmetry.lines`); where all
bounds of ``d/dt L`` are negative the loss falls strictly from one vertex to the next. How the path ends:

* in the uniqueness box of a minimum: the loss is strictly convex there, so it falls on along the straight line to the
  minimum itself;
* at an exact zero of the loss, along a line, or a curve ``θ_0 + t v_1 + t² v_2``, on which the loss rises from 0
  (docs/paths.md).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from certify.arithmetic import Enclosures, ladder, quiet
from certify.proof import Failure, Proof
from symmetry.arithmetic import Float64
from symmetry.closing import separation
from symmetry.lines import slopes
from symmetry.network import Exact, Network
from symmetry.objective import SquareLoss

_HALVINGS = 3
_BITS = 106
"""Paths are not worth more."""


@dataclass(frozen=True, eq=False)
class Descent(Proof):
    """The loss falls strictly from the saved point along straight lines from vertex to vertex, and on to the end.

    Args:
        vertices: (k, P) exact, the saved point, which comes first, left out; k may be 0.
        closing: 0: the last vertex lies in the uniqueness box of a minimum. 1 or 2: from the last vertex the loss
            falls to 0 along a straight or a bent curve to an exact zero; see :func:`prove_zero`.
    """

    theorem = "descent"

    vertices: Exact
    closing: int

    @property
    def last(self) -> Exact | None:
        """The last vertex; ``None`` where it is the saved point."""
        return self.vertices[-1] if len(self.vertices) else None


def prove_descent(
    objective: SquareLoss, vertices: Sequence[Exact], *, arithmetic: str, max_bits: int
) -> list[Exact] | Failure:
    """Prove that the loss falls strictly along a polyline.

    Args:
        objective: the loss.
        vertices: (P,) each, exact; the first is where it starts.
        arithmetic: as in :func:`certify.arithmetic.ladder`.
        max_bits: the last precision tried.

    Returns:
        the vertices after the first, some midpoints added so that each piece is proved in one expansion; or the failure
        ``rises`` with the number of the piece. It does not say that the loss rises there.
    """
    found: list[Exact] = []
    for number, (start, end) in enumerate(pairwise(vertices)):
        pieces = _fall(objective, start, end, arithmetic, max_bits, _HALVINGS)
        if pieces is None:
            return Failure("rises", (("piece", number),))
        found += pieces
    return found


def prove_zero(objective: SquareLoss, zero: Network, end: Exact, order: int, *, arithmetic: str, max_bits: int) -> bool:
    """Prove that the loss rises strictly from an exact zero to ``end`` along the curve of the given order.

    ``False`` does not say that it does not.

    Args:
        objective: the loss; ``zero`` has residuals exactly 0.
        zero: the zero.
        end: (P,) exact.
        order: 1: the straight line; 2: the curve of :func:`symmetry.closing.separation`.
        arithmetic: as in :func:`certify.arithmetic.ladder`.
        max_bits: the last precision tried.
    """
    first = zero.theta()
    curve = (end - first,) if order == 1 else separation(zero, Network.from_theta(end, zero.dimension))
    return any(_rises(objective, first, curve, order, a) for a in ladder(arithmetic, min(max_bits, _BITS)))


def _fall(
    objective: SquareLoss, start: Exact, end: Exact, arithmetic: str, max_bits: int, halvings: int
) -> list[Exact] | None:
    """Vertices after ``start`` up to ``end``, each piece proved; ``None`` where a piece is not."""
    middle, half = (start + end) / 2, (end - start) / 2
    approx = Float64()
    line = objective.along([middle.astype(np.float64), half.astype(np.float64)], approx)
    # what fails only by rounding needs more bits, what fails by the rest of the expansion a shorter piece
    clear = bool(np.all(slopes(line, approx) < 0))
    rungs = ladder(arithmetic, min(max_bits, _BITS)) if clear else ()
    if any(_falls(objective, middle, half, a) for a in rungs):
        return [end]
    if not halvings:
        return None
    first = _fall(objective, start, middle, arithmetic, max_bits, halvings - 1)
    second = first and _fall(objective, middle, end, arithmetic, max_bits, halvings - 1)
    return first + second if first and second else None


@quiet
def _falls(objective: SquareLoss, middle: Exact, half: Exact, a: Enclosures) -> bool:
    line = objective.along([a.array(middle), a.array(half)], a)
    return all(bound is not None and bound < 0 for bound in a.upper(slopes(line, a)))


@quiet
def _rises(objective: SquareLoss, first: Exact, curve: Sequence[Exact], order: int, a: Enclosures) -> bool:
    line = objective.along([a.array(v) for v in (first, *curve)], a)
    return all(bound is not None and bound > 0 for bound in a.lower(slopes(line, a, vanishing=order)))
