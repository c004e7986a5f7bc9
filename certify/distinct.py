"""Same or different: comparing certified objects modulo permutations of the neurons, exactly.

An isolated object has two boxes about its centre: the *existence* box holds its critical point, the *uniqueness* box
holds no other. For a permutation ``π`` of the neurons and objects ``A``, ``B``:

* *same*: for some ``π`` the existence box of one, permuted, lies in the uniqueness box of the other. Both critical
  points then lie where only one does;
* *different*: for no ``π`` do the existence boxes meet. (They lie in the uniqueness boxes, so this decides whenever
  "the existence box of one misses the uniqueness box of the other" does, and more often.)

Boxes are products over neurons, so ``π`` exists if and only if the bipartite graph "neuron ``j`` of one lies in (or
meets) the box of neuron ``i`` of the other" has a perfect matching: no search through ``m!`` permutations.

Loss and Morse index do not change under permutations: disjoint enclosures of the loss, or different indices, prove
*different* at once. Strata of global minima are compared by their canonical names, which are the same for a whole
orbit. All comparisons are between exact numbers.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from certify.krawczyk import Krawczyk
from certify.manifold import Split
from certify.verdict import CriticalObject
from symmetry.network import Exact, Network, exact

Graph = NDArray[np.bool_]


class Comparison(StrEnum):
    """What is proved of two objects. ``UNDECIDED`` says nothing about them."""

    SAME = "same"
    DIFFERENT = "different"
    UNDECIDED = "undecided"


def compare(a: CriticalObject, b: CriticalObject) -> Comparison:
    """Whether two objects of one problem are the same modulo permutations of the neurons.

    Objects of different widths are different objects.
    """
    if a.width != b.width:
        return Comparison.DIFFERENT
    if a.stratum and b.stratum:
        return Comparison.SAME if a.stratum == b.stratum else Comparison.DIFFERENT
    if a.loss[1] < b.loss[0] or b.loss[1] < a.loss[0]:
        return Comparison.DIFFERENT
    if a.morse_index is not None and b.morse_index is not None and a.morse_index != b.morse_index:
        return Comparison.DIFFERENT
    proof_a, proof_b = a.box, b.box
    if proof_a is None or proof_b is None:
        return Comparison.UNDECIDED
    tight_a, tight_b = _Boxes.existence(a, proof_a), _Boxes.existence(b, proof_b)
    wide_a, wide_b = _Boxes.uniqueness(a, proof_a), _Boxes.uniqueness(b, proof_b)
    if sorted(tight_a.kinds) != sorted(tight_b.kinds):
        return Comparison.UNDECIDED  # coordinates of different charts are not compared
    inside = (wide_b.containing(tight_a), wide_a.containing(tight_b))
    if any(perfect_matching(graph) is not None for graph in inside):
        return Comparison.SAME
    if a.chart is None and perfect_matching(tight_a.meeting(tight_b)) is None:
        return Comparison.DIFFERENT
    return Comparison.UNDECIDED


def match(network: Network, found: CriticalObject) -> tuple[int, ...] | None:
    """A permutation that moves an exact network into the uniqueness box of an object.

    Returns:
        ``π`` such that ``network.permuted(π)`` lies in the box: neuron ``i`` of the object is neuron ``π[i]`` of the
        network. ``None`` if there is no such permutation, or if the object has no uniqueness box (a stratum); it does
        not say that the network is far from the object.
    """
    proof = found.box
    if proof is None or found.chart is not None or network.width != found.width:
        return None
    point = _by_neuron(network.theta(), network.width)
    return perfect_matching(
        _Boxes.uniqueness(found, proof).containing(_Boxes(("neuron",) * len(point), list(point), list(point)))
    )


def holds(found: CriticalObject, center: Exact) -> bool:
    """Whether a point in the coordinates of the object's chart (P',) lies in its uniqueness box, up to permutation.

    The chart of the point must have the object's structure.
    """
    proof = found.box
    if proof is None:
        return False
    point = _Boxes._about(found, center, center - center)
    return perfect_matching(_Boxes.uniqueness(found, proof).containing(point)) is not None


def perfect_matching(graph: Graph) -> tuple[int, ...] | None:
    """A partner ``π[i]`` for every row ``i`` of an (m, m) graph, each column used once; ``None`` if there is none.

    Augmenting paths: where a row finds none, it stays alone in some largest matching (Berge 1957), so no matching is
    perfect.

    >>> perfect_matching(np.array([[True, True], [True, False]]))
    (1, 0)
    >>> perfect_matching(np.array([[True, False], [True, False]])) is None
    True
    """
    row_of: dict[int, int] = {}

    def augment(row: int, visited: set[int]) -> bool:
        for column in np.flatnonzero(graph[row]).tolist():
            if column not in visited:
                visited.add(column)
                if column not in row_of or augment(row_of[column], visited):
                    row_of[column] = row
                    return True
        return False

    if not all(augment(row, set()) for row in range(len(graph))):
        return None
    return tuple(sorted(row_of, key=row_of.__getitem__))


@dataclass(frozen=True)
class _Boxes:
    """A box, cut into one box per unit: a neuron, or what a group of neurons becomes in a chart.

    Args:
        kinds: of the units; a permutation moves a unit only onto one of its kind.
        lower: for each unit, the exact lower ends of its coordinates.
        upper: likewise, the upper ends.
    """

    kinds: tuple[str, ...]
    lower: list[Exact]
    upper: list[Exact]

    @classmethod
    def existence(cls, found: CriticalObject, proof: Krawczyk) -> _Boxes:
        return cls._about(found, proof.center, exact(proof.existence_radius))

    @classmethod
    def uniqueness(cls, found: CriticalObject, proof: Krawczyk) -> _Boxes:
        return cls._about(found, proof.center, exact(proof.uniqueness_radius))

    @classmethod
    def _about(cls, found: CriticalObject, center: Exact, radius: Exact) -> _Boxes:
        low, high = center - radius, center + radius
        if found.chart is None:
            return cls(
                ("neuron",) * found.width, list(_by_neuron(low, found.width)), list(_by_neuron(high, found.width))
            )
        units = found.chart.units
        low, high = found.chart.by_unit(low), found.chart.by_unit(high)
        # copies are the same only if as many of them have outputs of either sign
        splits = {p.neuron: f" {p.positive}+ {p.negative}-" for p in found.proofs if isinstance(p, Split)}
        kinds = tuple(u.kind + splits.get(i, "") for i, u in enumerate(units))
        return cls(kinds, [low[u.place] for u in units], [high[u.place] for u in units])

    def containing(self, inner: _Boxes) -> Graph:
        """(m, m): whether box ``i`` of this one contains box ``j`` of ``inner``."""
        return self._graph(
            inner, lambda i, j: np.all(self.lower[i] <= inner.lower[j]) and np.all(inner.upper[j] <= self.upper[i])
        )

    def meeting(self, other: _Boxes) -> Graph:
        """(m, m): whether box ``i`` of this one and box ``j`` of ``other`` have a point in common."""
        return self._graph(
            other, lambda i, j: np.all(self.lower[i] <= other.upper[j]) and np.all(other.lower[j] <= self.upper[i])
        )

    def _graph(self, other: _Boxes, related: Callable[[int, int], Any]) -> Graph:
        size = len(self.kinds)
        graph: Graph = np.zeros((size, size), dtype=bool)
        for i, j in np.ndindex(size, size):
            graph[i, j] = self.kinds[i] == other.kinds[j] and bool(related(i, j))
        return graph


def _by_neuron(theta: Exact, width: int) -> Exact:
    """``(w_1..w_m, a_1..a_m)`` as rows ``(w_i, a_i)``, (m, d + 1)."""
    w, a = np.split(theta, [len(theta) - width])
    return np.column_stack([w.reshape(width, -1), a])
