"""A saturated neuron: its incoming weights diverge, and on the inputs it becomes a step (docs/infinity.md, Theorem 26).

``w = ρn + ω`` with ``ρ → ∞``, ``n`` coprime integers, ``ω`` 0 in the first coordinate in which ``n`` is not, and ``δ``
the least positive ``|n·x_n|``. For the sigmoid

    a σ(w·x)  =  a (1{n·x > 0} + 1{n·x = 0} σ(ω·x)) + e^{−ρδ} φ + …,
    φ = −a e^{−ω·x} where n·x = δ,   a e^{ω·x} where n·x = −δ,   0 elsewhere.

On which side an input lies is decided exactly.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import gcd
from typing import Any

from .loss import Derivatives, Jet, Problem, Unit, Vector
from .reading import integer, need

_LARGEST = 10**17


@dataclass(frozen=True)
class Saturated:
    """The direction ``n``, and for each input whether ``n·x`` is 0, positive, ``δ``, ``−δ``: 1 where it is, else 0."""

    normal: tuple[int, ...]
    known: tuple[tuple[int, ...], ...]

    @property
    def name(self) -> str:
        return f"saturated[{':'.join(map(str, self.normal))}]"

    def unit(self, start: int) -> Unit:
        """The term of the limit network; ``ω``, but for what is 0, and ``a`` are the numbers from ``start`` on."""
        axis = next(k for k, entry in enumerate(self.normal) if entry)
        places = iter(range(start, start + len(self.normal)))
        line = [None if k == axis else next(places) for k in range(len(self.normal))]
        return Unit((line,), (next(places),), _step, 2, known=self.known)


def read_saturated(value: Any, where: str, problem: Problem) -> Saturated:
    """The direction of a saturated neuron of students on a problem's inputs."""
    need(isinstance(value, list) and len(value) == problem.dimension > 1, f"{where}: expected a direction")
    normal = tuple(integer(entry, where, -_LARGEST, _LARGEST) for entry in value)
    need(gcd(*normal) == 1, f"{where}: expected a direction of coprime integers")
    along = [_dot(normal, x) for x in zip(*problem.columns, strict=True)]
    away = [abs(v) for v in along if v]
    need(bool(away), f"{where}: no input lies off the hyperplane of a saturated neuron")
    gap = min(away)
    conditions = (
        [v == 0 for v in along],
        [v > 0 for v in along],
        [v == gap for v in along],
        [v == -gap for v in along],
    )
    return Saturated(normal, tuple(tuple(map(int, holds)) for holds in conditions))


def _dot(normal: Sequence[int], x: Sequence[Fraction]) -> Fraction:
    return sum((n * v for n, v in zip(normal, x, strict=True)), Fraction(0))


def _step(sigma: Jet, slots: list[Vector], number: Any) -> Derivatives:
    _, a, on, above, _, _ = slots
    first = [on * sigma[1] * a, on * sigma[0] + above]
    return first[1] * a, first, {(0, 0): on * sigma[2] * a, (1, 0): on * sigma[1]}


def correction(sigma: Jet, slots: list[Vector]) -> Vector:
    """``φ``, from ``e^−z = 1/σ − 1`` and ``e^z = 1/(1 − σ) − 1``; what is divided by is 1 where ``φ`` is 0."""
    _, a, _, _, before, behind = slots
    parts = [1 - before * (1 - sigma[0]), 1 - behind * sigma[0]]
    for part in parts:
        need(min(part.lower()) > 0, "witness.channel: e^{ω·x} of a saturated neuron is not bounded")
    low, high = (part.reciprocal() for part in parts)
    return (high - low) * a
