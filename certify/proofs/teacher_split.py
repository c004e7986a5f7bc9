"""Global minima under Gaussian inputs: each teacher neuron is the sum of the students parallel to it.

If ``w_i = α_i v_t(i)`` with ``α_i > 0`` and ``Σ_{t(i) = j} α_i = 1`` for every ``j``, then ``Σ_i max(0, w_i·x) = Σ_j
max(0, v_j·x)``, and the loss is exactly 0. Where the ``v_j`` are linearly independent there are no other zeros near,
and the family has dimension ``n − k`` (docs/gaussian-relu.md, Theorem 8). For ``n = k``: ``W`` is a permutation of
the teacher's neurons.

The loss is not proved to be smooth there, as neurons are parallel: the claim is exact, and made first.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from certify.proofs.newton_ball import square
from certify.proofs.proof import Proof
from symmetry.network import Exact

TOLERANCE = Fraction(1, 10**10)
"""A candidate belongs to a family within ``TOLERANCE·(1 + ‖W‖)`` of an exact point of it."""

_PLACES = 40


@dataclass(frozen=True, eq=False)
class TeacherSplit(Proof):
    """The exact students ``w`` add up to the teacher's neurons, so the loss is exactly 0.

    Args:
        w: (n, d) exact.
        teacher: for each student the number, from 0, of the teacher neuron it is a part of.
    """

    theorem = "teacher-split"

    w: Exact
    teacher: tuple[int, ...]

    @property
    def name(self) -> str:
        """Of the family, whatever the order of students and teacher: ``split 2,1,1``."""
        sizes = np.unique(self.teacher, return_counts=True)[1]
        return "split " + ",".join(map(str, sorted(sizes.tolist(), reverse=True)))


def nearest_split(teacher: Exact, w: Exact) -> TeacherSplit | None:
    """An exact point of the family that ``w`` (n, d) may be near; ``None`` if there is none of this kind.

    Args:
        teacher: (k, d) exact.
        w: (n, d) exact.
    """
    v, rows = teacher.astype(np.float64), w.astype(np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        cosines = (rows @ v.T) / np.linalg.norm(rows, axis=1)[:, None] / np.linalg.norm(v, axis=1)
    if not np.isfinite(cosines).all():
        return None
    owners = cosines.argmax(axis=1)
    shares = [
        Fraction(round(2**_PLACES * float(w_i @ v[j] / (v[j] @ v[j]))), 2**_PLACES)
        for w_i, j in zip(rows, owners, strict=True)
    ]
    point = np.empty(w.shape, dtype=object)
    for j in range(len(teacher)):
        parts = np.flatnonzero(owners == j)
        if not len(parts):
            return None
        largest = max(parts, key=lambda i: shares[i])
        shares[largest] = 1 - sum((shares[i] for i in parts if i != largest), Fraction(0))
        for i in parts:
            if shares[i] <= 0:
                return None
            point[i] = shares[i] * teacher[j]
    return TeacherSplit(point, tuple(owners.tolist()))


def is_within(split: TeacherSplit, w: Exact) -> bool:
    """Whether ``w`` (n, d) is within :data:`TOLERANCE` of the exact point; decided exactly."""
    # √D ≤ t(1 + √N)  ⇔  q ≤ 2√N with q = D/t² − 1 − N
    norm = square(w.ravel())
    q = square((w - split.w).ravel()) / TOLERANCE**2 - 1 - norm
    return q <= 0 or q * q <= 4 * norm
