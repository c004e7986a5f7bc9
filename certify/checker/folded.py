"""The inputs of a problem in pairs ``x, −x``: the network on one of a pair tells that on the other.

With ``σ(−z) = κ − σ(z)``, ``f(−x; θ) = κ Σ_i a_i − f(x; θ)``, and along a curve ``θ(t)``, with ``f = Σ_j f_j t^j`` and
``κ Σ_i a_i = Σ_j A_j t^j``,

    f_j(−x) = A_j − f_j(x).

On a path (``path.py``) networks are evaluated on one input of each pair only. Inputs without a partner are allowed;
without such an identity none has one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

from .loss import Data, Problem, Vector


@dataclass(frozen=True)
class Folded:
    """Inputs and labels, folded.

    Args:
        data: one input of each pair, and those without a partner, with their labels.
        paired: 1 where ``−x_n`` is an input as well and left out in ``data``, else 0.
        other: the labels at ``−x_n``; 0 where ``paired`` is 0.
        reflection: ``κ``; 0 where there is none.
        count: how many inputs there are in all.
    """

    data: Data
    paired: Vector
    other: Vector
    reflection: Fraction
    count: int

    def residuals(self, outputs: Sequence[Vector], constants: Sequence[Fraction]) -> list[list[Vector]]:
        """``r_j`` on ``data``, and on the inputs left out, from ``f_j`` on ``data`` and ``A_j`` (0 beyond its end)."""
        own, *rest = outputs
        sides = [[own - self.data.y, *rest]]
        if self.count > len(self.data.y):
            numbers = [self.data.number(v) for v in (*constants, *[Fraction(0)] * (len(outputs) - len(constants)))]
            mirrored = [(-f + number) * self.paired for f, number in zip(outputs, numbers, strict=True)]
            sides.append([mirrored[0] - self.other, *mirrored[1:]])
        return sides

    def square(self, v: Vector) -> Vector:
        """``Σ v_n²`` over all inputs, for numbers ``v_n`` that are the same at ``x`` and ``−x``."""
        return v.dot(v) + (v * self.paired).dot(v)


def fold(problem: Problem, arithmetic: Any) -> Folded:
    """The inputs of a problem in pairs; of equal inputs, each has a partner of its own."""
    reflection = problem.activation.reflection
    rows = list(zip(*problem.columns, strict=True))
    waiting: dict[tuple[Fraction, ...], list[int]] = {}  # inputs kept, without a partner so far
    partner: dict[int, int | None] = {}
    for n, row in enumerate(rows):
        found = waiting.get(tuple(-v for v in row)) if reflection is not None else None
        if found:
            partner[found.pop()] = n
        else:
            partner[n] = None
            waiting.setdefault(row, []).append(n)
    kept = list(partner)
    taken = [n if other is None else other for n, other in partner.items()]
    paired = arithmetic.vector([Fraction(other is not None) for other in partner.values()])
    data, mirrored = (Data(_part(problem, chosen), arithmetic) for chosen in (kept, taken))
    return Folded(data, paired, mirrored.y * paired, reflection or Fraction(0), len(rows))


def _part(problem: Problem, chosen: Sequence[int]) -> Problem:
    """The problem on some of its inputs."""
    columns = tuple(tuple(column[n] for n in chosen) for column in problem.columns)
    labels = problem.labels and tuple(tuple(column[n] for n in chosen) for column in problem.labels)
    return replace(problem, columns=columns, labels=labels)
