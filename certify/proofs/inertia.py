"""Certified inertia and smallest eigenvalue of a symmetric interval matrix.

*Inertia.* For any square ``V``: if every Gershgorin disc of ``Vᵀ[H]V`` avoids 0, then ``V`` is non-singular and, by
Sylvester's law, the signs of the discs are the inertia of every symmetric member of ``[H]``.

*Smallest eigenvalue.* ``λ_k(VᵀHV) = θ_k λ_k(H)`` with ``θ_k`` between the extreme eigenvalues of ``VᵀV``
(Ostrowski 1959), and ``λ_min(VᵀHV)`` is at least the lowest left end of the discs; each Rayleigh quotient is an
upper bound of ``λ_min(H)``.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np

from certify.arithmetic import Array, Enclosures, quiet
from certify.arithmetic.rounding import above, below, to_unit
from certify.proofs.proof import Failure, Proof, finite


@dataclass(frozen=True, eq=False)
class Inertia(Proof):
    """Numbers of positive and negative eigenvalues of every symmetric member of ``[H]``; none is zero.

    Args:
        positive: their number.
        negative: their number, the Morse index where ``[H]`` encloses a Hessian.
        congruence: (P, P) float64 ``V``, taken as exact, in short numbers.
        signs: the signs of the P discs.
    """

    theorem = "sylvester-gershgorin"

    positive: int
    negative: int
    congruence: Array
    signs: tuple[int, ...]


@quiet
def inertia(hessian: Any, arithmetic: Enclosures) -> Inertia | Failure:
    """Prove the inertia of every symmetric matrix in ``hessian`` (P, P).

    Returns:
        The proof, or the failure ``inertia`` with the number of discs that contain 0, or ``unbounded``.
    """
    approx = arithmetic.approx(hessian)
    if not np.isfinite(approx).all():
        return Failure("unbounded")
    values, vectors = np.linalg.eigh(approx)
    # columns scaled so that the congruence is near ±1: one small eigenvalue then has a small disc
    v = vectors / np.sqrt(np.maximum(np.abs(values), np.finfo(float).tiny))
    # any V will do: short numbers; with δ their rounding, an entry of δᵀHV is at most |δ| √λ_max
    if largest := float(np.abs(values).max()):
        v = to_unit(v, 2.0**-10 / (len(v) * np.sqrt(largest)))
    signs = _disc_signs(_congruent(hessian, v, arithmetic), arithmetic)
    if 0 in signs:
        return Failure("inertia", (("discs_with_zero", signs.count(0)), ("smallest_eigenvalue", float(values[0]))))
    return Inertia(signs.count(1), signs.count(-1), v + 0.0, signs)  # −0.0 becomes 0.0


def _congruent(hessian: Any, v: Array, arithmetic: Enclosures) -> Any:
    enclosed = arithmetic.array(v)
    return arithmetic.matmul(arithmetic.matmul(enclosed.T, hessian), enclosed)


def _disc_signs(matrix: Any, arithmetic: Enclosures) -> tuple[int, ...]:
    left, right = _discs(matrix, arithmetic)
    positive = [end is not None and end > 0 for end in arithmetic.lower(left)]
    if all(positive):
        return (1,) * len(positive)
    negative = [end is not None and end < 0 for end in arithmetic.upper(right)]
    return tuple(int(p) - int(n) for p, n in zip(positive, negative, strict=True))


def _discs(matrix: Any, arithmetic: Enclosures) -> tuple[Any, Any]:
    """Enclosures of the left and right ends of the Gershgorin discs."""
    size = len(matrix)
    diagonal = matrix[np.arange(size), np.arange(size)]
    off = arithmetic.array(1.0 - np.eye(size)) * abs(matrix)
    spread = off.sum(axis=1)
    return diagonal - spread, diagonal + spread


@quiet
def spectral_gap(hessian: Any, arithmetic: Enclosures) -> tuple[int, Fraction] | Failure:
    """How many eigenvalues are negative, and a positive lower bound of the magnitude of all of them.

    For every symmetric matrix in ``hessian`` (P, P), by the theorem for the smallest eigenvalue; or the failure
    ``inertia`` as of :func:`inertia`, or ``unbounded``.
    """
    approx = arithmetic.approx(hessian)
    if not np.isfinite(approx).all():
        return Failure("unbounded")
    values, vectors = np.linalg.eigh(approx)
    left, right = _discs(_congruent(hessian, vectors, arithmetic), arithmetic)
    low, high, spread = arithmetic.lower(left), arithmetic.upper(right), _off_orthogonal(vectors, arithmetic)
    if not finite(low, high) or not spread < 1:
        return Failure("unbounded")
    ends = [max(a, -b) for a, b in zip(low, high, strict=True)]
    if min(ends) <= 0:
        numbers = (("discs_with_zero", sum(end <= 0 for end in ends)), ("smallest_eigenvalue", float(values[0])))
        return Failure("inertia", numbers)
    return sum(b < 0 for b in high), below(min(ends) / (1 + Fraction(spread)))


def _off_orthogonal(vectors: Array, arithmetic: Enclosures) -> float:
    """An upper bound of ``‖VᵀV − I‖_∞``: the eigenvalues of ``VᵀV`` lie that near to 1."""
    enclosed = arithmetic.array(vectors)
    defect = arithmetic.matmul(enclosed.T, enclosed) - arithmetic.array(np.eye(len(vectors)))
    return float(arithmetic.magnitude(abs(defect).sum(axis=1)).max())


@quiet
def smallest_eigenvalue(hessian: Any, arithmetic: Enclosures) -> tuple[Fraction, Fraction] | Failure:
    """Exact bounds of ``λ_min`` over every symmetric matrix in ``hessian`` (P, P), or ``eigenvalue-bound``."""
    approx = arithmetic.approx(hessian)
    if not np.isfinite(approx).all():
        return Failure("eigenvalue-bound")
    vectors = np.linalg.eigh(approx)[1]
    low = arithmetic.lower(_discs(_congruent(hessian, vectors, arithmetic), arithmetic)[0])
    spread = _off_orthogonal(vectors, arithmetic)
    column = arithmetic.array(vectors[:, :1])
    quotient = arithmetic.matmul(column.T, arithmetic.matmul(hessian, column)).reshape(1) / arithmetic.matmul(
        column.T, column
    ).reshape(1)
    top = arithmetic.upper(quotient)
    if not finite(low, top) or not spread < 1:
        return Failure("eigenvalue-bound")
    lowest: Fraction = min(low)
    # λ(H) = λ(VᵀHV)/θ with θ in [1 − spread, 1 + spread]: take the θ that gives the smaller quotient
    theta = 1 + Fraction(spread) if lowest > 0 else 1 - Fraction(spread)
    return below(lowest / theta), above(top[0])
