"""The inertia of a split point, from that of the narrow one; and where second order is silent.

Let ``θ`` be critical, ``a_j ≠ 0``. Neuron j becomes copies with ``w_i = s_i w_j``, ``a_i = s_i β_i a_j``, ``Σβ_i = 1``;
``n₊, n₋, n₀`` count the positive, negative and zero ``β_i``. With ``In(A)`` = (positive, negative, zero eigenvalues),

    B_j = (2/N) Σ_n r_n a_j σ''(w_j·x_n) x_n x_nᵀ
    In(H_wide) = In(H) + Σ_j [(n₊ − 1) In(B_j) + n₋ In(−B_j) + (0, 0, k_j − 1 + d n₀)] − (0, 0, 1 if mirrored)

the sum over the split neurons. ``H`` is the Hessian of the narrow network. *Mirrored*: some neuron has flipped and
unflipped copies, ``c ≠ 0``; then ``H`` is that of the narrow network with a free output bias, and the outputs obey one
condition more. Statements and proofs: docs/infinity.md, Theorems 2 and 4a; docs/symmetry.md, Theorem 4.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple


class Signature(NamedTuple):
    """The numbers of positive, negative and zero eigenvalues of a symmetric matrix.

    >>> Signature(2, 1, 0).times(2).plus(Signature(0, 0, 1))
    Signature(positive=4, negative=2, zero=1)
    """

    positive: int
    negative: int
    zero: int

    def plus(self, other: Signature) -> Signature:
        """Of the direct sum of the two."""
        return Signature(*(x + y for x, y in zip(self, other, strict=True)))

    def times(self, count: int) -> Signature:
        """Of ``count`` copies."""
        return Signature(*(count * x for x in self))

    @property
    def opposite(self) -> Signature:
        """Of minus the matrix."""
        return Signature(self.negative, self.positive, self.zero)

    @property
    def size(self) -> int:
        return sum(self)


@dataclass(frozen=True)
class Shares:
    """What a neuron is split into: how many ``β`` of each sign, and the inertia of its ``B``.

    Args:
        positive: ``n₊``, at least 1, since ``Σβ = 1``.
        negative: ``n₋``.
        zero: ``n₀``.
        curvature: ``In(B)``, (d, d).

    Raises:
        ValueError: no positive share, or a negative number of them.
    """

    positive: int
    negative: int
    zero: int
    curvature: Signature

    def __post_init__(self) -> None:
        if self.positive < 1 or self.negative < 0 or self.zero < 0:
            counts = (self.positive, self.negative, self.zero)
            raise ValueError(f"shares are {counts}, expected numbers ≥ 0 and at least one positive: their sum is 1")

    @property
    def copies(self) -> int:
        """``k``."""
        return self.positive + self.negative + self.zero

    @property
    def added(self) -> Signature:
        """``(n₊ − 1) In(B) + n₋ In(−B) + (0, 0, (k − 1) + d n₀)``."""
        bent = self.curvature.times(self.positive - 1).plus(self.curvature.opposite.times(self.negative))
        return bent.plus(Signature(0, 0, self.copies - 1 + self.curvature.size * self.zero))


def split_inertia(narrow: Signature, splits: Sequence[Shares], *, mirrored: bool = False) -> Signature:
    """``In(H_wide)`` at a point of the split set.

    Args:
        narrow: ``In(H)``; for mirrored splits that of the Hessian in the weights and a free output bias.
        splits: one for each neuron that is split; ``a_j ≠ 0`` for each.
        mirrored: whether some neuron has both flipped and unflipped copies, and ``c ≠ 0``.

    Raises:
        ValueError: mirrored, and no neuron is split.
    """
    if mirrored and all(shares.copies == 1 for shares in splits):
        raise ValueError("no neuron has two copies, expected one with a flipped and an unflipped copy")
    total = narrow
    for shares in splits:
        total = total.plus(shares.added)
    return total.plus(Signature(0, 0, -int(mirrored)))


def split_dimension(splits: Sequence[Shares], *, mirrored: bool = False) -> int:
    """The dimension of the critical set: ``Σ(k_j − 1)``, one less if mirrored."""
    return sum(shares.copies - 1 for shares in splits) - int(mirrored)


class SecondOrder(StrEnum):
    """What the second derivatives at a split point say of it."""

    MINIMA = "minima"
    """Non-strict local minima: no negative eigenvalue, and the kernel is the tangent space of the critical set."""

    SADDLE = "saddle"
    """A strict saddle: a negative eigenvalue."""

    NO_MINIMUM = "no-minimum"
    """No negative eigenvalue, yet no local minimum: strict saddles of equal loss are as near as one likes."""

    SILENT = "silent"
    """Nothing: the kernel is larger than the critical set, and no negative eigenvalue."""


def second_order(narrow: Signature, splits: Sequence[Shares], *, mirrored: bool = False) -> SecondOrder:
    """What is proved of a split point by its inertia (docs/symmetry.md, Theorem 5).

    Silent are, without a negative eigenvalue: a singular ``H``; a singular ``B_j`` of a split neuron; and a zero share
    where ``B_j = 0`` or the split is mirrored, as the shares may then not be free to move.
    """
    found = split_inertia(narrow, splits, mirrored=mirrored)
    if found.negative:
        return SecondOrder.SADDLE
    if found.zero == split_dimension(splits, mirrored=mirrored):
        return SecondOrder.MINIMA
    if not mirrored and any(shares.zero and shares.curvature.zero < shares.curvature.size for shares in splits):
        return SecondOrder.NO_MINIMUM
    return SecondOrder.SILENT
