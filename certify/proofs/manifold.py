"""Critical sets inherited from a narrower network by splitting neurons (Fukumizu & Amari 2000; docs/infinity.md).

Let ``θ`` be a critical point, ``a_j ≠ 0``. Replace neuron j by k copies of ``w_j`` with outputs ``β_i a_j``,
``Σβ_i = 1``: the result is critical for every ``β``, a set of dimension ``k − 1``, and with

    B_j = (2/N) Σ_n r_n a_j σ''(w_j·x_n) x_n x_nᵀ,     n₊, n₋, n₀ = number of positive, negative, zero β_i,

    In(H_split) = In(H) + (n₊ − 1) In(B_j) + n₋ In(−B_j) + (0, 0, k − 1 + d n₀).

Splits of different neurons add up. Where ``n₀ = 0`` and no eigenvalue is negative the nullity is the dimension of the
critical set, so by Morse–Bott it consists of (non-strict) local minima. Where some ``β_i`` is 0 and ``B_j ≠ 0`` the
point is no local minimum: strict saddles of the same loss are as near as one likes.

*Mirrored* copies have ``−w_j`` and ``−β_i a_j``, which is the same plus the constant ``−β_i a_j``: they are copies in a
network with a free constant ``K``. Where nothing else makes ``K``, the shares are *tied*, ``−Σ_j a_j x_j = K`` with
``x_j`` the mirrored shares' sum: one condition, one dimension and one zero eigenvalue less.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np

from certify.arithmetic import Enclosures, quiet
from certify.proofs.inertia import Inertia, inertia
from certify.proofs.proof import Failure, Proof
from symmetry.network import Exact


@dataclass(frozen=True, eq=False)
class Split(Proof):
    """Neuron ``neuron`` of the reduced network stands for several copies; ``In(B)`` is proved.

    Args:
        neuron: its index in the reduced network.
        positive: number of copies with ``β > 0``, mirrored ones included.
        negative: number of copies with ``β < 0``.
        zero: number of copies with ``β = 0``.
        mirrored: of the mirrored copies, the numbers with ``β > 0``, ``β < 0``, ``β = 0``.
        curvature_positive: number of positive eigenvalues of ``B``.
        curvature_negative: number of negative eigenvalues of ``B``; none is zero.
    """

    theorem = "split"

    neuron: int
    positive: int
    negative: int
    zero: int
    mirrored: tuple[int, ...]
    curvature_positive: int
    curvature_negative: int

    @property
    def added_negative(self) -> int:
        """Negative eigenvalues that the split adds to the Hessian's."""
        return (self.positive - 1) * self.curvature_negative + self.negative * self.curvature_positive

    @property
    def dimension(self) -> int:
        """Dimension of the set of splits."""
        return self.positive + self.negative + self.zero - 1

    @property
    def added_zero(self) -> int:
        """Zero eigenvalues that the split adds to the Hessian's: more than the dimension where shares are zero."""
        return self.dimension + self.zero * (self.curvature_positive + self.curvature_negative)

    @property
    def signs(self) -> tuple[int, ...]:
        """Signs of the shares, mirrored copies last."""
        p, n, z = self.mirrored
        plain = (1,) * (self.positive - p) + (-1,) * (self.negative - n) + (0,) * (self.zero - z)
        return plain + (1,) * p + (-1,) * n + (0,) * z

    @property
    def reach(self) -> tuple[int | None, int | None]:
        """The open interval of what the mirrored shares can add up to, ``None`` for infinite; no share is zero.

        They and the others, which have the sum 1 less theirs, may have any sum if both signs occur among them, else one
        of their sign.
        """
        p, n, _ = self.mirrored
        low = 1 if p == self.positive else 0 if n == 0 else None
        high = 0 if p == 0 else 1 if n == self.negative else None
        return low, high


@dataclass(frozen=True, eq=False)
class Tie(Proof):
    """Mirrored copies whose shares have the given signs can make the constant ``K``.

    Args:
        slack: lower bounds, positive, of how far ``−K`` is inside the open interval of all ``Σ_j a_j x_j``: from its
            lower and its upper end, where these are finite.
    """

    theorem = "tie"

    slack: Exact


@quiet
def split(
    neuron: int,
    signs: tuple[int, ...],
    output: Any,
    curvature: Any,
    scale: Fraction,
    arithmetic: Enclosures,
    *,
    flipped: int = 0,
) -> Split | Failure:
    """Prove the inertia of ``B_j`` over a box.

    Args:
        neuron: j.
        signs: of the coefficients ``β_i``.
        output: ``a_j`` over the box, (1,).
        curvature: ``Σ_n r_n a_j σ'' x xᵀ`` over the box, (d, d).
        scale: ``2/N``.
        arithmetic: of both.
        flipped: how many of the signs, the last ones, belong to mirrored copies.
    """
    low, high = arithmetic.lower(output)[0], arithmetic.upper(output)[0]
    if low is None or high is None or low <= 0 <= high:
        return Failure("output-may-vanish")
    found = inertia(curvature * arithmetic.number(scale), arithmetic)
    if not isinstance(found, Inertia):
        approx = arithmetic.approx(curvature)
        if not np.isfinite(approx).all():
            return Failure("unbounded")
        values = np.linalg.eigvalsh(approx) * float(scale)
        return Failure("singular-split", (("smallest_curvature", float(np.abs(values).min())),))
    turned = signs[len(signs) - flipped :]
    return Split(
        neuron=neuron,
        positive=signs.count(1),
        negative=signs.count(-1),
        zero=signs.count(0),
        mirrored=(turned.count(1), turned.count(-1), turned.count(0)),
        curvature_positive=found.positive,
        curvature_negative=found.negative,
    )


@quiet
def tie(splits: Sequence[Split], outputs: Any, constant: Any, arithmetic: Enclosures) -> Tie | Failure:
    """Prove that shares with the signs of the splits can make ``K``, over a box.

    Args:
        splits: of all groups of copies, no share 0; some are mirrored.
        outputs: ``a_j`` of these neurons over the box, none of them 0.
        constant: ``K`` over the box, (1,).
        arithmetic: of both.
    """
    slack = []
    for side in (-1, 1):
        # side · (K + Σ a_j x_j) at that end of the x_j is to be positive
        end = constant + 0
        for proof in splits:
            if any(proof.mirrored):
                output = outputs[proof.neuron : proof.neuron + 1]
                ends = proof.reach if arithmetic.approx(output)[0] > 0 else proof.reach[::-1]
                x = ends[side > 0]
                if x is None:
                    break
                end = end + output * x
        else:
            low = arithmetic.lower(end * side)[0]
            if low is None or not low > 0:
                return Failure("untied", () if low is None else (("slack", float(low)),))
            slack.append(low)
    return Tie(np.array(slack, dtype=object))
