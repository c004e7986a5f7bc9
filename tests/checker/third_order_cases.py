"""Curves from zeros of the loss on which residuals vanish to third order, and such that break one condition of that.

Three copies of the teacher's neuron (2, 1) stand on a line, ``δ_i = p_i u``, with outputs ``α`` for which ``Σα = 1``,
``Σαp = Σαp² = 0``; or two, a flipped one, and a neuron with ``w = 0`` whose output takes the constant.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

from certify.proofs.proof import dyadic

PLAIN, FLIPPED = "path to a zero of third order", "path to a zero of third order, flipped"
"""Names of the lines; see ``further_cases.py``."""

Change = tuple[int, int, Fraction | int]
"""To which coefficient (0: to the zero), to which of its numbers, and what is added."""


@dataclass(frozen=True)
class Curve:
    """``θ_0, h_1, …, h_5``, flat, of ``width`` neurons with two inputs."""

    width: int
    parts: tuple[tuple[Fraction, ...], ...]
    octaves: int = 0

    @property
    def end(self) -> list[Fraction]:
        """At ``t = 1``."""
        return [sum(column, Fraction(0)) for column in zip(*self.parts, strict=True)]

    def changed(self, changes: Sequence[Change]) -> Curve:
        """The curve with other coefficients to the same end: ``h_5`` is what is left."""
        parts = [list(part) for part in self.parts]
        for k, i, more in changes:
            parts[k][i] += Fraction(more)
            parts[5][i] -= Fraction(more)
        return replace(self, parts=tuple(map(tuple, parts)))

    def witness(self) -> dict[str, Any]:
        """Candidate, point and path of a line of ``witnesses.jsonl``."""
        places = [list(map(dyadic, row)) for row in self.parts[1:5]]
        path = {"vertices": [], "closing": 4, "order": [], "places": places, "octaves": self.octaves}
        return {"candidate": self._network(self.end), "point": self._network(self.parts[0]), "path": path}

    def _network(self, theta: Sequence[Fraction]) -> dict[str, Any]:
        w = [[dyadic(v) for v in theta[2 * i : 2 * i + 2]] for i in range(self.width)]
        return {"w": w, "a": [dyadic(v) for v in theta[2 * self.width :]]}


def _curve(*rows: tuple[int, Sequence[float]], octaves: int = 0) -> Curve:
    """From the numbers of each coefficient, and the power of 2 by which they are divided."""
    parts = tuple(tuple(Fraction(v) / 2**power for v in row) for power, row in rows)
    return Curve(len(parts[0]) // 3, parts, octaves)


# p = (1, −1, 3), u = (1, −1/2)/16, α = (6, 3, −1)/8 + t (1, 0, −1)/4 + …; Σ α_1 δ_1 = −u/2 and Σ α_0 δ_2 = u/2 cancel,
# and those of order t³, nearly, by h_3. On the straight line, and on the curve of second order, there is a wall.
CURVES = {
    PLAIN: _curve(
        (3, [16, 8, 16, 8, 16, 8, 6, 3, -1]),
        (5, [2, -1, -2, 1, 6, -3, 8, 0, -8]),
        (6, [3, 0, -1, -1, -1, 5, 1, 1, -2]),
        (11, [-18, 30, -18, 30, -2, -2, -1, 0, 0]),
        (14, [0, -1, 1, 0, 2, 0, 1, 0, 1]),
        (15, [1, 0, 0, 2, 0, 1, 1, 1, 0]),
        octaves=2,
    ),
    FLIPPED: _curve(
        (3, [16, 8, 16, 8, -16, -8, 0, 0, 6, 3, 1, -2]),
        (5, [2, -1, -2, 1, -6, 3, 0, 0, 8, 0, 8, -16]),
        (6, [3, 0, -1, -1, 1, -5, 0, 0, 1, 1, 2, -4]),
        (11, [-18, 30, -18, 30, 2, 2, 0, 2, 1, 0, 0, 0]),
        (14, [0, -1, 1, 0, -2, 0, 1, -1, 1, 0, -1, 0]),
        (15, [1, 0, 0, 2, 0, -1, 0, 1, 1, 1, 0, 1]),
        octaves=2,
    ),
}

_STEP = Fraction(1, 2**15)

BROKEN: dict[str, tuple[str, list[Change]]] = {
    "the sum of outputs changes with t": (PLAIN, [(1, 6, 2), (2, 4, 1), (2, 5, Fraction(-1, 2))]),
    "the sum of outputs changes with t²": (PLAIN, [(2, 6, 1)]),
    "the first moment grows with t": (PLAIN, [(1, 2, 2**12), (1, 3, -(2**11))]),
    "the first moment grows with t²": (PLAIN, [(2, 0, 1)]),
    "copies that part in a plane": (PLAIN, [(1, 1, 2**5), (1, 3, -(2**6)), (2, 5, 2**6)]),
    "outputs with a second moment": (
        PLAIN,
        [(0, 6, 2**7), (0, 7, -(2**6)), (0, 8, -(2**6)), (1, 6, -(2**6)), (1, 7, 2**6)],
    ),
    "the constant grows with t": (FLIPPED, [(1, 11, 1)]),
    "the constant grows with t²": (FLIPPED, [(2, 11, 1)]),
    "a flipped copy releases a constant with t": (FLIPPED, [(1, 10, 1), (1, 8, 1), (2, 4, 1), (2, 5, Fraction(-1, 2))]),
    "a flipped copy releases a constant with t²": (FLIPPED, [(2, 10, 1), (2, 8, 1)]),
    "a flipped copy goes the other way": (FLIPPED, [(1, 4, 3 * 2**12), (1, 5, -3 * 2**11)]),
    "a neuron leaves 0 with t": (FLIPPED, [(1, 6, 2), (2, 6, -4)]),
    "a neuron leaves 0 with t²": (FLIPPED, [(2, 7, 1)]),
}
"""The curve, and how it is changed so that one condition no longer holds; in units of 2^−15."""


def without(name: str) -> Curve:
    """One of :data:`BROKEN`: to the same end as the valid curve."""
    of, changes = BROKEN[name]
    return CURVES[of].changed([(k, i, more * _STEP) for k, i, more in changes])


def broken(name: str) -> dict[str, Any]:
    """The line of one of :data:`BROKEN`; its candidate is that of the valid line."""
    return without(name).witness()
