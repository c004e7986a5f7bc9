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

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from certify.krawczyk import Krawczyk
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
    tight_a, tight_b = _Boxes.existence(proof_a, a.width), _Boxes.existence(proof_b, b.width)
    wide_a, wide_b = _Boxes.uniqueness(proof_a, a.width), _Boxes.uniqueness(proof_b, b.width)
    inside = (wide_b.containing(tight_a), wide_a.containing(tight_b))
    if any(perfect_matching(graph) is not None for graph in inside):
        return Comparison.SAME
    if perfect_matching(tight_a.meeting(tight_b)) is None:
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
    if proof is None or network.width != found.width:
        return None
    point = _by_neuron(network.theta(), network.width)
    return perfect_matching(_Boxes.uniqueness(proof, found.width).containing(_Boxes(point, point)))


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
    """A box, cut into one box per neuron.

    Args:
        lower: (m, d + 1) exact lower ends of ``(w_i, a_i)``.
        upper: (m, d + 1) exact upper ends.
    """

    lower: Exact
    upper: Exact

    @classmethod
    def existence(cls, proof: Krawczyk, width: int) -> _Boxes:
        return cls._about(proof.center, exact(proof.existence_radius), width)

    @classmethod
    def uniqueness(cls, proof: Krawczyk, width: int) -> _Boxes:
        return cls._about(proof.center, exact(proof.uniqueness_radius), width)

    @classmethod
    def _about(cls, center: Exact, radius: Exact, width: int) -> _Boxes:
        return cls(_by_neuron(center - radius, width), _by_neuron(center + radius, width))

    def containing(self, inner: _Boxes) -> Graph:
        """(m, m): whether box ``i`` of this one contains box ``j`` of ``inner``."""
        contains: Graph = (self.lower[:, None] <= inner.lower[None]) & (inner.upper[None] <= self.upper[:, None])
        return np.asarray(contains.all(axis=2))

    def meeting(self, other: _Boxes) -> Graph:
        """(m, m): whether box ``i`` of this one and box ``j`` of ``other`` have a point in common."""
        meets: Graph = (self.lower[:, None] <= other.upper[None]) & (other.lower[None] <= self.upper[:, None])
        return np.asarray(meets.all(axis=2))


def _by_neuron(theta: Exact, width: int) -> Exact:
    """``(w_1..w_m, a_1..a_m)`` as rows ``(w_i, a_i)``, (m, d + 1)."""
    w, a = np.split(theta, [len(theta) - width])
    return np.column_stack([w.reshape(width, -1), a])
