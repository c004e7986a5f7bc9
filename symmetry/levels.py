"""All critical sets of a width that splitting induces from a narrower critical point, with multiplicities; levels.

A critical point of width ``r`` with distinct neurons, split into ``k_1 + … + k_r = m`` copies, gives affine sets of
critical points of dimension ``m − r``. With labelled neurons there are ``m!/(k_1!…k_r!)`` of each composition and
``G(r, m)`` in all. The hyperplanes ``β_i = 0`` cut a set into *chambers*, on which the inertia is constant: those of
sign pattern ``(n₋_1, …, n₋_r)`` are ``Π C(k_j, n₋_j)``, ``n₋_j < k_j``, in each set (docs/symmetry.md, section 5).

The *level* of an induced critical point is the teacher's width minus ``r``. It is a statement about a certified
induction: nothing here looks at a loss.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations, product

from symmetry.counting import G
from symmetry.splitting import SecondOrder, Shares, Signature, second_order, split_inertia


@dataclass(frozen=True)
class Source:
    """What is proved of a narrow critical point: distinct neurons, outputs that are not 0, and these inertias.

    Args:
        hessian: ``In(H)``.
        curvatures: ``In(B_j)`` of each neuron, r of them.
    """

    hessian: Signature
    curvatures: tuple[Signature, ...]

    @property
    def width(self) -> int:
        """``r``."""
        return len(self.curvatures)

    def level(self, teacher_width: int) -> int | None:
        """``r_teacher − r`` of what it induces; ``None`` unless it is narrower than the teacher."""
        return teacher_width - self.width if self.width < teacher_width else None


@dataclass(frozen=True)
class Chambers:
    """The induced critical points of one composition and one sign pattern.

    Args:
        copies: ``k_j``.
        negative: ``n₋_j``: how many of the copies of neuron j have ``β < 0``.
        sets: the number of labelled affine sets of this composition.
        chambers: the number of labelled chambers of this sign pattern in all of them.
        inertia: of the Hessian, at every point of the chambers.
        second_order: what follows from it.
    """

    copies: tuple[int, ...]
    negative: tuple[int, ...]
    sets: int
    chambers: int
    inertia: Signature
    second_order: SecondOrder

    @property
    def index(self) -> int:
        """The number of negative eigenvalues."""
        return self.inertia.negative

    @property
    def dimension(self) -> int:
        """Of the affine sets, ``m − r``."""
        return sum(self.copies) - len(self.copies)


def compositions(total: int, parts: int) -> Iterator[tuple[int, ...]]:
    """All ``(k_1, …, k_parts)`` with sum ``total``, ``k_j ≥ 1``, in lexicographic order.

    >>> list(compositions(4, 2))
    [(1, 3), (2, 2), (3, 1)]
    """
    for cuts in combinations(range(1, total), parts - 1):
        ends = (0, *cuts, total)
        yield tuple(ends[i + 1] - ends[i] for i in range(parts))


def induced(source: Source, width: int) -> list[Chambers]:
    """All chambers of width ``m`` that ``source`` induces, by composition and sign pattern.

    Raises:
        ValueError: a source without neurons, or a width that is not larger than its.
    """
    if not 1 <= source.width < width:
        raise ValueError(f"width is {width}, expected more than the {source.width} neurons of the narrow point")
    found = []
    for copies in compositions(width, source.width):
        sets = math.factorial(width) // math.prod(map(math.factorial, copies))
        for negative in product(*map(range, copies)):
            shares = [
                Shares(k - n, n, 0, curvature)
                for k, n, curvature in zip(copies, negative, source.curvatures, strict=True)
            ]
            patterns = math.prod(map(math.comb, copies, negative))
            inertia = split_inertia(source.hessian, shares)
            found.append(
                Chambers(copies, negative, sets, sets * patterns, inertia, second_order(source.hessian, shares))
            )
    return found


def sets_of(source: Source, width: int) -> int:
    """The number of labelled affine sets of width ``m``, ``G(r, m)``."""
    return G(source.width, width)


def by_index(chambers: Sequence[Chambers]) -> dict[int, int]:
    """The number of labelled chambers of each index."""
    counts: Counter[int] = Counter()
    for chamber in chambers:
        counts[chamber.index] += chamber.chambers
    return dict(sorted(counts.items()))


@dataclass(frozen=True)
class Link:
    """A width of a chain: which indices the split points have there, and whether some are minima.

    Args:
        width: ``m``.
        smallest_index: over all chambers.
        largest_index: over all chambers.
        minima: labelled chambers of non-strict minima.
    """

    width: int
    smallest_index: int
    largest_index: int
    minima: int


def chain(source: Source, width: int) -> list[Link]:
    """The chain ``r → r + 1 → … → m``: every split into ``m`` copies is reached by adding one copy at a time.

    Indices never fall along it (docs/symmetry.md, Corollary 6).
    """
    links = []
    for m in range(source.width + 1, width + 1):
        chambers = induced(source, m)
        indices = [chamber.index for chamber in chambers]
        minima = sum(c.chambers for c in chambers if c.second_order is SecondOrder.MINIMA)
        links.append(Link(m, min(indices), max(indices), minima))
    return links
