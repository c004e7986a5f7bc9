"""Same or different: comparing certified objects modulo permutations of the neurons, exactly.

An isolated object has two boxes about its centre: the *existence* box holds its critical point, the *uniqueness* box
holds no other. For a permutation ``π`` of the neurons and objects ``A``, ``B``:

* *same*: for some ``π`` the existence box of one, permuted, lies in the uniqueness box of the other. Both critical
  points then lie where only one does;
* *different*: for no ``π`` do the existence boxes meet. (They lie in the uniqueness boxes, so this decides whenever
  "the existence box of one misses the uniqueness box of the other" does, and more often.)

Boxes are products over neurons, so ``π`` exists if and only if the bipartite graph "neuron ``j`` of one lies in (or
meets) the box of neuron ``i`` of the other" has a perfect matching: no search through ``m!`` permutations.

Plateaus and channels are compared in the coordinates of their charts: the units that a permutation moves are then what
groups of neurons become, copies with as many coefficients of each sign, and the chart's own flips count as permutations
do. Objects of different structure are not compared, unless one of them is finite and the other at infinity, or neurons
saturate in other directions.

Loss, Morse index and nullity do not change under permutations: disjoint enclosures of the loss, or different indices,
prove *different* at once. Strata of global minima are compared by their canonical names, which are the same for a whole
orbit. All comparisons are between exact numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from certify.arithmetic import Array
from certify.proofs.manifold import Split
from certify.proofs.verdict import CriticalObject
from symmetry.infinity.charts import Chart
from symmetry.network import Exact, Network, exact

Graph = NDArray[np.bool_]
Signs = tuple[int | None, ...]


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
    if _at_infinity(a) != _at_infinity(b) or _directions(a) != _directions(b):
        return Comparison.DIFFERENT
    if not _at_infinity(a) and None not in (a.nullity, b.nullity) and a.nullity != b.nullity:
        return Comparison.DIFFERENT
    proof_a, proof_b = a.box, b.box
    if proof_a is None or proof_b is None or _structure(a) != _structure(b):
        return Comparison.UNDECIDED
    tight_a, tight_b = (_Boxes.about(o, p.center, p.existence_radius) for o, p in ((a, proof_a), (b, proof_b)))
    wide_a, wide_b = (_Boxes.about(o, p.center, p.uniqueness_radius)[0] for o, p in ((a, proof_a), (b, proof_b)))
    inside = [wide_b.containing(box) for box in tight_a] + [wide_a.containing(box) for box in tight_b]
    if any(perfect_matching(graph) is not None for graph in inside):
        return Comparison.SAME
    if all(perfect_matching(tight_b[0].meeting(box)) is None for box in tight_a):
        return Comparison.DIFFERENT
    return Comparison.UNDECIDED


def _at_infinity(found: CriticalObject) -> bool:
    return found.chart is not None and bool(found.chart.diverging)


def _directions(found: CriticalObject) -> list[tuple[int, ...]]:
    """Of the incoming weights that diverge: those of networks that approach the object tend to the same."""
    return sorted(group.normal for group in found.chart.saturated) if found.chart is not None else []


def _structure(found: CriticalObject) -> tuple[object, ...]:
    """What has to agree for two objects to be compared: the chart and, at each split, the signs of the coefficients."""
    if found.chart is None:
        return ()
    # copies may be read the other way round: the smallest reading stands for both
    return found.chart.name, *min(
        sorted(kinds(found.chart, _signs(found), flip.turned)) for flip in found.chart.flips()
    )


def _kinds(found: CriticalObject) -> tuple[str, ...]:
    if found.chart is None:
        biased = found.network is not None and found.network.a.shape[-1] > found.width
        return ("neuron",) * found.width + ("bias",) * biased
    return kinds(found.chart, _signs(found))


def _signs(found: CriticalObject) -> list[Signs]:
    return [p.signs for p in sorted((p for p in found.proofs if isinstance(p, Split)), key=lambda p: p.neuron)]


def kinds(chart: Chart, signs: Sequence[Signs], turned: Collection[int] = ()) -> tuple[str, ...]:
    """The kinds of a chart's units; those of copies with the signs of their coefficients ``β``, mirrored ones apart.

    Args:
        chart: the structure.
        signs: for each group of copies, those of its members in order.
        turned: groups of copies that are read the other way round, ``−w`` for ``w``.
    """
    counts = []
    for k, (group, coefficients) in enumerate(zip(chart.copies, signs, strict=True)):
        cut = len(coefficients) - group.flipped
        halves = [coefficients[:cut], coefficients[cut:]]
        counts.append(":" + "|".join(_count(half) for half in (halves[::-1] if k in turned else halves)))
    counts += [""] * (len(chart.units) - len(counts))
    return tuple(unit.kind + count for unit, count in zip(chart.units, counts, strict=True))


def _count(signs: Signs) -> str:
    return "".join(f"{signs.count(sign)}{name}" for sign, name in ((1, "+"), (-1, "-"), (0, "0"), (None, "?")))


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
    point = _by_neuron(network.theta(), network.width, network.dimension, network.outputs)
    wide = _Boxes.about(found, proof.center, proof.uniqueness_radius)[0]
    matched = perfect_matching(wide.containing(_Boxes(_kinds(found), point, point)))
    return None if matched is None else matched[: network.width]


def holds(found: CriticalObject, chart: Chart, signs: Sequence[Signs], q: Exact) -> bool:
    """Whether a point of a chart lies in an object's uniqueness box, up to permutation and the chart's flips.

    Args:
        found: the object.
        chart: of the point; another structure than the object's holds nothing.
        signs: for each group of copies, those of its coefficients ``β``.
        q: (P',) exact.
    """
    return alignment(found, chart, signs, q) is not None


def alignment(
    found: CriticalObject, chart: Chart, signs: Sequence[Signs], q: Exact
) -> tuple[int, tuple[int, ...]] | None:
    """How :func:`holds` is true: the flip, by its place in ``Chart.flips``, and the permutation after it.

    Returns:
        ``k, π``: with ``T`` the flip ``k``, unit ``i`` of the object is unit ``π[i]`` of ``Tq``. ``None`` where there
        are none.
    """
    proof = found.box
    if proof is None or found.chart is None or found.chart.name != chart.name or found.width != chart.width:
        return None
    wide = _Boxes.about(found, proof.center, proof.uniqueness_radius)[0]
    for k, point in enumerate(_Boxes.images(chart, signs, q, q - q)):
        permutation = perfect_matching(wide.containing(point))
        if permutation is not None:
            return k, permutation
    return None


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
    def about(cls, found: CriticalObject, center: Exact, radius: Array) -> list[_Boxes]:
        """The box ``center ± radius`` and, in a chart, its images under the chart's flips."""
        reach = exact(radius)
        if found.chart is not None:
            return cls.images(found.chart, _signs(found), center, reach)
        assert found.network is not None
        shape = (found.width, found.network.dimension, found.network.outputs)
        low, high = (_by_neuron(v, *shape) for v in (center - reach, center + reach))
        return [cls(_kinds(found), low, high)]

    @classmethod
    def images(cls, chart: Chart, signs: Sequence[Signs], center: Exact, radius: Exact) -> list[_Boxes]:
        """A box in a chart's coordinates and the least boxes that hold its images under the chart's flips."""
        out = []
        for matrix, turned in chart.flips():
            middle, reach = matrix @ center, abs(matrix) @ radius
            low, high = chart.by_unit(middle - reach), chart.by_unit(middle + reach)
            places = [unit.place for unit in chart.units]
            out.append(cls(kinds(chart, signs, turned), [low[p] for p in places], [high[p] for p in places]))
        return out

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


def _by_neuron(theta: Exact, width: int, dimension: int, outputs: int) -> list[Exact]:
    """``(w_1..w_m, a_1..a_m)`` as ``(w_i, a_i)``, (d + k,) each; last, if there is one, the output bias, (k,)."""
    w, a = np.split(theta, [width * dimension])
    a, c = np.split(a.reshape(outputs, -1), [width], axis=1)
    return [*np.column_stack([w.reshape(width, -1), a.T]), *([c.ravel()] if c.size else [])]
